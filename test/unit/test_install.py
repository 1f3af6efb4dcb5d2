# SPDX-License-Identifier: Apache-2.0
"""What `meson install` puts where, into a DESTDIR: the programs run, the units are right, the example
configuration is one. Usage: test_install.py MESON BUILD-FOLDER FAKE-DATAPLANE"""
import configparser
import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

MESON, BUILD, FAKE = sys.argv[1:4]


def prefix():
    with open(os.path.join(BUILD, 'meson-info', 'intro-buildoptions.json'), encoding='utf-8') as file:
        return next(o['value'] for o in json.load(file) if o['name'] == 'prefix')


class Install(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.dest = tempfile.mkdtemp(prefix='weft-install-')
        subprocess.run([*shlex.split(MESON), 'install', '-C', BUILD, '--no-rebuild', '--quiet', '--destdir', cls.dest],
                       check=True, capture_output=True, timeout=120)

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.dest)

    def path(self, *parts):
        return os.path.join(self.dest + prefix(), *parts)

    def unit(self, name):
        parsed = configparser.ConfigParser(strict=False, interpolation=None)
        parsed.optionxform = str
        with open(self.path('lib/systemd/system', name), encoding='utf-8') as file:
            text = file.read()
        self.assertNotIn('@', text)
        parsed.read_string(text)
        return parsed

    def test_programs(self):
        for name in ('sbin/weft-dataplane', 'sbin/weft-agent', 'bin/weft'):
            said = subprocess.run([self.path(name), '--help'], capture_output=True, text=True,
                                  check=True, timeout=20)
            self.assertIn('usage:', said.stdout)
        installed = {os.path.relpath(os.path.join(folder, file), self.dest + prefix())
                     for folder, _, files in os.walk(self.dest) for file in files}
        self.assertEqual(installed, {
            'sbin/weft-dataplane', 'sbin/weft-agent', 'bin/weft', 'share/doc/weft/weft.yaml',
            'lib/systemd/system/weft-dataplane.service', 'lib/systemd/system/weft-agent.service'})

    def test_units(self):
        """Each is started again whenever it ends, names a program that was installed, and neither can
        pull the other down."""
        for name in ('weft-dataplane', 'weft-agent'):
            unit = self.unit(name + '.service')
            self.assertEqual(unit['Service']['Restart'], 'always')
            self.assertEqual(unit['Unit']['StartLimitIntervalSec'], '0')
            self.assertEqual(unit['Service']['RuntimeDirectoryPreserve'], 'yes')
            command = unit['Service']['ExecStart'].split()[0]
            self.assertTrue(os.access(self.dest + command, os.X_OK), command)
            for binding in ('Requires', 'Requisite', 'BindsTo', 'PartOf', 'Conflicts'):
                self.assertNotIn(binding, unit['Unit'])
        agent = self.unit('weft-agent.service')
        self.assertIn('weft-dataplane.service', agent['Unit']['After'].split())
        self.assertEqual(agent['Unit']['Wants'], 'weft-dataplane.service')
        self.assertTrue(os.access(self.dest + agent['Service']['ExecReload'].split()[0], os.X_OK))
        for what in ('ExecStart', 'ExecReload'):  # both by one socket
            self.assertIn(' --socket ${WEFT_AGENT_SOCKET} ', agent['Service'][what])
        self.assertNotIn('weft-agent', str(dict(self.unit('weft-dataplane.service')['Unit'])))

    @unittest.skipUnless(shutil.which('systemd-analyze'), 'needs systemd-analyze')
    def test_systemd_understands_the_units(self):
        with tempfile.TemporaryDirectory() as folder:
            units = []
            for name in ('weft-dataplane.service', 'weft-agent.service'):
                with open(self.path('lib/systemd/system', name), encoding='utf-8') as file:
                    text = file.read()
                units.append(os.path.join(folder, name))
                with open(units[-1], 'w', encoding='utf-8') as file:
                    file.write(text.replace('=' + prefix(), '=' + self.dest + prefix()))
            done = subprocess.run(['systemd-analyze', 'verify', '--man=no', *units],
                                  capture_output=True, text=True, check=False, timeout=60)
            ours = [line for line in done.stderr.splitlines() if 'weft' in line]
            self.assertEqual((done.returncode, ours), (0, []), done.stderr)

    def test_the_example_is_a_configuration(self):
        with tempfile.TemporaryDirectory() as folder:
            def at(name):
                return os.path.join(folder, name)
            fake = subprocess.Popen([FAKE, at('dp'), at('punt')])
            agent = subprocess.Popen(
                [self.path('sbin/weft-agent'), '--config', self.path('share/doc/weft/weft.yaml'),
                 '--socket', at('agent'), '--dataplane-socket', at('dp'), '--punt-socket', at('punt')],
                stderr=subprocess.DEVNULL)
            try:
                self.assertEqual(self.tenants(at('agent')), ['red', 'blue'])
            finally:
                for process in (agent, fake):
                    process.terminate()
                    process.wait(10)

    def tenants(self, agent):
        end = time.monotonic() + 10
        while True:
            done = subprocess.run([self.path('bin/weft'), '--socket', agent, '--json', 'show'],
                                  capture_output=True, text=True, check=False, timeout=10)
            shown = json.loads(done.stdout) if done.returncode == 0 else {'ready': False}
            if shown['ready']:
                return [t['name'] for t in shown['tenants']]
            self.assertLess(time.monotonic(), end, done)
            time.sleep(0.05)


if __name__ == '__main__':
    unittest.main(argv=sys.argv[:1], verbosity=2)

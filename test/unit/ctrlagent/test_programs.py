# SPDX-License-Identifier: Apache-2.0
"""weft-agent and weft as programs, against the fake data plane: exit statuses, what goes to which
stream, signals, metrics. Usage: test_programs.py WEFT-AGENT WEFT FAKE-DATAPLANE"""
import glob
import json
import os
import re
import resource
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.error
import urllib.request

AGENT, WEFT, FAKE = sys.argv[1:4]
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

CONFIG = '''
host: {name: h1, vtep: 172.31.255.1}
uplinks: [{name: up0, kind: 'null'}]
tenants:
  - name: red
    encap: vxlan
    vni: 5001
    vteps: [172.31.255.2]
    multicast: {snoop: true}
    switch: {dpid: '00000000000000ab', controllers: ['punix:%(dir)s/red.mgmt']}
    ports: [{name: vm1, number: 1, kind: 'null'}]
  - {name: blue}
'''


def free_port():
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


class Programs(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix='weft-programs-')
        self.dir = self.folder.name
        self.config = self.path('weft.yaml')
        self.write(CONFIG % {'dir': self.dir})
        self.port = free_port()
        self.fake = subprocess.Popen([FAKE, self.path('dp'), self.path('punt')])
        self.agent = self.start_agent()
        self.wait(lambda: self.json('show')['ready'])

    def tearDown(self):
        self.assertEqual(self.end(self.agent), 0, self.log())
        self.assertEqual(self.end(self.fake), 0)
        self.folder.cleanup()

    def end(self, process):
        process.terminate()
        return process.wait(10)

    @staticmethod
    def read(*path):
        with open(os.path.join(*path), encoding='utf-8') as file:
            return file.read()

    def path(self, name):
        return os.path.join(self.dir, name)

    def write(self, text):
        with open(self.config, 'w', encoding='utf-8') as file:
            file.write(text)

    def log(self):
        with open(self.path('log'), encoding='utf-8') as file:
            return file.read()

    def start_agent(self, descriptors=None):
        def limit():
            if descriptors:
                resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, descriptors))
        # What a sanitizer keeps of what was freed is not the agent's.
        env = {**os.environ, 'ASAN_OPTIONS': os.environ.get('ASAN_OPTIONS', '') + ':quarantine_size_mb=4'}
        with open(self.path('log'), 'a', encoding='utf-8') as log:
            return subprocess.Popen(
                [AGENT, '--config', self.config, '--socket', self.path('agent'),
                 '--dataplane-socket', self.path('dp'), '--punt-socket', self.path('punt'),
                 '--metrics', f'127.0.0.1:{self.port}'], stderr=log, preexec_fn=limit, env=env)

    def wait(self, condition):
        end = time.monotonic() + 10
        while True:
            try:
                if condition():
                    return
            except (AssertionError, TypeError, ValueError):
                pass
            self.assertLess(time.monotonic(), end, self.log())
            time.sleep(0.02)

    def resident(self):
        return int(self.read(f'/proc/{self.agent.pid}/statm').split()[1]) * resource.getpagesize()

    def is_idle(self):
        """The agent does nothing for so long."""
        def used():
            return self.read(f'/proc/{self.agent.pid}/stat').rsplit(')', 1)[1].split()[11:13]
        before = used()
        time.sleep(0.2)
        return used() == before

    def weft(self, *args, status=0):
        done = subprocess.run([WEFT, '--socket', self.path('agent'), *args], capture_output=True,
                              text=True, check=False, timeout=20)
        self.assertEqual(done.returncode, status, done)
        if status:
            self.assertEqual(done.stdout, '')
            self.assertTrue(done.stderr.startswith('weft: '), done.stderr)
        else:
            self.assertEqual(done.stderr, '')
        return done.stderr if status else done.stdout

    def json(self, *args):
        return json.loads(self.weft('--json', *args))

    def metrics(self):
        with urllib.request.urlopen(f'http://127.0.0.1:{self.port}/metrics', timeout=10) as answer:
            self.assertTrue(answer.headers['Content-Type'].startswith('text/plain'))
            return answer.read().decode()

    def test_lists(self):
        self.assertEqual([t['name'] for t in self.json('tenant', 'list')], ['blue', 'red'])
        self.assertEqual(self.json('tenant', 'show', 'red')[0]['network'], 5001)
        ports = [(p['tenant'], p['name'], p['number']) for p in self.json('port')]
        self.assertEqual(ports, [(None, 'up0', None), ('red', 'vm1', 1)])
        self.assertEqual(self.json('vtep', 'list', 'red'), [
            {'tenant': 'red', 'vtep': '172.31.255.2', 'kind': 'configured'}])
        way = self.json('underlay')[0]
        self.assertEqual((way['state'], way['why']), ('no-route', 'the source is not an address of this host'))
        self.assertIn('vtep 172.31.255.1 (not an address of this host), ready', self.weft('show'))
        switch = self.json('switch', 'show', 'red')[0]
        self.assertEqual(switch['dpid'], '00000000000000ab')
        self.assertEqual(switch['controllers'][0]['state'], 'listening')
        self.assertEqual(self.json('flow', 'list', 'red'), [])
        for noun in ('group', 'meter', 'table'):
            self.assertEqual(self.json(noun, 'list', 'red'), [])
        for words in (['show'], ['tenant'], ['switch'], ['port'], ['fdb'], ['drops'], ['version']):
            self.assertTrue(self.weft(*words).strip())

    def test_tables_are_aligned(self):
        lines = self.weft('tenant').splitlines()
        self.assertEqual(len(lines), 3)
        at = lines[0].index('ENCAP')
        self.assertEqual([line[at:at + 5] for line in lines], ['ENCAP', 'none ', 'vxlan'])

    def test_a_port_that_failed_is_shown(self):
        self.write((CONFIG % {'dir': self.dir}).replace(
            '{name: blue}', '{name: blue, ports: [{name: p, number: 3, kind: tap, device: absent}]}'))
        self.assertIn('blue/p: the device could not be opened', self.weft('apply', status=1))
        self.fake.send_signal(signal.SIGUSR1)
        self.assertEqual(self.end(self.agent), 0)
        self.agent = self.start_agent()
        self.wait(lambda: self.json('show')['ready'])
        for rows in (self.json('port', 'show', 'blue'), self.json('show')['ports'][2:]):
            self.assertEqual([(p['name'], p['state'], p['error']) for p in rows],
                             [('p', 'failed', 'the device could not be opened: fake')])
        self.assertIn('could not be opened', self.weft('port'))
        self.assertIn('could not be opened', self.weft('show'))
        self.assertIn('weft_port_up{tenant="blue",port="p"} 0', self.metrics().splitlines())
        self.assertEqual(self.log().count('port blue/p failed:'), 1)
        said = self.weft('apply').splitlines()
        self.assertEqual(said[0], 'nothing to change')
        self.assertTrue(said[1].startswith('! port blue/p: the device could not'))

    def add_rules(self, count):
        """By OpenFlow 1.3, each with its own cookie and no match."""
        def message(kind, body, xid):
            return struct.pack('!BBHI', 4, kind, 8 + len(body), xid) + body
        with socket.socket(socket.AF_UNIX) as switch:
            self.wait(lambda: os.path.exists(self.path('red.mgmt')))
            switch.connect(self.path('red.mgmt'))
            switch.sendall(message(0, b'', 1))
            for cookie in range(1, count + 1):
                body = struct.pack('!QQBBHHHIIIH2xHH4x', cookie, 0, 0, 0, 0, 0, cookie & 0xffff,
                                   0xffffffff, 0xffffffff, 0xffffffff, 0, 1, 4)
                switch.sendall(message(14, body, cookie))
            switch.sendall(message(20, b'', 7))  # barrier
            said = b''
            while message(21, b'', 7) not in said:
                said += switch.recv(65536)

    def test_a_long_list_waits_for_its_reader(self):
        count = 9000
        self.add_rules(count)
        cookies = [line.split(',')[0].strip() for line in self.weft('flow', 'list', 'red').splitlines()]
        self.assertEqual(sorted(cookies), sorted(f'cookie={n:#x}' for n in range(1, count + 1)))
        self.assertEqual(len(self.json('flow', 'list', 'red')), count)
        with socket.socket(socket.AF_UNIX) as slow, socket.socket(socket.AF_UNIX) as gone:
            for client in (slow, gone):
                client.connect(self.path('agent'))
                client.sendall(b'{"cmd": ["flow", "list", "red"]}\n')
                self.assertTrue(client.recv(10))
            gone.close()  # in the middle of it
            self.assertTrue(self.json('show')['ready'])  # the others are served
            # What the agent has not read of the dump yet cannot be read any more.
            self.assertEqual(self.end(self.fake), 0)
            self.wait(lambda: not self.json('show')['ready'])
            lines = list(self.until_status(slow))
        self.assertLess(len(lines), count)
        self.assertIn('data plane', lines[-1])  # is not connected, or was lost
        self.fake = subprocess.Popen([FAKE, self.path('dp'), self.path('punt')])
        self.wait(lambda: self.json('show')['ready'])

    def until_status(self, client):
        for line in client.makefile():
            yield line
            if '"status"' in line:
                return

    def test_long_answers_are_whole(self):
        """They are made by a thread, and told in pieces."""
        vteps = [f'10.{n // 200}.0.{1 + n % 200}' for n in range(3000)]
        self.write((CONFIG % {'dir': self.dir}).replace('[172.31.255.2]', str(vteps)))
        said = self.weft('apply')
        self.assertEqual(sum(said.count(f' {v}\n') for v in vteps), len(vteps), said[:300])
        self.assertEqual(self.weft('apply'), 'nothing to change\n')
        table = self.weft('vtep', 'list')
        self.assertEqual(sorted(line.split()[1] for line in table.splitlines()[1:]), sorted(vteps))
        self.assertEqual(sorted(v['vtep'] for v in self.json('vtep', 'list')), sorted(vteps))
        for _ in range(3):
            with socket.socket(socket.AF_UNIX) as gone:
                gone.connect(self.path('agent'))
                gone.sendall(b'{"cmd": ["vtep", "list"]}\n')
        self.assertTrue(self.json('show')['ready'])

    def test_it_ends_in_the_midst_of_answers(self):
        vteps = [f'10.{n // 200}.0.{1 + n % 200}' for n in range(4000)]
        self.write((CONFIG % {'dir': self.dir}).replace('[172.31.255.2]', str(vteps)))
        self.weft('apply')
        for wait in (0, 0.002, 0.01, 0.03):
            asking = [socket.socket(socket.AF_UNIX) for _ in range(4)]
            for s, words in zip(asking, ('"vtep", "list"', '"underlay"', '"show"', '"tenant", "list"')):
                s.connect(self.path('agent'))
                s.sendall(b'{"cmd": [%s]}\n' % words.encode())
            scraper = socket.create_connection(('127.0.0.1', self.port))
            scraper.sendall(b'GET /metrics HTTP/1.1\r\nHost: h\r\n\r\n')
            time.sleep(wait)
            self.assertEqual(self.end(self.agent), 0, self.log())
            for s in (*asking, scraper):
                s.close()
            self.agent = self.start_agent()
            self.wait(lambda: self.json('show')['ready'])

    def test_who_does_not_read_is_not_served_on(self):
        """His answers would all be the agent's to keep."""
        vteps = [f'10.{n // 200}.0.{1 + n % 200}' for n in range(2000)]
        self.write((CONFIG % {'dir': self.dir}).replace('[172.31.255.2]', str(vteps)))
        self.weft('apply')
        self.weft('vtep', 'list')
        before = self.resident()
        with socket.socket(socket.AF_UNIX) as slow:
            slow.connect(self.path('agent'))
            slow.settimeout(20)
            slow.sendall(200 * b'{"cmd": ["vtep", "list"]}\n')
            self.wait(lambda: self.is_idle() and self.is_idle())
            kept = self.resident() - before
            self.assertTrue(self.json('show')['ready'])
            with slow.makefile() as lines:
                ends, size = 0, 0
                while ends < 200:  # none is forgotten
                    line = next(lines)
                    size += len(line)
                    ends += line.startswith('{"status":0')
            self.assertLess(kept, size // 2)

    def test_empty_lists_say_so(self):
        for words, said in ((['flow', 'list', 'red'], 'no rules'), (['group', 'list', 'red'], 'no groups'),
                            (['meter', 'list', 'red'], 'no meters'), (['fdb'], 'no MAC addresses known'),
                            (['vtep', 'list', 'blue'], 'no remote VTEPs'), (['port', 'list', 'blue'], 'no ports')):
            self.assertEqual(self.weft(*words), said + '\n')
        self.assertIn('there are: red, blue', self.weft('flow', 'list', 'rde', status=1))

    def test_drops(self):
        drops = self.json('drops', '--check')
        self.assertTrue(drops['balanced'])
        self.assertEqual(drops['tenants'][0]['drops'], {'table-miss': 3})
        self.assertIn('table-miss', self.weft('drops'))

    def test_fdb(self):
        mac = '02:00:00:00:00:01'
        self.weft('fdb', 'add', 'red', mac, '--vtep', '172.31.255.2', '--vlan', '7')
        entry = self.json('fdb', 'list', 'red')[0]
        self.assertEqual((entry['mac'], entry['vlan'], entry['vtep'], entry['kind']),
                         (mac, 7, '172.31.255.2', 'static'))
        self.assertEqual(entry['from'], 'command')
        self.weft('fdb', 'add', 'red', mac, '--port=vm1', '--vlan=7')
        self.assertEqual(self.json('fdb', 'list', 'red')[0]['port'], 'vm1')
        self.assertEqual(self.weft('apply'), 'nothing to change\n')
        self.assertEqual(len(self.json('fdb', 'list', 'red')), 1)
        self.weft('fdb', 'del', 'red', mac, '--vlan', '7')
        self.assertIn('no such MAC address', self.weft('fdb', 'del', 'red', mac, status=1))
        self.assertEqual(self.json('fdb', 'list', 'red'), [])
        for wrong in ([mac], ['03:00:00:00:00:01', '--port', 'vm1'], [mac, '--port', 'vm9'],
                      [mac, '--vtep', 'x'], [mac, '--vtep', '172.31.255.99'], [mac, '--port', 'vm1', '--vlan', '4095']):
            self.weft('fdb', 'add', 'red', *wrong, status=1)

    def test_usage(self):
        self.assertIn('usage: weft', self.weft('--help'))
        self.assertIn('--dry-run', self.weft('apply', '--help'))
        self.assertIn('fdb add', self.weft('fdb', '--help'))
        for wrong in (['frobnicate'], ['help', 'frobnicate'], ['flow', 'list'], ['tenant', 'list', 'a', 'b'],
                      ['--frob'], ['show', '--dry-run'], ['flow', 'list', 'red', '--table'],
                      ['apply', '--dry-run=no'], ['show', '--json=no'], ['--help=no'],
                      ['fdb', 'del', 'red', '02:00:00:00:00:01', '--vlan', os.fsdecode(b'\xff')]):
            self.weft(*wrong, status=2)
        self.assertIn('usage: weft flow list TENANT', self.weft('flow', 'list', status=2))
        for wrong in (['tenant', 'list', 'nobody'], ['apply', '/no/such/file'],
                      ['flow', 'list', 'red', '--table', '255']):
            self.weft(*wrong, status=1)

    def test_a_wrong_word_is_told_the_right_ones(self):
        """A verb that was mistyped is taken for an operand: what the noun has stands there; and so do options."""
        def said(*words):
            done = subprocess.run([WEFT, *words], capture_output=True, text=True, check=False)
            self.assertEqual((done.returncode, done.stdout), (2, ''))
            return done.stderr
        self.assertIn('weft fdb stats', said('fdb', 'stat', 'red'))
        self.assertNotIn('weft fdb stats', said('fdb', 'del', 'red'))
        self.assertIn('--check', said('drops', 'red', '--chek'))
        self.assertIn("Try 'weft --help'", said('--chek', 'drops'))
        for mac in ('00:00:00:00:00:00', '01:00:5e:00:00:01'):
            self.assertIn('expected a unicast MAC address',
                          self.weft('fdb', 'add', 'red', mac, '--port', 'vm1', status=1))

    def test_its_own_version_asks_nobody(self):
        done = subprocess.run([WEFT, '--version'], capture_output=True, text=True, check=True)
        self.assertRegex(done.stdout, r'^weft \d+\.\d+')

    def test_a_list_that_could_not_be_written_is_a_failure(self):
        with open('/dev/full', 'w', encoding='utf-8') as full:
            done = subprocess.run([WEFT, '--socket', self.path('agent'), '--json', 'tenant'], stdout=full,
                                  stderr=subprocess.PIPE, text=True, check=False)
        self.assertEqual((done.returncode, done.stderr), (1, 'weft: cannot write: No space left on device\n'))

    def test_no_agent(self):
        done = subprocess.run([WEFT, '--socket', self.path('none'), 'show'], capture_output=True,
                              text=True, check=False)
        self.assertEqual((done.returncode, done.stdout), (1, ''))
        self.assertIn(self.path('none'), done.stderr)

    def test_too_many_commands_at_once(self):
        held = [socket.socket(socket.AF_UNIX) for _ in range(32)]
        for s in held:
            s.connect(self.path('agent'))
        try:
            self.wait(lambda: 'too many commands at once' in subprocess.run(
                [WEFT, '--socket', self.path('agent'), 'version'], capture_output=True, text=True, check=False).stderr)
        finally:
            for s in held:
                s.close()
        self.wait(lambda: subprocess.run([WEFT, '--socket', self.path('agent'), 'version'],
                                         capture_output=True, check=False).returncode == 0)

    def test_malformed_requests(self):
        for line in (b'x\n', b'{}\n', b'{"cmd": 5}\n', b'{"cmd": [5]}\n', b'{"cmd": ["flow"]}\n',
                     b'[]\n', b'\n', b'{"cmd": ["show"], "args": 1}\n'):
            with socket.socket(socket.AF_UNIX) as agent:
                agent.connect(self.path('agent'))
                agent.sendall(line)
                self.assertEqual(json.loads(agent.makefile().readline())['status'], 1, line)
        with socket.socket(socket.AF_UNIX) as agent:
            agent.connect(self.path('agent'))
            agent.sendall(b'{"cmd": ["tenant"]}\n' * 50)
            lines = agent.makefile()
            ends = 0
            while ends < 50:
                ends += 'status' in json.loads(lines.readline())

    def test_apply_and_reload(self):
        self.write((CONFIG % {'dir': self.dir}).replace('{name: blue}', '{name: green}'))
        said = self.weft('apply', self.config, '--dry-run')
        self.assertEqual(said, '- tenant blue\n+ tenant green: local\n')
        sw = "{dpid: '00000000000000aa', controllers: ['punix:%s/white.mgmt']}" % self.dir
        with open(self.path('more.yaml'), 'w', encoding='utf-8') as more:
            more.write((CONFIG % {'dir': self.dir}) + f'  - {{name: white, switch: {sw}}}\n')
        self.assertEqual(self.weft('apply', self.path('more.yaml'), '--dry-run'),
                         '+ tenant white: local\n+ switch white: dpid 00000000000000aa, 1 controller, secure\n')
        self.assertEqual([t['name'] for t in self.json('tenant')], ['blue', 'red'])
        self.agent.send_signal(signal.SIGHUP)
        self.wait(lambda: [t['name'] for t in self.json('tenant')] == ['green', 'red'])
        self.assertEqual(self.weft('apply'), 'nothing to change\n')
        # Found before anything is changed: a controller's files, and its target.
        for spoilt, error in (
                ("controllers: ['ssl:10.0.0.9'], tls: {key: /no/key, cert: /no/cert, ca: /no/ca}",
                 '/no/cert'),
                ("controllers: ['tcp:10.0.0.9:0']", 'tcp:10.0.0.9:0')):
            text = (CONFIG % {'dir': self.dir}).replace('{name: blue}', '{name: white}')
            self.write(text.replace(f"controllers: ['punix:{self.dir}/red.mgmt']", spoilt))
            self.assertIn(error, self.weft('apply', status=1))
            self.assertEqual([t['name'] for t in self.json('tenant')], ['green', 'red'])
        self.write('host: 5\n')
        self.assertIn('weft.yaml:1:7: host: expected a mapping', self.weft('apply', status=1))
        self.write(CONFIG % {'dir': self.dir})

    def test_reload_waits(self):
        """What a file says is in effect in the end, whenever the agent was told of it."""
        def names():
            return [t['name'] for t in self.json('tenant')]

        self.end(self.fake)
        self.wait(lambda: not self.json('show')['ready'])
        self.write((CONFIG % {'dir': self.dir}).replace('{name: blue}', '{name: green}'))
        self.agent.send_signal(signal.SIGHUP)
        self.fake = subprocess.Popen([FAKE, self.path('dp'), self.path('punt')])
        self.wait(lambda: names() == ['green', 'red'])
        for i in range(5):  # while the one before is being applied
            self.write((CONFIG % {'dir': self.dir}).replace('{name: blue}', f'{{name: t{i}}}'))
            self.agent.send_signal(signal.SIGHUP)
            time.sleep(0.001)
        self.wait(lambda: names() == ['red', 't4'])

    def test_a_way_is_told_alike_in_any_order(self):
        """What a tenant has configured is not a provider's alone, whichever the file names first."""
        text = CONFIG % {'dir': self.dir}
        provider = '{name: %s, kind: provider, vnis: [7000], peers: [172.31.255.2]}'
        for name in ('after', 'before'):
            first, last = ('\n  - ' + provider % name, '') if name == 'before' else ('', f'  - {provider % name}\n')
            self.write(text.replace('tenants:', f'tenants:{first}') + last)
            self.assertIn(f'+ tenant {name}', self.weft('apply'))
            self.assertEqual([way['kind'] for way in self.json('underlay')], ['configured'])

    def test_reload_outlives_the_data_plane(self):
        """One that goes in the middle takes no reload with it: the next one gets the new configuration."""
        self.fake.send_signal(signal.SIGSTOP)
        self.write((CONFIG % {'dir': self.dir}).replace('{name: blue}', '{name: green}'))
        self.agent.send_signal(signal.SIGHUP)
        self.wait_applying()
        self.fake.kill()
        self.fake.wait()
        self.fake = subprocess.Popen([FAKE, self.path('dp'), self.path('punt')])
        self.wait(lambda: [t['name'] for t in self.json('tenant')] == ['green', 'red'])
        self.assertEqual(self.weft('apply'), 'nothing to change\n')

    def wait_applying(self):
        """What was asked for before is under way."""
        busy = [WEFT, '--socket', self.path('agent'), 'apply', '--dry-run']
        self.wait(lambda: 'another configuration' in subprocess.run(
            busy, capture_output=True, text=True, timeout=20).stderr)

    def test_a_controllers_files_that_go_in_the_middle(self):
        """The configuration is in effect but for that switch, which is tried until its files are there again."""
        key, cert = self.path('key.pem'), self.path('cert.pem')
        subprocess.run(['openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', key, '-out', cert,
                        '-days', '2', '-subj', '/CN=red'], check=True, capture_output=True)
        self.write((CONFIG % {'dir': self.dir}).replace(
            f"controllers: ['punix:{self.dir}/red.mgmt']",
            f"controllers: ['pssl:{free_port()}:127.0.0.1'], tls: {{key: {key}, cert: {cert}, ca: {cert}}}"))
        self.fake.send_signal(signal.SIGSTOP)
        self.agent.send_signal(signal.SIGHUP)
        self.wait_applying()
        self.wait(self.is_idle)  # all was read, and found right
        os.rename(cert, f'{cert}.away')
        self.fake.send_signal(signal.SIGCONT)
        self.wait(lambda: self.json('show')['state'] == 'ready, but for what failed')
        os.rename(f'{cert}.away', cert)
        self.wait(lambda: self.json('show')['state'] == 'ready')
        self.assertTrue(self.json('switch', 'show', 'red')[0]['controllers'][0]['target'].startswith('pssl:'))

    def test_help(self):
        for words in ([], ['fdb'], ['fdb', 'add']):
            by_word, by_option = (subprocess.run([WEFT, *args], capture_output=True, text=True, check=True).stdout
                                  for args in (['help', *words], [*words, '--help']))
            self.assertTrue(by_word)
            self.assertEqual(by_word, by_option)

    def test_examples_of_the_documents(self):
        """Each is accepted, once it has what it leaves out."""
        blocks = [self.read(ROOT, 'docs/examples/weft.yaml')]
        for path in ['README.md', *sorted(glob.glob('docs/*.md', root_dir=ROOT))]:
            blocks += re.findall(r'^```yaml\n(.*?)^```', self.read(ROOT, path), re.M | re.S)
        self.assertGreater(len(blocks), 8)
        missing = {'host': 'host: {name: h1, vtep: 172.16.0.1}\n', 'tenants': 'tenants: []\n',
                   'uplinks': 'uplinks: [{name: up0, kind: af_packet, device: eth0}]\n'}
        for block in blocks:
            text = block + ''.join(line for key, line in missing.items()
                                   if not re.search(rf'^{key}:', block, re.M))
            self.write(text)
            self.weft('apply', '--dry-run')
        self.write(CONFIG % {'dir': self.dir})

    def test_metrics(self):
        text = self.metrics()
        for line in ('weft_dataplane_up 1', 'weft_ready 1',
                     'weft_packets_dropped_total{reason="table-miss"} 3',
                     'weft_port_up{tenant="red",port="vm1"} 1',
                     'weft_fdb_entries{tenant="red"} 8', 'weft_fdb_moves_total{tenant="red"} 9',
                     'weft_multicast_snooped{tenant="red",family="ipv4"} 1',
                     'weft_multicast_reports_total{tenant="red",kind="join"} 5',
                     'weft_multicast_refused_total{tenant="red",reason="unsound"} 6'):
            self.assertIn(line, text.splitlines())
        self.assertNotIn('weft_multicast_groups{tenant="blue"}', text, 'it does not snoop')
        seen, family = set(), None
        for line in text.splitlines():  # each family is in one piece
            if line.startswith('# TYPE'):
                family = line.split()[2]
                self.assertNotIn(family, seen)
                seen.add(family)
            elif not line.startswith('#'):
                self.assertEqual(line.split('{')[0].split()[0], family)
        with self.assertRaises(urllib.error.HTTPError):
            urllib.request.urlopen(f'http://127.0.0.1:{self.port}/', timeout=10)

    def test_the_data_plane_comes_and_goes(self):
        self.fake.send_signal(signal.SIGUSR1)
        self.wait(lambda: self.json('show')['dataplane']['epoch'].endswith('2') and
                  self.json('show')['ready'])
        self.assertEqual(self.end(self.fake), 0)
        self.wait(lambda: not self.json('show')['ready'])
        self.assertIn('not connected', self.weft('drops', status=1))
        self.assertEqual({p['state'] for p in self.json('show')['ports']}, {'unknown'})
        self.assertIn('weft_dataplane_up 0', self.metrics().splitlines())
        self.fake = subprocess.Popen([FAKE, self.path('dp'), self.path('punt')])
        self.wait(lambda: self.json('show')['ready'])

    def test_a_killed_agent_is_replaced(self):
        self.agent.kill()
        self.agent.wait(10)
        self.agent = self.start_agent()
        self.wait(lambda: self.json('show')['ready'])

    def write_switches(self, count):
        self.write('host: {name: h1, vtep: 172.31.255.1}\nuplinks: []\ntenants:\n' + ''.join(
            f"- {{name: t{n}, switch: {{dpid: '{n + 1:016x}', max_backoff: 1,"
            f" controllers: ['punix:{self.dir}/t{n}.mgmt']}}}}\n" for n in range(count)))

    def controllers(self, state):
        return [c for s in self.json('switch') for c in s['controllers'] if c['state'] == state]

    def test_more_switches_than_file_descriptors(self):
        """Some have no listener, and it is said why; commands, metrics and the data plane have theirs."""
        self.assertEqual(self.end(self.agent), 0)
        self.write_switches(70)
        self.agent = self.start_agent(descriptors=96)
        self.wait(lambda: self.json('show')['ready'] and not self.controllers('connecting'))
        without, listening = self.controllers('backoff'), self.controllers('listening')
        self.assertGreater(len(listening), 35)
        self.assertEqual(len(without), 70 - len(listening))
        for c in without:
            self.assertIn('no file descriptor to spare of the agent\'s 96', c['last_error'])
            self.assertIn(f'{c["target"]}: no file descriptor to spare', self.log())
        self.assertIn('no file descriptor to spare', self.weft('switch'))
        sessions, path = [], listening[0]['target'].split(':')[1]
        for _ in range(31):
            sessions.append(socket.socket(socket.AF_UNIX))
            sessions[-1].connect(path)
        refused = sum(not s.recv(8) for s in sessions)
        self.assertGreater(refused, 0)
        self.wait(lambda: sum(s['connections_refused'] for s in self.json('switch')) == refused)
        self.assertIn('a controller was turned away: no file descriptor', self.weft('switch'))
        commands = [socket.socket(socket.AF_UNIX) for _ in range(8)]
        for c in commands:
            c.connect(self.path('agent'))
        self.assertIn('weft_ready 1', self.metrics().splitlines())
        self.fake.send_signal(signal.SIGUSR1)  # the data plane begins anew
        self.wait(lambda: self.json('show')['dataplane']['epoch'].endswith('2') and self.json('show')['ready'])
        for s in sessions + commands:
            s.close()
        self.write_switches(30)
        self.weft('apply')
        self.write_switches(36)
        self.weft('apply')
        self.wait(lambda: len(self.controllers('listening')) == 36)

    def test_a_second_agent_is_refused(self):
        second = subprocess.run([AGENT, '--config', self.config, '--socket', self.path('agent')],
                                capture_output=True, text=True, check=False, timeout=10)
        self.assertEqual(second.returncode, 1)
        self.assertIn('another agent has it', second.stderr)
        # A folder that cannot be made, as /run/weft by a user.
        lost = subprocess.run([AGENT, '--config', self.config, '--socket', '/sys/weft/agent'],
                              capture_output=True, text=True, check=False, timeout=10)
        self.assertEqual((lost.returncode, lost.stderr.splitlines()[-1]),
                         (1, 'weft-agent: /sys/weft/agent: Operation not permitted'))

    def test_a_wrong_configuration_at_the_start(self):
        wrong = self.path('wrong.yaml')
        with open(wrong, 'w', encoding='utf-8') as file:
            file.write('host: {name: h1, ttl: 256}\n')
        done = subprocess.run([AGENT, '--config', wrong, '--socket', self.path('other')],
                              capture_output=True, text=True, check=False, timeout=10)
        self.assertEqual(done.returncode, 1)
        self.assertIn('wrong.yaml:1:23: host.ttl: expected a number from 1 to 255', done.stderr)


if __name__ == '__main__':
    unittest.main(argv=sys.argv[:1], verbosity=2)

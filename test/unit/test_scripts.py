#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What scripts/build and scripts/deps do with words that they do not expect: nothing is removed or installed.

Expects the project's root. meson, ninja and apt-get are stand-ins that write down how they were called.
"""
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = sys.argv.pop()
STAND_IN = '''#!/bin/sh
echo "${0##*/} $*" >>"%(calls)s"
case "${0##*/} $1" in
"meson setup") mkdir -p "$2/meson-private" && touch "$2/build.ninja" ;;
esac
'''


class Scripts(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = folder.name
        os.mkdir(self.path('scripts'))
        os.mkdir(self.path('bin'))
        for name in ('build', 'deps'):
            shutil.copy(os.path.join(ROOT, 'scripts', name), self.path('scripts', name))
        for name in ('meson', 'ninja', 'apt-get'):
            with open(self.path('bin', name), 'w', encoding='utf-8') as file:
                file.write(STAND_IN % {'calls': self.path('calls')})
            os.chmod(self.path('bin', name), 0o755)

    def path(self, *names):
        return os.path.join(self.root, *names)

    def run_script(self, name, *words, status=0):
        done = subprocess.run([self.path('scripts', name), *words], capture_output=True, text=True, timeout=60,
                              env={'PATH': f'{self.path("bin")}:{os.environ["PATH"]}'}, check=False)
        self.assertEqual(done.returncode, status, done.stderr)
        return done.stdout + done.stderr

    def calls(self):
        try:
            with open(self.path('calls'), encoding='utf-8') as file:
                lines = file.read().splitlines()
        except FileNotFoundError:
            return []
        os.unlink(self.path('calls'))
        return lines

    def test_a_folder_is_made_once_and_again_for_other_options(self):
        self.run_script('build')
        self.assertEqual(self.calls(), ['meson setup build', 'ninja -C build --quiet'])
        self.run_script('build')
        self.assertEqual(self.calls(), ['ninja -C build --quiet'])
        self.run_script('build', 'build', '--prefix', '/usr')
        self.assertEqual(self.calls(), ['meson setup build --prefix /usr', 'ninja -C build --quiet'])

    def test_what_meson_did_not_finish_is_made_again(self):
        os.makedirs(self.path('build', 'meson-private'))
        self.run_script('build')
        self.assertEqual(self.calls(), ['meson setup build', 'ninja -C build --quiet'])
        os.mkdir(self.path('empty'))
        self.run_script('build', 'empty')
        self.assertEqual(self.calls(), ['meson setup empty', 'ninja -C empty --quiet'])

    def test_a_folder_that_is_somebodys_own_is_left_alone(self):
        os.mkdir(self.path('docs'))
        with open(self.path('docs', 'mine'), 'w', encoding='utf-8'):
            pass
        self.assertIn('is no build folder', self.run_script('build', 'docs', status=1))
        self.assertTrue(os.path.exists(self.path('docs', 'mine')))
        self.assertIn('is no build folder', self.run_script('build', 'scripts/build', status=1))
        self.assertEqual(self.calls(), [])

    def test_help_and_unknown_words_do_nothing(self):
        for name in ('build', 'deps'):
            for word in ('--help', '-h'):
                self.assertIn(f'scripts/{name}', self.run_script(name, word))
            self.assertIn('--help', self.run_script(name, '--prefix', '/usr', status=2))
        self.assertEqual(self.calls(), [])
        self.assertEqual(sorted(os.listdir(self.root)), ['bin', 'scripts'])


if __name__ == '__main__':
    unittest.main()

# SPDX-License-Identifier: Apache-2.0
"""FRR's bfdd (with zebra, whom it asks for interfaces) in a namespace: a peer of Weft's BFD.

The programs are run with sockets and configuration in the lab's own folder; no service is touched.
"""
import json
import os
import shutil

from .process import run
from .wait import wait_until

DAEMONS = '/usr/lib/frr'


def missing():
    """Why a test must be skipped; None: FRR is there."""
    return None if os.path.exists(f'{DAEMONS}/bfdd') and shutil.which('vtysh') else 'no FRR'


class FrrBfd:
    def __init__(self, lab, ns, name='frr'):
        self._folder = lab.path(name)
        os.makedirs(self._folder)
        os.chmod(lab.dir, 0o755)  # they give up being root
        shutil.chown(self._folder, 'frr', 'frr')
        self.processes = []
        for daemon, more in (('zebra', ['-s', '90000000']),
                             ('bfdd', ['--bfdctl', f'{self._folder}/bfdctl.sock'])):
            config = f'{self._folder}/{daemon}.conf'
            with open(config, 'w', encoding='utf-8') as file:
                file.write(f'hostname {name}\n')
            shutil.chown(config, 'frr', 'frr')
            self.processes.append(lab.start(f'{name}-{daemon}', [
                f'{DAEMONS}/{daemon}', '-f', config, '-i', f'{self._folder}/{daemon}.pid', '-z',
                f'{self._folder}/zserv.api', '--vty_socket', self._folder, '-u', 'frr', '-g', 'frr', '-A',
                '127.0.0.1', '-P', '0', '--log', 'stdout', *more], ns))
            wait_until(lambda: os.path.exists(f'{self._folder}/{daemon}.vty'), 10, f'{daemon} listens')

    def vtysh(self, *commands):
        arguments = [part for command in commands for part in ('-c', command)]
        return run(['vtysh', '--vty_socket', self._folder, '-d', 'bfdd', *arguments])

    def peer(self, address, *options, words=''):
        """A session with `address`; `words`: what FRR wants behind it, 'multihop local-address A'."""
        lines = ['configure terminal', 'bfd', f'peer {address} {words}'.strip(), *options]
        self.vtysh(*lines)

    def session(self, address):
        """The session's state as FRR tells it; {} if there is none."""
        for peer in json.loads(self.vtysh('show bfd peers json') or '[]'):
            if peer['peer'] == address:
                return peer
        return {}

    def up(self, address):
        return self.session(address).get('status') == 'up'

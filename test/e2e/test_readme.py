# SPDX-License-Identifier: Apache-2.0
"""The README's first network, as it stands there: its configuration, its commands, on two hosts."""
import os
import re
import subprocess

from lab import traffic, weft
from lab.wait import wait_until
from sessionserver import ROOT

MACS = {1: '02:00:00:00:00:01', 2: '02:00:00:00:00:02'}


def chapter():
    """The configuration and the commands of "A first network of your own"."""
    with open(os.path.join(ROOT, 'README.md'), encoding='utf-8') as file:
        text = file.read().split('## A first network of your own')[1].split('\n## ')[0]
    configuration = re.search(r'```yaml\n(.*?)```', text, re.S).group(1)
    commands = re.search(r'```\n(scripts/deps && scripts/build\n.*?)```', text, re.S).group(1).splitlines()[1:]
    return configuration, [line.replace('build/', weft.BUILD + '/', 1) for line in commands]


def test_the_first_network_works(lab, fabric):
    configuration, commands = chapter()
    assert [line.endswith('&') for line in commands] == [True, True, False]
    shows, vms = [], []
    for n, other in ((1, 2), (2, 1)):
        ns = lab.namespace(f'h{n}')
        fabric.attach(ns, n)
        folder = lab.path(f'run{n}')
        os.mkdir(folder)
        # The addresses swapped for h2; the same interface names are of another namespace.
        text = configuration.replace('172.16.0.1}', f'172.16.0.{n}}}').replace('172.16.0.2]', f'172.16.0.{other}]')
        with open(os.path.join(folder, 'h1.yaml'), 'w', encoding='utf-8') as file:
            file.write(text)

        def there(line, ns=ns, folder=folder):
            """A command with /run of its own, where the sockets are."""
            return ns.command('unshare', '-m', 'sh', '-c',
                              f'mount --bind {folder} /run && cd /run && exec {line.rstrip(" &")}')
        for i, line in enumerate(commands[:2]):
            lab.start(f'readme-{n}-{i}', there(line))
        shows.append(there(commands[2] + ' --json'))
        vms.append((ns, lab.namespace(f'vm{n}'), f'10.0.0.{n}/24', MACS[n]))

    def ready(show):
        done = subprocess.run(show, capture_output=True, text=True, timeout=20, check=False)
        return '"ready": true' in done.stdout
    for show in shows:
        wait_until(lambda show=show: ready(show), 60, 'weft show says that it is ready')
    for ns, vm, address, mac in vms:
        ns.ip('link', 'set', 'tap-vm1', 'netns', vm.name, 'name', 'eth0')
        vm.address('eth0', address, mac=mac, mtu=1450)
    traffic.wait_ping(vms[0][1], '10.0.0.2', 20)
    wait_until(lambda: traffic.ping(vms[1][1], '10.0.0.1', size=1400) == 3, 20, 'and packets of the MTU')

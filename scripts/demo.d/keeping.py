# SPDX-License-Identifier: Apache-2.0
"""The demo left running (--keep), and ended later (--stop)."""
import json
import os
import shutil
import signal
import sys
import time

from lab.process import run
from lab.weft import program

STATE = '/run/weft-demo.json'


def _started(pid):
    """When a process began, in clock ticks; None if there is none. Tells it from a later namesake."""
    try:
        with open(f'/proc/{pid}/stat', encoding='ascii') as file:
            fields = file.read().rsplit(')', 1)[1].split()
    except OSError:
        return None
    return None if fields[0] == 'Z' else int(fields[19])


def kept():
    return os.path.exists(STATE)


def keep(lab, stage):
    """Writes down what to end later, and prints what to try."""
    with open(STATE, 'w', encoding='utf-8') as file:
        json.dump({'dir': lab.dir, 'namespaces': [ns.name for ns in lab.namespaces.values()],
                   'processes': [[p.pid, _started(p.pid)] for p in lab.processes if p.alive()]}, file)
    h1, red1, red2 = stage.hosts[1], stage.vms['red1'], stage.vms['red2']
    print(f'''
The network is left running. To try, with
  weft="{program('weft')} --socket {h1.agent_socket}"

  ip netns exec {red1.ns.name} ping {red2.ip}      red1 to red2, over VXLAN
  $weft show                       what host h1 is
  $weft flow show red              the rules of red's switch on h1
  $weft fdb show                   which MAC address is where
  $weft drops --rules              which rule dropped the latest packets
  $weft drops --check              whether the books balance
  ip netns exec {stage.fabric.ns.name} tcpdump -ni any udp port 4789 or proto gre
  $EDITOR {h1.config_path} && $weft apply
  scripts/demo --stop              end it
''')


def stop():
    """Ends what keep() wrote down: these processes and namespaces, nothing else."""
    if not kept():
        print('demo: none is running', file=sys.stderr)
        return 1
    with open(STATE, encoding='utf-8') as file:
        state = json.load(file)
    for number in (signal.SIGTERM, signal.SIGKILL):
        left = [pid for pid, began in state['processes'] if _started(pid) == began]
        for pid in left:
            os.kill(pid, number)
        for _ in range(50):
            if not any(_started(pid) == began for pid, began in state['processes']):
                break
            time.sleep(0.1)
    for name in state['namespaces']:
        run(['ip', 'netns', 'del', name], check=False)
    shutil.rmtree(state['dir'], ignore_errors=True)
    os.unlink(STATE)
    return 0

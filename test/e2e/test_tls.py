# SPDX-License-Identifier: Apache-2.0
"""OpenFlow over TLS: both sides show a certificate, and one of a foreign authority is refused."""
import time

import pytest

from lab import traffic
from lab.controller import Controller, of, proto
from lab.process import run
from lab.tls import Authority
from lab.wait import wait_until



def host_with(hosts, target, identity):
    host = hosts(1)
    host.tenant('red', dpid=1, controllers=[target], switch={'tls': identity._asdict()})
    for number in (1, 2):
        host.vm('red', f'vm{number}', number, f'10.0.0.{number}/24', f'02:00:00:00:00:0{number}')
    host.up()
    return host


def test_controller_over_tls(lab, fabric, hosts):
    authority = Authority(lab)
    controller = Controller(lab, fabric.ns, tls=authority.issue('controller'))
    host = host_with(hosts, f'ssl:{fabric.address}:6653', authority.issue('switch'))
    controller.wait_switch(1)
    controller.flow(1, None, [of.OFPActionOutput(proto.OFPP_ALL)])
    traffic.wait_ping(host.vms['vm1'].ns, '10.0.0.2')


@pytest.mark.parametrize('stranger', ['switch', 'controller'])
def test_a_foreign_authority_is_refused(lab, fabric, hosts, stranger):
    ours, theirs = Authority(lab, 'ours'), Authority(lab, 'theirs')
    foreign = theirs.issue(stranger)._replace(ca=ours.cert)
    identity = {'switch': ours.issue('switch2'), 'controller': ours.issue('controller2'),
                stranger: foreign}
    controller = Controller(lab, fabric.ns, tls=identity['controller'])
    host = host_with(hosts, f'ssl:{fabric.address}:6653', identity['switch'])
    time.sleep(3)
    assert controller.switches() == []
    state = host.json('switch', 'show')[0]['controllers'][0]
    assert state['state'] != 'connected' and state['last_error']


def test_ovs_ofctl_over_passive_tls(lab, hosts, fabric):
    authority = Authority(lab)
    host = host_with(hosts, 'pssl:6654:172.16.0.1', authority.issue('switch'))
    client = authority.issue('ofctl')
    command = host.ns.command(
        'ovs-ofctl', '-O', 'OpenFlow13', '-p', client.key, '-c', client.cert, '-C', client.ca, 'show',
        'ssl:172.16.0.1:6654')
    shown = wait_until(lambda: try_run(command), 10, 'ovs-ofctl is answered')
    assert 'dpid:0000000000000001' in shown


def try_run(command):
    try:
        return run(command)
    except RuntimeError as error:
        raise OSError(str(error)) from error

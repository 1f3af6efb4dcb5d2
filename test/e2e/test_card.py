# SPDX-License-Identifier: Apache-2.0
"""A whole host whose uplink has a card that cuts, sums and judges: the card on paper (test/card), preloaded before
net_pcap. It ends the data plane at the first packet that DPDK's contract does not allow."""
import hashlib
import json
import os

import pytest
from lab import traffic, tshark, weft
from lab.linuxvx import LinuxVxlanHost
from lab.wait import wait_until
from test_bond import Bonded, plain_switch
from test_offload import transfer

MACS = [f'02:00:00:00:00:0{n}' for n in range(5)]
ALL = ['rx-outer-csum', 'rx-csum', 'tx-outer-csum', 'tx-csum', 'tso-vxlan', 'tso-nvgre']
SUMS = ['tx-outer-csum', 'tx-csum']
CARDS = ['0000:ff:00.0', '0000:ff:00.1', '0000:ff:00.4']  # the last one can do nothing
DATA = hashlib.shake_256(b'card').digest(2_000_000)


def with_card(lab, hosts, can):
    """A host whose eth0 is a device of DPDK's behind the card. The kernel has the VTEP's address on up0, and
    must not answer for it by eth0."""
    host = hosts(1, uplink='pcap')
    host.config['uplinks'][0]['device'] = 'iface=eth0'
    host.tells = lab.path('card.json')
    host.environment = {'LD_PRELOAD': os.path.join(os.path.realpath(weft.BUILD), 'test', 'card', 'weft-card.so'),
                        'WEFT_CARD': can, 'WEFT_CARD_TELLS': host.tells}
    host.ns.ip('link', 'set', 'eth0', 'arp', 'off')
    host.ns.ip('link', 'set', 'eth0', 'up')
    return host


def with_cards(lab, fabric, hosts, can, members):
    """A bond of cards, each at the end of a cable to one switch, and the Linux host beyond."""
    switch = plain_switch(lab, fabric)
    rig = Bonded(lab, fabric, hosts, switch, 'balance', members, cables=3)
    host = rig.weft
    host.tells = lab.path('card.json')
    host.environment = {'LD_PRELOAD': os.path.join(os.path.realpath(weft.BUILD), 'test', 'card', 'weft-card.so'),
                        'WEFT_CARD': can, 'WEFT_CARD_TELLS': host.tells,
                        'WEFT_CARD_PCI': ' '.join(f'{address}=a{n}' for n, address in enumerate(CARDS))}
    for n in range(3):
        switch.ip('link', 'set', f'b{n}', 'master', 'hub')
        host.ns.ip('link', 'set', f'a{n}', 'arp', 'off', 'up')
    host.ns.offloads_on('p-vm1')
    rig.vm1.ns.offloads_on('eth0')
    rig.up()
    traffic.wait_ping(rig.vm1.ns, '10.0.0.2')
    return rig


def uplink(host):
    port, = [p for p in host.json('port', 'list') if p['name'] == 'up0']
    return port


def told(host):
    """What the card did, when the data plane has ended."""
    host.down()
    with open(host.tells, encoding='utf-8') as file:
        return json.load(file)


def peers(lab, fabric, hosts, host, **tenant):
    """red's peer is Linux, over VXLAN with UDP checksums of its own; blue's another Weft, over NVGRE."""
    linux = LinuxVxlanHost(lab, fabric, 2, 5001, ['172.16.0.1'], udp_csum=True)
    other = hosts(3)
    host.tenant('red', vni=5001, vteps=[linux.vtep], **tenant)
    host.tenant('blue', vsid=6001, vteps=[other.vtep], **tenant)
    other.tenant('blue', vsid=6001, vteps=[host.vtep])
    red, blue = (host.vm(t, f'{t}1', 1, '10.0.0.1/24', MACS[1], kind='tap') for t in ('red', 'blue'))
    blue2 = other.vm('blue', 'blue2', 1, '10.0.0.2/24', MACS[2], kind='tap')
    host.up()
    host.ns.address('up0', f'{host.vtep}/24')
    other.up()
    red2 = linux.vm('red2', '10.0.0.2/24', MACS[2])
    for vm in (red, blue):
        traffic.wait_ping(vm.ns, '10.0.0.2')
    return (red.ns, red2), (blue.ns, blue2.ns)


@pytest.mark.parametrize('can, names', [('tso judge', ALL), ('sums', SUMS)])
def test_every_byte_and_nothing_refused(lab, fabric, hosts, can, names):
    host = with_card(lab, hosts, can)
    pairs = peers(lab, fabric, hosts, host)
    assert uplink(host)['offload'] == names
    assert sorted(uplink(host)['offload'] + uplink(host)['software']) == sorted(ALL)
    wire = fabric.capture('h1', 'wire')
    for here, there in pairs:
        assert transfer(lab, here, there, '10.0.0.2', DATA) == DATA
        assert transfer(lab, there, here, '10.0.0.1', DATA) == DATA
    rows = tshark.read(wire.stop(whole=False), '(vxlan || gre) && tcp.len > 1000', ('ip.len',))
    assert len(rows) > 2000 and max(int(row[0].split(',')[0]) for row in rows) <= 1600
    did = told(host)
    if 'tso' in can:
        assert did['frames'] > 2000 and did['cut'] < did['frames'] / 5 and did['judged'] > 2000, did
    else:
        assert did['summed'] > 2000 and not did['cut'], did


def test_turned_off_and_on_by_apply(lab, fabric, hosts):
    """The uplink is opened anew, and its machines go on without or with the card."""
    host = with_card(lab, hosts, 'tso')
    (here, there), _ = peers(lab, fabric, hosts, host)
    for mode, names in (('off', []), ('auto', ALL[2:])):
        host.config['uplinks'][0]['offload'] = mode
        assert 'up0' in host.apply()
        host.ns.address('up0', f'{host.vtep}/24')
        assert uplink(host)['offload'] == names
        wait_until(lambda: traffic.ping(here, '10.0.0.2'), what='an echo')
        assert transfer(lab, here, there, '10.0.0.2', DATA) == DATA
    host.config['uplinks'][0]['offload'] = 'perhaps'
    host.write_config()
    with pytest.raises(weft.CommandError, match=r'h1.yaml:\d+.*offload: expected one of auto, off'):
        host.weft('apply', host.config_path)
    assert told(host)['cut'] > 10


def test_a_bond_asks_for_what_all_its_cards_have(lab, fabric, hosts):
    """Two cards that cut and sum: so does the bond. A third that cannot may not join; a bond with it from the start asks
    for nothing."""
    rig = with_cards(lab, fabric, hosts, 'tso judge', CARDS[:2])
    assert uplink(rig.weft)['offload'] == ALL
    assert transfer(lab, rig.vm1.ns, rig.vm2, '10.0.0.2', DATA) == DATA
    assert transfer(lab, rig.vm2, rig.vm1.ns, '10.0.0.1', DATA) == DATA
    rig.uplink['members'] = CARDS
    rig.weft.write_config()
    with pytest.raises(weft.CommandError, match='0000:ff:00.4 cannot do what the members were asked for'):
        rig.weft.weft('apply', rig.weft.config_path)
    assert transfer(lab, rig.vm1.ns, rig.vm2, '10.0.0.2', DATA) == DATA
    did = told(rig.weft)
    assert did['frames'] > 2000 and did['cut'] < did['frames'] / 5 and did['judged'] > 1000, did
    rig.up()
    traffic.wait_ping(rig.vm1.ns, '10.0.0.2')
    assert uplink(rig.weft)['offload'] == []
    assert transfer(lab, rig.vm1.ns, rig.vm2, '10.0.0.2', DATA) == DATA

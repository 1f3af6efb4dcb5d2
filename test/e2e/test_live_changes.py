# SPDX-License-Identifier: Apache-2.0
"""`weft apply` changes what differs and nothing else: a tenant's packets are counted exactly while each setting of the
underlay, of another tenant and of another uplink changes and changes back."""
import copy

import pytest

from lab import traffic
from lab.netns import veth

MAC1, MAC2 = (f'02:00:00:00:00:{n:02x}' for n in (1, 2))


class Living:
    """Red's VMs are on hosts 1 and 2, a stream between them. What changes is host 1's configuration: blue, a tenant on both
    hosts, and spare, an uplink that is a bond."""

    def __init__(self, lab, hosts):
        self.hosts = [hosts(n) for n in (1, 2)]
        for n, host in enumerate(self.hosts):
            other = self.hosts[1 - n].vtep
            host.config['host']['bfd'] = {'mode': 'multihop', 'interval': 1000, 'multiplier': 10}
            for tenant, vni in (('red', 5001), ('blue', 5002)):
                host.tenant(tenant, vni=vni, vteps=[other])
                host.vm(tenant, f'{tenant}{n + 1}', 1, f'10.0.0.{n + 1}/24', f'02:00:00:00:00:0{n + 1}')
        self.host = self.hosts[0]
        self.spare = lab.namespace('spare')
        for n in range(3):
            veth(self.host.ns, f'a{n}', self.spare, f'b{n}')
        self.host.config['uplinks'].append(
            {'name': 'spare', 'kind': 'bond', 'mode': 'active_backup', 'members': ['a0', 'a1']})
        for host in self.hosts:
            host.up()
        for tenant in ('red', 'blue'):
            traffic.wait_ping(self.vm(tenant, 1).ns, '10.0.0.2', 15)

    def vm(self, tenant, n):
        return self.hosts[n - 1].vms[f'{tenant}{n}']

    def stream(self):
        return traffic.Stream(self.vm('red', 1).raw(), self.vm('red', 2).raw(),
                              traffic.udp_frame(MAC1, MAC2, '10.0.0.1', '10.0.0.2'), 500)


def blue(config):
    return next(t for t in config['tenants'] if t['name'] == 'blue')


def put(where, **values):
    """A change of the part of the configuration that `where` finds."""
    return lambda config: where(config).update(values)


def port(config):
    return blue(config)['ports'][0]


def host(config):
    return config['host']


CHANGES = {
    'storm limits': (put(port, storm={'broadcast': 50, 'multicast': 60, 'unknown': 70}), 'broadcast 50/s'),
    'learning limit of a port': (put(port, macs=7), 'macs 7'),
    'learning limit of a tenant': (put(blue, quotas={'macs': 77}), 'macs 4096 -> 77'),
    'moves': (put(blue, moves={'most': 2, 'within': 9, 'hold': 8}), 'moves.most 5 -> 2'),
    'MAC ageing': (put(host, fdb_age=77), 'fdb age 77 s'),
    'a static address': (put(blue, fdb=[{'mac': '02:00:00:00:00:09', 'port': 'blue1'}]), '+ fdb blue 02:00:00:00:00:09'),
    'a static binding': (put(blue, neighbours=[{'ip': '10.0.0.9', 'mac': MAC2}]), '+ neighbour blue 10.0.0.9'),
    'path MTU ageing': (put(host, path_mtu_age=60), 'path mtu age 60 s'),
    'suppression': (put(blue, suppress=True), 'suppress 0 -> 1'),
    'MTU': (put(blue, mtu=1300), 'mtu 0 -> 1300'),
    'too big': (put(blue, too_big='fragment'), 'too_big icmp -> fragment'),
    'reassembly': (put(host, reassemble=64), 'reassemble 64'),
    'DSCP mode': (put(blue, dscp_mode='uniform', dscp=46), 'dscp_uniform 0 -> 1'),
    'ECN': (put(blue, ecn=False), 'ecn 1 -> 0'),
    'checksums': (put(host, zero_checksum='ipv4', udp6_checksum=True), 'zero checksum ipv4'),
    'underlay group': (put(blue, group='239.1.1.2'), 'group none -> 239.1.1.2'),
    'learned VTEPs': (put(blue, group='239.1.1.2', learn_vteps=16), 'learn_vteps 0 -> 16'),
    'snooping': (put(blue, multicast={'snoop': True}), 'multicast.snoop 0 -> 1'),
    'a second family': (put(host, vtep6='fd10:16::1'), 'vtep6 fd10:16::1'),
    'BFD intervals': (put(lambda c: c['host']['bfd'], interval=700, multiplier=14), 'multihop 700 ms x 14'),
    'a remote VTEP': (put(blue, vteps=['172.16.0.2', '172.16.0.77']), '+ vtep blue 172.16.0.77'),
    "an uplink's offloads": (put(lambda c: c['uplinks'][1], offload='off'), 'uplink spare'),
    'members of a bond': (put(lambda c: c['uplinks'][1], members=['a1', 'a2']), 'active_backup,a1,a2'),
    'mode of a bond': (put(lambda c: c['uplinks'][1], mode='balance'), '+ uplink spare: bond balance,a0,a1'),
    'an uplink': (lambda c: c['uplinks'].pop(), '- uplink spare'),
    'a tenant': (lambda c: c['tenants'].remove(blue(c)), '- tenant blue'),
}


def test_nothing_else_is_touched(lab, hosts):
    living = Living(lab, hosts)
    weft = living.host
    flow = living.stream()
    flow.wait_flowing(100)
    as_it_was = weft.config
    for what, (change, said) in CHANGES.items():
        weft.config = copy.deepcopy(as_it_was)
        change(weft.config)
        text = weft.apply()
        assert said in text, (what, text)
        assert 'red' not in text, (what, text)
        flow.wait_flowing(20)
        weft.config = copy.deepcopy(as_it_was)
        assert 'red' not in weft.apply(), what
        flow.wait_flowing(20)
    lost, twice = flow.stop()
    assert not lost and not twice and not flow.errors, (len(lost), lost[:5], twice[:5])
    assert all(s['downs'] == 0 for h in living.hosts for s in h.json('bfd')), weft.weft('bfd')
    traffic.wait_ping(living.vm('blue', 1).ns, '10.0.0.2', 15)
    with pytest.raises(Exception, match='nothing was changed|expected'):
        weft.config['host']['fdb_age'] = 0
        weft.apply()

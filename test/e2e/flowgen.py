# SPDX-License-Identifier: Apache-2.0
"""Random rules, groups and packets that any OpenFlow 1.3 switch must treat alike.

Rules are ovs-ofctl's text, so that two switches can be given the same to the letter. All values come
from small pools: rules overlap, packets meet rules, and one action's result is the next table's match.
What the specification leaves to the switch (which bucket a select group takes, which of two rules of one
priority counts) is not generated, nor what Open vSwitch is known to do otherwise than specified: an action set
that is executed although the packet missed a table or had its TTL expire, two tags,
MPLS labels that are set (a cached flow sets another packet's), truncated outputs that out_port= passes over.

    gen = FlowGen(random.Random(seed), ports=[1, 2, 3], nicira=True)
    gen.groups()   lines for `ovs-ofctl add-group`
    gen.rules(n)   lines for `ovs-ofctl add-flows`, with add, modify and delete
    gen.frame(id)  (in_port, frame); the last eight bytes name the frame
"""
import struct

from scapy.contrib.mpls import MPLS
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import ICMPv6EchoRequest, IPv6
from scapy.layers.l2 import ARP, Dot1Q, Ether
from scapy.layers.sctp import SCTP, SCTPChunkData

TABLES = 5
MARK = 0xd1ff0000_00000000

MACS = ['02:0a:00:00:00:01', '02:0a:00:00:00:02', '02:0b:00:00:00:01', '03:0a:00:00:00:01',
        'ff:ff:ff:ff:ff:ff']
MAC_MASKS = ['ff:ff:00:00:00:00', 'ff:ff:ff:ff:ff:00', '01:00:00:00:00:00', '00:00:00:00:00:ff']
IPV4 = ['10.1.0.1', '10.1.0.2', '10.1.1.1', '10.2.0.1']
IPV4_MASKS = ['8', '16', '24', '31', '255.0.255.0', '0.0.0.255']
IPV6 = ['2001:db8::1', '2001:db8::2', '2001:db8:1::1', 'fe80::1']
IPV6_MASKS = ['16', '48', '64', '127']
L4_PORTS = [53, 80, 443, 5000]
VIDS = [10, 20, 30]
METADATA = [0x1, 0x2, 0x12, 0x100000000]
REGISTERS = [0x1, 0x2, 0xf, 0x103, 0xff01]
LABELS = [16, 17, 1000]
# Far from any frame's length: Open vSwitch cuts by the length before tags that are yet to be pushed or popped.
MAX_LENS = [60, 200]
ICMP_TYPES = [0, 8, 3]

# protocol: (ovs-ofctl's words for it, what it allows to be matched and set)
PROTOCOLS = {
    '': [],
    'arp': ['arp'],
    'ip': ['ipv4', 'ip'],
    'tcp': ['ipv4', 'ip', 'tcp'],
    'udp': ['ipv4', 'ip', 'udp'],
    'sctp': ['ipv4', 'ip', 'sctp'],
    'icmp': ['ipv4', 'ip', 'icmp'],
    'ipv6': ['ipv6', 'ip'],
    'tcp6': ['ipv6', 'ip', 'tcp'],
    'udp6': ['ipv6', 'ip', 'udp'],
    'icmp6': ['ipv6', 'ip', 'icmp6'],
    'mpls': ['mpls'],
}


class FlowGen:
    def __init__(self, random, ports, nicira=False):
        """nicira: with the extensions' fields and actions."""
        self.random, self.ports, self.nicira = random, ports, nicira
        self.group_ids = []
        self._priorities = random.sample(range(1, 0xffff), 5000)
        self.said = []  # (table, match, priority) of rules that were added

    # ---- small choices

    def _one(self, pool):
        return self.random.choice(pool)

    def _maybe(self, probability=0.5):
        return self.random.random() < probability

    def _masked(self, pool, masks, probability=0.4):
        value = self._one(pool)
        return f'{value}/{self._one(masks)}' if self._maybe(probability) else value

    # ---- matches

    def _match(self, table):
        """(text, layers, has a tag: None if that is not known)"""
        protocol = self._one(list(PROTOCOLS))
        layers = PROTOCOLS[protocol]
        fields = [protocol] if protocol else []
        tagged = None  # not known
        if self._maybe(0.3):
            fields.append(f'in_port={self._one(self.ports)}')
        for name in ('dl_src', 'dl_dst'):
            if self._maybe(0.25):
                fields.append(f'{name}={self._masked(MACS, MAC_MASKS)}')
        if table and self._maybe(0.3):
            fields.append(f'metadata={self._one(METADATA):#x}' + self._one(['', '/0x3', '/0x100000000']))
        if self._maybe(0.3):
            tag, tagged = self._one([('vlan_tci=0x0000/0x1fff', False), ('vlan_tci=0x1000/0x1000', True),
                                     (f'dl_vlan={self._one(VIDS)}', True)])
            fields.append(tag)
            if tagged and self._maybe(0.3):
                fields.append(f'dl_vlan_pcp={self._one([0, 3])}')
        for layer in layers:
            fields += self._layer_fields(layer)
        if self.nicira:
            fields += self._nicira_fields(layers, fields)
        return ','.join(fields), layers, tagged

    def _nicira_fields(self, layers, there):
        fields = []
        for register in (0, 1, 2):
            if self._maybe(0.2):
                fields.append(f'reg{register}={self._one(REGISTERS):#x}' + self._one(['', '/0xf', '/0xff00']))
        if self._maybe(0.1):
            fields.append(f'xreg2={self._one(REGISTERS):#x}/0xffff')
        if self._maybe(0.1):
            fields.append(f'pkt_mark={self._one(REGISTERS):#x}/0xf')
        if 'ip' in layers and self._maybe(0.1):
            fields.append('nw_ttl=64')
        for layer in {'tcp', 'udp', 'sctp'} & set(layers):
            if not any(word.startswith(f'{layer}_dst=') for word in there) and self._maybe(0.2):
                fields.append(f'{layer}_dst={self._one(L4_PORTS) & 0xfff0:#x}/0xfff0')
        if 'tcp' in layers and self._maybe(0.2):
            fields.append('tcp_flags=' + self._one(['+syn', '-syn', '+ack', '-rst']))
        return fields

    def _layer_fields(self, layer):
        fields = []
        if layer == 'arp':
            fields = [('arp_op', self._one([1, 2])), ('arp_spa', self._masked(IPV4, IPV4_MASKS)),
                      ('arp_tpa', self._masked(IPV4, IPV4_MASKS)), ('arp_sha', self._one(MACS)),
                      ('arp_tha', self._one(MACS))]
        elif layer == 'ipv4':
            fields = [('nw_src', self._masked(IPV4, IPV4_MASKS)),
                      ('nw_dst', self._masked(IPV4, IPV4_MASKS))]
        elif layer == 'ipv6':
            fields = [('ipv6_src', self._masked(IPV6, IPV6_MASKS)),
                      ('ipv6_dst', self._masked(IPV6, IPV6_MASKS)),
                      ('ipv6_label', self._one(['0x1', '0x12345', '0x1/0xf']))]
        elif layer == 'ip':
            fields = [('ip_dscp', self._one([0, 8, 46])), ('nw_ecn', self._one([0, 1, 3]))]
        elif layer in ('tcp', 'udp', 'sctp'):
            fields = [(f'{layer}_src', self._one(L4_PORTS)), (f'{layer}_dst', self._one(L4_PORTS))]
        elif layer == 'icmp':
            fields = [('icmp_type', self._one(ICMP_TYPES)), ('icmp_code', self._one([0, 1]))]
        elif layer == 'icmp6':
            fields = [('icmp_type', self._one([128, 129])), ('icmp_code', 0)]
        elif layer == 'mpls':
            fields = [('mpls_label', self._one(LABELS)), ('mpls_tc', self._one([0, 5])),
                      ('mpls_bos', self._one([0, 1]))]
        return [f'{name}={value}' for name, value in fields if self._maybe(0.25)]

    # ---- actions

    def _settable(self, layers, tagged):
        fields = [('eth_src', self._one(MACS[:3])), ('eth_dst', self._one(MACS))]
        if tagged:
            fields += [('vlan_vid', 4096 + self._one(VIDS)), ('vlan_pcp', self._one([1, 5]))]
        pools = {'arp': [('arp_spa', IPV4), ('arp_tha', MACS)],
                 'ipv4': [('ip_src', IPV4), ('ip_dst', IPV4)],
                 'ipv6': [('ipv6_src', IPV6), ('ipv6_dst', IPV6)],
                 'ip': [('ip_dscp', [0, 8, 46]), ('ip_ecn', [0, 1, 3])],
                 **{layer: [(f'{layer}_src', L4_PORTS), (f'{layer}_dst', L4_PORTS)]
                    for layer in ('tcp', 'udp', 'sctp')}}
        for layer in layers:
            fields += [(name, self._one(pool)) for name, pool in pools.get(layer, [])]
        return fields

    def _edits(self, layers, tagged, tags=True):
        actions = []
        for _ in range(self._one([0, 0, 1, 1, 2, 3])):
            kind = self._one(['set', 'set', 'set', 'ttl'] + ['push', 'pop'] * tags +
                             ['nicira'] * 4 * (tags and self.nicira))
            if kind == 'set':
                name, value = self._one(self._settable(layers, tagged))
                actions.append(f'set_field:{value}->{name}')
            elif kind == 'ttl' and 'ip' in layers:
                actions.append('dec_ttl')
            elif kind == 'push' and tagged is False and 'mpls' not in layers:
                actions.append('push_vlan:0x8100')
                tagged = True
            elif kind == 'nicira':
                actions += self._nicira_edits(layers)
            elif kind == 'pop' and tagged:
                actions.append('pop_vlan')
                break  # there may be another tag below
        return actions

    def _nicira_edits(self, layers):
        register = self._one([0, 1, 2, 4, 5])
        value = self._one(REGISTERS)
        edits = [[f'load:{value:#x}->NXM_NX_REG{register}[]'],
                 [f'load:{value & 0xf:#x}->NXM_NX_REG{register}[{self._one([0, 4, 28])}..' + '31]']
                 if value & 0xf < 8 else [f'set_field:{value:#x}->xreg2'],
                 [f'set_field:{value:#x}/0xff->reg{register}'],
                 [f'set_field:{value:#x}->pkt_mark'],
                 [f'set_field:{self._one(METADATA):#x}->metadata'],
                 [f'move:NXM_NX_REG{register}[0..15]->NXM_NX_REG1[16..31]'],
                 [f'move:NXM_OF_ETH_SRC[0..15]->NXM_NX_REG{register}[8..23]'],
                 ['move:NXM_OF_ETH_SRC[]->NXM_OF_ETH_DST[]'],
                 [f'set_field:{self._one(MACS)}/{self._one(MAC_MASKS)}->eth_dst'],
                 ['move:NXM_OF_IN_PORT[]->NXM_NX_REG0[0..15]'],
                 [f'push:NXM_NX_REG{register}[]', 'push:NXM_OF_ETH_DST[]', 'pop:NXM_OF_ETH_SRC[]',
                  'pop:NXM_NX_REG2[]'],
                 ['note:' + '.'.join(f'{self.random.randint(0, 255):02x}' for _ in range(6))]]
        if 'ipv4' in layers:
            edits += [['move:NXM_OF_IP_SRC[]->NXM_NX_REG1[]'],
                      [f'move:NXM_NX_REG{register}[0..7]->NXM_OF_IP_DST[0..7]'],
                      [f'set_field:{self._one(IPV4)}/255.255.0.0->ip_src']]
        if 'ipv6' in layers:
            edits += [['move:NXM_NX_IPV6_SRC[0..31]->NXM_NX_REG2[]'],
                      [f'set_field:{self._one(IPV6)}/ffff:ffff::->ipv6_dst']]
        for layer in {'tcp', 'udp'} & set(layers):
            edits.append([f'set_field:{self._one(L4_PORTS):#x}/0xff->{layer}_dst'])
        return self._one(edits)

    def _nicira_output(self, table):
        port = self._one(self.ports)
        outputs = [[f'load:{port}->NXM_NX_REG4[]', 'output:NXM_NX_REG4[]'],
                   [f'set_field:{port}->reg5', 'output:NXM_NX_REG5[0..15]'],
                   [f'output(port={port},max_len={self._one(MAX_LENS)})'],
                   [f'clone(set_field:{self._one(MACS)}->eth_dst,output:{port})']]
        if table + 1 < TABLES:
            outputs += [[f'resubmit(,{self.random.randint(table + 1, TABLES - 1)})'],
                        [f'resubmit({port},{self.random.randint(table + 1, TABLES - 1)})']] * 2
        return self._one(outputs)

    def _output(self):
        return self._one([f'output:{self._one(self.ports)}', f'output:{self._one(self.ports)}',
                          f'output:{self._one(self.ports)}', 'IN_PORT', 'ALL', 'FLOOD',
                          *[f'group:{group}' for group in self.group_ids]])

    def _apply(self, table, layers, tagged):
        actions = []
        for _ in range(self._one([0, 1, 1, 2])):
            actions += self._edits(layers, tagged)
            if self.nicira and self._maybe(0.4):
                actions += self._nicira_output(table)
            else:
                actions.append(self._output())
            if any(word.startswith(('push', 'pop')) for word in actions):
                break
        return actions

    def _write(self, layers, tagged):
        """At most one action of each type, for that is what a set holds."""
        actions = {}
        for action in self._edits(layers, tagged, tags=False):
            actions.setdefault(action.split('->')[-1], action)
        if self._maybe(0.8):
            actions['output'] = self._output()
        return list(actions.values())

    def _instructions(self, table, layers, tagged):
        words = self._apply(table, layers, tagged)
        if self._maybe(0.15):
            words.append('clear_actions')
        # Tags that a list changes are not what a later list of the same rule was checked for.
        if self._maybe(0.4) and not any(w.startswith(('push', 'pop')) for w in words):
            written = self._write(layers, tagged)
            if written:
                words.append(f'write_actions({",".join(written)})')
        if table + 1 < TABLES and self._maybe(0.6):
            if self._maybe():
                words.append(f'write_metadata:{self._one(METADATA):#x}' + self._one(['', '/0x3']))
            words.append(f'goto_table:{self.random.randint(table + 1, TABLES - 1)}')
        return ','.join(words) or 'drop'

    # ---- what a test asks for

    def groups(self):
        """Lines for add-group; rules made later name these groups."""
        lines = []
        for group in range(1, 7):
            kind = self._one(['all', 'indirect', 'ff', 'all'])
            buckets = []
            for _ in range({'all': 3, 'indirect': 1, 'ff': 2}[kind]):
                watch = f'watch_port:{self._one(self.ports)},' if kind == 'ff' else ''
                edits = [f'set_field:{self._one(MACS)}->eth_dst'] if self._maybe() else []
                buckets.append(f'bucket={watch}actions=' +
                               ','.join([*edits, f'output:{self._one(self.ports)}']))
            lines.append(f'group_id={group},type={kind},' + ','.join(buckets))
            self.group_ids.append(group)
        return lines

    def _add(self):
        table = self._one([0, 0, 1, 2, 3, 4])
        match, layers, tagged = self._match(table)
        # Which of two that overlap at one priority counts is the switch's choice, so none do.
        priority = self._priorities.pop()
        self.said.append((table, match, priority))
        start = ','.join(filter(None, [f'cookie={self.random.randint(0, 3):#x}', f'table={table}',
                                       f'priority={priority}', match]))
        return f'add {start},actions={self._instructions(table, layers, tagged)}'

    def _change(self):
        """A modify or a delete of what a rule before has named, or of something a bit wider."""
        table, match, priority = self._one(self.said)
        if self._maybe(0.5):
            match = ','.join(match.split(',')[:-1])
        command = self._one(['modify', 'modify_strict', 'delete', 'delete_strict'])
        words = [f'table={table}']
        if self._maybe(0.3):
            words.append(f'cookie={self.random.randint(0, 3):#x}/0x3')
        if command.endswith('strict'):
            words.append(f'priority={priority}')
        if command == 'delete' and not self.nicira and self._maybe(0.3):
            words.append(f'out_port={self._one(self.ports)}')
        start = ','.join(filter(None, words + [match]))
        if command.startswith('delete'):
            return f'{command} {start}'
        return f'{command} {start},actions={self._instructions(table, [], None)}'

    def rules(self, count):
        """Lines for add-flows.

        Every table matches everything in the end, so that no packet misses (OpenFlow 1.3.5, 5.4).
        """
        lines = [self._add() if not self.said or self._maybe(0.85) else self._change()
                 for _ in range(count)]
        return lines + [f'add table={table},priority=0,actions=drop' for table in range(TABLES)]

    def frame(self, number):
        """(in_port, bytes): the frame ends in MARK | number."""
        protocol = self._one([p for p in PROTOCOLS if p])
        ether = Ether(src=self._one(MACS[:3]), dst=self._one(MACS))
        for vid in ([self._one(VIDS)] if self._maybe(0.3) else []):
            ether /= Dot1Q(vlan=vid, prio=self._one([0, 3]))
        packet = ether / self._network(protocol) / self._transport(protocol)
        payload = b'\0' * self._one([30, 60, 200]) + struct.pack('!Q', MARK | number)
        if protocol == 'sctp':
            packet /= SCTPChunkData(data=payload)
        elif protocol in ('arp', 'mpls'):
            return self._one(self.ports), bytes(packet) + payload
        else:
            packet /= payload
        return self._one(self.ports), bytes(packet)

    def _network(self, protocol):
        if protocol == 'arp':
            return ARP(op=self._one([1, 2]), psrc=self._one(IPV4), pdst=self._one(IPV4),
                       hwsrc=self._one(MACS[:3]), hwdst=self._one(MACS))
        if protocol == 'mpls':
            return MPLS(label=self._one(LABELS), cos=self._one([0, 5]), s=1, ttl=64) / IP(
                src=self._one(IPV4), dst=self._one(IPV4))
        if protocol in ('ipv6', 'tcp6', 'udp6', 'icmp6'):
            return IPv6(src=self._one(IPV6), dst=self._one(IPV6), hlim=self._one([32, 64]),
                        tc=self._one([0, 8, 46]) << 2 | self._one([0, 1, 3]),
                        fl=self._one([0, 1, 0x12345]), **({'nh': 59} if protocol == 'ipv6' else {}))
        return IP(src=self._one(IPV4), dst=self._one(IPV4), ttl=self._one([32, 64]),
                  tos=self._one([0, 8, 46]) << 2 | self._one([0, 1, 3]),
                  **({'proto': 253} if protocol == 'ip' else {}))

    def _transport(self, protocol):
        ports = {'sport': self._one(L4_PORTS), 'dport': self._one(L4_PORTS)}
        kind = protocol.rstrip('6') if protocol != 'ipv6' else ''
        if kind == 'tcp':
            return TCP(**ports)
        if kind == 'udp':
            return UDP(**ports)
        if kind == 'sctp':
            return SCTP(**ports)
        if protocol == 'icmp':
            return ICMP(type=self._one(ICMP_TYPES), code=self._one([0, 1]))
        if protocol == 'icmp6':
            return ICMPv6EchoRequest()
        return b''

# SPDX-License-Identifier: Apache-2.0
"""OpenFlow 1.3 rules as `ovs-ofctl add-flows` reads them.

Both switches are given the same ports (1 and up to the VMs, 65000 to the overlay) and so the same
rules, as long as there is one tenant. Many tenants are many switches in Weft; in Open vSwitch they
share one, as is usual there: table 0 tells them by `tun_id` and writes the tenant's number into the
metadata, and the rules of all other tables match that number too.
"""
from dataclasses import dataclass, replace

from .filters import bits16, bits32
from .frames import TCP, UDP, ip_text

OVERLAY = 65000
_PROTO = {TCP: 'tcp', UDP: 'udp'}


@dataclass(frozen=True)
class Rule:
    table: int
    priority: int
    match: tuple = ()
    actions: tuple = ()  # as ovs-ofctl writes them, instructions included; none: drop

    def text(self):
        match = ','.join((f'table={self.table}', f'priority={self.priority}', *self.match))
        return f'{match},actions={",".join(self.actions) or "drop"}'


_BUNDLE_MIN, _BUNDLE_MAX = 20000, 100000


def portions(path, rule_list):
    """Writes the rules as `ovs-ofctl add-flows` reads them, portion by portion, for each of which it is to be
    run with the options that are yielded: very many rules in bundles, or it would await a barrier after each."""
    options = ('--bundle',) if len(rule_list) >= _BUNDLE_MIN else ()
    for first in range(0, len(rule_list), _BUNDLE_MAX):
        with open(path, 'w', encoding='ascii') as file:
            file.writelines(rule.text() + '\n' for rule in rule_list[first:first + _BUNDLE_MAX])
        yield options


def drops_all(rule):
    return not rule.match and not rule.actions


def shared(rule, tenant, tun_id):
    """The rule of one tenant among others in a switch that they share."""
    if rule.table:
        return Rule(rule.table, rule.priority, (*rule.match, f'metadata={tenant}'), rule.actions)
    actions = rule.actions
    if any(action.startswith('goto_table') for action in actions):
        actions = (f'write_metadata:{tenant}', *actions)
    return Rule(0, rule.priority, (*rule.match, f'tun_id={tun_id}'), actions)


def _of_tenant(rule, tenant, port):
    """What stands for the rule; in table 0 of a tenant that lists its VTEPs one for each of them."""
    if port:
        rule = shared(rule, tenant.number, tenant.vni)
        if rule.actions == ('output:1',):  # port 1 of the tenant
            rule = replace(rule, actions=(f'output:{port}',))
    if rule.table or not tenant.vteps:
        return [rule]
    return [replace(rule, match=(*rule.match, f'tun_src={vtep}')) for vtep in tenant.vteps]


def in_one_switch(tenants, ports):
    """The rules of all tenants (scenarios.Tenant), for a switch that they share, of which each has a port as
    long as there are some; then they begin again at port 1."""
    several = len(tenants) > 1
    return [rule for tenant in tenants for one in tenant.rules
            for rule in _of_tenant(one, tenant, several and 1 + (tenant.number - 1) % max(1, ports))]


def _port(key, value, bits):
    if not bits:
        return ()
    return (f'{key}={value}' if bits == 16 else f'{key}={value:#x}/{bits16(bits):#x}',)


def _address(key, value, bits):
    if not bits:
        return ()
    return (f'{key}={ip_text(value & bits32(bits))}' + ('' if bits == 32 else f'/{bits}'),)


def match(f):
    """A filter as match fields."""
    if f.proto is None:
        proto = ('ip',)
    elif f.proto in _PROTO:
        proto = (_PROTO[f.proto],)
    else:
        proto = ('ip', f'nw_proto={f.proto}')
    return (*proto, *_address('nw_src', f.src, f.shape.src), *_address('nw_dst', f.dst, f.shape.dst),
            *_port('tp_src', f.sport, f.shape.sport), *_port('tp_dst', f.dport, f.shape.dport))


def to_overlay(vtep, match_=('in_port=1',)):
    """One rule: what comes in at port 1 goes to that VTEP."""
    return [Rule(0, 1, match_, (f'set_field:{vtep}->tun_dst', f'output:{OVERLAY}'))]


def outbound(filter_list, vtep):
    """From any port; security rules that permit, if there are any, and then to that VTEP."""
    send = (f'set_field:{vtep}->tun_dst', f'output:{OVERLAY}')
    if not filter_list:
        return [Rule(0, 1, (), send)]
    return [*(Rule(0, 10 + n, match(f), ('goto_table:1',)) for n, f in enumerate(filter_list)),
            Rule(0, 0), Rule(1, 1, (), send)]


def to_port():
    """One rule: what comes from the overlay goes to port 1."""
    return [Rule(0, 1, (f'in_port={OVERLAY}',), ('output:1',))]


def pipeline(rng, filter_list, dst_mac, drop=False):
    """Admission, security rules that permit, forwarding by MAC address: one table each. More rules than
    there are priorities share them, and it does not matter which of two permits."""
    order = [10 + n % 65000 for n in rng.sample(range(len(filter_list)), len(filter_list))]
    return [Rule(0, 1, (f'in_port={OVERLAY}',), ('goto_table:1',)),
            *(Rule(1, priority, match(f), ('goto_table:2',))
              for priority, f in zip(order, filter_list)),
            Rule(1, 0),
            Rule(2, 1, (f'dl_dst={dst_mac}',), () if drop else ('output:1',))]


def chain(rng, table_count, dst_mac):
    """Each table asks for something else of every packet, and its other nine rules for nobody."""
    made = []
    for table in range(table_count):
        last = table == table_count - 1
        match = (('tcp',), ('udp',)) if table % 3 == 1 else ((f'dl_dst={dst_mac}',),) if table % 3 else (
            (f'in_port={OVERLAY}',),)
        made += [Rule(table, 1, m, ('output:1',) if last else (f'goto_table:{table + 1}',)) for m in match]
        made += [Rule(table, 2 + n, ('tcp', f'nw_dst=203.0.113.{rng.randrange(256)}', f'tp_dst={n + 1}'))
                 for n in range(9)]
    return made


TSE_SRC, TSE_SPORT, TSE_DPORT = 0x0a000001, 12345, 80


def tse():
    """Three services that one field each lets in; all else goes on as well, by another rule."""
    return [Rule(0, 4, ('tcp', f'tp_dst={TSE_DPORT}'), ('output:1',)),
            Rule(0, 3, ('tcp', f'nw_src={ip_text(TSE_SRC)}'), ('output:1',)),
            Rule(0, 2, ('tcp', f'tp_src={TSE_SPORT}'), ('output:1',)),
            Rule(0, 1, (), ('output:1',))]


def access_list(filter_sets):
    """The first filter that matches counts; all of them permit."""
    if len(filter_sets) > 65000:
        raise ValueError('more filters than priorities')
    return [Rule(0, 65001 - place, (f'in_port={OVERLAY}', *match(f)), ('output:1',))
            for place, filter_list in enumerate(filter_sets) for f in dict.fromkeys(filter_list)]

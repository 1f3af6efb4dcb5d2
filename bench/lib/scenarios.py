# SPDX-License-Identifier: Apache-2.0
"""What is measured: which traffic meets which rules. All of it follows from the seed.

A scenario makes its inputs: a capture that one device receives without end, and the rules of each
tenant. `encap` receives at port 1 and sends by the uplink, `decap` the other way round.
"""
import random
from dataclasses import dataclass, field, replace

from . import classbench, filters, frames, pcapfile, rules
from .source import Capture, Variants, write_open_bits

# In namespaces of their own, so that nobody else's network has these addresses (RFC 2544).
VTEP, REMOTE_VTEP, PREFIX = '198.18.0.1', '198.18.0.2', 24
UPLINK_MAC = '02:70:63:61:70:00'  # that DPDK's pcap driver gives its first device
REMOTE_MAC = '02:00:00:00:00:02'  # the remote VTEP's
VM_MAC, FAR_VM_MAC = '02:00:00:00:01:01', '02:00:00:00:02:02'
VNI = 5001
# DPDK as Debian builds it has room for 32 devices: Open vSwitch has no more ports than these.
PORTS_MAX = 28
FAR_VTEPS = '198.19.0.0/16'  # are behind REMOTE_VTEP, and what routes to them
VTEPS_MAX = 4000  # a tenant's; the data plane allows some more


@dataclass(frozen=True)
class Tenant:
    number: int  # from 1
    vni: int     # or VSID
    rules: list
    vteps: tuple = ()  # remote ones of its own, in the place of Inputs.vteps


@dataclass(frozen=True)
class Inputs:
    direction: str   # encap or decap
    encap: str       # vxlan or nvgre
    tenants: list
    source: Capture
    flows: int       # 0: without end
    ports: int = 1   # of VMs: port 1 of that many tenants
    drops: bool = False  # the last rule drops instead of sending: there are more tenants than devices
    notes: list = field(default_factory=list)
    vteps: tuple = (REMOTE_VTEP,)  # remote ones, of every tenant
    bare: bool = False  # Weft without its agent: so many tenants that starting ovs-ofctl for each takes long
    second: Capture | None = None  # what a second uplink receives; encap: port 2

    @property
    def rule_count(self):
        return sum(len(t.rules) for t in self.tenants)


@dataclass(frozen=True)
class Scenario:
    name: str
    title: str
    make: object         # (rng, path, root) -> Inputs
    quick: bool = False

    def build(self, seed, path, root):
        return self.make(random.Random(f'{seed}/{self.name}'), path, root)


def _capture(rng, path, packets):
    """A capture needs at least a burst, or the driver has nothing to hand out at once."""
    packets = list(packets)
    rng.shuffle(packets)
    while len(packets) < 256:
        packets += packets
    return Capture(path, pcapfile.write(path, packets))


def _variants(rng, path, pairs, flows, encap='vxlan'):
    """Pairs of a frame and what may change of it become that many flows; 0: new ones for ever."""
    pairs = list(pairs)
    rng.shuffle(pairs)
    write_open_bits(path, (bits for _, bits in pairs))
    return Variants(path, pcapfile.write(path, (frame for frame, _ in pairs)), encap, flows,
                    seed=rng.getrandbits(32))


def _inner(flow, to_vm):
    a, b = frames.mac(VM_MAC), frames.mac(FAR_VM_MAC)
    return frames.inner(flow, b, a) if to_vm else frames.inner(flow, a, b)


_OUTER = frames.Outer(frames.mac(REMOTE_MAC), frames.mac(UPLINK_MAC), frames.ip(REMOTE_VTEP),
                      frames.ip(VTEP))


def _from_wire(flow, vni, encap, outer=_OUTER):
    return frames.ENCAPS[encap](_inner(flow, True), vni, outer, frames.entropy(flow))


def encapsulation(count, encap='vxlan'):
    def make(rng, path, _root):
        flows = filters.flows(rng, count)
        source = _capture(rng, path, (_inner(f, False) for f in flows))
        return Inputs('encap', encap, [Tenant(1, VNI, rules.to_overlay(REMOTE_VTEP))],
                      source, count)
    return make


def two_ports(count, filters_each=0):
    """The same flows at two ports of a tenant, for the overlay; after `filters_each` security rules."""
    def make(rng, path, _root):
        site = filters.Site(rng)
        policy = filters.generate(rng, filters_each, filters.shapes(rng, 90), site) if filters_each else []
        flows = filters.flows_hitting(rng, policy, count, site) if policy else filters.flows(rng, count)
        sources = [_capture(rng, f'{path}.{n}', (_inner(f, False) for f in flows)) for n in (1, 2)]
        return Inputs('encap', 'vxlan', [Tenant(1, VNI, rules.outbound(policy, REMOTE_VTEP))], sources[0],
                      count, second=sources[1])
    return make


def decapsulation(count, encap='vxlan', flows=None):
    """That many frames; `flows` as with pipeline()."""
    def make(rng, path, _root):
        packets = [_from_wire(f, VNI, encap) for f in filters.flows(rng, count)]
        source = (_capture(rng, path, packets) if flows is None
                  else _variants(rng, path, ((p, (16, 16)) for p in packets), flows, encap))
        return Inputs('decap', encap, [Tenant(1, VNI, rules.to_port())], source,
                      count if flows is None else flows)
    return make


def many_ports(count, flows_each):
    def make(rng, path, _root):
        tenants = [Tenant(n, VNI + n, rules.to_port()) for n in range(1, count + 1)]
        source = _capture(rng, path, (_from_wire(f, t.vni, 'vxlan') for t in tenants
                                       for f in filters.flows(rng, flows_each)))
        notes = [f'VNIs share {PORTS_MAX} ports in Open vSwitch'] if count > PORTS_MAX else []
        return Inputs('decap', 'vxlan', tenants, source, count * flows_each, ports=count, notes=notes)
    return make


def pipeline(tenant_count, filters_each, shape_count, frame_count, flows=None, clients=True):
    """Each frame of a flow that a filter permits. With `flows` they are varied into that many; 0: each
    packet is a flow that was not there before, of a new client or (if not `clients`) of a known one."""
    def make(rng, path, _root):
        shapes = filters.shapes(rng, shape_count)
        drops = tenant_count > PORTS_MAX
        tenants, packets = [], []
        for n in range(1, tenant_count + 1):
            rng.shuffle(shapes)
            site = filters.Site(rng)
            policy = filters.generate(rng, filters_each, shapes, site)
            tenant = Tenant(n, VNI + n, rules.pipeline(rng, policy, VM_MAC, drops))
            tenants.append(tenant)
            hits = filters.hits(rng, policy, frame_count // tenant_count, site)
            packets += [(_from_wire(flow, tenant.vni, 'vxlan'), filters.open_bits(f, clients))
                        for flow, f in hits.items()]
        source = (_capture(rng, path, (frame for frame, _ in packets)) if flows is None
                  else _variants(rng, path, packets, flows))
        return Inputs('decap', 'vxlan', tenants, source, frame_count if flows is None else flows,
                      ports=0 if drops else tenant_count, drops=drops)
    return make


def chain(table_count, flow_count):
    """That many tables, each with ten rules of which one matches, one after the other."""
    def make(rng, path, _root):
        tenant = Tenant(1, VNI, rules.chain(rng, table_count, VM_MAC))
        source = _capture(rng, path, (_from_wire(f, VNI, 'vxlan')
                                       for f in filters.flows(rng, flow_count)))
        return Inputs('decap', 'vxlan', [tenant], source, flow_count)
    return make


def many_vnis(count, flow_count):
    """That many tenants, of one rule each; all drop, for there are not so many devices."""
    def make(rng, path, _root):
        tenants = [Tenant(n, VNI + n, [rules.Rule(0, 1)])
                   for n in range(1, count + 1)]
        source = _capture(rng, path, (_from_wire(f, t.vni, 'vxlan') for t in tenants
                                       for f in filters.flows(rng, max(1, flow_count // count))))
        return Inputs('decap', 'vxlan', tenants, source, flow_count, ports=0, drops=True,
                      bare=count > 100)
    return make


def _far_vteps(count):
    first = frames.ip(FAR_VTEPS.split('/')[0]) + 1
    return [first + n for n in range(count)]


def many_targets(count, flow_count):
    """Frames to that many hosts (at most VTEPS_MAX) of one tenant, by a rule for each."""
    def make(rng, path, _root):
        local = frames.ip('172.16.0.0')
        flows = [f._replace(dst=local + n % count) for n, f in enumerate(filters.flows(rng, flow_count))]
        hosts = tuple(map(frames.ip_text, _far_vteps(count)))
        far = [rules.to_overlay(host, ('ip', f'nw_dst={frames.ip_text(local + n)}'))[0]
               for n, host in enumerate(hosts)]
        source = _capture(rng, path, (_inner(f, False) for f in flows))
        return Inputs('encap', 'vxlan', [Tenant(1, VNI, far)], source, flow_count, vteps=hosts)
    return make


def many_vteps(count, flow_count):
    """Frames from that many hosts; of as many tenants as it takes with VTEPS_MAX of them each."""
    def make(rng, path, _root):
        hosts = _far_vteps(count)
        outers = [frames.Outer(_OUTER.src_mac, _OUTER.dst_mac, host, _OUTER.dst) for host in hosts]
        flows = filters.flows(rng, max(flow_count, count))
        source = _capture(rng, path, (
            _from_wire(f, VNI + i % count // VTEPS_MAX, 'vxlan', outers[i % count])
            for i, f in enumerate(flows)))
        tenants = [Tenant(n + 1, VNI + n, rules.to_port(), tuple(map(frames.ip_text, hosts[at:at + VTEPS_MAX])))
                   for n, at in enumerate(range(0, count, VTEPS_MAX))]
        return Inputs('decap', 'vxlan', tenants, source, len(flows), ports=len(tenants))
    return make


def _explosion(rng):
    """A packet for each way to miss all of the attacker's rules by one bit in each of three fields.

    A cache of wildcards that remembers how far it had to look makes a mask of each way (Csikor et
    al., Tuple Space Explosion, CoNEXT 2019).
    """
    flows = [frames.Flow(rules.TSE_SRC ^ 1 << a, frames.ip('10.1.1.1'), frames.TCP,
                         rules.TSE_SPORT ^ 1 << b, rules.TSE_DPORT ^ 1 << c)
             for a in range(32) for b in range(16) for c in range(16)]
    rng.shuffle(flows)
    return flows


def explosion(victim_flows):
    """The attack; with victim_flows as many packets of another tenant's plain flows beside it."""
    def make(rng, path, _root):
        attack = [_from_wire(f, VNI + 2, 'vxlan') for f in _explosion(rng)]
        tenants = [Tenant(1, VNI + 1, rules.to_port()), Tenant(2, VNI + 2, rules.tse())]
        flows = filters.flows(rng, victim_flows) if victim_flows else []
        victim = [_from_wire(f, VNI + 1, 'vxlan') for f in flows]
        while victim and len(victim) < len(attack):
            victim += victim
        source = _capture(rng, path, attack + victim[:len(attack)])
        return Inputs('decap', 'vxlan', tenants, source, len(attack) + victim_flows, ports=2)
    return make


def attack_beside(victim_flows):
    """A victim's flows without end at one uplink, the attack at another; also harmless packets, as many
    flows that all hit the attacker's first rule, which may take its place: (Inputs, Variants)."""
    def make(rng, path, _root):
        tenants = [Tenant(1, VNI + 1, rules.to_port()), Tenant(2, VNI + 2, rules.tse())]
        victim = _capture(rng, path, (_from_wire(f, VNI + 1, 'vxlan')
                                      for f in filters.flows(rng, victim_flows)))

        def at_second_uplink(name, flows):
            frames_of = [(_from_wire(f, VNI + 2, 'vxlan'), (0, 0)) for f in flows]
            return replace(_variants(rng, f'{path}.{name}', frames_of, len(frames_of)), name='second')
        attack = at_second_uplink('attack', _explosion(rng))
        harmless = at_second_uplink('harmless', [
            f._replace(proto=frames.TCP, dport=rules.TSE_DPORT)
            for f in filters.flows(rng, attack.packets)])
        return Inputs('decap', 'vxlan', tenants, victim, victim_flows + attack.packets, ports=2,
                      second=attack), harmless
    return Scenario('attack-beside', '', make)


def access_list(family, size, count):
    def make(rng, path, root):
        directory = classbench.directory(root)
        found = (classbench.load(directory, family, size) if directory
                 else classbench.stand_in(rng, family, count))
        source = _capture(rng, path, (_from_wire(f, VNI, 'vxlan') for f in found.trace))
        return Inputs('decap', 'vxlan', [Tenant(1, VNI, rules.access_list(found.filters))], source,
                      len(set(found.trace)), notes=[f'filters: {found.source}'])
    return make


SCENARIOS = [
    Scenario('encap-1', 'encap, one rule, 1 flow', encapsulation(1)),
    Scenario('encap-1k', 'encap, one rule, 1,000 flows', encapsulation(1000), quick=True),
    Scenario('encap-100k', 'encap, one rule, 100,000 flows', encapsulation(100000)),
    Scenario('encap-nvgre', 'encap NVGRE, one rule, 1,000 flows', encapsulation(1000, 'nvgre'),
             quick=True),
    Scenario('decap-1', 'decap to a port, 1 flow', decapsulation(1)),
    Scenario('decap-1k', 'decap to a port, 1,000 flows', decapsulation(1000), quick=True),
    Scenario('decap-100k', 'decap to a port, 100,000 flows', decapsulation(100000), quick=True),
    Scenario('decap-nvgre', 'decap NVGRE to a port, 1,000 flows', decapsulation(1000, 'nvgre'),
             quick=True),
    Scenario('decap-ports', f'decap, {PORTS_MAX} VNIs to {PORTS_MAX} ports, interleaved',
             many_ports(PORTS_MAX, 36)),
    Scenario('decap-ports-100', 'decap, 100 VNIs to 100 ports, interleaved', many_ports(100, 36)),
    Scenario('decap-vnis', 'decap, 100 VNIs, interleaved, to rules that drop', many_vnis(100, 3600)),
    Scenario('pipeline-10k', 'decap, three tables, 1,000 rules of 90 shapes, 10,000 flows',
             pipeline(1, 1000, 90, 10000), quick=True),
    Scenario('pipeline', 'decap, three tables, 1,000 rules of 90 shapes, 100,000 flows',
             pipeline(1, 1000, 90, 100000)),
    Scenario('tenants', 'the same, 1,000 tenants of 100 rules, 100,000 flows, last rule drops',
             pipeline(1000, 100, 90, 100000)),
    Scenario('decap-1m', 'decap to a port, 1,000,000 flows (memif)', decapsulation(100000, flows=1000000)),
    Scenario('decap-new', 'decap to a port, every packet a new five-tuple (memif)',
             decapsulation(100000, flows=0)),
    Scenario('pipeline-1m', 'decap, three tables, 1,000 rules of 90 shapes, 1,000,000 flows (memif)',
             pipeline(1, 1000, 90, 100000, flows=1000000)),
    Scenario('tenants-1m', 'the same, 1,000 tenants of 100 rules, 1,000,000 flows (memif)',
             pipeline(1000, 100, 90, 100000, flows=1000000)),
    Scenario('tenants-new', 'the same, every packet a new five-tuple (memif)',
             pipeline(1000, 100, 90, 100000, flows=0)),
    Scenario('tenants-ports', 'the same, but only the source port is new (memif)',
             pipeline(1000, 100, 90, 100000, flows=0, clients=False)),
    Scenario('tse', 'decap, tuple space explosion of three rules, 8,192 flows', explosion(0)),
    Scenario('tse-half', "the same, half of the packets another tenant's, of 1,000 flows to a port",
             explosion(1000)),
    Scenario('acl1', 'decap, ClassBench acl1, 10,000 filters, its trace',
             access_list('acl1', '10k', 10000)),
    Scenario('ipc1', 'decap, ClassBench ipc1, 10,000 filters, its trace',
             access_list('ipc1', '10k', 10000)),
    Scenario('fw1', 'decap, ClassBench fw1, 10,000 filters, its trace',
             access_list('fw1', '10k', 10000)),
]

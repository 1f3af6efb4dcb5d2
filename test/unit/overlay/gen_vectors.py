#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Holds the overlay library against scapy, both ways, on random tunnels and frames.

usage: gen_vectors.py VECTOR_TOOL

Exits 77 (skipped) if scapy is not installed. WEFT_SEED repeats a run.
"""
import os
import random
import subprocess
import sys

try:
    from scapy.all import (Dot1Q, Ether, GRE, ICMP, IP, IPv6, IPv6ExtHdrDestOpt, IPv6ExtHdrFragment,
                           IPOption_NOP, Raw, TCP, UDP, fragment, fragment6)
    from scapy.layers.vxlan import VXLAN
except ImportError as missing:
    print(f"SKIPPED: {missing}; install python3-scapy")
    sys.exit(77)

ROUNDS = 250
US = {4: "198.51.100.1", 6: "2001:db8::1"}
VTEP = {4: "198.51.100.2", 6: "2001:db8::2"}
ETHER = {"src": "02:00:00:00:00:01", "dst": "02:00:00:00:00:02"}


def random_inner(rng):
    ip = rng.choice([IP(src="10.0.0.1", dst="10.0.0.2", ttl=rng.randint(1, 255)),
                     IPv6(src="fd01::1", dst="fd01::2")])
    l4 = rng.choice([TCP(sport=rng.randrange(65536)), UDP(sport=rng.randrange(65536)), ICMP()])
    payload = Raw(rng.randbytes(rng.choice([0, 1, 18, rng.randrange(1400), rng.randrange(8900)])))
    return bytes(Ether(src="02:aa:00:00:00:01", dst="02:aa:00:00:00:02") / ip / l4 / payload)


class Tunnel:
    """A random tunnel, as arguments of the tool and as layers of scapy."""

    def __init__(self, rng):
        self.encap = rng.choice(["vxlan", "nvgre"])
        self.family = rng.choice([4, 6])
        self.id = rng.randint(0x1000, 0xfffffe)
        self.vid = rng.choice([0, rng.randint(1, 4094)])
        self.ttl = rng.randint(1, 255)
        self.dscp = rng.randrange(64)
        self.csum = rng.choice([False, True])
        self.hash = rng.randrange(1 << 32)
        self.ip_id = rng.randrange(1 << 16)

    def args(self, inner):
        return (f"encap {self.encap} {self.id} {US[self.family]} {VTEP[self.family]} {self.vid} "
                f"{self.ttl} {self.dscp} 4789 {int(self.csum)} {self.hash} {self.ip_id} "
                f"{inner.hex()}")

    def ip(self, ecn=0, **more):
        if self.family == 4:
            return IP(src=US[4], dst=VTEP[4], id=self.ip_id, flags="DF", ttl=self.ttl,
                      tos=self.dscp << 2 | ecn, **more)
        return IPv6(src=US[6], dst=VTEP[6], hlim=self.ttl, tc=self.dscp << 2 | ecn,
                    fl=self.hash >> 12 or 1)

    def shim(self):
        if self.encap == "nvgre":
            return GRE(key_present=1, proto=0x6558, key=self.id << 8 | self.hash >> 24)
        udp = UDP(sport=49152 + (self.hash * 16384 >> 32), dport=4789)
        if not self.csum:
            udp.chksum = 0
        return udp / VXLAN(flags=0x08, vni=self.id)

    def link(self):
        return Ether(**ETHER) / Dot1Q(vlan=self.vid) if self.vid else Ether(**ETHER)

    def frame(self, inner):
        return bytes(self.link() / self.ip() / self.shim() / Raw(inner))

    def answer(self, inner, ecn=0):
        flow_id = self.hash >> 24 if self.encap == "nvgre" else 0
        return (f"inner {self.encap} {self.id} {flow_id} {self.dscp << 2 | ecn} {self.ttl} "
                f"{self.vid} {US[self.family]} {VTEP[self.family]} {inner.hex()}")


def encap_cases(rng):
    """What we send is byte for byte what scapy would build."""
    for _ in range(ROUNDS):
        tunnel, inner = Tunnel(rng), random_inner(rng)
        yield tunnel.args(inner), tunnel.frame(inner).hex()


def decap_cases(rng):
    """What scapy builds, with what it allows around it, is what we read."""
    for _ in range(ROUNDS):
        tunnel, inner, ecn = Tunnel(rng), random_inner(rng), rng.randrange(4)
        more = {"options": [IPOption_NOP()] * rng.randrange(40)} if tunnel.family == 4 else {}
        layers = tunnel.link() / tunnel.ip(ecn, **more)
        if tunnel.family == 6 and rng.random() < 0.5:
            layers = layers / rng.choice([IPv6ExtHdrDestOpt(), IPv6ExtHdrFragment(m=0, offset=0)])
        padding = bytes(rng.randrange(46))
        yield ("decap " + (bytes(layers / tunnel.shim() / Raw(inner)) + padding).hex(),
               tunnel.answer(inner, ecn))


def drop_cases(rng):
    """Malformed on purpose, with scapy's checksums right around the fault."""
    def outer(l4, **ip):
        return "decap " + bytes(Ether(**ETHER) / IP(src=US[4], dst=VTEP[4], **ip) / l4).hex()

    inner = Raw(random_inner(rng))
    vxlan = UDP(sport=50000, dport=4789) / VXLAN(flags=8, vni=1) / inner
    nvgre = {"key_present": 1, "proto": 0x6558, "key": 0x123456 << 8}
    yield outer(vxlan, chksum=1), "drop outer-bad-ip"
    yield outer(vxlan, len=30000), "drop outer-bad-ip"
    yield outer(vxlan, flags="MF"), "drop outer-fragment"
    yield outer(vxlan, frag=1), "foreign"
    yield outer(UDP(dport=4789, chksum=1) / VXLAN(flags=8, vni=1) / inner), "drop outer-bad-udp"
    yield outer(UDP(dport=4789, len=7) / VXLAN(flags=8, vni=1) / inner), "drop outer-bad-udp"
    yield outer(UDP(dport=4789) / VXLAN(flags=8, vni=1) / Raw(bytes(13))), "drop vxlan-truncated"
    yield outer(UDP(dport=4789) / VXLAN(flags=0xf7, vni=1) / inner), "drop vxlan-no-vni"
    yield outer(GRE(**nvgre) / Raw(bytes(13))), "drop nvgre-truncated"
    yield outer(GRE(proto=0x6558) / inner), "drop nvgre-bad-flags"
    yield outer(GRE(**nvgre, seqnum_present=1) / inner), "drop nvgre-bad-flags"
    yield outer(GRE(**nvgre, chksum_present=1) / inner), "drop nvgre-bad-flags"
    yield outer(GRE(**nvgre, version=1) / inner), "drop nvgre-bad-flags"
    yield outer(GRE(**(nvgre | {"key": 0xfff00})) / inner), "drop nvgre-reserved-vsid"
    yield outer(GRE(proto=0x0800) / IP() / ICMP()), "foreign"
    yield outer(TCP(dport=179)), "foreign"
    yield outer(UDP(dport=53) / Raw(b"x")), "foreign"


def check(tool, cases):
    commands, wanted = zip(*cases)
    run = subprocess.run([tool], input="\n".join(commands) + "\n", text=True, check=True,
                         stdout=subprocess.PIPE)
    answers = run.stdout.splitlines()
    assert len(answers) == len(wanted), f"{len(answers)} answers to {len(wanted)} commands"
    for command, want, got in zip(commands, wanted, answers):
        if want != got:
            sys.exit(f"FAILED\ncommand {command}\nscapy   {want}\nwe      {got}")
    return len(wanted)


def check_fragments(tool, rng):
    """All fragments of a datagram, as scapy cuts them, hash alike; other datagrams do not."""
    link, data = Ether(**ETHER), Raw(rng.randbytes(3000))
    whole4 = IP(src="10.0.0.1", dst="10.0.0.2", id=7) / UDP(sport=1, dport=2) / data
    whole6 = (IPv6(src="fd01::1", dst="fd01::2") / IPv6ExtHdrFragment(id=7) /
              UDP(sport=1, dport=2) / data)
    for pieces in (fragment(whole4, fragsize=800), fragment6(whole6, 1280)):
        assert len(pieces) > 2
        lines = ["hash " + bytes(link / piece).hex() for piece in pieces]
        run = subprocess.run([tool], input="\n".join(lines) + "\n", text=True, check=True,
                             stdout=subprocess.PIPE)
        hashes = set(run.stdout.split())
        assert len(hashes) == 1, f"fragments hash to {hashes}"


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    seed = int(os.environ.get("WEFT_SEED", random.SystemRandom().randrange(1 << 32)))
    print(f"WEFT_SEED={seed}", flush=True)
    rng = random.Random(seed)
    for cases in (encap_cases, decap_cases, drop_cases):
        print(f"{cases.__name__}: {check(sys.argv[1], cases(rng))} as scapy has it")
    check_fragments(sys.argv[1], rng)


if __name__ == "__main__":
    main()

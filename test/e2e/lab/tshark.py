# SPDX-License-Identifier: Apache-2.0
"""Captures read back by Wireshark's dissectors: an opinion on our packets that is not ours."""
import functools
import json

from .process import run

# Checksums are verified wherever they may be wrong on the wire; Wireshark leaves that off because of
# offloading network cards, of which there is none here.
CHECKS = ['-o', 'ip.check_checksum:TRUE', '-o', 'udp.check_checksum:TRUE',
          '-o', 'udp.ignore_ipv6_zero_checksum:TRUE',  # RFC 6935 allows it to tunnels
          '-o', 'tcp.check_checksum:TRUE', '-o', 'sctp.checksum:crc32c',
          # Opinions on a TCP conversation (retransmissions, windows) are not about our bytes.
          '-o', 'tcp.analyze_sequence_numbers:FALSE',
          # OpenFlow quotes packets and messages cut short, and may be inside TLS on its own port.
          '--disable-protocol', 'openflow']
CHECKSUMS = ' || '.join(f'{protocol}.checksum.status == 0'
                        for protocol in ('ip', 'udp', 'icmp', 'icmpv6', 'sctp', 'gre'))
# Where an interface does not sum, Linux does (skb_checksum_help()), and says 0xffff where a TCP segment's sum is 0x0000 by
# RFC 1624, 3; who adds it up finds both right. Ours never does (test_zero_sum.c), but carries what machines have sent.
ONES_FOR_ZERO = '(tcp.checksum.ffff && !tcp.checksum_bad.expert && _ws.expert.group === 0x01000000)'
TCP_CHECKSUM = f'(tcp.checksum.status == 0 && !{ONES_FOR_ZERO})'
# What RFC 7348, 5 and RFC 7637, 3.2 say is sent as zero.
RESERVED = ('(vxlan && (vxlan[0:4] != 08:00:00:00 || vxlan[7:1] != 00)) || '
            '(gre.proto == 0x6558 && gre[0:2] != 20:00)')
# Wireshark's warnings and errors, but for what a conversation may rightly do: TCP's opinions on
# sequence numbers (group "Sequence"), resets, echo requests that nobody answered.
EXPERT = ('_ws.expert.severity >= 6291456 && _ws.expert.group != 0x02000000 && '
          '!(tcp.connection.rst || icmp.resp_not_found || arp.duplicate-address-detected)')
WRONG = f'_ws.malformed || _ws.short || {CHECKSUMS} || {TCP_CHECKSUM} || {RESERVED} || ({EXPERT} && !{ONES_FOR_ZERO})'


@functools.cache
def _no_guesses():
    """Wireshark guesses at the protocol of a payload whose port says nothing; of random bytes it takes
    some for a protocol, broken."""
    guesses = (line.split('\t') for line in run(['tshark', '-G', 'heuristic-decodes']).splitlines())
    return [word for parent, name, _ in guesses if parent in ('tcp', 'udp')
            for word in ('--disable-protocol', name)]


def _tshark(pcap, display_filter, *options):
    """What tshark says of a capture, read with our checks."""
    chosen = ['-Y', display_filter] if display_filter else []
    return run(['tshark', '-n', '-r', pcap, *CHECKS, *_no_guesses(), *chosen, *options], timeout=120)


def read(pcap, display_filter='', fields=(), options=()):
    """Rows of the fields of each frame that the filter selects (a list of lists of text)."""
    args = [*options, '-T', 'fields', '-E', 'separator=/t', '-E', 'occurrence=a', '-E', 'aggregator=,']
    for field in fields or ('frame.number',):
        args += ['-e', field]
    return [line.split('\t') for line in _tshark(pcap, display_filter, *args).splitlines()]


def count(pcap, display_filter=''):
    return len(read(pcap, display_filter))


def details(pcap, display_filter, limit=3):
    """For people: the full dissection of the first frames that a filter selects."""
    return _tshark(pcap, display_filter, '-V', '-x')[:4000 * limit]


def packets(pcap, display_filter=''):
    """The frames as tshark's JSON, layer by layer."""
    return json.loads(_tshark(pcap, display_filter, '-T', 'json', '--no-duplicate-keys') or '[]')


def assert_clean(pcap, display_filter=''):
    """Nothing that was sent is malformed, has a wrong checksum or worries Wireshark."""
    wrong = f'({WRONG})'
    if display_filter:
        wrong = f'({display_filter}) && {wrong}'
    bad = read(pcap, wrong, ('frame.number', '_ws.col.Info', '_ws.expert.message'))
    assert not bad, f'{pcap}: {len(bad)} bad frames, the first ones: {bad[:5]}\n' \
        f'{details(pcap, f"frame.number == {bad[0][0]}")}'

#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Holds the OpenFlow codec against os-ken's, in both directions: of_against_osken.py OF_TOOL [SEED]

What os-ken writes, ours must read and write again byte by byte, and call every field by the same value.
What ours writes at random, os-ken must read, find the same values in, and write again the same.
"""
import json
import signal
import subprocess
import sys
import time

try:
    from os_ken.ofproto import ofproto_parser, ofproto_v1_3_parser
    import of_samples
except ImportError as e:
    print(f'os-ken is not installed: {e}')
    sys.exit(77)

RANDOM_MESSAGES = 1000

# os-ken hangs or stumbles over these, however well-formed.
OSKEN_LACKS = (
    'of_instruction_experimenter',  # parsed in an endless loop
    'of_hello_elem',                # its padding is not passed over
    'of_meter_band_experimenter',   # taken to be of fixed length
    'ffff5205',                     # pbb_uca, known by its older number only
)

# Fields that os-ken has no attribute for.
OSKEN_DROPS = {
    'of_flow_mod.importance', 'of_flow_stats.importance', 'of_error_msg.experimenter',
    'of_features_reply.reserved', 'of_action_id.experimenter', 'of_instruction_id.experimenter',
    'of_oxm_id.header', 'of_oxm_id.experimenter',
}


class Tool:
    def __init__(self, path):
        self.p = subprocess.Popen([path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, line):
        self.p.stdin.write(line + '\n')
        self.p.stdin.flush()

    def answer(self):
        line = self.p.stdout.readline().rstrip('\n')
        if line.startswith('error'):
            return line, None
        head, _, rest = line.partition(' ')
        return head, json.loads(rest) if rest else None


def parse(data):
    """os-ken's object; None for what only a switch reads, which os-ken can only write."""
    version, kind, length, xid = ofproto_parser.header(data)
    parser = ofproto_v1_3_parser._MSG_PARSERS.get(kind)
    return parser(of_samples.DP, version, kind, length, xid, data) if parser else None


def oxm_bytes(match):
    buf = bytearray()
    match.serialize(buf, 0)
    return bytes(buf[4:int.from_bytes(buf[2:4], 'big')]).hex()


def set_field_bytes(action):
    buf = bytearray()
    action.serialize(buf, 0)
    return bytes(buf[4:]).hex()


class Comparison:
    """Walks our JSON and os-ken's object side by side; counts what it compared."""

    def __init__(self):
        self.compared, self.text = 0, False

    def same(self, path, ours, theirs):
        self.compared += 1
        if ours != theirs:
            raise AssertionError(f'{path}: ours {ours!r}, os-ken {theirs!r}')

    def value(self, path, ours, theirs):
        if isinstance(ours, dict):
            return self.struct(path, ours, theirs)
        if isinstance(ours, list) and ours and isinstance(ours[0], dict):
            self.same(f'{path}: elements', len(ours), len(theirs))
            for i, (a, b) in enumerate(zip(ours, theirs)):
                self.value(f'{path}[{i}]', a, b)
            return None
        if hasattr(theirs, 'serialize') and isinstance(ours, str):
            return self.same(path, ours, oxm_bytes(theirs))
        if isinstance(theirs, (bytes, bytearray)):
            text = theirs.rstrip(b'\0')
            return self.same(path, ours, text.decode('ascii') if self.text else bytes(theirs).hex())
        if isinstance(theirs, str) and theirs.count(':') == 5:
            return self.same(path, ours, theirs.replace(':', ''))
        if theirs is None or isinstance(theirs, list) and not theirs:
            return self.same(path, ours or None, None)
        if isinstance(theirs, list) and isinstance(ours, str):  # bytes or words of experimenter data
            digits = len(ours) // len(theirs)
            return self.same(path, ours, ''.join(f'{x:0{digits}x}' for x in theirs))
        return self.same(path, ours, theirs)

    def struct(self, path, ours, theirs):
        kind = ours['struct']
        if isinstance(theirs, int):  # a table id, a version bitmap's word
            return self.same(path, next(v for k, v in ours.items() if k != 'struct'), theirs)
        if kind == 'of_action_set_field':
            return self.same(path, ours['field'], set_field_bytes(theirs)[:len(ours['field'])])
        for name, value in ours.items():
            self.field(path, kind, name, value, theirs)
        return None

    def field(self, path, kind, name, value, theirs):
        if name == 'struct':
            return None
        self.text = name in ('name', 'mfr_desc', 'hw_desc', 'sw_desc', 'serial_num', 'dp_desc')
        if kind == 'of_error_msg' and name == 'code' and theirs.code is None:
            name = 'exp_type'
        body = getattr(theirs, 'body', None)
        for holder in (theirs, body, body[0] if body and isinstance(body, list) else None):
            if hasattr(holder, name):
                return self.value(f'{path}.{name}', value, getattr(holder, name))
        assert f'{kind}.{name}' in OSKEN_DROPS, f'os-ken has no {kind}.{name}'
        return None


def theirs_to_ours(tool, c):
    for name, message, data in of_samples.serialized():
        tool.ask(f'decode {data.hex()}')
        answer, ours = tool.answer()
        assert answer == data.hex(), f'{name}:\nos-ken {data.hex()}\nours   {answer}'
        c.struct(name, ours, message)


def ours_to_theirs(tool, c, seed):
    kinds = set()
    tool.ask(f'random {seed} {RANDOM_MESSAGES}')
    for _ in range(RANDOM_MESSAGES):
        answer, ours = tool.answer()
        if any(x in json.dumps(ours) for x in OSKEN_LACKS):
            continue
        signal.alarm(5)  # an endless loop there is a failure here
        theirs = parse(bytes.fromhex(answer))
        if theirs is not None:
            c.struct(ours['struct'], ours, theirs)
            kinds.add(ours['struct'])
    signal.alarm(0)
    assert len(kinds) >= 24, f'too few kinds of messages: {sorted(kinds)}'


def matches(tool):
    """What os-ken matches, by way of the neutral match, is the same match."""
    for fields in of_samples.MATCHES:
        oxm = oxm_bytes(of_samples.p.OFPMatch(**fields))
        tool.ask(f'match {oxm}')
        answer = tool.answer()[0]
        back = of_samples.p.OFPMatch.parser(
            bytes.fromhex(f'0001{4 + len(answer) // 2:04x}{answer}') + bytes(8), 0)
        want = {k: v for k, v in of_samples.p.OFPMatch(**fields).items()}
        want.update({k: v[0] for k, v in want.items() if k in EXACT and isinstance(v, tuple)})
        assert dict(back.items()) == want, f'{want} came back as {dict(back.items())}'


EXACT = ('pbb_isid',)  # given with a mask of all ones


def main(tool_path, seed=None):
    tool, c = Tool(tool_path), Comparison()
    seed = int(seed or time.time_ns() & 0xffffffff)
    print(f'seed {seed}')
    theirs_to_ours(tool, c)
    matches(tool)
    ours_to_theirs(tool, c, seed)
    print(f'{c.compared} values agree')


if __name__ == '__main__':
    main(*sys.argv[1:])

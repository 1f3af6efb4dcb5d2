# SPDX-License-Identifier: Apache-2.0
"""Each error code that OpenFlow 1.0, 1.3, 1.4 and 1.5 have: drawn from the whole switch by a message that
deserves it, or listed here with the reason why nothing draws it. The codes come from the codec's own
description, so that none is forgotten.

A way to draw a code is a function of a Client: it sends what must come before, and returns the bytes of
the message that must be answered with exactly this type and code, quoted, under its xid.
"""
import os
import re
import struct

import pytest

from lab.weft import WeftHost
from ofclient import Client, header, hello
from sessionserver import ROOT

pack = struct.pack
XID = 0x99
NONE = 0xffffffff


# ---- the codes

def described():
    """{(type name, code name): (type, code, first version, last version)}"""
    text = open(os.path.join(ROOT, 'ctrlagent/openflow/spec/errors.ofd'), encoding='utf-8').read()
    types = dict(re.findall(r'(\w+) = (\d+|0x\w+)', re.search(r'of_error_type[^{]*{([^}]*)}', text)[1]))
    codes = {}
    for kind, prefix, body in re.findall(r'enum \w+ error (\w+) : (\w+) {([^}]*)}', text):
        for name, number, low, high in re.findall(r'(\w+) = (\d+)(?: \[(\d)(?:-(\d?))?\])?;', body):
            single = low and f'{name} = {number} [{low}]' in body
            codes[f'{prefix}_{name}'] = (int(types[kind], 0), int(number), int(low or 4),
                                         int(low) if single else int(high or 6))
    return codes


CODES = {name: code for name, code in described().items()
         if not name.startswith(('ONFERR', 'OFPBFC'))}  # of 1.3's extensions; of bundles: below


# ---- building blocks, in wire order

def message(c, kind, body=b''):
    return header(c.version, kind, XID, body)


def multipart(c, kind, body=b'', flags=0):
    if c.version == 1:
        return message(c, 16, pack('!HH', kind, flags) + body)
    return message(c, 18, pack('!HH4x', kind, flags) + body)


def padded(data, to=8):
    return data + bytes(-len(data) % to)


def match(oxm=b'', kind=1):
    return padded(pack('!HH', kind, 4 + len(oxm)) + oxm)


def oxm(field, value, cls=0x8000, masked=0):
    return pack('!HBB', cls, field << 1 | masked, len(value)) + value


IN_PORT, IN_PHY_PORT, METADATA, ETH_TYPE, VLAN_VID, IPV4_SRC, TUNNEL_ID = 0, 1, 2, 5, 6, 11, 38
IPV4 = oxm(ETH_TYPE, b'\x08\0')


def action(kind, body=bytes(4)):
    return pack('!HH', kind, 4 + len(body)) + body


def output(port):
    return action(0, pack('!IH6x', port, 0xffff))


def set_field(tlv):
    whole = padded(pack('!HH', 25, 0) + tlv)
    return whole[:2] + pack('!H', len(whole)) + whole[4:]


def instruction(kind, body=bytes(4)):
    return pack('!HH', kind, 4 + len(body)) + body


def apply(*actions):
    return instruction(4, bytes(4) + b''.join(actions))


def flow(c, oxms=b'', instructions=b'', command=0, table=0, priority=1, flags=0, buffer=NONE,
         idle=0, matched=None):
    return message(c, 14, pack('!QQBBHHHIIIHH', 0, 0, table, command, idle, 0, priority, buffer, NONE,
                               NONE, flags, 0) + (matched or match(oxms)) + instructions)


def acts(*actions, **kw):
    return lambda c: flow(c, instructions=apply(*actions), **kw)


def bucket(c, number=0, actions=b'', weight=0, watch=NONE, length=None):
    if c.version == 6:
        properties = pack('!HHI', 1, 8, watch) if watch != NONE else b''
        body = pack('!HI', len(actions), number) + actions + properties
    else:
        body = pack('!HII4x', weight, watch, NONE) + actions
    return pack('!H', length or 2 + len(body)) + body


def group(c, number=1, command=0, kind=0, buckets=(), which=NONE):
    body = b''.join(bucket(c, **b) for b in buckets)
    late = pack('!HxxI', len(body), which) if c.version == 6 else b''
    return message(c, 15, pack('!HBxI', command, kind, number) + late + body)


def to_group(number):
    return {'actions': action(22, pack('!I', number))}


def band(kind=1, rate=100, burst=0, tail=bytes(4)):
    return pack('!HHII', kind, 12 + len(tail), rate, burst) + tail


def meter(c, number=1, command=0, flags=1, bands=(band(),)):
    return message(c, 29, pack('!HHI', command, flags, number) + b''.join(bands))


def packet_out(c, port=0xfffffffd, data=bytes(60), buffer=NONE, oxms=None):
    if c.version == 1:
        return message(c, 13, pack('!IHH', buffer, port & 0xffff, 0) + data)
    if c.version == 6:
        fields = oxm(IN_PORT, pack('!I', port)) if oxms is None else oxms
        return message(c, 13, pack('!IHxx', buffer, 0) + match(fields) + data)
    return message(c, 13, pack('!IIH6x', buffer, port, 0) + data)


def port_mod(c, port=1, mac=None, config=0, advertise=0):
    address = c.mac if mac is None else mac
    if c.version == 1:
        return message(c, 15, pack('!H6sIII4x', port, address, config, config, advertise))
    late = pack('!HHI', 0, 8, advertise) if c.version > 4 else pack('!I4x', advertise)
    return message(c, 16, pack('!I4x6sxxII', port, address, config, config) + late)


def role(c, which, generation=0, short=0):
    return message(c, 24, pack('!IHxxQ', which, short, generation))


def table_features(c, table=0, command=0, features=1, capabilities=0, most=1, properties=b''):
    size = 64 + len(properties)
    head = pack('!HBBI', size, table, command, features) if c.version == 6 else \
        pack('!HB5x', size, table)
    return head + pack('!32sQQII', b'x', 0, 0, capabilities, most) + properties


def features(**kw):
    return lambda c: multipart(c, 12, table_features(c, **kw))


def monitor(c, number=1, command=0, flags=2, port=NONE):
    """Of what is added, in 1.4 and 1.5."""
    return multipart(c, 16, pack('!IIIHBB', number, port, NONE, flags, 0xff, command) + match())


def after(*before, then):
    """`then` once these have been sent."""
    def draw(c):
        for build in before:
            c.send_raw(build(c))
        return then(c)
    return draw


def bad_table_type(c):
    return table_mod(c, pack('!HHI', 77, 8, 0))


def table_mod(c, properties=b'', config=0):
    return message(c, 17, pack('!B3xI', 0, config) + properties)


def set_async(*properties):
    return lambda c: message(c, 28, b''.join(properties))


# ---- how each is drawn

DRAWN = {
    'OFPBRC_BAD_VERSION': lambda c: header(2, 5, XID),
    'OFPBRC_BAD_TYPE': lambda c: message(c, 99),
    'OFPBRC_BAD_MULTIPART': lambda c: multipart(c, 99),
    'OFPBRC_BAD_EXPERIMENTER': lambda c: message(c, 4, pack('!II', 0xabcdef, 1)),
    'OFPBRC_BAD_EXP_TYPE': lambda c: message(c, 4, pack('!II', 0x2320, 9999)),
    'OFPBRC_EPERM': lambda c: message(c, 4, pack('!III', 0x2320, 12, 77)),  # no such flow format
    'OFPBRC_BAD_LEN': lambda c: message(c, 5, bytes(3)),
    'OFPBRC_BUFFER_UNKNOWN': lambda c: packet_out(c, buffer=3),
    'OFPBRC_IS_SLAVE': after(lambda c: role(c, 3), then=flow),
    'OFPBRC_BAD_PORT': lambda c: packet_out(c, port=99),
    'OFPBRC_BAD_PACKET': lambda c: packet_out(c, data=bytes(5)),
    'OFPBRC_MULTIPART_BUFFER_OVERFLOW': after(
        lambda c: multipart(c, 12, bytes(60000), 1), then=lambda c: multipart(c, 12, bytes(60000), 1)),
    'OFPBRC_PIPELINE_FIELDS_ONLY': lambda c: packet_out(
        c, oxms=oxm(IN_PORT, pack('!I', 1)) + IPV4),

    'OFPBAC_BAD_TYPE': acts(action(200)),
    'OFPBAC_BAD_LEN': acts(action(0, bytes(4))),
    'OFPBAC_BAD_EXPERIMENTER': acts(action(0xffff, pack('!I', 0xabcdef))),
    'OFPBAC_BAD_EXP_TYPE': acts(action(0xffff, pack('!IH6x', 0x2320, 9999))),
    'OFPBAC_BAD_OUT_PORT': acts(output(0)),
    'OFPBAC_BAD_ARGUMENT': acts(action(17, pack('!Hxx', 0x1234))),  # push_vlan
    'OFPBAC_EPERM': acts(set_field(oxm(TUNNEL_ID, pack('!Q', 4711)))),
    'OFPBAC_TOO_MANY': acts(*[action(18)] * 1100),
    'OFPBAC_BAD_QUEUE': acts(action(21, pack('!I', NONE))),
    'OFPBAC_BAD_OUT_GROUP': acts(action(22, pack('!I', 99))),
    'OFPBAC_MATCH_INCONSISTENT': acts(set_field(oxm(IPV4_SRC, bytes(4)))),
    'OFPBAC_BAD_SET_TYPE': acts(set_field(oxm(IN_PHY_PORT, bytes(4)))),
    'OFPBAC_BAD_SET_LEN': acts(set_field(oxm(ETH_TYPE, bytes(3)))),
    'OFPBAC_BAD_SET_ARGUMENT': acts(set_field(oxm(VLAN_VID, b'\0\5'))),  # without OFPVID_PRESENT
    'OFPBAC_BAD_SET_MASK': acts(set_field(oxm(4, bytes(12), masked=1))),
    'OFPBAC_BAD_METER': acts(action(29, pack('!I', 99))),

    'OFPBIC_UNKNOWN_INST': lambda c: flow(c, instructions=instruction(200)),
    # A stat-trigger without a threshold.
    'OFPBIC_UNSUP_INST': lambda c: flow(c, instructions=instruction(7, pack('!IHH4x', 0, 0, 4))),
    'OFPBIC_BAD_TABLE_ID': lambda c: flow(c, table=5, instructions=instruction(1, b'\5\0\0\0')),
    'OFPBIC_BAD_EXPERIMENTER': lambda c: flow(
        c, instructions=instruction(0xffff, pack('!I', 0xabcdef))),
    'OFPBIC_BAD_LEN': lambda c: flow(c, instructions=instruction(1, bytes(12))),
    'OFPBIC_DUP_INST': lambda c: flow(c, instructions=2 * instruction(5)),

    'OFPBMC_BAD_TYPE': lambda c: flow(c, matched=match(kind=0)),
    'OFPBMC_BAD_LEN': lambda c: flow(c, oxm(ETH_TYPE, bytes(3))),
    'OFPBMC_BAD_WILDCARDS': lambda c: flow(c, oxm(METADATA, b'\1' * 8 + bytes(8), masked=1)),
    'OFPBMC_BAD_FIELD': lambda c: flow(c, oxm(120, bytes(4))),
    'OFPBMC_BAD_VALUE': lambda c: flow(c, oxm(VLAN_VID, b'\0\5')),
    'OFPBMC_BAD_MASK': lambda c: flow(c, oxm(ETH_TYPE, b'\x08\0\xff\0', masked=1)),
    'OFPBMC_BAD_PREREQ': lambda c: flow(c, oxm(IPV4_SRC, bytes(4))),
    'OFPBMC_DUP_FIELD': lambda c: flow(c, 2 * IPV4),

    'OFPFMFC_TABLE_FULL': after(*[lambda c, n=n: flow(c, priority=n) for n in range(10, 15)],
                                then=lambda c: flow(c, priority=20)),
    'OFPFMFC_BAD_TABLE_ID': lambda c: flow(c, table=255),
    'OFPFMFC_OVERLAP': after(flow, then=lambda c: flow(c, IPV4, flags=2)),
    'OFPFMFC_BAD_COMMAND': lambda c: flow(c, command=9),
    'OFPFMFC_BAD_FLAGS': lambda c: flow(c, flags=0x1000),

    'OFPGMFC_GROUP_EXISTS': after(group, then=group),
    'OFPGMFC_INVALID_GROUP': lambda c: group(c, 0xffffff01),
    'OFPGMFC_OUT_OF_GROUPS': after(*[lambda c, n=n: group(c, n) for n in range(1, 5)],
                                   then=lambda c: group(c, 9)),
    'OFPGMFC_LOOP': after(group, lambda c: group(c, 2, buckets=[to_group(1)]),
                          then=lambda c: group(c, 1, 1, buckets=[to_group(2)])),
    'OFPGMFC_UNKNOWN_GROUP': lambda c: group(c, 9, 1),
    'OFPGMFC_BAD_TYPE': lambda c: group(c, kind=9),
    'OFPGMFC_BAD_COMMAND': lambda c: group(c, command=99),
    'OFPGMFC_BAD_BUCKET': lambda c: group(c, buckets=[{'length': 4}]),
    'OFPGMFC_BAD_WATCH': lambda c: group(c, kind=3, buckets=[{'watch': 99}]),
    'OFPGMFC_UNKNOWN_BUCKET': after(group, then=lambda c: group(c, command=5, which=7)),
    'OFPGMFC_BUCKET_EXISTS': after(
        lambda c: group(c, buckets=[{'number': 7}]),
        then=lambda c: group(c, command=3, which=0xfffffffe, buckets=[{'number': 7}])),

    'OFPPMFC_BAD_PORT': lambda c: port_mod(c, 99),
    'OFPPMFC_BAD_HW_ADDR': lambda c: port_mod(c, mac=b'\2wrong'),
    'OFPPMFC_BAD_CONFIG': lambda c: port_mod(c, config=0x100),
    'OFPPMFC_BAD_ADVERTISE': lambda c: port_mod(c, advertise=1),

    'OFPTMFC_BAD_CONFIG': lambda c: table_mod(c, config=0x100),

    'OFPQOFC_BAD_PORT': lambda c: multipart(c, 5, pack('!II', 99, NONE)),
    'OFPQOFC_BAD_QUEUE': lambda c: multipart(c, 5, pack('!II', 1, 7)),

    'OFPSCFC_BAD_FLAGS': lambda c: message(c, 9, pack('!HH', 2, 128)),  # OFPC_FRAG_REASM

    'OFPRRFC_STALE': after(lambda c: role(c, 3, 9), then=lambda c: role(c, 3, 8)),
    'OFPRRFC_BAD_ROLE': lambda c: role(c, 9),

    'OFPMMFC_METER_EXISTS': after(meter, then=meter),
    'OFPMMFC_INVALID_METER': lambda c: meter(c, 0),
    'OFPMMFC_UNKNOWN_METER': lambda c: meter(c, 9, 1),
    'OFPMMFC_BAD_COMMAND': lambda c: meter(c, command=9),
    'OFPMMFC_BAD_FLAGS': lambda c: meter(c, flags=3),
    'OFPMMFC_BAD_RATE': lambda c: meter(c, bands=[band(rate=0)]),
    'OFPMMFC_BAD_BURST': lambda c: meter(c, flags=5, bands=[band(burst=0)]),
    'OFPMMFC_BAD_BAND': lambda c: meter(c, bands=[band(kind=9)]),
    'OFPMMFC_BAD_BAND_VALUE': lambda c: meter(c, bands=[band(2, tail=b'\x09\0\0\0')]),
    'OFPMMFC_OUT_OF_METERS': after(*[lambda c, n=n: meter(c, n) for n in range(1, 5)],
                                   then=lambda c: meter(c, 9)),
    'OFPMMFC_OUT_OF_BANDS': lambda c: meter(c, bands=[band(rate=n) for n in range(1, 18)]),

    'OFPTFFC_BAD_TABLE': features(table=255),
    'OFPTFFC_BAD_TYPE': features(properties=pack('!HH4x', 77, 4)),
    'OFPTFFC_BAD_LEN': features(properties=pack('!HH4x', 8, 2)),
    'OFPTFFC_BAD_ARGUMENT': features(properties=pack('!HHHH', 0, 8, 99, 4)),
    'OFPTFFC_EPERM': features(),
    'OFPTFFC_BAD_CAP': features(capabilities=0x100),
    'OFPTFFC_BAD_MAX_ENT': features(most=1000),
    'OFPTFFC_BAD_FEATURES': features(features=0x100),
    'OFPTFFC_BAD_COMMAND': features(command=9),
    'OFPTFFC_TOO_MANY': lambda c: multipart(c, 12, table_features(c) * 256),

    'OFPBPC_BAD_TYPE': bad_table_type,
    'OFPBPC_BAD_LEN': lambda c: table_mod(c, pack('!HHI', 2, 3, 0)),
    'OFPBPC_BAD_VALUE': lambda c: table_mod(c, pack('!HHI', 2, 8, 0x100)),
    'OFPBPC_DUP_TYPE': lambda c: table_mod(c, 2 * pack('!HHI', 2, 8, 1)),
    'OFPBPC_BAD_EXPERIMENTER': lambda c: table_mod(c, pack('!HHIII', 0xffff, 16, 7, 1, 0)),

    'OFPACFC_INVALID': set_async(pack('!HHI', 0, 8, 0x1000)),

    'OFPMOFC_UNKNOWN': after(*[lambda c, n=n: monitor(c, n) for n in range(64)],  # as many as a switch has
                             then=lambda c: monitor(c, 99)),
    'OFPMOFC_MONITOR_EXISTS': after(monitor, then=monitor),
    'OFPMOFC_UNKNOWN_MONITOR': lambda c: monitor(c, command=1),
    'OFPMOFC_BAD_COMMAND': lambda c: monitor(c, command=9),
    'OFPMOFC_BAD_FLAGS': lambda c: monitor(c, flags=0x8000),
    'OFPMOFC_BAD_OUT': lambda c: monitor(c, port=0),
}

# Errors that take a second session or the handshake, and have tests of their own.
ELSEWHERE = {
    'OFPBRC_MULTIPART_REQUEST_TIMEOUT': 'test_a_request_whose_rest_does_not_come()',
    'OFPHFC_INCOMPATIBLE': 'test_hello_failed()',
    'OFPRRFC_ID_IN_USE': 'test_openflow_1_5_messages.py, test_short_ids_of_1_5()',
}

NOT_DRAWN = {
    'OFPHFC_EPERM': 'who may connect is for TLS and the socket to say, before OpenFlow begins',
    'OFPBRC_BUFFER_EMPTY': 'packets are not kept, so that no buffer is known and none is empty',
    'OFPBRC_BAD_TABLE_ID': 'tables 0 to 254 are there, and 255 is all',
    'OFPBRC_MULTIPART_REPLY_TIMEOUT': 'the data plane tells to the end or is gone, and the session with it',
    'OFPBRC_MULTIPART_BAD_SCHED': 'multiparts cannot be added to a bundle at all',
    'OFPBRC_UNKNOWN': 'there is always a better word',
    'OFPBAC_UNSUPPORTED_ORDER': 'lists are executed in any order',
    'OFPBAC_BAD_TAG': 'a wrong ethertype to push is OFPBAC_BAD_ARGUMENT (1.3.5, 5.12)',
    'OFPBIC_UNSUP_METADATA': 'every bit of metadata can be written',
    'OFPBIC_UNSUP_METADATA_MASK': 'likewise',
    'OFPBIC_BAD_EXP_TYPE': 'no experimenter has instructions here',
    'OFPBIC_EPERM': 'what a tenant may not do is in actions',
    'OFPBMC_BAD_TAG': 'every tag can be matched',
    'OFPBMC_BAD_DL_ADDR_MASK': 'every mask of an address will do',
    'OFPBMC_BAD_NW_ADDR_MASK': 'likewise',
    'OFPBMC_EPERM': 'a tenant may match whatever reaches it',
    'OFPFMFC_UNKNOWN': 'out of memory',
    'OFPFMFC_EPERM': 'a tenant may change every rule of its own',
    'OFPFMFC_BAD_TIMEOUT': 'every timeout will do; drawn in 1.0',
    'OFPFMFC_CANT_SYNC': 'no table is synchronised with another',
    'OFPFMFC_BAD_PRIORITY': 'every priority will do',
    'OFPFMFC_IS_SYNC': 'no table is synchronised with another',
    'OFPGMFC_WEIGHT_UNSUPPORTED': 'weights are supported',
    'OFPGMFC_OUT_OF_BUCKETS': 'more than fit a message of 256 KiB of the control socket; test_buckets.c',
    'OFPGMFC_CHAINING_UNSUPPORTED': 'chaining is supported',
    'OFPGMFC_WATCH_UNSUPPORTED': 'watching is supported',
    'OFPGMFC_CHAINED_GROUP': 'a group that others use is deleted with the buckets that name it',
    'OFPGMFC_EPERM': 'a tenant may change every group of its own',
    'OFPPMFC_EPERM': 'likewise of ports',
    'OFPTMFC_BAD_TABLE': 'tables 0 to 254 are there, and 255 is all',
    'OFPTMFC_EPERM': 'a tenant may set its tables',
    'OFPQOFC_EPERM': 'there are no queues to be kept from',
    'OFPSCFC_BAD_LEN': 'every miss_send_len will do',
    'OFPSCFC_EPERM': 'a slave is refused by OFPBRC_IS_SLAVE',
    'OFPRRFC_UNSUP': 'every role is supported',
    'OFPRRFC_ID_UNSUP': 'short ids are supported',
    'OFPMMFC_UNKNOWN': 'out of memory',
    'OFPTFFC_BAD_METADATA': 'every bit of metadata is supported',
    'OFPBPC_TOO_MANY': 'a property given twice is OFPBPC_DUP_TYPE',
    'OFPBPC_BAD_EXP_TYPE': 'no experimenter has properties here',
    'OFPBPC_BAD_EXP_VALUE': 'likewise',
    'OFPBPC_EPERM': 'a tenant may set what can be set',
    'OFPACFC_UNSUPPORTED': 'every reason can be asked for',
    'OFPACFC_EPERM': 'every controller may say what it wants to hear',
    'OFPMOFC_INVALID_MONITOR': 'every number may name a monitor',
    'OFPMOFC_BAD_TABLE_ID': 'tables 0 to 254 are there, and 255 is all',
}
# Drawn in some of the versions only.
NOT_DRAWN_IN = {
    ('OFPBIC_UNSUP_INST', 4): 'every instruction of 1.3 is supported',
    ('OFPBIC_UNSUP_INST', 5): 'and of 1.4',
}


def codes_of(version):
    return {name: (kind, code) for name, (kind, code, low, high) in CODES.items()
            if low <= version <= high}


def test_no_code_is_forgotten():
    assert not set(DRAWN) & set(NOT_DRAWN)
    assert set(CODES) == set(DRAWN) | set(NOT_DRAWN) | set(ELSEWHERE)


NO_BUNDLE_DRAWS = {
    'UNKNOWN': 'whatever fails has a code of its own',
    'EPERM': 'who may not is a slave, and that has a code of its own: OFPBRC_IS_SLAVE',
    'BUNDLE_EXIST': 'to open an id that is open is BAD_ID (OpenFlow 1.4.1, 7.3.9)',
    'MSG_CONFLICT': 'whatever can be added can be done in order',
    'SCHED_NOT_SUPPORTED': 'every bundle may be scheduled',
}


def test_no_code_of_bundles_is_forgotten():
    here = os.path.dirname(__file__)
    tests = ''.join(open(os.path.join(here, f'test_{name}.py'), encoding='utf-8').read()
                    for name in ('bundles', 'scheduled_bundles'))
    names = {name.removeprefix('OFPBFC_') for name in described() if name.startswith('OFPBFC_')}
    drawn = {name for name in names if len(re.findall(rf'\b{name}\b', tests)) > 1}  # not only given a number
    assert names == drawn | set(NO_BUNDLE_DRAWS) and not drawn & set(NO_BUNDLE_DRAWS)


# ---- the switch

@pytest.fixture
def host(lab, fabric):
    h = WeftHost(lab, fabric, 1)
    h.switch('red', nulls=2, vni=5001, dpid=0xabc, quotas={'rules': 5, 'groups': 4, 'meters': 4})
    h.up()
    return h


def clear(c):
    if c.version == 1:
        c.send(c.flow(c.ofp.OFPFC_DELETE))
    else:
        c.send_raw(flow(c, command=3, table=255))
        c.send_raw(group(c, 0xfffffffc, 2))
        c.send_raw(meter(c, NONE, 2, bands=[]))
    settle(c)


def settle(c):
    """Until the switch has done all; replies to what came before do not matter."""
    xid = c.send(c.parser.OFPBarrierRequest(c.dp))
    while c.recv().xid != xid:
        pass


def draw(host, version, build, kind, code):
    """A fresh session draws one error; what came instead, or None."""
    with Client.connect(host.target, version=version) as c:
        c.mac = host.mac
        raw = build(c)
        c.send_raw(raw)
        settle(c)
        errors = [(e.type, e.code) for e in c.errors]
        quoted = [e for e in c.errors if bytes(e.data) and raw.startswith(bytes(e.data)[:64])]
        if errors == [(kind, code)] and quoted and c.errors[0].xid == XID:
            c.errors.clear()
            clear(c)
            return None
        return errors, [hex(e.xid) for e in c.errors]


@pytest.fixture
def mac(host):
    with Client.connect(host.target) as c:
        ports = c.multipart(c.parser.OFPPortDescStatsRequest(c.dp, 0))
    host.mac = bytes.fromhex(next(p for p in ports if p.port_no == 1).hw_addr.replace(':', ''))
    return host.mac


@pytest.mark.parametrize('version', [4, 5, 6], ids=['1.3', '1.4', '1.5'])
def test_each_code_is_drawn(host, mac, version):
    wrong = {}
    for name, (kind, code) in codes_of(version).items():
        if name not in DRAWN or (name, version) in NOT_DRAWN_IN:
            continue
        came = draw(host, version, DRAWN[name], kind, code)
        if came:
            wrong[name] = ((kind, code), came)
    assert not wrong


def test_hello_failed(host):
    for raw in (hello(2, None), hello(6, (2, 3)), hello(3, (7,))):
        with Client.open(host.target) as c:
            c.send_raw(raw)
            assert c.recv_raw()[1] == 0
            e = c.error()
            assert (e.type, e.code) == (0, 0) and b'no common version' in bytes(e.data)


@pytest.mark.parametrize('version', [5, 6], ids=['1.4', '1.5'])
def test_a_request_whose_rest_does_not_come(host, version):
    with Client.connect(host.target, version=version) as c:
        part = multipart(c, 12, table_features(c), flags=1)
        c.fails(part, 1, 14)
        c.send_raw(part)
        c.send_raw(multipart(c, 12, table_features(c)))
        e = c.error()
        assert (e.type, e.code) == (13, 5)  # it came: OFPTFFC_EPERM
        assert c.quiet(1.5)
    with Client.connect(host.target) as c:  # 1.3 has no word for it, and waits
        c.send_raw(multipart(c, 12, table_features(c), flags=1))
        assert c.quiet(1.5)


# ---- OpenFlow 1.0, whose types and codes are other ones (1.0.2, 5.4.4)

def flow_1_0(c, actions=b'', command=0, flags=0, idle=0, priority=1, wildcards=0x3fffff, dl_type=0,
             out=0xffff, buffer=NONE):
    matched = pack('!IH6s6sHBxHBB2xIIHH', wildcards, 0, b'', b'', 0, 0, dl_type, 0, 0, 0, 0, 0, 0)
    return message(c, 14, matched + pack('!QHHHHIHH', 0, command, idle, 0, priority, buffer, out,
                                         flags) + actions)


def acts_1_0(actions):
    return lambda c: flow_1_0(c, actions)


DRAWN_1_0 = {
    'OFPBRC_BAD_VERSION': (1, 0, lambda c: header(4, 5, XID)),
    'OFPBRC_BAD_TYPE': (1, 1, lambda c: message(c, 99)),
    'OFPBRC_BAD_STAT': (1, 2, lambda c: multipart(c, 99)),
    'OFPBRC_BAD_VENDOR': (1, 3, lambda c: message(c, 4, pack('!II', 0xabcdef, 1))),
    'OFPBRC_BAD_SUBTYPE': (1, 4, lambda c: message(c, 4, pack('!II', 0x2320, 9999))),
    'OFPBRC_EPERM': (1, 5, lambda c: message(c, 4, pack('!III', 0x2320, 12, 77))),
    'OFPBRC_BAD_LEN': (1, 6, lambda c: message(c, 5, bytes(3))),
    'OFPBRC_BUFFER_UNKNOWN': (1, 8, lambda c: packet_out(c, buffer=3)),
    'OFPBAC_BAD_TYPE': (2, 0, acts_1_0(action(200))),
    'OFPBAC_BAD_LEN': (2, 1, acts_1_0(action(0, bytes(12)))),
    'OFPBAC_BAD_VENDOR': (2, 2, acts_1_0(action(0xffff, pack('!I', 0xabcdef)))),
    'OFPBAC_BAD_VENDOR_TYPE': (2, 3, acts_1_0(action(0xffff, pack('!IH6x', 0x2320, 9999)))),
    'OFPBAC_BAD_OUT_PORT': (2, 4, acts_1_0(action(0, pack('!HH', 0, 0)))),
    'OFPBAC_BAD_ARGUMENT': (2, 5, acts_1_0(action(1, pack('!Hxx', 0x1fff)))),  # set_vlan_vid
    'OFPBAC_EPERM': (2, 6, acts_1_0(action(0xffff, pack('!IHxxI', 0x2320, 2, 4711)))),  # set_tunnel
    'OFPBAC_TOO_MANY': (2, 7, acts_1_0(1100 * action(3))),
    'OFPBAC_BAD_QUEUE': (2, 8, acts_1_0(action(0xffff, pack('!IHxxI', 0x2320, 4, NONE)))),
    'OFPFMFC_ALL_TABLES_FULL': (3, 0, after(
        *[lambda c, n=n: flow_1_0(c, priority=n) for n in range(10, 15)],
        then=lambda c: flow_1_0(c, priority=20))),
    'OFPFMFC_OVERLAP': (3, 1, after(flow_1_0, then=lambda c: flow_1_0(
        c, flags=2, wildcards=0x3fffef, dl_type=0x800))),
    'OFPFMFC_BAD_EMERG_TIMEOUT': (3, 3, lambda c: flow_1_0(c, flags=4, idle=5)),
    'OFPFMFC_BAD_COMMAND': (3, 4, lambda c: flow_1_0(c, command=9)),
    'OFPFMFC_UNSUPPORTED': (3, 5, lambda c: flow_1_0(c, flags=0x80)),
    'OFPPMFC_BAD_PORT': (4, 0, lambda c: port_mod(c, 99)),
    'OFPPMFC_BAD_HW_ADDR': (4, 1, lambda c: port_mod(c, mac=b'\2wrong')),
    'OFPQOFC_BAD_PORT': (5, 0, lambda c: multipart(c, 5, pack('!HxxI', 99, NONE))),
    'OFPQOFC_BAD_QUEUE': (5, 1, lambda c: multipart(c, 5, pack('!HxxI', 1, 7))),
}
NOT_DRAWN_1_0 = {
    'OFPHFC_INCOMPATIBLE': 'test_hello_failed()',
    'OFPHFC_EPERM': 'as later', 'OFPBRC_BUFFER_EMPTY': 'as later',
    'OFPFMFC_EPERM': 'as later', 'OFPQOFC_EPERM': 'as later',
}


def test_no_code_of_1_0_is_forgotten():
    known = {1: 9, 2: 9, 3: 6, 4: 2, 5: 3, 0: 2}  # how many codes each type has
    assert len(DRAWN_1_0) + len(NOT_DRAWN_1_0) == sum(known.values())
    for kind, code, _ in DRAWN_1_0.values():
        assert code < known[kind]


def test_each_code_of_1_0_is_drawn(host, mac):
    wrong = {}
    for name, (kind, code, build) in DRAWN_1_0.items():
        came = draw(host, 1, build, kind, code)
        if came:
            wrong[name] = ((kind, code), came)
    assert not wrong

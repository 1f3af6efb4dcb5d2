# SPDX-License-Identifier: Apache-2.0
"""A controller on a plain socket: os-ken's encoders and decoders, and nothing of its framework.

    c = Client.connect('unix:/run/x.sock')          # hello is exchanged; OpenFlow 1.3
    c = Client.connect('unix:/run/x.sock', version=6)   # OpenFlow 1.5; 1 and 5 are 1.0 and 1.4
    c.send(c.parser.OFPFlowMod(c.dp, ...))           # returns the xid
    c.barrier()                                      # errors that came meanwhile: c.errors
    stats = c.multipart(c.parser.OFPFlowStatsRequest(c.dp))

Messages that are not an answer (packet-in, flow-removed, port-status, errors) are kept in
`c.events` and `c.errors`; echo requests are answered.
"""
import collections
import socket
import ssl
import struct
import time

from os_ken.ofproto import ofproto_parser, ofproto_protocol
from os_ken.ofproto import ofproto_v1_3 as ofp
from os_ken.ofproto import ofproto_v1_5_parser

HEADER = struct.Struct('!BBHI')
NAMES = {1: '1.0', 4: '1.3', 5: '1.4', 6: '1.5'}
# Packet-in, flow-removed, port, role and table status, request forward, controller status.
ASYNC = (10, 11, 12, 30, 31, 32, 35)


def end_where_it_ends(cls):
    """os-ken 2.5 takes what follows such a struct of 1.5 for its properties."""
    parse = cls.parser

    def parser(buf, offset):
        length, = struct.unpack_from('!H', buf, offset)
        return parse(buf[offset:offset + length], 0)
    cls.parser = staticmethod(parser)


end_where_it_ends(ofproto_v1_5_parser.OFPBucket)
end_where_it_ends(ofproto_v1_5_parser.OFPControllerStatusStats)


class Closed(Exception):
    """The switch ended the session."""


class Timeout(Exception):
    """Nothing came in time."""


def header(version, kind, xid, body=b''):
    return HEADER.pack(version, kind, 8 + len(body), xid) + body


def hello(version=4, versions=(4,), xid=1):
    if versions is None:
        return header(version, 0, xid)
    bitmap = sum(1 << v for v in versions)
    return header(version, 0, xid, struct.pack('!HHI', 1, 8, bitmap))


class Client:
    def __init__(self, sock, version=4):
        self.sock = sock
        self.version = version
        self.dp = ofproto_protocol.ProtocolDesc(version=version)
        self.ofp, self.parser = self.dp.ofproto, self.dp.ofproto_parser
        self.buffer = b''
        self.events = collections.deque()
        self.errors = collections.deque()
        self.next_xid = 100

    # -- coming into being

    @classmethod
    def open(cls, target, context=None, timeout=5, version=4):
        """A socket connected to a passive target; no hello yet."""
        method, _, rest = target.partition(':')
        deadline = time.monotonic() + timeout
        while True:
            try:
                if method == 'unix':
                    sock = socket.socket(socket.AF_UNIX)
                    sock.connect(rest)
                else:
                    host, _, port = rest.rpartition(':')
                    sock = socket.create_connection((host, int(port)))
                    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                break
            except (ConnectionRefusedError, FileNotFoundError):
                sock = None
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)
        if context:
            sock = context.wrap_socket(sock, server_hostname='switch')
        return cls(sock, version)

    @classmethod
    def connect(cls, target, context=None, version=4):
        return cls.open(target, context, version=version).shake_hands()

    def shake_hands(self):
        self.sock.sendall(hello(self.version, (self.version,)))
        first = self.recv_raw()
        assert first[1] == ofp.OFPT_HELLO, first
        self.request(self.parser.OFPEchoRequest(self.dp))  # so that our hello is read, too
        return self

    def close(self):
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # -- bytes

    def recv_raw(self, timeout=5):
        """The next message as bytes."""
        deadline = time.monotonic() + timeout
        while True:
            if len(self.buffer) >= 8:
                length = HEADER.unpack_from(self.buffer)[2]
                if len(self.buffer) >= length:
                    raw, self.buffer = self.buffer[:length], self.buffer[length:]
                    return raw
            left = deadline - time.monotonic()
            if left <= 0:
                raise Timeout()
            self.sock.settimeout(left)
            try:
                data = self.sock.recv(1 << 18)
            except (socket.timeout, ssl.SSLWantReadError):
                raise Timeout() from None
            except ConnectionError as e:
                raise Closed(str(e)) from None
            if not data:
                raise Closed()
            self.buffer += data

    def send_raw(self, data):
        self.sock.settimeout(30)
        self.sock.sendall(data)

    def decode(self, raw):
        version, kind, length, xid = HEADER.unpack_from(raw)
        return ofproto_parser.msg(self.dp, version, kind, length, xid, raw)

    # -- messages

    def encode(self, msg, xid=None):
        if xid is None:
            self.next_xid += 1
            xid = self.next_xid
        msg.set_xid(xid)
        msg.serialize()
        return bytes(msg.buf)

    def send(self, msg, xid=None):
        self.send_raw(self.encode(msg, xid))
        return msg.xid

    def recv(self, timeout=5):
        """The next message that is not kept aside."""
        deadline = time.monotonic() + timeout
        while True:
            raw = self.recv_raw(max(0, deadline - time.monotonic()))
            if raw[1] == ofp.OFPT_ECHO_REQUEST:
                self.send_raw(header(self.version, ofp.OFPT_ECHO_REPLY, HEADER.unpack_from(raw)[3],
                                     raw[8:]))
                continue
            msg = self.decode(raw)
            msg.raw = raw
            if msg.msg_type == ofp.OFPT_ERROR:
                self.errors.append(msg)
            elif msg.msg_type in ASYNC:
                self.events.append(msg)
            else:
                return msg

    def request(self, msg):
        """The one reply to a request."""
        xid = self.send(msg)
        reply = self.recv()
        assert reply.xid == xid, (reply.xid, xid)
        return reply

    def multipart(self, msg):
        """The parts of a multipart reply; their bodies joined if they are lists."""
        xid = self.send(msg)
        parts = []
        while True:
            part = self.recv()
            assert part.xid == xid
            parts.append(part)
            if not part.flags & 1:  # OFPMPF_REPLY_MORE
                break
        self.parts = parts
        if isinstance(parts[0].body, list):
            return [item for part in parts for item in part.body]
        return parts[0].body

    def barrier(self):
        reply = self.request(self.parser.OFPBarrierRequest(self.dp))
        assert reply.msg_type == self.ofp.OFPT_BARRIER_REPLY
        return reply

    def error(self, timeout=5):
        """The next error; it must be the next message that is no event."""
        if not self.errors:
            deadline = time.monotonic() + timeout
            while not self.errors:
                raw = self.recv_raw(max(0, deadline - time.monotonic()))
                msg = self.decode(raw)
                msg.raw = raw
                if msg.msg_type in ASYNC:
                    self.events.append(msg)
                else:
                    assert msg.msg_type == ofp.OFPT_ERROR, msg
                    self.errors.append(msg)
        return self.errors.popleft()

    def fails(self, msg, kind, code, xid=None):
        """Sends a message or bytes; an error of this type and code must come, quoting it."""
        raw = msg if isinstance(msg, bytes) else self.encode(msg, xid)
        self.send_raw(raw)
        e = self.error()
        assert (e.type, e.code) == (kind, code), (e.type, e.code, raw)
        quote = bytes(e.data)
        assert len(quote) >= min(64, len(raw)) and raw.startswith(quote)
        assert e.xid == HEADER.unpack_from(raw)[3]
        return e

    def event(self, kind, timeout=5):
        """The next event of this type."""
        deadline = time.monotonic() + timeout
        while True:
            for e in list(self.events):
                if e.msg_type == kind:
                    self.events.remove(e)
                    return e
            msg = self.decode(self.recv_raw(max(0, deadline - time.monotonic())))
            if msg.msg_type in ASYNC:
                self.events.append(msg)
            elif msg.msg_type == ofp.OFPT_ERROR:
                self.errors.append(msg)

    def quiet(self, seconds=0.3):
        """Nothing comes for so long."""
        try:
            raw = self.recv_raw(seconds)
        except Timeout:
            return not self.events
        raise AssertionError(f'unexpected: {self.decode(raw)}')

    def wait_closed(self, timeout=10):
        """Reads until the switch closes; the messages that came."""
        seen = []
        deadline = time.monotonic() + timeout
        while True:
            try:
                seen.append(self.recv_raw(max(0, deadline - time.monotonic())))
            except Closed:
                return seen

    # -- shorthand, the same in every version

    def flow(self, command=None, match=None, actions=None, instructions=None, **kw):
        p, o = self.parser, self.ofp
        command = o.OFPFC_ADD if command is None else command
        if self.version == 1:
            kw.setdefault('cookie', 0)
            return p.OFPFlowMod(self.dp, match or p.OFPMatch(), kw.pop('cookie'), command,
                                actions=actions or [], **kw)
        if instructions is None:
            instructions = [p.OFPInstructionActions(o.OFPIT_APPLY_ACTIONS, actions)] \
                if actions is not None else []
        kw.setdefault('out_port', o.OFPP_ANY)
        kw.setdefault('out_group', o.OFPG_ANY)
        kw.setdefault('buffer_id', o.OFP_NO_BUFFER)
        return p.OFPFlowMod(self.dp, command=command, match=match or p.OFPMatch(),
                            instructions=instructions, **kw)

    def output(self, port, max_len=0xffff):
        return self.parser.OFPActionOutput(port, max_len)

    def packet_out(self, data, actions, in_port=None):
        p, o = self.parser, self.ofp
        if self.version == 1:
            return p.OFPPacketOut(self.dp, buffer_id=0xffffffff,
                                  in_port=o.OFPP_NONE if in_port is None else in_port,
                                  actions=actions, data=data)
        in_port = o.OFPP_CONTROLLER if in_port is None else in_port
        if self.version == 6:
            return p.OFPPacketOut(self.dp, o.OFP_NO_BUFFER, p.OFPMatch(in_port=in_port), actions,
                                  data)
        return p.OFPPacketOut(self.dp, o.OFP_NO_BUFFER, in_port, actions, data)

    def flows(self, **kw):
        """Rules; in 1.5 their descriptions."""
        p, o = self.parser, self.ofp
        kw.setdefault('match', p.OFPMatch())
        if self.version == 1:
            return self.multipart(p.OFPFlowStatsRequest(
                self.dp, 0, kw['match'], kw.get('table_id', 0xff), kw.get('out_port', o.OFPP_NONE)))
        kw.setdefault('table_id', o.OFPTT_ALL)
        kw.setdefault('out_port', o.OFPP_ANY)
        kw.setdefault('out_group', o.OFPG_ANY)
        kw.setdefault('cookie', 0)
        kw.setdefault('cookie_mask', 0)
        ask = p.OFPFlowDescStatsRequest if self.version == 6 else p.OFPFlowStatsRequest
        return self.multipart(ask(self.dp, 0, **kw))

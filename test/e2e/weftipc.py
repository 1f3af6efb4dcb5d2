# SPDX-License-Identifier: Apache-2.0
"""A client of weft-dataplane's control and punt sockets (include/weft/ipc.h), for tests.

It drives a data plane without an agent: operations in transactions, dumps as lists of dicts,
events and packet-ins as they come. The structs below are the C structs of include/weft, field by
field; each is checked against the size that its static_assert names.

    dp = Client("/tmp/dp.sock", "/tmp/dp.punt.sock")
    with dp.txn(atomic=True):
        dp.tenant_add(1, name="red", encap=VXLAN, vni=100)
        dp.port_add(1, id=1, ofport=1, kind="tap", device="tap-red")
    dp.ledgers()[1]["received"]
"""

import contextlib
import ipaddress
import os
import pathlib
import re
import select
import socket
import struct
import time

INCLUDE = pathlib.Path(__file__).resolve().parents[2] / "include" / "weft"

NONE, VXLAN, NVGRE = 0, 1, 2
INNER_VLAN, LEARN, ANY_VTEP, STANDALONE, FRAG_DROP = 1, 2, 4, 8, 16
RESOLVED, NO_ROUTE = 1, 2
OVERLAY = 65000
OFPORT = {"in_port": 0xFFFFFFF8, "table": 0xFFFFFFF9, "normal": 0xFFFFFFFA, "flood": 0xFFFFFFFB,
          "all": 0xFFFFFFFC, "controller": 0xFFFFFFFD, "any": 0xFFFFFFFF, "overlay": OVERLAY}
MORE, REPLY, ERROR, PACED, STAGED = 1, 2, 4, 8, 16
ATOMIC = 1


def _names(header, macro):
    """The identifiers of an X-macro table, in order."""
    text = (INCLUDE / header).read_text()
    body = re.search(r"#define %s\(\w*\)(.*?)\n\n" % macro, text, re.S).group(1)
    return re.findall(r"X\((\w+),", body)


def _types():
    text = (INCLUDE / "ipc.h").read_text()
    body = re.search(r"#define WEFT_IPC_TYPES\(X\)(.*?)\n\n", text, re.S).group(1)
    return {name: int(number) for name, number in re.findall(r"X\((\w+), (\d+),", body)}


def _reasons(macro):
    """The names that operators see: WEFT_DROP(ID, name, text)."""
    return re.findall(r'WEFT_%s\(\w+, "([^"]+)"' % macro, (INCLUDE / "drop.h").read_text())


DROPS = _reasons("DROP")
CONSUMED = _reasons("CONSUMED")
ERRORS = _names("error.h", "WEFT_ERRORS")
ACTIONS = _names("action.h", "WEFT_ACTIONS")
FIELDS = _names("fields.h", "WEFT_FIELDS")
KINDS = [n.lower() for n in _names("ipc_port.h", "WEFT_PORT_KINDS")]
TYPES = _types()
VERSION = int(re.search(r"#define WEFT_IPC_VERSION (\d+)u", (INCLUDE / "ipc.h").read_text()).group(1))
DUMPS = int(re.search(r"#define WEFT_IPC_DUMPS (\d+)u", (INCLUDE / "ipc.h").read_text()).group(1))
TYPE_NAMES = {v: k for k, v in TYPES.items()}


class Struct:
    """A packed description of a C struct: 'name:format' fields; '_' ones are padding."""

    def __init__(self, size, *fields):
        self.fields = [f.split(":") for f in fields]
        self.struct = struct.Struct("=" + "".join(f[1] for f in self.fields))
        assert self.struct.size == size, (self.struct.size, size)
        self.size = size

    def pack(self, **values):
        args = []
        for name, fmt in self.fields:
            if fmt.endswith("x"):
                continue
            value = values.pop(name, b"" if fmt.endswith("s") else 0)
            args.append(value.encode() if isinstance(value, str) else value)
        assert not values, "unknown fields %s" % list(values)
        return self.struct.pack(*args)

    def unpack(self, data):
        names = [n for n, f in self.fields if not f.endswith("x")]
        out = dict(zip(names, self.struct.unpack_from(data)))
        for key in ("name", "device", "kernel_if", "version"):
            if isinstance(out.get(key), bytes):
                out[key] = out[key].split(b"\0")[0].decode()
        for key in ("ip", "vtep", "src", "vtep4", "vtep6"):
            if isinstance(out.get(key), bytes):
                out[key] = ip_text(out[key])
        for key in ("mac", "src_mac", "dst_mac"):
            if isinstance(out.get(key), bytes):
                out[key] = mac_text(out[key])
        return out


HDR = Struct(16, "len:I", "type:H", "flags:H", "xid:I", "tenant:I")
HELLO = Struct(16, "version:I", "pid:I", "epoch:Q")
ERR = Struct(120, "error:I", "_:4x", "text:112s")
HOST = Struct(128, "vtep4:16s", "vtep6:16s", "vxlan_port:H", "udp_csum:B", "ttl:B", "fdb_age_s:I",
              "name:64s", "udp6_csum:B", "zero_csum:B", "reassemble:H", "path_mtu_age_s:I", "bfd_mode:B",
              "bfd_mult:B", "_:2x", "bfd_interval_us:I", "bfd_vni:I", "_:4x")
TENANT = Struct(248, "name:64s", "encap:I", "vni:I", "flags:I", "max_rules:I", "max_groups:I",
                "max_meters:I", "max_fdb:I", "punt_rate:I", "punt_burst:I", "mtu:I", "max_moves:I",
                "move_within_s:I", "move_hold_s:I", "dscp:B", "tos:B", "too_big:B", "_:1x", "group:16s",
                "snoop_age_s:I", "snoop_leave_s:I", "snoop_groups:I", "snoop_port_groups:I", "_:88x", "max_vteps:I",
                "_:4x")
PORT = Struct(256, "id:I", "ofport:I", "kind:I", "config:I", "mtu:I", "queues:H", "_:2x", "name:64s",
              "device:128s", "kernel_if:16s", "max_macs:I", "storm_broadcast:I", "storm_multicast:I",
              "storm_unknown:I", "no_offload:I", "_:4x")
PORT_STATS = Struct(72, "rx_packets:Q", "tx_packets:Q", "rx_bytes:Q", "tx_bytes:Q", "rx_dropped:Q",
                    "tx_dropped:Q", "rx_errors:Q", "tx_errors:Q", "duration_ns:Q")
PORT_STATE = Struct(24, "state:I", "speed_mbps:I", "reason:I", "mac:6s", "offloads:H", "_:4x")
PORT_MOD = Struct(24, "ofport:I", "config:I", "mask:I", "_:4x", "mac:6s", "_:2x")
NEXTHOP = Struct(64, "vtep:16s", "path:H", "learned_mtu:H", "link:I", "src:16s", "port:I", "flags:I", "src_mac:6s",
                 "dst_mac:6s", "vlan:H", "mtu:H")
FDB = Struct(40, "mac:6s", "vlan:H", "ofport:I", "flags:I", "age_s:I", "moves:I", "vtep:16s")
STATUS = Struct(88, "epoch:Q", "uptime_ns:Q", "workers:I", "_:4x", "mbufs_free:Q", "mbufs_total:Q",
                "version:32s", "cache_flows:Q", "cache_room:Q")
WORKER = Struct(104, "packets:Q", "bursts:Q", "busy_cycles:Q", "idle_cycles:Q", "cycles_hz:Q", "id:I",
                "thread:I", "longest_cycles:Q", "cache_hits:Q", "cache_misses:Q", "cache_inserts:Q",
                "cache_flows:I", "cache_room:I", "over_10us:Q", "over_50us:Q")
DROP_RULE = Struct(64, "cookie:Q", "packets:Q", "reason:I", "priority:H", "table:B", "has_rule:B",
                   "in_port:I", "network:I", "last_ns:Q", "vtep:16s", "encap:B", "_:7x")
FLOW_MOD = Struct(40, "cookie:Q", "cookie_mask:Q", "out_port:I", "out_group:I", "idle_timeout:H",
                  "hard_timeout:H", "priority:H", "flags:H", "importance:H", "command:B", "table:B",
                  "_:4x")
FLOW_TAIL = Struct(16, "match_map:Q", "match_words:I", "instr_len:I")
FLOW_FILTER = Struct(40, "cookie:Q", "cookie_mask:Q", "out_port:I", "out_group:I", "table:B", "_:7x", "since:Q")
FLOW_STATS = Struct(56, "cookie:Q", "packets:Q", "bytes:Q", "duration_ns:Q", "idle_ns:Q",
                    "idle_timeout:H", "hard_timeout:H", "priority:H", "flags:H", "importance:H",
                    "table:B", "reason:B", "_:4x")
INSTR = Struct(32, "metadata:Q", "metadata_mask:Q", "meter_id:I", "apply_len:H", "write_len:H",
               "goto_table:B", "flags:B", "_:6x")
METER_MOD = Struct(8, "meter:I", "flags:H", "command:B", "band_count:B")
BAND = Struct(16, "rate:I", "burst:I", "type:H", "prec_level:B", "_:5x")
PACKET_OUT = Struct(16, "in_port:I", "actions_len:I", "frame_len:I", "_:4x")
PUNT = Struct(56, "cookie:Q", "total_len:I", "data_len:I", "in_port:I", "in_phy_port:I", "metadata:Q",
              "tunnel_id:Q", "tun_src:I", "tun_dst:I", "table:B", "reason:B", "max_len:H", "_:4x")


def ip_bytes(text):
    if not text:
        return bytes(16)
    ip = ipaddress.ip_address(text)
    return b"\0" * 10 + b"\xff\xff" + ip.packed if ip.version == 4 else ip.packed


def ip_text(data):
    ip = ipaddress.IPv6Address(data)
    return "" if not int(ip) else str(ip.ipv4_mapped or ip)


def mac_bytes(text):
    return bytes.fromhex(text.replace(":", "")) if text else bytes(6)


def mac_text(data):
    return ":".join("%02x" % b for b in data)


# Offset and size in struct weft_flow_key of the fields that tests match (flow_key.h).
KEY_FIELDS = {"in_port": (16, 4), "tunnel_id": (8, 8), "eth_dst": (32, 6), "eth_type": (38, 2),
              "eth_src": (40, 6), "vlan_vid": (46, 2), "ipv4_src": (64, 4), "ipv4_dst": (68, 4),
              "ip_proto": (72, 1), "l4_src": (76, 2), "l4_dst": (78, 2)}


def match(**fields):
    """The compact form (match.h) of exact matches; values are integers or MAC text."""
    value, mask = bytearray(512), bytearray(512)
    for name, v in fields.items():
        ofs, size = KEY_FIELDS[name]
        raw = mac_bytes(v) if isinstance(v, str) else v.to_bytes(size, "big")
        value[ofs:ofs + size] = raw
        mask[ofs:ofs + size] = b"\xff" * size
    words = [i for i in range(64) if any(mask[8 * i:8 * i + 8])]
    tail = [b"".join(bytes(b[8 * i:8 * i + 8]) for i in words) for b in (value, mask)]
    return sum(1 << i for i in words), len(words), tail[0] + tail[1]


def output(port, max_len=0xFFFF):
    return struct.pack("=HHIH6x", 0, 16, OFPORT.get(port, port), max_len)


def set_field(field, value):
    """`field`: its number in fields.h; `value`: bytes."""
    mask = b"\xff" * len(value)
    return struct.pack("=HHI16s16s", 4, 40, field, value, mask)


def group(number):
    return struct.pack("=HHI", 1, 8, number)


def instructions(apply=b"", meter=0, goto=None, write=b""):
    flags = (1 if goto is not None else 0) | (2 if apply else 0) | (4 if write else 0)
    return INSTR.pack(meter_id=meter, apply_len=len(apply), write_len=len(write),
                      goto_table=goto or 0, flags=flags) + apply + write


class Refused(Exception):
    """An error reply; `.error` is its name in error.h."""

    def __init__(self, error, text):
        super().__init__("%s: %s" % (error, text))
        self.error = error
        self.text = text


class Client:
    def __init__(self, path, punt_path=None, hello=True, timeout=10):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(timeout)
        deadline = time.time() + timeout
        while True:
            try:
                self.sock.connect(path)
                break
            except (FileNotFoundError, ConnectionRefusedError):
                if time.time() > deadline:
                    raise
                time.sleep(0.02)
        self.buffer = b""
        self.xid = 0
        self.events = []
        self.in_txn = False
        self.punt = None
        if punt_path:
            self.punt = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            self.punt.connect(punt_path)
        if hello:
            self.epoch = self.hello()["epoch"]

    def close(self):
        self.sock.close()
        if self.punt:
            self.punt.close()

    # ---- messages

    def send(self, kind, body=b"", tenant=0, flags=0, xid=None):
        """Sends one message; returns its xid."""
        if xid is None:
            self.xid += 1
            xid = self.xid
        body += b"\0" * (-len(body) % 8)
        self.sock.sendall(HDR.pack(len=16 + len(body), type=TYPES.get(kind, kind), flags=flags,
                                   xid=xid, tenant=tenant) + body)
        return xid

    def receive(self):
        """The next message: header (dict) and body."""
        while len(self.buffer) < 16 or len(self.buffer) < struct.unpack_from("=I", self.buffer)[0]:
            data = self.sock.recv(1 << 18)
            if not data:
                raise ConnectionError("the data plane closed the connection")
            self.buffer += data
        hdr = HDR.unpack(self.buffer)
        body = self.buffer[16:hdr["len"]]
        self.buffer = self.buffer[hdr["len"]:]
        return hdr, body

    def answer(self, xid):
        """The answer to `xid`; events that come before it are kept in self.events."""
        while True:
            hdr, body = self.receive()
            if hdr["xid"] == 0:
                self.events.append((TYPE_NAMES[hdr["type"]], hdr, body))
            elif hdr["xid"] == xid:
                return hdr, body
            else:
                raise AssertionError("answer to %d while waiting for %d" % (hdr["xid"], xid))

    @staticmethod
    def _check(hdr, body):
        if hdr["flags"] & ERROR:
            err = ERR.unpack(body)
            raise Refused(ERRORS[err["error"]], err["text"].split(b"\0")[0].decode())

    def call(self, kind, body=b"", tenant=0):
        hdr, reply = self.answer(self.send(kind, body, tenant, flags=REPLY))
        self._check(hdr, reply)
        return reply

    def hello(self, version=VERSION):
        return HELLO.unpack(self.call("HELLO", HELLO.pack(version=version, pid=os.getpid())))

    def echo(self):
        self.call("ECHO")

    def begin(self, atomic=False):
        self.call("BEGIN", struct.pack("=II", ATOMIC if atomic else 0, 0))
        self.in_txn = True

    def commit(self):
        self.in_txn = False
        self.call("COMMIT")

    @contextlib.contextmanager
    def txn(self, atomic=True):
        self.begin(atomic)
        try:
            yield self
        finally:
            try:
                self.commit()
            except Refused as e:
                if e.error != "STATE" or not atomic:
                    raise

    def op(self, kind, body=b"", tenant=0):
        """One operation, in a transaction of its own if none is open."""
        if self.in_txn:
            return self.call(kind, body, tenant)
        with self.txn(atomic=False):
            return self.call(kind, body, tenant)

    def dump(self, kind, fmt, body=b"", tenant=0):
        """A list of (tenant, dict or bytes)."""
        xid, items = self.send(kind, body, tenant), []
        while True:
            hdr, reply = self.answer(xid)
            self._check(hdr, reply)
            if not hdr["flags"] & MORE:
                return items
            items.append((hdr["tenant"], fmt.unpack(reply) if fmt else reply))

    def wait_events(self, kind, timeout=5):
        """Events of a kind, at least one, taken out of self.events."""
        deadline = time.time() + timeout
        while True:
            found = [e for e in self.events if e[0] == kind]
            if found or time.time() > deadline:
                self.events = [e for e in self.events if e[0] != kind]
                return found
            if select.select([self.sock], [], [], 0.1)[0]:
                hdr, body = self.receive()
                self.events.append((TYPE_NAMES[hdr["type"]], hdr, body))

    # ---- operations

    def host_set(self, vtep4="", vtep6="", vxlan_port=4789, ttl=64, **more):
        self.op("HOST_SET", HOST.pack(vtep4=ip_bytes(vtep4), vtep6=ip_bytes(vtep6),
                                      vxlan_port=vxlan_port, ttl=ttl, **more))

    def tenant_add(self, tenant, op="TENANT_ADD", **cfg):
        full = dict(name="t%d" % tenant, encap=VXLAN, max_rules=100000, max_groups=1000,
                    max_meters=1000, max_fdb=10000, punt_rate=1000, punt_burst=100)
        full.update(cfg)
        self.op(op, TENANT.pack(**full), tenant)

    def tenant_del(self, tenant):
        self.op("TENANT_DEL", tenant=tenant)

    def port_add(self, tenant, kind="tap", name=None, **cfg):
        name = name or "p%d" % cfg["id"]
        self.op("PORT_ADD", PORT.pack(kind=KINDS.index(kind), name=name, **cfg), tenant)

    def port_del(self, port_id, tenant=0):
        self.op("PORT_DEL", struct.pack("=II", port_id, 0), tenant)

    def port_mod(self, tenant, ofport, config, mask, mac):
        self.op("PORT_MOD", PORT_MOD.pack(ofport=ofport, config=config, mask=mask,
                                          mac=mac_bytes(mac)), tenant)

    def vtep_add(self, tenant, ip):
        self.op("VTEP_ADD", ip_bytes(ip) + bytes(8), tenant)

    def vtep_del(self, tenant, ip):
        self.op("VTEP_DEL", ip_bytes(ip) + bytes(8), tenant)

    def nexthop_set(self, vtep, src="", port=0, flags=RESOLVED, src_mac="", dst_mac="", vlan=0,
                    mtu=0, path=0):
        self.op("NEXTHOP_SET", NEXTHOP.pack(
            vtep=ip_bytes(vtep), src=ip_bytes(src), port=port, flags=flags,
            src_mac=mac_bytes(src_mac), dst_mac=mac_bytes(dst_mac), vlan=vlan, mtu=mtu, path=path))

    def fdb_add(self, tenant, mac, ofport=OVERLAY, vtep="", vlan=0):
        self.op("FDB_ADD", FDB.pack(mac=mac_bytes(mac), vlan=vlan, ofport=ofport,
                                    vtep=ip_bytes(vtep)), tenant)

    def fdb_del(self, tenant, mac, vlan=0):
        self.op("FDB_DEL", FDB.pack(mac=mac_bytes(mac), vlan=vlan), tenant)

    @staticmethod
    def flow_body(matching=None, instr=b"", table=0, priority=100, cookie=0, command=0, flags=0, **more):
        """What follows the header of a FLOW_MOD."""
        bits, words, tail = match(**(matching or {}))
        body = FLOW_MOD.pack(cookie=cookie, out_port=OFPORT["any"], out_group=OFPORT["any"],
                             priority=priority, command=command, table=table, flags=flags, **more)
        return body + FLOW_TAIL.pack(match_map=bits, match_words=words, instr_len=len(instr)) + tail + instr

    def flow_add(self, tenant, matching=None, instr=b"", **more):
        self.op("FLOW_MOD", self.flow_body(matching, instr, **more), tenant)

    def flow_del(self, tenant, matching=None, table=255):
        self.flow_add(tenant, matching, table=table, command=3)

    def meter_add(self, tenant, meter, bands, flags=1):
        """bands: (type, rate, burst) tuples."""
        body = METER_MOD.pack(meter=meter, flags=flags, command=0, band_count=len(bands))
        for kind, rate, burst in bands:
            body += BAND.pack(type=kind, rate=rate, burst=burst)
        self.op("METER_MOD", body, tenant)

    def packet_out(self, tenant, frame, actions, in_port=OFPORT["controller"]):
        body = PACKET_OUT.pack(in_port=in_port, actions_len=len(actions), frame_len=len(frame))
        self.call("PACKET_OUT", body + actions + frame + b"\0" * (-len(frame) % 8), tenant)

    # ---- dumps

    def status(self):
        return self.dump("DUMP_STATUS", STATUS)[0][1]

    def workers(self):
        return [w for _, w in self.dump("DUMP_WORKERS", WORKER)]

    def ports(self, tenant=0):
        out = []
        for owner, raw in self.dump("DUMP_PORTS", None, tenant=tenant):
            port = PORT.unpack(raw)
            port.update(PORT_STATS.unpack(raw[PORT.size:]))
            port.update(PORT_STATE.unpack(raw[PORT.size + PORT_STATS.size:]))
            out.append(dict(port, tenant=owner))
        return out

    def fdb(self, tenant):
        return [e for _, e in self.dump("DUMP_FDB", FDB, tenant=tenant)]

    def flows(self, tenant):
        body = FLOW_FILTER.pack(out_port=OFPORT["any"], out_group=OFPORT["any"], table=255)
        body += FLOW_TAIL.pack()
        return [f for _, f in self.dump("DUMP_FLOWS", FLOW_STATS, body, tenant)]

    def ledgers(self):
        """Per tenant (0: nobody's): a dict, drops and consumed by name, only what is not zero."""
        out = {}
        for tenant, raw in self.dump("DUMP_DROPS", None):
            words = struct.unpack("=%dQ" % (len(raw) // 8), raw)
            ledger = dict(zip(("received", "copies", "sent", "in_flight"), words))
            ledger.update(zip(("cache_hits", "cache_misses", "cache_inserts"), words[-3:]))
            consumed, drops = words[4:4 + len(CONSUMED)], words[4 + len(CONSUMED):]
            ledger["consumed"] = {n: v for n, v in zip(CONSUMED, consumed) if v}
            ledger["drops"] = {n: v for n, v in zip(DROPS, drops) if v}
            out[tenant] = ledger
        return out

    def drop_rules(self, tenant=0):
        out = []
        for owner, rule in self.dump("DUMP_DROP_RULES", DROP_RULE, tenant=tenant):
            out.append(dict(rule, tenant=owner, reason=DROPS[rule["reason"]]))
        return out

    def punts(self, timeout=1):
        """Packet-ins that have come or come within `timeout`: (tenant, dict, frame)."""
        out = []
        while select.select([self.punt], [], [], timeout if not out else 0.05)[0]:
            data = self.punt.recv(1 << 17)
            if not data:
                break
            hdr, punt = HDR.unpack(data), PUNT.unpack(data[16:])
            out.append((hdr["tenant"], punt, data[72:72 + punt["data_len"]]))
        return out


def balance(ledger):
    """0 if every packet of the ledger is accounted for."""
    return (ledger["received"] + ledger["copies"] - ledger["sent"] - ledger["in_flight"] -
            sum(ledger["consumed"].values()) - sum(ledger["drops"].values()))

# SPDX-License-Identifier: Apache-2.0
"""The demo's SDN controller: an os-ken application (OpenFlow 1.3) that runs tenants' networks.

It knows which switch belongs to which tenant and behind which VTEP it lies; where the VMs are it learns
from their first packets and then programs every switch of that tenant. Two tables a switch:

    0  who sends    a known MAC at its own port, or anything from the overlay  -> table 1
                    anybody else                                              -> the controller
    1  where to     a known MAC: its port, or its VTEP through the overlay
                    multicast: every other port here, and the overlay (each remote VTEP gets a copy)
                    anything else is dropped

The operator's wishes come over a UNIX socket, one JSON object a line:
    {"op": "status"}                                             switches and VMs that are known
    {"op": "mark", "tenant": "red", "mac": "...", "dscp": 46}    DSCP of IPv4 packets to this MAC
    {"op": "block" | "unblock", "tenant": "red", "from": IP, "to": IP}
    {"op": "trespass", "tenant": "red", "tunnel_id": 5002}       try a foreign network: an error is due

Environment: DEMO_TENANTS (JSON: tenant -> [{"dpid": 1, "vtep": "172.16.0.1"}]), DEMO_SOCKET.
"""
import json
import os
import socket

import eventlet
from os_ken.base import app_manager
from os_ken.controller import ofp_event
from os_ken.controller.handler import CONFIG_DISPATCHER, DEAD_DISPATCHER, MAIN_DISPATCHER, set_ev_cls
from os_ken.lib import hub
from os_ken.lib.packet import ethernet
from os_ken.ofproto import ofproto_v1_3

OVERLAY = 65000
WHO, WHERE = 0, 1                                 # tables
MULTICAST = ('01:00:00:00:00:00', '01:00:00:00:00:00')
COOKIE_BASE, COOKIE_VM, COOKIE_BLOCK = 0xba5e, 0x3ac, 0xb10c


class Tenant:
    """What is known of one tenant: its switches, and where each MAC is."""

    def __init__(self, name, switches):
        self.name = name
        self.vteps = {switch['dpid']: switch['vtep'] for switch in switches}
        self.macs = {}      # MAC -> (dpid, port)
        self.dscp = {}      # MAC -> DSCP
        self.blocked = set()  # (from IP, to IP)


class DemoController(app_manager.OSKenApp):
    OFP_VERSIONS = [ofproto_v1_3.OFP_VERSION]

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.tenants = {name: Tenant(name, switches) for name, switches in
                        json.loads(os.environ['DEMO_TENANTS']).items()}
        self.datapaths = {}  # dpid -> Datapath
        self.ports = {}      # dpid -> set of the VMs' ports
        self.errors = []     # (dpid, xid, type, code)
        self.barriers = {}   # (dpid, xid) -> Event
        listener = eventlet.listen(os.environ['DEMO_SOCKET'], family=socket.AF_UNIX)
        hub.spawn(eventlet.serve, listener, self.serve)

    # ---- switches come and go

    def tenant_of(self, dpid):
        return next(t for t in self.tenants.values() if dpid in t.vteps)

    @set_ev_cls(ofp_event.EventOFPStateChange, [CONFIG_DISPATCHER, DEAD_DISPATCHER])
    def state(self, event):
        datapath = event.datapath
        if event.state == DEAD_DISPATCHER:
            if self.datapaths.get(datapath.id) is datapath:
                del self.datapaths[datapath.id]

    @set_ev_cls(ofp_event.EventOFPStateChange, MAIN_DISPATCHER)
    def connected(self, event):
        datapath = event.datapath
        self.datapaths[datapath.id] = datapath
        datapath.send_msg(datapath.ofproto_parser.OFPPortDescStatsRequest(datapath, 0))

    @set_ev_cls(ofp_event.EventOFPPortDescStatsReply, MAIN_DISPATCHER)
    def port_description(self, event):
        """A switch that has just connected: everything it should hold is sent again. What it holds already
        is only replaced by the same, so its traffic does not notice."""
        datapath = event.msg.datapath
        self.ports[datapath.id] = {p.port_no for p in event.msg.body if p.port_no < OVERLAY}
        tenant = self.tenant_of(datapath.id)
        self.program_base(datapath)
        for mac in tenant.macs:
            self.program_mac(datapath, tenant, mac)
        for pair in tenant.blocked:
            self.program_block(datapath, pair, True)

    @set_ev_cls(ofp_event.EventOFPPortStatus, MAIN_DISPATCHER)
    def port_status(self, event):
        message = event.msg
        datapath, number = message.datapath, message.desc.port_no
        if number >= OVERLAY:
            return
        ports = self.ports.setdefault(datapath.id, set())
        if message.reason == datapath.ofproto.OFPPR_DELETE:
            ports.discard(number)
        else:
            ports.add(number)
        self.program_base(datapath)

    @set_ev_cls(ofp_event.EventOFPErrorMsg, [CONFIG_DISPATCHER, MAIN_DISPATCHER])
    def error(self, event):
        message = event.msg
        self.errors.append((message.datapath.id, message.xid, message.type, message.code))
        self.logger.warning('switch %d refused: type %d code %d', message.datapath.id, message.type,
                            message.code)

    # ---- rules

    def add(self, datapath, table, priority, match, actions=(), goto=None, cookie=COOKIE_BASE,
            modify=False):
        """Sends a flow-mod; returns its xid."""
        of, proto = datapath.ofproto_parser, datapath.ofproto
        instructions = []
        if actions:
            instructions.append(of.OFPInstructionActions(proto.OFPIT_APPLY_ACTIONS, list(actions)))
        if goto is not None:
            instructions.append(of.OFPInstructionGotoTable(goto))
        message = of.OFPFlowMod(
            datapath, cookie=cookie, table_id=table, priority=priority,
            match=of.OFPMatch(**match), instructions=instructions,
            command=proto.OFPFC_MODIFY_STRICT if modify else proto.OFPFC_ADD)
        datapath.send_msg(message)
        return message.xid

    def remove(self, datapath, table, priority, match):
        of, proto = datapath.ofproto_parser, datapath.ofproto
        datapath.send_msg(of.OFPFlowMod(
            datapath, table_id=table, priority=priority, match=of.OFPMatch(**match),
            command=proto.OFPFC_DELETE_STRICT, out_port=proto.OFPP_ANY, out_group=proto.OFPG_ANY))

    def program_base(self, datapath):
        """What each switch holds before any VM is known."""
        of, proto = datapath.ofproto_parser, datapath.ofproto

        def outputs(numbers):
            return [of.OFPActionOutput(number) for number in numbers]

        self.add(datapath, WHO, 0, {}, [of.OFPActionOutput(proto.OFPP_CONTROLLER,
                                                           proto.OFPCML_NO_BUFFER)])
        self.add(datapath, WHO, 100, {'in_port': OVERLAY}, goto=WHERE)
        self.add(datapath, WHERE, 0, {})
        ports = sorted(self.ports[datapath.id])
        self.add(datapath, WHERE, 50, {'in_port': OVERLAY, 'eth_dst': MULTICAST}, outputs(ports))
        for port in ports:
            others = [p for p in ports if p != port]
            self.add(datapath, WHERE, 50, {'in_port': port, 'eth_dst': MULTICAST},
                     outputs(others + [OVERLAY]))

    def way_to(self, datapath, tenant, mac):
        """Actions that bring a packet to a MAC, seen from one switch."""
        of = datapath.ofproto_parser
        dpid, port = tenant.macs[mac]
        if dpid == datapath.id:
            return [of.OFPActionOutput(port)]
        return [of.OFPActionSetField(tun_ipv4_dst=tenant.vteps[dpid]), of.OFPActionOutput(OVERLAY)]

    def program_mac(self, datapath, tenant, mac, modify=False):
        """Rules of one MAC at one switch. IPv4 has a rule of its own, for its DSCP."""
        of = datapath.ofproto_parser
        dpid, port = tenant.macs[mac]
        way = self.way_to(datapath, tenant, mac)
        mark = [of.OFPActionSetField(ip_dscp=tenant.dscp[mac])] if mac in tenant.dscp else []
        self.add(datapath, WHERE, 110, {'eth_dst': mac, 'eth_type': 0x0800}, mark + way,
                 cookie=COOKIE_VM, modify=modify)
        if modify:
            return
        self.add(datapath, WHERE, 100, {'eth_dst': mac}, way, cookie=COOKIE_VM)
        if dpid == datapath.id:
            self.add(datapath, WHO, 100, {'in_port': port, 'eth_src': mac}, goto=WHERE,
                     cookie=COOKIE_VM)

    def program_block(self, datapath, pair, block):
        match = {'eth_type': 0x0800, 'ipv4_src': pair[0], 'ipv4_dst': pair[1]}
        if block:
            self.add(datapath, WHERE, 200, match, cookie=COOKIE_BLOCK)
        else:
            self.remove(datapath, WHERE, 200, match)

    # ---- packets

    @set_ev_cls(ofp_event.EventOFPPacketIn, MAIN_DISPATCHER)
    def packet_in(self, event):
        """An unknown sender: learn where it is, program the tenant, and let the packet go on."""
        message = event.msg
        datapath, port = message.datapath, message.match['in_port']
        mac = ethernet.ethernet.parser(message.data)[0].src
        tenant = self.tenant_of(datapath.id)
        if tenant.macs.get(mac) != (datapath.id, port):
            tenant.macs[mac] = (datapath.id, port)
            self.logger.info('%s: %s is at port %d of switch %d', tenant.name, mac, port, datapath.id)
            for dpid in tenant.vteps:
                if dpid in self.datapaths:
                    self.program_mac(self.datapaths[dpid], tenant, mac)
        of, proto = datapath.ofproto_parser, datapath.ofproto
        datapath.send_msg(of.OFPBarrierRequest(datapath))
        datapath.send_msg(of.OFPPacketOut(
            datapath, buffer_id=proto.OFP_NO_BUFFER, in_port=port, data=message.data,
            actions=[of.OFPActionOutput(proto.OFPP_TABLE)]))

    # ---- the operator

    def serve(self, channel, _address):
        with channel.makefile('rw') as stream:
            for line in stream:
                try:
                    answer = self.do(json.loads(line))
                except (KeyError, ValueError, TimeoutError) as error:
                    answer = {'error': f'{type(error).__name__}: {error}'}
                stream.write(json.dumps(answer) + '\n')
                stream.flush()

    def do(self, request):
        if request['op'] == 'status':
            return {'switches': sorted(self.datapaths),
                    'vms': {t.name: {m: list(at) for m, at in t.macs.items()}
                            for t in self.tenants.values()},
                    'errors': len(self.errors)}
        tenant = self.tenants[request['tenant']]
        return getattr(self, 'do_' + request['op'])(tenant, request)

    def do_mark(self, tenant, request):
        tenant.dscp[request['mac']] = request['dscp']
        for datapath in self.switches_of(tenant):
            self.program_mac(datapath, tenant, request['mac'], modify=True)
        return self.all_done(tenant)

    def do_block(self, tenant, request):
        pair = (request['from'], request['to'])
        tenant.blocked.add(pair)
        for datapath in self.switches_of(tenant):
            self.program_block(datapath, pair, True)
        return self.all_done(tenant)

    def do_unblock(self, tenant, request):
        pair = (request['from'], request['to'])
        tenant.blocked.discard(pair)
        for datapath in self.switches_of(tenant):
            self.program_block(datapath, pair, False)
        return self.all_done(tenant)

    def do_trespass(self, tenant, request):
        """A rule that names a network which is not the tenant's. No switch may take it."""
        refused = []
        for datapath in self.switches_of(tenant):
            of = datapath.ofproto_parser
            xid = self.add(datapath, WHERE, 300, {'eth_dst': '02:00:00:00:00:ff'},
                           [of.OFPActionSetField(tunnel_id=request['tunnel_id']),
                            of.OFPActionOutput(OVERLAY)])
            self.barrier(datapath)
            refused += [{'dpid': e[0], 'type': e[2], 'code': e[3]} for e in self.errors
                        if e[:2] == (datapath.id, xid)]
        return {'refused': refused, 'asked': len(tenant.vteps)}

    def switches_of(self, tenant):
        return [self.datapaths[dpid] for dpid in tenant.vteps if dpid in self.datapaths]

    def all_done(self, tenant):
        """Barrier replies of all the tenant's switches: every later packet meets the new rules."""
        for datapath in self.switches_of(tenant):
            self.barrier(datapath)
        return {'switches': len(self.switches_of(tenant))}

    def barrier(self, datapath):
        message = datapath.ofproto_parser.OFPBarrierRequest(datapath)
        datapath.set_xid(message)
        done = self.barriers[datapath.id, message.xid] = hub.Event()
        datapath.send_msg(message)
        answered = done.wait(10)
        del self.barriers[datapath.id, message.xid]
        if not answered:
            raise TimeoutError(f'no barrier reply from switch {datapath.id}')

    @set_ev_cls(ofp_event.EventOFPBarrierReply, MAIN_DISPATCHER)
    def barrier_reply(self, event):
        done = self.barriers.get((event.msg.datapath.id, event.msg.xid))
        if done:
            done.set()

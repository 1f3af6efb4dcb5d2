# SPDX-License-Identifier: Apache-2.0
"""An os-ken controller under a test's command.

The controller is a process of its own (osken-manager with apps/remote.py), because os-ken wants a whole
interpreter. A test builds messages with os-ken's own classes (`of`, `proto`), sends them by
Controller.send() and asks for replies and for what the switches said by themselves.

    ctl.flow(1, of.OFPMatch(in_port=1), [of.OFPActionOutput(2)])
    ctl.request(1, of.OFPFlowStatsRequest(dp))
    ctl.expect('OFPFlowRemoved', dpid=1)
"""
import json
import os
import socket

from os_ken.ofproto import ofproto_protocol

from .wait import wait_until

dp = ofproto_protocol.ProtocolDesc(version=4)
of = dp.ofproto_parser
proto = dp.ofproto

PORT = 6653
OVERLAY = 65000
APPS = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'apps')


class Controller:
    """Listens on TCP in a namespace; switches are told tcp:<address>:<port>. It speaks one version; the
    short forms below (flow() and what uses it) are for 1.3."""

    def __init__(self, lab, ns, port=PORT, app='remote.py', name='controller', tls=None, version=4):
        self._socket = lab.path(f'{name}.sock')
        self._log = lab.path(f'{name}.events')
        arguments = [f'--ofp-tcp-listen-port={port}']
        if tls:
            arguments = [f'--ofp-ssl-listen-port={port}', f'--ctl-privkey={tls.key}',
                         f'--ctl-cert={tls.cert}', f'--ca-certs={tls.ca}']
        self.process = lab.start(
            name, ['/usr/bin/python3', '-m', 'os_ken.cmd.manager', *arguments,
                   os.path.join(APPS, app)], ns,
            {'REMOTE_SOCKET': self._socket, 'REMOTE_EVENTS': self._log,
             'REMOTE_VERSION': str(version)})
        wait_until(lambda: self.process.check_alive() and os.path.exists(self._socket) and
                   f':{port}' in ns.run('ss', '-Hltn'), 20, 'the controller listens')
        self._seen = 0

    def _call(self, **request):
        with socket.socket(socket.AF_UNIX) as channel:
            channel.settimeout(30)
            channel.connect(self._socket)
            channel.sendall(json.dumps(request).encode() + b'\n')
            with channel.makefile() as stream:
                answer = json.loads(stream.readline() or '{"error": "the controller hung up"}')
        if 'error' in answer:
            raise RuntimeError(f'controller: {answer["error"]}')
        return answer

    def switches(self):
        """Datapath ids that are connected."""
        return self._call(op='switches')['dpids']

    def wait_switch(self, *dpids, timeout=15.0):
        wait_until(lambda: set(dpids) <= set(self.switches()), timeout, f'switches {dpids} connect')

    def send(self, dpid, *messages, barrier=True):
        """Sends messages in order, then a barrier, and waits for its reply. OpenFlow errors that came
        meanwhile are raised."""
        errors = self._call(op='send', dpid=dpid, barrier=barrier,
                            messages=[m.to_jsondict() for m in messages])['errors']
        if errors:
            raise OpenFlowError(errors)

    def request(self, dpid, message):
        """The bodies of a multipart request's replies, or the one reply, as os-ken's JSON."""
        told = message.to_jsondict()
        if message.datapath.ofproto.OFP_VERSION == 1:  # whose classes do not take their type back
            for fields in told.values():
                fields.pop('type', None)
        return self._call(op='request', dpid=dpid, message=told)['replies']

    def flow(self, dpid, match=None, actions=None, priority=100, table=0, goto=None, instructions=None,
             command=proto.OFPFC_ADD, **fields):
        """A flow-mod and a barrier."""
        done = list(instructions or [])
        if actions:
            done.append(of.OFPInstructionActions(proto.OFPIT_APPLY_ACTIONS, actions))
        if goto is not None:
            done.append(of.OFPInstructionGotoTable(goto))
        fields.setdefault('out_port', proto.OFPP_ANY)
        fields.setdefault('out_group', proto.OFPG_ANY)
        self.send(dpid, of.OFPFlowMod(dp, match=match or of.OFPMatch(), priority=priority,
                                      table_id=table, instructions=done, command=command, **fields))

    def flows(self, dpid, table=proto.OFPTT_ALL):
        return [stats['OFPFlowStats'] for reply in
                self.request(dpid, of.OFPFlowStatsRequest(
                    dp, 0, table, proto.OFPP_ANY, proto.OFPG_ANY, 0, 0, of.OFPMatch()))
                for stats in reply['OFPFlowStatsReply']['body']]

    def delete_flows(self, dpid):
        self.flow(dpid, command=proto.OFPFC_DELETE, table=proto.OFPTT_ALL, priority=0)

    def events(self, kind=None, dpid=None):
        """What switches said by themselves so far: [{'dpid', 'kind', 'message', 'time'}]."""
        if not os.path.exists(self._log):
            return []
        with open(self._log, encoding='utf-8') as file:
            lines = [line for line in file if line.endswith('\n')]
        return [event for event in map(json.loads, lines)
                if (kind is None or event['kind'] == kind) and
                (dpid is None or event['dpid'] == dpid)]

    def expect(self, kind, dpid=None, timeout=5.0, wanted=lambda message: True):
        """The message of the first such event for which wanted() is true."""
        def found():
            return [event['message'][kind] for event in self.events(kind, dpid)
                    if wanted(event['message'][kind])]
        return wait_until(found, timeout, f'{kind} from {dpid}')[0]


class OpenFlowError(Exception):
    """Errors that a switch answered: `errors` is a list of os-ken's OFPErrorMsg as JSON."""

    def __init__(self, errors):
        super().__init__(str(errors))
        self.errors = [error['OFPErrorMsg'] for error in errors]

    @property
    def type_and_code(self):
        return self.errors[0]['type'], self.errors[0]['code']


def overlay_output(vtep=None):
    """Actions that send a packet into the overlay: to a VTEP, or where Weft knows it to be."""
    actions = [of.OFPActionOutput(OVERLAY)]
    return [of.OFPActionSetField(tun_ipv4_dst=vtep), *actions] if vtep else actions

# SPDX-License-Identifier: Apache-2.0
"""os-ken application that does what a test tells it over a UNIX socket; see ../controller.py.

One JSON request a line, one JSON answer a line. Messages are os-ken's JSON form of OpenFlow messages.
Whatever a switch says that is no answer goes into a file, one JSON object a line.

Environment: REMOTE_SOCKET, REMOTE_EVENTS; REMOTE_VERSION, the wire version that it speaks, 4 (OpenFlow
1.3) if it is not set.
"""
import base64
import json
import os
import socket
import time

import eventlet
from os_ken.base import app_manager
from os_ken.controller import ofp_event
from os_ken.controller.handler import CONFIG_DISPATCHER, DEAD_DISPATCHER, HANDSHAKE_DISPATCHER, \
    MAIN_DISPATCHER, set_ev_cls
from os_ken.lib import hub
from os_ken.ofproto import ofproto_parser

ALL = [HANDSHAKE_DISPATCHER, CONFIG_DISPATCHER, MAIN_DISPATCHER]
REPLIES = ['FlowStats', 'AggregateStats', 'TableStats', 'PortStats', 'QueueStats', 'GroupStats',
           'FlowDescStats', 'GroupDesc', 'GroupDescStats', 'GroupFeatures', 'MeterStats', 'MeterConfig', 'MeterFeatures', 'DescStats',
           'MeterDescStats', 'TableFeaturesStats', 'PortDescStats', 'Role', 'GetAsync', 'GetConfig', 'EchoReply',
           'Barrier']
ASYNC = ['PacketIn', 'FlowRemoved', 'PortStatus', 'RoleStatus', 'TableStatus', 'Requestforward']
REPLY_MORE = 1  # OFPMPF_REPLY_MORE


def to_text(value):
    """JSON; bytes become base64, as os-ken does with most of them."""
    return json.dumps(value, default=lambda raw: base64.b64encode(raw).decode())


class Waiting:
    """Replies to one request, by its xid."""

    def __init__(self):
        self.messages = []
        self.done = hub.Event()


class Remote(app_manager.OSKenApp):
    OFP_VERSIONS = [int(os.environ.get('REMOTE_VERSION', 4))]

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.datapaths = {}
        self.waiting = {}  # (dpid, xid) -> Waiting
        self.journal = open(os.environ['REMOTE_EVENTS'], 'a', buffering=1, encoding='utf-8')
        path = os.environ['REMOTE_SOCKET']
        if os.path.exists(path):
            os.unlink(path)
        self.listener = eventlet.listen(path, family=socket.AF_UNIX)
        hub.spawn(eventlet.serve, self.listener, self.serve)

    # -- from switches

    @set_ev_cls(ofp_event.EventOFPStateChange, [MAIN_DISPATCHER, DEAD_DISPATCHER])
    def state(self, event):
        datapath = event.datapath
        if event.state == MAIN_DISPATCHER:
            self.datapaths[datapath.id] = datapath
        elif self.datapaths.get(datapath.id) is datapath:
            del self.datapaths[datapath.id]

    @set_ev_cls(ofp_event.EventOFPErrorMsg, ALL)
    def error(self, event):
        waiting = self.waiting.get((event.msg.datapath.id, event.msg.xid))
        if waiting:
            waiting.messages.append(event.msg)
            waiting.done.set()
        self.record(event.msg)

    def record(self, message):
        self.journal.write(to_text({
            'dpid': message.datapath.id, 'kind': type(message).__name__, 'time': time.time(),
            'message': message.to_jsondict()}) + '\n')

    def reply(self, message):
        waiting = self.waiting.get((message.datapath.id, message.xid))
        if not waiting:
            self.record(message)
            return
        waiting.messages.append(message)
        more = getattr(message, 'flags', 0) & REPLY_MORE if hasattr(message, 'body') else 0
        if not more:
            waiting.done.set()

    # -- from the test

    def serve(self, channel, _address):
        with channel.makefile('rw') as stream:
            for line in stream:
                try:
                    answer = self.do(json.loads(line))
                except Exception as error:  # told to the test, which fails by it
                    self.logger.exception('request')
                    answer = {'error': f'{type(error).__name__}: {error}'}
                stream.write(to_text(answer) + '\n')
                stream.flush()

    def do(self, request):
        if request['op'] == 'switches':
            return {'dpids': sorted(self.datapaths)}
        datapath = self.datapaths.get(request['dpid'])
        if datapath is None:
            return {'error': f'switch {request["dpid"]} is not connected'}
        if request['op'] == 'request':
            message = ofproto_parser.ofp_msg_from_jsondict(datapath, request['message'])
            return {'replies': [m.to_jsondict() for m in self.ask(datapath, message)]}
        if request['op'] == 'send':
            return self.send(datapath, request)
        return {'error': f'no such request: {request["op"]}'}

    def ask(self, datapath, message):
        datapath.set_xid(message)
        waiting = self.waiting[datapath.id, message.xid] = Waiting()
        try:
            datapath.send_msg(message)
            if not waiting.done.wait(20):
                raise TimeoutError(f'no reply to {type(message).__name__}')
        finally:
            del self.waiting[datapath.id, message.xid]
        return waiting.messages

    def send(self, datapath, request):
        sent = {}
        for text in request['messages']:
            message = ofproto_parser.ofp_msg_from_jsondict(datapath, text)
            datapath.set_xid(message)
            sent[message.xid] = self.waiting[datapath.id, message.xid] = Waiting()
            datapath.send_msg(message)
        try:
            if request['barrier']:
                self.ask(datapath, datapath.ofproto_parser.OFPBarrierRequest(datapath))
            errors = [m.to_jsondict() for waiting in sent.values() for m in waiting.messages
                      if type(m).__name__ == 'OFPErrorMsg']
        finally:
            for xid in sent:
                del self.waiting[datapath.id, xid]
        return {'errors': errors}


def handler(answered):
    def handle(self, event):
        if answered:
            self.reply(event.msg)
        else:
            self.record(event.msg)
    return handle


def add_handlers():
    """One handler for each kind of message; os-ken finds them by the class's attributes."""
    for names, answered in ((REPLIES, True), (ASYNC, False)):
        for name in names:
            for form in (f'EventOFP{name}Reply', f'EventOFP{name}'):
                event = getattr(ofp_event, form, None)
                if event:
                    setattr(Remote, f'on_{name}',
                            set_ev_cls(event, ALL)(handler(answered)))
                    break


add_handlers()

# SPDX-License-Identifier: Apache-2.0
"""The demo's network: two hosts, two tenants with the same addresses, a controller on the underlay."""
import json
import os
import socket

from lab.fabric import Fabric
from lab.wait import wait_until
from lab.weft import WeftHost

CONTROLLER_PORT = 6653
RED_VNI, BLUE_VSID = 5001, 0x5002
# VM: (tenant, host, port number, last byte of IP and MAC address, kind of port)
VMS = {
    'red1': ('red', 1, 1, 1, 'tap'),
    'red3': ('red', 1, 2, 3, 'af_packet'),
    'red2': ('red', 2, 1, 2, 'af_packet'),
    'blue1': ('blue', 1, 1, 1, 'af_packet'),
    'blue2': ('blue', 2, 1, 2, 'tap'),
    'blue4': ('blue', 2, 2, 4, 'af_packet'),
}
# datapath ids: tenant, host -> number
DPIDS = {('red', 1): 0x11, ('red', 2): 0x12, ('blue', 1): 0x21, ('blue', 2): 0x22}

PICTURE = """
      host h1  172.16.0.1                                    host h2  172.16.0.2
  +-----------------------------+                        +-----------------------------+
  | red1  10.0.0.1  TAP       --+--[ red   switch 0x11 ] | [ red   switch 0x12 ]--+-- red2  10.0.0.2  AF_PACKET
  | red3  10.0.0.3  AF_PACKET --+        VXLAN VNI 5001  ==  underlay  ==         |
  | blue1 10.0.0.1  AF_PACKET --+--[ blue  switch 0x21 ] | [ blue  switch 0x22 ]--+-- blue2 10.0.0.2  TAP
  |                             |        NVGRE VSID 0x5002                        +-- blue4 10.0.0.4  AF_PACKET
  | weft-dataplane, weft-agent  |                        | weft-dataplane, weft-agent  |
  +-----------------------------+                        +-----------------------------+
                         controller (os-ken, OpenFlow 1.3) at 172.16.0.254
"""


def mac(last):
    return f'02:00:00:00:00:{last:02x}'


class Stage:
    """Builds the network; `vms` by name, `hosts` by number."""

    def __init__(self, lab):
        self.lab = lab
        self.fabric = Fabric(lab)
        self.hosts = {number: WeftHost(lab, self.fabric, number) for number in (1, 2)}
        self.vms = {}
        self._describe()
        self._operator = lab.path('operator.sock')
        self.controller = None

    def _describe(self):
        controller = f'tcp:{self.fabric.address}:{CONTROLLER_PORT}'
        for number, host in self.hosts.items():
            other = self.hosts[3 - number].vtep
            for tenant, network in (('red', {'vni': RED_VNI}), ('blue', {'vsid': BLUE_VSID})):
                host.tenant(tenant, vteps=[other], dpid=DPIDS[tenant, number],
                            controllers=[controller], **network)
        for name, (tenant, number, port, last, kind) in VMS.items():
            self.vms[name] = self.hosts[number].vm(tenant, name, port, f'10.0.0.{last}/24', mac(last),
                                                   kind)

    def start_hosts(self):
        for host in self.hosts.values():
            host.up()

    def start_controller(self):
        tenants = {tenant: [{'dpid': DPIDS[tenant, number], 'vtep': self.hosts[number].vtep}
                            for number in self.hosts] for tenant in ('red', 'blue')}
        application = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'controller.py')
        self.controller = self.lab.start(
            'controller', ['/usr/bin/python3', '-m', 'os_ken.cmd.manager',
                           f'--ofp-tcp-listen-port={CONTROLLER_PORT}', application], self.fabric.ns,
            {'DEMO_TENANTS': json.dumps(tenants), 'DEMO_SOCKET': self._operator})
        wait_until(lambda: self.controller.check_alive() and self.ask('status'), 20,
                   'the controller listens')

    def ask(self, operation, **request):
        """Tells the controller something, as its operator; its answer."""
        with socket.socket(socket.AF_UNIX) as channel:
            channel.settimeout(30)
            channel.connect(self._operator)
            channel.sendall(json.dumps({'op': operation, **request}).encode() + b'\n')
            with channel.makefile() as stream:
                answer = json.loads(stream.readline() or '{"error": "no answer"}')
        if 'error' in answer:
            raise RuntimeError(f'controller: {answer["error"]}')
        return answer

    def wait_switches(self, count=4, timeout=30):
        wait_until(lambda: len(self.ask('status')['switches']) == count, timeout,
                   f'{count} switches are connected')

    def drops(self):
        """{(host label, tenant, reason): packets}"""
        return {(host.label, tenant, reason): packets for host in self.hosts.values()
                for tenant, reason, packets in host.drop_rows() if packets}

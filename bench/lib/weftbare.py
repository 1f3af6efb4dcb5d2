# SPDX-License-Identifier: Apache-2.0
"""Weft's data plane without its agent, told by this process over the control socket.

For very many tenants: an agent holds an OpenFlow socket open for each switch, and ovs-ofctl would have
to be started for each. What packets meet is the same. The client is that of the end-to-end tests.
"""
import sys
import time

from . import rules, scenarios
from .machine import ROOT, BenchError
from .weft import Weft

sys.path.append(f'{ROOT}/test/e2e')
import weftipc  # noqa: E402

_UPLINK = 10  # a port number of ours
_AT_ONCE = 1000  # tenants in a transaction


class _Cork:
    def __init__(self):
        self.bytes = bytearray()

    def sendall(self, data):
        self.bytes += data


class _Client(weftipc.Client):
    """Sends a transaction's operations at once and then reads the answers: each turn of the data plane's
    loop looks at every tenant."""
    _waiting, _wire = (), None

    def call(self, kind, body=b'', tenant=0):
        if self.in_txn:
            self._waiting.append(self.send(kind, body, tenant, weftipc.REPLY))
            return None
        return super().call(kind, body, tenant)

    def begin(self, atomic=False):
        super().begin(atomic)
        self._waiting, self._wire, self.sock = [], self.sock, _Cork()

    def commit(self):
        cork, self.sock = self.sock, self._wire
        self.sock.sendall(cork.bytes)
        for xid in self._waiting:
            self._check(*self.answer(xid))
        super().commit()


class WeftBare(Weft):
    def _start_agent(self):
        self._dp = _Client(self._path('dataplane.sock'), timeout=300)

    def _reach_remote(self):
        """Nothing is sent into the underlay."""

    def load(self, deadline, tenants=None):
        """These tenants (all), each with its rule, which drops everything; BenchError if it takes over
        `deadline`."""
        end = time.monotonic() + deadline
        self._dp.host_set(vtep4=scenarios.VTEP)
        encap = {'vxlan': weftipc.VXLAN, 'nvgre': weftipc.NVGRE}[self._inputs.encap]
        tenants = self._inputs.tenants if tenants is None else tenants
        for first in range(0, len(tenants), _AT_ONCE):
            if time.monotonic() > end:
                raise BenchError(f'{first:,} of {len(tenants):,} tenants after {deadline} s')
            with self._dp.txn(atomic=False):
                for tenant in tenants[first:first + _AT_ONCE]:
                    self._add(tenant, encap)

    def _add(self, tenant, encap):
        if not all(map(rules.drops_all, tenant.rules)):
            raise BenchError('without an agent tenants have only a rule that drops')
        self._dp.tenant_add(tenant.number, encap=encap, vni=tenant.vni, flags=0, max_groups=1,
                            max_meters=1, max_fdb=1)
        for vtep in self._inputs.vteps:
            self._dp.vtep_add(tenant.number, vtep)
        for rule in tenant.rules:
            self._dp.flow_add(tenant.number, table=rule.table, priority=rule.priority)

    def receive(self):
        self._dp.port_add(0, id=_UPLINK, name='uplink', **self._inputs.source.weft_port())

    def _worker(self):
        worker = self._dp.workers()[0]
        return {**worker, 'longest_us': worker['longest_cycles'] / worker['cycles_hz'] * 1e6,
                **{f'turns_over_{us}us': worker[f'over_{us}us'] for us in (10, 50)}}

    def counts(self):
        worker, ledgers = self._worker(), self._dp.ledgers()
        return worker['packets'], sum(t['drops'].get('rule', 0) for t in ledgers.values())

# SPDX-License-Identifier: Apache-2.0
import os
import random
import sys
import time

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from lab import Lab, tshark, weft  # noqa: E402
from lab.bare import BareHost  # noqa: E402
from lab.controller import Controller  # noqa: E402
from lab.fabric import Fabric  # noqa: E402
from lab.weft import CommandError, WeftHost  # noqa: E402
from ofclient import NAMES, Client  # noqa: E402
from sessionserver import SessionServer  # noqa: E402


def pytest_addoption(parser):
    parser.addoption('--quick', action='store_true', help='without the tests marked slow')
    parser.addoption('--weft-build', default=None, help='folder with the programs; default: build/')
    parser.addoption('--seed', type=int, default=None, help='of random moments and orders')


def pytest_configure(config):
    config.addinivalue_line('markers', 'slow: left out by --quick')
    config.addinivalue_line('markers', 'alone: measures times or rates; scripts/test runs it beside no other')
    if config.getoption('--weft-build'):
        weft.BUILD = os.path.abspath(config.getoption('--weft-build'))


def pytest_collection_modifyitems(config, items):
    if config.getoption('--quick'):
        for item in items:
            if 'slow' in item.keywords:
                item.add_marker(pytest.mark.skip(reason='slow, left out by --quick'))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """Lets fixtures know whether the test's body failed."""
    outcome = yield
    if call.when == 'call':
        item.body_failed = outcome.get_result().failed


@pytest.fixture
def seed(request):
    """Of what is random in a test; printed when it fails, given again by --seed."""
    value = request.config.getoption('--seed')
    if value is None:
        value = time.time_ns() % 1_000_000
    print(f'seed {value}')
    random.seed(value)
    return value


@pytest.fixture
def lab(request):
    """A laboratory that is gone after the test, whatever happens."""
    with Lab() as made:
        yield made
        ended = made.ended_unexpectedly()
        if getattr(request.node, 'body_failed', False):
            for process in made.processes:
                said = process.tail(25)
                if said and not process.name.startswith('tcpdump'):
                    print(f'--- {process.name} (status {process.status})\n{said}')
        assert not ended, 'programs ended by themselves:\n' + '\n'.join(
            f'{p.name}: status {p.status}\n{p.tail()}' for p in ended)


@pytest.fixture
def fabric(lab):
    return Fabric(lab)


class Hosts:
    """Makes Weft hosts and, at the end of the test, settles accounts with each: its books balance and
    tshark finds nothing wrong in anything that it sent."""

    def __init__(self, lab, fabric):
        self._lab, self._fabric = lab, fabric
        self.all = []
        self._captures = []

    def __call__(self, number, capture=True, **options):
        host = WeftHost(self._lab, self._fabric, number, **options)
        self.all.append(host)
        if capture:
            self._captures.append(self._fabric.capture(host.label, f'all-{host.label}'))
        return host

    def check_captures(self):
        """Of all so far; from now on nothing is captured."""
        while self._captures:
            # TCP without an encapsulation is the host kernel's own.
            tshark.assert_clean(self._captures.pop().stop(whole=False), '!tcp || vxlan || gre')

    def settle(self):
        for host in self.all:
            if host.alive():
                host.check_balance()
        self.check_captures()

    def tell(self):
        """Prints what each host knows, for whoever reads of a failure."""
        for host in filter(WeftHost.alive, self.all):
            for command in ('underlay', 'port', 'fdb', 'drops'):
                try:
                    print(f'--- {host.label}$ weft {command}\n{host.weft(command)}')
                except CommandError as error:
                    print(error)


@pytest.fixture
def hosts(request, lab, fabric):
    made = Hosts(lab, fabric)
    yield made
    if getattr(request.node, 'body_failed', False):
        made.tell()
    else:
        made.settle()


@pytest.fixture
def two_bare(lab, fabric):
    """Two hosts whose data planes have no agent; their books balance at the end."""
    a, b = BareHost(lab, fabric, 1), BareHost(lab, fabric, 2)
    yield a, b
    for host in (a, b):
        if host.process.alive():
            host.check_balance()


@pytest.fixture(scope='module')
def shared():
    """A data plane without an agent, and its tenant 1, for all tests of a file; its books balance at the end."""
    with Lab(name=f'weft{os.getpid()}-shared-') as lab:
        host = BareHost(lab, Fabric(lab), 1)
        host.tenant(1)
        yield host
        host.check_balance()


@pytest.fixture
def controller(lab, fabric):
    return Controller(lab, fabric.ns)


@pytest.fixture
def controller_target(fabric):
    return f'tcp:{fabric.address}:6653'


# ---- sessions without a data plane

@pytest.fixture
def start_server(tmp_path):
    """Starts a session server with these options, listening on a UNIX socket too: its `target`."""
    started = []

    def make(*args):
        path = f'{tmp_path}/of.sock'
        s = SessionServer(f'punix:{path}', *args)
        s.target = f'unix:{path}'
        started.append(s)
        return s

    yield make
    for s in started:
        s.stop()


@pytest.fixture
def server(start_server):
    return start_server()


@pytest.fixture
def connect(server):
    """Connects a client of this OpenFlow version, and closes it after the test."""
    made = []

    def connect(version):
        made.append(Client.connect(server.target, version=version))
        return made[-1]
    yield connect
    for client in made:
        client.close()


@pytest.fixture
def four(connect):
    """A client of each OpenFlow version that Weft speaks, by the version's number on the wire."""
    return {version: connect(version) for version in NAMES}

# SPDX-License-Identifier: Apache-2.0
"""Acts about a process that dies, and about the books at the end."""
import time

from lab import traffic
from lab.wait import wait_until
from stage import mac


def agent_dies(stage, report):
    report.chapter('The agent is killed with -9 under traffic', '''
        Rules live in the data plane. While 500 numbered packets a second go from red1 to red2, and back,
        the agent of h1 is killed. Then a new one is started: it must find the tenants, ports and rules as
        they are, take the controller's sessions up again, and let the controller change a rule.''')
    host = stage.hosts[1]
    rules = _rules(host)
    with Traffic(stage) as streams:
        host.agent.kill()
        report.say(f'agent of h1 killed; rules in its data plane were {rules}')
        time.sleep(1.5)
        streams.wait_flowing(500)
        host.start_agent()
        host.wait_ready()
        stage.wait_switches(4, 40)
        found = wait_until(lambda: _rules(host) == rules and rules, 15, 'the rules as they were')
        report.say(f'new agent has taken over; rules in the data plane are {found}')
        changed = stage.ask('mark', tenant='red', mac=mac(2), dscp=10)
        streams.wait_flowing(200)
        sent, lost, twice = streams.stop()
    report.claim('agent killed: no packet lost', lost == twice == 0 and sent > 1500,
                 f'{sent} sent, {lost} lost, {twice} twice')
    report.claim('new agent takes over', found and changed['switches'] == 2,
                 f'{rules} rules as before, sessions back')


def _rules(host):
    return sum(len(host.json('flow', 'show', tenant)) for tenant in ('red', 'blue'))


class Traffic:
    """Numbered packets from red1 to red2 and back."""

    def __init__(self, stage):
        a, b = stage.vms['red1'], stage.vms['red2']
        self._ports = [a.raw(), b.raw(), b.raw(), a.raw()]
        self._streams = [
            traffic.Stream(*self._ports[:2], traffic.udp_frame(a.mac, b.mac, a.ip, b.ip)),
            traffic.Stream(*self._ports[2:], traffic.udp_frame(b.mac, a.mac, b.ip, a.ip))]
        self._stopped = False

    def __enter__(self):
        self.wait_flowing(100)
        return self

    def __exit__(self, *_):
        if not self._stopped:
            self.stop()
        for port in self._ports:
            port.close()

    def wait_flowing(self, count):
        for stream in self._streams:
            stream.wait_flowing(count)

    def stop(self):
        """(sent, lost, twice) of both directions"""
        self._stopped = True
        results = [stream.stop() for stream in self._streams]
        return (sum(stream.sent for stream in self._streams),
                sum(len(lost) for lost, _ in results), sum(len(twice) for _, twice in results))


def the_books(stage, report):
    report.chapter('The books', '''
        Every packet that a host received, or copied, was sent, consumed, or dropped for a named reason.
        The balance must come out exactly.''')
    for host in stage.hosts.values():
        report.say(f'{host.label}$ weft drops')
        report.say(host.weft('drops'))
        try:
            host.check_balance()
            report.claim(f'{host.label}: the balance is exact', True, 'weft drops --check')
        except AssertionError as error:
            report.claim(f'{host.label}: the balance is exact', False, str(error).splitlines()[0])
    ended = stage.lab.ended_unexpectedly()
    report.claim('no program ended by itself', not ended,
                 ', '.join(process.name for process in ended) or 'all as told')

# SPDX-License-Identifier: Apache-2.0
"""Runs the demo; started by scripts/demo."""
import argparse
import os
import signal
import sys
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, '..', '..', 'test', 'e2e')]

import acts_isolation  # noqa: E402
import acts_resilience  # noqa: E402
import acts_traffic  # noqa: E402
import keeping  # noqa: E402
from lab import Lab  # noqa: E402
from report import Report  # noqa: E402
from stage import PICTURE, Stage  # noqa: E402

ACTS = [acts_traffic.controller_programs, acts_traffic.tenants_ping, acts_traffic.tenants_iperf,
        acts_traffic.both_encapsulations, acts_isolation.red_never_reaches_blue,
        acts_isolation.underlay_intruder, acts_traffic.flow_change, acts_traffic.policy,
        acts_resilience.agent_dies, acts_resilience.the_books]


def perform(lab, report):
    """Builds the network and plays every act; the stage. An act that breaks off is a claim that failed."""
    stage = Stage(lab)
    report.chapter('Two hosts, two tenants', '''
        Hosts and VMs are network namespaces of this machine. Each host runs weft-dataplane (packets) and
        weft-agent (OpenFlow and configuration).''')
    print(PICTURE)
    stage.start_hosts()
    report.say(stage.hosts[1].weft('show'))
    for act in ACTS:
        try:
            act(stage, report)
        except Exception as error:  # the other acts still play
            traceback.print_exc()
            report.claim(act.__name__.replace('_', ' '), False, f'{type(error).__name__}')
    return stage


def main():
    parser = argparse.ArgumentParser(prog='scripts/demo')
    parser.add_argument('--keep', action='store_true')
    parser.add_argument('--stop', action='store_true')
    options = parser.parse_args()
    if options.stop:
        return keeping.stop()
    if keeping.kept() and options.keep:
        print('demo: one is running already; end it by scripts/demo --stop', file=sys.stderr)
        return 1
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    report = Report()
    lab = Lab(outlive=options.keep, name='weft-demo-' if options.keep else None)
    keep = False
    try:
        stage = perform(lab, report)
        report.table()
        keep = options.keep
        if keep:
            keeping.keep(lab, stage)
    except KeyboardInterrupt:
        print('demo: interrupted', file=sys.stderr)
        return 130
    except Exception:
        traceback.print_exc()
        for process in lab.processes:
            print(f'--- {process.name}: {process.status}\n{process.tail(8)}', file=sys.stderr)
        return 1
    finally:
        if not keep:
            lab.close()
    print(f'{len(report.claims) - len(report.failed)} of {len(report.claims)} claims held')
    return 1 if report.failed else 0


if __name__ == '__main__':
    sys.exit(main())

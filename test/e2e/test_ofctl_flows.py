# SPDX-License-Identifier: Apache-2.0
"""Flows in ovs-ofctl's words: what goes in comes out the same, in each version. The texts and what is to
come of them are in ofctl_flows.txt."""
import os
import re
import subprocess

import pytest

VERSIONS = ['10', '13', '14', '15']


def table():
    """(flow, {version: what its dump says, '-' for nothing})."""
    rows = []
    with open(os.path.join(os.path.dirname(__file__), 'ofctl_flows.txt'), encoding='ascii') as f:
        for line in f:
            line = line.rstrip('\n')
            if line.startswith('\t'):
                versions, _, text = line[1:].partition(' ')
                for version in VERSIONS if versions == '*' else versions.split(','):
                    rows[-1][1][version] = text
            elif not line.startswith('#'):
                rows.append((line, {}))
    return rows


def ofctl(server, version, command, *args, stdin=None, check=True):
    return subprocess.run(['ovs-ofctl', '-O', f'OpenFlow{version}', command, server.target, *args], check=check,
                          capture_output=True, text=True, timeout=60, input=stdin)


def bundled(server, version, command, path):
    subprocess.run(['ovs-ofctl', '-O', f'OpenFlow{version}', '--bundle', command, server.target, str(path)],
                   check=True, capture_output=True, timeout=60)


def dumped(text):
    """{cookie: flow}, without what changes by itself."""
    found = {}
    for line in text.splitlines():
        flow = re.match(r' *cookie=(0x[0-9a-f]+), (.*)', line)
        if flow:
            found[flow[1]] = re.sub(r'(duration|n_packets|n_bytes|idle_age|hard_age)=[^, ]*,? ', '', flow[2])
    return found


@pytest.mark.parametrize('version', VERSIONS)
def test_what_goes_in_comes_out(server, version):
    rows = [(flow, says[version]) for flow, says in table() if version in says]
    assert len(rows) > 150
    good = [flow for flow, says in rows if says != '-']
    ofctl(server, version, 'add-flows', '-', stdin='\n'.join(good))
    for flow, says in rows:
        if says == '-':
            assert ofctl(server, version, 'add-flow', flow, check=False).returncode, flow
    wanted = {re.match('cookie=(0x[0-9a-f]+)', flow)[1]: says for flow, says in rows if says != '-'}
    assert dumped(ofctl(server, version, 'dump-flows', '--no-names').stdout) == wanted


def without_flags(flows):
    """Those that replace-flows does not take over."""
    return {cookie: re.sub('(check_overlap|reset_counts|no_packet_counts|no_byte_counts) ', '', flow)
            for cookie, flow in flows.items()}


@pytest.mark.parametrize('version', ['13', '14', '15'])
def test_a_dump_goes_in_again(server, version, tmp_path):
    """All of it by one bundle, twice; then no difference is found."""
    # ovs-ofctl 3.1 finds a difference between these and themselves, Open vSwitch's included.
    flows = [flow for flow, says in table()
             if says.get(version, '-') != '-' and not re.search('nw_frag=(yes|not_later)', flow)]
    path = tmp_path / 'flows'
    path.write_text('\n'.join(flows))
    bundled(server, version, 'add-flows', path)
    first = ofctl(server, version, 'dump-flows', '--no-stats', '--no-names').stdout
    again = tmp_path / 'again'
    again.write_text('\n'.join(line.strip().replace(', ', ',') for line in first.splitlines() if 'actions=' in line))
    ofctl(server, version, 'del-flows')
    bundled(server, version, 'replace-flows', again)
    assert ofctl(server, version, 'diff-flows', str(again), check=False).stdout == ''
    second = ofctl(server, version, 'dump-flows', '--no-stats', '--no-names').stdout
    assert without_flags(dumped(first)) == without_flags(dumped(second)) and len(dumped(first)) == len(flows)

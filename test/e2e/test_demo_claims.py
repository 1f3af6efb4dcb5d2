# SPDX-License-Identifier: Apache-2.0
"""The demo's claims, one by one, in the demo's order and on one network."""
import os
import sys

import pytest

from lab import Lab

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..', 'scripts',
                                'demo.d'))

import main as demo  # noqa: E402
from report import Report  # noqa: E402
from stage import Stage  # noqa: E402


@pytest.fixture(scope='module')
def stage():
    with Lab() as lab:
        made = Stage(lab)
        made.start_hosts()
        yield made


@pytest.mark.parametrize('act', demo.ACTS, ids=lambda act: act.__name__)
def test_claims_of(stage, act):
    report = Report()
    act(stage, report)
    assert report.claims, 'an act that claims nothing'
    assert not report.failed, report.claims

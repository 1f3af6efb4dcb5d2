# SPDX-License-Identifier: Apache-2.0
import os
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from lab import Lab  # noqa: E402
from lab.fabric import Fabric  # noqa: E402


def pytest_addoption(parser):
    parser.addoption('--quick', action='store_true', help='without the tests marked slow')
    parser.addoption('--weft-build', default=None, help='folder with the programs; default: build/')


def pytest_configure(config):
    config.addinivalue_line('markers', 'slow: left out by --quick')


def pytest_collection_modifyitems(config, items):
    if config.getoption('--quick'):
        for item in items:
            if 'slow' in item.keywords:
                item.add_marker(pytest.mark.skip(reason='--quick'))


@pytest.fixture
def lab():
    """A laboratory that is gone after the test, whatever happens."""
    with Lab() as made:
        yield made
        ended = made.ended_unexpectedly()
        assert not ended, 'programs ended by themselves:\n' + '\n'.join(
            f'{p.name}: status {p.status}\n{p.tail()}' for p in ended)


@pytest.fixture
def fabric(lab):
    return Fabric(lab)

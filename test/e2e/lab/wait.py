# SPDX-License-Identifier: Apache-2.0
"""Waiting for something to become true, instead of sleeping and hoping."""
import time


def wait_until(condition, timeout=10.0, what='the condition', interval=0.05):
    """Returns the first true value of condition(); AssertionError after `timeout` seconds.

    An AssertionError or OSError inside the condition means "not yet"; the last one is told.
    """
    end = time.monotonic() + timeout
    last = None
    while True:
        try:
            value = condition()
            if value:
                return value
        except (AssertionError, OSError) as error:
            last = error
        if time.monotonic() >= end:
            raise AssertionError(f'{what}: not within {timeout} s' + (f' ({last})' if last else ''))
        time.sleep(interval)

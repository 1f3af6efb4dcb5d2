#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the seeds in corpus/openflow: make_openflow_corpus.py OF_TOOL

Messages of os-ken, as a controller sends them, and a few random ones of each kind from our own codec.
"""
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE / '../../unit/ctrlagent'))
import of_samples_late  # noqa: E402

out = HERE / 'corpus/openflow'
out.mkdir(parents=True, exist_ok=True)
for version in (4, 5, 6):
    for name, _, data in of_samples_late.version(version).serialized():
        (out / f'osken-{version}-{name}').write_bytes(data)
COMMANDS = ''.join(f'random {version} 1 300\n' for version in (1, 4, 5, 6))
answers = subprocess.run([sys.argv[1]], input=COMMANDS, text=True, capture_output=True, check=True).stdout
for line in answers.splitlines():
    data, _, text = line.partition(' ')
    kind, version = text.split('"')[3], int(data[:2])
    path = out / f'random-{version}-{kind}'
    if len(data) < 2 * 1500 and (not path.exists() or path.stat().st_size < len(data) // 2):
        path.write_bytes(bytes.fromhex(data))

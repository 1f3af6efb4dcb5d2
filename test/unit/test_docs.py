#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Holds the documents against the sources: every drop reason, configuration field, command, metric and
option is told, and every file that a document names is there.

Usage: test_docs.py [SOURCE_ROOT]
"""
import glob
import os
import re
import sys


def read(root, path):
    with open(os.path.join(root, path), encoding='utf-8') as file:
        return file.read()


def missing(names, text, document, kind):
    assert names, f'no {kind} found in the sources: this test has gone blind'
    return [f'{document}: {kind} {name} is not told' for name in names if f'`{name}`' not in text]


def drop_reasons(root):
    header = read(root, 'include/weft/drop.h')
    names = re.findall(r'WEFT_(?:DROP|CONSUMED)\([A-Z_]+, "([a-z-]+)"', header)
    return missing(names, read(root, 'docs/accounting.md'), 'docs/accounting.md', 'reason')


def configuration_fields(root):
    schema = read(root, 'ctrlagent/config/schema.c')
    names = re.findall(r'^\t\{"(\w+)", ', schema, re.M)
    return missing(names, read(root, 'docs/configuration.md'), 'docs/configuration.md', 'field')


def port_kinds(root):
    """Each has a row that says what its device is."""
    header = read(root, 'include/weft/ipc_port.h')
    kinds = re.findall(r'^\tX\([A-Z_]+, (\w+), "', header, re.M)
    assert len(kinds) > 8, 'no kinds of ports found in the sources: this test has gone blind'
    rows = re.findall(r'^\| `(\w+)` \|', read(root, 'docs/configuration.md').split('What a `device` is')[1], re.M)
    return [f'docs/configuration.md: what a device of kind {kind} is, is not told' for kind in kinds
            if kind not in rows[:len(kinds)]]


def configuration_numbers(root):
    """Ranges and defaults of numbers, as far as the sources have them as digits."""
    schema = read(root, 'ctrlagent/config/schema.c')
    rows = re.findall(r'^\| `(\w+)` \| (\d+) to (\d+) \| *(\d*) *\|', read(root, 'docs/configuration.md'), re.M)
    fields = re.findall(r'^\t\{"(\w+)", NUMBER\((\d+), (\d+), (\d+)\)', schema, re.M)
    assert len(fields) > 20, 'no numbers found in the sources: this test has gone blind'
    return [f'docs/configuration.md: {key} is {low} to {high}, if absent {standard}'
            for key, low, high, standard in fields
            if not {(key, low, high, standard), (key, low, high, '')} & set(rows)]


def commands(root):
    source = read(root, 'ctrlagent/cli/verbs.c')
    table = source[source.index('cli_verbs[] = {'):]
    names = []
    for noun, verbs, operands in re.findall(r'^\t\{"(\w+)", (NULL|"[\w ]+"), "([^"]*)"', table, re.M):
        verb = '' if verbs == 'NULL' else verbs.strip('"').split()[0]
        names.append(' '.join(word for word in ('weft', noun, verb, operands) if word))
    return missing(names, read(root, 'docs/cli.md'), 'docs/cli.md', 'command')


def metrics(root):
    names = re.findall(r'^\tX\(\w+, "(weft_\w+)"', read(root, 'ctrlagent/metrics/families.h'), re.M)
    return missing(names, read(root, 'docs/metrics.md'), 'docs/metrics.md', 'metric')


def options(root):
    """Of both programs."""
    names = re.findall(r'\{"([\w-]+)", \w+_argument',
                       read(root, 'dataplane/dp_options.c') + read(root, 'ctrlagent/main.c'))
    assert len(names) > 20, 'no options found in the sources: this test has gone blind'
    text = read(root, 'docs/running.md')
    return [f'docs/running.md: option --{name} is not told' for name in names
            if not re.search(rf'`--{name}[` ]', text)]


def benches(root):
    """Commands of bench/, and its programs as meson has them; what only commands start needs no word."""
    programs = set(re.findall(r"executable\('(bench-\w+)'", read(root, 'bench/meson.build')))
    programs -= {'bench-generate', 'bench-turns', 'bench-witness', 'bench-bfdpeer'}
    commands = [os.path.relpath(path, root) for path in glob.glob(os.path.join(root, 'bench', '*'))
                if os.path.isfile(path) and os.access(path, os.X_OK)]
    text = read(root, 'docs/performance.md')
    assert len(programs) > 4 and len(commands) > 8, 'nothing of bench/ found: this test has gone blind'
    return [f'docs/performance.md: {name} is not told' for name in [*programs, *commands]
            if not re.search(rf'{name}\b', text)]


def links(root):
    """Relative links of all documents, and paths that are written as code."""
    wrong = []
    folders = '|'.join(['include', 'overlay', 'flowtable', 'dataplane', 'ctrlagent', 'bench', 'test',
                        'scripts', 'docs'])
    for path in ['README.md', 'CHANGELOG.md', *glob.glob('docs/*.md', root_dir=root)]:
        text = read(root, path)
        beside = os.path.dirname(path)
        named = [os.path.join(beside, target.split('#')[0])
                 for target in re.findall(r'\]\(([^)]+)\)', text) if '://' not in target]
        named += re.findall(rf'`((?:{folders})/[\w./-]*\w)`', text)
        wrong += [f'{path}: there is no {name}' for name in named
                  if not os.path.exists(os.path.join(root, name))]
    return wrong


def main():
    root = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else '.')
    checks = (drop_reasons, configuration_fields, port_kinds, configuration_numbers, commands, metrics, options, benches,
              links)
    wrong = [line for check in checks for line in check(root)]
    for line in wrong:
        print(line)
    return 1 if wrong else 0


if __name__ == '__main__':
    sys.exit(main())

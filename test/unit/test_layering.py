#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Keeps the folder rule of docs/architecture.md: who may include whose headers.

Reads every #include of the C files under the repository and fails for each one that crosses a
boundary. A folder may use its own headers, <weft/...>, the C library and what RULES grants it.

Usage: test_layering.py [SOURCE_ROOT]
"""
import os
import re
import sys

# folder -> (folders whose headers it may use, patterns of library headers that it may use)
LIBC = r'(arpa|linux|net|netinet|netpacket|sys)/[\w/]+\.h|[a-z]+\.h'
DPDK = r'rte_\w+\.h|pcap(/\w+)?\.h|cmdline\w*\.h|generic/rte_\w+\.h'
AGENT = r'(event2|openssl|netlink)/[\w/]+\.h|event\.h|yaml\.h|jansson\.h|microhttpd\.h'
TEST = r'cmocka\.h'
BASE = r'(assert|errno|float|inttypes|limits|stdalign|stdarg|stdatomic|stdbool|stddef|stdint|stdio|' \
       r'stdlib|stdnoreturn|string|math)\.h|arpa/inet\.h|endian\.h|cpuid\.h|immintrin\.h|[a-z0-9]+intrin\.h'
RULES = {
    'include': ((), BASE),
    'include/weft/process': ((), f'{BASE}|unistd\.h|sys/(resource|socket)\.h'),  # for those who may call the system
    'overlay': ((), BASE),
    'flowtable': ((), BASE),
    'dataplane': (('overlay', 'flowtable', 'include/weft/process'), f'{LIBC}|{DPDK}'),
    'ctrlagent': (('include/weft/process',), f'{LIBC}|{AGENT}'),
    # Tests and benchmarks may use what they are about; the others stay out of their reach.
    'test/unit': ((), LIBC),  # what all unit tests share
    'test/unit/overlay': (('overlay', 'test/unit'), f'{LIBC}|{TEST}'),
    'test/unit/flowtable': (('flowtable', 'test/unit'), f'{LIBC}|{TEST}'),
    'test/unit/dataplane': (('overlay', 'flowtable', 'dataplane', 'test/unit', 'test/unit/overlay',
                             'test/unit/flowtable', 'test/card'),
                            f'{LIBC}|{DPDK}|{TEST}'),
    'test/unit/ctrlagent': (('ctrlagent', 'test/unit'), f'{LIBC}|{AGENT}|{TEST}'),
    'test/card': ((), f'{LIBC}|{DPDK}'),  # shares nothing with what it judges
    'test/fuzz': ((), LIBC),  # what all fuzz targets share; beside it, what unit tests have for the same subject
    'test/fuzz/overlay': (('overlay', 'test/fuzz', 'test/unit/overlay'), LIBC),
    'test/fuzz/flowtable': (('flowtable', 'test/fuzz'), LIBC),
    'test/fuzz/dataplane': (('overlay', 'flowtable', 'dataplane', 'test/fuzz', 'test/unit/overlay'), f'{LIBC}|{DPDK}'),
    'test/fuzz/ctrlagent': (('ctrlagent', 'test/fuzz', 'test/unit/ctrlagent'), f'{LIBC}|{AGENT}'),
    'bench': (('overlay', 'flowtable', 'dataplane'), f'{LIBC}|{DPDK}'),
}
# Headers that the build makes (from a folder's own description), so that no file is to be found.
GENERATED = {'ctrlagent': r'(openflow/)?of_\w+\.h'}
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.M)
# The time of day is set, by years at a boot: how long something takes is asked of a clock that is not.
TIME_OF_DAY = re.compile(r'\b(time\(NULL\)|CLOCK_(REALTIME|TAI)|gettimeofday)')
TELLS_TIME = {'ctrlagent/log.c', 'ctrlagent/session/bundle_schedule.c', 'ctrlagent/session/bundle.h'}
FOLDERS = ('include', 'overlay', 'flowtable', 'dataplane', 'ctrlagent', 'bench', 'test')


def sources(root):
    """Paths of all C files, relative to the root."""
    for folder in FOLDERS:
        for where, _, names in os.walk(os.path.join(root, folder)):
            for name in sorted(names):
                if name.endswith(('.c', '.h')):
                    yield os.path.relpath(os.path.join(where, name), root)


def rule_of(path):
    """The longest folder of RULES that the file lies in, or None."""
    inside = [f for f in RULES if path.startswith(f + '/')]
    return max(inside, key=len) if inside else None


def owner_of(root, path, quoted, name):
    """The folder that an included file belongs to; None for a library's header."""
    if name.startswith('weft/'):
        return rule_of(f'include/{name}')
    if quoted:
        beside = os.path.normpath(os.path.join(os.path.dirname(path), name))
        if '..' in name.split('/') or os.path.exists(os.path.join(root, beside)):
            return rule_of(beside) or beside
        for folder in FOLDERS:  # an include path: include_directories('.') of that folder
            if os.path.exists(os.path.join(root, folder, name)):
                return folder
        if os.path.exists(os.path.join(root, name)):
            return rule_of(name) or name
        for folder, pattern in GENERATED.items():
            if re.fullmatch(pattern, name):
                return folder
    return None


def complaints(root, path, text):
    """What is wrong with the includes of one file."""
    folder = rule_of(path)
    if folder is None:
        yield f'{path}: no rule for this folder in test_layering.py'
        return
    friends, libraries = RULES[folder]
    for match in INCLUDE.finditer(text):
        quoted, name = match[1] == '"', match[2]
        line = text.count('\n', 0, match.start(2)) + 1
        owner = owner_of(root, path, quoted, name)
        if owner in (folder, 'include', *friends) or (owner and owner.split('/')[0] in friends) or \
                (owner and owner.startswith(folder + '/')):
            continue
        if owner is None and re.fullmatch(libraries, name):
            continue
        yield f'{path}:{line}: {folder}/ may not include {match[1]}{name}'
    if path.split('/')[0] not in ('test', 'bench') and path not in TELLS_TIME and TIME_OF_DAY.search(text):
        yield f'{path}: may not ask for the time of day'


def self_check(root):
    """The rule bites: each of these must be refused, or the test proves nothing."""
    bad = [('overlay/x.c', '#include <rte_mbuf.h>\n'), ('overlay/x.c', '#include "weft/process/x.h"\n'),
           ('flowtable/x.c', '#include <sys/socket.h>\n'),
           ('flowtable/x.h', '#include "../overlay/overlay.h"\n'),
           ('ctrlagent/x.c', '#include <rte_ethdev.h>\n'),
           ('ctrlagent/x.c', '#include "../flowtable/flowtable.h"\n'),
           ('dataplane/x.c', '#include <event2/event.h>\n'),
           ('include/weft/x.h', '#include <openssl/ssl.h>\n'), ('ctrlagent/x.c', 'time(NULL)\n')]
    for path, text in bad:
        if not list(complaints(root, path, text)):
            yield f'self check: {text.strip()} in {path} was not refused'
    if list(complaints(root, 'dataplane/x.c', '#include "../flowtable/flowtable.h"\n')):
        yield 'self check: dataplane/ was refused flowtable.h'


def main():
    root = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else '.')
    wrong = list(self_check(root))
    count = 0
    for path in sources(root):
        count += 1
        with open(os.path.join(root, path), encoding='utf-8') as file:
            wrong += complaints(root, path, file.read())
    for line in wrong:
        print(line)
    if not count:
        wrong.append('no sources')
    print(f'{count} files read, {len(wrong)} wrong')
    return 1 if wrong else 0


if __name__ == '__main__':
    sys.exit(main())

# SPDX-License-Identifier: Apache-2.0
"""of_wire.h: for each struct of the description a C struct in host order, and what reads and writes it.

A root class becomes a tagged union of its structs; a class below one is only a step of the dispatch.
"""
from ofdesc import INTS

BANNER = '// Made by ofgen.py from spec/*.ofd. Do not edit.\n// SPDX-License-Identifier: Apache-2.0\n'
CTYPES = {'u8': 'uint8_t', 'u16': 'uint16_t', 'u32': 'uint32_t', 'u64': 'uint64_t', 'port': 'uint32_t'}
SPAN_SAYS = {'rest': 'bytes', 'match': 'OXM TLVs', 'oxm': 'one OXM TLV', 'nxm': 'NXM TLVs', 'stats': 'OXS TLVs',
             'message': 'a whole message'}


def kind_of(struct):
    return struct.name.upper()


def is_leaf(struct):
    return not struct.abstract


def base(struct):
    return struct.abstract and struct.parent is None


class Header:
    def __init__(self, model):
        self.model = model

    def enum(self, e):
        yield f'enum {e.name} {{'
        for s in e.symbols:
            yield f'\t{e.prefix}_{s.name} = {s.value},'
        yield '};'
        if e.names:
            yield f'const char *{e.name}_name(unsigned value, uint8_t version); // NULL if unknown'

    def member(self, f):
        if f.type in CTYPES:
            array = f'[{f.arg}]' if f.arg else ''
            return f'\t{CTYPES[f.type]} {f.name}{array};'
        if f.type == 'mac':
            return f'\tstruct weft_mac {f.name};'
        if f.type == 'str':
            return f'\tchar {f.name}[{f.arg}];'
        if f.type == 'list':
            return f'\tstruct of_span {f.name}; // of struct {f.arg}'
        if f.type in SPAN_SAYS:
            return f'\tstruct of_span {f.name}; // {SPAN_SAYS[f.type]}'
        return f'\tstruct {f.type} {f.name};'

    def members(self, s):
        if s.keeps_kind:
            yield f'\t{CTYPES[s.parent.with_role("kind").type]} kind; // as on the wire'
        widest = {}  # of the fields of a name, which differ by version
        for f in s.fields:
            if f.stored:
                widest[f.name] = max(widest.get(f.name, f), f, key=lambda g: INTS.get(g.type, 0))
        yield from map(self.member, widest.values())

    def leaf(self, s):
        members = list(self.members(s)) or ['\tuint8_t nothing;']
        yield f'struct {s.name} {{'
        yield from members
        yield '};'
        yield from self.functions(s)

    def functions(self, s):
        n = s.name
        yield f'int {n}_read(struct of_reader *r, struct {n} *out);'
        yield f'int {n}_write(struct of_writer *w, const struct {n} *in);'
        yield f'static inline bool {n}_next(struct of_reader *it, struct {n} *out)'
        yield '{'
        yield f'\treturn of_left(it) && {n}_read(it, out) == 0;'
        yield '}'

    def union(self, s):
        yield f'enum {s.name}_kind {{'
        yield f'\t{kind_of(s)}_NONE,'
        yield from (f'\t{kind_of(x)},' for x in s.leaves)
        yield f'\t{kind_of(s)}_KINDS'
        yield '};'
        yield f'const char *{s.name}_name(unsigned kind);'
        yield f'struct {s.name} {{'
        yield f'\tenum {s.name}_kind kind;'
        yield '\tunion {'
        yield from (f'\t\tstruct {x.name} {x.short};' for x in s.leaves)
        yield '\t};'
        yield '};'
        yield f'enum {s.name}_kind {s.name}_peek(const struct of_reader *r, struct of_error *error);'
        yield from self.functions(s)

    def lines(self):
        yield BANNER + '#pragma once'
        yield '// See reader.h and writer.h for the rules; chapter 7 of OpenFlow 1.3.5, 1.4.1 and 1.5.1 for the meaning.\n'
        yield '#include <weft/types.h>\n\n#include "openflow/reader.h"\n#include "openflow/writer.h"\n'
        for e in self.model.enums:
            yield from self.enum(e)
            yield ''
        for s in self.model.structs.values():
            if is_leaf(s):
                yield from self.leaf(s)
                yield ''
        for s in self.model.structs.values():
            if base(s):
                yield from self.union(s)
                yield ''
        yield ERROR_NAMES_H
        yield OXM_H


ERROR_NAMES_H = '''// All error codes by name; `low` to `high` are the wire versions that have it.
struct of_error_name {
	uint16_t type;
	uint16_t code;
	uint8_t low;
	uint8_t high;
	const char *name;
};
extern const struct of_error_name of_error_names[];
extern const size_t of_error_names_count;
'''

OXM_H = '''// All forms of the match fields; of a field's forms the first of a version is the one to write.
struct of_oxm_form {
	uint16_t class_;
	uint8_t number;
	uint8_t bytes;
	uint32_t experimenter;
	uint8_t field; // enum weft_field
	uint8_t low;   // wire versions that know it
	uint8_t high;
};
extern const struct of_oxm_form of_oxm_forms[];
extern const size_t of_oxm_forms_count;

// The form that a TLV's header names (`experimenter` is 0 unless the class is 0xffff), or that a field
// is written in; NULL if this version has none.
const struct of_oxm_form *of_oxm_form(uint16_t class_, uint8_t number, uint32_t experimenter,
	uint8_t version);
const struct of_oxm_form *of_oxm_form_of_field(unsigned field, uint8_t version);'''

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes of_wire.h and of_wire.c from the description: ofgen.py OUTDIR spec/*.ofd

For each struct a C struct in host order, `of_X_read`, `of_X_write` and, to walk lists, `of_X_next`. A
root class becomes a tagged union of its structs, `of_X_peek` says which one comes next.
"""
import os
import sys

from ofdesc import EVER, INTS, SPANS, condition, load
from ofheader import BANNER, Header, base, is_leaf, kind_of

EXPERIMENTERS = {'onf': 0x4f4e4600, 'nicira': 0x2320}


class Source:
    def __init__(self, model):
        self.model = model

    def guarded(self, versions, holder, line, otherwise=None):
        """A statement for some versions, and another for the rest."""
        test = condition(versions, holder)
        if not line:
            return []
        if not test:
            return [f'\t{line}']
        if otherwise:
            return [f'\tif ({test})', f'\t\t{line}', '\telse', f'\t\t{otherwise}']
        return [f'\tif ({test})', f'\t\t{line}']

    def kind_value(self, values, holder):
        """The wire value of a kind, by version."""
        text = values[-1][0]
        for value, versions in values[:-1]:
            text = f'{condition(versions, holder)} ? {value} : {text}'
        return text

    # Which struct of the family says that a field of role `kind` has which value: the leaf itself for
    # its class's field, its parent for the field of the class above.
    def kind_values(self, s, f):
        child = s
        while f not in child.parent.own:
            child = child.parent
        return child.values

    def read_role(self, s, f, cursor):
        get = f'of_get_{f.type}({cursor})'
        held = cursor.lstrip('&')
        if f.role == 'version':
            return (f'if ({get} != {held}{"." if cursor != "r" else "->"}version) '
                    f'of_fail({cursor}, OFPET_BAD_REQUEST, OFPBRC_BAD_VERSION);')
        if f.role == 'length':
            return f'{get};'
        if f.role == 'sizeof':
            return f'{f.name} = {get};'
        if f.role == 'kind' and s.keeps_kind and f in s.parent.own:
            return f'out->kind = {get};'
        value = f.arg if f.role == 'const' else self.kind_value(self.kind_values(s, f), 'r')
        unknown = self.model.error(self.holder(s, f), 0, 'r')
        return f'if ({get} != ({value})) of_fail_error({cursor}, {unknown});'

    def holder(self, s, f):
        """The class that declares a field."""
        while f not in s.own:
            s = s.parent
        return s

    def get(self, f, cursor):
        name = f'out->{f.name}'
        if f.type in INTS and f.arg:
            return f'for (size_t i = 0; i < {f.arg}; i++) {name}[i] = of_get_{f.type}({cursor});'
        if f.when:
            other, _, least = f.when
            return f'{name} = out->{other} >= {least} ? of_get_{f.type}({cursor}) : 0;'
        if f.type in INTS:
            return f'{name} = of_get_{f.type}({cursor});'
        if f.type == 'list':
            return f'{name} = ' + (f'of_get_span({cursor}, {f.bound});' if f.bound
                                   else f'of_get_rest({cursor});')
        if f.type == 'nxm':
            return f'{name} = of_get_nxm({cursor}, {f.bound});'
        if f.type in SPANS:
            return f'{name} = of_get_{f.type}({cursor});'
        return {
            'pad': f'of_take({cursor}, {f.arg});',
            'slack': f'of_get_slack({cursor});',
            'mac': f'of_get_bytes({cursor}, {name}.b, 6);',
            'str': f'of_get_str({cursor}, {name}, {f.arg});',
        }.get(f.type, f'{f.type}_read({cursor}, &{name});')

    def read_field(self, s, f, cursor):
        if f.role:
            return self.guarded(f.versions, 'r', self.read_role(s, f, cursor))
        first = next(g for g in s.fields if g.name == f.name) is f
        zero = f'memset(&out->{f.name}, 0, sizeof(out->{f.name}));' if f.stored and first else None
        return self.guarded(f.versions, 'r', self.get(f, cursor), zero)

    def read(self, s):
        length = s.with_role('length')
        cursor, leave = 'r', 'of_status(r)'
        yield f'int {s.name}_read(struct of_reader *r, struct {s.name} *out)'
        yield '{'
        if length:
            cursor, leave = '&s', f'of_close(r, &s, {s.pad})'
            enter = (f'of_open(r, {s.offset("length", "r")}, {s.align}, {s.pad}, '
                     f'{self.model.error(s, 1, "r")})')
            framed = condition(length.versions, 'r')
            if framed:
                enter, leave = f'{framed} ? {enter} : *r', f'{framed} ? {leave} : of_resume(r, &s)'
            yield f'\tstruct of_reader s = {enter};'
        for name in dict.fromkeys(f.name for f in s.fields if f.role == 'sizeof'):
            yield f'\tsize_t {name} = 0;'
        yield ''
        if s.versions != EVER:
            yield f'\tif (!({condition(s.versions, "r")}))'
            yield f'\t\tof_fail_error({cursor}, r->bad_len);'
        for f in s.fields:
            yield from self.read_field(s, f, cursor)
        yield f'\treturn {leave};'
        yield '}'

    def write_role(self, s, f):
        if f.role == 'version':
            return f'of_put_{f.type}(w, w->version);'
        if f.role == 'length':
            return f'of_put_{f.type}(w, 0);'
        if f.role == 'sizeof':
            return f'of_put_{f.type}(w, of_len16(w, in->{f.arg}.len));'
        if f.role == 'const':
            return f'of_put_{f.type}(w, {f.arg});'
        if s.keeps_kind and f in s.parent.own:
            return f'of_put_{f.type}(w, in->kind);'
        return f'of_put_{f.type}(w, {self.kind_value(self.kind_values(s, f), "w")});'

    def put(self, f):
        name = f'in->{f.name}'
        if f.type in INTS and f.arg:
            return f'for (size_t i = 0; i < {f.arg}; i++) of_put_{f.type}(w, {name}[i]);'
        if f.when:
            other, _, least = f.when
            return f'if (in->{other} >= {least}) of_put_{f.type}(w, {name});'
        if f.type in INTS:
            # Where a field of the same name is wider in other versions, this one holds its low bytes.
            return f'of_put_{f.type}(w, {name});'
        return {
            'pad': f'of_put_zeros(w, {f.arg});',
            'slack': None, # of_end() does it
            'mac': f'of_put_bytes(w, {name}.b, 6);',
            'str': f'of_put_str(w, {name}, {f.arg});',
            'match': f'of_put_match(w, {name});',
            'nxm': f'of_put_message(w, {name}, 1);',
            'stats': f'of_put_stats(w, {name});',
            'message': f'of_put_message(w, {name}, {f"in->{f.bound}.len" if f.bound else 0});',
            **{t: f'of_put_span(w, {name});' for t in ('rest', 'list', 'oxm')},
        }.get(f.type, f'{f.type}_write(w, &{name});')

    def write_field(self, s, f):
        return self.guarded(f.versions, 'w', self.write_role(s, f) if f.role else self.put(f))

    def write(self, s):
        length = s.with_role('length')
        yield f'int {s.name}_write(struct of_writer *w, const struct {s.name} *in)'
        yield '{'
        if length:
            yield '\tsize_t begin = of_begin(w);'
        yield ''
        for f in s.fields:
            yield from self.write_field(s, f)
        if length:
            end = f'of_end(w, begin, {s.offset("length", "w")}, {s.align}, {s.pad})'
            framed = condition(length.versions, 'w')
            yield f'\treturn {f"{framed} ? {end} : w->error" if framed else end};'
        else:
            yield '\treturn w->error;'
        yield '}'

    def peek(self, s):
        """The dispatch on a class's kind field; a class below is asked in turn."""
        for c in s.children:
            if c.abstract:
                yield from self.peek(c)
        at, size, root = s.offset('kind', 'r'), INTS[s.with_role('kind').type], s.root.name
        load_ = f'of_load{8 * size}(r->p + {at})' if size > 1 else f'r->p[{at}]'
        public = '' if s.parent is None else 'static '
        yield f'{public}enum {root}_kind {s.name}_peek(const struct of_reader *r, struct of_error *error)'
        yield '{'
        yield f'\tif (of_left(r) < {at} + {size}) {{'
        yield f'\t\t*error = {self.model.error(s, 1, "r")};'
        yield f'\t\treturn {root.upper()}_NONE;'
        yield '\t}'
        yield f'\tswitch ({load_}) {{'
        other = next((kind_of(c) for c in s.children if c.other), None)
        cases = {}
        for c in s.children:
            for value, versions in c.values:
                if value != '*':
                    cases.setdefault(value, []).append((c, versions))
        for value, takers in cases.items():
            yield f'\tcase {value}:'
            for c, versions in takers:
                then = f'return {c.name}_peek(r, error);' if c.abstract else f'return {kind_of(c)};'
                yield from ('\t' + x for x in self.guarded(versions, 'r', then))
                if not condition(versions, 'r'):
                    break
            else:
                yield '\t\tbreak;'
        yield '\tdefault:\n\t\tbreak;\n\t}'
        if other:
            yield f'\treturn {other};'
        else:
            yield f'\t*error = {self.model.error(s, 0, "r")};'
            yield f'\treturn {root.upper()}_NONE;'
        yield '}'

    def union(self, s):
        n, none = s.name, f'{kind_of(s)}_NONE'
        yield from self.peek(s)
        yield f'\nint {n}_read(struct of_reader *r, struct {n} *out)\n{{'
        yield '\tstruct of_error error;\n'
        yield f'\tout->kind = {n}_peek(r, &error);\n\tswitch (out->kind) {{'
        for x in s.leaves:
            yield f'\tcase {kind_of(x)}:\n\t\treturn {x.name}_read(r, &out->{x.short});'
        yield f'\tcase {none}:\n\tcase {kind_of(s)}_KINDS:\n\t\tbreak;\n\t}}'
        yield '\treturn of_fail_error(r, error);\n}'
        yield f'\nint {n}_write(struct of_writer *w, const struct {n} *in)\n{{'
        yield '\tswitch (in->kind) {'
        for x in s.leaves:
            yield f'\tcase {kind_of(x)}:\n\t\treturn {x.name}_write(w, &in->{x.short});'
        yield f'\tcase {none}:\n\tcase {kind_of(s)}_KINDS:\n\t\tbreak;\n\t}}\n\treturn -EINVAL;\n}}'
        yield f'\nconst char *{n}_name(unsigned kind)\n{{'
        yield f'\tstatic const char *const names[{kind_of(s)}_KINDS] = {{\n\t\t[{none}] = "none",'
        yield from (f'\t\t[{kind_of(x)}] = "{x.short}",' for x in s.leaves)
        yield f'\t}};\n\treturn kind < {kind_of(s)}_KINDS ? names[kind] : "none";\n}}'

    def enum_names(self, e):
        yield f'const char *{e.name}_name(unsigned value, uint8_t version)\n{{'
        yield '\tstatic const struct of_name names[] = {'
        for s in e.symbols:
            yield f'\t\t{{{e.prefix}_{s.name}, {s.versions[0]}, {s.versions[1]}, "{e.prefix}_{s.name}"}},'
        yield '\t};\n\treturn of_name(names, sizeof(names) / sizeof(names[0]), value, version);\n}'

    def tables(self):
        yield 'const struct of_error_name of_error_names[] = {'
        for e in self.model.enums:
            for s in e.symbols if e.error else ():
                name = f'{e.prefix}_{s.name}'
                yield f'\t{{OFPET_{e.error}, {name}, {s.versions[0]}, {s.versions[1]}, "{name}"}},'
        yield '};'
        yield 'const size_t of_error_names_count = sizeof(of_error_names) / sizeof(of_error_names[0]);\n'
        yield 'const struct of_oxm_form of_oxm_forms[] = {'
        for name, class_, number, size, (low, high) in self.model.oxms:
            number_class = '0xffff' if class_ in EXPERIMENTERS else class_
            yield (f'\t{{{number_class}, {number}, {size}, {EXPERIMENTERS.get(class_, 0):#x}, '
                   f'WEFT_FIELD_{name}, {low}, {high}}},')
        yield '};'
        yield 'const size_t of_oxm_forms_count = sizeof(of_oxm_forms) / sizeof(of_oxm_forms[0]);\n'
        yield from self.oxm_switch('class_, uint8_t number, uint32_t experimenter', 'of_oxm_form(uint16_t',
            '(uint64_t)experimenter << 32 | (uint32_t)class_ << 8 | number', self.oxm_key)
        yield from self.oxm_switch('field', 'of_oxm_form_of_field(unsigned', 'field',
            lambda oxm: f'WEFT_FIELD_{oxm[0]}')

    def oxm_key(self, oxm):
        _, class_, number, _, _ = oxm
        experimenter = EXPERIMENTERS.get(class_, 0)
        class_ = 0xffff if experimenter else int(class_, 16)
        return f'{experimenter << 32 | class_ << 8 | int(number):#x}'

    def oxm_switch(self, parameters, function, key, key_of):
        cases = {}
        for i, oxm in enumerate(self.model.oxms):
            cases.setdefault(key_of(oxm), []).append((i, oxm[4]))
        yield f'const struct of_oxm_form *{function} {parameters}, uint8_t version)\n{{'
        yield f'\tswitch ({key}) {{'
        for value, forms in cases.items():
            yield f'\tcase {value}:'
            for i, (low, high) in forms:
                yield f'\t\tif ({low} <= version && version <= {high})\n\t\t\treturn &of_oxm_forms[{i}];'
            yield '\t\tbreak;'
        yield '\tdefault:\n\t\tbreak;\n\t}\n\treturn NULL;\n}\n'

    def lines(self):
        yield BANNER
        yield '#include "openflow/of_wire.h"\n\n#include <weft/fields.h>\n'
        yield OF_NAME_C
        for e in self.model.enums:
            if e.names:
                yield from self.enum_names(e)
                yield ''
        for s in self.model.structs.values():
            if is_leaf(s):
                yield from self.read(s)
                yield ''
                yield from self.write(s)
                yield ''
        for s in self.model.structs.values():
            if base(s):
                yield from self.union(s)
                yield ''
        yield from self.tables()


OF_NAME_C = '''struct of_name {
	unsigned value;
	uint8_t low;
	uint8_t high;
	const char *name;
};

static const char *of_name(const struct of_name *names, size_t n, unsigned value, uint8_t version)
{
	for (size_t i = 0; i < n; i++)
		if (names[i].value == value && names[i].low <= version && version <= names[i].high)
			return names[i].name;
	return NULL;
}
'''


def main(outdir, *paths):
    model = load(paths)
    for name, writer in (('of_wire.h', Header), ('of_wire.c', Source)):
        with open(os.path.join(outdir, name), 'w', encoding='utf-8') as f:
            f.write('\n'.join(writer(model).lines()) + '\n')


if __name__ == '__main__':
    main(*sys.argv[1:])

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes of_testkit_gen.c: for each struct of the OpenFlow description what tests need of it.

of_testkit_gen.py OFDESC_DIR OUT spec/*.ofd. Random instances, comparison, a deep copy from wire to wire
that decodes every nested list, and a dump as JSON. See of_testkit.h.
"""
import sys


def in_version(versions, what='k->version'):
    return f'({versions[0]} <= {what} && {what} <= {versions[1]})'


def intersect(a, b):
    return max(a[0], b[0]), min(a[1], b[1])


def type_versions(s, every):
    """The versions that know a struct: in which it, or one of its class, has a kind."""
    if s.abstract:
        spans = [type_versions(leaf, every) for leaf in s.leaves]
        return min(v[0] for v in spans), max(v[1] for v in spans)
    here = s.versions
    while s.parent:
        spans = [v for _, v in s.values]
        here = intersect(here, (min(v[0] for v in spans), max(v[1] for v in spans)))
        s = s.parent
    return intersect(here, every)


class Kit:
    def __init__(self, model, desc):
        self.model, self.ints, self.spans, self.every = model, desc.INTS, desc.SPANS, desc.EVER

    def all(self):
        return [s for s in self.model.structs.values() if not s.abstract or not s.parent]

    def stored(self, s):
        """One field of each name."""
        return {f.name: f for f in reversed(s.fields) if f.stored}.values()

    def random_field(self, s, f):
        name = f'o->{f.name}'
        if f.type in self.ints and f.arg:
            value = f'for (size_t i = 0; i < {f.arg}; i++) {name}[i] = (__typeof__({name}[i]))kit_rand(k);'
        else:
            value = {
                'mac': f'kit_bytes(k, {name}.b, 6);',
                'str': f'kit_str(k, {name}, {f.arg});',
                'list': f'{name} = kit_list(k, random_{f.arg}, sizeof(struct {f.arg}), write_{f.arg});',
                **{t: f'{name} = kit_{t}(k);' for t in self.spans if t != 'list'},
                **{t: f'{name} = (uint{8 * n}_t)kit_rand(k);' for t, n in self.ints.items()},
                'port': f'{name} = kit_port(k);',
                'rest': f'{name} = kit_rest(k, {self.to_align(s)});',
            }.get(f.type, f'random_{f.type}(k, &{name});')
        if any(g.when and g.when[0] == f.name for g in s.fields):
            value += f' if (kit_rand(k) % 2) {name} = (__typeof__({name}))-1;'
        test = in_version(f.versions)
        if f.when:
            test += f' && o->{f.when[0]} >= {f.when[2]}'
        return f'if ({test}) {{ {value} }}'

    def to_align(self, s):
        """What is missing from a multiple of 8, where a struct must be one and all else is of fixed size."""
        sizes = [f.size('k') for f in s.fields if f.type in self.ints or f.type == 'pad']
        return -sum(sizes) % 8 if s.align and all(isinstance(x, int) for x in sizes) else 0

    def random_kind(self, s):
        """For a struct that keeps it."""
        if s.other:
            return ['\to->kind = (uint16_t)(0x7f00 | kit_rand(k));']
        kinds = ', '.join(f'{{{value}, {low}, {high}}}' for value, (low, high) in s.values)
        return [f'\tstatic const struct kit_kind kinds[] = {{{kinds}}};',
                f'\to->kind = (__typeof__(o->kind))kit_kind(k, kinds, {len(s.values)});']

    def random(self, s):
        yield f'static void random_{s.name}(struct of_testkit *k, void *out)\n{{'
        yield f'\tstruct {s.name} *o = out;\n\tmemset(o, 0, sizeof(*o));'
        if s.abstract:
            yield '\tstatic const struct kit_kind kinds[] = {'
            for leaf in s.leaves:
                low, high = type_versions(leaf, self.every)
                yield f'\t\t{{{leaf.name.upper()}, {low}, {high}}},'
            yield '\t};'
            yield '\to->kind = kit_kind(k, kinds, sizeof(kinds) / sizeof(kinds[0]));\n\tswitch (o->kind) {'
            for leaf in s.leaves:
                yield f'\tcase {leaf.name.upper()}:\n\t\trandom_{leaf.name}(k, &o->{leaf.short});\n\t\tbreak;'
            yield '\tdefault:\n\t\tbreak;\n\t}'
        else:
            if s.keeps_kind:
                yield from self.random_kind(s)
            for f in s.fields:
                if f.stored:
                    yield '\t' + self.random_field(s, f)
        yield '\t(void)k;\n}'

    def equal(self, s):
        yield f'static bool equal_{s.name}(const void *a, const void *b)\n{{'
        yield f'\tconst struct {s.name} *x = a, *y = b;'
        if s.abstract:
            yield '\tif (x->kind != y->kind)\n\t\treturn false;\n\tswitch (x->kind) {'
            for leaf in s.leaves:
                yield (f'\tcase {leaf.name.upper()}:\n'
                       f'\t\treturn equal_{leaf.name}(&x->{leaf.short}, &y->{leaf.short});')
            yield '\tdefault:\n\t\treturn false;\n\t}\n}'
            return
        if s.keeps_kind:
            yield '\tif (x->kind != y->kind)\n\t\treturn false;'
        for f in self.stored(s):
            a, b = f'x->{f.name}', f'y->{f.name}'
            if f.type in self.spans:
                test = f'!kit_span_equal({a}, {b})'
            elif f.type in self.model.structs:
                test = f'!equal_{f.type}(&{a}, &{b})'
            else:
                test = f'memcmp(&{a}, &{b}, sizeof({a}))'
            yield f'\tif ({test})\n\t\treturn false;'
        yield '\t(void)x, (void)y;\n\treturn true;\n}'

    def refine(self, s):
        """Deepens what was read: each list is decoded and written anew."""
        yield f'static int refine_{s.name}(struct of_testkit *k, struct of_reader *r, void *p)\n{{'
        yield f'\tstruct {s.name} *o = p;'
        if s.abstract:
            yield '\tswitch (o->kind) {'
            for leaf in s.leaves:
                yield (f'\tcase {leaf.name.upper()}:\n'
                       f'\t\treturn refine_{leaf.name}(k, r, &o->{leaf.short});')
            yield '\tdefault:\n\t\treturn 0;\n\t}\n}'
            return
        for f in self.stored(s):
            if f.type == 'list':
                yield (f'\tif (kit_refine(k, r, &o->{f.name}, &of_testkit_{f.arg}))\n'
                       '\t\treturn -EBADMSG;')
        yield '\t(void)o, (void)k, (void)r;\n\treturn 0;\n}'

    def dump_field(self, f):
        name = f'o->{f.name}'
        yield f'\t\tfprintf(f, ", \\"{f.name}\\": ");'
        if f.type in self.ints and f.arg:
            yield f'\t\tkit_dump_u32s(f, {name}, {f.arg});'
            return
        yield '\t\t' + {
            'mac': f'kit_dump_hex(f, (struct of_span){{{name}.b, 6}});',
            'str': f'kit_dump_str(f, {name});',
            'list': f'kit_dump_list(f, version, {name}, &of_testkit_{f.arg});',
            **{t: f'kit_dump_hex(f, {name});' for t in self.spans if t != 'list'},
            **{t: f'fprintf(f, "%" PRIu64, (uint64_t){name});' for t in self.ints},
        }.get(f.type, f'dump_{f.type}(f, version, &{name});')

    def dump(self, s):
        yield f'static void dump_{s.name}(FILE *f, uint8_t version, const void *p)\n{{'
        yield f'\tconst struct {s.name} *o = p;'
        if s.abstract:
            yield '\tswitch (o->kind) {'
            for leaf in s.leaves:
                yield f'\tcase {leaf.name.upper()}:\n\t\tdump_{leaf.name}(f, version, &o->{leaf.short});\n\t\tbreak;'
            yield '\tdefault:\n\t\tbreak;\n\t}\n}'
            return
        yield f'\tfprintf(f, "{{\\"struct\\": \\"{s.name}\\"");'
        if s.keeps_kind:
            yield '\tfprintf(f, ", \\"kind\\": %u", o->kind);'
        for f in s.fields:
            if f.stored:
                yield f'\tif ({in_version(f.versions, "version")}) {{'
                yield from self.dump_field(f)
                yield '\t}'
        yield '\tfprintf(f, "}");\n\t(void)o, (void)version;\n}'

    def entry(self, s):
        yield f'const struct of_testkit_type of_testkit_{s.name} = {{'
        yield f'\t.name = "{s.name}", .size = sizeof(struct {s.name}),'
        low, high = type_versions(s, self.every)
        yield f'\t.low = {low}, .high = {high},'
        for op in ('random', 'read', 'write', 'equal', 'refine', 'dump'):
            yield f'\t.{op} = {op}_{s.name},'
        yield '};'

    def wrappers(self, s):
        n = s.name
        yield f'static int read_{n}(struct of_reader *r, void *o) {{ return {n}_read(r, o); }}'
        yield f'static int write_{n}(struct of_writer *w, const void *i) {{ return {n}_write(w, i); }}'

    def lines(self):
        yield '// Made by of_testkit_gen.py. Do not edit.\n#include <inttypes.h>\n#include "of_testkit.h"\n'
        for s in self.all():
            yield f'static void random_{s.name}(struct of_testkit *k, void *out);'
            yield f'extern const struct of_testkit_type of_testkit_{s.name};'
            yield from self.wrappers(s)
        # A struct in place is declared before its user in the description, so this order will do.
        leaves = [s for s in self.all() if not s.abstract]
        for s in leaves + [s for s in self.all() if s.abstract]:
            for part in (self.random, self.equal, self.refine, self.dump, self.entry):
                yield from part(s)
        yield 'const struct of_testkit_type *const of_testkit_types[] = {'
        yield from (f'\t&of_testkit_{s.name},' for s in self.all())
        yield '\tNULL,\n};'


def main(desc_dir, out, *paths):
    sys.path.insert(0, desc_dir)
    import ofdesc
    with open(out, 'w', encoding='utf-8') as f:
        f.write('\n'.join(Kit(ofdesc.load(paths), ofdesc).lines()) + '\n')


if __name__ == '__main__':
    main(*sys.argv[1:])

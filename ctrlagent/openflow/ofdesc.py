# SPDX-License-Identifier: Apache-2.0
"""Reads the description of OpenFlow (spec/*.ofd) into a model that the generators walk.

    enum NAME [names] [error TYPE] : PREFIX { SYMBOL = number [versions]; ... }
    class NAME [: PARENT(value [versions], ...)] [align N | pad N] [errors...] { fields }
    struct NAME [: PARENT(value [versions], ...)] [align N | pad N] [errors...] [versions] { fields }
    oxm FIELD = class : number : bytes [versions];

A class is told apart into its structs by a field `= kind`; `(*)` takes every other value. A struct of
more than one value at a time keeps it as its member `kind`. Fields:

    u8|u16|u32|u64 name;        u32[4] name;           mac name;      str[16] name;      pad 4;
    port name;                  a port number, of 16 bits in OpenFlow 1.0
    u16 type = const 0xffff;    always that
    u16 len = length;           bytes of the whole struct, written back when its end is known
    u16 n = sizeof LIST;        bytes of a list that is not the last: list of_x LIST within n;
    list of_x name;             elements up to the end;    rest name;     bytes up to the end
    match name;  stats name;    ofp_match and ofp_stats without their frame
    nxm name within N;          N bytes of TLVs, padded to 8
    oxm name;    slack;         one OXM TLV, padded; up to seven bytes of padding at the end
    message name [before LIST]; a message within this one, padded to 8 if LIST is not empty
    of_x name;                  a struct in place
    u32 name when other >= 5;   there only under a condition on an earlier field

Versions are wire versions: [4], [4-], [2-4]. A field may come more than once, each time in other versions,
as where it stands has changed. `align N`: the length includes padding to a multiple of N. `pad N`: it
does not, but padding follows. `errors [versions] T.C T.C`: what an unknown kind and a bad length draw.
"""
import re
from dataclasses import dataclass, field

FIRST, LAST = 1, 6  # wire versions: OpenFlow 1.0 to 1.5
EVER = (FIRST, LAST)
INTS = {'u8': 1, 'u16': 2, 'u32': 4, 'u64': 8, 'port': 4}
SPANS = ('rest', 'match', 'oxm', 'nxm', 'stats', 'message', 'list')
TOKEN = re.compile(r'[A-Za-z0-9_]+|>=|\S')


def condition(versions, holder):
    """C expression that is true in these wire versions, None if in all."""
    low, high = versions
    terms = []
    if low == high:
        return f'{holder}->version == {low}'
    if low > FIRST:
        terms.append(f'{holder}->version >= {low}')
    if high < LAST:
        terms.append(f'{holder}->version <= {high}')
    return ' && '.join(terms) or None


def overlap(a, b):
    return a[0] <= b[1] and b[0] <= a[1]


@dataclass
class Symbol:
    name: str
    value: str
    versions: tuple = EVER


@dataclass
class Enum:
    name: str
    prefix: str
    symbols: list
    names: bool = False
    error: str = None


@dataclass
class Field:
    type: str          # an integer, pad, slack, mac, str, one of SPANS or a struct's name
    name: str
    role: str = None   # version, kind, length, sizeof, const
    arg: str = None    # pad and str: bytes; list: element; sizeof: the list; arrays: elements
    bound: str = None  # list, nxm: the field that holds its bytes; message: the list behind it
    when: tuple = None
    versions: tuple = EVER

    @property
    def stored(self):
        return self.type not in ('pad', 'slack') and not self.role

    def size(self, holder):
        """C expression of its bytes on the wire, for what is of fixed size."""
        bytes_ = int(self.arg) if self.type in ('pad', 'str') else 6 if self.type == 'mac' else INTS[self.type]
        if self.type == 'port':
            return f'({holder}->version == 1 ? 2 : 4)'
        test = condition(self.versions, holder)
        return f'({test} ? {bytes_} : 0)' if test else bytes_


@dataclass
class Struct:
    name: str
    parent: 'Struct' = None
    abstract: bool = False
    values: list = field(default_factory=list)  # (value or '*', versions)
    own: list = field(default_factory=list)
    align: int = 0
    pad: int = 0
    own_errors: list = field(default_factory=list)  # (versions, (unknown kind, bad length))
    children: list = field(default_factory=list)
    versions: tuple = EVER

    @property
    def root(self):
        return self.parent.root if self.parent else self

    @property
    def fields(self):
        return (self.parent.fields if self.parent else []) + self.own

    @property
    def errors(self):
        return self.own_errors or (self.parent.errors if self.parent else [])

    @property
    def other(self):
        """Takes the kinds that nobody else has."""
        return any(v == '*' for v, _ in self.values)

    @property
    def keeps_kind(self):
        """Its kind is data, as its values leave a choice."""
        return self.other or any(overlap(a, b) for i, (_, a) in enumerate(self.values)
                                 for _, b in self.values[:i])

    @property
    def leaves(self):
        return [x for c in self.children for x in (c.leaves if c.abstract else [c])]

    @property
    def short(self):
        prefix = self.root.name + '_'
        return self.name[len(prefix):] if self.name.startswith(prefix) else self.name[len('of_'):]

    def with_role(self, role):
        return next((f for f in self.fields if f.role == role and (role != 'kind' or f in self.own)), None)

    def offset(self, role, holder):
        """C expression of where the field with this role is; what precedes it is of fixed size."""
        before = self.fields[:self.fields.index(self.with_role(role))]
        sizes = [f.size(holder) for f in before]
        fixed = sum(s for s in sizes if isinstance(s, int))
        return ' + '.join([f'{fixed}u'] + [s for s in sizes if isinstance(s, str)])


class Model:
    def __init__(self):
        self.enums, self.structs, self.oxms = [], {}, []

    def error(self, struct, which, holder):
        """C expression of what an unknown kind (0) or a bad length (1) draws."""
        text = None
        for versions, errors in struct.errors:
            kind, code = errors[which]
            prefix = next(e.prefix for e in self.enums if e.error == kind)
            one = f'(struct of_error){{OFPET_{kind}, {prefix}_{code}, 0}}'
            text = f'({condition(versions, holder)} ? {one} : {text})' if text else one
        return text or f'{holder}->bad_len'


class Parser:
    def __init__(self, model, path):
        self.model, self.path = model, path
        with open(path, encoding='utf-8') as f:
            self.tokens = TOKEN.findall(re.sub(r'//[^\n]*', '', f.read()))
        self.at = 0

    def die(self, what):
        near = ' '.join(self.tokens[max(0, self.at - 6):self.at + 3])
        raise SystemExit(f'{self.path}: {what}, near: {near}')

    def peek(self):
        return self.tokens[self.at] if self.at < len(self.tokens) else None

    def next(self, want=None):
        token = self.peek()
        if token is None or (want and token != want):
            self.die(f'expected {want}, found {token}')
        self.at += 1
        return token

    def take(self, token):
        if self.peek() == token:
            self.at += 1
            return True
        return False

    def versions(self):
        if not self.take('['):
            return EVER
        low = high = int(self.next())
        if self.take('-'):
            high = LAST if self.peek() == ']' else int(self.next())
        self.next(']')
        return low, high

    def parse(self):
        while self.peek():
            word = self.next()
            if word == 'enum':
                self.enum()
            elif word in ('class', 'struct'):
                self.struct(word == 'class')
            elif word == 'oxm':
                self.oxm()
            else:
                self.die(f'unknown declaration {word}')

    def enum(self):
        e = Enum(self.next(), None, [])
        while not self.take(':'):
            word = self.next()
            if word == 'names':
                e.names = True
            elif word == 'error':
                e.error = self.next()
            else:
                self.die(f'unknown attribute {word}')
        e.prefix = self.next()
        self.next('{')
        while not self.take('}'):
            name = self.next()
            self.next('=')
            e.symbols.append(Symbol(name, self.next(), self.versions()))
            self.next(';')
        self.model.enums.append(e)

    def dotted(self):
        kind = self.next()
        self.next('.')
        return kind, self.next()

    def struct(self, abstract):
        s = Struct(self.next(), abstract=abstract)
        if s.name in self.model.structs:
            self.die(f'{s.name} is declared twice')
        if self.take(':'):
            s.parent = self.model.structs.get(self.next()) or self.die('unknown parent')
            s.parent.children.append(s)
            self.next('(')
            while True:
                value = self.next()
                s.values.append((value, self.versions()))
                if not self.take(','):
                    break
            self.next(')')
        while self.peek() not in ('{', '['):
            word = self.next()
            if word in ('align', 'pad'):
                setattr(s, word, int(self.next()))
            elif word == 'errors':
                s.own_errors.append((self.versions(), (self.dotted(), self.dotted())))
            else:
                self.die(f'unknown attribute {word}')
        if s.parent:
            s.align, s.pad = s.align or s.parent.align, s.pad or s.parent.pad
        s.versions = self.versions()
        self.next('{')
        while not self.take('}'):
            s.own.append(self.field())
        self.model.structs[s.name] = s

    def field(self):
        type_ = self.next()
        if type_ == 'pad':
            f = Field('pad', None, arg=self.next())
        elif type_ == 'list':
            f = Field('list', None, arg=self.next())
            f.name = self.next()
            if self.take('within'):
                f.bound = self.next()
        else:
            f = Field(type_, None)
            if self.take('['):
                f.arg = self.next()
                self.next(']')
            f.name = None if type_ == 'slack' else self.next()
            if self.take('within'):
                f.bound = self.next()
            if self.take('='):
                f.role = self.next()
                if f.role in ('sizeof', 'const'):
                    f.arg = self.next()
            if self.take('before'):
                f.bound = self.next()
            if self.take('when'):
                f.when = (self.next(), self.next('>='), self.next())
        f.versions = self.versions()
        self.next(';')
        return f

    def oxm(self):
        name = self.next()
        self.next('=')
        class_ = self.next()
        self.next(':')
        number = self.next()
        self.next(':')
        self.model.oxms.append((name, class_, number, self.next(), self.versions()))
        self.next(';')


def load(paths):
    model = Model()
    for path in paths:
        Parser(model, path).parse()
    return model

// SPDX-License-Identifier: Apache-2.0
#include "flowtable/bits.h"

#include "flowtable/classifier.h"
#include "flowtable/tuple.h"

#include <stdlib.h>

#define PIECES (sizeof(struct weft_flow_key) / 2)

static struct ft_bits *bits_of(const struct ft_classifier *c)
{
	return atomic_load_explicit(&c->bits, memory_order_relaxed);
}

static void bits_garbage(struct ft_garbage *g)
{
	free(g); // the first member
}

static void drop(struct ft_classifier *c, struct ft_garbage_list *garbage)
{
	struct ft_bits *b = bits_of(c);

	atomic_store_explicit(&c->bits, NULL, memory_order_release);
	ft_garbage_add(garbage, &b->garbage, bits_garbage);
}

// ---- what a rule wants of a piece of the key

struct want {
	uint16_t value, mask;
};

static struct want want_of(const struct ft_rule *r, unsigned piece)
{
	unsigned word = piece / 4, i;
	struct want w = {0, 0};

	if (!(r->shape->map >> word & 1))
		return w;
	i = ft_map_index(r->shape->map, word);
	memcpy(&w.value, (const char *)&r->value[i] + 2 * (piece % 4), 2);
	memcpy(&w.mask, (const char *)&r->shape->mask[i] + 2 * (piece % 4), 2);
	return w;
}

// One of struct ft_columns.
struct column {
	uint16_t piece, value, mask, shift, last, row;
};

static struct column column_of(const struct ft_columns *c, uint32_t i)
{
	return (struct column){
		c->piece[i], c->value[i], c->mask[i], c->shift[i], c->last[i], c->row[i]};
}

// Which rows of a column the rule has a bit in.
static uint32_t rows_of(const struct column *c, const struct ft_rule *r)
{
	static const uint32_t have[4] = {0xaaaa, 0xcccc, 0xf0f0, 0xff00}; // each bit of 0 to 15
	struct want w = want_of(r, c->piece);
	unsigned value = w.value >> c->shift, mask = w.mask >> c->shift;
	uint32_t rows = 0xffff;

	if (c->last == 1)
		return w.mask ? 1 : 3;
	for (unsigned i = 0; i < 4; i++)
		if (mask >> i & 1)
			rows &= value >> i & 1 ? have[i] : ~have[i];
	return rows;
}

// Has it all the columns that the rule needs?
static bool fits(const struct ft_bits *b, const struct ft_rule *r)
{
	for (uint64_t map = r->shape->map; map; map &= map - 1) {
		unsigned first = 4 * (unsigned)__builtin_ctzll(map);

		for (unsigned p = first; p < first + 4; p++)
			if (want_of(r, p).mask & ~b->covered[p])
				return false;
	}
	for (uint32_t i = 0; i < b->n_columns; i++) {
		struct column c = column_of(&b->columns, i);
		struct want w = want_of(r, c.piece);

		if (c.last == 1 && w.mask && (w.mask != c.mask || w.value != c.value))
			return false;
	}
	return true;
}

// ---- the tail

static void tail_set(struct ft_bits *b, uint32_t slot, const struct ft_rule *r)
{
	uint64_t bit = 1ull << slot % 64;

	for (uint32_t i = 0; i < b->n_columns; i++) {
		struct column c = column_of(&b->columns, i);

		for (uint32_t rows = rows_of(&c, r); rows; rows &= rows - 1) {
			uint32_t row = c.row + (uint32_t)__builtin_ctz(rows);
			_Atomic uint64_t *at = &b->tail_bits[row * b->tail_words + slot / 64];

			atomic_store_explicit(at,
				atomic_load_explicit(at, memory_order_relaxed) | bit,
				memory_order_relaxed);
		}
	}
}

static bool append(struct ft_bits *b, struct ft_rule *r)
{
	uint32_t slot = atomic_load_explicit(&b->tail, memory_order_relaxed);
	uint32_t at = 64 * b->words + slot;

	if (slot == 64 * b->tail_words || !fits(b, r))
		return false;
	b->priority[at] = r->priority;
	tail_set(b, slot, r);
	atomic_store_explicit(&b->rule[at], r, memory_order_release);
	atomic_store_explicit(&b->tail, slot + 1, memory_order_release);
	return true;
}

// ---- a chain's first rule

// The first of the ordered slots that has this priority or less.
static uint32_t first_of(const struct ft_bits *b, uint16_t priority)
{
	uint32_t low = 0, high = b->n;

	while (low < high) {
		uint32_t mid = (low + high) / 2;

		if (b->priority[mid] > priority)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

// Of slots i to end. Returns the highest priority of those, or `highest`.
static int replace_in(struct ft_bits *b, uint32_t i, uint32_t end, const struct ft_rule *old,
	struct ft_rule *now, int highest)
{
	for (; i < end; i++) {
		if (atomic_load_explicit(&b->rule[i], memory_order_relaxed) != old)
			continue;
		atomic_store_explicit(&b->rule[i], now, memory_order_release);
		if (b->priority[i] > highest)
			highest = b->priority[i];
	}
	return highest;
}

// The slots of the chain that began with `old` get another first rule. The highest priority of
// them.
static int replace(struct ft_bits *b, const struct ft_rule *old, struct ft_rule *now)
{
	uint32_t tail = 64 * b->words;
	uint32_t end = tail + atomic_load_explicit(&b->tail, memory_order_relaxed);
	uint32_t from = first_of(b, old->priority), to = from;
	int highest;

	while (to < b->n && b->priority[to] == old->priority)
		to++;
	highest = replace_in(b, from, to, old, now, replace_in(b, tail, end, old, now, -1));
	// Else its priority was higher once.
	if (b->raised || highest < 0)
		highest = replace_in(b, 0, b->n, old, now, highest);
	b->raised |= now && now->priority > old->priority;
	return highest;
}

void ft_bits_link(struct ft_classifier *c, struct ft_garbage_list *garbage, struct ft_rule *r,
	const struct ft_rule *old)
{
	struct ft_bits *b = bits_of(c);

	c->bits_changes++;
	// Above its chain's old priority a rule needs another slot: the old one is not where it
	// would have to be, and keeps leading to the same chain.
	if (b && (!old || replace(b, old, r) < r->priority) && !append(b, r))
		drop(c, garbage);
}

void ft_bits_unlink(struct ft_classifier *c, const struct ft_rule *old, struct ft_rule *next)
{
	struct ft_bits *b = bits_of(c);

	if (!b)
		return;
	replace(b, old, next);
	c->bits_changes++;
	b->dead += !next;
}

// ---- making them

struct piece {
	struct want first; // that has a mask
	uint16_t mask;     // of all rules
	bool differs;
};

struct making {
	struct ft_rule *rule[FT_BITS_RULES];
	uint32_t n;
	struct piece piece[PIECES];
};

static int by_priority(const void *a, const void *b)
{
	return (*(struct ft_rule *const *)b)->priority - (*(struct ft_rule *const *)a)->priority;
}

static void survey_rule(struct making *m, const struct ft_rule *r)
{
	for (uint64_t map = r->shape->map; map; map &= map - 1) {
		unsigned first = 4 * (unsigned)__builtin_ctzll(map);

		for (unsigned i = first; i < first + 4; i++) {
			struct want w = want_of(r, i);
			struct piece *p = &m->piece[i];

			if (w.mask && p->mask)
				p->differs |= w.mask != p->first.mask || w.value != p->first.value;
			else if (w.mask)
				p->first = w;
			p->mask |= w.mask;
		}
	}
}

static void survey(struct making *m, const struct ft_classifier *c)
{
	struct ft_rule *r;

	for (uint32_t i = 0; i < c->n; i++)
		for (uint64_t at = 0; (r = ft_tuple_next(c->tuple[i], &at));)
			m->rule[m->n++] = r;
	qsort(m->rule, m->n, sizeof(m->rule[0]), by_priority);
	for (uint32_t i = 0; i < m->n; i++)
		survey_rule(m, m->rule[i]);
}

struct choice {
	struct column column[FT_BITS_COLUMNS];
	uint32_t density[FT_BITS_COLUMNS]; // of bits in the rows
	uint32_t n;
	bool too_many;
};

static void add_column(
	struct choice *d, struct column c, const struct making *m, struct ft_bits *header)
{
	uint32_t at = d->n, bits = 0, step = m->n / 64 + 1;

	if (d->n == FT_BITS_COLUMNS) {
		d->too_many = true;
		return;
	}
	header->covered[c.piece] |= c.mask;
	for (uint32_t i = 0; i < m->n; i += step)
		bits += (uint32_t)__builtin_popcount(rows_of(&c, m->rule[i])) * 16u / (c.last + 1u);
	for (; at && d->density[at - 1] > bits; at--) {
		d->column[at] = d->column[at - 1];
		d->density[at] = d->density[at - 1];
	}
	d->column[at] = c;
	d->density[at] = bits;
	d->n++;
}

// The choosiest first: the sooner nothing is left, the sooner a block of rules is done.
static void choose_columns(struct choice *d, const struct making *m, struct ft_bits *header)
{
	for (unsigned i = 0; i < PIECES; i++) {
		const struct piece *p = &m->piece[i];
		struct column one = {(uint16_t)i, p->first.value, p->first.mask, 0, 1, 0};

		if (p->mask && !p->differs)
			add_column(d, one, m, header);
		for (unsigned shift = 0; p->differs && shift < 16; shift += 4) {
			struct column c = {
				(uint16_t)i, 0, (uint16_t)(15u << shift), (uint16_t)shift, 15, 0};

			if (p->mask >> shift & 15)
				add_column(d, c, m, header);
		}
	}
}

// Returns how many rows there are.
static uint32_t set_columns(struct ft_bits *header, const struct choice *d)
{
	struct ft_columns *c = &header->columns;
	uint32_t rows = 0;

	header->n_columns = d->n;
	header->near = d->n <= FT_BITS_NEAR_COLUMNS;
	for (uint32_t i = 0; i < d->n; i++) {
		c->piece[i] = d->column[i].piece;
		c->value[i] = d->column[i].value;
		c->mask[i] = d->column[i].mask;
		c->shift[i] = d->column[i].shift;
		c->last[i] = d->column[i].last;
		c->row[i] = (uint16_t)rows;
		rows += c->last[i] + 1u;
		header->near &= 2u * c->piece[i] < FT_BITS_NEAR_BYTES;
	}
	return rows;
}

// Cycles a key, roughly, as measured. Not all blocks are looked at to the end.
static uint32_t bits_cost(const struct ft_bits *b)
{
	uint32_t blocks = (b->words + FT_BITS_BLOCK - 1) / FT_BITS_BLOCK;

	return 20 + b->n_columns * (1 + 3 * blocks) / 4;
}

// One whose rules are all of its own shape looks at less.
static uint32_t tuples_cost(const struct ft_classifier *c)
{
	uint32_t sum = 0;

	for (uint32_t i = 0; i < c->n; i++)
		sum += c->tuple[i]->exact ? 35 : 80;
	return sum;
}

static size_t up(size_t bytes)
{
	return (bytes + 63) & ~(size_t)63;
}

// A header with columns and no rows becomes the whole.
static struct ft_bits *with_rows(const struct ft_bits *header, uint32_t rows)
{
	size_t slots = 64 * ((size_t)header->words + header->tail_words);
	size_t rules = up(sizeof(*header)), priorities = rules + up(slots * sizeof(void *));
	size_t bits = priorities + up(slots * sizeof(uint16_t));
	size_t tail = bits + up((size_t)rows * header->words * sizeof(uint64_t));
	size_t all = tail + up((size_t)rows * header->tail_words * sizeof(uint64_t));
	struct ft_bits *b = aligned_alloc(64, all);

	if (!b)
		return NULL;
	memset(b, 0, all);
	memcpy(b, header, sizeof(*b));
	b->rule = (void *)((char *)b + rules);
	b->priority = (void *)((char *)b + priorities);
	b->bits = (void *)((char *)b + bits);
	b->tail_bits = (void *)((char *)b + tail);
	return b;
}

// A column's word of 64 slots, in all its rows.
static void fill_word(
	struct ft_bits *b, const struct making *m, const struct column *c, uint32_t word)
{
	uint64_t row[16] = {0}, all = 0;

	for (uint32_t i = 64 * word; i < m->n && i < 64 * (word + 1); i++) {
		uint32_t rows = rows_of(c, m->rule[i]);
		uint64_t bit = 1ull << i % 64;

		if (rows == 0xffff)
			all |= bit;
		else
			for (; rows; rows &= rows - 1)
				row[__builtin_ctz(rows)] |= bit;
	}
	for (uint32_t i = 0; i <= c->last; i++)
		b->bits[(c->row + i) * b->words + word] = row[i] | all;
}

static void fill(struct ft_bits *b, const struct making *m)
{
	for (uint32_t i = 0; i < m->n; i++) {
		b->priority[i] = m->rule[i]->priority;
		atomic_store_explicit(&b->rule[i], m->rule[i], memory_order_relaxed);
	}
	for (uint32_t i = 0; i < b->n_columns; i++) {
		struct column c = column_of(&b->columns, i);

		for (uint32_t word = 0; word < (m->n + 63) / 64; word++)
			fill_word(b, m, &c, word);
	}
}

// Words that don't straddle cache lines.
static uint32_t words_for(uint32_t slots)
{
	uint32_t words = (slots + 63) / 64;

	if (words > 4)
		return (words + FT_BITS_BLOCK - 1) / FT_BITS_BLOCK * FT_BITS_BLOCK;
	return words > 2 ? 4 : words;
}

static struct ft_bits *make(const struct ft_classifier *c, struct making *m)
{
	struct ft_bits header = {.n_columns = 0}, *b;
	struct choice choice = {.n = 0};
	uint32_t rows;

	survey(m, c);
	choose_columns(&choice, m, &header);
	header.n = m->n;
	header.words = words_for(m->n);
	header.tail_words = words_for(m->n / 2 + 1);
	rows = set_columns(&header, &choice);
	if (choice.too_many || bits_cost(&header) >= tuples_cost(c))
		return NULL;
	b = with_rows(&header, rows);
	if (b)
		fill(b, m);
	return b;
}

// The tail has half of what the others are, or half of those has gone.
static bool is_worn(const struct ft_bits *b)
{
	return 2 * atomic_load_explicit(&b->tail, memory_order_relaxed) > b->n ||
	       2 * b->dead > b->n;
}

static void make_anew(struct ft_classifier *c, struct ft_garbage_list *garbage)
{
	struct ft_bits *old = bits_of(c), *b;
	struct making *m = calloc(1, sizeof(*m));

	if (!m)
		return;
	b = make(c, m);
	free(m);
	c->bits_changes = 0;
	c->bits_wait = b ? c->heads / 8 + 1 : c->heads;
	atomic_store_explicit(&c->bits, b, memory_order_release);
	if (old)
		ft_garbage_add(garbage, &old->garbage, bits_garbage);
}

void ft_bits_publish(struct ft_classifier *c, struct ft_garbage_list *garbage)
{
	const struct ft_bits *b = bits_of(c);

	if ((!b || is_worn(b)) && c->heads && c->heads <= FT_BITS_RULES &&
		c->bits_changes >= c->bits_wait)
		make_anew(c, garbage);
}

bool ft_bits_settle(struct ft_classifier *c, struct ft_garbage_list *garbage)
{
	if (!c->bits_changes || !c->heads || c->heads > FT_BITS_RULES)
		return false;
	make_anew(c, garbage);
	return true;
}

void ft_bits_fini(struct ft_classifier *c)
{
	free(bits_of(c));
}

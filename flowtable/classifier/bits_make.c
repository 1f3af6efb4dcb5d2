// SPDX-License-Identifier: Apache-2.0
#include "flowtable/classifier/bits_make.h"

#include "flowtable/classifier/tuple.h"
#include "flowtable/lines.h"

#include <stdlib.h>

#define ENOUGH_RECORDS 6u // are better than many columns

// ---- what there is

struct ft_column ft_bits_column(const struct ft_bits *b, uint32_t i)
{
	const struct ft_columns *c = &ft_bits_full(b)->columns;
	struct ft_column four;

	if (!b->n_pieces)
		return (struct ft_column){
			c->piece[i], c->value[i], c->mask[i], c->shift[i], c->last[i], c->row[i]};
	four = ft_column_of_four(b->column[i].piece, b->column[i].shift);
	four.row = (uint16_t)(16 * i);
	return four;
}

uint32_t ft_column_rows(const struct ft_column *c, const struct ft_rule *r)
{
	static const uint32_t have[4] = {0xaaaa, 0xcccc, 0xf0f0, 0xff00}; // each bit of 0 to 15
	struct ft_want w = ft_want_of(r, c->piece);
	unsigned value = w.value >> c->shift, mask = w.mask >> c->shift;
	uint32_t rows = 0xffff;

	if (c->last == 1)
		return w.mask ? 1 : 3;
	for (unsigned i = 0; i < 4; i++)
		if (mask >> i & 1)
			rows &= value >> i & 1 ? have[i] : ~have[i];
	return rows;
}

_Atomic(struct ft_rule *) *ft_bits_rule(const struct ft_bits *b, uint32_t slot)
{
	return b->n_pieces ? &ft_bits_record(b, slot)->rule : &ft_bits_full(b)->rule[slot];
}

uint16_t *ft_bits_priority(const struct ft_bits *b, uint32_t slot)
{
	return b->n_pieces ? &ft_bits_record(b, slot)->priority : &ft_bits_full(b)->priority[slot];
}

void ft_bits_record_fill(struct ft_bits *b, uint32_t slot, const struct ft_rule *r)
{
	struct ft_record *record = ft_bits_record(b, slot);

	for (unsigned i = 0; i < b->n_pieces; i++) {
		struct ft_want w = ft_want_of(r, b->piece[i]);

		record->value[i] = w.value & w.mask;
		record->mask[i] = w.mask;
	}
}

struct ft_bits_own *ft_bits_own(const struct ft_bits *b)
{
	return (struct ft_bits_own *)(uintptr_t)((const char *)b + b->own_at);
}

// ---- the rules

static int by_priority(const void *a, const void *b)
{
	return (*(struct ft_rule *const *)b)->priority - (*(struct ft_rule *const *)a)->priority;
}

static void survey_rule(struct ft_making *m, const struct ft_rule *r)
{
	for (uint64_t map = r->shape->map; map; map &= map - 1) {
		unsigned first = 4 * (unsigned)__builtin_ctzll(map);

		for (unsigned i = first; i < first + 4; i++) {
			struct ft_want w = ft_want_of(r, i);
			struct ft_making_piece *p = &m->piece[i];

			if (w.mask && p->mask)
				p->differs |= w.mask != p->first.mask || w.value != p->first.value;
			else if (w.mask)
				p->first = w;
			p->mask |= w.mask;
		}
	}
}

void ft_making_sort(struct ft_making *m, uint32_t first)
{
	qsort(m->rule + first, m->n - first, sizeof(m->rule[0]), by_priority);
}

void ft_making_survey(struct ft_making *m)
{
	for (uint32_t i = 0; i < m->n; i++)
		survey_rule(m, m->rule[i]);
}

static void survey(struct ft_making *m, const struct ft_classifier *c)
{
	struct ft_rule *r;

	for (uint32_t i = 0; i < c->n; i++)
		for (uint64_t at = 0; (r = ft_tuple_next(c->tuple[i], &at));)
			m->rule[m->n++] = r;
	ft_making_sort(m, 0);
	ft_making_survey(m);
}

// ---- columns that say all

struct choice {
	struct ft_column column[FT_BITS_COLUMNS];
	uint32_t density[FT_BITS_COLUMNS]; // of bits in the rows
	uint32_t n;
	uint32_t rows;
	bool too_many;
};

static void add_column(struct choice *d, struct ft_column c, const struct ft_making *m)
{
	uint32_t at = d->n, bits = 0, step = m->n / 64 + 1;

	if (d->n == FT_BITS_COLUMNS) {
		d->too_many = true;
		return;
	}
	for (uint32_t i = 0; i < m->n; i += step)
		bits += (uint32_t)__builtin_popcount(ft_column_rows(&c, m->rule[i])) * 16u /
			(c.last + 1u);
	for (; at && d->density[at - 1] > bits; at--) {
		d->column[at] = d->column[at - 1];
		d->density[at] = d->density[at - 1];
	}
	d->column[at] = c;
	d->density[at] = bits;
	d->n++;
	d->rows += c.last + 1u;
}

// The choosiest first: the sooner nothing is left, the sooner a block of rules is done.
static void choose_columns(struct choice *d, const struct ft_making *m)
{
	for (unsigned i = 0; i < FT_KEY_PIECES; i++) {
		const struct ft_making_piece *p = &m->piece[i];
		struct ft_column one = {(uint16_t)i, p->first.value, p->first.mask, 0, 1, 0};

		if (p->mask && !p->differs)
			add_column(d, one, m);
		for (unsigned shift = 0; p->differs && shift < 16; shift += 4)
			if (p->mask >> shift & 15)
				add_column(d, ft_column_of_four(i, shift), m);
	}
}

static void set_columns(struct ft_bits *b, const struct choice *d)
{
	struct ft_bits_full *full = ft_bits_full(b);
	struct ft_columns *c = &full->columns;
	uint32_t rows = 0;

	b->near = d->n <= FT_BITS_NEAR_COLUMNS;
	for (uint32_t i = 0; i < d->n; i++) {
		c->piece[i] = d->column[i].piece;
		c->value[i] = d->column[i].value;
		c->mask[i] = d->column[i].mask;
		c->shift[i] = d->column[i].shift;
		c->last[i] = d->column[i].last;
		c->row[i] = (uint16_t)rows;
		rows += c->last[i] + 1u;
		b->near &= 2u * c->piece[i] < FT_BITS_NEAR_BYTES;
		full->covered[c->piece[i]] |= c->mask[i];
	}
}

// Cycles a key, roughly, as measured. Not all blocks are looked at to the end.
static uint32_t bits_cost(const struct ft_bits *header)
{
	uint32_t blocks = (header->words + FT_BITS_BLOCK - 1u) / FT_BITS_BLOCK;

	return 20 + header->n_columns * (1 + 3 * blocks) / 4;
}

uint32_t ft_bits_cost(const struct ft_classifier *c)
{
	const struct ft_bits *b = atomic_load_explicit(&c->bits, memory_order_relaxed);

	return b ? bits_cost(b) : UINT32_MAX;
}

// One whose rules are all of its own shape looks at less.
uint32_t ft_tuples_cost(const struct ft_classifier *c)
{
	uint32_t sum = 0;

	for (uint32_t i = 0; i < c->n; i++)
		sum += c->tuple[i]->exact ? 35 : 80;
	return sum;
}

// ---- memory

// A header becomes the whole; `rows` of either kind, behind `front` bytes.
static struct ft_bits *with_rows(const struct ft_bits *header, uint32_t rows, size_t front)
{
	size_t tail = front + ft_whole_lines((size_t)rows * header->words * sizeof(uint64_t));
	size_t own = tail + ft_whole_lines((size_t)rows * header->tail_words * sizeof(uint64_t));
	size_t all = ft_whole_lines(own + sizeof(struct ft_bits_own));
	struct ft_bits *b = aligned_alloc(64, all);

	if (!b)
		return NULL;
	memset(b, 0, all);
	memcpy(b, header, sizeof(*b));
	b->rows_at = (uint32_t)front;
	b->tail_rows_at = (uint32_t)tail;
	b->own_at = (uint32_t)own;
	ft_bits_own(b)->bits = b;
	return b;
}

// Words that don't straddle cache lines.
static uint16_t words_for(uint32_t slots)
{
	uint32_t words = (slots + 63) / 64;

	if (words > 4)
		words = (words + FT_BITS_BLOCK - 1) / FT_BITS_BLOCK * FT_BITS_BLOCK;
	return (uint16_t)(words == 3 ? 4 : words);
}

static struct ft_bits *with_full(struct ft_bits *header, const struct choice *d)
{
	size_t slots = 64 * ((size_t)header->words + header->tail_words);
	size_t rules = ft_whole_lines(sizeof(*header) + sizeof(struct ft_bits_full));
	size_t priorities = rules + ft_whole_lines(slots * sizeof(void *));
	struct ft_bits *b;

	header->tail_room = (uint16_t)(64 * header->tail_words);
	header->first_tail = 64u * header->words;
	b = with_rows(header, d->rows, priorities + ft_whole_lines(slots * sizeof(uint16_t)));
	if (!b)
		return NULL;
	ft_bits_full(b)->rule = (void *)((char *)b + rules);
	ft_bits_full(b)->priority = (void *)((char *)b + priorities);
	set_columns(b, d);
	return b;
}

// Memory counts: a table of one rule has one, too.
static struct ft_bits *with_records(struct ft_bits *header)
{
	header->tail_room = (uint16_t)(header->n / 2 + 2);
	header->tail_words = words_for(header->tail_room);
	header->first_tail = header->n;
	return with_rows(header, 16u * header->n_columns,
		sizeof(*header) + (header->n + header->tail_room) * sizeof(struct ft_record));
}

// ---- rules

// A column's word of 64 slots, in all its rows.
static void fill_word(
	struct ft_bits *b, const struct ft_making *m, const struct ft_column *c, uint32_t word)
{
	uint64_t row[16] = {0}, all = 0;

	for (uint32_t i = 64 * word; i < m->n && i < 64 * (word + 1); i++) {
		uint32_t rows = ft_column_rows(c, m->rule[i]);
		uint64_t bit = 1ull << i % 64;

		if (rows == 0xffff)
			all |= bit;
		else
			for (; rows; rows &= rows - 1)
				row[__builtin_ctz(rows)] |= bit;
	}
	for (uint32_t i = 0; i <= c->last; i++)
		ft_bits_rows(b)[(c->row + i) * b->words + word] = row[i] | all;
}

void ft_bits_fill(struct ft_bits *b, const struct ft_making *m)
{
	for (uint32_t i = 0; i < m->n; i++) {
		*ft_bits_priority(b, i) = m->rule[i]->priority;
		ft_bits_record_fill(b, i, m->rule[i]);
		atomic_store_explicit(ft_bits_rule(b, i), m->rule[i], memory_order_relaxed);
	}
	for (uint32_t i = 0; i < b->n_columns; i++) {
		struct ft_column c = ft_bits_column(b, i);

		for (uint32_t word = 0; word < (m->n + 63) / 64; word++)
			fill_word(b, m, &c, word);
	}
}

static struct ft_bits *without_rules(const struct ft_classifier *c, const struct ft_making *m)
{
	struct ft_bits header = {
		.n = m->n, .words = words_for(m->n), .tail_words = words_for(m->n / 2 + 1)};
	struct choice choice = {.n = 0};

	if (ft_sieve_choose(&header, m, ENOUGH_RECORDS))
		return with_records(&header);
	choose_columns(&choice, m);
	header.n_columns = (uint8_t)choice.n;
	if (choice.too_many || bits_cost(&header) >= ft_tuples_cost(c))
		return NULL;
	return with_full(&header, &choice);
}

struct ft_bits *ft_bits_make(const struct ft_classifier *c)
{
	struct ft_making *m = calloc(1, sizeof(*m));
	struct ft_bits *b;

	if (!m)
		return NULL;
	survey(m, c);
	b = without_rules(c, m);
	if (b)
		ft_bits_fill(b, m);
	free(m);
	return b;
}

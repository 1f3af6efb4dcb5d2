// SPDX-License-Identifier: Apache-2.0
// A part of a gist, made of its rules, and a gist, made of its parts.
#include "flowtable/cache/gist_make.h"

#include "flowtable/lines.h"

#include <stdlib.h>

#define ENOUGH_RECORDS 32u // are better than all tables

// ---- tables of one rule

static bool wants(const struct ft_rule *r, unsigned piece)
{
	return ft_want_of(r, piece).mask;
}

// All that they ask for, whatever the table.
static bool wants_nothing(const struct ft_rule *r, const struct ft_bits *b)
{
	for (unsigned i = 0; i < b->n_pieces; i++)
		if (wants(r, b->piece[i]))
			return false;
	return true;
}

// False: no packet wants both.
static bool want_also(
	struct ft_want all[FT_RECORD_PIECES], const struct ft_rule *r, const struct ft_bits *b)
{
	struct ft_want both[FT_RECORD_PIECES];

	for (unsigned i = 0; i < b->n_pieces; i++) {
		struct ft_want w = ft_want_of(r, b->piece[i]);

		if ((all[i].value ^ w.value) & all[i].mask & w.mask)
			return false;
		both[i].value = all[i].value | w.value;
		both[i].mask = all[i].mask | w.mask;
	}
	memcpy(all, both, b->n_pieces * sizeof(both[0]));
	return true;
}

// By the number of its first rule, too.
static void find_lone(
	struct ft_gist *g, const struct ft_gist_making *all, const struct ft_making *p)
{
	struct ft_want want[FT_RECORD_PIECES] = {{0}};

	for (unsigned t = 0; t < g->tables; t++) {
		struct ft_rule *const *first = &p->rule[g->first[t]];
		unsigned n = g->first[t + 1] - g->first[t];

		if (!n || n > 2 || (n == 2 && !wants_nothing(first[1], &g->sieve)) ||
			first[0] != all->m.rule[all->first[t]] ||
			!want_also(want, first[0], &g->sieve))
			continue;
		g->lone |= (uint8_t)(1u << t);
		g->lone_next[t] = all->next[all->first[t]];
	}
}

// ---- pieces

static bool is_asked_for(const struct ft_gist *g, const struct ft_making *p, unsigned piece)
{
	for (unsigned t = 0; t < g->tables; t++)
		for (unsigned i = g->first[t]; !(g->lone >> t & 1) && i < g->first[t + 1]; i++)
			if (wants(p->rule[i], piece))
				return true;
	return false;
}

// Those first that tables ask for which are not lone.
static void order_pieces(struct ft_gist *g, const struct ft_making *p)
{
	unsigned n = g->sieve.n_pieces, first = 0;

	for (unsigned i = 0; i < n; i++) {
		uint8_t piece = g->sieve.piece[i];

		if (!is_asked_for(g, p, piece))
			continue;
		g->sieve.piece[i] = g->sieve.piece[first];
		g->sieve.piece[first++] = piece;
	}
	g->wide = first > FT_GIST_PIECES;
}

// What the rule wants, added to what is there, of the first so many records' pieces.
static void put_wants(struct ft_gist_record to[], unsigned records, const struct ft_bits *b,
	const struct ft_rule *r)
{
	for (unsigned i = 0; i < b->n_pieces && i < records * FT_GIST_PIECES; i++) {
		struct ft_want w = ft_want_of(r, b->piece[i]);

		to[i / FT_GIST_PIECES].value[i % FT_GIST_PIECES] |= w.value & w.mask;
		to[i / FT_GIST_PIECES].mask[i % FT_GIST_PIECES] |= w.mask;
	}
}

// ---- a part

static size_t records_bytes(const struct ft_gist *g)
{
	unsigned lone = (unsigned)__builtin_popcount(g->lone);

	return ft_whole_lines(((g->sieve.n << g->wide) + 2 * lone) * sizeof(struct ft_gist_record));
}

static size_t rows_bytes(const struct ft_gist *g, uint32_t rows)
{
	return ft_whole_lines(rows * g->sieve.words * sizeof(uint64_t));
}

// A header becomes the whole, behind whose records there is room for so many rows.
static struct ft_gist *with_room(const struct ft_gist *header, uint32_t rows)
{
	size_t records = records_bytes(header);
	size_t bytes = sizeof(*header) + records + rows_bytes(header, rows);
	struct ft_gist *whole = aligned_alloc(64, bytes);

	if (!whole)
		return NULL;
	memset(whole, 0, bytes);
	*whole = *header;
	whole->records_at = sizeof(*header);
	whole->sieve.rows_at =
		(uint32_t)(sizeof(*header) - offsetof(struct ft_gist, sieve) + records);
	return whole;
}

// What it wants, what is next, and its number.
static void fill_records(
	struct ft_gist *g, const struct ft_gist_making *all, const struct ft_making *part)
{
	unsigned t = 0;
	uint32_t at = 0;

	for (uint32_t i = 0; i < part->n; i++, at++) {
		struct ft_gist_record *r = ft_gist_record(g, i);

		while (all->m.rule[at] != part->rule[i])
			at++;
		while (at >= all->first[t + 1])
			t++;
		put_wants(r, 1u + g->wide, &g->sieve, part->rule[i]);
		r->next = all->next[at];
		r->number = (uint16_t)(at - all->first[t]);
	}
}

static void fill_lone(struct ft_gist *g, const struct ft_making *part)
{
	for (unsigned left = g->lone; left; left &= left - 1) {
		unsigned t = (unsigned)__builtin_ctz(left);
		const struct ft_rule *r = part->rule[g->first[t]];

		put_wants(g->lone_want, 2, &g->sieve, r);
		put_wants(ft_gist_lone(g, t), 2, &g->sieve, r);
	}
}

// Slots of each table; both are in the same order.
static void find_tables(
	struct ft_gist *g, const struct ft_gist_making *all, const struct ft_making *part)
{
	uint32_t at = 0, i = 0;

	for (unsigned t = 0; t < g->tables; t++) {
		g->first[t] = (uint8_t)i;
		for (; at < all->first[t + 1]; at++)
			i += i < part->n && part->rule[i] == all->m.rule[at];
		g->first[t + 1] = (uint8_t)i;
	}
}

struct ft_gist *ft_gist_part_new(const struct ft_gist_making *all, struct ft_making *part)
{
	bool whole = part->n == all->m.n;
	struct ft_gist_row rows[FT_GIST_ROWS];
	struct ft_gist header = all->gist, *g;
	struct ft_bits *b = &header.sieve;

	memset(part->piece, 0, sizeof(part->piece));
	ft_making_survey(part);
	b->n = part->n;
	b->words = part->n > 64 ? 2 : 1;
	if (!ft_sieve_pieces(b, part) ||
		ft_gist_rows_choose(&header, part, whole ? FT_GIST_ROW_BITS : FT_GIST_PART_ROW_BITS,
			rows) > ENOUGH_RECORDS)
		return NULL;
	find_tables(&header, all, part);
	find_lone(&header, all, part);
	order_pieces(&header, part);
	g = with_room(&header, header.row_end);
	if (!g)
		return NULL;
	fill_records(g, all, part);
	fill_lone(g, part);
	ft_gist_rows_fill(g, rows);
	return g;
}

// ---- the whole

static size_t body_bytes(const struct ft_gist *part)
{
	return records_bytes(part) + rows_bytes(part, part->row_end);
}

static void say_own(struct ft_gist *whole, const struct ft_gist_making *all, size_t at)
{
	struct ft_gist_own *own;

	whole->own_at = (uint32_t)at;
	own = ft_gist_own(whole);
	own->gist = whole;
	memcpy(own->first, all->first, sizeof(own->first));
	for (uint32_t i = 0; i < all->m.n; i++)
		own->rule[i] = all->m.rule[i];
}

// Its head goes there, and what is behind it `at` bytes into the whole.
static void put_part(
	struct ft_gist *whole, struct ft_gist *head, const struct ft_gist *part, size_t at)
{
	size_t records = at - (size_t)((char *)head - (char *)whole);

	memcpy((char *)whole + at, part + 1, body_bytes(part));
	*head = *part;
	head->records_at = (uint32_t)records;
	head->sieve.rows_at =
		(uint32_t)(records + records_bytes(part) - offsetof(struct ft_gist, sieve));
}

struct ft_gist *ft_gist_join(const struct ft_gist_making *all, const struct ft_gist_split *split,
	struct ft_gist *const part[], unsigned n)
{
	unsigned heads = n + (n > 1);
	size_t at = heads * sizeof(struct ft_gist), own = at, bytes;
	struct ft_gist *whole, *head;

	for (unsigned i = 0; i < n; i++)
		own += body_bytes(part[i]);
	bytes = own + sizeof(struct ft_gist_own) + all->m.n * sizeof(struct ft_rule *);
	whole = aligned_alloc(64, ft_whole_lines(bytes));
	if (!whole)
		return NULL;
	memset(whole, 0, ft_whole_lines(bytes));
	*whole = all->gist;
	head = whole + (n > 1);
	for (unsigned i = 0; i < n; i++) {
		put_part(whole, head + i, part[i], at);
		at += body_bytes(part[i]);
	}
	if (n > 1) {
		whole->parts = (uint16_t)n;
		whole->split = *split;
	}
	say_own(whole, all, own);
	return whole;
}

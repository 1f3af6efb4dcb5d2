// SPDX-License-Identifier: Apache-2.0
// A part of a gist, made of its rules, and a gist, made of its parts.
#include "flowtable/cache/gist_make.h"

#include "flowtable/lines.h"

#include <stdlib.h>

#define ENOUGH_RECORDS 32u // are better than all tables

// ---- tables of one rule

// False: no packet wants both.
static bool want_also(struct ft_record *all, const struct ft_record *r)
{
	struct ft_record both = *all;

	for (unsigned i = 0; i < FT_RECORD_PIECES; i++) {
		if ((all->value[i] ^ r->value[i]) & all->mask[i] & r->mask[i])
			return false;
		both.value[i] |= r->value[i];
		both.mask[i] |= r->mask[i];
	}
	*all = both;
	return true;
}

static bool wants_nothing(const struct ft_record *r)
{
	for (unsigned i = 0; i < FT_RECORD_PIECES; i++)
		if (r->mask[i])
			return false;
	return true;
}

// By the number of its first rule, too.
static void find_lone(struct ft_gist *g)
{
	for (unsigned t = 0; t < g->tables; t++) {
		const struct ft_record *first = ft_bits_record(&g->sieve, g->first[t]);
		unsigned n = g->first[t + 1] - g->first[t];

		if (!n || n > 2 || (n == 2 && !wants_nothing(first + 1)) || first->priority ||
			!want_also(&g->lone_want, first))
			continue;
		g->lone |= (uint8_t)(1u << t);
		g->lone_next[t] = (uint8_t)first->next;
	}
}

// ---- a part

static size_t records_bytes(const struct ft_gist *g)
{
	return ft_whole_lines(g->sieve.n * sizeof(struct ft_record));
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
	whole->sieve.rows_at = (uint32_t)(sizeof(header->sieve) + records);
	return whole;
}

// What is next, and the rules' numbers.
static void name_records(
	struct ft_gist *g, const struct ft_gist_making *all, const struct ft_making *part)
{
	unsigned t = 0;
	uint32_t at = 0;

	for (uint32_t i = 0; i < part->n; i++, at++) {
		struct ft_record *r = ft_bits_record(&g->sieve, i);

		while (all->m.rule[at] != part->rule[i])
			at++;
		while (at >= all->first[t + 1])
			t++;
		r->next = all->next[at];
		r->priority = (uint16_t)(at - all->first[t]);
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
	g = with_room(&header, header.row_end);
	if (!g)
		return NULL;
	ft_bits_fill(&g->sieve, part);
	name_records(g, all, part);
	ft_gist_rows_fill(g, rows);
	find_lone(g);
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

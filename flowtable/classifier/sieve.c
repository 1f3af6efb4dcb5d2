// SPDX-License-Identifier: Apache-2.0
// Which columns make the best sieve (bits.h): found by trial, one after the other, by keys that the
// rules would meet. Each rule has a key made, with what it wants and, where it does not care, what
// another rule wants, or anything; so what the rules have in common shows. A column is worth its
// line if it saves a part of a record.
#include "flowtable/classifier/bits_make.h"
#include "flowtable/classifier/sieve_set.h"

#define SAMPLES 32u
#define CANDIDATES (FT_RECORD_PIECES * 4)
#define WORTH (SAMPLES / 3) // records, of all samples, that a column must save

struct trial {
	struct ft_column column[CANDIDATES];
	struct ft_sieved row[CANDIDATES][16]; // as the sieve would have it
	uint32_t n;
	uint16_t key[SAMPLES][FT_KEY_PIECES];
	struct ft_sieved left[SAMPLES]; // slots that come through, up to the one that the key is of
};

bool ft_sieve_pieces(struct ft_bits *header, const struct ft_making *m)
{
	header->near = true;
	for (unsigned i = 0; i < FT_KEY_PIECES; i++) {
		if (!m->piece[i].mask)
			continue;
		if (header->n_pieces == FT_RECORD_PIECES)
			return false;
		header->piece[header->n_pieces++] = (uint8_t)i;
		header->near &= 2 * i < FT_BITS_NEAR_BYTES;
	}
	// A rule that matches everything has nothing to compare, and is compared nevertheless.
	header->n_pieces += !header->n_pieces;
	return true;
}

static void fill_rows(struct trial *t, const struct ft_making *m, uint32_t at)
{
	for (uint32_t i = 0; i < m->n; i++)
		for (uint32_t rows = ft_column_rows(&t->column[at], m->rule[i]); rows;
			rows &= rows - 1)
			t->row[at][__builtin_ctz(rows)].word[i / 64] |= 1ull << i % 64;
}

static void list_columns(struct trial *t, const struct ft_bits *header, const struct ft_making *m)
{
	for (unsigned i = 0; i < header->n_pieces; i++)
		for (unsigned shift = 0; shift < 16; shift += 4) {
			if (!(m->piece[header->piece[i]].mask >> shift & 15))
				continue;
			t->column[t->n] = ft_column_of_four(header->piece[i], shift);
			fill_rows(t, m, t->n++);
		}
}

static void make_samples(struct trial *t, const struct ft_bits *header, const struct ft_making *m)
{
	uint64_t state = m->n;

	for (uint32_t s = 0; s < SAMPLES; s++) {
		uint32_t of = s * m->n / SAMPLES;
		const struct ft_rule *other = m->rule[ft_sieve_chance(&state) % m->n];

		for (unsigned i = 0; i < header->n_pieces; i++) {
			unsigned piece = header->piece[i];
			struct ft_want w = ft_want_of(m->rule[of], piece),
				       o = ft_want_of(other, piece);
			uint16_t any = (uint16_t)ft_sieve_chance(&state);

			any = (uint16_t)((o.value & o.mask) | (any & ~o.mask));
			t->key[s][piece] = (uint16_t)((w.value & w.mask) | (any & ~w.mask));
		}
		t->left[s] = ft_sieved_below(of + 1);
	}
}

static const struct ft_sieved *row_of(const struct trial *t, uint32_t column, uint32_t sample)
{
	const struct ft_column *c = &t->column[column];

	return &t->row[column][t->key[sample][c->piece] >> c->shift & 15];
}

// Records that all samples would meet with this column.
static unsigned records_with(const struct trial *t, uint32_t column)
{
	unsigned n = 0;

	for (uint32_t s = 0; s < SAMPLES; s++)
		n += ft_sieved_count(&t->left[s], row_of(t, column, s));
	return n;
}

static void take(struct trial *t, struct ft_bits *header, uint32_t column)
{
	const struct ft_column *c = &t->column[column];

	header->column[header->n_columns++] =
		(struct ft_sieve_column){(uint8_t)c->piece, (uint8_t)c->shift};
	for (uint32_t s = 0; s < SAMPLES; s++)
		ft_sieved_keep(&t->left[s], row_of(t, column, s));
}

// Returns the records that are left.
static unsigned choose_columns(struct trial *t, struct ft_bits *header)
{
	unsigned records = 0, best = 0;

	for (uint32_t s = 0; s < SAMPLES; s++)
		records += ft_sieved_count(&t->left[s], &t->left[s]);
	while (header->n_columns < FT_SIEVE_COLUMNS) {
		unsigned least = records;

		for (uint32_t i = 0; i < t->n; i++) {
			unsigned with = records_with(t, i);

			best = with < least ? i : best;
			least = with < least ? with : least;
		}
		if (least + WORTH > records)
			break;
		take(t, header, best);
		records = least;
	}
	return records;
}

static bool is_good(struct ft_bits *header, const struct ft_making *m, unsigned enough)
{
	struct trial t = {.n = 0};

	if (m->n > FT_SIEVE_RULES || !ft_sieve_pieces(header, m))
		return false;
	if (m->n <= FT_BITS_DIRECT)
		return true;
	list_columns(&t, header, m);
	make_samples(&t, header, m);
	return choose_columns(&t, header) <= SAMPLES * enough;
}

bool ft_sieve_choose(struct ft_bits *header, const struct ft_making *m, unsigned enough)
{
	struct ft_bits sieve = *header;

	if (!is_good(&sieve, m, enough))
		return false;
	*header = sieve;
	return true;
}

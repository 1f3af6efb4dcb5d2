// SPDX-License-Identifier: Apache-2.0
// Which bits of the key choose the rows of a gist: found by trial, as the columns of a sieve are
// (sieve.c), but bit by bit. Each row takes bits of one half word, one after the other, that one
// first that leaves the fewest records to keys that the rules would meet; and it is worth its line
// if it saves a part of a record.
#include "flowtable/cache/gist_make.h"

#define SAMPLES 32u
#define BITS (FT_RECORD_PIECES * 16)
#define WORTH (SAMPLES / 3) // records, of all samples, that a row must save
#define NO_BIT UINT8_MAX

struct bit {
	uint8_t half, at;         // of the key; in it
	uint32_t key;             // of the samples: each one's
	struct ft_sieved with[2]; // rules that a key can meet in which it is 0, and 1
};

struct trial {
	struct bit bit[BITS];
	unsigned n;
	struct ft_sieved left[SAMPLES]; // slots that come through, up to the one that it is of
};
static_assert(SAMPLES == 32 && BITS < NO_BIT, "as they are kept");

// ---- what there is to choose from

static bool has(const struct ft_sieved *s, uint32_t i)
{
	return s->word[i / 64] >> i % 64 & 1;
}

// What the rule wants of word number i of its shape's is that.
static void sort_out(
	struct trial *t, uint8_t at[64], const struct ft_making *m, uint32_t number, unsigned i)
{
	const struct ft_rule *r = m->rule[number];

	for (uint64_t left = r->shape->mask[i]; left; left &= left - 1) {
		unsigned bit = (unsigned)__builtin_ctzll(left);
		struct ft_sieved *out;

		if (at[bit] == NO_BIT) {
			at[bit] = (uint8_t)t->n;
			t->bit[t->n++] = (struct bit){
				.half = (uint8_t)(2 * r->shape->word[i] + bit / 32),
				.at = bit % 32,
				.with = {ft_sieved_below(m->n), ft_sieved_below(m->n)},
			};
		}
		out = &t->bit[at[bit]].with[!(r->value[i] >> bit & 1)];
		out->word[number / 64] &= ~(1ull << number % 64);
	}
}

static void list_bits(struct trial *t, const struct ft_making *m)
{
	uint8_t at[WEFT_KEY_WORDS][64];

	memset(at, NO_BIT, sizeof(at));
	for (uint32_t number = 0; number < m->n; number++)
		for (unsigned i = 0; i < m->rule[number]->shape->words; i++)
			sort_out(t, at[m->rule[number]->shape->word[i]], m, number, i);
}

// With what one rule wants and, where it does not care, what another one wants, or anything.
static bool sample_of(const struct bit *b, uint32_t of, uint32_t other, bool any)
{
	if (!has(&b->with[0], of) || !has(&b->with[1], of))
		return has(&b->with[1], of);
	if (!has(&b->with[0], other) || !has(&b->with[1], other))
		return has(&b->with[1], other);
	return any;
}

static void make_samples(struct trial *t, const struct ft_making *m)
{
	uint64_t state = m->n;

	for (uint32_t s = 0; s < SAMPLES; s++) {
		uint32_t of = s * m->n / SAMPLES, other = ft_sieve_chance(&state) % m->n;

		for (unsigned i = 0; i < t->n; i++)
			t->bit[i].key |= (uint32_t)sample_of(
						 &t->bit[i], of, other, ft_sieve_chance(&state) & 1)
					 << s;
		t->left[s] = ft_sieved_below(of + 1);
	}
}

// ---- choosing

static unsigned records(const struct trial *t)
{
	unsigned n = 0;

	for (uint32_t s = 0; s < SAMPLES; s++)
		n += ft_sieved_count(&t->left[s], &t->left[s]);
	return n;
}

// Records that all samples would meet with this bit.
static unsigned records_with(const struct trial *t, const struct bit *b)
{
	unsigned n = 0;

	for (uint32_t s = 0; s < SAMPLES; s++)
		n += ft_sieved_count(&t->left[s], &b->with[b->key >> s & 1]);
	return n;
}

// Of this half word, if there is one already. NULL: none saves anything.
static const struct bit *best_bit(const struct trial *t, const struct bit *first)
{
	const struct bit *best = NULL;
	unsigned least = records(t);

	for (unsigned i = 0; i < t->n; i++) {
		const struct bit *b = &t->bit[i];
		unsigned with = first && b->half != first->half ? least : records_with(t, b);

		if (with >= least)
			continue;
		least = with;
		best = b;
	}
	return best;
}

static void take(struct trial *t, const struct bit *b)
{
	for (uint32_t s = 0; s < SAMPLES; s++)
		ft_sieved_keep(&t->left[s], &b->with[b->key >> s & 1]);
}

// Their bits, in which they lie in the half word.
static uint32_t choose_bits(struct trial *t, unsigned most, const struct bit *at[32])
{
	const struct bit *first = NULL, *b;
	uint32_t bits = 0;

	for (unsigned n = 0; n < most && (b = best_bit(t, first)); n++) {
		first = first ? first : b;
		bits |= 1u << b->at;
		at[b->at] = b;
		take(t, b);
	}
	return bits;
}

// False: it is not worth it.
static bool choose_row(
	struct trial *t, struct ft_gist *head, unsigned most, struct ft_gist_row *row)
{
	unsigned before = records(t);
	const struct bit *at[32];
	uint32_t bits = choose_bits(t, most, at);

	if (!bits || records(t) + WORTH > before)
		return false;
	row->bits = 0;
	head->sieve.row_bits[head->rows] = bits;
	for (; bits; bits &= bits - 1) {
		const struct bit *b = at[__builtin_ctz(bits)];

		head->row_half[head->rows] = b->half;
		memcpy(row->with[row->bits++], b->with, sizeof(b->with));
	}
	head->row_at[head->rows++] = head->row_end;
	head->row_end = (uint16_t)(head->row_end + (1u << row->bits));
	return true;
}

unsigned ft_gist_rows_choose(struct ft_gist *head, const struct ft_making *part, unsigned bits,
	struct ft_gist_row rows[FT_GIST_ROWS])
{
	struct trial t = {.n = 0};
	struct ft_sieved left[SAMPLES];
	unsigned n;

	if (part->n <= FT_BITS_DIRECT)
		return part->n;
	list_bits(&t, part);
	make_samples(&t, part);
	do
		memcpy(left, t.left, sizeof(left));
	while (head->rows < FT_GIST_ROWS && choose_row(&t, head, bits, &rows[head->rows]));
	memcpy(t.left, left, sizeof(left));
	n = records(&t);
	return n / SAMPLES;
}

// ---- filling

void ft_gist_rows_fill(struct ft_gist *part, const struct ft_gist_row rows[])
{
	uint64_t *to = ft_bits_rows(&part->sieve);

	for (unsigned i = 0; i < part->rows; i++)
		for (uint32_t row = 0; row < 1u << rows[i].bits; row++)
			for (unsigned w = 0; w < part->sieve.words; w++) {
				uint64_t word = UINT64_MAX;

				for (unsigned k = 0; k < rows[i].bits; k++)
					word &= rows[i].with[k][row >> k & 1].word[w];
				*to++ = word;
			}
}

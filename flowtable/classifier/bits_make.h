// SPDX-License-Identifier: Apache-2.0
#pragma once
// Making bit vectors of a classifier's rules: what the files of the writer's side of bits.h share.

#include "flowtable/classifier/bits.h"
#include "flowtable/classifier/classifier.h"

#define FT_KEY_PIECES (sizeof(struct weft_flow_key) / 2)

// What a rule wants of a piece of the key.
struct ft_want {
	uint16_t value, mask;
};

static inline struct ft_want ft_want_of(const struct ft_rule *r, unsigned piece)
{
	unsigned word = piece / 4, i;
	struct ft_want w = {0, 0};

	if (!(r->shape->map >> word & 1))
		return w;
	i = ft_map_index(r->shape->map, word);
	memcpy(&w.value, (const char *)&r->value[i] + 2 * (piece % 4), 2);
	memcpy(&w.mask, (const char *)&r->shape->mask[i] + 2 * (piece % 4), 2);
	return w;
}

// One of struct ft_columns, or of a sieve.
struct ft_column {
	uint16_t piece, value, mask, shift, last, row;
};

// Sixteen rows, one for each value of four bits.
static inline struct ft_column ft_column_of_four(unsigned piece, unsigned shift)
{
	return (struct ft_column){
		(uint16_t)piece, 0, (uint16_t)(15u << shift), (uint16_t)shift, 15, 0};
}

// Which rows of a column the rule has a bit in.
uint32_t ft_column_rows(const struct ft_column *, const struct ft_rule *);
// The i-th column that there is.
struct ft_column ft_bits_column(const struct ft_bits *, uint32_t i);
// A slot's chain's first rule, and its priority.
_Atomic(struct ft_rule *) *ft_bits_rule(const struct ft_bits *, uint32_t slot);
uint16_t *ft_bits_priority(const struct ft_bits *, uint32_t slot);
// What it wants, if there are records. The slot's rule is not set yet.
void ft_bits_record_fill(struct ft_bits *, uint32_t slot, const struct ft_rule *);
struct ft_bits_own *ft_bits_own(const struct ft_bits *);

struct ft_making_piece {
	struct ft_want first; // that has a mask
	uint16_t mask;        // of all rules
	bool differs;
};

struct ft_making {
	struct ft_rule *rule[FT_BITS_RULES]; // by descending priority
	uint32_t n;
	struct ft_making_piece piece[FT_KEY_PIECES];
};

// By priority: those from the first-th on.
void ft_making_sort(struct ft_making *, uint32_t first);
// Looks at what they want of each piece.
void ft_making_survey(struct ft_making *);

// The slots, and their bits in all rows, of what has room for them.
void ft_bits_fill(struct ft_bits *, const struct ft_making *);
// NULL: they would not be quicker than the tuples, or no memory.
struct ft_bits *ft_bits_make(const struct ft_classifier *);

// sieve.c: sets n_columns, column[], n_pieces, piece[] and near. False: no sieve is good enough, of
// which a key should meet `enough` records at most.
bool ft_sieve_choose(struct ft_bits *header, const struct ft_making *, unsigned enough);
// Sets n_pieces, piece[] and near alone. False: there are too many.
bool ft_sieve_pieces(struct ft_bits *header, const struct ft_making *);

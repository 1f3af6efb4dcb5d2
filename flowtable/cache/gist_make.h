// SPDX-License-Identifier: Apache-2.0
#pragma once
// Making gists: what the files of the writer's side of gist.h share.

#include "flowtable/cache/gist.h"
#include "flowtable/classifier/bits_make.h"
#include "flowtable/classifier/sieve_set.h"

struct ft_gist_making {
	struct ft_making m;                 // the rules of all its tables, one after the other,
	struct ft_gist gist;                // and what all parts say alike
	uint16_t first[FT_GIST_TABLES + 1]; // of each table, in m
	uint8_t next[FT_GIST_RULES];        // of each rule; as in a record
};
static_assert(FT_GIST_RULES <= FT_BITS_RULES, "as many as can be made");

// Which rows a key has a choice of: of each of the bits that choose, the rules that a key can meet
// in which it is 0, and 1.
struct ft_gist_row {
	unsigned bits;
	struct ft_sieved with[FT_GIST_ROW_BITS][2];
};

// gist_rows.c: sets the part's rows in its head, whose pieces are there, each of so many bits at
// most. Returns how many records a key will meet, roughly.
unsigned ft_gist_rows_choose(struct ft_gist *head, const struct ft_making *part, unsigned bits,
	struct ft_gist_row rows[FT_GIST_ROWS]);
// What has room for them.
void ft_gist_rows_fill(struct ft_gist *part, const struct ft_gist_row rows[]);

// A part of these rules, which ft_gist_join() takes: at most FT_GIST_WHOLE of those that `all` has,
// in its order. NULL: there can be none, or no memory.
struct ft_gist *ft_gist_part_new(const struct ft_gist_making *all, struct ft_making *part);
// One of n parts, of which each has what `all` says. NULL: no memory. Parts stay.
struct ft_gist *ft_gist_join(const struct ft_gist_making *all, const struct ft_gist_split *,
	struct ft_gist *const part[], unsigned n);

// SPDX-License-Identifier: Apache-2.0
#pragma once
// Making gists: what the files of the writer's side of gist.h share.

#include "flowtable/cache/gist.h"
#include "flowtable/classifier/bits_make.h"

struct ft_gist_making {
	struct ft_making m;                 // the rules of all its tables, one after the other,
	struct ft_gist gist;                // and what all parts say alike
	uint16_t first[FT_GIST_TABLES + 1]; // of each table, in m
	uint8_t next[FT_GIST_RULES];        // of each rule; as in a record
};
static_assert(FT_GIST_RULES <= FT_BITS_RULES, "as many as can be made");

// A part of these rules, which ft_gist_join() takes: at most FT_GIST_WHOLE of those that `all` has,
// in its order. NULL: there can be none, or no memory.
struct ft_gist *ft_gist_part_new(const struct ft_gist_making *all, struct ft_making *part);
// One of n parts, of which each has what `all` says. NULL: no memory. Parts stay.
struct ft_gist *ft_gist_join(const struct ft_gist_making *all, const struct ft_gist_split *,
	struct ft_gist *const part[], unsigned n);

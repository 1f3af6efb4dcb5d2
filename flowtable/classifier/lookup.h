// SPDX-License-Identifier: Apache-2.0
#pragma once
// The workers' side of the classifier, in one source for several instruction sets: lookup.c is
// compiled once for each (meson.build), and isa.c picks at start what the processor can do.

#include "flowtable/classifier/tuple.h"

// Which tuples to go through.
enum ft_lookup_in {
	FT_LOOKUP_ALL,
	FT_LOOKUP_SINCE, // those whose rules are not in the tree: for better ones than rules[] has
};

// As ft_classifier_lookup(); `a` not NULL.
typedef void ft_lookup_fn(const struct ft_tuple_array *a, enum ft_lookup_in, uint64_t version,
	const struct weft_flow_key *const keys[], unsigned n, const struct ft_rule *rules[]);

ft_lookup_fn ft_lookup_scalar;
ft_lookup_fn ft_lookup_avx2;
ft_lookup_fn ft_lookup_avx512;

enum ft_isa {
	FT_ISA_SCALAR,
	FT_ISA_AVX2,
	FT_ISA_AVX512,
	FT_ISA_MAX
};
// Looks up by this one from now on; for tests and measurements, with no worker running. False: this
// processor or this build doesn't have it.
bool ft_isa_use(enum ft_isa);
// Whether bit vectors (bits.h) are used where there are any; likewise. They are at first.
void ft_bits_use(bool);
// Likewise of trees (tree.h); the last of these also makes them where they don't pay.
enum ft_trees {
	FT_TREES_NEVER,
	FT_TREES_IF_QUICKER,
	FT_TREES_ALWAYS,
};
void ft_trees_use(enum ft_trees);
// Which form the lanes of new trees have (tree_lanes.h); likewise.
enum ft_lanes {
	FT_LANES_WHOLE,
	FT_LANES_IF_QUICK, // brief with AVX-512
	FT_LANES_BRIEF,
};
void ft_lanes_use(enum ft_lanes);

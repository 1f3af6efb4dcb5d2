// SPDX-License-Identifier: Apache-2.0
#include "flowtable/classifier/bits.h"
#include "flowtable/cache/cache_key.h"
#include "flowtable/classifier/classifier.h"
#include "flowtable/flowtable.h"
#include "flowtable/cache/gist.h"
#include "flowtable/classifier/lookup.h"
#include "flowtable/classifier/tree.h"

#ifdef FT_HAVE_VECTORS
#include <cpuid.h>

// Clang 14's __builtin_cpu_supports() does not know it: CPUID leaf 7, ECX bit 9.
static bool has_vaes(void)
{
	unsigned a, b, c, d;

	return __get_cpuid_count(7, 0, &a, &b, &c, &d) && c >> 9 & 1;
}
#endif

static ft_lookup_fn *lookup = ft_lookup_scalar;
static ft_bits_fn *bits_lookup = ft_bits_scalar;
static ft_tree_fn *tree_lookup = ft_tree_scalar;
ft_bits_guess_fn *ft_bits_guess = ft_bits_guess_scalar;
ft_gist_fn *ft_gist_walk = ft_gist_scalar;
static bool use_bits = true;
enum ft_trees ft_trees = FT_TREES_IF_QUICKER;
enum ft_lanes ft_lanes = FT_LANES_IF_QUICK;
ft_prints_fn *ft_prints = ft_prints_scalar;

static void use_prints(enum ft_isa isa)
{
	ft_prints = ft_prints_scalar;
#ifdef FT_HAVE_VECTORS
	if (isa >= FT_ISA_AVX2 && __builtin_cpu_supports("aes"))
		ft_prints = ft_prints_aes;
	if (isa >= FT_ISA_AVX512 && has_vaes())
		ft_prints = ft_prints_vaes;
#endif
}

#ifdef FT_HAVE_VECTORS
static bool has_tree_avx512(void)
{
	return __builtin_cpu_supports("avx512bitalg") && __builtin_cpu_supports("avx512cd") &&
	       __builtin_cpu_supports("avx512vpopcntdq");
}
#endif

static bool use_lookup(enum ft_isa isa)
{
	switch (isa) {
	case FT_ISA_SCALAR:
		lookup = ft_lookup_scalar;
		bits_lookup = ft_bits_scalar;
		tree_lookup = ft_tree_scalar;
		ft_bits_guess = ft_bits_guess_scalar;
		ft_gist_walk = ft_gist_scalar;
		return true;
#ifdef FT_HAVE_VECTORS
	case FT_ISA_AVX2:
		if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("bmi2"))
			return false;
		lookup = ft_lookup_avx2;
		bits_lookup = ft_bits_avx2;
		tree_lookup = ft_tree_avx2;
		ft_bits_guess = ft_bits_guess_avx2;
		ft_gist_walk = ft_gist_avx2;
		return true;
	case FT_ISA_AVX512:
		if (!__builtin_cpu_supports("avx512bw") || !__builtin_cpu_supports("avx512vl") ||
			!__builtin_cpu_supports("bmi2"))
			return false;
		lookup = ft_lookup_avx512;
		bits_lookup = ft_bits_avx512;
		tree_lookup = has_tree_avx512() ? ft_tree_avx512 : ft_tree_avx2;
		ft_bits_guess = ft_bits_guess_avx512;
		ft_gist_walk = ft_gist_avx512;
		return true;
#endif
	default:
		return false;
	}
}

bool ft_isa_use(enum ft_isa isa)
{
	if (!use_lookup(isa))
		return false;
	use_prints(isa);
	return true;
}

void ft_bits_use(bool yes)
{
	use_bits = yes;
}

void ft_trees_use(enum ft_trees when)
{
	ft_trees = when;
}

void ft_lanes_use(enum ft_lanes which)
{
	ft_lanes = which;
}

bool ft_tree_likes_brief(void)
{
#ifdef FT_HAVE_VECTORS
	return tree_lookup == ft_tree_avx512;
#else
	return false;
#endif
}

__attribute__((constructor)) static void use_the_best(void)
{
	for (int isa = FT_ISA_MAX - 1; isa >= 0; isa--)
		if (ft_isa_use((enum ft_isa)isa))
			return;
}

// Those that must; some do.
static void ask_all_tuples(const struct ft_tuple_array *a, uint64_t version,
	const struct weft_flow_key *const keys[], uint64_t ask, const struct ft_rule *rules[])
{
	const struct weft_flow_key *asking[FT_BURST];
	const struct ft_rule *found[FT_BURST];
	uint64_t left = ask;
	unsigned n = 0;

	do
		asking[n++] = keys[__builtin_ctzll(left)];
	while (left &= left - 1);
	lookup(a, FT_LOOKUP_ALL, version, asking, n, found);
	for (n = 0; ask; ask &= ask - 1)
		rules[__builtin_ctzll(ask)] = found[n++];
}

static void by_tree(const struct ft_classifier *c, const struct ft_tuple_array *a, uint64_t version,
	const struct weft_flow_key *const keys[], unsigned n, const struct ft_rule *rules[])
{
	uint64_t before = ft_calm_before(&c->calm), ask = tree_lookup(a->tree, keys, n, rules);

	if (__builtin_expect(!ft_calm_after(&c->calm, before, version), 0))
		ask |= ft_tree_at_version(version, n, rules);
	if (__builtin_expect(ask != 0, 0))
		ask_all_tuples(a, version, keys, ask, rules);
	if (a->since)
		lookup(a, FT_LOOKUP_SINCE, version, keys, n, rules);
}

void ft_classifier_lookup(const struct ft_classifier *c, uint64_t version,
	const struct weft_flow_key *const keys[], unsigned n, const struct ft_rule *rules[])
{
	const struct ft_tuple_array *a = atomic_load_explicit(&c->published, memory_order_acquire);
	const struct ft_bits *bits = atomic_load_explicit(&c->bits, memory_order_acquire);

	if (a && a->tree && ft_trees)
		by_tree(c, a, version, keys, n, rules);
	else if (bits && use_bits)
		bits_lookup(bits, version, keys, n, rules);
	else if (a)
		lookup(a, FT_LOOKUP_ALL, version, keys, n, rules);
	else
		memset(rules, 0, n * sizeof(rules[0]));
}

// SPDX-License-Identifier: Apache-2.0
// Memory that runs out while tables rest and what makes them quicker is made: bit vectors, trees,
// packed tuples, gists, each of their allocations failing in turn. Packets meet the same rules
// whatever was not made, and once there is enough memory it is made after all.

#include "gist_twins.h"
#include "listed_rules.h"

#include "../oom.h"
#include "flowtable/classifier/bits.h"

enum {
	RULES = 1200,
	KEYS = 60,
	MOST = 5000, // allocations of one rest; none needs that many
};

// With memory for so many allocations. Whether that was enough.
static bool rest_scarcely(struct ft_switch *sw, long allocations)
{
	bool enough;

	allocations_left = allocations;
	come_to_rest(sw);
	enough = allocations_left;
	allocations_left = -1;
	return enough;
}

// ---- of a table

static struct weft_match match[RULES];
static uint16_t priority[RULES];
static uint32_t rules;

static void add_listed(struct world *w, uint32_t i, uint16_t at)
{
	struct weft_flow_mod mod = flow_mod_of(WEFT_FLOW_ADD, 0, at);
	struct pattern p = {0};
	struct program out = program_out(1);

	pattern_exact(&p, WEFT_FIELD_ETH_TYPE, 0x800);
	pattern_masked(&p, WEFT_FIELD_IPV4_SRC, i * 2654435761u, 0xffffffffu << i % 16);
	pattern_masked(&p, WEFT_FIELD_IPV4_DST, i, 0xffffffffu << i % 5);
	if (i % 3 == 0) {
		pattern_exact(&p, WEFT_FIELD_IP_PROTO, 6);
		pattern_masked(&p, WEFT_FIELD_TCP_DST, i, 0xffffu << i % 8 & 0xffff);
	}
	match[i] = pattern_match(&p);
	priority[i] = at;
	assert_int_equal(ft_flow_mod(w->sw, &mod, &match[i], &out.instr), WEFT_E_NONE);
}

// What was made of the table ends, or is behind it.
static void replace(struct world *w, uint32_t i)
{
	struct weft_flow_mod mod = flow_mod_of(WEFT_FLOW_DELETE_STRICT, 0, priority[i]);

	assert_int_equal(ft_flow_mod(w->sw, &mod, &match[i], NULL), WEFT_E_NONE);
	add_listed(w, i, priority[i] > 10000 ? (uint16_t)(1 + i) : (uint16_t)(20000 + i));
}

static void check(struct world *w)
{
	for (uint32_t k = 0; k < KEYS; k++) {
		uint32_t i = rng() % rules, best;
		struct weft_flow_key key = {
			.ipv4_src = htonl(i * 2654435761u),
			.ipv4_dst = htonl(i),
			.l4_dst = htons((uint16_t)i),
			.eth_type = htons(0x800),
			.ip_proto = 6,
		};
		const struct ft_rule *r;

		ft_isa_use((enum ft_isa)(k % FT_ISA_MAX));
		r = world_lookup(w, 0, &key);
		best = listed_best(match, priority, rules, &key);
		assert_true(best < rules); // that one at least
		assert_int_equal(r ? r->priority : 0, priority[best]);
	}
}

// Returns how often there was too little.
static long table_rests(uint32_t n, enum ft_trees trees, bool (*made)(struct world *))
{
	struct world *w = world_new(1, RULES);
	bool enough = false;
	long left;

	rules = n;
	ft_trees_use(trees);
	for (uint32_t i = 0; i < rules; i++)
		add_listed(w, i, (uint16_t)(1 + i));
	for (left = 0; !enough; left++) {
		assert_true(left < MOST);
		replace(w, rng() % rules);
		enough = rest_scarcely(w->sw, left);
		check(w);
	}
	assert_true(made(w));
	world_free(w);
	ft_trees_use(FT_TREES_IF_QUICKER);
	return left - 1;
}

static bool has_bits(struct world *w)
{
	return atomic_load(&ft_table_of(w->sw, 0)->classifier.bits);
}

static bool has_tree(struct world *w)
{
	return tree_of(w);
}

static void bits(void **state)
{
	long scarce = table_rests(300, FT_TREES_NEVER, has_bits);

	printf("%ld times too little memory\n", scarce);
	assert_true(scarce >= 5);
}

static void trees(void **state)
{
	long scarce = table_rests(RULES, FT_TREES_ALWAYS, has_tree);

	printf("%ld times too little memory\n", scarce);
	assert_true(scarce >= 30);
}

// ---- of a switch

static const struct ft_gist *gist_of(const struct twin *s)
{
	return ft_switch_front(s->w->sw)->gist;
}

static void gists_of(unsigned others, bool parts)
{
	struct program drop = {0};
	struct pattern any = {0};
	struct twin s[2];
	bool enough = false;
	long left;

	two_tables(s);
	for (unsigned i = 0; i < others; i++) {
		struct pattern other = {0};

		pattern_exact(&other, WEFT_FIELD_ETH_TYPE, 0x800);
		pattern_exact(&other, WEFT_FIELD_IPV4_SRC, 0x0a000000 + 7 * i);
		add(s, 0, 9, &other, &drop);
	}
	for (left = 0; !enough; left++) {
		assert_true(left < MOST);
		pattern_exact(&any, WEFT_FIELD_IPV4_DST, 0x0a000000 + left % 16);
		any.mask.eth_type = 0xffff;
		any.value.eth_type = htons(0x800);
		flow_mod(s, left / 16 % 2 ? WEFT_FLOW_DELETE_STRICT : WEFT_FLOW_ADD, 1, 20, &any,
			&drop, 5);
		grace(s);
		enough = rest_scarcely(s[0].w->sw, left);
		compare_bursts(s);
	}
	printf("%ld times too little memory\n", left - 1);
	assert_true(left > (parts ? 10 : 3));
	assert_non_null(gist_of(&s[0]));
	assert_true(!gist_of(&s[0])->parts == !parts);
	assert_true(derived(s) > 50);
	twins_end(s);
}

static void gists(void **state)
{
	gists_of(0, false);
}

static void gists_in_parts(void **state)
{
	gists_of(400, true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bits),
		cmocka_unit_test(trees),
		cmocka_unit_test(gists),
		cmocka_unit_test(gists_in_parts),
	};

	rng_seed_from_env();
	return cmocka_run_group_tests(tests, NULL, NULL);
}

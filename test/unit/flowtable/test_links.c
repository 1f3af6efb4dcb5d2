// SPDX-License-Identifier: Apache-2.0
// Nicira's multipath and bundle: which link of many a flow takes, and what takes the place of a
// port that died.
#include "nx_build.h"
#include "one_side.h"

#include "flowtable/packet/nx.h"

static void random_flow(struct weft_flow_key *k)
{
	*k = (struct weft_flow_key){.eth_type = htons(0x0800), .ip_proto = 6};
	rng_fill(&k->eth_src, 6);
	rng_fill(&k->eth_dst, 6);
	rng_fill(&k->ipv4_src, sizeof(k->ipv4_src));
	rng_fill(&k->ipv4_dst, sizeof(k->ipv4_dst));
	rng_fill(&k->l4_src, sizeof(k->l4_src));
	rng_fill(&k->l4_dst, sizeof(k->l4_dst));
}

static void reverse(struct weft_flow_key *k)
{
	struct weft_flow_key was = *k;

	k->eth_src = was.eth_dst;
	k->eth_dst = was.eth_src;
	k->ipv4_src = was.ipv4_dst;
	k->ipv4_dst = was.ipv4_src;
	k->l4_src = was.l4_dst;
	k->l4_dst = was.l4_src;
}

static void links_of_an_algorithm(uint16_t algorithm, uint16_t fields, unsigned n)
{
	const struct weft_action_multipath m = {.fields = fields,
		.basis = 7,
		.algorithm = algorithm,
		.max_link = (uint16_t)(n - 1),
		.arg = n + 2};
	const bool symmetric = fields >= FT_HASH_SYMMETRIC_L4 && fields != FT_HASH_NW_SRC &&
			       fields != FT_HASH_NW_DST;
	unsigned count[128] = {0};

	for (unsigned i = 0; i < 400 * n; i++) {
		struct weft_flow_key k;
		unsigned link;

		random_flow(&k);
		link = ft_multipath_link(&k, &m, 11);
		assert_true(link < n);
		assert_int_equal(link, ft_multipath_link(&k, &m, 11));
		count[link]++;
		reverse(&k);
		if (symmetric)
			assert_int_equal(link, ft_multipath_link(&k, &m, 11));
	}
	for (unsigned i = 0; i < n; i++) // 400 each, by 7 deviations
		assert_true(count[i] > 260 && count[i] < 540);
}

static void multipath_spreads(void **state)
{
	for (uint16_t a = 0; a < FT_MULTIPATH_MAX; a++)
		for (uint16_t f = 0; f < FT_HASH_FIELDS_MAX; f++) {
			links_of_an_algorithm(a, f, 1);
			links_of_an_algorithm(a, f, 5);
			links_of_an_algorithm(a, f, 100);
		}
}

// What is left out of a hash does not change it, and UDP's ports are in one of them only.
static void fields_of_a_hash(void **state)
{
	struct weft_action_multipath m = {.max_link = 65535};
	struct weft_flow_key k, l;
	unsigned same = 0;

	random_flow(&k);
	k.ip_proto = 17;
	l = k;
	l.l4_src ^= 0x55;
	m.fields = FT_HASH_SYMMETRIC_L4;
	assert_int_equal(ft_multipath_link(&k, &m, 1), ft_multipath_link(&l, &m, 1));
	m.fields = FT_HASH_SYMMETRIC_L3L4_UDP;
	for (unsigned seed = 0; seed < 8; seed++)
		same += ft_multipath_link(&k, &m, seed) == ft_multipath_link(&l, &m, seed);
	assert_true(same < 3);
	l = k;
	l.eth_dst.b[3] ^= 1;
	m.fields = FT_HASH_SYMMETRIC_L3L4;
	assert_int_equal(ft_multipath_link(&k, &m, 1), ft_multipath_link(&l, &m, 1));
	m.fields = FT_HASH_NW_SRC;
	l.ipv4_dst ^= 77;
	assert_int_equal(ft_multipath_link(&k, &m, 1), ft_multipath_link(&l, &m, 1));
}

static uint32_t bundle_of(const struct weft_flow_key *k, uint16_t algorithm)
{
	struct {
		struct weft_action_bundle b;
		uint32_t port[3];
	} a = {{.fields = FT_HASH_SYMMETRIC_L4, .algorithm = algorithm, .n_ports = 3}, {4, 2, 3}};

	return ft_bundle_port(it.w->sw, k, &a.b);
}

static void set_live(uint32_t port, bool live)
{
	assert_int_equal(ft_port_set(it.w->sw, &(struct ft_port){port, 0, live}), 0);
}

// When a port dies, the flows of the others stay where they are (RFC 2992).
static void bundles_know_who_lives(void **state)
{
	struct weft_flow_key k[300];
	uint32_t before[300];

	for (unsigned i = 0; i < 300; i++) {
		random_flow(&k[i]);
		before[i] = bundle_of(&k[i], FT_BUNDLE_HRW);
		assert_int_equal(bundle_of(&k[i], FT_BUNDLE_ACTIVE_BACKUP), 4);
	}
	set_live(4, false);
	for (unsigned i = 0; i < 300; i++) {
		uint32_t now = bundle_of(&k[i], FT_BUNDLE_HRW);

		assert_true(before[i] == 4 ? now == 2 || now == 3 : now == before[i]);
		assert_int_equal(bundle_of(&k[i], FT_BUNDLE_ACTIVE_BACKUP), 2);
	}
	set_live(2, false);
	set_live(3, false);
	assert_int_equal(bundle_of(&k[0], FT_BUNDLE_HRW), WEFT_OFPORT_ANY);
	assert_int_equal(bundle_of(&k[0], FT_BUNDLE_ACTIVE_BACKUP), WEFT_OFPORT_ANY);
}

static void bundle_outputs_or_loads(void **state)
{
	struct {
		struct weft_action_bundle b;
		uint32_t port[1];
	} a = {{.n_ports = 1}, {2}};
	struct program p = {0};

	program_raw(&p, false, WEFT_ACTION_BUNDLE, 0, &a, sizeof(a.b) + 4);
	a.b.dst = bits_of(WEFT_FIELD_REG1, 8, 16);
	a.port[0] = 3;
	program_raw(&p, false, WEFT_ACTION_BUNDLE, 0, &a, sizeof(a.b) + 4);
	program_output_field(&p, bits_of(WEFT_FIELD_REG1, 8, 16));
	side_rule(&it, 0, &p);
	side_run_ip(&it, 64);
	assert_int_equal(side_sent_to(&it, 2), 1);
	assert_int_equal(side_sent_to(&it, 3), 1);
	set_live(3, false); // 65535 is no port
	side_run_ip(&it, 64);
	assert_int_equal(side_sent_to(&it, 2), 1);
	assert_int_equal(it.books->n, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(multipath_spreads),
		TEST(fields_of_a_hash),
		TEST(bundles_know_who_lives),
		TEST(bundle_outputs_or_loads),
	};

	rng_seed_from_env();
	return cmocka_run_group_tests(tests, NULL, NULL);
}

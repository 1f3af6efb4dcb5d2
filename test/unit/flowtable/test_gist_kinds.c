// SPDX-License-Identifier: Apache-2.0
// What each part of gists (gist.h) is for, and which switches have one: by the share of new flows
// that go where others went, while what leaves and what is counted stays the same.

#include "gist_twins.h"

static void new_flows_go_where_others_went(void **state)
{
	struct twin s[2];

	two_tables(s);
	assert_true(derived(s) > 90);
	twins_end(s);
}

// One packet to both: did a gist find its way?
static bool is_derived(struct twin s[2], const struct frame *f)
{
	struct ft_packet *p[2];
	unsigned before = s[0].derived;

	for (unsigned k = 0; k < 2; k++) {
		books_clear(s[k].b);
		p[k] = arrive(&s[k], f, 1);
		box_of(p[k])->number = 1;
	}
	cached_burst(&s[0], &p[0], 1);
	ft_switch_process(s[1].w->sw, 0, s[1].w->now, &p[1], 1, &s[1].b->sink);
	compare_sent(s[0].b, s[1].b);
	return s[0].derived > before;
}

// Frames of two flows that have one mark to say that they were seen.
static void find_pair(struct twin s[2], struct frame pair[2])
{
	struct seen {
		struct ft_print print;
		struct frame frame;
	} *first = calloc(1 << 16, sizeof(*first)), now, *at;

	assert_non_null(first);
	do {
		new_frame(&now.frame);
		at = first;
		s[0].cache->news.most = false; // or it has no print
		if (!is_derived(s, &now.frame))
			continue;
		now.print = s[0].cache->print[0];
		at = &first[now.print.hi >> 48];
		if (!at->print.lo)
			*at = now;
	} while (at == first || at->print.lo == now.print.lo);
	pair[0] = at->frame;
	pair[1] = now.frame;
	free(first);
}

static void flows_that_share_a_mark_are_taken_in(void **state)
{
	struct frame pair[2];
	struct twin s[2];
	unsigned left = 10000;

	two_tables(s);
	leave_alone(s);
	leave_alone(s);
	find_pair(s, pair);
	while (left && is_derived(s, &pair[0]) + is_derived(s, &pair[1])) // in turn
		left--;
	assert_int_not_equal(left, 0);
	twins_end(s);
}

// Before a print is made of them, as long as it lasts.
static void where_most_is_new_ways_are_asked_for_first(void **state)
{
	struct program out = program_out(3);
	struct pattern nobody = {0};
	struct twin s[2];
	struct frame one;
	unsigned n;

	two_tables(s);
	pattern_exact(&nobody, WEFT_FIELD_ETH_TYPE, 0x800);
	pattern_exact(&nobody, WEFT_FIELD_IPV4_SRC, 0x0a630001);
	add(s, 1, 8, &nobody, &out); // so each address is a flow
	leave_alone(s);
	for (n = 0; n < 10000 && !s[0].cache->news.most; n++)
		burst(s);
	assert_true(s[0].cache->news.most);
	assert_true(derived(s) > 90);
	new_frame(&one);
	for (n = 0; n < 100000 && s[0].cache->news.most; n++)
		is_derived(s, &one);
	assert_false(s[0].cache->news.most);
	assert_false(is_derived(s, &one));
	compare_state(s);
	twins_end(s);
}

static void a_rule_in_between_is_not_missed(void **state)
{
	struct twin s[2];
	struct pattern one = {0};
	struct program out = program_out(3);

	two_tables(s);
	assert_true(derived(s) > 90);
	pattern_exact(&one, WEFT_FIELD_ETH_TYPE, 0x800);
	pattern_masked(&one, WEFT_FIELD_IPV4_SRC, 0x0a000000, 0xffffc000);
	add(s, 1, 9, &one, &out); // while the gist is the older one
	compare_bursts(s);
	assert_true(derived(s) > 90);
	flow_mod(s, WEFT_FLOW_DELETE_STRICT, 1, 9, &one, &out, 0);
	compare_bursts(s);
	twins_end(s);
}

static void a_port_that_goes_down_is_not_missed(void **state)
{
	struct twin s[2];

	two_tables(s);
	assert_true(derived(s) > 90);
	for (unsigned k = 0; k < 2; k++)
		ft_port_set(s[k].w->sw, &(struct ft_port){2, WEFT_PORT_NO_FWD, true});
	compare_bursts(s);
	twins_end(s);
}

// What is asked of metadata depends on the rules before, and one key does not say it.
static void metadata_that_rules_write_has_no_gist(void **state)
{
	struct twin s[2];
	struct pattern any = {0}, marked = {0};
	struct program on = go_to(1), out = program_out(2);

	two_tables(s);
	on.instr.metadata_mask = on.instr.metadata = weft_htonll(1);
	add(s, 0, 1, &any, &on);
	assert_true(derived(s) > 90); // nobody asks
	pattern_masked(&marked, WEFT_FIELD_METADATA, 1, 1);
	add(s, 1, 9, &marked, &out);
	assert_int_equal(derived(s), 0);
	twins_end(s);
}

// Whose end depends on more than the rules goes through the tables, the others do not.
static void what_asks_the_fdb_is_left_to_the_tables(void **state)
{
	struct twin s[2];
	struct pattern any = {0};
	struct program normal = {0};

	two_tables(s);
	program_add(&normal, false, WEFT_ACTION_OUTPUT, WEFT_OFPORT_NORMAL);
	add(s, 1, 1, &any, &normal);
	assert_in_range(derived(s), 30, 70);
	twins_end(s);
}

// Tables 0 and 2 have a rule that mostly all meet; so has table 3, but nobody meets both of these.
static void three_lone_tables(struct twin s[2])
{
	struct pattern any = {0}, first = {0}, second = {0}, port = {0};
	struct program on = go_to(1), out = program_out(2), drop = {0};

	twins_begin(s, 4096);
	pattern_exact(&port, WEFT_FIELD_IN_PORT, 1);
	add(s, 0, 2, &port, &on);
	add(s, 0, 1, &any, &drop);
	for (unsigned i = 0; i < 6; i++) {
		struct pattern net = {0};

		on = go_to((uint8_t)(2 + i % 2));
		pattern_exact(&net, WEFT_FIELD_ETH_TYPE, 0x800);
		pattern_masked(&net, WEFT_FIELD_IPV4_SRC, 0x0a000000 | i << 13, 0xffffe000);
		add(s, 1, (uint16_t)(10 + i), &net, &on);
	}
	pattern_exact(&first, WEFT_FIELD_ETH_DST, 0x020000000001);
	pattern_exact(&second, WEFT_FIELD_ETH_DST, 0x020000000002);
	add(s, 2, 1, &first, &out);
	add(s, 3, 1, &second, &out);
}

static void tables_of_one_rule_are_met_or_not(void **state)
{
	static const enum ft_isa isas[] = {FT_ISA_AVX512, FT_ISA_AVX2, FT_ISA_SCALAR};

	for (unsigned i = 0; i < 3; i++) {
		struct twin s[2];

		if (!ft_isa_use(isas[i]))
			continue;
		three_lone_tables(s);
		assert_true(derived(s) > 90);
		assert_int_equal(ft_switch_front(s[0].w->sw)->gist->lone, 1 << 0 | 1 << 2);
		twins_end(s);
	}
}

// An address is learned from its packets, whoever went their way before.
static void who_is_to_be_learned_is_not_missed(void **state)
{
	struct twin s[2];

	two_tables(s);
	for (unsigned k = 0; k < 2; k++)
		ft_switch_set_flags(s[k].w->sw, FT_SWITCH_LEARN);
	nobodys = 2;
	assert_int_equal(derived(s), 0);
	nobodys = 0;
	twins_end(s);
}

// Rules for so many networks, of which a packet meets one.
static void add_networks(struct twin s[2], unsigned n)
{
	struct program out[2] = {program_out(2), program_out(3)};

	for (unsigned i = 0; i < n; i++) {
		struct pattern net = {0};

		pattern_exact(&net, WEFT_FIELD_ETH_TYPE, 0x800);
		pattern_masked(&net, WEFT_FIELD_IPV4_SRC, 0x0a000000 + i * (65536 / n),
			0xffffffff - (65536 / n - 1));
		add(s, 1, (uint16_t)(10 + i), &net, &out[i % 2]);
	}
}

// They differ in six bits, which two digits of the address have: one choice of a row says which.
static void few_bits_tell_rules_apart(void **state)
{
	const struct ft_gist *gist;
	const uint64_t *rows;
	struct twin s[2];

	two_tables(s);
	add_networks(s, 64);
	for (unsigned i = 0; i < 4; i++)
		leave_alone(s);
	assert_true(derived(s) > 70);
	gist = ft_switch_front(s[0].w->sw)->gist;
	assert_int_equal(gist->rows, 1);
	assert_int_equal(gist->row_end, 64);
	assert_int_equal(gist->sieve.words, 2);
	rows = ft_bits_rows(&gist->sieve);
	for (unsigned row = 0; row < 64; row++) // it, that of half of them, and two for all
		assert_in_range(__builtin_popcountll(rows[2 * row]) +
					__builtin_popcountll(rows[2 * row + 1]),
			3, 4);
	twins_end(s);
}

// Each part is of a hundred rules at most, and a rule has its number in all of them.
static void many_rules_have_parts(void **state)
{
	const struct ft_gist *gist;
	struct pattern tcp = {0};
	struct program out = program_out(3);
	struct twin s[2];

	two_tables(s);
	add_networks(s, 256);
	pattern_exact(&tcp, WEFT_FIELD_ETH_TYPE, 0x800);
	pattern_exact(&tcp, WEFT_FIELD_IP_PROTO, 6);
	add(s, 1, 5000, &tcp, &out); // above them all, and in all parts
	for (unsigned i = 0; i < 16; i++)
		leave_alone(s);
	assert_true(derived(s) > 70);
	gist = ft_switch_front(s[0].w->sw)->gist;
	assert_in_range(gist->parts, 4, 8);
	for (unsigned i = 1; i <= gist->parts; i++)
		assert_in_range(gist[i].sieve.n, 32, 66);
	twins_end(s);
}

static void rules_that_nothing_tells_apart_have_no_gist(void **state)
{
	struct twin s[2];
	struct program out = program_out(3);
	struct pattern p = {0};

	two_tables(s);
	assert_true(derived(s) > 90);
	pattern_exact(&p, WEFT_FIELD_ETH_TYPE, 0x800);
	pattern_exact(&p, WEFT_FIELD_IPV4_DST, 0x0b000000);
	for (unsigned i = 0; i < FT_GIST_WHOLE; i++)
		add(s, 1, (uint16_t)(100 + i), &p, &out);
	assert_int_equal(derived(s), 0);
	twins_end(s);
}

static void too_many_rules_have_no_gist(void **state)
{
	struct twin s[2];

	two_tables(s);
	add_networks(s, 2048);
	assert_int_equal(derived(s), 0);
	twins_end(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(new_flows_go_where_others_went),
		cmocka_unit_test(flows_that_share_a_mark_are_taken_in),
		cmocka_unit_test(where_most_is_new_ways_are_asked_for_first),
		cmocka_unit_test(a_rule_in_between_is_not_missed),
		cmocka_unit_test(a_port_that_goes_down_is_not_missed),
		cmocka_unit_test(metadata_that_rules_write_has_no_gist),
		cmocka_unit_test(what_asks_the_fdb_is_left_to_the_tables),
		cmocka_unit_test(tables_of_one_rule_are_met_or_not),
		cmocka_unit_test(who_is_to_be_learned_is_not_missed),
		cmocka_unit_test(few_bits_tell_rules_apart),
		cmocka_unit_test(many_rules_have_parts),
		cmocka_unit_test(rules_that_nothing_tells_apart_have_no_gist),
		cmocka_unit_test(too_many_rules_have_no_gist),
	};

	rng_seed_from_env();
	return cmocka_run_group_tests(tests, NULL, NULL);
}

// SPDX-License-Identifier: Apache-2.0
// Rules come and go while flows are known: a remembered way may outlive a change (history.h) only
// if no packet that goes it could meet the change. So after each change every packet is asked for
// twice, of the cache and of the tables.

#include "desk.h"

enum {
	STEPS = 30000,
	MANY = 100,
};

static void no_change_is_missed(void **state)
{
	struct rule rules[RULES] = {{.priority = 0}};
	struct desk *d = desk_new();

	d->w->deferred = true;
	for (unsigned i = 0; i < FRAMES; i++)
		udp_frame(&pool[i], rng() % 8, (rng() % 2 ? 0x8000 : 0) | rng() % 4);
	for (unsigned n = 0; n < STEPS; n++) {
		random_changes(d, rules);
		if (rng() % 2 == 0)
			world_grace(d->w);
		if (rng() % 8 == 0)
			ft_settle(d->w->sw);
		for (unsigned k = rng() % 3; k; k--)
			compare(d, pool, FRAMES);
	}
	printf("%llu of %llu packets remembered\n", (unsigned long long)d->remembered,
		(unsigned long long)d->asked);
	assert_true(d->remembered > d->asked / 4);
	desk_free(d);
}

// ---- what each of the comparisons is for

// Before packets have come, and between the first changes that concern them, there is none.
static void a_ring_is_made_when_it_is_missed(void **state)
{
	struct desk *d = desk_new();
	struct program out = program_out(2);
	struct pattern any = {0}, stays = {0}, other = {0};
	uint64_t before;

	udp_frame(&pool[0], 1, 1);
	pattern_exact(&stays, WEFT_FIELD_ETH_TYPE, 0x800);
	pattern_exact(&other, WEFT_FIELD_ETH_TYPE, 0x800);
	pattern_exact(&stays, WEFT_FIELD_IPV4_SRC, 0xcb007100); // so that prints know of it
	pattern_exact(&other, WEFT_FIELD_IPV4_SRC, 0xcb007101);
	mod(d, WEFT_FLOW_ADD, 0, 1, &any, &out);
	mod(d, WEFT_FLOW_ADD, 0, 1, &stays, &out);
	change_once(d, &other, &out);
	known(d, pool, 1);
	change_once(d, &other, &out);
	assert_null(atomic_load(&d->w->sw->cache.history));
	before = d->remembered;
	compare(d, pool, 1); // in vain
	assert_int_equal(d->remembered, before);
	assert_null(atomic_load(&d->w->sw->cache.history));
	known(d, pool, 1);
	change_once(d, &other, &out);
	assert_non_null(atomic_load(&d->w->sw->cache.history));
	before = d->remembered;
	compare(d, pool, 1);
	assert_int_equal(d->remembered, before + 1);
	desk_free(d);
}

// A rule for others, of no lower priority than the one that all packets meet.
static void rules_for_others_leave_ways_alone(void **state)
{
	struct desk *d = desk_new();
	struct program out = program_out(2), drop = {0};
	struct pattern any = {0}, other = {0};
	uint64_t before;

	for (unsigned i = 0; i < FRAMES; i++)
		udp_frame(&pool[i], i, i);
	pattern_exact(&other, WEFT_FIELD_ETH_TYPE, 0x800);
	pattern_exact(&other, WEFT_FIELD_IPV4_SRC, 0xcb007100);
	mod(d, WEFT_FLOW_ADD, 0, 1, &any, &out);
	mod(d, WEFT_FLOW_ADD, 0, 1, &other, &drop);
	known(d, pool, FRAMES);
	change_once(d, &other, &drop); // from here on changes are told
	known(d, pool, FRAMES);
	before = d->remembered;
	for (unsigned n = 0; n < 1000; n++) {
		struct pattern third = {0};

		pattern_exact(&third, WEFT_FIELD_ETH_TYPE, 0x800);
		pattern_exact(&third, WEFT_FIELD_IPV4_SRC, 0xcb007101 + n / 2);
		mod(d, n % 2 ? WEFT_FLOW_DELETE_STRICT : WEFT_FLOW_ADD, 0,
			(uint16_t)(1 + n / 2 % 9), &third, &drop);
		compare(d, pool, FRAMES);
	}
	assert_int_equal(d->remembered - before, 1000 * FRAMES);
	desk_free(d);
}

static void many_at_once(struct desk *d, uint8_t command, uint32_t network, uint16_t priority)
{
	struct program drop = {0};

	assert_true(ft_txn_begin(d->w->sw));
	for (unsigned n = 0; n < MANY; n++) {
		struct pattern p = {0};

		pattern_exact(&p, WEFT_FIELD_ETH_TYPE, 0x800);
		pattern_exact(&p, WEFT_FIELD_IPV4_SRC, network + n);
		mod(d, command, 0, (uint16_t)(priority + n % 3), &p, &drop);
	}
	ft_txn_commit(d->w->sw);
}

// A hundred rules come and go in a transaction each time, of a network that no packet is from.
static void many_for_others_leave_ways_alone(void **state)
{
	struct desk *d = desk_new();
	struct program out = program_out(2);
	struct pattern any = {0};
	uint64_t before;

	for (unsigned i = 0; i < FRAMES; i++)
		udp_frame(&pool[i], i, i);
	mod(d, WEFT_FLOW_ADD, 0, 1, &any, &out);
	many_at_once(d, WEFT_FLOW_ADD, 0xcb007200, 1);
	known(d, pool, FRAMES);
	many_at_once(d, WEFT_FLOW_ADD, 0xcb007300, 1); // from here on changes are told
	known(d, pool, FRAMES);
	before = d->remembered;
	for (unsigned n = 0; n < 100; n++) {
		many_at_once(d, n % 2 ? WEFT_FLOW_DELETE_STRICT : WEFT_FLOW_ADD, 0xcb007100, 1);
		compare(d, pool, FRAMES);
	}
	assert_int_equal(d->remembered - before, 100 * FRAMES);
	desk_free(d);
}

// One of the hundred is for the packets; and then it goes with the others.
static void one_of_many_is_not_missed(void **state)
{
	struct desk *d = desk_new();
	struct program out = program_out(2);
	struct pattern any = {0};

	for (unsigned i = 0; i < FRAMES; i++)
		udp_frame(&pool[i], i, i); // from 10.0.0.1
	mod(d, WEFT_FLOW_ADD, 0, 1, &any, &out);
	for (unsigned n = 0; n < 10; n++) {
		many_at_once(d, WEFT_FLOW_ADD, 0x0a000001 - n, 2);
		compare(d, pool, FRAMES);
		assert_int_equal(d->went[0], 0);
		known(d, pool, FRAMES);
		many_at_once(d, WEFT_FLOW_DELETE_STRICT, 0x0a000001 - n, 2);
		world_grace(d->w);
		compare(d, pool, FRAMES);
		assert_int_equal(d->went[0], 2);
		known(d, pool, FRAMES);
	}
	desk_free(d);
}

// Two packets of one print, for no rule asks for the bit that they differ in; then one does. A
// print is made of zeros where nothing is asked, so that it may be the same still.
static void bits_that_nobody_asked_for_are_not_known(void **state)
{
	struct desk *d = desk_new();
	struct program out = program_out(2), drop = {0};
	struct pattern any = {0}, low = {0};
	struct frame two[2];

	udp_frame(&two[0], 1, 0x8000);
	udp_frame(&two[1], 1, 0);
	mod(d, WEFT_FLOW_ADD, 0, 1, &any, &out);
	known(d, two, 1);
	known(d, two, 2);
	pattern_exact(&low, WEFT_FIELD_ETH_TYPE, 0x800);
	pattern_exact(&low, WEFT_FIELD_IP_PROTO, 17);
	pattern_masked(&low, WEFT_FIELD_UDP_DST, 0, 0x8000);
	mod(d, WEFT_FLOW_ADD, 0, 2, &low, &drop);
	compare(d, two, 2);
	assert_int_equal(d->went[0], 2);
	assert_int_equal(d->went[1], 0);
	desk_free(d);
}

// What a later table sees of a packet is not what it came with.
static void each_lookup_has_its_own_key(void **state)
{
	struct desk *d = desk_new();
	struct program first = {0}, again = {0}, out = program_out(2), drop = {0};
	struct pattern any = {0}, one = {0}, none = {0}, at_three = {0}, at_four = {0};

	udp_frame(&pool[0], 1, 1);
	first.instr.flags = WEFT_INSTR_GOTO;
	first.instr.goto_table = 1;
	first.instr.metadata = first.instr.metadata_mask = weft_htonll(1);
	mod(d, WEFT_FLOW_ADD, 0, 1, &any, &first);
	mod(d, WEFT_FLOW_ADD, 1, 1, &any, &out);
	pattern_exact(&none, WEFT_FIELD_METADATA, 7);
	mod(d, WEFT_FLOW_ADD, 1, 2, &none, &drop); // metadata counts
	known(d, pool, 1);
	pattern_exact(&one, WEFT_FIELD_METADATA, 1);
	mod(d, WEFT_FLOW_ADD, 1, 3, &one, &drop);
	compare(d, pool, 1);
	assert_int_equal(d->went[0], 0);

	program_resubmit(&again, false, 3, 1);
	mod(d, WEFT_FLOW_ADD, 0, 1, &any, &again);
	pattern_exact(&at_four, WEFT_FIELD_IN_PORT, 4);
	mod(d, WEFT_FLOW_ADD, 1, 4, &at_four, &drop);
	known(d, pool, 1);
	assert_int_equal(d->went[0], 2);
	pattern_exact(&at_three, WEFT_FIELD_IN_PORT, 3);
	mod(d, WEFT_FLOW_ADD, 1, 5, &at_three, &drop);
	compare(d, pool, 1);
	assert_int_equal(d->went[0], 0);
	desk_free(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_change_is_missed),
		cmocka_unit_test(a_ring_is_made_when_it_is_missed),
		cmocka_unit_test(rules_for_others_leave_ways_alone),
		cmocka_unit_test(many_for_others_leave_ways_alone),
		cmocka_unit_test(one_of_many_is_not_missed),
		cmocka_unit_test(bits_that_nobody_asked_for_are_not_known),
		cmocka_unit_test(each_lookup_has_its_own_key),
	};

	rng_seed_from_env();
	return cmocka_run_group_tests(tests, NULL, NULL);
}

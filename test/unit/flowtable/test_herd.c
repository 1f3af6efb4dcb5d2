// SPDX-License-Identifier: Apache-2.0
// Ways that are held against changes as one (herd.h): none of them may miss a change, whoever
// joined and whatever the cache's other switches do; and those that rest hold as long as those that
// move, which the history of changes (history.h) would not do for them.

#include "desk.h"

#include "flowtable/cache/herd.h"
#include "flowtable/cache/history.h"

enum {
	STEPS = 5000,
	RESTS = 3 * FT_HISTORY, // changes
	ABOVE = 1000,           // a priority
};

// ---- any rules, any changes, of several switches

// A switch of a number that finds another's herd in its place, or does not.
static struct desk *desk_beside(const struct desk *other, bool same_place)
{
	const uint32_t number = ft_switch_number(other->w->sw);
	struct desk *d = desk_new();

	while (same_place != (ft_switch_number(d->w->sw) % FT_HERDS == number % FT_HERDS)) {
		desk_free(d);
		d = desk_new();
	}
	return d;
}

static void no_change_of_any_switch_is_missed(void **state)
{
	struct rule rules[3][RULES] = {{{.priority = 0}}};
	struct desk *d[3] = {desk_new()};
	struct ft_cache *own[3];
	uint64_t asked = 0, remembered = 0;

	d[1] = desk_beside(d[0], true);
	d[2] = desk_beside(d[0], false);
	for (unsigned i = 0; i < 3; i++) {
		own[i] = d[i]->cache;
		d[i]->cache = d[0]->cache;
		d[i]->w->deferred = true;
	}
	for (unsigned i = 0; i < FRAMES; i++)
		udp_frame(&pool[i], rng() % 8, (rng() % 2 ? 0x8000 : 0) | rng() % 4);
	for (unsigned n = 0; n < STEPS; n++) {
		unsigned i = rng() % 3;

		random_changes(d[i], rules[i]);
		if (rng() % 2 == 0)
			world_grace(d[i]->w);
		for (unsigned k = rng() % 6; k; k--)
			compare(d[rng() % 3], pool, FRAMES);
	}
	for (unsigned i = 0; i < 3; i++) {
		asked += d[i]->asked;
		remembered += d[i]->remembered;
		d[i]->cache = own[i];
	}
	printf("%llu of %llu packets remembered\n", (unsigned long long)remembered,
		(unsigned long long)asked);
	assert_true(remembered > asked / 4);
	for (unsigned i = 3; i--;)
		desk_free(d[i]);
}

// ---- what a herd is for

static struct pattern to(unsigned dst)
{
	struct pattern p = {0};

	pattern_exact(&p, WEFT_FIELD_ETH_TYPE, 0x800);
	pattern_exact(&p, WEFT_FIELD_IPV4_DST, 0x0a000000 + dst);
	return p;
}

// Two frames with a rule for each.
struct herd_test {
	struct desk *d;
	struct frame frame[2];
	struct pattern other; // its source is nobody's
	struct program out, drop;
};

static struct herd_test start(void)
{
	struct herd_test t = {.d = desk_new(), .out = program_out(2)};

	pattern_exact(&t.other, WEFT_FIELD_ETH_TYPE, 0x800);
	pattern_exact(&t.other, WEFT_FIELD_IPV4_SRC, 0xcb007100);
	mod(t.d, WEFT_FLOW_ADD, 5, 9, &t.other, &t.drop); // prints look at sources
	for (unsigned i = 0; i < 2; i++) {
		struct pattern p = to(1 + i);

		udp_frame(&t.frame[i], 1 + i, 1);
		mod(t.d, WEFT_FLOW_ADD, 0, 100, &p, &t.out);
	}
	for (unsigned i = 0; i < 4; i++) { // they are told of changes, and join
		known(t.d, t.frame, 2);
		change_once(t.d, &t.other, &t.drop);
	}
	known(t.d, t.frame, 2);
	return t;
}

// Does the way hold that no packet has gone for long?
static void is_remembered(struct herd_test *t, unsigned i)
{
	uint64_t before = t->d->remembered;

	compare(t->d, &t->frame[i], 1);
	assert_int_equal(t->d->remembered, before + 1);
}

// The first frame comes after each change, the other one rests.
static void rest(struct herd_test *t, uint8_t table, uint16_t priority, const struct pattern *p)
{
	for (unsigned n = 0; n < RESTS; n++) {
		mod(t->d, n % 2 ? WEFT_FLOW_DELETE_STRICT : WEFT_FLOW_ADD, table, priority, p,
			&t->drop);
		is_remembered(t, 0);
	}
	is_remembered(t, 1);
}

static void ways_that_rest_hold_with_the_others(void **state)
{
	struct herd_test t = start();
	struct pattern any = {0};

	rest(&t, 7, 1, &any);         // in a table that none looks at
	rest(&t, 0, 99, &any);        // below
	rest(&t, 0, ABOVE, &t.other); // for others
	desk_free(t.d);
}

static void a_change_for_one_that_rests_is_not_missed(void **state)
{
	struct herd_test t = start();
	struct pattern any = {0}, second = to(2);

	rest(&t, 0, 99, &any);
	mod(t.d, WEFT_FLOW_ADD, 0, ABOVE, &second, &t.drop);
	is_remembered(&t, 0);
	compare(t.d, &t.frame[1], 1);
	assert_int_equal(t.d->went[0], 0);
	known(t.d, t.frame, 2);
	mod(t.d, WEFT_FLOW_DELETE_STRICT, 0, ABOVE, &second, NULL);
	compare(t.d, &t.frame[1], 1);
	assert_int_equal(t.d->went[0], 2);
	desk_free(t.d);
}

// A way through a rule of low priority, which nobody goes any more, is forgotten in the end.
static void a_herd_begins_anew(void **state)
{
	struct herd_test t = start();
	struct pattern any = {0}, second = to(2);

	mod(t.d, WEFT_FLOW_ADD, 0, 1, &any, &t.out);
	mod(t.d, WEFT_FLOW_DELETE_STRICT, 0, 100, &second, NULL);
	known(t.d, t.frame, 2);
	mod(t.d, WEFT_FLOW_ADD, 0, 100, &second, &t.out);
	known(t.d, t.frame, 2);
	for (unsigned n = 0; n < FT_HERD_LETS_GO + 8; n++) {
		mod(t.d, n % 2 ? WEFT_FLOW_DELETE_STRICT : WEFT_FLOW_ADD, 0, 50, &any, &t.drop);
		compare(t.d, t.frame, 2);
	}
	rest(&t, 0, 50, &any);
	desk_free(t.d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_change_of_any_switch_is_missed),
		cmocka_unit_test(ways_that_rest_hold_with_the_others),
		cmocka_unit_test(a_change_for_one_that_rests_is_not_missed),
		cmocka_unit_test(a_herd_begins_anew),
	};

	rng_seed_from_env();
	return cmocka_run_group_tests(tests, NULL, NULL);
}

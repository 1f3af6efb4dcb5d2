// SPDX-License-Identifier: Apache-2.0
// How many packets go the full way at once (dp_pace.h), by a counter of 1 GHz.

#include "dp_pace.h"

#include "../rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static struct dp_pace p;

static void a_turn_at(uint64_t now)
{
	dp_pace_turn(&p, now);
}

static int up(void **state)
{
	dp_pace_init(&p, 1000000000u);
	return 0;
}

static void it_begins_with_a_few(void **state)
{
	a_turn_at(1000000);
	assert_int_equal(dp_pace_part(&p, 1000000, 64, false), DP_PACE_FIRST);
	assert_int_equal(dp_pace_part(&p, 1000000, 3, false), 3);
}

static void cheap_ones_become_a_whole_burst(void **state)
{
	uint64_t now = 1000000;

	for (unsigned n = DP_PACE_FIRST; n < 64; n *= 2) {
		a_turn_at(now);
		assert_int_equal(dp_pace_part(&p, now, 64, false), n);
		dp_pace_took(&p, now, now + 100 * n, n);
		now += 100 * n;
	}
	a_turn_at(now);
	assert_int_equal(dp_pace_part(&p, now, 64, false), 64);
	dp_pace_forget(&p);
	assert_int_equal(dp_pace_part(&p, now, 64, false), DP_PACE_FIRST);
}

static void what_they_cost_is_forgotten(void **state)
{
	a_turn_at(1000000);
	dp_pace_took(&p, 1000000, 1000800, 8);
	assert_int_equal(dp_pace_part(&p, 1000800 + DP_PACE_OLD_NS, 64, true), 1); // too late
	a_turn_at(1000800 + DP_PACE_OLD_NS);
	assert_int_equal(dp_pace_part(&p, 1000800 + DP_PACE_OLD_NS, 64, false), 16);
	assert_int_equal(dp_pace_part(&p, 1000801 + DP_PACE_OLD_NS, 64, false), DP_PACE_FIRST);
}

static void time_ends(void **state)
{
	a_turn_at(1000000);
	dp_pace_took(&p, 1000000, 1000000 + DP_PACE_NS - 3, 4);
	assert_int_equal(dp_pace_part(&p, p.until, 64, false), 0);
	assert_int_equal(dp_pace_part(&p, p.until, 64, true), 1);
	assert_int_equal(dp_pace_part(&p, p.until - 1, 64, false), 0);
	assert_int_equal(dp_pace_part(&p, p.until - 1, 64, true), 1);
}

// Whatever packets cost, as long as it is not more than of the ones before: no part ends after the
// turn's time but the first, or the one packet that must go.
static void no_part_is_too_long(void **state)
{
	uint64_t now = 1000000;

	for (unsigned turn = 0; turn < 100000; turn++) {
		uint64_t each = 50 + rng() % (rng() % 100 ? 3000 : 20000);
		bool must = rng() % 2;
		unsigned left = 64, n;

		dp_pace_forget(&p);
		a_turn_at(now);
		for (bool first = true; left && (n = dp_pace_part(&p, now, left, must));
			first = false) {
			assert_in_range(n, 1, left);
			dp_pace_took(&p, now, now + n * each, n);
			now += n * each;
			left -= n;
			must = false;
			assert_true(first || now <= p.until);
		}
		assert_true(!left || now + (each | 1) > p.until); // and no time is left unused
	}
}

int main(void)
{
#define T(name) cmocka_unit_test_setup(name, up)
	const struct CMUnitTest tests[] = {
		T(it_begins_with_a_few),
		T(cheap_ones_become_a_whole_burst),
		T(what_they_cost_is_forgotten),
		T(time_ends),
		T(no_part_is_too_long),
	};

	rng_seed_from_env();
	return cmocka_run_group_tests(tests, NULL, NULL);
}

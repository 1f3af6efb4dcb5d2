// SPDX-License-Identifier: Apache-2.0
// The limit of packet-ins, by a clock that is set: how much of the rate each gets.

#include "tenants/dp_punt_limit.h"

#include "../rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define RATE 1000u
#define BURST 1000u
#define SECONDS 20u

struct sender {
	uint32_t port;
	enum weft_punt_reason reason;
	unsigned rate; // packets a second, evenly spread
	uint64_t sent, passed;
};

// All of them for SECONDS; what passed in the first two is not counted.
static void run(struct dp_punt_limit *l, struct sender *s, unsigned n)
{
	uint64_t due[8] = {0}, start = 1000000000u, end = start + SECONDS * 1000000000ull;

	for (;;) {
		unsigned next = 0;

		for (unsigned i = 1; i < n; i++)
			if (due[i] < due[next])
				next = i;
		uint64_t now = start + due[next];

		if (now >= end)
			return;
		bool passed = dp_punt_limit_take(l, RATE, BURST, s[next].port, s[next].reason, now);
		if (now >= start + 2000000000ull) {
			s[next].sent++;
			s[next].passed += passed;
		}
		due[next] += 1000000000u / s[next].rate;
	}
}

static double rate_of(const struct sender *s)
{
	return (double)s->passed / (SECONDS - 2);
}

static void who_is_alone_has_the_whole_rate(void **state)
{
	struct dp_punt_limit l = {0};
	struct sender s[] = {{1, WEFT_PUNT_MISS, 50000, 0, 0}};

	run(&l, s, 1);
	assert_in_range(rate_of(&s[0]), 980, 1020);
	assert_true(l.shed[WEFT_PUNT_MISS] > 18 * 48000);
}

static void who_asks_for_little_loses_nothing(void **state)
{
	struct dp_punt_limit l = {0};
	struct sender s[] = {{1, WEFT_PUNT_MISS, 50000, 0, 0}, {2, WEFT_PUNT_MISS, 100, 0, 0},
		{3, WEFT_PUNT_MISS, 37, 0, 0}};

	run(&l, s, 3);
	assert_int_equal(s[1].passed, s[1].sent);
	assert_int_equal(s[2].passed, s[2].sent);
	assert_in_range(rate_of(&s[0]) + rate_of(&s[1]) + rate_of(&s[2]), 980, 1020);
}

static void ports_that_flood_share(void **state)
{
	struct dp_punt_limit l = {0};
	struct sender s[] = {{1, WEFT_PUNT_ACTION, 50000, 0, 0}, {2, WEFT_PUNT_ACTION, 5000, 0, 0},
		{3, WEFT_PUNT_ACTION, 2000, 0, 0}};

	run(&l, s, 3);
	for (unsigned i = 0; i < 3; i++)
		assert_in_range(rate_of(&s[i]), 260, 420);
}

static void reasons_that_flood_share(void **state)
{
	struct dp_punt_limit l = {0};
	struct sender s[] = {{1, WEFT_PUNT_TTL, 50000, 0, 0}, {2, WEFT_PUNT_TTL, 50000, 0, 0},
		{3, WEFT_PUNT_TTL, 50000, 0, 0}, {4, WEFT_PUNT_MISS, 200, 0, 0},
		{5, WEFT_PUNT_ACTION, 150, 0, 0}};

	run(&l, s, 5);
	assert_int_equal(s[3].passed, s[3].sent);
	assert_int_equal(s[4].passed, s[4].sent);
	assert_in_range(rate_of(&s[0]) + rate_of(&s[1]) + rate_of(&s[2]), 600, 680);
}

// Whatever comes: never more than the rate and a burst, and never less than is asked for and due.
static void the_rate_holds(void **state)
{
	for (unsigned round = 0; round < 50; round++) {
		struct dp_punt_limit l = {0};
		uint32_t rate = 1 + rng() % 5000, burst = 1 + rng() % 3000;
		uint64_t now = 1000000000u, passed = 0, asked = 0, start = now;

		for (unsigned i = 0; i < 20000; i++) {
			now += rng() % (2000000000u / rate);
			asked++;
			passed += dp_punt_limit_take(
				&l, rate, burst, rng() % 5, rng() % WEFT_PUNT_REASONS, now);
		}
		uint64_t due = (now - start) / 1000 * rate / 1000000 + burst;

		assert_true(passed <= due + 1);
		assert_true(passed >= asked / 4); // it asks for about the rate
		assert_int_equal(l.shed[0] + l.shed[1] + l.shed[2], asked - passed);
	}
}

static void no_rate_no_packet(void **state)
{
	struct dp_punt_limit l = {0};

	for (unsigned i = 0; i < 100; i++)
		assert_false(dp_punt_limit_take(&l, 0, 100, 1, WEFT_PUNT_MISS, 1000000000u * i));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_is_alone_has_the_whole_rate),
		cmocka_unit_test(who_asks_for_little_loses_nothing),
		cmocka_unit_test(ports_that_flood_share),
		cmocka_unit_test(reasons_that_flood_share),
		cmocka_unit_test(the_rate_holds),
		cmocka_unit_test(no_rate_no_packet),
	};

	rng_seed_from_env();
	return cmocka_run_group_tests(tests, NULL, NULL);
}

// SPDX-License-Identifier: Apache-2.0
// A worker's clock beside the kernel's: never before it, never back, hardly behind.

#include "dp_clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define BEHIND_NS (1000000000u / DP_CLOCK_HZ / 20) // two hundredths, and what `hz` may be wrong by

// Cycles a second, by the kernel's clock.
static uint64_t counter_hz(void)
{
	uint64_t ns = dp_now_ns(), tsc = rte_rdtsc(), passed;

	do
		passed = dp_now_ns() - ns;
	while (passed < 50000000);
	return (uint64_t)((double)(rte_rdtsc() - tsc) * 1e9 / (double)passed);
}

// Whenever this thread does not run between two of the looks, the bounds are only wider.
static void keeps_the_time(uint64_t hz)
{
	struct dp_clock c;
	uint64_t last = 0, until = dp_now_ns() + 20000000;

	dp_clock_init(&c, hz);
	while (last < until) {
		uint64_t before = dp_now_ns(), ns = dp_clock_ns(&c);

		assert_true(ns + BEHIND_NS >= before);
		assert_true(ns <= dp_now_ns());
		assert_true(ns >= last);
		last = ns;
	}
}

static void neither_before_nor_far_behind(void **state)
{
	uint64_t hz = counter_hz();

	keeps_the_time(hz);
	keeps_the_time(hz + hz / 200); // as wrong as it may be
	keeps_the_time(hz - hz / 200);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(neither_before_nor_far_behind)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

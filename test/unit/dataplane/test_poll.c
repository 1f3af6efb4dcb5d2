// SPDX-License-Identifier: Apache-2.0
// Which queues a worker polls: against what dp_poll.h promises, told once more by plain counting.

#include "dp_poll.h"

#include "../rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define QUEUES 200u

static struct dp_poll_list *list_of(unsigned queues, bool always)
{
	struct dp_poll_list *l = dp_poll_list_new(queues);

	assert_non_null(l);
	for (unsigned i = 0; i < queues; i++)
		dp_poll_list_add(l, NULL, (uint16_t)i, always);
	return l;
}

static bool is_due(const struct dp_poll_list *l, unsigned i, unsigned turn, bool idle)
{
	return dp_poll_due(l, i / 64, turn, idle) >> i % 64 & 1;
}

// What each queue brings is drawn; a queue is known here by the polls it had and by its latest
// turn.
static void queues_are_polled_as_promised(void **state)
{
	for (unsigned round = 0; round < 30; round++) {
		unsigned queues = 1 + rng() % QUEUES, empty[QUEUES] = {0}, polled[QUEUES] = {0};
		struct dp_poll_list *l = list_of(queues, false);
		bool idle = false;

		for (unsigned turn = 0; turn < 1000; turn++) {
			unsigned total = 0, busy = rng() % 4;

			for (unsigned i = 0; i < queues; i++) {
				bool lively = empty[i] < DP_POLL_PATIENCE;
				unsigned n = i < busy ? 1 + rng() % 32 : rng() % 500 == 0;

				assert_true(is_due(l, i, turn, idle) || (!lively && !idle));
				assert_true(turn - polled[i] <= DP_POLL_EVERY);
				if (!is_due(l, i, turn, idle))
					continue;
				polled[i] = turn;
				dp_poll_brought(l, i, n);
				empty[i] = n ? 0 : empty[i] + 1;
				total += n;
			}
			idle = !total;
		}
		free(l);
	}
}

static void quiet_queues_are_spared(void **state)
{
	struct dp_poll_list *l = list_of(QUEUES, false);
	unsigned polls = 0;

	for (unsigned turn = 0; turn < DP_POLL_PATIENCE; turn++)
		for (unsigned i = 0; i < QUEUES; i++)
			dp_poll_brought(l, i, i == 7);
	for (unsigned turn = 0; turn < DP_POLL_EVERY; turn++)
		for (unsigned i = 0; i < QUEUES; i++)
			polls += is_due(l, i, turn, false);
	assert_int_equal(polls, QUEUES - 1 + DP_POLL_EVERY); // the lively one each time
	dp_poll_brought(l, 9, 1);
	for (unsigned turn = 0; turn < DP_POLL_EVERY; turn++)
		assert_true(is_due(l, 9, turn, false));
	free(l);
}

static void some_are_never_quiet_and_none_is_beyond_the_list(void **state)
{
	struct dp_poll_list *l = list_of(70, true);

	for (unsigned turn = 0; turn < 1000; turn++) {
		assert_true(dp_poll_due(l, 0, turn, false) == ~0ull);
		assert_true(dp_poll_due(l, 1, turn, turn % 2) == (1ull << 6) - 1);
		for (unsigned i = 0; i < 70; i++)
			dp_poll_brought(l, i, 0);
	}
	free(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(queues_are_polled_as_promised),
		cmocka_unit_test(quiet_queues_are_spared),
		cmocka_unit_test(some_are_never_quiet_and_none_is_beyond_the_list),
	};

	rng_seed_from_env();
	return cmocka_run_group_tests(tests, NULL, NULL);
}

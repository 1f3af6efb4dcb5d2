// SPDX-License-Identifier: Apache-2.0
// The ledger's sums, and that the balance shows what is missing.

#include "tenants/dp_ledger.h"

#include "../rng.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define THREADS 3u

// Packets that come in at random threads and end at random ones for random reasons.
static void live(struct dp_counters sets[THREADS], unsigned packets)
{
	for (unsigned i = 0; i < packets; i++) {
		struct dp_counters *from = &sets[rng() % THREADS], *to = &sets[rng() % THREADS];

		dp_count(rng() % 4 ? &from->received : &from->copies, 1);
		if (from != to) {
			dp_count(&from->queued, 1);
			dp_count(&to->unqueued, 1);
		}
		switch (rng() % 3) {
		case 0:
			dp_count(&to->sent, 1);
			break;
		case 1:
			dp_count(&to->consumed[rng() % WEFT_CONSUMED_MAX], 1);
			break;
		default:
			dp_count(&to->drops[rng() % WEFT_DROP_MAX], 1);
		}
	}
}

static void whole_lives_balance(void **state)
{
	struct dp_counters sets[THREADS] = {0};
	struct weft_ipc_ledger l;

	live(sets, 10000);
	dp_ledger_sum(sets, THREADS, &l);
	assert_int_equal(l.received + l.copies, 10000);
	assert_int_equal(l.in_flight, 0);
	assert_int_equal(dp_ledger_balance(&l), 0);
}

static void a_lost_packet_shows(void **state)
{
	struct dp_counters sets[THREADS] = {0};
	struct weft_ipc_ledger l;

	live(sets, 100);
	dp_count(&sets[1].received, 1);
	dp_ledger_sum(sets, THREADS, &l);
	assert_int_equal(dp_ledger_balance(&l), 1);
	dp_count(&sets[2].sent, 2);
	dp_ledger_sum(sets, THREADS, &l);
	assert_int_equal(dp_ledger_balance(&l), -1);
}

static void waiting_is_in_flight(void **state)
{
	struct dp_counters sets[THREADS] = {0};
	struct weft_ipc_ledger l;

	dp_count(&sets[0].received, 5);
	dp_count(&sets[0].queued, 5);
	dp_count(&sets[1].unqueued, 2);
	dp_count(&sets[1].sent, 2);
	dp_ledger_sum(sets, THREADS, &l);
	assert_int_equal(l.in_flight, 3);
	assert_int_equal(dp_ledger_balance(&l), 0);
}

static void a_removed_tenant_is_kept_in_the_sum(void **state)
{
	struct dp_counters tenant[THREADS] = {0}, nobody[THREADS] = {0};
	struct weft_ipc_ledger before, after;

	live(tenant, 500);
	dp_ledger_sum(tenant, THREADS, &before);
	dp_count(&nobody[2].received, 1);
	dp_count(&nobody[2].sent, 1);
	dp_ledger_fold(tenant, THREADS, &nobody[2]);
	dp_ledger_sum(nobody, THREADS, &after);
	assert_int_equal(after.received, before.received + 1);
	assert_int_equal(after.drops[WEFT_DROP_MAX - 1], before.drops[WEFT_DROP_MAX - 1]);
	assert_int_equal(dp_ledger_balance(&after), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_lives_balance),
		cmocka_unit_test(a_lost_packet_shows),
		cmocka_unit_test(waiting_is_in_flight),
		cmocka_unit_test(a_removed_tenant_is_kept_in_the_sum),
	};

	rng_seed_from_env();
	return cmocka_run_group_tests(tests, NULL, NULL);
}

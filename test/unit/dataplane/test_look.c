// SPDX-License-Identifier: Apache-2.0
// When the control thread looks before it sleeps: as dp_look.h promises, and how much that costs.

#include "dp_look.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define SOON (DP_LOOK_NS / 4)
#define LATE (DP_LOOK_NS + 1)

static uint64_t now = 1;

// One answer, and the next request so long after it. True: it was looked for.
static bool wait_for(struct dp_look *l, uint64_t ns)
{
	bool looked;

	dp_look_begin(l, now);
	looked = dp_look_on(l, now);
	now += ns;
	assert_int_equal(dp_look_on(l, now), looked && ns < DP_LOOK_NS);
	dp_look_end(l, now);
	assert_false(dp_look_on(l, now));
	return looked;
}

static unsigned looks(struct dp_look *l, uint64_t ns, unsigned waits)
{
	unsigned n = 0;

	while (waits--)
		n += wait_for(l, ns);
	return n;
}

static void only_what_comes_soon_is_looked_for(void **state)
{
	struct dp_look l = {0};

	assert_int_equal(looks(&l, LATE, 1000), 0);
	assert_int_equal(looks(&l, SOON, DP_LOOK_TRUST), 0);
	assert_int_equal(looks(&l, SOON, 1000), 1000);
	assert_int_equal(looks(&l, LATE, 1000), 1);
	for (unsigned i = 0; i < 1000; i++) { // every second one
		assert_false(wait_for(&l, SOON));
		assert_false(wait_for(&l, LATE));
	}
}

static void nobody_looks_who_has_answered_nobody(void **state)
{
	struct dp_look l = {0};

	looks(&l, SOON, 2 * DP_LOOK_TRUST);
	assert_false(dp_look_on(&l, now));
	dp_look_end(&l, now + LATE); // unasked
	assert_true(wait_for(&l, SOON));
}

// One that was late among many costs a few looks.
static void one_failure_is_forgiven(void **state)
{
	struct dp_look l = {0};
	unsigned n = 0;

	looks(&l, SOON, DP_LOOK_TRUST);
	for (unsigned i = 0; i < 100; i++)
		n += looks(&l, SOON, 99) + wait_for(&l, LATE);
	assert_true(n > 100 * 90);
}

// Whoever looks is in the way of what he looks for: it comes soon only if he sleeps.
static void where_it_never_pays_hardly_anybody_looks(void **state)
{
	struct dp_look l = {0};
	unsigned n = 0;

	for (unsigned i = 0; i < 100 * DP_LOOK_DOUBT; i++) {
		dp_look_begin(&l, now);
		n += dp_look_on(&l, now);
		now += dp_look_on(&l, now) ? LATE : SOON;
		dp_look_end(&l, now);
	}
	assert_in_range(n, 2, 110);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_what_comes_soon_is_looked_for),
		cmocka_unit_test(nobody_looks_who_has_answered_nobody),
		cmocka_unit_test(one_failure_is_forgiven),
		cmocka_unit_test(where_it_never_pays_hardly_anybody_looks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

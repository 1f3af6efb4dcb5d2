// SPDX-License-Identifier: Apache-2.0
// Ranges of networks against a plain array that says whose each one is.

#include "edge/dp_ranges.h"

#include "../rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum {
	IDS = 600,
	OWNERS = 5
};

static int owners[OWNERS + 1];

static void nothing_is_nobodys(void **state)
{
	struct dp_ranges *r = dp_ranges_new(NULL, 0);

	assert_null(dp_ranges_find(r, 0));
	assert_null(dp_ranges_find(r, UINT32_MAX));
	r->rest = owners;
	assert_ptr_equal(dp_ranges_find(r, 0), owners);
	assert_ptr_equal(dp_ranges_find(r, UINT32_MAX - 1), owners);
	free(r);
}

static void the_ends_belong(void **state)
{
	const struct dp_range all[] = {{5, 7, &owners[0]}, {0, 0, &owners[1]},
		{0xfffffe, 0xffffff, &owners[2]}, {8, 8, &owners[3]}};
	struct dp_ranges *r = dp_ranges_new(all, 4);

	assert_ptr_equal(dp_ranges_find(r, 0), &owners[1]);
	assert_null(dp_ranges_find(r, 1));
	assert_null(dp_ranges_find(r, 4));
	assert_ptr_equal(dp_ranges_find(r, 5), &owners[0]);
	assert_ptr_equal(dp_ranges_find(r, 7), &owners[0]);
	assert_ptr_equal(dp_ranges_find(r, 8), &owners[3]);
	assert_null(dp_ranges_find(r, 9));
	assert_ptr_equal(dp_ranges_find(r, 0xffffff), &owners[2]);
	assert_null(dp_ranges_find(r, 0x1000000));
	free(r);
}

static int by_first(const void *a, const void *b)
{
	const struct dp_range *x = a, *y = b;

	return (x->first > y->first) - (x->first < y->first);
}

// The lower one keeps what it has.
static void fill(void *whose[IDS], struct dp_range *all, unsigned n)
{
	qsort(all, n, sizeof(*all), by_first);
	for (unsigned i = 0; i < n; i++)
		for (uint32_t id = all[i].first; id <= all[i].last && id < IDS; id++)
			if (!whose[id])
				whose[id] = all[i].owner;
}

static void one_round(void)
{
	struct dp_range all[20], copy[20];
	void *whose[IDS] = {NULL}, *rest = rng() % 2 ? &owners[OWNERS] : NULL;
	unsigned n = rng() % 20, gone = rng() % OWNERS;
	struct dp_ranges *r;

	for (unsigned i = 0; i < n; i++) {
		uint32_t first;

		do // of two that begin at the same place, which comes first is nobody's promise
			first = rng() % 500;
		while (i && bsearch(&(struct dp_range){.first = first}, copy, i, sizeof(copy[0]),
				    by_first));
		copy[i] = all[i] =
			(struct dp_range){first, first + rng() % 60, &owners[rng() % OWNERS]};
		qsort(copy, i + 1, sizeof(copy[0]), by_first);
	}
	r = dp_ranges_new(all, n);
	assert_non_null(r);
	r->rest = rest;
	r->lowest = 10;
	r->highest = 550;
	r->except = rng() % 2 ? rng() % IDS : UINT32_MAX;
	fill(whose, copy, n);
	for (unsigned round = 0; round < 2; round++) {
		for (uint32_t id = 0; id < IDS; id++) {
			void *want = whose[id];

			if (!want && id >= r->lowest && id <= r->highest)
				want = rest;
			if (want == &owners[gone] && round)
				want = NULL;
			if (id == r->except)
				want = NULL;
			assert_ptr_equal(dp_ranges_find(r, id), want);
		}
		dp_ranges_forget(r, &owners[gone]);
	}
	free(r);
}

static void as_an_array(void **state)
{
	for (unsigned i = 0; i < 2000; i++)
		one_round();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_nobodys),
		cmocka_unit_test(the_ends_belong),
		cmocka_unit_test(as_an_array),
	};

	rng_seed_from_env();
	return cmocka_run_group_tests(tests, NULL, NULL);
}

// SPDX-License-Identifier: Apache-2.0
// When who waits looks before it sleeps: as weft/look.h promises, and how much that costs.

#include <weft/look.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define NS 100000u
#define HERE 3u // the CPU by which one runs

#define SOON (NS / 4)
#define LATE (WEFT_LOOK_ASLEEP * NS + 1)

static uint64_t now = 1;

// One answer, and the next request so long after it. True: it was looked for.
static bool wait_for(struct weft_look *l, uint64_t ns)
{
	bool looked;

	weft_look_begin(l, now);
	looked = weft_look_on(l, now, HERE);
	now += ns;
	assert_int_equal(weft_look_on(l, now, HERE), looked && ns < NS);
	weft_look_end(l, now);
	assert_false(weft_look_on(l, now, HERE));
	return looked;
}

static unsigned looks(struct weft_look *l, uint64_t ns, unsigned waits)
{
	unsigned n = 0;

	while (waits--)
		n += wait_for(l, ns);
	return n;
}

static void only_what_comes_soon_is_looked_for(void **state)
{
	struct weft_look l = {.ns = NS};

	assert_int_equal(looks(&l, LATE, 1000), 0);
	assert_int_equal(looks(&l, SOON, WEFT_LOOK_TRUST), 0);
	assert_int_equal(looks(&l, SOON, 1000), 1000);
	assert_int_equal(looks(&l, LATE, 1000), 1);
	for (unsigned i = 0; i < 1000; i++) { // every second one
		assert_false(wait_for(&l, SOON));
		assert_false(wait_for(&l, LATE));
	}
}

static void nobody_looks_who_has_answered_nobody(void **state)
{
	struct weft_look l = {.ns = NS};

	looks(&l, SOON, 2 * WEFT_LOOK_TRUST);
	assert_false(weft_look_on(&l, now, HERE));
	weft_look_end(&l, now + LATE); // unasked
	assert_true(wait_for(&l, SOON));
}

// One that was late among many costs a few looks.
static void one_failure_is_forgiven(void **state)
{
	struct weft_look l = {.ns = NS};
	unsigned n = 0;

	looks(&l, SOON, WEFT_LOOK_TRUST);
	for (unsigned i = 0; i < 100; i++)
		n += looks(&l, SOON, 99) + wait_for(&l, LATE);
	assert_true(n > 100 * 90);
}

// Whoever looks is in the way of what he looks for: it comes soon only if he sleeps.
static void where_it_never_pays_hardly_anybody_looks(void **state)
{
	struct weft_look l = {.ns = NS};
	unsigned n = 0;

	for (unsigned i = 0; i < 100 * WEFT_LOOK_DOUBT; i++) {
		weft_look_begin(&l, now);
		n += weft_look_on(&l, now, HERE);
		now += weft_look_on(&l, now, HERE) ? LATE : SOON;
		weft_look_end(&l, now);
	}
	assert_in_range(n, 2, 110);
}

// All are slow because all sleep, and quick as soon as one looks.
static void the_first_look_needs_no_quick_answer(void **state)
{
	struct weft_look l = {.ns = NS};
	unsigned n = 0;

	for (unsigned i = 0; i < 1000; i++) {
		weft_look_begin(&l, now);
		n += weft_look_on(&l, now, HERE);
		now += weft_look_on(&l, now, HERE) ? SOON : NS + NS / 2;
		weft_look_end(&l, now);
	}
	assert_int_equal(n, 1000 - WEFT_LOOK_TRUST);
	assert_int_equal(looks(&l, NS + NS / 2, 1), 1); // who looks has not slept: it was late
	assert_int_equal(looks(&l, SOON, 1), 0);
}

// Those that share a CPU sleep, and may look again once one of them has another.
static void who_shares_a_cpu_does_not_look(void **state)
{
	struct weft_look l = {.ns = NS};

	looks(&l, SOON, WEFT_LOOK_TRUST);
	l.beside = HERE + 1;
	assert_int_equal(looks(&l, SOON, 1000), 0);
	l.beside = HERE;
	assert_int_equal(looks(&l, SOON, 1000), 1000);
	l.beside = HERE + 1;
	assert_int_equal(looks(&l, LATE, 1), 0); // which tells nothing of looking
	assert_int_equal(l.doubt, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_what_comes_soon_is_looked_for),
		cmocka_unit_test(nobody_looks_who_has_answered_nobody),
		cmocka_unit_test(one_failure_is_forgiven),
		cmocka_unit_test(the_first_look_needs_no_quick_answer),
		cmocka_unit_test(who_shares_a_cpu_does_not_look),
		cmocka_unit_test(where_it_never_pays_hardly_anybody_looks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

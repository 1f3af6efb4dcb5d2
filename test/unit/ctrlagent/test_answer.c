// SPDX-License-Identifier: Apache-2.0
// Who makes an answer: the event loop a short one, a thread a long one.

#include "cli/answer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <pthread.h>

static _Atomic pthread_t drawn_by;
static _Atomic unsigned drawn; // by several threads at once

static char *draw(const json_t *rows)
{
	drawn_by = pthread_self();
	drawn++;
	assert_int_equal(json_integer_value(json_object_get(json_array_get(rows, 0), "number")), 1);
	return agent_strdup("all\n");
}

static json_t *rows_from(int n)
{
	json_t *rows = json_array();

	for (; n; n--)
		json_array_append_new(rows, json_pack("{s:i}", "number", n));
	return rows;
}

// Of a client that has gone. `both`: the handler has collected the rows.
static void ask(struct agent *a, int rows, bool both)
{
	struct request *r = agent_zalloc(sizeof(*r));
	json_t *value = rows_from(rows);

	r->agent = a;
	r->rows = both ? json_incref(value) : NULL;
	answer_end(r, &(struct answer){.value = value, .sort = true, .draw = draw});
}

static void a_short_one_is_made_by_the_loop(void **state)
{
	struct agent a = {.base = event_base_new()};

	drawn = 0;
	ask(&a, 3, false);
	assert_int_equal(drawn, 1);
	assert_true(pthread_equal(drawn_by, pthread_self()));
	event_base_free(a.base);
}

static void long_ones_are_made_by_threads(void **state)
{
	struct agent a = {.base = event_base_new()};

	for (unsigned both = 0; both < 2; both++) {
		drawn = 0;
		ask(&a, 16000, both);
		event_base_dispatch(a.base); // until it is made
		assert_int_equal(drawn, 1);
		assert_false(pthread_equal(drawn_by, pthread_self()));
	}
	event_base_free(a.base);
}

static void the_end_of_the_program_ends_them(void **state)
{
	struct agent a = {.base = event_base_new()};

	drawn = 0;
	for (unsigned i = 0; i < 3; i++)
		ask(&a, 1000, true);
	answer_cancel_all();
	assert_int_equal(drawn, 3);
	assert_int_equal(event_base_loop(a.base, EVLOOP_NONBLOCK), 1); // nothing is left
	event_base_free(a.base);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_short_one_is_made_by_the_loop),
		cmocka_unit_test(long_ones_are_made_by_threads),
		cmocka_unit_test(the_end_of_the_program_ends_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

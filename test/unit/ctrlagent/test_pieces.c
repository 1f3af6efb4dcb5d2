// SPDX-License-Identifier: Apache-2.0
// Work in pieces: all of it is done, in order, and others get their turns.

#include "core/pieces.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <event2/util.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

struct work {
	size_t n;       // done of it
	unsigned spins; // for which one thing takes so many microseconds
	bool done;
	struct work *other;
	size_t others_first; // of the other's, when this one's first came
	unsigned heard;      // of the socket's
};

static void spin_us(unsigned us)
{
	struct timespec from, now;

	clock_gettime(CLOCK_MONOTONIC, &from);
	do
		clock_gettime(CLOCK_MONOTONIC, &now);
	while ((now.tv_sec - from.tv_sec) * 1000000 + (now.tv_nsec - from.tv_nsec) / 1000 <
		(long)us);
}

static void one(void *arg, size_t i)
{
	struct work *w = arg;

	assert_int_equal(i, w->n);
	assert_false(w->done);
	if (!i && w->other)
		w->others_first = w->other->n;
	w->n++;
	spin_us(w->spins);
}

static void done(void *arg)
{
	struct work *w = arg;

	assert_false(w->done);
	w->done = true;
}

static void on_byte(evutil_socket_t fd, short what, void *arg)
{
	struct work *w = arg;
	char byte;

	assert_int_equal(read(fd, &byte, 1), 1);
	w->heard += !w->done;
}

static void all_of_it_is_done(void **state)
{
	for (size_t n = 0; n < 3; n++) {
		struct event_base *base = event_base_new();
		struct work w = {0};

		pieces_start(base, 1000 * n, one, done, &w);
		assert_int_equal(w.n, 0); // from the loop
		event_base_dispatch(base);
		assert_int_equal(w.n, 1000 * n);
		assert_true(w.done);
		event_base_free(base);
	}
}

// 200 milliseconds: what is sent before is heard long before the end.
static void others_are_served(void **state)
{
	struct event_base *base = event_base_new();
	struct work w = {.spins = 20};
	evutil_socket_t pair[2];
	struct event *read;

	assert_int_equal(evutil_socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	read = event_new(base, pair[0], EV_READ, on_byte, &w);
	event_add(read, NULL);
	assert_int_equal(write(pair[1], "x", 1), 1);
	pieces_start(base, 10000, one, done, &w);
	event_base_dispatch(base);
	assert_true(w.done);
	assert_int_equal(w.heard, 1);
	event_free(read);
	close(pair[0]);
	close(pair[1]);
	event_base_free(base);
}

static void works_take_turns(void **state)
{
	struct event_base *base = event_base_new();
	struct work a = {.spins = 20}, b = {.spins = 20, .other = &a};

	pieces_start(base, 2000, one, done, &a);
	pieces_start(base, 2000, one, done, &b);
	event_base_dispatch(base);
	assert_true(a.done && b.done);
	assert_in_range(b.others_first, 1, 500); // one turn of the other's
	event_base_free(base);
}

static void what_is_cancelled_holds_up_nobody(void **state)
{
	for (unsigned which = 0; which < 2; which++) {
		struct event_base *base = event_base_new();
		struct work w[2] = {0};
		struct pieces *p[2];

		for (unsigned i = 0; i < 2; i++)
			p[i] = pieces_start(base, 10, one, done, &w[i]);
		pieces_cancel(p[which]);
		event_base_dispatch(base);
		assert_true(w[!which].done);
		assert_true(!w[which].done && !w[which].n);
		event_base_free(base);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_of_it_is_done),
		cmocka_unit_test(others_are_served),
		cmocka_unit_test(works_take_turns),
		cmocka_unit_test(what_is_cancelled_holds_up_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

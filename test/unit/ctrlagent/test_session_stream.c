// SPDX-License-Identifier: Apache-2.0
// The stream over a socket pair: cutting, turns, pauses, limits, ends.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// cmocka.h needs what is above
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <event2/event.h>

#include "session/stream.h"

static struct {
	struct event_base *base;
	struct session_stream *s;
	int peer;
	unsigned opened, messages, bad_frames, closed;
	size_t bytes, last_len;
	unsigned in_turn;      // messages since run() looked last
	unsigned pause_after;  // pause at this message; 0: never
	unsigned free_after;   // free the stream at this message
	unsigned finish_after; // finish at this message
	char why[200];
} t;

static const struct session_stream_limits limits = {
	.in_bytes = 64 * 1024,
	.out_soft = 32 * 1024,
	.out_hard = 128 * 1024,
	.turn_messages = 10,
};

static void on_open(void *arg)
{
	t.opened++;
}

static void on_message(void *arg, const uint8_t *msg, size_t len)
{
	assert_int_equal(msg[2] << 8 | msg[3], len);
	for (size_t i = 8; i < len; i++)
		assert_int_equal(msg[i], (uint8_t)(i * 7 + msg[7]));
	t.messages++;
	t.in_turn++;
	t.bytes += len;
	t.last_len = len;
	if (t.messages == t.pause_after)
		session_stream_pause(t.s);
	if (t.messages == t.finish_after)
		session_stream_finish(t.s, "enough");
	if (t.messages == t.free_after) {
		session_stream_free(t.s);
		t.s = NULL;
	}
}

static void on_bad_frame(void *arg, const uint8_t header[8])
{
	t.bad_frames++;
	session_stream_send(t.s, "\4\1\0\10\0\0\0\0", 8);
}

static void on_closed(void *arg, const char *why)
{
	t.closed++;
	snprintf(t.why, sizeof(t.why), "%s", why);
	session_stream_free(t.s);
	t.s = NULL;
}

static const struct session_stream_ops ops = {
	.open = on_open, .message = on_message, .bad_frame = on_bad_frame, .closed = on_closed};

static int setup(void **state)
{
	int fds[2];

	memset(&t, 0, sizeof(t));
	t.base = event_base_new();
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	t.peer = fds[1];
	fcntl(t.peer, F_SETFL, O_NONBLOCK);
	t.s = session_stream_accept(t.base, fds[0], NULL, &ops, &t);
	assert_non_null(t.s);
	session_stream_set_limits(t.s, &limits);
	return 0;
}

static int teardown(void **state)
{
	session_stream_free(t.s);
	event_base_free(t.base);
	close(t.peer);
	return 0;
}

static void run(unsigned turns)
{
	while (turns--)
		event_base_loop(t.base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
}

// Messages of the given length, numbered.
static size_t make(uint8_t *out, size_t len, uint8_t number)
{
	memset(out, 0, 8);
	out[0] = 4;
	out[2] = (uint8_t)(len >> 8);
	out[3] = (uint8_t)len;
	out[7] = number;
	for (size_t i = 8; i < len; i++)
		out[i] = (uint8_t)(i * 7 + number);
	return len;
}

static void write_all(const uint8_t *p, size_t n)
{
	for (size_t done = 0; done < n;) {
		ssize_t k = write(t.peer, p + done, n - done);

		if (k > 0)
			done += (size_t)k;
		else
			run(1);
	}
}

static void cuts_at_any_place(void **state)
{
	static uint8_t buf[400000];
	unsigned seed = (unsigned)time(NULL);
	size_t n = 0, at = 0;
	unsigned count = 0;

	print_message("seed %u\n", seed);
	srand(seed);
	while (n < 300000) {
		size_t len = rand() % 3 ? 8 + (size_t)rand() % 200 : 8 + (size_t)rand() % 65000;

		n += make(buf + n, len, (uint8_t)count++);
	}
	while (at < n) {
		size_t piece = 1 + (size_t)rand() % (rand() % 2 ? 20 : 20000);

		piece = piece < n - at ? piece : n - at;
		write_all(buf + at, piece);
		at += piece;
		if (rand() % 4 == 0)
			run(1);
	}
	run(2000);
	assert_int_equal(t.opened, 1);
	assert_int_equal(t.messages, count);
	assert_int_equal(t.bytes, n);
	assert_int_equal(session_stream_stats(t.s)->rx_messages, count);
	assert_int_equal(t.closed, 0);
}

static void takes_turns(void **state)
{
	uint8_t buf[95 * 8];

	for (unsigned i = 0; i < 95; i++)
		make(buf + 8 * i, 8, (uint8_t)i);
	run(2);
	write_all(buf, sizeof(buf));
	for (unsigned i = 0; i < 40 && t.messages < 95; i++) {
		t.in_turn = 0;
		run(1);
		assert_true(t.in_turn <= 10);
	}
	assert_int_equal(t.messages, 95);
	assert_int_equal(session_stream_stats(t.s)->throttled, 9);
}

static void pauses_and_reads_no_more_than_its_bound(void **state)
{
	static uint8_t buf[1000];
	size_t sent = 0;

	t.pause_after = 3;
	make(buf, sizeof(buf), 1);
	run(2);
	for (unsigned i = 0; i < 3000; i++) {
		ssize_t k = write(t.peer, buf + sent % 1000, 1000 - sent % 1000);

		sent += k > 0 ? (size_t)k : 0;
		run(1);
	}
	assert_int_equal(t.messages, 3);
	// what the kernel holds for both ends, and our bound
	assert_true(sent < 600000);
	session_stream_resume(t.s);
	run(500);
	assert_int_equal(t.messages, sent / 1000);
}

static void sheds_what_is_offered_and_stops_asking(void **state)
{
	static uint8_t buf[1000];
	unsigned taken = 0;

	make(buf, sizeof(buf), 1);
	run(2);
	for (unsigned i = 0; i < 1000; i++)
		taken += session_stream_offer(t.s, buf, sizeof(buf));
	assert_int_equal(taken, limits.out_soft / 1000);
	assert_int_equal(session_stream_stats(t.s)->shed, 1000 - taken);
	assert_int_equal(session_stream_stats(t.s)->tx_messages, taken);
	// Past out_soft, by what may not be lost: then what comes in is not handed up.
	while (session_stream_backlog(t.s) <= limits.out_soft) {
		session_stream_send(t.s, buf, sizeof(buf));
		run(1);
	}
	assert_int_equal(write(t.peer, buf, sizeof(buf)), 1000);
	run(10);
	assert_int_equal(t.messages, 0);
	// Until it reads again.
	for (unsigned i = 0; i < 1000 && !t.messages; i++) {
		uint8_t got[1000];

		assert_true(read(t.peer, got, sizeof(got)) > 0 || errno == EAGAIN);
		run(1);
	}
	assert_int_equal(t.messages, 1);
	assert_int_equal(t.closed, 0);
}

static void ends_who_does_not_read(void **state)
{
	static uint8_t buf[1000];
	unsigned i;

	make(buf, sizeof(buf), 1);
	run(2);
	for (i = 0; i < 5000 && !t.closed; i++) {
		session_stream_send(t.s, buf, sizeof(buf));
		assert_true(session_stream_backlog(t.s) <= limits.out_hard);
		run(1);
	}
	assert_int_equal(t.closed, 1);
	assert_string_equal(t.why, "does not read what it is sent");
	assert_true(i > limits.out_hard / 1000);
}

static void finishes_after_sending(void **state)
{
	static uint8_t buf[1000];
	uint8_t got[3000];
	size_t n = 0;
	ssize_t k;

	t.finish_after = 2;
	run(2);
	for (unsigned i = 0; i < 5; i++)
		write_all(buf, make(buf, sizeof(buf), 1));
	session_stream_send(t.s, buf, sizeof(buf));
	run(5);
	assert_int_equal(t.messages, 2);
	while ((k = read(t.peer, got + n, sizeof(got) - n)) > 0)
		n += (size_t)k;
	assert_int_equal(k, 0); // its end is shut
	assert_int_equal(n, 1000);
	assert_int_equal(t.closed, 0);
	close(t.peer);
	run(5);
	assert_int_equal(t.closed, 1);
	assert_string_equal(t.why, "enough");
}

static void may_be_freed_by_a_message(void **state)
{
	static uint8_t buf[80];

	t.free_after = 4;
	for (unsigned i = 0; i < 10; i++)
		make(buf + 8 * i, 8, 0);
	run(2);
	write_all(buf, sizeof(buf));
	run(5);
	assert_int_equal(t.messages, 4);
	assert_null(t.s);
	assert_int_equal(t.closed, 0);
}

static void a_bad_frame_ends_it(void **state)
{
	uint8_t got[100];

	run(2);
	write_all((const uint8_t *)"\4\0\0\10\0\0\0\1\4\0\0\7\0\0\0\2\4\0\0\10\0\0\0\3", 24);
	run(5);
	assert_int_equal(t.messages, 1);
	assert_int_equal(t.bad_frames, 1);
	assert_int_equal(read(t.peer, got, sizeof(got)), 8);
	close(t.peer);
	run(5);
	assert_int_equal(t.closed, 1);
	assert_string_equal(t.why, "message length below 8");
}

static void what_came_before_the_end_counts(void **state)
{
	uint8_t buf[95 * 8];

	for (unsigned i = 0; i < 95; i++)
		make(buf + 8 * i, 8, (uint8_t)i);
	run(2);
	write_all(buf, sizeof(buf));
	close(t.peer);
	run(30);
	assert_int_equal(t.messages, 95);
	assert_int_equal(t.closed, 1);
	assert_string_equal(t.why, "closed by the peer");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(cuts_at_any_place),
		TEST(takes_turns),
		TEST(pauses_and_reads_no_more_than_its_bound),
		TEST(sheds_what_is_offered_and_stops_asking),
		TEST(ends_who_does_not_read),
		TEST(finishes_after_sending),
		TEST(may_be_freed_by_a_message),
		TEST(a_bad_frame_ends_it),
		TEST(what_came_before_the_end_counts),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

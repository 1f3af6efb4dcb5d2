// SPDX-License-Identifier: Apache-2.0
// Multicast that NORMAL would flood, where the sink knows who is to have it.

#include "sink.h"

#define OVERLAY WEFT_OFPORT_OVERLAY
#define NONE 0u

static const struct ft_listener *listener; // NULL: nobody knows
static unsigned n_listeners, asked;
static bool whole_overlay;

static bool who_listens(struct ft_sink *sink, struct ft_packet *p, struct ft_listeners *out)
{
	asked++;
	*out = (struct ft_listeners){listener, n_listeners, whole_overlay};
	return listener;
}

// A learning switch with ports 1 to 3 and the overlay.
struct bench {
	struct world *w;
	struct books *b;
	struct frame f;
};

static struct bench bench_new(const uint8_t dst[6])
{
	struct bench t = {world_new(1, 10), books_new(), {{0}}};

	for (uint32_t p = 1; p <= 3; p++)
		assert_int_equal(ft_port_set(t.w->sw, &(struct ft_port){p, 0, true}), 0);
	ft_switch_set_network(t.w->sw, 5000);
	ft_switch_set_flags(t.w->sw, FT_SWITCH_STANDALONE);
	t.b->sink.listeners = who_listens;
	frame_put(&t.f, dst, 6);
	frame_put(&t.f, (uint8_t[]){2, 0, 0, 0, 0, 1, 0x88, 0xb5}, 8);
	frame_put(&t.f, (uint8_t[46]){0}, 46);
	asked = 0;
	return t;
}

static void bench_free(struct bench *t)
{
	books_free(t->b);
	world_free(t->w);
}

static void run(struct bench *t, uint32_t in_port)
{
	struct ft_packet *p = books_packet(t->b, &t->f, in_port);

	books_clear(t->b);
	t->b->received = 1;
	ft_switch_process(t->w->sw, 0, t->w->now, &p, 1, &t->b->sink);
	books_balance(t->b);
}

// Ports and VTEPs (their last byte), in this order.
static void expect(struct bench *t, uint32_t in_port, unsigned n, const uint32_t want[][2])
{
	run(t, in_port);
	assert_int_equal(t->b->n, n);
	for (unsigned i = 0; i < n; i++) {
		assert_int_equal(t->b->sent[i].port, want[i][0]);
		assert_int_equal(ntohl(t->b->sent[i].tun_dst) & 0xff, want[i][1]);
	}
}

static struct ft_listener vtep(uint8_t last)
{
	return (struct ft_listener){OVERLAY, weft_ip_from_v4(htonl(0xac100000u + last))};
}

static const uint8_t group[6] = {1, 0, 0x5e, 0, 0, 1};

static void those_who_listen_have_it(void **state)
{
	struct ft_listener at[] = {{.ofport = 1}, {.ofport = 3}, vtep(7), vtep(8)};
	struct bench t = bench_new(group);

	listener = at, n_listeners = 4;
	expect(&t, 2, 4, (const uint32_t[][2]){{1, NONE}, {3, NONE}, {OVERLAY, 7}, {OVERLAY, 8}});
	expect(&t, 1, 3, (const uint32_t[][2]){{3, NONE}, {OVERLAY, 7}, {OVERLAY, 8}});
	expect(&t, OVERLAY, 2, (const uint32_t[][2]){{1, NONE}, {3, NONE}}); // and none goes back
	// A port that is not flooded to is not kept from what it asked for.
	ft_port_set(t.w->sw, &(struct ft_port){3, WEFT_PORT_NO_FLOOD, true});
	expect(&t, OVERLAY, 2, (const uint32_t[][2]){{1, NONE}, {3, NONE}});
	n_listeners = 1;
	whole_overlay = true;
	expect(&t, 2, 2, (const uint32_t[][2]){{1, NONE}, {OVERLAY, NONE}});
	expect(&t, OVERLAY, 1, (const uint32_t[][2]){{1, NONE}});
	whole_overlay = false;
	bench_free(&t);
}

static void nobody_else_is_a_reason_to_drop(void **state)
{
	struct ft_listener at[] = {{.ofport = 2}, vtep(7)};
	struct bench t = bench_new(group);

	listener = at, n_listeners = 1;
	run(&t, 2);
	assert_int_equal(t.b->reasons[WEFT_DROP_NO_LISTENER], 1);
	n_listeners = 0;
	run(&t, 1);
	assert_int_equal(t.b->reasons[WEFT_DROP_NO_LISTENER], 1);
	listener = at + 1, n_listeners = 1;
	run(&t, OVERLAY);
	assert_int_equal(t.b->reasons[WEFT_DROP_NO_LISTENER], 1);
	bench_free(&t);
}

static void what_nobody_knows_is_flooded(void **state)
{
	struct ft_listener at[] = {{.ofport = 1}};
	struct bench t = bench_new(group),
		     all = bench_new((const uint8_t[]){0xff, 0xff, 0xff, 0xff, 0xff, 0xff}),
		     one = bench_new((const uint8_t[]){2, 0, 0, 0, 0, 9});
	const uint32_t everywhere[][2] = {{1, NONE}, {3, NONE}, {OVERLAY, NONE}};

	listener = NULL;
	expect(&t, 2, 3, everywhere);
	assert_int_equal(asked, 1);
	listener = at, n_listeners = 1;
	expect(&all, 2, 3, everywhere); // broadcasts and unicasts are no question
	expect(&one, 2, 3, everywhere);
	assert_int_equal(asked, 1);
	bench_free(&t);
	bench_free(&all);
	bench_free(&one);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(those_who_listen_have_it),
		cmocka_unit_test(nobody_else_is_a_reason_to_drop),
		cmocka_unit_test(what_nobody_knows_is_flooded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

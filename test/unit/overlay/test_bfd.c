// SPDX-License-Identifier: Apache-2.0
// BFD in virtual time: two systems, a link between them that delays, loses and is cut, and what RFC
// 5880 says must come of it.

#include "overlay/bfd.h"
#include "overlay/bfd_datagram.h"

#include "../rng.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define US 1000ull
#define MS (1000 * US)
#define SECOND (1000 * MS)
#define STEP (100 * US)
#define FLYING 64u

struct flying {
	uint64_t at;
	uint8_t bytes[OVERLAY_BFD_LEN];
};

// One way.
struct way {
	struct flying packet[FLYING];
	unsigned n;
	unsigned loss_percent;
	uint64_t delay_ns;
	bool cut;
	unsigned lost_in_a_row, lost_at_most; // 0: any number
	uint64_t sent, last_sent_ns, shortest_gap_ns, longest_gap_ns;
};

struct link {
	struct overlay_bfd s[2];
	struct way way[2]; // from 0 to 1, from 1 to 0
	uint64_t now;
};

static const struct overlay_bfd_settings fast = {10000, 10000, 3};

static struct link *link_new(
	const struct overlay_bfd_settings *a, const struct overlay_bfd_settings *b)
{
	struct link *l = calloc(1, sizeof(*l));

	l->now = SECOND;
	overlay_bfd_init(&l->s[0], a, 1 + rng() % 1000, l->now);
	overlay_bfd_init(&l->s[1], b, 5000 + rng() % 1000, l->now);
	return l;
}

static bool way_loses(struct way *w)
{
	bool lost = w->cut || rng() % 100 < w->loss_percent;

	if (lost && !w->cut && w->lost_at_most && w->lost_in_a_row == w->lost_at_most)
		lost = false;
	w->lost_in_a_row = lost ? w->lost_in_a_row + 1 : 0;
	return lost;
}

static void way_send(struct way *w, const uint8_t *bytes, uint64_t now)
{
	uint64_t gap = now - w->last_sent_ns;

	if (w->sent++ && gap) {
		if (!w->shortest_gap_ns || gap < w->shortest_gap_ns)
			w->shortest_gap_ns = gap;
		if (gap > w->longest_gap_ns)
			w->longest_gap_ns = gap;
	}
	w->last_sent_ns = now;
	if (way_loses(w) || w->n == FLYING)
		return;
	w->packet[w->n].at = now + (w->delay_ns ? rng() % w->delay_ns : 0);
	memcpy(w->packet[w->n++].bytes, bytes, OVERLAY_BFD_LEN);
}

static void way_deliver(struct way *w, struct overlay_bfd *to, uint64_t now)
{
	for (unsigned i = 0; i < w->n;) {
		struct overlay_bfd_packet p;

		if (w->packet[i].at > now) {
			i++;
			continue;
		}
		assert_true(overlay_bfd_parse(w->packet[i].bytes, OVERLAY_BFD_LEN, &p));
		assert_true(overlay_bfd_receive(to, &p, now));
		w->packet[i] = w->packet[--w->n];
	}
}

static void way_gaps_anew(struct way *w)
{
	w->shortest_gap_ns = w->longest_gap_ns = w->sent = 0;
}

static void step(struct link *l)
{
	uint8_t out[OVERLAY_BFD_LEN];

	for (unsigned i = 0; i < 2; i++) {
		way_deliver(&l->way[!i], &l->s[i], l->now);
		while (overlay_bfd_next(&l->s[i]) <= l->now &&
			overlay_bfd_run(&l->s[i], l->now, out))
			way_send(&l->way[i], out, l->now);
		assert_true(overlay_bfd_next(&l->s[i]) > l->now);
	}
	l->now += STEP;
}

static void run(struct link *l, uint64_t ns)
{
	for (uint64_t end = l->now + ns; l->now < end;)
		step(l);
}

static bool both_up(const struct link *l)
{
	return l->s[0].state == OVERLAY_BFD_UP && l->s[1].state == OVERLAY_BFD_UP;
}

static void bring_up(struct link *l)
{
	for (unsigned i = 0; i < 100000 && !both_up(l); i++)
		step(l);
	assert_true(both_up(l));
	run(l, SECOND); // polls end
	assert_false(l->s[0].polling || l->s[1].polling);
	way_gaps_anew(&l->way[0]);
	way_gaps_anew(&l->way[1]);
}

static void a_session_comes_up_and_keeps_its_intervals(void **state)
{
	struct overlay_bfd_settings slow = {50000, 30000, 5};
	struct link *l = link_new(&fast, &slow);

	bring_up(l);
	assert_int_equal(overlay_bfd_tx_us(&l->s[0]), 30000); // the peer takes no more
	assert_int_equal(overlay_bfd_tx_us(&l->s[1]), 50000); // it wants to send no more
	assert_int_equal(overlay_bfd_detection_us(&l->s[0]), 250000);
	assert_int_equal(overlay_bfd_detection_us(&l->s[1]), 90000);
	run(l, 20 * SECOND);
	assert_in_range(l->way[0].shortest_gap_ns, 22500 * US, 30000 * US);
	assert_in_range(l->way[0].longest_gap_ns, 22500 * US, 30100 * US);
	assert_in_range(l->way[1].shortest_gap_ns, 37500 * US, 50000 * US);
	assert_in_range(l->way[1].longest_gap_ns, 37500 * US, 50100 * US);
	free(l);
}

static void while_not_up_no_more_than_one_a_second(void **state)
{
	struct link *l = link_new(&fast, &fast);

	l->way[0].cut = l->way[1].cut = true;
	run(l, 60 * SECOND);
	assert_in_range(l->way[0].sent, 60, 81);
	assert_int_equal(l->s[0].state, OVERLAY_BFD_DOWN);
	free(l);
}

// A cut both ways, one way, and the other: when is who down, and what does he say?
static void a_cut_is_found_in_time(void **state)
{
	for (unsigned round = 0; round < 300; round++) {
		struct overlay_bfd_settings set = {
			10000 + rng() % 50000, 10000 + rng() % 50000, (uint8_t)(2 + rng() % 4)};
		struct link *l = link_new(&set, &set);
		unsigned which = rng() % 3;
		uint64_t cut, detection, interval;

		bring_up(l);
		run(l, rng() % SECOND);
		detection = overlay_bfd_detection_us(&l->s[1]) * US;
		interval = overlay_bfd_tx_us(&l->s[0]) * US;
		l->way[0].cut = which != 1;
		l->way[1].cut = which != 0;
		cut = l->now;
		while (both_up(l) && l->now < cut + 2 * detection)
			step(l);
		// Not before all the packets that were due have failed to come.
		assert_in_range(l->now - cut, detection - interval - STEP, detection + 2 * STEP);
		run(l, 2 * detection);
		for (unsigned i = 0; i < 2; i++) {
			bool heard_nothing = which == 2 || which == !i;

			assert_int_equal(l->s[i].state, OVERLAY_BFD_DOWN);
			assert_int_equal(l->s[i].downs, 1);
			assert_int_equal(l->s[i].diag, heard_nothing
							       ? OVERLAY_BFD_DIAG_EXPIRED
							       : OVERLAY_BFD_DIAG_NEIGHBOUR_DOWN);
		}
		l->way[0].cut = l->way[1].cut = false;
		run(l, 5 * SECOND);
		assert_true(both_up(l));
		free(l);
	}
}

// 256 sessions at 10 ms x 3 on a lossy link that never loses two in a row, for a minute each.
static void no_false_alarm(void **state)
{
	for (unsigned n = 0; n < 256; n++) {
		struct link *l = link_new(&fast, &fast);

		bring_up(l);
		for (unsigned i = 0; i < 2; i++) {
			l->way[i].loss_percent = 30;
			l->way[i].lost_at_most = 1;
			l->way[i].delay_ns = 9 * MS;
		}
		run(l, 60 * SECOND / 16);
		assert_true(both_up(l));
		assert_int_equal(l->s[0].downs + l->s[1].downs, 0);
		free(l);
	}
}

static void nobody_listened_is_no_silence(void **state)
{
	struct link *l = link_new(&fast, &fast);
	uint8_t out[OVERLAY_BFD_LEN];
	struct overlay_bfd before;

	bring_up(l);
	before = l->s[0];
	overlay_bfd_run(&l->s[0], l->now + 200 * MS, out);
	assert_int_equal(l->s[0].state, OVERLAY_BFD_DOWN); // the clock alone says so
	l->s[0] = before;
	overlay_bfd_excuse(&l->s[0], 200 * MS);
	overlay_bfd_run(&l->s[0], l->now + 200 * MS, out);
	assert_int_equal(l->s[0].state, OVERLAY_BFD_UP);
	overlay_bfd_run(&l->s[0], l->now + 240 * MS, out); // but not for ever
	assert_int_equal(l->s[0].state, OVERLAY_BFD_DOWN);
	free(l);
}

static void intervals_change_by_a_poll(void **state)
{
	struct link *l = link_new(&fast, &fast);
	struct overlay_bfd_settings slower = {40000, 40000, 3};

	bring_up(l);
	overlay_bfd_set(&l->s[0], &slower, l->now);
	assert_true(l->s[0].polling);
	assert_int_equal(overlay_bfd_tx_us(&l->s[0]), 10000); // until the peer has agreed
	run(l, SECOND);
	assert_false(l->s[0].polling);
	assert_int_equal(overlay_bfd_tx_us(&l->s[0]), 40000);
	assert_int_equal(overlay_bfd_detection_us(&l->s[1]), 120000);
	overlay_bfd_set(&l->s[0], &fast, l->now);
	assert_int_equal(overlay_bfd_detection_us(&l->s[0]), 120000); // likewise
	run(l, SECOND);
	assert_int_equal(overlay_bfd_detection_us(&l->s[0]), 30000);
	// A poll whose packets are lost goes on.
	l->way[1].loss_percent = 60, l->way[1].lost_at_most = 1;
	for (unsigned i = 0; i < 50; i++) {
		struct overlay_bfd_settings any = {
			10000 + rng() % 9000, 10000 + rng() % 9000, (uint8_t)(8 + rng() % 3)};

		overlay_bfd_set(&l->s[0], &any, l->now);
		run(l, 2 * SECOND);
		assert_false(l->s[0].polling);
	}
	assert_int_equal(l->s[0].downs, 0);
	free(l);
}

static void administratively_down_is_told(void **state)
{
	struct link *l = link_new(&fast, &fast);

	bring_up(l);
	overlay_bfd_admin(&l->s[0], true, l->now);
	run(l, 20 * MS);
	assert_int_equal(l->s[1].state, OVERLAY_BFD_DOWN);
	assert_int_equal(l->s[1].diag, OVERLAY_BFD_DIAG_NEIGHBOUR_DOWN);
	assert_int_equal(l->s[1].remote_state, OVERLAY_BFD_ADMIN_DOWN);
	run(l, 5 * SECOND);
	assert_int_equal(l->s[0].state, OVERLAY_BFD_ADMIN_DOWN);
	overlay_bfd_admin(&l->s[0], false, l->now);
	run(l, 5 * SECOND);
	assert_true(both_up(l));
	free(l);
}

// A system that ends has no time for intervals.
static void a_farewell_is_said_at_once(void **state)
{
	struct link *l = link_new(&fast, &fast);
	struct overlay_bfd_packet p;
	uint8_t out[OVERLAY_BFD_LEN];

	bring_up(l);
	overlay_bfd_admin(&l->s[0], true, l->now);
	overlay_bfd_say(&l->s[0], l->now, out);
	overlay_bfd_say(&l->s[0], l->now, out);
	assert_true(overlay_bfd_parse(out, sizeof(out), &p));
	assert_int_equal(p.state, OVERLAY_BFD_ADMIN_DOWN);
	assert_int_equal(p.diag, OVERLAY_BFD_DIAG_ADMIN_DOWN);
	assert_true(overlay_bfd_receive(&l->s[1], &p, l->now));
	assert_int_equal(l->s[1].state, OVERLAY_BFD_DOWN);
	assert_int_equal(l->s[1].remote_state, OVERLAY_BFD_ADMIN_DOWN);
	assert_int_equal(l->s[1].diag, OVERLAY_BFD_DIAG_NEIGHBOUR_DOWN);
	assert_true(overlay_bfd_next(&l->s[0]) > l->now); // said twice, nothing is due any more
	free(l);
}

static void a_peer_that_wants_none_gets_none(void **state)
{
	struct link *l = link_new(&fast, &fast);
	struct overlay_bfd_packet p = {.state = OVERLAY_BFD_UP, .mult = 3, .tx_us = 10000};

	bring_up(l);
	p.my_discr = l->s[1].discr, p.your_discr = l->s[0].discr;
	assert_true(overlay_bfd_receive(&l->s[0], &p, l->now)); // rx 0
	assert_int_equal(overlay_bfd_tx_us(&l->s[0]), 0);
	p.rx_us = 10000, p.demand = true;
	assert_true(overlay_bfd_receive(&l->s[0], &p, l->now)); // demand mode, both up
	assert_int_equal(overlay_bfd_tx_us(&l->s[0]), 0);
	p.poll = true;
	assert_true(overlay_bfd_receive(&l->s[0], &p, l->now)); // but an answer it gets
	assert_int_equal(overlay_bfd_next(&l->s[0]), 0);
	p.poll = p.demand = false;
	assert_true(overlay_bfd_receive(&l->s[0], &p, l->now));
	assert_int_equal(overlay_bfd_tx_us(&l->s[0]), 10000);
	free(l);
}

// RFC 5880, 6.8.6, each "MUST be discarded".
static void what_must_be_discarded_is(void **state)
{
	struct link *l = link_new(&fast, &fast);
	struct overlay_bfd_packet p;
	uint8_t good[OVERLAY_BFD_LEN], bad[OVERLAY_BFD_LEN];

	assert_true(overlay_bfd_run(&l->s[0], l->now + SECOND, good));
	assert_true(overlay_bfd_parse(good, sizeof(good), &p));
#define BAD(change)                                                                                \
	(memcpy(bad, good, sizeof(bad)), (change),                                                 \
		assert_false(overlay_bfd_parse(bad, sizeof(bad), &p)))
	BAD(bad[0] = 0x40);         // version
	BAD(bad[3] = 23);           // length too small
	BAD(bad[3] = 25);           // more than there is
	BAD(bad[2] = 0);            // multiplier
	BAD(bad[1] |= 0x01);        // multipoint
	BAD(bad[1] |= 0x04);        // authentication, and there is none
	BAD(memset(bad + 4, 0, 4)); // my discriminator
	BAD(bad[1] = 0x80);         // state Init, but your discriminator is zero
	BAD(bad[1] = 0xc0);         // Up likewise
	assert_false(overlay_bfd_parse(good, 23, &p));
	assert_true(overlay_bfd_parse(good, sizeof(good), &p));
	p.your_discr = l->s[1].discr + 1; // no session of ours
	assert_false(overlay_bfd_receive(&l->s[1], &p, l->now));
	assert_int_equal(l->s[1].discarded, 1);
	assert_int_equal(l->s[1].received, 0);
	free(l);
}

// Whatever comes, the machine stays one: no packet with both P and F, never more often than it may.
static void any_packet_may_come(void **state)
{
	struct overlay_bfd s;
	uint8_t out[OVERLAY_BFD_LEN];
	uint64_t now = SECOND;

	overlay_bfd_init(&s, &fast, 7, now);
	for (unsigned i = 0; i < 500000; i++) {
		struct overlay_bfd_packet p = {
			.diag = rng() % 32,
			.state = rng() % 4,
			.poll = rng() % 4 == 0,
			.final = rng() % 4 == 0,
			.demand = rng() % 8 == 0,
			.mult = (uint8_t)(1 + rng() % 255),
			.my_discr = 1 + rng() % 3,
			.your_discr = rng() % 3 ? 7 : rng() % 9,
			.tx_us = rng() % 4 ? rng() % 50000 : rng(),
			.rx_us = rng() % 4 ? rng() % 50000 : rng(),
		};
		unsigned packets = 0;

		if (rng() % 3 == 0)
			overlay_bfd_receive(&s, &p, now);
		if (rng() % 5000 == 0)
			overlay_bfd_admin(&s, rng() % 2, now);
		while (overlay_bfd_run(&s, now, out)) {
			assert_true((out[1] & 0x30) != 0x30);
			assert_true(++packets <= 2); // one that was due, and one final
		}
		now += rng() % (5 * MS);
	}
}

static void datagrams_are_read_as_written(void **state)
{
	static const uint16_t ports[] = {OVERLAY_BFD_PORT, OVERLAY_BFD_PORT_MULTIHOP};
	uint8_t control[OVERLAY_BFD_LEN], out[OVERLAY_BFD_DATAGRAM_MAX];

	for (unsigned i = 0; i < 20000; i++) {
		struct overlay_bfd_datagram d = {.src = weft_ip_from_v4(rng()),
						    .dst = weft_ip_from_v4(rng()),
						    .src_port = (uint16_t)(49152 + rng() % 16384),
						    .dst_port = ports[rng() % 2]},
					    r;
		uint32_t len, at;

		if (rng() % 2) {
			rng_fill(d.src.b, 16);
			d.src.b[0] = 0x20;
			rng_fill(d.dst.b, 16);
			if (rng() % 4 == 0)
				d.dst = overlay_bfd_vxlan_ip;
		}
		rng_fill(control, sizeof(control));
		len = overlay_bfd_datagram_write(&d, control, out);
		assert_true(overlay_bfd_datagram_read(out, len, &r));
		assert_true(weft_ip_equal(&r.src, &d.src) && weft_ip_equal(&r.dst, &d.dst));
		assert_int_equal(r.src_port, d.src_port);
		assert_int_equal(r.dst_port, d.dst_port);
		assert_int_equal(r.ttl, 255);
		assert_int_equal(r.payload_len, OVERLAY_BFD_LEN);
		assert_memory_equal(r.payload, control, OVERLAY_BFD_LEN);
		// What the checksums cover may not change. (In IPv6 flow label and hop limit may.)
		at = weft_ip_is_v4(&d.src) ? rng() % len : 40 + rng() % (len - 40);
		out[at] ^= (uint8_t)(1 + rng() % 255);
		// By IPv4 a sum of zero is none at all (RFC 768).
		if (!weft_ip_is_v4(&d.src) || out[26] | out[27])
			assert_false(overlay_bfd_datagram_read(out, len, &r));
	}
}

static void nothing_beyond_the_datagram_is_read(void **state)
{
	struct overlay_bfd_datagram r;
	struct overlay_bfd_packet p;

	for (unsigned i = 0; i < 200000; i++) {
		uint32_t len = rng() % 100;
		uint8_t *bytes = malloc(len ? len : 1);

		rng_fill(bytes, len);
		if (len > 30)
			bytes[0] = rng() % 2 ? 0x45 : 0x60;
		if (len > 10)
			bytes[9] = 17, bytes[6] = rng() % 2 ? 17 : 0;
		if (overlay_bfd_datagram_read(bytes, len, &r))
			assert_true(r.payload + r.payload_len <= bytes + len);
		overlay_bfd_parse(bytes, len, &p);
		free(bytes);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_session_comes_up_and_keeps_its_intervals),
		cmocka_unit_test(while_not_up_no_more_than_one_a_second),
		cmocka_unit_test(a_cut_is_found_in_time),
		cmocka_unit_test(no_false_alarm),
		cmocka_unit_test(nobody_listened_is_no_silence),
		cmocka_unit_test(intervals_change_by_a_poll),
		cmocka_unit_test(administratively_down_is_told),
		cmocka_unit_test(a_farewell_is_said_at_once),
		cmocka_unit_test(a_peer_that_wants_none_gets_none),
		cmocka_unit_test(what_must_be_discarded_is),
		cmocka_unit_test(any_packet_may_come),
		cmocka_unit_test(datagrams_are_read_as_written),
		cmocka_unit_test(nothing_beyond_the_datagram_is_read),
	};

	rng_seed_from_env();
	return cmocka_run_group_tests(tests, NULL, NULL);
}

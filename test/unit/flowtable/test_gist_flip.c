// SPDX-License-Identifier: Apache-2.0
// No new flow goes a way that was replaced, or a mix of old and new, while rules change and gists
// (flowtable/cache/gist.h) are made anew beside the readers.
//
// Table 0 sends each flow's packets on to table 1 or 2, and there they leave by a port. Both say
// which transaction made them: its number's lowest bit is the table, its lower bits are the port.
// So a packet that a new rule sends on and an old one sends out is seen by its age. Two flows
// share their rules until one gets its own above them, and another transaction puts them together
// again: what went one way before may not now. Every packet has another source port, and a rule
// asks for it: all are new flows, which only the gist knows.
//
// Run it under the thread sanitizer (scripts/test, suite tsan). WEFT_FLIPS: how many transactions.

#include "cached_reader.h"

#include "flowtable/cache/gist.h"
#include "flowtable/cache/trace.h"

#include <stdio.h>

enum {
	FLOWS = 16,
	PORTS = 512,
	FIRST_PORT = 2,
	CACHED = 4096,
	LEN = 64,
	LEAST = 1000, // packets that a reader has to see go each of its ways
#if defined(__SANITIZE_THREAD__)
	FLIPS = 400,
#else
	FLIPS = 4000,
#endif
};

static _Atomic uint32_t staged;           // the newest transaction that a packet may have met
static _Atomic uint32_t committed[FLOWS]; // the oldest
static _Atomic uint32_t flows_of[PORTS];  // bits: a transaction's, by its port
static const uint8_t targets[FIRST_PORT + PORTS];

struct reader {
	struct cached_reader it; // first
	uint32_t frames;
	uint32_t oldest[FLOWS]; // that may be met by this burst
	_Atomic uint32_t began; // its latest burst: the newest transaction then
	_Atomic uint64_t derived, searched;
	struct ft_packet pkt[FLOWS];
	uint8_t frame[FLOWS][LEN];
};

// ---- readers

// The newest transaction of which a packet may say so.
static void look(struct reader *r, const struct ft_packet *p, uint32_t port)
{
	uint32_t newest = atomic_load(&staged), age = (newest - (port - FIRST_PORT)) % PORTS;
	unsigned flow = p->pkt.data[33];

	r->it.wrong += newest - age < r->oldest[flow] ||
		       !(atomic_load(&flows_of[port - FIRST_PORT]) >> flow & 1);
}

static void sink_output(struct ft_sink *sink, struct ft_packet *p, uint32_t port, unsigned flags)
{
	ft_trace_target(p, &targets[port], LEN, 0);
	look((struct reader *)sink, p, port);
}

static void sink_drop(struct ft_sink *sink, struct ft_packet *p, enum weft_drop why)
{
	((struct reader *)sink)->it.wrong++;
}

static void make_frame(struct reader *r, unsigned flow)
{
	static const uint8_t plain[LEN] = {
		2, [12] = 8, [14] = 0x45, [17] = LEN - 14, [22] = 64, 17, [30] = 10, [39] = 30};
	uint8_t *f = r->frame[flow];
	struct ft_packet *p = &r->pkt[flow];

	memcpy(f, plain, LEN);
	f[33] = (uint8_t)flow;
	f[34] = (uint8_t)(r->frames >> 8);
	f[35] = (uint8_t)r->frames++;
	memset(p, 0, sizeof(*p));
	p->pkt = (struct weft_packet){.data = f, .len = LEN, .total_len = LEN};
	p->key.in_port = p->key.in_phy_port = htonl(1);
}

// Those of `left` that a path is known of go it; the others' bits.
static uint64_t go(struct reader *r, const struct ft_path *const path[], uint64_t left)
{
	for (unsigned i = 0; i < FLOWS; i++) {
		if (!path[i])
			continue;
		left &= ~(1ull << i);
		ft_cache_count(r->it.cache, path[i], 1, LEN, 1);
		r->it.wrong += path[i]->end != FT_PATH_OUTPUT;
		look(r, &r->pkt[i], (uint32_t)((const uint8_t *)path[i]->target - targets));
	}
	return left;
}

static void search(struct reader *r, uint64_t which, bool extracted)
{
	struct ft_packet *left[FLOWS];
	struct ft_trace *trace[FLOWS];
	unsigned n = 0;

	for (; which; which &= which - 1, n++) {
		left[n] = &r->pkt[__builtin_ctzll(which)];
		trace[n] = ft_cache_trace(r->it.cache, (unsigned)__builtin_ctzll(which));
	}
	ft_switch_process_traced(r->it.sw, r->it.worker, 1, left, trace, n, extracted, &r->it.sink);
	ft_cache_learn(r->it.cache);
	atomic_fetch_add_explicit(&r->searched, n, memory_order_relaxed);
}

static struct ft_packet *whole(void *ctx, unsigned i)
{
	return &((struct reader *)ctx)->pkt[i];
}

// One packet of each, as a worker does it (dp_rx_enter()).
static void burst(struct cached_reader *it)
{
	struct reader *r = (struct reader *)it;
	const struct ft_path *path[FLOWS];
	struct ft_arrival a[FLOWS];
	uint64_t left = (1ull << FLOWS) - 1;

	atomic_store(&r->began, atomic_load(&staged));
	for (unsigned i = 0; i < FLOWS; i++) {
		r->oldest[i] = atomic_load(&committed[i]);
		make_frame(r, i);
		a[i] = cached_reader_arrival(it, r->frame[i], LEN);
	}
	ft_cache_lookup(r->it.cache, a, FLOWS, path);
	left = go(r, path, left);
	if (left && ft_cache_may_derive(a, left)) {
		uint64_t before = left;

		r->it.wrong +=
			ft_cache_derive(r->it.cache, a, FLOWS, left, whole, r, path).filled != 0;
		left = go(r, path, left);
		atomic_fetch_add_explicit(&r->derived,
			(unsigned)__builtin_popcountll(before & ~left), memory_order_relaxed);
	}
	search(r, left, false);
}

static void reader_start(struct reader *r, struct ft_switch *sw, unsigned worker)
{
	*r = (struct reader){.it.burst = burst};
	r->it.sink = (struct ft_sink){.output = sink_output, .drop = sink_drop};
	cached_reader_start(&r->it, sw, worker, CACHED);
}

// ---- the writer

static void mod(struct ft_switch *sw, uint8_t command, unsigned table, uint16_t priority,
	const struct pattern *p, const struct program *program)
{
	struct weft_flow_mod f = flow_mod_of(command, (uint8_t)table, priority);
	struct weft_match m = pattern_match(p);

	assert_int_equal(ft_flow_mod(sw, &f, &m, &program->instr), WEFT_E_NONE);
}

static struct pattern flow_or_pair(unsigned flow, bool alone)
{
	struct pattern p = {0};

	pattern_exact(&p, WEFT_FIELD_ETH_TYPE, 0x800);
	pattern_masked(&p, WEFT_FIELD_IPV4_DST, 0x0a000000 + flow, alone ? 0xffffffff : 0xfffffffe);
	return p;
}

// What the packets of this flow, or of its pair, meet becomes of this number.
static void stage(struct ft_switch *sw, unsigned flow, bool alone, uint32_t number)
{
	struct program on = {0}, out = program_out(FIRST_PORT + number % PORTS), none = {0};
	struct pattern p = flow_or_pair(alone ? flow : flow & ~1u, alone);

	on.instr.flags |= WEFT_INSTR_GOTO;
	on.instr.goto_table = (uint8_t)(1 + number % 2);
	for (unsigned table = 0; table < 3 && !alone; table++)
		mod(sw, WEFT_FLOW_DELETE, table, 0, &p, &none);
	mod(sw, WEFT_FLOW_ADD, 0, alone ? 20 : 10, &p, &on);
	mod(sw, WEFT_FLOW_ADD, 1 + number % 2, alone ? 20 : 10, &p, &out);
}

static void flip(struct ft_switch *sw, unsigned flow, bool alone)
{
	uint32_t number = atomic_load(&staged) + 1;
	uint32_t which = alone ? 1u << flow : 3u << (flow & ~1u);

	atomic_store(&flows_of[number % PORTS], which);
	atomic_store(&staged, number);
	assert_true(ft_txn_begin(sw));
	stage(sw, flow, alone, number);
	ft_txn_commit(sw);
	for (unsigned i = 0; i < FLOWS; i++)
		if (which >> i & 1)
			atomic_store(&committed[i], number);
}

// No flow may be so old that its port is another transaction's, too.
static unsigned next_to_flip(void)
{
	uint32_t newest = atomic_load(&staged);

	for (unsigned i = 0; i < FLOWS; i++)
		if (newest - atomic_load(&committed[i]) > PORTS / 4)
			return i;
	return (unsigned)rng() % FLOWS;
}

// For others: so many that the gist is in parts.
static void add_others(struct ft_switch *sw, unsigned n)
{
	struct program drop = {0};

	for (unsigned i = 1; i <= n; i++) {
		struct pattern other = {0};

		pattern_exact(&other, WEFT_FIELD_ETH_TYPE, 0x800);
		pattern_exact(&other, WEFT_FIELD_IPV4_DST, 0x0b000000 + i);
		mod(sw, WEFT_FLOW_ADD, (uint8_t)(i % 3), 31, &other, &drop);
	}
}

static struct ft_switch *switch_new(struct world *w, unsigned others)
{
	struct ft_limits limits = {1000, 16, 16, 1024};
	struct pattern asks = {0};
	struct program drop = {0};
	struct ft_switch *sw = qsbr_switch_new(w, &limits);

	for (uint32_t i = 0; i < PORTS; i++)
		assert_int_equal(ft_port_set(sw, &(struct ft_port){FIRST_PORT + i, 0, true}), 0);
	pattern_exact(&asks, WEFT_FIELD_ETH_TYPE, 0x800);
	pattern_exact(&asks, WEFT_FIELD_IP_PROTO, 17);
	pattern_exact(&asks, WEFT_FIELD_UDP_SRC, 9);
	pattern_exact(&asks, WEFT_FIELD_IPV4_DST, 0x0b000000);
	mod(sw, WEFT_FLOW_ADD, 0, 30, &asks, &drop);
	add_others(sw, others);
	for (unsigned flow = 0; flow < FLOWS; flow += 2)
		flip(sw, flow, false);
	return sw;
}

// A reader that is off its core must not find the port of what it met given to another transaction.
static void wait_for_readers(struct reader *r)
{
	for (unsigned i = 0; i < QSBR_READERS; i++)
		while (atomic_load(&staged) - atomic_load(&r[i].began) > PORTS / 2)
			usleep(50);
}

// Neither the gist nor the tables alone.
static bool all_did_both(struct reader *r)
{
	bool all = true;

	for (unsigned i = 0; i < QSBR_READERS; i++)
		all &= atomic_load_explicit(&r[i].derived, memory_order_relaxed) > LEAST &&
		       atomic_load_explicit(&r[i].searched, memory_order_relaxed) > LEAST;
	return all;
}

static void flips_beside_readers(unsigned others, unsigned long n)
{
	static struct reader reader[QSBR_READERS];
	struct world *w = world_new(QSBR_READERS, 1000);
	struct ft_switch *sw = switch_new(w, others);

	memset(reader, 0, sizeof(reader));
	atomic_store(&cached_readers_stop, false);
	for (unsigned i = 0; i < QSBR_READERS; i++)
		reader_start(&reader[i], sw, i);
	for (unsigned long i = 0; i < n || !all_did_both(reader); i++) {
		wait_for_readers(reader);
		flip(sw, next_to_flip(), rng() % 2);
		if (rng() % 4)
			come_to_rest(sw);
		if (rng() % 16 == 0)
			usleep(200); // long enough for ways to be learned and gone
		qsbr_keep_up();
	}
	for (unsigned i = 0; i < QSBR_READERS; i++) {
		struct reader *r = &reader[i];

		cached_reader_end(&r->it);
		printf("reader %u: %llu packets by the gist, %llu by the tables\n", i,
			(unsigned long long)r->derived, (unsigned long long)r->searched);
	}
	come_to_rest(sw);
	assert_true(!ft_switch_front(sw)->gist->parts == !others);
	ft_switch_free(sw);
	qsbr_drain();
	world_free(w);
}

static void new_flows_meet_one_version(void **state)
{
	flips_beside_readers(0, flips_wanted(FLIPS));
}

static void new_flows_of_parts_do(void **state)
{
	flips_beside_readers(300, flips_wanted(FLIPS) / 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(new_flows_meet_one_version),
		cmocka_unit_test(new_flows_of_parts_do)};

	rng_seed_from_env();
	return cmocka_run_group_tests(tests, NULL, NULL);
}

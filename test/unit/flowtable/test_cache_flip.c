// SPDX-License-Identifier: Apache-2.0
// No packet sees a mix of old and new rules, with the flow cache before the tables and while rules
// change under it as fast as they can.
//
// Each flow has rules in two tables that write the same number into its packets: table 0 into the
// IPv4 source, table 1 into the Ethernet source and the port. It is the number of the transaction
// that made them. A transaction does so for a few flows, by every means there is; the readers carry
// packets through cache and tables as a worker does and look at what comes out:
//
//   - both tables' marks and the port are of one transaction, whether the packet went by a
//     remembered way or through the tables;
//   - every other flow's packets go through a group, too, which sends a copy with a mark of its
//   own:
//     the transaction that changed the group;
//   - none that another had replaced before the burst began, and none not yet staged;
//   - once a packet has met a transaction, no later one of any flow meets what that replaced.
//
// Small transactions go through the history of changes (flowtable/cache/history.h), big ones past
// it; other rules come and go meanwhile that ways should survive, and the FDB and flags change too.
// In every other burst another switch's packets lie between, so that the clocks are read anew for
// each.
//
// Run it under the thread sanitizer (scripts/test, suite tsan). WEFT_FLIPS: how many transactions.

#include "cached_reader.h"

#include "flowtable/fdb.h"
#include "flowtable/cache/trace.h"

#include <stdio.h>

enum {
	FLOWS = 16,
	PORTS = 4,
	GROUP = FLOWS, // where a flow's number would stand
	GROUP_PORT = 6,
	CACHED = 256, // flows: the least there is, so that all is forgotten now and then
	LEN = 64,
#if defined(__SANITIZE_THREAD__)
	FLIPS = 400,
#else
	FLIPS = 10000,
#endif
	RING = 1024,
	TOP = 1000, // priorities from which on every next one is above all others
};

static uint16_t top = TOP;
static _Atomic uint32_t staged;                 // the newest transaction that a packet may have met
static _Atomic uint32_t committed[FLOWS + 1];   // the oldest
static _Atomic uint32_t after[RING][FLOWS + 1]; // a flow's, once that transaction is there

struct reader {
	struct cached_reader it; // first
	const struct ft_switch *other;
	uint32_t oldest[FLOWS + 1]; // that may be met by this burst
	uint32_t newest;            // that was met
	uint64_t searched, remembered;
	_Atomic uint64_t bursts, hits;
	bool copied; // the latest frame was the group's
	struct ft_packet copy;
	uint8_t copied_frame[LEN];
	struct ft_packet pkt[FLOWS];
	uint8_t frame[FLOWS][LEN];
};

// ---- readers

// The frames come in at 1.
static const uint32_t ports[PORTS + 1] = {2, 3, 4, 5, GROUP_PORT};

// Does it say that transaction `newest` is not there, which was met before? The ring tells of the
// latest ones only, and the place of one more may be another's already.
static bool unseen(const struct reader *r, unsigned flow, uint32_t met)
{
	bool older = met < atomic_load(&after[r->newest % RING][flow]);

	return older && atomic_load(&staged) - r->newest < RING - 1;
}

// It met this transaction's.
static void meet(struct reader *r, unsigned flow, uint32_t number)
{
	r->it.wrong += number < r->oldest[flow] || number > atomic_load(&staged) ||
		       unseen(r, flow, number);
	if (number > r->newest)
		r->newest = number;
}

// A frame that came out at `port`, marked by both tables, and by the group if that sent it.
static void look(struct reader *r, const struct ft_packet *p, uint32_t port)
{
	const uint8_t *f = p->pkt.data;
	unsigned flow = f[33];
	uint32_t upper = ntohl(weft_load32(f + 8)), lower = ntohl(weft_load32(f + 26));

	r->it.wrong += upper != lower;
	meet(r, flow, lower);
	if (port == GROUP_PORT)
		meet(r, GROUP, ntohl(weft_load32(f + 2)));
	else
		r->it.wrong += port != ports[lower % PORTS] || r->copied != flow % 2;
	r->copied = port == GROUP_PORT;
}

static void sink_output(struct ft_sink *sink, struct ft_packet *p, uint32_t port, unsigned flags)
{
	struct reader *r = (struct reader *)sink;

	ft_trace_target(p, &ports[port - ports[0]], LEN, 0);
	look(r, p, port);
	r->searched += !r->copied;
}

static void sink_again(
	struct ft_sink *sink, struct ft_packet *p, const struct ft_step *s, unsigned flags)
{
	look((struct reader *)sink, p, *(const uint32_t *)s->what);
}

static struct ft_packet *sink_clone(struct ft_sink *sink, const struct ft_packet *p)
{
	struct reader *r = (struct reader *)sink;

	r->copy = *p;
	memcpy(r->copied_frame, p->pkt.data, LEN);
	r->copy.pkt.data = r->copied_frame;
	return &r->copy;
}

static void sink_drop(struct ft_sink *sink, struct ft_packet *p, enum weft_drop why)
{
	((struct reader *)sink)->it.wrong++;
}

static void go_path(struct reader *r, const struct ft_path *path, struct ft_packet *p)
{
	ft_cache_count(r->it.cache, path, 1, LEN, 1);
	ft_path_run(path, r->it.worker, 1, p, &r->it.sink);
	if (path->end == FT_PATH_OUTPUT)
		look(r, p, *(const uint32_t *)path->target);
	else
		r->it.wrong++;
	r->remembered++;
}

static void make_frame(struct reader *r, unsigned flow)
{
	static const uint8_t plain[LEN] = {[0] = 2,
		2,
		2,
		2,
		2,
		2,
		[12] = 8,
		[14] = 0x45,
		[17] = LEN - 14,
		[22] = 64,
		17,
		[30] = 10,
		[39] = 30};
	struct ft_packet *p = &r->pkt[flow];

	memcpy(r->frame[flow], plain, LEN);
	r->frame[flow][33] = (uint8_t)flow;
	memset(p, 0, sizeof(*p));
	p->pkt = (struct weft_packet){.data = r->frame[flow], .len = LEN, .total_len = LEN};
	p->key.in_port = p->key.in_phy_port = htonl(1);
}

// Goes to the other switch, where nobody follows it.
static struct ft_arrival elsewhere(const struct reader *r, unsigned flow)
{
	struct ft_arrival a = cached_reader_arrival(&r->it, r->frame[flow], LEN);

	a.front = ft_switch_front(r->other);
	a.from.sw_number = ft_switch_number(r->other);
	return a;
}

// One packet of each flow, as a worker does it.
static void burst(struct cached_reader *it)
{
	struct reader *r = (struct reader *)it;
	struct ft_packet *left[FLOWS];
	struct ft_trace *trace[FLOWS];
	const struct ft_path *path[2 * FLOWS];
	struct ft_arrival a[2 * FLOWS];
	unsigned n = 0, step = 1 + atomic_load_explicit(&r->bursts, memory_order_relaxed) % 2;

	r->oldest[GROUP] = atomic_load(&committed[GROUP]);
	for (unsigned i = 0; i < FLOWS; i++) {
		r->oldest[i] = atomic_load(&committed[i]);
		make_frame(r, i);
		a[i * step + step - 1] = elsewhere(r, i);
		a[i * step] = cached_reader_arrival(it, r->frame[i], LEN);
	}
	ft_cache_lookup(r->it.cache, a, FLOWS * step, path);
	for (unsigned i = 0; i < FLOWS; i++) {
		if (path[i * step]) {
			go_path(r, path[i * step], &r->pkt[i]);
			continue;
		}
		trace[n] = ft_cache_trace(r->it.cache, i * step);
		left[n++] = &r->pkt[i];
	}
	ft_switch_process_traced(r->it.sw, r->it.worker, 1, left, trace, n, false, &r->it.sink);
	ft_cache_learn(r->it.cache);
	atomic_store_explicit(&r->hits, r->remembered, memory_order_relaxed);
	atomic_fetch_add_explicit(&r->bursts, 1, memory_order_relaxed);
}

static void reader_start(
	struct reader *r, struct ft_switch *sw, const struct ft_switch *other, unsigned worker)
{
	*r = (struct reader){.it.burst = burst, .other = other};
	r->it.sink = (struct ft_sink){
		.output = sink_output, .drop = sink_drop, .clone = sink_clone, .again = sink_again};
	cached_reader_start(&r->it, sw, worker, CACHED);
}

// ---- the writer

// Of a flow's rule; `shape` makes it another mask.
static struct weft_match match_of(unsigned flow, unsigned shape)
{
	struct pattern p = {0};

	pattern_exact(&p, WEFT_FIELD_ETH_TYPE, 0x800);
	pattern_exact(&p, WEFT_FIELD_IPV4_DST, 0x0a000000 + flow);
	if (shape & 1)
		pattern_exact(&p, WEFT_FIELD_IN_PORT, 1);
	if (shape & 2)
		pattern_exact(&p, WEFT_FIELD_IP_PROTO, 17);
	return pattern_match(&p);
}

static struct program program_of(unsigned table, unsigned flow, uint32_t number)
{
	struct program p = {0};

	if (table == 0) {
		program_set(&p, false, WEFT_FIELD_IPV4_SRC, number);
		p.instr.flags |= WEFT_INSTR_GOTO;
		p.instr.goto_table = 1;
	} else {
		program_set(&p, false, WEFT_FIELD_ETH_SRC, number);
		if (flow % 2)
			program_add(&p, false, WEFT_ACTION_GROUP, 1);
		program_add(&p, false, WEFT_ACTION_OUTPUT, ports[number % PORTS]);
	}
	return p;
}

static void mod(struct ft_switch *sw, uint8_t command, unsigned table, uint16_t priority,
	const struct weft_match *m, const struct program *p)
{
	struct weft_flow_mod f = flow_mod_of(command, (uint8_t)table, priority);

	assert_int_equal(ft_flow_mod(sw, &f, m, p ? &p->instr : NULL), WEFT_E_NONE);
}

// What packets of the flow meet in the table becomes of this number.
static void stage(
	struct ft_switch *sw, unsigned how, unsigned table, unsigned flow, uint32_t number)
{
	struct weft_match loose = match_of(flow, 0), tight = match_of(flow, (unsigned)rng() % 4);
	struct program p = program_of(table, flow, number);

	if (how == 0) { // changed in place
		mod(sw, WEFT_FLOW_MODIFY, table, 0, &loose, &p);
	} else if (how == 1) { // gone, and another of any shape and priority
		mod(sw, WEFT_FLOW_DELETE, table, 0, &loose, NULL);
		mod(sw, WEFT_FLOW_ADD, table, (uint16_t)(100 + number % 900), &tight, &p);
	} else if (how == 2) { // one above it, and then all are the same
		mod(sw, WEFT_FLOW_ADD, table, (uint16_t)(100 + number % 900), &tight, &p);
		mod(sw, WEFT_FLOW_MODIFY, table, 0, &loose, &p);
	} else { // one above all of them
		mod(sw, WEFT_FLOW_ADD, table, top++, &tight, &p);
	}
}

static void stage_group(struct ft_switch *sw, uint32_t number)
{
	struct weft_group_mod g = {.group = 1,
		.command = WEFT_GROUP_ADD_OR_MODIFY,
		.type = WEFT_GROUP_TYPE_INDIRECT,
		.bucket_count = 1};
	struct {
		struct weft_bucket b;
		uint8_t actions[256];
	} bucket;
	struct program p = {0};

	program_set(&p, true, WEFT_FIELD_ETH_DST, 0x020200000000 | number);
	program_add(&p, true, WEFT_ACTION_OUTPUT, GROUP_PORT);
	bucket.b = (struct weft_bucket){.watch_port = WEFT_OFPORT_ANY,
		.watch_group = WEFT_GROUP_ANY,
		.actions_len = p.instr.write_len};
	memcpy(bucket.actions, p.actions, p.instr.write_len);
	assert_int_equal(
		ft_group_mod(sw, &g, &bucket, sizeof(bucket.b) + p.instr.write_len), WEFT_E_NONE);
}

// The next transaction, of `n` flows from `first` on.
static void flip(struct ft_switch *sw, unsigned first, unsigned n)
{
	unsigned how = (unsigned)rng() % 4;
	uint32_t number = atomic_load(&staged) + 1;
	bool undone = rng() % 8 == 0, group = rng() % 8 == 0;

	if (top > 60000) { // all anew, from below
		undone = false;
		how = 1;
		n = FLOWS;
		top = TOP;
	}
	for (unsigned i = 0; i < FLOWS && !undone; i++)
		atomic_store(&after[number % RING][i],
			(i + FLOWS - first) % FLOWS < n ? number : atomic_load(&committed[i]));
	atomic_store(&after[number % RING][GROUP],
		group && !undone ? number : atomic_load(&committed[GROUP]));
	if (!undone)
		atomic_store(&staged, number);
	assert_true(ft_txn_begin(sw));
	for (unsigned i = 0; i < n; i++) {
		stage(sw, how, 0, (first + i) % FLOWS, number);
		stage(sw, how, 1, (first + i) % FLOWS, number);
	}
	if (group)
		stage_group(sw, number);
	if (undone) {
		ft_txn_abort(sw);
		return;
	}
	ft_txn_commit(sw);
	if (group)
		atomic_store(&committed[GROUP], number);
	for (unsigned i = 0; i < n; i++)
		atomic_store(&committed[(first + i) % FLOWS], number);
}

// What no packet notices: rules below, beside, in a table that nobody goes to, and other state.
static void noise(struct ft_switch *sw)
{
	struct weft_match below = match_of((unsigned)rng() % FLOWS, (unsigned)rng() % 4);
	struct weft_match beside = match_of(FLOWS + (unsigned)rng() % 64, (unsigned)rng() % 4);
	struct program drop = {0};
	struct weft_ipc_fdb f = {.mac = {{2, 0, 0, 0, 0, (uint8_t)rng()}}, .ofport = 1};

	switch (rng() % 9) {
	case 0:
	case 1:
		mod(sw, WEFT_FLOW_ADD, rng() % 2, (uint16_t)(rng() % 90), &below, &drop);
		break;
	case 2:
	case 3:
		mod(sw, WEFT_FLOW_ADD, rng() % 2, (uint16_t)rng(), &beside, &drop);
		break;
	case 4:
		mod(sw, rng() % 2 ? WEFT_FLOW_ADD : WEFT_FLOW_DELETE, 2, 7, &beside, &drop);
		break;
	case 5:
		mod(sw, WEFT_FLOW_DELETE, rng() % 2, 0, &beside, NULL);
		break;
	case 6:
		ft_fdb_add(sw, &f);
		break;
	case 7:
		ft_settle(sw);
		break;
	default:
		if (rng() % 16 == 0)
			ft_switch_changed(sw);
	}
}

static struct ft_switch *switch_new(struct world *w)
{
	struct ft_limits limits = {100000, 16, 16, 1024};
	struct ft_switch *sw = qsbr_switch_new(w, &limits);

	for (unsigned i = 0; i <= PORTS; i++)
		assert_int_equal(ft_port_set(sw, &(struct ft_port){ports[i], 0, true}), 0);
	stage_group(sw, 1);
	for (unsigned flow = 0; flow < FLOWS; flow++)
		for (unsigned table = 0; table < 2; table++) {
			struct weft_match m = match_of(flow, 0);
			struct program p = program_of(table, flow, 1);

			mod(sw, WEFT_FLOW_ADD, table, 100, &m, &p);
		}
	atomic_store(&staged, 1);
	for (unsigned flow = 0; flow <= FLOWS; flow++)
		atomic_store(&committed[flow], 1);
	return sw;
}

// Each packet was looked for in both tables, remembered or not.
static void tables_have_counted(struct ft_switch *sw, uint64_t packets)
{
	struct weft_table_stats s[WEFT_TABLES];

	ft_table_stats(sw, s);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(s[i].lookups, packets);
		assert_int_equal(s[i].matched, packets);
	}
}

static bool all_remember(struct reader *r)
{
	bool all = true;

	for (unsigned i = 0; i < QSBR_READERS; i++)
		all &= atomic_load_explicit(&r[i].hits, memory_order_relaxed) > 1000;
	return all;
}

static void flips(void **state)
{
	static struct reader reader[QSBR_READERS];
	struct world *w = world_new(QSBR_READERS, 1000);
	struct ft_switch *sw = switch_new(w);
	uint64_t packets = 0;
	unsigned long n = flips_wanted(FLIPS);

	for (unsigned i = 0; i < QSBR_READERS; i++)
		reader_start(&reader[i], sw, w->sw, i);
	// However little the readers get of the processor: they must have remembered meanwhile.
	for (unsigned long i = 0; i < n || !all_remember(reader); i++) {
		flip(sw, (unsigned)rng() % FLOWS, rng() % 8 ? 1 + (unsigned)rng() % 3 : FLOWS);
		for (unsigned k = (unsigned)rng() % 4; k; k--)
			noise(sw);
		qsbr_keep_up();
	}
	for (unsigned i = 0; i < QSBR_READERS; i++) {
		struct reader *r = &reader[i];

		cached_reader_end(&r->it);
		printf("reader %u: %llu packets remembered, %llu searched for\n", i,
			(unsigned long long)r->remembered, (unsigned long long)r->searched);
		packets += r->remembered + r->searched;
	}
	tables_have_counted(sw, packets);
	ft_switch_free(sw);
	qsbr_drain();
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(flips)};

	rng_seed_from_env();
	return cmocka_run_group_tests(tests, NULL, NULL);
}

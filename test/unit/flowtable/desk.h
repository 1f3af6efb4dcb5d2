// SPDX-License-Identifier: Apache-2.0
#pragma once
// A worker with a flow cache, whose switch's rules come and go: each packet is asked for twice, of
// the cache and of the tables.
//
// The rules look at few bits of few fields, and at other bits every now and then: so that packets
// share ways, and prints, that a moment later they must not share any more.

#include "frames.h"
#include "nx_build.h"

#include "flowtable/cache/ahead.h"
#include "flowtable/cache/cache.h"
#include "flowtable/cache/trace.h"

enum {
	FRAMES = 48,
	PORTS = 4,
	LEN = 64,
	RULES = 24,
};

struct desk {
	struct ft_sink sink; // first
	struct world *w;
	struct ft_cache *cache;
	void *memory;
	struct ft_packet pkt[FT_BURST];
	struct frame frame[FT_BURST];
	uint32_t went[FT_BURST]; // a port, 0: dropped
	uint64_t asked, remembered;
};

static const uint32_t ports[PORTS + 1] = {0, 1, 2, 3, 4};

// ---- packets

static struct frame pool[FRAMES];

static inline void udp_frame(struct frame *f, unsigned dst, unsigned dport)
{
	static const uint8_t plain[LEN] = {[5] = 2,
		[11] = 1,
		[12] = 8,
		[14] = 0x45,
		[17] = LEN - 14,
		[22] = 64,
		17,
		[26] = 10,
		[29] = 1,
		[30] = 10,
		[39] = LEN - 34};

	f->len = LEN;
	memcpy(f->bytes, plain, LEN);
	f->bytes[33] = (uint8_t)dst;
	frame_set16(f, 36, dport);
}

static inline void went(struct ft_sink *sink, struct ft_packet *p, uint32_t port)
{
	struct desk *d = (struct desk *)sink;

	d->went[p - d->pkt] = port;
}

static inline void sink_output(
	struct ft_sink *sink, struct ft_packet *p, uint32_t port, unsigned flags)
{
	ft_trace_target(p, &ports[port], LEN, 0);
	went(sink, p, port);
}

static inline void sink_drop(struct ft_sink *sink, struct ft_packet *p, enum weft_drop why)
{
	went(sink, p, 0);
}

static inline void key_init(struct ft_packet *p)
{
	memset(&p->key, 0, sizeof(p->key));
	p->key.in_port = p->key.in_phy_port = htonl(1);
}

static inline void arrive(struct desk *d, unsigned i, const struct frame *f)
{
	memcpy(d->frame[i].bytes, f->bytes, LEN); // actions write on it
	d->frame[i].len = LEN;
	d->pkt[i] = (struct ft_packet){.pkt = frame_packet(&d->frame[i])};
	key_init(&d->pkt[i]);
}

static inline void ask_tables(struct desk *d, const struct frame frames[], unsigned n)
{
	struct ft_packet *all[FT_BURST] = {NULL};

	for (unsigned i = 0; i < n; i++) {
		arrive(d, i, &frames[i]);
		all[i] = &d->pkt[i];
	}
	ft_switch_process(d->w->sw, 0, d->w->now, all, n, &d->sink);
}

// Which changes nothing but that the keys are extracted.
static inline void look_ahead(struct desk *d, struct ft_packet *const pkts[], unsigned n)
{
	struct ft_switch *sws[FT_BURST];

	for (unsigned i = 0; i < n; i++)
		sws[i] = d->w->sw;
	ft_look_ahead(sws, pkts, n, 0, false);
}

// As a worker does it.
static inline void ask_cache(struct desk *d, const struct frame frames[], unsigned n)
{
	const struct ft_path *path[FT_BURST] = {NULL};
	struct ft_arrival a[FT_BURST] = {{0}};
	struct ft_trace *trace[FT_BURST];
	struct ft_packet *left[FT_BURST];
	unsigned n_left = 0;
	bool ahead = rng() % 2;

	for (unsigned i = 0; i < n; i++) {
		arrive(d, i, &frames[i]);
		a[i] = (struct ft_arrival){.data = d->frame[i].bytes,
			.front = ft_switch_front(d->w->sw),
			.len = LEN,
			.total_len = LEN,
			.from = {.sw_number = ft_switch_number(d->w->sw), .in_port = 1}};
	}
	ft_cache_lookup(d->cache, a, n, path);
	d->asked += n;
	for (unsigned i = 0; i < n; i++) {
		if (path[i]) {
			d->went[i] = path[i]->end == FT_PATH_DROP
					     ? 0
					     : *(const uint32_t *)path[i]->target;
			d->remembered++;
			continue;
		}
		trace[n_left] = ft_cache_trace(d->cache, i);
		left[n_left++] = &d->pkt[i];
	}
	if (ahead)
		look_ahead(d, left, n_left);
	ft_switch_process_traced(d->w->sw, 0, d->w->now, left, trace, n_left, ahead, &d->sink);
	ft_cache_learn(d->cache);
}

static inline void compare(struct desk *d, const struct frame frames[], unsigned n)
{
	uint32_t remembered[FT_BURST];

	ask_cache(d, frames, n);
	memcpy(remembered, d->went, sizeof(remembered));
	ask_tables(d, frames, n);
	assert_memory_equal(remembered, d->went, n * sizeof(remembered[0]));
}

static inline struct desk *desk_new(void)
{
	struct desk *d = calloc(1, sizeof(*d));
	size_t bytes = ft_cache_bytes(4096);

	assert_non_null(d);
	*d = (struct desk){.sink = {.output = sink_output, .drop = sink_drop},
		.w = world_new(1, 1000),
		.memory = aligned_alloc(64, bytes)};
	assert_non_null(d->memory);
	memset(d->memory, 0, bytes);
	d->cache = ft_cache_init(d->memory, 4096, 0, rng());
	for (unsigned i = 1; i <= PORTS; i++)
		assert_int_equal(ft_port_set(d->w->sw, &(struct ft_port){i, 0, true}), 0);
	return d;
}

static inline void desk_free(struct desk *d)
{
	world_free(d->w);
	free(d->memory);
	free(d);
}

static inline void mod(struct desk *d, uint8_t command, uint8_t table, uint16_t priority,
	const struct pattern *p, const struct program *what)
{
	struct weft_flow_mod m = flow_mod_of(command, table, priority);
	struct weft_match match = pattern_match(p);

	assert_int_equal(ft_flow_mod(d->w->sw, &m, &match, what ? &what->instr : NULL), 0);
}

static inline void known(struct desk *d, const struct frame frames[], unsigned n)
{
	uint64_t before;

	for (unsigned k = 0; k < 3; k++)
		compare(d, frames, n);
	before = d->remembered;
	compare(d, frames, n);
	assert_int_equal(d->remembered - before, n);
}

// ---- any rules, any changes

struct rule {
	struct pattern pattern;
	uint16_t priority; // 0: none
	uint8_t table;
};

static inline struct pattern random_pattern(uint8_t table)
{
	static const uint64_t bits[] = {1, 3, 0x8000, 0x8001, 0xffff};
	struct pattern p = {0};

	if (rng() % 6 == 0)
		pattern_exact(&p, WEFT_FIELD_IN_PORT, 1 + rng() % 2);
	if (table && rng() % 4 == 0)
		pattern_masked(&p, WEFT_FIELD_METADATA, rng(), 1 + rng() % 3);
	if (rng() % 4 == 0)
		return p;
	pattern_exact(&p, WEFT_FIELD_ETH_TYPE, 0x800);
	if (rng() % 2)
		pattern_masked(&p, WEFT_FIELD_IPV4_DST, 0x0a000000 + rng() % 8,
			0xff000000 | (uint64_t)rng() % 8);
	if (rng() % 2)
		return p;
	pattern_exact(&p, WEFT_FIELD_IP_PROTO, 17);
	pattern_masked(&p, WEFT_FIELD_UDP_DST, rng(), bits[rng() % 5]);
	return p;
}

static inline struct program random_program(uint8_t table, bool ipv4)
{
	struct program p = {0};
	unsigned how = rng() % (table ? 2 : 5);

	if (how == 1)
		program_add(&p, false, WEFT_ACTION_OUTPUT, 1 + rng() % (PORTS - 1) + 1);
	if (how == 4)
		program_resubmit(&p, false, 1 + rng() % 2, 1);
	if (how != 2 && how != 3)
		return p;
	p.instr.flags |= WEFT_INSTR_GOTO;
	p.instr.goto_table = 1;
	p.instr.metadata_mask = weft_htonll(3);
	p.instr.metadata = weft_htonll(rng() % 4);
	if (ipv4 && rng() % 2)
		program_set(&p, false, WEFT_FIELD_IPV4_DST, 0x0a000000 + rng() % 8);
	return p;
}

static inline void random_change(struct desk *d, struct rule *r)
{
	struct program p;

	if (r->priority) {
		mod(d, WEFT_FLOW_DELETE_STRICT, r->table, r->priority, &r->pattern, NULL);
		r->priority = 0;
		return;
	}
	r->table = (uint8_t)(rng() % 2);
	r->pattern = random_pattern(r->table);
	// Which of two equal ones matches is nobody's promise.
	r->priority = (uint16_t)(1 + rng() % 256 * 256 + rng() % 255);
	p = random_program(r->table, r->pattern.mask.eth_type != 0);
	mod(d, WEFT_FLOW_ADD, r->table, r->priority, &r->pattern, &p);
}

static inline bool taken(const struct rule rules[], const struct rule *r)
{
	for (unsigned i = 0; i < RULES; i++)
		if (&rules[i] != r && rules[i].priority == r->priority)
			return true;
	return false;
}

// One at a time, or many in one transaction: some go and some come, a few of them for nothing.
static inline void random_changes(struct desk *d, struct rule rules[])
{
	unsigned n = rng() % 8 ? 1 : 2 + rng() % 60;

	assert_true(n == 1 || ft_txn_begin(d->w->sw));
	for (unsigned i = 0; i < n; i++) {
		struct rule *r = &rules[rng() % RULES];

		random_change(d, r);
		if (r->priority && taken(rules, r))
			random_change(d, r);
	}
	if (n > 1)
		ft_txn_commit(d->w->sw);
}

static inline void change_once(struct desk *d, const struct pattern *p, const struct program *what)
{
	mod(d, WEFT_FLOW_ADD, 0, 9, p, what);
	mod(d, WEFT_FLOW_DELETE_STRICT, 0, 9, p, NULL);
}

// SPDX-License-Identifier: Apache-2.0
#pragma once
// Two switches that get the same, one with a flow cache before it and one without, for tests that
// the cache changes nothing. Each has its books; what is sent and what dies is kept with the rule
// whose doing it was, and compared, as are all counters in the end.

#include "nx_build.h"
#include "sink.h"

#include "flowtable/cache/cache.h"
#include "flowtable/packet/extract.h"
#include "flowtable/fdb.h"
#include "flowtable/classifier/lookup.h"
#include "flowtable/cache/trace.h"

enum {
	PORTS = 5,
	GROUPS = 4,
	MACS = 6,
	POOL = 120,
	LONGEST = 1200 // of a frame on a remembered way
};

// The port that is a tunnel: a tenant's, whose network is one, or a provider's, of several
// networks.
static uint32_t tunnel = WEFT_OFPORT_OVERLAY;

static weft_be32 dead_vtep;

// An output as the sink of a data plane would have it, kept apart by port and VTEP.
struct target {
	uint32_t port;
	weft_be32 tun_dst;
};

struct twin {
	struct world *w;
	struct books *b;
	struct ft_cache *cache; // NULL: the side without
	void *memory;
	unsigned hits;
	unsigned derived;                   // of those
	unsigned steps[FT_STEP_LENGTH + 1]; // of each type, on known ways
};

static struct twin *counting; // the side with a cache

static struct target targets[64];
static unsigned n_targets;

static const struct target *target_of(uint32_t port, weft_be32 tun_dst)
{
	unsigned i = 0;

	while (i < n_targets && (targets[i].port != port || targets[i].tun_dst != tun_dst))
		i++;
	assert_true(i < 64);
	if (i == n_targets)
		targets[n_targets++] = (struct target){port, tun_dst};
	return &targets[i];
}

// Whose doing it was goes into what is compared, and which of the packet's outputs it is.
static inline void blame(
	struct books *b, unsigned number, const struct ft_rule *rule, uint8_t table)
{
	struct sent *s = &b->sent[b->n - 1];

	s->in.cookie = rule ? rule->cookie : UINT64_MAX;
	s->in.table = table;
	s->packet = number;
	for (unsigned i = b->n - 1; i && !s->nth; i--)
		if (b->sent[i - 1].packet == number)
			s->nth = b->sent[i - 1].nth + 1;
}

static inline void send_to(struct books *b, struct ft_packet *p, const struct target *t,
	uint32_t network, unsigned flags)
{
	const struct ft_rule *rule = p->rule;
	uint8_t table = p->table;
	unsigned number = box_of(p)->number;

	books_output(&b->sink, p, t->port, flags);
	b->sent[b->n - 1].tun_dst = t->tun_dst;
	b->sent[b->n - 1].network = network;
	blame(b, number, rule, table);
}

static inline void sink_output(
	struct ft_sink *sink, struct ft_packet *p, uint32_t port, unsigned flags)
{
	const struct target *t = target_of(port, port == tunnel ? p->key.tun_dst : 0);
	uint32_t network = port == WEFT_OFPORT_VXLAN ? (uint32_t)weft_ntohll(p->key.tunnel_id) : 0;

	ft_trace_network(p, network);
	ft_trace_target(p, t, LONGEST, 7);
	send_to(books_of(sink), p, t, network, flags);
}

static inline void sink_again(
	struct ft_sink *sink, struct ft_packet *p, const struct ft_step *s, unsigned flags)
{
	assert_int_equal(s->flags, 7);
	send_to(books_of(sink), p, s->what, s->network, flags);
}

static inline void sink_drop(struct ft_sink *sink, struct ft_packet *p, enum weft_drop why)
{
	struct books *b = books_of(sink);
	struct sent *s = books_send(b, p);

	memset(s->bytes, 0, sizeof(s->bytes)); // nobody sees them any more
	s->len = 0;
	s->kind = (enum sent_kind)2;
	s->port = why;
	blame(b, box_of(p)->number, p->rule, p->table);
	books_drop(sink, p, why);
}

// All that it has counted is told, as at the end of a grace period.
static inline void twin_fold(struct twin *s)
{
	while (s->cache && ft_cache_fold(s->cache))
		;
}

static inline void twin_count(void *ctx)
{
	twin_fold(counting);
}

static inline void go_path(struct twin *s, const struct ft_path *path, struct ft_packet *p)
{
	uint32_t came = p->pkt.total_len;

	s->hits++;
	for (unsigned i = 0; i < path->steps; i++)
		s->steps[ft_path_step(path, i)->type]++;
	if (path->steps && !ft_path_run(path, 0, s->w->now, p, &s->b->sink))
		return;
	ft_cache_count(s->cache, path, 1, came, s->w->now);
	p->rule = path->rule;
	p->table = path->table;
	if (path->end == FT_PATH_DROP) {
		sink_drop(&s->b->sink, p, (enum weft_drop)path->why);
		return;
	}
	assert_int_equal(path->flags, 7);
	send_to(s->b, p, path->target, path->network, 0);
}

// Those of `which` that a path does for; the bits of the others.
static inline uint64_t go_paths(struct twin *s, const struct ft_path *const path[],
	struct ft_packet *pkts[], unsigned n, uint64_t which)
{
	uint64_t left = 0;

	for (unsigned i = 0; i < n; i++) {
		if (!(which >> i & 1))
			assert_null(path[i]);
		else if (path[i] &&
			 ft_path_fits(path[i], pkts[i]->pkt.total_len, pkts[i]->pkt.headroom))
			go_path(s, path[i], pkts[i]);
		else
			left |= 1ull << i;
	}
	return left;
}

static inline struct ft_packet *copy_of(void *ctx, unsigned i)
{
	return &((struct ft_packet *)ctx)[i];
}

// Then all of those that are left have keys, or none of them has.
static inline uint64_t derive(struct twin *s, const struct ft_arrival a[], unsigned n,
	uint64_t left, struct ft_packet *pkts[], const struct ft_path *path[], bool *extracted)
{
	struct ft_packet copy[FT_BURST];
	unsigned before = s->hits;
	struct ft_derived d;

	for (uint64_t to = left; to; to &= to - 1)
		copy[__builtin_ctzll(to)] = *pkts[__builtin_ctzll(to)];
	d = ft_cache_derive(s->cache, a, n, left, copy_of, copy, path);
	for (uint64_t to = d.filled; to; to &= to - 1)
		*pkts[__builtin_ctzll(to)] = copy[__builtin_ctzll(to)];
	left = go_paths(s, path, pkts, n, left);
	s->derived += s->hits - before;
	*extracted = d.filled & left;
	for (uint64_t to = left & ~d.filled; *extracted && to; to &= to - 1) {
		struct ft_packet *p = pkts[__builtin_ctzll(to)];

		ft_extract(&p->pkt, &p->key);
	}
	return left;
}

static inline void cached_burst(struct twin *s, struct ft_packet *pkts[], unsigned n)
{
	const struct ft_path *path[FT_BURST];
	struct ft_arrival a[FT_BURST] = {{0}};
	struct ft_tunnel from[FT_BURST];
	struct ft_trace *trace[FT_BURST];
	struct ft_packet *left[FT_BURST];
	uint8_t *exact[FT_BURST];
	unsigned n_left = 0;
	bool extracted = false;
	uint64_t more;

	for (unsigned i = 0; i < n; i++) {
		exact[i] = malloc(pkts[i]->pkt.len); // nothing may be read behind it
		assert_non_null(exact[i]);
		memcpy(exact[i], pkts[i]->pkt.data, pkts[i]->pkt.len);
		a[i] = (struct ft_arrival){
			.data = exact[i],
			.front = ft_switch_front(s->w->sw),
			.len = pkts[i]->pkt.len,
			.total_len = pkts[i]->pkt.total_len,
			.from = {ft_switch_number(s->w->sw), ntohl(pkts[i]->key.in_port),
				pkts[i]->key.tun_src, pkts[i]->key.tun_dst},
		};
		if (!pkts[i]->key.tunnel_id)
			continue;
		from[i] = (struct ft_tunnel){.id = pkts[i]->key.tunnel_id};
		memcpy(from[i].src.b, pkts[i]->key.tun_ipv6_src, 16);
		memcpy(from[i].dst.b, pkts[i]->key.tun_ipv6_dst, 16);
		a[i].tunnel = &from[i];
	}
	s->derived += (unsigned)__builtin_popcountll(ft_cache_find(s->cache, a, n, path));
	more = go_paths(s, path, pkts, n, ~0ull >> (64 - n));
	if (more && ft_cache_may_derive(a, more))
		more = derive(s, a, n, more, pkts, path, &extracted);
	for (unsigned i = 0; i < n; i++) {
		free(exact[i]);
		if (!(more >> i & 1))
			continue;
		trace[n_left] = ft_cache_trace(s->cache, i);
		left[n_left++] = pkts[i];
	}
	ft_switch_process_traced(
		s->w->sw, 0, s->w->now, left, trace, n_left, extracted, &s->b->sink);
	ft_cache_learn(s->cache);
}

static inline void flow_mod_flags(struct twin s[2], uint8_t command, uint8_t table,
	uint16_t priority, const struct pattern *pattern, const struct program *p, uint64_t cookie,
	uint16_t flags)
{
	struct weft_flow_mod mod = flow_mod_of(command, table, priority);
	struct weft_match match = pattern_match(pattern);

	mod.cookie = cookie;
	mod.flags = flags;
	if (command == WEFT_FLOW_ADD)
		mod.idle_timeout = cookie % 8 == 0;
	assert_int_equal(ft_flow_mod(s[0].w->sw, &mod, &match, &p->instr),
		ft_flow_mod(s[1].w->sw, &mod, &match, &p->instr));
}

static inline void flow_mod(struct twin s[2], uint8_t command, uint8_t table, uint16_t priority,
	const struct pattern *pattern, const struct program *p, uint64_t cookie)
{
	flow_mod_flags(s, command, table, priority, pattern, p, cookie,
		command == WEFT_FLOW_ADD ? WEFT_FLOW_SEND_REMOVED : 0);
}

// ---- comparing

static inline int by_packet(const void *a, const void *b)
{
	const struct sent *x = *(struct sent *const *)a, *y = *(struct sent *const *)b;

	if (x->packet != y->packet)
		return x->packet < y->packet ? -1 : 1;
	if (x->nth != y->nth)
		return x->nth < y->nth ? -1 : 1;
	return memcmp(x, y, sizeof(*x));
}

// The caller frees.
static inline struct sent **sorted(const struct books *b)
{
	struct sent **sent = calloc(b->n + 1, sizeof(struct sent *));

	assert_non_null(sent);
	for (unsigned i = 0; i < b->n; i++)
		sent[i] = &b->sent[i];
	qsort(sent, b->n, sizeof(struct sent *), by_packet);
	return sent;
}

// The same of each packet in the same order.
static inline void compare_sent(const struct books *a, const struct books *b)
{
	struct sent **x = sorted(a), **y = sorted(b);

	assert_int_equal(a->n, b->n);
	assert_int_equal(a->learns, b->learns);
	assert_int_equal(a->finals, a->received + a->clones);
	assert_int_equal(b->finals, b->received + b->clones);
	for (unsigned i = 0; i < a->n; i++)
		if (memcmp(x[i], y[i], sizeof(struct sent)))
			assert_memory_equal(x[i], y[i], sizeof(struct sent));
	free(x);
	free(y);
}

struct told_all {
	unsigned n;
	struct weft_flow_stats stats[4096];
};

static inline void tell(void *arg, const struct weft_flow_stats *s, const struct weft_match *m,
	const struct weft_instructions *i)
{
	struct told_all *t = arg;

	assert_true(t->n < 4096);
	t->stats[t->n++] = *s;
}

static inline void tell_fdb(void *arg, const struct weft_ipc_fdb *f)
{
	*(uint64_t *)arg += (uint64_t)f->age_s * 1000 + f->ofport + f->mac.b[5];
}

// Of all that is told, a sum in which every part counts.
static inline void add_up(uint64_t *sum, const void *data, size_t len)
{
	for (size_t i = 0; i < len; i++)
		*sum = (*sum ^ ((const uint8_t *)data)[i]) * 0x100000001b3;
}

static inline void tell_group(void *arg, const struct weft_group_stats *g, const void *buckets,
	const struct weft_bucket_counters *c)
{
	add_up(arg, g, sizeof(*g));
	add_up(arg, c, g->group.bucket_count * sizeof(*c));
}

static inline void tell_meter(void *arg, const struct weft_meter_stats *m,
	const struct weft_band *bands, const struct weft_bucket_counters *c)
{
	add_up(arg, m, sizeof(*m));
	add_up(arg, c, m->meter.band_count * sizeof(*c));
}

// The order in which rules are told and go is nobody's promise, and may differ from one to the
// other.
static inline int stats_by_content(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct weft_flow_stats));
}

static inline int told_by_content(const void *a, const void *b)
{
	return stats_by_content(&((const struct told *)a)->stats, &((const struct told *)b)->stats);
}

// What was told as removed, with its last counts.
static inline void compare_removed(struct twin s[2])
{
	struct world *w[2] = {s[0].w, s[1].w};
	size_t n = w[0]->told_n;

	assert_int_equal(n, w[1]->told_n);
	for (unsigned i = 0; n && i < 2; i++)
		qsort(w[i]->told, n, sizeof(w[i]->told[0]), told_by_content);
	for (size_t i = 0; i < n; i++)
		assert_memory_equal(
			&w[0]->told[i].stats, &w[1]->told[i].stats, sizeof(w[0]->told[i].stats));
}

static inline void compare_state(struct twin s[2])
{
	static struct told_all told[2];
	static struct weft_table_stats tables[2][WEFT_TABLES];
	struct weft_flow_filter all = filter_all();
	struct weft_match any = {0};
	unsigned n[2];
	uint64_t fdb[2] = {0}, groups[2] = {0}, meters[2] = {0};

	twin_fold(&s[0]);
	compare_removed(s);
	for (unsigned i = 0; i < 2; i++) {
		struct ft_flow_walk *walk = ft_flow_walk_new(s[i].w->sw, &all, &any);

		told[i].n = 0;
		while (ft_flow_walk_next(walk, 64, tell, &told[i]))
			;
		ft_flow_walk_free(walk);
		qsort(told[i].stats, told[i].n, sizeof(told[i].stats[0]), stats_by_content);
		n[i] = ft_table_stats(s[i].w->sw, tables[i]);
		ft_fdb_walk(s[i].w->sw, tell_fdb, &fdb[i]);
		ft_groups(s[i].w->sw, WEFT_GROUP_ALL, tell_group, &groups[i]);
		ft_meters(s[i].w->sw, WEFT_METER_ALL, tell_meter, &meters[i]);
	}
	assert_int_equal(told[0].n, told[1].n);
	for (unsigned i = 0; i < told[0].n; i++)
		assert_memory_equal(&told[0].stats[i], &told[1].stats[i], sizeof(told[0].stats[i]));
	assert_int_equal(n[0], n[1]);
	assert_memory_equal(tables[0], tables[1], n[0] * sizeof(tables[0][0]));
	assert_int_equal(fdb[0], fdb[1]);
	assert_int_equal(groups[0], groups[1]);
	assert_int_equal(meters[0], meters[1]);
}

// ---- its life

// The first drops, the second remarks.
static inline void twin_meters(struct twin *s)
{
	for (uint32_t id = 1; id <= 2; id++) {
		struct weft_meter_mod meter = {id, WEFT_METER_KBPS, WEFT_METER_ADD, 1};
		struct weft_band band = {.rate = 1,
			.type = id == 1 ? WEFT_BAND_DROP : WEFT_BAND_DSCP_REMARK,
			.prec_level = 1};

		assert_int_equal(ft_meter_mod(s->w->sw, &meter, &band), 0);
	}
}

static inline bool vtep_live(void *ctx, void *sw_ctx, const struct weft_ip *vtep)
{
	return weft_ip_v4(vtep) != dead_vtep;
}

// flows 0: without a cache.
static inline void twin_init(struct twin *s, unsigned flows, uint64_t seed)
{
	rng_state = seed; // both switches have the same seed
	*s = (struct twin){.w = world_new(1, 3000), .b = books_new()};
	s->w->deferred = true;
	s->b->sink.output = sink_output;
	s->b->sink.drop = sink_drop;
	s->b->sink.again = sink_again;
	if (tunnel == WEFT_OFPORT_OVERLAY)
		ft_switch_set_network(s->w->sw, 77);
	else
		ft_port_set(s->w->sw, &(struct ft_port){tunnel, 0, true});
	s->w->sw->env.vtep_live = vtep_live;
	twin_meters(s);
	if (!flows)
		return;
	s->memory = aligned_alloc(64, (ft_cache_bytes(flows) + 63) & ~(size_t)63);
	assert_non_null(s->memory);
	memset(s->memory, 0, ft_cache_bytes(flows));
	s->cache = ft_cache_init(s->memory, flows, 0, rng());
	counting = s;
	s->w->sw->env.count = twin_count;
}

static inline void twin_end(struct twin *s)
{
	books_free(s->b);
	twin_fold(s);
	world_free(s->w);
	free(s->memory);
}

static inline void twins_end(struct twin s[2])
{
	twin_end(&s[0]);
	twin_end(&s[1]);
}

// SPDX-License-Identifier: Apache-2.0
// Cycles of the time-stamp counter per packet of what lies between decapsulation and the tx buffer:
// the flow cache, the tables, what is recorded. The frames are in the core's own caches.
//
// Bursts of 32; the median of the bursts is printed, with the fastest beside it. Rules and flows
// follow from a seed that is the same every time.

#include "bench/clock.h"
#include "bench/help.h"
#include "bench/one_rule.h"
#include "bench/site.h"
#include "flowtable/cache/ahead.h"
#include "flowtable/cache/cache.h"
#include "flowtable/flowtable.h"
#include "flowtable/cache/trace.h"

#include <stdio.h>
#include <stdlib.h>

static const char usage[] =
	"usage: bench-pipeline [RULES...]\n"
	"Cycles a packet of what lies between decapsulation and the tx buffer.\n"
	"\n"
	"RULES, all of them if none is named:\n"
	"  'one rule'       what comes in goes out\n"
	"  'three tables'   admission, 1,000 security rules of 90 shapes, forwarding by MAC\n"
	"  '1,000 tenants'  each with three tables and 100 rules; a burst is of any of them\n"
	"  'large tenants'  a hundred of 1,000 rules each, likewise\n"
	"\n"
	"Of each:\n"
	"  known            1,000 flows that the cache has\n"
	"  new              every packet a five-tuple that was never seen; 'derived' are those\n"
	"                   whose way others went before them\n"
	"  no cache         every packet through the tables\n";

enum {
	BURST = 32,
	ROUNDS = 16384,
	WARM = 32768,
	FEW = 1000, // flows that are known
	CACHED = 1 << 18,
	FOLD = 1024, // bursts from one telling of the counters to the next
};

struct bench {
	struct ft_sink sink; // first
	struct ft_switch *sw[TENANTS];
	unsigned tenants;
	struct ft_cache *cache;
	struct ft_ahead ahead;
	uint16_t tenant[BURST]; // of a packet
	uint64_t sent, hits, derived;
	unsigned bursts;
	struct ft_packet pkt[BURST];
	uint8_t frame[BURST][128 + LEN];
};

// ---- rules

static void add_by_mac(struct ft_switch *sw)
{
	struct weft_flow_key value = {.eth_dst = {{2, 0, 0, 0, 0, 2}}}, mask = {0};

	memset(&mask.eth_dst, 0xff, 6);
	add_rule(sw, 2, 1, &value, &mask, 0);
}

static unsigned filters_of(unsigned tenants)
{
	return tenants == TENANTS ? FILTERS_EACH : FILTERS;
}

static void add_filters(struct ft_switch *sw, unsigned tenant, unsigned tenants)
{
	struct weft_flow_key value, mask, none = {0};

	for (unsigned i = 0; i < filters_of(tenants); i++) {
		make_filter(i * tenants + tenant, tenants, &value, &mask);
		add_rule(sw, 1, (uint16_t)(10 + random32() % FILTERS), &value, &mask, 2);
	}
	add_rule(sw, 1, 0, &none, &none, 2);
}

static struct ft_switch *make_switch(bool three, unsigned tenant, unsigned tenants)
{
	struct ft_switch *sw = still_switch(10000);

	make_site();
	add_filters(sw, tenant, tenants); // flows are made by them, too
	if (three)
		add_by_mac(sw);
	add_rule_of_port(sw, three);
	while (ft_settle(sw) || ft_settle(sw))
		;
	ft_settle_gist(sw);
	while (ft_settle_more(sw))
		;
	return sw;
}

// ---- packets

static void arrive(struct bench *b, unsigned i, const struct flow *f)
{
	struct ft_packet *p = &b->pkt[i];
	uint8_t *frame = b->frame[i] + 128;

	b->tenant[i] = f->tenant;
	put_frame(frame, f);
	p->pkt = (struct weft_packet){.data = frame, .len = LEN, .total_len = LEN, .headroom = 128};
}

static void sink_output(struct ft_sink *sink, struct ft_packet *p, uint32_t port, unsigned flags)
{
	struct bench *b = (struct bench *)sink;

	ft_trace_target(p, b, LEN, 0);
	b->sent++;
}

static void sink_drop(struct ft_sink *sink, struct ft_packet *p, enum weft_drop why)
{
	fprintf(stderr, "unexpected drop %d\n", why);
	exit(1);
}

static void fill(struct ft_packet *p)
{
	memset(&p->key, 0, sizeof(p->key));
	p->key.in_port = p->key.in_phy_port = htonl(1);
}

// Those that `left` has a bit of and that are for the first one's tenant; returns the others.
static uint64_t tables(struct bench *b, uint64_t left, bool extracted)
{
	unsigned tenant = b->tenant[__builtin_ctzll(left)], n = 0;
	struct ft_trace *trace[BURST];
	struct ft_packet *p[BURST];
	uint64_t others = 0;

	for (; left; left &= left - 1) {
		unsigned i = (unsigned)__builtin_ctzll(left);

		if (b->tenant[i] != tenant) {
			others |= left & -left;
			continue;
		}
		if (!extracted)
			fill(&b->pkt[i]);
		trace[n] = b->cache ? ft_cache_trace(b->cache, i) : NULL;
		p[n++] = &b->pkt[i];
	}
	ft_switch_process_traced(b->sw[tenant], 0, 1, p, trace, n, extracted, &b->sink);
	return others;
}

static void look_ahead(struct bench *b, uint64_t left, bool extracted)
{
	struct ft_switch *sws[BURST];
	struct ft_packet *p[BURST];
	unsigned n = 0;

	for (; left; left &= left - 1, n++) {
		unsigned i = (unsigned)__builtin_ctzll(left);

		if (!extracted)
			fill(&b->pkt[i]);
		sws[n] = b->sw[b->tenant[i]];
		p[n] = &b->pkt[i];
	}
	ft_look_ahead(sws, p, n, 0, extracted);
}

static void count(struct bench *b, const struct ft_path *const path[])
{
	for (unsigned i = 0; i < BURST; i++)
		if (path[i]) {
			ft_cache_count(b->cache, path[i], 1, LEN, 1);
			b->sent++;
		}
}

static struct ft_packet *filled(void *ctx, unsigned i)
{
	struct bench *b = ctx;

	fill(&b->pkt[i]);
	return &b->pkt[i];
}

// Those that are left still. All frames are plain, so nobody's key is there then.
static uint64_t derive(
	struct bench *b, const struct ft_arrival a[], uint64_t left, const struct ft_path *path[])
{
	if (ft_cache_derive(b->cache, a, BURST, left, filled, b, path).filled)
		exit(1);
	count(b, path);
	for (unsigned i = 0; i < BURST; i++)
		if (path[i]) {
			left &= ~(1ull << i);
			b->derived++;
		}
	return left;
}

// As the data plane's worker does it, without the frames' way in and out.
static void run(struct bench *b)
{
	const struct ft_path *path[BURST] = {NULL};
	struct ft_arrival a[BURST];
	bool extracted = false;
	unsigned by_way = 0;
	uint64_t left = 0;

	for (unsigned i = 0; i < BURST; i++)
		a[i] = (struct ft_arrival){.data = b->pkt[i].pkt.data,
			.front = ft_switch_front(b->sw[b->tenant[i]]),
			.len = LEN,
			.total_len = LEN,
			.from = {1 + b->tenant[i], 1, 0, 0}};
	if (b->cache)
		by_way = (unsigned)__builtin_popcountll(ft_cache_find(b->cache, a, BURST, path));
	count(b, path);
	for (unsigned i = 0; i < BURST; i++)
		left |= (uint64_t)!path[i] << i;
	b->derived += by_way;
	b->hits += BURST - by_way - (unsigned)__builtin_popcountll(left);
	if (b->cache && ++b->bursts % FOLD == 0)
		while (ft_cache_fold(b->cache))
			;
	if (left && b->cache && ft_cache_may_derive(a, left))
		left = derive(b, a, left, path);
	if (!left)
		return;
	if (ft_ahead_pays(&b->ahead, a, left)) {
		look_ahead(b, left, extracted);
		extracted = true;
	}
	while (left)
		left = tables(b, left, extracted);
	if (b->cache)
		ft_cache_learn(b->cache);
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

// Of a filter that leaves open what makes it new.
static struct flow new_flow(void)
{
	struct flow f = site_pool[random32() % POOL];

	while ((f.src_open | f.dst_open) < 0xffff)
		f = site_pool[random32() % POOL];
	f.src ^= random32() & f.src_open;
	f.dst ^= random32() & f.dst_open;
	f.sport = (uint16_t)random32();
	return f;
}

static void measure(struct bench *b, const char *rules, const char *traffic, bool all_new)
{
	static double bursts[ROUNDS];
	unsigned at = 0;

	for (unsigned n = 0; n < WARM + ROUNDS; n++) {
		for (unsigned i = 0; i < BURST; i++, at++) {
			struct flow f = all_new ? new_flow() : site_pool[at % FEW];

			arrive(b, i, &f);
		}
		if (n == WARM)
			b->sent = b->hits = b->derived = 0;
		uint64_t start = now();
		run(b);
		if (n >= WARM)
			bursts[n - WARM] = (double)(now() - start) / BURST;
	}
	qsort(bursts, ROUNDS, sizeof(bursts[0]), by_value);
	printf("%-13s %-9s %7.1f " UNIT
	       "/packet (fastest %.1f), %.0f %% remembered, %.0f %% derived\n",
		rules, traffic, bursts[ROUNDS / 2], bursts[0],
		100.0 * (double)b->hits / (double)b->sent,
		100.0 * (double)b->derived / (double)b->sent);
}

static void measure_rules(struct bench *b, const char *rules, bool three, unsigned tenants)
{
	size_t bytes = ft_cache_bytes(CACHED);
	void *memory = aligned_alloc(64, (bytes + 63) & ~(size_t)63);

	if (!memory)
		exit(1);
	memset(memory, 0, bytes);
	random_state = 42;
	b->tenants = tenants;
	for (unsigned i = 0; i < tenants; i++)
		b->sw[i] = make_switch(three, i, tenants);
	b->cache = NULL;
	measure(b, rules, "no cache", true);
	b->cache = ft_cache_init(memory, CACHED, 0, 7);
	measure(b, rules, "known", false);
	measure(b, rules, "new", true);
	for (unsigned i = 0; i < tenants; i++)
		ft_switch_free(b->sw[i]);
	free(memory);
}

static int times_named(int argc, char **argv, const char *name)
{
	int n = 0;

	for (int a = 1; a < argc; a++)
		n += !strcmp(argv[a], name);
	return n;
}

int main(int argc, char *argv[])
{
	static struct bench b = {.sink = {.output = sink_output, .drop = sink_drop}};
	static const struct {
		const char *name;
		unsigned tenants;
		bool three;
	} rules[] = {{"one rule", 1, false}, {"three tables", 1, true},
		{"1,000 tenants", TENANTS, true}, {"large tenants", LARGE_TENANTS, true}};
	int known = 0;

	help_if_asked(argc, argv, usage);
	for (unsigned i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
		known += times_named(argc, argv, rules[i].name);
	if (known != argc - 1)
		wrong_call(usage);
	for (unsigned i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
		if (argc == 1 || times_named(argc, argv, rules[i].name))
			measure_rules(&b, rules[i].name, rules[i].three, rules[i].tenants);
	return 0;
}

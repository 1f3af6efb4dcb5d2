// SPDX-License-Identifier: Apache-2.0
// Rules come and go while flows are known: a remembered way may outlive a change (history.h) only
// if no packet that goes it could meet the change. So after each change every packet is asked for
// twice, of the cache and of the tables.
//
// The rules look at few bits of few fields, and at other bits every now and then: so that packets
// share ways, and prints, that a moment later they must not share any more.

#include "nx_build.h"
#include "frames.h"

#include "flowtable/ahead.h"
#include "flowtable/cache.h"
#include "flowtable/trace.h"

enum {
	FRAMES = 48,
	PORTS = 4,
	LEN = 64,
	RULES = 24,
	STEPS = 30000,
	MANY = 100,
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

static void udp_frame(struct frame *f, unsigned dst, unsigned dport)
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

static void went(struct ft_sink *sink, struct ft_packet *p, uint32_t port)
{
	struct desk *d = (struct desk *)sink;

	d->went[p - d->pkt] = port;
}

static void sink_output(struct ft_sink *sink, struct ft_packet *p, uint32_t port, unsigned flags)
{
	ft_trace_target(p, &ports[port], LEN, 0);
	went(sink, p, port);
}

static void sink_drop(struct ft_sink *sink, struct ft_packet *p, enum weft_drop why)
{
	went(sink, p, 0);
}

static void key_init(struct ft_packet *p)
{
	memset(&p->key, 0, sizeof(p->key));
	p->key.in_port = p->key.in_phy_port = htonl(1);
}

static void arrive(struct desk *d, unsigned i, const struct frame *f)
{
	memcpy(d->frame[i].bytes, f->bytes, LEN); // actions write on it
	d->frame[i].len = LEN;
	d->pkt[i] = (struct ft_packet){.pkt = frame_packet(&d->frame[i])};
	key_init(&d->pkt[i]);
}

static void ask_tables(struct desk *d, const struct frame frames[], unsigned n)
{
	struct ft_packet *all[FT_BURST] = {NULL};

	for (unsigned i = 0; i < n; i++) {
		arrive(d, i, &frames[i]);
		all[i] = &d->pkt[i];
	}
	ft_switch_process(d->w->sw, 0, d->w->now, all, n, &d->sink);
}

// Which changes nothing but that the keys are extracted.
static void look_ahead(struct desk *d, struct ft_packet *const pkts[], unsigned n)
{
	struct ft_switch *sws[FT_BURST];

	for (unsigned i = 0; i < n; i++)
		sws[i] = d->w->sw;
	ft_look_ahead(sws, pkts, n, 0, false);
}

// As a worker does it.
static void ask_cache(struct desk *d, const struct frame frames[], unsigned n)
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

static void compare(struct desk *d, const struct frame frames[], unsigned n)
{
	uint32_t remembered[FT_BURST];

	ask_cache(d, frames, n);
	memcpy(remembered, d->went, sizeof(remembered));
	ask_tables(d, frames, n);
	assert_memory_equal(remembered, d->went, n * sizeof(remembered[0]));
}

static struct desk *desk_new(void)
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

static void desk_free(struct desk *d)
{
	world_free(d->w);
	free(d->memory);
	free(d);
}

static void mod(struct desk *d, uint8_t command, uint8_t table, uint16_t priority,
	const struct pattern *p, const struct program *what)
{
	struct weft_flow_mod m = flow_mod_of(command, table, priority);
	struct weft_match match = pattern_match(p);

	assert_int_equal(ft_flow_mod(d->w->sw, &m, &match, what ? &what->instr : NULL), 0);
}

static void known(struct desk *d, const struct frame frames[], unsigned n)
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

static struct pattern random_pattern(uint8_t table)
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

static struct program random_program(uint8_t table, bool ipv4)
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

static void random_change(struct desk *d, struct rule *r)
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

static bool taken(const struct rule rules[], const struct rule *r)
{
	for (unsigned i = 0; i < RULES; i++)
		if (&rules[i] != r && rules[i].priority == r->priority)
			return true;
	return false;
}

// One at a time, or many in one transaction: some go and some come, a few of them for nothing.
static void random_changes(struct desk *d, struct rule rules[])
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

static void no_change_is_missed(void **state)
{
	struct rule rules[RULES] = {{.priority = 0}};
	struct desk *d = desk_new();

	d->w->deferred = true;
	for (unsigned i = 0; i < FRAMES; i++)
		udp_frame(&pool[i], rng() % 8, (rng() % 2 ? 0x8000 : 0) | rng() % 4);
	for (unsigned n = 0; n < STEPS; n++) {
		random_changes(d, rules);
		if (rng() % 2 == 0)
			world_grace(d->w);
		if (rng() % 8 == 0)
			ft_settle(d->w->sw);
		for (unsigned k = rng() % 3; k; k--)
			compare(d, pool, FRAMES);
	}
	printf("%llu of %llu packets remembered\n", (unsigned long long)d->remembered,
		(unsigned long long)d->asked);
	assert_true(d->remembered > d->asked / 4);
	desk_free(d);
}

// ---- what each of the comparisons is for

static void change_once(struct desk *d, const struct pattern *p, const struct program *what)
{
	mod(d, WEFT_FLOW_ADD, 0, 9, p, what);
	mod(d, WEFT_FLOW_DELETE_STRICT, 0, 9, p, NULL);
}

// Before packets have come, and between the first changes that concern them, there is none.
static void a_ring_is_made_when_it_is_missed(void **state)
{
	struct desk *d = desk_new();
	struct program out = program_out(2);
	struct pattern any = {0}, stays = {0}, other = {0};
	uint64_t before;

	udp_frame(&pool[0], 1, 1);
	pattern_exact(&stays, WEFT_FIELD_ETH_TYPE, 0x800);
	pattern_exact(&other, WEFT_FIELD_ETH_TYPE, 0x800);
	pattern_exact(&stays, WEFT_FIELD_IPV4_SRC, 0xcb007100); // so that prints know of it
	pattern_exact(&other, WEFT_FIELD_IPV4_SRC, 0xcb007101);
	mod(d, WEFT_FLOW_ADD, 0, 1, &any, &out);
	mod(d, WEFT_FLOW_ADD, 0, 1, &stays, &out);
	change_once(d, &other, &out);
	known(d, pool, 1);
	change_once(d, &other, &out);
	assert_null(atomic_load(&d->w->sw->cache.history));
	before = d->remembered;
	compare(d, pool, 1); // in vain
	assert_int_equal(d->remembered, before);
	assert_null(atomic_load(&d->w->sw->cache.history));
	known(d, pool, 1);
	change_once(d, &other, &out);
	assert_non_null(atomic_load(&d->w->sw->cache.history));
	before = d->remembered;
	compare(d, pool, 1);
	assert_int_equal(d->remembered, before + 1);
	desk_free(d);
}

// A rule for others, of no lower priority than the one that all packets meet.
static void rules_for_others_leave_ways_alone(void **state)
{
	struct desk *d = desk_new();
	struct program out = program_out(2), drop = {0};
	struct pattern any = {0}, other = {0};
	uint64_t before;

	for (unsigned i = 0; i < FRAMES; i++)
		udp_frame(&pool[i], i, i);
	pattern_exact(&other, WEFT_FIELD_ETH_TYPE, 0x800);
	pattern_exact(&other, WEFT_FIELD_IPV4_SRC, 0xcb007100);
	mod(d, WEFT_FLOW_ADD, 0, 1, &any, &out);
	mod(d, WEFT_FLOW_ADD, 0, 1, &other, &drop);
	known(d, pool, FRAMES);
	change_once(d, &other, &drop); // from here on changes are told
	known(d, pool, FRAMES);
	before = d->remembered;
	for (unsigned n = 0; n < 1000; n++) {
		struct pattern third = {0};

		pattern_exact(&third, WEFT_FIELD_ETH_TYPE, 0x800);
		pattern_exact(&third, WEFT_FIELD_IPV4_SRC, 0xcb007101 + n / 2);
		mod(d, n % 2 ? WEFT_FLOW_DELETE_STRICT : WEFT_FLOW_ADD, 0,
			(uint16_t)(1 + n / 2 % 9), &third, &drop);
		compare(d, pool, FRAMES);
	}
	assert_int_equal(d->remembered - before, 1000 * FRAMES);
	desk_free(d);
}

static void many_at_once(struct desk *d, uint8_t command, uint32_t network, uint16_t priority)
{
	struct program drop = {0};

	assert_true(ft_txn_begin(d->w->sw));
	for (unsigned n = 0; n < MANY; n++) {
		struct pattern p = {0};

		pattern_exact(&p, WEFT_FIELD_ETH_TYPE, 0x800);
		pattern_exact(&p, WEFT_FIELD_IPV4_SRC, network + n);
		mod(d, command, 0, (uint16_t)(priority + n % 3), &p, &drop);
	}
	ft_txn_commit(d->w->sw);
}

// A hundred rules come and go in a transaction each time, of a network that no packet is from.
static void many_for_others_leave_ways_alone(void **state)
{
	struct desk *d = desk_new();
	struct program out = program_out(2);
	struct pattern any = {0};
	uint64_t before;

	for (unsigned i = 0; i < FRAMES; i++)
		udp_frame(&pool[i], i, i);
	mod(d, WEFT_FLOW_ADD, 0, 1, &any, &out);
	many_at_once(d, WEFT_FLOW_ADD, 0xcb007200, 1);
	known(d, pool, FRAMES);
	many_at_once(d, WEFT_FLOW_ADD, 0xcb007300, 1); // from here on changes are told
	known(d, pool, FRAMES);
	before = d->remembered;
	for (unsigned n = 0; n < 100; n++) {
		many_at_once(d, n % 2 ? WEFT_FLOW_DELETE_STRICT : WEFT_FLOW_ADD, 0xcb007100, 1);
		compare(d, pool, FRAMES);
	}
	assert_int_equal(d->remembered - before, 100 * FRAMES);
	desk_free(d);
}

// One of the hundred is for the packets; and then it goes with the others.
static void one_of_many_is_not_missed(void **state)
{
	struct desk *d = desk_new();
	struct program out = program_out(2);
	struct pattern any = {0};

	for (unsigned i = 0; i < FRAMES; i++)
		udp_frame(&pool[i], i, i); // from 10.0.0.1
	mod(d, WEFT_FLOW_ADD, 0, 1, &any, &out);
	for (unsigned n = 0; n < 10; n++) {
		many_at_once(d, WEFT_FLOW_ADD, 0x0a000001 - n, 2);
		compare(d, pool, FRAMES);
		assert_int_equal(d->went[0], 0);
		known(d, pool, FRAMES);
		many_at_once(d, WEFT_FLOW_DELETE_STRICT, 0x0a000001 - n, 2);
		world_grace(d->w);
		compare(d, pool, FRAMES);
		assert_int_equal(d->went[0], 2);
		known(d, pool, FRAMES);
	}
	desk_free(d);
}

// Two packets of one print, for no rule asks for the bit that they differ in; then one does. A
// print is made of zeros where nothing is asked, so that it may be the same still.
static void bits_that_nobody_asked_for_are_not_known(void **state)
{
	struct desk *d = desk_new();
	struct program out = program_out(2), drop = {0};
	struct pattern any = {0}, low = {0};
	struct frame two[2];

	udp_frame(&two[0], 1, 0x8000);
	udp_frame(&two[1], 1, 0);
	mod(d, WEFT_FLOW_ADD, 0, 1, &any, &out);
	known(d, two, 1);
	known(d, two, 2);
	pattern_exact(&low, WEFT_FIELD_ETH_TYPE, 0x800);
	pattern_exact(&low, WEFT_FIELD_IP_PROTO, 17);
	pattern_masked(&low, WEFT_FIELD_UDP_DST, 0, 0x8000);
	mod(d, WEFT_FLOW_ADD, 0, 2, &low, &drop);
	compare(d, two, 2);
	assert_int_equal(d->went[0], 2);
	assert_int_equal(d->went[1], 0);
	desk_free(d);
}

// What a later table sees of a packet is not what it came with.
static void each_lookup_has_its_own_key(void **state)
{
	struct desk *d = desk_new();
	struct program first = {0}, again = {0}, out = program_out(2), drop = {0};
	struct pattern any = {0}, one = {0}, none = {0}, at_three = {0}, at_four = {0};

	udp_frame(&pool[0], 1, 1);
	first.instr.flags = WEFT_INSTR_GOTO;
	first.instr.goto_table = 1;
	first.instr.metadata = first.instr.metadata_mask = weft_htonll(1);
	mod(d, WEFT_FLOW_ADD, 0, 1, &any, &first);
	mod(d, WEFT_FLOW_ADD, 1, 1, &any, &out);
	pattern_exact(&none, WEFT_FIELD_METADATA, 7);
	mod(d, WEFT_FLOW_ADD, 1, 2, &none, &drop); // metadata counts
	known(d, pool, 1);
	pattern_exact(&one, WEFT_FIELD_METADATA, 1);
	mod(d, WEFT_FLOW_ADD, 1, 3, &one, &drop);
	compare(d, pool, 1);
	assert_int_equal(d->went[0], 0);

	program_resubmit(&again, false, 3, 1);
	mod(d, WEFT_FLOW_ADD, 0, 1, &any, &again);
	pattern_exact(&at_four, WEFT_FIELD_IN_PORT, 4);
	mod(d, WEFT_FLOW_ADD, 1, 4, &at_four, &drop);
	known(d, pool, 1);
	assert_int_equal(d->went[0], 2);
	pattern_exact(&at_three, WEFT_FIELD_IN_PORT, 3);
	mod(d, WEFT_FLOW_ADD, 1, 5, &at_three, &drop);
	compare(d, pool, 1);
	assert_int_equal(d->went[0], 0);
	desk_free(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_change_is_missed),
		cmocka_unit_test(a_ring_is_made_when_it_is_missed),
		cmocka_unit_test(rules_for_others_leave_ways_alone),
		cmocka_unit_test(many_for_others_leave_ways_alone),
		cmocka_unit_test(one_of_many_is_not_missed),
		cmocka_unit_test(bits_that_nobody_asked_for_are_not_known),
		cmocka_unit_test(each_lookup_has_its_own_key),
	};

	rng_seed_from_env();
	return cmocka_run_group_tests(tests, NULL, NULL);
}

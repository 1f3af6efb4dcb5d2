// SPDX-License-Identifier: Apache-2.0
// New flows on the ways of others (gist.h): two switches get the same rules and packets, hardly a
// packet of which came before, one with a cache and a gist, one with neither. What leaves, how, by
// which rule, and every counter must be the same, while rules change below the gist and it is made
// anew now and then.

#include "twins.h"

#include "flowtable/cache/cache_own.h"
#include "flowtable/cache/gist.h"

enum {
	TABLES = 4,
	RULES = 40,
	STEPS = 1200,
};

struct rule {
	struct pattern pattern;
	uint16_t priority; // 0: none
	uint8_t table;
};

static unsigned metadata, tags; // one rule in so many looks at it; 0: none
static unsigned nobodys;        // one frame in so many has a source that cannot be learned; 0: none

// ---- packets

static void new_frame(struct frame *f)
{
	unsigned proto = rng() % 2 ? 6 : 17;
	bool tagged = rng() % 8 == 0;

	f->len = 0;
	frame_put(f, (uint8_t[]){2, 0, 0, 0, 0, (uint8_t)(rng() % 3)}, 6);
	frame_put(f, (uint8_t[]){2, 0, 0, 0, 0, (uint8_t)rng()}, 6);
	f->bytes[6] |= nobodys && rng() % nobodys == 0;
	if (tagged)
		frame_put(f, (uint8_t[]){0x81, 0, 0, (uint8_t)(rng() % 4)}, 4);
	frame_put(f, (uint8_t[]){8, 0}, 2);
	frame_put(f, (uint8_t[]){0x45, 0, 0, 46, 0, 0, 0x40, 0, 64, (uint8_t)proto, 0, 0}, 12);
	frame_put(f, (uint8_t[]){10, 0, (uint8_t)rng(), (uint8_t)rng()}, 4);
	frame_put(f, (uint8_t[]){10, 0, 0, (uint8_t)(rng() % 16)}, 4);
	frame_random(f, 2);
	frame_put16(f, rng() % 8);
	frame_put(f, (uint8_t[]){0, 26, 0, 0}, 4);
	while (f->len < (tagged ? 64u : 60u))
		frame_put(f, (uint8_t[]){0}, 1);
	if (proto == 6)
		f->bytes[f->len - 14] = 0x50;
}

static struct ft_packet *arrive(struct twin *s, const struct frame *f, uint32_t from)
{
	struct ft_packet *p = books_packet(s->b, f, from);

	if (from == tunnel) {
		p->key.tun_src = htonl(0x0a000001);
		p->key.tun_dst = htonl(0x0a0000ff);
	}
	return p;
}

static void burst(struct twin s[2])
{
	struct ft_packet *pkts[2][FT_BURST];
	unsigned n = rng() % FT_BURST + 1;

	books_clear(s[0].b);
	books_clear(s[1].b);
	for (unsigned i = 0; i < n; i++) {
		uint32_t from = rng() % 3 ? 1 : rng() % 2 ? 2 : tunnel;
		struct frame f;

		new_frame(&f);
		for (unsigned k = 0; k < 2; k++) {
			pkts[k][i] = arrive(&s[k], &f, from);
			box_of(pkts[k][i])->number = i + 1;
		}
	}
	cached_burst(&s[0], pkts[0], n);
	ft_switch_process(s[1].w->sw, 0, s[1].w->now, pkts[1], n, &s[1].b->sink);
	compare_sent(s[0].b, s[1].b);
}

// ---- rules

static struct pattern some_pattern(uint8_t table)
{
	struct pattern p = {0};

	if (metadata && table && rng() % metadata == 0)
		pattern_masked(&p, WEFT_FIELD_METADATA, rng(), 1 + rng() % 3);
	if (rng() % 5 == 0)
		pattern_exact(&p, WEFT_FIELD_IN_PORT, rng() % 2 ? 1 : rng() % 2 ? 2 : tunnel);
	if (rng() % 6 == 0)
		pattern_exact(&p, WEFT_FIELD_ETH_DST, 0x020000000000 + rng() % 3);
	if (tags && rng() % tags == 0)
		pattern_masked(&p, WEFT_FIELD_VLAN_VID, 0x1000, 0x1000);
	if (rng() % 5 == 0)
		return p;
	pattern_exact(&p, WEFT_FIELD_ETH_TYPE, 0x800);
	if (rng() % 2)
		pattern_masked(&p, WEFT_FIELD_IPV4_SRC, 0x0a000000 + (rng() & 0xffff),
			0xffffff00u << rng() % 24);
	if (rng() % 2)
		pattern_masked(
			&p, WEFT_FIELD_IPV4_DST, 0x0a000000 + rng() % 16, 0xfffffff0 | rng() % 16);
	if (rng() % 2)
		return p;
	pattern_exact(&p, WEFT_FIELD_IP_PROTO, 6);
	if (rng() % 2)
		pattern_masked(&p, WEFT_FIELD_TCP_DST, rng() % 8, 7);
	return p;
}

static struct program some_program(uint8_t table, bool ipv4)
{
	struct program p = {0};
	unsigned how = rng() % 16;

	if (how < 8 && table + 1 < TABLES) { // goes on
		p.instr.flags |= WEFT_INSTR_GOTO;
		p.instr.goto_table = (uint8_t)(table + 1 + rng() % (TABLES - 1u - table));
		if (rng() % 8 == 0) {
			p.instr.metadata_mask = weft_htonll(3);
			p.instr.metadata = weft_htonll(rng() % 4);
		}
		if (ipv4 && how == 0 && rng() % 4 == 0)
			program_set(&p, false, WEFT_FIELD_IPV4_DST, 0x0a000000 + rng() % 16);
	} else if (how == 8) {
		program_set(&p, false, WEFT_FIELD_TUN_DST, 0x0a000064 + rng() % 3);
		program_add(&p, false, WEFT_ACTION_OUTPUT, WEFT_OFPORT_OVERLAY);
	} else if (how == 9) {
		program_add(&p, false, WEFT_ACTION_OUTPUT, 1);
		program_add(&p, false, WEFT_ACTION_OUTPUT, 2); // steps
	} else if (how == 10) {
		program_add(&p, false, WEFT_ACTION_OUTPUT, WEFT_OFPORT_NORMAL);
	} else if (how == 11) {
		program_set(&p, false, WEFT_FIELD_ETH_SRC, 0x020000000077);
		program_add(&p, false, WEFT_ACTION_OUTPUT, 3);
	} else if (how < 15) {
		program_add(&p, rng() % 4 == 0, WEFT_ACTION_OUTPUT, 1 + rng() % PORTS);
	}
	return p; // else: drops
}

// Which of two equal ones matches is nobody's promise.
static bool is_taken(const struct rule rules[], const struct rule *r)
{
	for (unsigned i = 0; i < RULES; i++)
		if (&rules[i] != r && rules[i].priority == r->priority &&
			rules[i].table == r->table)
			return true;
	return false;
}

static void change(struct twin s[2], struct rule rules[], struct rule *r)
{
	static uint64_t cookie;
	struct program p = {0};

	if (r->priority) {
		flow_mod(s, WEFT_FLOW_DELETE_STRICT, r->table, r->priority, &r->pattern, &p, 0);
		r->priority = 0;
		return;
	}
	r->table = (uint8_t)(rng() % 3 ? rng() % TABLES : 0);
	r->pattern = some_pattern(r->table);
	do
		r->priority = (uint16_t)(1 + rng() % 60000);
	while (is_taken(rules, r));
	p = some_program(r->table, r->pattern.mask.eth_type != 0);
	flow_mod(s, WEFT_FLOW_ADD, r->table, r->priority, &r->pattern, &p, ++cookie);
}

static void grace(struct twin s[2])
{
	twin_fold(&s[0]);
	for (unsigned k = 0; k < 2; k++)
		world_grace(s[k].w);
}

// Its own bursts are many, so that the ways are known.
static void leave_alone(struct twin s[2])
{
	grace(s);
	twin_settle(&s[0]);
	for (unsigned n = 0; n < 24; n++)
		burst(s);
}

static void twins_begin(struct twin s[2], unsigned flows)
{
	uint64_t seed = (uint64_t)rng() << 32 | rng() | 1;

	twin_init(&s[1], 0, seed);
	twin_init(&s[0], flows, seed);
	for (unsigned k = 0; k < 2; k++)
		for (uint32_t i = 1; i <= PORTS; i++)
			ft_port_set(s[k].w->sw, &(struct ft_port){i, 0, true});
}

static void twins_end(struct twin s[2])
{
	twin_end(&s[0]);
	twin_end(&s[1]);
}

static void live(struct twin s[2], struct rule rules[])
{
	for (unsigned i = 0; i < RULES * 3 / 4; i++)
		change(s, rules, &rules[i]);
	for (unsigned n = 0; n < STEPS; n++) {
		if (rng() % 64 == 0)
			s[0].cache->news.most = rng() % 2; // or it decides itself
		burst(s);
		if (rng() % 8 == 0)
			change(s, rules, &rules[rng() % RULES]);
		if (rng() % 16 == 0)
			grace(s);
		if (rng() % 64 == 0)
			leave_alone(s);
		if (rng() % 64 == 0)
			compare_state(s);
		s[0].w->now += SECOND / 64;
		s[1].w->now = s[0].w->now;
	}
	compare_state(s);
}

static void same_with_and_without(void **state)
{
	enum ft_isa isa = *(enum ft_isa *)*state;
	unsigned derived = 0, asked = 0;

	if (!ft_isa_use(isa)) {
		printf("this processor has no such instructions\n");
		skip();
	}
	for (unsigned round = 0; round < 4; round++) {
		struct rule rules[RULES] = {{.priority = 0}};
		struct twin s[2];

		metadata = round == 3 ? 8 : 0;
		tags = round == 2 ? 8 : 0; // more than a record has room for, perhaps
		twins_begin(s, round % 2 ? 256 : 4096);
		live(s, rules);
		derived += s[0].derived;
		asked += s[0].hits;
		twins_end(s);
	}
	printf("%u of %u packets on known ways went there by the gist\n", derived, asked);
	assert_true(derived > 1000);
	ft_isa_use(FT_ISA_SCALAR);
}

// ---- what each part is for

static void add(struct twin s[2], uint8_t table, uint16_t priority, const struct pattern *p,
	const struct program *what)
{
	flow_mod(s, WEFT_FLOW_ADD, table, priority, p, what, 1);
}

// Per cent of new flows that go where others went, when the ways are known.
static unsigned derived(struct twin s[2])
{
	unsigned before, n = 0;

	leave_alone(s);
	leave_alone(s);
	before = s[0].derived;
	for (unsigned i = 0; i < 16; i++) {
		burst(s);
		n += s[0].b->received;
	}
	compare_state(s);
	return 100 * (s[0].derived - before) / n;
}

static struct program go_to(uint8_t table)
{
	struct program p = {.instr = {.flags = WEFT_INSTR_GOTO, .goto_table = table}};

	return p;
}

// Two tables; rules ask for addresses that every packet has others of.
static void two_tables(struct twin s[2])
{
	struct pattern any = {0}, net = {0};
	struct program on = go_to(1), out = program_out(2), drop = {0};

	twins_begin(s, 4096);
	pattern_exact(&net, WEFT_FIELD_ETH_TYPE, 0x800);
	pattern_masked(&net, WEFT_FIELD_IPV4_SRC, 0x0a000000, 0xffff8000);
	add(s, 0, 1, &any, &on);
	add(s, 1, 7, &net, &out);
	add(s, 1, 1, &any, &drop);
}

static void new_flows_go_where_others_went(void **state)
{
	struct twin s[2];

	two_tables(s);
	assert_true(derived(s) > 90);
	twins_end(s);
}

// One packet to both: did a gist find its way?
static bool is_derived(struct twin s[2], const struct frame *f)
{
	struct ft_packet *p[2];
	unsigned before = s[0].derived;

	for (unsigned k = 0; k < 2; k++) {
		books_clear(s[k].b);
		p[k] = arrive(&s[k], f, 1);
		box_of(p[k])->number = 1;
	}
	cached_burst(&s[0], &p[0], 1);
	ft_switch_process(s[1].w->sw, 0, s[1].w->now, &p[1], 1, &s[1].b->sink);
	compare_sent(s[0].b, s[1].b);
	return s[0].derived > before;
}

// Frames of two flows that have one mark to say that they were seen.
static void find_pair(struct twin s[2], struct frame pair[2])
{
	struct seen {
		struct ft_print print;
		struct frame frame;
	} *first = calloc(1 << 16, sizeof(*first)), now, *at;

	assert_non_null(first);
	do {
		new_frame(&now.frame);
		at = first;
		s[0].cache->news.most = false; // or it has no print
		if (!is_derived(s, &now.frame))
			continue;
		now.print = s[0].cache->print[0];
		at = &first[now.print.hi >> 48];
		if (!at->print.lo)
			*at = now;
	} while (at == first || at->print.lo == now.print.lo);
	pair[0] = at->frame;
	pair[1] = now.frame;
	free(first);
}

static void flows_that_share_a_mark_are_taken_in(void **state)
{
	struct frame pair[2];
	struct twin s[2];
	unsigned left = 10000;

	two_tables(s);
	leave_alone(s);
	leave_alone(s);
	find_pair(s, pair);
	while (left && is_derived(s, &pair[0]) + is_derived(s, &pair[1])) // in turn
		left--;
	assert_int_not_equal(left, 0);
	twins_end(s);
}

// Before a print is made of them, as long as it lasts.
static void where_most_is_new_ways_are_asked_for_first(void **state)
{
	struct program out = program_out(3);
	struct pattern nobody = {0};
	struct twin s[2];
	struct frame one;
	unsigned n;

	two_tables(s);
	pattern_exact(&nobody, WEFT_FIELD_ETH_TYPE, 0x800);
	pattern_exact(&nobody, WEFT_FIELD_IPV4_SRC, 0x0a630001);
	add(s, 1, 8, &nobody, &out); // so each address is a flow
	leave_alone(s);
	for (n = 0; n < 10000 && !s[0].cache->news.most; n++)
		burst(s);
	assert_true(s[0].cache->news.most);
	assert_true(derived(s) > 90);
	new_frame(&one);
	for (n = 0; n < 100000 && s[0].cache->news.most; n++)
		is_derived(s, &one);
	assert_false(s[0].cache->news.most);
	assert_false(is_derived(s, &one));
	compare_state(s);
	twins_end(s);
}

static void a_rule_in_between_is_not_missed(void **state)
{
	struct twin s[2];
	struct pattern one = {0};
	struct program out = program_out(3);

	two_tables(s);
	assert_true(derived(s) > 90);
	pattern_exact(&one, WEFT_FIELD_ETH_TYPE, 0x800);
	pattern_masked(&one, WEFT_FIELD_IPV4_SRC, 0x0a000000, 0xffffc000);
	add(s, 1, 9, &one, &out); // while the gist is the older one
	for (unsigned n = 0; n < 32; n++)
		burst(s);
	compare_state(s);
	assert_true(derived(s) > 90);
	flow_mod(s, WEFT_FLOW_DELETE_STRICT, 1, 9, &one, &out, 0);
	for (unsigned n = 0; n < 32; n++)
		burst(s);
	compare_state(s);
	twins_end(s);
}

static void a_port_that_goes_down_is_not_missed(void **state)
{
	struct twin s[2];

	two_tables(s);
	assert_true(derived(s) > 90);
	for (unsigned k = 0; k < 2; k++)
		ft_port_set(s[k].w->sw, &(struct ft_port){2, WEFT_PORT_NO_FWD, true});
	for (unsigned n = 0; n < 32; n++)
		burst(s);
	compare_state(s);
	twins_end(s);
}

// What is asked of metadata depends on the rules before, and one key does not say it.
static void metadata_that_rules_write_has_no_gist(void **state)
{
	struct twin s[2];
	struct pattern any = {0}, marked = {0};
	struct program on = go_to(1), out = program_out(2);

	two_tables(s);
	on.instr.metadata_mask = on.instr.metadata = weft_htonll(1);
	add(s, 0, 1, &any, &on);
	assert_true(derived(s) > 90); // nobody asks
	pattern_masked(&marked, WEFT_FIELD_METADATA, 1, 1);
	add(s, 1, 9, &marked, &out);
	assert_int_equal(derived(s), 0);
	twins_end(s);
}

// Whose end depends on more than the rules goes through the tables, the others do not.
static void what_asks_the_fdb_is_left_to_the_tables(void **state)
{
	struct twin s[2];
	struct pattern any = {0};
	struct program normal = {0};

	two_tables(s);
	program_add(&normal, false, WEFT_ACTION_OUTPUT, WEFT_OFPORT_NORMAL);
	add(s, 1, 1, &any, &normal);
	assert_in_range(derived(s), 30, 70);
	twins_end(s);
}

// Tables 0 and 2 have a rule that mostly all meet; so has table 3, but nobody meets both of these.
static void three_lone_tables(struct twin s[2])
{
	struct pattern any = {0}, first = {0}, second = {0}, port = {0};
	struct program on = go_to(1), out = program_out(2), drop = {0};

	twins_begin(s, 4096);
	pattern_exact(&port, WEFT_FIELD_IN_PORT, 1);
	add(s, 0, 2, &port, &on);
	add(s, 0, 1, &any, &drop);
	for (unsigned i = 0; i < 6; i++) {
		struct pattern net = {0};

		on = go_to((uint8_t)(2 + i % 2));
		pattern_exact(&net, WEFT_FIELD_ETH_TYPE, 0x800);
		pattern_masked(&net, WEFT_FIELD_IPV4_SRC, 0x0a000000 | i << 13, 0xffffe000);
		add(s, 1, (uint16_t)(10 + i), &net, &on);
	}
	pattern_exact(&first, WEFT_FIELD_ETH_DST, 0x020000000001);
	pattern_exact(&second, WEFT_FIELD_ETH_DST, 0x020000000002);
	add(s, 2, 1, &first, &out);
	add(s, 3, 1, &second, &out);
}

static void tables_of_one_rule_are_met_or_not(void **state)
{
	static const enum ft_isa isas[] = {FT_ISA_AVX512, FT_ISA_AVX2, FT_ISA_SCALAR};

	for (unsigned i = 0; i < 3; i++) {
		struct twin s[2];

		if (!ft_isa_use(isas[i]))
			continue;
		three_lone_tables(s);
		assert_true(derived(s) > 90);
		assert_int_equal(ft_switch_front(s[0].w->sw)->gist->lone, 1 << 0 | 1 << 2);
		twins_end(s);
	}
}

// An address is learned from its packets, whoever went their way before.
static void who_is_to_be_learned_is_not_missed(void **state)
{
	struct twin s[2];

	two_tables(s);
	for (unsigned k = 0; k < 2; k++)
		ft_switch_set_flags(s[k].w->sw, FT_SWITCH_LEARN);
	nobodys = 2;
	assert_int_equal(derived(s), 0);
	nobodys = 0;
	twins_end(s);
}

static void too_many_rules_have_no_gist(void **state)
{
	struct twin s[2];
	struct program out = program_out(3);

	two_tables(s);
	for (unsigned i = 0; i <= 128; i++) {
		struct pattern p = {0};

		pattern_exact(&p, WEFT_FIELD_ETH_TYPE, 0x800);
		pattern_exact(&p, WEFT_FIELD_IPV4_DST, 0x0b000000 + i);
		add(s, 1, 5, &p, &out);
	}
	assert_int_equal(derived(s), 0);
	twins_end(s);
}

// What a gist reads of a plain frame is what extraction finds in it, in a place that had another.
static void a_plain_frames_key_is_the_extracted_one(void **state)
{
	static struct weft_flow_key plain, extracted;

	for (unsigned i = 0; i < 2000; i++) {
		struct frame f = {.len = 0};
		unsigned proto = (const unsigned[]){6, 17, 1}[rng() % 3];
		struct weft_packet p;

		frame_random(&f, 12);
		frame_put(&f, (uint8_t[]){8, 0, 0x45}, 3);
		frame_random(&f, 1);
		frame_put(&f, (uint8_t[]){0, 46, 1, 2, 0x40, 0}, 6);
		frame_put(&f, (uint8_t[]){(uint8_t)(2 + rng() % 253), (uint8_t)proto}, 2);
		frame_random(&f, 36);
		p = (struct weft_packet){.data = f.bytes, .len = f.len, .total_len = f.len};
		extracted.in_port = extracted.in_phy_port = rng();
		ft_extract(&p, &extracted);
		ft_gist_key(f.bytes, ntohl(extracted.in_port), &plain);
		assert_memory_equal(&plain, &extracted, sizeof(plain));
	}
}

int main(void)
{
	static enum ft_isa isas[] = {FT_ISA_SCALAR, FT_ISA_AVX2, FT_ISA_AVX512};
	const struct CMUnitTest tests[] = {
		{"same_with_and_without, scalar", same_with_and_without, NULL, NULL, &isas[0]},
		{"same_with_and_without, AVX2", same_with_and_without, NULL, NULL, &isas[1]},
		{"same_with_and_without, AVX-512", same_with_and_without, NULL, NULL, &isas[2]},
		cmocka_unit_test(a_plain_frames_key_is_the_extracted_one),
		cmocka_unit_test(new_flows_go_where_others_went),
		cmocka_unit_test(flows_that_share_a_mark_are_taken_in),
		cmocka_unit_test(where_most_is_new_ways_are_asked_for_first),
		cmocka_unit_test(a_rule_in_between_is_not_missed),
		cmocka_unit_test(a_port_that_goes_down_is_not_missed),
		cmocka_unit_test(metadata_that_rules_write_has_no_gist),
		cmocka_unit_test(what_asks_the_fdb_is_left_to_the_tables),
		cmocka_unit_test(tables_of_one_rule_are_met_or_not),
		cmocka_unit_test(who_is_to_be_learned_is_not_missed),
		cmocka_unit_test(too_many_rules_have_no_gist),
	};

	rng_seed_from_env();
	return cmocka_run_group_tests(tests, NULL, NULL);
}

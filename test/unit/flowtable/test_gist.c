// SPDX-License-Identifier: Apache-2.0
// New flows on the ways of others (gist.h): two switches get the same rules and packets, hardly a
// packet of which came before, one with a cache and a gist, one with neither. What leaves, how, by
// which rule, and every counter must be the same, while rules change below the gist and it is made
// anew now and then.

#include "gist_twins.h"

enum {
	TABLES = 4,
	FEW = 40,
	MANY = 400, // rules
	STEPS = 1200,
};

struct rule {
	struct pattern pattern;
	uint16_t priority; // 0: none
	uint8_t table;
};

static unsigned metadata, tags; // one rule in so many looks at it; 0: none
static unsigned rules_in_all = FEW;
static bool parts_seen; // of a gist

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
	if (rng() % (rules_in_all == MANY ? 64 : 5) == 0)
		return p;
	pattern_exact(&p, WEFT_FIELD_ETH_TYPE, 0x800);
	if (rules_in_all == MANY || rng() % 2) // or nothing tells them apart
		pattern_masked(&p, WEFT_FIELD_IPV4_SRC, 0x0a000000 + (rng() & 0xffff),
			0xffffff00u << rng() % (rules_in_all == MANY ? 5 : 24));
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
	for (unsigned i = 0; i < rules_in_all; i++)
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

// For a while; what is being made then may be late.
static void leave_alone_a_little(struct twin s[2])
{
	grace(s);
	for (unsigned n = 0; n < 2 * TABLES; n++)
		ft_settle(s[0].w->sw);
	ft_settle_gist(s[0].w->sw);
	for (unsigned n = rng() % 8; n && ft_settle_more(s[0].w->sw); n--)
		;
}

static void live(struct twin s[2], struct rule rules[])
{
	const struct ft_gist *gist;

	for (unsigned i = 0; i < rules_in_all * 3 / 4; i++)
		change(s, rules, &rules[i]);
	for (unsigned n = 0; n < STEPS; n++) {
		if (rng() % 64 == 0)
			s[0].cache->news.most = rng() % 2; // or it decides itself
		burst(s);
		if (rng() % 8 == 0)
			change(s, rules, &rules[rng() % rules_in_all]);
		if (rng() % 16 == 0)
			grace(s);
		if (rng() % 32 == 0)
			leave_alone_a_little(s);
		if (rng() % 64 == 0)
			leave_alone(s);
		if (rng() % 64 == 0)
			compare_state(s);
		s[0].w->now += SECOND / 64;
		s[1].w->now = s[0].w->now;
		gist = ft_switch_front(s[0].w->sw)->gist;
		parts_seen |= gist && gist->parts;
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
	parts_seen = false;
	for (unsigned round = 0; round < 6; round++) {
		static struct rule rules[MANY];
		struct twin s[2];

		memset(rules, 0, sizeof(rules));
		metadata = round == 3 ? 8 : 0;
		tags = round == 2 ? 8 : 0; // more than a record has room for, perhaps
		rules_in_all = round < 4 ? FEW : MANY;
		twins_begin(s, round % 2 ? 256 : 4096);
		live(s, rules);
		derived += s[0].derived;
		asked += s[0].hits;
		twins_end(s);
	}
	printf("%u of %u packets on known ways went there by the gist\n", derived, asked);
	assert_true(derived > 1000);
	assert_true(parts_seen);
	rules_in_all = FEW;
	ft_isa_use(FT_ISA_SCALAR);
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
	};

	rng_seed_from_env();
	return cmocka_run_group_tests(tests, NULL, NULL);
}

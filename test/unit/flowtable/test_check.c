// SPDX-License-Identifier: Apache-2.0
// What is refused, with which error; and that what is refused changes nothing.

#include "world.h"

#include <stdio.h>

static struct world *world;

static int setup(void **state)
{
	world = world_new(1, 100);
	ft_switch_set_network(world->sw, 5001);
	return 0;
}

static int teardown(void **state)
{
	world_free(world);
	return 0;
}

static enum weft_error add(const struct pattern *p, const struct program *prog)
{
	struct weft_flow_mod mod = flow_mod_of(WEFT_FLOW_ADD, 3, 1);
	struct weft_match m = pattern_match(p);
	uint32_t rules = world->sw->rules;
	enum weft_error error = ft_flow_mod(world->sw, &mod, &m, &prog->instr);

	assert_int_equal(world->sw->rules, rules + !error);
	mod.command = WEFT_FLOW_DELETE_STRICT;
	if (!error)
		assert_int_equal(ft_flow_mod(world->sw, &mod, &m, NULL), WEFT_E_NONE);
	return error;
}

static enum weft_error add_match(const struct pattern *p)
{
	struct program prog = program_out(1);

	return add(p, &prog);
}

// Sets what the field's prerequisites want. False: nothing.
static bool satisfy(struct pattern *p, enum weft_prereq prereq)
{
	static const struct {
		uint16_t eth_type;
		int proto, icmp;
	} wants[] = {
		[WEFT_PREREQ_IP] = {0x86dd, -1, -1},
		[WEFT_PREREQ_IPV4] = {0x0800, -1, -1},
		[WEFT_PREREQ_IPV6] = {0x86dd, -1, -1},
		[WEFT_PREREQ_ARP] = {0x0806, -1, -1},
		[WEFT_PREREQ_MPLS] = {0x8847, -1, -1},
		[WEFT_PREREQ_PBB] = {0x88e7, -1, -1},
		[WEFT_PREREQ_TCP] = {0x0800, 6, -1},
		[WEFT_PREREQ_UDP] = {0x86dd, 17, -1},
		[WEFT_PREREQ_SCTP] = {0x0800, 132, -1},
		[WEFT_PREREQ_ICMPV4] = {0x0800, 1, -1},
		[WEFT_PREREQ_ICMPV6] = {0x86dd, 58, -1},
		[WEFT_PREREQ_ND] = {0x86dd, 58, 136},
		[WEFT_PREREQ_ND_SOLICIT] = {0x86dd, 58, 135},
		[WEFT_PREREQ_ND_ADVERT] = {0x86dd, 58, 136},
	};

	if (prereq == WEFT_PREREQ_IN_PORT)
		pattern_exact(p, WEFT_FIELD_IN_PORT, 1);
	if (prereq == WEFT_PREREQ_VLAN)
		pattern_masked(p, WEFT_FIELD_VLAN_VID, 0x1000, 0x1000);
	if (prereq < WEFT_PREREQ_IP)
		return prereq != WEFT_PREREQ_NONE;
	pattern_exact(p, WEFT_FIELD_ETH_TYPE, wants[prereq].eth_type);
	if (wants[prereq].proto >= 0)
		pattern_exact(p, WEFT_FIELD_IP_PROTO, (unsigned)wants[prereq].proto);
	if (wants[prereq].icmp >= 0)
		pattern_exact(p, WEFT_FIELD_ICMPV6_TYPE, (unsigned)wants[prereq].icmp);
	return true;
}

static void every_field(void **state)
{
	for (unsigned f = 0; f < WEFT_FIELD_MAX; f++) {
		const struct weft_field_info *info = &weft_field_infos[f];
		unsigned skip = 8 * info->bytes - info->bits;
		struct pattern alone = {0}, whole = {0}, part = {0}, wide = {0};

		memset(weft_key_field(&alone.mask, f), 0xff, info->bytes);
		*weft_key_field(&alone.mask, f) = (uint8_t)(0xff >> skip);
		whole = alone;
		if (satisfy(&whole, info->prereq))
			assert_int_equal(add_match(&alone), WEFT_E_MATCH_PREREQ);
		assert_int_equal(add_match(&whole), WEFT_E_NONE);

		satisfy(&part, info->prereq);
		weft_key_field(&part.mask, f)[info->bytes - 1] |= 1;
		if (info->bits > 1)
			assert_int_equal(add_match(&part),
				info->flags & WEFT_FIELD_M ? WEFT_E_NONE : WEFT_E_MATCH_MASK);

		wide = whole;
		*weft_key_field(&wide.mask, f) = 0xff;
		*weft_key_field(&wide.value, f) |= 0x80;
		if (skip)
			assert_int_equal(add_match(&wide), WEFT_E_MATCH_VALUE);
	}
}

static void matches(void **state)
{
	struct pattern vid = {0}, pad = {0}, proto = {0};
	struct weft_match bad = {.map = 1, .value = {2}, .mask = {1}};
	struct weft_flow_mod mod = flow_mod_of(WEFT_FLOW_ADD, 0, 1);
	struct program p = program_out(1);

	pattern_exact(&vid, WEFT_FIELD_VLAN_VID, 5); // a VID, and no tag
	assert_int_equal(add_match(&vid), WEFT_E_MATCH_VALUE);
	pattern_exact(&vid, WEFT_FIELD_VLAN_VID, 0);
	assert_int_equal(add_match(&vid), WEFT_E_NONE);
	pattern_exact(&vid, WEFT_FIELD_VLAN_PCP, 0); // no tag, no PCP
	assert_int_equal(add_match(&vid), WEFT_E_MATCH_PREREQ);
	pad.mask.pad0[1] = 1;
	assert_int_equal(add_match(&pad), WEFT_E_MALFORMED);
	pattern_exact(&proto, WEFT_FIELD_ETH_TYPE, 0x0800); // ports of UDP where there is TCP
	pattern_exact(&proto, WEFT_FIELD_UDP_DST, 53);
	assert_int_equal(add_match(&proto), WEFT_E_MATCH_PREREQ);
	assert_int_equal(ft_flow_mod(world->sw, &mod, &bad, &p.instr), WEFT_E_MALFORMED);
	bad = (struct weft_match){.map = 1};
	assert_int_equal(ft_flow_mod(world->sw, &mod, &bad, &p.instr), WEFT_E_MALFORMED);
	bad = (struct weft_match){.map = 1ull << 63, .mask = {1}};
	assert_int_equal(ft_flow_mod(world->sw, &mod, &bad, &p.instr), WEFT_E_MALFORMED);
}

static void mod_fields(void **state)
{
	static const struct weft_match all;
	struct program p = program_out(1);
	struct {
		uint8_t command, table;
		uint16_t flags;
		enum weft_error error;
	} cases[] = {
		{5, 0, 0, WEFT_E_BAD_COMMAND},
		{WEFT_FLOW_ADD, 255, 0, WEFT_E_BAD_TABLE},
		{WEFT_FLOW_MODIFY, 255, 0, WEFT_E_NONE},
		{WEFT_FLOW_MODIFY_STRICT, 255, 0, WEFT_E_NONE},
		{WEFT_FLOW_DELETE, 255, 0, WEFT_E_NONE},
		{WEFT_FLOW_DELETE_STRICT, 255, 0, WEFT_E_NONE},
		{WEFT_FLOW_ADD, 254, 0, WEFT_E_NONE},
		{WEFT_FLOW_ADD, 0, 0x8000, WEFT_E_BAD_FLAGS},
		{WEFT_FLOW_MODIFY, 0, 0, WEFT_E_NONE},
		{WEFT_FLOW_ADD, 0, WEFT_FLOW_OR_ADD, WEFT_E_BAD_FLAGS},
		{WEFT_FLOW_DELETE, 0, WEFT_FLOW_OR_ADD, WEFT_E_BAD_FLAGS},
	};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct weft_flow_mod mod = flow_mod_of(cases[i].command, cases[i].table, 1);

		mod.flags = cases[i].flags;
		assert_int_equal(ft_flow_mod(world->sw, &mod, &all, &p.instr), cases[i].error);
	}
}

static void instructions(void **state)
{
	struct pattern any = {0};
	struct program p = program_out(1);

	p.instr.flags |= WEFT_INSTR_GOTO;
	p.instr.goto_table = 3; // the rule is in 3
	assert_int_equal(add(&any, &p), WEFT_E_BAD_GOTO);
	p.instr.goto_table = 2;
	assert_int_equal(add(&any, &p), WEFT_E_BAD_GOTO);
	p.instr.goto_table = 255;
	assert_int_equal(add(&any, &p), WEFT_E_BAD_GOTO);
	p.instr.goto_table = 4;
	assert_int_equal(add(&any, &p), WEFT_E_NONE);
	p.instr.flags |= 0x80;
	assert_int_equal(add(&any, &p), WEFT_E_MALFORMED);
	p = program_out(1);
	p.instr.flags = 0; // actions, and nobody says so
	assert_int_equal(add(&any, &p), WEFT_E_MALFORMED);
	p = program_out(1);
	((struct weft_action *)p.actions)->len = 8;
	assert_int_equal(add(&any, &p), WEFT_E_MALFORMED);
	p = program_out(1);
	p.instr.meter_id = 9;
	assert_int_equal(add(&any, &p), WEFT_E_METER_UNKNOWN);
	memset(&p, 0, sizeof(p)); // drops
	assert_int_equal(add(&any, &p), WEFT_E_NONE);
}

// What one action of a rule that matches eth_type (0: none) and, if vlan, a tag, draws.
struct action_case {
	uint16_t eth_type;
	bool vlan;
	uint16_t type;
	uint32_t arg;
	enum weft_error error;
};

static void actions(void **state)
{
	static const struct action_case cases[] = {
		{0, 0, WEFT_ACTION_OUTPUT, 0, WEFT_E_ACTION_PORT},
		{0, 0, WEFT_ACTION_OUTPUT, 77, WEFT_E_NONE}, // not there yet
		{0, 0, WEFT_ACTION_OUTPUT, WEFT_OFPORT_MAX, WEFT_E_NONE},
		{0, 0, WEFT_ACTION_OUTPUT, WEFT_OFPORT_MAX + 1, WEFT_E_ACTION_PORT},
		{0, 0, WEFT_ACTION_OUTPUT, WEFT_OFPORT_IN_PORT, WEFT_E_NONE},
		{0, 0, WEFT_ACTION_OUTPUT, WEFT_OFPORT_TABLE, WEFT_E_ACTION_PORT},
		{0, 0, WEFT_ACTION_OUTPUT, WEFT_OFPORT_NORMAL, WEFT_E_NONE},
		{0, 0, WEFT_ACTION_OUTPUT, WEFT_OFPORT_FLOOD, WEFT_E_NONE},
		{0, 0, WEFT_ACTION_OUTPUT, WEFT_OFPORT_ALL, WEFT_E_NONE},
		{0, 0, WEFT_ACTION_OUTPUT, WEFT_OFPORT_CONTROLLER, WEFT_E_NONE},
		{0, 0, WEFT_ACTION_OUTPUT, WEFT_OFPORT_LOCAL, WEFT_E_NONE},
		{0, 0, WEFT_ACTION_OUTPUT, WEFT_OFPORT_ANY, WEFT_E_ACTION_PORT},
		{0, 0, WEFT_ACTION_GROUP, 1, WEFT_E_ACTION_GROUP},
		{0, 0, WEFT_ACTION_METER, 1, WEFT_E_METER_UNKNOWN},
		{0, 0, WEFT_ACTION_SET_QUEUE, 1, WEFT_E_NONE},
		{0, 0, WEFT_ACTION_SET_QUEUE, UINT32_MAX, WEFT_E_ACTION_QUEUE},
		{0, 0, WEFT_ACTION_PUSH_VLAN, 0x8100, WEFT_E_NONE},
		{0, 0, WEFT_ACTION_PUSH_VLAN, 0x88a8, WEFT_E_NONE},
		{0, 0, WEFT_ACTION_PUSH_VLAN, 0x0800, WEFT_E_ACTION_TAG},
		{0, 0, WEFT_ACTION_PUSH_MPLS, 0x8847, WEFT_E_NONE},
		{0, 0, WEFT_ACTION_PUSH_MPLS, 0x8100, WEFT_E_ACTION_TAG},
		{0, 0, WEFT_ACTION_PUSH_PBB, 0x88e7, WEFT_E_NONE},
		{0, 0, WEFT_ACTION_PUSH_PBB, 0x88a8, WEFT_E_ACTION_TAG},
		{0, 0, WEFT_ACTION_POP_VLAN, 0, WEFT_E_ACTION_MATCH},
		{0, 1, WEFT_ACTION_POP_VLAN, 0, WEFT_E_NONE},
		{0, 0, WEFT_ACTION_POP_MPLS, 0x0800, WEFT_E_ACTION_MATCH},
		{0x8847, 0, WEFT_ACTION_POP_MPLS, 0x0800, WEFT_E_NONE},
		{0x8848, 0, WEFT_ACTION_POP_MPLS, 0x10000, WEFT_E_ACTION_ARG},
		{0, 0, WEFT_ACTION_POP_PBB, 0, WEFT_E_ACTION_MATCH},
		{0x88e7, 0, WEFT_ACTION_POP_PBB, 0, WEFT_E_NONE},
		{0x0800, 0, WEFT_ACTION_SET_NW_TTL, 255, WEFT_E_NONE},
		{0x0800, 0, WEFT_ACTION_SET_NW_TTL, 256, WEFT_E_ACTION_ARG},
		{0x0806, 0, WEFT_ACTION_SET_NW_TTL, 1, WEFT_E_ACTION_MATCH},
		{0x86dd, 0, WEFT_ACTION_DEC_NW_TTL, 0, WEFT_E_NONE},
		{0, 0, WEFT_ACTION_DEC_NW_TTL, 0, WEFT_E_ACTION_MATCH},
		{0x8847, 0, WEFT_ACTION_SET_MPLS_TTL, 9, WEFT_E_NONE},
		{0x8847, 0, WEFT_ACTION_SET_MPLS_TTL, 999, WEFT_E_ACTION_ARG},
		{0x0800, 0, WEFT_ACTION_DEC_MPLS_TTL, 0, WEFT_E_ACTION_MATCH},
		{0x8847, 0, WEFT_ACTION_COPY_TTL_OUT, 0, WEFT_E_NONE},
		{0x0800, 0, WEFT_ACTION_COPY_TTL_IN, 0, WEFT_E_ACTION_MATCH},
	};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct action_case *c = &cases[i];
		struct pattern pattern = {0};
		struct program p = {0};

		if (c->eth_type)
			pattern_exact(&pattern, WEFT_FIELD_ETH_TYPE, c->eth_type);
		if (c->vlan)
			pattern_exact(&pattern, WEFT_FIELD_VLAN_VID, 0x1005);
		program_add(&p, i & 1, c->type, c->arg);
		if (add(&pattern, &p) != c->error)
			fail_msg("case %u", i);
	}
}

// What ovs-actions(7) leaves out of action sets.
static void not_in_sets(void **state)
{
	static const uint16_t types[] = {
		WEFT_ACTION_FIN_TIMEOUT, WEFT_ACTION_EXIT, WEFT_ACTION_POP_QUEUE};

	for (unsigned i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		struct pattern pattern = {0};
		struct program apply = {0}, write = {0};

		program_add(&apply, false, types[i], 0);
		program_add(&write, true, types[i], 0);
		assert_int_equal(add(&pattern, &apply), WEFT_E_NONE);
		assert_int_equal(add(&pattern, &write), WEFT_E_ACTION_TYPE);
	}
}

static enum weft_error set_after(
	uint16_t eth_type, uint16_t before, uint32_t arg, enum weft_field f, uint64_t value)
{
	struct pattern pattern = {0};
	struct program p = {0};

	if (eth_type)
		pattern_exact(&pattern, WEFT_FIELD_ETH_TYPE, eth_type);
	if (before < WEFT_ACTION_MAX)
		program_add(&p, false, before, arg);
	program_set(&p, false, f, value);
	return add(&pattern, &p);
}

// set_field eth_type, then an action that needs IP.
static enum weft_error set_then_ttl(uint16_t eth_type, uint16_t becomes)
{
	struct pattern pattern = {0};
	struct program p = {0};

	pattern_exact(&pattern, WEFT_FIELD_ETH_TYPE, eth_type);
	program_set(&p, false, WEFT_FIELD_ETH_TYPE, becomes);
	program_add(&p, false, WEFT_ACTION_DEC_NW_TTL, 0);
	return add(&pattern, &p);
}

static void set_fields(void **state)
{
	const uint16_t none = WEFT_ACTION_MAX;

	for (unsigned f = 0; f < WEFT_FIELD_MAX; f++) {
		const struct weft_field_info *info = &weft_field_infos[f];
		struct pattern pattern = {0};
		struct program p = {0};

		satisfy(&pattern, info->prereq);
		if (f == WEFT_FIELD_VLAN_VID)
			satisfy(&pattern, WEFT_PREREQ_VLAN);
		program_set(&p, f & 1, f, f == WEFT_FIELD_TUNNEL_ID ? 5001 : 0);
		assert_int_equal(add(&pattern, &p),
			info->flags & WEFT_FIELD_S ? WEFT_E_NONE : WEFT_E_ACTION_SET_TYPE);
	}
	assert_int_equal(set_after(0, none, 0, WEFT_FIELD_MAX, 0), WEFT_E_ACTION_SET_TYPE);
	assert_int_equal(set_after(0, none, 0, WEFT_FIELD_IPV4_SRC, 1), WEFT_E_ACTION_MATCH);
	assert_int_equal(set_after(0x86dd, none, 0, WEFT_FIELD_IPV4_SRC, 1), WEFT_E_ACTION_MATCH);
	assert_int_equal(set_after(0x0800, none, 0, WEFT_FIELD_TCP_SRC, 1), WEFT_E_ACTION_MATCH);
	assert_int_equal(set_after(0x0800, none, 0, WEFT_FIELD_IP_DSCP, 63), WEFT_E_NONE);
	assert_int_equal(set_after(0x0800, none, 0, WEFT_FIELD_IP_DSCP, 64), WEFT_E_ACTION_SET_ARG);
	assert_int_equal(set_after(0, none, 0, WEFT_FIELD_VLAN_VID, 0x1005), WEFT_E_ACTION_MATCH);
	assert_int_equal(set_after(0, none, 0, WEFT_FIELD_VLAN_PCP, 3), WEFT_E_ACTION_MATCH);
	// What an action before has made possible, or impossible.
	assert_int_equal(set_after(0, WEFT_ACTION_PUSH_VLAN, 0x8100, WEFT_FIELD_VLAN_VID, 0x1005),
		WEFT_E_NONE);
	assert_int_equal(
		set_after(0, WEFT_ACTION_PUSH_VLAN, 0x8100, WEFT_FIELD_VLAN_PCP, 3), WEFT_E_NONE);
	assert_int_equal(set_after(0, WEFT_ACTION_PUSH_MPLS, 0x8847, WEFT_FIELD_MPLS_LABEL, 16),
		WEFT_E_NONE);
	assert_int_equal(set_after(0x0800, WEFT_ACTION_PUSH_MPLS, 0x8847, WEFT_FIELD_IPV4_SRC, 1),
		WEFT_E_ACTION_MATCH);
	assert_int_equal(set_after(0x8847, WEFT_ACTION_POP_MPLS, 0x0800, WEFT_FIELD_IPV4_SRC, 1),
		WEFT_E_NONE);
	assert_int_equal(set_after(0x8847, WEFT_ACTION_POP_MPLS, 0x86dd, WEFT_FIELD_IPV4_SRC, 1),
		WEFT_E_ACTION_MATCH);
	assert_int_equal(
		set_after(0, WEFT_ACTION_PUSH_PBB, 0x88e7, WEFT_FIELD_PBB_ISID, 1), WEFT_E_NONE);
	assert_int_equal(
		set_after(0x88e7, WEFT_ACTION_POP_PBB, 0, WEFT_FIELD_IPV4_SRC, 1), WEFT_E_NONE);
	assert_int_equal(set_then_ttl(0x0800, 0x86dd), WEFT_E_NONE);
	assert_int_equal(set_then_ttl(0x0800, 0x8848), WEFT_E_ACTION_MATCH);
}

static void tenant_boundary(void **state)
{
	const uint16_t none = WEFT_ACTION_MAX;

	assert_int_equal(set_after(0, none, 0, WEFT_FIELD_TUNNEL_ID, 5001), WEFT_E_NONE);
	assert_int_equal(set_after(0, none, 0, WEFT_FIELD_TUNNEL_ID, 5002), WEFT_E_ACTION_PERM);
	assert_int_equal(set_after(0, none, 0, WEFT_FIELD_TUNNEL_ID, 0), WEFT_E_ACTION_PERM);
	assert_int_equal(set_after(0, none, 0, WEFT_FIELD_TUN_DST, 0x0a000001), WEFT_E_NONE);
	ft_switch_set_network(world->sw, 0); // no overlay: leads nowhere
	assert_int_equal(set_after(0, none, 0, WEFT_FIELD_TUNNEL_ID, 5002), WEFT_E_NONE);
	ft_switch_set_network(world->sw, 5001);
}

// In an action set the order of the list is not the order of execution.
static void action_set_order(void **state)
{
	struct pattern any = {0};
	struct program p = {0};

	program_set(&p, true, WEFT_FIELD_VLAN_VID, 0x1005);
	program_add(&p, true, WEFT_ACTION_PUSH_VLAN, 0x8100);
	assert_int_equal(add(&any, &p), WEFT_E_NONE);
	memset(&p, 0, sizeof(p));
	program_set(&p, false, WEFT_FIELD_VLAN_VID, 0x1005);
	program_add(&p, false, WEFT_ACTION_PUSH_VLAN, 0x8100);
	assert_int_equal(add(&any, &p), WEFT_E_ACTION_MATCH);
}

static void packet_out(void **state)
{
	struct program p = program_out(WEFT_OFPORT_TABLE);

	assert_int_equal(ft_actions_check(world->sw, p.actions, p.instr.apply_len), WEFT_E_NONE);
	p = program_out(WEFT_OFPORT_ANY);
	assert_int_equal(
		ft_actions_check(world->sw, p.actions, p.instr.apply_len), WEFT_E_ACTION_PORT);
	assert_int_equal(ft_actions_check(world->sw, p.actions, 7), WEFT_E_MALFORMED);
	memset(&p, 0, sizeof(p)); // the packet will say whether it has what is to be set
	program_set(&p, false, WEFT_FIELD_IPV4_SRC, 1);
	assert_int_equal(ft_actions_check(world->sw, p.actions, p.instr.apply_len), WEFT_E_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_field),
		cmocka_unit_test(matches),
		cmocka_unit_test(mod_fields),
		cmocka_unit_test(instructions),
		cmocka_unit_test(actions),
		cmocka_unit_test(not_in_sets),
		cmocka_unit_test(set_fields),
		cmocka_unit_test(tenant_boundary),
		cmocka_unit_test(action_set_order),
		cmocka_unit_test(packet_out),
	};

	rng_seed_from_env();
	return cmocka_run_group_tests(tests, setup, teardown);
}

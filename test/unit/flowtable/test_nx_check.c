// SPDX-License-Identifier: Apache-2.0
// What of Nicira's actions is refused when a rule is made, with which error; and what is accepted.
#include "nx_build.h"

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

// A rule that matches this EtherType and protocol; -1: neither.
static enum weft_error add_for(int eth_type, int proto, const struct program *p)
{
	struct weft_flow_mod mod = flow_mod_of(WEFT_FLOW_ADD, 3, 1);
	struct pattern pattern = {0};
	struct weft_match m;
	uint32_t rules = world->sw->rules;
	enum weft_error error;

	if (eth_type >= 0)
		pattern_exact(&pattern, WEFT_FIELD_ETH_TYPE, (unsigned)eth_type);
	if (proto >= 0)
		pattern_exact(&pattern, WEFT_FIELD_IP_PROTO, (unsigned)proto);
	m = pattern_match(&pattern);
	error = ft_flow_mod(world->sw, &mod, &m, &p->instr);
	assert_int_equal(world->sw->rules, rules + !error);
	mod.command = WEFT_FLOW_DELETE_STRICT;
	if (!error)
		assert_int_equal(ft_flow_mod(world->sw, &mod, &m, NULL), WEFT_E_NONE);
	return error;
}

static enum weft_error add_raw(
	bool write, enum weft_action_type type, uint32_t arg, const void *payload, size_t bytes)
{
	struct program p = {0};

	program_raw(&p, write, type, arg, payload, bytes);
	return add_for(0x0800, 6, &p);
}

static enum weft_error move_of(int eth_type, struct weft_subfield src, struct weft_subfield dst)
{
	struct program p = {0};

	program_move(&p, false, src, dst);
	return add_for(eth_type, -1, &p);
}

static void subfields(void **state)
{
	const struct weft_subfield reg = bits_of(WEFT_FIELD_REG0, 0, 16);

	assert_int_equal(move_of(-1, reg, bits_of(WEFT_FIELD_REG1, 16, 16)), WEFT_E_NONE);
	assert_int_equal(move_of(-1, reg, bits_of(WEFT_FIELD_REG1, 17, 16)), WEFT_E_ACTION_ARG);
	assert_int_equal(move_of(-1, reg, bits_of(WEFT_FIELD_REG1, 0, 15)), WEFT_E_ACTION_ARG);
	assert_int_equal(move_of(-1, reg, bits_of(WEFT_FIELD_REG1, 0, 0)), WEFT_E_ACTION_ARG);
	assert_int_equal(move_of(-1, reg, bits_of(WEFT_FIELDS_ALL, 0, 16)), WEFT_E_ACTION_ARG);
	assert_int_equal(
		move_of(-1, reg, bits_of(WEFT_FIELD_CT_MARK, 0, 16)), WEFT_E_ACTION_SET_TYPE);
	assert_int_equal(
		move_of(-1, reg, bits_of(WEFT_FIELD_CT_LABEL, 0, 16)), WEFT_E_ACTION_SET_TYPE);
	assert_int_equal(move_of(0x0800, reg, bits_of(WEFT_FIELD_TCP_SRC, 0, 16)),
		WEFT_E_ACTION_MATCH); // no protocol
	assert_int_equal(
		move_of(0x0800, bits_of(WEFT_FIELD_TCP_SRC, 0, 16), reg), WEFT_E_ACTION_MATCH);
	assert_int_equal(
		move_of(-1, bits_of(WEFT_FIELD_CT_MARK, 0, 16), reg), WEFT_E_NONE); // reads as 0
	assert_int_equal(move_of(0x0800, bits_of(WEFT_FIELD_IPV4_SRC, 0, 32),
				 bits_of(WEFT_FIELD_IPV4_DST, 0, 32)),
		WEFT_E_NONE);
	assert_int_equal(
		move_of(0x86dd, bits_of(WEFT_FIELD_IPV4_SRC, 0, 16), reg), WEFT_E_ACTION_MATCH);
	assert_int_equal(move_of(-1, reg, bits_of(WEFT_FIELD_IN_PORT, 0, 16)), WEFT_E_NONE);
	assert_int_equal(
		move_of(-1, bits_of(WEFT_FIELD_REG0, 0, 12), bits_of(WEFT_FIELD_VLAN_VID, 0, 12)),
		WEFT_E_ACTION_MATCH); // no tag
}

// What a field's value will be is not known any more once a move wrote it.
static void moves_into_what_others_need(void **state)
{
	struct program p = {0};

	program_move(
		&p, false, bits_of(WEFT_FIELD_REG0, 0, 16), bits_of(WEFT_FIELD_ETH_TYPE, 0, 16));
	program_add(&p, false, WEFT_ACTION_DEC_NW_TTL, 0);
	assert_int_equal(add_for(0x0800, -1, &p), WEFT_E_ACTION_MATCH);
}

// A tenant can't say by detours which network a packet is for.
static void tunnel_id_is_the_tenants(void **state)
{
	const struct weft_subfield id = bits_of(WEFT_FIELD_TUNNEL_ID, 0, 24),
				   reg = bits_of(WEFT_FIELD_REG0, 0, 24);
	const struct weft_subfield bit = bits_of(WEFT_FIELD_TUNNEL_ID, 0, 1);
	struct program load = {0}, pop = {0}, whole = {0}, inside = {0}, clone = {0};

	program_load(&load, false, WEFT_FIELD_TUNNEL_ID, 0, 24, 5001);
	program_load(&whole, false, WEFT_FIELD_TUNNEL_ID, 0, 64, 5001);
	program_stack(&pop, true, id);
	program_load(&inside, false, WEFT_FIELD_TUNNEL_ID, 0, 64, 5002);
	program_clone(&clone, &inside);
	assert_int_equal(move_of(-1, reg, id), WEFT_E_ACTION_PERM);
	assert_int_equal(add_for(-1, -1, &load), WEFT_E_ACTION_PERM);
	assert_int_equal(add_for(-1, -1, &pop), WEFT_E_ACTION_PERM);
	assert_int_equal(add_for(-1, -1, &clone), WEFT_E_ACTION_PERM);
	assert_int_equal(add_raw(false, WEFT_ACTION_CHECK_PKT_LARGER, 9, &bit, sizeof(bit)),
		WEFT_E_ACTION_PERM);
	assert_int_equal(add_for(-1, -1, &whole), WEFT_E_NONE);
	ft_switch_set_network(world->sw, 0);
	assert_int_equal(move_of(-1, reg, id), WEFT_E_NONE);
	assert_int_equal(add_for(-1, -1, &load), WEFT_E_NONE);
	assert_int_equal(add_for(-1, -1, &clone), WEFT_E_NONE);
	ft_switch_set_network(world->sw, 5001);
}

static enum weft_error trunc_to(uint32_t port, uint32_t max)
{
	struct weft_action_u32 u = {.value = max};

	return add_raw(false, WEFT_ACTION_OUTPUT_TRUNC, port, &u, sizeof(u));
}

static void outputs(void **state)
{
	struct weft_action_u32 queue = {.value = 1};
	struct weft_action_resubmit r = {.table = 254};

	assert_int_equal(trunc_to(1, 14), WEFT_E_NONE);
	assert_int_equal(trunc_to(1, 13), WEFT_E_ACTION_ARG);
	assert_int_equal(trunc_to(WEFT_OFPORT_IN_PORT, 100), WEFT_E_NONE);
	assert_int_equal(trunc_to(WEFT_OFPORT_ALL, 100), WEFT_E_ACTION_PORT);
	assert_int_equal(trunc_to(WEFT_OFPORT_TABLE, 100), WEFT_E_ACTION_PORT);
	assert_int_equal(trunc_to(0, 100), WEFT_E_ACTION_PORT);
	assert_int_equal(
		add_raw(false, WEFT_ACTION_ENQUEUE, 2, &queue, sizeof(queue)), WEFT_E_NONE);
	assert_int_equal(
		add_raw(false, WEFT_ACTION_ENQUEUE, WEFT_OFPORT_FLOOD, &queue, sizeof(queue)),
		WEFT_E_ACTION_PORT);
	assert_int_equal(add_raw(false, WEFT_ACTION_RESUBMIT, WEFT_OFPORT_IN_PORT, &r, sizeof(r)),
		WEFT_E_NONE);
	assert_int_equal(add_raw(false, WEFT_ACTION_RESUBMIT, WEFT_OFPORT_ANY, &r, sizeof(r)),
		WEFT_E_ACTION_PORT);
}

static enum weft_error controller_of(struct weft_action_controller c)
{
	static const uint8_t zeros[2048];
	struct program p = {0};

	program_controller(&p, &c, zeros);
	return add_for(-1, -1, &p);
}

static void controllers(void **state)
{
	assert_int_equal(controller_of((struct weft_action_controller){.max_len = 9}), WEFT_E_NONE);
	assert_int_equal(
		controller_of((struct weft_action_controller){.userdata_len = 1024}), WEFT_E_NONE);
	assert_int_equal(controller_of((struct weft_action_controller){.userdata_len = 1025}),
		WEFT_E_ACTION_ARG);
	assert_int_equal(
		controller_of((struct weft_action_controller){.flags = WEFT_CONTROLLER_PAUSE}),
		WEFT_E_NONE);
	assert_int_equal(
		controller_of((struct weft_action_controller){.flags = 2}), WEFT_E_ACTION_ARG);
	assert_int_equal(
		controller_of((struct weft_action_controller){.reason = 6}), WEFT_E_ACTION_ARG);
	assert_int_equal(controller_of((struct weft_action_controller){.meter_id = 9}),
		WEFT_E_METER_UNKNOWN);
}

static enum weft_error multipath_of(struct weft_action_multipath m)
{
	return add_raw(false, WEFT_ACTION_MULTIPATH, 0, &m, sizeof(m));
}

static void hashes(void **state)
{
	const struct weft_subfield byte = bits_of(WEFT_FIELD_REG0, 0, 8);
	struct {
		struct weft_action_bundle b;
		uint32_t port[1];
	} a = {{.n_ports = 1}, {2}};

	assert_int_equal(multipath_of((struct weft_action_multipath){.max_link = 255, .dst = byte}),
		WEFT_E_NONE);
	assert_int_equal(multipath_of((struct weft_action_multipath){.max_link = 256, .dst = byte}),
		WEFT_E_ACTION_ARG);
	assert_int_equal(multipath_of((struct weft_action_multipath){.fields = 7, .dst = byte}),
		WEFT_E_ACTION_ARG);
	assert_int_equal(multipath_of((struct weft_action_multipath){.algorithm = 4, .dst = byte}),
		WEFT_E_ACTION_ARG);
	assert_int_equal(add_raw(false, WEFT_ACTION_BUNDLE, 0, &a, sizeof(a.b) + 4), WEFT_E_NONE);
	a.b.dst = byte; // a port has 16 bits
	assert_int_equal(
		add_raw(false, WEFT_ACTION_BUNDLE, 0, &a, sizeof(a.b) + 4), WEFT_E_ACTION_ARG);
	a.b.dst.n_bits = 16;
	assert_int_equal(add_raw(false, WEFT_ACTION_BUNDLE, 0, &a, sizeof(a.b) + 4), WEFT_E_NONE);
	a.port[0] = WEFT_OFPORT_FLOOD;
	assert_int_equal(
		add_raw(false, WEFT_ACTION_BUNDLE, 0, &a, sizeof(a.b) + 4), WEFT_E_ACTION_PORT);
	a.port[0] = 1;
	a.b.algorithm = 2;
	assert_int_equal(
		add_raw(false, WEFT_ACTION_BUNDLE, 0, &a, sizeof(a.b) + 4), WEFT_E_ACTION_ARG);
}

// What an action set may hold, and what not (ovs-actions(7), Action Sets).
static void in_action_sets(void **state)
{
	struct program p = {0};
	struct weft_subfield reg = bits_of(WEFT_FIELD_REG0, 0, 4);
	const uint16_t ids[2] = {1, 2};

	program_move(&p, true, reg, bits_of(WEFT_FIELD_REG1, 0, 4));
	program_load(&p, true, WEFT_FIELD_REG2, 0, 4, 1);
	program_resubmit(&p, true, WEFT_OFPORT_IN_PORT, 9);
	program_trunc(&p, true, 1, 100);
	program_raw(&p, true, WEFT_ACTION_DEC_NW_TTL_IDS, 2, ids, sizeof(ids));
	assert_int_equal(add_for(0x0800, -1, &p), WEFT_E_NONE);
	assert_int_equal(add_raw(true, WEFT_ACTION_EXIT, 0, NULL, 0), WEFT_E_ACTION_TYPE);
	assert_int_equal(add_raw(true, WEFT_ACTION_NOTE, 4, "note", 4), WEFT_E_ACTION_TYPE);
	assert_int_equal(
		add_raw(true, WEFT_ACTION_STACK_PUSH, 0, &reg, sizeof(reg)), WEFT_E_ACTION_TYPE);
	assert_int_equal(add_raw(true, WEFT_ACTION_CLONE, 0, NULL, 0), WEFT_E_ACTION_TYPE);
	assert_int_equal(add_raw(true, WEFT_ACTION_SET_VLAN_VID, 1, NULL, 0), WEFT_E_ACTION_TYPE);
}

static void headers(void **state)
{
	const uint16_t ids[2] = {1, 2};
	struct program p = {0}, tag = {0}, inside = {0}, clone = {0};

	program_raw(&p, false, WEFT_ACTION_DEC_NW_TTL_IDS, 2, ids, sizeof(ids));
	assert_int_equal(add_for(0x0806, -1, &p), WEFT_E_ACTION_MATCH);
	assert_int_equal(add_for(0x86dd, -1, &p), WEFT_E_NONE);
	assert_int_equal(add_raw(false, WEFT_ACTION_DEC_NW_TTL_IDS, 0, NULL, 0), WEFT_E_ACTION_ARG);
	assert_int_equal(
		add_raw(false, WEFT_ACTION_SET_VLAN_VID, 4096, NULL, 0), WEFT_E_ACTION_ARG);
	assert_int_equal(add_raw(false, WEFT_ACTION_SET_VLAN_PCP, 8, NULL, 0), WEFT_E_ACTION_ARG);
	assert_int_equal(add_raw(false, WEFT_ACTION_SET_L4_SRC, 65536, NULL, 0), WEFT_E_ACTION_ARG);
	program_raw(&tag, false, WEFT_ACTION_SET_VLAN_VID, 5, NULL, 0); // there is a tag now
	program_set(&tag, false, WEFT_FIELD_VLAN_PCP, 3);
	assert_int_equal(add_for(-1, -1, &tag), WEFT_E_NONE);
	// What happens in a clone is not known outside.
	program_add(&inside, false, WEFT_ACTION_PUSH_VLAN, 0x8100);
	program_clone(&clone, &inside);
	program_set(&clone, false, WEFT_FIELD_VLAN_PCP, 3);
	assert_int_equal(add_for(-1, -1, &clone), WEFT_E_ACTION_MATCH);
}

// Groups in a clone are the rule's: it goes with them.
static void clones_name_groups(void **state)
{
	struct weft_group_mod mod = {5, WEFT_GROUP_ADD, WEFT_GROUP_TYPE_ALL, 0};
	struct weft_flow_mod add = flow_mod_of(WEFT_FLOW_ADD, 0, 1);
	struct program inside = {0}, p = {0};
	struct weft_match m = {.map = 0};

	program_add(&inside, false, WEFT_ACTION_GROUP, 5);
	program_clone(&p, &inside);
	assert_int_equal(ft_flow_mod(world->sw, &add, &m, &p.instr), WEFT_E_ACTION_GROUP);
	assert_int_equal(ft_group_mod(world->sw, &mod, NULL, 0), 0);
	assert_int_equal(ft_flow_mod(world->sw, &add, &m, &p.instr), 0);
	mod.command = WEFT_GROUP_DELETE;
	assert_int_equal(ft_group_mod(world->sw, &mod, NULL, 0), 0);
	assert_int_equal(world->sw->rules, 0);
}

// Actions within clones count, too.
static void too_many_in_clones(void **state)
{
	struct program inside = {0}, p = {0};
	uint8_t *list = calloc(1, 65536);
	size_t len = 0;

	for (int i = 0; i < 100; i++)
		program_add(&inside, false, WEFT_ACTION_OUTPUT, 1);
	program_clone(&p, &inside);
	for (int i = 0; i < 11; i++, len += p.instr.apply_len)
		memcpy(list + len, p.actions, p.instr.apply_len);
	assert_int_equal(ft_actions_check(world->sw, list, len), WEFT_E_ACTION_TOO_MANY);
	assert_int_equal(ft_actions_check(world->sw, list, len - p.instr.apply_len), WEFT_E_NONE);
	free(list);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(subfields),
		cmocka_unit_test(moves_into_what_others_need),
		cmocka_unit_test(tunnel_id_is_the_tenants),
		cmocka_unit_test(outputs),
		cmocka_unit_test(controllers),
		cmocka_unit_test(hashes),
		cmocka_unit_test(in_action_sets),
		cmocka_unit_test(headers),
		cmocka_unit_test(clones_name_groups),
		cmocka_unit_test(too_many_in_clones),
	};

	rng_seed_from_env();
	return cmocka_run_group_tests(tests, setup, teardown);
}

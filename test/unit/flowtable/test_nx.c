// SPDX-License-Identifier: Apache-2.0
// Nicira's actions one by one: bounds, what ends what, the controller's words, OpenFlow 1.0.
#include "nx_build.h"
#include "one_side.h"

#include "flowtable/packet/nx.h"

static unsigned hits(uint8_t table)
{
	struct weft_table_stats stats[WEFT_TABLES];
	unsigned n = ft_table_stats(it.w->sw, stats);

	for (unsigned i = 0; i < n; i++)
		if (stats[i].table == table)
			return (unsigned)stats[i].lookups;
	return 0;
}

// ---- action sets

// The tag that is to be set went meanwhile: the rest is done.
static void a_set_passes_by_what_has_no_header(void **state)
{
	struct program p = {0}, strip = {0};

	program_add(&p, false, WEFT_ACTION_PUSH_VLAN, 0x8100);
	program_set(&p, true, WEFT_FIELD_VLAN_PCP, 3);
	program_load(&p, true, WEFT_FIELD_VLAN_VID, 0, 12, 5);
	program_set(&p, true, WEFT_FIELD_ETH_SRC, 0x123456);
	program_add(&p, true, WEFT_ACTION_OUTPUT, 2);
	p.instr.flags |= WEFT_INSTR_GOTO;
	p.instr.goto_table = 1;
	side_rule(&it, 0, &p);
	program_add(&strip, false, WEFT_ACTION_STRIP_VLAN, 0);
	side_rule(&it, 1, &strip);
	side_run_ip(&it, 64);
	assert_int_equal(side_sent_to(&it, 2), 1);
	assert_int_equal(it.books->sent[0].bytes[11], 0x56);
	assert_int_equal(it.books->sent[0].bytes[12], 8); // no tag came of it
}

// ---- bounds

static void resubmit_to_itself_ends(void **state)
{
	struct program p = program_out(2);

	program_resubmit(&p, false, WEFT_OFPORT_IN_PORT, WEFT_RESUBMIT_SAME_TABLE);
	side_rule(&it, 0, &p);
	side_run_ip(&it, 64);
	assert_int_equal(hits(0), 1 + FT_MAX_DEPTH);
	assert_int_equal(side_sent_to(&it, 2), 1 + FT_MAX_DEPTH); // what was output before stays so
	assert_int_equal(it.books->reasons[WEFT_DROP_RECURSION], 1);
}

// A tree of resubmits: 4096 in all, however shallow.
static void resubmits_are_counted(void **state)
{
	struct program p = {0};
	unsigned sum = 0;

	for (int i = 0; i < 3; i++)
		program_resubmit(&p, false, WEFT_OFPORT_IN_PORT, 1);
	for (uint8_t t = 0; t < 9; t++) {
		struct weft_action_resubmit *r;

		WEFT_ACTION_FOR_EACH (a, p.actions, p.instr.apply_len) {
			r = (void *)(uintptr_t)weft_action_payload(a);
			r->table = (uint8_t)(t + 1);
		}
		side_rule(&it, t, &p);
	}
	side_run_ip(&it, 64);
	assert_int_equal(it.books->reasons[WEFT_DROP_RECURSION], 1);
	for (uint8_t t = 1; t <= 9; t++)
		sum += hits(t);
	assert_int_equal(sum, FT_MAX_RESUBMITS);
}

// Lookups that take long cost more of what a packet has.
static void resubmits_to_conjunctions_cost_more(void **state)
{
	const struct weft_action_conjunction half = {.clause = 0, .n_clauses = 2};
	struct program p = {0}, soft = {0};

	for (unsigned i = 0; i <= FT_MAX_STEPS / FT_SOFT_STEPS; i++)
		program_resubmit(&p, false, WEFT_OFPORT_IN_PORT, 1);
	side_rule(&it, 0, &p);
	side_run_ip(&it, 64);
	assert_int_equal(it.books->reasons[WEFT_DROP_RECURSION], 0);
	program_raw(&soft, false, WEFT_ACTION_CONJUNCTION, 7, &half, sizeof(half));
	side_rule(&it, 1, &soft);
	side_run_ip(&it, 64);
	assert_int_equal(it.books->reasons[WEFT_DROP_RECURSION], 1);
}

// Forward through all tables is as deep as it gets, and no error.
static void through_all_tables(void **state)
{
	for (unsigned t = 0; t + 1 < WEFT_TABLES; t++) {
		struct program p = {0};

		program_resubmit(&p, false, WEFT_OFPORT_IN_PORT, (uint8_t)(t + 1));
		if (t + 2 == WEFT_TABLES)
			p = program_out(2);
		side_rule(&it, (uint8_t)t, &p);
	}
	side_run_ip(&it, 64);
	assert_int_equal(side_sent_to(&it, 2), 1);
	assert_int_equal(it.books->drops, 0);
}

static void stack_is_bounded(void **state)
{
	struct program p = program_out(2);

	for (unsigned i = 0; i <= FT_STACK_VALUES; i++)
		program_stack(&p, false, bits_of(WEFT_FIELD_REG0, 0, 32));
	program_add(&p, false, WEFT_ACTION_OUTPUT, 3);
	side_rule(&it, 0, &p);
	side_run_ip(&it, 64);
	assert_int_equal(side_sent_to(&it, 2), 1);
	assert_int_equal(side_sent_to(&it, 3), 0);
	assert_int_equal(it.books->reasons[WEFT_DROP_RECURSION], 1);
}

static void pop_of_nothing_does_nothing(void **state)
{
	struct program p = {0};

	program_load(&p, false, WEFT_FIELD_REG0, 0, 32, 3);
	program_stack(&p, true, bits_of(WEFT_FIELD_REG0, 0, 32));
	program_output_field(&p, bits_of(WEFT_FIELD_REG0, 0, 32));
	side_rule(&it, 0, &p);
	side_run_ip(&it, 64);
	assert_int_equal(side_sent_to(&it, 3), 1);
}

// ---- what ends what

static void ttl_ends_its_list_alone(void **state)
{
	struct program outer = {0}, inner = {0};
	struct frame f;

	program_resubmit(&outer, false, WEFT_OFPORT_IN_PORT, 1);
	program_add(&outer, false, WEFT_ACTION_OUTPUT, 2);
	program_add(&inner, false, WEFT_ACTION_DEC_NW_TTL, 0);
	program_add(&inner, false, WEFT_ACTION_OUTPUT, 3);
	side_rule(&it, 0, &outer);
	side_rule(&it, 1, &inner);
	ip_frame(&f, 17, 1);
	side_run(&it, &f, 1);
	assert_int_equal(side_sent_to(&it, 2), 1);
	assert_int_equal(side_sent_to(&it, 3), 0);
}

static void exit_leaves_the_action_set(void **state)
{
	struct program outer = {0}, inner = {0}, setter = {0};

	program_resubmit(&outer, false, WEFT_OFPORT_IN_PORT, 1);
	program_resubmit(&outer, false, WEFT_OFPORT_IN_PORT, 2);
	program_add(&outer, false, WEFT_ACTION_OUTPUT, 2);
	program_add(&setter, true, WEFT_ACTION_OUTPUT, 4);
	program_add(&inner, false, WEFT_ACTION_EXIT, 0);
	program_add(&inner, false, WEFT_ACTION_OUTPUT, 3);
	side_rule(&it, 0, &outer);
	side_rule(&it, 1, &setter);
	side_rule(&it, 2, &inner);
	side_run_ip(&it, 64);
	assert_int_equal(it.books->n, 1);
	assert_int_equal(side_sent_to(&it, 4), 1);
}

// The lookup sees the other port, and nothing else does.
static void in_port_of_a_resubmit(void **state)
{
	struct program p = {0}, other = {0};
	struct weft_flow_mod mod = flow_mod_of(WEFT_FLOW_ADD, 1, 5);
	struct pattern pattern = {0};
	struct weft_match m;

	program_resubmit(&p, false, 3, 1);
	program_add(&other, false, WEFT_ACTION_OUTPUT, WEFT_OFPORT_IN_PORT);
	pattern_exact(&pattern, WEFT_FIELD_IN_PORT, 3);
	m = pattern_match(&pattern);
	assert_int_equal(ft_flow_mod(it.w->sw, &mod, &m, &other.instr), 0);
	side_rule(&it, 0, &p);
	side_run_ip(&it, 64);
	assert_int_equal(side_sent_to(&it, 1), 1);
}

// Setting in_port lets a packet back, but not into the overlay that it came from.
static void in_port_is_writable(void **state)
{
	struct program p = {0};
	struct frame f;

	assert_int_equal(ft_port_set(it.w->sw, &(struct ft_port){WEFT_OFPORT_OVERLAY, 0, true}), 0);
	program_set(&p, false, WEFT_FIELD_IN_PORT, 0);
	program_add(&p, false, WEFT_ACTION_OUTPUT, 1);
	program_add(&p, false, WEFT_ACTION_OUTPUT, WEFT_OFPORT_OVERLAY);
	side_rule(&it, 0, &p);
	side_run_ip(&it, 64);
	assert_int_equal(side_sent_to(&it, 1), 1);
	assert_int_equal(side_sent_to(&it, WEFT_OFPORT_OVERLAY), 1);
	books_clear(it.books);
	ip_frame(&f, 17, 64);
	side_run(&it, &f, WEFT_OFPORT_OVERLAY);
	assert_int_equal(side_sent_to(&it, WEFT_OFPORT_OVERLAY), 0);
	assert_int_equal(side_sent_to(&it, 1), 1);
}

// The last use of a packet is the packet itself, through resubmit and clone: nothing is copied.
static void last_uses_cost_no_copy(void **state)
{
	struct program outer = {0}, inner = {0}, in_clone = program_out(2);

	program_resubmit(&outer, false, WEFT_OFPORT_IN_PORT, 1);
	program_clone(&inner, &in_clone);
	side_rule(&it, 0, &outer);
	side_rule(&it, 1, &inner);
	side_run_ip(&it, 64);
	assert_int_equal(side_sent_to(&it, 2), 1);
	assert_int_equal(it.books->clones + it.books->copies + it.books->drops, 0);
}

// ---- the controller

static void controller_says_all(void **state)
{
	const struct weft_action_controller c = {.max_len = 50,
		.controller_id = 7,
		.reason = WEFT_PACKET_IN_ACTION,
		.userdata_len = 5};
	const struct weft_action_controller *got;
	struct program p = {0};

	program_controller(&p, &c, "hello");
	side_rule(&it, 0, &p);
	side_run_ip(&it, 64);
	assert_int_equal(it.books->n, 1);
	got = it.books->sent[0].in.controller;
	assert_non_null(got);
	assert_int_equal(it.books->sent[0].in.controller_id, 7);
	assert_int_equal(it.books->sent[0].in.max_len, 50);
	assert_int_equal(got->userdata_len, 5);
	assert_memory_equal(got + 1, "hello", 5);
}

static void ttl_to_each_controller(void **state)
{
	const uint16_t ids[] = {3, 5};
	struct program p = {0};
	struct frame f;

	ft_switch_set_flags(it.w->sw, FT_SWITCH_TTL_PACKET_IN);
	program_raw(&p, false, WEFT_ACTION_DEC_NW_TTL_IDS, 2, ids, sizeof(ids));
	program_add(&p, false, WEFT_ACTION_OUTPUT, 2);
	side_rule(&it, 0, &p);
	ip_frame(&f, 17, 1);
	side_run(&it, &f, 1);
	assert_int_equal(it.books->n, 2);
	assert_int_equal(
		it.books->sent[0].in.controller_id + it.books->sent[1].in.controller_id, 8);
	assert_int_equal(it.books->sent[0].in.reason, WEFT_PACKET_IN_TTL);
	side_run_ip(&it, 64);
	assert_int_equal(side_sent_to(&it, 2), 1);
}

static void meter_of_a_controller_action(void **state)
{
	struct weft_meter_mod meter = {1, WEFT_METER_KBPS, WEFT_METER_ADD, 1};
	struct weft_band band = {.rate = 1, .type = WEFT_BAND_DROP};
	const struct weft_action_controller c = {.max_len = 9, .meter_id = 1};
	struct program p = {0};
	struct frame f;

	assert_int_equal(ft_meter_mod(it.w->sw, &meter, &band), 0);
	program_controller(&p, &c, NULL);
	program_add(&p, false, WEFT_ACTION_OUTPUT, 2);
	side_rule(&it, 0, &p);
	side_run_ip(&it, 64);
	assert_int_equal(it.books->n, 2);
	books_clear(it.books);
	ip_frame(&f, 17, 64);
	f.len = 1200; // the tests' meter drops what is longer than 1000
	side_run(&it, &f, 1);
	assert_int_equal(it.books->n, 1); // it is the packet-in alone that the meter stops
	assert_int_equal(side_sent_to(&it, 2), 1);
	meter.command = WEFT_METER_DELETE; // and the rule names it
	assert_int_equal(ft_meter_mod(it.w->sw, &meter, NULL), 0);
	assert_int_equal(it.w->sw->rules, 0);
}

// ---- OpenFlow 1.0

static void tags_of_1_0(void **state)
{
	struct program p = {0};
	const struct sent *s;

	program_raw(&p, false, WEFT_ACTION_STRIP_VLAN, 0, NULL, 0); // none is there: nothing
	program_raw(&p, false, WEFT_ACTION_SET_VLAN_PCP, 5, NULL, 0);
	program_raw(&p, false, WEFT_ACTION_SET_VLAN_VID, 0x123, NULL, 0);
	program_add(&p, false, WEFT_ACTION_OUTPUT, 2);
	program_raw(&p, false, WEFT_ACTION_STRIP_VLAN, 0, NULL, 0);
	program_raw(&p, false, WEFT_ACTION_SET_L4_DST, 99, NULL, 0);
	program_add(&p, false, WEFT_ACTION_OUTPUT, 3);
	side_rule(&it, 0, &p);
	side_run_ip(&it, 64);
	assert_int_equal(it.books->n, 2);
	s = &it.books->sent[0];
	assert_memory_equal(s->bytes + 12, "\x81\x00\xa1\x23\x08\x00", 6);
	s = &it.books->sent[1];
	assert_memory_equal(s->bytes + 12, "\x08\x00", 2);
	assert_int_equal(frame_get16(s->bytes + 36), 99);
}

// ---- fields

// Registers: reg0 is the upper half of xreg0, and xreg0 of xxreg0 (ovs-fields(7)).
static void views_of_registers(void **state)
{
	struct program p = {0};

	program_load(&p, false, WEFT_FIELD_XXREG0, 96, 16, 2);
	program_output_field(&p, bits_of(WEFT_FIELD_REG0, 0, 16));
	program_load(&p, false, WEFT_FIELD_XREG0, 0, 16, 3);
	program_output_field(&p, bits_of(WEFT_FIELD_REG1, 0, 16));
	program_output_field(&p, bits_of(WEFT_FIELD_XXREG0, 64, 16));
	side_rule(&it, 0, &p);
	side_run_ip(&it, 64);
	assert_int_equal(side_sent_to(&it, 2), 1);
	assert_int_equal(side_sent_to(&it, 3), 2);
}

// A 16-bit number may name a port with a meaning.
static void ports_with_a_meaning_in_a_field(void **state)
{
	struct program p = {0};

	program_load(&p, false, WEFT_FIELD_REG0, 0, 16, 0xfffb);
	program_output_field(&p, bits_of(WEFT_FIELD_REG0, 0, 16));
	side_rule(&it, 0, &p);
	side_run_ip(&it, 64);
	assert_int_equal(it.books->n, PORTS - 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_set_passes_by_what_has_no_header),
		TEST(resubmit_to_itself_ends),
		TEST(resubmits_are_counted),
		TEST(resubmits_to_conjunctions_cost_more),
		TEST(through_all_tables),
		TEST(stack_is_bounded),
		TEST(pop_of_nothing_does_nothing),
		TEST(ttl_ends_its_list_alone),
		TEST(exit_leaves_the_action_set),
		TEST(in_port_of_a_resubmit),
		TEST(in_port_is_writable),
		TEST(last_uses_cost_no_copy),
		TEST(controller_says_all),
		TEST(ttl_to_each_controller),
		TEST(meter_of_a_controller_action),
		TEST(tags_of_1_0),
		TEST(views_of_registers),
		TEST(ports_with_a_meaning_in_a_field),
	};

	rng_seed_from_env();
	return cmocka_run_group_tests(tests, NULL, NULL);
}

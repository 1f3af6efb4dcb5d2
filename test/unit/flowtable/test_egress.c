// SPDX-License-Identifier: Apache-2.0
// Egress tables, actset_output and packet_type: OpenFlow 1.5.1, 5.1 and 5.12.

#include "nx_build.h"
#include "sink.h"

#define FIRST 100u
#define PORTS 4u

static struct world *world;
static struct books *books;

static int setup(void **state)
{
	world = world_new(1, 100);
	books = books_new();
	for (uint32_t port = 1; port <= PORTS; port++)
		ft_port_set(world->sw, &(struct ft_port){.ofport = port, .live = true});
	return 0;
}

static int teardown(void **state)
{
	books_balance(books);
	books_free(books);
	world_free(world);
	return 0;
}

static enum weft_error border(uint8_t table, uint8_t on)
{
	return ft_table_mod(world->sw,
		&(struct weft_table_mod){
			.table = table, .set = WEFT_TABLE_SET_EGRESS, .first_egress = on});
}

// A rule for packets whose field is `value`; of WEFT_FIELD_MAX, for all.
static enum weft_error put(
	uint8_t table, enum weft_field f, uint64_t value, const struct program *p)
{
	struct weft_flow_mod mod = flow_mod_of(WEFT_FLOW_ADD, table, f != WEFT_FIELD_MAX);
	struct pattern pattern = {0};
	struct weft_match m;

	if (f != WEFT_FIELD_MAX)
		pattern_exact(&pattern, f, value);
	m = pattern_match(&pattern);
	return ft_flow_mod(world->sw, &mod, &m, &p->instr);
}

static struct program out_to(uint32_t port, bool write)
{
	struct program p = {0};

	program_add(&p, write, WEFT_ACTION_OUTPUT, port);
	return p;
}

static void go(struct program *p, uint8_t table)
{
	p->instr.flags |= WEFT_INSTR_GOTO;
	p->instr.goto_table = table;
}

static void receive(uint32_t port)
{
	struct frame f = {0};
	struct ft_packet *p;

	frame_put(&f, (uint8_t[]){2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x12, 0x34}, 14);
	frame_random(&f, 46);
	books_clear(books);
	p = books_packet(books, &f, port);
	ft_switch_process(world->sw, 0, world->now, &p, 1, &books->sink);
	books_balance(books);
}

// How often it left by this port with `type` where the EtherType is.
static unsigned left(uint32_t port, unsigned type)
{
	unsigned n = 0;

	for (unsigned i = 0; i < books->n; i++)
		n += books->sent[i].kind == SENT_PORT && books->sent[i].port == port &&
		     frame_get16(books->sent[i].bytes + 12) == type;
	return n;
}

static void each_port_has_its_pass(void **state)
{
	struct program flood = out_to(WEFT_OFPORT_FLOOD, false), tag = {0}, pass = {0}, none = {0};

	assert_int_equal(border(FIRST, 1), WEFT_E_NONE);
	assert_int_equal(put(0, WEFT_FIELD_MAX, 0, &flood), WEFT_E_NONE);
	receive(1); // a miss in egress
	assert_int_equal(books->n, 0);
	assert_int_equal(books->reasons[WEFT_DROP_TABLE_MISS], 3);
	program_add(&tag, true, WEFT_ACTION_PUSH_VLAN, 0x8100);
	go(&pass, FIRST + 1);
	assert_int_equal(put(FIRST, WEFT_FIELD_MAX, 0, &pass), WEFT_E_NONE);
	assert_int_equal(put(FIRST + 1, WEFT_FIELD_MAX, 0, &none), WEFT_E_NONE);
	assert_int_equal(put(FIRST + 1, WEFT_FIELD_ACTSET_OUTPUT, 3, &tag), WEFT_E_NONE);
	receive(1);
	assert_int_equal(books->n, 3);
	assert_int_equal(left(2, 0x1234), 1);
	assert_int_equal(left(3, 0x8100), 1);
	assert_int_equal(left(4, 0x1234), 1);
	none.instr.flags = WEFT_INSTR_CLEAR;
	assert_int_equal(put(FIRST + 1, WEFT_FIELD_ACTSET_OUTPUT, 4, &none), WEFT_E_NONE);
	receive(1);
	assert_int_equal(books->n, 2);
	assert_int_equal(left(4, 0x1234), 0);
}

// The packet goes on as it was, whatever egress made of its copy; what leaves in egress leaves.
static void copies(void **state)
{
	struct program p = out_to(2, false), mirror = out_to(4, false);

	program_add(&p, false, WEFT_ACTION_OUTPUT, 3);
	program_add(&p, false, WEFT_ACTION_OUTPUT, WEFT_OFPORT_IN_PORT);
	program_add(&p, false, WEFT_ACTION_OUTPUT, WEFT_OFPORT_CONTROLLER);
	program_add(&mirror, false, WEFT_ACTION_PUSH_VLAN, 0x8100);
	assert_int_equal(border(FIRST, 1), WEFT_E_NONE);
	assert_int_equal(put(0, WEFT_FIELD_MAX, 0, &p), WEFT_E_NONE);
	assert_int_equal(put(FIRST, WEFT_FIELD_MAX, 0, &mirror), WEFT_E_NONE);
	receive(1);
	assert_int_equal(books->n, 7);
	assert_int_equal(left(2, 0x8100), 1);
	assert_int_equal(left(3, 0x8100), 1);
	assert_int_equal(left(1, 0x8100), 1);
	assert_int_equal(left(4, 0x1234), 3);
}

// What a rule does after an output is not seen in egress, nor told with an earlier packet-in.
static void as_it_was_output(void **state)
{
	struct program p = out_to(2, false), mirror = out_to(4, false), none = {0};

	program_add(&p, false, WEFT_ACTION_OUTPUT, WEFT_OFPORT_CONTROLLER);
	program_add(&p, false, WEFT_ACTION_OUTPUT, 3);
	program_move(
		&p, false, bits_of(WEFT_FIELD_ETH_TYPE, 0, 16), bits_of(WEFT_FIELD_REG0, 0, 16));
	p.instr.metadata = weft_htonll(5);
	p.instr.metadata_mask = UINT64_MAX;
	go(&p, 1);
	assert_int_equal(border(FIRST, 1), WEFT_E_NONE);
	assert_int_equal(put(0, WEFT_FIELD_MAX, 0, &p), WEFT_E_NONE);
	assert_int_equal(put(1, WEFT_FIELD_MAX, 0, &none), WEFT_E_NONE);
	assert_int_equal(put(FIRST, WEFT_FIELD_MAX, 0, &none), WEFT_E_NONE);
	assert_int_equal(put(FIRST, WEFT_FIELD_METADATA, 5, &mirror), WEFT_E_NONE);
	assert_int_equal(put(FIRST, WEFT_FIELD_REG0, 0x1234, &mirror), WEFT_E_NONE);
	receive(1);
	assert_int_equal(books->n, 3);
	assert_int_equal(left(2, 0x1234), 1);
	assert_int_equal(left(3, 0x1234), 1);
	assert_int_equal(books->sent[1].kind, SENT_CONTROLLER);
	assert_int_equal(books->sent[1].metadata, 0);
}

static void borders(void **state)
{
	struct program pass = {0}, written = out_to(2, true), group = {0}, none = {0};
	struct weft_table_desc d;

	go(&pass, 200);
	assert_int_equal(border(0, 1), WEFT_E_TABLE_CONFIG);
	assert_int_equal(put(3, WEFT_FIELD_MAX, 0, &pass), WEFT_E_NONE);
	assert_int_equal(border(FIRST, 1), WEFT_E_TABLE_CONFIG); // leads over it
	assert_int_equal(border(201, 1), WEFT_E_NONE);
	assert_int_equal(border(FIRST, 1), WEFT_E_TABLE_CONFIG);
	ft_table_describe(world->sw, 201, &d);
	assert_int_equal(d.role, WEFT_TABLE_EGRESS | WEFT_TABLE_FIRST_EGRESS);
	ft_table_describe(world->sw, 254, &d);
	assert_int_equal(d.role, WEFT_TABLE_EGRESS);
	ft_table_describe(world->sw, 200, &d);
	assert_int_equal(d.role, WEFT_TABLE_INGRESS);
	go(&pass, 201);
	assert_int_equal(put(3, WEFT_FIELD_MAX, 0, &pass), WEFT_E_BAD_GOTO);
	assert_int_equal(put(201, WEFT_FIELD_MAX, 0, &written), WEFT_E_ACTION_PORT);
	program_add(&group, true, WEFT_ACTION_GROUP, 1);
	assert_int_equal(put(201, WEFT_FIELD_MAX, 0, &group), WEFT_E_ACTION_GROUP);
	assert_int_equal(put(201, WEFT_FIELD_MAX, 0, &none), WEFT_E_NONE);
	assert_int_equal(border(201, 0), WEFT_E_TABLE_CONFIG); // has a rule
	assert_int_equal(border(201, 1), WEFT_E_NONE);
	assert_int_equal(border(5, 0), WEFT_E_NONE); // is none
}

static void action_set_is_matched(void **state)
{
	struct program writes = out_to(2, true), sees = out_to(3, false), none = out_to(4, false);

	go(&writes, 1);
	assert_int_equal(put(0, WEFT_FIELD_IN_PORT, 1, &writes), WEFT_E_NONE);
	assert_int_equal(put(0, WEFT_FIELD_ACTSET_OUTPUT, WEFT_OFPORT_UNSET, &none), WEFT_E_NONE);
	assert_int_equal(put(1, WEFT_FIELD_ACTSET_OUTPUT, 2, &sees), WEFT_E_NONE);
	receive(3);
	assert_int_equal(left(4, 0x1234), 1);
	writes.instr.flags &= (uint8_t)~WEFT_INSTR_GOTO;
	go(&writes, 1);
	assert_int_equal(put(0, WEFT_FIELD_ACTSET_OUTPUT, WEFT_OFPORT_UNSET, &writes), WEFT_E_NONE);
	receive(4);
	assert_int_equal(books->n, 2);
	assert_int_equal(left(3, 0x1234), 1);
	assert_int_equal(left(2, 0x1234), 1);
}

static void packet_types(void **state)
{
	struct program p = out_to(2, false);

	assert_int_equal(put(0, WEFT_FIELD_PACKET_TYPE, 0, &p), WEFT_E_NONE);
	receive(1);
	assert_int_equal(left(2, 0x1234), 1);
	assert_int_equal(put(0, WEFT_FIELD_PACKET_TYPE, 0x00010800, &p), WEFT_E_MATCH_VALUE);
}

// Rules of egress that output and use groups end all the same.
static void bounded(void **state)
{
	struct program flood = out_to(WEFT_OFPORT_ALL, false), p = out_to(WEFT_OFPORT_ALL, false);

	for (unsigned i = 0; i < 20; i++)
		program_add(&p, false, WEFT_ACTION_OUTPUT, WEFT_OFPORT_ALL);
	for (unsigned i = 0; i < 20; i++)
		program_add(&flood, false, WEFT_ACTION_OUTPUT, WEFT_OFPORT_ALL);
	assert_int_equal(border(FIRST, 1), WEFT_E_NONE);
	assert_int_equal(put(0, WEFT_FIELD_MAX, 0, &flood), WEFT_E_NONE);
	for (unsigned table = FIRST; table < WEFT_TABLES; table++) {
		struct program here = p;

		if (table + 1 < WEFT_TABLES)
			go(&here, (uint8_t)(table + 1));
		put((uint8_t)table, WEFT_FIELD_MAX, 0, &here);
	}
	receive(1);
	assert_true(books->n < 20000);
	assert_true(books->reasons[WEFT_DROP_RECURSION] > 0);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(each_port_has_its_pass),
		TEST(copies),
		TEST(as_it_was_output),
		TEST(borders),
		TEST(action_set_is_matched),
		TEST(packet_types),
		TEST(bounded),
	};

	rng_seed_from_env();
	return cmocka_run_group_tests(tests, NULL, NULL);
}

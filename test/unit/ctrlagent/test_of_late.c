// SPDX-License-Identifier: Apache-2.0
// What OpenFlow 1.4 and 1.5 translate otherwise than 1.3: masks in set-field, copy-field, meters as
// actions, OXS, and the errors of properties.
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "openflow/actions.h"
#include "openflow/errors.h"
#include "openflow/oxs.h"

static _Alignas(8) uint8_t list[1024];

// Reads `n` bytes of actions; 0 and what they became in `list`, or OFPBAC_* plus one.
static int read_list(uint8_t version, const uint8_t *bytes, size_t n, size_t *len)
{
	struct of_error e = {0, 0, 0};
	ssize_t used =
		of_actions_read((struct of_span){bytes, n}, version, 0, list, sizeof(list), &e);

	if (used < 0) {
		assert_int_equal(e.type, OFPET_BAD_ACTION);
		assert_string_not_equal(of_error_name(&e, version), "unknown");
		return e.code + 1;
	}
	assert_true(weft_actions_ok(list, (size_t)used));
	*len = (size_t)used;
	return 0;
}

// There and back in `version`.
static void expect_same(uint8_t version, const uint8_t *bytes, size_t n, unsigned type)
{
	struct of_writer w = {.version = version};
	const struct weft_action *a = (const void *)list;
	size_t len = 0;

	assert_int_equal(read_list(version, bytes, n, &len), 0);
	assert_int_equal(a->type, type);
	assert_int_equal(of_actions_write(&w, list, len), 0);
	assert_int_equal(w.len, n);
	assert_memory_equal(w.data, bytes, n);
	of_writer_free(&w);
}

static void expect_code(uint8_t version, const uint8_t *bytes, size_t n, int code)
{
	size_t len;

	assert_int_equal(read_list(version, bytes, n, &len), code + 1);
}

#define SAME(version, type, ...)                                                                   \
	expect_same(version, (const uint8_t[]){__VA_ARGS__}, sizeof((uint8_t[]){__VA_ARGS__}), type)
#define CODE(version, code, ...)                                                                   \
	expect_code(version, (const uint8_t[]){__VA_ARGS__}, sizeof((uint8_t[]){__VA_ARGS__}), code)

// OpenFlow 1.5.1, 7.2.6.7.
static void set_field_with_mask(void **state)
{
	const struct weft_action *a = (const void *)list;
	const struct weft_action_set_field *f = weft_action_payload(a);

	SAME(6, WEFT_ACTION_SET_FIELD, 0, 25, 0, 16, 0x80, 0, 23, 8, 10, 0, 0, 0, 255, 0, 0, 0);
	assert_int_equal(a->arg, WEFT_FIELD_IPV4_SRC);
	assert_memory_equal(f->value, "\x0a\0\0\0", 4);
	assert_memory_equal(f->mask, "\xff\0\0\0", 4);
	CODE(5, OFPBAC_BAD_SET_TYPE, 0, 25, 0, 16, 0x80, 0, 23, 8, 10, 0, 0, 0, 255, 0, 0, 0);
	// a bit outside the mask; no bit in the mask; a field that takes no mask
	CODE(6, OFPBAC_BAD_SET_ARGUMENT, 0, 25, 0, 16, 0x80, 0, 23, 8, 10, 1, 0, 0, 255, 0, 0, 0);
	CODE(6, OFPBAC_BAD_SET_MASK, 0, 25, 0, 16, 0x80, 0, 23, 8, 0, 0, 0, 0, 0, 0, 0, 0);
	CODE(6, OFPBAC_BAD_SET_MASK, 0, 25, 0, 16, 0x80, 0, 17, 2, 1, 1, 0, 0, 0, 0, 0, 0);
	CODE(6, OFPBAC_BAD_SET_LEN, 0, 25, 0, 16, 0x80, 0, 23, 7, 10, 0, 0, 0, 255, 0, 0, 0);
	// a VLAN id needs OFPVID_PRESENT if the mask covers that bit
	SAME(6, WEFT_ACTION_SET_FIELD, 0, 25, 0, 16, 0x80, 0, 13, 4, 0, 5, 0x0f, 0xff, 0, 0, 0, 0);
	CODE(6, OFPBAC_BAD_SET_ARGUMENT, 0, 25, 0, 16, 0x80, 0, 12, 2, 0, 5, 0, 0, 0, 0, 0, 0);
}

// OpenFlow 1.5.1, 7.2.6.10: from eth_src (4) to tunnel_id (38), 16 bits.
static void copy_field(void **state)
{
	const struct weft_action_move *m = weft_action_payload((const void *)list);

	SAME(6, WEFT_ACTION_MOVE, 0, 28, 0, 24, 0, 16, 0, 3, 0, 48, 0, 0, 0x80, 0, 8, 6, 0x80, 0,
		76, 8, 0, 0, 0, 0);
	assert_int_equal(m->src.field, WEFT_FIELD_ETH_SRC);
	assert_int_equal(m->src.ofs, 3);
	assert_int_equal(m->dst.field, WEFT_FIELD_TUNNEL_ID);
	assert_int_equal(m->dst.ofs, 48);
	assert_int_equal(m->dst.n_bits, 16);
	CODE(5, OFPBAC_BAD_TYPE, 0, 28, 0, 24, 0, 16, 0, 3, 0, 48, 0, 0, 0x80, 0, 8, 6, 0x80, 0, 76,
		8, 0, 0, 0, 0);
	// one bit too far at either end; no bits; in_phy_port can't be written; no such field; a
	// mask
	CODE(6, OFPBAC_BAD_ARGUMENT, 0, 28, 0, 24, 0, 16, 0, 33, 0, 48, 0, 0, 0x80, 0, 8, 6, 0x80,
		0, 76, 8, 0, 0, 0, 0);
	CODE(6, OFPBAC_BAD_ARGUMENT, 0, 28, 0, 24, 0, 16, 0, 3, 0, 49, 0, 0, 0x80, 0, 8, 6, 0x80, 0,
		76, 8, 0, 0, 0, 0);
	CODE(6, OFPBAC_BAD_ARGUMENT, 0, 28, 0, 24, 0, 0, 0, 3, 0, 48, 0, 0, 0x80, 0, 8, 6, 0x80, 0,
		76, 8, 0, 0, 0, 0);
	CODE(6, OFPBAC_BAD_SET_TYPE, 0, 28, 0, 24, 0, 16, 0, 3, 0, 0, 0, 0, 0x80, 0, 8, 6, 0x80, 0,
		2, 4, 0, 0, 0, 0);
	CODE(6, OFPBAC_BAD_SET_TYPE, 0, 28, 0, 24, 0, 16, 0, 3, 0, 48, 0, 0, 0x80, 0, 250, 6, 0x80,
		0, 76, 8, 0, 0, 0, 0);
	CODE(6, OFPBAC_BAD_SET_TYPE, 0, 28, 0, 24, 0, 16, 0, 3, 0, 48, 0, 0, 0x80, 0, 9, 12, 0x80,
		0, 76, 8, 0, 0, 0, 0);
}

static void write_instructions(
	struct of_writer *w, uint8_t version, const void *bytes, size_t n, uint8_t write_as)
{
	_Alignas(8) uint8_t out[256];
	struct of_error e;

	assert_true(of_instructions_read(
			    (struct of_span){bytes, n}, version, out, sizeof(out), &e) > 0);
	of_writer_reset(w);
	w->version = write_as;
	assert_int_equal(of_instructions_write(w, (const void *)out), 0);
}

// An instruction before 1.5, an action from then on.
static void meters(void **state)
{
	const uint8_t before[] = {0, 6, 0, 8, 0, 0, 0, 7};
	const uint8_t after[] = {0, 4, 0, 16, 0, 0, 0, 0, 0, 29, 0, 8, 0, 0, 0, 7};
	const uint8_t emptied[] = {0, 6, 0, 8, 0, 0, 0, 7, 0, 4, 0, 8, 0, 0, 0, 0};
	struct of_writer w = {0};

	write_instructions(&w, 4, before, sizeof(before), 6);
	assert_int_equal(w.len, sizeof(after));
	assert_memory_equal(w.data, after, sizeof(after));
	write_instructions(&w, 6, after, sizeof(after), 5);
	assert_int_equal(w.len, sizeof(emptied));
	assert_memory_equal(w.data, emptied, sizeof(emptied));
	of_writer_free(&w);
	SAME(6, WEFT_ACTION_METER, 0, 29, 0, 8, 0, 0, 0, 7);
	CODE(6, OFPBAC_BAD_METER, 0, 29, 0, 8, 0, 0, 0, 0);
	CODE(6, OFPBAC_BAD_METER, 0, 29, 0, 8, 0xff, 0xff, 0, 1);
}

static void statistics(void **state)
{
	struct of_oxs in = {
		.present = 1 << OFPXST_DURATION | 1 << OFPXST_FLOW_COUNT | 1 << OFPXST_BYTE_COUNT,
		.duration_sec = 1,
		.duration_nsec = 2,
		.flow_count = 3,
		.byte_count = 0x0102030405060708};
	struct of_writer w = {.version = 6};
	struct of_error e;
	struct of_oxs out;

	assert_int_equal(of_oxs_write(&w, &in), 0);
	assert_int_equal(w.len, 12 + 8 + 12);
	assert_memory_equal(w.data, "\x80\x02\0\x08\0\0\0\1\0\0\0\2\x80\x02\x06\4\0\0\0\3", 20);
	assert_int_equal(of_oxs_read(of_written(&w), &out, &e), 0);
	assert_memory_equal(&in, &out, sizeof(in));
	for (size_t n = 1; n < w.len; n++)
		if (n != 12 && n != 20)
			assert_int_equal(
				of_oxs_read((struct of_span){w.data, n}, &out, &e), -EBADMSG);
	w.data[14] = 4; // a field of no number, then one given twice
	assert_int_equal(of_oxs_read(of_written(&w), &out, &e), -EBADMSG);
	assert_int_equal(e.code, OFPBRC_BAD_TYPE);
	w.data[14] = 0;
	assert_int_equal(of_oxs_read(of_written(&w), &out, &e), -EBADMSG);
	of_writer_free(&w);
}

// Flags 3; duration 1.5 s and 0x0807 packets; then an apply-actions without an action.
#define TRIGGER                                                                                    \
	0, 7, 0, 40, 0, 0, 0, 3, 0, 0, 0, 28, 0x80, 2, 0, 8, 0, 0, 0, 1, 0x1d, 0xcd, 0x65, 0,      \
		0x80, 2, 8, 8, 0, 0, 0, 0, 0, 0, 8, 7, 0, 0, 0, 0
#define TRIGGER_LEN 40

static void stat_trigger(void **state)
{
	const uint8_t wire[] = {TRIGGER, 0, 4, 0, 8, 0, 0, 0, 0};
	const struct weft_instructions *in = (const void *)list;
	const struct weft_trigger *t;
	struct of_writer w = {.version = 6};
	struct of_error e;

	assert_int_equal(of_instructions_read(
				 (struct of_span){wire, sizeof(wire)}, 6, list, sizeof(list), &e),
		sizeof(*in) + sizeof(*t));
	assert_int_equal(weft_instructions_bytes(in), sizeof(*in) + sizeof(*t));
	assert_int_equal(in->flags, WEFT_INSTR_APPLY | WEFT_INSTR_TRIGGER);
	t = weft_instructions_trigger(in);
	assert_int_equal(t->flags, WEFT_TRIGGER_PERIODIC | WEFT_TRIGGER_ONLY_FIRST);
	assert_int_equal(t->present, 1 << WEFT_STAT_DURATION | 1 << WEFT_STAT_PACKETS);
	assert_int_equal(t->at[WEFT_STAT_DURATION], 1500000000);
	assert_int_equal(t->at[WEFT_STAT_PACKETS], 0x807);
	assert_int_equal(of_instructions_write(&w, in), 0);
	assert_int_equal(w.len, sizeof(wire));
	assert_memory_equal(w.data, wire, sizeof(wire));
	of_writer_reset(&w);
	w.version = 5; // has no word for it
	assert_int_equal(of_instructions_write(&w, in), 0);
	assert_int_equal(w.len, 8);
	of_writer_free(&w);
}

static void bad_trigger(uint8_t version, unsigned at, uint8_t value, uint16_t type, uint16_t code)
{
	uint8_t wire[] = {TRIGGER};
	struct of_error e;

	static_assert(sizeof(wire) == TRIGGER_LEN, "as it says");
	wire[at] = value;
	assert_int_equal(of_instructions_read((struct of_span){wire, sizeof(wire)}, version, list,
				 sizeof(list), &e),
		-EBADMSG);
	assert_int_equal(e.type, type);
	assert_int_equal(e.code, code);
}

static void stat_trigger_refused(void **state)
{
	const uint16_t t = OFPET_BAD_INSTRUCTION;

	bad_trigger(5, 7, 3, t, OFPBIC_UNKNOWN_INST);
	bad_trigger(6, 7, 4, t, OFPBIC_UNSUP_INST);
	bad_trigger(6, 3, 32, t, OFPBIC_BAD_LEN);
	bad_trigger(6, 14, 4, OFPET_BAD_REQUEST, OFPBRC_BAD_TYPE);
	bad_trigger(6, 15, 9, OFPET_BAD_REQUEST, OFPBRC_BAD_LEN);
}

static void expect_read(const uint8_t *bytes, size_t n, uint16_t type, uint16_t code)
{
	struct of_reader r = of_reader(bytes, n, bytes[0]), it;
	struct of_table_mod_prop prop;
	struct of_message m;

	assert_int_equal(of_message_read(&r, &m), 0);
	it = of_list(m.table_mod.properties, bytes[0]);
	assert_false(of_table_mod_prop_next(&it, &prop));
	assert_int_equal(it.error.type, type);
	assert_int_equal(it.error.code, code);
}

static void property_errors(void **state)
{
	const uint8_t unknown[] = {
		5, 17, 0, 24, 0, 0, 0, 1, 9, 0, 0, 0, 0, 0, 0, 4, 0, 9, 0, 8, 0, 0, 0, 1};
	const uint8_t longer[] = {
		5, 17, 0, 24, 0, 0, 0, 1, 9, 0, 0, 0, 0, 0, 0, 4, 0, 2, 0, 9, 0, 0, 0, 1};

	expect_read(unknown, sizeof(unknown), OFPET_BAD_PROPERTY, OFPBPC_BAD_TYPE);
	expect_read(longer, sizeof(longer), OFPET_BAD_PROPERTY, OFPBPC_BAD_LEN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(set_field_with_mask),
		cmocka_unit_test(copy_field),
		cmocka_unit_test(meters),
		cmocka_unit_test(statistics),
		cmocka_unit_test(stat_trigger),
		cmocka_unit_test(stat_trigger_refused),
		cmocka_unit_test(property_errors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

// SPDX-License-Identifier: Apache-2.0
// Actions and instructions: every type there and back, and every refusal with its code.
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "of_testkit.h"
#include "openflow/actions.h"
#include "openflow/oxm.h"

#define VERSION 4

static struct of_testkit kit = {.version = VERSION};

struct bytes {
	size_t len;
	uint8_t b[64];
};

#define ACTION(...)                                                                                \
	&(const struct bytes)                                                                      \
	{                                                                                          \
		sizeof((uint8_t[]){__VA_ARGS__}),                                                  \
		{                                                                                  \
			__VA_ARGS__                                                                \
		}                                                                                  \
	}

static ssize_t read_actions(const struct bytes *in, unsigned flags, void *out, struct of_error *e)
{
	struct of_span s = kit_keep(&kit, (struct of_span){in->b, in->len});
	ssize_t n = of_actions_read(s, VERSION, flags, out, 1024, e);

	of_testkit_free(&kit);
	return n;
}

static void expect_action(const struct bytes *in, unsigned type, uint32_t arg)
{
	_Alignas(8) uint8_t out[1024];
	struct of_writer w = {.version = VERSION};
	struct weft_action a;
	struct of_error e;
	ssize_t n = read_actions(in, 0, out, &e);

	if (n < 0)
		fail_msg("type %u: refused with %u,%u", type, e.type, e.code);
	assert_true(weft_actions_ok(out, (size_t)n));
	memcpy(&a, out, sizeof(a));
	assert_int_equal(a.type, type);
	assert_int_equal(a.arg, arg);
	assert_int_equal(a.len, n);
	assert_int_equal(of_actions_write(&w, out, (size_t)n), 0);
	assert_int_equal(w.len, in->len);
	assert_memory_equal(w.data, in->b, in->len);
	of_writer_free(&w);
}

static void every_action(void **state)
{
	expect_action(
		ACTION(0, 0, 0, 16, 0, 0, 0, 9, 0, 64, 0, 0, 0, 0, 0, 0), WEFT_ACTION_OUTPUT, 9);
	expect_action(ACTION(0, 11, 0, 8, 0, 0, 0, 0), WEFT_ACTION_COPY_TTL_OUT, 0);
	expect_action(ACTION(0, 12, 0, 8, 0, 0, 0, 0), WEFT_ACTION_COPY_TTL_IN, 0);
	expect_action(ACTION(0, 15, 0, 8, 64, 0, 0, 0), WEFT_ACTION_SET_MPLS_TTL, 64);
	expect_action(ACTION(0, 16, 0, 8, 0, 0, 0, 0), WEFT_ACTION_DEC_MPLS_TTL, 0);
	expect_action(ACTION(0, 17, 0, 8, 0x81, 0, 0, 0), WEFT_ACTION_PUSH_VLAN, 0x8100);
	expect_action(ACTION(0, 17, 0, 8, 0x88, 0xa8, 0, 0), WEFT_ACTION_PUSH_VLAN, 0x88a8);
	expect_action(ACTION(0, 18, 0, 8, 0, 0, 0, 0), WEFT_ACTION_POP_VLAN, 0);
	expect_action(ACTION(0, 19, 0, 8, 0x88, 0x47, 0, 0), WEFT_ACTION_PUSH_MPLS, 0x8847);
	expect_action(ACTION(0, 19, 0, 8, 0x88, 0x48, 0, 0), WEFT_ACTION_PUSH_MPLS, 0x8848);
	expect_action(ACTION(0, 20, 0, 8, 8, 0, 0, 0), WEFT_ACTION_POP_MPLS, 0x0800);
	expect_action(ACTION(0, 21, 0, 8, 1, 2, 3, 4), WEFT_ACTION_SET_QUEUE, 0x01020304);
	expect_action(ACTION(0, 22, 0, 8, 1, 2, 3, 4), WEFT_ACTION_GROUP, 0x01020304);
	expect_action(ACTION(0, 23, 0, 8, 255, 0, 0, 0), WEFT_ACTION_SET_NW_TTL, 255);
	expect_action(ACTION(0, 24, 0, 8, 0, 0, 0, 0), WEFT_ACTION_DEC_NW_TTL, 0);
	expect_action(ACTION(0, 26, 0, 8, 0x88, 0xe7, 0, 0), WEFT_ACTION_PUSH_PBB, 0x88e7);
	expect_action(ACTION(0, 27, 0, 8, 0, 0, 0, 0), WEFT_ACTION_POP_PBB, 0);
}

static void put_set_field(struct bytes *out, const struct of_oxm_form *form, const uint8_t *value)
{
	struct of_writer w = {.version = VERSION};
	size_t begin = of_begin(&w);

	of_put_u16(&w, OFPAT_SET_FIELD);
	of_put_u16(&w, 0);
	of_put_u16(&w, form->class_);
	of_put_u8(&w, (uint8_t)(form->number << 1));
	of_put_u8(&w, (uint8_t)(form->bytes + (form->experimenter ? 4 : 0)));
	if (form->experimenter)
		of_put_u32(&w, form->experimenter);
	of_put_bytes(&w, value, form->bytes);
	assert_int_equal(of_end(&w, begin, 2, 8, 0), 0);
	out->len = w.len;
	memcpy(out->b, w.data, w.len);
	of_writer_free(&w);
}

static void expect_refused(const struct bytes *in, unsigned flags, unsigned type, unsigned code)
{
	_Alignas(8) uint8_t out[1024];
	struct of_error e = {0, 0, 0};

	if (read_actions(in, flags, out, &e) != -EBADMSG)
		fail_msg("action type %u accepted, expected %u,%u", in->b[1], type, code);
	if (e.type != type || e.code != code)
		fail_msg("action type %u: %u,%u, expected %u,%u", in->b[1], e.type, e.code, type,
			code);
}

static void set_field_of(const struct of_oxm_form *form)
{
	const struct weft_field_info *info = &weft_field_infos[form->field];
	unsigned lead = form->bytes - info->bytes;
	_Alignas(8) uint8_t out[1024];
	const struct weft_action_set_field *f;
	struct of_error e;
	struct bytes in;
	uint8_t v[16] = {0};

	kit_bytes(&kit, v + lead, info->bytes);
	if (info->bits % 8)
		v[lead] &= (uint8_t)(0xff >> (8 - info->bits % 8));
	if (form->field == WEFT_FIELD_VLAN_VID)
		v[0] |= 0x10;
	put_set_field(&in, form, v);
	if (!(info->flags & WEFT_FIELD_S)) {
		expect_refused(&in, 0, OFPET_BAD_ACTION, OFPBAC_BAD_SET_TYPE);
		return;
	}
	// in_port has another form where it is set (oxm.h).
	if (form == of_oxm_form_of_field(form->field, VERSION) && form->field != WEFT_FIELD_IN_PORT)
		expect_action(&in, WEFT_ACTION_SET_FIELD, form->field);
	assert_int_equal(read_actions(&in, 0, out, &e), 40);
	f = (const struct weft_action_set_field *)(out + 8);
	assert_memory_equal(f->value, v + lead, info->bytes);
	if (info->bits < 8 * form->bytes) {
		v[form->bytes - 1 - info->bits / 8] |= (uint8_t)(1 << info->bits % 8);
		put_set_field(&in, form, v);
		expect_refused(&in, 0, OFPET_BAD_ACTION, OFPBAC_BAD_SET_ARGUMENT);
	}
}

static void every_set_field(void **state)
{
	for (size_t i = 0; i < of_oxm_forms_count; i++)
		if (of_oxm_forms[i].low <= VERSION && VERSION <= of_oxm_forms[i].high &&
			kit_form_is_plain(&of_oxm_forms[i]))
			set_field_of(&of_oxm_forms[i]);
}

#define OUTPUT(a, b, c, d) ACTION(0, 0, 0, 16, a, b, c, d, 0, 0, 0, 0, 0, 0, 0, 0)

static void refusals(void **state)
{
	const unsigned t = OFPET_BAD_ACTION;

	expect_refused(ACTION(0, 99, 0, 8, 0, 0, 0, 0), 0, t, OFPBAC_BAD_TYPE);
	expect_refused(ACTION(0, 29, 0, 8, 0, 0, 0, 1), 0, t, OFPBAC_BAD_TYPE); // 1.5's meter
	expect_refused(ACTION(0, 18, 0, 16, 0, 0, 0, 0), 0, t, OFPBAC_BAD_LEN);
	expect_refused(ACTION(0, 18, 0, 12, 0, 0, 0, 0, 0, 0, 0, 0), 0, t, OFPBAC_BAD_LEN);
	expect_refused(ACTION(0, 18, 0, 0, 0, 0, 0, 0), 0, t, OFPBAC_BAD_LEN);
	expect_refused(
		ACTION(0, 18, 0, 16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0), 0, t, OFPBAC_BAD_LEN);
	expect_refused(ACTION(0, 0, 0, 8, 0, 0, 0, 1), 0, t, OFPBAC_BAD_LEN);
	expect_refused(ACTION(0, 18), 0, t, OFPBAC_BAD_LEN);
	expect_refused(ACTION(0xff, 0xff, 0, 8, 0, 0, 0x23, 0x21), 0, t, OFPBAC_BAD_EXPERIMENTER);
	expect_refused(ACTION(0xff, 0xff, 0, 8, 0, 0, 0x23, 0x20), 0, t, OFPBAC_BAD_LEN);
	expect_refused(ACTION(0xff, 0xff, 0, 16, 0, 0, 0x23, 0x20, 1, 0, 0, 0, 0, 0, 0, 0), 0, t,
		OFPBAC_BAD_EXP_TYPE);
	expect_refused(OUTPUT(0, 0, 0, 0), 0, t, OFPBAC_BAD_OUT_PORT);
	expect_refused(OUTPUT(0xff, 0xff, 0xff, 0xff), 0, t, OFPBAC_BAD_OUT_PORT);
	expect_refused(OUTPUT(0xff, 0xff, 0xff, 0x01), 0, t, OFPBAC_BAD_OUT_PORT);
	expect_refused(OUTPUT(0xff, 0xff, 0xff, 0xf9), 0, t, OFPBAC_BAD_OUT_PORT);
	expect_refused(ACTION(0, 22, 0, 8, 0xff, 0xff, 0xff, 0x01), 0, t, OFPBAC_BAD_OUT_GROUP);
	expect_refused(ACTION(0, 17, 0, 8, 8, 0, 0, 0), 0, t, OFPBAC_BAD_ARGUMENT);
	expect_refused(ACTION(0, 19, 0, 8, 8, 0, 0, 0), 0, t, OFPBAC_BAD_ARGUMENT);
	expect_refused(ACTION(0, 26, 0, 8, 8, 0, 0, 0), 0, t, OFPBAC_BAD_ARGUMENT);
	// set-field: unknown, masked, too long for its field, cut short, beyond the action, no tag
	expect_refused(ACTION(0, 25, 0, 16, 0x80, 0, 120, 4, 0, 0, 0, 0, 0, 0, 0, 0), 0, t,
		OFPBAC_BAD_SET_TYPE);
	expect_refused(ACTION(0, 25, 0, 16, 0x80, 0, 11 << 1 | 1, 8, 0, 0, 0, 0, 0, 0, 0, 0), 0, t,
		OFPBAC_BAD_SET_TYPE);
	expect_refused(ACTION(0, 25, 0, 16, 0x80, 0, 11 << 1, 5, 0, 0, 0, 0, 0, 0, 0, 0), 0, t,
		OFPBAC_BAD_SET_LEN);
	expect_refused(ACTION(0, 25, 0, 16, 0x80, 0, 11 << 1, 9, 0, 0, 0, 0, 0, 0, 0, 0), 0, t,
		OFPBAC_BAD_SET_LEN);
	expect_refused(ACTION(0, 25, 0, 8, 0x80, 0, 11 << 1, 4), 0, t, OFPBAC_BAD_SET_LEN);
	expect_refused(ACTION(0, 25, 0, 16, 0x80, 0, 6 << 1, 2, 0, 5, 0, 0, 0, 0, 0, 0), 0, t,
		OFPBAC_BAD_SET_ARGUMENT);
}

static void reserved_ports(void **state)
{
	_Alignas(8) uint8_t out[1024];
	struct of_error e;

	assert_int_equal(
		read_actions(OUTPUT(0xff, 0xff, 0xff, 0xf9), OF_IN_PACKET_OUT, out, &e), 16);
	for (unsigned p = 0xf8; p <= 0xfe; p++)
		if (p != 0xf9)
			expect_action(OUTPUT(0xff, 0xff, 0xff, (uint8_t)p), WEFT_ACTION_OUTPUT,
				0xffffff00u | p);
	expect_action(OUTPUT(0xff, 0xff, 0xff, 0), WEFT_ACTION_OUTPUT, 0xffffff00u);
}

static void too_many(void **state)
{
	_Alignas(8) uint8_t out[24];
	const struct bytes *two = ACTION(0, 18, 0, 8, 0, 0, 0, 0, 0, 18, 0, 8, 0, 0, 0, 0);
	struct of_span s = {two->b, two->len};
	struct of_error e;

	assert_int_equal(of_actions_read(s, VERSION, 0, out, 16, &e), 16);
	assert_int_equal(of_actions_read(s, VERSION, 0, out, 15, &e), -EBADMSG);
	assert_int_equal(e.code, OFPBAC_TOO_MANY);
}

static ssize_t read_instructions(const struct bytes *in, void *out, struct of_error *e)
{
	struct of_span s = kit_keep(&kit, (struct of_span){in->b, in->len});
	ssize_t n = of_instructions_read(s, VERSION, out, OF_INSTRUCTIONS_MAX, e);

	of_testkit_free(&kit);
	return n;
}

static void instructions(void **state)
{
	// goto before write before apply: order on the wire means nothing
	const struct bytes *in = ACTION(0, 1, 0, 8, 5, 0, 0, 0,   //
		0, 3, 0, 16, 0, 0, 0, 0, 0, 22, 0, 8, 0, 0, 0, 1, //
		0, 4, 0, 16, 0, 0, 0, 0, 0, 18, 0, 8, 0, 0, 0, 0, //
		0, 5, 0, 8, 0, 0, 0, 0,                           //
		0, 6, 0, 8, 0, 0, 0, 3);
	_Alignas(8) static uint8_t out[OF_INSTRUCTIONS_MAX], back[OF_INSTRUCTIONS_MAX];
	const struct weft_instructions *i = (const struct weft_instructions *)(void *)out;
	const struct weft_action *a;
	struct of_writer w = {.version = VERSION};
	struct of_error e;

	assert_int_equal(read_instructions(in, out, &e), sizeof(*i) + 16);
	assert_int_equal(weft_instructions_bytes(i), sizeof(*i) + 16);
	assert_int_equal(
		i->flags, WEFT_INSTR_GOTO | WEFT_INSTR_APPLY | WEFT_INSTR_WRITE | WEFT_INSTR_CLEAR);
	assert_int_equal(i->goto_table, 5);
	assert_int_equal(i->meter_id, 3);
	a = weft_instructions_apply(i);
	assert_int_equal(a->type, WEFT_ACTION_POP_VLAN);
	a = weft_instructions_write(i);
	assert_int_equal(a->type, WEFT_ACTION_GROUP);
	assert_int_equal(of_instructions_write(&w, i), 0);
	assert_int_equal(w.len, in->len);
	assert_int_equal(of_instructions_read(of_written(&w), VERSION, back, sizeof(back), &e),
		sizeof(*i) + 16);
	assert_memory_equal(out, back, sizeof(*i) + 16);
	of_writer_free(&w);
}

static void write_metadata(void **state)
{
	const struct bytes *in = ACTION(0, 2, 0, 24, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0xff, 0,
		0xff, 0, 0xff, 0, 0xff);
	struct weft_instructions i;
	struct of_error e;

	assert_int_equal(
		of_instructions_read((struct of_span){in->b, in->len}, VERSION, &i, sizeof(i), &e),
		sizeof(i));
	assert_memory_equal(&i.metadata, in->b + 8, 8); // as given: a dump says the same
	assert_memory_equal(&i.metadata_mask, in->b + 16, 8);
	assert_int_equal(i.flags, 0);
}

static void expect_bad(const struct bytes *in, unsigned type, unsigned code)
{
	_Alignas(8) static uint8_t out[OF_INSTRUCTIONS_MAX];
	struct of_error e = {0, 0, 0};

	assert_int_equal(read_instructions(in, out, &e), -EBADMSG);
	assert_int_equal(e.type, type);
	assert_int_equal(e.code, code);
}

static void bad_instructions(void **state)
{
	const unsigned t = OFPET_BAD_INSTRUCTION;

	expect_bad(ACTION(0, 9, 0, 8, 0, 0, 0, 0), t, OFPBIC_UNKNOWN_INST);
	expect_bad(ACTION(0, 1, 0, 16, 0, 0, 0, 0), t, OFPBIC_BAD_LEN);
	expect_bad(ACTION(0, 1, 0, 4, 0, 0, 0, 0), t, OFPBIC_BAD_LEN);
	expect_bad(ACTION(0, 5, 0, 16, 0, 0, 0, 0, 0, 18, 0, 8, 0, 0, 0, 0), t, OFPBIC_BAD_LEN);
	expect_bad(ACTION(0, 1, 0, 8, 255, 0, 0, 0), t, OFPBIC_BAD_TABLE_ID);
	expect_bad(ACTION(0xff, 0xff, 0, 8, 0, 0, 0, 1), t, OFPBIC_BAD_EXPERIMENTER);
	expect_bad(ACTION(0, 6, 0, 8, 0, 0, 0, 0), OFPET_METER_MOD_FAILED, OFPMMFC_INVALID_METER);
	expect_bad(ACTION(0, 6, 0, 8, 0xff, 0xff, 0xff, 0xfe), OFPET_METER_MOD_FAILED,
		OFPMMFC_INVALID_METER);
	expect_bad(ACTION(0, 4, 0, 16, 0, 0, 0, 0, 0, 99, 0, 8, 0, 0, 0, 0), OFPET_BAD_ACTION,
		OFPBAC_BAD_TYPE);
	expect_bad(ACTION(0, 3, 0, 16, 0, 0, 0, 0, 0, 18, 0, 16, 0, 0, 0, 0), OFPET_BAD_ACTION,
		OFPBAC_BAD_LEN);
	expect_bad(ACTION(0, 5, 0, 8, 0, 0, 0, 0, 0, 5, 0, 8, 0, 0, 0, 0), OFPET_EXPERIMENTER,
		ONFERR_DUP_INSTRUCTION);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_action),
		cmocka_unit_test(every_set_field),
		cmocka_unit_test(refusals),
		cmocka_unit_test(reserved_ports),
		cmocka_unit_test(too_many),
		cmocka_unit_test(instructions),
		cmocka_unit_test(write_metadata),
		cmocka_unit_test(bad_instructions),
	};
	const char *given = getenv("WEFT_SEED");

	kit.seed = given ? strtoull(given, NULL, 0) : (uint64_t)time(NULL) | 1;
	printf("WEFT_SEED=%llu\n", (unsigned long long)kit.seed);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

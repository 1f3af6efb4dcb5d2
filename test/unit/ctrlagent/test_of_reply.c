// SPDX-License-Identifier: Apache-2.0
// What the switch sends: errors for every neutral failure, and multipart replies of any length.
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "openflow/errors.h"
#include "openflow/multipart.h"
#include "openflow/oxm.h"

#define VERSION 4

// Each name that <weft/error.h> gives is one that the description has, or Nicira's.
static void weft_errors(void **state)
{
	static const char *const names[] = {
#define WEFT_X(id, text, of13) of13,
		WEFT_ERRORS(WEFT_X)
#undef WEFT_X
	};

	for (unsigned e = 1; e < WEFT_E_MAX; e++) {
		bool late = e == WEFT_E_GROUP_BUCKET_EXISTS || e == WEFT_E_GROUP_BUCKET_UNKNOWN;
		uint8_t version = late ? 6 : VERSION;
		struct of_error of = of_error_from_weft(version, e);

		if (strncmp(names[e], "NX", 2) == 0) {
			assert_int_equal(of.experimenter, OF_EXPERIMENTER_NICIRA);
			continue;
		}
		assert_string_equal(
			of_error_name(&of, version), names[e][0] ? names[e] : "OFPBRC_EPERM");
	}
}

static void error_names(void **state)
{
	assert_string_equal(
		of_error_name(&(struct of_error){4, 9, 0}, VERSION), "OFPBMC_BAD_PREREQ");
	assert_string_equal(of_error_name(&(struct of_error){3, 9, 0}, VERSION), "unknown");
	assert_string_equal(of_error_name(&(struct of_error){3, 9, 0}, 5), "OFPBIC_DUP_INST");
	assert_string_equal(of_error_name(&(struct of_error){99, 0, 0}, VERSION), "unknown");
}

static void error_message(void **state)
{
	uint8_t request[100] = {4, 14, 0, 100, 1, 2, 3, 4};
	struct of_writer w = {.version = VERSION};

	assert_int_equal(of_error_write(&w, &(struct of_error){4, 9, 0}, request, 100), 0);
	assert_int_equal(w.len, 12 + 64);
	assert_memory_equal(w.data, "\4\1\0\x4c\1\2\3\4\0\4\0\x9", 12);
	assert_memory_equal(w.data + 12, request, 64);
	of_writer_reset(&w);
	assert_int_equal(
		of_error_write(&w, &(struct of_error){0xffff, 2600, 0x4f4e4600}, request, 9), 0);
	assert_int_equal(w.len, 16 + 9);
	assert_memory_equal(w.data + 8, "\xff\xff\x0a\x28ONF\0", 8);
	of_writer_free(&w);
}

static void expect_1_0(uint16_t type, uint16_t code, uint16_t type_1_0, uint16_t code_1_0)
{
	const struct of_error e = {type, code, 0};
	struct of_writer w = {.version = 1};

	assert_int_equal(of_error_write(&w, &e, "\1\16\0\10\0\0\0\7", 8), 0);
	assert_int_equal(w.len, 20);
	assert_int_equal(w.data[0], 1);
	assert_int_equal(of_load16(w.data + 8), type_1_0);
	assert_int_equal(of_load16(w.data + 10), code_1_0);
	of_writer_free(&w);
}

// OpenFlow 1.0.2, 5.4.4.
static void error_in_1_0(void **state)
{
	expect_1_0(OFPET_HELLO_FAILED, OFPHFC_INCOMPATIBLE, 0, 0);
	expect_1_0(OFPET_BAD_REQUEST, OFPBRC_BAD_LEN, 1, 6);
	expect_1_0(OFPET_BAD_REQUEST, OFPBRC_IS_SLAVE, 1, 5);
	expect_1_0(OFPET_BAD_ACTION, OFPBAC_BAD_OUT_PORT, 2, 4);
	expect_1_0(OFPET_BAD_ACTION, OFPBAC_MATCH_INCONSISTENT, 2, 5);
	expect_1_0(OFPET_FLOW_MOD_FAILED, OFPFMFC_TABLE_FULL, 3, 0);
	expect_1_0(OFPET_FLOW_MOD_FAILED, OFPFMFC_OVERLAP, 3, 1);
	expect_1_0(OFPET_FLOW_MOD_FAILED, OFPFMFC_BAD_COMMAND, 3, 4);
	expect_1_0(OFPET_BAD_MATCH, OFPBMC_BAD_VALUE, 3, 5);
	expect_1_0(OFPET_PORT_MOD_FAILED, OFPPMFC_BAD_PORT, 4, 0);
	expect_1_0(OFPET_QUEUE_OP_FAILED, OFPQOFC_BAD_QUEUE, 5, 1);
	expect_1_0(OFPET_GROUP_MOD_FAILED, OFPGMFC_LOOP, 1, 5);
}

static void bundle_errors(void **state)
{
	struct of_error e = of_bundle_error(5, OFPBFC_BAD_ID);

	assert_int_equal(e.type, OFPET_BUNDLE_FAILED);
	assert_int_equal(e.code, OFPBFC_BAD_ID);
	e = of_bundle_error(4, OFPBFC_BAD_ID);
	assert_int_equal(e.type, OFPET_EXPERIMENTER);
	assert_int_equal(e.code, 2302);
	assert_int_equal(e.experimenter, 0x4f4e4600);
}

// Counts what comes out of a reply: messages, elements in order, MORE on all but the last.
struct tally {
	unsigned messages;
	uint64_t elements;
	bool ended;
};

static void count(struct tally *t, struct of_span message)
{
	struct of_reader r = of_list(message, VERSION), it;
	struct of_message m;
	struct of_flow_stats fs;

	assert_false(t->ended);
	assert_int_equal(of_message_read(&r, &m), 0);
	assert_int_equal(m.kind, OF_FLOW_REPLY);
	assert_int_equal(m.flow_reply.xid, 77);
	it = of_list(m.flow_reply.body, VERSION);
	while (of_flow_stats_next(&it, &fs))
		assert_int_equal(fs.cookie, t->elements++);
	assert_false(it.failed);
	t->messages++;
	t->ended = !(m.flow_reply.flags & OFPMPF_REPLY_MORE);
}

static int flush(void *arg, struct of_span message)
{
	count(arg, message);
	return 0;
}

static int flush_fails(void *arg, struct of_span message)
{
	return -EPIPE;
}

static int dump(struct of_writer *w, unsigned n, int (*f)(void *, struct of_span), void *arg)
{
	static const uint8_t oxm[] = {0x80, 0, 0, 4, 0, 0, 0, 5};
	struct of_multipart mp;

	of_multipart_begin(&mp, w, 77, OFPMP_FLOW);
	mp.flush = f;
	mp.arg = arg;
	for (unsigned i = 0; i < n; i++) {
		struct of_flow_stats fs = {.cookie = i, .match = {oxm, i % 2 ? 8 : 0}};

		of_flow_stats_write(w, &fs);
		of_multipart_next(&mp);
	}
	return of_multipart_end(&mp);
}

static void multipart_in_one_buffer(void **state)
{
	struct of_writer w = {.version = VERSION};
	struct tally t = {0};

	assert_int_equal(dump(&w, 5000, NULL, NULL), 0);
	for (size_t at = 0; at < w.len;) {
		size_t len = of_load16(w.data + at + 2);

		count(&t, (struct of_span){w.data + at, len});
		at += len;
	}
	assert_int_equal(t.elements, 5000);
	assert_true(t.ended);
	assert_int_equal(t.messages, (5000 * 60 + 65519) / 65519);
	of_writer_free(&w);
}

static void multipart_flushed(void **state)
{
	const unsigned counts[] = {0, 1, 1000, 1092, 1093, 100000};

	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		struct of_writer w = {.version = VERSION};
		struct tally t = {0};

		assert_int_equal(dump(&w, counts[i], flush, &t), 0);
		assert_int_equal(t.elements, counts[i]);
		assert_true(t.ended);
		assert_int_equal(w.len, 0);
		assert_true(w.room <= 4 * 65536);
		of_writer_free(&w);
	}
}

static void multipart_failures(void **state)
{
	struct of_writer w = {.version = VERSION};
	struct of_multipart mp;

	assert_int_equal(dump(&w, 5000, flush_fails, NULL), -EPIPE);
	of_writer_reset(&w);
	of_multipart_begin(&mp, &w, 1, OFPMP_FLOW);
	of_put_zeros(&w, 65520);
	assert_int_equal(of_multipart_next(&mp), -EMSGSIZE);
	of_writer_free(&w);
}

static void too_long(void **state)
{
	struct of_writer w = {.version = VERSION};
	uint8_t *bytes = calloc(1, 65536);
	struct of_echo_reply m = {.data = {bytes, 65528}};

	assert_int_equal(of_echo_reply_write(&w, &m), -EMSGSIZE);
	of_writer_reset(&w);
	m.data.len--;
	assert_int_equal(of_echo_reply_write(&w, &m), 0);
	assert_int_equal(w.len, 65535);
	free(bytes);
	of_writer_free(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(weft_errors),
		cmocka_unit_test(error_names),
		cmocka_unit_test(error_message),
		cmocka_unit_test(error_in_1_0),
		cmocka_unit_test(bundle_errors),
		cmocka_unit_test(multipart_in_one_buffer),
		cmocka_unit_test(multipart_flushed),
		cmocka_unit_test(multipart_failures),
		cmocka_unit_test(too_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

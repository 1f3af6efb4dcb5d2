// SPDX-License-Identifier: Apache-2.0
// Every struct of the description: what is written is read back the same; cut short anywhere it is
// refused; damaged it is refused or read, never read past.
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "of_testkit.h"

#define ROUNDS 60

static struct of_testkit kit;
static const uint8_t versions[] = {1, 4, 5, 6};

static bool in_version(const struct of_testkit_type *t)
{
	return t->low <= kit.version && kit.version <= t->high;
}

static void check_round_trip(const struct of_testkit_type *t, const void *in, struct of_span bytes)
{
	struct of_reader r = of_list(bytes, kit.version);
	struct of_writer again = {.version = kit.version};
	void *out = calloc(1, t->size);

	if (t->read(&r, out))
		fail_msg("%s: refused with %u,%u", t->name, r.error.type, r.error.code);
	if (of_left(&r) || !t->equal(in, out))
		fail_msg("%s: read back differently", t->name);
	assert_int_equal(t->refine(&kit, &r, out), 0);
	assert_int_equal(t->write(&again, out), 0);
	if (!kit_span_equal(bytes, of_written(&again)))
		fail_msg("%s: written again differently", t->name);
	of_writer_free(&again);
	free(out);
}

static void check_truncated(const struct of_testkit_type *t, struct of_span bytes)
{
	void *out = malloc(t->size);

	for (size_t n = 0; n < bytes.len; n++) {
		struct of_span cut = kit_keep(&kit, (struct of_span){bytes.p, n});
		struct of_reader r = of_list(cut, kit.version);

		if (!t->read(&r, out))
			fail_msg("%s: %zu of %zu bytes were read", t->name, n, bytes.len);
		assert_true(r.failed && (r.error.type || r.error.code));
	}
	free(out);
}

static void check_damaged(const struct of_testkit_type *t, struct of_span bytes)
{
	void *out = malloc(t->size);

	for (int i = 0; i < 20 && bytes.len; i++) {
		struct of_span bad = kit_keep(&kit, bytes);
		struct of_reader r = of_list(bad, kit.version);
		uint8_t *p = kit.blocks[kit.n_blocks - 1];

		p[kit_rand(&kit) % bad.len] = (uint8_t)kit_rand(&kit);
		if (!t->read(&r, out))
			t->refine(&kit, &r, out);
	}
	free(out);
}

static void check_type(const struct of_testkit_type *t)
{
	void *in = malloc(t->size);

	for (int i = 0; i < ROUNDS; i++) {
		struct of_writer w = {.version = kit.version};
		struct of_span bytes;

		t->random(&kit, in);
		assert_int_equal(t->write(&w, in), 0);
		bytes = kit_keep(&kit, of_written(&w));
		check_round_trip(t, in, bytes);
		if (i < 4)
			check_truncated(t, bytes);
		check_damaged(t, bytes);
		of_writer_free(&w);
		of_testkit_free(&kit);
	}
	free(in);
}

static void round_trip(void **state)
{
	for (size_t v = 0; v < sizeof(versions); v++)
		for (const struct of_testkit_type *const *t = of_testkit_types; *t; t++) {
			kit.version = versions[v];
			if (in_version(*t))
				check_type(*t);
		}
}

// Each kind of message comes up in the random ones, so that the test above means what it says.
static void all_kinds(void **state)
{
	bool seen[OF_MESSAGE_KINDS] = {false};
	struct of_message m;

	for (int i = 0; i < 12000; i++) {
		kit.version = versions[(size_t)i % sizeof(versions)];
		of_testkit_of_message.random(&kit, &m);
		seen[m.kind] = true;
		of_testkit_free(&kit);
	}
	for (unsigned k = 1; k < OF_MESSAGE_KINDS; k++)
		if (!seen[k])
			fail_msg("no %s", of_message_name(k));
}

static void expect(const uint8_t *bytes, size_t len, uint16_t type, uint16_t code)
{
	struct of_reader r = of_reader(bytes, len, 4);
	struct of_message m;

	assert_int_equal(of_message_read(&r, &m), -EBADMSG);
	assert_int_equal(r.error.type, type);
	assert_int_equal(r.error.code, code);
}

static void header_errors(void **state)
{
	expect((uint8_t[]){4, 99, 0, 8, 0, 0, 0, 1}, 8, OFPET_BAD_REQUEST, OFPBRC_BAD_TYPE);
	expect((uint8_t[]){5, 20, 0, 8, 0, 0, 0, 1}, 8, OFPET_BAD_REQUEST, OFPBRC_BAD_VERSION);
	expect((uint8_t[]){4, 20, 0, 7, 0, 0, 0, 1}, 8, OFPET_BAD_REQUEST, OFPBRC_BAD_LEN);
	expect((uint8_t[]){4, 20, 0, 9, 0, 0, 0, 1}, 8, OFPET_BAD_REQUEST, OFPBRC_BAD_LEN);
	expect((uint8_t[]){4, 20, 0, 9, 0, 0, 0, 1, 0}, 9, OFPET_BAD_REQUEST, OFPBRC_BAD_LEN);
	expect((uint8_t[]){4, 18, 0, 16, 0, 0, 0, 1, 0, 77, 0, 0, 0, 0, 0, 0}, 16,
		OFPET_BAD_REQUEST, OFPBRC_BAD_MULTIPART);
	expect((uint8_t[]){4, 18, 0, 10, 0, 0, 0, 1, 0, 0}, 10, OFPET_BAD_REQUEST, OFPBRC_BAD_LEN);
}

// OpenFlow 1.3.5, 7.5.1: elements of unknown type are passed over, whatever their length.
static void unknown_hello_element(void **state)
{
	const uint8_t bytes[] = {
		4, 0, 0, 24, 0, 0, 0, 1, 0, 9, 0, 5, 0xaa, 0, 0, 0, 0, 1, 0, 8, 0, 0, 0, 0x10};
	struct of_reader r = of_reader(bytes, sizeof(bytes), 4), it;
	struct of_hello_elem e;
	struct of_hello h;

	assert_int_equal(of_hello_read(&r, &h), 0);
	it = of_list(h.elements, 4);
	assert_true(of_hello_elem_next(&it, &e));
	assert_int_equal(e.kind, OF_HELLO_ELEM_UNKNOWN);
	assert_int_equal(e.unknown.data.len, 1);
	assert_true(of_hello_elem_next(&it, &e));
	assert_int_equal(e.kind, OF_HELLO_ELEM_VERSIONBITMAP);
	assert_int_equal(of_load32(e.versionbitmap.bitmaps.p), 0x10);
	assert_false(of_hello_elem_next(&it, &e));
	assert_false(it.failed);
}

static void names(void **state)
{
	assert_string_equal(of_message_name(OF_FLOW_MOD), "flow_mod");
	assert_string_equal(of_type_name(OFPT_FLOW_MOD, 4), "OFPT_FLOW_MOD");
	assert_null(of_type_name(200, 4));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(round_trip),
		cmocka_unit_test(all_kinds),
		cmocka_unit_test(header_errors),
		cmocka_unit_test(unknown_hello_element),
		cmocka_unit_test(names),
	};
	const char *given = getenv("WEFT_SEED");

	kit.seed = given ? strtoull(given, NULL, 0) : (uint64_t)time(NULL) | 1;
	printf("WEFT_SEED=%llu\n", (unsigned long long)kit.seed);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

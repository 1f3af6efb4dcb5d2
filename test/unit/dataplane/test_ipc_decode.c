// SPDX-License-Identifier: Apache-2.0
// The control socket's decoder: every message whole, and no other.

#include "ipc/dp_ipc_decode.h"
#include "ipc_messages.h"

#include "../rng.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

// Decodes a copy that ends where the allocation does, so that a sanitizer sees a byte too many.
static bool decodes(const struct ipc_message *m, uint32_t len, struct dp_ipc_request *r)
{
	struct weft_ipc_hdr *copy = aligned_alloc(8, len);
	const char *why = NULL;
	bool ok;

	memcpy(copy, m->buf, len);
	copy->len = len;
	ok = dp_ipc_decode(copy, len, r, &why);
	if (!ok)
		assert_non_null(why);
	free(copy);
	return ok;
}

#define FOR_EACH_TYPE(m, type)                                                                     \
	for (unsigned type = 0; type < 128; type++)                                                \
		if (ipc_message_make((m), type))

static void whole_messages_are_taken(void **state)
{
	struct ipc_message m;
	struct dp_ipc_request r;
	unsigned n = 0;

	FOR_EACH_TYPE(&m, type)
	{
		assert_true(decodes(&m, m.len, &r));
		assert_int_equal(r.hdr.type, type);
		assert_int_equal(r.hdr.tenant, 3);
		n++;
	}
	assert_int_equal(n, 57);
}

static void truncated_messages_are_refused(void **state)
{
	struct ipc_message m;
	struct dp_ipc_request r;

	FOR_EACH_TYPE(&m, type)
	for (uint32_t len = sizeof(struct weft_ipc_hdr); len < m.len; len += 8)
		assert_false(decodes(&m, len, &r));
}

static void longer_messages_are_refused(void **state)
{
	struct ipc_message m;
	struct dp_ipc_request r;

	FOR_EACH_TYPE(&m, type)
	for (uint32_t more = 8; more <= 64; more += 8)
		assert_false(decodes(&m, m.len + more, &r));
}

static void types_that_no_agent_sends_are_refused(void **state)
{
	struct ipc_message m;
	struct dp_ipc_request r;

	for (unsigned type = 0; type < 200; type++) {
		if (ipc_message_make(&m, type))
			continue;
		memset(&m, 0, sizeof(m));
		((struct weft_ipc_hdr *)m.buf)->type = (uint16_t)type;
		for (uint32_t len = 16; len <= 512; len += 8)
			assert_false(decodes(&m, len, &r));
	}
}

static void lengths(void **state)
{
	struct weft_ipc_hdr hdr = {0};
	const uint32_t bad[] = {0, 8, 15, 17, 20, WEFT_IPC_MAX_LEN + 8, UINT32_MAX, UINT32_MAX - 7};

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		hdr.len = bad[i];
		assert_int_equal(dp_ipc_length(&hdr), 0);
	}
	for (hdr.len = 16; hdr.len <= WEFT_IPC_MAX_LEN; hdr.len += 8)
		assert_int_equal(dp_ipc_length(&hdr), hdr.len);
}

static void reply_is_the_only_flag(void **state)
{
	struct ipc_message m;
	struct dp_ipc_request r;

	ipc_message_make(&m, WEFT_IPC_ECHO);
	for (unsigned flags = 0; flags < 16; flags++) {
		((struct weft_ipc_hdr *)m.buf)->flags = (uint16_t)flags;
		assert_int_equal(decodes(&m, m.len, &r), !(flags & ~WEFT_IPC_REPLY));
	}
}

static void dumps_of_rules_may_be_paced(void **state)
{
	struct ipc_message m;
	struct dp_ipc_request r;

	FOR_EACH_TYPE(&m, type)
	{
		((struct weft_ipc_hdr *)m.buf)->flags = WEFT_IPC_PACED;
		assert_int_equal(decodes(&m, m.len, &r), type == WEFT_IPC_DUMP_FLOWS);
	}
}

static void a_flow_mod_is_read(void **state)
{
	struct ipc_message m;
	struct dp_ipc_request r;
	const char *why;

	ipc_message_make(&m, WEFT_IPC_FLOW_MOD);
	assert_true(dp_ipc_decode(m.buf, m.len, &r, &why));
	assert_int_equal(r.match.map, 5);
	assert_int_equal(r.match.value[1], 0x2200);
	assert_int_equal(r.match.mask[1], 0xff00);
	assert_int_equal(r.instructions->apply_len, 32);
	assert_int_equal(r.instructions->write_len, 16);
}

static void matches_must_be_canonical(void **state)
{
	struct ipc_message m;
	struct dp_ipc_request r;
	uint64_t *tail = m.buf + (16 + 40) / 8;

	ipc_message_make(&m, WEFT_IPC_FLOW_MOD);
	tail[3] |= 0x10000; // a value bit outside the mask
	assert_false(decodes(&m, m.len, &r));
	ipc_message_make(&m, WEFT_IPC_FLOW_MOD);
	tail[4] = tail[2] = 0; // a mask of nothing
	assert_false(decodes(&m, m.len, &r));
	ipc_message_make(&m, WEFT_IPC_FLOW_MOD);
	tail[0] = 7; // more words promised than there are
	assert_false(decodes(&m, m.len, &r));
	ipc_message_make(&m, WEFT_IPC_FLOW_MOD);
	tail[0] = 1ull << 63 | 1; // a word that the key does not have
	assert_false(decodes(&m, m.len, &r));
}

static void counts_must_be_true(void **state)
{
	struct ipc_message m;
	struct dp_ipc_request r;

	ipc_message_make(&m, WEFT_IPC_GROUP_MOD);
	for (unsigned n = 0; n < 5; n++) {
		((struct weft_group_mod *)&m.buf[2])->bucket_count = (uint16_t)n;
		assert_int_equal(decodes(&m, m.len, &r), n == 2);
	}
	((struct weft_group_mod *)&m.buf[2])->bucket_count = 2;
	for (unsigned words = 1; words < 64; words++) { // masks that are not there
		((struct weft_group_mod *)&m.buf[2])->hash_map = UINT64_MAX >> (64 - words);
		assert_false(decodes(&m, m.len, &r));
	}
	ipc_message_make(&m, WEFT_IPC_METER_MOD);
	for (unsigned n = 0; n < 5; n++) {
		((struct weft_meter_mod *)&m.buf[2])->band_count = (uint8_t)n;
		assert_int_equal(decodes(&m, m.len, &r), n == 2);
	}
	ipc_message_make(&m, WEFT_IPC_PACKET_OUT);
	for (uint32_t n = 0; n < 80; n++) {
		((struct weft_ipc_packet_out *)&m.buf[2])->frame_len = n;
		assert_int_equal(decodes(&m, m.len, &r), n > 56 && n <= 64);
	}
	((struct weft_ipc_packet_out *)&m.buf[2])->frame_len = UINT32_MAX;
	assert_false(decodes(&m, m.len, &r));
}

// What a continuation says of its parts must be so, to the byte.
static void continuations_are_whole(void **state)
{
	struct ipc_message m;
	struct dp_ipc_request r;
	struct weft_continuation *c = (void *)&m.buf[4];

	ipc_message_make(&m, WEFT_IPC_RESUME);
	assert_true(decodes(&m, m.len, &r));
	assert_int_equal(r.continuation_len, sizeof(*c) + 24 + 16 + 40 + 16);
	for (unsigned n = 0; n < 5; n++) {
		c->n_rules = (uint16_t)n;
		assert_int_equal(decodes(&m, m.len, &r), n == 1);
	}
	c->n_rules = 1;
	c->set_len = 8;
	assert_false(decodes(&m, m.len, &r));
	c->set_len = 16;
	c->n_stack = WEFT_PAUSE_STACK + 1;
	assert_false(decodes(&m, m.len, &r));
	c->n_stack = 1;
	c->map = 1ull << 5; // the frame says that
	assert_false(decodes(&m, m.len, &r));
	c->map = 2;
	assert_true(decodes(&m, m.len, &r));
	((struct weft_ipc_resume *)&m.buf[2])->continuation_len -= 8;
	assert_false(decodes(&m, m.len, &r));
}

static void strings_must_end(void **state)
{
	struct ipc_message m;
	struct dp_ipc_request r;

	ipc_message_make(&m, WEFT_IPC_PORT_ADD);
	memset(((struct weft_ipc_port *)&m.buf[2])->device, 'x', WEFT_DEVICE_MAX + 1);
	assert_false(decodes(&m, m.len, &r));
	ipc_message_make(&m, WEFT_IPC_TENANT_ADD);
	memset(((struct weft_ipc_tenant *)&m.buf[2])->name, 'x', WEFT_NAME_MAX + 1);
	assert_false(decodes(&m, m.len, &r));
}

// Whatever a byte says, nothing is read beyond the message (sanitizers), and what is taken has its
// tails inside of it.
static void random_damage(void **state)
{
	struct ipc_message m;
	struct dp_ipc_request r;

	for (unsigned round = 0; round < 200; round++)
		FOR_EACH_TYPE(&m, type)
		{
			for (unsigned k = rng() % 4 + 1; k; k--)
				((uint8_t *)m.buf)[4 + rng() % (m.len - 4)] ^=
					(uint8_t)(1u << rng() % 8);
			if (decodes(&m, m.len, &r) && r.tail)
				assert_true(r.tail_len <= m.len);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_messages_are_taken),
		cmocka_unit_test(truncated_messages_are_refused),
		cmocka_unit_test(longer_messages_are_refused),
		cmocka_unit_test(types_that_no_agent_sends_are_refused),
		cmocka_unit_test(lengths),
		cmocka_unit_test(reply_is_the_only_flag),
		cmocka_unit_test(dumps_of_rules_may_be_paced),
		cmocka_unit_test(a_flow_mod_is_read),
		cmocka_unit_test(matches_must_be_canonical),
		cmocka_unit_test(counts_must_be_true),
		cmocka_unit_test(continuations_are_whole),
		cmocka_unit_test(strings_must_end),
		cmocka_unit_test(random_damage),
	};

	rng_seed_from_env();
	return cmocka_run_group_tests(tests, NULL, NULL);
}

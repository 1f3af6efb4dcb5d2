// SPDX-License-Identifier: Apache-2.0
// Unfinished checksums are finished; finished ones, and everything else, stay as they are.

#include "offload/dp_rawcsum.h"

#include <weft/checksum.h>
#include <weft/crc32c.h>

#include "../rng.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define PAYLOAD_MAX 200u

struct frame {
	uint8_t b[14 + 8 + 40 + 20 + PAYLOAD_MAX];
	uint32_t len;
	uint32_t l4; // offset
	uint32_t l4_len;
	uint32_t field; // offset of the checksum
	uint64_t pseudo;
};

static void make(struct frame *f, bool v6, uint8_t proto, unsigned tags)
{
	uint32_t l3 = 14 + 4 * tags, head = proto == 6 ? 20 : proto == 17 ? 8 : 12;

	for (unsigned i = 0; i < sizeof(f->b); i++)
		f->b[i] = (uint8_t)rng();
	for (unsigned i = 0; i < tags; i++)
		memcpy(f->b + 12 + 4 * i, "\x81\x00", 2);
	memcpy(f->b + l3 - 2, v6 ? "\x86\xdd" : "\x08\x00", 2);
	f->l4 = l3 + (v6 ? 40 : 20);
	f->l4_len = head + rng() % PAYLOAD_MAX;
	f->len = f->l4 + f->l4_len;
	f->field = f->l4 + (proto == 6 ? 16 : proto == 17 ? 6 : 8);
	if (v6) {
		f->b[l3] = 0x60;
		f->b[l3 + 4] = (uint8_t)(f->l4_len >> 8);
		f->b[l3 + 5] = (uint8_t)f->l4_len;
		f->b[l3 + 6] = proto;
	} else {
		f->b[l3] = 0x45;
		f->b[l3 + 2] = (uint8_t)((20 + f->l4_len) >> 8);
		f->b[l3 + 3] = (uint8_t)(20 + f->l4_len);
		f->b[l3 + 6] = 0x40; // DF
		f->b[l3 + 7] = 0;
		f->b[l3 + 9] = proto;
	}
	f->pseudo = weft_csum_partial(
		f->b + l3 + (v6 ? 8 : 12), v6 ? 32 : 8, (uint64_t)htonl(f->l4_len) + htons(proto));
}

static void leave_to_hardware(struct frame *f, uint8_t proto)
{
	uint16_t partial = weft_csum_fold(f->pseudo);

	if (proto == 132)
		memset(f->b + f->field, 0, 4);
	else
		memcpy(f->b + f->field, &partial, 2);
}

static bool is_right(struct frame *f, uint8_t proto)
{
	uint8_t got[4], want[4];

	if (proto != 132)
		return weft_csum_fold(weft_csum_partial(f->b + f->l4, f->l4_len, f->pseudo)) ==
		       0xffff;
	memcpy(got, f->b + f->field, 4);
	memset(f->b + f->field, 0, 4);
	weft_crc32c_store(want,
		weft_crc32c_finish(weft_crc32c_add(WEFT_CRC32C_INIT, f->b + f->l4, f->l4_len)));
	memcpy(f->b + f->field, got, 4);
	return !memcmp(got, want, 4);
}

static void unfinished_are_finished(void **state)
{
	static const uint8_t protos[] = {6, 17, 132};
	struct frame f, again;

	for (unsigned i = 0; i < 3000; i++) {
		uint8_t proto = protos[i % 3];

		make(&f, rng() % 2, proto, rng() % 3);
		leave_to_hardware(&f, proto);
		assert_true(dp_rawcsum_fix(f.b, f.len));
		assert_true(is_right(&f, proto));
		again = f;
		dp_rawcsum_fix(f.b, f.len);
		assert_memory_equal(f.b, again.b, f.len);
	}
}

static void finished_are_left_alone(void **state)
{
	struct frame f, was;
	unsigned mistaken = 0;

	for (unsigned i = 0; i < 3000; i++) {
		uint8_t proto = rng() % 2 ? 6 : 17;

		make(&f, rng() % 2, proto, 0);
		leave_to_hardware(&f, proto);
		dp_rawcsum_fix(f.b, f.len);
		f.b[f.l4 + f.l4_len - 1] ^= 1; // damaged underway: must not be made to look right
		was = f;
		if (dp_rawcsum_fix(f.b, f.len))
			mistaken++;
		else
			assert_memory_equal(f.b, was.b, f.len);
	}
	assert_true(mistaken <= 2); // 1 in 65536 each, see dp_rawcsum.h
}

static void fragments_and_lies_are_left_alone(void **state)
{
	struct frame f, was;

	make(&f, false, 17, 0);
	leave_to_hardware(&f, 17);
	f.b[14 + 6] = 0x20; // more fragments
	was = f;
	assert_false(dp_rawcsum_fix(f.b, f.len));
	assert_memory_equal(f.b, was.b, f.len);
	make(&f, false, 17, 0);
	leave_to_hardware(&f, 17);
	for (uint32_t len = 0; len < f.len; len++) {
		uint8_t *cut = malloc(len + 1);

		memcpy(cut, f.b, len);
		assert_false(dp_rawcsum_fix(cut, len));
		free(cut);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(unfinished_are_finished),
		cmocka_unit_test(finished_are_left_alone),
		cmocka_unit_test(fragments_and_lies_are_left_alone),
	};

	rng_seed_from_env();
	return cmocka_run_group_tests(tests, NULL, NULL);
}

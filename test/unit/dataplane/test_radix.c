// SPDX-License-Identifier: Apache-2.0
// The map of network identifiers against a plain array.

#include "edge/dp_radix.h"

#include "../rng.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct dp_radix radix;

static void bounds(void **state)
{
	int x;

	assert_null(dp_radix_get(&radix, 0));
	assert_int_equal(dp_radix_set(&radix, 0, &x), 0);
	assert_int_equal(dp_radix_set(&radix, 0xffffff, &x), 0);
	assert_ptr_equal(dp_radix_get(&radix, 0), &x);
	assert_ptr_equal(dp_radix_get(&radix, 0xffffff), &x);
	assert_null(dp_radix_get(&radix, 1));
	assert_int_equal(dp_radix_set(&radix, 0x1000000, &x), -EINVAL);
	assert_null(dp_radix_get(&radix, 0x1000000));
	assert_null(dp_radix_get(&radix, UINT32_MAX));
	dp_radix_fini(&radix);
	assert_null(dp_radix_get(&radix, 0));
}

static void as_an_array(void **state)
{
	void **oracle = calloc(1u << 24, sizeof(*oracle));

	for (unsigned i = 0; i < 200000; i++) {
		// Clustered: so that pages are shared, and slots set again and removed.
		uint32_t id = (rng() % 8 * 0x249241 + rng() % 6000) & 0xffffff;
		void *value = rng() % 3 ? oracle + id : NULL;

		oracle[id] = value;
		assert_int_equal(dp_radix_set(&radix, id, value), 0);
		id = rng() % 2 ? id : rng() & 0xffffff;
		assert_ptr_equal(dp_radix_get(&radix, id), oracle[id]);
	}
	for (uint32_t id = 0; id < 1u << 24; id++)
		if (dp_radix_get(&radix, id) != oracle[id])
			fail_msg("identifier %u", id);
	dp_radix_fini(&radix);
	free(oracle);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bounds),
		cmocka_unit_test(as_an_array),
	};

	rng_seed_from_env();
	return cmocka_run_group_tests(tests, NULL, NULL);
}

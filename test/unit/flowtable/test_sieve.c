// SPDX-License-Identifier: Apache-2.0
// What comes through a sieve (sieve_lookup.h) that has no columns: as many slots as there are.

#include "flowtable/classifier/sieve_lookup.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>

static void all_slots_and_no_others(void **state)
{
	const struct ft_bits b = {.n_columns = 0};
	const struct weft_flow_key key = {0};

	for (uint32_t words = 1; words <= FT_SIEVE_WORDS; words++)
		for (uint32_t n = 0; n <= 64 * words; n++) {
			struct ft_sieved s = ft_sieve(&b, NULL, words, n, &key);

			for (uint32_t i = 0; i < n; i++)
				assert_int_equal(ft_sieved_next(&s), i);
			assert_int_equal(ft_sieved_next(&s), FT_SIEVE_NOWHERE);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_slots_and_no_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

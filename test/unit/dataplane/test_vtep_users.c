// SPDX-License-Identifier: Apache-2.0
// Who has which VTEP, against a list that is gone through; and that what a VTEP concerns is found
// without meeting those that it does not.
#include "edge/dp_vtep_users.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>

#include "../rng.h"

#define TENANTS 24u
#define IPS 40u
#define MOST (TENANTS * IPS)

static struct dp_vtep_users users;
static struct dp_vtep_user *has[TENANTS][IPS]; // NULL: not

// Only their addresses count: lines, as tenants lie on.
static _Alignas(64) char lines[TENANTS][64];

static struct dp_tenant *tenant(unsigned i)
{
	return (struct dp_tenant *)(void *)lines[i];
}

static struct weft_ip ip_of(unsigned i)
{
	struct weft_ip v6 = {.b = {0xfc, [15] = (uint8_t)i}};

	return i % 3 ? weft_ip_from_v4(htonl(0x0a000000u + i)) : v6;
}

static void change(void)
{
	unsigned t = rng() % TENANTS, i = rng() % IPS;
	struct weft_ip ip = ip_of(i);

	if (has[t][i]) {
		dp_vtep_user_remove(&users, has[t][i]);
		free(has[t][i]);
		has[t][i] = NULL;
		return;
	}
	has[t][i] = malloc(sizeof(*has[t][i]));
	assert_true(dp_vtep_user_add(
		&users, has[t][i], tenant(t), &ip, rng() % 8 ? rng() % 100 : DP_VTEP_UNLISTED));
}

static void all_of(unsigned i)
{
	struct weft_ip ip = ip_of(i);
	unsigned n = 0;

	for (struct dp_vtep_user *u = NULL; (u = dp_vtep_user_next(&users, &ip, u)); n++)
		assert_ptr_equal(u, has[(lines[0] - (char *)u->tenant) / -64][i]);
	for (unsigned t = 0; t < TENANTS; t++)
		n -= has[t][i] != NULL;
	assert_int_equal(n, 0);
}

static void users_are_as_the_list_says(void **state)
{
	for (unsigned round = 0; round < 20000; round++) {
		unsigned t = rng() % TENANTS, i = rng() % IPS;
		struct weft_ip ip = ip_of(i);
		struct dp_vtep_user *want = has[t][i];
		if (want && want->at == DP_VTEP_UNLISTED)
			want = NULL;
		assert_ptr_equal(dp_vtep_user_find(&users, tenant(t), &ip), want);
		all_of(i);
		change();
	}
	for (unsigned i = 0; i < MOST; i++) {
		struct dp_vtep_user **user = &has[i / IPS][i % IPS];
		if (*user)
			dp_vtep_user_remove(&users, *user);
		free(*user);
		*user = NULL;
	}
	assert_int_equal(users.n, 0);
	dp_vtep_users_fini(&users);
}

// As many tenants as may be, one VTEP for each and one for all: buckets stay short.
static void buckets_stay_short(void **state)
{
	enum {
		MANY = 40000
	};
	struct dp_vtep_user *own = calloc(MANY, sizeof(*own)), *u;
	unsigned longest = 0;

	for (unsigned i = 0; i < MANY; i++) {
		struct weft_ip ip = weft_ip_from_v4(htonl(0x0a000000u + i));
		assert_true(dp_vtep_user_add(&users, &own[i], tenant(i % TENANTS), &ip, i));
	}
	for (unsigned i = 0; i < users.size; i++) {
		unsigned by_ip = 0, by_both = 0;
		LIST_FOREACH (u, &users.by_ip[i], by_ip)
			by_ip++;
		LIST_FOREACH (u, &users.by_both[i], by_both)
			by_both++;
		longest = by_ip > longest ? by_ip : by_both > longest ? by_both : longest;
	}
	assert_in_range(longest, 1, 16);
	for (unsigned i = 0; i < MANY; i++)
		dp_vtep_user_remove(&users, &own[i]);
	dp_vtep_users_fini(&users);
	free(own);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(users_are_as_the_list_says),
		cmocka_unit_test(buckets_stay_short),
	};

	rng_seed_from_env();
	return cmocka_run_group_tests(tests, NULL, NULL);
}

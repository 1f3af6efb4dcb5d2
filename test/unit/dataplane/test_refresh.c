// SPDX-License-Identifier: Apache-2.0
// Thousands of tenants whose VTEP sets are to be built again: what the stream of transactions waits
// for, behind which everybody stands.

#include "eal.h"
#include "ipc/dp_ipc.h"
#include "ipc/dp_ipc_txn.h"
#include "tenants/dp_punt.h"
#include "tenants/dp_tenant.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define TENANTS 4000u // more than fit into a step
#define VTEPS 16u

static char folder[] = "/tmp/weft-refresh-XXXXXX", path[64], punt_path[64];

static unsigned stale(void)
{
	const struct dp_tenant *t;
	unsigned n = 0;

	TAILQ_FOREACH (t, &eal_dp.tenants_stale, stale_link)
		n++;
	return n;
}

static struct dp_txn *begun(void)
{
	struct dp_txn *x = dp_ipc_txn(eal_dp.ipc);

	assert_int_equal(dp_txn_begin(x, &(struct weft_ipc_begin){0}), WEFT_E_NONE);
	return x;
}

// To be called after the others, until all is done.
static unsigned turns_to_refresh(void)
{
	unsigned n = 0;

	while (dp_tenants_refresh_some(&eal_dp, dp_now_ns() + DP_STEP_NS))
		n++;
	return n;
}

static void the_stream_does_not_wait_for_other_ways(void **state)
{
	struct dp_txn *x = begun();
	enum weft_error e;

	dp_tenants_stale(&eal_dp, NULL); // an uplink lost its link
	assert_int_equal(stale(), TENANTS);
	assert_false(dp_txn_commit_some(x, &e));
	assert_int_equal(e, WEFT_E_NONE);
	assert_true(stale() && eal_dp.refreshing);
	turns_to_refresh();
}

static void it_waits_for_whom_it_was_about(void **state)
{
	struct dp_tenant *last = dp_tenant_find(&eal_dp, 1), *other = dp_tenant_find(&eal_dp, 2);
	struct dp_txn *x = begun();
	enum weft_error e;

	dp_tenants_stale(&eal_dp, NULL);
	dp_tenant_await(last);
	dp_tenant_await(other);
	dp_tenant_await(other);
	assert_int_equal(eal_dp.stale_awaited, 2);
	assert_ptr_equal(TAILQ_FIRST(&eal_dp.tenants_stale), other);
	while (dp_txn_commit_some(x, &e))
		assert_true(last->stale);
	assert_false(last->stale || other->stale || eal_dp.stale_awaited);
	assert_true(stale());
	turns_to_refresh();
	assert_int_equal(stale(), 0);
}

static void who_goes_is_not_awaited(void **state)
{
	struct weft_ipc_tenant cfg = {.name = "goes"};
	struct dp_tenant *t;
	char why[100];

	assert_int_equal(dp_tenant_add(&eal_dp, TENANTS + 1, &cfg, why), WEFT_E_NONE);
	t = dp_tenant_find(&eal_dp, TENANTS + 1);
	dp_tenant_await(t);
	assert_int_equal(eal_dp.stale_awaited, 1);
	dp_tenant_del(&eal_dp, t);
	assert_int_equal(eal_dp.stale_awaited, 0);
	assert_int_equal(stale(), 0);
}

static int up(void **state)
{
	char why[100];

	if (eal_up(state))
		return -1;
	eal_with_tenants(0, 1);
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof(path), "%s/s", folder);
	snprintf(punt_path, sizeof(punt_path), "%s/p", folder);
	eal_dp.punt = dp_punt_new(&eal_dp, punt_path);
	eal_dp.ipc = dp_ipc_new(&eal_dp, path);
	for (uint32_t id = 1; eal_dp.ipc && id <= TENANTS; id++) {
		struct weft_ipc_tenant cfg = {
			.name = "many", .encap = WEFT_ENCAP_VXLAN, .vni = id, .max_rules = 10};

		if (dp_tenant_add(&eal_dp, id, &cfg, why))
			return -1;
		for (uint32_t n = 1; n <= VTEPS; n++)
			dp_tenant_vtep_add(dp_tenant_find(&eal_dp, id),
				&(struct weft_ipc_vtep){.ip = weft_ip_from_v4(htonl(n))});
	}
	dp_tenants_refresh(&eal_dp);
	return eal_dp.ipc ? 0 : -1;
}

static int down(void **state)
{
	while (eal_dp.tenants)
		dp_tenant_del(&eal_dp, eal_dp.tenants);
	while (dp_rcu_poll(eal_dp.rcu))
		;
	dp_ipc_free(eal_dp.ipc);
	dp_punt_free(eal_dp.punt);
	unlink(path);
	unlink(punt_path);
	rmdir(folder);
	return eal_down(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_stream_does_not_wait_for_other_ways),
		cmocka_unit_test(it_waits_for_whom_it_was_about),
		cmocka_unit_test(who_goes_is_not_awaited),
	};

	return cmocka_run_group_tests(tests, up, down);
}

// SPDX-License-Identifier: Apache-2.0
// Memory that runs out while a tenant is made, changed, or its VTEPs are published, or while the
// host's settings change: it is refused or put off, nobody keeps a pointer to what is gone, and
// with memory all of it works.

#include "machine.h"
#include "edge/kernel_guard.h"

#include "../oom.h"

static struct weft_ipc_tenant a_config(unsigned id)
{
	return (struct weft_ipc_tenant){.name = "red",
		.encap = WEFT_ENCAP_VXLAN,
		.vni = id << 12, // a page of the map of its own
		.max_rules = 10,
		.max_fdb = 10};
}

// The whole of it with so many allocations. True: that was enough.
static bool a_life(unsigned id, long allocations)
{
	struct weft_ipc_tenant cfg = a_config(id);
	struct weft_ipc_vtep vtep = {.ip = outer_ip(false, 2)};
	enum weft_error e;
	struct dp_tenant *t;
	char why[100];
	bool enough;

	allocations_left = allocations;
	e = dp_tenant_add(&eal_dp, id, &cfg, why);
	t = dp_tenant_find(&eal_dp, id);
	assert_int_equal(!e, t != NULL);
	assert_true(!e || e == WEFT_E_NO_MEMORY);
	if (t)
		e = dp_tenant_vtep_add(t, &vtep);
	dp_tenants_refresh(&eal_dp);
	enough = allocations_left && !e && t->vteps->n == 1;
	allocations_left = -1;
	dp_tenants_refresh(&eal_dp); // what could not be done before
	assert_true(TAILQ_EMPTY(&eal_dp.tenants_stale));
	if (t)
		assert_int_equal(t->vteps->n, e ? 0 : 1);
	return enough;
}

static void it_may_end_anywhere(void **state)
{
	unsigned n = 0;

	a_next_hop(false, 1500);
	while (!a_life(n + 1, n))
		n++;
	assert_true(n > 10);
}

// With or without tables for fragments, with so many allocations. True: that was enough.
static bool a_host(uint32_t reassemble, long allocations)
{
	struct dp_worker *w = eal_dp.worker[0];
	const struct overlay_vtep *vtep = eal_dp.vtep;
	const struct dp_reasm *tables = w->reasm;
	struct weft_ipc_host cfg = {.vxlan_port = 4789, .ttl = 64, .reassemble = reassemble};
	struct weft_ipc_host was = eal_dp.host;
	enum weft_error e;
	char why[100];

	allocations_left = allocations;
	e = dp_host_set(&eal_dp, &cfg, why);
	allocations_left = -1;
	if (!e) {
		assert_ptr_not_equal(eal_dp.vtep, vtep);
		assert_int_equal(eal_dp.vtep->reassemble, reassemble != 0);
		assert_int_equal(w->reasm != NULL, reassemble != 0);
		return true;
	}
	assert_int_equal(e, WEFT_E_NO_MEMORY);
	assert_memory_equal(&eal_dp.host, &was, sizeof(was));
	assert_ptr_equal(eal_dp.vtep, vtep);
	assert_ptr_equal(w->reasm, tables);
	return false;
}

static void the_host_changes_whole_or_not(void **state)
{
	dp_kernel_guard_init(&eal_dp.guard);
	for (unsigned with = 3; with--;) { // without, with, without
		unsigned n = 0;

		while (!a_host(with % 2 ? 64 : 0, n))
			n++;
		assert_true(n > with % 2);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_may_end_anywhere),
		cmocka_unit_test(the_host_changes_whole_or_not),
	};

	rng_seed_from_env();
	return cmocka_run_group_tests(tests, machine_up, machine_down);
}

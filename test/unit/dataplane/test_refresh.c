// SPDX-License-Identifier: Apache-2.0
// Thousands of tenants whose VTEP sets are to be built again: what the stream of transactions waits
// for, behind which everybody stands; and an uplink that goes before all of them know.

#include "served.h"
#include "ipc/dp_ipc_txn.h"
#include "ports/dp_null.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define TENANTS 4000u // more than fit into a step
#define VTEPS 16u

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

// ---- an uplink that all of them send by

#define UPLINK 7u

static struct dp_port *uplink_of(weft_port_id id)
{
	struct dp_port *p = aligned_alloc(64, (sizeof(*p) + 63) & ~(size_t)63);

	memset(p, 0, sizeof(*p));
	p->null = dp_null_open(1, 0, eal_dp.pool);
	p->io = dp_null_io(p->null);
	p->cfg = (struct weft_ipc_port){.id = id, .kind = WEFT_PORT_KIND_NULL};
	p->role = DP_UPLINK;
	p->tenant = eal_dp.nobody;
	p->dev = DP_NO_DEV;
	p->mtu = 1500;
	p->link_up = true;
	p->n_rxq = p->n_txq = 1;
	p->next = eal_dp.ports.head;
	eal_dp.ports.head = p;
	return p;
}

static void the_way_is(weft_port_id port)
{
	for (uint32_t n = 1; n <= VTEPS; n++) {
		struct weft_ipc_nexthop hop = {.vtep = weft_ip_from_v4(htonl(n)),
			.src = weft_ip_from_v4(htonl(0xc6120001u)),
			.port = port,
			.flags = WEFT_NEXTHOP_RESOLVED,
			.src_mac = {{2, 1}},
			.dst_mac = {{2, 2}}};
		char why[100];

		assert_int_equal(dp_nexthop_set(&eal_dp, &hop, why), WEFT_E_NONE);
	}
	dp_tenants_refresh(&eal_dp);
}

// Of tenants.
static unsigned led_to(const struct dp_port *p)
{
	unsigned n = 0;

	for (const struct dp_tenant *t = eal_dp.tenants; t; t = t->next)
		n += t->vteps->n && t->vteps->remote[0].drop == DP_REMOTE_OK &&
		     t->vteps->remote[0].uplink == p;
	return n;
}

static void let_go(void)
{
	dp_port_shells_poll(&eal_dp);
	while (dp_rcu_poll(eal_dp.rcu))
		;
}

static void an_uplink_goes_before_all_know(void **state)
{
	struct dp_port *p = uplink_of(UPLINK);
	struct rte_mbuf *m = rte_pktmbuf_alloc(eal_dp.pool);

	the_way_is(UPLINK);
	assert_int_equal(led_to(p), TENANTS);
	assert_int_equal(dp_port_tx(p, 0, &m, 1), 1);
	dp_port_del(&eal_dp, p);
	assert_null(eal_dp.ports.head);
	assert_true(stale() && eal_dp.refreshing);
	assert_int_equal(led_to(p), stale());
	assert_ptr_equal(eal_dp.ports.shells, p);
	m = rte_pktmbuf_alloc(eal_dp.pool);
	assert_int_equal(dp_port_tx(p, 0, &m, 1), 0);
	assert_int_equal(dp_port_prepare(p, 0, &m, 1), 1);
	rte_pktmbuf_free(m);
	let_go();
	assert_ptr_equal(eal_dp.ports.shells, p);
	assert_true(turns_to_refresh());
	assert_int_equal(led_to(p), 0);
	let_go();
	assert_null(eal_dp.ports.shells);
	assert_int_equal(eal_dp.ports.n_shells, 0);
}

static void one_that_nobody_leads_to_leaves_nothing(void **state)
{
	struct dp_port *p = uplink_of(UPLINK);
	uint64_t then;

	the_way_is(UPLINK);
	dp_port_hide(&eal_dp, p, true);
	turns_to_refresh();
	then = eal_dp.fresh;
	dp_rcu_synchronize(eal_dp.rcu);
	dp_rcu_synchronize(eal_dp.rcu);
	dp_port_close(&eal_dp, p, then);
	assert_null(eal_dp.ports.shells);
}

// What began to wait when ways led there may have been finished too late for its grace periods.
static void who_was_led_to_when_the_wait_began_leaves_a_shell(void **state)
{
	struct dp_port *p = uplink_of(UPLINK);
	uint64_t then;

	the_way_is(UPLINK);
	dp_port_hide(&eal_dp, p, true);
	then = eal_dp.fresh;
	turns_to_refresh();
	dp_port_close(&eal_dp, p, then);
	assert_ptr_equal(eal_dp.ports.shells, p);
	let_go();
	assert_null(eal_dp.ports.shells);
}

static void there_are_so_many_shells_and_no_more(void **state)
{
	for (unsigned i = 0; i < DP_SHELLS_MAX + 3; i++) {
		struct dp_port *p = uplink_of(UPLINK);

		dp_tenants_stale(&eal_dp, NULL);
		dp_port_del(&eal_dp, p);
		assert_in_range(eal_dp.ports.n_shells, 1, DP_SHELLS_MAX);
	}
	turns_to_refresh();
	let_go();
	assert_null(eal_dp.ports.shells);
}

static void a_commit_waits_until_nobody_leads_there(void **state)
{
	struct dp_port *p = uplink_of(UPLINK);
	struct dp_txn *x = dp_txn_new(&eal_dp); // as a configuration's
	struct weft_ipc_begin b = {.flags = WEFT_TXN_ATOMIC};
	unsigned turns = 0;
	enum weft_error e;
	bool oom;

	the_way_is(UPLINK);
	assert_int_equal(dp_txn_begin(x, &b), WEFT_E_NONE);
	*dp_txn_note(x, &oom) = (struct dp_undo){.type = DP_UNDO_PORT_DEL, .port = p};
	dp_txn_noted(x);
	dp_port_hide(&eal_dp, p, true);
	assert_true(led_to(p));
	while (dp_txn_commit_some(x, &e))
		turns++;
	assert_int_equal(e, WEFT_E_NONE);
	assert_true(turns);
	assert_int_equal(led_to(p), 0);
	assert_null(eal_dp.ports.head);
	assert_null(eal_dp.ports.shells);
	dp_txn_free(x);
}

// ---- ports that give way to others

static struct dp_port *port_of(struct dp_tenant *t, uint32_t ofport)
{
	struct dp_port *p = uplink_of(100 + ofport);

	p->cfg.ofport = p->ofport = ofport;
	p->role = DP_LOCAL;
	p->tenant = t;
	assert_true(dp_tenant_map_ports(&eal_dp, t));
	return p;
}

static uint64_t graces_of(struct dp_port *p)
{
	uint64_t before = dp_rcu_asked(eal_dp.rcu);

	dp_port_del(&eal_dp, p);
	return dp_rcu_asked(eal_dp.rcu) - before;
}

static void ports_that_were_hidden_together_wait_once(void **state)
{
	struct dp_tenant *t = dp_tenant_find(&eal_dp, 1);
	struct dp_port *p[5];

	for (uint32_t i = 0; i < 5; i++)
		p[i] = port_of(t, 1 + i);
	for (unsigned i = 0; i < 3; i++)
		dp_port_hide(&eal_dp, p[i], true);
	assert_int_equal(graces_of(p[0]), 2);
	dp_port_hide(&eal_dp, p[3], true); // later
	assert_int_equal(graces_of(p[1]), 0);
	assert_int_equal(graces_of(p[3]), 2);
	assert_int_equal(graces_of(p[2]), 0);
	assert_int_equal(graces_of(p[4]), 2);
	assert_null(eal_dp.ports.head);
}

static int up(void **state)
{
	char why[100];

	if (eal_up(state))
		return -1;
	eal_with_tenants(0, 1);
	eal_dp.host = (struct weft_ipc_host){.vxlan_port = 4789, .ttl = 64};
	if (!served_up())
		return -1;
	for (uint32_t id = 1; id <= TENANTS; id++) {
		struct weft_ipc_tenant cfg = {
			.name = "many", .encap = WEFT_ENCAP_VXLAN, .vni = id, .max_rules = 10};

		if (dp_tenant_add(&eal_dp, id, &cfg, why))
			return -1;
		for (uint32_t n = 1; n <= VTEPS; n++)
			dp_tenant_vtep_add(dp_tenant_find(&eal_dp, id),
				&(struct weft_ipc_vtep){.ip = weft_ip_from_v4(htonl(n))});
	}
	dp_tenants_refresh(&eal_dp);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_stream_does_not_wait_for_other_ways),
		cmocka_unit_test(it_waits_for_whom_it_was_about),
		cmocka_unit_test(who_goes_is_not_awaited),
		cmocka_unit_test(an_uplink_goes_before_all_know),
		cmocka_unit_test(one_that_nobody_leads_to_leaves_nothing),
		cmocka_unit_test(who_was_led_to_when_the_wait_began_leaves_a_shell),
		cmocka_unit_test(there_are_so_many_shells_and_no_more),
		cmocka_unit_test(a_commit_waits_until_nobody_leads_there),
		cmocka_unit_test(ports_that_were_hidden_together_wait_once),
	};

	return cmocka_run_group_tests(tests, up, served_down);
}

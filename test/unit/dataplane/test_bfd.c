// SPDX-License-Identifier: Apache-2.0
// BFD sessions as the control thread keeps them, with memory that ends now and then: whatever
// workers can reach, a set of VTEPs' marks and a table's sessions, is there.

#include "eal.h"

#include "tenants/dp_tenant.h"

#include "flowtable/switch.h"

#include "../rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <arpa/inet.h>
#include <cmocka.h>

#define VTEPS 8u
#define LEARNED 3u // of these at once, at most
#define LONG_NS (2ull * DP_BFD_LEAVE_NS)

static unsigned percent_fails;

void *__real_aligned_alloc(size_t alignment, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
	return rng() % 100 < percent_fails ? NULL : __real_aligned_alloc(alignment, size);
}

static struct weft_ip vtep(unsigned i)
{
	return weft_ip_from_v4(htonl(0xac100000u + 2 + i));
}

static int up(void **state)
{
	struct weft_ipc_tenant cfg = {.name = "red",
		.encap = WEFT_ENCAP_VXLAN,
		.vni = 5000,
		.max_rules = 10,
		.max_fdb = 10,
		.group = weft_ip_from_v4(htonl(0xef010101u)),
		.max_vteps = LEARNED};
	char why[100];

	if (eal_up(state))
		return -1;
	rte_log_set_level(dp_logtype, RTE_LOG_CRIT);
	eal_dp.env = (struct ft_env){.retire = eal_retire, .now_ns = eal_now_ns, .workers = 1};
	eal_dp.host.vtep4 = weft_ip_from_v4(htonl(0xac100001u));
	eal_dp.host.bfd = (struct weft_bfd_settings){
		.mode = WEFT_BFD_MULTIHOP, .mult = 3, .interval_us = 10000};
	return dp_tenant_add(&eal_dp, 1, &cfg, why) ? -1 : 0;
}

static int down(void **state)
{
	while (eal_dp.bfd.sessions || eal_dp.bfd.table) {
		struct dp_bfd_session *s = eal_dp.bfd.sessions;

		eal_dp.bfd.sessions = s ? s->next : NULL;
		free(s);
		if (!s) {
			free(eal_dp.bfd.table);
			eal_dp.bfd.table = NULL;
		}
	}
	return eal_down(state);
}

// What the tenant must have; a learned one only has a session if that is asked for.
static enum {
	NOT_THERE,
	CONFIGURED,
	IS_LEARNED
} oracle[VTEPS];

static unsigned count(unsigned what)
{
	unsigned n = 0;

	for (unsigned i = 0; i < VTEPS; i++)
		n += oracle[i] == what;
	return n;
}

static bool wants_session(const struct dp_tenant *t, const struct weft_ip *ip)
{
	for (unsigned i = 0; i < t->n_vteps; i++)
		if (weft_ip_equal(&t->vtep_list[i], ip))
			return i < t->n_fixed || eal_dp.host.bfd.learned;
	return false;
}

static bool is_session(const struct dp_bfd_session *want)
{
	for (const struct dp_bfd_session *s = eal_dp.bfd.sessions; s; s = s->next)
		if (s == want)
			return true;
	return false;
}

static bool is_mark(const uint8_t *want)
{
	for (const struct dp_bfd_session *s = eal_dp.bfd.sessions; s; s = s->next)
		if (&s->down == want)
			return true;
	return false;
}

static bool is_form_wanted(const struct dp_bfd_table *t)
{
	const struct weft_bfd_settings *b = &eal_dp.host.bfd;

	return t->mode == b->mode && (b->mode != WEFT_BFD_VXLAN || t->vni == b->vni);
}

// What is in another form than is wanted says farewell, and nothing else.
static void all_is_there(const struct dp_tenant *t)
{
	for (unsigned i = 0; i < t->vteps->n; i++)
		assert_true(!t->vteps->remote[i].down || is_mark(t->vteps->remote[i].down));
	for (unsigned i = 0; eal_dp.bfd.table && i < eal_dp.bfd.table->n; i++)
		assert_true(is_session(eal_dp.bfd.table->link[i].s));
	for (unsigned i = 0; !percent_fails && eal_dp.bfd.table && i < eal_dp.bfd.table->n; i++)
		assert_true(is_form_wanted(eal_dp.bfd.table) || eal_dp.bfd.table->link[i].leaving);
}

// Whatever could not be done is done, and all who leave have left.
static void settle(void)
{
	percent_fails = 0;
	for (unsigned i = 0; i < 3; i++) {
		for (struct dp_bfd_session *s = eal_dp.bfd.sessions; s; s = s->next)
			if (s->leave_ns)
				s->leave_ns = dp_now_ns() - LONG_NS;
		dp_bfd_poll(&eal_dp);
		dp_rcu_poll(eal_dp.rcu);
	}
}

static void as_wanted(const struct dp_tenant *t)
{
	unsigned n = 0;

	for (const struct dp_bfd_session *s = eal_dp.bfd.sessions; s; s = s->next, n++) {
		assert_int_equal(s->leave_ns, 0);
		assert_true(wants_session(t, &s->remote));
	}
	if (eal_dp.host.bfd.mode)
		assert_int_equal(n, eal_dp.host.bfd.learned ? t->n_vteps : t->n_fixed);
	else
		assert_int_equal(n, 0);
	assert_int_equal(t->vteps->n, t->n_vteps);
	assert_int_equal(t->vteps->learned, t->n_vteps - t->n_fixed);
	for (unsigned i = 0; i < t->vteps->n; i++)
		assert_int_equal(t->vteps->remote[i].down != NULL,
			eal_dp.host.bfd.mode && wants_session(t, &t->vteps->remote[i].ip));
	assert_int_equal(eal_dp.bfd.table ? eal_dp.bfd.table->n : 0, n);
	if (n)
		assert_true(is_form_wanted(eal_dp.bfd.table));
}

static void a_mark_outlives_a_set_that_could_not_be_rebuilt(void **state)
{
	struct dp_tenant *t = dp_tenant_find(&eal_dp, 1);
	struct weft_ip one = vtep(0);
	const uint8_t *mark;

	assert_int_equal(dp_tenant_vtep_add(t, &(struct weft_ipc_vtep){.ip = one}), WEFT_E_NONE);
	dp_tenants_refresh(&eal_dp);
	mark = dp_bfd_down_mark(&eal_dp, &one);
	assert_non_null(mark);
	assert_ptr_equal(t->vteps->remote[0].down, mark);
	percent_fails = 100;
	assert_int_equal(dp_tenant_vtep_del(t, &one, NULL), WEFT_E_NONE);
	dp_tenants_refresh(&eal_dp);
	for (unsigned i = 0; i < 5; i++) {
		eal_dp.bfd.sessions->leave_ns = dp_now_ns() - LONG_NS;
		dp_bfd_poll(&eal_dp);
		dp_rcu_synchronize(eal_dp.rcu);
		dp_rcu_poll(eal_dp.rcu);
		assert_ptr_equal(t->vteps->remote[0].down, mark);
		assert_true(is_mark(mark));
	}
	settle();
	as_wanted(t);
	assert_null(eal_dp.bfd.sessions);
}

static void list_is_as_the_oracle(const struct dp_tenant *t)
{
	assert_int_equal(t->n_fixed, count(CONFIGURED));
	assert_int_equal(t->n_vteps - t->n_fixed, count(IS_LEARNED));
	for (unsigned i = 0; i < VTEPS; i++) {
		struct weft_ip ip = vtep(i);

		assert_int_equal(dp_tenant_has_vtep(t, &ip), oracle[i] != NOT_THERE);
	}
	for (unsigned i = 0; i < t->n_vteps; i++) {
		struct weft_ipc_vtep v = dp_tenant_vtep(t, i);
		unsigned at = ntohl(weft_ip_v4(&v.ip)) - 0xac100002u;

		assert_int_equal(oracle[at], v.flags ? IS_LEARNED : CONFIGURED);
	}
}

static void change_vtep(struct dp_tenant *t, unsigned i)
{
	struct weft_ipc_vtep was, v = {.ip = vtep(i), .flags = rng() % 2 ? WEFT_VTEP_LEARNED : 0};
	bool full = v.flags && count(IS_LEARNED) == LEARNED;
	enum weft_error e;

	if (oracle[i] == NOT_THERE) {
		e = dp_tenant_vtep_add(t, &v);
		assert_int_equal(e, full ? WEFT_E_TABLE_FULL : WEFT_E_NONE);
		if (!e)
			oracle[i] = v.flags ? IS_LEARNED : CONFIGURED;
		return;
	}
	assert_int_equal(dp_tenant_vtep_add(t, &v), WEFT_E_EXISTS);
	assert_int_equal(dp_tenant_vtep_del(t, &v.ip, &was), WEFT_E_NONE);
	assert_int_equal(was.flags, oracle[i] == IS_LEARNED ? WEFT_VTEP_LEARNED : 0);
	assert_int_equal(dp_tenant_vtep_del(t, &v.ip, NULL), WEFT_E_NOT_FOUND);
	oracle[i] = NOT_THERE;
}

static void one_change(struct dp_tenant *t)
{
	switch (rng() % 4) {
	case 0:
		eal_dp.host.bfd.learned = rng() % 2;
		eal_dp.host.bfd.mode = (enum weft_bfd_mode)(rng() % (WEFT_BFD_VXLAN + 1));
		eal_dp.host.bfd.vni = 70 + rng() % 2;
		eal_dp.bfd.stale = true;
		dp_tenants_stale(&eal_dp, NULL);
		return;
	case 1: // time passes
		for (struct dp_bfd_session *s = eal_dp.bfd.sessions; s; s = s->next)
			if (s->leave_ns && rng() % 2)
				s->leave_ns = dp_now_ns() - LONG_NS;
		dp_bfd_poll(&eal_dp);
		return;
	default:
		change_vtep(t, rng() % VTEPS);
		list_is_as_the_oracle(t);
	}
}

static void whatever_changes_and_fails_all_is_there(void **state)
{
	struct dp_tenant *t = dp_tenant_find(&eal_dp, 1);

	for (unsigned turn = 0; turn < 3000; turn++) {
		percent_fails = rng() % 3 ? 0 : rng() % 101;
		one_change(t);
		dp_tenants_refresh(&eal_dp);
		dp_rcu_poll(eal_dp.rcu);
		all_is_there(t);
		if (turn % 50 == 0) {
			settle();
			all_is_there(t);
			as_wanted(t);
		}
	}
}

// As worker 0 does it.
static void worker_says(struct dp_bfd_session *s, enum overlay_bfd_state state, bool is_down)
{
	s->m.state = state;
	s->down = is_down;
	s->state = s->m.state;
	s->changes++;
	eal_dp.bfd.changes++;
}

// However many changes come between two looks of the control thread, what it does follows from how
// things are, and groups choose anew even if all is as it was: for a while it was not.
static void no_change_is_lost(void **state)
{
	struct dp_tenant *t = dp_tenant_find(&eal_dp, 1);
	struct weft_ip ip = vtep(0);
	uint64_t seen;

	eal_dp.host.bfd.mode = WEFT_BFD_MULTIHOP;
	eal_dp.bfd.stale = true;
	settle();
	while (t->n_vteps)
		assert_int_equal(dp_tenant_vtep_del(t, &t->vtep_list[0], NULL), WEFT_E_NONE);
	assert_int_equal(dp_tenant_vtep_add(t, &(struct weft_ipc_vtep){.ip = ip}), WEFT_E_NONE);
	dp_tenants_refresh(&eal_dp);
	settle();
	for (unsigned i = 0; i < 3 * 4096; i++) // more than any ring has
		worker_says(eal_dp.bfd.sessions, i % 3 ? OVERLAY_BFD_DOWN : OVERLAY_BFD_UP, i % 3);
	dp_bfd_heed(&eal_dp);
	assert_true(t->overlay_down);
	worker_says(eal_dp.bfd.sessions, OVERLAY_BFD_UP, false);
	dp_bfd_heed(&eal_dp);
	assert_false(t->overlay_down);
	seen = ft_epoch(t->sw);
	dp_bfd_heed(&eal_dp);
	assert_int_equal(ft_epoch(t->sw), seen);
	worker_says(eal_dp.bfd.sessions, OVERLAY_BFD_DOWN, true);
	worker_says(eal_dp.bfd.sessions, OVERLAY_BFD_UP, false);
	dp_bfd_heed(&eal_dp);
	assert_false(t->overlay_down);
	assert_int_not_equal(ft_epoch(t->sw), seen);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_mark_outlives_a_set_that_could_not_be_rebuilt),
		cmocka_unit_test(whatever_changes_and_fails_all_is_there),
		cmocka_unit_test(no_change_is_lost),
	};

	rng_seed_from_env();
	return cmocka_run_group_tests(tests, up, down);
}

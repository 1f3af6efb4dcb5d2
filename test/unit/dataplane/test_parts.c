// SPDX-License-Identifier: Apache-2.0
// Parts that need no packet: options, meters, buckets, sets of VTEPs, port maps, port devargs.

#include "eal.h"

#include "dp_eal.h"

#include "tenants/dp_meter.h"
#include "tenants/dp_neigh.h"
#include "ports/dp_port_kind.h"

#include "../rng.h"

#include <getopt.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define SECOND 1000000000ull

// ---- options

static void workers_are_a_count_or_cpus(void **state)
{
	static const struct {
		const char *text;
		unsigned workers; // 0: refused
		bool pinned;
		unsigned last;
	} cases[] = {{"1", 1, false, 0}, {"32", 32, false, 0}, {"2,4-7", 5, true, 7},
		{"0-0", 1, true, 0}, {"3,", 1, true, 3}, {"0-31", 32, true, 31}, {"0", 0, 0, 0},
		{"33", 0, 0, 0}, {"", 0, 0, 0}, {",", 0, 0, 0}, {"-1", 0, 0, 0}, {"1-", 0, 0, 0},
		{"3-1", 0, 0, 0}, {"1,1", 0, 0, 0}, {"1-4,3", 0, 0, 0}, {"0-32", 0, 0, 0},
		{"1,70000", 0, 0, 0}, {"2,x", 0, 0, 0}, {"four", 0, 0, 0}};

	for (unsigned i = 0; i < RTE_DIM(cases); i++) {
		char program[] = "weft-dataplane", option[] = "--workers", text[16];
		char *argv[] = {program, option, text, NULL};
		struct dp_options o;
		int rc;

		snprintf(text, sizeof(text), "%s", cases[i].text);
		optind = 0;
		rc = dp_options_parse(&o, 3, argv);
		assert_int_equal(rc, cases[i].workers ? 0 : -1);
		if (rc)
			continue;
		assert_int_equal(o.workers, cases[i].workers);
		assert_int_equal(o.pinned, cases[i].pinned);
		if (o.pinned)
			assert_int_equal(o.worker_cpu[o.workers - 1], cases[i].last);
	}
}

// ---- CPUs

static cpu_set_t cpu_set(unsigned from, unsigned to, unsigned step)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	for (unsigned cpu = from; cpu <= to; cpu += step)
		CPU_SET(cpu, &set);
	return set;
}

// Workers with CPUs of their own leave the others to the control thread.
static void the_control_thread_keeps_off_workers_cpus(void **state)
{
	const struct {
		const char *lcores;
		struct dp_options o;
		cpu_set_t cpus;
	} cases[] = {
		{"0@(0-0),1@1", {.workers = 1}, cpu_set(0, 1, 1)},
		{"0@(0-61),1@63,2@62", {.workers = 2}, cpu_set(0, 63, 1)},
		{"0@(1-1,3-3),1@7,2@5", {.workers = 2}, cpu_set(1, 7, 2)},
		{"0@(0-1),1@(0-1),2@(0-1)", {.workers = 2}, cpu_set(0, 1, 1)}, // none would be left
		{"0@(0-3),1@(0-3)", {.workers = 1, .idle_sleep_us = 100}, cpu_set(0, 3, 1)},
		{"0@(0-1),1@2", {.workers = 1, .pinned = true, .worker_cpu = {2}},
			cpu_set(0, 2, 1)},
		{"0@(0-0),1@2", {.workers = 1, .pinned = true, .worker_cpu = {2}},
			cpu_set(0, 0, 1)},
		{"0@(0-1),1@1,2@0", {.workers = 2, .pinned = true, .worker_cpu = {1, 0}},
			cpu_set(0, 1, 1)}, // where is it to go?
	};
	char lcores[64];

	for (unsigned i = 0; i < RTE_DIM(cases); i++) {
		dp_eal_lcores(&cases[i].o, &cases[i].cpus, lcores, sizeof(lcores));
		assert_string_equal(lcores, cases[i].lcores);
	}
}

// ---- sets of VTEPs

static struct weft_ip an_ip(unsigned i)
{
	if (i % 3)
		return weft_ip_from_v4(htonl(0x0a000000 + i));
	return (struct weft_ip){.b = {0x20, 1, [14] = (uint8_t)(i >> 8), [15] = (uint8_t)i}};
}

static void vtep_sets_find_what_is_in_them(void **state)
{
	static struct weft_ip ips[DP_VTEPS_MAX];

	for (unsigned n = 0; n <= DP_VTEPS_MAX; n = n * 2 + 1) {
		struct dp_vtep_set *set;

		for (unsigned i = 0; i < n; i++)
			ips[i] = an_ip(i);
		set = dp_vtep_set_new(ips, n, 0);
		assert_non_null(set);
		for (unsigned i = 0; i < 2 * n + 2; i++) {
			struct weft_ip ip = an_ip(i);
			const struct dp_remote *r = dp_vtep_find(set, &ip);

			assert_int_equal(dp_vtep_has(set, &ip), r != NULL);
			assert_ptr_equal(r, i < n ? &set->remote[i] : NULL);
		}
		free(set);
	}
}

// ---- bindings

enum {
	NEIGHS = 200,
	NEIGH_VLANS = 2,
	NEIGH_LIMIT = 300
};

struct neigh_books {
	struct weft_ipc_neigh is[NEIGHS][NEIGH_VLANS]; // flags UINT32_MAX: not there
	unsigned n;
};

static bool keep_even(void *arg, const struct weft_ipc_neigh *n)
{
	return n->mac.b[5] % 2 == 0;
}

static void count_one(void *arg, const struct weft_ipc_neigh *n)
{
	++*(unsigned *)arg;
}

static bool neigh_has_learned(const struct neigh_books *b)
{
	for (unsigned i = 0; i < NEIGHS * NEIGH_VLANS; i++) {
		uint32_t flags = b->is[i / NEIGH_VLANS][i % NEIGH_VLANS].flags;

		if (flags != UINT32_MAX && !(flags & WEFT_NEIGH_STATIC))
			return true;
	}
	return false;
}

// One that was learned has made room for a static one.
static void neigh_evicted(const struct dp_neigh *t, struct neigh_books *b)
{
	unsigned gone = 0;

	for (unsigned i = 0; i < NEIGHS * NEIGH_VLANS; i++) {
		struct weft_ipc_neigh *is = &b->is[i / NEIGH_VLANS][i % NEIGH_VLANS];

		if (is->flags == UINT32_MAX || dp_neigh_find(t, &is->ip, is->vlan))
			continue;
		assert_false(is->flags & WEFT_NEIGH_STATIC);
		is->flags = UINT32_MAX;
		gone++;
	}
	assert_int_equal(gone, 1);
	b->n--;
}

static void neigh_add(struct dp_neigh *t, struct neigh_books *b, unsigned i, unsigned vlan)
{
	struct weft_ipc_neigh *is = &b->is[i][vlan],
			      add = {.ip = an_ip(i + 1),
				      .vlan = (uint16_t)vlan,
				      .mac = {{2, 0, 0, 0, 0, (uint8_t)rng()}},
				      .flags = rng() % 4};
	bool there = is->flags != UINT32_MAX, full = !there && b->n == NEIGH_LIMIT;
	enum weft_error want = WEFT_E_NONE;

	if (there && is->flags & WEFT_NEIGH_STATIC && !(add.flags & WEFT_NEIGH_STATIC))
		want = WEFT_E_EXISTS;
	else if (full && !(add.flags & WEFT_NEIGH_STATIC && neigh_has_learned(b)))
		want = WEFT_E_TABLE_FULL;
	assert_int_equal(dp_neigh_add(&eal_dp, t, &add, NEIGH_LIMIT), want);
	if (want)
		return;
	if (full)
		neigh_evicted(t, b);
	if (there && weft_mac_equal(&is->mac, &add.mac))
		add.flags |= is->flags & WEFT_NEIGH_ROUTER;
	b->n += !there;
	*is = add;
}

static void neigh_sweep(struct dp_neigh *t, struct neigh_books *b)
{
	dp_neigh_sweep(&eal_dp, t, keep_even, NULL);
	for (unsigned i = 0; i < NEIGHS * NEIGH_VLANS; i++) {
		struct weft_ipc_neigh *is = &b->is[i / NEIGH_VLANS][i % NEIGH_VLANS];

		if (is->flags == UINT32_MAX || is->flags & WEFT_NEIGH_STATIC || keep_even(NULL, is))
			continue;
		is->flags = UINT32_MAX;
		b->n--;
	}
}

static void bindings_are_those_of_an_array(void **state)
{
	static struct neigh_books b;
	struct dp_neigh *t = dp_neigh_new(rng());

	for (unsigned i = 0; i < NEIGHS; i++)
		for (unsigned v = 0; v < NEIGH_VLANS; v++)
			b.is[i][v].flags = UINT32_MAX;
	for (unsigned round = 0; round < 100000; round++) {
		unsigned what = rng() % 1000, i = rng() % NEIGHS, v = rng() % NEIGH_VLANS;
		struct weft_ip ip = an_ip(i + 1);
		struct weft_ipc_neigh *is = &b.is[i][v];
		const struct weft_ipc_neigh *have;
		unsigned n = 0;

		if (what < 600) {
			neigh_add(t, &b, i, v);
		} else if (what < 900) {
			bool there = is->flags != UINT32_MAX;

			assert_int_equal(dp_neigh_del(&eal_dp, t, &ip, (uint16_t)v),
				there ? WEFT_E_NONE : WEFT_E_NOT_FOUND);
			b.n -= there;
			is->flags = UINT32_MAX;
		} else if (what < 903) {
			neigh_sweep(t, &b);
		}
		have = dp_neigh_find(t, &ip, (uint16_t)v);
		assert_int_equal(have != NULL, is->flags != UINT32_MAX);
		if (have)
			assert_memory_equal(have, is, sizeof(*is));
		assert_int_equal(dp_neigh_count(t), b.n);
		if (what == 999) {
			dp_neigh_walk(t, count_one, &n);
			assert_int_equal(n, b.n);
		}
		if (round % 64 == 0)
			dp_rcu_poll(eal_dp.rcu);
	}
	dp_neigh_free(t);
}

static void bindings_of_no_host_are_refused(void **state)
{
	struct dp_neigh *t = dp_neigh_new(1);
	struct weft_ipc_neigh ok = {.ip = an_ip(1), .mac = {{2, 0, 0, 0, 0, 1}}}, n;

	n = ok, n.ip = weft_ip_from_v4(htonl(0xe0000001));
	assert_int_equal(dp_neigh_add(&eal_dp, t, &n, 9), WEFT_E_MALFORMED);
	n = ok, n.ip = (struct weft_ip){.b = {0xff, 2, [15] = 1}};
	assert_int_equal(dp_neigh_add(&eal_dp, t, &n, 9), WEFT_E_MALFORMED);
	n = ok, n.ip = (struct weft_ip){.q = {0, 0}};
	assert_int_equal(dp_neigh_add(&eal_dp, t, &n, 9), WEFT_E_MALFORMED);
	n = ok, n.mac.b[0] = 3;
	assert_int_equal(dp_neigh_add(&eal_dp, t, &n, 9), WEFT_E_MALFORMED);
	n = ok, n.vlan = 4095;
	assert_int_equal(dp_neigh_add(&eal_dp, t, &n, 9), WEFT_E_MALFORMED);
	n = ok, n.flags = 4;
	assert_int_equal(dp_neigh_add(&eal_dp, t, &n, 9), WEFT_E_MALFORMED);
	assert_int_equal(dp_neigh_add(&eal_dp, t, &ok, 9), WEFT_E_NONE);
	dp_neigh_free(t);
}

// As many packets of random lengths and gaps as take ten seconds. *want: what passes a bucket of
// `burst` that fills by the book, `per_second`, and runs over when nobody takes from it.
static uint64_t metered(void *meter, uint64_t mean_gap_ns, bool bytes, double per_second,
	double burst, double *want)
{
	uint64_t passed = 0, last = SECOND;
	double level = burst;

	*want = 0;
	for (uint64_t now = SECOND; now < 11 * SECOND; now += 1 + rng() % (2 * mean_gap_ns)) {
		uint32_t len = 64 + rng() % 1400, weight = bytes ? len : 1;

		level = RTE_MIN(burst, level + per_second * (double)(now - last) / SECOND);
		last = now;
		if (level >= weight) {
			level -= weight;
			*want += weight;
		}
		if (dp_meter_run(&eal_dp, meter, 0, now, len) == FT_METER_PASS)
			passed += weight;
	}
	return passed;
}

static void meters_keep_their_rate(void **state)
{
	static const uint32_t rates[] = {1, 10, 1000, 100000, 1000000, 40000000};

	for (unsigned packets = 0; packets < 2; packets++)
		for (unsigned i = 0; i < RTE_DIM(rates) - packets; i++) {
			struct weft_meter_mod mod = {.meter = 1,
				.flags = packets ? WEFT_METER_PKTPS : WEFT_METER_KBPS,
				.band_count = 1};
			struct weft_band band = {.rate = rates[i], .type = WEFT_BAND_DROP};
			double per_second = packets ? rates[i] : rates[i] * 125.0;
			double gap = SECOND / (per_second * 2.5) * (packets ? 1 : 764), want;
			void *m = dp_meter_new(&eal_dp, &mod, &band);
			uint64_t passed;

			assert_non_null(m);
			if (gap < 500) // a packet in 500 ns is enough work; the rate is then not
				       // reached
				gap = 500;
			passed = metered(m, (uint64_t)gap, !packets, per_second,
				RTE_MAX(per_second / 10, packets ? 2 : 2048), &want);
			if (passed > want * 1.02 + 1500 * !packets + 1 ||
				passed + 1500 * !packets + 1 < want * 0.97)
				fail_msg("rate %u: %llu passed, want %.0f", rates[i],
					(unsigned long long)passed, want);
			dp_meter_free(&eal_dp, m);
		}
}

static void the_highest_exceeded_band_applies(void **state)
{
	struct weft_meter_mod mod = {
		.meter = 1, .flags = WEFT_METER_PKTPS | WEFT_METER_BURST, .band_count = 3};
	struct weft_band bands[3] = {
		{.rate = 20, .burst = 20}, {.rate = 5, .burst = 5}, {.rate = 0, .burst = 0}};
	void *m = dp_meter_new(&eal_dp, &mod, bands);

	for (unsigned i = 0; i < 30; i++) {
		int want = i < 5 ? 2 : i < 20 ? 1 : 0;

		assert_int_equal(dp_meter_run(&eal_dp, m, 0, SECOND, 100), want);
	}
	dp_meter_free(&eal_dp, m);
}

// Workers read the clock on their own: one that is behind must not look like an age gone by.
static void a_meter_does_not_go_back_in_time(void **state)
{
	struct weft_meter_mod mod = {
		.meter = 1, .flags = WEFT_METER_PKTPS | WEFT_METER_BURST, .band_count = 1};
	struct weft_band band = {.rate = 1000, .burst = 10, .type = WEFT_BAND_DROP};
	void *m = dp_meter_new(&eal_dp, &mod, &band);
	unsigned passed = 0;

	for (unsigned i = 0; i < 2000; i++) { // 1 ms, on two clocks 50 us apart
		uint64_t now = SECOND + i * 500ull;

		passed += dp_meter_run(&eal_dp, m, i % 2, now - i % 2 * 50000, 100) < 0;
	}
	assert_in_range(passed, 10, 12);
	dp_meter_free(&eal_dp, m);
}

static void buckets_keep_their_rate(void **state)
{
	for (uint32_t rate = 1; rate <= 1000000; rate *= 10) {
		struct dp_bucket b = {0};
		uint64_t granted = 0, step = SECOND / rate / 3 + 1;

		for (uint64_t now = 1; now < 10 * SECOND; now += step)
			granted += dp_bucket_take(&b, rate, 10, now);
		assert_in_range(granted, 10ull * rate, 10ull * rate * 101 / 100 + 11);
		assert_true(dp_bucket_take(&b, rate, 10, UINT64_MAX / 2)); // no overflow
	}
	assert_false(dp_bucket_take(&(struct dp_bucket){0}, 0, 10, SECOND));
}

static void port_maps_find_what_is_in_them(void **state)
{
	static const unsigned sizes[] = {0, 1, 4, 5, 1000};

	for (unsigned k = 0; k < 5; k++) {
		struct dp_portmap *map = dp_portmap_new(sizes[k]);

		for (uint32_t i = 0; i < sizes[k]; i++) // half of them collide
			dp_portmap_put(map, 1 + i * (i % 2 ? map->mask + 1 : 1), &eal_port + i);
		for (uint32_t i = 0; i < sizes[k]; i++)
			assert_ptr_equal(dp_portmap_get(map, 1 + i * (i % 2 ? map->mask + 1 : 1)),
				&eal_port + i);
		assert_null(dp_portmap_get(map, 0xfffffeff));
		free(map);
	}
}

static void devices_are_checked(void **state)
{
	static const struct {
		unsigned kind;
		const char *device;
		bool ok;
	} cases[] = {
		{WEFT_PORT_KIND_TAP, "weft-t0", true},
		{WEFT_PORT_KIND_TAP, "", false},
		{WEFT_PORT_KIND_TAP, "a,mac=fixed", false},
		{WEFT_PORT_KIND_TAP, "far-too-long-for-a-name", false},
		{WEFT_PORT_KIND_AF_PACKET, "lo", true},
		{WEFT_PORT_KIND_AF_PACKET, "nosuch0", false},
		{WEFT_PORT_KIND_AF_XDP, "lo", true},
		{WEFT_PORT_KIND_AF_XDP, "nosuch0", false},
		{WEFT_PORT_KIND_VHOST_USER, "/run/vm.sock", true},
		{WEFT_PORT_KIND_VHOST_USER, "vm.sock", false},
		{WEFT_PORT_KIND_VHOST_USER, "/run/vm.sock,client=0", false},
		{WEFT_PORT_KIND_MEMIF, "/run/m.sock", true},
		{WEFT_PORT_KIND_MEMIF, "/run/m.sock,id=7,role=server", true},
		{WEFT_PORT_KIND_MEMIF, "/run/m.sock,id=x", false},
		{WEFT_PORT_KIND_MEMIF, "/run/m.sock,role=king", false},
		{WEFT_PORT_KIND_PCAP, "rx=/dev/null,tx=/tmp/b,infinite=1", true},
		{WEFT_PORT_KIND_PCAP, "rx=/no/such,tx=/tmp/b", false},
		{WEFT_PORT_KIND_PCAP, "", false},
		{WEFT_PORT_KIND_PCAP, "rx_iface=eth0", false},
		{WEFT_PORT_KIND_NULL, "", true},
		{WEFT_PORT_KIND_NULL, "size=64", true},
		{WEFT_PORT_KIND_NULL, "size=9", false},
		{WEFT_PORT_KIND_NULL, "size=64,copy=1", false},
		{WEFT_PORT_KIND_PCI, "0000:01:00.1", true},
		{WEFT_PORT_KIND_PCI, "eth0", false},
		{WEFT_PORT_KIND_BOND, "lacp,eth0,eth1", true},
		{WEFT_PORT_KIND_BOND, "lacp:fast,eth0,eth1", true},
		{WEFT_PORT_KIND_BOND, "lacp:slow,eth0,eth1", false},
		{WEFT_PORT_KIND_BOND, "balance:fast,eth0", false},
		{WEFT_PORT_KIND_BOND, "active_backup,eth0", true},
		{WEFT_PORT_KIND_BOND, "balance,0000:01:00.0,0000:01:00.1", true},
		{WEFT_PORT_KIND_BOND, "lacp,a,b,c,d,e,f,g", true},
		{WEFT_PORT_KIND_BOND, "lacp,a,b,c,d,e,f,g,h", false},
		{WEFT_PORT_KIND_BOND, "", false},
		{WEFT_PORT_KIND_BOND, "lacp", false},
		{WEFT_PORT_KIND_BOND, "lacp,", false},
		{WEFT_PORT_KIND_BOND, "lacp,eth0,", false},
		{WEFT_PORT_KIND_BOND, "lacp,eth0,eth0", false},
		{WEFT_PORT_KIND_BOND, "lacp,eth0,0000:01:00.1", false},
		{WEFT_PORT_KIND_BOND, "lacp,far-too-long-for-a-name", false},
		{WEFT_PORT_KIND_BOND, "broadcast,eth0", false},
		{WEFT_PORT_KIND_BOND, "eth0,eth1", false},
		{WEFT_PORT_KIND_MAX, "x", false},
	};

	for (unsigned i = 0; i < RTE_DIM(cases); i++) {
		struct weft_ipc_port cfg = {.kind = cases[i].kind};
		struct dp_port_spec spec;
		char why[100] = "";
		enum weft_error e;

		snprintf(cfg.device, sizeof(cfg.device), "%s", cases[i].device);
		e = dp_port_spec(&cfg, 1, 1, 1 << 18, &spec, why);
		if ((e == WEFT_E_NONE) != cases[i].ok)
			fail_msg("device \"%s\": %s", cases[i].device, why);
		assert_int_equal(e != WEFT_E_NONE, *why != 0);
	}
}

static unsigned freed;

static void count_freed(void *obj)
{
	freed++;
}

static void grace_periods_end_when_workers_pass(void **state)
{
	struct dp_rcu *rcu = dp_rcu_new(2);

	freed = 0;
	dp_rcu_register(rcu, 1);
	dp_rcu_retire(rcu, count_freed, NULL);
	dp_rcu_retire2(rcu, count_freed, NULL);
	assert_true(dp_rcu_poll(rcu));
	assert_int_equal(freed, 0);
	dp_rcu_quiescent(rcu, 1);
	assert_true(dp_rcu_poll(rcu)); // the second one begins its second period
	assert_int_equal(freed, 1);
	dp_rcu_quiescent(rcu, 1);
	assert_false(dp_rcu_poll(rcu));
	assert_int_equal(freed, 2);
	dp_rcu_retire(rcu, count_freed, NULL);
	dp_rcu_unregister(rcu, 1);
	dp_rcu_free(rcu);
	assert_int_equal(freed, 3);
}

static uint64_t rcu_now;

static uint64_t rcu_clock(void)
{
	return rcu_now;
}

// Does a run at that time ask workers for a quiescent state?
static bool rcu_asks(struct dp_rcu *rcu, uint64_t now_ns)
{
	uint64_t asked = dp_rcu_asked(rcu);

	rcu_now = now_ns;
	dp_rcu_run(rcu, rcu_clock);
	return dp_rcu_asked(rcu) != asked;
}

static void what_comes_soon_after_waits_for_one_grace_period(void **state)
{
	const uint64_t start = 7 * DP_RCU_GATHER_NS, next = start + DP_RCU_GATHER_NS;
	struct dp_rcu *rcu = dp_rcu_new(2);

	freed = 0;
	dp_rcu_register(rcu, 1);
	assert_false(rcu_asks(rcu, start)); // for nothing
	dp_rcu_retire(rcu, count_freed, NULL);
	assert_true(rcu_asks(rcu, start));
	for (unsigned i = 0; i < 3; i++) {
		dp_rcu_retire(rcu, count_freed, NULL);
		assert_false(rcu_asks(rcu, next - 1));
	}
	dp_rcu_quiescent(rcu, 1);
	assert_false(rcu_asks(rcu, next - 1));
	assert_int_equal(freed, 1); // the others' has not begun
	assert_true(rcu_asks(rcu, next));
	assert_int_equal(freed, 1);
	dp_rcu_quiescent(rcu, 1);
	assert_false(rcu_asks(rcu, next));
	assert_int_equal(freed, 4);

	dp_rcu_retire(rcu, count_freed, NULL);
	dp_rcu_begin(rcu); // whoever's it is
	dp_rcu_quiescent(rcu, 1);
	assert_false(rcu_asks(rcu, next));
	assert_int_equal(freed, 5);
	dp_rcu_unregister(rcu, 1);
	dp_rcu_free(rcu);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(workers_are_a_count_or_cpus),
		cmocka_unit_test(the_control_thread_keeps_off_workers_cpus),
		cmocka_unit_test(vtep_sets_find_what_is_in_them),
		cmocka_unit_test(bindings_are_those_of_an_array),
		cmocka_unit_test(bindings_of_no_host_are_refused),
		cmocka_unit_test(meters_keep_their_rate),
		cmocka_unit_test(the_highest_exceeded_band_applies),
		cmocka_unit_test(a_meter_does_not_go_back_in_time),
		cmocka_unit_test(buckets_keep_their_rate),
		cmocka_unit_test(port_maps_find_what_is_in_them),
		cmocka_unit_test(devices_are_checked),
		cmocka_unit_test(grace_periods_end_when_workers_pass),
		cmocka_unit_test(what_comes_soon_after_waits_for_one_grace_period),
	};

	rng_seed_from_env();
	return cmocka_run_group_tests(tests, eal_up, eal_down);
}

// SPDX-License-Identifier: Apache-2.0
// A machine that does all it can to make the table of listeners work: it must not hold up the
// thread that serves the other tenants, too.

#include "tenants/dp_snoop_table.h"

#include "../rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <time.h>

#include <cmocka.h>

#define VLANS 4094u

static void retire(void *ctx, void (*fn)(void *obj), void *obj)
{
	fn(obj);
}

static bool ask(void *ctx, const struct dp_snoop_question *q)
{
	return true;
}

static bool there(void *ctx, const struct ft_listener *at)
{
	return true;
}

static uint64_t cpu_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

// In every VLAN, of both families.
static void hear_everywhere(
	struct dp_snoop *s, enum dp_snoop_what what, uint32_t ofport, uint32_t now)
{
	static const struct weft_ip v6 = {.b = {0xff, 0x0e, [15] = 1}};

	for (unsigned i = 0; i < 2 * VLANS; i++) {
		struct weft_ip group = i % 2 ? v6 : weft_ip_from_v4(htonl(0xef010101));
		struct dp_snoop_news news = {
			.what = what,
			.at = {.ofport = ofport},
			.group = what == DP_SNOOP_QUERY ? dp_snoop_link_of(i % 2) : group,
			.vlan = (uint16_t)(1 + i / 2),
		};

		dp_snoop_heard(s, &news, now);
	}
}

// A querier comes in all VLANs and falls silent in all at once. With work that grows with the
// square of them it is 300 usual seconds' and more.
static void a_router_costs_what_its_own_vlan_has(void **state)
{
	const struct dp_snoop_settings set = {.on = true,
		.querier = true,
		.age_s = 5,
		.max_groups = 65536,
		.max_port_groups = 65536};
	const struct dp_snoop_hooks hooks = {NULL, retire, ask, there};
	struct dp_snoop *s = dp_snoop_new(rng(), &hooks);
	struct weft_ipc_snoop_stats stats;
	uint64_t began, usual, cost;

	dp_snoop_set(s, &set);
	hear_everywhere(s, DP_SNOOP_JOIN, 1, 1000);
	began = cpu_us();
	dp_snoop_tick(s, 1001, false);
	usual = cpu_us() - began;
	began = cpu_us();
	hear_everywhere(s, DP_SNOOP_QUERY, 2, 1001);
	dp_snoop_stats(s, &stats);
	assert_int_equal(stats.routers, 2 * VLANS);
	for (uint32_t now = 1002; now <= 1004; now++)
		dp_snoop_tick(s, now, false);
	cost = cpu_us() - began;
	dp_snoop_stats(s, &stats);
	assert_int_equal(stats.routers, 0);
	assert_int_equal(stats.groups, 2 * VLANS); // listeners have the time to answer us
	dp_snoop_tick(s, 1006, false);
	dp_snoop_stats(s, &stats);
	assert_int_equal(stats.groups, 2 * VLANS);
	if (cost > 50 * usual)
		fail_msg("%lu us, and a usual second takes %lu", cost, usual);
	dp_snoop_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_router_costs_what_its_own_vlan_has),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

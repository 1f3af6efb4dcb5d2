// SPDX-License-Identifier: Apache-2.0
// LACP's timeout under a bond that lives, in virtual time (dp_bond_lacp.h): each change in two
// steps, half a minute or three seconds apart, and never a moment in which a partner that keeps to
// what it was last asked for is given up. The bond is net_bond's own, and is asked for what it goes
// by.

#include "eal.h"

#include "ports/dp_bond.h"

#include <rte_eth_bond.h>
#include <rte_eth_bond_8023ad.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define S 1000000000ull
#define HOUR (3600 * S)

static uint64_t now_ns;

uint64_t __wrap_dp_now_ns(void);
uint64_t __wrap_dp_now_ns(void)
{
	return now_ns;
}

static struct dp_bond bond;
static struct dp_port port = {.bond = &bond};

// How long a silent partner is waited for.
static unsigned patience_ms(void)
{
	struct rte_eth_bond_8023ad_conf conf;

	assert_int_equal(rte_eth_bond_8023ad_conf_get(port.dev, &conf), 0);
	return conf.long_timeout_ms;
}

static void after(uint64_t ns)
{
	now_ns += ns;
	dp_bond_lacp_watch(&port);
}

static void is(unsigned patience, bool asks)
{
	assert_int_equal(patience_ms(), patience);
	assert_int_equal(bond.lacp.asks, asks);
}

static int up(void **state)
{
	int dev;

	if (eal_up(state))
		return -1;
	now_ns = HOUR;
	dev = dp_bond_create("net_bonding_lacp", "lacp,a,b");
	port.dev = (uint16_t)dev;
	return dev < 0 ? -1 : 0;
}

static int down(void **state)
{
	rte_eth_bond_free("net_bonding_lacp");
	return eal_down(state);
}

static void begins_with_either(void **state)
{
	assert_int_equal(dp_bond_lacp_start(&port, true), 0);
	is(3000, true);
	after(HOUR);
	is(3000, true);
	dp_bond_lacp_set(&port, false);
	after(HOUR);
	assert_int_equal(dp_bond_lacp_start(&port, false), 0);
	is(90000, false);
	after(HOUR);
	is(90000, false);
}

// The partner is asked at once; a slow one sends every 30 s, and not before has it surely heard.
static void towards_short_the_partner_is_asked_first(void **state)
{
	dp_bond_lacp_set(&port, true);
	is(90000, true);
	for (unsigned i = 0; i < 319; i++) {
		after(S / 10);
		is(90000, true);
	}
	after(S / 10 - 1);
	is(90000, true);
	after(1);
	is(3000, true);
	after(HOUR);
	is(3000, true);
}

// The patience comes first; the partner is told when whoever waited with the short one no longer
// does.
static void towards_long_the_partner_is_asked_last(void **state)
{
	dp_bond_lacp_set(&port, false);
	is(90000, true);
	after(3 * S - 1);
	is(90000, true);
	after(1);
	is(90000, false);
	after(HOUR);
	is(90000, false);
}

static void minds_are_changed_between_the_steps(void **state)
{
	dp_bond_lacp_set(&port, true);
	after(31 * S);
	dp_bond_lacp_set(&port, false);
	is(90000, true);
	after(S); // of the first change's second step nothing is left
	is(90000, true);
	after(2 * S);
	is(90000, false);
	dp_bond_lacp_set(&port, true);
	after(32 * S);
	dp_bond_lacp_set(&port, false);
	after(S);
	dp_bond_lacp_set(&port, true);
	is(90000, true);
	after(31 * S); // asked all the while, but who knows that it knows?
	is(90000, true);
	after(S);
	is(3000, true);
	dp_bond_lacp_set(&port, true); // as it is
	assert_int_equal(bond.lacp.settle_ns, 0);
	is(3000, true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(begins_with_either),
		cmocka_unit_test(towards_short_the_partner_is_asked_first),
		cmocka_unit_test(towards_long_the_partner_is_asked_last),
		cmocka_unit_test(minds_are_changed_between_the_steps),
	};

	return cmocka_run_group_tests(tests, up, down);
}

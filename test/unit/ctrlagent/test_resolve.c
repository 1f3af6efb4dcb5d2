// SPDX-License-Identifier: Apache-2.0
// From a VTEP to its next hop, on views made by hand; and the choice of the route against an
// oracle.
#include "underlay/resolve.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "text/address.h"

enum {
	ETH0 = 2,
	ETH1 = 3,
	VLAN7 = 4,
	DUMMY = 5
};

static struct view view;
static struct resolve_config config;

static struct weft_ip ip(const char *text)
{
	struct weft_ip out = {0};

	if (strcmp(text, "::") != 0)
		assert_true(ip_parse(text, &out));
	return out;
}

static struct weft_mac mac(uint8_t last)
{
	return (struct weft_mac){{2, 0, 0, 0, 0, last}};
}

static void add_link(int index, const char *name, uint32_t mtu)
{
	struct view_link *l = vec_new(&view.links);

	*l = (struct view_link){.index = index, .mac = mac((uint8_t)index), .mtu = mtu, .up = true};
	snprintf(l->name, sizeof(l->name), "%s", name);
}

static struct view_route *add_route(const char *prefix, unsigned len, int link, const char *gateway)
{
	struct view_route *r = vec_new(&view.routes);

	r->prefix = ip(prefix);
	r->prefix_len = (uint8_t)(len + (weft_ip_is_v4(&r->prefix) ? 96 : 0));
	r->hop_count = 1;
	r->hops[0].link = link;
	if (gateway)
		r->hops[0].gateway = ip(gateway);
	return r;
}

static void add_neighbour(int link, const char *at, uint8_t last)
{
	view_add_neighbour(
		&view, &(struct view_neighbour){
			       .link = link, .ip = ip(at), .mac = mac(last), .usable = true});
}

static int setup(void **state)
{
	add_link(ETH0, "eth0", 1600);
	add_link(ETH1, "eth1", 9000);
	add_link(VLAN7, "eth0.7", 1500);
	view.links.at[2].parent = ETH0;
	view.links.at[2].vlan = 7;
	add_link(DUMMY, "dummy0", 1500);
	add_route("172.16.0.0", 24, ETH0, NULL);
	config.own4 = ip("172.16.0.1");
	config.own6 = ip("fc00::1");
	vec_add(&config.uplinks, (struct resolve_uplink){10, "eth0"});
	vec_add(&config.uplinks, (struct resolve_uplink){11, "eth1"});
	return 0;
}

static int teardown(void **state)
{
	view_free(&view);
	vec_free(&config.uplinks);
	memset(&config, 0, sizeof(config));
	return 0;
}

static struct resolve_result run(const char *vtep)
{
	struct weft_ip at = ip(vtep);
	struct resolve_result r;

	resolve(&view, &config, &at, 0, &r);
	assert_true(weft_ip_equal(&r.nexthop.vtep, &at));
	assert_int_equal(!r.why, !!(r.nexthop.flags & WEFT_NEXTHOP_RESOLVED));
	return r;
}

static void expect_no_route(const char *vtep, const char *why)
{
	struct resolve_result r = run(vtep);

	assert_int_equal(r.nexthop.flags, WEFT_NEXTHOP_NO_ROUTE);
	assert_string_equal(r.why, why);
	assert_int_equal(r.link, 0);
}

static void test_on_the_link(void **state)
{
	struct weft_mac want = mac(0xaa), own = mac(ETH0);

	struct resolve_result r = run("172.16.0.2");
	assert_int_equal(r.nexthop.flags, 0); // a way, but no MAC yet
	assert_int_equal(r.link, ETH0);
	struct weft_ip asked = ip("172.16.0.2");
	assert_true(weft_ip_equal(&r.gateway, &asked));

	add_neighbour(ETH1, "172.16.0.2", 0xbb); // on another link: not meant
	add_neighbour(ETH0, "172.16.0.2", 0xaa);
	r = run("172.16.0.2");
	assert_int_equal(r.nexthop.flags, WEFT_NEXTHOP_RESOLVED);
	assert_true(weft_mac_equal(&r.nexthop.dst_mac, &want));
	assert_true(weft_mac_equal(&r.nexthop.src_mac, &own));
	assert_true(weft_ip_equal(&r.nexthop.src, &config.own4));
	assert_int_equal(r.nexthop.port, 10);
	assert_int_equal(r.nexthop.mtu, 1600);
	assert_int_equal(r.nexthop.vlan, 0);
}

static void test_by_a_gateway(void **state)
{
	struct weft_mac want = mac(0xcc);

	add_route("0.0.0.0", 0, ETH0, "172.16.0.254")->mtu = 1400;
	add_neighbour(ETH0, "172.16.0.254", 0xcc);
	struct resolve_result r = run("10.1.2.3");
	assert_true(weft_mac_equal(&r.nexthop.dst_mac, &want));
	assert_int_equal(r.nexthop.mtu, 1400);
}

static void test_no_route(void **state)
{
	expect_no_route("10.0.0.1", "no route");
	expect_no_route("fc00::2", "no route");
	add_route("::", 0, ETH0, "fe80::1"); // ::/0 is not IPv4's
	expect_no_route("10.0.0.1", "no route");
	add_route("10.0.0.0", 8, ETH0, NULL)->dead_end = true;
	expect_no_route("10.0.0.1", "the route is a dead end");
	add_route("10.2.0.0", 16, DUMMY, NULL);
	expect_no_route("10.2.0.1", "the route leads to an interface that is no uplink");
	assert_int_equal(run("10.2.0.1").leads_to, DUMMY);
	view.links.at[0].up = false;
	expect_no_route("172.16.0.2", "the interface is down");
	config.own4 = (struct weft_ip){0};
	expect_no_route("172.16.0.2", "the host has no VTEP address of this family");
}

static void test_ipv6(void **state)
{
	add_route("fc00::", 64, ETH1, NULL);
	add_route("fc00:0:0:1::", 64, ETH1, "fe80::9");
	add_neighbour(ETH1, "fc00::2", 2);
	add_neighbour(ETH1, "fe80::9", 9);
	struct resolve_result r = run("fc00::2");
	assert_int_equal(r.nexthop.port, 11);
	assert_true(weft_ip_equal(&r.nexthop.src, &config.own6));
	assert_int_equal(run("fc00:0:0:1::5").nexthop.dst_mac.b[5], 9);
}

static void test_vlan(void **state)
{
	add_route("10.7.0.0", 16, VLAN7, NULL);
	add_neighbour(VLAN7, "10.7.0.2", 7);
	struct resolve_result r = run("10.7.0.2");
	assert_int_equal(r.nexthop.port, 10);
	assert_int_equal(r.nexthop.vlan, 7);
	assert_int_equal(r.nexthop.mtu, 1500);
	assert_int_equal(r.nexthop.src_mac.b[5], VLAN7);
	view.links.at[0].up = false; // what it lies on
	assert_int_equal(run("10.7.0.2").nexthop.flags, WEFT_NEXTHOP_NO_ROUTE);
}

static void test_metric(void **state)
{
	add_route("172.16.0.0", 24, ETH1, NULL)->metric = 100;
	assert_int_equal(run("172.16.0.9").link, ETH0);
	view.routes.at[0].metric = 200;
	assert_int_equal(run("172.16.0.9").link, ETH1);
}

static void test_several_ways(void **state)
{
	struct view_route *r = add_route("10.0.0.0", 8, ETH0, "172.16.0.254");
	struct weft_ip at = ip("10.0.0.1"), gateway = ip("172.17.0.254");
	struct resolve_result way;

	r->hop_count = 2;
	r->hops[1] = (struct view_hop){.link = ETH1, .gateway = gateway};
	assert_int_equal(run("10.0.0.1").paths, 2);
	assert_int_equal(run("10.0.0.1").link, ETH0);
	resolve(&view, &config, &at, 1, &way);
	assert_int_equal(way.link, ETH1);
	assert_int_equal(way.nexthop.path, 1);
	assert_int_equal(way.nexthop.port, 11);
	assert_true(weft_ip_equal(&way.gateway, &gateway));
	view.links.at[0].up = false;
	assert_int_equal(run("10.0.0.1").paths, 1);
	assert_int_equal(run("10.0.0.1").link, ETH1);
	assert_int_equal(run("172.16.0.2").paths, 0);
}

static void test_more_ways_than_are_told(void **state)
{
	struct view_route *r = add_route("10.0.0.0", 8, ETH0, "172.16.0.1");

	for (r->hop_count = 0; r->hop_count < VIEW_HOPS_MAX; r->hop_count++)
		r->hops[r->hop_count] =
			(struct view_hop){.link = ETH0, .gateway = ip("172.16.0.1")};
	assert_int_equal(run("10.0.0.1").paths, WEFT_NEXTHOP_PATHS);
}

// How many of the paths go by ETH0, and how many there are.
static unsigned by_eth0(unsigned *all)
{
	struct weft_ip at = ip("10.9.9.9");
	struct resolve_result r;
	unsigned n = 0;

	resolve(&view, &config, &at, 0, &r);
	*all = r.paths;
	for (uint16_t path = 0; path < *all; path++) {
		resolve(&view, &config, &at, path, &r);
		assert_int_equal(r.paths, *all);
		n += r.link == ETH0;
	}
	return n;
}

static void test_weights(void **state)
{
	static const struct {
		uint16_t weight[2];
		unsigned first, all;
	} cases[] = {{{0, 0}, 1, 2}, {{5, 5}, 1, 2}, {{3, 1}, 3, 4}, {{6, 2}, 3, 4}, {{7, 1}, 7, 8},
		{{1, 7}, 1, 8}, {{256, 1}, 7, 8}, {{1, 256}, 1, 8}, {{100, 60}, 5, 8},
		{{2, 1}, 2, 3}};
	struct view_route *r = add_route("10.0.0.0", 8, ETH0, "172.16.0.2");
	unsigned all;

	r->hop_count = 2;
	r->hops[1] = (struct view_hop){.link = ETH1, .gateway = ip("172.16.0.3")};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		r->hops[0].weight = cases[i].weight[0];
		r->hops[1].weight = cases[i].weight[1];
		assert_int_equal(by_eth0(&all), cases[i].first);
		assert_int_equal(all, cases[i].all);
	}
	// One that is down leaves all to the other.
	view.links.at[1].up = false;
	assert_int_equal(by_eth0(&all), 1);
	assert_int_equal(all, 1);
}

// Any weights: each way has a path, and its share of the paths is its weight's, as near as paths
// allow and no other division is better.
static void test_weights_at_random(void **state)
{
	unsigned seed = (unsigned)time(NULL);
	struct view_route *r = add_route("10.0.0.0", 8, ETH0, "172.16.0.2");

	print_message("seed %u\n", seed);
	r->hop_count = 2;
	r->hops[1] = (struct view_hop){.link = ETH1, .gateway = ip("172.16.0.3")};
	for (unsigned turn = 0; turn < 2000; turn++) {
		double a = r->hops[0].weight = (uint16_t)(1 + rand_r(&seed) % 256);
		double b = r->hops[1].weight = (uint16_t)(1 + rand_r(&seed) % 256), best = 9;
		unsigned all, first = by_eth0(&all);
		assert_in_range(first, 1, all - 1);
		for (unsigned k = 1; k < all; k++) {
			double off = k / (double)all - a / (a + b);
			best = off * off < best ? off * off : best;
		}
		double off = first / (double)all - a / (a + b);
		assert_true(off * off < best + 1e-9);
	}
}

static void test_a_backup_route(void **state)
{
	add_route("172.16.0.0", 24, ETH1, "172.17.0.254")->metric = 100;
	add_route("0.0.0.0", 0, ETH1, "172.17.0.1");
	assert_int_equal(run("172.16.0.9").link, ETH0);
	view.links.at[0].up = false;
	struct resolve_result r = run("172.16.0.9");
	assert_int_equal(r.link, ETH1);
	assert_int_equal(r.gateway.b[15], 254); // the longer prefix of those with a link
}

static void test_stale_is_usable(void **state)
{
	add_neighbour(ETH0, "172.16.0.2", 1);
	view.neighbours.at[0].stale = true;
	assert_true(run("172.16.0.2").stale);
	view.neighbours.at[0].usable = false;
	assert_int_equal(run("172.16.0.2").nexthop.flags, 0);
}

// The oracle: bit by bit, and the best of all that cover.
static int oracle(const struct weft_ip *at)
{
	int best = -1;

	for (size_t i = 0; i < view.routes.count; i++) {
		const struct view_route *r = &view.routes.at[i],
					*b = best < 0 ? NULL : &view.routes.at[best];
		bool covers = r->prefix_len >= 96;
		for (unsigned bit = 0; bit < r->prefix_len; bit++)
			covers &= !((r->prefix.b[bit / 8] ^ at->b[bit / 8]) & 0x80 >> bit % 8);
		if (covers && (!b || r->prefix_len > b->prefix_len ||
				      (r->prefix_len == b->prefix_len && r->metric < b->metric)))
			best = (int)i;
	}
	return best;
}

static void test_longest_prefix_against_oracle(void **state)
{
	unsigned seed =
		getenv("WEFT_SEED") ? (unsigned)atoi(getenv("WEFT_SEED")) : (unsigned)time(NULL);

	print_message("seed %u\n", seed);
	srand(seed);
	for (int round = 0; round < 200; round++) {
		view.routes.count = 0;
		for (int i = 0; i < 20; i++) {
			unsigned len = (unsigned)rand() % 33;
			uint32_t mask = len ? ~0u << (32 - len) : 0;
			struct view_route *r = add_route("0.0.0.0", len, 100 + i, NULL);
			// few bits, so that prefixes cover one another
			r->prefix = weft_ip_from_v4(htonl(((uint32_t)rand() & 0xc0c0c0c3) & mask));
			r->metric = (uint32_t)(rand() % 3) * 100 + (uint32_t)i;
			view.links.count = 4;
		}
		for (int i = 0; i < 20; i++)
			add_link(100 + i, "eth0", 1500);
		for (int i = 0; i < 50; i++) {
			struct weft_ip at = weft_ip_from_v4(htonl((uint32_t)rand() & 0xc0c0c0c3));
			struct resolve_result r;
			int want = oracle(&at);
			resolve(&view, &config, &at, 0, &r);
			assert_int_equal(r.link, want < 0 ? 0 : 100 + want);
		}
	}
}

// In whatever order the kernel has made the interfaces.
static void test_a_group_without_a_route(void **state)
{
	struct view_link eth0 = view.links.at[0];

	assert_int_equal(run("239.1.1.1").link, ETH0);
	view.links.at[0] = view.links.at[1];
	view.links.at[1] = eth0;
	assert_int_equal(run("239.1.1.1").link, ETH0);
	vec_add(&view.addresses, (struct view_address){ETH1, ip("172.16.0.1")});
	assert_int_equal(run("239.1.1.1").link, ETH1);
	vec_add(&view.addresses, (struct view_address){ETH0, ip("172.16.0.1")});
	assert_int_equal(run("239.1.1.1").link, ETH0);
	config.uplinks.at[0].down = true;
	assert_int_equal(run("239.1.1.1").link, ETH1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_on_the_link),
		TEST(test_by_a_gateway),
		TEST(test_no_route),
		TEST(test_ipv6),
		TEST(test_vlan),
		TEST(test_metric),
		TEST(test_several_ways),
		TEST(test_weights),
		TEST(test_weights_at_random),
		TEST(test_more_ways_than_are_told),
		TEST(test_a_backup_route),
		TEST(test_stale_is_usable),
		TEST(test_longest_prefix_against_oracle),
		TEST(test_a_group_without_a_route),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

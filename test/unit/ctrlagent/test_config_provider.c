// SPDX-License-Identifier: Apache-2.0
// Provider's switches in the configuration: what a good one gives, and each error by its exact text.
#include "config/config.h"
#include "text/address.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define HOST "host: {name: h1, vtep: 172.16.0.1}\n"
#define CLOUD HOST "tenants:\n  - {name: cloud, kind: provider, "
#define PEERS "peers: [any]"
#define BESIDE(tenant) CLOUD "vnis: [5000-5999, 7], vsids: [5000], " PEERS "}\n  - {name: " tenant "}\n"
#define AT(column) "weft.yaml:3:" column ": tenants[0]."

static void a_good_one(void **state)
{
	static const char text[] = CLOUD
		"vnis: [5000-5999, 7, rest], vsids: [0x1000-4097], "
		"peers: [172.16.0.2, 172.16.8.0/21, any]}\n"
		"  - {name: red, encap: vxlan, vni: 6000}\n";
	char *errors = NULL, prefix[PREFIX_TEXT_MAX];
	struct config *c = config_parse("weft.yaml", text, strlen(text), &errors);
	const struct config_tenant *t;

	if (!c)
		fail_msg("%s", errors);
	t = &c->tenants[0];
	assert_int_equal(t->kind, WEFT_TENANT_KIND_PROVIDER);
	assert_int_equal(t->vni_count, 3);
	assert_true(t->vnis[0].first == 5000 && t->vnis[0].last == 5999 && !t->vnis[0].rest);
	assert_true(t->vnis[1].first == 7 && t->vnis[1].last == 7);
	assert_true(t->vnis[2].rest);
	assert_true(t->vsids[0].first == 4096 && t->vsids[0].last == 4097);
	assert_int_equal(t->peer_count, 3);
	assert_string_equal(prefix_format(&t->peers[0].prefix, prefix), "172.16.0.2");
	assert_string_equal(prefix_format(&t->peers[1].prefix, prefix), "172.16.8.0/21");
	assert_true(t->peers[2].any);
	assert_int_equal(t->vtep_age_s, 300);
	assert_false(t->learn);
	assert_true(t->inner_vlan);
	assert_true(c->tenants[1].learn);
	assert_false(c->tenants[1].inner_vlan);
	config_free(c);
}

static const struct {
	const char *text, *error;
} cases[] = {
	// what goes with what
	{CLOUD PEERS "}\n", AT("5") "vnis: missing, or vsids: which networks are the provider's?"},
	{CLOUD "vnis: [5]}\n", AT("5") "peers: missing, expected addresses or prefixes of remote "
		"VTEPs, or any"},
	{CLOUD "vnis: [5], encap: vxlan, vni: 6, " PEERS "}\n",
		AT("53") "encap: goes with kind tenant only\n" AT("65") "vni: goes with kind tenant only"},
	{CLOUD "vnis: [5], vteps: [172.16.0.2], " PEERS "}\n",
		AT("53") "vteps: goes with kind tenant only\n"
		AT("53") "vteps: expected none, for encap is none"},
	{CLOUD "vnis: [5], any_vtep: true, " PEERS "}\n",
		AT("56") "any_vtep: goes with kind tenant only"},
	{CLOUD "vnis: [5], multicast: {snoop: true}, " PEERS "}\n",
		AT("65") "multicast.snoop: goes with kind tenant only"},
	{HOST "tenants:\n  - {name: red, vnis: [5], peers: [any], vtep_age: 5}\n",
		AT("23") "vnis: goes with kind provider only\n"
		AT("35") "peers: goes with kind provider only\n"
		AT("52") "vtep_age: goes with kind provider only"},
	{"host: {name: h1}\n\ntenants:\n  - {name: a, kind: provider, vnis: [5], " PEERS "}\n",
		"weft.yaml:4:21: tenants[0].kind: needs host.vtep"},
	// peers
	{CLOUD "vnis: [5], peers: [172.16.0.1]}\n",
		AT("54") "peers[0]: expected the address of another host, this is host.vtep"},
	{CLOUD "vnis: [5], peers: [224.0.0.0/4]}\n",
		AT("54") "peers[0]: expected unicast addresses"},
	{CLOUD "vnis: [5], peers: ['fc00::/8']}\n",
		AT("54") "peers[0]: host has no VTEP address of this family"},
	{CLOUD "vnis: [5], peers: [172.16.0.2/31, 172.16.0.2/31]}\n",
		AT("69") "peers[1]: \"172.16.0.2/31\" is taken by tenants[0].peers[0]"},
	// networks: the place is the range's
	{BESIDE("red, encap: vxlan, vni: 5500"), AT("42") "vnis[0]: 5500 is tenant red's"},
	{BESIDE("red, encap: vxlan, vni: 7"), AT("53") "vnis[1]: 7 is tenant red's"},
	{BESIDE("red, encap: nvgre, vsid: 5000"), AT("65") "vsids[0]: 5000 is tenant red's"},
	{BESIDE("sky, kind: provider, vnis: [4000-5000], " PEERS),
		"weft.yaml:4:40: tenants[1].vnis[0]: 5000 is provider cloud's already"},
	{CLOUD "vnis: [5-9, 9-12], " PEERS "}\n", AT("47") "vnis[1]: 9 is provider cloud's already"},
	{CLOUD "vnis: [rest], " PEERS "}\n  - {name: sky, kind: provider, vnis: [rest], " PEERS "}\n",
		"weft.yaml:4:40: tenants[1].vnis[0]: \"rest\" is taken by tenants[0].vnis[0]"},
	{"host: {name: h1, vtep: 172.16.0.1, bfd: {mode: vxlan, vni: 5}}\ntenants:\n"
	 "  - {name: cloud, kind: provider, vnis: [1-9], " PEERS "}\n",
		AT("42") "vnis[0]: 5 is host.bfd.vni"},
};

static void errors_are_told_with_their_place(void **state)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *errors = NULL;
		struct config *c = config_parse(
			"weft.yaml", cases[i].text, strlen(cases[i].text), &errors);

		if (c)
			fail_msg("accepted: %s", cases[i].text);
		assert_string_equal(errors, cases[i].error);
		free(errors);
	}
}

// A VNI and a VSID of the same number are two networks; a tenant's beside the ranges is no overlap.
static void what_does_not_overlap_is_taken(void **state)
{
	static const char *const texts[] = {
		BESIDE("red, encap: nvgre, vsid: 5001"),
		BESIDE("red, encap: vxlan, vni: 4999"),
		BESIDE("red, encap: vxlan, vni: 6000"),
		CLOUD "vnis: [rest], " PEERS "}\n  - {name: red, encap: vxlan, vni: 5}\n",
		CLOUD "vnis: [rest], " PEERS "}\n  - {name: sky, kind: provider, vnis: [5-6], " PEERS "}\n",
		CLOUD "vnis: [rest], " PEERS "}\n  - {name: sky, kind: provider, vsids: [rest], " PEERS "}\n",
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		char *errors = NULL;
		struct config *c = config_parse("f", texts[i], strlen(texts[i]), &errors);

		if (!c)
			fail_msg("%s\nrefused: %s", texts[i], errors);
		config_free(c);
	}
}

static void ranges_and_prefixes_are_read_strictly(void **state)
{
	static const char *const lists[] = {"vnis: [9-5]", "vnis: [5-]", "vnis: [-5]", "vnis: [5--6]",
		"vnis: [5 - 6]", "vnis: [16777216]", "vnis: [0-16777216]", "vsids: [4095]",
		"vsids: [4096-16777215]", "vnis: [all]", "vnis: [rest-5]", "vnis: 5",
		"peers: [172.16.0.0/33]", "peers: [172.16.0.1/24]", "peers: [172.16.0.0/]",
		"peers: ['fc00::/129']", "peers: [/24]", "peers: [172.16.0.0/24x]",
		"peers: [172.16.0.0/ 24]", "peers: [everybody]", "peers: any"};

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		char *errors = NULL, text[256];
		struct config *c;

		snprintf(text, sizeof(text), CLOUD "%s}\n", lists[i]);
		c = config_parse("f", text, strlen(text), &errors);
		if (c)
			fail_msg("accepted: %s", lists[i]);
		assert_non_null(strstr(errors, "expected"));
		free(errors);
	}
}

static void prefixes_cover(void **state)
{
	static const struct {
		const char *prefix, *in, *out;
	} t[] = {
		{"172.16.0.0/12", "172.31.255.255", "172.32.0.0"},
		{"172.16.0.7", "172.16.0.7", "172.16.0.6"},
		{"0.0.0.0/0", "255.255.255.255", "2001:db8::1"},
		{"2001:db8::/33", "2001:db8:7fff::1", "2001:db8:8000::"},
		{"2001:db8::/33", "2001:db8::", "172.16.0.1"},
	};

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		char text[PREFIX_TEXT_MAX];
		struct weft_prefix p;
		struct weft_ip ip;

		assert_true(prefix_parse(t[i].prefix, &p));
		assert_string_equal(prefix_format(&p, text), t[i].prefix);
		assert_true(ip_parse(t[i].in, &ip) && weft_prefix_covers(&p, &ip));
		assert_true(ip_parse(t[i].out, &ip) && !weft_prefix_covers(&p, &ip));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_good_one),
		cmocka_unit_test(errors_are_told_with_their_place),
		cmocka_unit_test(what_does_not_overlap_is_taken),
		cmocka_unit_test(ranges_and_prefixes_are_read_strictly),
		cmocka_unit_test(prefixes_cover),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

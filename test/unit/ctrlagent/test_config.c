// SPDX-License-Identifier: Apache-2.0
// The configuration file: what a good one gives, and each error by its exact text.
#include "config/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define HOST "host: {name: h1, vtep: 172.16.0.1}\n"

static void expect_error(const char *text, const char *want)
{
	char *errors = NULL;
	struct config *c = config_parse("weft.yaml", text, strlen(text), &errors);

	if (c)
		fail_msg("accepted, but expected: %s", want);
	assert_string_equal(errors, want);
	free(errors);
}

static struct config *expect_good(const char *text)
{
	char *errors = NULL;
	struct config *c = config_parse("weft.yaml", text, strlen(text), &errors);

	if (!c)
		fail_msg("refused: %s", errors);
	return c;
}

static const char full[] =
	"host: {name: h1, vtep: 172.16.0.1, vtep6: 'fc00::1', vxlan_port: 8472, udp_checksum: "
	"true,\n"
	"       ttl: 32, fdb_age: 60}\n"
	"uplinks:\n"
	"  - {name: up0, kind: af_packet, device: eth0, mtu: 1600, queues: 2, "
	"offload: off}\n"
	"tenants:\n"
	"  - name: red\n"
	"    encap: vxlan\n"
	"    vni: 0x1389\n"
	"    vteps: [172.16.0.2, 'fc00::2']\n"
	"    learn: false\n"
	"    quotas: {rules: 10, groups: 11, meters: 12, macs: 13, packet_in: 14, "
	"packet_in_burst: 15}\n"
	"    fdb:\n"
	"      - {mac: '02:00:00:00:00:0a', vtep: 172.16.0.2}\n"
	"      - {mac: '02:00:00:00:00:0b', vlan: 7, port: vm1}\n"
	"    switch:\n"
	"      dpid: '00000000000000aF'\n"
	"      controllers: ['tcp:10.0.0.9:6653', 'ptcp:6654:127.0.0.1', 'punix:/run/red.sock']\n"
	"      fail_mode: standalone\n"
	"      inactivity: 5\n"
	"    ports:\n"
	"      - {name: vm1, number: 1, kind: tap, device: tap-vm1, mtu: 1450}\n"
	"  - {name: blue, encap: nvgre, vsid: 5001, inner_vlan: true, any_vtep: true}\n"
	"  - {name: green}\n";

static void test_all_fields(void **state)
{
	struct config *c = expect_good(full);

	assert_string_equal(c->host.name, "h1");
	assert_int_equal(ntohl(weft_ip_v4(&c->host.vtep)), 0xac100001);
	assert_int_equal(c->host.vtep6.b[15], 1);
	assert_int_equal(c->host.vxlan_port, 8472);
	assert_true(c->host.udp_checksum);
	assert_int_equal(c->host.ttl, 32);
	assert_int_equal(c->host.fdb_age_s, 60);
	assert_int_equal(c->uplink_count, 1);
	assert_int_equal(c->uplinks[0].kind, WEFT_PORT_KIND_AF_PACKET);
	assert_string_equal(c->uplinks[0].device, "eth0");
	assert_int_equal(c->uplinks[0].queues, 2);
	assert_int_equal(c->uplinks[0].offload, CONFIG_OFFLOAD_OFF);

	assert_int_equal(c->tenant_count, 3);
	const struct config_tenant *red = &c->tenants[0];
	assert_int_equal(red->encap, WEFT_ENCAP_VXLAN);
	assert_int_equal(config_tenant_network(red), 5001);
	assert_int_equal(red->vtep_count, 2);
	assert_false(red->learn);
	assert_int_equal(red->quotas.rules, 10);
	assert_int_equal(red->quotas.packet_in_burst, 15);
	assert_int_equal(red->fdb_count, 2);
	assert_int_equal(red->fdb[1].vlan, 7);
	assert_string_equal(red->fdb[1].port, "vm1");
	assert_int_equal(red->sw.dpid, 0xaf);
	assert_int_equal(red->sw.controller_count, 3);
	assert_string_equal(red->sw.controllers[2].text, "punix:/run/red.sock");
	assert_int_equal(red->sw.fail_mode, AGENT_FAIL_STANDALONE);
	assert_int_equal(red->sw.inactivity_s, 5);
	assert_int_equal(red->ports[0].kind, WEFT_PORT_KIND_TAP);
	assert_int_equal(red->ports[0].mtu, 1450);
	assert_int_equal(config_tenant_network(&c->tenants[1]), 5001);
	config_free(c);
}

static void test_defaults(void **state)
{
	struct config *c = expect_good(HOST "tenants:\n- {name: a}\n"
					    "- {name: b, switch: {dpid: '0000000000000001', "
					    "controllers: ['tcp:10.0.0.1']}}\n");

	assert_int_equal(c->host.vxlan_port, 4789);
	assert_false(c->host.udp_checksum);
	assert_int_equal(c->host.ttl, 64);
	assert_int_equal(c->host.fdb_age_s, 300);
	const struct config_tenant *a = &c->tenants[0];
	assert_int_equal(a->encap, WEFT_ENCAP_NONE);
	assert_true(a->learn);
	assert_int_equal(a->quotas.rules, 100000);
	assert_int_equal(a->quotas.packet_in, 1000);
	assert_int_equal(a->quotas.packet_in_burst, 1000);
	assert_int_equal(a->sw.fail_mode, AGENT_FAIL_STANDALONE);
	assert_int_equal(a->sw.inactivity_s, 15);
	assert_int_equal(c->tenants[1].sw.fail_mode, AGENT_FAIL_SECURE);
	config_free(c);
}

// ---- errors of one value each

#define TENANT HOST "tenants:\n  - {name: red, "
#define AT2 "weft.yaml:3:"

static const struct {
	const char *text, *error;
} cases[] = {
	// shape
	{"", "weft.yaml:1:1: the file is empty"},
	{"host: [", "weft.yaml:2:1: not valid YAML: did not find expected node content while "
		    "parsing a flow node"},
	{HOST "tenants:\n  \t- {name: red}\n",
		"weft.yaml:3:3: not valid YAML: a tab, expected spaces"},
	{"- a\n", "weft.yaml:1:1: expected a mapping, got a list"},
	{"uplinks: []\n", "weft.yaml:1:1: host: missing, expected a mapping"},
	{HOST "---\na: 1\n", "weft.yaml:2:1: a second document"},
	{HOST "hots: 1\n",
		"weft.yaml:2:1: unknown key \"hots\", expected one of: host, uplinks, tenants"},
	{HOST HOST, "weft.yaml:2:1: host: given twice"},
	{HOST "[a]: 1\n", "weft.yaml:2:1: a key must be a name"},
	{HOST "tenants: 5\n",
		"weft.yaml:2:10: tenants: expected a list (which may be []), got a scalar"},
	{HOST "tenants:\n  # - name: red\n",
		"weft.yaml:2:9: tenants: expected a list (which may be []), got nothing"},
	{"host:\n", "weft.yaml:1:6: host: expected a mapping, got nothing"},
	{HOST "tenants: [5]\n", "weft.yaml:2:11: tenants[0]: expected a mapping, got a scalar"},
	{"host: {vtep: 172.16.0.1}\n",
		"weft.yaml:1:7: host.name: missing, expected a name of 1 to 63 letters, digits, "
		"dots, underscores and hyphens"},
	// scalars
	{TENANT "encap: vxlan, vni: abc}\n",
		AT2 "36: tenants[0].vni: expected a number from 0 to 16777215, got \"abc\""},
	{TENANT "encap: vxlan, vni: 16777216}\n",
		AT2 "36: tenants[0].vni: expected a number from 0 to 16777215, got \"16777216\""},
	{TENANT "encap: vxlan, vni: -1}\n",
		AT2 "36: tenants[0].vni: expected a number from 0 to 16777215, got \"-1\""},
	{TENANT "encap: vxlan, vni: [1]}\n",
		AT2 "36: tenants[0].vni: expected a number from 0 to 16777215, got a list"},
	{TENANT "encap: nvgre, vsid: 4095}\n",
		AT2 "37: tenants[0].vsid: expected a number from 4096 to 16777214, got \"4095\""},
	{TENANT "encap: nvgre, vsid: 16777215}\n", AT2 "37: tenants[0].vsid: expected a number "
						       "from 4096 to 16777214, got \"16777215\""},
	{TENANT "encap: geneve}\n",
		AT2 "24: tenants[0].encap: expected one of none, vxlan, nvgre, got \"geneve\""},
	{TENANT "learn: yes}\n", AT2 "24: tenants[0].learn: expected true or false, got \"yes\""},
	{TENANT "switch: {dpid: 12}}\n",
		AT2 "32: tenants[0].switch.dpid: expected 16 hexadecimal digits, got \"12\""},
	{TENANT "fdb: [{mac: '02:00', port: x}]}\n",
		AT2 "29: tenants[0].fdb[0].mac: expected a MAC address like 02:00:00:00:00:01, got "
		    "\"02:00\""},
	{"host: {name: h1, vtep: 1.2.3}\n",
		"weft.yaml:1:24: host.vtep: expected an IPv4 or IPv6 address, got \"1.2.3\""},
	{"host: {name: 'h 1'}\n",
		"weft.yaml:1:14: host.name: expected a name of 1 to 63 letters, digits, dots, "
		"underscores and hyphens, got \"h 1\""},
	{TENANT "quotas: {rules: 1e6}}\n",
		AT2 "33: tenants[0].quotas.rules: expected a number from 0 to 100000000, got "
		    "\"1e6\""},
	// addresses
	{"host: {name: h1, vtep: 224.0.0.1}\n",
		"weft.yaml:1:24: host.vtep: expected a unicast address of a host, got "
		"\"224.0.0.1\""},
	{"host: {name: h1, vtep: 127.0.0.1}\n",
		"weft.yaml:1:24: host.vtep: expected a unicast address of a host, got "
		"\"127.0.0.1\""},
	{"host: {name: h1, vtep: 10.0.0.1, vtep6: 10.0.0.2}\n",
		"weft.yaml:1:41: host.vtep6: expected an IPv6 address"},
	{"host: {name: h1, vtep: 'fc00::1', vtep6: 'fc00::2'}\n",
		"weft.yaml:1:42: host.vtep6: expected an IPv4 address in host.vtep beside it"},
	{TENANT "encap: vxlan, vni: 1, vteps: [172.16.0.1]}\n",
		AT2 "47: tenants[0].vteps[0]: expected the address of another host, this is "
		    "host.vtep"},
	{TENANT "encap: vxlan, vni: 1, vteps: ['fc00::1']}\n",
		AT2 "47: tenants[0].vteps[0]: host has no VTEP address of this family"},
	{TENANT "encap: vxlan, vni: 1, vteps: [10.0.0.1, 10.0.0.1]}\n",
		AT2 "57: tenants[0].vteps[1]: \"10.0.0.1\" is taken by tenants[0].vteps[0]"},
	{TENANT "vteps: [10.0.0.1]}\n",
		AT2 "24: tenants[0].vteps: expected none, for encap is none"},
	// networks
	{TENANT "encap: vxlan}\n",
		AT2 "5: tenants[0].vni: missing, expected a number from 0 to 16777215"},
	{TENANT "encap: nvgre}\n",
		AT2 "5: tenants[0].vsid: missing, expected a number from 4096 to 16777214"},
	{TENANT "encap: nvgre, vsid: 5000, vni: 1}\n",
		AT2 "48: tenants[0].vni: goes with encap vxlan only"},
	{TENANT "vsid: 5000}\n", AT2 "23: tenants[0].vsid: goes with encap nvgre only"},
	{"host: {name: h1}\ntenants:\n  - {name: red, encap: vxlan, vni: 1}\n",
		AT2 "24: tenants[0].encap: needs host.vtep"},
	{TENANT "encap: vxlan, vni: 1}\n  - {name: blue, encap: vxlan, vni: 1}\n",
		"weft.yaml:4:37: tenants[1].vni: \"1\" is taken by tenants[0].vni"},
	{TENANT "encap: nvgre, vsid: 5000}\n  - {name: blue, encap: nvgre, vsid: 5000}\n",
		"weft.yaml:4:38: tenants[1].vsid: \"5000\" is taken by tenants[0].vsid"},
	{TENANT "}\n  - {name: red}\n",
		"weft.yaml:4:12: tenants[1].name: \"red\" is taken by tenants[0].name"},
	{TENANT "encap: vxlan, vni: 1, learn_vteps: 5}\n",
		AT2 "52: tenants[0].learn_vteps: goes with group only"},
	{TENANT "encap: vxlan, vni: 1, group: 239.1.1.1, learn_vteps: 4097}\n",
		AT2 "70: tenants[0].learn_vteps: expected a number from 0 to 4096, got \"4097\""},
	// forwarding database
	{TENANT "fdb: [{mac: '03:00:00:00:00:01', port: x}], ports: [{name: x, number: 1, kind: "
		"null}]}\n",
		AT2 "29: tenants[0].fdb[0].mac: expected a unicast address"},
	{TENANT "neighbours: [{ip: 10.0.0.1, mac: '00:00:00:00:00:00'}]}\n",
		AT2 "50: tenants[0].neighbours[0].mac: expected a unicast address"},
	{TENANT "fdb: [{mac: '02:00:00:00:00:01'}]}\n",
		AT2 "23: tenants[0].fdb[0]: expected either vtep or port"},
	{TENANT "fdb: [{mac: '02:00:00:00:00:01', port: x}]}\n",
		AT2 "56: tenants[0].fdb[0].port: the tenant has no port \"x\""},
	{TENANT "multicast: {router_ports: [x]}}\n",
		AT2 "44: tenants[0].multicast.router_ports[0]: the tenant has no port \"x\""},
	{TENANT "multicast: {router_vteps: [10.0.0.9]}}\n",
		AT2 "44: tenants[0].multicast.router_vteps[0]: 10.0.0.9 is not in the tenant's "
		    "vteps"},
	{TENANT "encap: vxlan, vni: 1, vteps: [10.0.0.1, 10.0.0.2, 10.0.0.3, 10.0.0.4, 10.0.0.5], "
		"multicast: {router_vteps: [10.0.0.1, 10.0.0.2, 10.0.0.3, 10.0.0.4, 10.0.0.5]}}\n",
		AT2 "109: tenants[0].multicast.router_vteps: expected at most 4"},
	{TENANT "encap: vxlan, vni: 1, fdb: [{mac: '02:00:00:00:00:01', vtep: 10.0.0.1}]}\n",
		AT2 "78: tenants[0].fdb[0].vtep: 10.0.0.1 is not in the tenant's vteps"},
	{TENANT "ports: [{name: x, number: 1, kind: null}], fdb: [{mac: '02:00:00:00:00:01', "
		"port: x}, {mac: '02:00:00:00:00:01', port: x}]}\n",
		AT2 "109: tenants[0].fdb[1].mac: \"02:00:00:00:00:01\" is taken by "
		    "tenants[0].fdb[0].mac"},
	// ports
	{TENANT "ports: [{name: a, number: 65000, kind: null}]}\n",
		AT2 "43: tenants[0].ports[0].number: expected a number from 1 to 64999, got "
		    "\"65000\""},
	{TENANT "ports: [{name: a, number: 1, kind: tap}]}\n",
		AT2 "25: tenants[0].ports[0].device: missing, expected name of the TAP interface "
		    "to make"},
	{TENANT "ports: [{name: a, number: 1, kind: tap, device: a23456789012345x}]}\n",
		AT2 "65: tenants[0].ports[0].device: expected an interface name of 1 to 15 "
		    "characters, got \"a23456789012345x\""},
	{TENANT "ports: [{name: a, number: 1, kind: null}, {name: a, number: 2, kind: null}]}\n",
		AT2 "66: tenants[0].ports[1].name: \"a\" is taken by tenants[0].ports[0].name"},
	{TENANT "ports: [{name: a, number: 1, kind: null}, {name: b, number: 1, kind: null}]}\n",
		AT2 "77: tenants[0].ports[1].number: \"1\" is taken by tenants[0].ports[0].number"},
	{HOST "uplinks: [{name: u, kind: af_packet, device: eth0}]\n"
	      "tenants:\n  - {name: red, ports: [{name: a, number: 1, kind: af_packet, device: "
	      "eth0}]}\n",
		"weft.yaml:4:71: tenants[0].ports[0].device: \"eth0\" is taken by "
		"uplinks[0].device"},
	{HOST "uplinks: [{name: u, kind: 'null'}, {name: u, kind: 'null'}]\n",
		"weft.yaml:2:43: uplinks[1].name: \"u\" is taken by uplinks[0].name"},
	{HOST "uplinks: [{name: u, kind: 'null'}]\n"
	      "tenants:\n  - {name: red, ports: [{name: a, number: 1, kind: tap, device: u}]}\n",
		"weft.yaml:4:65: tenants[0].ports[0].device: \"u\" is taken by uplinks[0].name"},
	{HOST "uplinks: [{name: u, kind: 'null', kernel_interface: k}]\n"
	      "tenants:\n  - {name: red, ports: [{name: a, number: 1, kind: tap, device: k}]}\n",
		"weft.yaml:4:65: tenants[0].ports[0].device: \"k\" is taken by "
		"uplinks[0].kernel_interface"},
	{TENANT "ports: [{name: a, number: 1, kind: tap, device: 'tap%d'}]}\n",
		AT2 "65: tenants[0].ports[0].device: expected an interface name of 1 to 15 "
		    "characters, got \"tap%d\""},
	{TENANT "ports: [{name: a, number: 1, kind: tap, device: ..}]}\n",
		AT2 "65: tenants[0].ports[0].device: expected an interface name of 1 to 15 "
		    "characters, got \"..\""},
	// bonds
	{HOST "uplinks: [{name: u, kind: bond, members: [a, b]}]\n",
		"weft.yaml:2:11: uplinks[0].mode: missing, expected lacp, active_backup or "
		"balance"},
	{HOST "uplinks: [{name: u, kind: bond, mode: lacp}]\n",
		"weft.yaml:2:11: uplinks[0].members: expected 1 to 7"},
	{HOST "uplinks: [{name: u, kind: bond, mode: lacp, members: [a,b,c,d,e,f,g,h]}]\n",
		"weft.yaml:2:11: uplinks[0].members: expected 1 to 7"},
	{HOST "uplinks: [{name: u, kind: bond, mode: best, members: [a]}]\n",
		"weft.yaml:2:39: uplinks[0].mode: expected one of lacp, active_backup, balance, "
		"got "
		"\"best\""},
	{HOST "uplinks: [{name: u, kind: bond, mode: lacp, members: [a, a]}]\n",
		"weft.yaml:2:58: uplinks[0].members[1]: \"a\" is taken by uplinks[0].members[0]"},
	{HOST "uplinks: [{name: u, kind: bond, mode: lacp, members: ['a,b']}]\n",
		"weft.yaml:2:55: uplinks[0].members[0]: expected an interface or a PCI address, "
		"got "
		"\"a,b\""},
	{HOST "uplinks: [{name: u, kind: bond, mode: lacp, members: [a], device: b}]\n",
		"weft.yaml:2:67: uplinks[0].device: a bond has members instead"},
	{HOST "uplinks: [{name: u, kind: af_packet, device: a, mode: lacp}]\n",
		"weft.yaml:2:55: uplinks[0].mode: goes with kind bond only"},
	{HOST "uplinks: [{name: u, kind: bond, mode: balance, members: [a], lacp_rate: fast}]\n",
		"weft.yaml:2:73: uplinks[0].lacp_rate: goes with mode lacp only"},
	{HOST "uplinks: [{name: u, kind: bond, mode: lacp, members: [a], lacp_rate: 1s}]\n",
		"weft.yaml:2:70: uplinks[0].lacp_rate: expected one of slow, fast, got \"1s\""},
	{TENANT "ports: [{name: a, number: 1, kind: bond}]}\n", AT2
		"52: tenants[0].ports[0].kind: expected one of af_packet, af_xdp, tap, vhost_user, "
		"memif, pcap, null, pci, got \"bond\""},
	// switches
	{TENANT "switch: {controllers: ['tcp:10.0.0.1']}}\n",
		AT2 "25: tenants[0].switch.dpid: missing, expected 16 hexadecimal digits"},
	{TENANT "switch: {dpid: '0000000000000001', controllers: ['tcp:host:6653']}}\n",
		AT2 "66: tenants[0].switch.controllers[0]: expected tcp:IP[:PORT], ssl:IP[:PORT], "
		    "unix:PATH, ptcp:[PORT][:IP], pssl:[PORT][:IP] or punix:PATH, got "
		    "\"tcp:host:6653\""},
	{TENANT "switch: {dpid: '0000000000000001', controllers: ['ssl:10.0.0.1']}}\n",
		AT2 "66: tenants[0].switch.controllers[0]: needs switch.tls"},
	{TENANT "switch: {dpid: '0000000000000001', tls: {key: /nonexistent, cert: /dev/null, "
		"ca: /dev/null}}}\n",
		AT2 "63: tenants[0].switch.tls.key: expected a file that can be read: "
		    "/nonexistent: No such file or directory"},
	{TENANT "switch: {dpid: '0000000000000001'}}\n  - {name: b, switch: {dpid: "
		"'0000000000000001'}}\n",
		"weft.yaml:4:30: tenants[1].switch.dpid: \"0000000000000001\" is taken by "
		"tenants[0].switch.dpid"},
	{TENANT "switch: {dpid: '0000000000000001', controllers: ['ptcp:', 'ptcp:']}}\n",
		AT2 "75: tenants[0].switch.controllers[1]: \"ptcp:\" is taken by "
		    "tenants[0].switch.controllers[0]"},
	{TENANT "switch: {dpid: '0000000000000001', controllers: ['punix:/a']}}\n"
		"  - {name: b, switch: {dpid: '0000000000000002', controllers: ['punix:/a']}}\n",
		"weft.yaml:4:64: tenants[1].switch.controllers[0]: \"punix:/a\" is taken by "
		"tenants[0].switch.controllers[0]"},
	{TENANT "switch: {dpid: '0000000000000001', controllers: ['ptcp:', "
		"'ptcp:6653:0.0.0.0']}}\n",
		AT2 "75: tenants[0].switch.controllers[1]: \"ptcp:6653:0.0.0.0\" and \"ptcp:\" of "
		    "tenant red cannot listen both"},
	{TENANT "switch: {dpid: '0000000000000001', controllers: ['ptcp:7:[fc00::1]']}}\n"
		"  - {name: b, switch: {dpid: '0000000000000002', controllers: ['ptcp:8:[::]', "
		"'ptcp:8:10.0.0.1', 'ptcp:7:10.0.0.1', 'ptcp:7:0.0.0.0']}}\n",
		"weft.yaml:4:117: tenants[1].switch.controllers[3]: \"ptcp:7:0.0.0.0\" and "
		"\"ptcp:7:10.0.0.1\" of tenant b cannot listen both\n"
		"weft.yaml:4:79: tenants[1].switch.controllers[1]: \"ptcp:8:10.0.0.1\" and "
		"\"ptcp:8:[::]\" of tenant b cannot listen both"},
	{TENANT "switch: {dpid: '0000000000000001', controllers: ['ptcp:7']}}\n"
		"  - {name: b, switch: {dpid: '0000000000000002', controllers: ['ptcp:7']}}\n",
		"weft.yaml:4:64: tenants[1].switch.controllers[0]: \"ptcp:7\" is taken by "
		"tenants[0].switch.controllers[0]"},
};

static void test_errors(void **state)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		expect_error(cases[i].text, cases[i].error);
}

// Two that the kernel lets listen side by side.
static void test_listeners(void **state)
{
	static const char *const pairs[][2] = {{"ptcp:7", "ptcp:8"},
		{"ptcp:7:10.0.0.1", "ptcp:7:10.0.0.2"}, {"ptcp:", "ptcp:6654"},
		{"ptcp:7:0.0.0.0", "ptcp:7:[fc00::1]"}, {"ptcp:7", "tcp:10.0.0.1:7"}};
	char text[256];

	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		snprintf(text, sizeof(text),
			TENANT "switch: {dpid: '0000000000000001', controllers: ['%s', '%s']}}\n",
			pairs[i][0], pairs[i][1]);
		config_free(expect_good(text));
	}
}

static void test_targets(void **state)
{
	static const char *const good[] = {"tcp:10.0.0.1", "tcp:10.0.0.1:6633", "tcp:[fc00::1]",
		"tcp:[fc00::1]:6633", "ptcp:", "ptcp:6653", "ptcp:6653:10.0.0.1", "ptcp::[::1]",
		"unix:/a", "punix:/a"};
	static const char *const bad[] = {"tcp:", "tcp:10.0.0.1:0", "tcp:10.0.0.1:65536",
		"tcp:fc00::1", "tcp:[fc00::1", "tcp:10.0.0.1:", "ptcp:a", "ptcp:1:2:3", "unix:a",
		"udp:10.0.0.1", "ptcp:6653:host"};
	char text[256], *errors;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		snprintf(text, sizeof(text),
			TENANT "switch: {dpid: '0000000000000001', controllers: ['%s']}}\n",
			good[i]);
		config_free(expect_good(text));
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(text, sizeof(text),
			TENANT "switch: {dpid: '0000000000000001', controllers: ['%s']}}\n",
			bad[i]);
		assert_null(config_parse("weft.yaml", text, strlen(text), &errors));
		assert_non_null(strstr(errors, "controllers[0]: expected tcp:IP"));
		free(errors);
	}
}

static void test_all_errors_are_told(void **state)
{
	expect_error("host: {name: h1, ttl: 0}\ntenants:\n- {name: a, learn: 2}\n- {nam: b}\n",
		"weft.yaml:1:23: host.ttl: expected a number from 1 to 255, got \"0\"\n"
		"weft.yaml:3:20: tenants[0].learn: expected true or false, got \"2\"\n"
		"weft.yaml:4:4: tenants[1]: unknown key \"nam\", expected one of: name, kind, "
		"encap, "
		"vni, vsid, vnis, vsids, peers, vtep_age, "
		"learn, inner_vlan, any_vtep, suppress, moves, mtu, too_big, dscp, dscp_mode, ecn, "
		"quotas, vteps, group, learn_vteps, multicast, fdb, neighbours, switch, ports\n"
		"weft.yaml:4:3: tenants[1].name: missing, expected a name of 1 to 63 letters, "
		"digits, dots, underscores and hyphens");
}

// What a file says goes to a terminal as it is, but for what would do something there.
static void test_errors_are_one_line(void **state)
{
	expect_error("host: {name: \"a\\e[2J\\nb\"}\n",
		"weft.yaml:1:14: host.name: expected a name of 1 to 63 letters, digits, dots, "
		"underscores and hyphens, got \"a?[2J?b\"");
}

static void test_vteps_are_limited(void **state)
{
	size_t n = 0, size = 4097 * 16 + 200;
	char *text = malloc(size), *errors;

	for (unsigned i = 0; i <= 4096; i++)
		n += (size_t)snprintf(text + n, size - n, "%s10.1.%u.%u",
			i ? ", " : TENANT "encap: vxlan, vni: 1, vteps: [", i >> 8, i & 255);
	snprintf(text + n, size - n, "]}\n");
	assert_null(config_parse("f", text, strlen(text), &errors));
	assert_non_null(strstr(errors, "tenants[0].vteps: expected at most 4096"));
	free(errors);
	free(text);
}

static void test_many_errors_are_cut(void **state)
{
	char text[4096] = "host: {name: h}\n", *errors;

	for (int i = 0; i < 30; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "k%d: 1\n", i);
	assert_null(config_parse("f", text, strlen(text), &errors));
	assert_string_equal(strrchr(errors, '\n'), "\nand 10 more");
	free(errors);
}

static void test_missing_file(void **state)
{
	char *errors;

	assert_null(config_load("/nonexistent/weft.yaml", &errors));
	assert_string_equal(errors, "/nonexistent/weft.yaml: No such file or directory");
	free(errors);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_fields),
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_listeners),
		cmocka_unit_test(test_targets),
		cmocka_unit_test(test_all_errors_are_told),
		cmocka_unit_test(test_errors_are_one_line),
		cmocka_unit_test(test_vteps_are_limited),
		cmocka_unit_test(test_many_errors_are_cut),
		cmocka_unit_test(test_missing_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

// SPDX-License-Identifier: Apache-2.0
// The whole agent but its command line, against the fake data plane: what is applied, what is left
// alone, and what a failure, a restart of the one or of the other comes to.
#include "agent_world.h"

#include "session/switch.h"

// Operations on the data plane's shape, of all kinds.
static unsigned operations(const struct world *w)
{
	unsigned n = 0;

	for (int type = WEFT_IPC_TENANT_ADD; type <= WEFT_IPC_VTEP_DEL; type++)
		n += fake_dataplane_count(w->dp, (enum weft_ipc_type)type);
	return n + fake_dataplane_count(w->dp, WEFT_IPC_FDB_ADD) +
	       fake_dataplane_count(w->dp, WEFT_IPC_FDB_DEL);
}

// ---- the tests

static void test_first_start(void **state)
{
	struct world *w = *state;
	weft_tenant_id red, blue, of;
	const struct weft_ipc_tenant *t = fake_dataplane_tenant(w->dp, "red", &red);

	assert_non_null(t);
	assert_int_equal(t->vni, 5001);
	assert_int_equal(t->encap, WEFT_ENCAP_VXLAN);
	assert_int_equal(t->flags, WEFT_TENANT_LEARN | WEFT_TENANT_STANDALONE);
	assert_int_equal(t->max_rules, 100000);
	assert_int_equal(fake_dataplane_tenant(w->dp, "blue", &blue)->vni, 5002);
	assert_int_not_equal(red, blue);
	assert_int_equal(fake_dataplane_port(w->dp, "vm2", &of)->ofport, 2);
	assert_int_equal(of, red);
	assert_int_equal(fake_dataplane_port(w->dp, "up0", &of)->ofport, 0);
	assert_int_equal(of, 0);
	assert_true(fake_dataplane_has_vtep(w->dp, red, ip("172.16.0.2")));
	assert_string_equal(fake_dataplane_host(w->dp)->name, "h1");
	assert_int_equal(fake_dataplane_host(w->dp)->vxlan_port, 4789);
}

static void test_the_same_again_is_nothing(void **state)
{
	struct world *w = *state;
	unsigned before = operations(w);
	struct outcome o = apply(w, two_tenants, false);

	assert_true(o.ok);
	assert_string_equal(o.difference, "");
	assert_int_equal(operations(w), before);
	assert_int_equal(fake_dataplane_count(w->dp, WEFT_IPC_HOST_SET), 1);
}

static void test_only_the_difference(void **state)
{
	struct world *w = *state;
	unsigned before = operations(w);
	weft_tenant_id red, now;

	fake_dataplane_tenant(w->dp, "red", &red);
	struct outcome o = apply(w,
		HOST "tenants:\n"
		     "  - name: red\n    encap: vxlan\n    vni: 5001\n    vteps: [172.16.0.3]\n"
		     "    learn: false\n"
		     "    ports: [{name: vm1, number: 1, kind: 'null'}, "
		     "{name: vm2, number: 3, kind: 'null'}]\n"
		     "  - {name: green}\n",
		false);
	assert_true(o.ok);
	assert_string_equal(o.difference, "- fdb red 02:00:00:00:00:0a\n"
					  "- vtep red 172.16.0.2\n"
					  "- port red/vm2\n"
					  "- port blue/vm1\n"
					  "- tenant blue\n"
					  "~ tenant red: learn 1 -> 0\n"
					  "+ tenant green: local\n"
					  "+ vtep red 172.16.0.3\n"
					  "+ port red/vm2: number 3, null \n");
	assert_int_equal(operations(w) - before, 9);
	assert_null(fake_dataplane_tenant(w->dp, "blue", NULL));
	fake_dataplane_tenant(w->dp, "red", &now);
	assert_int_equal(red, now);
}

static void test_dry_run_changes_nothing(void **state)
{
	struct world *w = *state;
	unsigned before = operations(w);
	struct outcome o = apply(w, HOST "tenants:\n" RED, true);

	assert_true(o.ok);
	assert_string_equal(o.difference, "- port blue/vm1\n- tenant blue\n");
	assert_int_equal(operations(w), before);
	o = apply(w, two_tenants, true);
	assert_string_equal(o.difference, ""); // the configuration in effect is the old one
}

static void test_another_network_is_another_tenant(void **state)
{
	struct world *w = *state;
	weft_tenant_id before, after;

	fake_dataplane_tenant(w->dp, "blue", &before);
	struct outcome o = apply(
		w, HOST "tenants:\n" RED "  - {name: blue, encap: nvgre, vsid: 7000}\n", false);
	assert_true(o.ok);
	assert_string_equal(
		o.difference, "- port blue/vm1\n- tenant blue\n+ tenant blue: nvgre vsid 7000\n");
	fake_dataplane_tenant(w->dp, "blue", &after);
	assert_true(after > before); // ids are not used again
}

static void test_all_or_nothing(void **state)
{
	struct world *w = *state;
	size_t records = fake_dataplane_records(w->dp);
	struct outcome o = apply(w,
		HOST
		"tenants:\n" RED "  - {name: green}\n"
		"  - {name: gray, ports: [{name: g, number: 1, kind: tap, device: absent0}]}\n",
		false);

	assert_false(o.ok);
	assert_string_equal(o.error, "port gray/g: the device could not be opened: fake");
	assert_int_equal(fake_dataplane_records(w->dp), records);
	assert_null(fake_dataplane_tenant(w->dp, "green", NULL));
	assert_non_null(fake_dataplane_tenant(w->dp, "blue", NULL));
	o = apply(w, two_tenants, false);
	assert_true(o.ok);
	assert_string_equal(o.difference, "");
}

// A data plane that took a configuration back could not open one of its ports again.
static void test_what_a_refusal_cost_is_made_good(void **state)
{
	struct world *w = *state;

	assert_false(apply(w,
		HOST
		"tenants:\n" RED BLUE
		"  - {name: gray, ports: [{name: g, number: 1, kind: tap, device: absent0}]}\n",
		false)
			     .ok);
	fake_dataplane_lose_port(w->dp, "vm2");
	assert_null(fake_dataplane_port(w->dp, "vm2", NULL));
	AWAIT(w->base, fake_dataplane_port(w->dp, "vm2", NULL));
}

static void test_a_wrong_file_changes_nothing(void **state)
{
	struct world *w = *state;
	unsigned before = operations(w);
	struct outcome o = apply(w, "host: {name: h1, ttl: 0}\n", false);

	assert_false(o.ok);
	assert_string_equal(
		o.error, "weft.yaml:1:23: host.ttl: expected a number from 1 to 255, got \"0\"");
	assert_int_equal(operations(w), before);
}

static void test_a_new_agent_touches_nothing(void **state)
{
	struct world *w = *state;
	unsigned before = operations(w);
	weft_tenant_id red, again;

	fake_dataplane_tenant(w->dp, "red", &red);
	agent_close(&w->agent);
	start_agent(w);
	AWAIT(w->base, w->agent.ready);
	assert_int_equal(operations(w), before);
	fake_dataplane_tenant(w->dp, "red", &again);
	assert_int_equal(red, again);
	assert_string_equal(apply(w, two_tenants, false).difference, "");
	assert_int_equal(fake_dataplane_count(w->dp, WEFT_IPC_HOST_SET), 1);
}

static void test_a_new_agent_sees_what_the_host_was_told(void **state)
{
	struct world *w = *state;

	agent_close(&w->agent);
	write_config(w, "host: {name: h1, vtep: 172.16.0.1, ttl: 9}\n"
			"uplinks: [{name: up0, kind: 'null'}]\ntenants:\n" RED BLUE);
	start_agent(w);
	AWAIT(w->base, w->agent.ready);
	assert_int_equal(fake_dataplane_host(w->dp)->ttl, 9);
	assert_int_equal(fake_dataplane_count(w->dp, WEFT_IPC_HOST_SET), 2);
}

// What is left to the device again is as much of a difference as another value; what the device
// made of it is none: the fake one has an MTU of 1500 and takes no larger one.
static void test_settings_that_go_are_differences(void **state)
{
	struct world *w = *state;
	static const char with[] =
		"host: {name: h1, vtep: 172.16.0.1}\n"
		"uplinks: [{name: up0, kind: 'null', kernel_interface: k0}]\ntenants:\n"
		"  - {name: a, ports: [{name: p, number: 1, kind: 'null', mtu: 9000},\n"
		"                      {name: q, number: 2, kind: 'null', queues: 2}]}\n";
	static const char without[] =
		HOST "tenants:\n  - {name: a, ports: [{name: p, number: 1, kind: 'null'},\n"
		     "                      {name: q, number: 2, kind: 'null'}]}\n";

	assert_true(apply(w, with, false).ok);
	assert_string_equal(apply(w, with, false).difference, "");
	assert_string_equal(apply(w, without, false).difference,
		"- port a/q\n- uplink up0\n- port a/p\n+ uplink up0: null \n"
		"+ port a/p: number 1, null \n+ port a/q: number 2, null \n");
	assert_string_equal(apply(w, without, false).difference, "");
}

static void test_a_new_data_plane_gets_everything(void **state)
{
	struct world *w = *state;
	size_t records = fake_dataplane_records(w->dp);

	fake_dataplane_restart(w->dp);
	assert_int_equal(fake_dataplane_records(w->dp), 0);
	AWAIT(w->base, !w->agent.ready);
	AWAIT(w->base, w->agent.ready);
	AWAIT(w->base, fake_dataplane_records(w->dp) >= records); // the next hop comes last
	assert_int_equal(fake_dataplane_records(w->dp), records);
	assert_int_equal(fake_dataplane_count(w->dp, WEFT_IPC_HOST_SET), 2);
}

static void test_every_vtep_has_a_next_hop(void **state)
{
	struct world *w = *state;

	assert_non_null(fake_dataplane_nexthop(w->dp, ip("172.16.0.2")));
	apply(w, HOST "tenants:\n" BLUE, false);
	AWAIT(w->base, !fake_dataplane_nexthop(w->dp, ip("172.16.0.2")));
	assert_int_equal(fake_dataplane_count(w->dp, WEFT_IPC_NEXTHOP_DEL), 1);
}

static void test_apply_without_a_data_plane(void **state)
{
	struct world *w = *state;
	struct outcome o = {0};

	fake_dataplane_hang_up(w->dp);
	AWAIT(w->base, !w->agent.ready);
	agent_apply(&w->agent, NULL, false, on_applied, &o);
	assert_true(o.done);
	assert_false(o.ok);
	assert_string_equal(o.error, "the data plane is not connected");
	AWAIT(w->base, w->agent.ready);
}

static const char one_missing[] =
	HOST "tenants:\n" BLUE
	     "  - name: gray\n    ports: [{name: g, number: 1, kind: tap, device: absent0},\n"
	     "            {name: h, number: 2, kind: 'null'}]\n"
	     "    fdb: [{mac: '02:00:00:00:00:0b', port: g}]\n"
	     "    switch: {dpid: '00000000000000ab', controllers: ['punix:/nowhere/red.mgmt']}\n";

static void test_a_port_without_a_device_misses_only_itself(void **state)
{
	struct world *w = *state;

	restart_both(w, one_missing);
	assert_non_null(fake_dataplane_tenant(w->dp, "blue", NULL));
	assert_non_null(fake_dataplane_port(w->dp, "h", NULL));
	assert_null(fake_dataplane_port(w->dp, "g", NULL));
	assert_int_equal(w->agent.missing.ports.count, 1);
	const struct missing_port *p = &w->agent.missing.ports.at[0];
	assert_string_equal(p->tenant, "gray");
	assert_string_equal(p->port.name, "g");
	assert_string_equal(p->why, "the device could not be opened: fake");
	assert_null(w->agent.failure);
	fake_dataplane_devices_come(w->dp);
	AWAIT(w->base, fake_dataplane_port(w->dp, "g", NULL) && !w->agent.missing.ports.count);
	// The controller's port is told, and the static address that leads there is in.
	const struct tenant_switch *ts = switches_named(&w->agent.switches, "gray");
	AWAIT(w->base, ts->ports.count >= 2);
	assert_int_equal(w->agent.model.fdb.count, 1);
	assert_string_equal(apply(w, one_missing, false).difference, "");
}

static void test_a_missing_port_does_not_hold_back_an_apply(void **state)
{
	struct world *w = *state;
	char more[2048];

	restart_both(w, one_missing);
	struct outcome o = apply(w, one_missing, false);
	assert_true(o.ok);
	assert_string_equal(o.difference, "");
	snprintf(more, sizeof(more), "%s  - {name: green}\n", one_missing);
	o = apply(w, more, false);
	assert_true(o.ok);
	assert_string_equal(o.difference, "+ tenant green: local\n");
	assert_int_equal(w->agent.missing.ports.count, 1);
	// Another device is a change, and must work.
	*strstr(more, "absent0") = 'A';
	assert_true(apply(w, more, false).ok);
	assert_int_equal(w->agent.missing.ports.count, 0);
	assert_non_null(fake_dataplane_port(w->dp, "g", NULL));
	o = apply(w, one_missing, false);
	assert_false(o.ok);
	assert_string_equal(o.error, "port gray/g: the device could not be opened: fake");
	assert_int_equal(w->agent.missing.ports.count, 0);
}

// While a reconciliation is under way, as it is every few seconds then, an apply waits for its end.
static void test_an_apply_waits_for_a_reconciliation(void **state)
{
	struct world *w = *state;
	struct outcome first = {0}, second = {0};

	restart_both(w, one_missing);
	AWAIT(w->base, w->agent.applying);
	agent_apply(&w->agent, NULL, false, on_applied, &first);
	agent_apply(&w->agent, NULL, false, on_applied, &second);
	assert_false(first.done);
	assert_true(second.done);
	assert_string_equal(second.error, "another configuration is being applied");
	AWAIT(w->base, first.done);
	assert_true(first.ok);
}

// Who takes the switch out of the configuration wants a learning switch, as one that was never
// there.
static void test_a_switch_that_goes_leaves_nothing(void **state)
{
	static const char with[] =
		HOST "tenants:\n" BLUE RED
		     "    switch: {dpid: '00000000000000ab', controllers: ['punix:/nowhere/a']}\n";
	const uint32_t runtime = WEFT_TENANT_STANDALONE | WEFT_TENANT_FRAG_DROP |
				 WEFT_TENANT_TTL_PACKET_IN | WEFT_TENANT_MISS_PACKET_IN;
	struct world *w = *state;
	weft_tenant_id red;

	restart_both(w, with);
	struct weft_ipc_tenant set = *fake_dataplane_tenant(w->dp, "red", &red);
	assert_int_equal(set.flags & runtime, 0);
	set.flags |= WEFT_TENANT_FRAG_DROP | WEFT_TENANT_MISS_PACKET_IN; // as sessions say
	dpc_op(w->agent.dpc, WEFT_IPC_TENANT_SET, red, &set, sizeof(set), NULL, NULL);
	const struct session_switch *sw = switches_named(&w->agent.switches, "red")->session;
	sw->ops->connected(sw->arg, true);
	assert_string_equal(apply(w, two_tenants, false).difference,
		"~ tenant red: standalone 0 -> 1, frag_drop 1 -> 0, miss_packet_in 1 -> 0\n"
		"- switch red\n");
	assert_int_equal(
		fake_dataplane_tenant(w->dp, "red", NULL)->flags & runtime, WEFT_TENANT_STANDALONE);
	assert_null(switches_named(&w->agent.switches, "red"));
	assert_string_equal(apply(w, two_tenants, false).difference, "");
	assert_string_equal(apply(w, with, false).difference,
		"~ tenant red: standalone 1 -> 0\n"
		"+ switch red: dpid 00000000000000ab, 1 controller, secure\n");
}

static bool has_fdb(struct world *w, uint8_t last)
{
	VEC_FOR_EACH (f, &w->agent.model.fdb)
		if (f->entry.mac.b[5] == last)
			return true;
	return false;
}

static void fdb_op(struct world *w, enum weft_ipc_type type, uint8_t last)
{
	struct weft_ipc_fdb e = {.mac = {{2, 0, 0, 0, 0, last}},
		.ofport = WEFT_OFPORT_OVERLAY,
		.flags = WEFT_FDB_STATIC,
		.vtep = *ip("172.16.0.2")};
	weft_tenant_id red;

	fake_dataplane_tenant(w->dp, "red", &red);
	dpc_op(w->agent.dpc, type, red, &e, sizeof(e), NULL, NULL);
}

// An operator's static address is no business of the configuration's.
static void test_an_apply_manages_its_own_addresses_only(void **state)
{
	struct world *w = *state;
	size_t records = fake_dataplane_records(w->dp);

	assert_true(has_fdb(w, 0x0a));
	fdb_op(w, WEFT_IPC_FDB_ADD, 0x77);
	struct outcome o = apply(w, two_tenants, false);
	assert_string_equal(o.difference, "");
	assert_int_equal(fake_dataplane_records(w->dp), records + 1);
	fdb_op(w, WEFT_IPC_FDB_DEL, 0x0a);
	o = apply(w, two_tenants, false);
	assert_string_equal(o.difference, "+ fdb red 02:00:00:00:00:0a at 172.16.0.2\n");
	// An operator's entry in the place of the configuration's gives way.
	fdb_op(w, WEFT_IPC_FDB_ADD, 0x0a);
	assert_string_equal(apply(w, two_tenants, false).difference,
		"+ fdb red 02:00:00:00:00:0a at 172.16.0.2\n");
	assert_int_equal(fake_dataplane_records(w->dp), records + 1);
	// A new agent knows which are the configuration's, and so removes what went from the file.
	agent_close(&w->agent);
	write_config(w, HOST "tenants:\n" BLUE
			     "  - {name: red, encap: vxlan, vni: 5001, vteps: [172.16.0.2]}\n");
	start_agent(w);
	AWAIT(w->base, w->agent.ready);
	assert_int_equal(w->agent.model.fdb.count, 0);
	assert_int_equal(fake_dataplane_records(w->dp), records + 1 - 1 - 2);
}

// Runs the loop until the VTEP is there, or gone.
static void await_vtep(struct world *w, weft_tenant_id id, const char *vtep, bool there)
{
	AWAIT(w->base, fake_dataplane_has_vtep(w->dp, id, ip(vtep)) == there);
}

static void vtep_event(
	struct world *w, enum weft_ipc_type type, weft_tenant_id id, const char *vtep)
{
	const struct weft_ipc_vtep body = {*ip(vtep)};

	fake_dataplane_event(w->dp, type, id, &body, sizeof(body));
}

static void test_vteps_of_a_provider_come_and_go(void **state)
{
	static const char cloud[] =
		HOST "tenants:\n  - {name: cloud, kind: provider, vnis: [5-6, rest], "
		     "peers: [172.16.0.2, 172.16.9.0/24]}\n";
	struct world *w = *state;
	struct outcome o = apply(w, cloud, false);
	weft_tenant_id id;

	assert_true(o.ok);
	assert_non_null(strstr(o.difference,
		"+ tenant cloud: provider\n"
		"+ provider cloud: vni 5-6 rest, prefixes of peers 172.16.9.0/24, vtep_age 300\n"
		"+ vtep cloud 172.16.0.2\n"));
	assert_int_equal(fake_dataplane_tenant(w->dp, "cloud", &id)->kind, 1);
	assert_true(fake_dataplane_has_vtep(w->dp, id, ip("172.16.0.2")));
	vtep_event(w, WEFT_IPC_VTEP_WANTED, id, "172.16.8.1"); // no peer
	vtep_event(w, WEFT_IPC_VTEP_WANTED, id, "172.16.9.1");
	await_vtep(w, id, "172.16.9.1", true);
	assert_false(fake_dataplane_has_vtep(w->dp, id, ip("172.16.8.1")));
	AWAIT(w->base, fake_dataplane_nexthop(w->dp, ip("172.16.9.1")));
	// What came by itself is no difference, to this agent or to the next.
	assert_string_equal(apply(w, cloud, false).difference, "");
	agent_close(&w->agent);
	start_agent(w);
	AWAIT(w->base, w->agent.ready);
	assert_true(fake_dataplane_has_vtep(w->dp, id, ip("172.16.9.1")));
	// Only what is in a prefix goes.
	vtep_event(w, WEFT_IPC_VTEP_IDLE, id, "172.16.0.2");
	vtep_event(w, WEFT_IPC_VTEP_IDLE, id, "172.16.9.1");
	await_vtep(w, id, "172.16.9.1", false);
	assert_true(fake_dataplane_has_vtep(w->dp, id, ip("172.16.0.2")));
	o = apply(w, HOST "tenants:\n  - {name: cloud, encap: vxlan, vni: 5}\n", false);
	assert_non_null(strstr(o.difference, "- tenant cloud\n+ tenant cloud: vxlan vni 5\n"));
}

// What was heard or wanted as another host's is none when the address is this host's, or there is
// no VTEP address of its family any more.
static void test_vteps_that_came_go_with_the_way_to_them(void **state)
{
#define BOTH                                                                                       \
	"uplinks: [{name: up0, kind: 'null'}]\ntenants:\n"                                         \
	"  - {name: cloud, kind: provider, vnis: [5], peers: [any]}\n"                             \
	"  - {name: red, encap: vxlan, vni: 5001, %s}\n"
	static const char before[] = "host: {name: h1, vtep: 172.16.0.1}\n" BOTH;
	static const char same[] = "host: {name: h1, vtep: 172.16.9.1}\n" BOTH;
	static const char other[] = "host: {name: h1, vtep: '2001:db8::1'}\n" BOTH;
	struct world *w = *state;
	weft_tenant_id ids[2];
	char text[512];

	snprintf(text, sizeof(text), before, "group: 239.1.1.1");
	assert_true(apply(w, text, false).ok);
	for (unsigned i = 0; i < 2; i++) {
		fake_dataplane_tenant(w->dp, i ? "red" : "cloud", &ids[i]);
		vtep_event(w, WEFT_IPC_VTEP_WANTED, ids[i], "172.16.9.1");
		vtep_event(w, WEFT_IPC_VTEP_WANTED, ids[i], "172.16.9.2");
		await_vtep(w, ids[i], "172.16.9.1", true);
		await_vtep(w, ids[i], "172.16.9.2", true);
	}
	snprintf(text, sizeof(text), same, "group: 239.1.1.1");
	struct outcome o = apply(w, text, false);
	assert_non_null(strstr(o.difference, "- vtep cloud 172.16.9.1\n"));
	assert_non_null(strstr(o.difference, "- vtep red 172.16.9.1\n"));
	snprintf(text, sizeof(text), other, "group: 'ff05::1'");
	o = apply(w, text, false);
	assert_non_null(strstr(o.difference, "- vtep cloud 172.16.9.2\n"));
	assert_non_null(strstr(o.difference, "- vtep red 172.16.9.2\n"));
	vtep_event(w, WEFT_IPC_VTEP_WANTED, ids[0], "172.16.9.1"); // nor does it come back
	assert_string_equal(apply(w, text, false).difference, "");
	assert_false(fake_dataplane_has_vtep(w->dp, ids[0], ip("172.16.9.1")));
#undef BOTH
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_first_start),
		TEST(test_the_same_again_is_nothing),
		TEST(test_only_the_difference),
		TEST(test_dry_run_changes_nothing),
		TEST(test_another_network_is_another_tenant),
		TEST(test_all_or_nothing),
		TEST(test_what_a_refusal_cost_is_made_good),
		TEST(test_a_wrong_file_changes_nothing),
		TEST(test_a_new_agent_touches_nothing),
		TEST(test_a_new_agent_sees_what_the_host_was_told),
		TEST(test_settings_that_go_are_differences),
		TEST(test_a_new_data_plane_gets_everything),
		TEST(test_every_vtep_has_a_next_hop),
		TEST(test_apply_without_a_data_plane),
		TEST(test_an_apply_manages_its_own_addresses_only),
		TEST(test_a_port_without_a_device_misses_only_itself),
		TEST(test_a_missing_port_does_not_hold_back_an_apply),
		TEST(test_an_apply_waits_for_a_reconciliation),
		TEST(test_vteps_of_a_provider_come_and_go),
		TEST(test_vteps_that_came_go_with_the_way_to_them),
		TEST(test_a_switch_that_goes_leaves_nothing),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

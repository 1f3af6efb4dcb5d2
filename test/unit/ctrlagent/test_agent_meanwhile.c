// SPDX-License-Identifier: Apache-2.0
// What comes from the data plane or from controllers while a configuration is being applied.
#include "agent_world.h"

#include "session/switch.h"

// As the fake has it, but for `state`.
static void port_event(
	struct world *w, const char *name, uint32_t state, enum weft_port_reason reason)
{
	weft_tenant_id tenant;
	const struct weft_ipc_port *p = fake_dataplane_port(w->dp, name, &tenant);
	struct weft_ipc_port_status s = {.port = *p, .state = state, .reason = reason};

	fake_dataplane_event(w->dp, WEFT_IPC_PORT_STATUS, tenant, &s, sizeof(s));
}

static const struct model_port *port_of_red(struct world *w, const char *name)
{
	weft_tenant_id red;

	fake_dataplane_tenant(w->dp, "red", &red);
	return model_port_named(&w->agent.model, red, name);
}

// Runs the loop until the fake has got one more of this type.
static void await_message(struct world *w, enum weft_ipc_type type)
{
	unsigned before = fake_dataplane_count(w->dp, type);

	AWAIT(w->base, fake_dataplane_count(w->dp, type) != before);
}

static void test_a_port_that_changes_while_all_is_read(void **state)
{
	struct world *w = *state;
	struct outcome o = {0};

	write_config(w, HOST "tenants:\n" RED);
	agent_apply(&w->agent, NULL, false, on_applied, &o);
	await_message(w, WEFT_IPC_COMMIT);
	port_event(w, "vm2", WEFT_PORT_LINK_DOWN, WEFT_PORT_MODIFIED);
	AWAIT(w->base, o.done);
	assert_true(o.ok);
	assert_int_equal(port_of_red(w, "vm2")->status.state, WEFT_PORT_LINK_DOWN);
}

// A configuration is to remove it, fails, and all is as it was.
static void test_a_port_that_was_about_to_go(void **state)
{
	struct world *w = *state;

	port_event(w, "vm2", 0, WEFT_PORT_DELETED);
	AWAIT(w->base, !port_of_red(w, "vm2"));
	port_event(w, "vm2", 0, WEFT_PORT_ADDED);
	for (unsigned n = 0; !port_of_red(w, "vm2") && n < 100; n++)
		event_base_loop(w->base, EVLOOP_NONBLOCK);
	assert_non_null(port_of_red(w, "vm2"));
}

// A controller connects after the tenants' settings were read and before they are written.
static void test_what_sessions_ask_outlives_an_apply(void **state)
{
	static const char with[] =
		HOST "tenants:\n" RED
		     "    switch: {dpid: '00000000000000ab', controllers: ['punix:/nowhere/a']}\n";
	struct world *w = *state;
	struct outcome o = {0};
	char other[2048];

	restart_both(w, with);
	const struct session_switch *sw = switches_named(&w->agent.switches, "red")->session;
	snprintf(other, sizeof(other), "%s    learn: false\n", with);
	write_config(w, other);
	agent_apply(&w->agent, NULL, false, on_applied, &o);
	await_message(w, WEFT_IPC_DUMP_NEXTHOPS);
	sw->ops->miss_packet_in(sw->arg, true);
	AWAIT(w->base, !(fake_dataplane_tenant(w->dp, "red", NULL)->flags & WEFT_TENANT_LEARN));
	sw->ops->ttl_packet_in(sw->arg, true); // after the new settings, of which it knows nothing
	AWAIT(w->base, o.done);
	for (unsigned n = 0; n < 100; n++)
		event_base_loop(w->base, EVLOOP_NONBLOCK);
	uint32_t flags = fake_dataplane_tenant(w->dp, "red", NULL)->flags;
	assert_true(flags & WEFT_TENANT_MISS_PACKET_IN);
	assert_true(flags & WEFT_TENANT_TTL_PACKET_IN);
	assert_false(flags & WEFT_TENANT_LEARN);
}

// ---- work in a thread, which the test may have wait

struct background *__real_background_start(
	struct event_base *base, void (*work)(void *arg), void (*done)(void *arg), void *arg);
struct background *__wrap_background_start(
	struct event_base *base, void (*work)(void *arg), void (*done)(void *arg), void *arg);

static struct {
	bool wanted, is;
	void (*work)(void *arg);
	void (*done)(void *arg);
	void *arg;
} held;

struct background *__wrap_background_start(
	struct event_base *base, void (*work)(void *arg), void (*done)(void *arg), void *arg)
{
	if (!held.wanted)
		return __real_background_start(base, work, done, arg);
	held.wanted = false;
	held.is = true;
	held.work = work;
	held.done = done;
	held.arg = arg;
	return NULL;
}

// The next work that begins is done by let_go().
static void hold(struct world *w)
{
	held.wanted = true;
	AWAIT(w->base, held.is);
}

static void let_go(void)
{
	held.is = false;
	held.work(held.arg);
	held.done(held.arg);
}

// What was planned for one data plane is not for another.
static void test_a_data_plane_that_is_started_anew_while_it_is_planned(void **state)
{
	struct world *w = *state;
	size_t records = fake_dataplane_records(w->dp);

	fake_dataplane_hang_up(w->dp); // there is nothing to do when it comes back
	AWAIT(w->base, !w->agent.ready);
	hold(w);
	fake_dataplane_restart(w->dp);
	AWAIT(w->base, !dpc_is_up(w->agent.dpc));
	AWAIT(w->base, dpc_is_up(w->agent.dpc));
	let_go();
	AWAIT(w->base, w->agent.ready);
	AWAIT(w->base, fake_dataplane_records(w->dp) >= records);
}

// The same while a configuration is to be applied: it is refused, and the one in effect is for the
// new data plane.
static void test_a_data_plane_that_is_started_anew_during_an_apply(void **state)
{
	struct world *w = *state;
	struct outcome o = {0};

	write_config(w, HOST "tenants:\n" RED);
	agent_apply(&w->agent, NULL, false, on_applied, &o);
	hold(w); // the file is being read already
	fake_dataplane_restart(w->dp);
	AWAIT(w->base, !w->agent.ready);
	AWAIT(w->base, dpc_is_up(w->agent.dpc));
	let_go();
	AWAIT(w->base, o.done);
	assert_false(o.ok);
	AWAIT(w->base, w->agent.ready);
	assert_non_null(fake_dataplane_tenant(w->dp, "red", NULL));
	assert_non_null(fake_dataplane_tenant(w->dp, "blue", NULL));
}

// What was published is the agent's, though it could not be read back: the next look finds nothing
// to do, instead of what was before.
static void test_a_connection_that_goes_after_an_apply(void **state)
{
	struct world *w = *state;
	unsigned looks = fake_dataplane_count(w->dp, WEFT_IPC_DUMP_HOST);
	struct outcome o = {0};

	write_config(w, HOST "tenants:\n" RED);
	agent_apply(&w->agent, NULL, false, on_applied, &o);
	AWAIT(w->base, fake_dataplane_count(w->dp, WEFT_IPC_DUMP_HOST) == looks + 2);
	fake_dataplane_hang_up(w->dp);
	AWAIT(w->base, o.done);
	assert_false(o.ok);
	AWAIT(w->base, !w->agent.ready);
	AWAIT(w->base, w->agent.ready);
	assert_non_null(fake_dataplane_tenant(w->dp, "red", NULL));
	assert_null(fake_dataplane_tenant(w->dp, "blue", NULL));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_a_port_that_changes_while_all_is_read),
		TEST(test_a_port_that_was_about_to_go),
		TEST(test_what_sessions_ask_outlives_an_apply),
		TEST(test_a_data_plane_that_is_started_anew_while_it_is_planned),
		TEST(test_a_data_plane_that_is_started_anew_during_an_apply),
		TEST(test_a_connection_that_goes_after_an_apply),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

// SPDX-License-Identifier: Apache-2.0
#include "core/switches.h"

#include <stdio.h>

#include "text/names.h"
#include "uptime.h"

#define AGENT_LOG_MODULE "switches"
#include "log.h"

#define TURN_NS 2000000u // that switches are made, changed and removed at once
#define READY_A_TURN 4u  // each of which opens its sockets before the next turn

// ---- what sessions ask of the agent

static void on_flags_set(void *arg, enum weft_error error, const char *text)
{
	if (error)
		log_warning("changing a tenant's mode: %s%s%s", weft_error_text(error),
			text[0] ? ": " : "", text);
}

static void follow_flags(struct tenant_switch *ts)
{
	struct model_tenant *t = model_tenant_by_id(ts->owner->model, ts->tenant);
	uint32_t flags = t ? (t->set.flags & ~ts->flags_of) | ts->flags : 0;

	if (!t || flags == t->set.flags)
		return;
	t->set.flags = flags;
	dpc_op(ts->owner->dpc, WEFT_IPC_TENANT_SET, t->id, &t->set, sizeof(t->set), on_flags_set,
		NULL);
}

// Kept, too: an apply that is under way has read the tenant's settings, and writes them.
static void set_tenant_flag(struct tenant_switch *ts, uint32_t flag, bool on)
{
	ts->flags_of |= flag;
	ts->flags = on ? ts->flags | flag : ts->flags & ~flag;
	if (!ts->held)
		follow_flags(ts);
}

static void follow_fail_mode(struct tenant_switch *ts)
{
	bool alone = ts->fail_mode == AGENT_FAIL_STANDALONE && ts->controllers == CONTROLLERS_NONE;

	if (ts->controllers != CONTROLLERS_UNKNOWN)
		set_tenant_flag(ts, WEFT_TENANT_STANDALONE, alone);
}

static void on_connected(void *arg, bool any)
{
	struct tenant_switch *ts = arg;

	ts->controllers = any ? CONTROLLERS_SOME : CONTROLLERS_NONE;
	log_info("switch %s: %s", ts->name, any ? "a controller is connected" : "no controller");
	follow_fail_mode(ts);
}

static void on_frag_drop(void *arg, bool drop)
{
	set_tenant_flag(arg, WEFT_TENANT_FRAG_DROP, drop);
}

static void on_ttl_packet_in(void *arg, bool any)
{
	set_tenant_flag(arg, WEFT_TENANT_TTL_PACKET_IN, any);
}

static void on_miss_packet_in(void *arg, bool any)
{
	set_tenant_flag(arg, WEFT_TENANT_MISS_PACKET_IN, any);
}

static const struct agent_switch_ops ops = {
	.connected = on_connected,
	.frag_drop = on_frag_drop,
	.ttl_packet_in = on_ttl_packet_in,
	.miss_packet_in = on_miss_packet_in,
};

// ---- ports

// The ports of a switch that are no device: its overlay, or a provider's tunnels.
struct tunnels {
	struct weft_ipc_port_status port[2];
	size_t count;
};

static void add_tunnel(struct tunnels *out, const struct config_tenant *t, uint32_t ofport)
{
	struct weft_ipc_port_status s = {.port = {.ofport = ofport, .mtu = t->mtu}};
	uint64_t id = t->sw.dpid;

	snprintf(s.port.name, sizeof(s.port.name), "%s", tunnel_port_name(ofport));
	// Locally administered, and the same each time.
	s.mac = (struct weft_mac){
		{(uint8_t)(0x0e | (ofport - WEFT_OFPORT_OVERLAY) << 4), (uint8_t)(id >> 32),
			(uint8_t)(id >> 24), (uint8_t)(id >> 16), (uint8_t)(id >> 8), (uint8_t)id}};
	out->port[out->count++] = s;
}

static struct tunnels tunnels_of(const struct config_tenant *t)
{
	struct tunnels out = {.count = 0};

	if (t->vni_count)
		add_tunnel(&out, t, WEFT_OFPORT_VXLAN);
	if (t->vsid_count)
		add_tunnel(&out, t, WEFT_OFPORT_NVGRE);
	if (t->encap != WEFT_ENCAP_NONE)
		add_tunnel(&out, t, WEFT_OFPORT_OVERLAY);
	return out;
}

static bool has_tunnel(const struct tunnels *tunnels, uint32_t ofport)
{
	for (size_t i = 0; i < tunnels->count; i++)
		if (tunnels->port[i].port.ofport == ofport)
			return true;
	return false;
}

static struct weft_ipc_port_status *told_port(const struct tenant_switch *ts, uint32_t ofport)
{
	VEC_FOR_EACH (p, &ts->ports)
		if (p->port.ofport == ofport)
			return p;
	return NULL;
}

static bool looks_same(const struct weft_ipc_port_status *a, const struct weft_ipc_port_status *b)
{
	return memcmp(&a->port, &b->port, sizeof(a->port)) == 0 && a->state == b->state &&
	       a->speed_mbps == b->speed_mbps && weft_mac_equal(&a->mac, &b->mac);
}

static void tell(struct tenant_switch *ts, const struct weft_ipc_port_status *port,
	enum weft_port_reason reason)
{
	struct weft_ipc_port_status s = *port;

	s.reason = reason;
	session_switch_port_status(ts->session, &s);
}

static void port_is(struct tenant_switch *ts, const struct weft_ipc_port_status *port)
{
	struct weft_ipc_port_status *old = told_port(ts, port->port.ofport);

	if (old && looks_same(old, port))
		return;
	if (old)
		*old = *port;
	else
		vec_add(&ts->ports, *port);
	tell(ts, port, old ? WEFT_PORT_MODIFIED : WEFT_PORT_ADDED);
}

static void port_is_gone(struct tenant_switch *ts, uint32_t ofport)
{
	struct weft_ipc_port_status *old = told_port(ts, ofport);

	if (!old)
		return;
	struct weft_ipc_port_status gone = *old;
	*old = ts->ports.at[--ts->ports.count];
	tell(ts, &gone, WEFT_PORT_DELETED);
}

static void sync_ports(
	struct tenant_switch *ts, const struct model *m, const struct tunnels *tunnels)
{
	for (size_t i = ts->ports.count; i-- > 0;) {
		uint32_t ofport = ts->ports.at[i].port.ofport;
		if (!has_tunnel(tunnels, ofport) && !model_port_numbered(m, ts->tenant, ofport))
			port_is_gone(ts, ofport);
	}
	MODEL_EACH_PORT (p, m, ts->tenant)
		port_is(ts, &p->status);
	for (size_t i = 0; i < tunnels->count; i++)
		port_is(ts, &tunnels->port[i]);
}

// Of the overlay port the data plane tells no more than whether it is down.
static void overlay_is(struct tenant_switch *ts, uint32_t state)
{
	const struct weft_ipc_port_status *told = told_port(ts, WEFT_OFPORT_OVERLAY);

	if (!told)
		return;
	struct weft_ipc_port_status now = *told;
	now.state = state;
	port_is(ts, &now);
}

static struct tenant_switch *switch_of(const struct switches *s, weft_tenant_id tenant)
{
	FINDER_EACH (at, &s->tenants, finder_hash_number(tenant, 0))
		if (s->all.at[at]->tenant == tenant)
			return s->all.at[at];
	return NULL;
}

void switches_port_event(
	struct switches *s, weft_tenant_id tenant, const struct weft_ipc_port_status *port)
{
	struct tenant_switch *ts = switch_of(s, tenant);

	if (!ts)
		return;
	if (port->port.ofport == WEFT_OFPORT_OVERLAY)
		overlay_is(ts, port->state);
	else if (port->reason == WEFT_PORT_DELETED)
		port_is_gone(ts, port->port.ofport);
	else
		port_is(ts, port);
}

// ---- switches

static void destroy(struct tenant_switch *ts)
{
	session_switch_destroy(ts->session);
	vec_free(&ts->ports);
	free(ts);
}

struct tenant_switch *switches_named(const struct switches *s, const char *tenant)
{
	FINDER_EACH (at, &s->names, finder_hash_text(tenant, 0))
		if (strcmp(s->all.at[at]->name, tenant) == 0)
			return s->all.at[at];
	return NULL;
}

static const char *or_null(const char *text)
{
	return text[0] ? text : NULL;
}

static bool has_tenant_flag(const struct tenant_switch *ts, uint32_t flag)
{
	const struct model_tenant *t = model_tenant_by_id(ts->owner->model, ts->tenant);

	return t && t->set.flags & flag;
}

// `targets` has room for all controllers, and must live as long as the result.
static struct agent_switch describe(struct tenant_switch *ts, const struct config *config,
	const struct config_tenant *t, const char **targets)
{
	for (size_t i = 0; i < t->sw.controller_count; i++)
		targets[i] = t->sw.controllers[i].text;
	return (struct agent_switch){
		.tenant = ts->tenant,
		.tenant_name = t->name,
		.host_name = config->host.name,
		.dpid = t->sw.dpid,
		.controllers = targets,
		.controller_count = t->sw.controller_count,
		.fail_mode = (enum agent_fail_mode)t->sw.fail_mode,
		.tls = {or_null(t->sw.tls.key), or_null(t->sw.tls.cert), or_null(t->sw.tls.ca)},
		.inactivity_s = t->sw.inactivity_s,
		.max_backoff_s = t->sw.max_backoff_s,
		.max_rules = t->quotas.rules,
		.max_groups = t->quotas.groups,
		.max_meters = t->quotas.meters,
		.frag_drop = has_tenant_flag(ts, WEFT_TENANT_FRAG_DROP),
		.ports = ts->ports.at,
		.port_count = ts->ports.count,
		.ops = &ops,
		.arg = ts,
	};
}

static struct tenant_switch *create(struct switches *s, const struct config *config,
	const struct config_tenant *t, weft_tenant_id id, const struct tunnels *tunnels,
	char *error, size_t size)
{
	struct tenant_switch *ts = agent_zalloc(sizeof(*ts));
	const char **targets = agent_array(t->sw.controller_count, sizeof(*targets));

	ts->owner = s;
	ts->tenant = id;
	ts->dpid = t->sw.dpid;
	snprintf(ts->name, sizeof(ts->name), "%s", t->name);
	MODEL_EACH_PORT (p, s->model, id)
		vec_add(&ts->ports, p->status);
	for (size_t i = 0; i < tunnels->count; i++)
		vec_add(&ts->ports, tunnels->port[i]);
	struct agent_switch config_of = describe(ts, config, t, targets);
	ts->session = session_switch_create(s->base, s->dpc, &config_of, error, size);
	free(targets);
	if (ts->session)
		return ts;
	destroy(ts);
	return NULL;
}

static bool update(struct tenant_switch *ts, const struct config *config,
	const struct config_tenant *t, char *error, size_t size)
{
	const char **targets = agent_array(t->sw.controller_count, sizeof(*targets));
	struct agent_switch config_of = describe(ts, config, t, targets);
	bool ok = session_switch_update(ts->session, &config_of, error, size) == 0;

	free(targets);
	return ok;
}

static const struct config_tenant *wanted(const struct config *config, const char *name)
{
	const struct config_tenant *t = config_tenant_named(config, name);

	return t && t->sw.controller_count ? t : NULL;
}

static void add(struct switches *s, struct tenant_switch *ts)
{
	vec_add(&s->all, ts);
	finder_add(&s->names, finder_hash_text(ts->name, 0));
	finder_add(&s->tenants, finder_hash_number(ts->tenant, 0));
}

static void remove_at(struct switches *s, size_t i)
{
	destroy(s->all.at[i]);
	finder_remove(&s->names, (uint32_t)i);
	finder_remove(&s->tenants, (uint32_t)i);
	s->all.at[i] = s->all.at[--s->all.count];
}

// A tenant that was made anew, or another datapath id, is another switch.
static bool is_old(
	const struct switches *s, const struct tenant_switch *ts, const struct config *config)
{
	const struct config_tenant *t = wanted(config, ts->name);
	const struct model_tenant *m = model_tenant_named(s->model, ts->name);

	return !t || !m || m->id != ts->tenant || t->sw.dpid != ts->dpid;
}

static void add_error(char **errors, const struct config_tenant *t, const char *error)
{
	char *more = agent_format(
		"%s%sswitch %s: %s", *errors ? *errors : "", *errors ? "\n" : "", t->name, error);

	free(*errors);
	*errors = more;
}

// True: it was made ready, and will connect and listen in a moment.
static bool sync_switch(struct switches *s, const struct config *config,
	const struct config_tenant *t, char **errors)
{
	struct tenant_switch *ts = switches_named(s, t->name);
	const struct model_tenant *m = model_tenant_named(s->model, t->name);
	struct tunnels tunnels = tunnels_of(t);
	char error[256] = "";
	bool failed;

	if (!m)
		return false;
	if (model_overlay_is_down(s->model, m->id) && tunnels.count)
		tunnels.port[0].state = WEFT_PORT_LINK_DOWN;
	if (ts) {
		failed = !update(ts, config, t, error, sizeof(error));
		sync_ports(ts, s->model, &tunnels);
	} else {
		ts = create(s, config, t, m->id, &tunnels, error, sizeof(error));
		failed = !ts;
		if (ts)
			add(s, ts);
	}
	if (failed) {
		log_error("switch %s: %s", t->name, error);
		add_error(errors, t, error);
	}
	if (!ts)
		return false;
	ts->fail_mode = (enum agent_fail_mode)t->sw.fail_mode;
	ts->held = false;
	follow_fail_mode(ts);
	follow_flags(ts);
	if (ts->ready)
		return false;
	ts->ready = true;
	session_switch_ready(ts->session, true);
	return true;
}

char *switches_check(const struct config *config)
{
	struct tenant_switch nobody = {0};
	struct model empty = {.tenants = {0}};
	struct switches none = {.model = &empty};
	char *errors = NULL;

	nobody.owner = &none;
	for (size_t i = 0; i < config->tenant_count; i++) {
		const struct config_tenant *t = &config->tenants[i];
		const char **targets = agent_array(t->sw.controller_count, sizeof(*targets));
		struct agent_switch config_of = describe(&nobody, config, t, targets);
		char error[256] = "";
		if (t->sw.controller_count &&
			session_switch_check(&config_of, error, sizeof(error)))
			add_error(&errors, t, error);
		free(targets);
	}
	return errors;
}

// ---- all of them, a few at a time

struct switches_round {
	struct switches *s;
	const struct config *config;
	struct event *turn;
	size_t old;          // those that are left to be looked at
	size_t next;         // of the configuration's tenants
	unsigned made_ready; // in this turn
	char *errors;
	switches_done_fn done;
	void *arg;
};

// True: there is more.
static bool sync_one(struct switches_round *r)
{
	const struct config_tenant *t;

	if (r->old) {
		if (is_old(r->s, r->s->all.at[--r->old], r->config))
			remove_at(r->s, r->old);
		return true;
	}
	if (r->next == r->config->tenant_count)
		return false;
	t = &r->config->tenants[r->next++];
	if (t->sw.controller_count)
		r->made_ready += sync_switch(r->s, r->config, t, &r->errors);
	return true;
}

void switches_round_cancel(struct switches_round *r)
{
	event_free(r->turn);
	free(r->errors);
	free(r);
}

static void on_turn(evutil_socket_t fd, short what, void *arg)
{
	struct switches_round *r = arg;
	uint64_t until = agent_ns() + TURN_NS;
	struct switches_round over;

	r->made_ready = 0;
	while (sync_one(r))
		if (r->made_ready == READY_A_TURN || agent_ns() >= until) {
			evtimer_add(r->turn, &(struct timeval){0});
			return;
		}
	over = *r;
	r->errors = NULL;
	switches_round_cancel(r);
	over.done(over.arg, over.errors);
}

struct switches_round *switches_sync(
	struct switches *s, const struct config *config, switches_done_fn done, void *arg)
{
	struct switches_round *r = agent_zalloc(sizeof(*r));

	*r = (struct switches_round){
		.s = s, .config = config, .old = s->all.count, .done = done, .arg = arg};
	r->turn = evtimer_new(s->base, on_turn, r);
	evtimer_add(r->turn, &(struct timeval){0});
	return r;
}

void switches_hold(struct switches *s)
{
	VEC_FOR_EACH (ts, &s->all)
		(*ts)->held = true;
}

void switches_release(struct switches *s)
{
	VEC_FOR_EACH (ts, &s->all) {
		if (!(*ts)->held)
			continue;
		(*ts)->held = false;
		follow_flags(*ts);
	}
}

void switches_not_ready(struct switches *s)
{
	VEC_FOR_EACH (ts, &s->all) {
		(*ts)->ready = false;
		session_switch_ready((*ts)->session, false);
	}
}

void switches_free(struct switches *s)
{
	VEC_FOR_EACH (ts, &s->all)
		destroy(*ts);
	vec_free(&s->all);
	finder_free(&s->names);
	finder_free(&s->tenants);
}

// SPDX-License-Identifier: Apache-2.0
#include "underlay/underlay.h"

#include <stdio.h>

#include "finder.h"
#include "text/address.h"
#include "underlay/netlink.h"

#define AGENT_LOG_MODULE "underlay"
#include "log.h"

#define TICK_S 1

struct target {
	struct resolve_result result;
	struct weft_ipc_nexthop sent; // what the data plane has, if has
	bool has, wanted;
	unsigned probed;   // tick of the latest probe
	uint32_t path_mtu; // that the kernel has found out; 0: nothing
};

struct underlay {
	struct dpc *dpc;
	struct dpc_listener *listener;
	struct netlink *netlink;
	struct event *tick;
	struct event *soon; // the next look, when several things have happened
	unsigned ticks;
	size_t next_path; // target whose path is asked about next
	bool running;
	bool missed; // the latest look could not read the kernel's tables
	struct view *view;
	struct resolve_config config;
	VEC(struct target) targets;
	struct finder target_vteps;
};

static uint32_t hash_vtep(const struct weft_ip *vtep)
{
	return finder_hash(vtep, sizeof(*vtep), 0);
}

static struct target *target_of(struct underlay *u, const struct weft_ip *vtep, uint16_t path)
{
	FINDER_EACH (at, &u->target_vteps, hash_vtep(vtep)) {
		struct target *t = &u->targets.at[at];
		if (weft_ip_equal(&t->result.nexthop.vtep, vtep) && t->result.nexthop.path == path)
			return t;
	}
	return NULL;
}

static struct target *add_target(struct underlay *u, const struct weft_ip *vtep, uint16_t path)
{
	struct target *t = target_of(u, vtep, path);

	if (t)
		return t;
	t = vec_new(&u->targets);
	finder_add(&u->target_vteps, hash_vtep(vtep));
	t->result.nexthop.vtep = *vtep;
	t->result.nexthop.path = path;
	t->probed = UINT32_MAX;
	return t;
}

static void remove_target(struct underlay *u, size_t at)
{
	finder_remove(&u->target_vteps, (uint32_t)at);
	u->targets.at[at] = u->targets.at[--u->targets.count];
}

// ---- telling the data plane

struct request {
	struct underlay *u;
	struct weft_ip vtep;
	uint16_t path;
};

// What was refused is tried again at the next look.
static void on_done(void *arg, enum weft_error error, const char *text)
{
	struct request *r = arg;
	struct target *t = target_of(r->u, &r->vtep, r->path);
	char ip[IP_TEXT_MAX];

	if (error && error != WEFT_E_STATE)
		log_warning("next hop of %s: %s%s%s", ip_format(&r->vtep, ip),
			weft_error_text(error), text[0] ? ": " : "", text);
	if (error && t)
		t->has = false;
	free(r);
}

static void send_nexthop(
	struct underlay *u, enum weft_ipc_type type, const struct weft_ipc_nexthop *nexthop)
{
	struct request *r = agent_zalloc(sizeof(*r));

	*r = (struct request){u, nexthop->vtep, nexthop->path};
	dpc_op(u->dpc, type, 0, nexthop, sizeof(*nexthop), on_done, r);
}

static void log_change(const struct target *t)
{
	const struct weft_ipc_nexthop *n = &t->result.nexthop;
	char vtep[IP_TEXT_MAX], gateway[IP_TEXT_MAX], mac[MAC_TEXT_MAX];

	ip_format(&n->vtep, vtep);
	if (t->result.why)
		log_info("vtep %s: %s", vtep, t->result.why);
	else
		log_info("vtep %s: via %s at %s, mtu %u", vtep,
			ip_format(&t->result.gateway, gateway), mac_format(&n->dst_mac, mac),
			n->mtu);
}

static void probe(struct underlay *u, struct target *t)
{
	if (!t->result.link || t->probed == u->ticks)
		return;
	t->probed = u->ticks;
	netlink_probe(u->netlink, t->result.link, &t->result.gateway);
}

static void update_target(struct underlay *u, struct target *t)
{
	struct weft_ip vtep = t->result.nexthop.vtep;

	resolve(u->view, &u->config, &vtep, t->result.nexthop.path, &t->result);
	t->result.path_mtu = t->path_mtu;
	if (t->path_mtu && t->path_mtu < t->result.nexthop.mtu)
		t->result.nexthop.mtu = (uint16_t)t->path_mtu;
	if (!t->has || memcmp(&t->sent, &t->result.nexthop, sizeof(t->sent)) != 0) {
		log_change(t);
		t->sent = t->result.nexthop;
		t->has = true;
		send_nexthop(u, WEFT_IPC_NEXTHOP_SET, &t->sent);
	}
	if (t->result.link && !(t->result.nexthop.flags & WEFT_NEXTHOP_RESOLVED))
		probe(u, t);
}

// As many targets for each VTEP as there are paths to it, one at least.
static void set_paths(struct underlay *u)
{
	for (size_t i = u->targets.count; i-- > 0;)
		if (u->targets.at[i].result.nexthop.path)
			u->targets.at[i].wanted = false;
	for (size_t i = 0, n = u->targets.count; i < n; i++) {
		const struct target *t = &u->targets.at[i];
		struct weft_ip vtep = t->result.nexthop.vtep;
		struct resolve_result r;
		if (t->result.nexthop.path || !t->wanted)
			continue;
		resolve(u->view, &u->config, &vtep, 0, &r);
		for (uint16_t path = 1; path < r.paths; path++)
			add_target(u, &vtep, path)->wanted = true;
	}
}

static void look(struct underlay *u)
{
	struct view *fresh = agent_zalloc(sizeof(*fresh));

	u->missed = u->running && !netlink_read(u->netlink, fresh);
	if (!u->running || u->missed) { // the next tick looks again
		free(fresh);
		return;
	}
	view_free(u->view);
	free(u->view);
	u->view = fresh;
	set_paths(u);
	for (size_t i = 0; i < u->targets.count; i++) {
		struct target *t = &u->targets.at[i];
		if (t->wanted) {
			update_target(u, t);
			continue;
		}
		if (t->has)
			send_nexthop(u, WEFT_IPC_NEXTHOP_DEL, &t->sent);
		remove_target(u, i--);
	}
}

// ---- what happens

static void on_changed(void *arg)
{
	look(arg);
}

// True: some path has another MTU than before.
static bool ask_paths(struct underlay *u)
{
	size_t n =
		u->targets.count < UNDERLAY_PATHS_A_TICK ? u->targets.count : UNDERLAY_PATHS_A_TICK;
	bool news = false;

	while (n--) {
		struct target *t = &u->targets.at[u->next_path++ % u->targets.count];
		uint32_t mtu =
			t->result.link ? netlink_path_mtu(u->netlink, &t->result.nexthop.vtep) : 0;
		news |= mtu != t->path_mtu;
		t->path_mtu = mtu;
	}
	return news;
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct underlay *u = arg;
	bool again = false;

	u->ticks++;
	VEC_FOR_EACH (t, &u->targets) {
		bool resolved = t->result.nexthop.flags & WEFT_NEXTHOP_RESOLVED;
		if (!resolved || (t->result.stale && u->ticks % UNDERLAY_CONFIRM_S == 0))
			probe(u, t);
		again |= !t->has;
	}
	again |= u->missed || (u->running && ask_paths(u));
	if (again)
		look(u);
}

static void on_neigh_wanted(void *arg, const struct weft_ipc_nexthop *nexthop)
{
	struct underlay *u = arg;

	FINDER_EACH (at, &u->target_vteps, hash_vtep(&nexthop->vtep)) {
		struct target *t = &u->targets.at[at];
		if (weft_ip_equal(&t->result.nexthop.vtep, &nexthop->vtep))
			probe(u, t);
	}
}

// ---- what it is told

static void set_uplinks(struct underlay *u, const struct model *m)
{
	vec_free(&u->config.uplinks);
	VEC_FOR_EACH (p, &m->ports) {
		const struct weft_ipc_port *port = &p->status.port;
		bool own = port->kind == WEFT_PORT_KIND_AF_PACKET ||
			   port->kind == WEFT_PORT_KIND_AF_XDP;
		if (p->tenant)
			continue;
		struct resolve_uplink *up = vec_new(&u->config.uplinks);
		up->port = port->id;
		up->down = p->status.state & WEFT_PORT_LINK_DOWN;
		snprintf(up->name, sizeof(up->name), "%.15s",
			port->kernel_if[0] ? port->kernel_if
			: own              ? port->device
					   : port->name);
	}
}

void underlay_set(struct underlay *u, const struct model *m)
{
	char ip[IP_TEXT_MAX];

	u->running = true;
	u->config.own4 = m->host.vtep4;
	u->config.own6 = m->host.vtep6;
	set_uplinks(u, m);
	VEC_FOR_EACH (t, &u->targets)
		t->wanted = t->has = false;
	VEC_FOR_EACH (n, &m->nexthops) {
		struct target *t = add_target(u, &n->vtep, n->path);
		t->sent = *n;
		t->has = true;
	}
	VEC_FOR_EACH (t, &m->tenants)
		if (!weft_ip_is_none(&t->set.group))
			add_target(u, &t->set.group, 0)->wanted = true;
	VEC_FOR_EACH (v, &m->vteps)
		add_target(u, &v->ip, 0)->wanted = true;
	look(u);
	if (underlay_is_foreign(u, &u->config.own4))
		log_warning("host.vtep %s is not an address of this host",
			ip_format(&u->config.own4, ip));
	if (underlay_is_foreign(u, &u->config.own6))
		log_warning("the VTEP address %s is not an address of this host",
			ip_format(&u->config.own6, ip));
}

bool underlay_is_foreign(const struct underlay *u, const struct weft_ip *own)
{
	return u->running && !weft_ip_is_none(own) && !view_has_address(u->view, own);
}

void underlay_link(struct underlay *u, weft_port_id uplink, bool up)
{
	VEC_FOR_EACH (l, &u->config.uplinks) {
		if (l->port != uplink || l->down == !up)
			continue;
		l->down = !up;
		log_info("uplink %s: the link is %s", l->name, up ? "there" : "lost");
		look(u);
	}
}

static void on_soon(evutil_socket_t fd, short what, void *arg)
{
	look(arg);
}

void underlay_want(struct underlay *u, const struct weft_ip *vtep, bool wanted)
{
	static const struct timeval soon = {.tv_usec = 2000};

	add_target(u, vtep, 0)->wanted = wanted;
	if (!evtimer_pending(u->soon, NULL))
		evtimer_add(u->soon, &soon);
}

void underlay_stop(struct underlay *u)
{
	u->running = false;
}

void underlay_each(const struct underlay *u, underlay_each_fn each, void *arg)
{
	const struct view_link *l = NULL;

	VEC_FOR_EACH (t, &u->targets) {
		const struct resolve_result *r = &t->result;
		int link = r->link ? r->link : r->leads_to;
		if (!l || l->index != link) // most lead to the one before
			l = view_link_by_index(u->view, link);
		each(arg, &t->result, l ? l->name : "");
	}
}

struct underlay *underlay_new(struct event_base *base, struct dpc *dpc, const char **error)
{
	static const struct dpc_listener_ops ops = {.neigh_wanted = on_neigh_wanted};
	struct underlay *u = agent_zalloc(sizeof(*u));
	struct timeval second = {.tv_sec = TICK_S};

	u->dpc = dpc;
	u->view = agent_zalloc(sizeof(*u->view));
	u->netlink = netlink_new(base, on_changed, u, error);
	if (!u->netlink) {
		free(u->view);
		free(u);
		return NULL;
	}
	u->listener = dpc_listen(dpc, 0, &ops, u);
	u->soon = evtimer_new(base, on_soon, u);
	u->tick = event_new(base, -1, EV_PERSIST, on_tick, u);
	event_add(u->tick, &second);
	return u;
}

void underlay_free(struct underlay *u)
{
	if (!u)
		return;
	dpc_unlisten(u->listener);
	event_free(u->tick);
	event_free(u->soon);
	netlink_free(u->netlink);
	view_free(u->view);
	free(u->view);
	vec_free(&u->config.uplinks);
	vec_free(&u->targets);
	finder_free(&u->target_vteps);
	free(u);
}

// SPDX-License-Identifier: Apache-2.0
#include "ports/dp_port.h"

#include "dp.h"
#include "ports/dp_bond.h"
#include "ipc/dp_event.h"
#include "ports/dp_kdev.h"
#include "dp_log.h"
#include "offload/dp_offload.h"
#include "ports/dp_port_dev.h"
#include "tenants/dp_storm.h"
#include "tenants/dp_tenant.h"
#include "ipc/dp_unpublish.h"
#include "dp_worker.h"
#include "weft/process/descriptors.h"

#include <stdio.h>
#include <stdlib.h>

#define DP_PORT_FD_RESERVE 64u // the agent's sockets, what a port takes beside its first, files

#define DP_PORT_CONFIG                                                                             \
	(WEFT_PORT_DOWN | WEFT_PORT_NO_RECV | WEFT_PORT_NO_FWD | WEFT_PORT_NO_PACKET_IN |          \
		WEFT_PORT_NO_FLOOD)

struct dp_port *dp_port_find(struct dp *dp, weft_port_id id)
{
	for (struct dp_port *p = dp->ports.head; p; p = p->next)
		if (p->cfg.id == id && p->role != DP_KERNEL && !p->hidden)
			return p;
	return NULL;
}

struct dp_port *dp_port_find_ofport(struct dp *dp, const struct dp_tenant *t, uint32_t ofport)
{
	for (struct dp_port *p = dp->ports.head; p; p = p->next)
		if (p->tenant == t && p->ofport == ofport && p->role == DP_LOCAL && !p->hidden)
			return p;
	return NULL;
}

// Both cannot be open: the device, a bond's member, the name of the TAP to the kernel.
static bool dp_port_collides(const struct dp_port *p, const struct weft_ipc_port *cfg)
{
	const char *kernel = *cfg->kernel_if ? cfg->kernel_if : cfg->name;

	if (p->peer && !cfg->ofport && !strcmp(p->peer->cfg.device, kernel))
		return true;
	if (p->cfg.kind != cfg->kind || cfg->kind == WEFT_PORT_KIND_NULL)
		return false;
	return cfg->kind == WEFT_PORT_KIND_BOND ? dp_bond_overlaps(p->cfg.device, cfg->device)
						: !strcmp(p->cfg.device, cfg->device);
}

// For one more, and the kernel's side of an uplink.
static bool dp_port_has_room(const struct dp *dp, const struct weft_ipc_port *cfg)
{
	unsigned n = cfg->ofport ? 1 : 2;

	for (const struct dp_port *p = dp->ports.head; p; p = p->next)
		n++;
	return n <= DP_PORT_LIVE_MAX;
}

struct dp_port *dp_port_find_hidden_device(struct dp *dp, const struct weft_ipc_port *cfg)
{
	struct dp_port *any = NULL;

	for (struct dp_port *p = dp->ports.head; p; p = p->next) {
		if (!p->hidden || p->role == DP_KERNEL)
			continue;
		if (dp_port_collides(p, cfg))
			return p;
		any = p;
	}
	return any && !dp_port_has_room(dp, cfg) ? any : NULL;
}

static enum weft_error dp_port_check(struct dp *dp, const struct weft_ipc_port *cfg,
	struct dp_tenant *tenant, char why[static 100])
{
	if (!cfg->id)
		snprintf(why, 100, "id: want another than 0");
	else if (cfg->ofport ? cfg->ofport > WEFT_OFPORT_MAX ||
				       (cfg->ofport >= WEFT_OFPORT_OVERLAY &&
					       cfg->ofport <= WEFT_OFPORT_NVGRE)
			     : tenant != NULL)
		snprintf(why, 100, "ofport: %u is not possible here", cfg->ofport);
	else if (cfg->ofport && !tenant)
		return WEFT_E_NO_TENANT;
	else if (cfg->kind == WEFT_PORT_KIND_BOND && tenant)
		snprintf(why, 100, "kind: a bond is an uplink");
	else if (cfg->mtu && (cfg->mtu < 68 || cfg->mtu > 65000))
		snprintf(why, 100, "mtu: want 68 to 65000");
	else if (cfg->config & ~DP_PORT_CONFIG)
		snprintf(why, 100, "config: unknown bits %#x", cfg->config & ~DP_PORT_CONFIG);
	else if (dp_port_find(dp, cfg->id)) {
		snprintf(why, 100, "port id %u is taken", cfg->id);
		return WEFT_E_EXISTS;
	} else if (tenant && dp_port_find_ofport(dp, tenant, cfg->ofport)) {
		snprintf(why, 100, "port number %u is taken", cfg->ofport);
		return WEFT_E_EXISTS;
	} else
		return WEFT_E_NONE;
	return WEFT_E_MALFORMED;
}

static void dp_port_tell_switch(const struct dp_port *p)
{
	struct ft_port port = {
		.ofport = p->ofport,
		.config = dp_port_config(p),
		.max_macs = p->cfg.limits.max_macs,
	};

	port.live = p->link_up && !(port.config & WEFT_PORT_DOWN);
	if (p->role == DP_LOCAL)
		ft_port_set(p->tenant->sw, &port);
}

// What workers remember of ways through an uplink holds no more; of a local port's the switch sees
// to it.
static void dp_port_forget_paths(struct dp *dp, const struct dp_port *p)
{
	for (struct dp_tenant *t = dp->tenants; t && p->role != DP_LOCAL; t = t->next)
		ft_switch_changed(t->sw);
}

// Into everything that leads a worker to it.
static bool dp_port_publish(struct dp *dp, struct dp_port *p)
{
	if (p->role == DP_LOCAL) {
		if (!dp_tenant_map_ports(dp, p->tenant))
			return false;
		dp_port_tell_switch(p);
	} else if (p->role == DP_UPLINK) {
		dp_tenants_stale(dp, NULL);
		dp_offload_refresh(dp);
	}
	return dp_workers_spread(dp);
}

// Out of it, also with no memory.
static void dp_port_unpublish(struct dp *dp, struct dp_port *p)
{
	if (p->role == DP_LOCAL) {
		if (!dp_tenant_map_ports(dp, p->tenant))
			dp_unpublish_from_map(p);
		ft_port_del(p->tenant->sw, p->ofport);
	} else if (p->role == DP_UPLINK) {
		dp_tenants_stale(dp, NULL);
		dp->bfd.stale = true; // also if all tenants are stale already
		dp_port_shell_mark(dp, p);
		dp_tenants_refresh_some(dp, dp_now_ns() + DP_STEP_NS);
		dp_offload_refresh(dp);
	}
	if (!dp_workers_spread(dp))
		dp_unpublish_from_polls(dp, p);
}

static void dp_port_link_in(struct dp *dp, struct dp_port *p)
{
	p->next = dp->ports.head;
	dp->ports.head = p;
}

static void dp_port_unlink(struct dp *dp, struct dp_port *p)
{
	struct dp_port **at = &dp->ports.head;

	while (*at && *at != p)
		at = &(*at)->next;
	if (*at)
		*at = p->next;
}

static enum weft_error dp_port_add_kernel(
	struct dp *dp, struct dp_port *uplink, char why[static 100])
{
	struct dp_port *p = NULL;
	enum weft_error e;

	if (uplink->role != DP_UPLINK || uplink->kernel_copy)
		return WEFT_E_NONE;
	e = dp_port_dev_open_kernel(dp, uplink, why, &p);
	if (e)
		return e;
	p->peer = uplink;
	uplink->peer = p;
	dp_port_link_in(dp, p);
	return WEFT_E_NONE;
}

void dp_port_close(struct dp *dp, struct dp_port *p, uint64_t then)
{
	bool shell = dp_port_was_led_to(p, then);
	struct dp_port *kernel = p->peer;

	if (kernel) {
		dp_port_unlink(dp, kernel);
		dp_port_dev_close(kernel);
		free(kernel);
	}
	dp_port_unlink(dp, p);
	free(p->storm);
	p->storm = NULL;
	if (shell) {
		dp_port_leave_shell(dp, p);
		return;
	}
	dp_port_dev_close(p);
	free(p);
}

// What the overlay puts before a frame's IP header on the way there.
static uint32_t dp_port_headers(const struct dp_tenant *t, const struct weft_ip *to)
{
	return (weft_ip_is_v4(to) ? 20u : 40u) + RTE_ETHER_HDR_LEN +
	       (t->cfg.encap == WEFT_ENCAP_VXLAN ? 16u : 8u);
}

// What the tenant's frames may have on every way out of here; at most Ethernet's own 1500, for more
// is for the configuration to say.
static uint32_t dp_port_default_mtu(const struct dp *dp, const struct dp_tenant *t)
{
	uint32_t mtu = RTE_ETHER_MTU, headers = 0;

	for (unsigned i = 0; t->cfg.encap && i < t->n_vteps; i++)
		headers = RTE_MAX(headers, dp_port_headers(t, &t->vtep_list[i]));
	if (!weft_ip_is_none(&t->cfg.group)) // and those who are in it
		headers = RTE_MAX(headers, dp_port_headers(t, &t->cfg.group));
	if (t->provider) // to whom its rules will say
		headers = (weft_ip_is_none(&dp->host.vtep6) ? 20u : 40u) + RTE_ETHER_HDR_LEN + 16u;
	for (const struct dp_port *p = dp->ports.head; headers && p; p = p->next)
		if (p->role == DP_UPLINK && !p->hidden && dp_port_mtu(p) > headers + 68)
			mtu = RTE_MIN(mtu, dp_port_mtu(p) - headers);
	return t->cfg.mtu && t->cfg.mtu < mtu ? t->cfg.mtu : mtu;
}

// A TAP is made by us, so its machine is told by the interface itself.
static void dp_port_follow_mtu(const struct dp *dp, struct dp_port *p, const struct dp_tenant *t)
{
	uint32_t mtu = dp_port_default_mtu(dp, t);

	if (p->cfg.kind == WEFT_PORT_KIND_TAP && p->kdev && !p->cfg.mtu &&
		dp_kdev_tap_mtu(p->cfg.device, mtu) == 0)
		p->mtu = mtu;
}

enum weft_error dp_port_add(struct dp *dp, const struct weft_ipc_port *cfg,
	struct dp_tenant *tenant, char why[static 100], struct dp_port **out)
{
	struct dp_port *p;
	enum weft_error e = dp_port_check(dp, cfg, tenant, why);

	if (e)
		return e;
	// Else no agent could come any more and change it.
	if (!weft_descriptor_below(weft_descriptors_but(DP_PORT_FD_RESERVE))) {
		snprintf(why, 100, "no file descriptor to spare (LimitNOFILE)");
		return WEFT_E_DEVICE;
	}
	e = dp_port_dev_open(dp, cfg, why, &p);
	if (e)
		return e;
	p->tenant = tenant ? tenant : dp->nobody;
	p->role = tenant ? DP_LOCAL : DP_UPLINK;
	if (tenant)
		dp_port_follow_mtu(dp, p, tenant);
	dp_port_link_in(dp, p);
	e = dp_storm_set(dp, p, &cfg->limits);
	if (!e)
		e = dp_port_add_kernel(dp, p, why);
	if (e) {
		dp_port_close(dp, p, dp->fresh);
		return e;
	}
	if (!dp_port_publish(dp, p)) {
		dp_port_del(dp, p);
		return WEFT_E_NO_MEMORY;
	}
	dp_event_port_status(dp, p, WEFT_PORT_ADDED);
	if (out)
		*out = p;
	return WEFT_E_NONE;
}

void dp_port_hide(struct dp *dp, struct dp_port *p, bool hidden)
{
	if (p->hidden == hidden)
		return;
	if (hidden)
		dp_event_port_status(dp, p, WEFT_PORT_DELETED);
	p->waits = dp->ports.waits;
	__atomic_store_n(&p->hidden, hidden, __ATOMIC_RELAXED);
	if (p->peer)
		__atomic_store_n(&p->peer->hidden, hidden, __ATOMIC_RELAXED);
	if (hidden)
		dp_port_unpublish(dp, p);
	else if (!dp_port_publish(dp, p))
		DP_LOG(ERR, "port %s: no memory to show it", p->cfg.name);
	if (!hidden)
		dp_event_port_status(dp, p, WEFT_PORT_ADDED);
}

// One loop until no worker polls or sends to a port that is hidden, another until the rings between
// workers hold no frame for it.
static void dp_port_wait(struct dp *dp)
{
	dp_rcu_synchronize2(dp->rcu);
	dp->ports.waits++;
}

// Of hundreds that were hidden together, and of which one after the other gives way, the first
// waits for all. To an uplink tenants may have been led until just now.
void dp_port_del(struct dp *dp, struct dp_port *p)
{
	uint64_t then;

	dp_port_hide(dp, p, true);
	then = dp->fresh;
	if (p->role == DP_UPLINK || p->waits == dp->ports.waits)
		dp_port_wait(dp);
	dp_port_close(dp, p, then);
}

enum weft_error dp_port_set_limits(
	struct dp *dp, struct dp_port *p, const struct weft_port_limits *limits)
{
	enum weft_error e = dp_storm_set(dp, p, limits);

	if (e)
		return e;
	p->cfg.limits = *limits;
	dp_port_tell_switch(p);
	return WEFT_E_NONE;
}

enum weft_error dp_port_set_members(
	struct dp *dp, struct dp_port *p, const char *device, char why[static 100])
{
	enum weft_error e;

	if (!p->bond) {
		snprintf(why, 100, "port %.15s is no bond", p->cfg.name);
		return WEFT_E_STATE;
	}
	e = dp_bond_set_members(dp, p, device, why);
	if (e)
		return e;
	__atomic_store_n(&p->mtu, dp_bond_mtu(p), __ATOMIC_RELAXED);
	dp_tenants_stale(dp, NULL); // other ways are as wide as that
	dp_tenants_refresh_some(dp, dp_now_ns() + DP_STEP_NS);
	return WEFT_E_NONE;
}

static uint32_t dp_port_config_after(const struct dp_port *p, const struct weft_ipc_port_mod *mod)
{
	return (p->config & ~mod->mask) | (mod->config & mod->mask);
}

enum weft_error dp_port_mod_check(const struct dp_port *p, const struct weft_ipc_port_mod *mod)
{
	if (!weft_mac_equal(&mod->mac, &p->mac))
		return WEFT_E_PORT_CONFIG;
	return dp_port_config_after(p, mod) & ~DP_PORT_CONFIG ? WEFT_E_PORT_CONFIG : WEFT_E_NONE;
}

enum weft_error dp_port_mod(struct dp *dp, struct dp_port *p, const struct weft_ipc_port_mod *mod)
{
	uint32_t config = dp_port_config_after(p, mod);
	enum weft_error e = dp_port_mod_check(p, mod);

	if (e)
		return e;
	__atomic_store_n(&p->config, config, __ATOMIC_RELAXED);
	p->cfg.config = config;
	dp_port_tell_switch(p);
	dp_port_forget_paths(dp, p);
	dp_event_port_status(dp, p, WEFT_PORT_MODIFIED);
	return WEFT_E_NONE;
}

void dp_port_status(struct dp *dp, const struct dp_port *p, struct weft_ipc_port_status *out)
{
	struct weft_port_stats *s = &out->stats;

	memset(out, 0, sizeof(*out));
	out->port = p->cfg;
	out->port.mtu_asked = (uint16_t)p->cfg.mtu;
	out->port.mtu = dp_port_mtu(p);
	out->mac = p->mac;
	out->offloads = p->offloads;
	out->state = p->link_up ? 0 : WEFT_PORT_LINK_DOWN;
	dp_port_dev_stats(p, s, &out->speed_mbps);
	for (unsigned i = 0; i < dp->opt.workers; i++) {
		s->tx_dropped +=
			__atomic_load_n(&dp->worker[i]->port_drops[p->index], __ATOMIC_RELAXED);
		s->rx_dropped +=
			__atomic_load_n(&dp->worker[i]->rx_drops[p->index], __ATOMIC_RELAXED);
	}
	s->duration_ns = dp_now_ns() - p->born_ns;
}

void dp_port_poll_links(struct dp *dp, bool uplinks_only)
{
	bool reroute = false;

	for (struct dp_port *p = dp->ports.head; p; p = p->next) {
		bool up;

		if (p->hidden || (uplinks_only && p->role != DP_UPLINK))
			continue;
		if (p->bond)
			dp_bond_watch(dp, p);
		up = dp_port_dev_link(p);
		if (up == p->link_up && !p->untold)
			continue;
		reroute |= up != p->link_up && p->role == DP_UPLINK;
		p->link_up = up;
		dp_port_tell_switch(p);
		if (p->role != DP_KERNEL)
			dp_event_port_status(dp, p, WEFT_PORT_MODIFIED);
	}
	if (reroute) {
		dp_tenants_stale(dp, NULL);
		dp_tenants_refresh_some(dp, dp_now_ns() + DP_STEP_NS);
	}
}

void dp_port_poll_devices(struct dp *dp)
{
	for (struct dp_port *p = dp->ports.head; p; p = p->next) {
		if (p->hidden || !dp_port_dev_follow(dp, p))
			continue;
		p->link_up = dp_port_dev_link(p);
		dp_port_tell_switch(p);
		if (p->role == DP_UPLINK)
			dp_tenants_stale(dp, NULL);
		if (p->role != DP_KERNEL)
			dp_event_port_status(dp, p, WEFT_PORT_MODIFIED);
	}
}

void dp_port_poll_mtus(struct dp *dp)
{
	bool changed = false;

	for (struct dp_port *p = dp->ports.head; p; p = p->next) {
		if (p->hidden || p->role != DP_UPLINK ||
			!dp_port_dev_follow_mtu(p, dp->opt.max_frame))
			continue;
		dp_event_port_status(dp, p, WEFT_PORT_MODIFIED);
		changed = true;
	}
	if (!changed)
		return;
	dp_tenants_stale(dp, NULL);
	dp_tenants_refresh_some(dp, dp_now_ns() + DP_STEP_NS);
}

void dp_port_close_all(struct dp *dp)
{
	while (dp->ports.head) {
		struct dp_port *p = dp->ports.head;

		dp_port_close(dp, p->role == DP_KERNEL ? p->peer : p, dp->fresh);
	}
	dp_port_shells_fini(dp);
}

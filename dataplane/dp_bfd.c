// SPDX-License-Identifier: Apache-2.0
// BFD's sessions and links, as the control thread keeps them.

#include "dp_bfd.h"

#include "dp.h"
#include "dp_event.h"
#include "dp_log.h"
#include "dp_tenant.h"
#include "dp_worker.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

enum weft_error dp_bfd_check(const struct weft_bfd_settings *b, char why[static 100])
{
	if (b->mode > WEFT_BFD_VXLAN)
		snprintf(why, 100, "bfd: unknown mode %u", b->mode);
	else if (b->mode && (b->interval_us < 1000 || b->interval_us > 10000000))
		snprintf(why, 100, "bfd: interval: want 1000 to 10000000 us");
	else if (b->mode && !b->mult)
		snprintf(why, 100, "bfd: multiplier: want 1 to 255");
	else if (b->vni > WEFT_VNI_MAX)
		snprintf(why, 100, "bfd: vni: want at most %u", WEFT_VNI_MAX);
	else
		return WEFT_E_NONE;
	return WEFT_E_MALFORMED;
}

// ---- sessions

static struct dp_bfd_session *dp_bfd_session(const struct dp *dp, const struct weft_ip *remote)
{
	for (struct dp_bfd_session *s = dp->bfd.sessions; s; s = s->next)
		if (weft_ip_equal(&s->remote, remote))
			return s;
	return NULL;
}

const uint8_t *dp_bfd_down_mark(const struct dp *dp, const struct weft_ip *vtep)
{
	const struct dp_bfd_session *s = dp->bfd.sessions ? dp_bfd_session(dp, vtep) : NULL;

	return s ? &s->down : NULL;
}

static void dp_bfd_add(struct dp *dp, const struct weft_ip *remote, unsigned *n)
{
	struct dp_bfd_session *s = dp_bfd_session(dp, remote);

	if (s && s->wanted)
		return;
	if (*n == DP_BFD_MAX) {
		DP_LOG(WARNING, "BFD with no more than %u VTEPs", DP_BFD_MAX);
		return;
	}
	if (!s) {
		s = calloc(1, sizeof(*s));
		if (!s) {
			DP_LOG(ERR, "no memory for a BFD session");
			return;
		}
		s->remote = *remote;
		s->discr = ++dp->bfd.next_discr;
		s->src_port = (uint16_t)(49152 + s->discr % 16384);
		s->next = dp->bfd.sessions;
		dp->bfd.sessions = s;
		dp_tenants_stale(dp, remote);
	}
	s->wanted = true;
	++*n;
}

// Those that tenants' VTEPs want, if BFD is on. Returns how many.
static unsigned dp_bfd_mark_wanted(struct dp *dp)
{
	unsigned n = 0;

	for (struct dp_bfd_session *s = dp->bfd.sessions; s; s = s->next)
		s->wanted = false;
	for (const struct dp_tenant *t = dp->tenants; dp->host.bfd.mode && t; t = t->next)
		for (unsigned i = 0; !t->hidden && t->cfg.encap && i < t->n_vteps; i++)
			dp_bfd_add(dp, &t->vtep_list[i], &n);
	return n;
}

// After the new table is out. Sets of VTEPs that point to the mark are built anew at once, before
// the grace period that begins now can end.
static void dp_bfd_drop_unwanted(struct dp *dp)
{
	for (struct dp_bfd_session **at = &dp->bfd.sessions; *at;) {
		struct dp_bfd_session *s = *at;

		if (s->wanted) {
			at = &s->next;
			continue;
		}
		*at = s->next;
		dp_tenants_stale(dp, &s->remote);
		dp_rcu_retire2(dp->rcu, free, s);
	}
}

// ---- links

static void dp_bfd_ethernet(struct dp_bfd_link *l, const struct weft_ipc_nexthop *h)
{
	uint16_t type = weft_ip_is_v4(&l->local) ? 0x0800 : 0x86dd;
	uint8_t *p = l->eth;

	memcpy(p, h->dst_mac.b, 6);
	memcpy(p + 6, h->src_mac.b, 6);
	p += 12;
	if (h->vlan) {
		memcpy(p, (weft_be16[]){htons(0x8100), htons(h->vlan)}, 4);
		p += 4;
	}
	memcpy(p, &(weft_be16){htons(type)}, 2);
	l->eth_len = (uint8_t)(p + 2 - l->eth);
}

static bool dp_bfd_tunnel(
	struct dp *dp, struct dp_bfd_link *l, const struct weft_ipc_nexthop *h, uint32_t vni)
{
	bool v4 = weft_ip_is_v4(&l->local);
	struct overlay_tunnel tunnel = {
		.encap = WEFT_ENCAP_VXLAN,
		.vni = vni,
		.local = l->local,
		.remote = h->vtep,
		.src_mac = h->src_mac,
		.dst_mac = h->dst_mac,
		.vlan = h->vlan != 0,
		.vlan_vid = h->vlan,
		.ttl = dp->host.ttl,
		.dscp = 48, // network control
		.udp_csum = v4 ? dp->host.udp_csum : dp->host.udp6_csum,
		.udp_port = dp->host.vxlan_port,
	};

	return !overlay_template_build(&l->tunnel, &tunnel, NULL);
}

// One of several: the first that has a link.
static const struct dp_nexthop *dp_bfd_path(struct dp *dp, const struct weft_ip *vtep)
{
	const struct dp_nexthop *best = NULL;
	bool up, best_up = false;

	for (uint16_t i = 0; i < WEFT_NEXTHOP_PATHS && !best_up; i++) {
		const struct dp_nexthop *h = dp_nexthop_find(dp, vtep, i);

		if (!h || !dp_nexthop_usable(dp, h, &up) || (best && !up))
			continue;
		best = h;
		best_up = up;
	}
	return best;
}

static void dp_bfd_fill(struct dp *dp, const struct dp_bfd_table *t, struct dp_bfd_link *l,
	struct dp_bfd_session *s)
{
	const struct dp_nexthop *h = dp_bfd_path(dp, &s->remote);
	const struct weft_ip *own = weft_ip_is_v4(&s->remote) ? &dp->host.vtep4 : &dp->host.vtep6;

	l->s = s;
	if (!h)
		return;
	l->local = weft_ip_is_none(&h->cfg.src) ? *own : h->cfg.src;
	dp_bfd_ethernet(l, &h->cfg);
	if (t->mode != WEFT_BFD_VXLAN || dp_bfd_tunnel(dp, l, &h->cfg, t->vni))
		l->uplink = dp_port_find(dp, h->cfg.port);
}

static struct dp_bfd_table *dp_bfd_build(struct dp *dp, unsigned n)
{
	const struct weft_bfd_settings *b = &dp->host.bfd;
	unsigned slots = 4, i = 0;
	struct dp_bfd_table *t;
	size_t bytes;

	while (slots < 2 * n)
		slots *= 2;
	bytes = sizeof(*t) + n * sizeof(t->link[0]) + slots * sizeof(t->slot[0]);
	t = aligned_alloc(64, (bytes + 63) & ~(size_t)63);
	if (!t)
		return NULL;
	memset(t, 0, bytes);
	t->mode = b->mode;
	t->vni = b->vni;
	t->settings = (struct overlay_bfd_settings){b->interval_us, b->interval_us, b->mult};
	t->n = n;
	t->mask = slots - 1;
	t->slot = (uint16_t *)(void *)&t->link[n];
	for (struct dp_bfd_session *s = dp->bfd.sessions; s; s = s->next) {
		uint32_t h = dp_ip_hash(&s->remote);

		if (!s->wanted)
			continue;
		while (t->slot[h & t->mask])
			h++;
		dp_bfd_fill(dp, t, &t->link[i], s);
		t->slot[h & t->mask] = (uint16_t)++i;
	}
	return t;
}

void dp_bfd_refresh(struct dp *dp)
{
	struct dp_bfd_table *old = dp->bfd.table, *fresh = NULL;
	unsigned n;

	dp->bfd.stale = false;
	if (!dp->host.bfd.mode && !old)
		return;
	n = dp_bfd_mark_wanted(dp);
	if (dp->host.bfd.mode) {
		fresh = dp_bfd_build(dp, n);
		if (!fresh) {
			DP_LOG(ERR, "no memory for BFD");
			return;
		}
	}
	__atomic_store_n(&dp->bfd.table, fresh, __ATOMIC_RELEASE);
	if (old)
		dp_rcu_retire(dp->rcu, free, old);
	dp_bfd_drop_unwanted(dp);
}

void dp_bfd_free(struct dp *dp)
{
	for (struct dp_bfd_session *s = dp->bfd.sessions, *next; s; s = next) {
		next = s->next;
		free(s);
	}
	free(dp->bfd.table);
	rte_ring_free(dp->bfd.received);
	dp->bfd = (struct dp_bfd){0};
}

// ---- what follows from a change

bool dp_bfd_overlay_live(const struct dp *dp, const struct dp_tenant *t)
{
	for (unsigned i = 0; i < t->n_vteps; i++) {
		const uint8_t *down = dp_bfd_down_mark(dp, &t->vtep_list[i]);

		if (!down || !__atomic_load_n(down, __ATOMIC_RELAXED))
			return true;
	}
	return !t->n_vteps;
}

static const char *dp_bfd_state_name(uint32_t state)
{
	static const char *const names[] = {"administratively down", "down", "init", "up"};

	return state < 4 ? names[state] : "?";
}

void dp_bfd_changed(struct dp *dp, const struct dp_event *e)
{
	char ip[INET6_ADDRSTRLEN];

	if (weft_ip_is_v4(&e->ip))
		inet_ntop(AF_INET, &e->ip.b[12], ip, sizeof(ip));
	else
		inet_ntop(AF_INET6, e->ip.b, ip, sizeof(ip));
	DP_LOG(NOTICE, "BFD with %s: %s", ip, dp_bfd_state_name(e->flags));
	for (struct dp_tenant *t = dp->tenants; t; t = t->next)
		if (!t->hidden && dp_tenant_has_vtep(t, &e->ip))
			dp_tenant_overlay_live(dp, t);
}

// ---- dump

void dp_bfd_walk(const struct dp *dp, void (*fn)(void *arg, const struct weft_ipc_bfd *), void *arg)
{
	uint64_t now = dp_now_ns();

	for (const struct dp_bfd_session *s = dp->bfd.sessions; s; s = s->next) {
		const struct overlay_bfd m = s->m; // not all of one moment, each number whole
		struct weft_ipc_bfd b = {
			.vtep = s->remote,
			.state = m.state,
			.diag = m.diag,
			.remote_state = m.remote_state,
			.remote_diag = m.remote_diag,
			.down = __atomic_load_n(&s->down, __ATOMIC_RELAXED),
			.mult = m.want.mult,
			.remote_mult = m.remote_mult,
			.mode = dp->host.bfd.mode,
			.discr = s->discr,
			.remote_discr = m.remote_discr,
			.tx_us = overlay_bfd_tx_us(&m),
			.downs = m.downs,
			.detection_us = overlay_bfd_detection_us(&m),
			.sent = m.sent,
			.received = m.received,
			.discarded = m.discarded,
			.since_ns = m.since_ns ? now - m.since_ns : 0,
		};

		fn(arg, &b);
	}
}

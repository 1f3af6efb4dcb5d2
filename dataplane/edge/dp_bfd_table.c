// SPDX-License-Identifier: Apache-2.0
// BFD's table of links: the sessions, each with the way that its packets go.

#include "dp.h"

#include "edge/dp_bfd.h"
#include "edge/dp_vtep.h"

#include <arpa/inet.h>
#include <stdlib.h>

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
	const struct dp *dp, struct dp_bfd_link *l, const struct weft_ipc_nexthop *h, uint32_t vni)
{
	struct overlay_tunnel tunnel = dp_vtep_tunnel(dp, h);

	tunnel.vni = vni;
	tunnel.dscp = 48; // network control
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

static bool dp_bfd_has_port(const struct dp *dp, const struct dp_port *uplink)
{
	for (const struct dp_port *p = dp->ports.head; p; p = p->next)
		if (p == uplink && !p->hidden)
			return true;
	return false;
}

// The next hop of a VTEP that nobody has any more is gone as well: farewells go the latest way.
static void dp_bfd_fill_leaving(const struct dp *dp, const struct dp_bfd_table *t,
	const struct dp_bfd_table *old, struct dp_bfd_link *l, struct dp_bfd_session *s)
{
	for (unsigned i = 0; old && old->mode == t->mode && i < old->n; i++)
		if (old->link[i].s == s)
			*l = old->link[i];
	l->s = s;
	l->leaving = true;
	if (!dp_bfd_has_port(dp, l->uplink))
		l->uplink = NULL;
}

static struct dp_bfd_table *dp_bfd_alloc(unsigned n)
{
	unsigned slots = 4;
	struct dp_bfd_table *t;
	size_t bytes;

	while (slots < 2 * n)
		slots *= 2;
	bytes = sizeof(*t) + n * sizeof(t->link[0]) + slots * sizeof(t->slot[0]);
	t = aligned_alloc(64, (bytes + 63) & ~(size_t)63);
	if (!t)
		return NULL;
	memset(t, 0, bytes);
	t->n = n;
	t->mask = slots - 1;
	t->slot = (uint16_t *)(void *)&t->link[n];
	return t;
}

static void dp_bfd_settings(const struct dp *dp, struct dp_bfd_table *t)
{
	const struct weft_bfd_settings *b = &dp->host.bfd;

	t->mode = b->mode;
	t->vni = b->vni;
	t->settings = (struct overlay_bfd_settings){b->interval_us, b->interval_us, b->mult};
}

static void dp_bfd_settings_as_they_were(struct dp_bfd_table *t, const struct dp_bfd_table *old)
{
	t->mode = old->mode;
	t->vni = old->vni;
	t->settings = old->settings;
}

struct dp_bfd_table *dp_bfd_build(
	struct dp *dp, const struct dp_bfd_table *old, unsigned n, bool farewell)
{
	struct dp_bfd_table *t = dp_bfd_alloc(n);
	unsigned i = 0;

	if (!t)
		return NULL;
	if (farewell && old)
		dp_bfd_settings_as_they_were(t, old);
	else
		dp_bfd_settings(dp, t);
	for (struct dp_bfd_session *s = dp->bfd.sessions; s; s = s->next) {
		uint32_t h = dp_ip_hash(&s->remote);

		if (s->over)
			continue;
		while (t->slot[h & t->mask])
			h++;
		if (s->leave_ns)
			dp_bfd_fill_leaving(dp, t, old, &t->link[i], s);
		else
			dp_bfd_fill(dp, t, &t->link[i], s);
		t->slot[h & t->mask] = (uint16_t)++i;
	}
	return t;
}

void dp_bfd_strike(const struct dp *dp, struct dp_bfd_table *t)
{
	for (unsigned i = 0; i < t->n; i++)
		if (!dp_bfd_has_port(dp, t->link[i].uplink))
			__atomic_store_n(&t->link[i].uplink, NULL, __ATOMIC_RELEASE);
}

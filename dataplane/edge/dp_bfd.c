// SPDX-License-Identifier: Apache-2.0
// BFD's sessions and links, as the control thread keeps them.

#include "edge/dp_bfd.h"

#include "dp.h"
#include "ipc/dp_event.h"
#include "dp_log.h"
#include "tenants/dp_tenant.h"
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
	else if (b->learned > 1)
		snprintf(why, 100, "bfd: learned: want 0 or 1");
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

static bool dp_bfd_is_due(const struct dp_bfd_session *s, uint64_t now)
{
	return s->leave_ns && now - s->leave_ns >= DP_BFD_LEAVE_NS;
}

// Whether sessions that are there are in another form (mode, VXLAN network) than is wanted now.
// They have to leave: a peer that hears nothing more in its own form would take that for a failure,
// and so would we take the silence in ours. So they say AdminDown first, and those of the new form
// begin when that has been said for long enough.
static bool dp_bfd_form_is_old(const struct dp *dp, const struct dp_bfd_table *old)
{
	const struct weft_bfd_settings *b = &dp->host.bfd;
	uint64_t now = dp_now_ns();

	if (!old || !b->mode ||
		(old->mode == b->mode && (b->mode != WEFT_BFD_VXLAN || old->vni == b->vni)))
		return false;
	for (const struct dp_bfd_session *s = dp->bfd.sessions; s; s = s->next)
		if (!dp_bfd_is_due(s, now))
			return true;
	return false;
}

const uint8_t *dp_bfd_down_mark(const struct dp *dp, const struct weft_ip *vtep)
{
	const struct dp_bfd_session *s = dp->bfd.sessions ? dp_bfd_session(dp, vtep) : NULL;

	return s && !s->leave_ns ? &s->down : NULL;
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
	if (s->leave_ns)
		dp_tenants_stale(dp, remote);
	s->leave_ns = 0;
	s->wanted = true;
	++*n;
}

// Those that tenants' VTEPs want, if BFD is on and they are not to end first.
static void dp_bfd_mark_wanted(struct dp *dp, bool farewell)
{
	unsigned n = 0;

	for (struct dp_bfd_session *s = dp->bfd.sessions; s; s = s->next)
		s->wanted = false;
	if (farewell)
		return;
	for (const struct dp_tenant *t = dp->tenants; dp->host.bfd.mode && t; t = t->next) {
		unsigned vteps = dp->host.bfd.learned ? t->n_vteps : t->n_fixed;

		for (unsigned i = 0; !t->hidden && (t->cfg.encap || t->provider) && i < vteps; i++)
			dp_bfd_add(dp, &t->vtep_list[i], &n);
	}
}

// ---- farewells

// Those that nobody wants begin to leave, and those that have said so for long enough are over. Not
// while a tenant has a set of VTEPs from before, for want of memory: it may point to their marks.
// Returns how many are to be in the table.
static unsigned dp_bfd_mark_leaving(struct dp *dp)
{
	uint64_t now = dp_now_ns();
	unsigned n = 0;

	for (struct dp_bfd_session *s = dp->bfd.sessions; s; s = s->next) {
		if (!s->wanted && !s->leave_ns) {
			s->leave_ns = now;
			dp_tenants_stale(dp, &s->remote);
		}
		s->over = dp_bfd_is_due(s, now) && TAILQ_EMPTY(&dp->tenants_stale);
		n += !s->over;
	}
	return n;
}

// After a table without them is out.
static void dp_bfd_drop_over(struct dp *dp)
{
	for (struct dp_bfd_session **at = &dp->bfd.sessions; *at;) {
		struct dp_bfd_session *s = *at;

		if (!s->over) {
			at = &s->next;
			continue;
		}
		*at = s->next;
		dp_rcu_retire2(dp->rcu, free, s);
	}
}

void dp_bfd_poll(struct dp *dp)
{
	uint64_t now = dp_now_ns();

	for (const struct dp_bfd_session *s = dp->bfd.sessions; s; s = s->next)
		dp->bfd.stale |= dp_bfd_is_due(s, now);
	if (dp->bfd.stale || !TAILQ_EMPTY(&dp->tenants_stale))
		dp_tenants_refresh_some(dp, now + DP_STEP_NS);
	for (struct dp_tenant *t = dp->tenants; t; t = t->next)
		if (t->overlay_untold)
			dp_event_overlay_status(dp, t);
}

void dp_bfd_refresh(struct dp *dp)
{
	struct dp_bfd_table *old = dp->bfd.table, *fresh = NULL;
	bool farewell = dp_bfd_form_is_old(dp, old);
	unsigned n;

	dp->bfd.stale = farewell; // dp_bfd_poll() comes back when they have left
	if (!dp->host.bfd.mode && !dp->bfd.sessions && !old)
		return;
	dp_bfd_mark_wanted(dp, farewell);
	n = dp_bfd_mark_leaving(dp);
	if (dp->host.bfd.mode || n) {
		fresh = dp_bfd_build(dp, old, n, farewell || !dp->host.bfd.mode);
		if (!fresh) {
			DP_LOG(ERR, "no memory for BFD");
			dp->bfd.stale = true; // dp_bfd_poll() tries again
			if (old)
				dp_bfd_strike(dp, old);
			return;
		}
	}
	__atomic_store_n(&dp->bfd.table, fresh, __ATOMIC_RELEASE);
	if (old)
		dp_rcu_retire(dp->rcu, free, old);
	dp_bfd_drop_over(dp);
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

static void dp_bfd_heed_one(struct dp *dp, const struct dp_bfd_session *s)
{
	char ip[INET6_ADDRSTRLEN];

	if (weft_ip_is_v4(&s->remote))
		inet_ntop(AF_INET, &s->remote.b[12], ip, sizeof(ip));
	else
		inet_ntop(AF_INET6, s->remote.b, ip, sizeof(ip));
	DP_LOG(NOTICE, "BFD with %s: %s", ip,
		dp_bfd_state_name(__atomic_load_n(&s->state, __ATOMIC_RELAXED)));
	for (struct dp_vtep_user *u = NULL;
		(u = dp_vtep_user_next(&dp->vtep_users, &s->remote, u));)
		if (!u->tenant->hidden) {
			ft_switch_changed(u->tenant->sw); // groups choose by it
			dp_tenant_overlay_live(dp, u->tenant);
		}
}

void dp_bfd_heed(struct dp *dp)
{
	uint32_t all = __atomic_load_n(&dp->bfd.changes, __ATOMIC_ACQUIRE);

	if (all == dp->bfd.heeded)
		return;
	dp->bfd.heeded = all;
	for (struct dp_bfd_session *s = dp->bfd.sessions; s; s = s->next) {
		uint32_t changes = __atomic_load_n(&s->changes, __ATOMIC_ACQUIRE);

		if (changes == s->heeded)
			continue;
		s->heeded = changes;
		dp_bfd_heed_one(dp, s);
	}
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

		if (!s->leave_ns)
			fn(arg, &b);
	}
}

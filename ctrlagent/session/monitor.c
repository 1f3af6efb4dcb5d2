// SPDX-License-Identifier: Apache-2.0
#include "session/monitor.h"

#include <stdlib.h>

#include "mem.h"
#include "session/conn.h"
#include "uptime.h"

static_assert(WEFT_MONITORS == 64, "slots are bits of sw->monitor_slots");

void session_monitors_init(struct session_monitors *m)
{
	LIST_INIT(&m->list);
}

// ---- monitors

struct session_monitor *session_monitor_find(struct session_conn *c, uint32_t id)
{
	struct session_monitor *m;

	LIST_FOREACH (m, &c->monitors.list, link)
		if (m->id == id)
			return m;
	return NULL;
}

static uint32_t kinds_of(unsigned flags)
{
	return (flags & OFPFMF_ADD ? 1u << WEFT_CHANGE_ADDED : 0) |
	       (flags & OFPFMF_REMOVED ? 1u << WEFT_CHANGE_REMOVED : 0) |
	       (flags & OFPFMF_MODIFY ? 1u << WEFT_CHANGE_MODIFIED : 0);
}

static void set(struct session_conn *c, const struct session_monitor *m)
{
	const struct weft_ipc_monitor body = {
		.filter = m->filter, .slot = m->slot, .kinds = kinds_of(m->flags)};

	dpc_monitor_set(c->sw->dpc, c->sw->tenant, &body, &m->match, NULL, NULL);
}

struct session_monitor *session_monitor_add(
	struct session_conn *c, const struct session_monitor *like)
{
	struct session_switch *sw = c->sw;
	struct session_monitor *m;

	if (sw->monitor_slots == UINT64_MAX)
		return NULL;
	m = agent_zalloc(sizeof(*m));
	*m = *like;
	m->slot = (unsigned)__builtin_ctzll(~sw->monitor_slots);
	sw->monitor_slots |= 1ull << m->slot;
	LIST_INSERT_HEAD(&c->monitors.list, m, link);
	set(c, m);
	return m;
}

void session_monitor_change(
	struct session_conn *c, struct session_monitor *m, const struct session_monitor *like)
{
	m->flags = like->flags;
	m->filter = like->filter;
	m->match = like->match;
	set(c, m);
}

void session_monitor_remove(struct session_conn *c, struct session_monitor *m)
{
	const struct weft_ipc_id slot = {.id = m->slot};

	dpc_op(c->sw->dpc, WEFT_IPC_MONITOR_DEL, c->sw->tenant, &slot, sizeof(slot), NULL, NULL);
	c->sw->monitor_slots &= ~(1ull << m->slot);
	LIST_REMOVE(m, link);
	free(m);
}

void session_monitors_close(struct session_conn *c)
{
	if (c->monitors.dump)
		dpc_dump_cancel(c->monitors.dump);
	while (!LIST_EMPTY(&c->monitors.list))
		session_monitor_remove(c, LIST_FIRST(&c->monitors.list));
}

void session_monitor_cause(struct session_conn *c, uint32_t xid)
{
	const struct weft_ipc_cause body = {.cause = session_cause(c->number, xid)};

	if (c->sw->monitor_slots)
		dpc_op(c->sw->dpc, WEFT_IPC_CAUSE, c->sw->tenant, &body, sizeof(body), NULL, NULL);
}

// ---- pause and resume

static void pause(struct session_conn *c, const struct weft_ipc_flow_change *change)
{
	struct session_monitors *ms = &c->monitors;

	ms->paused = true;
	ms->since = change->version - 1; // not all of this one is told
	ms->when = change->time_ns;
	session_monitor_send_paused(c, false);
}

// Whether a rule, as it was at `time`, was added after the pause. One that came at about the time
// may be taken for one that was there: its removal is told, although nothing of it was.
static bool came_since(
	const struct session_monitors *ms, const struct dpc_flow *flow, uint64_t time_ns)
{
	return time_ns - flow->stats->duration_ns > ms->when;
}

static struct session_monitor *next_to_resume(struct session_conn *c)
{
	struct session_monitor *m, *found = NULL;

	LIST_FOREACH (m, &c->monitors.list, link)
		if (m->slot >= c->monitors.cursor && (!found || m->slot < found->slot))
			found = m;
	return found;
}

static void on_missed(void *arg, weft_tenant_id tenant, const struct dpc_flow *flow)
{
	struct session_conn *c = arg;
	const struct session_monitor *m = next_to_resume(c);
	// It was dumped a little earlier: at worst a rule that was modified is told as added.
	bool added = came_since(&c->monitors, flow, agent_ns());

	if (m && m->flags & (added ? OFPFMF_ADD : OFPFMF_MODIFY))
		session_monitor_send(c, flow, added ? OFPFME_ADDED : OFPFME_MODIFIED,
			m->flags & OFPFMF_INSTRUCTIONS);
	if (c->stream && session_stream_is_full(c->stream))
		dpc_dump_pause(c->monitors.dump);
}

static void resume(struct session_conn *c);

static void on_resumed(void *arg, enum weft_error error, const char *text)
{
	struct session_conn *c = arg;
	const struct session_monitor *m = next_to_resume(c);

	c->monitors.dump = NULL;
	if (c->sw && !error) {
		if (m)
			c->monitors.cursor = m->slot + 1;
		resume(c);
	}
	session_conn_unref(c);
}

static void resume(struct session_conn *c)
{
	struct session_monitors *ms = &c->monitors;
	const struct session_monitor *m = next_to_resume(c);
	struct weft_flow_filter filter;

	if (!m) {
		ms->paused = ms->resuming = false;
		session_monitor_send_paused(c, true);
		return;
	}
	filter = m->filter;
	filter.since = ms->since;
	ms->dump = dpc_dump_flows(c->sw->dpc, c->sw->tenant, &filter, &m->match, on_missed,
		on_resumed, session_conn_ref(c));
}

void session_monitors_drained(struct session_conn *c)
{
	struct session_monitors *ms = &c->monitors;

	if (ms->dump) {
		dpc_dump_resume(ms->dump);
	} else if (ms->paused && !ms->resuming) {
		ms->resuming = true;
		ms->cursor = 0;
		resume(c);
	}
}

// ---- changes

#define FOUND 0x10000u // beside the flags

static unsigned event_of(uint32_t kind)
{
	if (kind == WEFT_CHANGE_REMOVED)
		return OFPFME_REMOVED;
	return kind == WEFT_CHANGE_MODIFIED ? OFPFME_MODIFIED : OFPFME_ADDED;
}

// What the session's monitors that this is for want, together.
static unsigned wanted(
	const struct session_conn *c, const struct weft_ipc_flow_change *change, bool own)
{
	const struct session_monitor *m;
	unsigned flags = 0;

	LIST_FOREACH (m, &c->monitors.list, link)
		if (change->monitors >> m->slot & 1 && (own || !(m->flags & OFPFMF_ONLY_OWN)))
			flags |= m->flags | FOUND;
	return flags;
}

static void abbreviate(struct session_conn *c, uint64_t cause)
{
	struct session_monitors *ms = &c->monitors;

	if (ms->abbreviated && ms->cause == cause)
		return;
	ms->abbreviated = true;
	ms->cause = cause;
	session_monitor_send_abbrev(c, (uint32_t)cause);
}

static void tell(struct session_conn *c, const struct weft_ipc_flow_change *change,
	const struct dpc_flow *flow)
{
	struct session_monitors *ms = &c->monitors;
	bool own = change->cause >> 32 == c->number;
	bool missing = ms->paused && !ms->resuming;
	unsigned flags = wanted(c, change, own);

	if (!flags)
		return;
	if (missing &&
		(change->kind != WEFT_CHANGE_REMOVED || came_since(ms, flow, change->time_ns)))
		return;
	if (!missing && own && !(flags & (OFPFMF_NO_ABBREV | OFPFMF_ONLY_OWN)))
		abbreviate(c, change->cause);
	else
		session_monitor_send(c, flow, event_of(change->kind), flags & OFPFMF_INSTRUCTIONS);
	if (!ms->paused && session_stream_is_full(c->stream))
		pause(c, change);
}

void session_flow_changed(struct session_switch *sw, const struct weft_ipc_flow_change *change,
	const struct dpc_flow *flow)
{
	struct session_conn *c;

	LIST_FOREACH (c, &sw->conns, link)
		if (session_conn_is_up(c) && !LIST_EMPTY(&c->monitors.list))
			tell(c, change, flow);
}

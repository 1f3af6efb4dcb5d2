// SPDX-License-Identifier: Apache-2.0
#include "ipc/dp_ipc_txn.h"

#include "dp.h"
#include "ipc/dp_ipc.h"
#include "dp_log.h"
#include "dp_rcu.h"
#include "edge/dp_provider.h"
#include "tenants/dp_tenant.h"

#include "flowtable/pages.h"

#include <stdlib.h>
#include <unistd.h>

#define DP_TXN_PAGE 128u // notes
#define DP_TXN_KEEP 8u   // pages that are kept
#define DP_TXN_GRACES 2u
#define DP_TXN_WAIT_US 20u

struct dp_txn {
	struct dp *dp;
	struct dp_tenant *tenants; // whose switches have a transaction open
	bool open;
	bool atomic;
	bool failed;
	bool undoing;
	struct ft_pages pages; // the log: of DP_TXN_PAGE notes each
	uint32_t n;            // notes
	unsigned finished;     // of the log
	bool ports_go;         // some were hidden
	unsigned waited;       // grace periods, for them,
	uint64_t fresh;        // since dp->fresh was that
	uint64_t grace;        // the one under way
};

struct dp_txn *dp_txn_new(struct dp *dp)
{
	struct dp_txn *x = calloc(1, sizeof(*x));

	if (x)
		x->dp = dp;
	return x;
}

void dp_txn_free(struct dp_txn *x)
{
	if (!x)
		return;
	ft_pages_fini(&x->pages);
	free(x);
}

static struct dp_undo *dp_txn_at(const struct dp_txn *x, unsigned i)
{
	return (struct dp_undo *)x->pages.at[i / DP_TXN_PAGE] + i % DP_TXN_PAGE;
}

bool dp_txn_is_open(const struct dp_txn *x)
{
	return x->open;
}

bool dp_txn_is_atomic(const struct dp_txn *x)
{
	return x->open && x->atomic;
}

bool dp_txn_failed(const struct dp_txn *x)
{
	return x->failed;
}

struct dp_undo *dp_txn_note(struct dp_txn *x, bool *oom)
{
	struct dp_undo *u;

	*oom = false;
	if (!x->atomic)
		return NULL;
	if (x->n == x->pages.n * DP_TXN_PAGE &&
		!ft_pages_add(&x->pages, DP_TXN_PAGE * sizeof(*u))) {
		*oom = true;
		return NULL;
	}
	u = dp_txn_at(x, x->n);
	memset(u, 0, sizeof(*u));
	return u;
}

void dp_txn_noted(struct dp_txn *x)
{
	x->ports_go |= dp_txn_at(x, x->n)->type == DP_UNDO_PORT_DEL;
	x->n++;
}

void dp_txn_port_closed(const struct dp_port *port)
{
	if (port->note)
		port->note->port = NULL;
}

bool dp_txn_switch(struct dp_txn *x, struct dp_tenant *t)
{
	if (t->in_txn)
		return true;
	t->in_txn = ft_txn_begin(t->sw);
	if (t->in_txn) {
		t->txn_next = x->tenants;
		x->tenants = t;
	}
	return t->in_txn;
}

void dp_txn_switch_commit(struct dp_txn *x, struct dp_tenant *t)
{
	struct dp_tenant **at = &x->tenants;

	if (!t->in_txn)
		return;
	while (*at != t)
		at = &(*at)->txn_next;
	*at = t->txn_next;
	t->in_txn = false;
	ft_txn_commit(t->sw);
}

static void dp_txn_switches(struct dp_txn *x, void (*end)(struct ft_switch *))
{
	struct dp_tenant *t;

	while ((t = x->tenants)) {
		x->tenants = t->txn_next;
		t->in_txn = false;
		end(t->sw);
	}
}

// Rules of it may be under way in the stream, if this is the configuration's transaction.
static void dp_txn_end_tenant(struct dp *dp, struct dp_tenant *t)
{
	dp_txn_switch_commit(dp_ipc_txn(dp->ipc), t);
	dp_tenant_del(dp, t);
}

static void dp_undo_port_del(struct dp *dp, struct dp_undo *u)
{
	char why[100] = "";
	enum weft_error e;

	if (u->port) {
		u->port->note = NULL;
		dp_port_hide(dp, u->port, false);
		return;
	}
	e = dp_port_add(dp, &u->port_cfg, u->tenant, why, NULL);
	if (e)
		DP_LOG(ERR, "port %s could not be opened again: %s %s", u->port_cfg.name,
			weft_error_text(e), why);
}

static void dp_undo_nexthop(struct dp *dp, struct dp_undo *u)
{
	if (u->nexthop.flags == UINT32_MAX)
		dp_nexthop_del(dp, &u->nexthop.vtep, u->nexthop.path);
	else
		dp_nexthop_put(dp, &u->nexthop); // as it was, be its uplink there or not
}

// Taken away first in any case: what was learned does not take a static entry's place.
static void dp_undo_fdb(struct dp_undo *u)
{
	ft_fdb_del(u->tenant->sw, &u->fdb.mac, u->fdb.vlan);
	if (u->fdb.ofport)
		ft_fdb_add(u->tenant->sw, &u->fdb);
}

// Likewise.
static void dp_undo_neigh(struct dp *dp, struct dp_undo *u)
{
	dp_neigh_del(dp, u->tenant->neighs, &u->neigh.ip, u->neigh.vlan);
	if (u->neigh.flags != UINT32_MAX)
		dp_neigh_add(dp, u->tenant->neighs, &u->neigh, DP_NEIGH_MAX);
}

static void dp_undo_table(const struct dp_undo *u)
{
	const struct weft_table_mod mod = {
		.table = u->table.table,
		.set = WEFT_TABLE_SET_EVICTION | WEFT_TABLE_SET_VACANCY | WEFT_TABLE_SET_EGRESS,
		.eviction = u->table.eviction,
		.vacancy = u->table.vacancy,
		.vacancy_down = u->table.vacancy_down,
		.vacancy_up = u->table.vacancy_up,
		.first_egress = (u->table.role & WEFT_TABLE_FIRST_EGRESS) != 0,
	};

	if (ft_table_mod(u->tenant->sw, &mod))
		DP_LOG(ERR, "table %u: not as it was before the transaction", mod.table);
}

static void dp_undo_provider(struct dp *dp, struct dp_undo *u)
{
	char why[100] = "";

	if (dp_provider_set(dp, u->tenant, u->provider, why))
		DP_LOG(ERR, "provider %s: not as it was before the transaction: %s",
			u->tenant->cfg.name, why);
	free(u->provider);
}

// By its id: the port may have been removed since, and made again when that was undone.
static void dp_undo_port_mod(struct dp *dp, struct dp_undo *u)
{
	struct dp_port *port = dp_port_find(dp, u->port_cfg.id);
	struct weft_ipc_port_mod mod = {.config = u->port_cfg.config, .mask = UINT32_MAX};

	if (!port)
		return;
	mod.mac = port->mac;
	dp_port_mod(dp, port, &mod);
}

static void dp_undo(struct dp *dp, struct dp_undo *u)
{
	struct dp_port *port;
	char why[100];

	switch (u->type) {
	case DP_UNDO_HOST:
		dp_host_set(dp, &u->host, why);
		return;
	case DP_UNDO_TENANT_ADD:
		dp_txn_end_tenant(dp, u->tenant);
		return;
	case DP_UNDO_TENANT_SET:
		dp_tenant_set(dp, u->tenant, &u->tenant_cfg, why);
		return;
	case DP_UNDO_TENANT_DEL:
		dp_tenant_hide(dp, u->tenant, false);
		return;
	case DP_UNDO_PORT_ADD:
		port = dp_port_find(dp, u->port_cfg.id);
		if (port)
			dp_port_del(dp, port);
		return;
	case DP_UNDO_PORT_DEL:
		dp_undo_port_del(dp, u);
		return;
	case DP_UNDO_PORT_MOD:
		dp_undo_port_mod(dp, u);
		return;
	case DP_UNDO_VTEP_ADD:
		dp_tenant_vtep_del(u->tenant, &u->vtep.ip, NULL);
		return;
	case DP_UNDO_VTEP_DEL:
		dp_tenant_vtep_add(u->tenant, &u->vtep);
		return;
	case DP_UNDO_NEXTHOP:
		dp_undo_nexthop(dp, u);
		return;
	case DP_UNDO_PORT_SET:
		port = dp_port_find(dp, u->port_cfg.id);
		if (port)
			dp_port_set_limits(dp, port, &u->port_cfg.limits);
		return;
	case DP_UNDO_PORT_MEMBERS:
		port = dp_port_find(dp, u->port_cfg.id);
		if (port && dp_port_set_members(dp, port, u->port_cfg.device, why))
			DP_LOG(ERR, "bond %s: not as it was: %s", port->cfg.name, why);
		return;
	case DP_UNDO_NEIGH:
		dp_undo_neigh(dp, u);
		return;
	case DP_UNDO_FDB:
		dp_undo_fdb(u);
		return;
	case DP_UNDO_TABLE:
		dp_undo_table(u);
		return;
	case DP_UNDO_PROVIDER:
		dp_undo_provider(dp, u);
		return;
	}
}

bool dp_txn_undo_some(struct dp_txn *x)
{
	uint64_t until = dp_now_ns() + DP_STEP_NS;

	if (!x->undoing)
		return false;
	dp_txn_switches(x, ft_txn_abort);
	while (x->n) {
		dp_undo(x->dp, dp_txn_at(x, --x->n));
		if (dp_now_ns() >= until)
			return true;
	}
	x->undoing = dp_tenants_refresh_some(x->dp, until);
	return x->undoing;
}

// The ports that go were hidden when that was asked for, so all of them wait for the same two grace
// periods (dp_port_del()). True: not yet.
static bool dp_txn_waits(struct dp_txn *x)
{
	while (x->ports_go && x->waited < DP_TXN_GRACES) {
		if (!x->grace && !x->waited)
			x->fresh = x->dp->fresh;
		if (!x->grace)
			x->grace = dp_rcu_begin(x->dp->rcu);
		if (!dp_rcu_ended(x->dp->rcu, x->grace)) {
			usleep(DP_TXN_WAIT_US); // a worker may want this core
			return true;
		}
		x->grace = 0;
		x->waited++;
	}
	return false;
}

// What was hidden goes now. True: there is more.
static bool dp_txn_finish_some(struct dp_txn *x, uint64_t until)
{
	if (dp_txn_waits(x))
		return true;
	while (x->finished < x->n) {
		struct dp_undo *u = dp_txn_at(x, x->finished++);

		if (u->type == DP_UNDO_PORT_DEL && u->port)
			dp_port_close(x->dp, u->port, x->fresh);
		else if (u->type == DP_UNDO_TENANT_DEL)
			dp_txn_end_tenant(x->dp, u->tenant);
		else if (u->type == DP_UNDO_PROVIDER)
			free(u->provider);
		if (dp_now_ns() >= until)
			return true;
	}
	x->n = x->finished = x->waited = 0;
	return false;
}

// Packets meet all of it or nothing. True: there is more.
static bool dp_txn_complete_some(struct dp_txn *x, uint64_t until)
{
	for (struct dp_tenant *t = x->tenants; t; t = t->txn_next)
		while (ft_txn_complete_some(t->sw))
			if (dp_now_ns() >= until)
				return true;
	return false;
}

// The VTEPs first: rules may name those that have just come. The stream waits for those of tenants
// that it was about, not for all that lead by another way now, or that a configuration has changed
// which is staged beside it: others stand behind it. These come to their turns by themselves.
static bool dp_txn_refresh_some(struct dp_txn *x, uint64_t until)
{
	bool more = dp_tenants_refresh_some(x->dp, until);

	return more && (x != dp_ipc_txn(x->dp->ipc) || x->dp->stale_awaited);
}

enum weft_error dp_txn_begin(struct dp_txn *x, const struct weft_ipc_begin *b)
{
	if (x->open)
		return WEFT_E_STATE;
	if (b->flags & ~WEFT_TXN_ATOMIC)
		return WEFT_E_BAD_FLAGS;
	x->open = true;
	x->atomic = b->flags & WEFT_TXN_ATOMIC;
	x->failed = false;
	return WEFT_E_NONE;
}

void dp_txn_fail(struct dp_txn *x)
{
	if (!x->atomic)
		return;
	x->failed = x->undoing = true;
	dp_txn_undo_some(x);
}

void dp_txn_abort(struct dp_txn *x)
{
	if (x->open && !x->failed)
		dp_txn_fail(x);
}

bool dp_txn_commit_some(struct dp_txn *x, enum weft_error *e)
{
	uint64_t until = dp_now_ns() + DP_STEP_NS;

	*e = x->open && !x->failed ? WEFT_E_NONE : WEFT_E_STATE;
	if (!x->open)
		return false;
	if (dp_txn_undo_some(x))
		return true;
	if (!x->failed) {
		if (!x->finished && !x->waited && dp_txn_refresh_some(x, until))
			return true;
		if (x->atomic && dp_txn_complete_some(x, until))
			return true;
		dp_txn_switches(x, ft_txn_commit);
		if (dp_txn_finish_some(x, until))
			return true;
	}
	x->open = x->atomic = x->failed = x->ports_go = false;
	ft_pages_trim(&x->pages, DP_TXN_KEEP);
	return false;
}

void dp_txn_desert(struct dp_txn *x)
{
	bool published = x->finished || x->waited || x->grace;

	if (x->open && x->atomic && !published)
		dp_txn_abort(x);
}

void dp_txn_abandon(struct dp_txn *x)
{
	enum weft_error e;

	dp_txn_desert(x);
	while (dp_txn_commit_some(x, &e))
		;
}

// SPDX-License-Identifier: Apache-2.0
// Operations, one function each. Each either does what it says and notes how to undo it, or changes
// nothing and returns why.

#include "ipc/dp_ipc.h"

#include "dp.h"
#include "ipc/dp_ipc_txn.h"
#include "edge/dp_provider.h"
#include "tenants/dp_punt.h"
#include "tenants/dp_tenant.h"
#include "dp_worker.h"

#include <stdio.h>
#include <stdlib.h>

struct dp_op {
	struct dp *dp;
	struct dp_txn *txn;
	const struct dp_ipc_request *r;
	struct dp_tenant *tenant; // of the header; NULL: none, or no such
	struct dp_undo *undo;     // NULL: not in an atomic transaction
	struct ft_flow_steps *steps;
	char *why; // 100 bytes
};

typedef enum weft_error dp_op_fn(struct dp_op *op);

#define DP_OP_STEP 4096u // rules that one flow-mod looks at before others get a turn

static enum weft_error dp_op_noted(struct dp_op *op, enum dp_undo_type type)
{
	if (op->undo) {
		op->undo->type = type;
		op->undo->tenant = op->tenant;
		dp_txn_noted(op->txn);
	}
	return WEFT_E_NONE;
}

static enum weft_error dp_op_host_set(struct dp_op *op)
{
	struct weft_ipc_host was = op->dp->host;
	enum weft_error e = dp_host_set(op->dp, op->r->body, op->why);

	if (!e && op->undo)
		op->undo->host = was;
	return e ? e : dp_op_noted(op, DP_UNDO_HOST);
}

static enum weft_error dp_op_tenant_add(struct dp_op *op)
{
	enum weft_error e = dp_tenant_add(op->dp, op->r->hdr.tenant, op->r->body, op->why);

	op->tenant = dp_tenant_find(op->dp, op->r->hdr.tenant);
	return e ? e : dp_op_noted(op, DP_UNDO_TENANT_ADD);
}

static enum weft_error dp_op_tenant_set(struct dp_op *op)
{
	struct weft_ipc_tenant was = op->tenant->cfg;
	enum weft_error e = dp_tenant_set(op->dp, op->tenant, op->r->body, op->why);

	if (!e && op->undo)
		op->undo->tenant_cfg = was;
	return e ? e : dp_op_noted(op, DP_UNDO_TENANT_SET);
}

static enum weft_error dp_op_tenant_del(struct dp_op *op)
{
	enum weft_error e = dp_tenant_can_go(op->tenant);

	if (e)
		return e;
	if (op->undo) {
		dp_tenant_hide(op->dp, op->tenant, true);
		return dp_op_noted(op, DP_UNDO_TENANT_DEL);
	}
	dp_txn_switch_commit(op->txn, op->tenant);
	dp_tenant_del(op->dp, op->tenant);
	return WEFT_E_NONE;
}

// A transaction that replaces ports: what they hold must be given up before it can be taken.
static void dp_op_close_hidden(struct dp_op *op, const struct weft_ipc_port *cfg)
{
	struct dp_port *hidden;

	while ((hidden = dp_port_find_hidden_device(op->dp, cfg))) {
		dp_txn_port_closed(hidden);
		dp_port_del(op->dp, hidden);
	}
}

static enum weft_error dp_op_port_add(struct dp_op *op)
{
	const struct weft_ipc_port *cfg = op->r->body;
	enum weft_error e;

	if (cfg->ofport && !op->tenant)
		return WEFT_E_NO_TENANT;
	dp_op_close_hidden(op, cfg);
	e = dp_port_add(op->dp, cfg, cfg->ofport ? op->tenant : NULL, op->why, NULL);
	if (!e && op->undo)
		op->undo->port_cfg = *cfg;
	return e ? e : dp_op_noted(op, DP_UNDO_PORT_ADD);
}

static enum weft_error dp_op_port_del(struct dp_op *op)
{
	const struct weft_ipc_port_ref *ref = op->r->body;
	struct dp_port *port = dp_port_find(op->dp, ref->id);

	if (!port)
		return WEFT_E_NO_PORT;
	if (!op->undo) {
		dp_port_del(op->dp, port);
		return WEFT_E_NONE;
	}
	op->undo->port = port;
	port->note = op->undo;
	op->undo->port_cfg = port->cfg;
	op->tenant = port->role == DP_LOCAL ? port->tenant : NULL;
	dp_port_hide(op->dp, port, true);
	return dp_op_noted(op, DP_UNDO_PORT_DEL);
}

static enum weft_error dp_op_port_mod(struct dp_op *op)
{
	const struct weft_ipc_port_mod *mod = op->r->body;
	struct dp_port *port = dp_port_find_ofport(op->dp, op->tenant, mod->ofport);
	struct weft_ipc_port was;
	enum weft_error e;

	if (!port)
		return WEFT_E_NO_PORT;
	was = port->cfg;
	e = dp_port_mod(op->dp, port, mod);
	if (!e && op->undo)
		op->undo->port_cfg = was;
	return e ? e : dp_op_noted(op, DP_UNDO_PORT_MOD);
}

static enum weft_error dp_op_vtep_add(struct dp_op *op)
{
	const struct weft_ipc_vtep *v = op->r->body;
	enum weft_error e = dp_tenant_vtep_add(op->tenant, v);

	if (!e && op->undo)
		op->undo->vtep = *v;
	return e ? e : dp_op_noted(op, DP_UNDO_VTEP_ADD);
}

static enum weft_error dp_op_vtep_del(struct dp_op *op)
{
	const struct weft_ipc_vtep *v = op->r->body;
	enum weft_error e =
		dp_tenant_vtep_del(op->tenant, &v->ip, op->undo ? &op->undo->vtep : NULL);

	if (!e)
		ft_fdb_flush_vtep(op->tenant->sw, &v->ip); // undone, they are learned again
	return e ? e : dp_op_noted(op, DP_UNDO_VTEP_DEL);
}

static enum weft_error dp_op_provider_set(struct dp_op *op)
{
	struct dp_provider *p = op->tenant->provider;
	struct weft_ipc_provider *was = NULL;
	enum weft_error e;

	if (op->undo && p) {
		was = malloc(sizeof(*was));
		if (!was)
			return WEFT_E_NO_MEMORY;
		*was = *p->cfg;
	}
	e = dp_provider_set(op->dp, op->tenant, op->r->body, op->why);
	if (!e && op->undo)
		op->undo->provider = was;
	else
		free(was);
	return e ? e : dp_op_noted(op, DP_UNDO_PROVIDER);
}

static void dp_op_nexthop_was(
	struct dp_op *op, const struct weft_ipc_nexthop *now, struct weft_ipc_nexthop *was)
{
	const struct dp_nexthop *h = dp_nexthop_find(op->dp, &now->vtep, now->path);

	if (h)
		*was = h->cfg;
	else
		*was = (struct weft_ipc_nexthop){
			.vtep = now->vtep, .path = now->path, .flags = UINT32_MAX};
}

static enum weft_error dp_op_nexthop(struct dp_op *op)
{
	const struct weft_ipc_nexthop *h = op->r->body;
	struct weft_ipc_nexthop was;
	enum weft_error e;

	dp_op_nexthop_was(op, h, &was);
	if (op->r->hdr.type == WEFT_IPC_NEXTHOP_SET)
		e = dp_nexthop_set(op->dp, h, op->why);
	else
		e = dp_nexthop_del(op->dp, &h->vtep, h->path);
	if (!e && op->undo)
		op->undo->nexthop = was;
	return e ? e : dp_op_noted(op, DP_UNDO_NEXTHOP);
}

static enum weft_error dp_op_fdb(struct dp_op *op)
{
	const struct weft_ipc_fdb *f = op->r->body;
	struct weft_ipc_fdb was = {.mac = f->mac, .vlan = f->vlan}, entry = *f;
	enum weft_error e;

	if (op->undo &&
		ft_fdb_get(op->tenant->sw, &f->mac, f->vlan, &was)) // else ofport 0: nothing
		was.flags &= ~WEFT_FDB_HELD;
	entry.flags |= WEFT_FDB_STATIC;
	if (op->r->hdr.type == WEFT_IPC_FDB_ADD)
		e = ft_fdb_add(op->tenant->sw, &entry);
	else
		e = ft_fdb_del(op->tenant->sw, &f->mac, f->vlan);
	if (!e && op->undo)
		op->undo->fdb = was;
	return e ? e : dp_op_noted(op, DP_UNDO_FDB);
}

static enum weft_error dp_op_port_set(struct dp_op *op)
{
	const struct weft_ipc_port_set *set = op->r->body;
	struct dp_port *port = dp_port_find(op->dp, set->id);
	struct weft_ipc_port was;
	enum weft_error e;

	if (!port)
		return WEFT_E_NO_PORT;
	was = port->cfg;
	e = dp_port_set_limits(op->dp, port, &set->limits);
	if (!e && op->undo)
		op->undo->port_cfg = was;
	return e ? e : dp_op_noted(op, DP_UNDO_PORT_SET);
}

static enum weft_error dp_op_port_members(struct dp_op *op)
{
	const struct weft_ipc_port_members *m = op->r->body;
	struct dp_port *port = dp_port_find(op->dp, m->id);
	struct weft_ipc_port was;
	enum weft_error e;

	if (!port)
		return WEFT_E_NO_PORT;
	was = port->cfg;
	e = dp_port_set_members(op->dp, port, m->device, op->why);
	if (!e && op->undo)
		op->undo->port_cfg = was;
	return e ? e : dp_op_noted(op, DP_UNDO_PORT_MEMBERS);
}

static enum weft_error dp_op_neigh(struct dp_op *op)
{
	struct weft_ipc_neigh n = *(const struct weft_ipc_neigh *)op->r->body;
	struct dp_neigh *table = op->tenant->neighs;
	const struct weft_ipc_neigh *old = dp_neigh_find(table, &n.ip, n.vlan);
	struct weft_ipc_neigh was = {.ip = n.ip, .vlan = n.vlan, .flags = UINT32_MAX};
	enum weft_error e;

	if (old)
		was = *old;
	n.flags |= WEFT_NEIGH_STATIC;
	if (op->r->hdr.type == WEFT_IPC_NEIGH_ADD)
		e = dp_neigh_add(op->dp, table, &n, op->tenant->cfg.max_fdb);
	else
		e = dp_neigh_del(op->dp, table, &n.ip, n.vlan);
	if (!e && op->undo)
		op->undo->neigh = was;
	return e ? e : dp_op_noted(op, DP_UNDO_NEIGH);
}

static enum weft_error dp_op_fdb_flush(struct dp_op *op)
{
	ft_fdb_flush(op->tenant->sw);
	return WEFT_E_NONE;
}

enum weft_error dp_ipc_op_rules(struct dp_tenant *t, const struct dp_ipc_request *r)
{
	static const struct weft_instructions none;

	switch (r->hdr.type) {
	case WEFT_IPC_CAUSE:
		ft_cause(t->sw, ((const struct weft_ipc_cause *)r->body)->cause);
		return WEFT_E_NONE;
	case WEFT_IPC_FLOW_MOD:
		return ft_flow_mod(
			t->sw, r->body, &r->match, r->instructions ? r->instructions : &none);
	case WEFT_IPC_GROUP_MOD:
		return ft_group_mod(t->sw, r->body, r->tail, r->tail_len);
	case WEFT_IPC_METER_MOD:
		return ft_meter_mod(t->sw, r->body, r->tail);
	default:
		return WEFT_E_UNSUPPORTED;
	}
}

static enum weft_error dp_op_rules(struct dp_op *op)
{
	enum weft_error e;

	if (op->tenant->stage)
		return WEFT_E_IN_USE;
	if (!dp_txn_switch(op->txn, op->tenant))
		return WEFT_E_NO_MEMORY;
	if (op->r->hdr.type != WEFT_IPC_FLOW_MOD)
		return dp_ipc_op_rules(op->tenant, op->r);
	return ft_flow_mod_some(op->tenant->sw, op->r->body, &op->r->match, op->r->instructions,
		       DP_OP_STEP, op->steps, &e)
		       ? DP_IPC_AGAIN
		       : e;
}

// One table, in the log as it was.
static enum weft_error dp_op_table_set(struct dp_op *op, const struct weft_table_mod *mod)
{
	struct weft_table_desc was;
	enum weft_error e;
	bool oom;

	op->undo = dp_txn_note(op->txn, &oom);
	if (oom)
		return WEFT_E_NO_MEMORY;
	ft_table_describe(op->tenant->sw, mod->table, &was);
	e = ft_table_mod(op->tenant->sw, mod);
	if (e)
		return e;
	if (op->undo)
		op->undo->table = was;
	return dp_op_noted(op, DP_UNDO_TABLE);
}

static enum weft_error dp_op_table_mod(struct dp_op *op)
{
	struct weft_table_mod mod = *(const struct weft_table_mod *)op->r->body;
	enum weft_error e = WEFT_E_NONE;

	if (mod.table != WEFT_TABLE_ALL)
		return mod.table < WEFT_TABLES ? dp_op_table_set(op, &mod) : WEFT_E_TABLE_UNKNOWN;
	if (mod.set & WEFT_TABLE_SET_EGRESS)
		return WEFT_E_TABLE_UNKNOWN;
	for (mod.table = 0; mod.table < WEFT_TABLES && !e; mod.table++)
		e = dp_op_table_set(op, &mod);
	return e;
}

static enum weft_error dp_op_cause(struct dp_op *op)
{
	const struct weft_ipc_cause *c = op->r->body;

	ft_cause(op->tenant->sw, c->cause);
	return WEFT_E_NONE;
}

static enum weft_error dp_op_monitor_set(struct dp_op *op)
{
	const struct weft_ipc_monitor *m = op->r->body;

	return ft_monitor_set(op->tenant->sw, m->slot, &m->filter, &op->r->match, m->kinds);
}

static enum weft_error dp_op_monitor_del(struct dp_op *op)
{
	const struct weft_ipc_id *id = op->r->body;

	ft_monitor_clear(op->tenant->sw, id->id);
	return WEFT_E_NONE;
}

static const struct {
	dp_op_fn *fn;
	bool needs_tenant;
} dp_ops[] = {
	[WEFT_IPC_HOST_SET] = {dp_op_host_set, false},
	[WEFT_IPC_TENANT_ADD] = {dp_op_tenant_add, false},
	[WEFT_IPC_TENANT_SET] = {dp_op_tenant_set, true},
	[WEFT_IPC_TENANT_DEL] = {dp_op_tenant_del, true},
	[WEFT_IPC_PORT_ADD] = {dp_op_port_add, false},
	[WEFT_IPC_PORT_DEL] = {dp_op_port_del, false},
	[WEFT_IPC_PORT_MOD] = {dp_op_port_mod, true},
	[WEFT_IPC_VTEP_ADD] = {dp_op_vtep_add, true},
	[WEFT_IPC_VTEP_DEL] = {dp_op_vtep_del, true},
	[WEFT_IPC_NEXTHOP_SET] = {dp_op_nexthop, false},
	[WEFT_IPC_NEXTHOP_DEL] = {dp_op_nexthop, false},
	[WEFT_IPC_FDB_ADD] = {dp_op_fdb, true},
	[WEFT_IPC_FDB_DEL] = {dp_op_fdb, true},
	[WEFT_IPC_FDB_FLUSH] = {dp_op_fdb_flush, true},
	[WEFT_IPC_PORT_SET] = {dp_op_port_set, false},
	[WEFT_IPC_PORT_MEMBERS] = {dp_op_port_members, false},
	[WEFT_IPC_NEIGH_ADD] = {dp_op_neigh, true},
	[WEFT_IPC_NEIGH_DEL] = {dp_op_neigh, true},
	[WEFT_IPC_CAUSE] = {dp_op_cause, true},
	[WEFT_IPC_MONITOR_SET] = {dp_op_monitor_set, true},
	[WEFT_IPC_MONITOR_DEL] = {dp_op_monitor_del, true},
	[WEFT_IPC_FLOW_MOD] = {dp_op_rules, true},
	[WEFT_IPC_GROUP_MOD] = {dp_op_rules, true},
	[WEFT_IPC_METER_MOD] = {dp_op_rules, true},
	[WEFT_IPC_TABLE_MOD] = {dp_op_table_mod, true},
	[WEFT_IPC_PROVIDER_SET] = {dp_op_provider_set, true},
};

enum weft_error dp_ipc_op(struct dp *dp, struct dp_txn *txn, const struct dp_ipc_request *r,
	struct ft_flow_steps *steps, char why[static 100])
{
	struct dp_op op = {.dp = dp, .txn = txn, .r = r, .steps = steps, .why = why};
	unsigned type = r->hdr.type;
	enum weft_error e;
	bool oom;

	if (type >= RTE_DIM(dp_ops) || !dp_ops[type].fn)
		return WEFT_E_UNSUPPORTED;
	op.tenant = dp_tenant_find(dp, r->hdr.tenant);
	if (dp_ops[type].needs_tenant && !op.tenant)
		return WEFT_E_NO_TENANT;
	op.undo = dp_txn_note(txn, &oom);
	if (oom)
		return WEFT_E_NO_MEMORY;
	e = dp_ops[type].fn(&op);
	if (!e && op.tenant && type != WEFT_IPC_TENANT_DEL && txn == dp_ipc_txn(dp->ipc))
		dp_tenant_await(op.tenant);
	return e;
}

static struct dp_packet_out *dp_packet_out_new(
	struct dp *dp, struct dp_tenant *t, const struct dp_ipc_request *r)
{
	const struct weft_ipc_packet_out *body = r->body;
	struct dp_packet_out *po = malloc(sizeof(*po) + r->tail_len + r->continuation_len);
	char *data;

	if (!po)
		return NULL;
	*po = (struct dp_packet_out){.tenant = t,
		.in_port = r->continuation ? 0 : body->in_port,
		.actions_len = r->tail_len,
		.continuation_len = r->continuation_len};
	memcpy(po->tail, r->tail, r->tail_len);
	if (r->continuation)
		memcpy((char *)po->tail + r->tail_len, r->continuation, r->continuation_len);
	po->frame = rte_pktmbuf_alloc(dp->pool);
	data = po->frame && r->frame_len <= UINT16_MAX
		       ? rte_pktmbuf_append(po->frame, (uint16_t)r->frame_len)
		       : NULL;
	if (!data) {
		rte_pktmbuf_free(po->frame);
		free(po);
		return NULL;
	}
	memcpy(data, r->frame, r->frame_len);
	return po;
}

enum weft_error dp_ipc_packet_out_check(
	struct dp *dp, struct dp_tenant *t, const struct dp_ipc_request *r, char why[static 100])
{
	enum weft_error e = r->continuation
				    ? ft_resume_check(t->sw, r->continuation, r->tail, r->tail_len)
				    : ft_actions_check(t->sw, r->tail, r->tail_len);

	if (e)
		return e;
	if (r->frame_len < RTE_ETHER_HDR_LEN || r->frame_len > dp->opt.max_frame) {
		snprintf(why, 100, "frame of %u bytes: want %u to %u", r->frame_len,
			RTE_ETHER_HDR_LEN, dp->opt.max_frame);
		return WEFT_E_MALFORMED;
	}
	return WEFT_E_NONE;
}

enum weft_error dp_ipc_packet_out(
	struct dp *dp, const struct dp_ipc_request *r, char why[static 100])
{
	struct dp_tenant *t = dp_tenant_find(dp, r->hdr.tenant);
	struct dp_packet_out *po;
	struct dp_drops *drops = dp_punt_drops(dp->punt);
	enum weft_error e;

	if (!t)
		return WEFT_E_NO_TENANT;
	e = dp_ipc_packet_out_check(dp, t, r, why);
	if (e)
		return e;
	dp_count(&t->counters[dp_control(dp)].received, 1);
	po = dp_packet_out_new(dp, t, r);
	if (!po) {
		dp_drop(drops, t, NULL, WEFT_DROP_NO_BUFFER, NULL);
		return WEFT_E_NO_MEMORY;
	}
	if (!dp_worker_packet_out(dp, po)) {
		dp_drop(drops, t, po->frame, WEFT_DROP_TX_RING_FULL, NULL);
		free(po);
		snprintf(why, 100, "too many packet-outs wait");
		return WEFT_E_STATE;
	}
	return WEFT_E_NONE;
}

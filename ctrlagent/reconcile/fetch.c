// SPDX-License-Identifier: Apache-2.0
#include "reconcile/model.h"

struct fetch {
	struct model *model;
	unsigned waiting; // dumps that have not ended
	enum weft_error error;
	char text[112];
	model_fetched_fn done;
	void *arg;
};

// Strings of the data plane end by its own word; here they are made to.
static void terminate(char *name)
{
	name[WEFT_NAME_MAX] = 0;
}

static void on_host(void *arg, weft_tenant_id none, const void *body, size_t len)
{
	struct weft_ipc_host *host = &((struct fetch *)arg)->model->host;

	memcpy(host, body, sizeof(*host));
	terminate(host->name);
}

static void on_tenant(void *arg, weft_tenant_id id, const void *body, size_t len)
{
	struct model_tenant t = {.id = id};

	memcpy(&t.set, body, sizeof(t.set));
	terminate(t.set.name);
	model_add_tenant(((struct fetch *)arg)->model, &t);
}

static void on_port(void *arg, weft_tenant_id tenant, const void *body, size_t len)
{
	struct weft_ipc_port_status status;

	memcpy(&status, body, sizeof(status));
	terminate(status.port.name);
	status.port.device[WEFT_DEVICE_MAX] = 0;
	if (status.port.ofport == WEFT_OFPORT_OVERLAY) { // nobody makes or removes it
		if (status.state & WEFT_PORT_LINK_DOWN)
			model_add_overlay_down(((struct fetch *)arg)->model, tenant);
		return;
	}
	model_add_port(((struct fetch *)arg)->model, &(struct model_port){tenant, status});
}

static void on_vtep(void *arg, weft_tenant_id tenant, const void *body, size_t len)
{
	struct weft_ipc_vtep v;

	memcpy(&v, body, sizeof(v));
	model_add_vtep(((struct fetch *)arg)->model, &(struct model_vtep){tenant, v.ip, v.flags});
}

static void on_provider(void *arg, weft_tenant_id tenant, const void *body, size_t len)
{
	struct model_provider p = {.tenant = tenant};

	memcpy(&p.set, body, sizeof(p.set));
	model_add_provider(((struct fetch *)arg)->model, &p);
}

static void on_fdb(void *arg, weft_tenant_id tenant, const void *body, size_t len)
{
	struct weft_ipc_fdb entry;

	memcpy(&entry, body, sizeof(entry));
	if (!(entry.flags & WEFT_FDB_CONFIG))
		return; // learned, or an operator's
	entry.age_s = 0;
	model_add_fdb(((struct fetch *)arg)->model, &(struct model_fdb){tenant, entry});
}

static void on_neigh(void *arg, weft_tenant_id tenant, const void *body, size_t len)
{
	struct weft_ipc_neigh entry;

	memcpy(&entry, body, sizeof(entry));
	if (!(entry.flags & WEFT_NEIGH_STATIC))
		return; // learned
	entry.flags = WEFT_NEIGH_STATIC;
	model_add_neigh(((struct fetch *)arg)->model, &(struct model_neigh){tenant, entry});
}

static void on_nexthop(void *arg, weft_tenant_id tenant, const void *body, size_t len)
{
	struct weft_ipc_nexthop *n = vec_new(&((struct fetch *)arg)->model->nexthops);

	memcpy(n, body, sizeof(*n));
	n->learned_mtu = 0; // not ours to say
}

static void on_end(void *arg, enum weft_error error, const char *text)
{
	struct fetch *f = arg;

	if (error && !f->error) {
		f->error = error;
		strncpy(f->text, text, sizeof(f->text) - 1);
	}
	if (--f->waiting)
		return;
	if (f->error) {
		model_free(f->model);
		free(f->model);
		f->model = NULL;
	}
	f->done(f->arg, f->model, f->error, f->text);
	free(f);
}

void model_fetch(struct dpc *dpc, model_fetched_fn done, void *arg)
{
	static const struct {
		enum weft_ipc_type type;
		dpc_item_fn item;
	} dumps[] = {
		{WEFT_IPC_DUMP_HOST, on_host},
		{WEFT_IPC_DUMP_TENANTS, on_tenant},
		{WEFT_IPC_DUMP_PORTS, on_port},
		{WEFT_IPC_DUMP_VTEPS, on_vtep},
		{WEFT_IPC_DUMP_PROVIDERS, on_provider},
		{WEFT_IPC_DUMP_FDB, on_fdb},
		{WEFT_IPC_DUMP_NEIGHS, on_neigh},
		{WEFT_IPC_DUMP_NEXTHOPS, on_nexthop},
	};
	struct fetch *f = agent_zalloc(sizeof(*f));

	f->model = agent_zalloc(sizeof(*f->model));
	f->done = done;
	f->arg = arg;
	f->waiting = sizeof(dumps) / sizeof(dumps[0]);
	for (size_t i = 0; i < sizeof(dumps) / sizeof(dumps[0]); i++)
		dpc_dump(dpc, dumps[i].type, 0, NULL, 0, dumps[i].item, on_end, f);
}

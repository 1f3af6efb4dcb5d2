// SPDX-License-Identifier: Apache-2.0
#pragma once
// What a data plane holds, apart from rules: as read back from it (model_fetch), or as a
// configuration wants it (model_desire). The difference of two models is a plan (plan.h).
//
// Names are identity: the tenant "red" of the configuration is the tenant of that name in the data
// plane, whatever its id; a port is named within its tenant. So an agent that starts anew finds its
// own work again. Ids are given here, go only upwards, and are never used twice while this data
// plane runs: they start above all that it has and above the host's uptime in seconds, so that an
// agent which did not see an id come and go will hardly give it again.

#include "config/config.h"
#include "dpclient/dpclient.h"
#include "finder.h"
#include "vec.h"

struct model_tenant {
	weft_tenant_id id;
	struct weft_ipc_tenant set;
};

struct model_port {
	weft_tenant_id tenant;              // 0: an uplink
	struct weft_ipc_port_status status; // desired: only status.port
};

struct model_vtep {
	weft_tenant_id tenant;
	struct weft_ip ip;
	uint32_t flags; // WEFT_VTEP_*: one that was learned is another than one that was not
};

struct model_provider {
	weft_tenant_id tenant;
	struct weft_ipc_provider set;
};

struct model_fdb {
	weft_tenant_id tenant;
	struct weft_ipc_fdb entry; // those of the configuration (WEFT_FDB_CONFIG)
};

struct model_neigh {
	weft_tenant_id tenant;
	struct weft_ipc_neigh entry; // those of the configuration (WEFT_NEIGH_STATIC)
};

// Whatever has a finder comes and goes by model_add_*() and model_remove_*() alone.
struct model {
	struct weft_ipc_host host; // without a name: the data plane was never told
	VEC(struct model_tenant) tenants;
	VEC(struct model_port) ports;
	VEC(struct model_vtep) vteps;
	VEC(struct model_provider) providers;
	VEC(struct model_fdb) fdb;
	VEC(struct model_neigh) neighs;
	VEC(struct weft_ipc_nexthop) nexthops;
	VEC(weft_tenant_id) overlays_down; // tenants whose VTEPs are all down, as BFD says
	struct finder tenant_ids, tenant_names;
	struct finder port_ids, port_names, port_numbers, tenants_ports;
	struct finder vtep_ips, vtep_names, tenants_vteps;
	struct finder provider_tenants, fdb_entries, neigh_entries, overlays;
};

struct model_ids {
	weft_tenant_id next_tenant;
	weft_port_id next_port;
};

void model_free(struct model *m); // the contents

void model_add_tenant(struct model *m, const struct model_tenant *t);
void model_add_port(struct model *m, const struct model_port *p);
void model_add_vtep(struct model *m, const struct model_vtep *v);
void model_add_provider(struct model *m, const struct model_provider *p);
void model_add_fdb(struct model *m, const struct model_fdb *f);
void model_add_neigh(struct model *m, const struct model_neigh *n);
void model_add_overlay_down(struct model *m, weft_tenant_id tenant);

// The last one moves to its place.
void model_remove_port(struct model *m, struct model_port *p);
void model_remove_fdb(struct model *m, struct model_fdb *f);
void model_remove_vtep(struct model *m, const struct model_vtep *v); // one that is like it, if any

// What the data plane says of a port that comes, goes or changes, or of a tenant's overlay.
void model_hear_port(
	struct model *m, weft_tenant_id tenant, const struct weft_ipc_port_status *port);

bool model_overlay_is_down(const struct model *m, weft_tenant_id tenant);
struct model_tenant *model_tenant_named(const struct model *m, const char *name);
struct model_tenant *model_tenant_by_id(const struct model *m, weft_tenant_id id);
const struct model_provider *model_provider_of(const struct model *m, weft_tenant_id tenant);
bool model_has_fdb(const struct model *m, const struct model_fdb *f);
bool model_has_neigh(const struct model *m, const struct model_neigh *n);
bool model_has_vtep(const struct model *m, const struct model_vtep *v);
struct model_port *model_port_named(const struct model *m, weft_tenant_id tenant, const char *name);
struct model_port *model_port_by_id(const struct model *m, weft_tenant_id tenant, weft_port_id id);
struct model_port *model_port_numbered(
	const struct model *m, weft_tenant_id tenant, uint32_t ofport);

// Of one tenant, or with one address, in the order in which they were added:
// MODEL_EACH_PORT(p, m, tenant) …
#define MODEL_EACH_PORT(p, m, id)                                                                  \
	FINDER_EACH (p##_at, &(m)->tenants_ports, finder_hash_number(id, 0))                       \
		for (struct model_port *p = &(m)->ports.at[p##_at]; p && p->tenant == (id);        \
			p = NULL)
#define MODEL_EACH_VTEP(v, m, id)                                                                  \
	FINDER_EACH (v##_at, &(m)->tenants_vteps, finder_hash_number(id, 0))                       \
		for (struct model_vtep *v = &(m)->vteps.at[v##_at]; v && v->tenant == (id);        \
			v = NULL)
#define MODEL_EACH_VTEP_AT(v, m, address)                                                          \
	FINDER_EACH (v##_at, &(m)->vtep_ips, finder_hash(address, sizeof(struct weft_ip), 0))      \
		for (struct model_vtep *v = &(m)->vteps.at[v##_at];                                \
			v && weft_ip_equal(&v->ip, address); v = NULL)

// Reads all back. `done` is called once from the loop; the model is the callee's to free, NULL if
// there was an error.
typedef void (*model_fetched_fn)(
	void *arg, struct model *m, enum weft_error error, const char *text);
void model_fetch(struct dpc *dpc, model_fetched_fn done, void *arg);

// The model that `config` wants, with the ids of `current` for what has a name there, and new ones
// for the rest. What the configuration does not say (WEFT_TENANT_STANDALONE of a tenant that
// exists and has controllers, what else these have set, next hops, VTEPs of a provider's prefixes,
// those learned) is as in `current`.
void model_desire(const struct config *config, const struct model *current, struct model_ids *ids,
	struct model *desired);

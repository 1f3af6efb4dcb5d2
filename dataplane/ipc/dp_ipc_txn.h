// SPDX-License-Identifier: Apache-2.0
#pragma once
// Transactions: what an operation has done, so that it can be finished or undone.
//
// Rules, groups and meters are the flow tables' own transaction: staged, and published at commit.
// Configuration is done at once (a device either opens or does not) and noted here:
//   - what came is taken away again if the transaction fails;
//   - what goes is only hidden: no worker and no dump sees it, its device stays open. Commit
//   removes
//     it, failure shows it again, untouched.
// One exception: if a port comes whose device a hidden port still holds, or whose place where there
// are DP_PORT_LIVE_MAX, the hidden one is closed for good, and failure opens it anew.
//
// Outside an atomic transaction nothing is noted; what goes, goes at once.
//
// Not undone: learned FDB entries that a flush removed.

#include <weft/ipc.h>

struct dp;
struct dp_port;
struct dp_tenant;
struct dp_txn;

struct dp_txn *dp_txn_new(struct dp *dp); // NULL: out of memory
void dp_txn_free(struct dp_txn *);

bool dp_txn_is_open(const struct dp_txn *);
bool dp_txn_is_atomic(const struct dp_txn *); // and open
bool dp_txn_failed(const struct dp_txn *);    // atomic, and an operation has failed
enum weft_error dp_txn_begin(struct dp_txn *, const struct weft_ipc_begin *);
void dp_txn_fail(struct dp_txn *); // an operation failed: if atomic, all is to be undone
// Ends take long if there is much to publish, to remove or to undo, so they come in steps of
// DP_STEP_NS. True: there is more to do.
bool dp_txn_undo_some(
	struct dp_txn *); // of one that has failed; what is asked of it waits for COMMIT
// Then *e is set. WEFT_E_STATE: it had failed, or none was open.
bool dp_txn_commit_some(struct dp_txn *, enum weft_error *e);
void dp_txn_abort(struct dp_txn *); // atomic: as if an operation had failed
// The agent is gone: to be ended by dp_txn_commit_some(). One that is being committed already is
// committed to the end.
void dp_txn_desert(struct dp_txn *);
void dp_txn_abandon(struct dp_txn *); // likewise, and all at once

// Makes sure that the tenant's switch stages. False: no memory.
bool dp_txn_switch(struct dp_txn *, struct dp_tenant *);
// Before its time, for the tenant goes.
void dp_txn_switch_commit(struct dp_txn *, struct dp_tenant *);

// Notes of an operation that has been done. False: no memory; the caller undoes it himself.
enum dp_undo_type {
	DP_UNDO_HOST,       // host: as it was
	DP_UNDO_TENANT_ADD, // tenant: remove
	DP_UNDO_TENANT_SET, // tenant, tenant_cfg: as it was
	DP_UNDO_TENANT_DEL, // tenant: show again
	DP_UNDO_PORT_ADD,   // port_cfg.id: remove
	DP_UNDO_PORT_DEL,   // port: show again; NULL: open again by port_cfg
	DP_UNDO_PORT_MOD,   // port_cfg.id, port_cfg.config: as it was
	DP_UNDO_VTEP_ADD,   // tenant, vtep
	DP_UNDO_VTEP_DEL,
	DP_UNDO_NEXTHOP,      // nexthop: as it was; flags UINT32_MAX: there was none
	DP_UNDO_PORT_SET,     // port_cfg.id, port_cfg.limits: as it was
	DP_UNDO_PORT_MEMBERS, // port_cfg.id, port_cfg.device: as it was
	DP_UNDO_NEIGH,        // tenant, neigh: as it was; flags UINT32_MAX: there was none
	DP_UNDO_FDB,          // tenant, fdb: as it was; ofport 0: there was none
	DP_UNDO_TABLE,        // tenant, table: as it was
	DP_UNDO_PROVIDER,     // tenant, provider: as it was
};

struct dp_undo {
	enum dp_undo_type type;
	struct dp_tenant *tenant;
	struct dp_port *port;
	union {
		struct weft_ipc_host host;
		struct weft_ipc_tenant tenant_cfg;
		struct weft_ipc_port port_cfg;
		struct weft_ipc_vtep vtep;
		struct weft_ipc_nexthop nexthop;
		struct weft_ipc_fdb fdb;
		struct weft_ipc_neigh neigh;
		struct weft_table_desc table;
		struct weft_ipc_provider *provider; // goes with the note
	};
};

// Room for one more note, before the operation: in an atomic transaction a pointer to fill in,
// which counts once dp_txn_noted() is called; NULL outside one, or with *oom out of memory.
struct dp_undo *dp_txn_note(struct dp_txn *, bool *oom);
void dp_txn_noted(struct dp_txn *);
// A hidden port was closed because its device was needed.
void dp_txn_port_closed(const struct dp_port *);

// SPDX-License-Identifier: Apache-2.0
#pragma once
// A dump under way, for the files that write its messages:
//
//	dp_ipc_dump.c  starts it; rules, groups, meters and the FDB, which come in pieces
//	dp_ipc_tell.c  what is short and told at once
//
// The control thread's alone.

#include "ipc/dp_ipc.h"

#include <sys/queue.h>

struct dp_dump_address {
	uint64_t id; // ft_fdb_ids()
	uint32_t tenant;
};

struct dp_dump {
	struct dp *dp;
	uint16_t type;
	uint32_t xid;
	uint32_t tenant;
	bool later;                // a job was made of it
	struct ft_flow_walk *walk; // NULL: not over rules
	struct weft_aggregate sum;
	uint32_t *number;                // of groups or meters: n, of which `next` were told
	struct dp_dump_address *address; // of the FDB, likewise
	uint32_t n, next;
	uint64_t begun;       // a grace period, when it was asked for
	struct dp_tenant *of; // NULL: not one switch's
	int64_t credit;       // bytes that may be written; 0 or less: it waits
	TAILQ_ENTRY(dp_dump) link;
};

// A message of it begins, to be filled by dp_ipc_add(); false: nobody listens.
bool dp_dump_begin(struct dp_dump *d, uint32_t tenant);
// A whole message.
void dp_dump_item(struct dp_dump *d, uint32_t tenant, const void *body, size_t len);
// For the dump's tenant, or for all if it names none; `nobody`: tenant 0 is one of them.
void dp_dump_tenants(
	struct dp_dump *d, void (*fn)(struct dp_dump *, struct dp_tenant *), bool nobody);

// Tells all of it, if it is of a type that is told at once.
bool dp_dump_tell(struct dp_dump *d);

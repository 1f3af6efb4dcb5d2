// SPDX-License-Identifier: Apache-2.0
#pragma once
// A dump under way, for the files that write its messages:
//
//	dp_ipc_dump.c  starts it; rules, groups, meters and the FDB, which come in pieces
//	dp_ipc_tell.c  what is short and told at once, and what is so for each tenant
//
// The control thread's alone.

#include "ipc/dp_ipc.h"

#include <sys/queue.h>

struct dp_dump {
	struct dp *dp;
	uint16_t type;
	uint32_t xid;
	uint32_t tenant;
	struct dp_tenant *payer;   // in whose number of jobs it is; NULL: it has gone
	bool later;                // a job was made of it
	struct ft_flow_walk *walk; // NULL: not over rules
	struct weft_aggregate sum;
	uint32_t *number;  // of groups or meters: n, of which `next` were told
	uint64_t *address; // of the FDB of one tenant, `owner`, likewise (ft_fdb_ids())
	uint32_t n, next, room;
	uint32_t owner;
	uint64_t begun;                        // a grace period, when it was asked for
	struct dp_tenant *of;                  // NULL: not one switch's
	const struct dp_dump_listing *listing; // NULL: not over tenants
	struct dp_tenant *at;                  // whose turn is next; NULL: all have been told
	bool nobody;                           // it is tenant 0's
	int64_t credit;                        // bytes that may be written; 0 or less: it waits
	TAILQ_ENTRY(dp_dump) link;
};

// A message of it begins, to be filled by dp_ipc_add(); false: nobody listens.
bool dp_dump_begin(struct dp_dump *d, uint32_t tenant);
// A whole message.
void dp_dump_item(struct dp_dump *d, uint32_t tenant, const void *body, size_t len);

// Tells all of it, if it is of a type that is told at once.
bool dp_dump_tell(struct dp_dump *d);

// What each tenant has of its own.
struct dp_dump_listing {
	uint16_t type;
	bool nobody;  // tenant 0 has it too
	bool counted; // by workers, who are to tell of it before
	void (*tell)(struct dp_dump *, struct dp_tenant *);
};
const struct dp_dump_listing *dp_dump_listing(uint16_t type); // NULL: it is no such type

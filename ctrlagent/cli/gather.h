// SPDX-License-Identifier: Apache-2.0
#pragma once
// Rows of what the agent itself knows of thousands of tenants, made in pieces (core/pieces.h).

#include <net/if.h>

#include "cli/request.h"

// Of the thing at `thing`, as it is now: a row, or an array of them. NULL: it has gone.
typedef json_t *(*gather_row_fn)(struct request *r, const void *thing);
// Takes the rows, and ends the request or goes on with it.
typedef void (*gather_done_fn)(struct request *r, json_t *rows);

// Rows of `n` things of `size` bytes each, in their order. Takes `things`.
void gather_rows(struct request *r, void *things, size_t n, size_t size, gather_row_fn row,
	gather_done_fn done);

// The same of the request's tenant, or of all if it has none; things are their ids.
void gather_tenants(struct request *r, gather_row_fn row, gather_done_fn done);

// The same of how remote VTEPs are reached; things are these.
struct gather_way {
	struct resolve_result result;
	char interface[IFNAMSIZ];
};
void gather_ways(struct request *r, gather_row_fn row, gather_done_fn done);

// The program ends, and the connections have.
void gather_cancel_all(void);

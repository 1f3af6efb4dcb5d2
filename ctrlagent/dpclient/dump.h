// SPDX-License-Identifier: Apache-2.0
#pragma once
// The dumps under way.
//
// A dump of rules is paced: the data plane sends what it was given credit for, at first a window,
// and then as much again as was taken, unless the taker paused it. So at most a window lies between
// the two processes, however slow the taker is.

#include <sys/queue.h>

#include "dpclient.h"

#define DUMP_XID 0x80000000u // set in the ids of dumps and of nothing else
#define DUMP_BUCKETS 256u

struct dpc_dump {
	LIST_ENTRY(dpc_dump) link;
	struct dpc *dpc;
	uint32_t xid;
	uint16_t type;   // enum weft_ipc_type
	uint8_t refused; // enum weft_error: never sent, `done` is to be called from the loop
	bool paced;
	bool paused;
	bool cancelled;
	uint32_t taken;   // bytes since credit was given last
	dpc_item_fn item; // NULL for those of rules
	dpc_flow_fn flow;
	dpc_done_fn done;
	void *arg;
};

LIST_HEAD(dump_list, dpc_dump);

struct dump_table {
	struct dump_list buckets[DUMP_BUCKETS];
	uint32_t last_xid;
};

void dump_table_init(struct dump_table *t);

// A copy of *d, which has an id and a place in the table.
struct dpc_dump *dump_add(struct dump_table *t, const struct dpc_dump *d);
struct dpc_dump *dump_find(const struct dump_table *t, uint32_t xid); // NULL: no such dump

// Frees it and calls its `done`.
void dump_settle(struct dpc_dump *d, enum weft_error error, const char *text);
void dump_settle_refused(struct dump_table *t);
// All that wait now; those that callbacks add stay.
void dump_fail_all(struct dump_table *t, enum weft_error error, const char *text);

void dump_start(struct dpc_dump *d); // it was sent: gives the first credit
// A message of `len` bytes came, and was given to the taker, who may have done anything with it but
// let it end.
void dump_taken(struct dpc_dump *d, size_t len);

// SPDX-License-Identifier: Apache-2.0
#pragma once
// The log of an open transaction, and memory that waits for workers to look away.
//
// Each staged change is one entry: an object that was added or one that was marked as removed.
// Committing publishes the version; then the removed are unlinked after a grace period and freed
// after another (version.h). Aborting, or a request that fails half-way, undoes entries from the
// end, in memory alone, and cannot fail. Costs are linear in the number of entries; what follows a
// grace period is done FT_RECLAIM_STEP entries at a time, with another grace period between, so
// that the end of a million rules does not hold up the writer's other work.
//
// Garbage is queued while a public call runs and handed to env->retire when it ends: so whatever
// the surroundings do inside retire, even calling back at once, finds the switch in order.

#include "flowtable/flowtable.h"
#include "flowtable/pages.h"

// At the start of whatever is freed after a grace period.
struct ft_garbage {
	struct ft_garbage *next;
	struct ft_switch *sw;
	void (*fn)(struct ft_garbage *);
};

struct ft_garbage_list {
	struct ft_garbage *first;
	struct ft_garbage *last;
	struct ft_switch *sw;
};

// Queues; fn runs on the writer's thread once no worker can hold a pointer to it any more.
void ft_garbage_add(struct ft_garbage_list *, struct ft_garbage *, void (*fn)(struct ft_garbage *));

// Around every public call of the writer. The last leave hands the garbage out.
void ft_enter(struct ft_switch *);
void ft_leave(struct ft_switch *);

enum ft_op_type {
	FT_OP_NONE, // undone
	FT_OP_RULE_ADD,
	FT_OP_RULE_DEL,
	FT_OP_RULE_RESET, // the counters of this rule start again at commit
	FT_OP_GROUP_ADD,
	FT_OP_GROUP_DEL,
	FT_OP_METER_ADD,
	FT_OP_METER_DEL,
	FT_OP_DEAD_RULE, // an add that was undone
	FT_OP_DEAD_GROUP,
	FT_OP_DEAD_METER,
};

#define FT_RECLAIM_STEP 512u

#define FT_REASON_SILENT 0xff // replaced, not removed: nobody is told
#define FT_REASON_MODIFIED 1  // the same rule with other instructions

struct ft_op {
	void *obj;
	uint64_t cause; // ft_cause()
	uint8_t type;   // enum ft_op_type
	uint8_t reason; // RULE_DEL: enum weft_removed or FT_REASON_SILENT; RULE_ADD: 0 or
			// FT_REASON_MODIFIED
};

#define FT_OPS_FIRST 4u
#define FT_OPS_PAGE 512u // so that a log of a million entries is never copied

struct ft_txn {
	struct ft_garbage garbage;
	uint64_t version;
	uint64_t removed_ns; // time of the commit
	bool implicit;       // made for one call
	size_t removals;
	size_t resets;       // undone ones included, as are removals
	bool dead;           // some adds were undone
	struct ft_txn *next; // of those that are to be told (monitor.h)
	size_t told;         // entries
	uint64_t cause;      // of what is logged now
	size_t done;         // entries that are unlinked, freed, or (from the end) undone so far
	size_t n;
	struct ft_pages pages; // of FT_OPS_PAGE entries each, behind the first ones
	struct ft_op first[FT_OPS_FIRST];
};

static inline struct ft_op *ft_txn_op(const struct ft_txn *t, size_t i)
{
	if (i < FT_OPS_FIRST)
		return (struct ft_op *)(uintptr_t)&t->first[i];
	i -= FT_OPS_FIRST;
	return (struct ft_op *)t->pages.at[i / FT_OPS_PAGE] + i % FT_OPS_PAGE;
}

// Room for n entries more, so that ft_txn_log() can't fail. False: no memory.
bool ft_txn_reserve(struct ft_txn *, size_t n);
void ft_txn_log(struct ft_txn *, enum ft_op_type, void *obj, uint8_t reason);
// It is published, and told: its garbage may go.
void ft_txn_end(struct ft_switch *, struct ft_txn *);
// Undoes all entries from `mark` on.
void ft_txn_undo(struct ft_switch *, size_t mark);

// A request: opens a transaction unless one is open. NULL: no memory. finish() undoes what the
// request staged since `mark` if error is not NONE, and closes what ft_request_begin() opened.
struct ft_txn *ft_request_begin(struct ft_switch *, size_t *mark);
enum weft_error ft_request_finish(struct ft_switch *, size_t mark, enum weft_error);

// SPDX-License-Identifier: Apache-2.0
#pragma once
// The requests that wait for an answer, in the order in which they were sent. Dumps are not among
// them (dump.h): they are answered at their readers' pace, and would hold up the rest.
//
// Transaction ids count up by one, so a request is found by its distance from the oldest: a ring of
// slots, grown when full. Operations that succeed are not answered; they are settled by the next
// COMMIT or ECHO (a "checkpoint") whose answer comes, because answers to all but dumps come in
// order. A settled slot stays until it is the oldest. Ids have 31 bits; those with the highest bit
// set are the dumps'.

#include "dpclient.h"

#define PENDING_XID_MASK 0x7fffffffu

enum pending_kind {
	PENDING_OP,         // settled by its error, or by the next checkpoint
	PENDING_CHECKPOINT, // COMMIT or ECHO
	PENDING_RIDER,      // never sent: settled with the checkpoint that it comes next to
	PENDING_REFUSED,    // never sent: waits for its `done` to be called from the loop
	PENDING_SETTLED,
};

struct pending {
	uint8_t kind;
	uint8_t type;  // enum weft_ipc_type
	uint8_t error; // PENDING_REFUSED: enum weft_error
	uint32_t txn;  // number of the transaction, 0: none
	dpc_done_fn done;
	void *arg;
};

struct pending_ring {
	struct pending *slots;
	uint32_t capacity; // a power of two
	uint32_t head;     // number of the oldest slot; its low bits are its transaction id
	uint32_t count;    // slots in use, settled ones included
};

void pending_init(struct pending_ring *ring);
void pending_free(struct pending_ring *ring); // calls nobody

// Puts `p` last. Returns its transaction id, never 0.
uint32_t pending_add(struct pending_ring *ring, const struct pending *p);

// NULL: no such request waits.
struct pending *pending_find(struct pending_ring *ring, uint32_t xid);

// Marks the slot settled and calls its `done`. The ring may have changed after.
void pending_settle(
	struct pending_ring *ring, struct pending *p, enum weft_error error, const char *text);

// The checkpoint `xid` was answered: settles it, all operations before it, and those that ride on
// it.
void pending_checkpoint(
	struct pending_ring *ring, uint32_t xid, enum weft_error error, const char *text);

// Settles what was refused.
void pending_settle_refused(struct pending_ring *ring);

// Fails all that waits now; requests that callbacks add meanwhile stay.
void pending_fail_all(struct pending_ring *ring, enum weft_error error, const char *text);

// SPDX-License-Identifier: Apache-2.0
#include "pending.h"

#include <stdlib.h>

#include "mem.h"

#define FIRST_CAPACITY 256u

void pending_init(struct pending_ring *ring)
{
	*ring = (struct pending_ring){.capacity = FIRST_CAPACITY, .head = 1};
	ring->slots = agent_array(ring->capacity, sizeof(*ring->slots));
}

void pending_free(struct pending_ring *ring)
{
	free(ring->slots);
	ring->slots = NULL;
}

// The slot of an id is its low bits, so that growing must move each to its new place.
static struct pending *slot_of(struct pending_ring *ring, uint32_t number)
{
	return &ring->slots[number & (ring->capacity - 1)];
}

static void grow(struct pending_ring *ring)
{
	struct pending_ring bigger = *ring;

	bigger.capacity *= 2;
	bigger.slots = agent_array(bigger.capacity, sizeof(*bigger.slots));
	for (uint32_t i = 0; i < ring->count; i++)
		*slot_of(&bigger, ring->head + i) = *slot_of(ring, ring->head + i);
	free(ring->slots);
	*ring = bigger;
}

uint32_t pending_add(struct pending_ring *ring, const struct pending *p)
{
	uint32_t number = ring->head + ring->count;

	if (ring->count == ring->capacity)
		grow(ring);
	*slot_of(ring, number) = *p;
	ring->count++;
	if (number & PENDING_XID_MASK)
		return number & PENDING_XID_MASK;
	slot_of(ring, number)->kind = PENDING_SETTLED; // 0 is no id: events have it
	return pending_add(ring, p);
}

struct pending *pending_find(struct pending_ring *ring, uint32_t xid)
{
	uint32_t distance = (xid - ring->head) & PENDING_XID_MASK;
	struct pending *p = slot_of(ring, ring->head + distance);

	if (distance >= ring->count || p->kind == PENDING_SETTLED)
		return NULL;
	return p;
}

static void drop_settled(struct pending_ring *ring)
{
	while (ring->count && slot_of(ring, ring->head)->kind == PENDING_SETTLED) {
		ring->head++;
		ring->count--;
	}
}

void pending_settle(
	struct pending_ring *ring, struct pending *p, enum weft_error error, const char *text)
{
	dpc_done_fn done = p->done;
	void *arg = p->arg;

	p->kind = PENDING_SETTLED;
	drop_settled(ring);
	if (done)
		done(arg, error, text);
}

// Whatever is asked for meanwhile is no rider of this checkpoint.
static void settle_riders(
	struct pending_ring *ring, uint32_t from, enum weft_error error, const char *text)
{
	uint32_t end = ring->head + ring->count;

	for (uint32_t at = from; at != end; at++) {
		struct pending *p = pending_find(ring, at);
		if (p && p->kind != PENDING_RIDER)
			return;
		if (p)
			pending_settle(ring, p, error, text);
	}
}

void pending_checkpoint(
	struct pending_ring *ring, uint32_t xid, enum weft_error error, const char *text)
{
	uint32_t txn = pending_find(ring, xid)->txn;
	uint32_t next = ring->head + ((xid - ring->head) & PENDING_XID_MASK) + 1;
	struct pending *p;

	for (uint32_t at = ring->head; (at & PENDING_XID_MASK) != xid; at++) {
		p = pending_find(ring, at);
		if (p && p->kind == PENDING_OP)
			pending_settle(ring, p, txn && p->txn == txn ? error : WEFT_E_NONE, "");
	}
	p = pending_find(ring, xid);
	pending_settle(ring, p, error, text);
	settle_riders(ring, next, error, text);
}

void pending_settle_refused(struct pending_ring *ring)
{
	uint32_t end = ring->head + ring->count;

	for (uint32_t at = ring->head; at != end; at++) {
		struct pending *p = pending_find(ring, at);
		if (p && p->kind == PENDING_REFUSED)
			pending_settle(ring, p, p->error,
				p->error == WEFT_E_STATE ? "the data plane is not connected"
							 : "too long for one message");
	}
}

void pending_fail_all(struct pending_ring *ring, enum weft_error error, const char *text)
{
	uint32_t end = ring->head + ring->count;

	for (uint32_t at = ring->head; at != end; at++) {
		struct pending *p = pending_find(ring, at);
		if (p)
			pending_settle(ring, p, error, text);
	}
}

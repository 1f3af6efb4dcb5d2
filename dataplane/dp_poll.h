// SPDX-License-Identifier: Apache-2.0
#pragma once
// The receive queues that a worker polls, and how often.
//
// To ask a queue that has nothing costs cache lines of the port, its device and the queue, and on
// some devices a system call. With a hundred ports of which one is busy that came to a third of
// what a packet cost. So a queue that had nothing many times in a row is *quiet*: while others are
// busy it is polled in every DP_POLL_EVERY-th turn of the loop only, an eighth of the quiet ones in
// each. A first frame may so wait for seven turns of others, of a burst or DP_GATHER_NS each, some
// tens of microseconds; with it the queue is lively again. In a turn after one that brought
// nothing, all are polled: where there is time, nobody waits.
//
// A list is made by the control thread and published whole (RCU). Whether a queue is quiet is the
// worker's own to note in it.

#include <stdbool.h>
#include <stdint.h>

struct dp_port;

#define DP_POLL_PATIENCE 64u // polls in a row that bring nothing
#define DP_POLL_EVERY 8u

struct dp_poll {
	struct dp_port *port; // atomic; NULL: struck out (dp_unpublish.h)
	uint16_t queue;
	uint8_t empty; // polls in a row that brought nothing, up to DP_POLL_PATIENCE
	bool always;   // never quiet
};

struct dp_poll_list {
	unsigned n;
	uint64_t *lively; // a bit each; behind poll[]
	struct dp_poll poll[];
};

// ---- control thread

// Room for `queues`, none of them there yet. To be freed by free(). NULL: no memory.
struct dp_poll_list *dp_poll_list_new(unsigned queues);
// There is room. `always`: to be polled in each turn.
void dp_poll_list_add(struct dp_poll_list *l, struct dp_port *port, uint16_t queue, bool always);

// ---- worker

// Which of the queues 64 * `word` and on to poll in this turn. `idle`: the turn before brought
// nothing.
static inline uint64_t dp_poll_due(
	const struct dp_poll_list *l, unsigned word, unsigned turn, bool idle)
{
	unsigned left = l->n - 64 * word;
	uint64_t turns = 0x0101010101010101u << turn % DP_POLL_EVERY;
	uint64_t all = left < 64 ? (1ull << left) - 1 : ~0ull;

	return (idle ? ~0ull : l->lively[word] | turns) & all;
}

// Queue i was polled and brought n frames.
static inline void dp_poll_brought(struct dp_poll_list *l, unsigned i, unsigned n)
{
	struct dp_poll *p = &l->poll[i];

	if (n) {
		if (__builtin_expect(p->empty == DP_POLL_PATIENCE, 0))
			l->lively[i / 64] |= 1ull << i % 64;
		p->empty = 0;
	} else if (p->empty < DP_POLL_PATIENCE && ++p->empty == DP_POLL_PATIENCE && !p->always) {
		l->lively[i / 64] &= ~(1ull << i % 64);
	}
}

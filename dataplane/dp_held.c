// SPDX-License-Identifier: Apache-2.0
#include "dp_held.h"

bool dp_held_has(const struct dp_worker *w, const struct dp_port *port, uint16_t queue)
{
	const struct dp_held *h = &w->held;

	for (unsigned i = 0; i < h->n; i++) {
		const struct dp_held_burst *b = &h->burst[(h->first + i) % DP_HELD];

		if (b->port == port && b->queue == queue)
			return true;
	}
	return false;
}

// Packet i of one to the end of the other.
static void dp_held_move(struct dp_arrivals *to, const struct dp_arrivals *from, unsigned i)
{
	unsigned n = to->n++;

	to->at[n] = from->at[i];
	to->m[n] = from->m[i];
	to->tenant[n] = from->tenant[i];
	to->waits |= (from->waits >> i & 1) << n;
	if (!from->at[i].tunnel)
		return;
	to->tunnel[n] = *from->at[i].tunnel;
	to->at[n].tunnel = &to->tunnel[n];
}

// A machine may send frames of 64 KiB, each of as many buffers as that needs.
static bool dp_held_is_little(const struct dp_arrivals *in, uint64_t left)
{
	unsigned buffers = 0;

	for (; left; left &= left - 1)
		buffers += in->m[__builtin_ctzll(left)]->nb_segs;
	return buffers <= DP_HELD_BUFFERS;
}

bool dp_held_put(struct dp_worker *w, uint64_t left)
{
	struct dp_held *h = &w->held;
	struct dp_held_burst *b = &h->burst[(h->first + h->n) % DP_HELD];

	if (!h->port || h->n == DP_HELD || !dp_held_is_little(&w->in, left))
		return false;
	b->port = h->port;
	b->queue = h->queue;
	b->asked = h->port->role == DP_UPLINK && left & ~w->in.waits;
	b->in.n = 0;
	b->in.waits = 0;
	for (; left; left &= left - 1)
		dp_held_move(&b->in, &w->in, (unsigned)__builtin_ctzll(left));
	h->n++;
	return true;
}

// The oldest becomes w->in. Was it asked whether it may come in?
static bool dp_held_take(struct dp_worker *w)
{
	struct dp_held *h = &w->held;
	const struct dp_held_burst *b = &h->burst[h->first];

	dp_held_allow(w, b->port, b->queue);
	h->first = (h->first + 1) % DP_HELD;
	h->n--;
	w->in.n = 0;
	w->in.waits = 0;
	for (unsigned i = 0; i < b->in.n; i++)
		dp_held_move(&w->in, &b->in, i);
	return b->asked;
}

static void dp_held_enter(struct dp_worker *w, bool asked)
{
	dp_rx_enter_held(w, asked);
	w->in.waits = 0;
	dp_encap_flush(w);
	dp_tx_flush(w);
}

unsigned dp_held_go_on(struct dp_worker *w)
{
	unsigned n = w->held.n, done = 0;

	w->now_ns = w->drops.now_ns = dp_clock_ns(&w->clock);
	do
		dp_held_enter(w, dp_held_take(w));
	while (++done < n && dp_pace_has_time(&w->pace));
	return done;
}

void dp_held_finish(struct dp_worker *w)
{
	if (dp_held_any(w))
		w->now_ns = w->drops.now_ns = dp_clock_ns(&w->clock);
	while (dp_held_any(w)) {
		bool asked = dp_held_take(w);

		dp_held_allow(w, NULL, 0);
		dp_held_enter(w, asked);
	}
}

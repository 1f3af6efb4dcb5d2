// SPDX-License-Identifier: Apache-2.0
#pragma once
// Packet-ins: from a worker through a ring to the control thread, and by a datagram to the agent.
//
// Lossy and bounded at each step, so that punted packets delay neither forwarding nor rules: a
// worker lets a tenant put no more into the ring than its rate, the control thread keeps the exact
// rate over all workers (dp_punt_limit.h: also fair shares for ports and reasons), and what the
// socket does not take at once is dropped. The message is built by the worker in the buffer itself,
// before the frame's bytes.

#include "tenants/dp_drop.h"

struct dp;
struct dp_punt;
struct dp_worker;
struct pollfd;
struct rte_mbuf;

// Worker. Whether the tenant may send one more now, of this port and for this reason; to be asked
// once for each, before it is copied. If not, it is to be dropped as WEFT_DROP_PUNT_RATE.
bool dp_punt_may(struct dp_worker *w, struct dp_tenant *t, const struct weft_flow_key *key,
	const struct ft_packet_in *in);

// Worker. Takes the buffer `m`, whose frame was `total_len` bytes before it was cut.
void dp_punt_from_worker(struct dp_worker *w, struct dp_tenant *t, const struct weft_flow_key *key,
	struct rte_mbuf *m, uint32_t total_len, const struct ft_packet_in *in,
	const struct dp_cause *cause);

// Control thread.
struct dp_punt *dp_punt_new(struct dp *dp, const char *path); // NULL after a message
void dp_punt_free(struct dp_punt *);
#define DP_PUNT_POLLFDS 2u
unsigned dp_punt_pollfds(const struct dp_punt *, struct pollfd *fds);
// Accepts, as poll() said of the `n` of dp_punt_pollfds(), and sends what the rings hold.
void dp_punt_run(struct dp_punt *, const struct pollfd *fds, unsigned n);
void dp_punt_drain(struct dp *dp);                // the rings alone
struct dp_drops *dp_punt_drops(struct dp_punt *); // the control thread's own

// SPDX-License-Identifier: Apache-2.0
#pragma once
// The one way for a packet to die, but for those on a known way, which die alike and are told of
// together (dp_path.c).
//
// dp_drop() frees the buffer, counts the reason in the tenant's ledger, and notes beside which rule
// it happened. The notes are a small table per thread, so that an operator can ask "which rule eats
// my packets": bounded, and lossy on purpose. An entry aggregates all drops of one tenant, reason,
// rule and ingress port; where the table is too small the older entry gives way. The ledger's
// counts are exact; the notes are a hint.
//
// What comes from the underlay and is nobody's has no rule. Its network and source are what its
// sender likes, so all of it is one entry, which says of the latest one what they were.
//
// An entry has one writer. The control thread reads it meanwhile: `seq` is odd while it changes.

#include "tenants/dp_ledger.h"

#include "flowtable/flowtable.h"

struct dp_tenant;
struct rte_mbuf;

struct dp_drop_note {
	uint32_t seq;
	uint32_t tenant;                // 0 and packets == 0: free
	struct weft_ipc_drop_rule rule; // last_ns is a time, not an age, in here
};

#define DP_DROP_NOTES 256u

struct dp_drops {
	unsigned thread; // our set in a tenant's counters
	uint64_t now_ns; // set by the owner once a burst
	struct dp_drop_note note[DP_DROP_NOTES];
};

// Where it happened; rule NULL: none matched.
struct dp_cause {
	const struct ft_rule *rule;
	uint32_t in_port;
};

// Of what came by a tunnel.
struct dp_origin {
	struct weft_ip vtep;
	uint32_t network;
	uint8_t encap; // enum weft_encap
};

// The thread that owns `d`. `m` (NULL: it never came to be) is freed. `cause` NULL: not known any
// more, no note is taken.
void dp_drop(struct dp_drops *d, struct dp_tenant *t, struct rte_mbuf *m, enum weft_drop reason,
	const struct dp_cause *cause);

// The same for one that came by a tunnel and is not let in.
void dp_drop_from(struct dp_drops *d, struct dp_tenant *t, struct rte_mbuf *m,
	enum weft_drop reason, const struct dp_cause *cause, const struct dp_origin *from);

// The same for so many packets that have been freed before, the latest of them at last_ns.
void dp_drop_count(struct dp_drops *d, struct dp_tenant *t, enum weft_drop reason,
	const struct dp_cause *cause, uint64_t packets, uint64_t last_ns);

// Control thread: the notes of tenant `id`, at most `max`; returns how many. now_ns makes ages.
unsigned dp_drop_notes(const struct dp_drops *d, uint32_t id, uint64_t now_ns,
	struct weft_ipc_drop_rule *out, unsigned max);

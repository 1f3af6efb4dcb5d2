// SPDX-License-Identifier: Apache-2.0
#pragma once
// Putting outer fragments together, when the configuration asks for it.
//
// VTEPs must not fragment (RFC 7348, 4.3), but some do, and between two Weft hosts the tenant's
// `too_big: fragment` does on purpose. Each worker has a table of its own (rte_ip_frag) of as many
// datagrams as the host's `reassemble` says: what one worker's queue does not get whole is not put
// together. (Fragments have no ports, so receive-side scaling by addresses keeps them together.) A
// datagram may have DP_REASM_FRAGMENTS pieces, and DP_REASM_TIMEOUT_MS to become whole; what is
// left of it is then dropped under outer-reassembly, as is what finds no room. The fragments that
// wait have at most one in DP_REASM_SHARE of all packet buffers: whoever may send to the VTEP can
// fill the tables, and all else is to go on then.
//
// The ledger: a fragment is received by "nobody" and under way (queued) while it waits. When the
// datagram is whole its fragments are consumed (reassembled), and the datagram is a packet that
// starts anew, as if it had come in one piece.
//
// A table belongs to its worker. The control thread makes it and gives it by a release-store; taken
// away again it is left for a grace period, and then the control thread buries what waited in it.

#include "dp.h"

#define DP_REASM_TIMEOUT_MS 1000u
#define DP_REASM_FRAGMENTS 8u // rte_ip_frag's own limit, as Debian builds it
#define DP_REASM_SWEEP_NS 100000000u
#define DP_REASM_SHARE 4u

struct dp_reasm;
struct dp_worker;

// ---- worker

// A frame that overlay_decap() called OVERLAY_FRAGMENT. Takes the buffer. When the datagram is
// whole, returns true, and `p` and `rx` are the whole frame, decapsulated anew; else false.
bool dp_reasm_take(struct dp_worker *w, struct dp_port *port, const struct overlay_vtep *vtep,
	struct weft_packet *p, struct overlay_rx *rx);
// Drops what has waited for too long. Cheap if called often.
void dp_reasm_sweep(struct dp_worker *w);

// ---- control thread

// A table for `datagrams` for each worker, in tables[]; none, if 0. False: out of memory. Then they
// are to be used or discarded.
bool dp_reasm_prepare(
	struct dp *dp, unsigned datagrams, struct dp_reasm *tables[static DP_MAX_WORKERS]);
// In the place of those that there were.
void dp_reasm_use(struct dp *dp, struct dp_reasm *tables[static DP_MAX_WORKERS]);
void dp_reasm_discard(struct dp_reasm *tables[static DP_MAX_WORKERS]);

// SPDX-License-Identifier: Apache-2.0
#pragma once
// Bodies of what the data plane tells of itself (weft/ipc.h): status, workers, ledger.

#include <assert.h>
#include <weft/drop.h>
#include <weft/types.h>

struct weft_ipc_status {
	uint64_t epoch;
	uint64_t uptime_ns;
	uint32_t workers;
	uint32_t pad;
	uint64_t mbufs_free, mbufs_total;
	char version[32];
	// Flows that the workers' flow caches have now, and have room for.
	uint64_t cache_flows, cache_room;
};
static_assert(sizeof(struct weft_ipc_status) == 88, "travels");

// What a worker did since it started. Cycles are of the time stamp counter; a turn is one run
// through all its queues and rings. busy + idle is all its time, sleep and other processes on its
// CPU included.
struct weft_ipc_worker {
	uint64_t packets;     // received from devices
	uint64_t bursts;      // in so many
	uint64_t busy_cycles; // of turns that found something to do
	uint64_t idle_cycles;
	uint64_t cycles_hz;
	uint32_t id;             // from 0
	uint32_t thread;         // of the kernel
	uint64_t longest_cycles; // of one busy turn, since somebody asked last
	// Of the flow cache: as in weft_ipc_ledger, of all tenants there ever were.
	uint64_t cache_hits;
	uint64_t cache_misses;
	uint64_t cache_inserts;
	uint32_t cache_flows; // that it has now
	uint32_t cache_room;  // that it has room for; 0: there is none
	uint64_t over_10us;   // busy turns that took longer
	uint64_t over_50us;
};
static_assert(sizeof(struct weft_ipc_worker) == 104, "travels");

enum weft_punt_reason { // why packets go to controllers, as far as their rate is shared
	WEFT_PUNT_MISS,
	WEFT_PUNT_ACTION,
	WEFT_PUNT_TTL,
	WEFT_PUNT_REASONS,
};

// received + copies == sent + consumed[*] + drops[*], exactly, when no packet is under way.
struct weft_ipc_ledger {
	uint64_t received; // from devices, from the kernel and by packet-out
	uint64_t copies;
	uint64_t sent;
	uint64_t in_flight; // held by rings between workers at this moment
	uint64_t consumed[WEFT_CONSUMED_MAX];
	uint64_t drops[WEFT_DROP_MAX];
	// Not packets, and not part of the sum: what learn actions asked for.
	uint64_t learns;        // handed to the control thread
	uint64_t learns_lost;   // not: over the tenant's rate, or the ring was full
	uint64_t learns_failed; // refused by the tables: no room, or an illegal rule
	uint64_t punts_shed[WEFT_PUNT_REASONS]; // of drops[punt-rate], by what they were for
	// Packets that came to the tables of a worker with a flow cache, which knew their way or
	// not; and ways that it took in.
	uint64_t cache_hits;
	uint64_t cache_misses;
	uint64_t cache_inserts;
};

struct weft_ipc_drop_rule {
	uint64_t cookie;
	uint64_t packets; // dropped for this reason at this rule, since the counter began
	uint32_t reason;  // enum weft_drop
	uint16_t priority;
	uint8_t table;
	uint8_t has_rule;
	uint32_t in_port;
	// Where the latest came from, if it came by a tunnel and was not let in.
	uint32_t network;    // VNI or VSID
	uint64_t last_ns;    // since the latest one
	struct weft_ip vtep; // none: it was not so
	uint8_t encap;       // enum weft_encap
	uint8_t pad[7];
};
static_assert(sizeof(struct weft_ipc_drop_rule) == 64, "travels");

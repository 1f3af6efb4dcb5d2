// SPDX-License-Identifier: Apache-2.0
#pragma once
// The flow cache: what became of a packet like this one, a moment ago.
//
// A worker's own, in front of the tables of all switches. From the print of a packet (cache_key.h)
// it leads to a path: the rules to count, and what became of the packet in the end, its edits
// included. The data plane then does just that. It is an optimisation and nothing else: with it or
// without it the same packets leave, with the same bytes, and every counter says the same.
//
//	lookup      a burst of arrivals to paths (ft_cache_lookup()); NULL: the full way
//	record      on the full way a packet may carry a trace (trace.h), in which the pipeline
//	            writes what it did, or that it can't be repeated
//	learn       a good trace becomes a path, and the print leads to it (ft_cache_learn())
//
// What can't be repeated: packet-ins, several outputs, meters, groups, pushed tags, and whatever
// the recorder has not been taught. These packets always go the full way.
//
// Validity is one comparison. A switch has an epoch, which moves with every commit, port change or
// flag, and a second one for its FDB; a path holds the epoch that it is known to be good for. So
// nothing is looked for and thrown away when something changes: a path of yesterday just does not
// fit. If nothing but rules has changed since, it is held against these changes (history.h), once
// for all flows that share it, by what their packets have in common (alike.h), and may go on. The
// writer moves the epoch before and after it publishes a version, so that a path recorded across
// the change is not taken for one of either side. An odd epoch is one in between.
//
// Memory. Sixteen bytes a flow, four flows a cache line, at which a lookup looks once: 96 of the
// print's bits and the number of a path (the line's own number is 16 bits more). Paths are four
// lines each (for more than eight tables a multiple), of which two or three are looked at, and four
// more of which something is read when rules change; flows that met the same rules share one: in an
// ordinary switch there are few. They are handed out one after the other; when all are used the
// print's keys are changed, by which all is forgotten at once, at no cost.
//
// Only the second packet of a flow is recorded, and one in sixteen of the first: the others leave a
// mark of 16 bits. So a flood of packets that are never seen again costs two cache lines each and
// leaves most of what is there alone. While less comes back than is learned, it is one in 32, 64,
// down to 256.
//
// One worker's; nothing here is shared or locked.

#include "flowtable/flowtable.h"

#include <stdatomic.h>

struct ft_cache;
struct ft_counter;
struct ft_fdb_entry;

// Where a packet comes from: goes into its print as it lies there.
struct ft_from {
	uint32_t sw_number;         // ft_switch_number()
	uint32_t in_port;           // host order
	weft_be32 tun_src, tun_dst; // 0: from no IPv4 tunnel
} __attribute__((aligned(16)));

// The tunnel that a packet came out of, where `from` cannot say all of it.
struct ft_tunnel {
	struct weft_ip src, dst; // outer
	weft_be64 id;            // VNI or VSID
	uint64_t pad;
};
static_assert(sizeof(struct ft_tunnel) == 48, "three parts of a print");

// A packet that came in, as little of it as it takes. `data` is an Ethernet header of which `len`
// bytes lie in one piece.
struct ft_arrival {
	const uint8_t *data;
	struct ft_switch *sw;
	uint32_t len;
	uint32_t total_len;
	struct ft_from from;
	// An IPv6 tunnel, or one of a switch that has several networks; NULL: `from` says it all.
	const struct ft_tunnel *tunnel;
};

#define FT_PATH_RULES 8 // in a path itself,
#define FT_PATH_MORE 14 // and in each of up to
#define FT_PATH_MORES 4 // so many pieces behind it
#define FT_PATH_TABLES (FT_PATH_RULES + FT_PATH_MORE * FT_PATH_MORES)
#define FT_PATH_EDITS 4

enum ft_path_end {
	FT_PATH_OUTPUT, // to `target`
	FT_PATH_DROP,   // for `why`
};

// What becomes of a packet. The data plane reads what lies above the line; all of it is good until
// the worker's next quiescent state.
struct ft_path {
	struct ft_switch *sw;
	const void *target;         // what the sink said at ft_trace_target()
	const struct ft_rule *rule; // the latest that matched, or that asked for the output
	uint32_t max_len;           // bytes: a longer packet goes the full way
	uint8_t end;                // enum ft_path_end
	uint8_t why;                // enum weft_drop
	uint8_t flags;              // as the sink said
	uint8_t table;              // of the rule
	uint8_t edits;              // to be made first
	// ---- ours
	uint8_t rules, tables;
	bool asks_fdb;
	uint32_t network; // theirs again: as the sink said
	uint64_t epoch;
	uint64_t fdb_epoch;
	uint8_t at[FT_PATH_RULES]; // tables looked at; the last may have missed; ft_path_table()
	struct ft_counter *counter[FT_PATH_RULES];
	const struct ft_fdb_entry *source; // if asks_fdb: whose age its packets renew, NULL: none
	const struct weft_action *edit[FT_PATH_EDITS];
	const struct ft_rule *rule_at[FT_PATH_RULES];
} __attribute__((aligned(64)));

// Of a path that looks at more tables: what it has of the next ones.
struct ft_path_more {
	struct ft_counter *counter[FT_PATH_MORE];
	const struct ft_rule *rule_at[FT_PATH_MORE];
	uint8_t at[FT_PATH_MORE];
} __attribute__((aligned(64)));

static inline struct ft_path_more *ft_path_more(const struct ft_path *p, unsigned i)
{
	return (struct ft_path_more *)(uintptr_t)(p + 1) + (i - FT_PATH_RULES) / FT_PATH_MORE;
}

static inline uint8_t *ft_path_table(const struct ft_path *p, unsigned i)
{
	return i < FT_PATH_RULES ? (uint8_t *)(uintptr_t)&p->at[i]
				 : &ft_path_more(p, i)->at[(i - FT_PATH_RULES) % FT_PATH_MORE];
}

static inline struct ft_counter **ft_path_counter(const struct ft_path *p, unsigned i)
{
	return i < FT_PATH_RULES ? (struct ft_counter **)(uintptr_t)&p->counter[i]
				 : &ft_path_more(p, i)->counter[(i - FT_PATH_RULES) % FT_PATH_MORE];
}

static inline const struct ft_rule **ft_path_rule(const struct ft_path *p, unsigned i)
{
	return i < FT_PATH_RULES ? (const struct ft_rule **)(uintptr_t)&p->rule_at[i]
				 : &ft_path_more(p, i)->rule_at[(i - FT_PATH_RULES) % FT_PATH_MORE];
}

// Another one for each switch that there ever was.
uint32_t ft_switch_number(const struct ft_switch *);

// ---- the worker's

// `flows` is rounded up to a power of two. Memory that a full cache takes in the worst case, of
// which what is not used is never touched: ft_cache_bytes(). `memory`: so many zeros, aligned to
// 64 bytes, the caller's; it can go when the cache is not used any more.
size_t ft_cache_bytes(unsigned flows);
struct ft_cache *ft_cache_init(void *memory, unsigned flows, unsigned worker, uint64_t seed);

// What is known of n (at most FT_BURST) packets. paths[i] NULL: the full way, and then a packet for
// which ft_cache_trace() gives a trace should carry it.
void ft_cache_lookup(
	struct ft_cache *, const struct ft_arrival a[], unsigned n, const struct ft_path *paths[]);
// Of the latest lookup's packet i. NULL: not worth recording.
struct ft_trace *ft_cache_trace(struct ft_cache *, unsigned i);
// Takes in what the traces given since the lookup say.
void ft_cache_learn(struct ft_cache *);

// n packets of `bytes` in all went this path: counters and ages.
void ft_path_count(
	const struct ft_path *, unsigned worker, unsigned n, uint64_t bytes, uint64_t now_ns);
// The edits; the packet's key is to be extracted (ft_switch_extract()) before.
void ft_path_edit(const struct ft_path *, struct ft_packet *);

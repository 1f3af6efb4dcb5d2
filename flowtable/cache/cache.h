// SPDX-License-Identifier: Apache-2.0
#pragma once
// The flow cache: what became of a packet like this one, a moment ago.
//
// A worker's own, in front of the tables of all switches. From the print of a packet (cache_key.h)
// it leads to a path (path.h): the rules to count, and what became of the packet, edits and copies
// included. The data plane then does just that. It is an optimisation and nothing else: with it or
// without it the same packets leave, with the same bytes, and every counter says the same.
//
//	lookup      a burst of arrivals to paths (ft_cache_find()); NULL: the full way
//	derive      before that, a look at the gist of all tables, which may say that this packet
//	            goes where others went (ft_cache_derive(), gist.h)
//	record      on the full way a packet may carry a trace (trace.h), in which the pipeline
//	            writes what it did, or that it can't be repeated
//	count       a known way's packets are added up in its path (ft_cache_count()), and told to
//	            rules and tables later (ft_cache_fold(); pending.h says when)
//	learn       a good trace becomes a path, and the print leads to it (ft_cache_learn())
//
// For example, a machine's frames to another host, through three tables of a thousand rules. The
// first leaves a mark. The second carries a trace through the tables, some sixty cache lines, and
// what it met, three rules and a VTEP in the end, becomes a path, or is found to be one that other
// flows have brought. From the third on a frame reads one line of flows and one of its path, and no
// table. A rule comes for an address that is none of theirs: the path is held against it once, and
// all of its flows go on. One comes above theirs, for their address: the path does not hold, and
// one frame of each of its flows goes the full way.
//
// Where nearly all is new, most of that is in vain: the print, the line of the cache in which it is
// looked for, the mark that it was seen. So while less than a fifth of the packets are known and
// most of the others go the ways of others, ways are asked for first, and only who has none is
// looked up by its print. One burst in eight is looked up as ever, so that what comes again is
// taken in, and it shows when the times have changed. A known packet is dearer then, but the whole
// is cheaper.
//
// What can't be repeated: packet-ins, what egress tables do, and whatever the recorder has not been
// taught (trace.c). These packets always go the full way.
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
// lines each (for more than seven tables or three steps a multiple), of which a packet looks at
// one, or at three if there are steps, and four more of which something is read when rules change;
// flows that met the same rules share one: in an ordinary switch there are few. They are handed out
// one after the other; when all are used, and what is pending is folded, the print's keys are
// changed, by which all is forgotten at once.
//
// Only the second packet of a flow is recorded, and one in sixteen of the first: the others leave a
// mark of 16 bits, of which there are as many as flows have room. So a flood of packets that are
// never seen again costs two cache lines each and leaves most of what is there alone. While less
// comes back than is learned, it is one in 32, 64, down to 256. A way of a gist takes a flow's
// place; who goes such a way and is seen again is taken in without a trace. Of those nobody is
// taken in by chance: what they cost is not worth the way whose place they might take. But one in
// sixteen of them alone replaces another's mark, so that of many more flows that come in turn than
// there are marks each is seen again after some rounds.
//
// One worker's; nothing here is shared or locked, but that others may ask how full it is.

#include "flowtable/cache/front.h"
#include "flowtable/cache/path.h"

struct ft_cache;

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
	const struct ft_front *front; // of the switch that it is for
	uint32_t len;
	uint32_t total_len;
	struct ft_from from;
	// An IPv6 tunnel, or one of a switch that has several networks; NULL: `from` says it all.
	const struct ft_tunnel *tunnel;
};

// Another one for each switch that there ever was.
uint32_t ft_switch_number(const struct ft_switch *);

// ---- the worker's

// `flows` is rounded up to a power of two. Memory that a full cache takes in the worst case, of
// which what is not used is never touched: ft_cache_bytes(). The first ft_cache_huge_bytes() of it
// gain by huge pages (of 2 MiB, on whose edge it lies best); the rest would take many for little.
// `memory`: so many zeros, aligned to 64 bytes, the caller's; it can go when the cache is not used
// any more.
size_t ft_cache_bytes(unsigned flows);
size_t ft_cache_huge_bytes(unsigned flows);
struct ft_cache *ft_cache_init(void *memory, unsigned flows, unsigned worker, uint64_t seed);

// What is known of n (at most FT_BURST) packets. paths[i] NULL: the full way, and then a packet for
// which ft_cache_trace() gives a trace should carry it.
void ft_cache_lookup(
	struct ft_cache *, const struct ft_arrival a[], unsigned n, const struct ft_path *paths[]);
// The same, where most is new by ways first. Returns the bits of packets that were derived so.
uint64_t ft_cache_find(
	struct ft_cache *, const struct ft_arrival a[], unsigned n, const struct ft_path *paths[]);
// Whether there may be more to say about those that are left: the switch of one of these arrivals
// (bits of `which`) has a gist (gist.h).
bool ft_cache_may_derive(const struct ft_arrival a[], uint64_t which);
// The i-th packet of the lookup, with all of its key that does not come from the frame.
typedef struct ft_packet *ft_fill_fn(void *ctx, unsigned i);
// By the packets' bits.
struct ft_derived {
	uint64_t filled; // fill() was asked for it, and its key is extracted
	uint64_t taken_in;
};
// Then, of those of the latest lookup that are left: where others went that the gist takes for
// theirs. paths[] as the lookup told them become those of packets that are left, NULL of all
// others. Mostly frames say all that it takes; where they don't, fill() is called with `ctx`.
struct ft_derived ft_cache_derive(struct ft_cache *, const struct ft_arrival a[], unsigned n,
	uint64_t left, ft_fill_fn *fill, void *ctx, const struct ft_path *paths[]);
// These of the latest lookup are about to be asked for traces: what those are written to is asked
// for, for all of them at once, which may not have been touched for long.
void ft_cache_expect(struct ft_cache *, uint64_t which);
// Of the latest lookup's packet i. NULL: not worth recording.
struct ft_trace *ft_cache_trace(struct ft_cache *, unsigned i);
// n packets, `bytes` in all as they came, went this path, which a lookup has given since the
// worker's latest quiescent state: counters of rules and tables, ages.
void ft_cache_count(
	struct ft_cache *, const struct ft_path *, unsigned n, uint64_t bytes, uint64_t now_ns);
// Who else counts these packets is told with the rules: so many went the path since it was told
// last, the latest of them at used_ns.
typedef void ft_told_fn(void *ctx, const struct ft_path *, uint64_t packets, uint64_t used_ns);
void ft_cache_tell(struct ft_cache *, ft_told_fn *told, void *ctx);
// A step of telling the counters. A worker that is asked for a quiescent state calls it once a
// turn, and is in one when it has returned false. True: more is pending, and some 3 microseconds'
// worth was done, or 10 where all of it is far away.
bool ft_cache_fold(struct ft_cache *);
// Takes in what the traces given since the lookup, or since this was called last, say. Returns how
// many flows were.
unsigned ft_cache_learn(struct ft_cache *);

// ---- any thread's

// How many flows lead to a path now, those among them of which it does not hold any more.
unsigned ft_cache_flows(const struct ft_cache *);
// How many it has room for.
unsigned ft_cache_room(const struct ft_cache *);
// Whoever calls it, always the same thread, now and then: a part of what may lie in huge pages that
// the worker will touch soon and has not yet is handed to `populate`, or for each new page of paths
// it would wait until the kernel has cleared one. Costs next to nothing where there is nothing to
// be done.
typedef void ft_populate_fn(void *at, size_t bytes);
void ft_cache_prepare(struct ft_cache *, ft_populate_fn *populate);

// SPDX-License-Identifier: Apache-2.0
#pragma once
// What the pipeline did with one packet, for the flow cache (cache.h) to do again.
//
// A packet on the full way may carry one (ft_packet.trace). Whoever does something to the packet
// writes it here; whoever does what can't be done again from what is written says so
// (ft_trace_spoil()). An action that nobody taught the recorder spoils: forgetting is safe.
//
// The rule for what may be recorded: the same print must mean the same again. So an effect may
// depend on what the rules match (the print has that), on constants of the rules, and on state
// whose changes move the switch's epoch, and on nothing else. Copying a field that no rule matches
// is the example of what may not.
//
// A packet whose way has copies in it shares its trace with the copies that the pipeline makes:
// they run one after the other, and each to its end before the packet itself goes on.

#include "flowtable/cache/alike.h"
#include "flowtable/cache/cache.h"

struct ft_burst;
struct ft_group;
struct ft_meter;
struct ft_run;

// What has been done to the packet so far, or to a copy.
struct ft_trace_packet {
	int16_t longer; // bytes
	bool older;     // its TTL has been decremented
};

struct ft_trace {
	struct ft_path path;
	struct ft_path_more more[FT_PATH_MORES + FT_PATH_STEP_PIECES]; // behind it, as in the cache
	struct ft_alike alike; // of this packet and its copies at all their lookups
	struct ft_step step[FT_PATH_STEPS];
	struct ft_trace_packet packet[FT_PATH_DEPTH + 1]; // itself, its copy, the copy's, ...
	unsigned depth;
	unsigned told;    // targets
	uint32_t network; // of the next one
	bool keep;        // the next output leaves the packet where it is
	bool remarked;    // a meter may have changed its DSCP
	bool spoilt;
	bool ended;
};

static inline void ft_trace_spoil(struct ft_packet *p)
{
	if (__builtin_expect(p->trace != NULL, 0)) {
		p->trace->spoilt = true;
		p->trace = NULL;
	}
}

void ft_trace_begin(struct ft_trace *);
// Of a good one: the path is whole.
void ft_trace_end(struct ft_trace *);

// ---- the pipeline, of packets that have a trace

// The next lookup, in this table and by the key as it is; NULL: nothing was found.
void ft_trace_rule(struct ft_packet *, const struct ft_rule *, uint8_t table);
// An action that is about to be carried out. May send what waits first, as the action would.
void ft_trace_action(struct ft_burst *, struct ft_run *, const struct weft_action *);
// Where the frame went depended on the FDB.
static inline void ft_trace_fdb(struct ft_packet *p)
{
	if (__builtin_expect(p->trace != NULL, 0))
		p->trace->path.asks_fdb = true;
}
// Its source is known to the FDB.
void ft_trace_source(struct ft_packet *, const struct ft_fdb_entry *);
void ft_trace_drop(struct ft_packet *, enum weft_drop why);
// `copy` was made of it, and runs to its end next.
void ft_trace_clone(struct ft_packet *, struct ft_packet *copy);
// It has passed the meter; `waits`: an output of its waits.
void ft_trace_meter(struct ft_packet *, const struct ft_meter *, bool waits);
void ft_trace_group(struct ft_packet *, const struct ft_group *);
void ft_trace_bucket(struct ft_packet *, const struct ft_group *, unsigned bucket);

// ---- the sink, in output()
//
// An output of which it says nothing can't be repeated.

// Beside the target: the network that the packet goes out with (struct ft_step).
static inline void ft_trace_network(const struct ft_packet *p, uint32_t network)
{
	if (__builtin_expect(p->trace != NULL, 0))
		p->trace->network = network;
}

void ft_trace_told(const struct ft_packet *, const void *target, uint32_t max_len, uint8_t flags);

// Where it goes: for any other packet not longer than max_len the sink would do just the same. The
// target is handed back in struct ft_path or struct ft_step; so are the flags.
static inline void ft_trace_target(
	const struct ft_packet *p, const void *target, uint32_t max_len, uint8_t flags)
{
	if (__builtin_expect(p->trace != NULL, 0))
		ft_trace_told(p, target, max_len, flags);
}

// The same of a copy that the sink makes besides.
static inline void ft_trace_copy(
	const struct ft_packet *p, const void *target, uint32_t max_len, uint8_t flags)
{
	struct ft_trace *t = p->trace;
	bool keep;

	if (__builtin_expect(!t, 1))
		return;
	keep = t->keep;
	t->keep = true;
	ft_trace_told(p, target, max_len, flags);
	t->keep = keep;
}

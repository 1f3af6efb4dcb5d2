// SPDX-License-Identifier: Apache-2.0
#pragma once
// A path: what became of a packet, so that it can be done again to the next one like it (cache.h).
//
// Most packets meet some rules and go to one place, or nowhere. For these a path is the counters of
// the rules and the place, and nothing of it is a loop. All else that happened is its *steps*, in
// the order in which it happened:
//
//	EDIT      the packet is changed as by this action
//	OUTPUT    a copy goes there; or the copy that CLONE made, which ends by it
//	CLONE     a copy of the packet as it is now: the steps up to its OUTPUT or DROP are its
//	DROP      the copy that CLONE made comes to nothing
//	METER     the packet may end here, and then what comes after it has not happened
//	GROUP, BUCKET   are counted
//	LENGTH    a rule met the packet when tags had been pushed or popped: its bytes are others
//
// So a flooded or mirrored packet, one that went through groups or meters, and one whose tags were
// changed are known ways like any other. When the steps are done, the packet goes where the path
// says.
//
// What a step needs to hold was so when the path was recorded, and what might change it moves the
// switch's epoch, or is seen of the packet beforehand: ft_path_fits().

#include "flowtable/flowtable.h"

#include <stdatomic.h>

struct ft_counter;
struct ft_fdb_entry;

#define FT_PATH_RULES 7 // in a path itself,
#define FT_PATH_MORE 15 // and in each of up to
#define FT_PATH_MORES 4 // so many pieces behind it
#define FT_PATH_TABLES (FT_PATH_RULES + FT_PATH_MORE * FT_PATH_MORES)
#define FT_PATH_STEPS_HERE 3  // in a path itself,
#define FT_PATH_STEPS_MORE 16 // and in each of up to
#define FT_PATH_STEP_PIECES 2 // so many pieces behind those of the rules
#define FT_PATH_STEPS (FT_PATH_STEPS_HERE + FT_PATH_STEPS_MORE * FT_PATH_STEP_PIECES)
#define FT_PATH_DEPTH 3 // copies of copies
#define FT_PATH_ROOM 32 // bytes that may be pushed before a packet

enum ft_path_end {
	FT_PATH_OUTPUT, // to `target`
	FT_PATH_DROP,   // for `why`
};

enum ft_step_type {
	FT_STEP_EDIT,
	FT_STEP_OUTPUT,
	FT_STEP_CLONE,
	FT_STEP_DROP,
	FT_STEP_METER,
	FT_STEP_GROUP,
	FT_STEP_BUCKET,
	FT_STEP_LENGTH,
};

#define FT_STEP_NO_RULE 0xffu

struct ft_step {
	const void *
		what; // the action, meter or group; OUTPUT: what the sink said at ft_trace_target()
	union {
		uint32_t network; // OUTPUT: as the sink said
		uint32_t bucket;  // its index
		int32_t bytes;    // LENGTH: more than the packet had when it came
	};
	uint8_t type;   // enum ft_step_type
	uint8_t flags;  // OUTPUT: as the sink said; DROP: enum weft_drop
	uint8_t rule;   // that did it: its place in the path, or FT_STEP_NO_RULE
	uint8_t tables; // METER: that the packet had met; OUTPUT: 0 if it ends the copy
};
static_assert(sizeof(struct ft_step) == 16, "four to a line");

// What becomes of a packet. All but the switch is good until the worker's next quiescent state. A
// packet that needs no steps touches the first line alone; what it counts there is *pending* until
// it goes to the counters of the second (pending.h).
struct ft_path {
	const void *target; // what the sink said at ft_trace_target(); DROP: `rule`
	uint64_t epoch;     // ours
	uint64_t fdb_epoch; // ours
	uint32_t max_len;   // bytes: a longer packet goes the full way
	uint32_t network;   // as the sink said; DROP: the port that the packet came in by
	uint8_t end;        // enum ft_path_end
	uint8_t why;        // enum weft_drop
	uint8_t flags;      // as the sink said
	uint8_t table;      // of `rule`
	uint8_t steps;      // to be made first
	uint8_t rules, tables;
	bool asks_fdb;
	uint64_t packets, bytes; // pending
	uint64_t used_ns;        // by the latest of them
	// ---- for counting
	struct ft_switch *sw;
	struct ft_counter *counter[FT_PATH_RULES]; // ft_path_counter()
	uint8_t at[FT_PATH_RULES]; // tables looked at; the last may have missed; ft_path_table()
	uint8_t room;              // bytes that the steps push before the packet
	const struct ft_fdb_entry *source; // if asks_fdb: whose age its packets renew, NULL: none
	// ---- for those that do more
	struct ft_step step[FT_PATH_STEPS_HERE];
	const struct ft_rule *rule; // the latest that matched, or that asked for the output
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

// Pieces behind the path for its tables; those of its steps come after them.
static inline unsigned ft_path_mores(const struct ft_path *p)
{
	unsigned beyond = p->tables > FT_PATH_RULES ? p->tables - FT_PATH_RULES : 0;

	return (beyond + FT_PATH_MORE - 1) / FT_PATH_MORE;
}

// How many places in the cache a path takes, itself one of them.
static inline unsigned ft_path_places(const struct ft_path *p)
{
	unsigned beyond = p->steps > FT_PATH_STEPS_HERE ? p->steps - FT_PATH_STEPS_HERE : 0;

	return 1 + ft_path_mores(p) + (beyond + FT_PATH_STEPS_MORE - 1) / FT_PATH_STEPS_MORE;
}

static inline struct ft_step *ft_path_step(const struct ft_path *p, unsigned i)
{
	if (i < FT_PATH_STEPS_HERE)
		return (struct ft_step *)(uintptr_t)&p->step[i];
	return (struct ft_step *)(uintptr_t)(p + 1 + ft_path_mores(p)) + (i - FT_PATH_STEPS_HERE);
}

// ---- worker

// Whether a packet of so many bytes, with so much room before it, can go this path.
static inline bool ft_path_fits(const struct ft_path *p, uint32_t total_len, uint32_t headroom)
{
	return total_len <= p->max_len && headroom >= p->room;
}

// Whether all that its steps do is to write fields of the packet itself: it stays as long as it is.
bool ft_path_only_writes(const struct ft_path *);

// n packets, `bytes` in all as they came, went this path, the latest at used_ns: counters of rules
// and tables, ages.
void ft_path_count(
	const struct ft_path *, unsigned worker, uint64_t n, uint64_t bytes, uint64_t used_ns);
// The steps, on a packet as for ft_switch_process(); copies leave by the sink's again(), clone()
// and drop(). False: the packet has ended by a meter, and what it met until then is counted. True:
// it is to be counted (ft_cache_count()), and goes to the path's end as it is now.
bool ft_path_run(const struct ft_path *, unsigned worker, uint64_t now_ns, struct ft_packet *,
	struct ft_sink *);

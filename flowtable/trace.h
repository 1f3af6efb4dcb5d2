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

#include "flowtable/alike.h"
#include "flowtable/cache.h"

struct ft_trace {
	struct ft_path path;
	struct ft_path_more more[FT_PATH_MORES]; // behind the path, as in the cache
	struct ft_alike alike;                   // of this packet at all its lookups
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

// The next lookup, in this table and by the key as it is; NULL: nothing was found.
void ft_trace_rule(struct ft_packet *, const struct ft_rule *, uint8_t table);
// An action that is about to be carried out.
void ft_trace_action(struct ft_packet *, const struct weft_action *);
// Where the frame went depended on the FDB.
static inline void ft_trace_fdb(struct ft_packet *p)
{
	if (__builtin_expect(p->trace != NULL, 0))
		p->trace->path.asks_fdb = true;
}
// Its source is known to the FDB.
void ft_trace_source(struct ft_packet *, const struct ft_fdb_entry *);
void ft_trace_drop(struct ft_packet *, enum weft_drop why);

// The sink, beside ft_trace_target(): the network that the packet goes out with (struct ft_path).
static inline void ft_trace_network(const struct ft_packet *p, uint32_t network)
{
	if (__builtin_expect(p->trace != NULL, 0))
		p->trace->path.network = network;
}

// The sink, in output(): this is the packet's only output, and for any other packet not longer than
// max_len it would do just the same. The target is handed back in struct ft_path; so are the flags.
static inline void ft_trace_target(
	const struct ft_packet *p, const void *target, uint32_t max_len, uint8_t flags)
{
	struct ft_trace *t = p->trace;

	if (__builtin_expect(!t, 1))
		return;
	t->path.end = FT_PATH_OUTPUT;
	t->path.target = target;
	t->path.max_len = max_len;
	t->path.flags = flags;
	t->path.rule = p->rule;
	t->path.table = p->table;
	t->ended = true;
}

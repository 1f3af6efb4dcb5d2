// SPDX-License-Identifier: Apache-2.0
#pragma once
// How actions are carried out on a packet; what the files of the worker's side share.
//
//   pipeline.c     bursts through the tables; instructions; the entry points
//   actions.c      one list of actions, one after the other
//   action_set.c   the action set: what write-actions leave behind, and buckets
//   group_exec.c   which bucket
//   egress.c       the tables at a port
//   output.c       where to: ports, floods, the overlay, the controller
//   nx.c           Nicira's actions, and those of OpenFlow 1.5 and 1.0 (nx.h)
//
// Accounting. Each packet is a run, and a run ends in one final call of the sink. An output does
// not go out at once but waits in the run. When another use of the packet comes, the one that
// waits goes out as a copy (FT_KEEP); when the run ends it takes the packet itself. So the last use
// costs no copy, and a packet that went nowhere is known as such: it is dropped, for the reason
// that came up last. The one packet that is sent and dropped, too, is that whose copy had to leave
// before an edit and that then came to nothing itself.
//
// Bounds, for one packet received, whatever the tenant's rules and groups say: it runs through 255
// tables at most; groups nest FT_MAX_GROUP_DEPTH deep; FT_MAX_BUCKETS buckets are run; and
// FT_MAX_STEPS steps are taken, a step being an action, a port of a flood, or a bucket looked at in
// choosing one. A step is some ten nanoseconds, so no tenant holds a worker for much longer than a
// fifth of a millisecond with a packet, its copies aside (the sink bounds those), and the lookups
// of resubmits, which nx.h bounds.

#include "flowtable/packet/edit.h"
#include "flowtable/fdb.h"
#include "flowtable/flowtable.h"
#include "flowtable/port.h"

#include <weft/continuation.h>

#define FT_MAX_GROUP_DEPTH 16
#define FT_MAX_BUCKETS 1024
#define FT_MAX_STEPS 16384

// What is the same for all packets of a burst.
struct ft_burst {
	struct ft_switch *sw;
	struct ft_sink *sink;
	uint64_t now_ns;
	uint64_t version;
	uint32_t now_s;
	unsigned worker;
	unsigned flags; // FT_SWITCH_*
	bool overlay;   // the switch has one
	unsigned stacks_used;
	struct ft_stack *stacks;             // FT_BURST of them, for packets that push something
	bool egress;                         // there are egress tables
	const struct weft_egress_pass *pass; // through them; NULL: none is under way
	struct {
		uint32_t ofport;
		const struct ft_port_entry *entry;
	} port[2];              // the latest looked for: came in by, goes out by
	struct ft_pause *pause; // room for one packet that stops
};

#define FT_SET_MORE 32u

// One action a type, and one set-field a field: the latest written (OpenFlow 1.3.5, 5.10). Points
// into the rules, which live as long as the burst. Only what bitmaps and n_more name is
// initialised. Moves and loads of bits of a field have no such rule: they are kept as written, and
// come after the set-fields.
struct ft_action_set {
	uint64_t types;
	uint64_t fields[2];
	uint8_t n_more; // FT_SET_MORE + 1: there were more
	bool miss;      // the output was written by a table-miss rule
	const struct weft_action *type[WEFT_ACTION_MAX];
	const struct weft_action *field[WEFT_FIELD_MAX];
	const struct weft_action *more[FT_SET_MORE];
};
static_assert(WEFT_ACTION_MAX <= 64 && WEFT_FIELD_MAX <= 128, "bitmaps");

enum ft_waiting {
	FT_WAIT_NONE,
	FT_WAIT_PORT,
	FT_WAIT_OVERLAY,
	FT_WAIT_CONTROLLER
};

// What one packet received may still cost; its copies take from the same.
struct ft_budget {
	unsigned buckets;
	unsigned steps;
	// Of nx.h.
	uint16_t resubmits;
	uint16_t depth;
	uint16_t nesting;
	struct ft_stack *stack; // NULL: nothing was pushed
};

struct ft_run {
	struct ft_packet *pkt;
	enum weft_drop why;         // if nothing becomes of it
	enum ft_waiting waiting;    // the output that waits
	uint32_t port;              // of it
	struct weft_ip vtep;        // OVERLAY: from the FDB, none: as the key says
	struct ft_packet_in in;     // CONTROLLER
	const struct ft_rule *rule; // that asked for it
	uint8_t rule_table;
	uint8_t reason;           // enum weft_packet_in_reason of outputs to the controller
	uint8_t depth;            // of groups
	bool packet_out;          // output to TABLE is allowed
	bool exit;                // by the action: the action set is still to be executed
	bool watched;             // a copy whose exit, or stack, is seen by what comes after it
	int next;                 // table, negative: none
	struct ft_pause *pausing; // it stops, and is on its way out (pause.h); NULL: no
	struct ft_budget *budget;
	struct ft_action_set *set;
};

static inline const struct ft_port_entry *ft_burst_port(
	struct ft_burst *b, unsigned which, uint32_t ofport)
{
	if (b->port[which].ofport != ofport) {
		b->port[which].ofport = ofport;
		b->port[which].entry = ft_port_find(b->sw, ofport);
	}
	return b->port[which].entry;
}

// False: spent.
static inline bool ft_budget_steps(struct ft_budget *b, unsigned n)
{
	if (b->steps < n) {
		b->steps = 0;
		return false;
	}
	b->steps -= n;
	return true;
}

// ---- output.c

// OpenFlow 1.3.5, 7.2.1 for the ports with a meaning. A port that can't be reached leaves its
// reason in run->why.
void ft_output(struct ft_burst *, struct ft_run *, uint32_t ofport, uint16_t max_len);
// Where a pass through egress tables leads. The way may have closed while it was paused.
void ft_output_pass(struct ft_burst *, struct ft_run *, const struct weft_egress_pass *);
void ft_output_controller(struct ft_burst *, struct ft_run *, uint16_t max_len, uint8_t reason);
// The same with all that a packet-in may say; cookie and table are filled in.
// False: its port sends none.
bool ft_output_packet_in(struct ft_burst *, struct ft_run *, const struct ft_packet_in *);
// The output that waits goes out as a copy, since the packet is about to change.
void ft_run_flush(struct ft_burst *, struct ft_run *);
// The same, before the key changes where no frame shows it: a packet-in tells of that, and egress
// tables match it.
static inline void ft_run_settle(struct ft_burst *b, struct ft_run *run)
{
	if (__builtin_expect(b->egress || run->waiting == FT_WAIT_CONTROLLER, 0))
		ft_run_flush(b, run);
}
// What will be output is this; its port and VTEP are the caller's to set.
void ft_run_wait(struct ft_burst *, struct ft_run *, enum ft_waiting);
// The final call.
void ft_run_end(struct ft_burst *, struct ft_run *);
// The packet's source address, if it is news.
void ft_learn(struct ft_burst *, struct ft_packet *);

// ---- actions.c

// Runs a list; false: the packet is at its end (run->why says why, if nothing waits). `last`:
// nothing comes after the list.
bool ft_run_actions(struct ft_burst *, struct ft_run *, const void *actions, size_t len, bool last);
// Whether the list from `first` up to `end` outputs or names a group.
bool ft_any_use(const void *first, const void *end);
// One action that is no output, group or meter. FT_EDITED, or why not.
enum weft_drop ft_edit(struct ft_packet *, const struct weft_action *);
// After ft_edit() failed: an invalid TTL may be the controller's business.
void ft_edit_failed(struct ft_burst *, struct ft_run *, enum weft_drop);
// False: dropped by it.
bool ft_run_meter(struct ft_burst *, struct ft_run *, uint32_t id);

// ---- action_set.c

void ft_set_clear(struct ft_action_set *);
bool ft_set_any_use(const struct ft_action_set *);
// The port that it outputs to, as actset_output has it: WEFT_OFPORT_UNSET if none, or a group.
uint32_t ft_set_output(const struct ft_action_set *);
void ft_set_write(struct ft_action_set *, const void *actions, size_t len, bool miss);
// In the order of OpenFlow 1.3.5, 5.10. The packet is at its end after it.
void ft_set_run(struct ft_burst *, struct ft_run *, const struct ft_action_set *);

// ---- group_exec.c

// `last`: nothing comes after the group, so that it may use the packet up.
void ft_run_group(struct ft_burst *, struct ft_run *, uint32_t id, bool last);

// ---- resubmit.c

// `copy` becomes a run of its own on a copy of the packet as it is, with no action set; it ends by
// ft_run_end(). False: no buffer, and run->why says so.
bool ft_run_copy(struct ft_burst *, struct ft_run *, struct ft_run *copy);

// ---- pipeline.c

// The packet's own action set, at the end of its way.
void ft_run_set(struct ft_burst *, struct ft_run *);
// A rule's instructions but for goto-table. `last`: nothing comes after the rule. False: the
// packet's way is at its end, but for its action set if run->exit.
bool ft_run_instructions(
	struct ft_burst *, struct ft_run *, const struct weft_instructions *, bool miss, bool last);

void ft_burst_init(
	struct ft_burst *, struct ft_switch *, unsigned worker, uint64_t now_ns, struct ft_sink *);
// The caller sets `set`, and what else is not as in the pipeline.
void ft_run_init(struct ft_run *, struct ft_packet *, struct ft_budget *);
// Runs it from run->next to its end.
void ft_run_tables(struct ft_burst *, struct ft_run *);
// A packet-out's output to TABLE: the packet, or a copy, from table 0 on.
void ft_run_table(struct ft_burst *, struct ft_run *, bool last);

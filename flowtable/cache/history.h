// SPDX-License-Identifier: Apache-2.0
#pragma once
// The latest changes of a switch's rules, for flow caches that would rather not forget everything
// with every commit (cache.h).
//
// A path that was recorded at one epoch still holds at a later one if none of the rules that were
// added or removed in between could have won over the rules that it met. That needs no packet: a
// change concerns a path only in a table that the path looked at, and there only if it is of no
// lower priority than the rule that matched, some packet can match both, and so could one of the
// path's, as far as it is known what these have in common (alike.h). So rules that come and go in
// other tables, below, or for other addresses leave a path alone.
//
// For example, a path met a rule of priority 100 for 10.0.0.0/24, and all its packets are for
// 10.0.0.5. A rule of priority 50 comes: it could not win. One of 200 for 10.1.0.0/16: who matches
// it does not match the other. One of 200 for 10.0.0.9: it could win over the rule that was met,
// but not for these packets. One of 200 for TCP port 80, to which some of them go and some do not:
// the path does not hold any more.
//
// The writer logs what it commits in a ring, by value: a removed rule is gone long before the last
// path that met it is asked. Who comes too late, when the ring has gone round, starts afresh.
//
// A controller that pours out rules has them committed many at a time, and one by one they would
// have gone round the ring before anybody looked. So of a transaction of more than FT_HISTORY_EACH
// changes those of one table are logged together, what came and what went, as one rule that wants
// what they all want, and has the highest of their priorities. It concerns whomever one of them
// does, and mostly nobody else: such rules have a network in common. Which rules went it does not
// say, so a path that looked at the table is spared only if its packets are others.
//
// A ring is some kilobytes, and most switches' rules never change while packets come. So it is made
// when a flow cache has asked for it in vain: the first change after that is the first in it.
//
// One writer. Workers read with no lock and check afterwards that what they read was not
// overwritten meanwhile.

#include <assert.h>
#include <stdatomic.h>
#include <weft/types.h>

#define FT_HISTORY 64u        // a power of two
#define FT_HISTORY_WORDS 6u   // of a match; a rule with more is taken to overlap with all
#define FT_HISTORY_EACH 16u   // changes of a transaction that are logged one by one,
#define FT_HISTORY_MOST 4096u // and together
#define FT_HISTORY_SUMS 16u   // in which case there are so many entries at most

struct ft_past_change {
	_Atomic uint64_t epoch; // at which it could be seen first
	_Atomic uintptr_t rule; // which it was; never followed; 0: several
	_Atomic uint64_t map;   // as in weft_match; all ones: overlaps with all
	_Atomic uint64_t what;  // priority, table << 16, added << 24
	_Atomic uint64_t value[FT_HISTORY_WORDS];
	_Atomic uint64_t mask[FT_HISTORY_WORDS];
};
static_assert(sizeof(struct ft_past_change) == 128, "two lines");

struct ft_history {
	_Atomic uint64_t n; // that were ever logged; change i is at i % FT_HISTORY
	struct ft_past_change at[FT_HISTORY];
};

struct ft_alike;
struct ft_herd;
struct ft_path;
struct ft_rule;
struct ft_switch;
struct ft_txn;

// Writer, before the version is published: what the transaction changes will be seen from `epoch`
// on. False: more than the ring holds, or groups or meters, or there is no ring; every path must
// go.
bool ft_history_log(struct ft_switch *, const struct ft_txn *, uint64_t epoch);

// Workers: a path does not hold that one might have saved.
void ft_history_ask(struct ft_switch *);
// Workers: does the path, which held at path->epoch, hold still, as far as rules go? All its
// packets are as `alike` says.
bool ft_history_spares(
	const struct ft_switch *, const struct ft_path *, const struct ft_alike *alike);
// Do all paths of the herd, which held at herd->until?
bool ft_history_spares_herd(const struct ft_switch *, const struct ft_herd *);

// SPDX-License-Identifier: Apache-2.0
#pragma once
// Flow monitors: who wants to know of changes to rules (OpenFlow 1.5.1, 7.3.5.18).
//
// A monitor is a selector and the kinds of change that it wants. When a transaction commits, each
// change in its log is held against the monitors, and told once, with a bit for each that wants it.
// A short log is told within the commit; a long one, and whatever commits after it, waits in the
// queue of committed transactions until ft_changes_tell() has told it, a piece at a time. Until
// then its garbage waits too, so the rules in the log are all there. So what waits to be told takes
// no memory but the logs.
//
// A transaction that has been told goes on to txn.c's end, in order.

#include "flowtable/rules/select.h"

struct ft_txn;

struct ft_monitor {
	struct weft_match match;
	struct ft_selector selector; // its match is the one above
	unsigned kinds;              // FT_CHANGE_BIT()
};

struct ft_monitors {
	uint64_t used; // a bit for each slot
	struct ft_monitor slot[FT_MONITORS];
};

#define FT_CHANGES_NOW 1024u // entries that are told within the commit

// A transaction is published. True: it is kept to be told later, and ends then.
bool ft_changes_committed(struct ft_switch *, struct ft_txn *);
// The switch goes: what waits ends untold.
void ft_changes_drop(struct ft_switch *);

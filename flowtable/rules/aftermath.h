// SPDX-License-Identifier: Apache-2.0
#pragma once
// What a change leaves to be done, because it would hold the writer's thread too long.
//
// - Rules that were learned by rules that have gone (learn_orphans.h).
// - The heap of a table that is to evict from now on, and had rules already (table_config.h).
// - Heaps in which most entries mean nothing any more (heap.h).
//
// Whoever asked for the first two may ask when they are done, as OpenFlow's barrier does: env's
// `aftermath` says that there is something, ft_aftermath_awaited() how long. A step of rules is a
// transaction of its own; where the switch always has one open when it is looked at, its commits
// take a step along, one for each time.

#include "flowtable/flowtable.h"

// Something has come that is awaited.
void ft_aftermath_came(struct ft_switch *);
// A transaction was committed.
void ft_aftermath_committed(struct ft_switch *);

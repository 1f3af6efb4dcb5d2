// SPDX-License-Identifier: Apache-2.0
#pragma once
// What the switches of one writer have in common, so that packets for thousands of them touch less
// memory: their fronts lie side by side (front.h), and those whose rules look at the same bits of a
// frame share one set of masks (relevance.h), which mostly is all of them.
//
// So do their counters of tables, one worker's table after the other: of a few thousand switches
// that have rules in two of their tables two columns are ever touched, and the others, which are
// nothing but addresses, take no memory.
//
// The writer's. Switches are made with it by ft_env.commons; without one they have all of this for
// themselves.

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ft_commons;
struct ft_front;
struct ft_masks;

// `workers`: as many as any of the switches has. NULL: out of memory.
struct ft_commons *ft_commons_new(unsigned workers);
// When there is no switch any more.
void ft_commons_free(struct ft_commons *);
// Another number whenever rules of any of the switches have changed since: it changes right before
// workers can see that. Any thread. 0 without commons.
uint64_t ft_commons_changes(const struct ft_commons *);

// ---- for this folder; `c` may be NULL

// Written by one worker only.
struct ft_table_counter {
	_Atomic uint64_t lookups;
	_Atomic uint64_t matched;
};

// A switch's share. Its counter of a table for a worker is at
// counters[(worker * (WEFT_TABLES + 1) + table) * step].
struct ft_share {
	struct ft_front *front;
	struct ft_table_counter *counters;
	size_t step;
};

void ft_commons_change(struct ft_commons *c);

// All zero. False: out of memory.
bool ft_share_new(struct ft_commons *c, unsigned workers, struct ft_share *);
// With no worker left; nothing if it has no front.
void ft_share_free(struct ft_commons *c, unsigned workers, const struct ft_share *);

// Masks with what `like` says, one more user of which the caller is. NULL: out of memory.
struct ft_masks *ft_masks_take(struct ft_commons *c, const struct ft_masks *like);
// One user less. True: it was the last one; nobody will find them any more, and when no worker
// reads them they are the caller's to free().
bool ft_masks_leave(struct ft_commons *c, struct ft_masks *);

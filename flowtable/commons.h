// SPDX-License-Identifier: Apache-2.0
#pragma once
// What the switches of one writer have in common, so that packets for thousands of them touch less
// memory: their fronts lie side by side (front.h), and those whose rules look at the same bits of a
// frame share one set of masks (relevance.h), which mostly is all of them.
//
// The writer's. Switches are made with it by ft_env.commons; without one they have all of this for
// themselves.

#include <stdbool.h>

struct ft_commons;
struct ft_front;
struct ft_masks;

struct ft_commons *ft_commons_new(void); // NULL: out of memory
// When there is no switch any more.
void ft_commons_free(struct ft_commons *);

// ---- for this folder; `c` may be NULL

// Zeroed; NULL: out of memory.
struct ft_front *ft_front_new(struct ft_commons *c);
void ft_front_free(struct ft_commons *c, struct ft_front *);

// Masks with what `like` says, one more user of which the caller is. NULL: out of memory.
struct ft_masks *ft_masks_take(struct ft_commons *c, const struct ft_masks *like);
// One user less. True: it was the last one; nobody will find them any more, and when no worker
// reads them they are the caller's to free().
bool ft_masks_leave(struct ft_commons *c, struct ft_masks *);

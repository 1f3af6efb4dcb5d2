// SPDX-License-Identifier: Apache-2.0
#pragma once
// How many rules there are of each priority, and what the highest is: a counted set of 16-bit
// numbers. Most sets hold one or a few; beyond FT_PRIO_FEW it becomes two levels of 256 counts, so
// that nothing takes more than 512 steps. Writer only.

#include <weft/types.h>

#define FT_PRIO_FEW 6u

struct ft_prio_pages;

struct ft_prio_set {
	uint32_t distinct;           // used entries of few
	struct ft_prio_pages *pages; // NULL: few has all
	struct {
		uint16_t priority;
		uint32_t count;
	} few[FT_PRIO_FEW]; // descending
};

// Makes the next ft_prio_add() of this priority possible. False: no memory.
bool ft_prio_reserve(struct ft_prio_set *, uint16_t priority);
void ft_prio_add(struct ft_prio_set *, uint16_t priority);
// One that was added.
void ft_prio_remove(struct ft_prio_set *, uint16_t priority);
// -1: empty.
int ft_prio_max(const struct ft_prio_set *);
bool ft_prio_has(const struct ft_prio_set *, uint16_t priority);
void ft_prio_fini(struct ft_prio_set *);

// SPDX-License-Identifier: Apache-2.0
#pragma once
// Between meter.c and meter_mod.c. Writer only.

#include "flowtable/rules/meter.h"

// Linked to nothing. `head` NULL: a new one. NULL: no memory.
struct ft_meter *ft_meter_new(struct ft_switch *, const struct weft_meter_mod *,
	const struct weft_band *, struct ft_versioned_head *head);
// Room in the log and in the map of meters is reserved.
void ft_meter_stage_add(struct ft_switch *, struct ft_meter *);
void ft_meter_stage_del(struct ft_switch *, struct ft_meter *);

// SPDX-License-Identifier: Apache-2.0
#pragma once
// Between group.c, group_check.c and group_mod.c. Writer only.

#include "flowtable/rules/group.h"

// Makes a group from a request, linked to nothing. `buckets`: and the masks of hash_map. `head`
// NULL: a new one. NO_MEMORY, MALFORMED.
enum weft_error ft_group_new(struct ft_switch *, const struct weft_group_mod *, const void *buckets,
	size_t len, struct ft_versioned_head *head, struct ft_group **out);
// Buckets of `to` that `from` has, by their ids, go on counting there. False: no memory.
bool ft_group_carry(struct ft_switch *, struct ft_group *to, const struct ft_group *from);
// Room in the log and in the map of groups is reserved.
void ft_group_stage_add(struct ft_switch *, struct ft_group *);
void ft_group_stage_del(struct ft_switch *, struct ft_group *);

// OpenFlow 1.3.5, 6.5: type, weights, watches, actions, loops.
enum weft_error ft_group_check(struct ft_switch *, const struct ft_group *);

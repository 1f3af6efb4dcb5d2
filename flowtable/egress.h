// SPDX-License-Identifier: Apache-2.0
#pragma once
// Egress tables: OpenFlow 1.5.1, 5.1 and 5.12. Tables from a first egress table on are not met on
// the way to a port, but at it: each packet, or copy, that is to leave by a port or into the
// overlay runs from there, with an action set that says output to this port, and leaves when that
// is executed. What goes to the controller does not.
//
// In egress, goto leads on through egress tables; write-actions have no output and no group; an
// output by apply-actions sends a copy, straight. clear-actions clears all, so the packet is
// dropped unless something was output before. There is one egress pass: what leaves in it leaves.
//
// Bounds: a pass takes from the packet's budget (exec.h), and one that has no steps left is
// dropped.

#include <weft/flow.h>

struct ft_burst;
struct ft_run;
struct ft_switch;

// WEFT_TABLE_INGRESS, or EGRESS and perhaps FIRST_EGRESS.
uint8_t ft_table_role(const struct ft_switch *, uint8_t table);
// Makes it the first egress table, or no longer that. TABLE_CONFIG: table 0, or rules are there
// that would change sides, or that lead over the border.
enum weft_error ft_egress_set(struct ft_switch *, uint8_t table, bool first);
// A rule's instructions in this table: BAD_GOTO, ACTION_PORT, ACTION_GROUP.
enum weft_error ft_check_egress(
	const struct ft_switch *, uint8_t table, const struct weft_instructions *);

// Workers: the output that waits in the run goes through the egress tables. `flags`: FT_KEEP, or
// the packet is used up.
void ft_egress(struct ft_burst *, struct ft_run *, unsigned flags);
// In a pass: the output to its own port. False: it is to another one.
bool ft_egress_output(struct ft_burst *, struct ft_run *, uint32_t ofport);

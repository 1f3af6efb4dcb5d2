// SPDX-License-Identifier: Apache-2.0
#pragma once
// Egress tables: OpenFlow 1.5.1, 5.1 and 5.12. Which tables they are.

#include <weft/flow.h>

struct ft_switch;

// WEFT_TABLE_INGRESS, or EGRESS and perhaps FIRST_EGRESS.
uint8_t ft_table_role(const struct ft_switch *, uint8_t table);
// Makes it the first egress table, or no longer that. TABLE_CONFIG: not this one.
enum weft_error ft_egress_set(struct ft_switch *, uint8_t table, bool first);

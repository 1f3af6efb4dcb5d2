// SPDX-License-Identifier: Apache-2.0
#include "flowtable/egress.h"

#include "flowtable/switch.h"

uint8_t ft_table_role(const struct ft_switch *sw, uint8_t table)
{
	return WEFT_TABLE_INGRESS;
}

enum weft_error ft_egress_set(struct ft_switch *sw, uint8_t table, bool first)
{
	return first ? WEFT_E_TABLE_CONFIG : WEFT_E_NONE;
}

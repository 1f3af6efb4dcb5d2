// SPDX-License-Identifier: Apache-2.0
#pragma once
// How the tables of fake_dpc.h's switch are set: TABLE_MOD is kept and told back.

#include <weft/flow.h>

#include "dpclient/dpclient.h"

struct fake_tables {
	struct weft_table_desc v[WEFT_TABLES];
	unsigned first_egress; // 0: none
};

enum weft_error fake_tables_mod(struct fake_tables *t, const struct weft_table_mod *mod);
void fake_tables_dump(const struct fake_tables *t, dpc_item_fn item, void *arg);

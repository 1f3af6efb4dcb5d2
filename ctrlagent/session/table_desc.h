// SPDX-License-Identifier: Apache-2.0
#pragma once
// How the tables are set.

struct session_switch;
struct weft_table_desc;

// An OFPT_TABLE_STATUS to every session that wants it.
void session_table_status(struct session_switch *sw, const struct weft_table_desc *table);

// SPDX-License-Identifier: Apache-2.0
#pragma once
// What the tables can do.

#include <stdbool.h>
#include <stdint.h>

#include <weft/flow.h>

#include "openflow/reader.h"

struct session_conn;

uint32_t session_action_bits(uint8_t version); // supported actions, bit n: OFPAT_* n
bool session_has_action(uint16_t type, uint8_t version);
bool session_has_instruction(uint16_t type, uint8_t version);

// The `body` of a request that asks for tables to be otherwise. 0 if it can be granted, by *mod; or
// -EBADMSG with the error in *r.
int session_table_features_set(struct session_conn *c, struct of_span body,
	struct weft_table_mod *mod, struct of_reader *r);

// SPDX-License-Identifier: Apache-2.0
#pragma once
// What the tables can do.

#include <stdbool.h>
#include <stdint.h>

#include "openflow/reader.h"

uint32_t session_action_bits(uint8_t version); // supported actions, bit n: OFPAT_* n
bool session_has_action(uint16_t type, uint8_t version);
bool session_has_instruction(uint16_t type, uint8_t version);

// The properties of a table that a controller asks for: whether they can be read, and name what
// there is. 0, or -EBADMSG with the error in *r.
int session_table_features_check(struct of_span properties, struct of_reader *r);

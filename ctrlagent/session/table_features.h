// SPDX-License-Identifier: Apache-2.0
#pragma once
// What the tables can do.

#include <stdint.h>

uint32_t session_action_bits(uint8_t version); // supported actions, bit n: OFPAT_* n

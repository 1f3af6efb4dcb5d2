// SPDX-License-Identifier: Apache-2.0
#pragma once
// Who may program the switch.

#include <stdint.h>

struct session_conn;

// OFPCR_ROLE_EQUAL, MASTER or SLAVE. If it becomes master, whoever was it becomes slave and is told
// so, from OpenFlow 1.4 on.
void session_role_set(struct session_conn *c, uint8_t role);

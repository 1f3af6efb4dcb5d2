// SPDX-License-Identifier: Apache-2.0
#pragma once
// The names of what is a number on the wire. "?" for a number without one.

#include <weft/ipc.h>

const char *port_kind_name(uint32_t kind);
const char *too_big_name(uint32_t too_big); // as the configuration says it
const char *encap_name(uint32_t encap);
const char *tunnel_port_name(uint32_t ofport); // of an overlay or provider's tunnel; NULL: neither
const char *bond_mode_name(uint32_t mode);
const char *bfd_mode_name(uint32_t mode);
const char *bfd_state_name(uint32_t state);
const char *bfd_diag_text(uint32_t diag); // RFC 5880, 4.1
const char *drop_name(uint32_t drop);
const char *drop_text(uint32_t drop);
const char *consumed_name(uint32_t consumed);
const char *punt_reason_name(uint32_t reason); // enum weft_punt_reason

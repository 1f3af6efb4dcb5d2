// SPDX-License-Identifier: Apache-2.0
#pragma once
// The switch's table of tunnel options (Nicira's NXT_TLV_TABLE_MOD and _REQUEST): which option of a
// tunnel's header is which of the fields tun_metadata0 to 63. It is one table for all controllers.
//
// Kept and told, and no more: neither VXLAN (RFC 7348) nor NVGRE (RFC 7637) has options, so no
// packet ever has such a field, and a rule that would match or set one draws OFPBMC_BAD_FIELD or
// OFPBAC_BAD_SET_TYPE.

#include <stdbool.h>
#include <stdint.h>

#define SESSION_TLV_FIELDS 64u
#define SESSION_TLV_SPACE 256u // bytes of all options together

struct session_tlv {
	uint16_t option_class;
	uint8_t option_type;
	uint8_t len; // bytes; 0: not mapped
};

struct session_tlv_map {
	struct session_tlv field[SESSION_TLV_FIELDS];
};

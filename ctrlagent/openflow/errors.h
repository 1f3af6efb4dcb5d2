// SPDX-License-Identifier: Apache-2.0
#pragma once
// What to tell a controller when its request fails (OpenFlow 1.3.5, 7.4.4). Pure functions.

#include <weft/error.h>

#include "openflow/of_wire.h"

// Bytes of the offending request that an error repeats: at least 64 (7.4.4), or all of it.
#define OF_ERROR_DATA 64u

// The type and code that `version` has for a neutral error. An error that no request of a
// controller should cause (a device, the tenant itself) is OFPBRC_EPERM. `e` must not be
// WEFT_E_NONE.
struct of_error of_error_from_weft(uint8_t version, enum weft_error e);

// What went wrong with a bundle, OFPBFC_*: before 1.4 an error of the ONF's extension (EXT-230).
struct of_error of_bundle_error(uint8_t version, uint16_t code);

// Likewise with a flow monitor, OFPMOFC_*: before 1.4 the nearest of Nicira's.
struct of_error of_monitor_error(uint8_t version, uint16_t code);

// An error of Nicira's by its number for OpenFlow 1.2 and later; 1.0 has other ones, and a form of
// its own for them.
#define OF_NXERR_REASON 5u
#define OF_NXERR_MONITOR_EXISTS 6u
#define OF_NXERR_MONITOR_FLAGS 7u
#define OF_NXERR_MONITOR_UNKNOWN 8u
#define OF_NXERR_CONJUNCTION 15u
#define OF_NXERR_TLV_COMMAND 16u
#define OF_NXERR_TLV_OPTION_LEN 17u
#define OF_NXERR_TLV_INDEX 18u
#define OF_NXERR_TLV_FULL 19u
#define OF_NXERR_TLV_MAPPED 20u
#define OF_NXERR_TLV_DUPLICATE 21u
#define OF_NXERR_RESUME_UNSUPPORTED 34u
#define OF_NXERR_RESUME_STALE 35u
#define OF_NXERR_TLV_FIELD 37u
#define OF_NXERR_TLV_IN_USE 38u
struct of_error of_nicira_error(uint16_t code);

// "OFPBMC_BAD_PREREQ", or "unknown"; for logs.
const char *of_error_name(const struct of_error *e, uint8_t version);

// Appends the error message for `request`, a whole or broken message of `len` bytes; its
// transaction id is taken over. In OpenFlow 1.0 types and codes have other numbers, and many are
// missing: the nearest is written. 0 or the writer's error.
int of_error_write(struct of_writer *w, const struct of_error *e, const void *request, size_t len);

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

// "OFPBMC_BAD_PREREQ", or "unknown"; for logs.
const char *of_error_name(const struct of_error *e, uint8_t version);

// Appends the error message for `request`, a whole or broken message of `len` bytes; its
// transaction id is taken over. In OpenFlow 1.0 types and codes have other numbers, and many are
// missing: the nearest is written. 0 or the writer's error.
int of_error_write(struct of_writer *w, const struct of_error *e, const void *request, size_t len);

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

// "OFPBMC_BAD_PREREQ", or "unknown"; for logs.
const char *of_error_name(const struct of_error *e, uint8_t version);

// Appends the error message for `request`, a whole or broken message of `len` bytes; its
// transaction id is taken over. 0 or the writer's error.
int of_error_write(struct of_writer *w, const struct of_error *e, const void *request, size_t len);

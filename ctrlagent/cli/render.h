// SPDX-License-Identifier: Apache-2.0
#pragma once
// JSON rows as an aligned table: numbers to the right, the rest to the left, a header line.

#include <jansson.h>

#include "cli/request.h"

char *render_table(const json_t *rows, const struct column *columns); // free() it

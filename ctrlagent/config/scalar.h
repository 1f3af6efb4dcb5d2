// SPDX-License-Identifier: Apache-2.0
#pragma once
// Scalars of the configuration: text to value, and what to say of a text that is none.

#include "config/schema.h"

// Writes the value to `out`, as f->kind says; strings with their NUL. False: out is as it was.
bool scalar_parse(const struct schema_field *f, const char *text, size_t len, void *out);

size_t scalar_size(const struct schema_field *f); // bytes of the C value

// "a number from 1 to 5"; for lists and mappings too.
void scalar_expected(const struct schema_field *f, char *buf, size_t size);

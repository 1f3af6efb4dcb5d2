// SPDX-License-Identifier: Apache-2.0
#pragma once
// What every fuzz target needs: its entry, and a way to say that something does not hold.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

static inline void require(bool ok)
{
	if (!ok)
		abort();
}

// A copy in memory of its own, so that ASan sees each byte too far. To be freed.
static inline uint8_t *copy_of(const uint8_t *bytes, size_t len)
{
	uint8_t *copy = malloc(len ? len : 1);

	require(copy);
	if (len)
		memcpy(copy, bytes, len);
	return copy;
}

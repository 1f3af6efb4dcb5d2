// SPDX-License-Identifier: Apache-2.0
#pragma once
// Memory that is freed at once. Starts as {0}; what it gives is zeroed and aligned for anything.

#include <stddef.h>

struct arena {
	struct arena_block *blocks;
};

void *arena_alloc(struct arena *arena, size_t bytes);
char *arena_format(struct arena *arena, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void arena_free(struct arena *arena);

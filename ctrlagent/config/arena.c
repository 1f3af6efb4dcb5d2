// SPDX-License-Identifier: Apache-2.0
#include "config/arena.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#include "mem.h"

struct arena_block {
	struct arena_block *next;
	alignas(max_align_t) char bytes[];
};

void *arena_alloc(struct arena *arena, size_t bytes)
{
	struct arena_block *b = agent_zalloc(sizeof(*b) + bytes);

	b->next = arena->blocks;
	arena->blocks = b;
	return b->bytes;
}

char *arena_format(struct arena *arena, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	char *text = agent_vformat(format, ap);
	va_end(ap);
	size_t size = strlen(text) + 1;
	char *copy = memcpy(arena_alloc(arena, size), text, size);
	free(text);
	return copy;
}

void arena_free(struct arena *arena)
{
	while (arena->blocks) {
		struct arena_block *next = arena->blocks->next;
		free(arena->blocks);
		arena->blocks = next;
	}
}

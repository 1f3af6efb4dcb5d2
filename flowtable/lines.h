// SPDX-License-Identifier: Apache-2.0
#pragma once
// Memory in whole cache lines. If it is zeroed: for what workers write, no line is anybody else's.

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static inline size_t ft_whole_lines(size_t bytes)
{
	return (bytes + 63) & ~(size_t)63;
}

// What is about to be written.
static inline void ft_prefetch_lines(const void *at, size_t bytes)
{
	for (size_t i = 0; i < bytes; i += 64)
		__builtin_prefetch((const char *)at + i, 1);
}

static inline void *ft_alloc_lines(size_t bytes)
{
	size_t size = ft_whole_lines(bytes);
	void *p = aligned_alloc(64, size ? size : 64);

	if (p)
		memset(p, 0, size ? size : 64);
	return p;
}

// Memory that begins with a line and grows or shrinks: its first `keep` bytes, which lie in *block
// from `at` on, stay. Returns where they lie now; NULL: no memory, and nothing has changed. A NULL
// *block is new; free(*block) ends it.
static inline void *ft_lines_resize(void **block, void *at, size_t keep, size_t bytes)
{
	size_t was = *block ? (size_t)((char *)at - (char *)*block) : 0;
	char *now = realloc(*block, bytes + 63), *to;

	if (!now)
		return NULL;
	to = (char *)(((uintptr_t)now + 63) & ~(uintptr_t)63);
	if (to != now + was)
		memmove(to, now + was, keep);
	*block = now;
	return to;
}

// SPDX-License-Identifier: Apache-2.0
#pragma once
// Arrays that grow by doubling, of pointers mostly, whose elements may move: workers read none of
// them.

#include <stdint.h>
#include <stdlib.h>

// The array `at` of `n` elements, each of `size` bytes, with room for one more; *room is how many
// it has room for, and `least` what it has at first. NULL: no memory, and it is as it was.
static inline void *ft_vector_reserve(
	void *at, uint32_t n, uint32_t *room, uint32_t least, size_t size)
{
	uint32_t more = *room ? 2 * *room : least;
	void *grown;

	if (n < *room)
		return at;
	grown = realloc(at, more * size);
	if (grown)
		*room = more;
	return grown;
}

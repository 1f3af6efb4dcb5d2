// SPDX-License-Identifier: Apache-2.0
#pragma once
// A growable array: VEC(int) numbers = {0}; vec_add(&numbers, 5); numbers.at[0];
// vec_free(&numbers).

#include <stdlib.h>

#include "mem.h"

#define VEC(type)                                                                                  \
	struct {                                                                                   \
		type *at;                                                                          \
		size_t count, capacity;                                                            \
	}

// Gives a pointer to a new, zeroed last element; valid until the next one.
#define vec_new(v)                                                                                 \
	((v)->count == (v)->capacity ? ((v)->capacity = (v)->capacity ? 2 * (v)->capacity : 8,     \
					       (v)->at = agent_resize(                             \
						       (v)->at, (v)->capacity, sizeof(*(v)->at)))  \
				     : (v)->at,                                                    \
		(v)->at[(v)->count] = (__typeof__(*(v)->at)){0}, &(v)->at[(v)->count++])

#define vec_add(v, ...) (*vec_new(v) = (__VA_ARGS__))

#define vec_free(v) (free((v)->at), (v)->at = NULL, (v)->count = (v)->capacity = 0)

// The array must not grow or shrink meanwhile. (An empty one has no address to add to.)
#define VEC_FOR_EACH(p, v)                                                                         \
	for (__typeof__((v)->at + 0) p = (v)->at, p##_end = p ? p + (v)->count : p; p != p##_end;  \
		p++)

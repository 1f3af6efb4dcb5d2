// SPDX-License-Identifier: Apache-2.0
#pragma once
// A list that grows by pages: however long it becomes, nothing in it moves or is copied because it
// is one longer. Whose it is knows how large a page is and what lies where in it. The writer's
// alone: workers read none.

#include "flowtable/vector.h"

#include <stdbool.h>

struct ft_pages {
	void **at;
	uint32_t n, room;
};

// One page more, of `size` bytes. False: no memory.
static inline bool ft_pages_add(struct ft_pages *p, size_t size)
{
	void **at = ft_vector_reserve(p->at, p->n, &p->room, 1, sizeof(*at));

	if (!at)
		return false;
	p->at = at;
	at[p->n] = malloc(size);
	if (!at[p->n])
		return false;
	p->n++;
	return true;
}

// Frees all but the first `keep`.
static inline void ft_pages_trim(struct ft_pages *p, uint32_t keep)
{
	while (p->n > keep)
		free(p->at[--p->n]);
}

static inline void ft_pages_fini(struct ft_pages *p)
{
	ft_pages_trim(p, 0);
	free(p->at);
}

// SPDX-License-Identifier: Apache-2.0
#include "dp_poll.h"

#include <assert.h>
#include <stdlib.h>

struct dp_poll_list *dp_poll_list_new(unsigned queues)
{
	size_t polls = queues * sizeof(struct dp_poll);
	struct dp_poll_list *l =
		calloc(1, sizeof(*l) + polls + (queues + 63) / 64 * sizeof(uint64_t));

	static_assert(sizeof(struct dp_poll) % sizeof(uint64_t) == 0, "words lie behind");
	if (l)
		l->lively = (uint64_t *)(void *)&l->poll[queues];
	return l;
}

void dp_poll_list_add(struct dp_poll_list *l, struct dp_port *port, uint16_t queue, bool always)
{
	unsigned i = l->n++;

	l->poll[i] = (struct dp_poll){.port = port, .queue = queue, .always = always};
	l->lively[i / 64] |= 1ull << i % 64;
}

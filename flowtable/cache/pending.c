// SPDX-License-Identifier: Apache-2.0
#include "flowtable/cache/pending.h"

#include "flowtable/cache/path.h"
#include "flowtable/prefetched.h"

#define AHEAD 8u // paths whose lines are asked for together

// Most have been evicted from the processor's caches since, and so have the counters.
static void ask_for(const struct ft_pending *q, const struct ft_path *path)
{
	uint32_t first = q->n < AHEAD ? 0 : q->n - AHEAD;

	for (uint32_t i = first; i < q->n; i++) {
		__builtin_prefetch(&path[q->list[i]], 1);
		__builtin_prefetch(&path[q->list[i]].sw);
		__builtin_prefetch(&path[q->list[i]].at);
	}
	for (uint32_t i = first; i < q->n; i++) {
		const struct ft_path *p = &path[q->list[i]];

		for (unsigned r = 0; r < p->rules && r < FT_PATH_RULES; r++)
			__builtin_prefetch(p->counter[r], 1);
	}
	ft_prefetched();
}

void ft_pending_tell(const struct ft_pending *q, const struct ft_path *p, unsigned worker,
	uint64_t n, uint64_t bytes, uint64_t used_ns)
{
	ft_path_count(p, worker, n, bytes, used_ns);
	if (q->told)
		q->told(q->ctx, p, n, used_ns);
}

bool ft_pending_fold(struct ft_pending *q, struct ft_path *path, unsigned worker)
{
	unsigned tables = 0;

	for (unsigned done = 0; q->n && tables < FT_FOLD_TABLES; done++) {
		struct ft_path *p;

		if (done % AHEAD == 0)
			ask_for(q, path);
		p = &path[q->list[--q->n]];
		ft_pending_tell(q, p, worker, p->packets, p->bytes, p->used_ns);
		p->packets = p->bytes = p->used_ns = 0;
		tables += p->tables;
	}
	q->folding = q->n;
	return q->folding;
}

// SPDX-License-Identifier: Apache-2.0
#include "flowtable/versioned.h"

#include "flowtable/lines.h"

static struct ft_versioned *older_of(const struct ft_versioned *v)
{
	return atomic_load_explicit(&v->older, memory_order_acquire);
}

const struct ft_versioned *ft_versioned_find(
	const struct ft_idmap *map, uint32_t id, uint64_t version)
{
	const struct ft_versioned *v = ft_idmap_find(map, id);

	while (v && !ft_life_visible(&v->life, version))
		v = older_of(v);
	return v;
}

struct ft_versioned *ft_versioned_staged(const struct ft_idmap *map, uint32_t id)
{
	struct ft_versioned *v = ft_idmap_find(map, id);

	return v && ft_life_staged(&v->life) ? v : NULL;
}

struct ft_versioned_head *ft_versioned_head(const struct ft_idmap *map, uint32_t id)
{
	const struct ft_versioned *v = ft_idmap_find(map, id);

	return v ? v->head : NULL;
}

static struct ft_versioned_head *head_new(uint32_t id, uint64_t now_ns, unsigned workers)
{
	struct ft_versioned_head *head = calloc(1, sizeof(*head));

	if (!head)
		return NULL;
	head->id = id;
	head->created_ns = now_ns;
	head->counters = ft_alloc_lines(64 * (size_t)workers);
	if (!head->counters) {
		free(head);
		return NULL;
	}
	return head;
}

bool ft_versioned_init(struct ft_versioned *v, uint64_t version, struct ft_versioned_head *head,
	uint32_t id, uint64_t now_ns, unsigned workers)
{
	v->life.added = version;
	atomic_init(&v->life.removed, FT_VERSION_NEVER);
	v->head = head ? head : head_new(id, now_ns, workers);
	if (v->head)
		v->head->versions++;
	return v->head;
}

void ft_versioned_fini(struct ft_versioned *v)
{
	if (!v->head || --v->head->versions)
		return;
	free(v->head->counters);
	free(v->head);
}

void ft_versioned_link(struct ft_idmap *map, struct ft_versioned *v)
{
	atomic_store_explicit(&v->older, ft_idmap_find(map, v->head->id), memory_order_relaxed);
	ft_idmap_set(map, v->head->id, v);
}

struct ft_versioned *ft_versioned_newer(const struct ft_idmap *map, const struct ft_versioned *v)
{
	struct ft_versioned *at = ft_idmap_find(map, v->head->id);

	if (at == v)
		return NULL;
	while (older_of(at) != v)
		at = older_of(at);
	return at;
}

void ft_versioned_unlink(struct ft_idmap *map, struct ft_versioned *v)
{
	struct ft_versioned *newer = ft_versioned_newer(map, v), *older = older_of(v);

	if (newer)
		atomic_store_explicit(&newer->older, older, memory_order_release);
	else if (older)
		ft_idmap_set(map, v->head->id, older);
	else
		ft_idmap_del(map, v->head->id);
}

struct weft_bucket_counters ft_pkt_counters_sum(
	const struct ft_pkt_counter *c, unsigned n, size_t stride)
{
	struct weft_bucket_counters s = {0};

	for (unsigned w = 0; w < n; w++, c += stride) {
		s.packets += atomic_load_explicit(&c->packets, memory_order_relaxed);
		s.bytes += atomic_load_explicit(&c->bytes, memory_order_relaxed);
	}
	return s;
}

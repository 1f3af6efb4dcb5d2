// SPDX-License-Identifier: Apache-2.0
#include "flowtable/idmap.h"

#include "flowtable/lines.h"
#include "flowtable/txn.h"

#include <stdlib.h>

// A lookup that hits at once takes two lines.
struct ft_idmap_array {
	struct ft_garbage garbage;
	uint32_t size; // a power of two
	uint64_t key;
	_Alignas(64) struct ft_idmap_slot slot[];
};

#define FT_IDMAP_MIN 8u

static uint32_t idmap_hash(const struct ft_idmap_array *a, uint32_t id)
{
	uint64_t x = (id + 1ull) * a->key;

	return (uint32_t)((x ^ x >> 29) * 0x9e3779b97f4a7c15u >> 32);
}

// The slot of the number, or the free one where it would go.
static struct ft_idmap_slot *idmap_probe(struct ft_idmap_array *a, uint32_t id)
{
	for (uint32_t i = idmap_hash(a, id);; i++) {
		struct ft_idmap_slot *s = &a->slot[i & (a->size - 1)];
		uint32_t key = atomic_load_explicit(&s->key_plus_1, memory_order_acquire);

		if (!key || key == id + 1)
			return s;
	}
}

void ft_idmap_init(struct ft_idmap *m, uint64_t seed)
{
	memset(m, 0, sizeof(*m));
	m->key = seed | 1;
}

static struct ft_idmap_array *idmap_array(const struct ft_idmap *m)
{
	return atomic_load_explicit(&m->array, memory_order_acquire);
}

void *ft_idmap_find(const struct ft_idmap *m, uint32_t id)
{
	struct ft_idmap_array *a = idmap_array(m);

	if (!a || id == UINT32_MAX)
		return NULL;
	return atomic_load_explicit(&idmap_probe(a, id)->ptr, memory_order_acquire);
}

void ft_idmap_prefetch(const struct ft_idmap *m)
{
	__builtin_prefetch(idmap_array(m));
}

void ft_idmap_prefetch_slot(const struct ft_idmap *m, uint32_t id)
{
	const struct ft_idmap_array *a = idmap_array(m);

	if (a)
		__builtin_prefetch((const char *)(a->slot + (idmap_hash(a, id) & (a->size - 1))));
}

static void idmap_free(struct ft_garbage *g)
{
	free(g); // the first member
}

static void idmap_put(struct ft_idmap_array *a, uint32_t id, void *ptr)
{
	struct ft_idmap_slot *s = idmap_probe(a, id);

	atomic_store_explicit(&s->ptr, ptr, memory_order_release);
	atomic_store_explicit(&s->key_plus_1, id + 1, memory_order_release);
}

bool ft_idmap_reserve(struct ft_idmap *m, struct ft_garbage_list *garbage)
{
	struct ft_idmap_array *old = idmap_array(m), *a;
	uint32_t size = FT_IDMAP_MIN;

	if (old && (m->used + 1) * 4ull <= old->size * 3ull)
		return true;
	while ((m->live + 1) * 2ull > size)
		size *= 2;
	a = ft_alloc_lines(sizeof(*a) + size * sizeof(a->slot[0]));
	if (!a)
		return false;
	a->size = size;
	a->key = m->key;
	for (uint32_t i = 0; old && i < old->size; i++) {
		void *ptr = atomic_load_explicit(&old->slot[i].ptr, memory_order_relaxed);
		if (ptr)
			idmap_put(a, old->slot[i].key_plus_1 - 1, ptr);
	}
	m->used = m->live;
	atomic_store_explicit(&m->array, a, memory_order_release);
	if (old)
		ft_garbage_add(garbage, &old->garbage, idmap_free);
	return true;
}

void ft_idmap_set(struct ft_idmap *m, uint32_t id, void *ptr)
{
	struct ft_idmap_array *a = idmap_array(m);
	struct ft_idmap_slot *s = idmap_probe(a, id);

	m->used += !s->key_plus_1;
	m->live += !s->ptr;
	idmap_put(a, id, ptr);
}

void ft_idmap_del(struct ft_idmap *m, uint32_t id)
{
	struct ft_idmap_array *a = idmap_array(m);
	struct ft_idmap_slot *s = a ? idmap_probe(a, id) : NULL;

	if (!s || !s->ptr)
		return;
	atomic_store_explicit(&s->ptr, NULL, memory_order_release);
	m->live--;
}

void *ft_idmap_next(const struct ft_idmap *m, uint32_t *pos)
{
	struct ft_idmap_array *a = idmap_array(m);

	while (a && *pos < a->size) {
		void *ptr = a->slot[(*pos)++].ptr;
		if (ptr)
			return ptr;
	}
	return NULL;
}

void ft_idmap_fini(struct ft_idmap *m)
{
	free(idmap_array(m));
	m->array = NULL;
	m->used = m->live = 0;
}

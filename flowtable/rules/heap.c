// SPDX-License-Identifier: Apache-2.0
#include "flowtable/rules/heap.h"

#include "flowtable/switch.h"
#include "flowtable/vector.h"

#include <stdlib.h>

static void swap(struct ft_heap_entry *a, struct ft_heap_entry *b)
{
	struct ft_heap_entry e = *a;

	*a = *b;
	*b = e;
}

static void sift_up(struct ft_heap_entry *at, uint32_t i)
{
	for (; i && at[i].key < at[(i - 1) / 2].key; i = (i - 1) / 2)
		swap(&at[i], &at[(i - 1) / 2]);
}

static void sift_down(struct ft_heap_entry *at, uint32_t n, uint32_t i)
{
	for (;;) {
		uint32_t least = i;

		for (uint32_t child = 2 * i + 1; child <= 2 * i + 2 && child < n; child++)
			if (at[child].key < at[least].key)
				least = child;
		if (least == i)
			return;
		swap(&at[i], &at[least]);
		i = least;
	}
}

bool ft_heap_reserve(struct ft_heap *h, uint32_t least)
{
	struct ft_heap_entry *at = ft_vector_reserve(h->at, h->n, &h->room, least, sizeof(*at));

	if (at)
		h->at = at;
	return at;
}

void ft_heap_push(struct ft_heap *h, const struct ft_rule *r, uint64_t key)
{
	h->at[h->n] = (struct ft_heap_entry){key, r->id, (uint32_t)r->created_ns};
	sift_up(h->at, h->n++);
}

struct ft_heap_entry ft_heap_pop(struct ft_heap *h)
{
	struct ft_heap_entry first = h->at[0];

	h->at[0] = h->at[--h->n];
	sift_down(h->at, h->n, 0);
	return first;
}

struct ft_rule *ft_heap_rule(const struct ft_switch *sw, const struct ft_heap_entry *e)
{
	struct ft_rule *r = ft_ids_rule(sw, e->id);

	if (!r || (uint32_t)r->created_ns != e->stamp || !ft_life_staged(&r->life))
		return NULL;
	return r;
}

bool ft_heap_untidy(const struct ft_heap *h, uint32_t live)
{
	return h->n > 2 * live + 1024 && h->n > h->enough;
}

static void forget(struct ft_heap *h, uint32_t i)
{
	h->at[i] = h->at[--h->n];
	if (i == h->n)
		return;
	sift_down(h->at, h->n, i);
	sift_up(h->at, i);
}

// What comes meanwhile may move those that were looked at behind those that were not, and the other
// way round: some are looked at twice, some when the next sweep comes.
bool ft_heap_sweep(const struct ft_switch *sw, struct ft_heap *h, uint32_t live,
	bool (*wanted)(const struct ft_rule *), uint32_t max)
{
	if (!h->swept && !ft_heap_untidy(h, live))
		return false;
	for (; max && h->swept < h->n; max--) {
		const struct ft_rule *r = ft_heap_rule(sw, &h->at[h->swept]);

		if (r && wanted(r))
			h->swept++;
		else
			forget(h, h->swept);
	}
	if (h->swept < h->n)
		return true;
	h->swept = 0;
	h->enough = h->n < UINT32_MAX / 2 ? 2 * h->n : UINT32_MAX;
	return false;
}

void ft_heap_fini(struct ft_heap *h)
{
	free(h->at);
	*h = (struct ft_heap){0};
}

// SPDX-License-Identifier: Apache-2.0
#include "flowtable/rules/heap.h"

#include "flowtable/switch.h"

#include <stdlib.h>

static struct ft_heap_entry *at(const struct ft_heap *h, uint32_t i)
{
	return (struct ft_heap_entry *)h->pages.at[i / FT_HEAP_PAGE] + i % FT_HEAP_PAGE;
}

static void swap(struct ft_heap_entry *a, struct ft_heap_entry *b)
{
	struct ft_heap_entry e = *a;

	*a = *b;
	*b = e;
}

static void sift_up(const struct ft_heap *h, uint32_t i)
{
	for (; i && at(h, i)->key < at(h, (i - 1) / 2)->key; i = (i - 1) / 2)
		swap(at(h, i), at(h, (i - 1) / 2));
}

static void sift_down(const struct ft_heap *h, uint32_t i)
{
	for (;;) {
		uint32_t least = i;

		for (uint32_t child = 2 * i + 1; child <= 2 * i + 2 && child < h->n; child++)
			if (at(h, child)->key < at(h, least)->key)
				least = child;
		if (least == i)
			return;
		swap(at(h, i), at(h, least));
		i = least;
	}
}

static bool add_page(struct ft_heap *h, uint32_t entries)
{
	if (!ft_pages_add(&h->pages, entries * sizeof(struct ft_heap_entry)))
		return false;
	h->room += entries;
	return true;
}

// The first page, for `least` or twice as many as before.
static bool grow_first(struct ft_heap *h, uint32_t least)
{
	uint32_t room = h->room ? 2 * h->room : 64;
	void *page;

	while (room < least && room < FT_HEAP_PAGE)
		room *= 2;
	if (!h->room)
		return add_page(h, room);
	page = realloc(h->pages.at[0], room * sizeof(struct ft_heap_entry));
	if (!page)
		return false;
	h->pages.at[0] = page;
	h->room = room;
	return true;
}

bool ft_heap_reserve(struct ft_heap *h, uint32_t least)
{
	uint32_t room = h->room ? h->n + 1 : least;

	while (h->room < room)
		if (!(h->room < FT_HEAP_PAGE ? grow_first(h, room) : add_page(h, FT_HEAP_PAGE)))
			return false;
	return true;
}

void ft_heap_push(struct ft_heap *h, const struct ft_rule *r, uint64_t key)
{
	*at(h, h->n) = (struct ft_heap_entry){key, r->id, (uint32_t)r->created_ns};
	sift_up(h, h->n++);
}

const struct ft_heap_entry *ft_heap_first(const struct ft_heap *h)
{
	return h->n ? at(h, 0) : NULL;
}

struct ft_heap_entry ft_heap_pop(struct ft_heap *h)
{
	struct ft_heap_entry first = *at(h, 0);

	*at(h, 0) = *at(h, --h->n);
	sift_down(h, 0);
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
	*at(h, i) = *at(h, --h->n);
	if (i == h->n)
		return;
	sift_down(h, i);
	sift_up(h, i);
}

// What comes meanwhile may move those that were looked at behind those that were not, and the other
// way round: some are looked at twice, some when the next sweep comes.
bool ft_heap_sweep(const struct ft_switch *sw, struct ft_heap *h, uint32_t live,
	bool (*wanted)(const struct ft_rule *), uint32_t max)
{
	if (!h->swept && !ft_heap_untidy(h, live))
		return false;
	for (; max && h->swept < h->n; max--) {
		const struct ft_rule *r = ft_heap_rule(sw, at(h, h->swept));

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
	ft_pages_fini(&h->pages);
	*h = (struct ft_heap){0};
}

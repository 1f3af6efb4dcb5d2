// SPDX-License-Identifier: Apache-2.0
#include "flowtable/prio_set.h"

#include <stdlib.h>

struct ft_prio_pages {
	uint32_t total[256];  // by high byte
	uint32_t *count[256]; // by low byte; NULL: all zero
};

static uint32_t *prio_page(struct ft_prio_pages *pages, uint16_t priority)
{
	uint32_t **page = &pages->count[priority >> 8];

	if (!*page)
		*page = calloc(256, sizeof(**page));
	return *page;
}

static void pages_free(struct ft_prio_pages *pages)
{
	for (unsigned i = 0; pages && i < 256; i++)
		free(pages->count[i]);
	free(pages);
}

static struct ft_prio_pages *pages_from_few(const struct ft_prio_set *set)
{
	struct ft_prio_pages *pages = calloc(1, sizeof(*pages));

	for (unsigned i = 0; pages && i < set->distinct; i++) {
		uint32_t *page = prio_page(pages, set->few[i].priority);

		if (!page) {
			pages_free(pages);
			return NULL;
		}
		page[set->few[i].priority & 0xff] = set->few[i].count;
		pages->total[set->few[i].priority >> 8] += set->few[i].count;
	}
	return pages;
}

// The entry of the priority, or where it would be inserted.
static unsigned few_at(const struct ft_prio_set *set, uint16_t priority)
{
	unsigned i = 0;

	while (i < set->distinct && set->few[i].priority > priority)
		i++;
	return i;
}

static bool few_has(const struct ft_prio_set *set, unsigned i, uint16_t priority)
{
	return i < set->distinct && set->few[i].priority == priority;
}

bool ft_prio_reserve(struct ft_prio_set *set, uint16_t priority)
{
	if (!set->pages) {
		if (set->distinct < FT_PRIO_FEW || few_has(set, few_at(set, priority), priority))
			return true;
		set->pages = pages_from_few(set);
	}
	return set->pages && prio_page(set->pages, priority);
}

void ft_prio_add(struct ft_prio_set *set, uint16_t priority)
{
	unsigned i = few_at(set, priority);

	if (set->pages) {
		set->pages->count[priority >> 8][priority & 0xff]++;
		set->pages->total[priority >> 8]++;
	} else if (few_has(set, i, priority)) {
		set->few[i].count++;
	} else {
		memmove(&set->few[i + 1], &set->few[i], (set->distinct - i) * sizeof(set->few[0]));
		set->few[i].priority = priority;
		set->few[i].count = 1;
		set->distinct++;
	}
}

void ft_prio_remove(struct ft_prio_set *set, uint16_t priority)
{
	unsigned i = few_at(set, priority);

	if (set->pages) {
		set->pages->count[priority >> 8][priority & 0xff]--;
		set->pages->total[priority >> 8]--;
		return;
	}
	if (--set->few[i].count)
		return;
	set->distinct--;
	memmove(&set->few[i], &set->few[i + 1], (set->distinct - i) * sizeof(set->few[0]));
}

int ft_prio_max(const struct ft_prio_set *set)
{
	if (!set->pages)
		return set->distinct ? set->few[0].priority : -1;
	for (int high = 255; high >= 0; high--)
		for (int low = 255; set->pages->total[high] && low >= 0; low--)
			if (set->pages->count[high][low])
				return high << 8 | low;
	return -1;
}

bool ft_prio_has(const struct ft_prio_set *set, uint16_t priority)
{
	unsigned i = few_at(set, priority);

	if (!set->pages)
		return few_has(set, i, priority);
	return set->pages->count[priority >> 8] &&
	       set->pages->count[priority >> 8][priority & 0xff];
}

void ft_prio_fini(struct ft_prio_set *set)
{
	pages_free(set->pages);
	set->pages = NULL;
}

// SPDX-License-Identifier: Apache-2.0
#include "flowtable/cache/commons.h"

#include "flowtable/cache/front.h"
#include "flowtable/hash.h"
#include "flowtable/lines.h"
#include "flowtable/cache/relevance.h"

#include <assert.h>
#include <stdalign.h>

#define CHUNK 1023u // fronts that are allocated together
#define BUCKETS 1024u
#define TABLES (WEFT_TABLES + 1u)
#define STEP (CHUNK + 1u) // so that lines are one worker's

// As large as it is aligned: a front leads to it.
struct chunk {
	struct chunk *next;
	struct ft_table_counter *counters;
	_Alignas(64) struct ft_front front[CHUNK];
};
static_assert((sizeof(struct chunk) & (sizeof(struct chunk) - 1)) == 0, "a power of two");
static_assert(STEP * sizeof(struct ft_table_counter) % 64 == 0, "whole lines");

// A front that nobody has.
union spare {
	struct ft_front front;
	union spare *next;
};

struct ft_commons {
	struct chunk *chunks;
	union spare *spare;
	unsigned workers;
	struct ft_masks *masks[BUCKETS];
	_Alignas(64) _Atomic uint64_t changes; // the one line that workers read
};

struct ft_commons *ft_commons_new(unsigned workers)
{
	struct ft_commons *c = aligned_alloc(alignof(struct ft_commons), sizeof(*c));

	if (c)
		*c = (struct ft_commons){.workers = workers};
	return c;
}

void ft_commons_free(struct ft_commons *c)
{
	struct chunk *next;

	for (struct chunk *k = c ? c->chunks : NULL; k; k = next) {
		next = k->next;
		free(k->counters);
		free(k);
	}
	free(c);
}

// ---- changes

uint64_t ft_commons_changes(const struct ft_commons *c)
{
	return c ? atomic_load_explicit(&c->changes, memory_order_relaxed) : 0;
}

void ft_commons_change(struct ft_commons *c)
{
	uint64_t changes = ft_commons_changes(c);

	if (c)
		atomic_store_explicit(&c->changes, changes + 1, memory_order_relaxed);
}

// ---- shares

// The counters are some megabytes, which the system gives zeroed, page by page as they are touched.
static struct chunk *chunk_new(unsigned workers)
{
	struct chunk *k = aligned_alloc(sizeof(*k), sizeof(*k));

	if (!k)
		return NULL;
	k->counters = calloc((size_t)workers * TABLES * STEP, sizeof(*k->counters));
	if (k->counters)
		return k;
	free(k);
	return NULL;
}

static bool more_fronts(struct ft_commons *c)
{
	struct chunk *k = chunk_new(c->workers);

	if (!k)
		return false;
	k->next = c->chunks;
	c->chunks = k;
	for (unsigned i = CHUNK; i--;) {
		union spare *s = (void *)&k->front[i];

		s->next = c->spare;
		c->spare = s;
	}
	return true;
}

static struct ft_share share_of(struct ft_front *f)
{
	struct chunk *k = (void *)((uintptr_t)f & ~(sizeof(struct chunk) - 1));

	return (struct ft_share){f, k->counters + (f - k->front), STEP};
}

static bool share_alone(unsigned workers, struct ft_share *share)
{
	share->front = ft_alloc_lines(sizeof(*share->front));
	share->counters = ft_alloc_lines((size_t)workers * TABLES * sizeof(*share->counters));
	share->step = 1;
	if (share->front && share->counters)
		return true;
	free(share->front);
	free(share->counters);
	*share = (struct ft_share){0};
	return false;
}

bool ft_share_new(struct ft_commons *c, unsigned workers, struct ft_share *share)
{
	union spare *s;

	if (!c)
		return share_alone(workers, share);
	assert(workers <= c->workers);
	if (!c->spare && !more_fronts(c))
		return false;
	s = c->spare;
	c->spare = s->next;
	*share = share_of(memset(s, 0, sizeof(*s)));
	return true;
}

// For the next one. Most were never touched, and are not now.
static void counters_zero(unsigned workers, const struct ft_share *share)
{
	for (size_t i = 0; i < (size_t)workers * TABLES; i++) {
		struct ft_table_counter *t = &share->counters[i * share->step];

		if (!atomic_load_explicit(&t->lookups, memory_order_relaxed))
			continue;
		atomic_store_explicit(&t->lookups, 0, memory_order_relaxed);
		atomic_store_explicit(&t->matched, 0, memory_order_relaxed);
	}
}

void ft_share_free(struct ft_commons *c, unsigned workers, const struct ft_share *share)
{
	union spare *s = (void *)share->front;

	if (!s)
		return;
	if (!c) {
		free(share->front);
		free(share->counters);
		return;
	}
	counters_zero(workers, share);
	s->next = c->spare;
	c->spare = s;
}

// ---- masks

static uint64_t hash_of(const struct ft_masks *m)
{
	return ft_hash_bytes(m, FT_MASKS_SAY, 0x9e3779b97f4a7c15u);
}

struct ft_masks *ft_masks_take(struct ft_commons *c, const struct ft_masks *like)
{
	uint64_t hash = hash_of(like);
	struct ft_masks **at = c ? &c->masks[hash % BUCKETS] : NULL, *m;

	for (m = at ? *at : NULL; m; m = m->next)
		if (m->hash == hash && !memcmp(m, like, FT_MASKS_SAY)) {
			m->users++;
			return m;
		}
	m = ft_alloc_lines(sizeof(*m));
	if (!m)
		return NULL;
	memcpy(m, like, FT_MASKS_SAY);
	m->hash = hash;
	m->users = 1;
	if (at) {
		m->next = *at;
		*at = m;
	}
	return m;
}

bool ft_masks_leave(struct ft_commons *c, struct ft_masks *m)
{
	struct ft_masks **at = c ? &c->masks[m->hash % BUCKETS] : NULL;

	if (--m->users)
		return false;
	while (at && *at != m)
		at = &(*at)->next;
	if (at)
		*at = m->next;
	return true;
}

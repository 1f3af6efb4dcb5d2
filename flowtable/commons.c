// SPDX-License-Identifier: Apache-2.0
#include "flowtable/commons.h"

#include "flowtable/front.h"
#include "flowtable/hash.h"
#include "flowtable/lines.h"
#include "flowtable/relevance.h"

#define CHUNK 1023u // fronts that are allocated together
#define BUCKETS 1024u

struct chunk {
	struct chunk *next;
	_Alignas(64) struct ft_front front[CHUNK];
};

// A front that nobody has.
union spare {
	struct ft_front front;
	union spare *next;
};

struct ft_commons {
	struct chunk *chunks;
	union spare *spare;
	struct ft_masks *masks[BUCKETS];
};

struct ft_commons *ft_commons_new(void)
{
	return calloc(1, sizeof(struct ft_commons));
}

void ft_commons_free(struct ft_commons *c)
{
	struct chunk *next;

	for (struct chunk *k = c ? c->chunks : NULL; k; k = next) {
		next = k->next;
		free(k);
	}
	free(c);
}

// ---- fronts

static bool more_fronts(struct ft_commons *c)
{
	struct chunk *k = aligned_alloc(64, sizeof(*k));

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

struct ft_front *ft_front_new(struct ft_commons *c)
{
	union spare *s;

	if (!c)
		return ft_alloc_lines(sizeof(struct ft_front));
	if (!c->spare && !more_fronts(c))
		return NULL;
	s = c->spare;
	c->spare = s->next;
	return memset(s, 0, sizeof(*s));
}

void ft_front_free(struct ft_commons *c, struct ft_front *f)
{
	union spare *s = (void *)f;

	if (!c) {
		free(f);
	} else if (f) {
		s->next = c->spare;
		c->spare = s;
	}
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

// SPDX-License-Identifier: Apache-2.0
#include "finder.h"

#include <stdlib.h>
#include <string.h>

#include "mem.h"

#define FIRST_ROOM 16u

// Those of a bucket are a ring: behind the last lies the first.
struct finder_link {
	uint32_t hash;
	uint32_t next, prev;
};

static _Thread_local uint64_t steps;

uint64_t finder_steps(void)
{
	return steps;
}

static uint32_t *bucket(const struct finder *f, uint32_t hash)
{
	return &f->last[hash & (f->room - 1)];
}

static void link_last(struct finder *f, uint32_t at, uint32_t hash)
{
	uint32_t *last = bucket(f, hash);
	struct finder_link *l = &f->link[at];

	*l = (struct finder_link){hash, at, at};
	if (*last != FINDER_NONE) {
		l->prev = *last;
		l->next = f->link[*last].next;
		f->link[l->next].prev = at;
		f->link[l->prev].next = at;
	}
	*last = at;
}

static void grow(struct finder *f)
{
	f->room = f->room ? 2 * f->room : FIRST_ROOM;
	f->link = agent_resize(f->link, f->room, sizeof(*f->link));
	f->last = agent_resize(f->last, f->room, sizeof(*f->last));
	memset(f->last, 0xff, f->room * sizeof(*f->last));
	for (uint32_t i = 0; i < f->count; i++)
		link_last(f, i, f->link[i].hash);
}

void finder_add(struct finder *f, uint32_t hash)
{
	if (f->count == f->room)
		grow(f);
	link_last(f, f->count++, hash);
}

static void unlink(struct finder *f, uint32_t at)
{
	const struct finder_link *l = &f->link[at];
	uint32_t *last = bucket(f, l->hash);

	f->link[l->prev].next = l->next;
	f->link[l->next].prev = l->prev;
	if (*last == at)
		*last = l->prev == at ? FINDER_NONE : l->prev;
}

// In its ring, whose neighbours may be itself.
static void renumber(struct finder *f, uint32_t from, uint32_t to)
{
	struct finder_link l = f->link[from];
	uint32_t *last = bucket(f, l.hash);

	if (*last == from)
		*last = to;
	if (l.next == from) {
		l.next = l.prev = to;
	} else {
		f->link[l.next].prev = to;
		f->link[l.prev].next = to;
	}
	f->link[to] = l;
}

void finder_remove(struct finder *f, uint32_t at)
{
	unlink(f, at);
	f->count--;
	if (at != f->count)
		renumber(f, f->count, at);
}

void finder_free(struct finder *f)
{
	free(f->link);
	free(f->last);
	*f = (struct finder){0};
}

// From `at` on, which may be the one that is looked for, to the last of its bucket.
static uint32_t seek(const struct finder *f, uint32_t at, uint32_t last, uint32_t hash)
{
	for (;; at = f->link[at].next) {
		steps++;
		if (f->link[at].hash == hash)
			return at;
		if (at == last)
			return FINDER_NONE;
	}
}

uint32_t finder_first(const struct finder *f, uint32_t hash)
{
	uint32_t last = f->room ? *bucket(f, hash) : FINDER_NONE;

	return last == FINDER_NONE ? last : seek(f, f->link[last].next, last, hash);
}

uint32_t finder_next(const struct finder *f, uint32_t at)
{
	uint32_t hash = f->link[at].hash, last = *bucket(f, hash);

	return at == last ? FINDER_NONE : seek(f, f->link[at].next, last, hash);
}

// ---- hashes

static uint64_t mix(uint64_t h)
{
	h ^= h >> 32;
	h *= 0xd6e8feb86659fd93u;
	h ^= h >> 32;
	h *= 0xd6e8feb86659fd93u;
	return h ^ h >> 32;
}

uint32_t finder_hash(const void *key, size_t len, uint32_t more)
{
	const unsigned char *at = key;
	uint64_t h = len + ((uint64_t)more << 32), word;

	for (; len >= 8; at += 8, len -= 8) {
		memcpy(&word, at, 8);
		h = mix(h ^ word);
	}
	word = 0;
	memcpy(&word, at, len);
	return (uint32_t)mix(h ^ word);
}

uint32_t finder_hash_text(const char *key, uint32_t more)
{
	return finder_hash(key, strlen(key), more);
}

uint32_t finder_hash_number(uint32_t key, uint32_t more)
{
	return (uint32_t)mix(key | (uint64_t)more << 32);
}

// SPDX-License-Identifier: Apache-2.0
#include "flowtable/classifier/shape.h"

#include "flowtable/vector.h"

#include <stdlib.h>

void ft_shapes_init(struct ft_shapes *s, uint64_t seed)
{
	*s = (struct ft_shapes){.seed = seed};
	ft_idmap_init(&s->by_mask, seed);
}

void ft_shapes_fini(struct ft_shapes *s)
{
	for (uint32_t i = 0; i < s->n; i++)
		free(s->at[i]);
	free(s->at);
	ft_idmap_fini(&s->by_mask);
}

static uint32_t mask_hash(const struct ft_shapes *s, uint64_t map, const uint64_t *mask)
{
	uint64_t h = ft_hash_bytes(mask, 8 * (size_t)__builtin_popcountll(map), s->seed ^ map);

	return (uint32_t)(h >> 33); // never the idmap's forbidden number
}

static bool has_mask(const struct ft_shape *shape, const struct weft_match *m)
{
	return shape->map == m->map &&
	       memcmp(shape->mask, m->mask, shape->words * sizeof(m->mask[0])) == 0;
}

struct ft_shape *ft_shapes_find(const struct ft_shapes *s, const struct weft_match *m)
{
	struct ft_shape *shape = ft_idmap_find(&s->by_mask, mask_hash(s, m->map, m->mask));

	while (shape && !has_mask(shape, m))
		shape = shape->same_hash;
	return shape;
}

static struct ft_shape *shape_new(const struct weft_match *m)
{
	unsigned words = weft_match_words(m);
	struct ft_shape *shape = calloc(1, sizeof(*shape) + words * sizeof(shape->mask[0]));

	if (!shape)
		return NULL;
	shape->map = m->map;
	shape->words = words;
	memcpy(shape->mask, m->mask, words * sizeof(shape->mask[0]));
	for (uint64_t map = m->map, i = 0; map; map &= map - 1, i++)
		shape->word[i] = (uint8_t)__builtin_ctzll(map);
	return shape;
}

static bool list_reserve(struct ft_shapes *s)
{
	struct ft_shape **at =
		ft_vector_reserve(s->at, s->n, &s->room, 8, sizeof(struct ft_shape *));

	if (at)
		s->at = at;
	return at;
}

struct ft_shape *ft_shapes_get(
	struct ft_shapes *s, struct ft_garbage_list *garbage, const struct weft_match *m)
{
	struct ft_shape *shape = ft_shapes_find(s, m);
	uint32_t hash = mask_hash(s, m->map, m->mask);

	if (shape)
		return shape;
	if (!list_reserve(s) || !ft_idmap_reserve(&s->by_mask, garbage))
		return NULL;
	shape = shape_new(m);
	if (!shape)
		return NULL;
	shape->index = s->n;
	s->at[s->n++] = shape;
	shape->same_hash = ft_idmap_find(&s->by_mask, hash);
	ft_idmap_set(&s->by_mask, hash, shape);
	return shape;
}

static void by_mask_remove(struct ft_shapes *s, struct ft_shape *shape)
{
	uint32_t hash = mask_hash(s, shape->map, shape->mask);
	struct ft_shape *at = ft_idmap_find(&s->by_mask, hash);

	if (at != shape) {
		while (at->same_hash != shape)
			at = at->same_hash;
		at->same_hash = shape->same_hash;
	} else if (shape->same_hash) {
		ft_idmap_set(&s->by_mask, hash, shape->same_hash);
	} else {
		ft_idmap_del(&s->by_mask, hash);
	}
}

static void shape_garbage(struct ft_garbage *g)
{
	free((char *)g - offsetof(struct ft_shape, garbage));
}

void ft_shapes_drop(struct ft_shapes *s, struct ft_garbage_list *garbage, struct ft_shape *shape)
{
	by_mask_remove(s, shape);
	s->at[shape->index] = s->at[--s->n];
	s->at[shape->index]->index = shape->index;
	ft_garbage_add(garbage, &shape->garbage, shape_garbage);
}

// ---- masks within masks

static bool mask_in(uint64_t inner_map, const uint64_t *inner, uint64_t map, const uint64_t *mask)
{
	if (inner_map & ~map)
		return false;
	for (uint64_t left = inner_map; left; left &= left - 1, inner++)
		if (*inner & ~mask[ft_map_index(map, (unsigned)__builtin_ctzll(left))])
			return false;
	return true;
}

bool ft_shape_in_match(const struct ft_shape *s, const struct weft_match *m)
{
	return mask_in(s->map, s->mask, m->map, m->mask);
}

bool ft_match_in_shape(const struct weft_match *m, const struct ft_shape *s)
{
	return mask_in(m->map, m->mask, s->map, s->mask);
}

// SPDX-License-Identifier: Apache-2.0
// A flow cache's memory: what is used of it, and that it was made ready before.

#include "flowtable/cache/cache_own.h"
#include "twin_changes.h"

// The numbers + 1 of so many paths, each of which has a packet now.
static void find_all(struct twin *s, uint32_t number[], unsigned n)
{
	const struct ft_front *front = ft_switch_front(s->w->sw);
	struct now now = {.front = front, .epoch = 2, .since = 2};
	struct ft_alike alike = {0};

	for (unsigned i = 0; i < n; i++) {
		struct ft_path p = {.sw = s->w->sw, .epoch = 2, .network = i};

		number[i] = ft_cache_path(s->cache, &p, &alike, &now);
		assert_true(number[i]);
	}
}

static void no_populate(void *at, size_t bytes)
{
	(void)at, (void)bytes;
}

// Nearly all: a set of hints may be full.
static void paths_are_shared_while_hints_grow(void **state)
{
	enum {
		PATHS = 30000
	};
	uint32_t *first = calloc(PATHS, sizeof(*first)), *again = calloc(PATHS, sizeof(*again));
	struct twin s[2];

	assert_true(first && again);
	twin_init(&s[0], 8 * PATHS, 5);
	twin_init(&s[1], 0, 5);
	for (unsigned n = 0; n <= PATHS; n += 500) {
		unsigned twice = 0;

		ft_cache_prepare(s[0].cache, no_populate);
		find_all(&s[0], again, n);
		for (unsigned i = 0; i < n; i++)
			twice += first[i] && again[i] != first[i];
		assert_in_range(twice, 0, 1 + n / 200);
		memcpy(first, again, n * sizeof(*first));
	}
	assert_in_range(s[0].cache->used, PATHS, PATHS + PATHS / 8); // in 61 rounds
	assert_true(s[0].cache->hints == s[0].cache->room);
	s[0].cache->used = 0;
	find_all(&s[0], again, 100); // by hints of paths that are forgotten
	for (unsigned i = 0; i < 100; i++)
		assert_int_equal(again[i], i + 1);
	free(first);
	free(again);
	compare_state(s);
	twins_end(s);
}

static uint8_t *populated; // a mark for each byte of `all`
static const char *all;
static size_t all_bytes;

static void populate(void *at, size_t bytes)
{
	size_t from = (size_t)((const char *)at - all);

	assert_true(from + bytes <= all_bytes);
	for (size_t i = from; i < from + bytes; i++)
		assert_int_equal(populated[i]++, 0);
}

static size_t marked_of(const void *at, size_t bytes)
{
	size_t from = (size_t)((const char *)at - all), marked = 0;

	for (size_t i = from; i < from + bytes; i++)
		marked += populated[i];
	return marked;
}

// Each part of it once: all that is touched from the start, and then paths, never many more than
// are used, and hints, all of which are ready before they are in use.
static void memory_is_prepared_ahead(void **state)
{
	enum {
		FLOWS = 65536,
		A_PATH = sizeof(struct ft_path) + sizeof(struct ft_alike),
		A_FLOW = 16,
		A_HINT = 4,
	};
	size_t huge = ft_cache_huge_bytes(FLOWS), marked;
	struct ft_cache *c;
	void *memory;

	all_bytes = ft_cache_bytes(FLOWS);
	assert_true(huge < all_bytes);
	memory = aligned_alloc(64, (all_bytes + 63) & ~(size_t)63);
	populated = calloc(1, all_bytes);
	assert_true(memory && populated);
	memset(memory, 0, all_bytes);
	all = memory;
	c = ft_cache_init(memory, FLOWS, 0, rng());
	for (unsigned i = 0; i < 5; i++)
		ft_cache_prepare(c, populate);
	marked = marked_of(memory, huge);
	assert_in_range(marked, sizeof(struct ft_cache) + FLOWS * A_FLOW + 1000 * A_PATH,
		sizeof(struct ft_cache) + FLOWS * (A_FLOW + 3) + 8192 * A_PATH);
	assert_in_range(c->hints, 8192, FLOWS / 2);
	assert_int_equal(marked_of(memory, all_bytes) - marked, c->hints * A_HINT);
	for (c->used = 0; c->used < c->room; c->used += 1000) {
		ft_cache_prepare(c, populate);
		assert_int_equal(marked_of(c->known, c->hints * A_HINT), c->hints * A_HINT);
	}
	assert_int_equal(c->hints, c->room);
	assert_true(marked_of(memory, all_bytes) >=
		    sizeof(struct ft_cache) + FLOWS * (A_FLOW + A_PATH + A_HINT));
	free(populated);
	free(memory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(paths_are_shared_while_hints_grow),
		cmocka_unit_test(memory_is_prepared_ahead),
	};

	rng_seed_from_env();
	return cmocka_run_group_tests(tests, NULL, NULL);
}

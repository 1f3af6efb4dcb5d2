// SPDX-License-Identifier: Apache-2.0
#pragma once
// A worker of a test: a thread that sends burst after burst of frames through a switch by way of a
// flow cache, as the data plane's workers do, while the test's writer changes the rules.
//
// What a burst is, and what its packets may have met, is the test's: its own struct begins with
// this one.

#include "frames.h"
#include "qsbr.h"

#include "flowtable/cache/cache.h"

#include <pthread.h>

struct cached_reader {
	struct ft_sink sink; // first
	void (*burst)(struct cached_reader *);
	struct ft_switch *sw;
	struct ft_cache *cache;
	unsigned worker;
	uint64_t wrong; // packets that met what they may not have met
	void *memory;
	pthread_t thread;
};

static _Atomic bool cached_readers_stop;

static void *cached_reader_main(void *arg)
{
	struct cached_reader *r = arg;

	while (!atomic_load(&cached_readers_stop)) {
		r->burst(r);
		if (!ft_cache_fold(r->cache))
			qsbr_quiescent(r->worker);
	}
	while (ft_cache_fold(r->cache))
		;
	qsbr_leave(r->worker);
	return NULL;
}

// `r` has its sink and its burst; a cache of so many flows.
static inline void cached_reader_start(
	struct cached_reader *r, struct ft_switch *sw, unsigned worker, unsigned flows)
{
	size_t bytes = ft_cache_bytes(flows);

	r->sw = sw;
	r->worker = worker;
	r->memory = aligned_alloc(64, bytes);
	assert_non_null(r->memory);
	memset(r->memory, 0, bytes);
	r->cache = ft_cache_init(r->memory, flows, worker, rng());
	qsbr_quiescent(worker);
	assert_int_equal(pthread_create(&r->thread, NULL, cached_reader_main, r), 0);
}

// It ends, and has seen nothing wrong.
static inline void cached_reader_end(struct cached_reader *r)
{
	atomic_store(&cached_readers_stop, true);
	pthread_join(r->thread, NULL);
	assert_int_equal(r->wrong, 0);
	free(r->memory);
}

// A frame that comes in by port 1.
static inline struct ft_arrival cached_reader_arrival(
	const struct cached_reader *r, const uint8_t *frame, uint32_t len)
{
	return (struct ft_arrival){.data = frame,
		.front = ft_switch_front(r->sw),
		.len = len,
		.total_len = len,
		.from = {.sw_number = ft_switch_number(r->sw), .in_port = 1}};
}

// How many transactions the test's writer makes at least.
static inline unsigned long flips_wanted(unsigned long otherwise)
{
	const char *env = getenv("WEFT_FLIPS");

	return env ? strtoul(env, NULL, 0) : otherwise;
}

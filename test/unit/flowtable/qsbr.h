// SPDX-License-Identifier: Apache-2.0
#pragma once
// A grace period between threads, after McKenney's QSBR: every reader says when it holds nothing,
// and what was retired is freed when all have said so since. For tests with readers and one writer
// at once.

#include "world.h"

#include <unistd.h>

#define QSBR_READERS 2u
#define QSBR_ROOM 4096u

static _Atomic uint64_t qsbr_epoch = 1;
static _Atomic uint64_t qsbr_seen[QSBR_READERS]; // epoch of the last quiescent state; 0: has left

static struct {
	struct {
		void (*fn)(void *);
		void *obj;
		uint64_t epoch;
	} at[QSBR_ROOM];
	size_t head, tail;
} qsbr_queue;

// ---- readers

static inline void qsbr_quiescent(unsigned reader)
{
	atomic_store(&qsbr_seen[reader], atomic_load(&qsbr_epoch));
}

static inline void qsbr_leave(unsigned reader)
{
	atomic_store(&qsbr_seen[reader], 0);
}

// ---- the writer

static inline bool qsbr_passed(uint64_t e)
{
	for (unsigned i = 0; i < QSBR_READERS; i++) {
		uint64_t s = atomic_load(&qsbr_seen[i]);

		if (s && s < e)
			return false;
	}
	return true;
}

// An ft_env.retire.
static void qsbr_retire(void *ctx, void (*fn)(void *), void *obj)
{
	size_t i = qsbr_queue.tail++ % QSBR_ROOM;

	assert_true(qsbr_queue.tail - qsbr_queue.head < QSBR_ROOM);
	qsbr_queue.at[i].fn = fn;
	qsbr_queue.at[i].obj = obj;
	qsbr_queue.at[i].epoch = atomic_fetch_add(&qsbr_epoch, 1) + 1;
}

// Whose readers, and no others, are those of this file.
static inline struct ft_switch *qsbr_switch_new(struct world *w, const struct ft_limits *limits)
{
	struct ft_env env = w->env;
	struct ft_switch *sw;

	env.retire = qsbr_retire;
	env.workers = QSBR_READERS;
	sw = ft_switch_new(&env, limits, w);
	assert_non_null(sw);
	return sw;
}

static inline void qsbr_poll(void)
{
	while (qsbr_queue.head < qsbr_queue.tail) {
		size_t i = qsbr_queue.head % QSBR_ROOM;

		if (!qsbr_passed(qsbr_queue.at[i].epoch))
			return;
		qsbr_queue.head++;
		qsbr_queue.at[i].fn(qsbr_queue.at[i].obj);
	}
}

// Frees what may go; waits while too much is left, for a reader may be off its core for long.
static inline void qsbr_keep_up(void)
{
	for (qsbr_poll(); qsbr_queue.tail - qsbr_queue.head > QSBR_ROOM * 3 / 4; qsbr_poll())
		usleep(50);
}

// With no reader left.
static inline void qsbr_drain(void)
{
	while (qsbr_queue.head < qsbr_queue.tail)
		qsbr_poll();
}

// SPDX-License-Identifier: Apache-2.0
#include "core/leftovers.h"

#include <stdlib.h>
#include <sys/queue.h>

#include "core/background.h"
#include "mem.h"

#define MUCH 1000u // operations of a plan

struct freeing {
	LIST_ENTRY(freeing) link;
	struct background *background;
	struct leftovers all;
};

// The event loop's.
static LIST_HEAD(, freeing) under_way = LIST_HEAD_INITIALIZER(under_way);

static void free_all(const struct leftovers *l)
{
	struct leftovers all = *l;

	config_free(all.config);
	if (all.current)
		model_free(all.current);
	free(all.current);
	model_free(&all.desired);
	plan_free(&all.plan);
}

static void work(void *arg)
{
	free_all(&((struct freeing *)arg)->all);
}

static void done(void *arg)
{
	struct freeing *f = arg;

	LIST_REMOVE(f, link);
	free(f);
}

void leftovers_free(struct event_base *base, const struct leftovers *l)
{
	struct freeing *f;

	if (l->plan.ops.count < MUCH) {
		free_all(l);
		return;
	}
	f = agent_zalloc(sizeof(*f));
	f->all = *l;
	LIST_INSERT_HEAD(&under_way, f, link);
	f->background = background_start(base, work, done, f);
}

void leftovers_wait(void)
{
	struct freeing *f;

	while ((f = LIST_FIRST(&under_way))) {
		background_cancel(f->background);
		done(f);
	}
}

// SPDX-License-Identifier: Apache-2.0
#pragma once
// A folder for the fake data plane's sockets, and waiting for what comes of it.

#include "fake_dataplane.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

struct fake_place {
	char dir[32], control[64], punt[64];
};

static inline void fake_place_make(struct fake_place *p)
{
	snprintf(p->dir, sizeof(p->dir), "/tmp/weft-fake-XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	snprintf(p->control, sizeof(p->control), "%s/control", p->dir);
	snprintf(p->punt, sizeof(p->punt), "%s/punt", p->dir);
}

// When all that was in it has gone.
static inline void fake_place_remove(const struct fake_place *p)
{
	rmdir(p->dir);
}

struct patience {
	struct event_base *base;
	struct event *timer;
	bool over;
};

static inline void on_patience_over(evutil_socket_t fd, short what, void *arg)
{
	((struct patience *)arg)->over = true;
}

static inline void patience_begin(struct patience *p, struct event_base *base)
{
	struct timeval limit = {.tv_sec = 20}; // for a machine may be busy

	*p = (struct patience){.base = base, .timer = evtimer_new(base, on_patience_over, p)};
	evtimer_add(p->timer, &limit);
}

static inline void patience_loop(struct patience *p)
{
	assert_false(p->over);
	event_base_loop(p->base, EVLOOP_ONCE);
}

// Runs the loop until `so` holds; fails if it never does.
#define AWAIT(base, so)                                                                            \
	do {                                                                                       \
		struct patience patience_;                                                         \
		for (patience_begin(&patience_, base); !(so);)                                     \
			patience_loop(&patience_);                                                 \
		event_free(patience_.timer);                                                       \
	} while (0)

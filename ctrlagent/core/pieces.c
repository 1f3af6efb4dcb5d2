// SPDX-License-Identifier: Apache-2.0
#include "core/pieces.h"

#include <stdlib.h>
#include <sys/queue.h>

#include "mem.h"
#include "uptime.h"

struct pieces {
	TAILQ_ENTRY(pieces) link;
	struct event *turn; // of the first one alone it is pending
	size_t at, n;
	void (*one)(void *arg, size_t i);
	void (*done)(void *arg);
	void *arg;
};

// The event loop's.
static TAILQ_HEAD(pieces_list, pieces) under_way = TAILQ_HEAD_INITIALIZER(under_way);

// In the loop's next turn: an event that is made active at once would keep it from all others.
static void next_turn(void)
{
	static const struct timeval at_once;
	struct pieces *first = TAILQ_FIRST(&under_way);

	if (first)
		evtimer_add(first->turn, &at_once);
}

static void forget(struct pieces *p)
{
	TAILQ_REMOVE(&under_way, p, link);
	event_free(p->turn);
	free(p);
	next_turn();
}

static void on_turn(evutil_socket_t fd, short what, void *arg)
{
	struct pieces *p = arg;
	uint64_t until = agent_ns() + PIECES_NS;
	void (*done)(void *) = p->done;
	void *of = p->arg;

	while (p->at < p->n) {
		p->one(p->arg, p->at++);
		if (agent_ns() < until)
			continue;
		TAILQ_REMOVE(&under_way, p, link);
		TAILQ_INSERT_TAIL(&under_way, p, link);
		next_turn();
		return;
	}
	forget(p);
	done(of);
}

struct pieces *pieces_start(struct event_base *base, size_t n, void (*one)(void *arg, size_t i),
	void (*done)(void *arg), void *arg)
{
	struct pieces *p = agent_zalloc(sizeof(*p));

	*p = (struct pieces){.n = n, .one = one, .done = done, .arg = arg};
	p->turn = evtimer_new(base, on_turn, p);
	TAILQ_INSERT_TAIL(&under_way, p, link);
	next_turn();
	return p;
}

void pieces_cancel(struct pieces *p)
{
	forget(p);
}

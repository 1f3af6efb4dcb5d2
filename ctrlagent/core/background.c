// SPDX-License-Identifier: Apache-2.0
#include "core/background.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "mem.h"

struct background {
	void (*work)(void *arg);
	void (*done)(void *arg);
	void *arg;
	int fd; // readable when the work is over
	struct event *over;
	pthread_t thread;
};

static void *run(void *arg)
{
	struct background *b = arg;
	uint64_t one = 1;

	b->work(b->arg);
	while (write(b->fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
	return NULL;
}

void background_cancel(struct background *b)
{
	if (b->thread)
		pthread_join(b->thread, NULL);
	event_free(b->over);
	if (b->fd >= 0)
		close(b->fd);
	free(b);
}

static void on_over(evutil_socket_t fd, short what, void *arg)
{
	struct background *b = arg;
	void (*done)(void *) = b->done;
	void *of = b->arg;

	background_cancel(b);
	done(of);
}

// Signals are the loop's. Where no thread is to be had the work is done here.
struct background *background_start(
	struct event_base *base, void (*work)(void *arg), void (*done)(void *arg), void *arg)
{
	struct background *b = agent_zalloc(sizeof(*b));
	sigset_t all, before;

	*b = (struct background){.work = work, .done = done, .arg = arg};
	b->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	b->over = event_new(base, b->fd, b->fd < 0 ? 0 : EV_READ, on_over, b);
	if (b->fd >= 0)
		event_add(b->over, NULL);
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	if (b->fd < 0 || pthread_create(&b->thread, NULL, run, b)) {
		b->thread = 0;
		work(arg);
		event_active(b->over, EV_READ, 0);
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return b;
}

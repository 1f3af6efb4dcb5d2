// SPDX-License-Identifier: Apache-2.0
#include "internal.h"

#include <stdlib.h>
#include <sys/uio.h>

#include "mem.h"

void dump_table_init(struct dump_table *t)
{
	for (unsigned i = 0; i < DUMP_BUCKETS; i++)
		LIST_INIT(&t->buckets[i]);
}

struct dpc_dump *dump_find(const struct dump_table *t, uint32_t xid)
{
	struct dpc_dump *d;

	LIST_FOREACH (d, &t->buckets[xid % DUMP_BUCKETS], link)
		if (d->xid == xid)
			return d;
	return NULL;
}

struct dpc_dump *dump_add(struct dump_table *t, const struct dpc_dump *like)
{
	struct dpc_dump *d = agent_zalloc(sizeof(*d));

	*d = *like;
	do
		d->xid = ++t->last_xid | DUMP_XID;
	while (dump_find(t, d->xid));
	LIST_INSERT_HEAD(&t->buckets[d->xid % DUMP_BUCKETS], d, link);
	return d;
}

void dump_settle(struct dpc_dump *d, enum weft_error error, const char *text)
{
	dpc_done_fn done = d->done;
	void *arg = d->arg;

	LIST_REMOVE(d, link);
	free(d);
	if (done)
		done(arg, error, text);
}

// Takes out what is to be settled before anybody is called, for callbacks may begin new dumps.
static void take(struct dump_table *t, struct dump_list *out, bool refused_only)
{
	LIST_INIT(out);
	for (unsigned i = 0; i < DUMP_BUCKETS; i++) {
		struct dpc_dump *d = LIST_FIRST(&t->buckets[i]), *next;

		for (; d; d = next) {
			next = LIST_NEXT(d, link);
			if (refused_only && !d->refused)
				continue;
			LIST_REMOVE(d, link);
			LIST_INSERT_HEAD(out, d, link);
		}
	}
}

void dump_settle_refused(struct dump_table *t)
{
	struct dump_list list;

	take(t, &list, true);
	while (!LIST_EMPTY(&list))
		dump_settle(LIST_FIRST(&list), LIST_FIRST(&list)->refused,
			"the data plane is not connected");
}

void dump_fail_all(struct dump_table *t, enum weft_error error, const char *text)
{
	struct dump_list list;

	take(t, &list, false);
	while (!LIST_EMPTY(&list))
		dump_settle(LIST_FIRST(&list), error, text);
}

// ---- pace

static void ask_more(struct dpc_dump *d, uint32_t bytes)
{
	const struct weft_ipc_hdr hdr = {.type = WEFT_IPC_DUMP_MORE, .xid = d->xid};
	struct weft_ipc_dump_more more = {.bytes = bytes};
	struct iovec part = {&more, sizeof(more)};

	// While the connection is being lost, every dump is about to be told so.
	if (d->dpc->state == DPC_UP && !d->refused)
		dpc_send(d->dpc, &hdr, &part, 1);
}

void dump_start(struct dpc_dump *d)
{
	if (d->paced)
		ask_more(d, DPC_DUMP_WINDOW);
}

static void give_credit(struct dpc_dump *d, uint32_t least)
{
	if (!d->paced || d->paused || d->cancelled || d->taken < least)
		return;
	ask_more(d, d->taken);
	d->taken = 0;
}

void dump_taken(struct dpc_dump *d, size_t len)
{
	d->taken += (uint32_t)len;
	give_credit(d, DPC_DUMP_WINDOW / 2);
}

void dpc_dump_pause(struct dpc_dump *d)
{
	d->paused = true;
}

void dpc_dump_resume(struct dpc_dump *d)
{
	d->paused = false;
	give_credit(d, 1);
}

void dpc_dump_cancel(struct dpc_dump *d)
{
	if (d->cancelled)
		return;
	d->cancelled = true;
	ask_more(d, 0);
}

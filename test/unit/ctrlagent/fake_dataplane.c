// SPDX-License-Identifier: Apache-2.0
#include "fake_dataplane.h"

#include "fake_dataplane_inside.h"

#include <assert.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/listener.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

// ---- the protocol

static void reply(struct fake_dataplane *dp, uint16_t type, uint16_t flags, uint32_t xid,
	weft_tenant_id tenant, const void *body, size_t len)
{
	struct weft_ipc_hdr h = {(uint32_t)(sizeof(h) + len), type, flags, xid, tenant};

	bufferevent_write(dp->control, &h, sizeof(h));
	bufferevent_write(dp->control, body, len);
}

static void reply_error(struct fake_dataplane *dp, const struct weft_ipc_hdr *h, uint16_t type,
	enum weft_error error)
{
	struct weft_ipc_error e = {.error = error};

	snprintf(e.text, sizeof(e.text), "%s", error ? "fake" : "");
	reply(dp, type, WEFT_IPC_ERROR, h->xid, h->tenant, &e, sizeof(e));
}

static struct fake_txn *txn_of(struct fake_dataplane *dp, const struct weft_ipc_hdr *h)
{
	return &dp->txns[h->flags & WEFT_IPC_STAGED ? 1 : 0];
}

static void undo(struct fake_dataplane *dp)
{
	store_clear(&dp->state);
	dp->state = dp->before;
	memset(&dp->before, 0, sizeof(dp->before));
}

static void begin(struct fake_dataplane *dp, const struct weft_ipc_hdr *h, const void *body)
{
	bool atomic = ((const struct weft_ipc_begin *)body)->flags & WEFT_TXN_ATOMIC;

	assert(!txn_of(dp, h)->open);
	*txn_of(dp, h) = (struct fake_txn){.open = true, .atomic = atomic};
	if (atomic)
		dp->before = store_copy(&dp->state);
}

static void operation(
	struct fake_dataplane *dp, const struct weft_ipc_hdr *h, const void *body, size_t len)
{
	struct fake_txn *txn = txn_of(dp, h);
	enum weft_error error;

	if (txn->atomic && txn->failed)
		return;
	if (!txn->open) {
		error = WEFT_E_STATE;
	} else if (dp->fail_error && dp->fail_type == h->type) {
		error = dp->fail_error;
		dp->fail_error = WEFT_E_NONE;
	} else {
		error = fake_operate(dp, h, body, len);
	}
	if (error) {
		txn->failed = true;
		reply_error(dp, h, WEFT_IPC_RESULT, error);
	}
}

static void commit(struct fake_dataplane *dp, const struct weft_ipc_hdr *h)
{
	struct fake_txn txn = *txn_of(dp, h);

	assert(txn.open);
	*txn_of(dp, h) = (struct fake_txn){.open = false};
	if (txn.atomic && txn.failed) {
		undo(dp);
		reply_error(dp, h, WEFT_IPC_COMMIT, WEFT_E_STATE);
		return;
	}
	if (txn.atomic)
		store_clear(&dp->before);
	reply(dp, WEFT_IPC_COMMIT, 0, h->xid, 0, NULL, 0);
}

// Each tenant's, the same for all.
static void dump_tenants(
	struct fake_dataplane *dp, const struct weft_ipc_hdr *h, const void *body, size_t len)
{
	for (size_t i = 0; i < dp->state.count; i++)
		if (dp->state.records[i].dump == WEFT_IPC_DUMP_TENANTS)
			reply(dp, h->type, WEFT_IPC_MORE, h->xid, dp->state.records[i].tenant, body,
				len);
}

static void dump(struct fake_dataplane *dp, const struct weft_ipc_hdr *h)
{
	static const struct weft_ipc_fdb_stats fdb = {.entries = 8, .moves = 9};
	static const struct weft_ipc_snoop_stats snoop = {.joins = 5, .unsound = 6, .asked4 = 1};

	for (size_t i = 0; i < dp->state.count; i++) {
		const struct record *r = &dp->state.records[i];
		if (r->dump == h->type && (!h->tenant || h->tenant == r->tenant))
			reply(dp, h->type, WEFT_IPC_MORE, h->xid, r->tenant, r->bytes, r->len);
	}
	if (h->type == WEFT_IPC_DUMP_HOST)
		reply(dp, h->type, WEFT_IPC_MORE, h->xid, 0, &dp->state.host,
			sizeof(dp->state.host));
	if (h->type == WEFT_IPC_DUMP_STATUS) {
		struct weft_ipc_status s = {.epoch = dp->epoch, .workers = 1, .version = "fake"};
		reply(dp, h->type, WEFT_IPC_MORE, h->xid, 0, &s, sizeof(s));
	}
	if (h->type == WEFT_IPC_DUMP_DROPS) {
		struct weft_ipc_ledger l = {.received = 10, .copies = 1, .sent = 6};
		l.consumed[WEFT_CONSUMED_PACKET_IN] = 2;
		l.drops[WEFT_DROP_TABLE_MISS] = 3;
		reply(dp, h->type, WEFT_IPC_MORE, h->xid, 0, &l, sizeof(l));
	}
	if (h->type == WEFT_IPC_DUMP_FDB_STATS)
		dump_tenants(dp, h, &fdb, sizeof(fdb));
	if (h->type == WEFT_IPC_DUMP_SNOOP_STATS)
		dump_tenants(dp, h, &snoop, sizeof(snoop));
	reply(dp, h->type, 0, h->xid, h->tenant, NULL, 0);
}

// As far as it may; true: it has ended.
static bool dump_paced(struct fake_dataplane *dp, struct paced *p)
{
	const struct weft_ipc_hdr *h = &p->request;

	for (; p->credit > 0 && p->next < dp->state.count; p->next++) {
		const struct record *r = &dp->state.records[p->next];
		if (r->dump != h->type || h->tenant != r->tenant)
			continue;
		reply(dp, h->type, WEFT_IPC_MORE, h->xid, r->tenant, r->bytes, r->len);
		p->credit -= (int64_t)(sizeof(*h) + r->len);
		dp->paced_bytes += sizeof(*h) + r->len;
	}
	return p->next == dp->state.count;
}

static void dump_more(struct fake_dataplane *dp, const struct weft_ipc_hdr *h, uint32_t bytes)
{
	for (unsigned i = 0; i < dp->paced_count; i++) {
		struct paced *p = &dp->paced[i];
		if (p->request.xid != h->xid)
			continue;
		p->credit += bytes;
		if (bytes && !dump_paced(dp, p))
			return;
		reply(dp, p->request.type, 0, h->xid, p->request.tenant, NULL, 0);
		*p = dp->paced[--dp->paced_count];
		return;
	}
}

static void dump_start(struct fake_dataplane *dp, const struct weft_ipc_hdr *h)
{
	assert(dp->paced_count < 8);
	dp->paced[dp->paced_count++] = (struct paced){.request = *h};
}

static void serve(struct fake_dataplane *dp, const struct weft_ipc_hdr *h)
{
	const void *body = h + 1;
	size_t len = h->len - sizeof(*h);

	assert(h->type < 128 && h->xid);
	dp->counts[h->type]++;
	if (h->type == WEFT_IPC_HELLO) {
		struct weft_ipc_hello hello = {.version = WEFT_IPC_VERSION, .epoch = dp->epoch};
		reply(dp, h->type, 0, h->xid, 0, &hello, sizeof(hello));
	} else if (h->type == WEFT_IPC_BEGIN) {
		begin(dp, h, body);
	} else if (h->type == WEFT_IPC_COMMIT) {
		commit(dp, h);
	} else if (h->type == WEFT_IPC_ECHO) {
		reply(dp, h->type, 0, h->xid, 0, NULL, 0);
	} else if (h->type == WEFT_IPC_PACKET_OUT || h->type == WEFT_IPC_RESUME) {
		if (!store_tenant(&dp->state, h->tenant))
			reply_error(dp, h, WEFT_IPC_RESULT, WEFT_E_NO_TENANT);
	} else if (h->type == WEFT_IPC_DUMP_MORE) {
		dump_more(dp, h, ((const struct weft_ipc_dump_more *)body)->bytes);
	} else if (h->flags & WEFT_IPC_PACED) {
		dump_start(dp, h);
	} else if (h->type >= WEFT_IPC_DUMP_STATUS) {
		dump(dp, h);
	} else {
		operation(dp, h, body, len);
	}
}

static void on_read(struct bufferevent *bev, void *arg)
{
	struct fake_dataplane *dp = arg;
	struct evbuffer *in = bufferevent_get_input(bev);
	struct weft_ipc_hdr h;

	while (evbuffer_copyout(in, &h, sizeof(h)) == sizeof(h)) {
		assert(h.len >= sizeof(h) && h.len <= WEFT_IPC_MAX_LEN && h.len % 8 == 0);
		if (evbuffer_get_length(in) < h.len)
			return;
		evbuffer_remove(in, dp->message, h.len);
		serve(dp, (const struct weft_ipc_hdr *)dp->message);
	}
}

void fake_dataplane_hang_up(struct fake_dataplane *dp)
{
	if (dp->control)
		bufferevent_free(dp->control);
	dp->control = NULL;
	dp->paced_count = 0;
	if (dp->punt_fd >= 0)
		close(dp->punt_fd);
	dp->punt_fd = -1;
	for (unsigned i = 0; i < 2; i++)
		if (dp->txns[i].open && dp->txns[i].atomic)
			undo(dp);
	memset(dp->txns, 0, sizeof(dp->txns));
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
	fake_dataplane_hang_up(arg);
}

static void on_control(
	struct evconnlistener *l, evutil_socket_t fd, struct sockaddr *addr, int len, void *arg)
{
	struct fake_dataplane *dp = arg;

	if (dp->control) {
		close(fd);
		return;
	}
	dp->control = bufferevent_socket_new(dp->base, fd, BEV_OPT_CLOSE_ON_FREE);
	bufferevent_setcb(dp->control, on_read, NULL, on_event, dp);
	bufferevent_enable(dp->control, EV_READ | EV_WRITE);
}

static void on_punt(
	struct evconnlistener *l, evutil_socket_t fd, struct sockaddr *addr, int len, void *arg)
{
	struct fake_dataplane *dp = arg;

	if (dp->punt_fd >= 0)
		close(dp->punt_fd);
	dp->punt_fd = fd;
}

// ---- life

static struct evconnlistener *listen_unix(
	struct fake_dataplane *dp, const char *path, int type, evconnlistener_cb cb)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	unlink(path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 || listen(fd, 4) < 0)
		return NULL;
	return evconnlistener_new(dp->base, cb, dp, LEV_OPT_CLOSE_ON_FREE, 0, fd);
}

struct fake_dataplane *fake_dataplane_new(
	struct event_base *base, const char *control_path, const char *punt_path)
{
	struct fake_dataplane *dp = calloc(1, sizeof(*dp));

	dp->base = base;
	dp->epoch = 1;
	dp->punt_fd = -1;
	dp->paths[0] = strdup(control_path);
	dp->paths[1] = strdup(punt_path);
	dp->listeners[0] = listen_unix(dp, control_path, SOCK_STREAM, on_control);
	dp->listeners[1] = listen_unix(dp, punt_path, SOCK_SEQPACKET, on_punt);
	if (dp->listeners[0] && dp->listeners[1])
		return dp;
	fake_dataplane_free(dp);
	return NULL;
}

void fake_dataplane_free(struct fake_dataplane *dp)
{
	fake_dataplane_hang_up(dp);
	for (unsigned i = 0; i < 2; i++) {
		if (dp->listeners[i])
			evconnlistener_free(dp->listeners[i]);
		unlink(dp->paths[i]);
		free(dp->paths[i]);
	}
	store_clear(&dp->state);
	free(dp);
}

void fake_dataplane_restart(struct fake_dataplane *dp)
{
	fake_dataplane_hang_up(dp);
	store_clear(&dp->state);
	dp->epoch++;
}

// ---- what tests have it say

void fake_dataplane_event(struct fake_dataplane *dp, enum weft_ipc_type type, weft_tenant_id tenant,
	const void *body, size_t len)
{
	reply(dp, (uint16_t)type, 0, 0, tenant, body, len);
}

void fake_dataplane_punt_more(struct fake_dataplane *dp, weft_tenant_id tenant, const void *frame,
	uint32_t len, const void *more, size_t more_len, uint16_t said)
{
	struct {
		struct weft_ipc_hdr h;
		struct weft_ipc_punt punt;
		uint8_t frame[2048];
	} m = {.punt = {.data_len = len, .total_len = len, .more_len = said}};
	uint32_t padded = (len + 7) & ~7u;

	m.h = (struct weft_ipc_hdr){
		.len = (uint32_t)(sizeof(m.h) + sizeof(m.punt) + padded + more_len),
		.type = WEFT_IPC_PUNT,
		.tenant = tenant};
	memcpy(m.frame, frame, len);
	if (more_len)
		memcpy(m.frame + padded, more, more_len);
	ssize_t n = send(dp->punt_fd, &m, m.h.len, 0);
	assert(n == (ssize_t)m.h.len);
}

void fake_dataplane_punt(
	struct fake_dataplane *dp, weft_tenant_id tenant, const void *frame, uint32_t len)
{
	fake_dataplane_punt_more(dp, tenant, frame, len, NULL, 0, 0);
}

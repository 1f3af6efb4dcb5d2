// SPDX-License-Identifier: Apache-2.0
#include "fake_dataplane.h"

#include <assert.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/listener.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

// Everything is a record: which dump shows it, whose it is, and its bytes, of which the first `key`
// name it.
struct record {
	uint16_t dump;
	weft_tenant_id tenant;
	size_t key;
	size_t len;
	uint8_t *bytes;
};

struct paced { // a dump of rules under way
	struct weft_ipc_hdr request;
	size_t next; // record
	int64_t credit;
};

struct state {
	struct record *records;
	size_t count;
	struct weft_ipc_host host;
};

struct fake_dataplane {
	struct event_base *base;
	char *paths[2];
	struct evconnlistener *listeners[2];
	struct bufferevent *control;
	int punt_fd;
	uint64_t epoch;
	struct state state, before; // before: of an atomic transaction's begin
	bool in_txn, atomic, failed;
	bool devices; // those named "absent…" have come
	enum weft_ipc_type fail_type;
	enum weft_error fail_error;
	unsigned counts[128];
	struct paced paced[8];
	unsigned paced_count;
	size_t paced_bytes;
	uint64_t message[WEFT_IPC_MAX_LEN / 8];
};

// ---- state

static void state_clear(struct state *s)
{
	for (size_t i = 0; i < s->count; i++)
		free(s->records[i].bytes);
	free(s->records);
	memset(s, 0, sizeof(*s));
}

static struct record *find(
	const struct state *s, uint16_t dump, weft_tenant_id tenant, const void *key, size_t n)
{
	for (size_t i = 0; i < s->count; i++) {
		struct record *r = &s->records[i];
		if (r->dump == dump && r->tenant == tenant && memcmp(r->bytes, key, n) == 0)
			return r;
	}
	return NULL;
}

static void put(struct state *s, uint16_t dump, weft_tenant_id tenant, size_t key,
	const void *bytes, size_t len)
{
	struct record *r = find(s, dump, tenant, bytes, key);

	if (!r) {
		s->records = realloc(s->records, (s->count + 1) * sizeof(*r));
		r = &s->records[s->count++];
		r->bytes = NULL;
	}
	free(r->bytes);
	*r = (struct record){dump, tenant, key, len, malloc(len)};
	memcpy(r->bytes, bytes, len);
}

static void erase(struct state *s, struct record *r)
{
	free(r->bytes);
	*r = s->records[--s->count];
}

static struct state state_copy(const struct state *from)
{
	struct state to = {.host = from->host};

	for (size_t i = 0; i < from->count; i++) {
		const struct record *r = &from->records[i];
		put(&to, r->dump, r->tenant, r->len, r->bytes, r->len);
		to.records[to.count - 1].key = r->key;
	}
	return to;
}

// ---- operations

static struct record *tenant_record(const struct fake_dataplane *dp, weft_tenant_id id)
{
	for (size_t i = 0; i < dp->state.count; i++)
		if (dp->state.records[i].dump == WEFT_IPC_DUMP_TENANTS &&
			dp->state.records[i].tenant == id)
			return &dp->state.records[i];
	return NULL;
}

static enum weft_error tenant_add(struct fake_dataplane *dp, weft_tenant_id id, const void *body)
{
	const struct weft_ipc_tenant *t = body;

	if (tenant_record(dp, id) || fake_dataplane_tenant(dp, t->name, NULL))
		return WEFT_E_EXISTS;
	put(&dp->state, WEFT_IPC_DUMP_TENANTS, id, sizeof(t->name), body, sizeof(*t));
	return WEFT_E_NONE;
}

static enum weft_error tenant_set(struct fake_dataplane *dp, weft_tenant_id id, const void *body)
{
	const struct weft_ipc_tenant *t = body;
	struct record *r = tenant_record(dp, id);

	if (!r)
		return WEFT_E_NO_TENANT;
	const struct weft_ipc_tenant *old = (const void *)r->bytes;
	if (old->encap != t->encap || old->vni != t->vni || old->kind != t->kind)
		return WEFT_E_STATE;
	memcpy(r->bytes, body, sizeof(*t));
	return WEFT_E_NONE;
}

static enum weft_error tenant_del(struct fake_dataplane *dp, weft_tenant_id id)
{
	struct record *t = tenant_record(dp, id);

	if (!t)
		return WEFT_E_NO_TENANT;
	for (size_t i = 0; i < dp->state.count; i++)
		if (dp->state.records[i].dump == WEFT_IPC_DUMP_PORTS &&
			dp->state.records[i].tenant == id)
			return WEFT_E_IN_USE;
	erase(&dp->state, t);
	for (size_t i = dp->state.count; i-- > 0;)
		if (dp->state.records[i].tenant == id)
			erase(&dp->state, &dp->state.records[i]);
	return WEFT_E_NONE;
}

static enum weft_error port_add(struct fake_dataplane *dp, weft_tenant_id tenant, const void *body)
{
	struct weft_ipc_port_status status = {.port = *(const struct weft_ipc_port *)body,
		.mac = {{2, 0, 0, 0, 0, (uint8_t) * (const uint32_t *)body}}};

	if (tenant && !tenant_record(dp, tenant))
		return WEFT_E_NO_TENANT;
	if (strncmp(status.port.device, "absent", 6) == 0 && !dp->devices)
		return WEFT_E_DEVICE;
	status.port.mtu_asked = (uint16_t)status.port.mtu;
	if (!status.port.mtu || status.port.mtu > 1500)
		status.port.mtu = 1500; // the device's own
	if (find(&dp->state, WEFT_IPC_DUMP_PORTS, tenant, &status.port.id, 4))
		return WEFT_E_EXISTS;
	put(&dp->state, WEFT_IPC_DUMP_PORTS, tenant, 4, &status, sizeof(status));
	return WEFT_E_NONE;
}

static enum weft_error port_set(struct fake_dataplane *dp, weft_tenant_id tenant, const void *body)
{
	const struct weft_ipc_port_set *set = body;
	struct record *r = find(&dp->state, WEFT_IPC_DUMP_PORTS, tenant, &set->id, 4);

	if (!r)
		return WEFT_E_NO_PORT;
	((struct weft_ipc_port_status *)(void *)r->bytes)->port.limits = set->limits;
	return WEFT_E_NONE;
}

// A thing that is no more than its key.
static enum weft_error add(struct fake_dataplane *dp, uint16_t dump, weft_tenant_id tenant,
	size_t key, const void *body, size_t len)
{
	if (tenant && !tenant_record(dp, tenant))
		return WEFT_E_NO_TENANT;
	if (find(&dp->state, dump, tenant, body, key))
		return WEFT_E_EXISTS;
	put(&dp->state, dump, tenant, key, body, len);
	return WEFT_E_NONE;
}

static enum weft_error del(struct fake_dataplane *dp, uint16_t dump, weft_tenant_id tenant,
	size_t key, const void *body)
{
	struct record *r = find(&dp->state, dump, tenant, body, key);

	if (!r)
		return WEFT_E_NOT_FOUND;
	erase(&dp->state, r);
	return WEFT_E_NONE;
}

static bool has_place(
	const struct fake_dataplane *dp, weft_tenant_id tenant, const struct weft_ipc_fdb *entry)
{
	for (size_t i = 0; i < dp->state.count; i++) {
		const struct record *r = &dp->state.records[i];
		if (r->dump == WEFT_IPC_DUMP_PORTS && r->tenant == tenant &&
			((const struct weft_ipc_port_status *)(const void *)r->bytes)
					->port.ofport == entry->ofport)
			return true;
	}
	return entry->ofport == WEFT_OFPORT_OVERLAY;
}

// A rule is stored as a dump shows it; equal cookies are the same rule, which is enough here.
static enum weft_error flow_mod(
	struct fake_dataplane *dp, weft_tenant_id tenant, const void *body, size_t len)
{
	const struct weft_flow_mod *mod = body;
	uint8_t bytes[4096];
	struct weft_flow_stats stats = {.cookie = mod->cookie,
		.priority = mod->priority,
		.table = mod->table,
		.flags = mod->flags,
		.packets = 7,
		.bytes = 700,
		.duration_ns = 1500000000};

	if (!tenant_record(dp, tenant))
		return WEFT_E_NO_TENANT;
	if (mod->command >= WEFT_FLOW_DELETE) {
		del(dp, WEFT_IPC_DUMP_FLOWS, tenant, 8, &mod->cookie);
		return WEFT_E_NONE;
	}
	memcpy(bytes, &stats, sizeof(stats));
	memcpy(bytes + sizeof(stats), mod + 1, len - sizeof(*mod));
	put(&dp->state, WEFT_IPC_DUMP_FLOWS, tenant, 8, bytes, sizeof(stats) + len - sizeof(*mod));
	return WEFT_E_NONE;
}

static enum weft_error operate(
	struct fake_dataplane *dp, const struct weft_ipc_hdr *h, const void *body, size_t len)
{
	switch (h->type) {
	case WEFT_IPC_HOST_SET:
		memcpy(&dp->state.host, body, sizeof(dp->state.host));
		return WEFT_E_NONE;
	case WEFT_IPC_TENANT_ADD:
		return tenant_add(dp, h->tenant, body);
	case WEFT_IPC_TENANT_SET:
		return tenant_set(dp, h->tenant, body);
	case WEFT_IPC_TENANT_DEL:
		return tenant_del(dp, h->tenant);
	case WEFT_IPC_PORT_ADD:
		return port_add(dp, h->tenant, body);
	case WEFT_IPC_PORT_DEL:
		return del(dp, WEFT_IPC_DUMP_PORTS, h->tenant, 4, body);
	case WEFT_IPC_PORT_SET:
		return port_set(dp, h->tenant, body);
	case WEFT_IPC_NEIGH_ADD:
		return add(dp, WEFT_IPC_DUMP_NEIGHS, h->tenant, 18, body, len);
	case WEFT_IPC_NEIGH_DEL:
		return del(dp, WEFT_IPC_DUMP_NEIGHS, h->tenant, 18, body);
	case WEFT_IPC_VTEP_ADD:
		return add(dp, WEFT_IPC_DUMP_VTEPS, h->tenant, 16, body, len);
	case WEFT_IPC_VTEP_DEL:
		return del(dp, WEFT_IPC_DUMP_VTEPS, h->tenant, 16, body);
	case WEFT_IPC_PROVIDER_SET:
		put(&dp->state, WEFT_IPC_DUMP_PROVIDERS, h->tenant, 0, body, len);
		return WEFT_E_NONE;
	case WEFT_IPC_NEXTHOP_SET:
		put(&dp->state, WEFT_IPC_DUMP_NEXTHOPS, 0, 18, body, len);
		return WEFT_E_NONE;
	case WEFT_IPC_NEXTHOP_DEL:
		return del(dp, WEFT_IPC_DUMP_NEXTHOPS, 0, 18, body);
	case WEFT_IPC_FDB_ADD:
		if (!has_place(dp, h->tenant, body))
			return WEFT_E_NO_PORT;
		put(&dp->state, WEFT_IPC_DUMP_FDB, h->tenant, 8, body, len);
		return WEFT_E_NONE;
	case WEFT_IPC_FDB_DEL:
		return del(dp, WEFT_IPC_DUMP_FDB, h->tenant, 8, body);
	case WEFT_IPC_FDB_FLUSH:
		return WEFT_E_NONE;
	case WEFT_IPC_FLOW_MOD:
		return flow_mod(dp, h->tenant, body, len);
	default:
		return WEFT_E_UNSUPPORTED;
	}
}

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

static void operation(
	struct fake_dataplane *dp, const struct weft_ipc_hdr *h, const void *body, size_t len)
{
	enum weft_error error;

	if (dp->atomic && dp->failed)
		return;
	if (!dp->in_txn) {
		error = WEFT_E_STATE;
	} else if (dp->fail_error && dp->fail_type == h->type) {
		error = dp->fail_error;
		dp->fail_error = WEFT_E_NONE;
	} else {
		error = operate(dp, h, body, len);
	}
	if (error) {
		dp->failed = true;
		reply_error(dp, h, WEFT_IPC_RESULT, error);
	}
}

static void commit(struct fake_dataplane *dp, const struct weft_ipc_hdr *h)
{
	bool undo = dp->atomic && dp->failed;

	dp->in_txn = false;
	if (undo) {
		state_clear(&dp->state);
		dp->state = dp->before;
		memset(&dp->before, 0, sizeof(dp->before));
		reply_error(dp, h, WEFT_IPC_COMMIT, WEFT_E_STATE);
		return;
	}
	state_clear(&dp->before);
	reply(dp, WEFT_IPC_COMMIT, 0, h->xid, 0, NULL, 0);
}

static void dump(struct fake_dataplane *dp, const struct weft_ipc_hdr *h)
{
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
		assert(!dp->in_txn);
		dp->in_txn = true;
		dp->failed = false;
		dp->atomic = ((const struct weft_ipc_begin *)body)->flags & WEFT_TXN_ATOMIC;
		if (dp->atomic)
			dp->before = state_copy(&dp->state);
	} else if (h->type == WEFT_IPC_COMMIT) {
		assert(dp->in_txn);
		commit(dp, h);
	} else if (h->type == WEFT_IPC_ECHO) {
		reply(dp, h->type, 0, h->xid, 0, NULL, 0);
	} else if (h->type == WEFT_IPC_PACKET_OUT || h->type == WEFT_IPC_RESUME) {
		if (!tenant_record(dp, h->tenant))
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
	if (dp->in_txn && dp->atomic) {
		state_clear(&dp->state);
		dp->state = dp->before;
		memset(&dp->before, 0, sizeof(dp->before));
	}
	dp->in_txn = false;
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
	state_clear(&dp->state);
	free(dp);
}

void fake_dataplane_restart(struct fake_dataplane *dp)
{
	fake_dataplane_hang_up(dp);
	state_clear(&dp->state);
	dp->epoch++;
}

// ---- what tests look at and do

void fake_dataplane_devices_come(struct fake_dataplane *dp)
{
	dp->devices = true;
}

unsigned fake_dataplane_count(const struct fake_dataplane *dp, enum weft_ipc_type type)
{
	return dp->counts[type];
}

unsigned fake_dataplane_waiting(const struct fake_dataplane *dp, size_t *sent)
{
	*sent = dp->paced_bytes;
	return dp->paced_count;
}

void fake_dataplane_fail_next(
	struct fake_dataplane *dp, enum weft_ipc_type type, enum weft_error error)
{
	dp->fail_type = type;
	dp->fail_error = error;
}

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

static const void *by_name(const struct fake_dataplane *dp, uint16_t dump, size_t offset,
	const char *name, weft_tenant_id *tenant)
{
	for (size_t i = 0; i < dp->state.count; i++) {
		const struct record *r = &dp->state.records[i];
		if (r->dump != dump || strcmp((const char *)r->bytes + offset, name) != 0)
			continue;
		if (tenant)
			*tenant = r->tenant;
		return r->bytes;
	}
	return NULL;
}

const struct weft_ipc_tenant *fake_dataplane_tenant(
	const struct fake_dataplane *dp, const char *name, weft_tenant_id *id)
{
	return by_name(dp, WEFT_IPC_DUMP_TENANTS, offsetof(struct weft_ipc_tenant, name), name, id);
}

const struct weft_ipc_port *fake_dataplane_port(
	const struct fake_dataplane *dp, const char *name, weft_tenant_id *tenant)
{
	return by_name(dp, WEFT_IPC_DUMP_PORTS, offsetof(struct weft_ipc_port, name), name, tenant);
}

const struct weft_ipc_nexthop *fake_dataplane_nexthop(
	const struct fake_dataplane *dp, const struct weft_ip *vtep)
{
	const struct record *r = find(&dp->state, WEFT_IPC_DUMP_NEXTHOPS, 0, vtep, sizeof(*vtep));

	return r ? (const void *)r->bytes : NULL;
}

bool fake_dataplane_has_vtep(
	const struct fake_dataplane *dp, weft_tenant_id tenant, const struct weft_ip *vtep)
{
	return find(&dp->state, WEFT_IPC_DUMP_VTEPS, tenant, vtep, sizeof(*vtep));
}

const struct weft_ipc_host *fake_dataplane_host(const struct fake_dataplane *dp)
{
	return &dp->state.host;
}

size_t fake_dataplane_records(const struct fake_dataplane *dp)
{
	return dp->state.count;
}

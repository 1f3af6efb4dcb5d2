// SPDX-License-Identifier: Apache-2.0
#include "internal.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "mem.h"
#include "uptime.h"

#define BACKOFF_MIN_MS 50u
#define BACKOFF_MAX_MS 1000u
#define GREETING_MS 5000u
#define PUNTS_AT_ONCE 64u

static void arm(struct event *timer, unsigned ms)
{
	struct timeval tv = {.tv_sec = ms / 1000, .tv_usec = (ms % 1000) * 1000};

	evtimer_add(timer, &tv);
}

// Returns a connected, non-blocking socket, or -errno. To a UNIX socket this does not wait: it is
// connected, or refused, or the backlog is full (EAGAIN).
static int connect_unix(const char *path, int type)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};

	if (strlen(path) >= sizeof(addr.sun_path))
		return -ENAMETOOLONG;
	strcpy(addr.sun_path, path);
	int fd = socket(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0)
		return fd;
	int error = -errno;
	close(fd);
	return error;
}

// ---- punt

static void punt_close(struct dpc *dpc)
{
	if (dpc->punt) {
		event_free(dpc->punt);
		close(dpc->punt_fd);
	}
	dpc->punt = NULL;
	evtimer_del(dpc->punt_retry);
}

static void on_punt(evutil_socket_t fd, short what, void *arg)
{
	struct dpc *dpc = arg;

	for (unsigned i = 0; i < PUNTS_AT_ONCE && dpc->punt; i++) {
		ssize_t n = recv(fd, dpc->punted, sizeof(dpc->punted), 0);
		if (n > 0) {
			dpc_receive_punt(dpc, (size_t)n);
			continue;
		}
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		punt_close(dpc);
		arm(dpc->punt_retry, BACKOFF_MAX_MS);
	}
}

static void punt_connect(evutil_socket_t fd, short what, void *arg)
{
	struct dpc *dpc = arg;

	dpc->punt_fd = connect_unix(dpc->punt_path, SOCK_SEQPACKET);
	if (dpc->punt_fd < 0) {
		log_warning("%s: %s: no packet-ins", dpc->punt_path, strerror(-dpc->punt_fd));
		arm(dpc->punt_retry, BACKOFF_MAX_MS);
		return;
	}
	dpc->punt = event_new(dpc->base, dpc->punt_fd, EV_READ | EV_PERSIST, on_punt, dpc);
	event_add(dpc->punt, NULL);
}

// ---- control

static void retry_later(struct dpc *dpc, const char *why)
{
	if (strcmp(dpc->why, why) != 0)
		log_warning("%s: %s", dpc->control_path, why);
	snprintf(dpc->why, sizeof(dpc->why), "%s", why);
	arm(dpc->retry, dpc->backoff_ms);
	dpc->backoff_ms =
		dpc->backoff_ms * 2 > BACKOFF_MAX_MS ? BACKOFF_MAX_MS : dpc->backoff_ms * 2;
}

static void control_close(struct dpc *dpc)
{
	event_free(dpc->readable);
	event_free(dpc->writable);
	dpc->readable = dpc->writable = NULL;
	wire_close(&dpc->wire);
	punt_close(dpc);
}

static void fail_all(struct dpc *dpc, const char *text)
{
	pending_fail_all(&dpc->pending, WEFT_E_STATE, text);
	dump_fail_all(&dpc->dumps, WEFT_E_STATE, text);
}

void dpc_connection_lost(struct dpc *dpc, const char *why)
{
	bool was_up = dpc->state == DPC_UP;

	if (!dpc->readable)
		return;
	control_close(dpc);
	dpc->state = DPC_DOWN;
	dpc->txn_open = false;
	dpc->unanswered = false;
	retry_later(dpc, why);
	fail_all(dpc, "the connection to the data plane was lost");
	if (was_up)
		dpc_tell_down(dpc, why);
	dpc_check_unblocked(dpc);
}

void dpc_greeted(struct dpc *dpc)
{
	evtimer_del(dpc->retry);
	dpc->state = DPC_UP;
	dpc->backoff_ms = BACKOFF_MIN_MS;
	dpc->why[0] = 0;
	log_info("connected to the data plane at %s, epoch %016llx", dpc->control_path,
		(unsigned long long)dpc->epoch);
	punt_connect(-1, 0, dpc);
	dpc_tell_up(dpc);
}

// A second agent is turned away without a word.
static const char *why_lost(const struct dpc *dpc, int error)
{
	if (error != ECONNRESET)
		return strerror(error);
	return dpc->state == DPC_UP
		       ? "the data plane closed the connection"
		       : "the data plane closed the connection at once (another agent has it?)";
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct dpc *dpc = arg;
	ssize_t n = wire_receive(&dpc->wire);

	if (n > 0)
		dpc_receive_control(dpc);
	else if (n < 0)
		dpc_connection_lost(dpc, why_lost(dpc, (int)-n));
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
	struct dpc *dpc = arg;

	dpc_flush_wire(dpc);
	dpc_check_unblocked(dpc);
}

static void control_open(struct dpc *dpc, int fd)
{
	wire_open(&dpc->wire, fd);
	dpc->readable = event_new(dpc->base, fd, EV_READ | EV_PERSIST, on_readable, dpc);
	dpc->writable = event_new(dpc->base, fd, EV_WRITE, on_writable, dpc);
	event_add(dpc->readable, NULL);
}

static void on_retry(evutil_socket_t fd, short what, void *arg)
{
	struct dpc *dpc = arg;

	if (dpc->readable) {
		dpc_connection_lost(dpc, "the data plane does not greet");
		return;
	}
	int s = connect_unix(dpc->control_path, SOCK_STREAM);
	if (s < 0) {
		char why[sizeof(dpc->why)];
		snprintf(why, sizeof(why), "%s (is weft-dataplane running? it is tried again)",
			strerror(-s));
		retry_later(dpc, why);
		return;
	}
	control_open(dpc, s);
	dpc->state = DPC_GREETING;
	dpc_send_hello(dpc);
	arm(dpc->retry, GREETING_MS);
}

// ---- life

struct dpc *dpc_new(struct event_base *base, const struct dpc_options *options)
{
	struct dpc *dpc = agent_zalloc(sizeof(*dpc));
	const char *control = options->control_socket, *punt = options->punt_socket;

	dpc->base = base;
	dpc->control_path = agent_strdup(control ? control : WEFT_IPC_CONTROL_SOCKET);
	dpc->look.ns = dpc->next.ns = DPC_LOOK_NS;
	dpc->punt_path = agent_strdup(punt ? punt : WEFT_IPC_PUNT_SOCKET);
	dpc->backoff_ms = BACKOFF_MIN_MS;
	dpc->retry = evtimer_new(base, on_retry, dpc);
	dpc->punt_retry = evtimer_new(base, punt_connect, dpc);
	dpc->flush = event_new(base, -1, 0, dpc_on_flush, dpc);
	for (unsigned i = 0; i < DPC_LISTENER_BUCKETS; i++)
		LIST_INIT(&dpc->listeners[i]);
	wire_init(&dpc->wire);
	pending_init(&dpc->pending);
	dump_table_init(&dpc->dumps);
	arm(dpc->retry, 0);
	return dpc;
}

void dpc_shutdown(struct dpc *dpc)
{
	if (dpc->readable)
		control_close(dpc);
	dpc->state = DPC_DOWN;
	dpc->txn_open = false;
	evtimer_del(dpc->retry);
	fail_all(dpc, "the agent ends");
}

void dpc_free(struct dpc *dpc)
{
	if (!dpc)
		return;
	dpc_shutdown(dpc);
	dpc_listeners_free(dpc);
	pending_free(&dpc->pending);
	event_free(dpc->flush);
	event_free(dpc->retry);
	event_free(dpc->punt_retry);
	free(dpc->punt_path);
	free(dpc->control_path);
	free(dpc);
}

bool dpc_is_up(const struct dpc *dpc)
{
	return dpc->state == DPC_UP;
}

uint64_t dpc_epoch(const struct dpc *dpc)
{
	return dpc->epoch;
}

bool dpc_looks(struct dpc *dpc)
{
	uint64_t now = agent_ns();
	unsigned cpu = (unsigned)sched_getcpu();

	return dpc->state == DPC_UP &&
	       (weft_look_on(&dpc->look, now, cpu) || weft_look_on(&dpc->next, now, cpu));
}

void dpc_replied(struct dpc *dpc)
{
	weft_look_begin(&dpc->next, agent_ns());
}

void dpc_asked(struct dpc *dpc)
{
	if (dpc->next.since_ns)
		weft_look_end(&dpc->next, agent_ns());
}

bool dpc_blocked(const struct dpc *dpc)
{
	return dpc->blocked;
}

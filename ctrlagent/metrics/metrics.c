// SPDX-License-Identifier: Apache-2.0
#include "metrics/metrics.h"

#include <errno.h>
#include <event2/util.h>
#include <microhttpd.h>
#include <stdio.h>
#include <sys/socket.h>

#include "metrics/scrape.h"

#define TIMEOUT_S 10u

struct metrics {
	struct agent *agent;
	struct MHD_Daemon *daemon;
	struct event *readable;
	struct event *timer;
};

// A request for the metrics: first suspended, then answered with `text`.
struct exchange {
	struct metrics *metrics;
	struct MHD_Connection *connection;
	char *text; // until it is the answer's
	size_t len;
	bool collecting;
	bool gone; // the client went while we collected
};

static void run(struct metrics *m)
{
	MHD_UNSIGNED_LONG_LONG ms;

	MHD_run(m->daemon);
	if (MHD_get_timeout(m->daemon, &ms) == MHD_YES) {
		struct timeval tv = {
			.tv_sec = (time_t)(ms / 1000), .tv_usec = (suseconds_t)(ms % 1000 * 1000)};
		evtimer_add(m->timer, &tv);
	}
}

static void on_ready(evutil_socket_t fd, short what, void *arg)
{
	run(arg);
}

static void exchange_free(struct exchange *e)
{
	free(e->text);
	free(e);
}

static void on_scraped(void *arg, char *text, size_t len)
{
	struct exchange *e = arg;
	struct metrics *m = e->metrics;

	e->text = text;
	e->len = len;
	e->collecting = false;
	if (e->gone) {
		exchange_free(e);
		return;
	}
	MHD_resume_connection(e->connection);
	event_active(m->timer, EV_TIMEOUT, 0);
}

static enum MHD_Result answer(struct MHD_Connection *c, unsigned status, char *text, size_t len,
	enum MHD_ResponseMemoryMode mode)
{
	struct MHD_Response *r = MHD_create_response_from_buffer(len, text, mode);

	MHD_add_response_header(r, "Content-Type", "text/plain; version=0.0.4; charset=utf-8");
	enum MHD_Result done = MHD_queue_response(c, status, r);
	MHD_destroy_response(r);
	return done;
}

static enum MHD_Result refuse(struct MHD_Connection *c, unsigned status, const char *text)
{
	return answer(c, status, (char *)(uintptr_t)text, strlen(text), MHD_RESPMEM_PERSISTENT);
}

// What there is of it may be much: it is written as fast as the client reads, and not copied.
static enum MHD_Result answer_metrics(struct MHD_Connection *c, struct exchange *e)
{
	char *text = e->text;

	if (!text)
		return MHD_NO; // it has been answered
	e->text = NULL;
	return answer(c, MHD_HTTP_OK, text, e->len, MHD_RESPMEM_MUST_FREE);
}

static enum MHD_Result on_request(void *arg, struct MHD_Connection *c, const char *url,
	const char *method, const char *version, const char *upload, size_t *upload_size,
	void **state)
{
	struct exchange *e = *state;

	if (e)
		return answer_metrics(c, e);
	if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
		return refuse(c, MHD_HTTP_METHOD_NOT_ALLOWED, "only GET\n");
	if (strcmp(url, "/metrics") != 0)
		return refuse(c, MHD_HTTP_NOT_FOUND, "see /metrics\n");
	*state = e = agent_zalloc(sizeof(*e));
	*e = (struct exchange){.metrics = arg, .connection = c, .collecting = true};
	MHD_suspend_connection(c);
	scrape(e->metrics->agent, on_scraped, e);
	return MHD_YES;
}

static void on_completed(
	void *arg, struct MHD_Connection *c, void **state, enum MHD_RequestTerminationCode why)
{
	struct exchange *e = *state;

	*state = NULL;
	if (!e)
		return;
	e->gone = true;
	if (!e->collecting)
		exchange_free(e);
}

// ---- life

static bool parse(const char *listen, struct sockaddr_storage *addr)
{
	int len = sizeof(*addr);

	memset(addr, 0, sizeof(*addr));
	return evutil_parse_sockaddr_port(listen, (struct sockaddr *)addr, &len) == 0 &&
	       (addr->ss_family == AF_INET ? ((struct sockaddr_in *)addr)->sin_port
					   : ((struct sockaddr_in6 *)addr)->sin6_port) != 0;
}

bool metrics_can_listen(const char *listen)
{
	struct sockaddr_storage addr;

	return parse(listen, &addr);
}

struct metrics *metrics_new(struct agent *agent, const char *listen, char **error)
{
	struct sockaddr_storage addr;

	if (!parse(listen, &addr)) {
		*error = agent_format("--metrics: expected " METRICS_LISTEN ", got \"%s\"", listen);
		return NULL;
	}
	struct metrics *m = agent_zalloc(sizeof(*m));
	unsigned flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME;
	if (addr.ss_family == AF_INET6)
		flags |= MHD_USE_IPv6;
	m->agent = agent;
	m->daemon = MHD_start_daemon(flags, 0, NULL, NULL, on_request, m, MHD_OPTION_SOCK_ADDR,
		&addr, MHD_OPTION_NOTIFY_COMPLETED, on_completed, m, MHD_OPTION_CONNECTION_LIMIT,
		METRICS_CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT, TIMEOUT_S, MHD_OPTION_END);
	if (!m->daemon) {
		*error = agent_format("--metrics %s: %s", listen, strerror(errno));
		free(m);
		return NULL;
	}
	int fd = MHD_get_daemon_info(m->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
	m->timer = evtimer_new(agent->base, on_ready, m);
	m->readable = event_new(agent->base, fd, EV_READ | EV_PERSIST, on_ready, m);
	event_add(m->readable, NULL);
	return m;
}

void metrics_free(struct metrics *m)
{
	if (!m)
		return;
	scrape_end_all(); // none may be suspended
	event_free(m->readable);
	event_free(m->timer);
	MHD_stop_daemon(m->daemon);
	free(m);
}

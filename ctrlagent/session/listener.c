// SPDX-License-Identifier: Apache-2.0
#include "session/listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <event2/event.h>
#include <event2/listener.h>
#include <event2/util.h>

#include "session/target.h"

#define BACKLOG 16

struct session_listener {
	struct evconnlistener *ev;
	struct event *retry;
	session_accepted_fn *accepted;
	void *arg;
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)]; // to unlink
};

static void describe(const struct sockaddr *sa, char *text, size_t len)
{
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)sa;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)sa;
	char ip[INET6_ADDRSTRLEN];

	if (sa->sa_family == AF_INET) {
		inet_ntop(AF_INET, &v4->sin_addr, ip, sizeof(ip));
		snprintf(text, len, "%s:%u", ip, ntohs(v4->sin_port));
	} else if (sa->sa_family == AF_INET6) {
		inet_ntop(AF_INET6, &v6->sin6_addr, ip, sizeof(ip));
		snprintf(text, len, "[%s]:%u", ip, ntohs(v6->sin6_port));
	} else {
		snprintf(text, len, "unix");
	}
}

static void on_accept(
	struct evconnlistener *ev, evutil_socket_t fd, struct sockaddr *sa, int len, void *arg)
{
	struct session_listener *l = arg;
	char peer[80];

	describe(sa, peer, sizeof(peer));
	l->accepted(l->arg, fd, peer);
}

// Out of descriptors, as a rule. The connection stays in the kernel's queue; asking again at once
// would spin.
static void on_error(struct evconnlistener *ev, void *arg)
{
	static const struct timeval soon = {.tv_sec = 1};
	struct session_listener *l = arg;

	evconnlistener_disable(ev);
	evtimer_add(l->retry, &soon);
}

static void on_retry(evutil_socket_t fd, short what, void *arg)
{
	struct session_listener *l = arg;

	evconnlistener_enable(l->ev);
}

static bool is_left_over(const struct session_target *t)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	bool dead;

	if (fd < 0)
		return false;
	dead = connect(fd, (const struct sockaddr *)&t->addr, t->addr_len) < 0 &&
	       errno == ECONNREFUSED;
	close(fd);
	return dead;
}

static struct evconnlistener *bind_unix(struct event_base *base, const struct session_target *t,
	struct session_listener *l, unsigned flags)
{
	const char *path = ((const struct sockaddr_un *)&t->addr)->sun_path;
	struct evconnlistener *ev;
	mode_t mask;

	if (is_left_over(t))
		unlink(path);
	mask = umask(0177); // no moment at which others could connect
	ev = evconnlistener_new_bind(base, on_accept, l, flags, BACKLOG,
		(const struct sockaddr *)&t->addr, (int)t->addr_len);
	umask(mask);
	if (ev)
		strcpy(l->path, path);
	return ev;
}

struct session_listener *session_listener_new(struct event_base *base,
	const struct session_target *target, session_accepted_fn *accepted, void *arg, char *err,
	size_t err_len)
{
	const unsigned flags = LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC | LEV_OPT_REUSEABLE;
	struct session_listener *l = calloc(1, sizeof(*l));
	int error;

	if (!l)
		goto fail;
	l->accepted = accepted;
	l->arg = arg;
	l->retry = evtimer_new(base, on_retry, l);
	if (!l->retry)
		goto fail;
	if (target->transport == SESSION_TRANSPORT_UNIX)
		l->ev = bind_unix(base, target, l, flags);
	else
		l->ev = evconnlistener_new_bind(base, on_accept, l, flags, BACKLOG,
			(const struct sockaddr *)&target->addr, (int)target->addr_len);
	if (!l->ev)
		goto fail;
	evconnlistener_set_error_cb(l->ev, on_error);
	return l;

fail:
	error = errno;
	snprintf(err, err_len, "%s: %s", target->text, strerror(error));
	session_listener_free(l);
	errno = error;
	return NULL;
}

void session_listener_free(struct session_listener *l)
{
	if (!l)
		return;
	if (l->ev)
		evconnlistener_free(l->ev);
	if (l->retry)
		event_free(l->retry);
	if (l->path[0])
		unlink(l->path);
	free(l);
}

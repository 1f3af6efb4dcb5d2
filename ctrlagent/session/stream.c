// SPDX-License-Identifier: Apache-2.0
#include "session/stream.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <event2/util.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "session/target.h"

#define HEADER 8u
#define LINGER_S 5

const struct session_stream_limits session_stream_default_limits = {
	.in_bytes = 256 * 1024,
	.out_soft = 1024 * 1024,
	.out_hard = 64 * 1024 * 1024,
	.turn_messages = 128,
};

enum state {
	OPENING,
	OPEN,
	FINISHING, // sends what is left
	DEAD,      // `closed` was called, or is about to be by `later`
};

struct session_stream {
	struct bufferevent *bev;
	struct event *later; // the next turn: go on cutting, or tell of the end
	struct event *linger;
	const struct session_stream_ops *ops;
	void *arg;
	const struct session_stream_limits *limits;
	struct session_stream_stats stats;
	enum state state;
	bool paused;
	bool gated;
	bool stopped; // at the gate: the first message waits
	bool reading; // from the socket
	bool is_tcp;
	bool in_cut;
	bool freed;    // by a callback of cut()
	bool eof;      // nothing more will come; what is here still counts
	char why[160]; // it ended
};

static struct evbuffer *input(const struct session_stream *s)
{
	return bufferevent_get_input(s->bev);
}

size_t session_stream_backlog(const struct session_stream *s)
{
	return evbuffer_get_length(bufferevent_get_output(s->bev));
}

bool session_stream_is_full(const struct session_stream *s)
{
	return session_stream_backlog(s) > s->limits->out_soft;
}

const struct session_stream_stats *session_stream_stats(const struct session_stream *s)
{
	return &s->stats;
}

static void run_later(struct session_stream *s)
{
	static const struct timeval now;

	// A timer and not event_active(): it lets every socket that is ready have its turn before.
	evtimer_add(s->later, &now);
}

// The end: told from the loop, so that no caller sees the stream vanish under its feet.
static void die(struct session_stream *s, const char *why)
{
	if (s->state == DEAD)
		return;
	if (why != s->why)
		snprintf(s->why, sizeof(s->why), "%s", why);
	s->state = DEAD;
	bufferevent_disable(s->bev, EV_READ | EV_WRITE);
	run_later(s);
}

static bool may_cut(const struct session_stream *s)
{
	return s->state == OPEN && !s->paused && !s->stopped && !s->freed &&
	       !session_stream_is_full(s);
}

// Hands up the messages that lie whole in the n bytes at p; returns the bytes used up.
static size_t cut_run(struct session_stream *s, const uint8_t *p, size_t n, unsigned *budget)
{
	size_t used = 0;

	while (n - used >= HEADER && *budget && may_cut(s)) {
		const uint8_t *msg = p + used;
		size_t len = (size_t)msg[2] << 8 | msg[3];

		if (len < HEADER) {
			s->ops->bad_frame(s->arg, msg);
			if (!s->freed)
				session_stream_finish(s, "message length below 8");
			return used;
		}
		if (len > n - used)
			break;
		s->stopped = s->gated && !(s->ops->passes && s->ops->passes(s->arg, msg, len));
		if (s->stopped)
			break;
		used += len;
		--*budget;
		s->stats.rx_messages++;
		s->stats.rx_bytes += len;
		s->ops->message(s->arg, msg, len);
	}
	return used;
}

// Bytes that must be in one piece for the first message; 0 if it is not here whole.
static size_t first_message(struct evbuffer *in)
{
	uint8_t head[HEADER];
	size_t len;

	if (evbuffer_copyout(in, head, HEADER) < (ev_ssize_t)HEADER)
		return 0;
	len = (size_t)head[2] << 8 | head[3];
	if (len < HEADER)
		return HEADER;
	return len <= evbuffer_get_length(in) ? len : 0;
}

// The socket is read unless enough is here already. (libevent's own high watermark would call back
// in every turn as long as it is exceeded.)
static void update_reading(struct session_stream *s)
{
	bool want = s->state == FINISHING || evbuffer_get_length(input(s)) < s->limits->in_bytes;

	if (want == s->reading || s->eof || s->state == DEAD)
		return;
	s->reading = want;
	if (want)
		bufferevent_enable(s->bev, EV_READ);
	else
		bufferevent_disable(s->bev, EV_READ);
}

static void after_cut(struct session_stream *s, bool spent)
{
	struct evbuffer *in = input(s);

	if (s->state == FINISHING) {
		evbuffer_drain(in, evbuffer_get_length(in));
	} else if (first_message(in)) {
		if (spent && may_cut(s)) {
			s->stats.throttled++;
			run_later(s);
		}
	} else if (s->eof) {
		die(s, s->why);
	}
	update_reading(s);
}

// Chain by chain without copying, save for a message that straddles two.
static void cut(struct session_stream *s)
{
	struct evbuffer *in = input(s);
	unsigned budget = s->limits->turn_messages;
	size_t want;

	s->in_cut = true;
	while (budget && may_cut(s) && (want = first_message(in))) {
		size_t n = evbuffer_get_contiguous_space(in);

		if (n < want) {
			evbuffer_pullup(in, (ev_ssize_t)want);
			n = want;
		}
		evbuffer_drain(in, cut_run(s, evbuffer_pullup(in, (ev_ssize_t)n), n, &budget));
	}
	s->in_cut = false;
	if (s->freed)
		session_stream_free(s);
	else
		after_cut(s, budget == 0);
}

static void start_linger(struct session_stream *s)
{
	static const struct timeval linger = {.tv_sec = LINGER_S};

	evtimer_add(s->linger, &linger);
}

static void opened(struct session_stream *s)
{
	int on = 1;

	s->state = OPEN;
	if (s->is_tcp)
		setsockopt(bufferevent_getfd(s->bev), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	s->ops->open(s->arg);
}

static void tell_closed(struct session_stream *s)
{
	char why[sizeof(s->why)];

	memcpy(why, s->why, sizeof(why)); // `closed` frees the stream
	s->ops->closed(s->arg, why);
}

static void on_later(evutil_socket_t fd, short what, void *arg)
{
	struct session_stream *s = arg;

	if (s->state == DEAD)
		tell_closed(s);
	else if (s->state == OPENING)
		opened(s);
	else
		cut(s);
}

static void on_read(struct bufferevent *bev, void *arg)
{
	struct session_stream *s = arg;

	if (s->state == FINISHING)
		evbuffer_drain(input(s), evbuffer_get_length(input(s)));
	else if (!evtimer_pending(s->later, NULL))
		cut(s);
	else
		update_reading(s);
}

// All is sent. The peer's end is waited for: closing with input unread would reset the connection
// and could take our last message back.
static void half_close(struct session_stream *s)
{
	SSL *ssl = bufferevent_openssl_get_ssl(s->bev);

	if (ssl)
		SSL_shutdown(ssl);
	ERR_clear_error();
	shutdown(bufferevent_getfd(s->bev), SHUT_WR);
}

// The backlog fell to half of out_soft; when finishing, to nothing.
static void on_written(struct bufferevent *bev, void *arg)
{
	struct session_stream *s = arg;

	if (s->state == FINISHING) {
		if (session_stream_backlog(s) == 0)
			half_close(s);
		return;
	}
	if (s->state == OPEN && !s->in_cut && first_message(input(s)))
		run_later(s);
	if (s->state == OPEN && s->ops->drained)
		s->ops->drained(s->arg);
}

static void on_linger(evutil_socket_t fd, short what, void *arg)
{
	struct session_stream *s = arg;

	die(s, s->why);
}

static void explain_tls(struct session_stream *s, unsigned long code, char *text, size_t len)
{
	SSL *ssl = bufferevent_openssl_get_ssl(s->bev);
	long verify = ssl ? SSL_get_verify_result(ssl) : X509_V_OK;

	if (verify != X509_V_OK)
		snprintf(text, len, "TLS: %s", X509_verify_cert_error_string(verify));
	else
		snprintf(text, len, "TLS: %s", ERR_reason_error_string(code));
}

// The connection is gone. What came before still counts: a controller may send its last rules and
// leave.
static void lost(struct session_stream *s, const char *why)
{
	if (s->state != OPEN || s->eof) {
		die(s, why);
		return;
	}
	s->eof = true;
	snprintf(s->why, sizeof(s->why), "%s", why);
	start_linger(s);
	if (!s->in_cut)
		run_later(s);
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
	struct session_stream *s = arg;
	unsigned long tls_error;
	char text[sizeof(s->why)];
	int error = EVUTIL_SOCKET_ERROR();

	if (what & BEV_EVENT_CONNECTED) {
		if (s->state == OPENING)
			opened(s);
		return;
	}
	if (s->state == FINISHING) {
		die(s, s->why);
		return;
	}
	tls_error = bufferevent_get_openssl_error(bev);
	if (tls_error)
		explain_tls(s, tls_error, text, sizeof(text));
	else if (what & BEV_EVENT_EOF || error == 0)
		snprintf(text, sizeof(text), "closed by the peer");
	else
		snprintf(text, sizeof(text), "%s", strerror(error));
	lost(s, text);
}

static void set_watermark(struct session_stream *s)
{
	bufferevent_setwatermark(s->bev, EV_WRITE, s->limits->out_soft / 2, 0);
}

void session_stream_set_limits(struct session_stream *s, const struct session_stream_limits *limits)
{
	s->limits = limits;
	set_watermark(s);
}

static struct bufferevent *make_bufferevent(
	struct event_base *base, int fd, struct session_tls *tls)
{
	SSL *ssl;

	if (!tls)
		return bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE);
	ssl = session_tls_session(tls, fd >= 0);
	if (!ssl)
		return NULL;
	return bufferevent_openssl_socket_new(base, fd, ssl,
		fd >= 0 ? BUFFEREVENT_SSL_ACCEPTING : BUFFEREVENT_SSL_CONNECTING,
		BEV_OPT_CLOSE_ON_FREE);
}

static struct session_stream *stream_new(struct event_base *base, int fd, struct session_tls *tls,
	const struct session_stream_ops *ops, void *arg)
{
	struct session_stream *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->ops = ops;
	s->arg = arg;
	s->limits = &session_stream_default_limits;
	s->later = evtimer_new(base, on_later, s);
	s->linger = evtimer_new(base, on_linger, s);
	s->bev = make_bufferevent(base, fd, tls);
	if (!s->later || !s->linger || !s->bev) {
		session_stream_free(s);
		errno = ENOMEM;
		return NULL;
	}
	bufferevent_setcb(s->bev, on_read, on_written, on_event, s);
	set_watermark(s);
	s->reading = true;
	bufferevent_enable(s->bev, EV_READ | EV_WRITE);
	return s;
}

struct session_stream *session_stream_connect(struct event_base *base,
	const struct session_target *target, struct session_tls *tls,
	const struct session_stream_ops *ops, void *arg)
{
	struct session_stream *s = stream_new(base, -1, tls, ops, arg);

	if (!s)
		return NULL;
	s->is_tcp = target->transport != SESSION_TRANSPORT_UNIX;
	// An error that shows at once comes through on_event() all the same.
	if (bufferevent_socket_connect(
		    s->bev, (const struct sockaddr *)&target->addr, (int)target->addr_len) < 0)
		die(s, strerror(EVUTIL_SOCKET_ERROR()));
	return s;
}

static bool socket_is_tcp(int fd)
{
	int domain = AF_UNIX;
	socklen_t len = sizeof(domain);

	getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len);
	return domain != AF_UNIX;
}

struct session_stream *session_stream_accept(struct event_base *base, int fd,
	struct session_tls *tls, const struct session_stream_ops *ops, void *arg)
{
	struct session_stream *s;

	evutil_make_socket_nonblocking(fd);
	s = stream_new(base, fd, tls, ops, arg);
	if (!s) {
		close(fd);
		return NULL;
	}
	s->is_tcp = socket_is_tcp(fd);
	if (!tls)
		run_later(s); // to `open`, as for a connecting one
	return s;
}

void session_stream_free(struct session_stream *s)
{
	if (!s)
		return;
	s->freed = true;
	if (s->in_cut)
		return;
	if (s->later)
		event_free(s->later);
	if (s->linger)
		event_free(s->linger);
	if (s->bev)
		bufferevent_free(s->bev);
	free(s);
}

static bool can_send(const struct session_stream *s)
{
	return s->state == OPEN && !s->freed;
}

static void tell_sent(struct session_stream *s, const void *msg, size_t len)
{
	if (s->ops->sent && can_send(s))
		s->ops->sent(s->arg, msg, len);
}

static void put(struct session_stream *s, const void *msg, size_t len)
{
	bufferevent_write(s->bev, msg, len);
	s->stats.tx_messages++;
	s->stats.tx_bytes += len;
}

// A message, or what is left of it.
static void send_rest(struct session_stream *s, const void *msg, size_t len)
{
	if (!can_send(s))
		return;
	if (session_stream_backlog(s) + len > s->limits->out_hard)
		die(s, "does not read what it is sent");
	else
		put(s, msg, len);
}

void session_stream_send(struct session_stream *s, const void *msg, size_t len)
{
	tell_sent(s, msg, len);
	send_rest(s, msg, len);
}

void session_stream_send_now(struct session_stream *s, const void *msg, size_t len)
{
	ssize_t n = 0;

	tell_sent(s, msg, len);
	if (can_send(s) && !session_stream_backlog(s) && !bufferevent_openssl_get_ssl(s->bev))
		n = send(bufferevent_getfd(s->bev), msg, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n < 0)
		n = 0; // what is wrong will show again
	if ((size_t)n < len)
		send_rest(s, (const uint8_t *)msg + n, len - (size_t)n);
	else
		s->stats.tx_messages++;
	s->stats.tx_bytes += (uint64_t)n;
}

bool session_stream_offer(struct session_stream *s, const void *msg, size_t len)
{
	if (!can_send(s) || session_stream_backlog(s) + len > s->limits->out_soft) {
		s->stats.shed++;
		return false;
	}
	tell_sent(s, msg, len);
	put(s, msg, len);
	return true;
}

void session_stream_finish(struct session_stream *s, const char *why)
{
	if (s->state == FINISHING)
		return;
	if (s->state != OPEN) {
		die(s, why);
		return;
	}
	s->state = FINISHING;
	snprintf(s->why, sizeof(s->why), "%s", why);
	start_linger(s);
	bufferevent_setwatermark(s->bev, EV_WRITE, 0, 0);
	if (!s->in_cut)
		evbuffer_drain(input(s), evbuffer_get_length(input(s)));
	update_reading(s);
	if (s->eof)
		die(s, why);
	else if (session_stream_backlog(s) == 0)
		half_close(s);
}

void session_stream_pause(struct session_stream *s)
{
	s->paused = true;
}

void session_stream_gate(struct session_stream *s, bool shut)
{
	s->gated = shut;
	if (shut || !s->stopped)
		return;
	s->stopped = false;
	if (s->state == OPEN && !s->in_cut)
		run_later(s);
}

void session_stream_resume(struct session_stream *s)
{
	if (!s->paused)
		return;
	s->paused = false;
	if (s->state == OPEN && !s->in_cut && (s->eof || first_message(input(s))))
		run_later(s);
}

// SPDX-License-Identifier: Apache-2.0
#include "ipc/dp_ipc.h"

#include "dp.h"
#include "ipc/dp_ipc_txn.h"
#include "ipc/dp_event.h"
#include "dp_heap.h"
#include "dp_log.h"
#include "ipc/dp_stage.h"
#include "ipc/dp_stage_host.h"
#include "ipc/dp_unix.h"

#include <weft/look.h>

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define DP_IPC_BATCH 512u // requests served before packets-in and timers get a turn
#define DP_IPC_FEW 8u     // who asks for no more, and waits, will soon ask again
#define DP_IPC_LOOK_NS 200000u

struct dp_ipc {
	struct dp *dp;
	int listen_fd;
	int fd; // -1: no agent
	bool greeted;
	bool broken; // to be closed once what is written is out
	bool ended;  // the agent will say no more; to be closed once all that it said is served
	bool deaf;   // and takes no answers
	bool waits;  // the agent does, for an answer that this turn has
	bool second; // another one has come meanwhile, which does so every second
	struct weft_look look; // for its next request
	uint64_t events_lost;
	struct dp_txn *txn;
	struct ft_flow_steps steps; // of the first request in `in`
	char *in;                   // 8-byte aligned, twice the longest message
	uint32_t in_len;
	char *out;
	uint32_t out_len, out_sent, out_size;
	uint32_t msg; // offset of the message being written
};

// ---- writing

bool dp_ipc_connected(const struct dp_ipc *i)
{
	return i->fd >= 0 && i->greeted && !i->broken;
}

uint32_t dp_ipc_pending(const struct dp_ipc *i)
{
	return i->out_len - i->out_sent;
}

struct dp_txn *dp_ipc_txn(struct dp_ipc *i)
{
	return i->txn;
}

static bool dp_ipc_room(struct dp_ipc *i, size_t len)
{
	uint32_t size = i->out_size ? i->out_size : 65536;
	char *out;

	if (i->out_len + len <= i->out_size)
		return true;
	if (i->out_len + len > DP_IPC_OUT_MAX)
		return false;
	while (size < i->out_len + len)
		size *= 2;
	out = realloc(i->out, size);
	if (!out)
		return false;
	i->out = out;
	i->out_size = size;
	return true;
}

bool dp_ipc_begin(
	struct dp_ipc *i, uint16_t type, uint16_t flags, uint32_t xid, uint32_t tenant, bool event)
{
	struct weft_ipc_hdr hdr = {.type = type, .flags = flags, .xid = xid, .tenant = tenant};

	if (i->fd < 0 || i->broken || (event && !i->greeted))
		return false;
	if (event && dp_ipc_pending(i) > DP_IPC_OUT_HARD) {
		if (i->events_lost++ == 0)
			DP_LOG(WARNING, "the agent does not read: events are lost");
		return false;
	}
	if (!dp_ipc_room(i, WEFT_IPC_MAX_LEN)) {
		DP_LOG(ERR, "no memory for answers: the agent is disconnected");
		i->broken = true;
		return false;
	}
	i->msg = i->out_len;
	dp_ipc_add(i, &hdr, sizeof(hdr));
	return true;
}

void dp_ipc_add(struct dp_ipc *i, const void *data, size_t len)
{
	if (!len)
		return;
	// dp_ipc_begin() made room for the longest message; this holds what is longer than may be.
	if (!dp_ipc_room(i, len + 8)) {
		i->broken = true;
		return;
	}
	memcpy(i->out + i->out_len, data, len);
	i->out_len += (uint32_t)len;
}

void dp_ipc_end(struct dp_ipc *i)
{
	static const char zeros[8];
	uint32_t len = i->out_len - i->msg;

	dp_ipc_add(i, zeros, -len & 7);
	len = i->out_len - i->msg;
	if (len > WEFT_IPC_MAX_LEN) {
		DP_LOG(ERR, "an answer of %u bytes is too long: the agent is disconnected", len);
		i->out_len = i->msg;
		i->broken = true;
		return;
	}
	memcpy(i->out + i->msg, &len, sizeof(len));
}

void dp_ipc_add_flow(
	struct dp_ipc *i, const struct weft_match *m, const struct weft_instructions *ins)
{
	struct weft_ipc_flow_tail tail = {
		.match_map = m->map,
		.match_words = weft_match_words(m),
		.instr_len = ins ? (uint32_t)weft_instructions_bytes(ins) : 0,
	};

	dp_ipc_add(i, &tail, sizeof(tail));
	dp_ipc_add(i, m->value, 8 * tail.match_words);
	dp_ipc_add(i, m->mask, 8 * tail.match_words);
	dp_ipc_add(i, ins, tail.instr_len);
}

void dp_ipc_result(
	struct dp_ipc *i, const struct weft_ipc_hdr *request, enum weft_error e, const char *text)
{
	struct weft_ipc_error body = {.error = e, .cpu = (uint32_t)sched_getcpu() + 1};

	if (text)
		snprintf(body.text, sizeof(body.text), "%s", text);
	if (!dp_ipc_begin(i, WEFT_IPC_RESULT, e ? WEFT_IPC_ERROR : 0, request->xid, request->tenant,
		    false))
		return;
	dp_ipc_add(i, &body, sizeof(body));
	dp_ipc_end(i);
}

// ---- serving

// The stream cannot be trusted any more: say why, and close.
static void dp_ipc_break(struct dp_ipc *i, const struct weft_ipc_hdr *hdr, const char *why)
{
	DP_LOG(WARNING, "agent's message %s refused: %s", dp_ipc_type_name(hdr->type), why);
	dp_ipc_result(i, hdr, WEFT_E_MALFORMED, why);
	i->broken = true;
}

static void dp_ipc_hello(struct dp_ipc *i, const struct dp_ipc_request *r)
{
	const struct weft_ipc_hello *theirs = r->body;
	struct weft_ipc_hello ours = {
		.version = WEFT_IPC_VERSION, .pid = (uint32_t)getpid(), .epoch = i->dp->epoch};

	if (theirs->version != WEFT_IPC_VERSION || i->greeted) {
		dp_ipc_break(i, &r->hdr, i->greeted ? "greeted already" : "protocol version");
		return;
	}
	i->greeted = true;
	if (!dp_ipc_begin(i, WEFT_IPC_HELLO, 0, r->hdr.xid, 0, false))
		return;
	dp_ipc_add(i, &ours, sizeof(ours));
	dp_ipc_end(i);
}

static void dp_ipc_open(struct dp_ipc *i, const struct dp_ipc_request *r)
{
	const struct weft_ipc_begin *body = r->body;
	enum weft_error e = dp_stage_host_bars(i->dp->host_stage, r) ? WEFT_E_IN_USE
								     : dp_txn_begin(i->txn, body);

	i->look.beside = body->cpu;
	if (e || (r->hdr.flags & WEFT_IPC_REPLY))
		dp_ipc_result(i, &r->hdr, e, weft_error_text(e));
}

// False: there is more to do of it.
static bool dp_ipc_operate(struct dp_ipc *i, const struct dp_ipc_request *r)
{
	char why[100] = "";
	enum weft_error e;

	if (!dp_txn_is_open(i->txn)) {
		dp_ipc_result(i, &r->hdr, WEFT_E_STATE, "outside of a transaction");
		return true;
	}
	if (dp_txn_failed(i->txn))
		return true; // COMMIT will say so
	e = dp_stage_host_bars(i->dp->host_stage, r) ? WEFT_E_IN_USE
						     : dp_ipc_op(i->dp, i->txn, r, &i->steps, why);
	if (e == DP_IPC_AGAIN)
		return false;
	if (e)
		dp_txn_fail(i->txn);
	if (e || (r->hdr.flags & WEFT_IPC_REPLY))
		dp_ipc_result(i, &r->hdr, e, *why ? why : weft_error_text(e));
	return true;
}

// False: there is more to do of it.
static bool dp_ipc_commit(struct dp_ipc *i, const struct dp_ipc_request *r)
{
	enum weft_error e;

	if (dp_txn_commit_some(i->txn, &e))
		return false;
	dp_ipc_result(i, &r->hdr, e, NULL);
	i->waits = true;
	dp_expiry_run(i->dp); // the next one may be open before the turn ends
	return true;
}

static void dp_ipc_punted_out(struct dp_ipc *i, const struct dp_ipc_request *r)
{
	char why[100] = "";
	enum weft_error e = dp_ipc_packet_out(i->dp, r, why);

	if (e || (r->hdr.flags & WEFT_IPC_REPLY))
		dp_ipc_result(i, &r->hdr, e, *why ? why : weft_error_text(e));
}

// False: there is more to do of it.
static bool dp_ipc_serve(struct dp_ipc *i, const struct dp_ipc_request *r)
{
	if (r->hdr.flags & WEFT_IPC_STAGED) {
		dp_stage_serve(i->dp, r);
		return true;
	}
	switch (r->hdr.type) {
	case WEFT_IPC_HELLO:
		dp_ipc_hello(i, r);
		return true;
	case WEFT_IPC_BEGIN:
		dp_ipc_open(i, r);
		return true;
	case WEFT_IPC_COMMIT:
		return dp_ipc_commit(i, r);
	case WEFT_IPC_ECHO:
		i->waits = true;
		if (dp_ipc_begin(i, WEFT_IPC_ECHO, 0, r->hdr.xid, r->hdr.tenant, false))
			dp_ipc_end(i);
		return true;
	case WEFT_IPC_ABORT:
		dp_ipc_result(i, &r->hdr, WEFT_E_STATE, "nothing is staged");
		return true;
	case WEFT_IPC_PACKET_OUT:
	case WEFT_IPC_RESUME:
		dp_ipc_punted_out(i, r);
		return true;
	case WEFT_IPC_DUMP_MORE:
		dp_ipc_dump_more(r->hdr.xid, ((const struct weft_ipc_dump_more *)r->body)->bytes);
		return true;
	default:
		if (r->hdr.type >= WEFT_IPC_DUMP_STATUS)
			dp_ipc_dump(i->dp, r);
		else
			return dp_ipc_operate(i, r);
	}
	return true;
}

// Most requests take a microsecond, and the clock is looked at now and then; these take very many.
static bool dp_ipc_is_slow(unsigned type)
{
	return type == WEFT_IPC_PORT_ADD || type == WEFT_IPC_PORT_DEL || type == WEFT_IPC_HOST_SET;
}

// Serves what has come whole. Returns whether some is left.
static bool dp_ipc_serve_all(struct dp_ipc *i)
{
	uint64_t until = dp_now_ns() + DP_STEP_NS;
	uint32_t done = 0;
	unsigned n = 0;
	bool more = false, slow = false;

	i->waits = false;
	while (!i->broken && i->in_len - done >= sizeof(struct weft_ipc_hdr)) {
		const char *msg = i->in + done;
		uint32_t len = dp_ipc_length(msg);
		struct dp_ipc_request r;
		const char *why = "length";

		if (len > i->in_len - done)
			break;
		if (n++ == DP_IPC_BATCH || ((n % 8 == 0 || slow) && dp_now_ns() >= until) ||
			dp_ipc_pending(i) > DP_IPC_OUT_SOFT) {
			more = true;
			break;
		}
		if (!len || !dp_ipc_decode(msg, len, &r, &why)) {
			struct weft_ipc_hdr hdr;

			memcpy(&hdr, msg, sizeof(hdr));
			dp_ipc_break(i, &hdr, why);
			break;
		}
		if (!i->greeted && r.hdr.type != WEFT_IPC_HELLO) {
			dp_ipc_break(i, &r.hdr, "no greeting");
			break;
		}
		if (!dp_ipc_serve(i, &r)) {
			more = true;
			break;
		}
		slow = dp_ipc_is_slow(r.hdr.type);
		done += len;
		dp_heap_run();
	}
	i->waits &= n <= DP_IPC_FEW && !more;
	i->in_len -= done;
	memmove(i->in, i->in + done, i->in_len);
	return more;
}

// ---- the socket

static void dp_ipc_close(struct dp_ipc *i)
{
	if (i->fd < 0)
		return;
	close(i->fd);
	i->fd = -1;
	i->in_len = i->out_len = i->out_sent = 0;
	i->greeted = i->broken = i->ended = i->deaf = false;
	dp_ipc_dump_cancel(NULL);
	ft_flow_mod_cancel(&i->steps);
	dp_txn_desert(i->txn);
	dp_stage_desert(i->dp);
	dp_stage_host_drop(i->dp->host_stage);
	dp_event_unwatch(i->dp);
	DP_LOG(NOTICE, "agent disconnected");
}

// Goes on with what an agent that is gone has left open. True: there is more to do at once.
static bool dp_ipc_undo_some(struct dp_ipc *i)
{
	enum weft_error e;

	return i->fd < 0 && dp_txn_is_open(i->txn) && dp_txn_commit_some(i->txn, &e);
}

// Or not undone yet, of an agent that is gone.
static bool dp_ipc_any_open(const struct dp_ipc *i)
{
	return dp_txn_is_open(i->txn) || dp_stage_any(i->dp) ||
	       dp_stage_host_is_open(i->dp->host_stage);
}

static void dp_ipc_accept(struct dp_ipc *i)
{
	int fd = dp_unix_accept(i->listen_fd);

	if (fd < 0)
		return;
	if (i->fd >= 0) {
		if (!i->second)
			DP_LOG(WARNING, "a second agent is turned away, as often as it comes");
		i->second = true;
		close(fd);
		return;
	}
	i->second = false;
	i->fd = fd;
	DP_LOG(NOTICE, "agent connected");
}

static void dp_ipc_read(struct dp_ipc *i)
{
	uint32_t room = 2 * WEFT_IPC_MAX_LEN - i->in_len;
	ssize_t n;

	if (!room)
		return;
	n = recv(i->fd, i->in + i->in_len, room, MSG_DONTWAIT);
	if (n > 0) {
		i->in_len += (uint32_t)n;
		weft_look_end(&i->look, dp_now_ns());
	} else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
		i->ended = true; // what came before is served still
	}
}

static void dp_ipc_write(struct dp_ipc *i)
{
	while (i->fd >= 0 && i->out_sent < i->out_len) {
		ssize_t n = send(i->fd, i->out + i->out_sent, i->out_len - i->out_sent,
			MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n >= 0) {
			i->out_sent += (uint32_t)n;
		} else if (errno == EAGAIN) {
			return;
		} else if (errno != EINTR) {
			i->deaf = true;
			break;
		}
	}
	i->out_len = i->out_sent = 0;
	if (i->out_size > DP_IPC_OUT_SOFT * 4) { // after a long dump
		free(i->out);
		i->out = NULL;
		i->out_size = 0;
	}
}

static bool dp_ipc_is_done(const struct dp_ipc *i, bool more)
{
	return (i->broken || (i->ended && !more)) && !dp_ipc_pending(i);
}

unsigned dp_ipc_pollfds(const struct dp_ipc *i, struct pollfd *fds)
{
	short events = 0;

	fds[0] = (struct pollfd){.fd = i->listen_fd, .events = i->ended ? 0 : POLLIN};
	if (i->fd < 0)
		return 1;
	if (!i->ended && dp_ipc_pending(i) <= DP_IPC_OUT_SOFT && i->in_len < 2 * WEFT_IPC_MAX_LEN)
		events |= POLLIN | POLLRDHUP;
	if (dp_ipc_pending(i))
		events |= POLLOUT;
	fds[1] = (struct pollfd){.fd = i->fd, .events = events};
	return 2;
}

bool dp_ipc_run(struct dp_ipc *i, const struct pollfd *fds, unsigned n)
{
	// Its end may lie behind more than is read in this turn.
	bool ending = n > 1 && fds[1].revents & (POLLRDHUP | POLLHUP | POLLERR), more = false;

	if (i->fd >= 0 && dp_ipc_pending(i) <= DP_IPC_OUT_SOFT) {
		if (n > 1 && fds[1].revents & (POLLIN | POLLHUP | POLLERR) && !i->ended)
			dp_ipc_read(i);
		more = dp_ipc_serve_all(i);
	}
	if (dp_ipc_undo_some(i))
		more = true;
	if (dp_event_changes(i->dp))
		more = true;
	if (dp_stage_run(i->dp))
		more = true;
	if (dp_ipc_dump_run(i->dp))
		more = true;
	dp_ipc_write(i);
	if (i->waits)
		weft_look_begin(&i->look, dp_now_ns());
	i->waits = false;
	if (dp_ipc_is_done(i, more))
		dp_ipc_close(i);
	// Last: one that follows an agent whose end has come waits for what that left behind.
	if (fds[0].revents && (i->fd < 0 ? !dp_ipc_any_open(i) : !(i->ended || ending)))
		dp_ipc_accept(i);
	return more && dp_ipc_pending(i) == 0;
}

bool dp_ipc_looks(struct dp_ipc *i)
{
	return i->fd >= 0 && weft_look_on(&i->look, dp_now_ns(), (unsigned)sched_getcpu());
}

struct dp_ipc *dp_ipc_new(struct dp *dp, const char *path)
{
	struct dp_ipc *i = calloc(1, sizeof(*i));

	if (!i)
		return NULL;
	i->dp = dp;
	i->fd = -1;
	i->look.ns = DP_IPC_LOOK_NS;
	i->in = aligned_alloc(8, 2 * WEFT_IPC_MAX_LEN);
	i->txn = dp_txn_new(dp);
	dp->host_stage = dp_stage_host_new(dp);
	i->listen_fd = dp_unix_listen(path, SOCK_STREAM);
	if (!i->in || !i->txn || !dp->host_stage || i->listen_fd < 0) {
		dp_ipc_free(i);
		return NULL;
	}
	return i;
}

void dp_ipc_free(struct dp_ipc *i)
{
	if (!i)
		return;
	dp_ipc_close(i);
	dp_stage_drop(i->dp, NULL);
	if (i->txn)
		dp_txn_abandon(i->txn);
	if (i->listen_fd >= 0)
		close(i->listen_fd);
	dp_stage_host_free(i->dp->host_stage);
	i->dp->host_stage = NULL;
	dp_txn_free(i->txn);
	free(i->in);
	free(i->out);
	free(i);
}

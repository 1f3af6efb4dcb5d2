// SPDX-License-Identifier: Apache-2.0
#include "tenants/dp_punt.h"

#include "dp.h"
#include "dp_log.h"
#include "tenants/dp_punt_more.h"
#include "ipc/dp_unix.h"
#include "dp_worker.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define DP_PUNT_SNDBUF (4 << 20)

struct dp_punt_msg {
	struct weft_ipc_hdr hdr;
	struct weft_ipc_punt punt;
};
static_assert(sizeof(struct dp_punt_msg) == 72, "fits the headroom");

struct dp_punt {
	struct dp *dp;
	int listen_fd;
	int fd; // -1: no agent
	struct dp_drops drops;
};

// ---- worker

// `at` has any alignment.
static void dp_punt_fill(void *at, const struct dp_tenant *t, const struct weft_flow_key *key,
	uint32_t data_len, uint32_t total_len, uint16_t more_len, const struct ft_packet_in *in)
{
	struct dp_punt_msg msg = {
		.hdr =
			{
				.len = (uint32_t)sizeof(msg) + ((data_len + 7) & ~7u) + more_len,
				.type = WEFT_IPC_PUNT,
				.tenant = t->id,
			},
		.punt =
			{
				.cookie = in->cookie,
				.total_len = total_len,
				.data_len = data_len,
				.in_port = ntohl(key->in_port),
				.in_phy_port = ntohl(key->in_phy_port),
				.metadata = key->metadata,
				.tunnel_id = key->tunnel_id,
				.tun_src = key->tun_src,
				.tun_dst = key->tun_dst,
				.table = in->table,
				.reason = in->reason,
				.max_len = in->max_len,
				.controller_id = in->controller_id,
				.more_len = more_len,
			},
	};

	memcpy(at, &msg, sizeof(msg));
}

// One segment, no longer than is wanted, with room before it.
static struct rte_mbuf *dp_punt_shape(struct dp_worker *w, struct rte_mbuf *m, uint32_t max_len)
{
	if (m->pkt_len > max_len) {
		m->pkt_len = max_len;
		dp_mbuf_cut(m);
	}
	if (m->nb_segs == 1 && rte_pktmbuf_headroom(m) >= sizeof(struct dp_punt_msg))
		return m;
	return dp_mbuf_with_headroom(m, w->dp->pool, RTE_PKTMBUF_HEADROOM);
}

bool dp_punt_may(struct dp_worker *w, struct dp_tenant *t, const struct weft_flow_key *key,
	const struct ft_packet_in *in)
{
	uint32_t rate = __atomic_load_n(&t->punt_rate, __ATOMIC_RELAXED);
	uint32_t burst = __atomic_load_n(&t->punt_burst, __ATOMIC_RELAXED);

	return dp_punt_limit_take(&t->punts[w->id], rate, burst, ntohl(key->in_port),
		dp_punt_reason(in->reason), w->now_ns);
}

// Chains what few packet-ins have behind the frame's buffer; its bytes in *len. False: no buffer.
static bool dp_punt_chain(struct dp_worker *w, const struct weft_flow_key *key,
	const struct ft_packet_in *in, struct rte_mbuf *m, uint16_t *len)
{
	struct rte_mbuf *more;

	*len = 0;
	if (!dp_punt_has_more(key, in))
		return true;
	more = dp_punt_more(w->dp->pool, key, in);
	if (!more)
		return false;
	*len = more->data_len;
	if (*len) {
		m->next = more;
		m->nb_segs = more->next ? 3 : 2;
		*len = (uint16_t)(*len + (more->next ? more->next->data_len : 0));
	} else {
		rte_pktmbuf_free(more);
	}
	return true;
}

void dp_punt_from_worker(struct dp_worker *w, struct dp_tenant *t, const struct weft_flow_key *key,
	struct rte_mbuf *m, uint32_t total_len, const struct ft_packet_in *in,
	const struct dp_cause *cause)
{
	struct rte_mbuf *shaped;
	uint16_t more_len;
	uint32_t data_len;

	shaped = dp_punt_shape(w, m, in->max_len);
	if (!shaped) {
		dp_worker_drop(w, t, m, WEFT_DROP_NO_BUFFER, cause);
		return;
	}
	if (!dp_punt_chain(w, key, in, shaped, &more_len)) {
		dp_worker_drop(w, t, shaped, WEFT_DROP_NO_BUFFER, cause);
		return;
	}
	data_len = shaped->pkt_len;
	dp_punt_fill(rte_pktmbuf_prepend(shaped, sizeof(struct dp_punt_msg)), t, key, data_len,
		total_len, more_len, in);
	*dp_meta(shaped) = (struct dp_meta){.tenant = t};
	dp_count(&dp_counters(w, t)->queued, 1);
	if (rte_ring_sp_enqueue(w->punts, shaped)) {
		dp_count(&dp_counters(w, t)->unqueued, 1);
		dp_worker_drop(w, t, shaped, WEFT_DROP_PUNT_FULL, cause);
	}
}

// ---- control thread

struct dp_drops *dp_punt_drops(struct dp_punt *p)
{
	return &p->drops;
}

static void dp_punt_close(struct dp_punt *p)
{
	if (p->fd >= 0)
		close(p->fd);
	p->fd = -1;
}

static bool dp_punt_send(struct dp_punt *p, struct rte_mbuf *m)
{
	static char zeros[8];
	struct iovec iov[4] = {
		{rte_pktmbuf_mtod(m, void *), m->data_len}, {zeros, -(size_t)m->data_len & 7}};
	struct msghdr msg = {.msg_iov = iov, .msg_iovlen = 2};

	for (struct rte_mbuf *more = m->next; more; more = more->next)
		iov[msg.msg_iovlen++] =
			(struct iovec){rte_pktmbuf_mtod(more, void *), more->data_len};
	if (p->fd < 0)
		return false;
	if (sendmsg(p->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
		return true;
	if (errno != EAGAIN && errno != EINTR && errno != ENOBUFS && errno != EMSGSIZE)
		dp_punt_close(p);
	return false;
}

static void dp_punt_one(struct dp_punt *p, struct rte_mbuf *m)
{
	struct dp_tenant *t = dp_meta(m)->tenant;
	unsigned self = p->drops.thread;
	struct dp_counters *c = &t->counters[self];
	struct dp_punt_msg msg;

	dp_count(&c->unqueued, 1);
	memcpy(&msg, rte_pktmbuf_mtod(m, const void *), sizeof(msg));
	if (!dp_punt_limit_take(&t->punts[self], t->punt_rate, t->punt_burst, msg.punt.in_port,
		    dp_punt_reason(msg.punt.reason), p->drops.now_ns)) {
		dp_drop(&p->drops, t, m, WEFT_DROP_PUNT_RATE, NULL);
	} else if (!dp_punt_send(p, m)) {
		dp_drop(&p->drops, t, m, WEFT_DROP_PUNT_FULL, NULL);
	} else {
		dp_count(&c->consumed[WEFT_CONSUMED_PACKET_IN], 1);
		rte_pktmbuf_free(m);
	}
}

void dp_punt_drain(struct dp *dp)
{
	struct rte_mbuf *m;

	dp->punt->drops.now_ns = dp_now_ns();
	for (unsigned i = 0; i < dp->opt.workers; i++)
		for (unsigned n = 0; n < DP_PUNTS_SIZE; n++) {
			if (rte_ring_sc_dequeue(dp->worker[i]->punts, (void **)&m))
				break;
			dp_punt_one(dp->punt, m);
		}
}

unsigned dp_punt_pollfds(const struct dp_punt *p, struct pollfd *fds)
{
	fds[0] = (struct pollfd){.fd = p->listen_fd, .events = POLLIN};
	if (p->fd < 0)
		return 1;
	fds[1] = (struct pollfd){.fd = p->fd}; // for POLLHUP
	return 2;
}

// The latest agent is the right one: the one before may have died.
static void dp_punt_accept(struct dp_punt *p)
{
	int fd = dp_unix_accept(p->listen_fd), size = DP_PUNT_SNDBUF;

	if (fd < 0)
		return;
	dp_punt_close(p);
	setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
	p->fd = fd;
}

void dp_punt_run(struct dp_punt *p, const struct pollfd *fds, unsigned n)
{
	char byte;

	if (n > 1 && fds[1].revents && recv(p->fd, &byte, 1, MSG_DONTWAIT) == 0)
		dp_punt_close(p);
	if (fds[0].revents)
		dp_punt_accept(p);
	dp_punt_drain(p->dp);
}

struct dp_punt *dp_punt_new(struct dp *dp, const char *path)
{
	struct dp_punt *p = aligned_alloc(64, (sizeof(*p) + 63) & ~(size_t)63);

	if (!p)
		return NULL;
	memset(p, 0, sizeof(*p));
	p->dp = dp;
	p->fd = -1;
	p->drops.thread = dp_control(dp);
	p->listen_fd = dp_unix_listen(path, SOCK_SEQPACKET);
	if (p->listen_fd < 0) {
		free(p);
		return NULL;
	}
	return p;
}

void dp_punt_free(struct dp_punt *p)
{
	if (!p)
		return;
	dp_punt_close(p);
	close(p->listen_fd);
	free(p);
}

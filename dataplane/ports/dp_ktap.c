// SPDX-License-Identifier: Apache-2.0
// A queue of a TAP: a descriptor of the multi-queue interface.
#include "ports/dp_kqueue.h"

#include <rte_cycles.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define DP_KTAP_PAUSE_NS 2000u

// A frame of `len` bytes is in `m`, and what found no room there in cut.big from cut.room on. True:
// `m` is a frame; else it is not needed any more.
static bool dp_ktap_take(
	struct dp_kqueue *q, const struct virtio_net_hdr *h, struct rte_mbuf *m, uint32_t len)
{
	uint8_t *frame = rte_pktmbuf_mtod(m, uint8_t *);
	uint32_t room = q->cut.room;

	if (!dp_gso_is(h) && len <= room && dp_gso_csum(h, frame, len)) {
		m->data_len = (uint16_t)len;
		m->pkt_len = len;
		return true;
	}
	memcpy(q->cut.big, frame, len < room ? len : room);
	if (!dp_gso_is(h) || !dp_cut_begin(&q->cut, h, 0, len))
		dp_count(&q->rx_dropped, 1);
	return false;
}

static bool dp_ktap_read(void *queue, unsigned room, struct rte_mbuf **m)
{
	struct dp_kqueue *q = queue;
	struct virtio_net_hdr h;
	struct iovec iov[3] = {
		{&h, sizeof(h)}, {NULL, q->cut.room}, {q->cut.big + q->cut.room, DP_CUT_BIG}};
	ssize_t n;

	*m = rte_pktmbuf_alloc(q->cut.pool);
	if (!*m)
		return false;
	iov[1].iov_base = rte_pktmbuf_mtod(*m, void *);
	n = readv(q->fd, iov, 3);
	if (n > (ssize_t)sizeof(h) && dp_ktap_take(q, &h, *m, (uint32_t)n - (uint32_t)sizeof(h)))
		return true;
	rte_pktmbuf_free(*m);
	*m = NULL;
	if (n > 0)
		return true;
	q->empty_until = rte_rdtsc() + q->pause;
	return false;
}

static uint16_t dp_ktap_rx(void *queue, struct rte_mbuf **out, uint16_t n)
{
	struct dp_kqueue *q = queue;

	if (!q->cut.busy && rte_rdtsc() < q->empty_until)
		return 0;
	return dp_kqueue_rx(q, out, n, dp_ktap_read);
}

static int dp_ktap_write(struct dp_kqueue *q, unsigned first)
{
	const struct dp_join_msg *msg = &q->join.msg[first];

	return writev(q->fd, msg->iov, (int)msg->n_iov) >= 0;
}

static uint16_t dp_ktap_tx(void *queue, struct rte_mbuf **m, uint16_t n)
{
	return dp_kqueue_tx(queue, m, n, dp_ktap_write);
}

// The first one makes the interface.
static int dp_ktap_open(
	struct dp_kqueue *q, const struct dp_kqueue *first, const struct dp_kdev_conf *conf)
{
	struct ifreq ifr = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | IFF_MULTI_QUEUE};

	q->pause = rte_get_tsc_hz() / 1000000000.0 * DP_KTAP_PAUSE_NS;
	q->fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (q->fd < 0)
		return -1;
	memcpy(ifr.ifr_name, conf->ifname, strnlen(conf->ifname, IFNAMSIZ - 1));
	if (ioctl(q->fd, TUNSETIFF, &ifr))
		return -1;
	return ioctl(q->fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN);
}

static void dp_ktap_close(struct dp_kqueue *q)
{
	if (q->fd >= 0)
		close(q->fd);
}

static uint64_t dp_ktap_missed(struct dp_kqueue *q)
{
	return 0; // the interface counts them as its own
}

const struct dp_kops dp_ktap_ops = {
	.open = dp_ktap_open,
	.close = dp_ktap_close,
	.missed = dp_ktap_missed,
	.rx = dp_ktap_rx,
	.tx = dp_ktap_tx,
	.write = dp_ktap_write,
};

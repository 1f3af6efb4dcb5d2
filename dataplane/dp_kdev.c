// SPDX-License-Identifier: Apache-2.0
#include "dp_kdev.h"

#include "dp_gro.h"
#include "dp_gso.h"

#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define DP_KDEV_QUEUES 64u
#define DP_KDEV_BIG 65568u     // the longest that the kernel hands over: 64 KiB and headers
#define DP_KDEV_PAUSE_NS 2000u // after an empty read, so long none is tried: it is a system call
#define DP_KDEV_SEGMENTS 16u   // of one frame to be written

struct dp_kdev_queue {
	int fd;
	uint16_t dev;
	bool cutting;
	struct rte_mempool *pool;
	uint32_t room; // of a buffer, for a frame
	uint64_t pause;
	uint64_t empty_until;
	struct dp_gso gso;
	uint8_t *big; // room + DP_KDEV_BIG bytes

	uint64_t rx_packets, rx_bytes, rx_dropped, tx_packets, tx_bytes; // relaxed
	struct dp_gro gro;
	unsigned n_iov;
	struct iovec iov[2 + DP_GRO_MAX];
} __attribute__((aligned(64)));

struct dp_kdev {
	unsigned n;
	void *queue_of[DP_KDEV_QUEUES]; // as DPDK wants them
	struct dp_kdev_queue queue[];
};

static void dp_kdev_count(uint64_t *counter, uint64_t n)
{
	__atomic_store_n(counter, *counter + n, __ATOMIC_RELAXED);
}

// ---- in

static void dp_kdev_received(struct dp_kdev_queue *q, struct rte_mbuf *m, uint32_t len)
{
	m->data_len = (uint16_t)len;
	m->pkt_len = len;
	m->port = q->dev;
	dp_kdev_count(&q->rx_packets, 1);
	dp_kdev_count(&q->rx_bytes, len);
}

// The next of what a big segment is cut into. NULL: that was all, or no buffer.
static struct rte_mbuf *dp_kdev_cut(struct dp_kdev_queue *q)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(q->pool);
	uint32_t len;

	if (!m)
		return NULL;
	len = dp_gso_next(&q->gso, rte_pktmbuf_mtod(m, uint8_t *));
	if (!len) {
		q->cutting = false;
		rte_pktmbuf_free(m);
		return NULL;
	}
	dp_kdev_received(q, m, len);
	return m;
}

// A frame of `len` bytes is in `m`, and what found no room there in q->big from q->room on. True:
// `m` is a frame; else it is not needed any more.
static bool dp_kdev_take(
	struct dp_kdev_queue *q, const struct virtio_net_hdr *h, struct rte_mbuf *m, uint32_t len)
{
	uint8_t *frame = rte_pktmbuf_mtod(m, uint8_t *);

	if (!dp_gso_is(h) && len <= q->room && dp_gso_csum(h, frame, len)) {
		dp_kdev_received(q, m, len);
		return true;
	}
	memcpy(q->big, frame, len < q->room ? len : q->room);
	if (dp_gso_is(h) && dp_gso_begin(&q->gso, h, q->big, len) &&
		dp_gso_longest(&q->gso) <= q->room)
		q->cutting = true;
	else
		dp_kdev_count(&q->rx_dropped, 1);
	return false;
}

// Reads once. False: there is nothing to read, or no buffer. *m may be NULL all the same.
static bool dp_kdev_read(struct dp_kdev_queue *q, struct rte_mbuf **m)
{
	struct virtio_net_hdr h;
	struct iovec iov[3] = {{&h, sizeof(h)}, {NULL, q->room}, {q->big + q->room, DP_KDEV_BIG}};
	ssize_t n;

	*m = rte_pktmbuf_alloc(q->pool);
	if (!*m)
		return false;
	iov[1].iov_base = rte_pktmbuf_mtod(*m, void *);
	n = readv(q->fd, iov, 3);
	if (n > (ssize_t)sizeof(h) && dp_kdev_take(q, &h, *m, (uint32_t)n - (uint32_t)sizeof(h)))
		return true;
	rte_pktmbuf_free(*m);
	*m = NULL;
	return n > 0;
}

static uint16_t dp_kdev_rx(void *queue, struct rte_mbuf **out, uint16_t n)
{
	struct dp_kdev_queue *q = queue;
	uint16_t got = 0;

	if (!q->cutting && rte_rdtsc() < q->empty_until)
		return 0;
	while (got < n) {
		struct rte_mbuf *m;

		if (q->cutting) {
			m = dp_kdev_cut(q);
			if (!m && q->cutting)
				break;
		} else if (!dp_kdev_read(q, &m)) {
			q->empty_until = rte_rdtsc() + q->pause;
			break;
		}
		if (m)
			out[got++] = m;
	}
	return got;
}

// ---- out

static bool dp_kdev_write(struct dp_kdev_queue *q, const struct iovec *iov, unsigned n)
{
	return writev(q->fd, iov, (int)n) >= 0;
}

static bool dp_kdev_write_one(struct dp_kdev_queue *q, const struct rte_mbuf *m)
{
	struct virtio_net_hdr none = {0};
	struct iovec iov[1 + DP_KDEV_SEGMENTS] = {{&none, sizeof(none)}};
	unsigned n = 1;

	for (; m && n <= DP_KDEV_SEGMENTS; m = m->next)
		iov[n++] = (struct iovec){rte_pktmbuf_mtod(m, void *), m->data_len};
	return dp_kdev_write(q, iov, n); // more segments than that nobody makes
}

// Frames first to first + q->gro.n - 1 wait to be written together.
static bool dp_kdev_write_joined(struct dp_kdev_queue *q, const struct rte_mbuf *first)
{
	struct virtio_net_hdr h;

	if (q->gro.n == 1)
		return dp_kdev_write_one(q, first);
	dp_gro_end(&q->gro, &h);
	q->iov[0] = (struct iovec){&h, sizeof(h)};
	q->iov[1] = (struct iovec){q->gro.head, q->gro.tcp.data};
	return dp_kdev_write(q, q->iov, q->n_iov);
}

static bool dp_kdev_begin(struct dp_kdev_queue *q, const struct rte_mbuf *m)
{
	uint8_t *frame = rte_pktmbuf_mtod(m, uint8_t *);

	if (m->nb_segs > 1 || !dp_gro_begin(&q->gro, frame, m->data_len))
		return false;
	q->iov[2] = (struct iovec){frame + q->gro.tcp.data, q->gro.tcp.len};
	q->n_iov = 3;
	return true;
}

static bool dp_kdev_join(struct dp_kdev_queue *q, const struct rte_mbuf *m)
{
	uint8_t *frame = rte_pktmbuf_mtod(m, uint8_t *);
	uint32_t data, len;

	if (m->nb_segs > 1 || q->n_iov == RTE_DIM(q->iov) ||
		!dp_gro_add(&q->gro, frame, m->data_len, &data, &len))
		return false;
	q->iov[q->n_iov++] = (struct iovec){frame + data, len};
	return true;
}

static void dp_kdev_sent(struct dp_kdev_queue *q, struct rte_mbuf **m, unsigned n)
{
	uint64_t bytes = 0;

	for (unsigned i = 0; i < n; i++)
		bytes += m[i]->pkt_len;
	rte_pktmbuf_free_bulk(m, n);
	dp_kdev_count(&q->tx_packets, n);
	dp_kdev_count(&q->tx_bytes, bytes);
}

static uint16_t dp_kdev_tx(void *queue, struct rte_mbuf **m, uint16_t n)
{
	struct dp_kdev_queue *q = queue;
	uint16_t sent = 0;

	while (sent < n) {
		unsigned k = 1;
		bool ok;

		if (dp_kdev_begin(q, m[sent])) {
			while (sent + k < n && dp_kdev_join(q, m[sent + k]))
				k++;
			ok = dp_kdev_write_joined(q, m[sent]);
		} else {
			ok = dp_kdev_write_one(q, m[sent]);
		}
		if (!ok)
			break;
		dp_kdev_sent(q, m + sent, k);
		sent = (uint16_t)(sent + k);
	}
	return sent;
}

// ---- control thread

static int dp_kdev_ioctl(const char *ifname, unsigned long what, struct ifreq *ifr)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), rc;

	if (fd < 0)
		return -errno;
	memcpy(ifr->ifr_name, ifname, strnlen(ifname, IFNAMSIZ - 1));
	rc = ioctl(fd, what, ifr) ? -errno : 0;
	close(fd);
	return rc;
}

int dp_kdev_set_mtu(const char *ifname, unsigned mtu)
{
	struct ifreq ifr = {.ifr_mtu = (int)mtu};

	return dp_kdev_ioctl(ifname, SIOCSIFMTU, &ifr);
}

int dp_kdev_mac(const char *ifname, struct weft_mac *mac)
{
	struct ifreq ifr = {0};
	int rc = dp_kdev_ioctl(ifname, SIOCGIFHWADDR, &ifr);

	memcpy(mac->b, ifr.ifr_hwaddr.sa_data, sizeof(mac->b));
	return rc;
}

static int dp_kdev_up(const char *ifname)
{
	struct ifreq ifr = {0};
	int rc = dp_kdev_ioctl(ifname, SIOCGIFFLAGS, &ifr);

	ifr.ifr_flags |= IFF_UP;
	return rc ? rc : dp_kdev_ioctl(ifname, SIOCSIFFLAGS, &ifr);
}

// A descriptor of the interface; the first one makes it.
static int dp_kdev_tun(const char *ifname)
{
	struct ifreq ifr = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | IFF_MULTI_QUEUE};
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC), err;

	if (fd < 0)
		return -1;
	memcpy(ifr.ifr_name, ifname, strnlen(ifname, IFNAMSIZ - 1));
	if (ioctl(fd, TUNSETIFF, &ifr) == 0 &&
		ioctl(fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN) == 0)
		return fd;
	err = errno;
	close(fd);
	errno = err;
	return -1;
}

static int dp_kdev_queue_open(
	struct dp_kdev_queue *q, const char *ifname, struct rte_mempool *pool, uint32_t max_frame)
{
	q->pool = pool;
	q->room = max_frame;
	q->pause = rte_get_tsc_hz() / 1000000000.0 * DP_KDEV_PAUSE_NS;
	q->big = malloc(max_frame + DP_KDEV_BIG);
	q->fd = q->big ? dp_kdev_tun(ifname) : -1;
	return q->fd < 0 ? -1 : 0;
}

struct dp_kdev *dp_kdev_open(
	const char *ifname, unsigned queues, struct rte_mempool *pool, uint32_t max_frame)
{
	size_t bytes = sizeof(struct dp_kdev) + queues * sizeof(struct dp_kdev_queue);
	struct dp_kdev *k;
	int rc = 0;

	if (queues > DP_KDEV_QUEUES) {
		errno = EINVAL;
		return NULL;
	}
	k = aligned_alloc(64, (bytes + 63) & ~(size_t)63);
	if (!k)
		return NULL;
	memset(k, 0, bytes);
	while (!rc && k->n < queues) {
		k->queue_of[k->n] = &k->queue[k->n];
		rc = dp_kdev_queue_open(&k->queue[k->n++], ifname, pool, max_frame);
	}
	if (!rc && (rc = dp_kdev_up(ifname)))
		errno = -rc;
	if (!rc)
		return k;
	rc = errno;
	dp_kdev_close(k);
	errno = rc;
	return NULL;
}

void dp_kdev_attach(struct dp_kdev *k, uint16_t dev)
{
	struct rte_eth_fp_ops *ops = &rte_eth_fp_ops[dev];

	for (unsigned i = 0; i < k->n; i++)
		k->queue[i].dev = dev;
	ops->rxq.data = k->queue_of;
	ops->txq.data = k->queue_of;
	ops->rx_pkt_burst = dp_kdev_rx;
	ops->tx_pkt_burst = dp_kdev_tx;
}

void dp_kdev_close(struct dp_kdev *k)
{
	if (!k)
		return;
	for (unsigned i = 0; i < k->n; i++) {
		if (k->queue[i].fd > 0)
			close(k->queue[i].fd);
		free(k->queue[i].big);
	}
	free(k);
}

void dp_kdev_stats(const struct dp_kdev *k, struct weft_port_stats *s)
{
	for (unsigned i = 0; i < k->n; i++) {
		const struct dp_kdev_queue *q = &k->queue[i];

		s->rx_packets += __atomic_load_n(&q->rx_packets, __ATOMIC_RELAXED);
		s->rx_bytes += __atomic_load_n(&q->rx_bytes, __ATOMIC_RELAXED);
		s->rx_dropped += __atomic_load_n(&q->rx_dropped, __ATOMIC_RELAXED);
		s->tx_packets += __atomic_load_n(&q->tx_packets, __ATOMIC_RELAXED);
		s->tx_bytes += __atomic_load_n(&q->tx_bytes, __ATOMIC_RELAXED);
	}
}

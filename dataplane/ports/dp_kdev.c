// SPDX-License-Identifier: Apache-2.0
#include "ports/dp_kdev.h"

#include "offload/dp_train.h"
#include "ports/dp_af_packet.h"
#include "ports/dp_klink.h"
#include "ports/dp_kqueue.h"

#include <rte_ethdev.h>

#include <errno.h>
#include <linux/if.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/ioctl.h>

#define DP_KDEV_QUEUES 64u

struct dp_kdev {
	const struct dp_kops *ops;
	struct rte_eth_fp_ops io;
	struct dp_kdev_conf conf;
	unsigned ifindex;            // when it was opened
	struct weft_port_stats gone; // of those before it
	unsigned n;
	void *queue_of[DP_KDEV_QUEUES]; // as DPDK wants them
	struct dp_kqueue queue[];
};

int dp_kdev_set_mtu(const char *ifname, unsigned mtu)
{
	struct ifreq ifr = {.ifr_mtu = (int)mtu};

	return dp_af_packet_ioctl(ifname, SIOCSIFMTU, &ifr);
}

int dp_kdev_tap_mtu(const char *ifname, unsigned mtu)
{
	int rc = dp_kdev_set_mtu(ifname, mtu);

	if (!rc)
		dp_klink_set_gso_max(ifname, dp_train_segment(mtu));
	return rc;
}

int dp_kdev_mac(const char *ifname, struct weft_mac *mac)
{
	struct ifreq ifr = {0};
	int rc = dp_af_packet_ioctl(ifname, SIOCGIFHWADDR, &ifr);

	memcpy(mac->b, ifr.ifr_hwaddr.sa_data, sizeof(mac->b));
	return rc;
}

static int dp_kdev_up(const char *ifname)
{
	struct ifreq ifr = {0};
	int rc = dp_af_packet_ioctl(ifname, SIOCGIFFLAGS, &ifr);

	ifr.ifr_flags |= IFF_UP;
	return rc ? rc : dp_af_packet_ioctl(ifname, SIOCSIFFLAGS, &ifr);
}

static int dp_kdev_queue_open(struct dp_kdev *k, const struct dp_kdev_conf *conf)
{
	struct dp_kqueue *q = &k->queue[k->n];

	k->queue_of[k->n++] = q;
	q->fd = q->send_fd = -1;
	q->dev = RTE_MBUF_PORT_INVALID;
	if (!dp_cut_init(&q->cut, conf->pool, conf->max_frame))
		return -1;
	q->cut.tunnels = conf->tunnels;
	q->join.what = conf->tunnels ? DP_JOIN_TUNNELS : DP_JOIN_TCP;
	q->cut.whole = conf->keep_big;
	return k->ops->open(q, &k->queue[0], conf);
}

struct dp_kdev *dp_kdev_open(const struct dp_kdev_conf *conf)
{
	size_t bytes = sizeof(struct dp_kdev) + conf->queues * sizeof(struct dp_kqueue);
	struct dp_kdev *k;
	int rc = 0;

	if (conf->queues > DP_KDEV_QUEUES) {
		errno = EINVAL;
		return NULL;
	}
	k = aligned_alloc(64, (bytes + 63) & ~(size_t)63);
	if (!k)
		return NULL;
	memset(k, 0, bytes);
	k->conf = *conf;
	k->ifindex = conf->ops ? 0 : dp_af_packet_index(conf->ifname);
	k->ops = conf->ops ? conf->ops : conf->kind == DP_KDEV_TAP ? &dp_ktap_ops : &dp_kpacket_ops;
	k->io.rxq.data = k->io.txq.data = k->queue_of;
	k->io.rx_pkt_burst = k->ops->rx;
	k->io.tx_pkt_burst = k->ops->tx;
	while (!rc && k->n < conf->queues)
		rc = dp_kdev_queue_open(k, conf);
	if (!rc && conf->kind == DP_KDEV_TAP && !conf->ops && (rc = dp_kdev_up(conf->ifname)))
		errno = -rc;
	if (!rc)
		return k;
	rc = errno;
	dp_kdev_close(k);
	errno = rc;
	return NULL;
}

// By a question that takes no lock of the kernel's, as TUNGETIFF does.
static bool dp_kdev_tap_is_lost(int fd)
{
	struct pollfd p = {.fd = fd};

	return poll(&p, 1, 0) == 1 && p.revents & POLLERR;
}

bool dp_kdev_is_lost(const struct dp_kdev *k)
{
	unsigned ifindex;

	if (k->conf.ops)
		return false;
	if (k->conf.kind == DP_KDEV_TAP)
		return dp_kdev_tap_is_lost(k->queue[0].fd);
	ifindex = dp_af_packet_index(k->conf.ifname);
	return ifindex && ifindex != k->ifindex;
}

struct dp_kdev *dp_kdev_again(struct dp_kdev *k)
{
	struct dp_kdev *now;

	if (k->conf.kind == DP_KDEV_TAP && dp_af_packet_index(k->conf.ifname)) {
		errno = EEXIST; // and not ours
		return NULL;
	}
	now = dp_kdev_open(&k->conf);
	if (now)
		dp_kdev_stats(k, &now->gone);
	return now;
}

const struct rte_eth_fp_ops *dp_kdev_io(const struct dp_kdev *k)
{
	return &k->io;
}

void dp_kdev_attach(struct dp_kdev *k, uint16_t dev)
{
	struct rte_eth_fp_ops *ops = &rte_eth_fp_ops[dev];

	for (unsigned i = 0; i < k->n; i++)
		k->queue[i].dev = dev;
	ops->rxq.data = k->queue_of;
	ops->txq.data = k->queue_of;
	ops->rx_pkt_burst = k->ops->rx;
	ops->tx_pkt_burst = k->ops->tx;
}

bool dp_kdev_takes_trains(const struct dp_kdev *k, unsigned queue)
{
	return k->queue[queue].join.what == DP_JOIN_TUNNELS;
}

struct dp_join *dp_kdev_join(struct dp_kdev *k, unsigned queue)
{
	return &k->queue[queue].join;
}

int dp_kdev_put(struct dp_kdev *k, unsigned queue, uint64_t bytes)
{
	struct dp_kqueue *q = &k->queue[queue];
	int went = k->ops->write(q, 0);

	if (went < 0)
		dp_kqueue_gives_up_trains(q, 0);
	if (went <= 0)
		return went;
	dp_count(&q->tx_packets, q->join.msg[0].frames);
	dp_count(&q->tx_bytes, bytes);
	return (int)q->join.msg[0].frames;
}

void dp_kdev_close(struct dp_kdev *k)
{
	if (!k)
		return;
	for (unsigned i = 0; i < k->n; i++) {
		k->ops->close(&k->queue[i]);
		dp_cut_free(&k->queue[i].cut);
	}
	free(k);
}

static void dp_kdev_add_stats(struct weft_port_stats *s, const struct weft_port_stats *more)
{
	s->rx_packets += more->rx_packets;
	s->rx_bytes += more->rx_bytes;
	s->rx_dropped += more->rx_dropped;
	s->tx_packets += more->tx_packets;
	s->tx_bytes += more->tx_bytes;
	s->tx_errors += more->tx_errors;
}

void dp_kdev_stats(struct dp_kdev *k, struct weft_port_stats *s)
{
	dp_kdev_add_stats(s, &k->gone);
	for (unsigned i = 0; i < k->n; i++) {
		struct dp_kqueue *q = &k->queue[i];

		s->rx_packets += __atomic_load_n(&q->rx_packets, __ATOMIC_RELAXED);
		s->rx_bytes += __atomic_load_n(&q->rx_bytes, __ATOMIC_RELAXED);
		s->rx_dropped += __atomic_load_n(&q->rx_dropped, __ATOMIC_RELAXED);
		s->rx_dropped += k->ops->missed(q);
		s->tx_packets += __atomic_load_n(&q->tx_packets, __ATOMIC_RELAXED);
		s->tx_bytes += __atomic_load_n(&q->tx_bytes, __ATOMIC_RELAXED);
		s->tx_errors += __atomic_load_n(&q->tx_errors, __ATOMIC_RELAXED);
	}
}

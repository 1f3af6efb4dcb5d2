// SPDX-License-Identifier: Apache-2.0
#include "ports/dp_vhost_sock.h"

#include <rte_mbuf.h>
#include <rte_pause.h>
#include <rte_vhost.h>

#include <errno.h>
#include <linux/virtio_net.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define DP_VHOST_NOBODY (-1)
#define DP_VHOST_QUEUES_MAX 64u

// Two rings, each a worker's; a line for each, for the two may be different ones.
struct dp_vhost_ring {
	bool busy; // atomic: a worker is there
} __attribute__((aligned(64)));

struct dp_vhost_sock {
	char path[128];
	int vid; // atomic; the library's number of the machine, or DP_VHOST_NOBODY
	unsigned queues;
	uint64_t takes; // the library's thread: bit q, the machine takes frames on queue q
	struct dp_vhost_events events;
	struct dp_vhost_sock *next;
	struct dp_vhost_ring *ring; // as virtio counts them: 2q to the machine, 2q + 1 from it
};

// The library knows machines by number, and sockets by path.
static pthread_mutex_t dp_vhost_lock = PTHREAD_MUTEX_INITIALIZER;
static struct dp_vhost_sock *dp_vhost_socks;

static struct dp_vhost_sock *dp_vhost_of(int vid)
{
	char path[sizeof(dp_vhost_socks->path)];
	struct dp_vhost_sock *s = NULL;

	if (rte_vhost_get_ifname(vid, path, sizeof(path)))
		return NULL;
	pthread_mutex_lock(&dp_vhost_lock);
	for (s = dp_vhost_socks; s && strcmp(s->path, path); s = s->next)
		;
	pthread_mutex_unlock(&dp_vhost_lock);
	return s;
}

// ---- the library's thread

static int dp_vhost_comes(int vid)
{
	struct dp_vhost_sock *s = dp_vhost_of(vid);
	uint64_t features = 0;

	if (!s || rte_vhost_get_negotiated_features(vid, &features))
		return -1;
	for (unsigned i = 0; i < rte_vhost_get_vring_num(vid); i++)
		rte_vhost_enable_guest_notification(vid, (uint16_t)i, 0); // workers poll
	s->events.features(s->events.arg, features);
	__atomic_store_n(&s->vid, vid, __ATOMIC_SEQ_CST);
	return 0;
}

static void dp_vhost_goes(int vid)
{
	struct dp_vhost_sock *s = dp_vhost_of(vid);

	if (!s)
		return;
	__atomic_store_n(&s->vid, DP_VHOST_NOBODY, __ATOMIC_SEQ_CST);
	for (unsigned i = 0; i < 2 * s->queues; i++)
		while (__atomic_load_n(&s->ring[i].busy, __ATOMIC_SEQ_CST))
			rte_pause();
	s->takes = 0;
	s->events.features(s->events.arg, 0);
}

// The machine says which of its queues it uses, often but one; what is sent to another is lost.
// Only those from 0 on without a gap count.
static int dp_vhost_ring_state(int vid, uint16_t ring, int enable)
{
	struct dp_vhost_sock *s = dp_vhost_of(vid);
	unsigned queue = ring / 2;
	uint16_t n = 0;

	if (!s || ring % 2 || queue >= s->queues)
		return 0;
	if (enable)
		s->takes |= 1ull << queue;
	else
		s->takes &= ~(1ull << queue);
	while (n < s->queues && (s->takes >> n & 1))
		n++;
	s->events.queues(s->events.arg, n ? n : 1);
	return 0;
}

static const struct rte_vhost_device_ops dp_vhost_ops = {
	.new_device = dp_vhost_comes,
	.destroy_device = dp_vhost_goes,
	.vring_state_changed = dp_vhost_ring_state,
};

// ---- control thread

static void dp_vhost_unlink(struct dp_vhost_sock *s)
{
	struct dp_vhost_sock **at = &dp_vhost_socks;

	pthread_mutex_lock(&dp_vhost_lock);
	while (*at && *at != s)
		at = &(*at)->next;
	if (*at)
		*at = s->next;
	pthread_mutex_unlock(&dp_vhost_lock);
}

static void dp_vhost_link_in(struct dp_vhost_sock *s)
{
	pthread_mutex_lock(&dp_vhost_lock);
	s->next = dp_vhost_socks;
	dp_vhost_socks = s;
	pthread_mutex_unlock(&dp_vhost_lock);
}

// UDP fragmentation by the device (UFO) is not what dp_cut.h does.
static bool dp_vhost_register(const struct dp_vhost_sock *s)
{
	const uint64_t flags = RTE_VHOST_USER_CLIENT | RTE_VHOST_USER_NET_COMPLIANT_OL_FLAGS;
	const uint64_t without = 1ull << VIRTIO_NET_F_HOST_UFO | 1ull << VIRTIO_NET_F_GUEST_UFO;

	if (rte_vhost_driver_register(s->path, flags))
		return false;
	if (rte_vhost_driver_disable_features(s->path, without) == 0 &&
		rte_vhost_driver_callback_register(s->path, &dp_vhost_ops) == 0 &&
		rte_vhost_driver_start(s->path) == 0)
		return true;
	rte_vhost_driver_unregister(s->path);
	return false;
}

static void dp_vhost_sock_free(struct dp_vhost_sock *s)
{
	dp_vhost_unlink(s);
	free(s->ring);
	free(s);
}

struct dp_vhost_sock *dp_vhost_sock_open(
	const char *path, unsigned queues, const struct dp_vhost_events *events)
{
	struct dp_vhost_sock *s;
	size_t bytes = 2 * queues * sizeof(s->ring[0]);

	if (!queues || queues > DP_VHOST_QUEUES_MAX || strlen(path) >= sizeof(s->path)) {
		errno = EINVAL;
		return NULL;
	}
	s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	s->ring = aligned_alloc(64, bytes);
	if (!s->ring) {
		free(s);
		return NULL;
	}
	memset(s->ring, 0, bytes);
	memcpy(s->path, path, strlen(path));
	s->vid = DP_VHOST_NOBODY;
	s->queues = queues;
	s->events = *events;
	dp_vhost_link_in(s);
	if (dp_vhost_register(s))
		return s;
	dp_vhost_sock_free(s);
	errno = ENODEV;
	return NULL;
}

void dp_vhost_sock_close(struct dp_vhost_sock *s)
{
	if (!s)
		return;
	rte_vhost_driver_unregister(s->path); // a machine that is there goes
	dp_vhost_sock_free(s);
}

bool dp_vhost_sock_link(const struct dp_vhost_sock *s)
{
	return __atomic_load_n(&s->vid, __ATOMIC_RELAXED) != DP_VHOST_NOBODY;
}

// ---- workers

static int dp_vhost_enter(struct dp_vhost_sock *s, unsigned ring)
{
	int vid;

	if (__atomic_load_n(&s->vid, __ATOMIC_RELAXED) == DP_VHOST_NOBODY)
		return DP_VHOST_NOBODY;
	__atomic_store_n(&s->ring[ring].busy, true, __ATOMIC_SEQ_CST);
	vid = __atomic_load_n(&s->vid, __ATOMIC_SEQ_CST);
	if (vid == DP_VHOST_NOBODY)
		__atomic_store_n(&s->ring[ring].busy, false, __ATOMIC_RELEASE);
	return vid;
}

static void dp_vhost_leave(struct dp_vhost_sock *s, unsigned ring)
{
	__atomic_store_n(&s->ring[ring].busy, false, __ATOMIC_RELEASE);
}

uint16_t dp_vhost_sock_rx(
	void *sock, unsigned queue, struct rte_mempool *pool, struct rte_mbuf **m, uint16_t n)
{
	struct dp_vhost_sock *s = sock;
	unsigned ring = 2 * queue + 1;
	int vid = dp_vhost_enter(s, ring);
	uint16_t got;

	if (vid == DP_VHOST_NOBODY)
		return 0;
	got = rte_vhost_dequeue_burst(vid, (uint16_t)ring, pool, m, n);
	dp_vhost_leave(s, ring);
	return got;
}

uint16_t dp_vhost_sock_tx(void *sock, unsigned queue, struct rte_mbuf **m, uint16_t n)
{
	struct dp_vhost_sock *s = sock;
	unsigned ring = 2 * queue;
	int vid = dp_vhost_enter(s, ring);
	uint16_t took;

	if (vid == DP_VHOST_NOBODY)
		return 0;
	took = rte_vhost_enqueue_burst(vid, (uint16_t)ring, m, n);
	dp_vhost_leave(s, ring);
	rte_pktmbuf_free_bulk(m, took); // it copies
	return took;
}

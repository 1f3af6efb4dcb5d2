// SPDX-License-Identifier: Apache-2.0
#pragma once
// One queue of a device of our own (dp_kdev.h): what the two kinds have in common, and how each
// opens, receives and sends. Internal to dp_kdev.c, dp_ktap.c and dp_kpacket.c.

#include "offload/dp_cut.h"
#include "offload/dp_join.h"
#include "ports/dp_kdev.h"
#include "tenants/dp_ledger.h"

#include <rte_mbuf.h>

#include <sys/socket.h>

struct dp_kqueue {
	int fd; // of the TAP, or that receives
	uint16_t dev;
	struct dp_cut cut;

	// TAP: an empty read is a system call, so none is tried for a while.
	uint64_t pause;
	uint64_t empty_until;

	// AF_PACKET
	int send_fd;
	uint8_t *ring;
	size_t ring_len;
	uint32_t slot_len;
	uint32_t slots;
	uint32_t at;          // the slot to be read next
	uint64_t ring_missed; // the control thread's: not received, for the ring was full

	uint64_t rx_packets, rx_bytes, rx_dropped; // relaxed
	uint64_t tx_packets, tx_bytes, tx_errors;
	struct dp_join join;
	struct mmsghdr msg[DP_JOIN_FRAMES];
} __attribute__((aligned(64)));

struct dp_kops {
	// `first`: the queue that was opened first; may be `q`. 0, or -1 and errno.
	int (*open)(struct dp_kqueue *q, const struct dp_kqueue *first,
		const struct dp_kdev_conf *conf);
	void (*close)(struct dp_kqueue *q);
	uint64_t (*missed)(struct dp_kqueue *q); // frames that came and found no room, so far
	uint16_t (*rx)(void *queue, struct rte_mbuf **out, uint16_t n);
	uint16_t (*tx)(void *queue, struct rte_mbuf **m, uint16_t n);
	// Sends messages from q->join.msg[first] on and returns how many went. 0: none goes now;
	// -1: that one can never go.
	int (*write)(struct dp_kqueue *q, unsigned first);
};

extern const struct dp_kops dp_ktap_ops, dp_kpacket_ops;

static inline __attribute__((always_inline)) uint16_t dp_kqueue_rx(
	struct dp_kqueue *q, struct rte_mbuf **out, uint16_t n, dp_cut_read_fn *read)
{
	uint64_t packets, bytes;
	uint16_t got = dp_cut_rx(&q->cut, q->dev, read, q, out, n, &packets, &bytes);

	if (got) {
		dp_count(&q->rx_packets, packets);
		dp_count(&q->rx_bytes, bytes);
	}
	return got;
}

typedef int dp_kqueue_write_fn(struct dp_kqueue *q, unsigned first);

// A kernel before 6.2 refuses datagrams that are one. True: they are not joined any more.
static inline bool dp_kqueue_gives_up_trains(struct dp_kqueue *q, unsigned refused)
{
	if (q->join.what != DP_JOIN_TUNNELS || q->join.msg[refused].frames == 1)
		return false;
	q->join.what = DP_JOIN_NOTHING;
	return true;
}

static inline __attribute__((always_inline)) uint16_t dp_kqueue_tx(
	struct dp_kqueue *q, struct rte_mbuf **m, uint16_t n, dp_kqueue_write_fn *write)
{
	uint64_t bytes = 0, packets = 0;
	uint16_t done = 0;

	dp_join_burst(&q->join, m, n);
	for (unsigned at = 0; at < q->join.n;) {
		int went = write(q, at);
		unsigned end = at + (unsigned)(went < 0 ? 1 : went);

		if (!went)
			break;
		if (went < 0 && dp_kqueue_gives_up_trains(q, at)) {
			dp_join_burst(&q->join, m + done, n - done);
			at = 0;
			continue;
		}
		for (; at < end; at++) {
			unsigned frames = q->join.msg[at].frames;

			for (unsigned i = 0; i < frames; i++)
				bytes += went < 0 ? 0 : m[done + i]->pkt_len;
			packets += went < 0 ? 0 : frames;
			done = (uint16_t)(done + frames);
		}
		if (went < 0)
			dp_count(&q->tx_errors, q->join.msg[end - 1].frames);
	}
	rte_pktmbuf_free_bulk(m, done);
	dp_count(&q->tx_packets, packets);
	dp_count(&q->tx_bytes, bytes);
	return done;
}

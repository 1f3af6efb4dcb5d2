// SPDX-License-Identifier: Apache-2.0
#pragma once
// Big segments into packet buffers.
//
// A segment of up to 64 KiB (dp_gso.h) lies in `big` while it is given out, one whole frame a
// buffer. A burst has room for so many frames only, and the pool may be empty: the rest waits, and
// nothing else comes in meanwhile. Belongs to one receive queue and its worker.
//
// Where it may not have to be cut at all (dp_big.h, dp_haul.h) a machine's TCP segment, or an
// uplink's train of datagrams, stays in one: one buffer with its headers stands for it and ends the
// burst, and its payload stays in `big`, the headers before it, until the next one.

#include "offload/dp_gso.h"

#include <rte_mbuf.h>

#include <stdbool.h>
#include <stdint.h>

#define DP_CUT_BIG 65568u // the longest that a kernel hands over: 64 KiB and headers
// Frames that one buffer may stand for. Whoever gets it goes through all of them in one turn, and
// a machine that says how long they are may say one byte; so many are 64 KiB of TCP's default
// (RFC 9293, 3.7.1), and what would be more goes burst by burst.
#define DP_CUT_WHOLE 128u

struct dp_cut {
	struct rte_mempool *pool;
	uint32_t room;     // of a buffer, for a frame
	bool busy;         // a segment is being given out
	bool tunnels;      // of an uplink: datagrams are left unsummed, and their buffers say so
	bool keep;         // in one
	const bool *whole; // atomic: segments are wanted in one; NULL: never
	struct dp_gso gso;
	uint8_t *big; // room + DP_CUT_BIG bytes; the worker's to fill while not busy
};

// False: no memory.
bool dp_cut_init(struct dp_cut *c, struct rte_mempool *pool, uint32_t room);
void dp_cut_free(struct dp_cut *c);

// The segment of `len` bytes that begins at big[at]. False: it is none, or no buffer would hold
// what it becomes.
bool dp_cut_begin(struct dp_cut *c, const struct virtio_net_hdr *h, uint32_t at, uint32_t len);
// The next frame. NULL: that was all, or, if still busy, there is no buffer. The buffer says
// whether it has a checksum (RTE_MBUF_F_RX_L4_CKSUM_GOOD, _NONE). One that stands for a segment
// that was not cut has RTE_MBUF_F_RX_LRO, tso_segsz, the lengths of the headers that are in it, the
// whole's pkt_len, and says where the payload is (struct dp_meta).
struct rte_mbuf *dp_cut_next(struct dp_cut *c);
// How many frames a segment that was not cut stands for, and what bytes they have.
uint32_t dp_cut_frames(const struct rte_mbuf *big);
uint32_t dp_cut_bytes(const struct rte_mbuf *big);

// Whether what waits, and was not begun, has more frames than there is room for. It is not torn
// apart then: frames that come in one burst leave as one (dp_join.h), and a segment that goes in
// two pieces costs two ways through a kernel, as does the next one, which it leaves too little
// room.
static inline bool dp_cut_starts_later(const struct dp_cut *c, uint32_t room)
{
	return !c->keep && !c->gso.n && c->gso.tcp.len > (uint64_t)room * c->gso.mss;
}

// Receives once. False: there is nothing, or no buffer. True: *m is a frame, or NULL if what came
// was none or waits in the queue's dp_cut. A burst has room for `n` frames more.
typedef bool dp_cut_read_fn(void *queue, unsigned n, struct rte_mbuf **m);

// A burst of at most `n` frames, those first that a segment is cut into. Returns how many; how many
// they stand for in *packets, and their bytes in *bytes. What comes and is none counts as well: a
// machine may send that faster than it can be thrown away, and others wait.
static inline __attribute__((always_inline)) uint16_t dp_cut_rx(struct dp_cut *c, uint16_t dev,
	dp_cut_read_fn *read, void *queue, struct rte_mbuf **out, uint16_t n, uint64_t *packets,
	uint64_t *bytes)
{
	uint16_t got = 0, lost = 0;

	*packets = *bytes = 0;
	while (got + lost < n) {
		bool from_queue = !c->busy;
		struct rte_mbuf *m;

		if (c->busy && got && dp_cut_starts_later(c, n - got))
			break;
		if (c->busy) {
			m = dp_cut_next(c);
			if (!m && c->busy)
				break;
		} else if (!read(queue, n - got, &m)) {
			break;
		}
		if (!m) {
			lost = (uint16_t)(lost + (from_queue && !c->busy));
			continue;
		}
		m->port = dev;
		if (__builtin_expect(m->ol_flags & RTE_MBUF_F_RX_LRO, 0)) {
			*packets += dp_cut_frames(m);
			*bytes += dp_cut_bytes(m);
			out[got++] = m;
			break;
		}
		++*packets;
		*bytes += m->pkt_len;
		out[got++] = m;
	}
	return got;
}

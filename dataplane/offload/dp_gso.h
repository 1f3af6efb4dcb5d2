// SPDX-License-Identifier: Apache-2.0
#pragma once
// What a kernel hands over unfinished: frames without checksums, and segments of up to 64 KiB that
// stand for many.
//
// A machine whose interface may do so (TSO, checksum offload) leaves both to the "hardware", and
// says in a virtio-net header (virtio 1.1, 5.1.6) what is to be done. We are the hardware:
// checksums are filled in, and a big TCP segment is cut into frames of its maximum segment size,
// each complete: lengths, IPv4 identification, sequence number, flags, checksums. The tables then
// see ordinary frames, so that rules, meters, MTUs and counters mean what they always mean. What is
// saved is the sender's way through its kernel, once for 64 KiB instead of forty times, and as many
// system calls.
//
// Pure; no DPDK; any thread.

#include <linux/virtio_net.h>

#include "offload/dp_tcp.h"

#ifndef VIRTIO_NET_HDR_GSO_UDP_L4
#define VIRTIO_NET_HDR_GSO_UDP_L4 5 // Linux 6.2; virtio 1.3, 5.1.6
#endif

// The most bytes of headers that the frames of one segment inside a tunnel may have among them. A
// machine says where the inner headers begin and how little each frame bears, and 64 KiB with a
// byte behind each 2,000 of headers would become 120 MB. The shortest that Linux' TCP makes, of 36
// bytes (tcp_min_snd_mss), in a tunnel over IPv6, come to 300,000.
#define DP_GSO_HEADERS_MAX (8u * 65536)

struct dp_gso {
	const uint8_t *frame;   // its headers
	const uint8_t *payload; // all of it
	struct dp_tcp tcp;
	bool udp; // datagrams of one socket and size, each to be one again
	// Within a tunnel (dp_gso_tunnel.h), whose headers are copied, too.
	bool tunnel, outer_udp;
	struct dp_tcp outer;
	// The caller's, after dp_gso_begin(): no sums over payloads, which are known to be sound or
	// left to a card. Each gets that of its pseudo header, for whoever may finish it
	// (dp_rawcsum.h, dp_offload.h).
	bool unsummed;
	uint32_t mss;
	uint32_t at; // bytes of the payload that were given out
	uint32_t n;  // segments that were
};

// Fills in the one checksum that the header asks for, in a frame that lies in one piece. False: the
// header does not fit the frame.
bool dp_gso_csum(const struct virtio_net_hdr *h, uint8_t *frame, uint32_t len);

// Whether that checksum is the frame's own datagram's, and not that of something within a tunnel.
bool dp_gso_csum_is_udp(const struct virtio_net_hdr *h, const uint8_t *frame, uint32_t len);

// Whether the header says that the frame stands for many.
static inline bool dp_gso_is(const struct virtio_net_hdr *h)
{
	return (h->gso_type & ~VIRTIO_NET_HDR_GSO_ECN) != VIRTIO_NET_HDR_GSO_NONE;
}

// Begins to cut `frame`, which must stay as it is. False: it is neither TCP nor datagrams of UDP,
// be it within a tunnel, the header does not fit, or it would become too much. No more of it is
// read than the headers.
bool dp_gso_begin(
	struct dp_gso *g, const struct virtio_net_hdr *h, const uint8_t *frame, uint32_t len);

// The longest that a segment will be.
static inline uint32_t dp_gso_longest(const struct dp_gso *g)
{
	return g->tcp.data + g->mss;
}

// Writes the next segment, a whole frame. Returns its length; 0: there is none left.
uint32_t dp_gso_next(struct dp_gso *g, uint8_t *out);

// The same in two steps: how many bytes of the payload are the next segment's, from g->at on; and
// its headers, which are g->tcp.data bytes.
bool dp_gso_more(const struct dp_gso *g, uint32_t *data);
void dp_gso_head(struct dp_gso *g, uint8_t *out, uint32_t data);

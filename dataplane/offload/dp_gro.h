// SPDX-License-Identifier: Apache-2.0
#pragma once
// The other way: frames that follow each other become one big TCP segment for a kernel that takes
// such (generic receive offload).
//
// Joined is only what the kernel can take apart again byte by byte: the same Ethernet and IP
// headers but for length, identification and checksum; the same ports, acknowledgement, window and
// options; the next sequence number; payloads of one size but for a shorter last one; no flags but
// ACK, and PSH or FIN on the last. Only neighbours in a burst, so nothing is held back and nothing
// is reordered. Each checksum is verified before, for the joined segment has none of its own that
// could tell; one that is wrong stays alone, and the machine sees it as it came. Only what is known
// to be right already (a card said so, or we have just calculated it) is not summed again.
//
// Pure; no DPDK; any thread.

#include <linux/virtio_net.h>

#include "offload/dp_tcp.h"

#define DP_GRO_MAX 64u // frames that become one

struct dp_gro {
	struct dp_tcp tcp; // of the first one
	uint8_t head[DP_TCP_HEAD_MAX];
	uint32_t mss;
	uint32_t bytes; // of payload so far
	uint32_t ip_id; // of the latest, without DF
	unsigned n;
	bool closed; // nothing may follow
	bool sound;  // the caller's, before each frame: its TCP checksum is known to be right
};

// Begins with a frame that lies in one piece. False: it stays alone.
bool dp_gro_begin(struct dp_gro *g, const uint8_t *frame, uint32_t len);

// Whether the next frame joins. If so *data is where its payload begins and *data_len how long it
// is.
bool dp_gro_add(
	struct dp_gro *g, const uint8_t *frame, uint32_t len, uint32_t *data, uint32_t *data_len);

// The header of what was joined (at least two), of g->tcp.data bytes, in g->head, and how to say
// so.
void dp_gro_end(struct dp_gro *g, struct virtio_net_hdr *h);

// SPDX-License-Identifier: Apache-2.0
#pragma once
// Tunnel packets that follow each other, handed to the kernel as one.
//
// An uplink that is an interface of the kernel's costs a way through its stack for each frame: a
// buffer, the queueing discipline, a bridge, the taps, 1,400 bytes at a time. The kernel can take
// many datagrams of one flow and size as one (UDP segmentation, VIRTIO_NET_HDR_GSO_UDP_L4, since
// Linux 6.2), which are cut by the network card, or just before it, or never if they do not leave
// the machine. The frames of one inner flow are such a train once they are encapsulated: the outer
// headers are the same but for what cutting makes anew, and the VXLAN header and all within are
// payload.
//
// Joined is only what comes out of the cutting as it went in: the same Ethernet and IP headers but
// for length, identification and checksum; DF, so that the identification says nothing (RFC 6864);
// the same ports; payloads of one size but for a shorter last one. One thing changes: the kernel
// cuts no datagrams without checksum, so each gets one, whose calculation is its or the card's
// task. RFC 7348, 5 lets a VTEP do so, and demands of the receiver that it accepts it. A datagram
// that has a checksum joins only if it is right, or a wrong one would be repaired.
//
// The same steps as in dp_gro.h. Pure; no DPDK; any thread.

#include "offload/dp_gro.h"

bool dp_train_begin(struct dp_gro *g, const uint8_t *frame, uint32_t len);
bool dp_train_add(
	struct dp_gro *g, const uint8_t *frame, uint32_t len, uint32_t *data, uint32_t *data_len);
void dp_train_end(struct dp_gro *g, struct virtio_net_hdr *h);

// The most that a kernel may give out as one segment (IFLA_GSO_MAX_SIZE) to an interface of this
// MTU if the frames of it, each in a tunnel of its own, shall be one train.
uint32_t dp_train_segment(uint32_t mtu);

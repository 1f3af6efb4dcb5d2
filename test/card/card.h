// SPDX-License-Identifier: Apache-2.0
#pragma once
// A network card on paper: what rte_mbuf.h and DPDK's Programmer's Guide ("Mbuf Library", "Poll
// Mode Driver") ask of those who want a packet's checksums filled in and its TCP cut inside a
// tunnel, checked as a strict driver would, and done in the plainest way.
//
// It shares nothing with the code under test: headers are found, summed and written by functions of
// its own, a byte at a time. It stands behind a device of rings in unit tests, and, preloaded into
// a data plane (preload.c), before a real one.

#include <rte_mbuf.h>

#define CARD_FRAME 66000u

struct card {
	uint64_t tx;         // RTE_ETH_TX_OFFLOAD_* that it was configured with
	unsigned segments;   // of a packet that it takes; 0: any number
	uint16_t vxlan_port; // by which it knows VXLAN
};

typedef void card_wire_fn(void *arg, const uint8_t *frame, uint32_t len);

// Why the card does not take the packet; NULL: it does.
const char *card_refuses(const struct card *c, const struct rte_mbuf *m);
// Puts on the wire what a packet that it takes becomes. Returns how many frames.
unsigned card_send(const struct card *c, const struct rte_mbuf *m, card_wire_fn *wire, void *arg);

// What a receiving card says of a frame: RX_* flags, and a packet_type that tells whether it has
// looked into the tunnel. Not for fragments.
void card_judge(const struct card *c, struct rte_mbuf *m);

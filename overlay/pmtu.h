// SPDX-License-Identifier: Apache-2.0
#pragma once
// Hearing that a packet of ours was too big for the underlay.
//
// A router that cannot pass an encapsulated packet on drops it and tells the VTEP: by ICMP
// "fragmentation needed" (RFC 1191) or ICMPv6 "packet too big" (RFC 8201), quoting the packet's
// beginning. The kernel hears it too but cannot act on it, for it did not send the packet: no
// socket has the entropy's port.
//
// Anybody can forge such a message. It is believed only if its checksum is right, it is for the
// VTEP's address and quotes an outer header of ours: from that address, UDP to the VXLAN port from
// a source port that we use, or GRE of NVGRE. The caller holds the destination against the VTEPs
// that it sends to, and the number against what it believed before: a path's MTU only shrinks by
// this. A number below what IP guarantees is raised to it, so that a forger cannot make a path
// useless: OVERLAY_PMTU_MIN4 (as Linux' ip_rt_min_pmtu) and 1280 (RFC 8200, 5).
//
// Pure; any thread.

#include "overlay/decap.h"

#define OVERLAY_PMTU_MIN4 552u
#define OVERLAY_PMTU_MIN6 1280u

struct overlay_pmtu {
	struct weft_ip remote; // the VTEP that the packet was for
	uint32_t mtu;          // that the path to it allows, IP bytes
};

// Whether this frame, which overlay_decap() called FOREIGN, says so. Reads `len` bytes at most, all
// of the frame or its first piece.
bool overlay_pmtu_heard(const struct overlay_vtep *vtep, const uint8_t *frame, uint32_t len,
	struct overlay_pmtu *out);

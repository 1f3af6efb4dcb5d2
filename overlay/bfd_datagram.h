// SPDX-License-Identifier: Apache-2.0
#pragma once
// What carries a BFD control packet: UDP over IPv4 or IPv6.
//
//	between neighbours    port 3784, TTL 255 on receipt          RFC 5881
//	over several hops     port 4784                              RFC 5883
//	inside a VXLAN        port 3784 and TTL 255 in an inner      RFC 8971
//	                      frame, in a VNI of no tenant
//
// Sent with source ports from 49152 on (RFC 5881, 4), TTL 255, DSCP CS6 (network control), and a
// UDP checksum. Pure: bytes in, bytes out.

#include "overlay/bfd.h"

#define OVERLAY_BFD_PORT 3784u
#define OVERLAY_BFD_PORT_MULTIHOP 4784u
#define OVERLAY_BFD_DATAGRAM_MAX (40u + 8u + OVERLAY_BFD_LEN)

struct overlay_bfd_datagram {
	struct weft_ip src, dst; // one family
	uint16_t src_port, dst_port;
	uint8_t ttl;
	const uint8_t *payload; // reading: in the packet
	uint32_t payload_len;
};

// Reads an IP packet of at most `len` bytes. False: not UDP to one of BFD's ports, a fragment, or
// not sound (lengths, checksums).
bool overlay_bfd_datagram_read(const uint8_t *ip, uint32_t len, struct overlay_bfd_datagram *out);

// Writes IP and UDP header and the control packet. Returns how many bytes.
uint32_t overlay_bfd_datagram_write(const struct overlay_bfd_datagram *d,
	const uint8_t control[static OVERLAY_BFD_LEN],
	uint8_t out[static OVERLAY_BFD_DATAGRAM_MAX]);

// Inside a VXLAN: the inner Ethernet and IP destination (RFC 8971, 4). The latter is 127.0.0.1,
// which in an IPv6 packet reads ::ffff:127.0.0.1.
extern const struct weft_mac overlay_bfd_vxlan_mac;
extern const struct weft_ip overlay_bfd_vxlan_ip;

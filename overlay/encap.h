// SPDX-License-Identifier: Apache-2.0
#pragma once
// The send side: an outer header made once per (VTEP, tenant), copied and patched per packet.
//
// At configuration time overlay_template_build() writes everything that all packets of a tunnel
// have in common into a template, with the checksum of its IP header half summed. Per packet
// overlay_encap() copies it before the frame and writes what differs: lengths, IPv4 identification
// and checksum, and the entropy of the inner flow by which the underlay spreads load (RFC 7348, 5:
// the UDP source port; RFC 7637, 3.2: the FlowID; RFC 6438: over IPv6 the flow label too).
//
// A template is read-only once published. When a neighbour's MAC or a route changes, build another
// one and replace the pointer; never rebuild one that workers may be reading. It holds no pointers,
// so it may be copied and freed at will.
//
// Fields that a receiver ignores are sent as zero. The don't-fragment bit is always set: a VTEP
// must not fragment (RFC 7348, 4.3), and neither shall a router between make of one packet two
// that the far VTEP would discard. Hence the datagrams are atomic and RFC 6864, 4.1 allows any IPv4
// identification. Give a counter of the worker all the same: it costs nothing, lets receivers
// coalesce (which wants constant or consecutive numbers), and keeps reassembly right behind a box
// that clears DF and fragments anyway.
//
// A UDP checksum of zero is the default (RFC 7348, 5: SHOULD), over IPv6 by leave of RFC 6935 and
// only if the peer takes it. Otherwise it covers the whole payload; see below.

#include <assert.h>

#include <weft/checksum.h>
#include <weft/drop.h>
#include <weft/packet.h>

#include "overlay/decap.h"
#include "overlay/wire.h"

#define OVERLAY_BURST_MAX 64u // packets of a burst: a bit of a uint64_t each

// What a tunnel is. Zero it, then set; all numbers in host order. Zero is a default where said.
struct overlay_tunnel {
	enum weft_encap encap; // WEFT_ENCAP_VXLAN or _NVGRE
	uint32_t vni;          // VNI 0 to WEFT_VNI_MAX, or VSID WEFT_VSID_MIN to _MAX
	struct weft_ip local;  // of one family
	struct weft_ip remote; // a host or a multicast group
	struct weft_mac src_mac;
	struct weft_mac dst_mac; // of the next hop
	bool vlan;               // the underlay is tagged:
	uint8_t vlan_pcp;        // 0 to 7
	uint16_t vlan_vid;       // 1 to 4094
	uint8_t ttl;             // 0: 64
	uint8_t dscp;            // 0 to 63; with dscp_uniform, of frames that are not IP
	bool dscp_uniform;       // IP frames: the outer DSCP is the inner one (RFC 2983)
	bool ecn;                // IP frames: the outer ECN field too (RFC 6040, 4.1, normal mode)
	bool udp_csum;           // VXLAN: fill in the UDP checksum
	uint16_t udp_port;       // VXLAN, destination; 0: 4789
	uint16_t src_port_min;   // VXLAN, source, inclusive; both 0: 49152 to 65535, the
	uint16_t src_port_max;   // dynamic ports (RFC 7348, 5; RFC 6335, 6)
	bool any_network;        // each packet says its own, `vni` is nothing but a legal number
};

// Opaque but for `len`. The first cache line holds all of the header that most tunnels have, the
// second one the rest, what is needed to patch it, and room for what a caller wants to have near.
struct overlay_template {
	uint8_t header[80];
	uint8_t len; // bytes that go before the frame: 42 to OVERLAY_ENCAP_MAX_LEN
	uint8_t l3_ofs;
	uint8_t l4_ofs;
	uint8_t encap; // enum weft_encap
	bool v6;
	bool udp_csum;
	uint8_t tos;         // of the header
	uint8_t tos_mask;    // bits of it that an inner IP header overrides
	uint16_t port_base;  // first source port
	uint16_t port_count; // 1 to 65535
	uint16_t ip_sum;     // of the IPv4 header without length, identification and checksum
	bool any_network;    // overlay_encap_set_network() comes after overlay_encap()
	uint32_t max_inner;  // longest inner frame that the IP length can say
};
static_assert(sizeof(struct overlay_template) == 100, "28 bytes less than two cache lines");
static_assert(OVERLAY_ENCAP_MAX_LEN <= 80, "the header fits");

// Returns 0, or -EINVAL with `*why` (a constant, if `why` is not NULL) naming the field and what it
// should be; then `t` is as before.
int overlay_template_build(
	struct overlay_template *t, const struct overlay_tunnel *tunnel, const char **why);

// Puts the outer header before `inner`, whose whole frame (all its pieces) is `inner_len` bytes. At
// least t->len bytes before `inner` must be writable; any alignment. `flow_hash` is
// overlay_flow_hash() of the frame, `ip_id` any number (see above). Returns the outer frame's first
// byte, inner - t->len; or NULL, nothing written, if the packet would be longer than IP can say.
//
// If t->udp_csum the checksum field is left zero: call overlay_udp_csum() next, or the triple
// below.
uint8_t *overlay_encap(const struct overlay_template *t, uint8_t *inner, uint32_t inner_len,
	uint32_t flow_hash, uint16_t ip_id);

// Writes the VNI or VSID (24 bits) into the outer `frame` that overlay_encap() returned, before its
// checksum. Both formats end in it and one byte more, which stays: NVGRE's FlowID.
static inline void overlay_encap_set_network(
	const struct overlay_template *t, uint8_t *frame, uint32_t network)
{
	uint8_t *last = frame + t->len - 4;

	overlay_put32(last, network << 8 | last[3]);
}

// Fills in the UDP checksum of the outer `frame` that overlay_encap() returned, when all of it lies
// in one piece. Does nothing unless t->udp_csum.
void overlay_udp_csum(const struct overlay_template *t, uint8_t *frame, uint32_t inner_len);

// The same for a frame in pieces: begin, weft_csum_add() over the inner frame's bytes in order,
// end. Only if t->udp_csum.
struct weft_csum overlay_udp_csum_begin(const struct overlay_template *t, const uint8_t *frame);
void overlay_udp_csum_end(
	const struct overlay_template *t, uint8_t *frame, const struct weft_csum *csum);

// Which bits of the outer TOS byte differ from the template's, for this inner frame of which `len`
// bytes are readable: those that are copied from its IP header (ecn.h). overlay_encap_burst() asks
// by itself.
uint8_t overlay_encap_tos_flip(
	const struct overlay_template *t, const uint8_t *inner, uint32_t len);
// Flips them in the outer `frame` that overlay_encap() returned. No UDP checksum covers them.
void overlay_encap_flip_tos(const struct overlay_template *t, uint8_t *frame, uint8_t flip);

// Encapsulates `n` packets, at most OVERLAY_BURST_MAX, packet i by tmpl[i] with pkts[i].hash,
// pkts[i].network if the template leaves that to it, and identification ip_id + i, UDP checksums
// included. `data`, lengths, headroom and layer offsets of each are moved to the outer frame.
// `tail` is asked for what lies beyond the first piece, and may be NULL if no template wants
// checksums or no packet has several pieces. Returns a bit i for each packet done; the others are
// untouched, and overlay_encap_refusal() says why.
uint64_t overlay_encap_burst(const struct overlay_template *const tmpl[], struct weft_packet *pkts,
	unsigned n, uint16_t ip_id, overlay_tail_fn *tail);

// WEFT_DROP_NO_HEADROOM or WEFT_DROP_TOO_BIG, for a packet that the burst did not take.
enum weft_drop overlay_encap_refusal(
	const struct overlay_template *t, const struct weft_packet *pkt);

// SPDX-License-Identifier: Apache-2.0
#pragma once
// IGMP (RFC 1112, 2236, 3376) and MLD (RFC 2710, 3810) as a switch between hosts and routers reads
// them: who wants which group, who asks, who is a router. And the questions that it asks itself.
//
// A switch knows ports, not sources: a report that wants a group from some sources, or from all but
// some, wants the group; only "from none" is a leave. To block sources does not say that none is
// left.
//
// Believed is what is sound: a whole packet with right checksums and a hop limit of 1; in MLD also
// the router alert option, and a link-local source (RFC 3810, 5.1.14, 5.2.13), or none at all in
// reports, which a host sends before it has one for the very sake of switches (RFC 3590, 4).
//
// Pure: bytes in, bytes out; no allocation, any thread.

#include <weft/types.h>

enum overlay_membership_kind {
	OVERLAY_MEMBERSHIP_NONE,    // another matter
	OVERLAY_MEMBERSHIP_UNSOUND, // IGMP, MLD or PIM, but not to be believed, or of an unknown
				    // type
	OVERLAY_MEMBERSHIP_REPORT,  // of listeners; leaves included
	OVERLAY_MEMBERSHIP_QUERY,
	OVERLAY_MEMBERSHIP_ROUTER, // PIM's hello (RFC 7761, 4.9.2)
};

struct overlay_membership_record {
	struct weft_ip group; // a multicast address, not of the link itself
	bool wants;           // else: not any more
};

struct overlay_membership {
	enum overlay_membership_kind kind;
	bool v6;
	struct weft_ip from; // the sender's address; IGMP: 0.0.0.0 is a proxy or a switch
	// What overlay_membership_next() has still to read.
	bool single;
	struct overlay_membership_record first;
	const uint8_t *at;
	unsigned records;
};

// Reads a frame of which `len` bytes lie there, with up to two VLAN tags. Returns out->kind.
enum overlay_membership_kind overlay_membership_read(
	const uint8_t *frame, uint32_t len, struct overlay_membership *out);

// Of a report, the next record that says something. The frame must still be there. False: no more.
bool overlay_membership_next(struct overlay_membership *, struct overlay_membership_record *out);

// Groups of the machine or the link itself: 224.0.0.0/24, and IPv6's scopes up to 2. What is sent
// there goes everywhere, and nobody has to ask for it (RFC 4541, 2.1.2, 3).
bool overlay_membership_is_local(const struct weft_ip *group);

struct overlay_membership_query {
	struct weft_ip group; // IPv4's or IPv6's: that one alone; 0.0.0.0 or ::, all
	struct weft_ip src;   // of its family
	struct weft_mac src_mac;
	uint16_t vlan;       // 0: untagged
	uint8_t response_ds; // answers come within so many tenths of a second, 127 at most
	uint32_t interval_s; // between such questions
};
#define OVERLAY_MEMBERSHIP_QUERY_MAX (14u + 4u + 40u + 8u + 28u)

// Writes the frame of a question of IGMPv3 or MLDv2, which older hosts read as theirs. Returns how
// many bytes.
uint32_t overlay_membership_query(
	const struct overlay_membership_query *q, uint8_t out[static OVERLAY_MEMBERSHIP_QUERY_MAX]);

// SPDX-License-Identifier: Apache-2.0
#pragma once
// Editing a packet: OpenFlow's actions on bytes and key at once (OpenFlow 1.3.5, 5.12).
//
// Every function leaves the key as if the edited frame had been extracted anew, so that later
// tables, groups and outputs see what is in the packet, and it leaves every checksum as true or as
// false as it was: checksums are changed by the difference (RFC 1624, and the like for CRC32c),
// never computed anew, so damage done before stays visible to the receiver. A UDP or SCTP checksum
// of zero means "none" (RFC 768; RFC 9653) and stays.
//
// The result is FT_EDITED, or the reason to drop the packet, which then is as it was:
//   WEFT_DROP_ACTION_ERROR   the packet has no such header. (The specification leaves this open;
//                            a packet that leaves otherwise than its controller said is worse than
//                            none, and the ledger names the rule. An action set passes such
//                            an action by: action_set.c.)
//   WEFT_DROP_TTL            the TTL would become invalid
//   WEFT_DROP_NO_HEADROOM    no room for a new header
// Two exceptions change nothing and succeed, because a rule can match such packets by its
// prerequisites alone: a port of a later fragment, and a link-layer address of a neighbour message
// without that option (duplicate address detection has none).
//
// Where tags go: VLAN and PBB directly behind the Ethernet addresses; MPLS behind the VLAN tags,
// the outermost place from which extraction can still tell both. Frames with an 802.3 length take
// VLAN and PBB tags, but no MPLS.
//
// Worker threads; the packet must be extracted and writable.

#include <weft/drop.h>
#include <weft/fields.h>
#include <weft/packet.h>

#define FT_EDITED WEFT_DROP_MAX // no reason to drop

enum weft_drop ft_push_vlan(struct weft_packet *, struct weft_flow_key *, uint16_t tpid);
enum weft_drop ft_pop_vlan(struct weft_packet *, struct weft_flow_key *);
// The outermost tag as WEFT_FIELD_VLAN_TCI has it.
uint16_t ft_vlan_tci(const struct weft_flow_key *);
// A tag (0x8100) where there is none, none where `tci` lacks WEFT_VLAN_PRESENT.
enum weft_drop ft_set_vlan_tci(struct weft_packet *, struct weft_flow_key *, uint16_t tci);
enum weft_drop ft_push_mpls(struct weft_packet *, struct weft_flow_key *, uint16_t eth_type);
// `eth_type`: of what lies below the popped label.
enum weft_drop ft_pop_mpls(struct weft_packet *, struct weft_flow_key *, uint16_t eth_type);
enum weft_drop ft_push_pbb(struct weft_packet *, struct weft_flow_key *, uint16_t eth_type);
// Takes a B-VLAN tag before the I-TAG along: it belongs to the backbone's header.
enum weft_drop ft_pop_pbb(struct weft_packet *, struct weft_flow_key *);

enum weft_drop ft_set_mpls_ttl(struct weft_packet *, struct weft_flow_key *, uint8_t ttl);
enum weft_drop ft_dec_mpls_ttl(struct weft_packet *, struct weft_flow_key *);
enum weft_drop ft_set_nw_ttl(struct weft_packet *, struct weft_flow_key *, uint8_t ttl);
enum weft_drop ft_dec_nw_ttl(struct weft_packet *, struct weft_flow_key *);
// Between the outermost label and what is below: a label, or an IP header. IP in IP is not looked
// into.
enum weft_drop ft_copy_ttl_out(struct weft_packet *, struct weft_flow_key *);
enum weft_drop ft_copy_ttl_in(struct weft_packet *, struct weft_flow_key *);

// `value` and `mask` as in struct weft_action_set_field. Every field of the packet, the tunnel, the
// metadata and the registers; not those that are facts (tcp_flags, the connection's state, …).
enum weft_drop ft_set_field(struct weft_packet *, struct weft_flow_key *, enum weft_field,
	const uint8_t value[16], const uint8_t mask[16]);

// Whether it is of the key alone: nothing in the packet's bytes says it.
bool ft_field_is_pipeline(enum weft_field);

// Raises the drop precedence of an assured-forwarding DSCP (RFC 2597) by `levels`, to 3 at most: a
// meter's DSCP remark band. Any other DSCP stays.
void ft_remark_dscp(struct weft_packet *, struct weft_flow_key *, unsigned levels);

// ---- between the edit*.c

// Opens a gap of n bytes at offset `at` (n bytes of garbage), or closes one. grow: false, no
// headroom.
bool ft_grow(struct weft_packet *, unsigned at, unsigned n);
void ft_shrink(struct weft_packet *, unsigned at, unsigned n);

// After `len` bytes that the L4 checksum covers (even offset) went from old to new.
void ft_l4_csum_update(struct weft_packet *, const struct weft_flow_key *, const void *old,
	const void *new, unsigned len);
// Sets the TTL of the IPv4 or IPv6 header at `l3`, whose header is there.
void ft_ip_set_ttl(struct weft_packet *, unsigned l3, uint8_t ttl);

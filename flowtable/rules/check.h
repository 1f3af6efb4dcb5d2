// SPDX-License-Identifier: Apache-2.0
#pragma once
// Is a request legal? Matches by OpenFlow 1.3.5, 7.2.3; actions by 7.2.4 and 7.2.5.
//
// What travels in a packet's headers at some point of a rule is tracked as knowledge: it starts
// with what the match says, and each action changes it. push_vlan makes a tag known to be there,
// pop_mpls names the EtherType below. An action whose header is not known to be there does not fit
// the match. After an action that uncovers what nobody described (a second tag, the frame in a PBB
// frame), or when there is no match at all (packet-out, a group's bucket), the matter is open, and
// an action passes: the packet itself decides when it comes.

#include "flowtable/flowtable.h"

enum ft_tag {
	FT_TAG_ABSENT, // or not said: an action on it does not fit
	FT_TAG_PRESENT,
	FT_TAG_OPEN,
};

struct ft_known {
	bool open; // nothing is known, everything may be there
	bool has_eth_type;
	bool has_ip_proto;
	bool has_icmp_type;
	uint16_t eth_type; // host order
	uint8_t ip_proto;
	uint8_t icmp_type;
	enum ft_tag vlan;
	bool in_port; // only matters to matches
};

// What a match says, given as key and mask.
struct ft_known ft_known_from(const struct weft_flow_key *value, const struct weft_flow_key *mask);
extern const struct ft_known ft_known_open;
// WEFT_PREREQ_* holds for sure, or the matter is open.
bool ft_known_allows(const struct ft_known *, enum weft_prereq);

// Fields' widths, masks and prerequisites. MALFORMED, MATCH_PREREQ, MATCH_VALUE, MATCH_MASK.
enum weft_error ft_check_match(const struct weft_match *);

enum ft_action_place {
	FT_ACTIONS_APPLY,
	FT_ACTIONS_SET,        // write-actions, buckets: executed in the order of an action set
	FT_ACTIONS_PACKET_OUT, // may output to TABLE
};

#define FT_MAX_ACTIONS 1024 // of a list

// `known` is what holds before the actions, and is left as what holds after them. Groups and meters
// are looked up as staged.
enum weft_error ft_check_actions(const struct ft_switch *, struct ft_known *known,
	enum ft_action_place, const void *actions, size_t len);

// ---- between the check*.c

// A list within an action.
enum weft_error ft_check_list(const struct ft_switch *, struct ft_known *known,
	enum ft_action_place, const void *actions, size_t len);
enum weft_error ft_check_output(enum ft_action_place, uint32_t port);
// set-field, and load.
enum weft_error ft_check_set_field(
	const struct ft_switch *, struct ft_known *, const struct weft_action *);
// The field becomes what nobody foresees: so does what it announces.
void ft_known_forget(struct ft_known *, uint32_t field);
// May all bits of the field be written, whatever with? `k` is what is known then.
enum weft_error ft_check_writable(
	const struct ft_switch *, const struct ft_known *k, const struct weft_subfield *);
// An action of nx.h.
enum weft_error ft_check_nx(const struct ft_switch *, struct ft_known *known, enum ft_action_place,
	const struct weft_action *);

// Flags that there are, and those that the lists need. MALFORMED.
enum weft_error ft_check_shape(const struct weft_instructions *);
// A rule's instructions in this table.
enum weft_error ft_check_instructions(const struct ft_switch *, uint8_t table,
	const struct weft_match *, const struct weft_instructions *);

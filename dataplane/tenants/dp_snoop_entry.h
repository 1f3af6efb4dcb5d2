// SPDX-License-Identifier: Apache-2.0
#pragma once
// Of dp_snoop_table.h, what its two files share: entries, their members and lists, and how a worker
// finds them.

#include "tenants/dp_snoop_table.h"

#include <sys/queue.h>

#define DP_SNOOP_CHAINS 1024u
// How many groups have a member at a port.
struct dp_snoop_port {
	uint32_t ofport, n;
};

struct dp_snoop_member {
	struct ft_listener at;
	uint32_t expires_s;
	bool leaving;
	bool querier; // a router's
	bool fixed;   // a router's: it is configured
};

// Of a group, or of a link.
struct dp_snoop_entry {
	struct dp_snoop_entry *next; // atomic
	struct dp_snoop_list *list;  // atomic; never NULL
	struct dp_snoop_entry *link; // a group's; a link's own is NULL
	struct weft_ip group;
	uint16_t vlan;
	bool asked; // a link's, atomic: who listens is known
	// The control thread's.
	bool dirty; // the list does not say what the members say
	unsigned n, room;
	struct dp_snoop_member *member;
	LIST_ENTRY(dp_snoop_entry) of_link; // a group's: the others there
	// A link's, from here on.
	LIST_HEAD(dp_snoop_groups, dp_snoop_entry) groups;
	bool heard; // a querier was, in the second before
	uint32_t settled_s;
	uint32_t next_query_s;
	unsigned startup;
};

struct dp_snoop {
	struct dp_snoop_entry **chain; // dp_snoop_chains() of them, and each atomic
	uint64_t seed;
	struct dp_snoop_hooks hooks;
	struct dp_snoop_settings set;
	unsigned questions;         // in this second
	struct dp_snoop_port *port; // that has members, or had: its place may be another's
	unsigned ports, ports_room;
	struct weft_ipc_snoop_stats stats;
};

// None before the first entry.
static inline unsigned dp_snoop_chains(const struct dp_snoop *s)
{
	return s->chain ? DP_SNOOP_CHAINS : 0;
}

static inline bool dp_snoop_is_port(const struct ft_listener *at)
{
	return at->ofport != WEFT_OFPORT_OVERLAY;
}

// Any thread. NULL: there is none.
struct dp_snoop_entry *dp_snoop_find(
	const struct dp_snoop *, const struct weft_ip *group, uint16_t vlan);
struct dp_snoop_entry *dp_snoop_find_link(const struct dp_snoop *, bool v6, uint16_t vlan);
bool dp_snoop_is_asked(const struct dp_snoop_entry *link); // NULL: no

// ---- control thread

// NULL is fine, and has none.
struct dp_snoop_member *dp_snoop_member_at(
	const struct dp_snoop_entry *, const struct ft_listener *at);
bool dp_snoop_same_place(const struct ft_listener *, const struct ft_listener *);
// `link` NULL: it is one. NULL: no memory.
struct dp_snoop_entry *dp_snoop_entry_new(
	struct dp_snoop *, struct dp_snoop_entry *link, const struct weft_ip *group, uint16_t vlan);
// Takes it out; another one is in its place. A worker that has it may still look at its link, which
// therefore goes in the same grace period or later.
void dp_snoop_entry_remove(struct dp_snoop *, struct dp_snoop_entry **at);
void dp_snoop_entry_free(void *entry);
// NULL: no memory.
struct dp_snoop_member *dp_snoop_member_add(
	struct dp_snoop *, struct dp_snoop_entry *, const struct ft_listener *at);
void dp_snoop_member_drop(struct dp_snoop *, struct dp_snoop_entry *, struct dp_snoop_member *);
// How many groups have a member at this port. NULL: no memory. Good until it is asked of another.
uint32_t *dp_snoop_port_count(struct dp_snoop *, uint32_t ofport);
// Makes the list say what the members say, and those of the link. Without memory the old one stays,
// and the entry is dirty.
void dp_snoop_publish(struct dp_snoop *, struct dp_snoop_entry *);

// SPDX-License-Identifier: Apache-2.0
#pragma once
// The FDB: where in the tenant's network a MAC address lives, per VLAN.
//
// Workers read with no lock: one open-addressed array of pointers to entries that never change. The
// writer replaces an entry by storing another pointer, and the array by storing another array; the
// old ones go through the switch's garbage (txn.h). The hash is keyed by the env's seed, so that
// nobody can choose addresses that collide.
//
// Ages. A worker notes the second of an entry's latest packet, in a block of its own, so that no
// two workers write the same line; and only when the second changes.
//
// Static entries win: learning does not touch them, flushing and ageing pass them by, and where the
// FDB is full one takes the place of the learned entry that was idle longest. Learned entries go
// with their port; a static one whose port has gone is as good as none (ft_port_find() says so).
//
// What is learned is bounded for the switch and for each of its ports, and an address that moves
// too often is held (fdb_move.h). All of that is counted; what a worker sees of an address at
// another place than a static or held entry says is counted by the worker itself.

#include "flowtable/switch.h"

struct ft_fdb_entry {
	struct ft_garbage garbage;
	struct ft_fdb_entry *next_free;
	uint64_t id;     // ft_fdb_id()
	uint32_t ofport; // WEFT_OFPORT_OVERLAY: behind `vtep`
	uint32_t flags;  // WEFT_FDB_*; WEFT_FDB_HELD: learning passes it by until its time is up
	struct weft_ip vtep;
	_Atomic uint32_t renewed_s; // the writer's: added, or learned again
	_Atomic uint32_t *used_s;   // at worker * FT_FDB_SLAB
	struct ft_fdb_moves moves;  // the writer's
};

#define FT_FDB_SLAB 64u // entries that share a block of stamps

// The address and the VLAN (0: untagged or priority-tagged) in one word.
static inline uint64_t ft_fdb_id(const struct weft_mac *mac, uint16_t vlan)
{
	uint64_t id = 0;

	for (unsigned i = 0; i < 6; i++)
		id = id << 8 | mac->b[i];
	return id << 16 | vlan;
}

// The VLAN that a packet is looked up and learned in.
static inline uint16_t ft_fdb_vlan(const struct weft_flow_key *k)
{
	return ntohs(k->vlan_vid) & 0xfff;
}

// Workers. NULL: unknown. Good until the worker's next quiescent state.
const struct ft_fdb_entry *ft_fdb_find(
	const struct ft_fdb *, const struct weft_mac *, uint16_t vlan);

// Workers: a packet from elsewhere than a static or held entry says.
void ft_fdb_conflict(struct ft_fdb *, unsigned worker);

// Workers: the entry was used at this second of env's clock, and maybe later.
static inline void ft_fdb_touch(const struct ft_fdb_entry *e, unsigned worker, uint32_t now_s)
{
	_Atomic uint32_t *used = e->used_s + worker * FT_FDB_SLAB;

	if (atomic_load_explicit(used, memory_order_relaxed) < now_s)
		atomic_store_explicit(used, now_s, memory_order_relaxed);
}

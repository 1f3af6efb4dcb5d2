// SPDX-License-Identifier: Apache-2.0
#pragma once
// A tenant's bindings: which MAC address has an IP address, per VLAN.
//
// Told by the configuration (static), or learned from ARP and neighbour discovery that pass through
// (dp_suppress.h). Workers read with no lock: a fixed array of chains of entries that never change.
// The control thread replaces an entry by another one in its place; the old one goes after a grace
// period. Static bindings win: what is learned does not touch them.
//
// The hash is keyed, and a tenant has no more than DP_NEIGH_MAX, so that what a look-up costs is
// bounded whatever the tenant's machines do.

#include <weft/ipc.h>

struct dp;
struct dp_neigh;

#define DP_NEIGH_MAX 65536u

// Any thread. NULL: not known. Good until the worker's next quiescent state.
const struct weft_ipc_neigh *dp_neigh_find(
	const struct dp_neigh *, const struct weft_ip *ip, uint16_t vlan);

// ---- control thread

struct dp_neigh *dp_neigh_new(uint64_t seed); // NULL: out of memory
void dp_neigh_free(struct dp_neigh *);        // no readers left; NULL is fine
unsigned dp_neigh_count(const struct dp_neigh *);

// Adds, or replaces what was learned of the same address. WEFT_E_MALFORMED (no host's addresses, a
// VLAN over 4094), WEFT_E_EXISTS (a static one, and this is not), WEFT_E_TABLE_FULL (`max` are
// there; for a static one, that are static, too), WEFT_E_NO_MEMORY. WEFT_NEIGH_ROUTER stays with a
// binding whose MAC stays.
enum weft_error dp_neigh_add(
	struct dp *dp, struct dp_neigh *, const struct weft_ipc_neigh *add, uint32_t max);
enum weft_error dp_neigh_del(
	struct dp *dp, struct dp_neigh *, const struct weft_ip *ip, uint16_t vlan);
// Removes the learned bindings for which keep() is false.
void dp_neigh_sweep(struct dp *dp, struct dp_neigh *,
	bool (*keep)(void *arg, const struct weft_ipc_neigh *), void *arg);
void dp_neigh_walk(
	const struct dp_neigh *, void (*fn)(void *arg, const struct weft_ipc_neigh *), void *arg);

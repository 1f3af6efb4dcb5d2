// SPDX-License-Identifier: Apache-2.0
#pragma once
// Remote VTEPs: where a tenant's frames may go, and come from.
//
// A next hop (per remote VTEP, from the agent's view of the kernel's routing) says through which
// uplink and to which MAC. A tenant's set of VTEPs, each with the outer header prebuilt from next
// hop, host settings and the tenant's identifier, is one block of memory that workers read through
// one pointer. Any change makes a new set: the tenants concerned are marked and rebuilt once, when
// the transaction ends. A VTEP without a usable next hop is in the set with the reason that its
// packets will be dropped for.
//
// A VTEP may have several next hops, equal paths over which flows are spread. Of these those count
// whose uplink has a link at this moment: losing one rebuilds the sets, without asking the agent.
// The remote that stands for such a VTEP has the shortest MTU and the longest header of its ways.

#include <weft/ipc.h>

#include "overlay/encap.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

struct dp;
struct dp_port;
struct dp_tenant;

struct dp_remote {
	// Two lines for packets whose way is known,
	struct overlay_template tmpl; // built if `drop` is none
	uint8_t drop;                 // enum weft_drop of what is sent there, or DP_REMOTE_OK
	uint8_t ways;                 // 0 or 1: this one
	uint8_t used; // of those that may be forgotten; atomic: not for their packets, but
		      // written seldom (dp_provider.h, dp_vtep_learn.h)
	struct dp_port *uplink;
	const uint8_t *down;         // BFD's mark (dp_bfd.h); NULL: no session
	const struct dp_remote *way; // of several equal ways; each is a whole one
	// and more for others.
	uint32_t max_len; // bytes of the outer frame from its IP header on
	struct weft_ip ip;
} __attribute__((aligned(64)));
#define DP_REMOTE_OK 0xffu
static_assert(offsetof(struct dp_remote, max_len) == 128, "two lines");
static_assert(WEFT_DROP_MAX < DP_REMOTE_OK, "not a drop reason");

// Of the hash table behind the remotes. An IPv4 VTEP is known by its slot alone.
struct dp_vtep_slot {
	uint32_t tag; // the IPv4 address (weft_be32), or the hash of an IPv6 one
	uint16_t at;  // its index + 1; 0: free
	bool v6;
};
static_assert(sizeof(struct dp_vtep_slot) == 8, "eight to a line");

#define DP_VTEPS_NEAR 8u

struct dp_vtep_set {
	unsigned n;
	unsigned mask; // of the hash table
	struct dp_vtep_slot *slot;
	const struct dp_remote *group;              // where broadcasts go instead; NULL: to each
	unsigned learned;                           // of these
	unsigned max_learned;                       // that there may be; 0: the tenant learns none
	_Alignas(16) weft_be32 near[DP_VTEPS_NEAR]; // IPv4 ones among the first, in this very line
	struct dp_remote remote[];
};
static_assert(offsetof(struct dp_vtep_set, remote) == 64, "one line before them");
#define DP_VTEPS_MAX WEFT_TENANT_VTEPS

struct dp_nexthop {
	struct weft_ipc_nexthop cfg;
	uint64_t wanted_ns; // when NEIGH_WANTED was last told
	uint64_t learned_ns;
	uint16_t learned_mtu;            // dp_pmtu.h; 0: nothing
	struct dp_nexthop *next, **prev; // of all; prev: what points to it
	struct dp_nexthop *same;         // in dp->nexthop_by_vtep
};

static inline uint32_t dp_ip_hash(const struct weft_ip *ip)
{
	uint64_t h = ip->q[0] ^ ip->q[1];

	// The last byte of an address is a word's highest, and a product never carries down.
	h = (h ^ h >> 32) * 0x9e3779b97f4a7c15ull;
	h = (h ^ h >> 29) * 0xff51afd7ed558ccdull;
	return (uint32_t)(h >> 32);
}

static inline bool dp_vtep_slot_is(const struct dp_vtep_set *set, const struct dp_vtep_slot *s,
	const struct weft_ip *ip, uint32_t hash)
{
	if (weft_ip_is_v4(ip))
		return s->tag == weft_ip_v4(ip) && !s->v6;
	return s->tag == hash && s->v6 && weft_ip_equal(&set->remote[s->at - 1].ip, ip);
}

// Any thread, inside a read-side section.
static inline const struct dp_remote *dp_vtep_find(
	const struct dp_vtep_set *set, const struct weft_ip *ip)
{
	uint32_t hash = dp_ip_hash(ip);

	for (uint32_t i = hash;; i++) {
		const struct dp_vtep_slot *s = &set->slot[i & set->mask];

		if (!s->at)
			return NULL;
		if (dp_vtep_slot_is(set, s, ip, hash))
			return &set->remote[s->at - 1];
	}
}

static inline bool dp_vtep_is_near(const struct dp_vtep_set *set, weft_be32 v4)
{
#if defined(__SSE2__)
	const __m128i *near = (const void *)set->near;
	__m128i is = _mm_set1_epi32((int)v4);

	is = _mm_or_si128(_mm_cmpeq_epi32(_mm_load_si128(near), is),
		_mm_cmpeq_epi32(_mm_load_si128(near + 1), is));
	return _mm_movemask_epi8(is);
#else
	for (unsigned i = 0; i < DP_VTEPS_NEAR; i++)
		if (set->near[i] == v4)
			return true;
	return false;
#endif
}

// Whether it is there. Of most that are it takes no look at the table.
static inline bool dp_vtep_has(const struct dp_vtep_set *set, const struct weft_ip *ip)
{
	// Never 0.0.0.0, which would be near wherever there is room: no such address is received
	// from.
	return (weft_ip_is_v4(ip) && weft_ip_v4(ip) && dp_vtep_is_near(set, weft_ip_v4(ip))) ||
	       dp_vtep_find(set, ip);
}

// The way of several that a flow takes, by its hash. Another function of it than the entropy in the
// outer header, which spreads the same flows further on.
static inline const struct dp_remote *dp_remote_way(const struct dp_remote *r, uint32_t hash)
{
	if (__builtin_expect(r->ways < 2, 1))
		return r;
	return &r->way[(uint64_t)(hash * 0x9e3779b1u) * r->ways >> 32];
}

// Something was sent there, or came from there.
static inline void dp_remote_used(const struct dp_remote *r)
{
	uint8_t *used = (uint8_t *)(uintptr_t)&r->used;

	if (!__atomic_load_n(used, __ATOMIC_RELAXED))
		__atomic_store_n(used, 1, __ATOMIC_RELAXED);
}

// ---- control thread

// A set of `n` remotes with room for `ways` more behind them, of which each `ip` is `ips[i]`,
// looked up by dp_vtep_find(); else zero. NULL: out of memory.
struct dp_vtep_set *dp_vtep_set_new(const struct weft_ip *ips, unsigned n, unsigned ways);
// What the tenant's list of VTEPs, the next hops and the host settings make, for one encapsulation.
// NULL: out of memory.
struct dp_vtep_set *dp_vtep_build(struct dp *dp, const struct dp_tenant *t, enum weft_encap encap);

// What a VXLAN tunnel by this next hop is whoever uses it; network, DSCP and ECN are the caller's
// to say.
struct overlay_tunnel dp_vtep_tunnel(const struct dp *dp, const struct weft_ipc_nexthop *h);

struct dp_nexthop *dp_nexthop_find(struct dp *dp, const struct weft_ip *vtep, uint16_t path);
// All paths to the VTEP, by ->same, and some to others among them. NULL: there is none.
struct dp_nexthop *dp_nexthop_chain(struct dp *dp, const struct weft_ip *vtep);
// Whether packets can go by it: resolved, and by an uplink that is there. `*up`: and has a link.
bool dp_nexthop_usable(struct dp *dp, const struct dp_nexthop *h, bool *up);
// Add or replace. WEFT_E_NO_MEMORY, WEFT_E_MALFORMED, WEFT_E_NO_PORT with `why`.
enum weft_error dp_nexthop_set(
	struct dp *dp, const struct weft_ipc_nexthop *cfg, char why[static 100]);
// The same without a look at what it says. WEFT_E_NO_MEMORY.
enum weft_error dp_nexthop_put(struct dp *dp, const struct weft_ipc_nexthop *cfg);
enum weft_error dp_nexthop_del(struct dp *dp, const struct weft_ip *vtep, uint16_t path);
// What decap takes as ours: the host's addresses and the tenants' groups. False: no memory.
bool dp_vtep_publish(struct dp *dp);
enum weft_error dp_host_set(struct dp *dp, const struct weft_ipc_host *cfg, char why[static 100]);

// SPDX-License-Identifier: Apache-2.0
#pragma once
// Provider's switches: one bridge for many networks, whose rules set tun_id and tun_dst themselves.
//
// To the flow tables the tunnels of such a switch are ordinary ports, WEFT_OFPORT_VXLAN and
// WEFT_OFPORT_NVGRE. What is different lies here, on both sides of them.
//
// In. Whose a packet from the underlay is, is asked of one function, dp_networks_owner(): the
// tenant that has the network, else the provider in whose ranges it lies, else nobody. Its source
// must be a VTEP of the provider's, or in one of the prefixes that it was given.
//
// Out. dp_provider_route() asks the same function about the tun_id that the rules set, and a packet
// that would go into a network of somebody else's is dropped. So neither can a provider reach a
// tenant nor a tenant's network reach the provider, by construction: an identifier has one owner at
// any moment. tun_dst is looked up among the switch's VTEPs, whose headers are prebuilt but for the
// network (overlay_encap_set_network()).
//
// A VTEP that is not among them but in a prefix is wanted: the packet is dropped (no-neighbour),
// the agent is told (VTEP_WANTED), at most DP_PROVIDER_WANTED a second and switch, and adds it with
// its next hops. A VTEP that nothing was sent to for the switch's age is told of as idle, and the
// agent takes it out. For that workers mark those that they send to: they read the mark always, and
// write it once an age.

#include "dp.h"
#include "tenants/dp_tenant.h"

#define DP_PROVIDER_WANTED 256u // VTEPs a second that the agent is told of
#define DP_PROVIDER_WANTED_BURST 512u

struct dp_provider {
	struct weft_ipc_provider *cfg; // RCU; never NULL
	struct dp_vtep_set *nvgre;     // RCU; never NULL. Those of VXLAN are the tenant's `vteps`.
	// the control thread's
	uint64_t round_ns; // the marks were looked at
	struct dp_bucket wanted;
};

struct dp_event;
struct dp_worker;
struct ft_packet;

// ---- any thread, inside a read-side section

// The front of the tenant that has the network, or dp->no_front; NULL: it is in no tenant's hands.
// What it leads to is not looked at.
static inline const struct ft_front *dp_networks_front(
	const struct dp *dp, enum weft_encap encap, uint32_t id)
{
	return dp_radix_get(encap == WEFT_ENCAP_VXLAN ? &dp->vxlan : &dp->nvgre, id);
}

// Whose network it is; NULL: nobody's here.
static inline struct dp_tenant *dp_networks_owner(
	const struct dp *dp, enum weft_encap encap, uint32_t id)
{
	const struct ft_front *front = dp_networks_front(dp, encap, id);
	const struct dp_ranges *ranges;

	if (__builtin_expect(front && front != &dp->no_front, 1))
		return front->ctx;
	ranges = __atomic_load_n(&dp->ranges[encap - 1], __ATOMIC_ACQUIRE);
	return front || !ranges ? NULL : dp_ranges_find(ranges, id);
}

// The port of its switch that packets of this encapsulation come in by.
static inline uint32_t dp_tenant_tunnel_port(const struct dp_tenant *t, enum weft_encap encap)
{
	if (__builtin_expect(!t->provider, 1))
		return WEFT_OFPORT_OVERLAY;
	return encap == WEFT_ENCAP_VXLAN ? WEFT_OFPORT_VXLAN : WEFT_OFPORT_NVGRE;
}

// Whether the VTEP lies in one of its prefixes.
bool dp_provider_takes(const struct dp_provider *p, const struct weft_ip *vtep);

// Where a packet that is output to the tunnel `ofport` goes: WEFT_DROP_MAX, or why nowhere.
enum weft_drop dp_provider_route(struct dp_worker *w, struct dp_tenant *t,
	const struct ft_packet *p, uint32_t ofport, const struct dp_remote **to, uint32_t *network);

// ---- control thread

struct dp_provider *dp_provider_new(void); // NULL: out of memory
void dp_provider_free(struct dp_provider *p);
// WEFT_E_MALFORMED with `why`, WEFT_E_NO_MEMORY; then all is as it was.
enum weft_error dp_provider_set(struct dp *dp, struct dp_tenant *t,
	const struct weft_ipc_provider *cfg, char why[static 100]);
// Who owns which ranges, again. False: no memory, and all is as it was.
bool dp_networks_publish(struct dp *dp);
// A tenant's network has come or gone: no way that a provider's packets went before holds.
void dp_networks_changed(struct dp *dp);
// The switch's VTEPs by NVGRE; VTEPs of both sets keep their marks. False: no memory.
bool dp_provider_rebuild(struct dp *dp, struct dp_tenant *t, struct dp_vtep_set *vxlan);
// Tells the agent what a worker wants, if that is still so.
void dp_provider_wanted(struct dp *dp, const struct dp_event *e);
// Once a second: VTEPs that nobody uses are told of.
void dp_provider_age(struct dp *dp);

// SPDX-License-Identifier: Apache-2.0
#pragma once
// What the underlay's paths turned out to carry.
//
// A worker that hears from a router that a packet of ours was too big (overlay/pmtu.h) tells the
// control thread, of one VTEP a hundred times a second at most: whoever forges such messages must
// not fill the ring by which addresses are learned, too. The control thread holds it against what
// it sends: to that VTEP, by that uplink, more than that. Then the path's MTU is what was heard,
// for as long as the host's path_mtu_age says (RFC 1191, 6.3: ten minutes); then the bigger packet
// is tried again. What the agent says of the path (the kernel's routes, interface and exceptions)
// holds beside it: the smaller of the two counts.

#include "edge/dp_vtep.h"

struct dp_worker;
struct rte_mbuf;

#define DP_PMTU_AGE_S 600u // if the agent says 0

// Worker: a frame for the host's kernel. Looks whether it is such a message; leaves the frame be.
void dp_pmtu_listen(struct dp_worker *w, const struct rte_mbuf *m);

// ---- control thread

void dp_pmtu_learn(struct dp *dp, const struct weft_ip *vtep, uint32_t mtu);
// Forgets what is too old.
void dp_pmtu_age(struct dp *dp);
// Of the path by this next hop: what is learned and what the agent said, the smaller; 0: neither.
uint32_t dp_pmtu_of(const struct dp_nexthop *h);

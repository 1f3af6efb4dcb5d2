// SPDX-License-Identifier: Apache-2.0
#pragma once
// LACP's timeout (IEEE 802.1AX, 6.4.2.3: LACP_Timeout): short, or long.
//
// Who asks for the short one is sent a LACPDU a second instead of every thirty, and takes a partner
// for gone after three seconds of silence instead of ninety. net_bond has no such setting: it looks
// at the timeout of its partner, but its own LACPDUs always ask for the long one. So the bit is set
// in them as they leave, by a callback on each transmit queue of each member; net_bond sends each
// LACPDU as a burst of its own, so the callback looks at bursts of one frame alone. And the time
// after which net_bond gives up is a setting (rte_eth_bond_8023ad_setup()). That its own state
// lacks the bit has one consequence: it takes each LACPDU of the partner's for a sign that the
// partner has not heard yet, and answers it.
//
// Both must not change at once under a partner that lives by the old agreement. Towards short, the
// partner is asked first, and the time is shortened when it must have heard it, even by the slowest
// schedule; towards long, the time comes first, and the bit goes when the timer was started anew.

#include "dp_options.h"

#include <rte_ethdev.h>

#include <stdbool.h>

struct dp_port;

#define DP_BOND_LACP_SHORT_MS 3000u
#define DP_BOND_LACP_LONG_MS 90000u
#define DP_BOND_LACP_QUEUES DP_MAX_WORKERS // of a member, at most

struct dp_bond_lacp {
	bool fast;          // wanted
	bool asks;          // atomic: LACPDUs ask for the short timeout
	uint64_t settle_ns; // the other half of a change is due; 0: it is done
};

// ---- control thread

// For a bond that has not been started.
int dp_bond_lacp_start(struct dp_port *p, bool fast);
// For one that runs.
void dp_bond_lacp_set(struct dp_port *p, bool fast);
// Now and then.
void dp_bond_lacp_watch(struct dp_port *p);

// The callbacks of one member, which has been put in; `cb` has room for DP_BOND_LACP_QUEUES.
void dp_bond_lacp_hook(
	struct dp_port *p, uint16_t member, const struct rte_eth_rxtx_callback *cb[]);
// While the member is in: net_bond takes its queues as it leaves, and DPDK removes no callback of a
// queue that is none, but calls it once the device, or the next one of its number, has queues
// again.
void dp_bond_lacp_unhook(uint16_t member, const struct rte_eth_rxtx_callback *cb[]);
// After that, when no worker is in them any more.
void dp_bond_lacp_forget(const struct rte_eth_rxtx_callback *cb[]);

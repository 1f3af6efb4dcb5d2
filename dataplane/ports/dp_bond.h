// SPDX-License-Identifier: Apache-2.0
#pragma once
// An uplink of several devices: LACP, active-backup, or a static aggregate, by DPDK's net_bond.
//
// To the rest of the data plane a bond is one uplink, of one device: net_bond's. Its members are
// devices of their own, opened like those of ports, that no worker polls: net_bond does. What is
// not overlay goes to and from the kernel by the uplink's TAP, which has the bond's MAC address,
// the first member's; the kernel's side of the members is muted (dp_mute.h).
//
// What net_bond does: it tells LACPDUs from packets and answers them, chooses the active member or
// the one of a flow's hash (addresses and UDP ports: the entropy of VXLAN), and drops what comes in
// by a member that may not collect. What it does not, is done here:
//
//   - A link that is lost. Its only way to hear of one is the driver, and the drivers of the
//     kernel's interfaces always say "up". So the control thread looks at the carriers every 10 ms;
//     a member that has lost it is taken out of the bond (rte_eth_bond_slave_remove()) and put in
//     again when it is back. PCI devices are net_bond's to watch.
//   - In mode lacp net_bond wants to be asked to send at least every 100 ms, be it nothing: a
//   worker
//     does so as it polls.
//   - LACP's timeout can be the short one (dp_bond_lacp.h).
//   - In mode active_backup nobody reads what the others than the active one receive. When one of
//     these becomes active, its queue would be full of old frames, of which many had come by the
//     former, too: so the worker reads and frees them. And the switch out there does not know that
//     the address has moved: the worker sends it a few RARP requests, which every switch learns by.
//
//   - Offloads (dp_offload.h). net_bond offers what all its members can and configures each for
//   what
//     is asked of the bond; it does not ask their drivers to prepare packets, nor tell them VXLAN's
//     UDP port. A member that comes later must be able to do what the others were asked for.
//
// A member's counters are its own; the uplink's are their sum, and those of members that have left.

#include "ports/dp_bond_lacp.h"
#include "ports/dp_bond_spec.h"
#include "ports/dp_mute.h"

struct dp;
struct dp_port;
struct dp_worker;

#define DP_BOND_NO_DEV UINT16_MAX
#define DP_BOND_ANNOUNCEMENTS 3u
#define DP_BOND_TURNS 64u // a worker tends the bond every so many turns of its loop

struct dp_bond_member {
	char name[WEFT_BOND_MEMBER_MAX + 1];
	struct dp_port *dev; // opened; of role DP_MEMBER
	unsigned ifindex;    // it was opened with; 0: PCI
	bool in;             // net_bond has it
	bool up;             // it had a link when that was looked at last
	uint32_t losses;     // of its link
	struct dp_mute mute;
	const struct rte_eth_rxtx_callback *lacp[DP_BOND_LACP_QUEUES];
};

struct dp_bond {
	enum weft_bond_mode mode;
	unsigned n;
	struct dp_bond_member *member[WEFT_BOND_MEMBERS];
	struct weft_port_stats gone; // of members that have left for good
	struct dp_bond_lacp lacp;
	// Workers'.
	uint16_t drain[WEFT_BOND_MEMBERS]; // atomic; DPDK's numbers of members, or DP_BOND_NO_DEV
	// Of the worker that polls queue 0.
	uint16_t active;
	unsigned announce; // so many more
};

// ---- control thread

// net_bond's device, by a name that begins with net_bonding. DPDK's number, or negative.
int dp_bond_create(const char *devname, const char *device);
// Opens the members and puts them in; nothing is started. What is there of it when it
// fails goes with dp_bond_close().
enum weft_error dp_bond_open(
	struct dp *dp, struct dp_port *p, uint16_t queues, char why[static 100]);
// After the device was configured and started.
void dp_bond_started(struct dp_port *p);
void dp_bond_close(struct dp_port *p);
// Other members, given as a `device`, of a bond that workers poll. On failure it has those that it
// had.
enum weft_error dp_bond_set_members(
	struct dp *dp, struct dp_port *p, const char *device, char why[static 100]);
// Looks at the members' links, and takes members out or puts them in.
void dp_bond_watch(struct dp *dp, struct dp_port *p);
// Can anything be sent by it?
bool dp_bond_link(const struct dp_port *p);
uint32_t dp_bond_mtu(const struct dp_port *p);
// Of one frame, that each member takes.
uint16_t dp_bond_tx_segments(const struct dp_port *p);
void dp_bond_stats(const struct dp_port *p, struct weft_port_stats *s);
void dp_bond_walk(
	const struct dp *dp, void (*fn)(void *arg, const struct weft_ipc_bond *), void *arg);

// ---- workers

// By the worker that polls this queue of the bond, every now and then.
void dp_bond_tend(struct dp_worker *w, struct dp_port *p, uint16_t queue);

// SPDX-License-Identifier: Apache-2.0
#pragma once
// Ports: DPDK devices that come and go while workers forward.
//
// A port is one of three. A local port belongs to a tenant's switch and has an OpenFlow number
// there. An uplink (ofport 0) belongs to the host and carries encapsulated frames. A kernel port is
// the TAP that an uplink gets if the kernel would not see its frames otherwise: frames that are not
// overlay pass between the two unchanged, and the kernel goes on owning the VTEP's address. (Of
// what an AF_PACKET interface receives the kernel has its own copy, so there is no such port; see
// kernel_guard.h.)
//
// Life: opened and started by the control thread, then published: in the workers' poll lists and,
// for local ports, in the tenant's port map. Removing goes the other way: unpublish, wait a grace
// period so that no worker polls it or holds it, wait another for frames in rings, then stop and
// close the device. Whoever may still hold a pointer in between is a worker in its current loop, to
// whom the device is still open. Of an uplink thousands of tenants may have to be told, some in
// each turn of the control loop: a worker that is led there before they were finds a shell
// (dp_port_shell.h).
//
// TAPs, interfaces of the kernel and vhost-user sockets are devices of our own (dp_kdev.h,
// dp_vhost.h), of which a host may have DP_PORT_LIVE_MAX. The other kinds are DPDK's, and Debian's
// DPDK is built for RTE_MAX_ETHPORTS = 32 of them; one more is refused.

#include <weft/ipc.h>

#include "ports/dp_port_shell.h"

#include <rte_ethdev.h>

struct dp;
struct dp_bond;
struct dp_tenant;

enum dp_role {
	DP_LOCAL,
	DP_UPLINK,
	DP_KERNEL,
	DP_MEMBER, // of a bond: in no list, polled by no worker (dp_bond.h)
};

#define DP_PORT_LIVE_MAX 1024u
#define DP_PORT_INDEXES (DP_PORT_LIVE_MAX + DP_SHELLS_MAX)
#define DP_NO_DEV UINT16_MAX

struct dp_port {
	// What workers read. Written before publication, but for `config` and `mtu`.
	uint32_t ofport;
	uint32_t config;          // WEFT_PORT_*; atomic
	struct dp_tenant *tenant; // "nobody" for uplink and kernel ports
	struct dp_port *peer;     // uplink and its kernel port; NULL: none
	struct dp_bond *bond;     // NULL: one device; atomic, as `io`
	// How frames come and go, in DPDK's terms: rte_eth_fp_ops[dev], or one's own. Atomic, for
	// an interface may be made again (dp_port_poll_devices()), or closed (dp_port_shell.h); a
	// burst loads it once.
	const struct rte_eth_fp_ops *io;
	uint16_t index; // in workers' tables; a bond's member has none
	uint16_t dev;   // DPDK's port number, or DP_NO_DEV; as `io`
	uint16_t n_rxq;
	uint16_t n_txq;        // that take frames now; atomic: a machine behind vhost may use fewer
	uint16_t first_worker; // has receive queue 0; queue q is worker first + q's
	uint8_t role;          // enum dp_role
	bool kernel_copy;      // the kernel has its own copy of what comes in
	bool raw_csum;         // frames from local senders may bear unfinished checksums
	bool one_segment;      // the device sends frames in one segment alone
	uint32_t mtu;          // IP bytes; atomic
	uint16_t offloads;     // WEFT_OFFLOAD_* that the device does
	uint16_t tx_segments;  // of one frame, that it takes; 0: any number
	struct dp_storm *storm; // limits on what comes in; NULL: never had any

	struct weft_mac mac;
	// The control thread's own.
	struct weft_ipc_port cfg;
	uint64_t tx_offloads; // RTE_ETH_TX_OFFLOAD_* that it was configured with
	uint64_t rx_offloads; // RTE_ETH_RX_OFFLOAD_*, the same
	char devname[64];     // of the vdev or PCI device
	struct dp_kdev *kdev; // NULL: the device is DPDK's; atomic, as `io`
	struct dp_vhost *vhost;
	struct dp_null *null;
	unsigned ifindex; // of the interface that a device of DPDK's is bound to; 0: none
	struct weft_port_stats gone; // of devices that were in this one's place
	bool link_up;
	bool untold;          // the agent, that it has changed
	struct dp_undo *note; // of a transaction that has hidden it; NULL: none
	bool hidden; // removed, but its transaction may yet be undone; atomic: workers look, too
	bool leaves; // a shell that nobody leads to any more
	uint64_t hidden_at; // dp->fresh, of an uplink
	uint64_t waits;     // dp->ports.waits when it was hidden
	uint64_t born_ns;
	struct dp_port *next;
};

struct dp_ports {
	struct dp_port *head;
	unsigned made; // vdev names are never used again
	struct dp_port *shells;
	unsigned n_shells;
	uint64_t waits; // so often two grace periods were waited for
};

static inline uint32_t dp_port_config(const struct dp_port *p)
{
	return __atomic_load_n(&p->config, __ATOMIC_RELAXED);
}

static inline uint32_t dp_port_mtu(const struct dp_port *p)
{
	return __atomic_load_n(&p->mtu, __ATOMIC_RELAXED);
}

// As rte_eth_rx_burst() and rte_eth_tx_burst(), of a port that is open.
static inline uint16_t dp_port_rx(
	const struct dp_port *p, uint16_t queue, struct rte_mbuf **m, uint16_t n)
{
	const struct rte_eth_fp_ops *io = __atomic_load_n(&p->io, __ATOMIC_RELAXED);

	return io->rx_pkt_burst(io->rxq.data[queue], m, n);
}

static inline uint16_t dp_port_tx(
	const struct dp_port *p, uint16_t queue, struct rte_mbuf **m, uint16_t n)
{
	const struct rte_eth_fp_ops *io = __atomic_load_n(&p->io, __ATOMIC_RELAXED);

	return io->tx_pkt_burst(io->txq.data[queue], m, n);
}

static inline struct dp_kdev *dp_port_kdev(const struct dp_port *p)
{
	return __atomic_load_n(&p->kdev, __ATOMIC_RELAXED);
}

// dp_bond.h
uint16_t dp_bond_prepare(const struct dp_bond *b, uint16_t queue, struct rte_mbuf **m, uint16_t n);

// As rte_eth_tx_prepare().
static inline uint16_t dp_port_prepare(
	const struct dp_port *p, uint16_t queue, struct rte_mbuf **m, uint16_t n)
{
	const struct dp_bond *bond = __atomic_load_n(&p->bond, __ATOMIC_RELAXED);
	const struct rte_eth_fp_ops *io = __atomic_load_n(&p->io, __ATOMIC_RELAXED);

	if (bond)
		return dp_bond_prepare(bond, queue, m, n);
	return io->tx_pkt_prepare ? io->tx_pkt_prepare(io->txq.data[queue], m, n) : n;
}

// All on the control thread. `why` (at least 100 bytes) says what went wrong, for people.
enum weft_error dp_port_add(struct dp *dp, const struct weft_ipc_port *cfg,
	struct dp_tenant *tenant, char why[static 100], struct dp_port **out);
// Unpublishes, waits, closes, frees. Its kernel port goes too.
void dp_port_del(struct dp *dp, struct dp_port *p);
// The same of one that was hidden for two grace periods and that no worker polls, or ever did.
// Where tenants' ways may have led to it when these began, and dp->fresh was `then`, its shell
// stays.
void dp_port_close(struct dp *dp, struct dp_port *p, uint64_t then);
// Takes the port out of, or back into, what workers and dumps see, leaving the device open.
void dp_port_hide(struct dp *dp, struct dp_port *p, bool hidden);
// Limits that may change at any time.
enum weft_error dp_port_set_limits(
	struct dp *dp, struct dp_port *p, const struct weft_port_limits *limits);
// Whether dp_port_mod() would do it.
enum weft_error dp_port_mod_check(const struct dp_port *p, const struct weft_ipc_port_mod *mod);
enum weft_error dp_port_mod(struct dp *dp, struct dp_port *p, const struct weft_ipc_port_mod *mod);
struct dp_port *dp_port_find(struct dp *dp, weft_port_id id);
struct dp_port *dp_port_find_ofport(struct dp *dp, const struct dp_tenant *t, uint32_t ofport);
// Other members of a bond. On failure nothing is changed.
enum weft_error dp_port_set_members(
	struct dp *dp, struct dp_port *p, const char *device, char why[static 100]);
// One is hidden (about to go) and has the same device, or another thing that is there but once, or
// the last place.
struct dp_port *dp_port_find_hidden_device(struct dp *dp, const struct weft_ipc_port *cfg);
void dp_port_status(struct dp *dp, const struct dp_port *p, struct weft_ipc_port_status *out);
// Looks at every link, or at those of uplinks alone; calls dp_event_port_status() for those that
// changed. When an uplink's has, what is sent by it goes another way, if there is one.
void dp_port_poll_links(struct dp *dp, bool uplinks_only);
// Once a second: interfaces that were deleted, and made again by the same name, are opened anew.
void dp_port_poll_devices(struct dp *dp);
// Once a second: uplinks whose interfaces have got another MTU, of which nobody else tells.
void dp_port_poll_mtus(struct dp *dp);
void dp_port_close_all(struct dp *dp);

// SPDX-License-Identifier: Apache-2.0
#pragma once
// BFD with the remote VTEPs: is the path to each alive? (overlay/bfd.h is the protocol.)
//
// Who. One session for each VTEP that some tenant has, while the host's settings ask for BFD. The
// sessions belong to worker 0: it sends, and it judges what comes in. Not the control thread, which
// may be opening a device or writing a dump for longer than the 30 ms after which a session at 10
// ms x 3 is down; and not a thread of its own, for it would compete with the workers for the CPUs
// that these poll. A worker's loop is short, whatever the load. If the worker itself was not
// scheduled for a while, the sessions are told so (overlay_bfd_excuse()): queues hold what the
// peers sent meanwhile.
//
// A session that nobody wants any more, or whose data plane ends, tells its peer AdminDown, so that
// it is not taken for a failure (RFC 5880, 6.8.16): it is in the table a while longer, leaving.
//
// How. A table of links, a session each with all that a packet needs, is built by the control
// thread and published whole, like a tenant's set of VTEPs. Sessions live longer than tables: a
// next hop that changes does not take the session down. Control packets that another worker
// receives come to worker 0 through a ring.
//
// What follows. A session that was up and is not any more marks its VTEP down; workers read the
// mark where they encapsulate: packets for it are dropped (vtep-down), head-end replication passes
// it by, and fast failover takes the next bucket, all without waiting for anybody. A VTEP whose
// session never came up is not down: it may not speak BFD. Nor is one that says that it was taken
// down by its operator (RFC 5882, 4.2). The control thread hears of it by counts of changes, which
// it compares with those that it has heeded: no change can be lost, as a message in a full ring
// would be. It lets groups choose anew, and tells the agent; when all VTEPs of a tenant are down,
// so is the overlay port.

#include "edge/dp_vtep.h"

#include "overlay/bfd_datagram.h"
#include "overlay/decap.h"

#include <rte_ring.h>

struct dp_worker;
struct rte_mbuf;

#define DP_BFD_MAX 1024u // sessions
#define DP_BFD_RING 4096u
#define DP_BFD_GAP_NS 2000000u // worker 0 away for longer: nobody listened
#define DP_BFD_LEAVE_NS                                                                            \
	3000000000u         // AdminDown is told for so long, once a second (RFC 5880, 6.8.3)
#define DP_BFD_FAREWELLS 3u // where there is no time for that: so many at once

struct dp_bfd_session {
	struct overlay_bfd m; // worker 0's; others read
	struct weft_ip remote;
	uint32_t discr;
	uint16_t src_port;
	uint8_t down;     // atomic: the VTEP is
	uint8_t state;    // atomic: the machine's, as of the latest change
	uint32_t changes; // atomic: how often the state has changed
	// The control thread's.
	uint32_t heeded; // of these changes
	bool wanted;
	bool over;         // it goes with the next table
	uint64_t leave_ns; // since when it has been leaving; 0: it stays
	struct dp_bfd_session *next;
};

struct dp_bfd_link {
	struct dp_bfd_session *s;
	struct dp_port *uplink; // atomic; NULL: no way there now
	bool leaving;
	struct weft_ip local;
	uint8_t eth_len;
	uint8_t eth[18];
	struct overlay_template tunnel; // inside VXLAN
};

struct dp_bfd_table {
	enum weft_bfd_mode mode;
	uint32_t vni;
	struct overlay_bfd_settings settings;
	unsigned n;
	unsigned mask;
	uint16_t *slot; // by address; index + 1; 0: free
	struct dp_bfd_link link[];
};

struct dp_bfd {
	struct dp_bfd_table *table;      // RCU; NULL: no BFD
	struct rte_ring *received;       // to worker 0, struct dp_bfd_received
	struct dp_bfd_session *sessions; // the control thread's
	uint32_t next_discr;
	bool stale;      // VTEPs have come or gone
	uint32_t heeded; // of the changes below
	// worker 0's
	const struct dp_bfd_table *adopted;
	uint64_t last_ns;
	uint64_t next_ns;
	uint32_t changes; // atomic: how often some session's state has changed
};

// ---- workers

// Worker 0's part, once a loop. Nothing at all where there is no BFD.
void dp_bfd_run(struct dp_worker *w, const struct dp_bfd_table *t);
// Worker 0, as its last: AdminDown to all peers. Waits some milliseconds.
void dp_bfd_farewell(struct dp_worker *w);
// An uplink's packet that is not overlay, or in a network that no tenant has. True: it was a
// control packet of a session, is entered as consumed, and freed.
bool dp_bfd_take_plain(struct dp_worker *w, struct rte_mbuf *m);
bool dp_bfd_take_inner(struct dp_worker *w, struct rte_mbuf *m, const struct overlay_rx *rx);

static inline bool dp_vtep_is_down(const struct dp_remote *r)
{
	return r->down && __atomic_load_n(r->down, __ATOMIC_RELAXED);
}

// ---- control thread

// Sessions and links again, from settings, VTEPs and next hops. With no memory all stays as it was.
void dp_bfd_refresh(struct dp *dp);
// Once a second: what had no memory is tried again, what the agent could not be told as well;
// sessions that have left are freed.
void dp_bfd_poll(struct dp *dp);
void dp_bfd_free(struct dp *dp); // no readers left
// A table of the `n` sessions that are not over; they only say `farewell`, in the old one's form.
// NULL: no memory. dp_bfd_table.c
struct dp_bfd_table *dp_bfd_build(
	struct dp *dp, const struct dp_bfd_table *old, unsigned n, bool farewell);
// Takes ports that are gone out of a table that stays.
void dp_bfd_strike(const struct dp *dp, struct dp_bfd_table *t);
// NULL: no session. Its mark lives as long as a set of VTEPs may point to it.
const uint8_t *dp_bfd_down_mark(const struct dp *dp, const struct weft_ip *vtep);
enum weft_error dp_bfd_check(const struct weft_bfd_settings *, char why[static 100]);
// Acts on what has changed since it was called last. Cheap if nothing has.
void dp_bfd_heed(struct dp *dp);
// Whether the tenant's overlay has a VTEP that is not down (or none at all).
bool dp_bfd_overlay_live(const struct dp *dp, const struct dp_tenant *t);
void dp_bfd_walk(
	const struct dp *dp, void (*fn)(void *arg, const struct weft_ipc_bfd *), void *arg);

// SPDX-License-Identifier: Apache-2.0
#pragma once
// A worker: one thread that takes bursts from its receive queues and carries each packet to its
// end.
//
//	dp_worker.c   the loop: receive, rings, flush, quiescent state, idle sleep
//	dp_held.c     what is left of a burst when its turn has no more time
//	dp_rx.c       a burst from a port, one stage at a time, up to the tables
//	dp_uplink.c   the same for an uplink's: out of the tunnel, and whose?
//	dp_admit.c    and may it come in?
//	dp_big.c      a machine's big segments, where they may not have to be cut
//	dp_haul.c     the same to and from interfaces of the kernel's
//	dp_path.c     packets whose way is known from the flow cache, without the tables
//	dp_sink.c     what flow tables decided: to a port, the overlay, the controller, or nowhere
//	dp_encap.c    frames for the overlay, collected and encapsulated as a burst
//	dp_tx.c       sending, port by port, and the rings to the worker that owns a device's queue
//
// In the loop nothing locks, allocates memory other than packet buffers, calls the kernel (save for
// the idle sleep and what a PMD must), or writes to a line that another thread writes.

#include "dp.h"
#include "dp_clock.h"
#include "tenants/dp_drop.h"
#include "tenants/dp_learn.h"
#include "dp_mbuf.h"
#include "dp_pace.h"
#include "dp_poll.h"
#include "tenants/dp_tenant.h"

#include "flowtable/cache/ahead.h"
#include "flowtable/cache/cache.h"

#include <rte_ring.h>

// At most: what a kernel gave as one stays together, and loads of many packets overlap.
#define DP_RX_BURST 64u
// Of a device of DPDK's in a turn in which many packets may go the full way: after the worker was
// away; after rules have changed, or more than DP_LEARNED_MANY packets of the turn before had to be
// learned; and in each turn of a storm of changes.
#define DP_RX_BURST_LATE 8u
#define DP_RX_BURST_CHANGED 16u
#define DP_RX_BURST_CHANGING 32u
#define DP_LEARNED_MANY 8u

#define DP_FOLD_STEPS 4u // of telling the counters, a turn (ft_cache_fold())
#define DP_LATE_TURNS 4u // of which one tells some, whatever it had to do

#define DP_HELD 4u // bursts of which a part waits for a later turn (dp_held.h)
#define DP_HELD_BUFFERS (2 * DP_RX_BURST) // of a burst's
#define DP_HELD_TURNS 8u // in which nothing keeps a quiescent state from coming but that

#define DP_TX_BURST 64u // that a device is given at once
#define DP_TX_LIST 256u
#define DP_GATHER_NS 8000u
#define DP_CLONES 512u  // packets that groups may copy at once
#define DP_COPIES 4096u // of one packet received, all floods, groups and VTEPs together
#define DP_INBOX_SIZE 2048u
#define DP_PUNTS_SIZE 1024u
#define DP_EVENTS_SIZE 1024u
#define DP_LEARN_RATE 10000u // addresses a second that a worker tells for one tenant
#define DP_LEARN_BURST 128u  // of the ring, which others share
#define DP_PACKET_OUTS_SIZE 4096u

static_assert(DP_COPIES >= DP_VTEPS_MAX, "a tenant's broadcast reaches all of its VTEPs");

// A worker tells the control thread. Lossy: what does not fit the ring is not told.
struct dp_event {
	uint32_t type; // WEFT_IPC_FDB_ADD, _NEIGH_ADD: learned; _NEIGH_WANTED; _VTEP_WANTED;
		       // _DUMP_LISTENERS
	uint32_t tenant;
	struct weft_ip ip;
	struct weft_mac mac;
	uint16_t vlan;
	uint32_t ofport;
	uint32_t flags;      // WEFT_NEIGH_*, or enum dp_snoop_what
	struct weft_ip vtep; // of a listener
};
static_assert(sizeof(struct dp_event) % 4 == 0, "an element of an rte_ring");

struct dp_packet_out {
	struct dp_tenant *tenant;
	struct rte_mbuf *frame;
	uint32_t in_port;
	uint32_t actions_len;
	uint32_t continuation_len; // 0: a packet-out, else a packet that goes on
	uint32_t pad;
	uint64_t tail[]; // actions, continuation
};

// What a burst sends, in the order in which it comes to be, by whatever ports.
struct dp_tx_list {
	unsigned n;
	bool spread; // what was sent last went to many ports, a frame or two to each
	bool mine;   // whoever else these queues belong to by now: what came by the inbox
	struct rte_mbuf *frame[DP_TX_LIST];
	struct dp_tenant *tenant[DP_TX_LIST]; // in whose ledger the frames stand
	struct dp_port *port[DP_TX_LIST];
	uint16_t met[DP_PORT_INDEXES]; // of dp_tx_flush(), which leaves it zero
};

// A burst that is about to enter the tables: packet i is at[i], in m[i], of tenant[i].
struct dp_arrivals {
	unsigned n;
	uint64_t waits; // bit: dp_admit.h; 0 but for what comes from an uplink
	struct ft_arrival at[DP_RX_BURST];
	struct rte_mbuf *m[DP_RX_BURST];
	struct dp_tenant *tenant[DP_RX_BURST];
	struct ft_tunnel tunnel[DP_RX_BURST];
};

// What is left of a burst of this queue.
struct dp_held_burst {
	struct dp_port *port;
	uint16_t queue;
	bool asked; // its packets whether they may come in, at decapsulation
	struct dp_arrivals in;
};

struct dp_held {
	unsigned first, n;    // bursts, the oldest first
	unsigned put_off;     // turns in which a quiescent state could not come for that
	struct dp_port *port; // what is received now comes by it, and may be held; NULL: may not
	uint16_t queue;
	struct dp_held_burst burst[DP_HELD];
};

// What dp_sink.c tells the flow cache of an output: where a path leads.
enum dp_path_to {
	DP_PATH_PORT,    // target: struct dp_port
	DP_PATH_OVERLAY, // target: struct dp_remote
};

struct dp_encap_queue {
	unsigned n;
	struct dp_tenant *tenant[OVERLAY_BURST_MAX];
	const struct dp_remote *remote[OVERLAY_BURST_MAX];
	struct weft_packet pkt[OVERLAY_BURST_MAX];
	struct dp_cause cause[OVERLAY_BURST_MAX];
};

struct dp_sink {
	struct ft_sink ft; // first: a struct ft_sink * is a struct dp_sink *
	struct dp_worker *worker;
	struct dp_tenant *tenant;
};

// As struct weft_ipc_worker. Written by the worker, read by the control thread.
struct dp_worker_stats {
	uint64_t packets;
	uint64_t bursts;
	uint64_t busy_cycles;
	uint64_t idle_cycles;
	uint32_t thread;
	uint64_t longest_cycles;       // of a busy turn; zeroed by whoever reads it
	uint64_t over_10us, over_50us; // busy turns that took longer
	uint64_t cache_hits;
	uint64_t cache_misses;
	uint64_t cache_inserts;
};

struct dp_worker {
	struct dp *dp;
	unsigned id;
	uint16_t ip_id;
	uint64_t cycles_10us; // so many of the time stamp counter
	unsigned turn;        // of the loop
	bool idle;            // the latest turn received nothing
	uint8_t burst;        // of a device of DPDK's, in the next turn
	bool changing;        // rules have changed between the two latest turns
	uint64_t changes;     // ft_commons_changes()
	unsigned learned;     // from packets of this turn that went the full way
	uint64_t answered;    // dp_rcu_asked()
	uint64_t now_ns;
	struct dp_clock clock;
	struct dp_pace pace;
	unsigned late;                // turns in which there was no time to tell the counters
	struct dp_poll_list *polls;   // RCU; dp_poll.h
	struct dp_reasm *reasm;       // RCU; NULL: outer fragments are dropped
	struct rte_ring *inbox;       // frames, for devices whose tx queue is ours
	struct rte_ring *packet_outs; // from the control thread
	struct rte_ring *punts;       // to it
	struct rte_ring *events;      // to it
	struct rte_ring *rules;       // to it: dp_learn.h
	struct dp_worker_stats stats;
	struct dp_sink sink;
	struct dp_drops drops;
	uint64_t neigh_told_ns[64];           // by hash of the VTEP: when last told
	uint64_t vtep_told_ns[64];            // the same: who forges VTEPs delays no next hop
	uint64_t pmtu_told_ns[64];            // the same: dp_pmtu.h
	uint64_t port_drops[DP_PORT_INDEXES]; // not taken by the device
	uint64_t rx_drops[DP_PORT_INDEXES];   // refused before the tables

	struct dp_tx_list tx;
	struct dp_encap_queue encap;
	struct ft_cache *cache; // NULL: every packet goes the full way
	struct ft_ahead ahead;
	struct dp_arrivals in;
	struct ft_packet rx[FT_BURST];
	uint16_t copies[FT_BURST];    // made of each so far
	uint16_t clone_of[DP_CLONES]; // index in rx
	struct ft_packet *clone_free[DP_CLONES];
	unsigned n_clone_free;
	struct ft_packet clones[DP_CLONES];
	struct dp_held held;
};

static inline struct dp_counters *dp_counters(struct dp_worker *w, struct dp_tenant *t)
{
	return &t->counters[w->id];
}

static inline void dp_worker_drop(struct dp_worker *w, struct dp_tenant *t, struct rte_mbuf *m,
	enum weft_drop reason, const struct dp_cause *cause)
{
	dp_drop(&w->drops, t, m, reason, cause);
}

// ---- worker's thread

int dp_worker_main(void *worker); // until dp->stop
// A turn of its loop, which `began` then by the time stamp counter, all but what the loop does by
// the clock. Returns how much there was to do; 0: nothing.
unsigned dp_worker_once(struct dp_worker *w, uint64_t began, unsigned *packets);
// The latest turn took over half a millisecond: the machine had the core. In ten a controller
// changes ten thousand rules, and what the worker knew of all that is far away or of no use: who
// comes next goes the full way, through tables that another core has written. A whole burst of
// these would make it late once more, so it begins with a part of one, and doubles that from turn
// to turn.
static inline void dp_worker_was_away(struct dp_worker *w)
{
	w->burst = DP_RX_BURST_LATE;
	dp_pace_forget(&w->pace);
}
// Rules have changed: who comes next may have to go the full way, all of a burst. In a storm that
// is so in each turn, and bursts are of half the length all the time.
static inline void dp_worker_met_change(struct dp_worker *w, bool again)
{
	w->burst = RTE_MIN(w->burst, again ? DP_RX_BURST_CHANGING : DP_RX_BURST_CHANGED);
	dp_pace_forget(&w->pace);
}
// Frames of a queue, each to its end; how many. `tend`: the port's bond, too. A burst for many
// ports has a frame or two for each, and a driver's call costs more than such a frame: so while the
// queue has more, some bursts are sent together, for DP_GATHER_NS from the first one and one burst
// at most.
unsigned dp_worker_receive(struct dp_worker *w, struct dp_port *port, uint16_t queue, bool tend);
void dp_rx_burst(struct dp_worker *w, struct dp_port *port, struct rte_mbuf *m[], unsigned n);
void dp_rx_uplink(struct dp_worker *w, struct dp_port *port, struct rte_mbuf *m[], unsigned n);
// Drops what cannot be handled, and makes the headers contiguous. Returns how many are left in m[].
unsigned dp_rx_sound(struct dp_worker *w, struct dp_port *port, struct rte_mbuf *m[], unsigned n);
// Drops a frame that the port brought, which is in t's ledger.
void dp_rx_refuse(struct dp_worker *w, struct dp_port *port, struct dp_tenant *t,
	struct rte_mbuf *m, enum weft_drop reason);
// All of w->in, which is not empty: those whose way is known first, the others through the tables
// of their tenants.
void dp_rx_enter(struct dp_worker *w);
// The same of what was held. `asked`: dp_held.h
void dp_rx_enter_held(struct dp_worker *w, bool asked);
void dp_rx_packet_out(struct dp_worker *w, struct dp_packet_out *po);
// Packet i's place before the tables, from what w->in says of it.
void dp_rx_fill(struct dp_worker *w, struct ft_packet *p, unsigned i);
// Sends those of w->in that have a path[] on it. Returns a bit for each of the others, which have
// to go through the tables.
uint64_t dp_path_go(struct dp_worker *w, const struct ft_path *const path[]);
// So many packets went this path: their tenant's ledger is told. Of w->cache (ft_cache_tell()).
void dp_path_told(void *worker, const struct ft_path *path, uint64_t packets, uint64_t used_ns);
// The path's copies and edits, of packet i of w->in, which is what is left to go where the path
// ends. False: it has ended, by a meter.
bool dp_path_steps(struct dp_worker *w, const struct ft_path *path, unsigned i);
// Frames of a machine's, each whole, into its tenant's switch.
void dp_rx_frames(struct dp_worker *w, struct dp_port *port, struct rte_mbuf *m[], unsigned n);
void dp_sink_init(struct dp_worker *w);
void dp_tx_flush(struct dp_worker *w);
// `m` goes to `port`, in `t`'s ledger, at dp_tx_flush(). Takes the buffer.
static inline void dp_tx(
	struct dp_worker *w, struct dp_tenant *t, struct rte_mbuf *m, struct dp_port *port)
{
	struct dp_tx_list *l = &w->tx;

	if (__builtin_expect(l->n == DP_TX_LIST, 0))
		dp_tx_flush(w);
	l->frame[l->n] = m;
	l->tenant[l->n] = t;
	l->port[l->n++] = port;
}
// Behind what waits for the port, whose queue must be this worker's; the ledger is the caller's.
// Returns how many the device took.
uint16_t dp_tx_at_once(struct dp_worker *w, struct dp_port *port, struct rte_mbuf *m[], uint16_t n);
void dp_tx_inbox(struct dp_worker *w);
// The frame to one of the tenant's VTEPs. Takes the buffer; sent at dp_encap_flush().
// False: dropped.
bool dp_encap_push(struct dp_worker *w, struct dp_tenant *t, const struct dp_remote *remote,
	const struct weft_packet *p, const struct dp_cause *cause);
void dp_encap_flush(struct dp_worker *w);
// Asks the control thread for the VTEP, not too often: WEFT_IPC_NEIGH_WANTED or _VTEP_WANTED.
void dp_encap_want(
	struct dp_worker *w, const struct dp_tenant *t, const struct weft_ip *ip, uint32_t what);
// Room of `len` bytes before the frame for an outer header, whatever rules have pushed. False: no
// buffer.
bool dp_encap_make_room(struct dp_worker *w, struct weft_packet *p, unsigned len);

// ---- control thread

// NULL: out of memory.
struct dp_worker *dp_worker_new(struct dp *dp, unsigned id);
void dp_worker_free(struct dp_worker *w);
// Now and then: memory that workers are about to touch for the first time.
void dp_workers_prepare(struct dp *dp);
// Spreads the receive queues of all visible ports over the workers. False: out of memory, nothing
// is changed.
bool dp_workers_spread(struct dp *dp);
// Hands a packet-out to worker 0, who frees the frame; `po` is retired. False: ring full, all is
// still the caller's.
bool dp_worker_packet_out(struct dp *dp, struct dp_packet_out *po);

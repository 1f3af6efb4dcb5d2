// SPDX-License-Identifier: Apache-2.0
#pragma once
// Tenants: a switch, its ports, its VTEPs, its counters.
//
// Workers reach a tenant from a port or from the map of network identifiers, and read of it what is
// said below. The control thread owns the rest. A removed tenant is first unpublished, then freed
// after two grace periods (frames in rings point to it); what its ledger says then goes to
// "nobody".
//
// "Nobody" is tenant 0: no switch, no ports. It stands in the ledger for packets of no tenant.

#include "tenants/dp_bucket.h"
#include "tenants/dp_ledger.h"
#include "tenants/dp_neigh.h"
#include "ports/dp_port.h"
#include "ports/dp_portmap.h"
#include "tenants/dp_punt_limit.h"
#include "tenants/dp_snoop.h"
#include "edge/dp_vtep.h"
#include "edge/dp_vtep_users.h"

#include "flowtable/flowtable.h"

#include <sys/queue.h>

struct dp;
struct dp_port;
struct dp_provider;

// What the front of a tenant's switch says of the tenant (flowtable/cache/front.h).
#define DP_FRONT_LISTED 1u  // its VTEPs are, and that is all: dp_admit_can_wait()
#define DP_FRONT_UNIFORM 2u // dscp_uniform

struct dp_tenant {
	// What workers read of it for each packet, in one line,
	struct ft_switch *sw;
	struct dp_vtep_set *vteps;    // RCU
	struct dp_counters *counters; // one a thread; behind the tenant
	struct dp_portmap *ports;     // RCU
	struct dp_provider *provider; // NULL: an ordinary tenant; never changes
	uint32_t sw_number;           // ft_switch_number()
	uint32_t id;
	uint32_t flags;    // WEFT_TENANT_*; atomic
	uint32_t mtu;      // atomic; 0: no limit
	uint32_t network;  // VNI or VSID
	bool dscp_uniform; // atomic
	uint8_t too_big;   // enum weft_too_big; atomic
	// and for some.
	uint32_t punt_rate;          // atomic
	uint32_t punt_burst;         // atomic
	struct dp_neigh *neighs;     // bindings; never NULL
	struct dp_snoop *snoop;      // listeners of multicast; never NULL
	struct dp_snoop_own *snoops; // one a thread
	struct dp_punt_limit *punts; // packet-ins, one a thread
	struct dp_bucket *learns;    // of learned addresses, one a thread
	struct dp_bucket *tells;     // of ICMP messages, one a thread
	struct dp_bucket *rules;     // of rules that packets ask for, one a thread
	// The control thread's own.
	struct dp *dp;
	struct weft_ipc_tenant cfg;
	const struct dp_portmap *snoop_ports; // the ports that were asked last (dp_snoop.h)
	struct weft_ip *vtep_list; // first those of the configuration, then those learned
	unsigned n_fixed;          // of the former
	unsigned n_vteps;          // of both
	unsigned vtep_room;
	struct dp_vtep_user **vtep_user; // of the same place in the list
	struct dp_vtep_user group_user;  // of cfg.group; no tenant: there is none
	struct dp_bucket vteps_wanted;   // dp_vtep_learn.h
	uint64_t vteps_round_ns;         // the marks of those learned were looked at
	bool stale;                      // its VTEP set must be rebuilt: it is in dp->tenants_stale
	bool awaited;                    // and somebody waits for that
	bool unfinished;                 // it is in dp->unfinished
	bool busy;                       // as the agent was told (dp_aftermath.h)
	bool behind;                     // it is in dp->tenants_behind
	bool hidden;                     // removed, but its transaction may yet be undone
	bool in_txn;                     // its switch has a transaction open: the stream's
	struct dp_tenant *txn_next;      // of those in it
	struct dp_stage *stage;          // or its own (dp_stage.h); NULL: none
	unsigned dumps;                  // of it alone, under way; of all tenants: nobody's
	bool overlay_down;               // all of its VTEPs are
	bool overlay_untold;             // and the agent could not be told that this has changed
	struct dp_tenant *next, **prev;  // prev: what points to it
	struct dp_tenant *id_next;       // in dp->tenant_by_id
	struct dp_tenant *network_next;  // in dp->tenant_by_network
	struct dp_tenant *behind_next, *provider_next;
	TAILQ_ENTRY(dp_tenant) stale_link;
	TAILQ_ENTRY(dp_tenant) unfinished_link;
} __attribute__((aligned(64)));
static_assert(offsetof(struct dp_tenant, punt_rate) <= 64, "one line");

// ---- control thread

struct dp_tenant *dp_tenant_nobody(struct dp *dp); // NULL: out of memory
struct dp_tenant *dp_tenant_find(struct dp *dp, weft_tenant_id id);
enum weft_error dp_tenant_add(
	struct dp *dp, weft_tenant_id id, const struct weft_ipc_tenant *cfg, char why[static 100]);
enum weft_error dp_tenant_set(struct dp *dp, struct dp_tenant *t, const struct weft_ipc_tenant *cfg,
	char why[static 100]);
// Whether it may go now: WEFT_E_IN_USE while it has ports.
enum weft_error dp_tenant_can_go(const struct dp_tenant *t);
// Out of, or back into, the map of networks and what dumps see.
void dp_tenant_hide(struct dp *dp, struct dp_tenant *t, bool hidden);
// It is nowhere from now on, and waits in the background for those who may still look at it: that
// takes no time here, however many go at once.
void dp_tenant_del(struct dp *dp, struct dp_tenant *t);

// The tenant's port map again, from the list of ports. Out of memory: false, and nothing is
// changed.
bool dp_tenant_map_ports(struct dp *dp, struct dp_tenant *t);

enum weft_error dp_tenant_vtep_add(struct dp_tenant *t, const struct weft_ipc_vtep *v);
// `was`, unless NULL, is what it was.
enum weft_error dp_tenant_vtep_del(
	struct dp_tenant *t, const struct weft_ip *ip, struct weft_ipc_vtep *was);
bool dp_tenant_has_vtep(const struct dp_tenant *t, const struct weft_ip *ip);
// One of its VTEPs, as the agent knows it.
struct weft_ipc_vtep dp_tenant_vtep(const struct dp_tenant *t, unsigned i);
// All of them go, and the group with them.
void dp_tenant_vteps_fini(struct dp_tenant *t);
// What comes to its group from now on concerns the tenant; none: nothing does.
void dp_tenant_use_group(struct dp_tenant *t, const struct weft_ip *group);
// Marks it: its VTEP set may have changed.
void dp_tenant_stale(struct dp_tenant *t);
// If it is marked, its turn comes before those of others that nobody waits for: thousands, when the
// way to a VTEP has changed.
void dp_tenant_await(struct dp_tenant *t);
// Marks tenants whose VTEP set may have changed: those with `ip` as VTEP or group, or all if NULL.
void dp_tenants_stale(struct dp *dp, const struct weft_ip *ip);
// Tells the switch, and the agent if it has changed, whether the overlay port is alive.
void dp_tenant_overlay_live(struct dp *dp, struct dp_tenant *t);
// Builds and publishes the sets of all that are marked.
void dp_tenants_refresh(struct dp *dp);
// The same until then, by dp_now_ns(), but of one at least. True: some are left, and dp->refreshing
// says so until they are not.
bool dp_tenants_refresh_some(struct dp *dp, uint64_t until_ns);

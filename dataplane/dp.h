// SPDX-License-Identifier: Apache-2.0
#pragma once
// The data plane as a whole, and which thread owns what.
//
// One control thread (main) and `workers` worker threads. The control thread owns all state that is
// configured: ports, tenants, VTEPs, next hops, sessions. What workers read of it, they read
// through pointers that the control thread publishes by a release-store and retires through dp_rcu.
// Workers own their counters, buffers and caches. Between threads there are rings: frames to the
// worker that owns a device's queue (inbox), packet-outs to worker 0, packet-ins and events to the
// control thread.

#include "tenants/dp_expiry.h"
#include "tenants/dp_mcast.h"
#include "dp_options.h"
#include "ports/dp_port.h"
#include "edge/dp_radix.h"
#include "edge/dp_ranges.h"
#include "dp_rcu.h"
#include "edge/dp_bfd.h"
#include "edge/dp_vtep.h"
#include "edge/dp_vtep_users.h"
#include "edge/kernel_guard.h"

#include "flowtable/flowtable.h"
#include "flowtable/cache/front.h"
#include "overlay/decap.h"

#include <sys/queue.h>

struct dp_ipc;
struct dp_learn;
struct dp_punt;
struct dp_tenant;
struct dp_worker;

#define DP_NEXTHOP_BUCKETS 4096u
#define DP_STEP_NS 1000000u      // so long the control thread stays with one thing
#define DP_TENANT_BUCKETS 16384u // ids and networks are consecutive, as a rule

struct dp {
	struct dp_options opt;
	uint64_t epoch;
	uint64_t seed;
	uint64_t start_ns;
	struct rte_mempool *pool;
	struct dp_rcu *rcu;
	struct ft_commons *commons;
	struct ft_env env;
	struct dp_worker *worker[DP_MAX_WORKERS];
	bool stop; // atomic: workers leave their loop

	struct dp_ports ports;
	struct dp_tenant *tenants; // list
	struct dp_tenant *tenant_by_id[DP_TENANT_BUCKETS];
	struct dp_tenant *tenant_by_network[DP_TENANT_BUCKETS];
	TAILQ_HEAD(dp_stale, dp_tenant)
	tenants_stale;          // those that are, in the order of their turns
	unsigned stale_awaited; // of them: dp_tenant_await()
	TAILQ_HEAD(dp_unfinished, dp_tenant) unfinished; // their switches have something left to do
	struct dp_tenant *tenants_behind;       // list: changes of their rules wait to be told
	struct dp_tenant *providers;            // list: those that are
	bool stale_came;                        // some of them since these were last looked at
	bool refreshing;                        // they are being looked at, one after the other
	uint64_t fresh;                         // so often none of them was left
	bool groups_stale;                      // some tenant's underlay group, or the way there
	TAILQ_HEAD(dp_stages, dp_stage) stages; // open, in the order of their turns
	struct dp_stage_host *host_stage;       // the configuration's
	struct dp_tenant *nobody;               // tenant 0
	struct dp_radix vxlan;                  // VNI to the front of its tenant's switch
	struct dp_radix nvgre;                  // VSID likewise
	struct ft_front no_front;               // nobody's, of a network that is hidden
	// RCU; of what no tenant has, by enum weft_encap - 1: which provider's? NULL: nobody's
	struct dp_ranges *ranges[WEFT_PROVIDER_ENCAPS];

	struct weft_ipc_host host;
	const struct overlay_vtep *vtep; // RCU: what decap takes as ours
	struct dp_nexthop *nexthops;     // list
	struct dp_vtep_users vtep_users; // which tenants have which VTEP
	struct dp_nexthop *nexthop_by_vtep[DP_NEXTHOP_BUCKETS];
	struct dp_kernel_guard guard;
	struct dp_expiry expiry;
	struct dp_bfd bfd;
	struct dp_membership *memberships; // list: dp_mcast.h
	bool keep_big;    // atomic: an uplink's device may cut, or sum, a machine's segments
	bool kept_big;    // atomic: that was so once, and one may yet come in
	bool suppressing; // atomic: some tenant has, or has had, WEFT_TENANT_SUPPRESS
	uint32_t frag_id; // atomic: of the latest outer packet that was fragmented

	struct dp_ipc *ipc;
	struct dp_punt *punt;
	struct dp_learn *learn;
};

// The control thread counts in the set behind the workers'.
static inline unsigned dp_threads(const struct dp *dp)
{
	return dp->opt.workers + 1;
}

static inline unsigned dp_control(const struct dp *dp)
{
	return dp->opt.workers;
}

// Monotonic nanoseconds since some moment; cheap enough for once a burst. Any thread.
uint64_t dp_now_ns(void);

// SPDX-License-Identifier: Apache-2.0
#include "dp_control.h"

#include "dp_eal.h"
#include "dp_heap.h"
#include "ipc/dp_event.h"
#include "ipc/dp_ipc.h"
#include "tenants/dp_aftermath.h"
#include "tenants/dp_learn.h"
#include "ipc/dp_ipc_txn.h"
#include "dp_log.h"
#include "edge/dp_pmtu.h"
#include "edge/dp_reasm.h"
#include "tenants/dp_meter.h"
#include "ports/dp_mute.h"
#include "edge/dp_provider.h"
#include "edge/dp_vtep_learn.h"
#include "tenants/dp_punt.h"
#include "tenants/dp_tenant.h"
#include "dp_worker.h"
#include "edge/kernel_guard.h"

#include "flowtable/cache/commons.h"

#include <rte_eal.h>
#include <rte_launch.h>
#include <rte_lcore.h>
#include <rte_ring_elem.h>

#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

#define DP_TRIGGERS_NS 50000000u // half of what the tables take from one look to the next
#define DP_LINKS_NS 10000000u    // an uplink that loses its link is found out within so long

static volatile sig_atomic_t dp_signalled;

static void dp_control_signal(int sig)
{
	dp_signalled = sig;
}

uint64_t dp_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

// ---- what flow tables are given

static void dp_env_retire(void *ctx, void (*fn)(void *obj), void *obj)
{
	struct dp *dp = ctx;

	dp_rcu_retire(dp->rcu, fn, obj);
}

static uint64_t dp_env_counted(void *ctx)
{
	struct dp *dp = ctx;

	return dp_rcu_pulsed_ns(dp->rcu);
}

static void dp_env_count(void *ctx)
{
	struct dp *dp = ctx;

	dp_rcu_synchronize(dp->rcu);
}

// One without a route is as dead as one that BFD has lost; a next hop that is being asked for is
// not: it would flap at every start.
static bool dp_env_vtep_live(void *ctx, void *sw_ctx, const struct weft_ip *vtep)
{
	const struct dp_tenant *t = sw_ctx;
	const struct dp_remote *r =
		dp_vtep_find(__atomic_load_n(&t->vteps, __ATOMIC_ACQUIRE), vtep);

	if (!r)
		return t->provider; // it can be wanted
	return r->drop != WEFT_DROP_NO_ROUTE && !dp_vtep_is_down(r);
}

static uint64_t dp_env_now(void *ctx)
{
	return dp_now_ns();
}

static uint64_t dp_random(void)
{
	uint64_t v = 0;

	while (!v && getrandom(&v, sizeof(v), 0) != sizeof(v))
		;
	return v;
}

static void dp_control_env(struct dp *dp)
{
	dp->start_ns = dp_now_ns();
	TAILQ_INIT(&dp->unfinished);
	TAILQ_INIT(&dp->tenants_stale);
	TAILQ_INIT(&dp->stages);
	dp->seed = dp->opt.seed ? dp->opt.seed : dp_random();
	dp->epoch = dp_random();                       // never the same twice, whatever the seed
	dp->commons = ft_commons_new(dp->opt.workers); // without it, all is there but farther apart
	dp->env = (struct ft_env){
		.ctx = dp,
		.retire = dp_env_retire,
		.now_ns = dp_env_now,
		.counted_ns = dp_env_counted,
		.count = dp_env_count,
		.commons = dp->commons,
		.seed = dp->seed,
		.workers = dp->opt.workers,
		.meter_new = dp_meter_new,
		.meter_free = dp_meter_free,
		.meter_run = dp_meter_run,
		.vtep_live = dp_env_vtep_live,
		.removed = dp_event_flow_removed,
		.changed = dp_event_flow_changed,
		.triggered = dp_event_flow_triggered,
		.backlog = dp_event_flow_backlog,
		.table_status = dp_event_table_status,
		.aftermath = dp_aftermath_came,
	};
}

// ---- start

static int dp_control_host(struct dp *dp)
{
	struct weft_ipc_host host = {.vxlan_port = 4789, .ttl = 64, .fdb_age_s = 300};
	char why[100];

	dp_kernel_guard_init(&dp->guard);
	dp->bfd.next_discr = (uint32_t)dp_random() & 0xffffff;
	return dp_host_set(dp, &host, why) ? -1 : 0;
}

static int dp_control_no_memory(void)
{
	DP_LOG(ERR, "out of memory: more --mem or fewer --workers");
	return -1;
}

static int dp_control_workers(struct dp *dp)
{
	unsigned lcore, id = 0;

	dp->bfd.received =
		rte_ring_create_elem("weft-bfd", sizeof(struct weft_ip) + OVERLAY_BFD_LEN,
			DP_BFD_RING, SOCKET_ID_ANY, RING_F_SC_DEQ);
	if (!dp->bfd.received)
		return dp_control_no_memory();
	for (unsigned i = 0; i < dp->opt.workers; i++) {
		dp->worker[i] = dp_worker_new(dp, i);
		if (!dp->worker[i])
			return dp_control_no_memory();
	}
	dp_workers_prepare(dp);
	RTE_LCORE_FOREACH_WORKER(lcore)
	{
		if (id < dp->opt.workers)
			rte_eal_remote_launch(dp_worker_main, dp->worker[id++], lcore);
	}
	if (id == dp->opt.workers)
		return 0;
	DP_LOG(ERR, "EAL gave %u of %u workers", id, dp->opt.workers);
	return -1;
}

int dp_control_start(struct dp *dp)
{
	struct sigaction sa = {.sa_handler = dp_control_signal};

	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGINT, &sa, NULL);
	dp_control_env(dp);
	dp_mute_start(dp->opt.socket);
	dp->pool = dp_eal_pool(&dp->opt);
	dp->rcu = dp_rcu_new(dp->opt.workers);
	dp->nobody = dp_tenant_nobody(dp);
	dp->learn = dp_learn_new();
	if (!dp->pool)
		return -1;
	if (!dp->rcu || !dp->nobody || !dp->learn)
		return dp_control_no_memory();
	if (dp_control_host(dp) || dp_control_workers(dp))
		return -1;
	dp->punt = dp_punt_new(dp, dp->opt.punt_socket);
	if (!dp->punt)
		return -1;
	dp->ipc = dp_ipc_new(dp, dp->opt.socket);
	if (!dp->ipc)
		return -1;
	DP_LOG(NOTICE, "ready at %s, %u worker(s), seed %llu", dp->opt.socket, dp->opt.workers,
		(unsigned long long)dp->seed);
	return 0;
}

// ---- loop

static void dp_control_second(struct dp *dp)
{
	dp_port_poll_devices(dp);
	dp_port_poll_links(dp, false);
	dp_port_poll_mtus(dp);
	dp_port_shells_poll(dp);
	dp_pmtu_age(dp);
	dp_bfd_poll(dp);
	dp_provider_age(dp);
	dp_vtep_age(dp);
	dp_expiry_second(dp);
}

static int dp_control_wait(struct dp *dp, struct pollfd *fds, unsigned n, int timeout_ms)
{
	while (timeout_ms && dp_ipc_looks(dp->ipc)) {
		int ready = poll(fds, n, 0);

		if (ready)
			return ready;
		sched_yield(); // weft/look.h
	}
	return poll(fds, n, timeout_ms);
}

void dp_control_loop(struct dp *dp)
{
	uint64_t second = dp_now_ns(), links = second, triggers = second;
	bool more = false, expires = false;

	while (!dp_signalled) {
		struct pollfd fds[DP_IPC_POLLFDS + DP_PUNT_POLLFDS];
		unsigned ipc = dp_ipc_pollfds(dp->ipc, fds);
		unsigned punt = dp_punt_pollfds(dp->punt, fds + ipc);

		if (dp_control_wait(dp, fds, ipc + punt, more || expires ? 0 : DP_CONTROL_TICK_MS) <
			0)
			continue; // a signal
		dp_rcu_pulse(dp->rcu, dp_now_ns());
		dp_expiry_turn(dp);
		more = dp_ipc_run(dp->ipc, fds, ipc);
		dp_punt_run(dp->punt, fds + ipc, punt);
		dp_event_poll(dp);
		dp_learn_poll(dp);
		more |= dp_aftermath_run(dp);
		more |= dp_rcu_run(dp->rcu, dp_now_ns);
		if (dp->refreshing)
			more |= dp_tenants_refresh_some(dp, dp_now_ns() + DP_STEP_NS);
		if (dp_now_ns() - links >= DP_LINKS_NS) {
			links = dp_now_ns();
			dp_port_poll_links(dp, true);
		}
		if (dp_now_ns() - triggers >= DP_TRIGGERS_NS && !dp_event_triggers(dp))
			triggers = dp_now_ns();
		if (dp_now_ns() - second >= 1000000000u) {
			second = dp_now_ns();
			dp_control_second(dp);
		}
		expires = dp_expiry_run(dp);
		dp_heap_run();
		dp_workers_prepare(dp);
	}
	DP_LOG(NOTICE, "signal %d: stopping", (int)dp_signalled);
}

// ---- stop

void dp_control_stop(struct dp *dp)
{
	dp_ipc_free(dp->ipc);
	dp->ipc = NULL;
	__atomic_store_n(&dp->stop, true, __ATOMIC_RELAXED);
	rte_eal_mp_wait_lcore();
	// No readers from here on: grace periods end at once.
	if (dp->rcu)
		dp_port_close_all(dp);
	if (dp->punt)
		while (dp->tenants)
			dp_tenant_del(dp, dp->tenants);
	dp_bfd_free(dp);
	dp_mcast_free(dp);
	if (dp->rcu) {
		dp_reasm_use(dp, (struct dp_reasm *[DP_MAX_WORKERS]){NULL});
		dp_networks_publish(dp); // none
		dp_rcu_free(dp->rcu);
	}
	ft_commons_free(dp->commons);
	dp_vtep_users_fini(&dp->vtep_users);
	dp_punt_free(dp->punt);
	dp_learn_free(dp->learn);
	for (unsigned i = 0; i < dp->opt.workers; i++)
		dp_worker_free(dp->worker[i]);
	dp_kernel_guard_close(&dp->guard);
	rte_mempool_free(dp->pool);
	rte_eal_cleanup();
}

// SPDX-License-Identifier: Apache-2.0
#include "flowtable/switch.h"

#include "flowtable/cache/cache.h"
#include "flowtable/cache/commons.h"
#include "flowtable/cache/gist.h"
#include "flowtable/hash.h"
#include "flowtable/lines.h"
#include "flowtable/rules/monitor.h"
#include "flowtable/rules/tables.h"

#define FT_BURY_STEP 4096u // rules

// A switch may lie where another one lay: its epochs begin where no path of that one's ends.
static void cache_init(struct ft_switch *sw)
{
	static _Atomic uint64_t born;
	uint64_t serial = atomic_fetch_add(&born, 1) + 1;

	sw->front->sw = sw;
	sw->front->ctx = sw->ctx;
	sw->front->number = (uint32_t)serial;
	atomic_init(&sw->front->epoch, serial << 40);
	atomic_init(&sw->front->base_epoch, serial << 40);
	atomic_init(&sw->front->fdb_epoch, serial << 40);
	ft_relevance_init(sw);
}

static void switch_init(struct ft_switch *sw, const struct ft_env *env)
{
	uint64_t seed = ft_hash_end(env->seed);

	sw->env = *env;
	sw->next_version = 2;
	atomic_init(&sw->version, 1);
	sw->garbage.sw = sw;
	ft_ids_init(&sw->ids, seed);
	sw->programs.seed = seed;
	ft_idmap_init(&sw->groups, seed);
	ft_idmap_init(&sw->meters, seed);
	ft_idmap_init(&sw->ports, seed);
	ft_triggers_init(&sw->triggers, seed);
}

struct ft_switch *ft_switch_new(const struct ft_env *env, const struct ft_limits *limits, void *ctx)
{
	struct ft_switch *sw = ft_alloc_lines(sizeof(*sw));
	struct ft_share share;

	if (!sw)
		return NULL;
	switch_init(sw, env);
	sw->limits = *limits;
	sw->ctx = ctx;
	if (ft_share_new(env->commons, env->workers, &share)) {
		sw->front = share.front;
		sw->table_counters = share.counters;
		sw->table_counters_step = share.step;
		cache_init(sw);
	}
	sw->fdb = ft_fdb_new(sw);
	if (!sw->front || !sw->fdb || !ft_ports_init(sw)) {
		ft_switch_destroy(sw);
		return NULL;
	}
	return sw;
}

void ft_switch_destroy(struct ft_switch *sw)
{
	const struct ft_share share = {sw->front, sw->table_counters, sw->table_counters_step};

	ft_gist_fini(sw);
	ft_rules_bury(sw, UINT32_MAX);
	ft_tables_fini(sw);
	ft_groups_fini(sw);
	ft_meters_fini(sw);
	ft_ports_fini(sw);
	ft_timers_fini(sw);
	ft_triggers_fini(sw);
	ft_programs_fini(sw);
	ft_ids_fini(sw);
	ft_cookies_fini(sw);
	ft_learn_fini(sw);
	if (sw->fdb)
		ft_fdb_destroy(sw->fdb);
	ft_relevance_fini(sw);
	ft_share_free(sw->env.commons, sw->env.workers, &share);
	free(atomic_load_explicit(&sw->cache.history, memory_order_relaxed));
	free(sw->config);
	free(sw);
}

static void bury_some(void *obj)
{
	struct ft_switch *sw = obj;

	if (ft_rules_bury(sw, FT_BURY_STEP))
		sw->env.retire(sw->env.ctx, bury_some, sw);
	else
		ft_switch_destroy(sw);
}

void ft_switch_bury(struct ft_switch *sw)
{
	bury_some(sw);
}

static void nothing(struct ft_garbage *g)
{
}

void ft_switch_free(struct ft_switch *sw)
{
	if (!sw)
		return;
	ft_txn_abort(sw);
	ft_enter(sw);
	ft_changes_drop(sw);
	// One batch at least, so that a grace period passes.
	ft_garbage_add(&sw->garbage, &sw->farewell, nothing);
	sw->dying = true;
	ft_leave(sw);
}

void ft_switch_set_limits(struct ft_switch *sw, const struct ft_limits *limits)
{
	sw->limits = *limits;
	ft_vacancy_check(sw);
}

void ft_switch_set_flags(struct ft_switch *sw, unsigned flags)
{
	atomic_store_explicit(&sw->flags, flags, memory_order_relaxed);
	ft_switch_changed(sw);
}

void ft_switch_set_network(struct ft_switch *sw, uint32_t network_id)
{
	atomic_store_explicit(&sw->network_id, network_id, memory_order_relaxed);
	ft_switch_changed(sw);
}

void *ft_switch_ctx(const struct ft_switch *sw)
{
	return sw->ctx;
}

struct ft_front *ft_switch_front(const struct ft_switch *sw)
{
	return sw->front;
}

uint32_t ft_switch_number(const struct ft_switch *sw)
{
	return sw->front->number;
}

void ft_switch_changed(struct ft_switch *sw)
{
	uint64_t epoch = ft_epoch(sw) + 2;

	ft_commons_change(sw->env.commons);
	atomic_store_explicit(&sw->front->base_epoch, epoch, memory_order_relaxed);
	atomic_store_explicit(&sw->front->epoch, epoch, memory_order_release);
}

void ft_epoch_commit_begins(struct ft_switch *sw, const struct ft_txn *t)
{
	uint64_t epoch = ft_epoch(sw);

	ft_commons_change(sw->env.commons);
	if (!ft_history_log(sw, t, epoch + 2))
		atomic_store_explicit(&sw->front->base_epoch, epoch + 2, memory_order_relaxed);
	atomic_store_explicit(&sw->front->epoch, epoch + 1, memory_order_release);
}

void ft_epoch_commit_ends(struct ft_switch *sw)
{
	atomic_store_explicit(&sw->front->epoch, ft_epoch(sw) + 1, memory_order_release);
}

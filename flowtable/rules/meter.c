// SPDX-License-Identifier: Apache-2.0
// Meters in memory: made, found by version, linked, unlinked, freed; and what workers do with them.
#include "flowtable/rules/meter.h"

#include "flowtable/lines.h"
#include "flowtable/rules/meter_mod.h"
#include "flowtable/switch.h"

const struct ft_meter *ft_meter_find(const struct ft_switch *sw, uint32_t id, uint64_t version)
{
	return (const struct ft_meter *)ft_versioned_find(&sw->meters, id, version);
}

struct ft_meter *ft_meter_staged(const struct ft_switch *sw, uint32_t id)
{
	return (struct ft_meter *)ft_versioned_staged(&sw->meters, id);
}

static void count(struct ft_pkt_counter *c, uint32_t bytes)
{
	ft_counter_bump(&c->packets, 1);
	ft_counter_bump(&c->bytes, bytes);
}

int ft_meter_run(const struct ft_switch *sw, const struct ft_meter *m, unsigned worker,
	uint64_t now_ns, uint32_t bytes)
{
	int band = sw->env.meter_run(sw->env.ctx, m->run, worker, now_ns, bytes);

	count(m->v.head->counters + worker * FT_HEAD_STRIDE, bytes);
	if (band >= 0)
		count(m->band_counters + worker * FT_MAX_BANDS + (unsigned)band, bytes);
	return band;
}

void ft_meter_refer(struct ft_switch *sw, uint32_t id, int by)
{
	struct ft_versioned_head *head = ft_versioned_head(&sw->meters, id);

	if (head)
		head->rules += (uint32_t)by;
}

// ---- making one

struct ft_meter *ft_meter_new(struct ft_switch *sw, const struct weft_meter_mod *mod,
	const struct weft_band *bands, struct ft_versioned_head *head)
{
	size_t bands_size = mod->band_count * sizeof(*bands);
	struct ft_meter *m = calloc(1, sizeof(*m) + bands_size);

	if (!m)
		return NULL;
	m->flags = mod->flags;
	m->band_count = mod->band_count;
	if (bands_size)
		memcpy(m->band, bands, bands_size);
	ft_versioned_init(&m->v, sw->txn->version, head, mod->meter, sw->env.now_ns(sw->env.ctx),
		sw->env.workers);
	m->band_counters =
		ft_alloc_lines(sw->env.workers * FT_MAX_BANDS * sizeof(*m->band_counters));
	m->run = sw->env.meter_new(sw->env.ctx, mod, m->band);
	if (!m->v.head || !m->band_counters || !m->run) {
		ft_meter_free(sw, m);
		return NULL;
	}
	return m;
}

void ft_meter_free(struct ft_switch *sw, struct ft_meter *m)
{
	if (m->run)
		sw->env.meter_free(sw->env.ctx, m->run);
	ft_versioned_fini(&m->v);
	free(m->band_counters);
	free(m);
}

// ---- staging

void ft_meter_stage_add(struct ft_switch *sw, struct ft_meter *m)
{
	ft_versioned_link(&sw->meters, &m->v);
	sw->meter_count++;
	ft_txn_log(sw->txn, FT_OP_METER_ADD, m, 0);
}

void ft_meter_stage_del(struct ft_switch *sw, struct ft_meter *m)
{
	atomic_store_explicit(&m->v.life.removed, sw->txn->version, memory_order_relaxed);
	sw->meter_count--;
	ft_txn_log(sw->txn, FT_OP_METER_DEL, m, 0);
}

void ft_meter_undo_add(struct ft_switch *sw, struct ft_meter *m)
{
	sw->meter_count--;
	ft_meter_unlink(sw, m);
}

void ft_meter_undo_del(struct ft_switch *sw, struct ft_meter *m)
{
	atomic_store_explicit(&m->v.life.removed, FT_VERSION_NEVER, memory_order_relaxed);
	sw->meter_count++;
}

void ft_meter_unlink(struct ft_switch *sw, struct ft_meter *m)
{
	ft_versioned_unlink(&sw->meters, &m->v);
}

void ft_meters_fini(struct ft_switch *sw)
{
	struct ft_meter *m;
	uint32_t pos = 0;

	while ((m = ft_idmap_next(&sw->meters, &pos)))
		ft_meter_free(sw, m);
	ft_idmap_fini(&sw->meters);
}

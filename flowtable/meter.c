// SPDX-License-Identifier: Apache-2.0
// Meters in memory: made, found by version, linked, unlinked, freed; and what workers do with them.
#include "flowtable/meter.h"

#include "flowtable/lines.h"
#include "flowtable/meter_mod.h"
#include "flowtable/switch.h"

static struct ft_meter *older_of(const struct ft_meter *m)
{
	return atomic_load_explicit(&m->older, memory_order_acquire);
}

const struct ft_meter *ft_meter_find(const struct ft_switch *sw, uint32_t id, uint64_t version)
{
	const struct ft_meter *m = ft_idmap_find(&sw->meters, id);

	while (m && !ft_life_visible(&m->life, version))
		m = older_of(m);
	return m;
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

	count(m->head->counters + worker * (64 / sizeof(struct ft_pkt_counter)), bytes);
	if (band >= 0)
		count(m->band_counters + worker * FT_MAX_BANDS + (unsigned)band, bytes);
	return band;
}

struct ft_meter *ft_meter_staged(const struct ft_switch *sw, uint32_t id)
{
	struct ft_meter *m = ft_idmap_find(&sw->meters, id);

	return m && ft_life_staged(&m->life) ? m : NULL;
}

void ft_meter_refer(struct ft_switch *sw, uint32_t id, int by)
{
	const struct ft_meter *m = ft_idmap_find(&sw->meters, id);

	if (m)
		m->head->rules += (uint32_t)by;
}

// ---- making one

static struct ft_meter_head *head_new(struct ft_switch *sw, uint32_t id)
{
	struct ft_meter_head *head = calloc(1, sizeof(*head));

	if (!head)
		return NULL;
	head->id = id;
	head->created_ns = sw->env.now_ns(sw->env.ctx);
	head->counters = ft_alloc_lines(64 * (size_t)sw->env.workers);
	if (!head->counters) {
		free(head);
		return NULL;
	}
	return head;
}

static void head_put(struct ft_meter_head *head)
{
	if (!head || --head->versions)
		return;
	free(head->counters);
	free(head);
}

struct ft_meter *ft_meter_new(struct ft_switch *sw, const struct weft_meter_mod *mod,
	const struct weft_band *bands, struct ft_meter_head *head)
{
	size_t bands_size = mod->band_count * sizeof(*bands);
	struct ft_meter *m = calloc(1, sizeof(*m) + bands_size);

	if (!m)
		return NULL;
	m->flags = mod->flags;
	m->band_count = mod->band_count;
	m->life.added = sw->txn->version;
	atomic_init(&m->life.removed, FT_VERSION_NEVER);
	if (bands_size)
		memcpy(m->band, bands, bands_size);
	m->head = head ? head : head_new(sw, mod->meter);
	if (m->head)
		m->head->versions++;
	m->band_counters =
		ft_alloc_lines(sw->env.workers * FT_MAX_BANDS * sizeof(*m->band_counters));
	m->run = sw->env.meter_new(sw->env.ctx, mod, m->band);
	if (!m->head || !m->band_counters || !m->run) {
		ft_meter_free(sw, m);
		return NULL;
	}
	return m;
}

void ft_meter_free(struct ft_switch *sw, struct ft_meter *m)
{
	if (m->run)
		sw->env.meter_free(sw->env.ctx, m->run);
	head_put(m->head);
	free(m->band_counters);
	free(m);
}

// ---- staging

void ft_meter_stage_add(struct ft_switch *sw, struct ft_meter *m)
{
	uint32_t id = m->head->id;

	atomic_store_explicit(&m->older, ft_idmap_find(&sw->meters, id), memory_order_relaxed);
	ft_idmap_set(&sw->meters, id, m);
	sw->meter_count++;
	ft_txn_log(sw->txn, FT_OP_METER_ADD, m, 0);
}

void ft_meter_stage_del(struct ft_switch *sw, struct ft_meter *m)
{
	atomic_store_explicit(&m->life.removed, sw->txn->version, memory_order_relaxed);
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
	atomic_store_explicit(&m->life.removed, FT_VERSION_NEVER, memory_order_relaxed);
	sw->meter_count++;
}

void ft_meter_unlink(struct ft_switch *sw, struct ft_meter *m)
{
	struct ft_meter *at = ft_idmap_find(&sw->meters, m->head->id), *older = older_of(m);

	if (at == m) {
		if (older)
			ft_idmap_set(&sw->meters, m->head->id, older);
		else
			ft_idmap_del(&sw->meters, m->head->id);
		return;
	}
	while (older_of(at) != m)
		at = older_of(at);
	atomic_store_explicit(&at->older, older, memory_order_release);
}

void ft_meters_fini(struct ft_switch *sw)
{
	struct ft_meter *m;
	uint32_t pos = 0;

	while ((m = ft_idmap_next(&sw->meters, &pos)))
		ft_meter_free(sw, m);
	ft_idmap_fini(&sw->meters);
}

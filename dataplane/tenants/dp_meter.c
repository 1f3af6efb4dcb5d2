// SPDX-License-Identifier: Apache-2.0
#include "tenants/dp_meter.h"

#include "dp.h"

#include <rte_cycles.h>
#include <rte_meter.h>
#include <rte_spinlock.h>

#include <stdlib.h>

#define DP_METER_PACKET 1000u // what a packet weighs if packets are counted: low rates stay exact

struct dp_band {
	struct rte_meter_srtcm bucket;
	struct rte_meter_srtcm_profile profile;
	uint32_t rate;
};

struct dp_meter {
	rte_spinlock_t lock;
	bool shared;
	bool packets;
	unsigned n;
	uint64_t ticks; // of the TSC per nanosecond, times 2^32: rte_meter's clock from ours
	uint64_t time;  // the latest that any worker came with, on that clock
	struct dp_band band[];
};

// rte_meter takes a time before its last one for one long after it, and fills the bucket. Workers
// read the clock once a burst, each on its own, so one may well be behind another.
static uint64_t dp_meter_time(struct dp_meter *m, uint64_t now_ns)
{
	uint64_t time = (uint64_t)(((unsigned __int128)now_ns * m->ticks) >> 32);

	if (time > m->time)
		m->time = time;
	return m->time;
}

static int dp_meter_band(struct dp_meter *m, struct dp_band *b, const struct weft_band *cfg,
	bool burst, unsigned max_frame)
{
	uint64_t unit = m->packets ? DP_METER_PACKET : 125; // bytes of a kilobit
	uint64_t least = m->packets ? 2 * DP_METER_PACKET : max_frame;
	struct rte_meter_srtcm_params p = {.cir = cfg->rate * unit};

	b->rate = cfg->rate;
	p.cbs = burst ? cfg->burst * unit : p.cir / 10;
	if (p.cbs < least)
		p.cbs = least;
	if (!p.cir) // exceeded by every packet
		return 0;
	if (rte_meter_srtcm_profile_config(&b->profile, &p) ||
		rte_meter_srtcm_config(&b->bucket, &b->profile))
		return -1;
	b->bucket.time = 0; // it was the TSC, which did not begin when our clock did
	return 0;
}

void *dp_meter_new(void *ctx, const struct weft_meter_mod *mod, const struct weft_band *bands)
{
	const struct dp *dp = ctx;
	size_t bytes = sizeof(struct dp_meter) + mod->band_count * sizeof(struct dp_band);
	struct dp_meter *m = aligned_alloc(64, (bytes + 63) & ~(size_t)63);

	if (!m)
		return NULL;
	memset(m, 0, bytes);
	rte_spinlock_init(&m->lock);
	m->shared = dp->opt.workers > 1;
	m->packets = mod->flags & WEFT_METER_PKTPS;
	m->n = mod->band_count;
	m->ticks = (uint64_t)(((unsigned __int128)rte_get_tsc_hz() << 32) / 1000000000u);
	for (unsigned i = 0; i < m->n; i++)
		if (dp_meter_band(m, &m->band[i], &bands[i], mod->flags & WEFT_METER_BURST,
			    dp->opt.max_frame)) {
			free(m);
			return NULL;
		}
	return m;
}

void dp_meter_free(void *ctx, void *meter)
{
	free(meter);
}

static bool dp_band_exceeded(struct dp_band *b, uint64_t time, uint32_t weight)
{
	if (!b->rate)
		return true;
	return rte_meter_srtcm_color_blind_check(&b->bucket, &b->profile, time, weight) !=
	       RTE_COLOR_GREEN;
}

int dp_meter_run(void *ctx, void *meter, unsigned worker, uint64_t now_ns, uint32_t bytes)
{
	struct dp_meter *m = meter;
	uint32_t weight = m->packets ? DP_METER_PACKET : bytes;
	int hit = FT_METER_PASS;
	uint64_t time;

	if (m->shared)
		rte_spinlock_lock(&m->lock);
	time = dp_meter_time(m, now_ns);
	for (unsigned i = 0; i < m->n; i++)
		if (dp_band_exceeded(&m->band[i], time, weight) &&
			(hit < 0 || m->band[i].rate > m->band[hit].rate))
			hit = (int)i;
	if (m->shared)
		rte_spinlock_unlock(&m->lock);
	return hit;
}

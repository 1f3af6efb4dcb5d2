// SPDX-License-Identifier: Apache-2.0
#pragma once
// Meters: OpenFlow 1.3.5, 5.7. Storage and counters; the token buckets are env->meter_run()'s.
// Versions as in versioned.h.

#include "flowtable/rules/rule.h"
#include "flowtable/versioned.h"

#define FT_MAX_BANDS WEFT_BANDS_MAX

struct ft_meter {
	struct ft_versioned v;
	void *run; // env->meter_new()'s, the `meter` of env->meter_run()
	uint16_t flags;
	uint8_t band_count;
	struct ft_pkt_counter *band_counters; // FT_MAX_BANDS a worker
	struct weft_band band[];
};

// Workers. The meter at this version, NULL: none.
const struct ft_meter *ft_meter_find(const struct ft_switch *, uint32_t id, uint64_t version);

// Workers: runs one packet of `bytes` through it and counts it. FT_METER_PASS, or the index of the
// band that hit; m->band[] says what that means.
int ft_meter_run(const struct ft_switch *, const struct ft_meter *m, unsigned worker,
	uint64_t now_ns, uint32_t bytes);

// ---- writer, as for groups

void ft_meter_refer(struct ft_switch *, uint32_t id, int by);
struct ft_meter *ft_meter_staged(const struct ft_switch *, uint32_t id);
void ft_meter_undo_add(struct ft_switch *, struct ft_meter *);
void ft_meter_undo_del(struct ft_switch *, struct ft_meter *);
void ft_meter_unlink(struct ft_switch *, struct ft_meter *);
void ft_meter_free(struct ft_switch *, struct ft_meter *);
void ft_meters_fini(struct ft_switch *);

// SPDX-License-Identifier: Apache-2.0
// OpenFlow's meter-mod: 1.3.5, 6.6 and 7.3.4.4.
#include "flowtable/rules/meter_mod.h"

#include "flowtable/switch.h"
#include "flowtable/rules/tables.h"

#define FT_METER_FLAGS (WEFT_METER_KBPS | WEFT_METER_PKTPS | WEFT_METER_BURST | WEFT_METER_STATS)

static enum weft_error check_band(const struct weft_meter_mod *mod, const struct weft_band *b)
{
	if (b->type != WEFT_BAND_DROP && b->type != WEFT_BAND_DSCP_REMARK)
		return WEFT_E_METER_BAND;
	if (!b->rate)
		return WEFT_E_METER_RATE;
	if ((mod->flags & WEFT_METER_BURST) && !b->burst)
		return WEFT_E_METER_BURST;
	// AF's drop precedences are 1 to 3 (RFC 2597): none can rise by more than 2.
	if (b->type == WEFT_BAND_DSCP_REMARK && b->prec_level > 2)
		return WEFT_E_METER_BAND_VALUE;
	return WEFT_E_NONE;
}

static enum weft_error check(const struct weft_meter_mod *mod, const struct weft_band *bands)
{
	enum weft_error error = WEFT_E_NONE;

	if (mod->flags & ~FT_METER_FLAGS)
		return WEFT_E_METER_FLAGS;
	if ((mod->flags & WEFT_METER_KBPS) && (mod->flags & WEFT_METER_PKTPS))
		return WEFT_E_METER_FLAGS;
	if (mod->band_count > FT_MAX_BANDS)
		return WEFT_E_METER_BANDS;
	for (unsigned i = 0; i < mod->band_count && !error; i++)
		error = check_band(mod, &bands[i]);
	return error;
}

static enum weft_error meter_put(struct ft_switch *sw, const struct weft_meter_mod *mod,
	const struct weft_band *bands, struct ft_meter *old)
{
	enum weft_error error = check(mod, bands);
	struct ft_meter *m;

	if (error)
		return error;
	if (!ft_txn_reserve(sw->txn, 2) || !ft_idmap_reserve(&sw->meters, &sw->garbage))
		return WEFT_E_NO_MEMORY;
	m = ft_meter_new(sw, mod, bands, old ? old->v.head : NULL);
	if (!m)
		return WEFT_E_NO_MEMORY;
	if (old)
		ft_meter_stage_del(sw, old);
	ft_meter_stage_add(sw, m);
	return WEFT_E_NONE;
}

static enum weft_error meter_add(
	struct ft_switch *sw, const struct weft_meter_mod *mod, const struct weft_band *bands)
{
	if (ft_meter_staged(sw, mod->meter))
		return WEFT_E_METER_EXISTS;
	if (sw->meter_count >= sw->limits.max_meters)
		return WEFT_E_METER_FULL;
	return meter_put(sw, mod, bands, NULL);
}

static enum weft_error meter_remove(struct ft_switch *sw, struct ft_meter *m)
{
	if (m->v.head->rules && !ft_stage_del_users(sw, FT_USERS_METER, m->v.head->id))
		return WEFT_E_NO_MEMORY;
	if (!ft_txn_reserve(sw->txn, 1))
		return WEFT_E_NO_MEMORY;
	ft_meter_stage_del(sw, m);
	return WEFT_E_NONE;
}

// Deleting what is not there is no error; nor is deleting all of none.
static enum weft_error meter_delete(struct ft_switch *sw, uint32_t id)
{
	enum weft_error error = WEFT_E_NONE;
	struct ft_meter *m = ft_meter_staged(sw, id);
	uint32_t pos = 0;

	if (id != WEFT_METER_ALL)
		return m ? meter_remove(sw, m) : WEFT_E_NONE;
	while (!error && (m = ft_idmap_next(&sw->meters, &pos)))
		if (ft_life_staged(&m->v.life))
			error = meter_remove(sw, m);
	return error;
}

static enum weft_error meter_mod(
	struct ft_switch *sw, const struct weft_meter_mod *mod, const struct weft_band *bands)
{
	bool all = mod->command == WEFT_METER_DELETE && mod->meter == WEFT_METER_ALL;
	struct ft_meter *old;

	if (!all && (!mod->meter || mod->meter > WEFT_METER_MAX))
		return WEFT_E_METER_INVALID;
	switch (mod->command) {
	case WEFT_METER_ADD:
		return meter_add(sw, mod, bands);
	case WEFT_METER_MODIFY:
		old = ft_meter_staged(sw, mod->meter);
		return old ? meter_put(sw, mod, bands, old) : WEFT_E_METER_UNKNOWN;
	case WEFT_METER_DELETE:
		return meter_delete(sw, mod->meter);
	default:
		return WEFT_E_METER_COMMAND;
	}
}

enum weft_error ft_meter_mod(
	struct ft_switch *sw, const struct weft_meter_mod *mod, const struct weft_band *bands)
{
	size_t mark;

	if (!ft_request_begin(sw, &mark))
		return WEFT_E_NO_MEMORY;
	return ft_request_finish(sw, mark, meter_mod(sw, mod, bands));
}

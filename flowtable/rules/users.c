// SPDX-License-Identifier: Apache-2.0
// Rules that name a group or meter, which go with it: OpenFlow 1.3.5, 6.5 and 6.6.
#include "flowtable/switch.h"
#include "flowtable/rules/tables.h"

bool ft_stage_del_users(struct ft_switch *sw, enum ft_users what, uint32_t id)
{
	bool group = what == FT_USERS_GROUP;

	for (struct ft_program_users *u = sw->programs.users; u; u = u->next) {
		if (!(group ? ft_program_names_group(u->program, id)
			    : ft_program_names_meter(u->program, id)))
			continue;
		for (uint32_t i = 0; i < u->n; i++) {
			if (!ft_program_used_by(sw, u, u->id[i]))
				continue;
			if (!ft_txn_reserve(sw->txn, 1))
				return false;
			ft_stage_del(sw, ft_ids_rule(sw, u->id[i]),
				group ? WEFT_REMOVED_GROUP : WEFT_REMOVED_METER);
		}
	}
	return true;
}

static bool names(const struct ft_rule *r, enum ft_users what, uint32_t id)
{
	const struct ft_program *p = r->program;

	if (what == FT_USERS_GROUP)
		return id == WEFT_GROUP_ALL ? p->users && p->users->groups
					    : ft_program_names_group(p, id);
	return id == WEFT_METER_ALL ? p->users && p->users->meters : ft_program_names_meter(p, id);
}

static enum weft_error step(struct ft_switch *sw, enum ft_users what, uint32_t id, uint32_t max,
	struct ft_flow_steps *s)
{
	for (; s->next < s->end && max; s->next++, max--) {
		struct ft_rule *r = ft_ids_rule(sw, s->next);

		if (!r || !ft_life_staged(&r->life) || !names(r, what, id))
			continue;
		if (!ft_txn_reserve(sw->txn, 1))
			return WEFT_E_NO_MEMORY;
		ft_stage_del(
			sw, r, what == FT_USERS_GROUP ? WEFT_REMOVED_GROUP : WEFT_REMOVED_METER);
	}
	return WEFT_E_NONE;
}

bool ft_del_users_some(struct ft_switch *sw, enum ft_users what, uint32_t id, uint32_t max,
	struct ft_flow_steps *s, enum weft_error *error)
{
	*error = WEFT_E_NONE;
	if (!s->sw && (!sw->txn || sw->rules <= max))
		return false;
	if (!s->sw)
		*s = (struct ft_flow_steps){.sw = sw, .mark = sw->txn->n, .end = sw->ids.count};
	ft_enter(sw);
	*error = step(sw, what, id, max, s);
	if (*error)
		ft_txn_undo(sw, s->mark);
	ft_leave(sw);
	if (*error || s->next == s->end)
		s->sw = NULL;
	return s->sw;
}

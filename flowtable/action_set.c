// SPDX-License-Identifier: Apache-2.0
#include "flowtable/exec.h"
#include "flowtable/trace.h"

#define BIT(type) (1u << WEFT_ACTION_##type)
#define USES (BIT(OUTPUT) | BIT(GROUP))

void ft_set_clear(struct ft_action_set *set)
{
	set->types = 0;
	set->fields = 0;
	set->miss = false;
}

bool ft_set_any_use(const struct ft_action_set *set)
{
	return set->types & USES;
}

void ft_set_write(struct ft_action_set *set, const void *actions, size_t len, bool miss)
{
	WEFT_ACTION_FOR_EACH(a, actions, len)
	{
		if (a->type == WEFT_ACTION_SET_FIELD) {
			set->fields |= 1ull << a->arg;
			set->field[a->arg] = a;
		} else {
			set->types |= 1u << a->type;
			set->type[a->type] = a;
		}
		if (a->type == WEFT_ACTION_OUTPUT)
			set->miss = miss;
	}
}

// Where the specification says "all tag pop actions" or the like, from the outermost tag inwards.
static const uint8_t before_fields[] = {
	WEFT_ACTION_COPY_TTL_IN,
	WEFT_ACTION_POP_VLAN,
	WEFT_ACTION_POP_PBB,
	WEFT_ACTION_POP_MPLS,
	WEFT_ACTION_PUSH_MPLS,
	WEFT_ACTION_PUSH_PBB,
	WEFT_ACTION_PUSH_VLAN,
	WEFT_ACTION_COPY_TTL_OUT,
	WEFT_ACTION_DEC_MPLS_TTL,
	WEFT_ACTION_DEC_NW_TTL,
	WEFT_ACTION_SET_MPLS_TTL,
	WEFT_ACTION_SET_NW_TTL,
};

static bool edit(struct ft_burst *b, struct ft_run *run, const struct weft_action *a)
{
	enum weft_drop why;

	ft_run_flush(b, run);
	if (run->pkt->trace)
		ft_trace_action(run->pkt, a);
	why = ft_edit(run->pkt, a);
	if (why == FT_EDITED)
		return true;
	ft_edit_failed(b, run, why);
	return false;
}

static bool run_edits(struct ft_burst *b, struct ft_run *run, const struct ft_action_set *set)
{
	if (!(set->types & ~USES) && !set->fields)
		return true;
	for (unsigned i = 0; i < sizeof(before_fields); i++)
		if ((set->types >> before_fields[i] & 1) &&
			!edit(b, run, set->type[before_fields[i]]))
			return false;
	for (uint64_t fields = set->fields; fields; fields &= fields - 1)
		if (!edit(b, run, set->field[__builtin_ctzll(fields)]))
			return false;
	return true;
}

void ft_set_run(struct ft_burst *b, struct ft_run *run, const struct ft_action_set *set)
{
	const struct weft_action *out = set->type[WEFT_ACTION_OUTPUT];
	const struct weft_action_output *how;

	if (!ft_set_any_use(set) || !run_edits(b, run, set))
		return;
	if ((set->types & BIT(METER)) && !ft_run_meter(b, run, set->type[WEFT_ACTION_METER]->arg))
		return;
	if (set->types & BIT(GROUP)) {
		ft_run_group(b, run, set->type[WEFT_ACTION_GROUP]->arg, true);
		return;
	}
	how = weft_action_payload(out);
	ft_output(b, run, out->arg, how->max_len);
}

// SPDX-License-Identifier: Apache-2.0
#include "flowtable/packet/nx.h"
#include "flowtable/packet/pause.h"
#include "flowtable/cache/trace.h"

#define BIT(type) (1ull << WEFT_ACTION_##type)
#define USES (BIT(OUTPUT) | BIT(GROUP) | BIT(RESUBMIT))

void ft_set_clear(struct ft_action_set *set)
{
	set->types = 0;
	set->fields[0] = set->fields[1] = 0;
	set->n_more = 0;
	set->miss = false;
}

bool ft_set_any_use(const struct ft_action_set *set)
{
	return set->types & USES;
}

static void write_type(struct ft_action_set *set, uint16_t type, const struct weft_action *a)
{
	set->types |= 1ull << type;
	set->type[type] = a;
}

// What set the field's bits before has no effect any more.
static void forget_loads(struct ft_action_set *set, uint32_t field)
{
	unsigned n = 0;

	for (unsigned i = 0; i < set->n_more && i < FT_SET_MORE; i++)
		if (set->more[i]->type != WEFT_ACTION_LOAD || set->more[i]->arg != field)
			set->more[n++] = set->more[i];
	if (set->n_more <= FT_SET_MORE)
		set->n_more = (uint8_t)n;
}

static void write_field(struct ft_action_set *set, const struct weft_action *a)
{
	set->fields[a->arg / 64] |= 1ull << a->arg % 64;
	set->field[a->arg] = a;
	if (__builtin_expect(set->n_more, 0))
		forget_loads(set, a->arg);
}

static void write_more(struct ft_action_set *set, const struct weft_action *a)
{
	if (set->n_more < FT_SET_MORE)
		set->more[set->n_more++] = a;
	else
		set->n_more = FT_SET_MORE + 1;
}

// What check_nx.c lets into an action set.
static void write_nx(struct ft_action_set *set, const struct weft_action *a, bool miss)
{
	switch ((enum weft_action_type)a->type) {
	case WEFT_ACTION_MOVE:
	case WEFT_ACTION_LOAD:
		write_more(set, a);
		break;
	case WEFT_ACTION_DEC_NW_TTL_IDS:
		write_type(set, WEFT_ACTION_DEC_NW_TTL, a);
		break;
	case WEFT_ACTION_OUTPUT_TRUNC:
		write_type(set, WEFT_ACTION_OUTPUT, a);
		set->miss = miss;
		break;
	default:
		write_type(set, a->type, a);
	}
}

uint32_t ft_set_output(const struct ft_action_set *set)
{
	if ((set->types & BIT(GROUP)) || !(set->types & BIT(OUTPUT)))
		return WEFT_OFPORT_UNSET;
	return set->type[WEFT_ACTION_OUTPUT]->arg;
}

void ft_set_write(struct ft_action_set *set, const void *actions, size_t len, bool miss)
{
	WEFT_ACTION_FOR_EACH (a, actions, len) {
		if (ft_is_nx(a)) {
			write_nx(set, a, miss);
			continue;
		}
		if (a->type == WEFT_ACTION_SET_FIELD)
			write_field(set, a);
		else
			write_type(set, a->type, a);
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

static bool try_edit(struct ft_burst *b, struct ft_run *run, const struct weft_action *a)
{
	enum weft_drop why;

	if (run->pkt->trace)
		ft_trace_action(b, run, a);
	if (ft_is_nx(a))
		return ft_nx_run(b, run, a, false);
	ft_run_flush(b, run);
	why = ft_edit(run->pkt, a);
	if (why == FT_EDITED)
		return true;
	ft_edit_failed(b, run, why);
	return false;
}

// Set-field assumes that the header is there (OpenFlow 1.3.5, 5.12). Who wrote into the set cannot
// know what later tables do to the packet: such an action is passed by, as by Open vSwitch.
static bool edit(struct ft_burst *b, struct ft_run *run, const struct weft_action *a)
{
	const enum weft_drop why = run->why;

	if (try_edit(b, run, a))
		return true;
	if (run->why != WEFT_DROP_ACTION_ERROR)
		return false;
	ft_trace_spoil(run->pkt);
	run->why = why;
	return true;
}

static bool run_fields(struct ft_burst *b, struct ft_run *run, const struct ft_action_set *set)
{
	for (unsigned half = 0; half < 2; half++)
		for (uint64_t left = set->fields[half]; left; left &= left - 1)
			if (!edit(b, run, set->field[64 * half + (unsigned)__builtin_ctzll(left)]))
				return false;
	return true;
}

static bool run_more(struct ft_burst *b, struct ft_run *run, const struct ft_action_set *set)
{
	if (set->n_more > FT_SET_MORE) {
		run->why = WEFT_DROP_ACTION_ERROR;
		return false;
	}
	for (unsigned i = 0; i < set->n_more; i++)
		if (!edit(b, run, set->more[i]))
			return false;
	return true;
}

static bool run_edits(struct ft_burst *b, struct ft_run *run, const struct ft_action_set *set)
{
	if (!(set->types & ~USES) && !set->fields[0] && !set->fields[1] && !set->n_more)
		return true;
	for (unsigned i = 0; i < sizeof(before_fields); i++)
		if ((set->types >> before_fields[i] & 1) &&
			!edit(b, run, set->type[before_fields[i]]))
			return false;
	return run_fields(b, run, set) && run_more(b, run, set);
}

// A group goes before an output, and that before a resubmit.
static void run_last(struct ft_burst *b, struct ft_run *run, const struct ft_action_set *set)
{
	const struct weft_action *out = set->type[WEFT_ACTION_OUTPUT];
	const struct weft_action_output *how;

	if (set->types & BIT(GROUP)) {
		ft_run_group(b, run, set->type[WEFT_ACTION_GROUP]->arg, true);
	} else if (!(set->types & BIT(OUTPUT))) {
		const struct weft_action *resubmit = set->type[WEFT_ACTION_RESUBMIT];

		if (run->set) // it is used up, and what is written now is for nobody
			ft_set_clear(run->set);
		ft_nx_run(b, run, resubmit, true);
		if (run->pausing && set == run->set)
			run->pausing->set_done = true;
	} else if (ft_is_nx(out)) {
		ft_trace_spoil(run->pkt);
		ft_nx_run(b, run, out, true);
	} else {
		how = weft_action_payload(out);
		ft_output(b, run, out->arg, how->max_len);
	}
}

void ft_set_run(struct ft_burst *b, struct ft_run *run, const struct ft_action_set *set)
{
	if (!ft_set_any_use(set) || !run_edits(b, run, set))
		return;
	if (!(set->types & BIT(METER)) || ft_run_meter(b, run, set->type[WEFT_ACTION_METER]->arg))
		run_last(b, run, set);
}

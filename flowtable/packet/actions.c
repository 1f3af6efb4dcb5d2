// SPDX-License-Identifier: Apache-2.0
#include "flowtable/packet/nx.h"
#include "flowtable/packet/pause.h"
#include "flowtable/cache/trace.h"

enum weft_drop ft_edit(struct ft_packet *pkt, const struct weft_action *a)
{
	struct weft_packet *p = &pkt->pkt;
	struct weft_flow_key *k = &pkt->key;
	const struct weft_action_set_field *set;

	switch ((enum weft_action_type)a->type) {
	case WEFT_ACTION_SET_FIELD:
	case WEFT_ACTION_LOAD:
		set = weft_action_payload(a);
		return ft_set_field(p, k, (enum weft_field)a->arg, set->value, set->mask);
	case WEFT_ACTION_PUSH_VLAN:
		return ft_push_vlan(p, k, (uint16_t)a->arg);
	case WEFT_ACTION_POP_VLAN:
		return ft_pop_vlan(p, k);
	case WEFT_ACTION_PUSH_MPLS:
		return ft_push_mpls(p, k, (uint16_t)a->arg);
	case WEFT_ACTION_POP_MPLS:
		return ft_pop_mpls(p, k, (uint16_t)a->arg);
	case WEFT_ACTION_PUSH_PBB:
		return ft_push_pbb(p, k, (uint16_t)a->arg);
	case WEFT_ACTION_POP_PBB:
		return ft_pop_pbb(p, k);
	case WEFT_ACTION_SET_MPLS_TTL:
		return ft_set_mpls_ttl(p, k, (uint8_t)a->arg);
	case WEFT_ACTION_DEC_MPLS_TTL:
		return ft_dec_mpls_ttl(p, k);
	case WEFT_ACTION_SET_NW_TTL:
		return ft_set_nw_ttl(p, k, (uint8_t)a->arg);
	case WEFT_ACTION_DEC_NW_TTL:
		return ft_dec_nw_ttl(p, k);
	case WEFT_ACTION_COPY_TTL_OUT:
		return ft_copy_ttl_out(p, k);
	case WEFT_ACTION_COPY_TTL_IN:
		return ft_copy_ttl_in(p, k);
	case WEFT_ACTION_SET_QUEUE: // ports have one queue; the agent offers no other
	default:
		return FT_EDITED;
	}
}

void ft_edit_failed(struct ft_burst *b, struct ft_run *run, enum weft_drop why)
{
	run->why = why;
	if (why == WEFT_DROP_TTL && (b->flags & FT_SWITCH_TTL_PACKET_IN))
		ft_output_controller(b, run, WEFT_MAX_LEN_ALL, WEFT_PACKET_IN_TTL);
}

bool ft_run_meter(struct ft_burst *b, struct ft_run *run, uint32_t id)
{
	const struct ft_meter *m = ft_meter_find(b->sw, id, b->version);
	struct ft_packet *pkt = run->pkt;
	int band;

	if (!m) {
		ft_trace_spoil(pkt);
		return true; // went with its rules; they are not far
	}
	band = ft_meter_run(b->sw, m, b->worker, b->now_ns, pkt->pkt.total_len);
	if (band >= 0 && band < m->band_count && m->band[band].type == WEFT_BAND_DROP) {
		ft_trace_spoil(pkt); // the next one may pass
		run->why = WEFT_DROP_METER;
		return false;
	}
	if (pkt->trace)
		ft_trace_meter(pkt, m, run->waiting != FT_WAIT_NONE);
	if (band < 0 || band >= m->band_count)
		return true;
	if (m->band[band].type == WEFT_BAND_DSCP_REMARK) {
		ft_run_flush(b, run);
		ft_remark_dscp(&pkt->pkt, &pkt->key, m->band[band].prec_level);
	}
	return true;
}

#define BIT(type) (1ull << WEFT_ACTION_##type)
#define USES                                                                                       \
	(BIT(OUTPUT) | BIT(GROUP) | BIT(RESUBMIT) | BIT(OUTPUT_FIELD) | BIT(OUTPUT_TRUNC) |        \
		BIT(ENQUEUE) | BIT(CONTROLLER) | BIT(LEARN) | BIT(BUNDLE) | BIT(CLONE) |           \
		BIT(FIN_TIMEOUT))

static bool is_use(const struct weft_action *a)
{
	return USES >> a->type & 1;
}

bool ft_any_use(const void *first, const void *end)
{
	WEFT_ACTION_FOR_EACH (a, first, (size_t)((const char *)end - (const char *)first))
		if (is_use(a))
			return true;
	return false;
}

static void run_use(struct ft_burst *b, struct ft_run *run, const struct weft_action *a, bool last)
{
	const struct weft_action_output *out = weft_action_payload(a);

	if (a->type == WEFT_ACTION_GROUP)
		ft_run_group(b, run, a->arg, last);
	else if (a->arg == WEFT_OFPORT_TABLE && run->packet_out)
		ft_run_table(b, run, last);
	else
		ft_output(b, run, a->arg, out->max_len);
}

static bool set_has_use(const struct ft_run *run)
{
	return run->set && ft_set_any_use(run->set);
}

// What it does is seen outside a run that is watched.
static bool any_trace(const void *first, const void *end)
{
	const uint64_t traces = BIT(EXIT) | BIT(STACK_PUSH) | BIT(STACK_POP);

	WEFT_ACTION_FOR_EACH (a, first, (size_t)((const char *)end - (const char *)first))
		if (traces >> a->type & 1)
			return true;
	return false;
}

static bool is_last_use(const struct ft_run *run, const struct weft_action *a, const void *end)
{
	const struct weft_action *next = weft_action_next(a);

	if (__builtin_expect(run->watched, 0) && any_trace(next, end))
		return false;
	return !ft_any_use(next, end);
}

enum next {
	NEXT_ACTION,
	NEXT_NONE, // edits have no effect any more
	NEXT_END,  // as ft_run_actions() is false
};

// Out of the way of lists that have none of these. *last becomes false when a rule that was
// resubmitted to has written a use.
static enum next __attribute__((noinline)) run_nx(struct ft_burst *b, struct ft_run *run,
	const struct weft_action *a, const void *end, bool *last)
{
	bool last_use = *last && is_use(a) && is_last_use(run, a, end), had = set_has_use(run);

	if (!ft_nx_run(b, run, a, last_use)) {
		if (run->pausing)
			ft_pause_rest(run, weft_action_next(a), end);
		return NEXT_END;
	}
	if (!had && set_has_use(run))
		*last = false;
	return last_use && *last ? NEXT_NONE : NEXT_ACTION;
}

bool ft_run_actions(
	struct ft_burst *b, struct ft_run *run, const void *actions, size_t len, bool last)
{
	const void *end = (const char *)actions + len;

	WEFT_ACTION_FOR_EACH (a, actions, len) {
		enum weft_drop why;

		if (!ft_budget_steps(run->budget, 1)) {
			run->why = WEFT_DROP_RECURSION;
			return false;
		}
		if (run->pkt->trace)
			ft_trace_action(b, run, a);
		if (ft_is_nx(a)) {
			enum next next = run_nx(b, run, a, end, &last);

			if (next == NEXT_ACTION)
				continue;
			return next == NEXT_NONE;
		}
		if (is_use(a)) {
			bool last_use = last && is_last_use(run, a, end);

			run_use(b, run, a, last_use);
			if (last_use)
				return true; // edits have no effect any more
			continue;
		}
		if (a->type == WEFT_ACTION_METER) {
			if (!ft_run_meter(b, run, a->arg))
				return false;
			continue;
		}
		ft_run_flush(b, run);
		why = ft_edit(run->pkt, a);
		if (why != FT_EDITED) {
			ft_edit_failed(b, run, why);
			return false;
		}
	}
	return true;
}

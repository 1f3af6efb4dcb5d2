// SPDX-License-Identifier: Apache-2.0
#include "flowtable/packet/nx.h"
#include "flowtable/packet/pause.h"

#include "flowtable/packet/extract.h"
#include "flowtable/rules/fin.h"

// ---- what a change does to an output that waits

// Registers and marks are in no frame.
static bool output_sees(enum weft_field f)
{
	return f != WEFT_FIELD_METADATA && (f < WEFT_FIELD_REG0 || f > WEFT_FIELD_PKT_MARK);
}

static void before_write(struct ft_burst *b, struct ft_run *run, unsigned field)
{
	if (output_sees((enum weft_field)field))
		ft_run_flush(b, run);
	else
		ft_run_settle(b, run);
}

static bool edited(struct ft_burst *b, struct ft_run *run, enum weft_drop why)
{
	if (why == FT_EDITED)
		return true;
	ft_edit_failed(b, run, why);
	return false;
}

static bool write_number(
	struct ft_burst *b, struct ft_run *run, const struct weft_subfield *f, uint64_t v)
{
	before_write(b, run, f->field);
	return edited(b, run, ft_subfield_write_number(&run->pkt->pkt, &run->pkt->key, f, v));
}

static bool write_value(struct ft_burst *b, struct ft_run *run, const struct weft_subfield *f,
	const struct ft_value *v)
{
	before_write(b, run, f->field);
	return edited(b, run, ft_subfield_write(&run->pkt->pkt, &run->pkt->key, f, v));
}

// Work that grows with the action. False: more than a packet may cost.
static bool afford(struct ft_burst *b, struct ft_run *run, unsigned steps)
{
	if (ft_budget_steps(run->budget, steps))
		return true;
	ft_run_flush(b, run);
	run->why = WEFT_DROP_RECURSION;
	return false;
}

// ---- fields

static bool load(struct ft_burst *b, struct ft_run *run, const struct weft_action *a)
{
	const struct weft_action_set_field *set = weft_action_payload(a);

	before_write(b, run, a->arg);
	return edited(b, run,
		ft_set_field(&run->pkt->pkt, &run->pkt->key, (enum weft_field)a->arg, set->value,
			set->mask));
}

static bool learn(struct ft_burst *b, struct ft_run *run, const struct weft_action *a)
{
	const struct weft_action_learn *l = weft_action_payload(a);
	bool there = ft_learn_run(b, run, a);

	return !(l->flags & WEFT_LEARN_WRITE_RESULT) || write_number(b, run, &l->result, there);
}

static bool move(struct ft_burst *b, struct ft_run *run, const struct weft_action_move *m)
{
	struct ft_value v = ft_subfield_read(&run->pkt->key, &m->src);

	return write_value(b, run, &m->dst, &v);
}

// ---- the stack

static bool push(struct ft_burst *b, struct ft_run *run, const struct weft_subfield *f)
{
	struct ft_budget *budget = run->budget;

	if (!budget->stack && b->stacks_used < FT_BURST) {
		budget->stack = &b->stacks[b->stacks_used++];
		budget->stack->n = 0;
	}
	if (!budget->stack || budget->stack->n == FT_STACK_VALUES) {
		ft_run_flush(b, run);
		run->why = WEFT_DROP_RECURSION;
		return false;
	}
	budget->stack->at[budget->stack->n++] = ft_subfield_read(&run->pkt->key, f);
	return true;
}

static bool pop(struct ft_burst *b, struct ft_run *run, const struct weft_subfield *f)
{
	struct ft_stack *s = run->budget->stack;

	if (!s || !s->n)
		return true;
	return write_value(b, run, f, &s->at[--s->n]);
}

// ---- outputs

// A port of 16 bits may mean one of those with a meaning, as in OpenFlow 1.0 (ovs-fields(7),
// in_port).
static uint32_t port_of_number(uint64_t n)
{
	if (n > UINT32_MAX)
		return WEFT_OFPORT_ANY;
	return n >= 0xff00 && n <= UINT16_MAX ? (uint32_t)n | 0xffff0000u : (uint32_t)n;
}

static void output_field(
	struct ft_burst *b, struct ft_run *run, const struct weft_action_output_field *o)
{
	uint64_t n = ft_subfield_number(&run->pkt->key, &o->port);

	ft_output(b, run, port_of_number(n), o->max_len);
}

static void truncate(struct weft_packet *p, uint32_t max)
{
	if (p->total_len > max)
		p->total_len = max;
	if (p->len > max)
		p->len = max;
}

static void output_trunc(
	struct ft_burst *b, struct ft_run *run, const struct weft_action *a, bool last)
{
	const struct weft_action_u32 *max = weft_action_payload(a);
	struct ft_run copy;

	if (last || run->pkt->pkt.total_len <= max->value) {
		ft_run_flush(b, run);
		truncate(&run->pkt->pkt, max->value);
		ft_output(b, run, a->arg, 0);
	} else if (ft_run_copy(b, run, &copy)) {
		truncate(&copy.pkt->pkt, max->value);
		ft_output(b, &copy, a->arg, 0);
		ft_run_end(b, &copy);
	}
}

// A band that drops keeps the packet from the controller alone; what remarks has no meaning there.
static bool meter_passes(struct ft_burst *b, const struct ft_run *run, uint32_t id)
{
	const struct ft_meter *m = ft_meter_find(b->sw, id, b->version);
	int band;

	if (!m)
		return true;
	band = ft_meter_run(b->sw, m, b->worker, b->now_ns, run->pkt->pkt.total_len);
	return band < 0 || band >= m->band_count || m->band[band].type != WEFT_BAND_DROP;
}

static bool controller(
	struct ft_burst *b, struct ft_run *run, const struct weft_action_controller *c)
{
	const bool pause = c->flags & WEFT_CONTROLLER_PAUSE;

	if (c->meter_id && !meter_passes(b, run, c->meter_id)) {
		run->why = WEFT_DROP_METER;
		return !pause;
	}
	if (pause)
		return ft_pause_start(b, run, c);
	ft_output_packet_in(b, run,
		&(struct ft_packet_in){.max_len = c->max_len,
			.reason = c->reason,
			.controller_id = c->controller_id,
			.controller = c});
	return true;
}

static bool dec_ttl(struct ft_burst *b, struct ft_run *run, const struct weft_action *a)
{
	const uint16_t *ids = weft_action_payload(a);
	enum weft_drop why;

	if (!afford(b, run, a->arg))
		return false;
	ft_run_flush(b, run);
	why = ft_dec_nw_ttl(&run->pkt->pkt, &run->pkt->key);
	if (why == FT_EDITED)
		return true;
	run->why = why;
	for (uint32_t i = 0; why == WEFT_DROP_TTL && i < a->arg; i++)
		if (b->flags & FT_SWITCH_TTL_PACKET_IN)
			ft_output_packet_in(b, run,
				&(struct ft_packet_in){.max_len = WEFT_MAX_LEN_ALL,
					.reason = WEFT_PACKET_IN_TTL,
					.controller_id = ids[i]});
	return false;
}

// ---- hashes

static bool multipath(struct ft_burst *b, struct ft_run *run, const struct weft_action_multipath *m)
{
	return afford(b, run, FT_MULTIPATH_STEPS) &&
	       write_number(b, run, &m->dst, ft_multipath_link(&run->pkt->key, m, b->sw->env.seed));
}

static bool bundle(struct ft_burst *b, struct ft_run *run, const struct weft_action_bundle *a)
{
	uint32_t port;

	if (!afford(b, run, a->n_ports))
		return false;
	port = ft_bundle_port(b->sw, &run->pkt->key, a);
	if (a->dst.n_bits)
		return write_number(b, run, &a->dst, port);
	if (port == WEFT_OFPORT_ANY)
		run->why = WEFT_DROP_PORT_DOWN;
	else
		ft_output(b, run, port, 0);
	return true;
}

// ---- OpenFlow 1.0

static bool set_vlan(
	struct ft_burst *b, struct ft_run *run, enum weft_field f, uint32_t value, uint16_t mask)
{
	const struct weft_subfield bits = {
		.field = (uint16_t)f, .n_bits = (uint16_t)__builtin_popcount(mask)};
	enum weft_drop why = FT_EDITED;

	ft_run_flush(b, run);
	if (!run->pkt->key.vlan_vid)
		why = ft_push_vlan(&run->pkt->pkt, &run->pkt->key, FT_ETH_VLAN);
	return edited(b, run, why) && write_number(b, run, &bits, value);
}

static bool strip_vlan(struct ft_burst *b, struct ft_run *run)
{
	if (!run->pkt->key.vlan_vid)
		return true;
	ft_run_flush(b, run);
	return edited(b, run, ft_pop_vlan(&run->pkt->pkt, &run->pkt->key));
}

// The port of whichever protocol the packet has; of others nothing is changed.
static bool set_l4(struct ft_burst *b, struct ft_run *run, uint32_t port, bool dst)
{
	struct weft_subfield f = {.n_bits = 16};

	switch (run->pkt->pkt.l4_ofs ? run->pkt->key.ip_proto : 0) {
	case FT_PROTO_TCP:
		f.field = dst ? WEFT_FIELD_TCP_DST : WEFT_FIELD_TCP_SRC;
		break;
	case FT_PROTO_UDP:
		f.field = dst ? WEFT_FIELD_UDP_DST : WEFT_FIELD_UDP_SRC;
		break;
	case FT_PROTO_SCTP:
		f.field = dst ? WEFT_FIELD_SCTP_DST : WEFT_FIELD_SCTP_SRC;
		break;
	default:
		return true;
	}
	return write_number(b, run, &f, port);
}

// Of what is not IPv4 nothing is changed.
static bool set_nw(
	struct ft_burst *b, struct ft_run *run, enum weft_field field, unsigned bits, uint32_t v)
{
	const struct weft_subfield f = {.field = (uint16_t)field, .n_bits = (uint16_t)bits};

	return run->pkt->key.eth_type != htons(FT_ETH_IPV4) || write_number(b, run, &f, v);
}

bool ft_nx_run(struct ft_burst *b, struct ft_run *run, const struct weft_action *a, bool last)
{
	const void *p = weft_action_payload(a);

	switch ((enum weft_action_type)a->type) {
	case WEFT_ACTION_LEARN:
		return learn(b, run, a);
	case WEFT_ACTION_FIN_TIMEOUT:
		ft_fin_run(b, run, p);
		return true;
	case WEFT_ACTION_MOVE:
		return move(b, run, p);
	case WEFT_ACTION_LOAD:
		return load(b, run, a);
	case WEFT_ACTION_RESUBMIT:
		return ft_resubmit(b, run, a, last);
	case WEFT_ACTION_CLONE:
		return ft_clone(b, run, a, last);
	case WEFT_ACTION_EXIT:
		run->exit = true;
		return false;
	case WEFT_ACTION_OUTPUT_FIELD:
		output_field(b, run, p);
		return true;
	case WEFT_ACTION_OUTPUT_TRUNC:
		output_trunc(b, run, a, last);
		return true;
	case WEFT_ACTION_ENQUEUE: // ports have one queue
		ft_output(b, run, a->arg, 0);
		return true;
	case WEFT_ACTION_CONTROLLER:
		return controller(b, run, p);
	case WEFT_ACTION_STACK_PUSH:
		return push(b, run, p);
	case WEFT_ACTION_STACK_POP:
		return pop(b, run, p);
	case WEFT_ACTION_MULTIPATH:
		return multipath(b, run, p);
	case WEFT_ACTION_BUNDLE:
		return bundle(b, run, p);
	case WEFT_ACTION_DEC_NW_TTL_IDS:
		return dec_ttl(b, run, a);
	case WEFT_ACTION_CHECK_PKT_LARGER:
		return write_number(b, run, p, run->pkt->pkt.total_len > a->arg);
	case WEFT_ACTION_SET_VLAN_VID:
		return set_vlan(b, run, WEFT_FIELD_VLAN_VID, a->arg, 0xfff);
	case WEFT_ACTION_SET_VLAN_PCP:
		return set_vlan(b, run, WEFT_FIELD_VLAN_PCP, a->arg, 7);
	case WEFT_ACTION_STRIP_VLAN:
		return strip_vlan(b, run);
	case WEFT_ACTION_SET_L4_SRC:
		return set_l4(b, run, a->arg, false);
	case WEFT_ACTION_SET_L4_DST:
		return set_l4(b, run, a->arg, true);
	case WEFT_ACTION_SET_NW_SRC:
		return set_nw(b, run, WEFT_FIELD_IPV4_SRC, 32, a->arg);
	case WEFT_ACTION_SET_NW_DST:
		return set_nw(b, run, WEFT_FIELD_IPV4_DST, 32, a->arg);
	case WEFT_ACTION_SET_NW_TOS:
		return set_nw(b, run, WEFT_FIELD_IP_DSCP, 6, a->arg);
	default: // note, pop_queue
		return true;
	}
}

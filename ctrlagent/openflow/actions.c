// SPDX-License-Identifier: Apache-2.0
#include "openflow/actions.h"

#include "openflow/action_sink.h"
#include "openflow/oxm.h"

static void read_output(struct of_action_sink *s, const struct of_action_output *a)
{
	struct weft_action_output o = {.max_len = a->max_len};

	if (!of_sink_port_ok(s, a->port))
		of_sink_fail(s, OFPBAC_BAD_OUT_PORT);
	else
		of_sink_emit(s, WEFT_ACTION_OUTPUT, a->port, &o, sizeof(o));
}

static void read_meter(struct of_action_sink *s, uint32_t meter)
{
	if (meter == 0 || meter > WEFT_METER_MAX)
		of_sink_fail(s, OFPBAC_BAD_METER);
	else
		of_sink_emit(s, WEFT_ACTION_METER, meter, NULL, 0);
}

// OpenFlow 1.5.1, 7.2.6.10.
static void read_copy_field(struct of_action_sink *s, const struct of_action_copy_field *a)
{
	struct weft_action_move m = {0};

	if (of_sink_subfield(s, &a->src, a->src_offset, a->n_bits, false, &m.src) &&
		of_sink_subfield(s, &a->dst, a->dst_offset, a->n_bits, true, &m.dst))
		of_sink_emit(s, WEFT_ACTION_MOVE, 0, &m, sizeof(m));
}

static void read_action(struct of_action_sink *s, const struct of_action *a)
{
	switch (a->kind) {
	case OF_ACTION_OUTPUT:
		return read_output(s, &a->output);
	case OF_ACTION_GROUP:
		return of_sink_group(s, a->group.group_id);
	case OF_ACTION_SET_QUEUE:
		return of_sink_emit(s, WEFT_ACTION_SET_QUEUE, a->set_queue.queue_id, NULL, 0);
	case OF_ACTION_COPY_FIELD:
		return read_copy_field(s, &a->copy_field);
	case OF_ACTION_METER:
		return read_meter(s, a->meter.meter_id);
	case OF_ACTION_SET_FIELD:
		return of_sink_set_oxm(s, a->set_field.field, s->version >= 6);
	case OF_ACTION_PUSH_VLAN:
		return of_sink_push(
			s, WEFT_ACTION_PUSH_VLAN, a->push_vlan.ethertype, 0x8100, 0x88a8);
	case OF_ACTION_POP_VLAN:
		return of_sink_emit(s, WEFT_ACTION_POP_VLAN, 0, NULL, 0);
	case OF_ACTION_PUSH_MPLS:
		return of_sink_push(
			s, WEFT_ACTION_PUSH_MPLS, a->push_mpls.ethertype, 0x8847, 0x8848);
	case OF_ACTION_POP_MPLS:
		return of_sink_emit(s, WEFT_ACTION_POP_MPLS, a->pop_mpls.ethertype, NULL, 0);
	case OF_ACTION_PUSH_PBB:
		return of_sink_push(s, WEFT_ACTION_PUSH_PBB, a->push_pbb.ethertype, 0x88e7, 0x88e7);
	case OF_ACTION_POP_PBB:
		return of_sink_emit(s, WEFT_ACTION_POP_PBB, 0, NULL, 0);
	case OF_ACTION_SET_MPLS_TTL:
		return of_sink_emit(s, WEFT_ACTION_SET_MPLS_TTL, a->set_mpls_ttl.mpls_ttl, NULL, 0);
	case OF_ACTION_DEC_MPLS_TTL:
		return of_sink_emit(s, WEFT_ACTION_DEC_MPLS_TTL, 0, NULL, 0);
	case OF_ACTION_SET_NW_TTL:
		return of_sink_emit(s, WEFT_ACTION_SET_NW_TTL, a->set_nw_ttl.nw_ttl, NULL, 0);
	case OF_ACTION_DEC_NW_TTL:
		return of_sink_emit(s, WEFT_ACTION_DEC_NW_TTL, 0, NULL, 0);
	case OF_ACTION_COPY_TTL_OUT:
		return of_sink_emit(s, WEFT_ACTION_COPY_TTL_OUT, 0, NULL, 0);
	case OF_ACTION_COPY_TTL_IN:
		return of_sink_emit(s, WEFT_ACTION_COPY_TTL_IN, 0, NULL, 0);
	case OF_ACTION_EXPERIMENTER:
		return of_sink_fail(s, OFPBAC_BAD_EXPERIMENTER);
	default:
		return of_sink_action_1_0(s, a);
	}
}

void of_sink_list(struct of_action_sink *s, struct of_reader *it)
{
	struct of_action a;

	it->bad_len = (struct of_error){OFPET_BAD_ACTION, OFPBAC_BAD_LEN, 0};
	while (of_left(it)) {
		struct of_reader whole = *it;

		if (of_action_read(it, &a))
			return;
		if (a.kind == OF_ACTION_EXPERIMENTER &&
			a.experimenter.experimenter == OF_EXPERIMENTER_NICIRA)
			of_sink_nicira(s, &whole);
		else
			read_action(s, &a);
		if (whole.failed)
			of_fail_error(it, whole.error);
		if (s->code >= 0)
			of_fail(it, OFPET_BAD_ACTION, (uint16_t)s->code);
	}
}

ssize_t of_actions_read(struct of_span in, uint8_t version, unsigned flags, void *out, size_t room,
	struct of_error *error)
{
	struct of_reader it = of_list(in, version);
	struct of_action_sink s = {.p = out,
		.room = room < OF_ACTIONS_MAX ? room : OF_ACTIONS_MAX,
		.version = version,
		.packet_out = flags & OF_IN_PACKET_OUT,
		.depth = WEFT_CLONE_DEPTH,
		.code = -1};

	of_sink_list(&s, &it);
	if (it.failed) {
		*error = it.error;
		return -EBADMSG;
	}
	return (ssize_t)s.len;
}

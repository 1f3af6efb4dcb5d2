// SPDX-License-Identifier: Apache-2.0
#include "openflow/actions.h"

#include "openflow/oxm.h"

// A neutral list under construction; `code` is the OFPBAC_* of the first failure.
struct sink {
	uint8_t *p;
	size_t len;
	size_t room;
	bool packet_out;
	int code; // -1: none
};

static void fail(struct sink *s, int code)
{
	if (s->code < 0)
		s->code = code;
}

static void emit(struct sink *s, uint16_t type, uint32_t arg, const void *payload, size_t bytes)
{
	struct weft_action a = {.type = type, .len = (uint16_t)(sizeof(a) + bytes), .arg = arg};

	if (s->room - s->len < a.len) {
		fail(s, OFPBAC_TOO_MANY);
		return;
	}
	memcpy(s->p + s->len, &a, sizeof(a));
	if (bytes)
		memcpy(s->p + s->len + sizeof(a), payload, bytes);
	s->len += a.len;
}

static bool port_ok(uint32_t port, bool packet_out)
{
	switch (port) {
	case 0:
	case OFPP_ANY:
		return false;
	case OFPP_TABLE:
		return packet_out;
	default:
		return port <= OFPP_MAX || (port >= OFPP_IN_PORT && port <= OFPP_LOCAL);
	}
}

static void read_output(struct sink *s, const struct of_action_output *a)
{
	struct weft_action_output o = {.max_len = a->max_len};

	if (!port_ok(a->port, s->packet_out))
		fail(s, OFPBAC_BAD_OUT_PORT);
	else
		emit(s, WEFT_ACTION_OUTPUT, a->port, &o, sizeof(o));
}

static void read_group(struct sink *s, uint32_t group)
{
	if (group > OFPG_MAX)
		fail(s, OFPBAC_BAD_OUT_GROUP);
	else
		emit(s, WEFT_ACTION_GROUP, group, NULL, 0);
}

static void read_push(struct sink *s, uint16_t type, uint16_t ethertype, uint16_t a, uint16_t b)
{
	if (ethertype != a && ethertype != b)
		fail(s, OFPBAC_BAD_ARGUMENT);
	else
		emit(s, type, ethertype, NULL, 0);
}

// OpenFlow 1.5 says it aloud, and before it is as true: a VLAN id to set bears OFPVID_PRESENT.
static bool set_value_ok(enum weft_field f, const uint8_t *value)
{
	return f != WEFT_FIELD_VLAN_VID || (value[0] & 0x10);
}

// OpenFlow 1.3.5, 7.2.5, set-field. No mask before 1.5.
static void read_set_field(struct sink *s, const struct of_action_set_field *a, uint8_t version)
{
	struct of_reader it = of_list(a->field, version);
	struct weft_action_set_field f;
	const struct weft_field_info *info;
	struct of_oxm o;

	if (of_oxm_read(&it, &o)) {
		fail(s, OFPBAC_BAD_SET_LEN);
		return;
	}
	if (!o.form || !(weft_field_infos[o.form->field].flags & WEFT_FIELD_S) || o.hasmask) {
		fail(s, OFPBAC_BAD_SET_TYPE);
		return;
	}
	if (!of_oxm_len_ok(&o)) {
		fail(s, OFPBAC_BAD_SET_LEN);
		return;
	}
	memset(&f, 0, sizeof(f));
	if (!of_oxm_value(o.form, o.body.p, f.value) || !set_value_ok(o.form->field, f.value)) {
		fail(s, OFPBAC_BAD_SET_ARGUMENT);
		return;
	}
	info = &weft_field_infos[o.form->field];
	memset(f.mask, 0xff, info->bytes);
	if (info->bits % 8)
		f.mask[0] = (uint8_t)(0xff >> (8 - info->bits % 8));
	emit(s, WEFT_ACTION_SET_FIELD, o.form->field, &f, sizeof(f));
}

static void read_action(struct sink *s, const struct of_action *a, uint8_t version)
{
	switch (a->kind) {
	case OF_ACTION_OUTPUT:
		return read_output(s, &a->output);
	case OF_ACTION_GROUP:
		return read_group(s, a->group.group_id);
	case OF_ACTION_SET_QUEUE:
		return emit(s, WEFT_ACTION_SET_QUEUE, a->set_queue.queue_id, NULL, 0);
	case OF_ACTION_METER:
		return emit(s, WEFT_ACTION_METER, a->meter.meter_id, NULL, 0);
	case OF_ACTION_SET_FIELD:
		return read_set_field(s, &a->set_field, version);
	case OF_ACTION_PUSH_VLAN:
		return read_push(s, WEFT_ACTION_PUSH_VLAN, a->push_vlan.ethertype, 0x8100, 0x88a8);
	case OF_ACTION_POP_VLAN:
		return emit(s, WEFT_ACTION_POP_VLAN, 0, NULL, 0);
	case OF_ACTION_PUSH_MPLS:
		return read_push(s, WEFT_ACTION_PUSH_MPLS, a->push_mpls.ethertype, 0x8847, 0x8848);
	case OF_ACTION_POP_MPLS:
		return emit(s, WEFT_ACTION_POP_MPLS, a->pop_mpls.ethertype, NULL, 0);
	case OF_ACTION_PUSH_PBB:
		return read_push(s, WEFT_ACTION_PUSH_PBB, a->push_pbb.ethertype, 0x88e7, 0x88e7);
	case OF_ACTION_POP_PBB:
		return emit(s, WEFT_ACTION_POP_PBB, 0, NULL, 0);
	case OF_ACTION_SET_MPLS_TTL:
		return emit(s, WEFT_ACTION_SET_MPLS_TTL, a->set_mpls_ttl.mpls_ttl, NULL, 0);
	case OF_ACTION_DEC_MPLS_TTL:
		return emit(s, WEFT_ACTION_DEC_MPLS_TTL, 0, NULL, 0);
	case OF_ACTION_SET_NW_TTL:
		return emit(s, WEFT_ACTION_SET_NW_TTL, a->set_nw_ttl.nw_ttl, NULL, 0);
	case OF_ACTION_DEC_NW_TTL:
		return emit(s, WEFT_ACTION_DEC_NW_TTL, 0, NULL, 0);
	case OF_ACTION_COPY_TTL_OUT:
		return emit(s, WEFT_ACTION_COPY_TTL_OUT, 0, NULL, 0);
	case OF_ACTION_COPY_TTL_IN:
		return emit(s, WEFT_ACTION_COPY_TTL_IN, 0, NULL, 0);
	case OF_ACTION_EXPERIMENTER:
		return fail(s, OFPBAC_BAD_EXPERIMENTER);
	case OF_ACTION_NONE:
	case OF_ACTION_KINDS:
		break;
	}
	fail(s, OFPBAC_BAD_TYPE);
}

ssize_t of_actions_read(struct of_span in, uint8_t version, unsigned flags, void *out, size_t room,
	struct of_error *error)
{
	struct of_reader it = of_list(in, version);
	struct sink s = {.p = out,
		.room = room < OF_ACTIONS_MAX ? room : OF_ACTIONS_MAX,
		.packet_out = flags & OF_IN_PACKET_OUT,
		.code = -1};
	struct of_action a;

	it.bad_len = (struct of_error){OFPET_BAD_ACTION, OFPBAC_BAD_LEN, 0};
	while (of_action_next(&it, &a)) {
		read_action(&s, &a, version);
		if (s.code >= 0)
			of_fail(&it, OFPET_BAD_ACTION, (uint16_t)s.code);
	}
	if (it.failed) {
		*error = it.error;
		return -EBADMSG;
	}
	return (ssize_t)s.len;
}

static int write_set_field(struct of_writer *w, const struct weft_action *a)
{
	const struct weft_action_set_field *f = weft_action_payload(a);
	size_t begin = of_begin(w);
	int rc;

	of_put_u16(w, OFPAT_SET_FIELD);
	of_put_u16(w, 0);
	rc = of_oxm_write(w, a->arg, f->value, NULL);
	if (rc) {
		w->len = begin;
		return rc;
	}
	return of_end(w, begin, 2, 8, 0);
}

static int write_output(struct of_writer *w, const struct weft_action *a)
{
	const struct weft_action_output *o = weft_action_payload(a);

	return of_action_output_write(w, &(struct of_action_output){a->arg, o->max_len});
}

static int write_action(struct of_writer *w, const struct weft_action *a)
{
	uint16_t arg16 = (uint16_t)a->arg;
	uint8_t arg8 = (uint8_t)a->arg;

	switch ((enum weft_action_type)a->type) {
	case WEFT_ACTION_OUTPUT:
		return write_output(w, a);
	case WEFT_ACTION_GROUP:
		return of_action_group_write(w, &(struct of_action_group){a->arg});
	case WEFT_ACTION_SET_QUEUE:
		return of_action_set_queue_write(w, &(struct of_action_set_queue){a->arg});
	case WEFT_ACTION_METER:
		return w->version < 6 ? -ENOTSUP
				      : of_action_meter_write(w, &(struct of_action_meter){a->arg});
	case WEFT_ACTION_SET_FIELD:
		return write_set_field(w, a);
	case WEFT_ACTION_PUSH_VLAN:
		return of_action_push_vlan_write(w, &(struct of_action_push_vlan){arg16});
	case WEFT_ACTION_POP_VLAN:
		return of_action_pop_vlan_write(w, &(struct of_action_pop_vlan){0});
	case WEFT_ACTION_PUSH_MPLS:
		return of_action_push_mpls_write(w, &(struct of_action_push_mpls){arg16});
	case WEFT_ACTION_POP_MPLS:
		return of_action_pop_mpls_write(w, &(struct of_action_pop_mpls){arg16});
	case WEFT_ACTION_PUSH_PBB:
		return of_action_push_pbb_write(w, &(struct of_action_push_pbb){arg16});
	case WEFT_ACTION_POP_PBB:
		return of_action_pop_pbb_write(w, &(struct of_action_pop_pbb){0});
	case WEFT_ACTION_SET_MPLS_TTL:
		return of_action_set_mpls_ttl_write(w, &(struct of_action_set_mpls_ttl){arg8});
	case WEFT_ACTION_DEC_MPLS_TTL:
		return of_action_dec_mpls_ttl_write(w, &(struct of_action_dec_mpls_ttl){0});
	case WEFT_ACTION_SET_NW_TTL:
		return of_action_set_nw_ttl_write(w, &(struct of_action_set_nw_ttl){arg8});
	case WEFT_ACTION_DEC_NW_TTL:
		return of_action_dec_nw_ttl_write(w, &(struct of_action_dec_nw_ttl){0});
	case WEFT_ACTION_COPY_TTL_OUT:
		return of_action_copy_ttl_out_write(w, &(struct of_action_copy_ttl_out){0});
	case WEFT_ACTION_COPY_TTL_IN:
		return of_action_copy_ttl_in_write(w, &(struct of_action_copy_ttl_in){0});
	case WEFT_ACTION_MAX:
		break;
	}
	return -ENOTSUP;
}

int of_actions_write(struct of_writer *w, const void *list, size_t bytes)
{
	WEFT_ACTION_FOR_EACH(a, list, bytes)
	{
		int rc = write_action(w, a);

		if (rc)
			return rc;
	}
	return w->error;
}

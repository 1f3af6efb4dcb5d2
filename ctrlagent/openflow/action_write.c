// SPDX-License-Identifier: Apache-2.0
// From neutral actions to the wire.
#include "openflow/action_1_0.h"
#include "openflow/actions.h"
#include "openflow/nx_action_write.h"
#include "openflow/oxm.h"

static int write_set_field(struct of_writer *w, const struct weft_action *a)
{
	const struct weft_action_set_field *f = weft_action_payload(a);
	bool partial = !of_oxm_is_full_mask(a->arg, f->mask);
	size_t begin = of_begin(w);
	int rc;

	if (partial && w->version < 6)
		return of_nx_action_put(w, a);
	of_put_u16(w, OFPAT_SET_FIELD);
	of_put_u16(w, 0);
	rc = of_oxm_write_set(w, a->arg, f->value, partial ? f->mask : NULL);
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

static int write_move(struct of_writer *w, const struct weft_action *a)
{
	const struct weft_action_move *m = weft_action_payload(a);
	struct of_action_copy_field copy = {
		.n_bits = m->src.n_bits, .src_offset = m->src.ofs, .dst_offset = m->dst.ofs};

	if (w->version < 6)
		return of_nx_action_put(w, a);
	if (of_oxm_id(&m->src, w->version, &copy.src) || of_oxm_id(&m->dst, w->version, &copy.dst))
		return -ENOTSUP;
	return of_action_copy_field_write(w, &copy);
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
	case WEFT_ACTION_LOAD: // since 1.5 a set-field may say it
		return w->version < 6 ? of_nx_action_put(w, a) : write_set_field(w, a);
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
	case WEFT_ACTION_MOVE:
		return write_move(w, a);
	case WEFT_ACTION_ENQUEUE:
	case WEFT_ACTION_SET_VLAN_VID:
	case WEFT_ACTION_SET_VLAN_PCP:
	case WEFT_ACTION_STRIP_VLAN:
	case WEFT_ACTION_SET_L4_SRC:
	case WEFT_ACTION_SET_L4_DST:
	case WEFT_ACTION_SET_NW_SRC:
	case WEFT_ACTION_SET_NW_DST:
	case WEFT_ACTION_SET_NW_TOS:
		return of_action_1_0_put_later(w, a);
	default:
		return of_nx_action_put(w, a);
	}
}

int of_actions_write(struct of_writer *w, const void *list, size_t bytes)
{
	bool unsaid = false;

	WEFT_ACTION_FOR_EACH (a, list, bytes) {
		size_t begin = w->len;
		int rc = w->version == 1 ? of_action_1_0_put(w, a) : write_action(w, a);

		if (rc != -ENOTSUP && rc != -ERANGE)
			continue;
		unsaid = true;
		w->len = begin;
		if (w->error == -ERANGE) // a port that 1.0 has no number for
			w->error = 0;
	}
	return unsaid && !w->error ? -ENOTSUP : w->error;
}

// SPDX-License-Identifier: Apache-2.0
#include "openflow/nx_action_write.h"

#include <weft/flow.h>

#include "openflow/actions.h"
#include "openflow/nx_learn.h"
#include "openflow/oxm.h"

static uint16_t ofs_nbits(const struct weft_subfield *f)
{
	return (uint16_t)(f->ofs << 6 | (f->n_bits - 1));
}

// The header of a field's TLV, for where only four bytes fit; 0 if there is none.
static uint32_t header(const struct of_writer *w, const struct weft_subfield *f)
{
	struct of_oxm_id id;

	return of_oxm_id(f, w->version, &id) || id.experimenter ? 0 : id.header;
}

static int put_resubmit(struct of_writer *w, const struct weft_action *a)
{
	const struct weft_action_resubmit *r = weft_action_payload(a);
	uint16_t port = of_port_narrow(w, a->arg);

	if (r->table == WEFT_RESUBMIT_SAME_TABLE)
		return of_nx_action_resubmit_write(w, &(struct of_nx_action_resubmit){port});
	return of_nx_action_resubmit_table_write(
		w, &(struct of_nx_action_resubmit_table){port, r->table});
}

static int put_move(struct of_writer *w, const struct weft_action *a)
{
	const struct weft_action_move *m = weft_action_payload(a);
	struct of_nx_action_reg_move move = {
		.n_bits = m->src.n_bits, .src_ofs = m->src.ofs, .dst_ofs = m->dst.ofs};

	if (of_oxm_id(&m->src, w->version, &move.src) || of_oxm_id(&m->dst, w->version, &move.dst))
		return -ENOTSUP;
	return of_nx_action_reg_move_write(w, &move);
}

static bool bit(const uint8_t *bytes, unsigned n, unsigned i)
{
	return bytes[n - 1 - i / 8] >> i % 8 & 1;
}

// One reg_load for each run of bits, of 64 at most: their number is what came in as one, if it did.
static int put_load(struct of_writer *w, const struct weft_action *a)
{
	const struct weft_action_set_field *set = weft_action_payload(a);
	const struct weft_field_info *info = &weft_field_infos[a->arg];

	for (unsigned i = 0, n; i < info->bits; i += n ? n : 1) {
		struct weft_subfield f = {.field = (uint16_t)a->arg, .ofs = (uint16_t)i};
		uint64_t value = 0;

		for (n = 0; i + n < info->bits && n < 64 && bit(set->mask, info->bytes, i + n); n++)
			value |= (uint64_t)bit(set->value, info->bytes, i + n) << n;
		f.n_bits = (uint16_t)n;
		if (n && !header(w, &f))
			return -ENOTSUP;
		if (n)
			of_nx_action_reg_load_write(
				w, &(struct of_nx_action_reg_load){
					   ofs_nbits(&f), header(w, &f), value});
	}
	return w->error;
}

static int put_set_masked(struct of_writer *w, const struct weft_action *a)
{
	const struct weft_action_set_field *set = weft_action_payload(a);
	bool full = of_oxm_is_full_mask(a->arg, set->mask);
	struct of_writer oxm = {.version = w->version};
	int rc = of_oxm_write(&oxm, a->arg, set->value, full ? NULL : set->mask);

	if (!rc)
		rc = of_nx_action_reg_load2_write(
			w, &(struct of_nx_action_reg_load2){of_written(&oxm)});
	of_writer_free(&oxm);
	return rc;
}

static int put_output_field(struct of_writer *w, const struct weft_action *a)
{
	const struct weft_action_output_field *o = weft_action_payload(a);
	struct of_nx_action_output_reg2 long_ = {
		.ofs_nbits = ofs_nbits(&o->port), .max_len = o->max_len};

	if (header(w, &o->port))
		return of_nx_action_output_reg_write(
			w, &(struct of_nx_action_output_reg){
				   ofs_nbits(&o->port), header(w, &o->port), o->max_len});
	if (of_oxm_id(&o->port, w->version, &long_.src))
		return -ENOTSUP;
	return of_nx_action_output_reg2_write(w, &long_);
}

static int put_controller(struct of_writer *w, const struct weft_action *a)
{
	const struct weft_action_controller *c = weft_action_payload(a);
	struct of_writer p = {.version = w->version};
	int rc;

	if (!c->flags && !c->userdata_len && !c->meter_id)
		return of_nx_action_controller_write(w,
			&(struct of_nx_action_controller){c->max_len, c->controller_id, c->reason});
	if (c->max_len != WEFT_MAX_LEN_ALL)
		of_nx_controller_prop_max_len_write(
			&p, &(struct of_nx_controller_prop_max_len){c->max_len});
	if (c->controller_id)
		of_nx_controller_prop_controller_id_write(
			&p, &(struct of_nx_controller_prop_controller_id){c->controller_id});
	if (c->reason != WEFT_PACKET_IN_ACTION)
		of_nx_controller_prop_reason_write(
			&p, &(struct of_nx_controller_prop_reason){c->reason});
	if (c->userdata_len)
		of_nx_controller_prop_userdata_write(
			&p, &(struct of_nx_controller_prop_userdata){
				    {(const uint8_t *)(c + 1), c->userdata_len}});
	if (c->flags & WEFT_CONTROLLER_PAUSE)
		of_nx_controller_prop_pause_write(&p, &(struct of_nx_controller_prop_pause){0});
	if (c->meter_id)
		of_nx_controller_prop_meter_id_write(
			&p, &(struct of_nx_controller_prop_meter_id){c->meter_id});
	rc = of_nx_action_controller2_write(w, &(struct of_nx_action_controller2){of_written(&p)});
	of_writer_free(&p);
	return rc;
}

static int put_learn(struct of_writer *w, const struct weft_action *a)
{
	const struct weft_action_learn *l = weft_action_payload(a);
	const struct weft_learn_spec *spec = (const void *)(l + 1);
	struct of_nx_action_learn one = {.idle_timeout = l->idle_timeout,
		.hard_timeout = l->hard_timeout,
		.priority = l->priority,
		.cookie = l->cookie,
		.flags = l->flags,
		.table_id = l->table,
		.fin_idle_timeout = l->fin_idle_timeout,
		.fin_hard_timeout = l->fin_hard_timeout};
	struct of_nx_action_learn2 two = {one.idle_timeout, one.hard_timeout, one.priority,
		one.cookie, one.flags, one.table_id, one.fin_idle_timeout, one.fin_hard_timeout,
		l->limit, l->result.ofs, {NULL, 0}};
	struct of_writer specs = {.version = w->version};
	bool result = l->flags & WEFT_LEARN_WRITE_RESULT;
	struct of_oxm_id id;
	int rc = result ? of_oxm_id(&l->result, w->version, &id) : 0;

	if (result && !rc)
		of_oxm_id_write(&specs, &id);
	for (unsigned i = 0; i < l->n_specs && !rc; i++)
		rc = of_learn_spec_write(&specs, spec + i);
	one.specs = two.specs = of_written(&specs);
	if (!rc)
		rc = l->limit || result ? of_nx_action_learn2_write(w, &two)
					: of_nx_action_learn_write(w, &one);
	of_writer_free(&specs);
	return rc;
}

static int put_bundle(struct of_writer *w, const struct weft_action *a)
{
	const struct weft_action_bundle *b = weft_action_payload(a);
	const uint32_t *ports = (const void *)(b + 1);
	struct of_writer slaves = {.version = w->version};
	struct of_nx_action_bundle_load load = {
		b->algorithm, b->fields, b->basis, OF_NXM_IN_PORT, b->n_ports, 0, 0, {NULL, 0}};
	int rc;

	for (unsigned i = 0; i < b->n_ports; i++)
		of_put_u16(&slaves, of_port_narrow(w, ports[i]));
	load.slaves = of_written(&slaves);
	if (b->dst.n_bits) {
		load.ofs_nbits = ofs_nbits(&b->dst);
		load.dst = header(w, &b->dst);
		rc = load.dst ? of_nx_action_bundle_load_write(w, &load) : -ENOTSUP;
	} else {
		rc = of_nx_action_bundle_write(
			w, &(struct of_nx_action_bundle){b->algorithm, b->fields, b->basis,
				   OF_NXM_IN_PORT, b->n_ports, load.slaves});
	}
	of_writer_free(&slaves);
	return rc;
}

static int put_multipath(struct of_writer *w, const struct weft_action *a)
{
	const struct weft_action_multipath *m = weft_action_payload(a);

	if (!header(w, &m->dst))
		return -ENOTSUP;
	return of_nx_action_multipath_write(
		w, &(struct of_nx_action_multipath){m->fields, m->basis, m->algorithm, m->max_link,
			   m->arg, ofs_nbits(&m->dst), header(w, &m->dst)});
}

static int put_stack(struct of_writer *w, const struct weft_action *a)
{
	const struct weft_subfield *f = weft_action_payload(a);
	struct of_oxm_id id;

	if (of_oxm_id(f, w->version, &id))
		return -ENOTSUP;
	if (a->type == WEFT_ACTION_STACK_PUSH)
		return of_nx_action_stack_push_write(
			w, &(struct of_nx_action_stack_push){f->ofs, id, f->n_bits});
	return of_nx_action_stack_pop_write(
		w, &(struct of_nx_action_stack_pop){f->ofs, id, f->n_bits});
}

static int put_clone(struct of_writer *w, const struct weft_action *a)
{
	struct of_writer inner = {.version = w->version};
	int rc = of_actions_write(&inner, weft_action_payload(a), a->len - sizeof(*a));

	if (!rc)
		rc = of_nx_action_clone_write(w, &(struct of_nx_action_clone){of_written(&inner)});
	of_writer_free(&inner);
	return rc;
}

static int put_dec_ttl_ids(struct of_writer *w, const struct weft_action *a)
{
	const uint16_t *ids = weft_action_payload(a);
	struct of_writer list = {.version = w->version};
	int rc;

	for (unsigned i = 0; i < a->arg; i++)
		of_put_u16(&list, ids[i]);
	rc = of_nx_action_dec_ttl_cnt_ids_write(
		w, &(struct of_nx_action_dec_ttl_cnt_ids){(uint16_t)a->arg, of_written(&list)});
	of_writer_free(&list);
	return rc;
}

static int put_check_pkt_larger(struct of_writer *w, const struct weft_action *a)
{
	const struct weft_subfield *f = weft_action_payload(a);
	struct of_nx_action_check_pkt_larger check = {
		.pkt_len = (uint16_t)a->arg, .offset = f->ofs};

	if (of_oxm_id(f, w->version, &check.dst))
		return -ENOTSUP;
	return of_nx_action_check_pkt_larger_write(w, &check);
}

// Those with a payload of one number or none.
static int put_simple(struct of_writer *w, const struct weft_action *a)
{
	const struct weft_action_conjunction *c = weft_action_payload(a);
	const struct weft_action_fin_timeout *f = weft_action_payload(a);
	const struct weft_action_u32 *u = weft_action_payload(a);
	uint16_t arg16 = (uint16_t)a->arg;
	uint8_t arg8 = (uint8_t)a->arg;

	switch (a->type) {
	case WEFT_ACTION_SET_QUEUE:
		return of_nx_action_set_queue_write(w, &(struct of_nx_action_set_queue){a->arg});
	case WEFT_ACTION_POP_QUEUE:
		return of_nx_action_pop_queue_write(w, &(struct of_nx_action_pop_queue){0});
	case WEFT_ACTION_PUSH_MPLS:
		return of_nx_action_push_mpls_write(w, &(struct of_nx_action_push_mpls){arg16});
	case WEFT_ACTION_POP_MPLS:
		return of_nx_action_pop_mpls_write(w, &(struct of_nx_action_pop_mpls){arg16});
	case WEFT_ACTION_SET_MPLS_TTL:
		return of_nx_action_set_mpls_ttl_write(
			w, &(struct of_nx_action_set_mpls_ttl){arg8});
	case WEFT_ACTION_DEC_MPLS_TTL:
		return of_nx_action_dec_mpls_ttl_write(w, &(struct of_nx_action_dec_mpls_ttl){0});
	case WEFT_ACTION_DEC_NW_TTL:
		return of_nx_action_dec_ttl_write(w, &(struct of_nx_action_dec_ttl){0});
	case WEFT_ACTION_NOTE:
		return of_nx_action_note_write(
			w, &(struct of_nx_action_note){{weft_action_payload(a), a->arg}});
	case WEFT_ACTION_EXIT:
		return of_nx_action_exit_write(w, &(struct of_nx_action_exit){0});
	case WEFT_ACTION_CONJUNCTION:
		return of_nx_action_conjunction_write(
			w, &(struct of_nx_action_conjunction){c->clause, c->n_clauses, a->arg});
	case WEFT_ACTION_FIN_TIMEOUT:
		return of_nx_action_fin_timeout_write(
			w, &(struct of_nx_action_fin_timeout){f->idle_timeout, f->hard_timeout});
	case WEFT_ACTION_OUTPUT_TRUNC:
		return of_nx_action_output_trunc_write(w,
			&(struct of_nx_action_output_trunc){of_port_narrow(w, a->arg), u->value});
	default:
		return -ENOTSUP;
	}
}

int of_nx_action_put(struct of_writer *w, const struct weft_action *a)
{
	switch (a->type) {
	case WEFT_ACTION_RESUBMIT:
		return put_resubmit(w, a);
	case WEFT_ACTION_MOVE:
		return put_move(w, a);
	case WEFT_ACTION_LOAD:
		return put_load(w, a);
	case WEFT_ACTION_SET_FIELD:
		return put_set_masked(w, a);
	case WEFT_ACTION_OUTPUT_FIELD:
		return put_output_field(w, a);
	case WEFT_ACTION_CONTROLLER:
		return put_controller(w, a);
	case WEFT_ACTION_LEARN:
		return put_learn(w, a);
	case WEFT_ACTION_BUNDLE:
		return put_bundle(w, a);
	case WEFT_ACTION_MULTIPATH:
		return put_multipath(w, a);
	case WEFT_ACTION_STACK_PUSH:
	case WEFT_ACTION_STACK_POP:
		return put_stack(w, a);
	case WEFT_ACTION_CLONE:
		return put_clone(w, a);
	case WEFT_ACTION_DEC_NW_TTL_IDS:
		return put_dec_ttl_ids(w, a);
	case WEFT_ACTION_CHECK_PKT_LARGER:
		return put_check_pkt_larger(w, a);
	default:
		return put_simple(w, a);
	}
}

// SPDX-License-Identifier: Apache-2.0
// Nicira's actions, ovs-actions(7), into neutral ones.
#include <weft/flow.h>

#include "openflow/action_sink.h"
#include "openflow/oxm.h"

static void resubmit(struct of_action_sink *s, uint16_t in_port, uint8_t table)
{
	const struct weft_action_resubmit r = {.table = table};

	of_sink_emit(s, WEFT_ACTION_RESUBMIT, of_port_widen(in_port), &r, sizeof(r));
}

static void set_tunnel(struct of_action_sink *s, uint64_t id)
{
	weft_be64 value = weft_htonll(id);

	of_sink_set(s, WEFT_ACTION_SET_FIELD, WEFT_FIELD_TUNNEL_ID, (const uint8_t *)&value, NULL);
}

// `value` into bits of a field that is a number of up to 16 bytes, left-aligned in 16.
static void place(const struct weft_subfield *f, uint64_t value, uint8_t *v, uint8_t *mask)
{
	unsigned bytes = weft_field_infos[f->field].bytes;

	for (unsigned i = 0; i < f->n_bits; i++) {
		unsigned bit = f->ofs + i;
		uint8_t one = (uint8_t)(1u << bit % 8);

		mask[bytes - 1 - bit / 8] |= one;
		if (value >> i & 1)
			v[bytes - 1 - bit / 8] |= one;
	}
}

// One end of a move; bits of it that no field has: none.
static unsigned move_end(struct of_action_sink *s, const struct of_oxm_id *id, unsigned ofs,
	unsigned n_bits, bool write, struct weft_subfield *out)
{
	unsigned bits = id->experimenter ? 0 : of_nxm_bits(id->header);

	if (bits && n_bits && ofs + n_bits <= bits)
		return of_nxm_whole(id->header, ofs, n_bits, out)
			       ? n_bits
			       : of_nxm_part(id->header, ofs, n_bits, out);
	of_sink_subfield(s, id, ofs, n_bits, write, out);
	return n_bits;
}

static void move_part(struct of_action_sink *s, const struct weft_action_move *m)
{
	static const uint8_t zero[16];
	uint8_t unused[16] = {0}, mask[16] = {0};

	if (m->src.n_bits && m->dst.n_bits) {
		of_sink_emit(s, WEFT_ACTION_MOVE, 0, m, sizeof(*m));
	} else if (m->dst.n_bits) { // what reads as zero
		place(&m->dst, 0, unused, mask);
		of_sink_set(s, WEFT_ACTION_LOAD, m->dst.field, zero, mask);
	}
}

static void shorten(struct weft_subfield *f, unsigned n)
{
	if (f->n_bits)
		f->n_bits = (uint16_t)n;
}

// As many actions as there are pieces that lie together at both ends: nearly always one.
static void reg_move(struct of_action_sink *s, const struct of_nx_action_reg_move *a)
{
	unsigned done = 0;

	do {
		unsigned left = a->n_bits - done, n, m;
		struct weft_action_move part = {0};

		n = move_end(s, &a->src, a->src_ofs + done, left, false, &part.src);
		m = move_end(s, &a->dst, a->dst_ofs + done, left, true, &part.dst);
		n = n < m ? n : m;
		if (n < a->n_bits && a->src.header == a->dst.header)
			of_sink_fail(s, OFPBAC_BAD_ARGUMENT); // a piece might overwrite the next
		if (s->code >= 0)
			return;
		shorten(&part.src, n);
		shorten(&part.dst, n);
		move_part(s, &part);
		done += n;
	} while (done < a->n_bits);
}

static void load_nxm(struct of_action_sink *s, const struct of_nx_action_reg_load *a)
{
	unsigned ofs = a->ofs_nbits >> 6, n_bits = (a->ofs_nbits & 63u) + 1;

	if (ofs + n_bits > of_nxm_bits(a->dst) || a->value >> n_bits)
		of_sink_fail(s, OFPBAC_BAD_ARGUMENT);
	else
		of_sink_set_nxm(s, WEFT_ACTION_LOAD, a->dst, a->value << ofs,
			((1ull << n_bits) - 1) << ofs);
}

static void reg_load(struct of_action_sink *s, const struct of_nx_action_reg_load *a)
{
	uint8_t value[16] = {0}, mask[16] = {0};
	struct weft_subfield dst;

	if (of_nxm_bits(a->dst)) {
		load_nxm(s, a);
		return;
	}
	if (!of_sink_subfield_nx(s, a->dst, a->ofs_nbits, true, &dst))
		return;
	if (dst.n_bits < 64 && a->value >> dst.n_bits) {
		of_sink_fail(s, OFPBAC_BAD_ARGUMENT);
		return;
	}
	place(&dst, a->value, value, mask);
	of_sink_set(s, WEFT_ACTION_LOAD, dst.field, value, mask);
}

static void multipath(struct of_action_sink *s, const struct of_nx_action_multipath *a)
{
	struct weft_action_multipath m = {.fields = a->fields,
		.basis = a->basis,
		.algorithm = a->algorithm,
		.max_link = a->max_link,
		.arg = a->arg};

	if (of_sink_subfield_nx(s, a->dst, a->ofs_nbits, true, &m.dst))
		of_sink_emit(s, WEFT_ACTION_MULTIPATH, 0, &m, sizeof(m));
}

#define BUNDLE_PORTS 2048u

static void bundle(struct of_action_sink *s, const struct of_nx_action_bundle_load *a)
{
	struct weft_action_bundle head = {.fields = a->fields,
		.basis = a->basis,
		.algorithm = a->algorithm,
		.n_ports = a->n_slaves};
	size_t n = a->n_slaves;
	uint8_t *at;

	if (a->slave_type != OF_NXM_IN_PORT || n > BUNDLE_PORTS || a->slaves.len < 2 * n) {
		of_sink_fail(s, OFPBAC_BAD_ARGUMENT);
		return;
	}
	if (a->dst && !of_sink_subfield_nx(s, a->dst, a->ofs_nbits, true, &head.dst))
		return;
	at = of_sink_reserve(s, WEFT_ACTION_BUNDLE, 0, sizeof(head) + n * sizeof(uint32_t));
	if (!at)
		return;
	memcpy(at, &head, sizeof(head));
	for (size_t i = 0; i < n; i++) {
		uint32_t port = of_port_widen(of_load16(a->slaves.p + 2 * i));

		memcpy(at + sizeof(head) + i * sizeof(port), &port, sizeof(port));
	}
}

static void output_field(
	struct of_action_sink *s, const struct of_oxm_id *src, uint16_t ofs_nbits, uint16_t max_len)
{
	struct weft_action_output_field o = {.max_len = max_len};

	if (of_sink_subfield(s, src, ofs_nbits >> 6, (ofs_nbits & 63u) + 1, false, &o.port))
		of_sink_emit(s, WEFT_ACTION_OUTPUT_FIELD, 0, &o, sizeof(o));
}

static void stack(struct of_action_sink *s, uint16_t type, const struct of_nx_action_stack_push *a)
{
	struct weft_subfield f;

	if (of_sink_subfield(s, &a->field, a->offset, a->n_bits, type == WEFT_ACTION_STACK_POP, &f))
		of_sink_emit(s, type, 0, &f, sizeof(f));
}

static void controller_1(struct of_action_sink *s, const struct of_nx_action_controller *a)
{
	const struct weft_action_controller c = {
		.max_len = a->max_len, .controller_id = a->controller_id, .reason = a->reason};

	of_sink_emit(s, WEFT_ACTION_CONTROLLER, 0, &c, sizeof(c));
}

static void controller_2(struct of_action_sink *s, struct of_span properties, struct of_reader *r)
{
	struct of_reader it = of_list(properties, s->version);
	struct weft_action_controller c = {
		.max_len = WEFT_MAX_LEN_ALL, .reason = WEFT_PACKET_IN_ACTION};
	struct of_span userdata = {NULL, 0};
	struct of_nx_controller_prop p;
	uint8_t *at;

	while (of_nx_controller_prop_next(&it, &p)) {
		if (p.kind == OF_NX_CONTROLLER_PROP_MAX_LEN)
			c.max_len = p.max_len.max_len;
		else if (p.kind == OF_NX_CONTROLLER_PROP_CONTROLLER_ID)
			c.controller_id = p.controller_id.controller_id;
		else if (p.kind == OF_NX_CONTROLLER_PROP_REASON)
			c.reason = p.reason.reason;
		else if (p.kind == OF_NX_CONTROLLER_PROP_PAUSE)
			c.flags |= WEFT_CONTROLLER_PAUSE;
		else if (p.kind == OF_NX_CONTROLLER_PROP_METER_ID)
			c.meter_id = p.meter_id.meter_id;
		else
			userdata = p.userdata.data;
	}
	if (it.failed) {
		of_fail_error(r, it.error);
		return;
	}
	c.userdata_len = (uint16_t)userdata.len;
	at = of_sink_reserve(s, WEFT_ACTION_CONTROLLER, 0, sizeof(c) + userdata.len);
	if (!at)
		return;
	memcpy(at, &c, sizeof(c));
	if (userdata.len)
		memcpy(at + sizeof(c), userdata.p, userdata.len);
}

#define CONTROLLER_IDS 1024u

static void dec_ttl_ids(struct of_action_sink *s, const struct of_nx_action_dec_ttl_cnt_ids *a)
{
	size_t n = a->n_controllers;
	uint8_t *at;

	if (!n || n > CONTROLLER_IDS || a->ids.len < 2 * n) {
		of_sink_fail(s, OFPBAC_BAD_LEN);
		return;
	}
	at = of_sink_reserve(s, WEFT_ACTION_DEC_NW_TTL_IDS, (uint32_t)n, 2 * n);
	for (size_t i = 0; at && i < n; i++) {
		uint16_t id = of_load16(a->ids.p + 2 * i);

		memcpy(at + 2 * i, &id, sizeof(id));
	}
}

// Numbers out of range are refused by the data plane, with what may not stand beside it.
static void conjunction(struct of_action_sink *s, const struct of_nx_action_conjunction *a)
{
	const struct weft_action_conjunction c = {.clause = a->clause, .n_clauses = a->n_clauses};

	of_sink_emit(s, WEFT_ACTION_CONJUNCTION, a->id, &c, sizeof(c));
}

// The list inside goes behind the header, whose length follows.
static void clone(struct of_action_sink *s, struct of_span actions, struct of_reader *r)
{
	struct of_reader it = of_list(actions, s->version);
	size_t at = s->len, len;
	struct weft_action a;

	if (!s->depth) {
		of_sink_fail(s, OFPBAC_TOO_MANY);
		return;
	}
	of_sink_emit(s, WEFT_ACTION_CLONE, 0, NULL, 0);
	s->depth--;
	of_sink_list(s, &it);
	s->depth++;
	if (it.failed)
		of_fail_error(r, it.error);
	len = s->len - at;
	if (r->failed || s->code >= 0)
		return;
	if (len > UINT16_MAX) {
		of_sink_fail(s, OFPBAC_TOO_MANY);
		return;
	}
	memcpy(&a, s->p + at, sizeof(a));
	a.len = (uint16_t)len;
	memcpy(s->p + at, &a, sizeof(a));
}

static void set_mpls(struct of_action_sink *s, enum weft_field f, uint32_t value)
{
	const uint8_t bytes[] = {(uint8_t)(value >> 16), (uint8_t)(value >> 8), (uint8_t)value};
	unsigned width = weft_field_infos[f].bytes;

	if (value >> weft_field_infos[f].bits)
		of_sink_fail(s, OFPBAC_BAD_ARGUMENT);
	else
		of_sink_set(s, WEFT_ACTION_SET_FIELD, f, bytes + 3 - width, NULL);
}

// Not within clone(), whose stack is taken once for each list within a list.
__attribute__((noinline)) static void learn(
	struct of_action_sink *s, const struct of_nx_action_learn2 *a)
{
	struct of_reader specs = of_list(a->specs, s->version);
	struct of_oxm_id result;
	struct {
		struct weft_action_learn head;
		struct weft_learn_spec specs[256];
	} l;
	int n;

	memset(&l, 0, sizeof(l));
	l.head = (struct weft_action_learn){.cookie = a->cookie,
		.idle_timeout = a->idle_timeout,
		.hard_timeout = a->hard_timeout,
		.fin_idle_timeout = a->fin_idle_timeout,
		.fin_hard_timeout = a->fin_hard_timeout,
		.priority = a->priority,
		.flags = (uint8_t)a->flags,
		.table = a->table_id,
		.limit = a->limit};
	if (a->flags & ~WEFT_LEARN_FLAGS || a->table_id == OFPTT_ALL) // NX_LEARN_F_*
		of_sink_fail(s, OFPBAC_BAD_ARGUMENT);
	else if (a->flags & WEFT_LEARN_WRITE_RESULT) {
		of_oxm_id_read(&specs, &result);
		if (specs.failed)
			of_sink_fail(s, OFPBAC_BAD_LEN);
		else
			of_sink_subfield(s, &result, a->result_ofs, 1, true, &l.head.result);
	}
	n = of_sink_learn_specs(s, of_get_rest(&specs), l.specs, 256);
	if (s->code >= 0)
		return;
	l.head.n_specs = (uint16_t)n;
	of_sink_emit(s, WEFT_ACTION_LEARN, 0, &l, sizeof(l.head) + (size_t)n * sizeof(l.specs[0]));
}

static void learn_1(struct of_action_sink *s, const struct of_nx_action_learn *a)
{
	if (a->flags & WEFT_LEARN_WRITE_RESULT) // has no member that says where to
		return of_sink_fail(s, OFPBAC_BAD_ARGUMENT);
	const struct of_nx_action_learn2 as = {.idle_timeout = a->idle_timeout,
		.hard_timeout = a->hard_timeout,
		.priority = a->priority,
		.cookie = a->cookie,
		.flags = a->flags,
		.table_id = a->table_id,
		.fin_idle_timeout = a->fin_idle_timeout,
		.fin_hard_timeout = a->fin_hard_timeout,
		.specs = a->specs};

	learn(s, &as);
}

static void fin_timeout(struct of_action_sink *s, const struct of_nx_action_fin_timeout *a)
{
	const struct weft_action_fin_timeout f = {a->idle_timeout, a->hard_timeout, 0};

	of_sink_emit(s, WEFT_ACTION_FIN_TIMEOUT, 0, &f, sizeof(f));
}

static void output_trunc(struct of_action_sink *s, const struct of_nx_action_output_trunc *a)
{
	const struct weft_action_u32 max = {.value = a->max_len};

	if (!of_sink_port_ok(s, of_port_widen(a->port)))
		of_sink_fail(s, OFPBAC_BAD_OUT_PORT);
	else
		of_sink_emit(
			s, WEFT_ACTION_OUTPUT_TRUNC, of_port_widen(a->port), &max, sizeof(max));
}

static void check_pkt_larger(
	struct of_action_sink *s, const struct of_nx_action_check_pkt_larger *a)
{
	struct weft_subfield dst;

	if (of_sink_subfield(s, &a->dst, a->offset, 1, true, &dst))
		of_sink_emit(s, WEFT_ACTION_CHECK_PKT_LARGER, a->pkt_len, &dst, sizeof(dst));
}

// Those that are a neutral action of their own, or need more than one line.
static void less_simple(struct of_action_sink *s, const struct of_nx_action *a, struct of_reader *r)
{
	struct of_nx_action_bundle_load b;

	switch (a->kind) {
	case OF_NX_ACTION_BUNDLE:
		b = (struct of_nx_action_bundle_load){a->bundle.algorithm, a->bundle.fields,
			a->bundle.basis, a->bundle.slave_type, a->bundle.n_slaves, 0, 0,
			a->bundle.slaves};
		return bundle(s, &b);
	case OF_NX_ACTION_BUNDLE_LOAD:
		if (a->bundle_load.dst == 0)
			return of_sink_fail(s, OFPBAC_BAD_ARGUMENT);
		return bundle(s, &a->bundle_load);
	case OF_NX_ACTION_OUTPUT_REG:
		return output_field(s, &(struct of_oxm_id){.header = a->output_reg.src},
			a->output_reg.ofs_nbits, a->output_reg.max_len);
	case OF_NX_ACTION_OUTPUT_REG2:
		return output_field(
			s, &a->output_reg2.src, a->output_reg2.ofs_nbits, a->output_reg2.max_len);
	case OF_NX_ACTION_STACK_PUSH:
		return stack(s, WEFT_ACTION_STACK_PUSH, &a->stack_push);
	case OF_NX_ACTION_STACK_POP:
		return stack(s, WEFT_ACTION_STACK_POP,
			&(struct of_nx_action_stack_push){
				a->stack_pop.offset, a->stack_pop.field, a->stack_pop.n_bits});
	case OF_NX_ACTION_CONTROLLER:
		return controller_1(s, &a->controller);
	case OF_NX_ACTION_CONTROLLER2:
		return controller_2(s, a->controller2.properties, r);
	case OF_NX_ACTION_CLONE:
		return clone(s, a->clone.actions, r);
	case OF_NX_ACTION_LEARN:
		return learn_1(s, &a->learn);
	case OF_NX_ACTION_LEARN2:
		return learn(s, &a->learn2);
	default:
		of_fail(r, OFPET_BAD_ACTION, OFPBAC_BAD_EXP_TYPE);
	}
}

static void one(struct of_action_sink *s, const struct of_nx_action *a, struct of_reader *r)
{
	switch (a->kind) {
	case OF_NX_ACTION_RESUBMIT:
		return resubmit(s, a->resubmit.in_port, WEFT_RESUBMIT_SAME_TABLE);
	case OF_NX_ACTION_RESUBMIT_TABLE:
		return resubmit(s, a->resubmit_table.in_port, a->resubmit_table.table_id);
	case OF_NX_ACTION_SET_TUNNEL:
		return set_tunnel(s, a->set_tunnel.tun_id);
	case OF_NX_ACTION_SET_TUNNEL64:
		return set_tunnel(s, a->set_tunnel64.tun_id);
	case OF_NX_ACTION_SET_QUEUE:
		return of_sink_emit(s, WEFT_ACTION_SET_QUEUE, a->set_queue.queue_id, NULL, 0);
	case OF_NX_ACTION_GROUP:
		return of_sink_group(s, a->group.group_id);
	case OF_NX_ACTION_POP_QUEUE:
		return of_sink_emit(s, WEFT_ACTION_POP_QUEUE, 0, NULL, 0);
	case OF_NX_ACTION_REG_MOVE:
		return reg_move(s, &a->reg_move);
	case OF_NX_ACTION_REG_LOAD:
		return reg_load(s, &a->reg_load);
	case OF_NX_ACTION_REG_LOAD2:
		return of_sink_set_oxm(s, a->reg_load2.field, true);
	case OF_NX_ACTION_NOTE:
		return of_sink_emit(s, WEFT_ACTION_NOTE, (uint32_t)a->note.note.len, a->note.note.p,
			a->note.note.len);
	case OF_NX_ACTION_MULTIPATH:
		return multipath(s, &a->multipath);
	case OF_NX_ACTION_EXIT:
		return of_sink_emit(s, WEFT_ACTION_EXIT, 0, NULL, 0);
	case OF_NX_ACTION_DEC_TTL:
		return of_sink_emit(s, WEFT_ACTION_DEC_NW_TTL, 0, NULL, 0);
	case OF_NX_ACTION_FIN_TIMEOUT:
		return fin_timeout(s, &a->fin_timeout);
	case OF_NX_ACTION_DEC_TTL_CNT_IDS:
		return dec_ttl_ids(s, &a->dec_ttl_cnt_ids);
	case OF_NX_ACTION_PUSH_MPLS:
		return of_sink_push(
			s, WEFT_ACTION_PUSH_MPLS, a->push_mpls.ethertype, 0x8847, 0x8848);
	case OF_NX_ACTION_POP_MPLS:
		return of_sink_emit(s, WEFT_ACTION_POP_MPLS, a->pop_mpls.ethertype, NULL, 0);
	case OF_NX_ACTION_SET_MPLS_TTL:
		return of_sink_emit(s, WEFT_ACTION_SET_MPLS_TTL, a->set_mpls_ttl.ttl, NULL, 0);
	case OF_NX_ACTION_DEC_MPLS_TTL:
		return of_sink_emit(s, WEFT_ACTION_DEC_MPLS_TTL, 0, NULL, 0);
	case OF_NX_ACTION_SET_MPLS_LABEL:
		return set_mpls(s, WEFT_FIELD_MPLS_LABEL, a->set_mpls_label.label);
	case OF_NX_ACTION_SET_MPLS_TC:
		return set_mpls(s, WEFT_FIELD_MPLS_TC, a->set_mpls_tc.tc);
	case OF_NX_ACTION_CONJUNCTION:
		return conjunction(s, &a->conjunction);
	case OF_NX_ACTION_OUTPUT_TRUNC:
		return output_trunc(s, &a->output_trunc);
	case OF_NX_ACTION_CHECK_PKT_LARGER:
		return check_pkt_larger(s, &a->check_pkt_larger);
	default:
		return less_simple(s, a, r);
	}
}

void of_sink_nicira(struct of_action_sink *s, struct of_reader *r)
{
	struct of_nx_action a;

	if (of_nx_action_read(r, &a) == 0)
		one(s, &a, r);
}

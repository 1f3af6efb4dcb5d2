// SPDX-License-Identifier: Apache-2.0
#pragma once
// Nicira's actions against an interpreter that does it the slow way: every output a copy at once,
// every subfield bit by bit, every rule by linear search, resubmit and clone by plain recursion on
// state that is copied whole. Random programs that resubmit forward, so that they end.
//
// What leaves, where to, with which bytes and which words to the controller must be the same, and
// the books must balance.

#include "nx_build.h"
#include "sink.h"

#include "flowtable/packet/edit.h"

enum {
	TABLES = 5,
	MAX_RULES = 40,
	PORTS = 5,
	STACK = 64,
	GROUP = 1,
};

struct ref_rule {
	uint8_t table;
	uint16_t prio;
	struct pattern match;
	struct program p;
};

struct model {
	struct world *w;
	struct books *b;
	struct ref_rule rules[MAX_RULES];
	unsigned n_rules;
	struct program bucket[2];
};

// ---- the interpreter

struct ref_set {
	const struct weft_action *field[WEFT_FIELD_MAX];
	const struct weft_action *more[64];
	const struct weft_action *out, *group, *resubmit, *dec_ttl;
	unsigned n_more;
	bool miss;
};

struct ref_state { // what a clone saves
	struct ft_packet pkt;
	struct frame frame;
	struct ref_set set;
	uint8_t stack[STACK][16];
	unsigned depth;
};

struct ref {
	struct model *m;
	struct ref_state *s;
	uint64_t cookie;
	uint8_t table, reason;
	bool exit, ttl, miss; // ended by
	unsigned n;
	struct sent sent[4096];
};

static bool ref_list(struct ref *r, const void *list, size_t len);
static bool ref_from(struct ref *r, uint8_t table, uint32_t in_port);

static bool get_bit(const struct weft_flow_key *k, const struct weft_subfield *f, unsigned i)
{
	const uint8_t *bytes = (const uint8_t *)k + weft_field_infos[f->field].offset;
	unsigned bit = f->ofs + i;

	return bytes[weft_field_infos[f->field].bytes - 1 - bit / 8] >> bit % 8 & 1;
}

// Bit i of a number of 16 bytes, big-endian.
static bool number_bit(const uint8_t *v, unsigned i)
{
	return i < 128 && (v[15 - i / 8] >> i % 8 & 1);
}

static bool ref_write(struct ref *r, const struct weft_subfield *f, const uint8_t *v)
{
	uint8_t value[16] = {0}, mask[16] = {0};
	unsigned bytes = weft_field_infos[f->field].bytes;

	for (unsigned i = 0; i < f->n_bits; i++) {
		unsigned at = bytes - 1 - (f->ofs + i) / 8;
		uint8_t one = (uint8_t)(1u << (f->ofs + i) % 8);

		mask[at] |= one;
		if (number_bit(v, i))
			value[at] |= one;
	}
	return ft_set_field(&r->s->pkt.pkt, &r->s->pkt.key, f->field, value, mask) == FT_EDITED;
}

static bool ref_write_number(struct ref *r, const struct weft_subfield *f, uint64_t n)
{
	uint8_t v[16] = {0};

	for (unsigned i = 0; i < 8; i++)
		v[15 - i] = (uint8_t)(n >> 8 * i);
	return ref_write(r, f, v);
}

static void ref_read(struct ref *r, const struct weft_subfield *f, uint8_t v[16])
{
	memset(v, 0, 16);
	for (unsigned i = 0; i < f->n_bits; i++)
		if (get_bit(&r->s->pkt.key, f, i))
			v[15 - i / 8] |= (uint8_t)(1u << i % 8);
}

static struct sent *ref_send(struct ref *r, enum sent_kind kind, uint32_t port, unsigned max)
{
	struct sent *s = &r->sent[r->n++];

	assert_true(r->n < 4096);
	memset(s, 0, sizeof(*s));
	s->kind = kind;
	s->port = port;
	s->len = r->s->pkt.pkt.len < max ? r->s->pkt.pkt.len : max;
	memcpy(s->bytes, r->s->pkt.pkt.data, s->len);
	return s;
}

static void ref_punt(struct ref *r, uint16_t max_len, uint8_t reason)
{
	struct sent *s = ref_send(r, SENT_CONTROLLER, 0, UINT32_MAX);

	s->in.cookie = r->cookie;
	s->in.max_len = max_len;
	s->in.table = r->table;
	s->in.reason = reason;
	s->metadata = r->s->pkt.key.metadata;
}

static void ref_output(struct ref *r, uint32_t port, uint16_t max_len, unsigned cut)
{
	uint32_t from = ntohl(r->s->pkt.key.in_port);

	if (port == WEFT_OFPORT_CONTROLLER)
		ref_punt(r, max_len, r->reason);
	else if (port == WEFT_OFPORT_IN_PORT && from >= 1 && from <= PORTS)
		ref_send(r, SENT_PORT, from, cut);
	else if (port == WEFT_OFPORT_FLOOD) {
		for (uint32_t p = 1; p <= PORTS; p++)
			if (p != from)
				ref_send(r, SENT_PORT, p, cut);
	} else if (port != from && port >= 1 && port <= PORTS)
		ref_send(r, SENT_PORT, port, cut);
}

// What runs on a copy of everything; a group's buckets share the stack with what is outside.
static void ref_on_copy(
	struct ref *r, void (*run)(struct ref *, const void *), const void *arg, bool own_stack)
{
	struct ref_state *outer = r->s, *copy = malloc(sizeof(*copy));
	uint8_t reason = r->reason;

	*copy = *outer;
	copy->pkt.pkt.data = copy->frame.bytes + (outer->pkt.pkt.data - outer->frame.bytes);
	r->s = copy;
	run(r, arg);
	if (!own_stack) {
		memcpy(outer->stack, copy->stack, sizeof(copy->stack));
		outer->depth = copy->depth;
	}
	r->s = outer;
	r->reason = reason;
	free(copy);
}

static void ref_run_set(struct ref *r);

static void ref_put_set(struct ref_set *set, const void *list, size_t len, bool miss)
{
	WEFT_ACTION_FOR_EACH (a, list, len) {
		unsigned n = 0;

		if (a->type == WEFT_ACTION_SET_FIELD) {
			for (unsigned i = 0; i < set->n_more; i++)
				if (set->more[i]->type == WEFT_ACTION_MOVE ||
					set->more[i]->arg != a->arg)
					set->more[n++] = set->more[i];
			set->n_more = n;
			set->field[a->arg] = a;
		} else if (a->type == WEFT_ACTION_LOAD || a->type == WEFT_ACTION_MOVE) {
			set->more[set->n_more++] = a;
			assert_true(set->n_more < 64);
		} else if (a->type == WEFT_ACTION_GROUP) {
			set->group = a;
		} else if (a->type == WEFT_ACTION_RESUBMIT) {
			set->resubmit = a;
		} else if (a->type == WEFT_ACTION_DEC_NW_TTL) {
			set->dec_ttl = a;
		} else {
			set->out = a;
			set->miss = miss;
		}
	}
}

static void ref_bucket(struct ref *r, const void *arg)
{
	const struct program *p = arg;

	memset(&r->s->set, 0, sizeof(r->s->set));
	ref_put_set(&r->s->set, p->actions, p->instr.write_len, false);
	r->reason = WEFT_PACKET_IN_GROUP;
	ref_run_set(r);
	r->reason = WEFT_PACKET_IN_GROUP;
	ref_run_set(r); // what rules wrote meanwhile
}

static void ref_group(struct ref *r)
{
	bool exit = r->exit;

	for (unsigned i = 0; i < 2; i++)
		ref_on_copy(r, ref_bucket, &r->m->bucket[i], false);
	r->exit = exit;
}

// In a set what has no header is passed by; an invalid TTL, and a hop limit, are the end.
static bool ref_edit(struct ref *r, const struct weft_action *a)
{
	r->ttl = false;
	return !a || ref_list(r, a, a->len) || !r->ttl;
}

// In the order of the specification, and the set is empty meanwhile.
static void ref_run_set(struct ref *r)
{
	struct ref_set set = r->s->set;

	memset(&r->s->set, 0, sizeof(r->s->set));
	r->exit = false; // that ended the lists
	if (!set.out && !set.group && !set.resubmit)
		return;
	if (!ref_edit(r, set.dec_ttl))
		return;
	for (unsigned f = 0; f < WEFT_FIELD_MAX; f++)
		if (!ref_edit(r, set.field[f]))
			return;
	for (unsigned i = 0; i < set.n_more; i++)
		if (!ref_edit(r, set.more[i]))
			return;
	if (set.group)
		ref_group(r);
	else
		ref_edit(r, set.out ? set.out : set.resubmit);
}

static void ref_clone(struct ref *r, const void *arg)
{
	const struct weft_action *a = arg;
	bool on = ref_list(r, a + 1, a->len - sizeof(*a)), exit;

	r->reason = r->s->set.miss ? WEFT_PACKET_IN_MISS : WEFT_PACKET_IN_ACTION_SET;
	exit = r->exit;
	if (on || exit)
		ref_run_set(r);
	r->exit = exit;
}

static bool ref_resubmit(struct ref *r, const struct weft_action *a)
{
	const struct weft_action_resubmit *to = weft_action_payload(a);
	uint64_t cookie = r->cookie;
	uint8_t table = r->table, reason = r->reason;
	bool on = ref_from(r, to->table == 0xff ? table : to->table, a->arg);

	r->cookie = cookie;
	r->table = table;
	r->reason = reason;
	return on;
}

static bool ref_action(struct ref *r, const struct weft_action *a)
{
	const void *p = weft_action_payload(a);
	const struct weft_action_set_field *set = p;
	struct ref_state *s = r->s;
	struct weft_packet *pkt = &s->pkt.pkt;
	struct weft_flow_key *k = &s->pkt.key;
	uint8_t v[16];

	switch ((enum weft_action_type)a->type) {
	case WEFT_ACTION_OUTPUT:
		ref_output(r, a->arg, ((const struct weft_action_output *)p)->max_len, UINT32_MAX);
		return true;
	case WEFT_ACTION_OUTPUT_TRUNC:
		ref_output(r, a->arg, 0, ((const struct weft_action_u32 *)p)->value);
		return true;
	case WEFT_ACTION_OUTPUT_FIELD:
		ref_read(r, p, v);
		ref_output(r, (uint32_t)v[12] << 24 | v[13] << 16 | v[14] << 8 | v[15], 77,
			UINT32_MAX);
		return true;
	case WEFT_ACTION_GROUP:
		ref_group(r);
		return true;
	case WEFT_ACTION_SET_FIELD:
	case WEFT_ACTION_LOAD:
		return ft_set_field(pkt, k, a->arg, set->value, set->mask) == FT_EDITED;
	case WEFT_ACTION_MOVE:
		ref_read(r, p, v);
		return ref_write(r, &((const struct weft_action_move *)p)->dst, v);
	case WEFT_ACTION_STACK_PUSH:
		assert_true(s->depth < STACK);
		ref_read(r, p, s->stack[s->depth++]);
		return true;
	case WEFT_ACTION_STACK_POP:
		return !s->depth || ref_write(r, p, s->stack[--s->depth]);
	case WEFT_ACTION_CHECK_PKT_LARGER:
		return ref_write_number(r, p, pkt->total_len > a->arg);
	case WEFT_ACTION_DEC_NW_TTL:
		r->ttl = ft_dec_nw_ttl(pkt, k) != FT_EDITED;
		return !r->ttl;
	case WEFT_ACTION_CONTROLLER:
		ref_punt(r, ((const struct weft_action_controller *)p)->max_len,
			((const struct weft_action_controller *)p)->reason);
		return true;
	case WEFT_ACTION_CLONE:
		ref_on_copy(r, ref_clone, a, true);
		return !r->exit;
	case WEFT_ACTION_RESUBMIT:
		return ref_resubmit(r, a);
	case WEFT_ACTION_EXIT:
		r->exit = true;
		return false;
	default:
		return true;
	}
}

static bool ref_list(struct ref *r, const void *list, size_t len)
{
	WEFT_ACTION_FOR_EACH (a, list, len)
		if (!ref_action(r, a))
			return false;
	return true;
}

static bool matches(const struct ref_rule *rule, const struct weft_flow_key *key)
{
	const uint8_t *k = (const void *)key, *v = (const void *)&rule->match.value,
		      *m = (const void *)&rule->match.mask;

	for (size_t i = 0; i < sizeof(*key); i++)
		if ((k[i] & m[i]) != v[i])
			return false;
	return true;
}

static const struct ref_rule *ref_lookup(struct ref *r, uint8_t table, uint32_t in_port)
{
	struct weft_flow_key key = r->s->pkt.key;
	const struct ref_rule *best = NULL;

	if (in_port != WEFT_OFPORT_IN_PORT)
		key.in_port = htonl(in_port);
	for (unsigned i = 0; i < r->m->n_rules; i++)
		if (r->m->rules[i].table == table && matches(&r->m->rules[i], &key) &&
			(!best || r->m->rules[i].prio > best->prio))
			best = &r->m->rules[i];
	return best;
}

static bool is_miss(const struct ref_rule *rule)
{
	static const struct weft_flow_key none;

	return !rule->prio && memcmp(&rule->match.mask, &none, sizeof(none)) == 0;
}

// True: who asked for it goes on. Only a TTL and exit end a list here.
static bool ref_from(struct ref *r, uint8_t table, uint32_t in_port)
{
	for (;;) {
		const struct ref_rule *rule = ref_lookup(r, table, in_port);
		const struct weft_instructions *i;
		struct weft_flow_key *k = &r->s->pkt.key;

		r->miss = !rule;
		if (!rule)
			return true;
		i = &rule->p.instr;
		r->cookie = (uint64_t)(rule - r->m->rules);
		r->table = table;
		r->reason = is_miss(rule) ? WEFT_PACKET_IN_MISS : WEFT_PACKET_IN_ACTION;
		if (!ref_list(r, rule->p.actions, i->apply_len))
			return !r->exit;
		r->ttl = r->miss = false;
		if (i->flags & WEFT_INSTR_CLEAR)
			memset(&r->s->set, 0, sizeof(r->s->set));
		ref_put_set(
			&r->s->set, rule->p.actions + i->apply_len, i->write_len, is_miss(rule));
		k->metadata = (k->metadata & ~i->metadata_mask) | (i->metadata & i->metadata_mask);
		if (!(i->flags & WEFT_INSTR_GOTO))
			return true;
		table = i->goto_table;
		in_port = WEFT_OFPORT_IN_PORT;
	}
}

static void ref_packet(struct ref *r, const struct ft_packet *pkt)
{
	r->s = calloc(1, sizeof(*r->s));
	r->n = 0;
	r->exit = false;
	r->s->pkt = *pkt;
	memcpy(r->s->frame.bytes, pkt->pkt.data, pkt->pkt.len);
	r->s->pkt.pkt.data = r->s->frame.bytes;
	r->s->pkt.pkt.headroom = FRAME_ROOM;
	ft_extract(&r->s->pkt.pkt, &r->s->pkt.key);
	r->ttl = r->miss = false;
	ref_from(r, 0, WEFT_OFPORT_IN_PORT);
	if (r->exit || (!r->ttl && !r->miss)) { // else the packet is at its end
		r->reason = r->s->set.miss ? WEFT_PACKET_IN_MISS : WEFT_PACKET_IN_ACTION_SET;
		ref_run_set(r);
	}
	free(r->s);
}

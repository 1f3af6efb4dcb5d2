// SPDX-License-Identifier: Apache-2.0
#pragma once
// The pipeline against an interpreter that does it the slow way: one packet at a time, rules by
// linear search, every output a copy at once. Random rules, action sets, groups, ports, FDB and
// packets; what leaves, where to and with which bytes must be the same, and the books must balance.
// Select groups are left to test_pipeline.c, since their choice is a hash.

#include "sink.h"

#include "flowtable/packet/edit.h"

enum {
	TABLES = 4,
	MAX_RULES = 60,
	GROUPS = 6,
	PORTS = 6,
	MACS = 5
};

struct ref_rule {
	uint8_t table;
	uint16_t prio;
	struct pattern match;
	struct program p;
};

struct ref_group {
	struct weft_group_mod mod;
	uint8_t raw[2048];
	size_t len;
	bool there;
};

struct model {
	struct world *w;
	struct books *b;
	struct ref_rule rules[MAX_RULES];
	unsigned n_rules;
	struct ref_group groups[GROUPS + 1];
	struct ft_port ports[PORTS + 1]; // 0: the overlay, if registered
	bool port_there[PORTS + 1];
	struct weft_ipc_fdb fdb[MACS];
	bool fdb_there[MACS];
	bool meter;
	unsigned flags;
};

// ---- the interpreter

struct ref_set { // latest of each kind, in a list
	struct weft_action *a[64];
	bool miss;
	unsigned n;
};

struct ref {
	struct model *m;
	struct ft_packet pkt;
	struct frame frame;
	unsigned n;
	struct sent sent[512];
	enum weft_drop why;
};

static void copy_packet(struct ref *to, const struct ft_packet *pkt)
{
	to->pkt = *pkt;
	memcpy(to->frame.bytes, pkt->pkt.data, pkt->pkt.len);
	to->pkt.pkt.data = to->frame.bytes;
	to->pkt.pkt.headroom = FRAME_ROOM;
}

static void ref_send(struct ref *r, enum sent_kind kind, uint32_t port, weft_be32 tun_dst,
	const struct ft_packet_in *in)
{
	struct sent *s = &r->sent[r->n++];

	assert_true(r->n < 512);
	memset(s, 0, sizeof(*s));
	s->kind = kind;
	s->port = port;
	s->tun_dst = tun_dst;
	if (in) {
		s->in.cookie = in->cookie;
		s->in.max_len = in->max_len;
		s->in.table = in->table;
		s->in.reason = in->reason;
		s->metadata = r->pkt.key.metadata;
	}
	s->len = r->pkt.pkt.len;
	memcpy(s->bytes, r->pkt.pkt.data, s->len);
}

static const struct ft_port *ref_port(struct model *m, uint32_t n)
{
	for (unsigned i = 0; i <= PORTS; i++)
		if (m->port_there[i] && m->ports[i].ofport == n)
			return &m->ports[i];
	return NULL;
}

static const struct weft_ipc_fdb *ref_fdb(struct ref *r)
{
	for (unsigned i = 0; i < MACS; i++)
		if (r->m->fdb_there[i] && weft_mac_equal(&r->m->fdb[i].mac, &r->pkt.key.eth_dst) &&
			r->m->fdb[i].vlan == (ntohs(r->pkt.key.vlan_vid) & 0xfff))
			return &r->m->fdb[i];
	return NULL;
}

static void ref_port_out(struct ref *r, uint32_t port, weft_be32 vtep)
{
	const struct ft_port *p = ref_port(r->m, port);
	bool overlay = port == WEFT_OFPORT_OVERLAY;

	if (!p && !overlay)
		r->why = WEFT_DROP_NO_PORT;
	else if (p && (p->config & (WEFT_PORT_DOWN | WEFT_PORT_NO_FWD)))
		r->why = WEFT_DROP_PORT_DOWN;
	else if (overlay && r->pkt.key.in_port == htonl(WEFT_OFPORT_OVERLAY))
		r->why = WEFT_DROP_SPLIT_HORIZON;
	else
		ref_send(
			r, SENT_PORT, port, overlay ? (vtep ? vtep : r->pkt.key.tun_dst) : 0, NULL);
}

static void ref_flood(struct ref *r, uint32_t unless)
{
	uint32_t from = ntohl(r->pkt.key.in_port);
	const struct ft_port *o = ref_port(r->m, WEFT_OFPORT_OVERLAY);

	for (unsigned i = 1; i <= PORTS; i++) {
		if (!r->m->port_there[i] || r->m->ports[i].ofport == from)
			continue;
		if (r->m->ports[i].config & unless)
			r->why = WEFT_DROP_PORT_DOWN;
		else
			ref_port_out(r, r->m->ports[i].ofport, 0);
	}
	if (from != WEFT_OFPORT_OVERLAY && !(o && (o->config & unless)))
		ref_port_out(r, WEFT_OFPORT_OVERLAY, 0);
}

static void ref_output(struct ref *r, uint32_t port, uint16_t max_len, uint8_t reason)
{
	const uint32_t blocked = WEFT_PORT_DOWN | WEFT_PORT_NO_FWD;
	uint32_t from = ntohl(r->pkt.key.in_port);
	const struct ft_port *in = ref_port(r->m, from);
	const struct weft_ipc_fdb *e = ref_fdb(r);
	struct ft_packet_in pin = {.cookie = r->pkt.rule ? r->pkt.rule->cookie : UINT64_MAX,
		.max_len = max_len,
		.table = r->pkt.table,
		.reason = reason};

	if (port == WEFT_OFPORT_IN_PORT && from == WEFT_OFPORT_OVERLAY)
		r->why = WEFT_DROP_SPLIT_HORIZON;
	else if (port == WEFT_OFPORT_IN_PORT)
		ref_port_out(r, from, 0);
	else if (port == WEFT_OFPORT_FLOOD)
		ref_flood(r, blocked | WEFT_PORT_NO_FLOOD);
	else if (port == WEFT_OFPORT_ALL)
		ref_flood(r, blocked);
	else if (port == WEFT_OFPORT_CONTROLLER) {
		if (!in || !(in->config & WEFT_PORT_NO_PACKET_IN))
			ref_send(r, SENT_CONTROLLER, 0, 0, &pin);
	} else if (port == WEFT_OFPORT_NORMAL) {
		if (e && e->ofport == WEFT_OFPORT_OVERLAY)
			ref_port_out(r, e->ofport, weft_ip_v4(&e->vtep));
		else if (!e || !ref_port(r->m, e->ofport))
			ref_flood(r, blocked | WEFT_PORT_NO_FLOOD);
		else if (e->ofport == from)
			r->why = WEFT_DROP_INPUT_PORT;
		else
			ref_port_out(r, e->ofport, 0);
	} else if (port == WEFT_OFPORT_OVERLAY) {
		bool ask = !r->pkt.key.tun_dst && e && e->ofport == WEFT_OFPORT_OVERLAY;
		ref_port_out(r, port, ask ? weft_ip_v4(&e->vtep) : 0);
	} else if (port == from) {
		r->why = WEFT_DROP_INPUT_PORT;
	} else {
		ref_port_out(r, port, 0);
	}
}

static bool ref_meter(struct ref *r)
{
	if (r->pkt.pkt.total_len <= 1000)
		return true;
	r->why = WEFT_DROP_METER;
	return false;
}

static bool ref_edit(struct ref *r, const struct weft_action *a)
{
	struct weft_packet *p = &r->pkt.pkt;
	struct weft_flow_key *k = &r->pkt.key;
	const struct weft_action_set_field *set = (const void *)(a + 1);
	struct ft_packet_in pin = {.cookie = r->pkt.rule ? r->pkt.rule->cookie : UINT64_MAX,
		.max_len = WEFT_MAX_LEN_ALL,
		.table = r->pkt.table,
		.reason = WEFT_PACKET_IN_TTL};
	const struct ft_port *in = ref_port(r->m, ntohl(k->in_port));
	enum weft_drop why = FT_EDITED;

	if (a->type == WEFT_ACTION_SET_FIELD)
		why = ft_set_field(p, k, a->arg, set->value, set->mask);
	if (a->type == WEFT_ACTION_PUSH_VLAN)
		why = ft_push_vlan(p, k, (uint16_t)a->arg);
	if (a->type == WEFT_ACTION_POP_VLAN)
		why = ft_pop_vlan(p, k);
	if (a->type == WEFT_ACTION_PUSH_MPLS)
		why = ft_push_mpls(p, k, (uint16_t)a->arg);
	if (a->type == WEFT_ACTION_DEC_NW_TTL)
		why = ft_dec_nw_ttl(p, k);
	if (a->type == WEFT_ACTION_SET_NW_TTL)
		why = ft_set_nw_ttl(p, k, (uint8_t)a->arg);
	if (why == FT_EDITED)
		return true;
	r->why = why;
	if (why == WEFT_DROP_TTL && (r->m->flags & FT_SWITCH_TTL_PACKET_IN) &&
		!(in && (in->config & WEFT_PORT_NO_PACKET_IN)))
		ref_send(r, SENT_CONTROLLER, 0, 0, &pin);
	return false;
}

static void ref_group(struct ref *r, uint32_t id);

// In a set what has no header is passed by.
static bool ref_set_edit(struct ref *r, const struct weft_action *a)
{
	enum weft_drop why = r->why;

	if (ref_edit(r, a))
		return true;
	if (r->why != WEFT_DROP_ACTION_ERROR)
		return false;
	r->why = why;
	return true;
}

// OpenFlow 1.3.5, 5.10, by name.
static void ref_run_set(struct ref *r, const struct ref_set *set, uint8_t reason)
{
	static const uint16_t order[] = {WEFT_ACTION_POP_VLAN, WEFT_ACTION_PUSH_MPLS,
		WEFT_ACTION_PUSH_VLAN, WEFT_ACTION_DEC_NW_TTL, WEFT_ACTION_SET_NW_TTL};
	const struct weft_action *group = NULL, *out = NULL;

	for (unsigned i = 0; i < set->n; i++) {
		if (set->a[i]->type == WEFT_ACTION_GROUP)
			group = set->a[i];
		if (set->a[i]->type == WEFT_ACTION_OUTPUT)
			out = set->a[i];
	}
	if (!group && !out)
		return;
	for (unsigned o = 0; o < sizeof(order) / sizeof(order[0]); o++)
		for (unsigned i = 0; i < set->n; i++)
			if (set->a[i]->type == order[o] && !ref_set_edit(r, set->a[i]))
				return;
	for (unsigned f = 0; f < WEFT_FIELD_MAX; f++)
		for (unsigned i = 0; i < set->n; i++)
			if (set->a[i]->type == WEFT_ACTION_SET_FIELD && set->a[i]->arg == f &&
				!ref_set_edit(r, set->a[i]))
				return;
	if (group)
		ref_group(r, group->arg);
	else
		ref_output(r, out->arg, ((const struct weft_action_output *)(out + 1))->max_len,
			reason);
}

static void ref_write(struct ref_set *set, const void *list, size_t len)
{
	WEFT_ACTION_FOR_EACH (a, list, len) {
		unsigned i = 0;

		while (i < set->n &&
			(set->a[i]->type != a->type ||
				(a->type == WEFT_ACTION_SET_FIELD && set->a[i]->arg != a->arg)))
			i++;
		if (i == set->n)
			set->n++;
		assert_true(set->n <= 64);
		set->a[i] = (struct weft_action *)(uintptr_t)a;
	}
}

static bool ref_live(struct model *m, const struct weft_bucket *b)
{
	const struct ft_port *p = ref_port(m, b->watch_port);

	return b->watch_port == WEFT_OFPORT_ANY || (p && p->live && !(p->config & WEFT_PORT_DOWN));
}

// Every bucket on a copy of its own; what they send is collected here.
static void ref_group(struct ref *r, uint32_t id)
{
	const struct ref_group *g = &r->m->groups[id];
	const uint8_t *at = g->raw;
	bool one = g->mod.type != WEFT_GROUP_TYPE_ALL, any = false;

	for (unsigned i = 0; i < g->mod.bucket_count; i++) {
		const struct weft_bucket *b = (const void *)at;
		struct ref_set set = {0};
		struct ref *copy;

		at += sizeof(*b) + b->actions_len;
		if (g->mod.type == WEFT_GROUP_TYPE_FF && !ref_live(r->m, b))
			continue;
		any = true;
		copy = calloc(1, sizeof(*copy));
		copy->m = r->m;
		copy->why = r->why;
		copy_packet(copy, &r->pkt);
		ref_write(&set, b + 1, b->actions_len);
		ref_run_set(copy, &set, WEFT_PACKET_IN_GROUP);
		for (unsigned s = 0; s < copy->n; s++)
			r->sent[r->n++] = copy->sent[s];
		r->why = copy->why;
		free(copy);
		if (one)
			break;
	}
	if (!any)
		r->why = WEFT_DROP_GROUP_NO_BUCKET;
}

static unsigned uses(const void *list, size_t len)
{
	unsigned n = 0;

	WEFT_ACTION_FOR_EACH (a, list, len)
		n += a->type == WEFT_ACTION_OUTPUT || a->type == WEFT_ACTION_GROUP;
	return n;
}

static unsigned set_uses(const struct ref_set *set)
{
	unsigned n = 0;

	for (unsigned i = 0; i < set->n; i++)
		n += set->a[i]->type == WEFT_ACTION_OUTPUT || set->a[i]->type == WEFT_ACTION_GROUP;
	return n;
}

// Then the list may end early, and clear-actions not be met.
static bool decrements(const void *list, size_t len)
{
	WEFT_ACTION_FOR_EACH (a, list, len)
		if (a->type == WEFT_ACTION_DEC_NW_TTL)
			return true;
	return false;
}

// Edits that come after the packet's last use are not done. `more`: of the uses to come after the
// list.
static bool ref_apply(struct ref *r, const void *list, size_t len, uint8_t reason, unsigned more)
{
	unsigned left = uses(list, len);
	bool used = false;

	WEFT_ACTION_FOR_EACH (a, list, len) {
		const struct weft_action_output *out = (const void *)(a + 1);

		if (used && !left && !more)
			break;
		if (a->type == WEFT_ACTION_OUTPUT || a->type == WEFT_ACTION_GROUP) {
			used = true;
			left--;
		}

		if (a->type == WEFT_ACTION_OUTPUT)
			ref_output(r, a->arg, out->max_len, reason);
		else if (a->type == WEFT_ACTION_GROUP)
			ref_group(r, a->arg);
		else if (!ref_edit(r, a))
			return false;
	}
	return true;
}

static struct ref_rule *ref_lookup(struct ref *r, int table)
{
	struct ref_rule *best = NULL;

	for (unsigned i = 0; i < r->m->n_rules; i++) {
		struct ref_rule *rule = &r->m->rules[i];
		const uint8_t *key = (const uint8_t *)&r->pkt.key;
		const uint8_t *value = (const uint8_t *)&rule->match.value;
		const uint8_t *mask = (const uint8_t *)&rule->match.mask;
		bool match = rule->table == table;

		for (unsigned b = 0; b < sizeof(struct weft_flow_key) && match; b++)
			match = (key[b] & mask[b]) == value[b];
		if (match && (!best || rule->prio > best->prio))
			best = rule;
	}
	return best;
}

static bool matches_all(const struct ref_rule *rule)
{
	static const struct weft_flow_key none;

	return rule->prio == 0 && memcmp(&rule->match.mask, &none, sizeof(none)) == 0;
}

static void ref_miss(struct ref *r, uint8_t table)
{
	const struct ft_packet_in pin = {.cookie = UINT64_MAX,
		.max_len = WEFT_MAX_LEN_ALL,
		.table = table,
		.reason = WEFT_PACKET_IN_IMPLICIT_MISS};
	const struct ft_port *in = ref_port(r->m, ntohl(r->pkt.key.in_port));

	r->why = WEFT_DROP_TABLE_MISS;
	if (!(r->m->flags & FT_SWITCH_MISS_PACKET_IN))
		return;
	r->pkt.rule = NULL;
	r->pkt.table = table;
	if (!(in && (in->config & WEFT_PORT_NO_PACKET_IN)))
		ref_send(r, SENT_CONTROLLER, 0, 0, &pin);
}

static void ref_tables(struct ref *r)
{
	struct ref_set set = {0};
	struct ft_rule fake;
	int table = 0;

	memset(&fake, 0, sizeof(fake));

	while (table >= 0) {
		struct ref_rule *rule = ref_lookup(r, table);
		const struct weft_instructions *i;
		unsigned more;

		if (!rule) {
			ref_miss(r, (uint8_t)table);
			return;
		}
		i = &rule->p.instr;
		fake.cookie = (uint64_t)(rule - r->m->rules);
		r->pkt.rule = &fake;
		r->pkt.table = (uint8_t)table;
		if (i->meter_id && !ref_meter(r))
			return;
		more = (i->flags & WEFT_INSTR_GOTO ? 1 : 0) +
		       uses(rule->p.actions + i->apply_len, i->write_len) +
		       (i->flags & WEFT_INSTR_CLEAR && !decrements(rule->p.actions, i->apply_len)
				       ? 0
				       : set_uses(&set));
		if (!ref_apply(r, rule->p.actions, i->apply_len,
			    matches_all(rule) ? WEFT_PACKET_IN_MISS : WEFT_PACKET_IN_ACTION, more))
			return;
		if (i->flags & WEFT_INSTR_CLEAR)
			set = (struct ref_set){0};
		ref_write(&set, rule->p.actions + i->apply_len, i->write_len);
		WEFT_ACTION_FOR_EACH (a, rule->p.actions + i->apply_len, i->write_len)
			if (a->type == WEFT_ACTION_OUTPUT)
				set.miss = matches_all(rule);
		r->pkt.key.metadata = (r->pkt.key.metadata & ~i->metadata_mask) |
				      (i->metadata & i->metadata_mask);
		table = i->flags & WEFT_INSTR_GOTO ? i->goto_table : -1;
	}
	ref_run_set(r, &set, set.miss ? WEFT_PACKET_IN_MISS : WEFT_PACKET_IN_ACTION_SET);
}

static void ref_packet(struct ref *r, const struct ft_packet *pkt)
{
	const struct ft_port *in;

	r->n = 0;
	r->why = WEFT_DROP_RULE;
	copy_packet(r, pkt);
	ft_extract(&r->pkt.pkt, &r->pkt.key);
	in = ref_port(r->m, ntohl(r->pkt.key.in_port));
	if (r->pkt.pkt.len < 14)
		r->why = WEFT_DROP_RX_TRUNCATED;
	else if (in && (in->config & (WEFT_PORT_DOWN | WEFT_PORT_NO_RECV)))
		r->why = WEFT_DROP_RX_PORT_DOWN;
	else if (r->pkt.key.ip_frag && (r->m->flags & FT_SWITCH_FRAG_DROP))
		r->why = WEFT_DROP_IP_REASSEMBLY;
	else if (r->m->flags & FT_SWITCH_STANDALONE)
		ref_output(r, WEFT_OFPORT_NORMAL, WEFT_MAX_LEN_ALL, 0);
	else
		ref_tables(r);
}

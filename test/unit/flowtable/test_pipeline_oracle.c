// SPDX-License-Identifier: Apache-2.0
// The pipeline against an interpreter that does it the slow way: one packet at a time, rules by
// linear search, every output a copy at once. Random rules, action sets, groups, ports, FDB and
// packets; what leaves, where to and with which bytes must be the same, and the books must balance.
// Select groups are left to test_pipeline.c, since their choice is a hash.

#include "sink.h"

#include "flowtable/edit.h"

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
			if (set->a[i]->type == order[o] && !ref_edit(r, set->a[i]))
				return;
	for (unsigned f = 0; f < WEFT_FIELD_MAX; f++)
		for (unsigned i = 0; i < set->n; i++)
			if (set->a[i]->type == WEFT_ACTION_SET_FIELD && set->a[i]->arg == f &&
				!ref_edit(r, set->a[i]))
				return;
	if (group)
		ref_group(r, group->arg);
	else
		ref_output(r, out->arg, ((const struct weft_action_output *)(out + 1))->max_len,
			reason);
}

static void ref_write(struct ref_set *set, const void *list, size_t len)
{
	WEFT_ACTION_FOR_EACH(a, list, len)
	{
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

	WEFT_ACTION_FOR_EACH(a, list, len)
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

// Edits that come after the packet's last use are not done. `more`: of the uses to come after the
// list.
static bool ref_apply(struct ref *r, const void *list, size_t len, uint8_t reason, unsigned more)
{
	unsigned left = uses(list, len);
	bool used = false;

	WEFT_ACTION_FOR_EACH(a, list, len)
	{
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
		       (i->flags & WEFT_INSTR_CLEAR ? 0 : set_uses(&set));
		if (!ref_apply(r, rule->p.actions, i->apply_len,
			    matches_all(rule) ? WEFT_PACKET_IN_MISS : WEFT_PACKET_IN_ACTION, more))
			return;
		if (i->flags & WEFT_INSTR_CLEAR)
			set = (struct ref_set){0};
		ref_write(&set, rule->p.actions + i->apply_len, i->write_len);
		WEFT_ACTION_FOR_EACH(a, rule->p.actions + i->apply_len, i->write_len)
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

// ---- random state

static uint32_t random_port(void)
{
	static const uint32_t special[] = {WEFT_OFPORT_IN_PORT, WEFT_OFPORT_NORMAL,
		WEFT_OFPORT_FLOOD, WEFT_OFPORT_ALL, WEFT_OFPORT_CONTROLLER, WEFT_OFPORT_OVERLAY};

	return rng() % 3 ? rng() % PORTS + 1 : special[rng() % 6];
}

static struct weft_mac small_mac(void)
{
	return (struct weft_mac){{2, 0, 0, 0, 0, (uint8_t)(rng() % MACS)}};
}

static void random_ports(struct model *m)
{
	static const uint32_t configs[] = {WEFT_PORT_DOWN, WEFT_PORT_NO_FWD, WEFT_PORT_NO_RECV,
		WEFT_PORT_NO_FLOOD, WEFT_PORT_NO_PACKET_IN};

	for (unsigned i = 0; i <= PORTS; i++) {
		m->ports[i] = (struct ft_port){i ? i : WEFT_OFPORT_OVERLAY,
			rng() % 4 ? 0 : configs[rng() % 5], rng() % 4 != 0};
		m->port_there[i] = rng() % 6 != 0;
		if (m->port_there[i])
			assert_int_equal(ft_port_set(m->w->sw, &m->ports[i]), 0);
	}
}

static void random_fdb(struct model *m)
{
	for (unsigned i = 0; i < MACS; i++) {
		uint32_t port = rng() % 3 ? rng() % PORTS + 1 : WEFT_OFPORT_OVERLAY;

		m->fdb[i] = (struct weft_ipc_fdb){.mac = {{2, 0, 0, 0, 0, (uint8_t)i}},
			.ofport = port,
			.flags = WEFT_FDB_STATIC};
		if (port == WEFT_OFPORT_OVERLAY)
			m->fdb[i].vtep = weft_ip_from_v4(htonl(0x0a000000 + i));
		m->fdb_there[i] = rng() % 4 && ft_fdb_add(m->w->sw, &m->fdb[i]) == 0;
	}
}

static void random_pattern(struct pattern *p)
{
	*p = (struct pattern){0};
	if (rng() % 3 == 0)
		pattern_exact(p, WEFT_FIELD_IN_PORT, rng() % PORTS + 1);
	if (rng() % 4 == 0)
		pattern_masked(p, WEFT_FIELD_METADATA, rng(), 1u << rng() % 3);
	if (rng() % 4 == 0)
		pattern_masked(p, WEFT_FIELD_ETH_DST, rng(), rng() % 2 ? 7 : 3);
	if (rng() % 2)
		pattern_exact(p, WEFT_FIELD_ETH_TYPE, frame_types[rng() % 7]);
	if (rng() % 6 == 0)
		pattern_masked(p, WEFT_FIELD_VLAN_VID, 0x1000, 0x1000);
}

static void random_output(struct program *p, bool write)
{
	struct weft_action *a = program_add(p, write, WEFT_ACTION_OUTPUT, random_port());

	((struct weft_action_output *)(a + 1))->max_len = (uint16_t)(rng() % 3 * 100);
}

static void random_action(struct model *m, struct program *p, bool write)
{
	switch (rng() % 12) {
	case 0:
		program_set(p, write, WEFT_FIELD_ETH_DST, 0x020000000000 + rng() % MACS);
		break;
	case 1:
		program_set(p, write, WEFT_FIELD_ETH_SRC, rng());
		break;
	case 2:
		program_set(p, write, WEFT_FIELD_IPV4_DST, rng());
		break;
	case 3:
		program_add(p, write, WEFT_ACTION_DEC_NW_TTL, 0);
		break;
	case 4:
		program_add(p, write, WEFT_ACTION_SET_NW_TTL, rng() % 3);
		break;
	case 5:
		program_add(p, write, WEFT_ACTION_PUSH_VLAN, 0x8100);
		break;
	case 6:
		program_add(p, write, WEFT_ACTION_POP_VLAN, 0);
		break;
	case 7:
		program_add(p, write, WEFT_ACTION_PUSH_MPLS, 0x8847);
		break;
	case 8:
		if (m->groups[1].there)
			program_add(p, write, WEFT_ACTION_GROUP, rng() % GROUPS + 1);
		break;
	default:
		random_output(p, write);
	}
}

// Later groups may name earlier ones.
static void random_group(struct model *m, uint32_t id)
{
	static const uint8_t types[] = {WEFT_GROUP_TYPE_ALL, WEFT_GROUP_TYPE_ALL,
		WEFT_GROUP_TYPE_INDIRECT, WEFT_GROUP_TYPE_FF};
	struct ref_group *g = &m->groups[id];

	do {
		unsigned n = rng() % 4;

		*g = (struct ref_group){.mod = {id, WEFT_GROUP_ADD, types[rng() % 4], 0}};
		if (g->mod.type == WEFT_GROUP_TYPE_INDIRECT)
			n = 1;
		for (; n; n--) {
			struct weft_bucket *b = (void *)(g->raw + g->len);
			struct program p = {0};

			for (unsigned a = rng() % 3; a; a--)
				random_action(m, &p, true);
			if (id > 1 && rng() % 3 == 0)
				program_add(&p, true, WEFT_ACTION_GROUP, rng() % (id - 1) + 1);
			else if (rng() % 8)
				random_output(&p, true);
			*b = (struct weft_bucket){.bucket_id = g->mod.bucket_count++,
				.watch_port = WEFT_OFPORT_ANY,
				.watch_group = WEFT_GROUP_ANY,
				.actions_len = p.instr.write_len};
			if (g->mod.type == WEFT_GROUP_TYPE_FF)
				b->watch_port = rng() % PORTS + 1;
			memcpy(b + 1, p.actions, p.instr.write_len);
			g->len += sizeof(*b) + p.instr.write_len;
		}
	} while (ft_group_mod(m->w->sw, &g->mod, g->raw, g->len) != 0);
}

static void random_rule(struct model *m)
{
	struct ref_rule *rule = &m->rules[m->n_rules];
	struct weft_flow_mod mod;
	struct weft_match match;

	*rule = (struct ref_rule){.table = rng() % 2 ? 0 : rng() % TABLES,
		.prio = (uint16_t)(rng() % 8 ? m->n_rules + 1 : 0)};
	random_pattern(&rule->match);
	if (!rule->prio)
		rule->match = (struct pattern){0};
	for (unsigned i = 0; i < m->n_rules; i++)
		if (!rule->prio && !m->rules[i].prio && m->rules[i].table == rule->table)
			return; // would replace it
	for (unsigned n = rng() % 4; n; n--)
		random_action(m, &rule->p, false);
	for (unsigned n = rng() % 4; n; n--)
		random_action(m, &rule->p, true);
	if (rng() % 8 == 0)
		rule->p.instr.flags |= WEFT_INSTR_CLEAR;
	if (rng() % 2 && rule->table + 1 < TABLES) {
		rule->p.instr.flags |= WEFT_INSTR_GOTO;
		rule->p.instr.goto_table =
			(uint8_t)(rule->table + 1 + rng() % (TABLES - rule->table - 1));
	}
	if (rng() % 3 == 0) {
		rule->p.instr.metadata_mask = weft_htonll(7);
		rule->p.instr.metadata = weft_htonll(rng() % 8);
	}
	if (rng() % 8 == 0)
		rule->p.instr.meter_id = 1;
	mod = flow_mod_of(WEFT_FLOW_ADD, rule->table, rule->prio);
	mod.cookie = m->n_rules;
	match = pattern_match(&rule->match);
	if (ft_flow_mod(m->w->sw, &mod, &match, &rule->p.instr) == 0)
		m->n_rules++;
}

static struct model *model_new(void)
{
	struct weft_meter_mod meter = {1, WEFT_METER_KBPS, WEFT_METER_ADD, 1};
	struct weft_band band = {.rate = 1, .type = WEFT_BAND_DROP};
	struct model *m = calloc(1, sizeof(*m));

	m->w = world_new(1, 1000);
	m->b = books_new();
	ft_switch_set_network(m->w->sw, 77);
	m->flags = (rng() % 3 ? 0 : FT_SWITCH_TTL_PACKET_IN) |
		   (rng() % 3 ? 0 : FT_SWITCH_MISS_PACKET_IN) |
		   (rng() % 8 ? 0 : FT_SWITCH_FRAG_DROP) | (rng() % 16 ? 0 : FT_SWITCH_STANDALONE) |
		   (rng() % 2 ? 0 : FT_SWITCH_LEARN);
	ft_switch_set_flags(m->w->sw, m->flags);
	random_ports(m);
	random_fdb(m);
	assert_int_equal(ft_meter_mod(m->w->sw, &meter, &band), 0);
	for (uint32_t id = 1; id <= GROUPS; id++)
		random_group(m, id);
	for (uint32_t id = 1; id <= GROUPS; id++)
		m->groups[id].there = true;
	for (int tries = 0; tries < 150 && m->n_rules < MAX_RULES; tries++)
		random_rule(m);
	return m;
}

static void model_free(struct model *m)
{
	books_free(m->b);
	world_free(m->w);
	free(m);
}

static void random_frame(struct frame *f)
{
	struct weft_mac mac;

	frame_make(f);
	while (rng() % 8 == 0 && f->len < 1400)
		frame_random(f, 300);
	mac = small_mac();
	memcpy(f->bytes, &mac, 6);
	if (rng() % 8 == 0)
		f->bytes[0] |= 1;
	mac = small_mac();
	memcpy(f->bytes + 6, &mac, 6);
	if (rng() % 64 == 0)
		f->len = rng() % 14;
}

// ---- comparing

static int by_content(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct sent));
}

static void compare(const struct model *m, struct ref *r)
{
	struct books *b = m->b;

	books_balance(b);
	if (r->n == 0 && b->clones == 0)
		assert_int_equal(b->last_drop, r->why);
	assert_int_equal(b->n, r->n);
	if (!r->n)
		return;
	qsort(b->sent, b->n, sizeof(b->sent[0]), by_content);
	qsort(r->sent, r->n, sizeof(r->sent[0]), by_content);
	assert_memory_equal(b->sent, r->sent, r->n * sizeof(r->sent[0]));
}

struct totals {
	unsigned sent, clones, copies, drops, reasons[WEFT_DROP_MAX];
};

static void one_by_one(struct model *m, struct totals *t)
{
	static struct ref r;
	static struct frame f;
	static const uint32_t from[] = {WEFT_OFPORT_OVERLAY, 1, 2, 3, 4, 5, 6};

	r.m = m;
	for (int i = 0; i < 100; i++) {
		struct ft_packet *pkt;

		books_clear(m->b);
		random_frame(&f);
		pkt = books_packet(m->b, &f, from[rng() % 7]);
		ref_packet(&r, pkt);
		ft_switch_process(m->w->sw, 0, m->w->now, &pkt, 1, &m->b->sink);
		compare(m, &r);
		t->sent += m->b->n;
		t->clones += m->b->clones;
		t->copies += m->b->copies;
		t->drops += m->b->drops;
		for (unsigned d = 0; d < WEFT_DROP_MAX; d++)
			t->reasons[d] += m->b->reasons[d];
	}
}

// A burst does what its packets would have done alone; the multisets of all are compared.
static void bursts(struct model *m)
{
	static struct sent all[FT_BURST * 512];
	static struct ref r;
	struct ft_packet *pkts[FT_BURST];
	static struct frame f;
	unsigned n = 0;

	books_clear(m->b);
	r.m = m;
	for (unsigned i = 0; i < FT_BURST; i++) {
		random_frame(&f);
		pkts[i] = books_packet(m->b, &f, rng() % PORTS + 1);
		ref_packet(&r, pkts[i]);
		memcpy(all + n, r.sent, r.n * sizeof(r.sent[0]));
		n += r.n;
	}
	ft_switch_process(m->w->sw, 0, m->w->now, pkts, FT_BURST, &m->b->sink);
	books_balance(m->b);
	assert_int_equal(m->b->n, n);
	if (!n)
		return;
	qsort(m->b->sent, n, sizeof(all[0]), by_content);
	qsort(all, n, sizeof(all[0]), by_content);
	assert_memory_equal(m->b->sent, all, n * sizeof(all[0]));
}

static bool all_met(const struct totals *t)
{
	return t->reasons[WEFT_DROP_TABLE_MISS] && t->reasons[WEFT_DROP_RULE] &&
	       t->reasons[WEFT_DROP_TTL] && t->reasons[WEFT_DROP_METER];
}

static void against_the_interpreter(void **state)
{
	struct totals t = {0};

	// At least so many, and until every way to die was met; a thousand without is no accident.
	for (int i = 0; i < 120 || (i < 1000 && !all_met(&t)); i++) {
		struct model *m = model_new();

		one_by_one(m, &t);
		bursts(m);
		model_free(m);
	}
	printf("sent %u clones %u copies %u drops %u\n", t.sent, t.clones, t.copies, t.drops);
	assert_true(t.sent > 1000 && t.clones > 100 && t.copies > 100);
	assert_true(all_met(&t));
}

// Without buffers copies are missing, but never the books.
static void no_buffers(void **state)
{
	static struct frame f;

	for (int i = 0; i < 30; i++) {
		struct model *m = model_new();

		m->b->no_buffer_every = 3;
		for (int n = 0; n < 200; n++) {
			struct ft_packet *pkts[FT_BURST];
			unsigned k = rng() % FT_BURST + 1;

			books_clear(m->b);
			for (unsigned j = 0; j < k; j++) {
				random_frame(&f);
				pkts[j] = books_packet(m->b, &f, rng() % PORTS + 1);
			}
			ft_switch_process(m->w->sw, 0, m->w->now, pkts, k, &m->b->sink);
			books_balance(m->b);
		}
		model_free(m);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(against_the_interpreter),
		cmocka_unit_test(no_buffers),
	};

	rng_seed_from_env();
	return cmocka_run_group_tests(tests, NULL, NULL);
}

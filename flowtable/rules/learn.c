// SPDX-License-Identifier: Apache-2.0
// The worker's side of learn: blanks are filled in, and the rule is handed over.
#include "flowtable/rules/learn.h"

#include "flowtable/packet/exec.h"
#include "flowtable/hash.h"
#include "flowtable/packet/subfield.h"
#include "flowtable/switch.h"
#include "flowtable/rules/tables.h"

// Room for the longest; what is longer was refused with the action.
struct draft {
	struct weft_flow_key value, mask; // of the match
	uint64_t actions[FT_LEARN_BYTES / 8];
	uint32_t len; // bytes of actions
};

static const struct weft_learn_spec *specs_of(const struct weft_action_learn *l)
{
	return (const struct weft_learn_spec *)(const void *)(l + 1);
}

static struct ft_value source(const struct weft_flow_key *key, const struct weft_learn_spec *s)
{
	struct ft_value v;

	if (!s->immediate)
		return ft_subfield_read(key, &s->src);
	memcpy(v.b, s->value, sizeof(v.b));
	return v;
}

// The lowest n bits of `v`, shifted up by `ofs`, into `bytes` bytes, and a mask of the same.
static void place(
	const struct ft_value *v, const struct weft_subfield *f, uint8_t *value, uint8_t *mask)
{
	unsigned bytes = weft_field_infos[f->field].bytes;

	for (unsigned i = 0; i < f->n_bits; i++) {
		unsigned to = f->ofs + i;
		uint8_t bit = (uint8_t)(1u << to % 8);

		mask[bytes - 1 - to / 8] |= bit;
		value[bytes - 1 - to / 8] &= (uint8_t)~bit; // the latest counts
		if (v->b[15 - i / 8] >> i % 8 & 1)
			value[bytes - 1 - to / 8] |= bit;
	}
}

// A tag that is not there has no priority.
static void match_tci(struct draft *d, const struct ft_value *v, const struct weft_subfield *f)
{
	uint8_t value[2] = {0}, mask[2] = {0};
	bool none;

	place(v, f, value, mask);
	none = mask[0] & 0x10 && !(value[0] & 0x10);
	d->value.vlan_vid |= htons((uint16_t)((value[0] & 0x1f) << 8 | value[1]));
	d->mask.vlan_vid |= htons((uint16_t)((mask[0] & 0x1f) << 8 | mask[1]));
	d->value.vlan_pcp |= none ? 0 : value[0] >> 5;
	d->mask.vlan_pcp |= none ? 0 : mask[0] >> 5;
}

// A port of 16 bits is the port, whole.
static void match(struct draft *d, const struct ft_value *v, const struct weft_subfield *f)
{
	if (f->field == WEFT_FIELD_IN_PORT) {
		memcpy(&d->value.in_port, &v->b[12], 4);
		d->mask.in_port = UINT32_MAX;
		return;
	}
	if (f->field == WEFT_FIELD_VLAN_TCI)
		match_tci(d, v, f);
	else
		place(v, f, weft_key_field(&d->value, f->field),
			weft_key_field(&d->mask, f->field));
}

static void *put_action(struct draft *d, enum weft_action_type type, uint32_t arg, size_t payload)
{
	struct weft_action *a = (void *)((char *)d->actions + d->len);

	*a = (struct weft_action){(uint16_t)type, (uint16_t)(sizeof(*a) + payload), arg};
	memset(a + 1, 0, payload);
	d->len += a->len;
	return a + 1;
}

static void put_fin(struct draft *d, const struct weft_action_learn *l)
{
	struct weft_action_fin_timeout *f = put_action(d, WEFT_ACTION_FIN_TIMEOUT, 0, sizeof(*f));

	f->idle_timeout = l->fin_idle_timeout;
	f->hard_timeout = l->fin_hard_timeout;
}

static void fill_in(
	struct draft *d, const struct weft_flow_key *key, const struct weft_learn_spec *s)
{
	struct ft_value v = source(key, s);
	struct weft_action_set_field *load;
	struct weft_action_output *out;
	uint32_t port;

	switch (s->dst_type) {
	case WEFT_LEARN_MATCH:
		match(d, &v, &s->dst);
		return;
	case WEFT_LEARN_LOAD:
		load = put_action(d, WEFT_ACTION_LOAD, s->dst.field, sizeof(*load));
		place(&v, &s->dst, load->value, load->mask);
		return;
	default:
		memcpy(&port, &v.b[12], 4);
		out = put_action(d, WEFT_ACTION_OUTPUT, ntohl(port), sizeof(*out));
		out->max_len = WEFT_MAX_LEN_ALL;
	}
}

static void write_out(
	struct ft_learned *out, const struct weft_action_learn *l, const struct draft *d)
{
	struct weft_instructions instr = {
		.apply_len = (uint16_t)d->len, .flags = d->len ? WEFT_INSTR_APPLY : 0};
	struct weft_match m;
	uint64_t *at = out->bytes;

	weft_match_from_key(&m, &d->value, &d->mask);
	*out = (struct ft_learned){
		.mod = {.cookie = l->cookie,
			.out_port = WEFT_OFPORT_ANY,
			.out_group = WEFT_GROUP_ANY,
			.idle_timeout = l->idle_timeout,
			.hard_timeout = l->hard_timeout,
			.priority = l->priority,
			.flags = l->flags & WEFT_LEARN_SEND_REMOVED ? WEFT_FLOW_SEND_REMOVED : 0,
			.command = WEFT_FLOW_ADD,
			.table = l->table},
		.map = m.map,
		.words = weft_match_words(&m),
		.instr_len = (uint32_t)(sizeof(instr) + d->len),
		.limit = l->limit,
	};
	memcpy(at, m.value, 8 * out->words);
	at += out->words;
	memcpy(at, m.mask, 8 * out->words);
	at += out->words;
	memcpy(at, &instr, sizeof(instr));
	at += sizeof(instr) / 8;
	memcpy(at, d->actions, d->len);
	out->size = (uint32_t)((char *)at - (char *)out) + d->len;
}

// Moves with each change of the switch, and when something that was handed over is let go of.
static uint64_t stamp(const struct ft_burst *b)
{
	return b->version + atomic_load_explicit(&b->sw->learners.dropped, memory_order_relaxed);
}

// Was the same handed over a moment ago, with no such move since?
static bool is_fresh(
	const struct ft_burst *b, const struct ft_learn_memory *m, uint64_t print, unsigned slot)
{
	return m->slot[slot].print == print && m->slot[slot].version == stamp(b) &&
	       b->now_ns - m->slot[slot].at_ns < FT_LEARN_AGAIN_NS;
}

// Is it there, as far as packets like this one see it?
static bool is_there(const struct ft_burst *b, const struct ft_learned *l, const struct draft *d)
{
	const struct weft_flow_key *keys[1] = {&d->value};
	const struct ft_rule *rules[1];
	struct weft_match m;

	ft_table_lookup_burst(b->sw, l->mod.table, b->version, keys, 1, rules);
	if (!rules[0] || rules[0]->priority != l->mod.priority)
		return false;
	ft_rule_match(rules[0], &m);
	return m.map == l->map && !memcmp(m.value, l->bytes, 8 * l->words) &&
	       !memcmp(m.mask, l->bytes + l->words, 8 * l->words);
}

// False: it is not there and will not be.
static bool hand_over(struct ft_burst *b, struct ft_learned *learned,
	const struct weft_action_learn *l, const struct draft *d)
{
	struct ft_learn_memory *m =
		atomic_load_explicit(&b->sw->learners.memory, memory_order_acquire);
	uint64_t print = ft_hash_bytes(learned, learned->size, b->sw->env.seed);
	unsigned slot = print % FT_LEARN_SLOTS;
	bool there;

	if (m)
		m += b->worker;
	if (m && is_fresh(b, m, print, slot))
		return true;
	learned->print = weft_learn_asks(l) ? print | 4 : 0; // not 0
	there = learned->print &&
		(is_there(b, learned, d) || ft_learn_room_knows(b->sw, l, learned->print));
	if (!b->sink->learn_rule)
		return there;
	if (learned->print && !there) {
		learned->room = ft_learn_room_take(b->sw, l, learned->print);
		if (!learned->room)
			return false;
	}
	if (!b->sink->learn_rule(b->sink, learned)) { // lost: the next packet tries again
		ft_learn_room_give_back(b->sw, l, learned->room, learned->print);
		return there;
	}
	if (learned->room)
		ft_learn_room_handed(b->sw, l, learned->print);
	if (!m)
		return true;
	m->slot[slot].print = print;
	m->slot[slot].version = stamp(b);
	m->slot[slot].at_ns = b->now_ns;
	return true;
}

bool ft_learn_run(struct ft_burst *b, struct ft_run *run, const struct weft_action *a)
{
	const struct weft_action_learn *l = weft_action_payload(a);
	const struct weft_learn_spec *s = specs_of(l);
	uint64_t room[FT_LEARN_BYTES / 8];
	struct ft_learned *learned = (struct ft_learned *)room;
	struct draft d;

	if (!ft_budget_steps(run->budget, 4 + 4u * l->n_specs))
		return false;
	memset(&d.value, 0, sizeof(d.value));
	memset(&d.mask, 0, sizeof(d.mask));
	d.len = 0;
	if (l->fin_idle_timeout || l->fin_hard_timeout)
		put_fin(&d, l);
	for (unsigned i = 0; i < l->n_specs; i++)
		fill_in(&d, &run->pkt->key, &s[i]);
	write_out(learned, l, &d);
	return hand_over(b, learned, l, &d);
}

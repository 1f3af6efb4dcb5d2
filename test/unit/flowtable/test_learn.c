// SPDX-License-Identifier: Apache-2.0
// learn: what the manual says of it, and random specs against bits set one by one.

#include "learn_kit.h"

static void learning_switch(void **state)
{
	struct program flood = {0};
	struct learn l = mac_learning();

	program_add(&flood, false, WEFT_ACTION_OUTPUT, WEFT_OFPORT_FLOOD);
	assert_int_equal(install(&l, 1), WEFT_E_NONE);
	assert_int_equal(put(1, 0, 1, &flood), WEFT_E_NONE);
	assert_int_equal(frame_between(1, 2, 1), 1);
	assert_int_equal(t.b->n, 3); // to the others
	assert_int_equal(frame_between(2, 1, 2), 1);
	assert_int_equal(last_port(), 1);
	assert_int_equal(t.w->sw->rules, 4);
	// Known: asked for again, as the switch has changed since, and then no more for a while.
	frame_between(1, 2, 1);
	assert_int_equal(last_port(), 2);
	assert_int_equal(frame_between(1, 2, 1), 0);
	assert_int_equal(t.w->sw->rules, 4);
	// It moves.
	assert_int_equal(frame_between(1, 2, 3), 1);
	frame_between(2, 1, 2);
	assert_int_equal(last_port(), 3);
	assert_int_equal(t.w->sw->rules, 4);
}

// Each packet that learns a rule again sets its timeouts back, and stages nothing.
static void refresh(void **state)
{
	struct learn l = mac_learning();
	uint64_t version;

	l.head.hard_timeout = 10;
	assert_int_equal(install(&l, 1), WEFT_E_NONE);
	frame_between(1, 2, 1);
	version = ft_version(t.w->sw);
	for (unsigned i = 0; i < 30; i++) {
		t.w->now += SECOND;
		assert_int_equal(frame_between(1, 2, 1), 1);
		assert_int_equal(world_expire(t.w), 0);
	}
	assert_true(ft_version(t.w->sw) == version);
	t.w->now += 9 * SECOND;
	assert_int_equal(world_expire(t.w), 0);
	t.w->now += SECOND;
	assert_int_equal(world_expire(t.w), 1);
}

static void once_lost(void **state)
{
	struct learn l = mac_learning();

	assert_int_equal(install(&l, 1), WEFT_E_NONE);
	t.full = true;
	frame_between(1, 2, 1);
	t.full = false;
	assert_int_equal(frame_between(1, 2, 1), 1);
	// While a transaction is open, later.
	assert_true(ft_txn_begin(t.w->sw));
	assert_int_equal(
		ft_learn_apply(t.w->sw, (const struct ft_learned *)t.rule[0]), WEFT_E_STATE);
	ft_txn_commit(t.w->sw);
}

static void limits(void **state)
{
	struct learn l = mac_learning();

	l.head.limit = 3;
	assert_int_equal(install(&l, 7), WEFT_E_NONE); // the same cookie, another table
	for (uint8_t i = 1; i < 20; i++)
		frame_between(i, 100, 1);
	assert_int_equal(t.w->sw->rules, 4);
	frame_between(3, 100, 2); // one that is there may change
	assert_int_equal(t.w->sw->rules, 4);
	ft_switch_set_limits(t.w->sw, &(struct ft_limits){5, 1, 1, 1});
	l.head.limit = 0;
	assert_int_equal(install(&l, 7), WEFT_E_NONE);
	for (uint8_t i = 1; i < 20; i++)
		frame_between(i, 100, 1);
	assert_int_equal(t.w->sw->rules, 5);
}

static void gone(uint64_t cookie)
{
	struct weft_flow_mod del = flow_mod_of(WEFT_FLOW_DELETE, WEFT_TABLE_ALL, 0);
	static const struct weft_match all;

	del.cookie = cookie;
	del.cookie_mask = UINT64_MAX;
	assert_int_equal(ft_flow_mod(t.w->sw, &del, &all, NULL), WEFT_E_NONE);
}

static void go_with_their_rule(void **state)
{
	struct learn l = mac_learning();
	struct program p = {0};

	l.head.flags = WEFT_LEARN_DELETE | WEFT_LEARN_SEND_REMOVED;
	assert_int_equal(install(&l, 1), WEFT_E_NONE);
	add_learn(&p, &l);
	assert_int_equal(put(5, 1, 2, &p), WEFT_E_NONE); // learns to the same place
	for (uint8_t i = 1; i <= 5; i++)
		frame_between(i, 100, 1);
	assert_int_equal(t.w->sw->rules, 7);
	gone(2);
	assert_int_equal(t.w->sw->rules, 6);
	assert_true(ft_txn_begin(t.w->sw));
	gone(1);
	ft_txn_abort(t.w->sw);
	assert_int_equal(t.w->sw->rules, 6);
	assert_true(ft_txn_begin(t.w->sw)); // replaced: nobody is an orphan
	gone(1);
	assert_int_equal(install(&l, 1), WEFT_E_NONE);
	ft_txn_commit(t.w->sw);
	assert_int_equal(t.w->sw->rules, 6);
	gone(1);
	assert_int_equal(t.w->sw->rules, 0);
	assert_int_equal(t.w->told_n, 5);
	assert_int_equal(t.w->told[0].stats.reason, WEFT_REMOVED_DELETE);
	assert_int_equal(install(&l, 1), WEFT_E_NONE); // and again, with what was kept of it
	frame_between(1, 2, 1);
	gone(1);
	assert_int_equal(t.w->sw->rules, 0);
}

// ---- random specs

static struct weft_subfield random_bits(unsigned n)
{
	static const enum weft_field fields[] = {WEFT_FIELD_ETH_SRC, WEFT_FIELD_ETH_DST,
		WEFT_FIELD_METADATA, WEFT_FIELD_REG1, WEFT_FIELD_XREG2, WEFT_FIELD_XXREG1};
	enum weft_field f;

	do
		f = fields[rng() % 6];
	while (weft_field_infos[f].bits < n);
	return bits_of(f, rng() % (weft_field_infos[f].bits - n + 1), n);
}

static bool get(const struct weft_flow_key *k, const struct weft_subfield *f, unsigned i)
{
	const uint8_t *bytes = weft_key_field_const(k, (enum weft_field)f->field);
	unsigned bit = f->ofs + i;

	return bytes[weft_field_infos[f->field].bytes - 1 - bit / 8] >> bit % 8 & 1;
}

static void set(uint8_t *bytes, unsigned n_bytes, unsigned bit, bool v)
{
	uint8_t one = (uint8_t)(1u << bit % 8);

	bytes[n_bytes - 1 - bit / 8] =
		(uint8_t)((bytes[n_bytes - 1 - bit / 8] & ~one) | (v ? one : 0));
}

static void random_learn(struct learn *l)
{
	unsigned n = 1 + rng() % 6;

	*l = (struct learn){.head = {.priority = 3, .table = 9, .cookie = rng()}};
	for (unsigned i = 0; i < n; i++) {
		unsigned bits = 1 + rng() % (rng() % 2 ? 16 : 128);
		enum weft_learn_dst type = rng() % 2 ? WEFT_LEARN_MATCH : WEFT_LEARN_LOAD;

		spec(l, type, random_bits(bits), random_bits(bits));
		if (rng() % 2) {
			l->spec[i].immediate = 1;
			rng_fill(l->spec[i].value, 16);
		}
	}
}

// What the specs say of this key, bit by bit: the match, and each load's value and mask.
static void expect(
	const struct learn *l, const struct weft_flow_key *key, const struct ft_learned *got)
{
	const struct weft_instructions *instr = (const void *)(got->bytes + 2 * got->words);
	const struct weft_action *a = (const void *)(instr + 1);
	struct weft_flow_key value = {0}, mask = {0};
	struct weft_match m;

	for (unsigned i = 0; i < l->head.n_specs; i++) {
		const struct weft_learn_spec *s = &l->spec[i];
		unsigned bytes = weft_field_infos[s->dst.field].bytes;
		struct weft_action_set_field load = {{0}, {0}};
		bool match = s->dst_type == WEFT_LEARN_MATCH;

		for (unsigned bit = 0; bit < s->dst.n_bits; bit++) {
			bool v = s->immediate ? s->value[15 - bit / 8] >> bit % 8 & 1
					      : get(key, &s->src, bit);

			set(match ? weft_key_field(&value, s->dst.field) : load.value, bytes,
				s->dst.ofs + bit, v);
			set(match ? weft_key_field(&mask, s->dst.field) : load.mask, bytes,
				s->dst.ofs + bit, true);
		}
		if (match)
			continue;
		assert_int_equal(a->type, WEFT_ACTION_LOAD);
		assert_int_equal(a->arg, s->dst.field);
		assert_memory_equal(a + 1, &load, sizeof(load));
		a = weft_action_next(a);
	}
	assert_ptr_equal(a, (const char *)got + got->size);
	weft_match_from_key(&m, &value, &mask);
	assert_true(m.map == got->map);
	assert_memory_equal(m.value, got->bytes, 8 * got->words);
	assert_memory_equal(m.mask, got->bytes + got->words, 8 * got->words);
}

static void random_specs(void **state)
{
	unsigned refused = 0;

	for (unsigned round = 0; round < 2000; round++) {
		struct learn l;
		struct program p = {0};
		struct frame f = {0};
		struct ft_packet *pkt;
		struct weft_flow_key key = {0};
		enum weft_error e;

		random_learn(&l);
		for (unsigned i = 0; i < 8; i++) // what the packet brings to the registers
			program_load(&p, false, WEFT_FIELD_REG0 + i, 0, 32, rng());
		program_load(&p, false, WEFT_FIELD_METADATA, 0, 64, rng() * 0x100000001ull);
		add_learn(&p, &l);
		e = put(0, 1, round, &p);
		if (e) {
			assert_int_equal(e, WEFT_E_ACTION_TOO_MANY);
			refused++;
			continue;
		}
		frame_random(&f, 60);
		pkt = books_packet(t.b, &f, 1);
		t.asked = 0;
		ft_switch_process(t.w->sw, 0, t.w->now, &pkt, 1, &t.b->sink);
		assert_int_equal(t.asked, 1);
		memcpy(&key.eth_dst, f.bytes, 6);
		memcpy(&key.eth_src, f.bytes + 6, 6);
		WEFT_ACTION_FOR_EACH (a, p.actions, p.instr.apply_len)
			if (a->type == WEFT_ACTION_LOAD)
				memcpy(weft_key_field(&key, a->arg),
					((const struct weft_action_set_field *)(const void *)(a +
											      1))
						->value,
					weft_field_infos[a->arg].bytes);
		expect(&l, &key, (const struct ft_learned *)t.rule[0]);
	}
	assert_true(refused < 1000);
	books_clear(t.b);
}

static enum weft_error try(struct learn l)
{
	return install(&l, 1);
}

static void refused(void **state)
{
	struct learn l = mac_learning(), bad = l;

	bad.head.table = WEFT_TABLE_ALL;
	assert_int_equal(try(bad), WEFT_E_ACTION_ARG);
	bad = l;
	bad.head.flags = WEFT_LEARN_WRITE_RESULT;
	assert_int_equal(try(bad), WEFT_E_ACTION_ARG);
	bad = l;
	bad.spec[0].src.n_bits = 47;
	assert_int_equal(try(bad), WEFT_E_ACTION_ARG);
	bad = l;
	bad.spec[0].dst.ofs = 1;
	assert_int_equal(try(bad), WEFT_E_ACTION_ARG);
	bad = l;
	bad.spec[0].dst.field = WEFT_FIELDS_ALL;
	assert_int_equal(try(bad), WEFT_E_ACTION_ARG);
	bad = l;
	bad.spec[1].dst_type = 3;
	assert_int_equal(try(bad), WEFT_E_ACTION_ARG);
	bad = l;
	while (bad.head.n_specs < 40)
		spec(&bad, WEFT_LEARN_LOAD, bits_of(WEFT_FIELD_REG0, 0, 1),
			bits_of(WEFT_FIELD_REG0, 0, 1));
	assert_int_equal(try(bad), WEFT_E_ACTION_TOO_MANY);
	assert_int_equal(try(l), WEFT_E_NONE);
}

// ---- fin_timeout

// A TCP segment; what it asked for is done.
static unsigned segment(uint8_t flags)
{
	static const uint8_t head[] = {2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0, 0x45, 0, 0, 40, 0,
		0, 0, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, 0x12, 0x34, 0, 80, 0, 0, 0, 0, 0, 0,
		0, 0, 0x50};
	struct frame f = {0};
	struct ft_packet *p;

	frame_put(&f, head, sizeof(head));
	frame_put(&f, &flags, 1);
	frame_put(&f, (uint8_t[6]){0}, 6);
	p = books_packet(t.b, &f, 1);
	t.asked = 0;
	ft_switch_process(t.w->sw, 0, t.w->now, &p, 1, &t.b->sink);
	for (unsigned i = 0; i < t.asked; i++)
		assert_int_equal(ft_learn_apply(t.w->sw, (const struct ft_learned *)t.rule[i]), 0);
	return t.asked;
}

static void put_fin(struct program *p, uint16_t idle, uint16_t hard)
{
	const struct weft_action_fin_timeout f = {idle, hard, 0};

	program_raw(p, false, WEFT_ACTION_FIN_TIMEOUT, 0, &f, sizeof(f));
}

static enum weft_error put_tcp(uint16_t idle, uint16_t hard, const struct program *p)
{
	struct weft_flow_mod mod = flow_mod_of(WEFT_FLOW_ADD, 0, 5);
	struct pattern pattern = {0};
	struct weft_match m;

	pattern_exact(&pattern, WEFT_FIELD_ETH_TYPE, 0x0800);
	pattern_exact(&pattern, WEFT_FIELD_IP_PROTO, 6);
	m = pattern_match(&pattern);
	mod.cookie = 3;
	mod.idle_timeout = idle;
	mod.hard_timeout = hard;
	return ft_flow_mod(t.w->sw, &mod, &m, &p->instr);
}

static const struct ft_rule *tcp_rule(void)
{
	struct weft_flow_key key = {.eth_type = htons(0x0800), .ip_proto = 6};

	return world_lookup(t.w, 0, &key);
}

static void fin_shortens(void **state)
{
	struct weft_aggregate sum;
	struct weft_flow_filter all = filter_all();
	static const struct weft_match any;
	struct program p = program_out(2);

	put_fin(&p, 5, 9);
	assert_int_equal(put_tcp(60, 0, &p), 0);
	assert_int_equal(segment(0x10), 0);
	t.w->now += SECOND;
	assert_int_equal(segment(0x11), 1);
	assert_int_equal(tcp_rule()->program->idle_timeout, 5);
	assert_int_equal(tcp_rule()->program->hard_timeout, 9);
	assert_int_equal(tcp_rule()->created_ns, t.w->now - SECOND);
	assert_int_equal(segment(0x04), 0); // nothing left to shorten
	ft_aggregate(t.w->sw, &all, &any, &sum);
	assert_int_equal(sum.packets, 3); // the counters go on
	t.w->now += 6 * SECOND;
	assert_int_equal(world_expire(t.w), 1);
}

// Smaller ones stay; and a rule that is another by now is left alone.
static void fin_lengthens_nothing(void **state)
{
	struct program p = program_out(2), plain = program_out(3);

	put_fin(&p, 5, 0);
	assert_int_equal(put_tcp(4, 100, &p), 0);
	assert_int_equal(segment(0x01), 0);
	assert_int_equal(put_tcp(7, 100, &p), 0);
	t.full = false;
	assert_int_equal(segment(0x01), 1);
	assert_int_equal(tcp_rule()->program->hard_timeout, 100);
	assert_int_equal(put_tcp(60, 0, &plain), 0);
	assert_int_equal(ft_learn_apply(t.w->sw, (const struct ft_learned *)t.rule[0]), 0);
	assert_int_equal(tcp_rule()->program->idle_timeout, 60);
	ft_flow_mod(t.w->sw,
		&(struct weft_flow_mod){.command = WEFT_FLOW_DELETE,
			.table = 0xff,
			.out_port = WEFT_OFPORT_ANY,
			.out_group = WEFT_GROUP_ANY},
		&(struct weft_match){0}, NULL);
	assert_int_equal(ft_learn_apply(t.w->sw, (const struct ft_learned *)t.rule[0]), 0);
}

// As OpenStack's tunnel bridge learns: what is learned for a VLAN takes the tag off.
static void tags_go(void **state)
{
	struct learn l = {.head = {.cookie = 7, .priority = 1, .table = 1}};
	struct program flood = {0}, tag = {0};

	spec(&l, WEFT_LEARN_MATCH, bits_of(WEFT_FIELD_VLAN_TCI, 0, 16),
		bits_of(WEFT_FIELD_VLAN_TCI, 0, 16));
	spec(&l, WEFT_LEARN_MATCH, bits_of(WEFT_FIELD_ETH_SRC, 0, 48),
		bits_of(WEFT_FIELD_ETH_DST, 0, 48));
	spec(&l, WEFT_LEARN_LOAD, bits_of(WEFT_FIELD_VLAN_TCI, 0, 16),
		bits_of(WEFT_FIELD_VLAN_TCI, 0, 16));
	l.spec[2].immediate = true; // zero
	spec(&l, WEFT_LEARN_OUTPUT, bits_of(WEFT_FIELD_IN_PORT, 0, 32),
		bits_of(WEFT_FIELD_IN_PORT, 0, 32));
	program_load(&tag, false, WEFT_FIELD_VLAN_TCI, 0, 16, 0x7005);
	add_learn(&tag, &l);
	tag.instr.flags |= WEFT_INSTR_GOTO;
	tag.instr.goto_table = 1;
	program_add(&flood, false, WEFT_ACTION_OUTPUT, WEFT_OFPORT_FLOOD);
	assert_int_equal(put(0, 1, 1, &tag), WEFT_E_NONE);
	assert_int_equal(put(1, 0, 1, &flood), WEFT_E_NONE);
	assert_int_equal(frame_between(1, 2, 1), 1);
	assert_int_equal(frame_get16(t.b->sent[0].bytes + 12), 0x8100);
	assert_int_equal(frame_get16(t.b->sent[0].bytes + 14) & 0xefff, 0x6005);
	assert_int_equal(frame_between(2, 1, 2), 1);
	assert_int_equal(t.b->n, 3 + 1); // to one
	assert_int_equal(last_port(), 1);
	assert_int_not_equal(frame_get16(t.b->sent[3].bytes + 12), 0x8100);
}

// What is learned has the action.
static void learned_with_fin(void **state)
{
	struct learn l = {.head = {.priority = 9, .idle_timeout = 60, .fin_idle_timeout = 3}};
	struct program p = {0};

	for (unsigned i = 0; i < 2; i++) {
		const struct weft_subfield f = i ? bits_of(WEFT_FIELD_IP_PROTO, 0, 8)
						 : bits_of(WEFT_FIELD_ETH_TYPE, 0, 16);

		spec(&l, WEFT_LEARN_MATCH, f, f);
	}
	add_learn(&p, &l);
	assert_int_equal(put_tcp(0, 0, &p), 0);
	assert_int_equal(segment(0x10), 1);
	assert_int_equal(tcp_rule()->priority, 9);
	assert_int_equal(tcp_rule()->program->idle_timeout, 60);
	assert_int_equal(segment(0x11), 1);
	assert_int_equal(tcp_rule()->program->idle_timeout, 3);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(learning_switch),
		TEST(refresh),
		TEST(once_lost),
		TEST(limits),
		TEST(go_with_their_rule),
		TEST(tags_go),
		TEST(random_specs),
		TEST(refused),
		TEST(fin_shortens),
		TEST(fin_lengthens_nothing),
		TEST(learned_with_fin),
	};

	rng_seed_from_env();
	return cmocka_run_group_tests(tests, NULL, NULL);
}

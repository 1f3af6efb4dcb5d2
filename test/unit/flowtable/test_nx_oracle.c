// SPDX-License-Identifier: Apache-2.0
// Random programs against the interpreter of ref_nx.h.

#include "ref_nx.h"

// ---- random programs

static const enum weft_field fields[] = {WEFT_FIELD_REG0, WEFT_FIELD_REG1, WEFT_FIELD_XREG0,
	WEFT_FIELD_XXREG0, WEFT_FIELD_METADATA, WEFT_FIELD_ETH_SRC, WEFT_FIELD_ETH_DST,
	WEFT_FIELD_PKT_MARK, WEFT_FIELD_IPV4_SRC, WEFT_FIELD_IPV4_DST, WEFT_FIELD_NW_TTL,
	WEFT_FIELD_IP_DSCP, WEFT_FIELD_TUN_SRC};
#define N_FIELDS (sizeof(fields) / sizeof(fields[0]))

static struct weft_subfield random_bits(unsigned n)
{
	enum weft_field f;

	do
		f = fields[rng() % N_FIELDS];
	while (weft_field_infos[f].bits < n);
	return bits_of(f, rng() % (weft_field_infos[f].bits - n + 1), n);
}

static uint32_t random_port(void)
{
	static const uint32_t special[] = {
		WEFT_OFPORT_IN_PORT, WEFT_OFPORT_FLOOD, WEFT_OFPORT_CONTROLLER};

	return rng() % 4 ? rng() % (PORTS + 1) + 1 : special[rng() % 3];
}

static void random_field_action(struct program *p, bool write)
{
	unsigned n = rng() % 8 + 1;
	struct weft_subfield f = random_bits(n), g = random_bits(n);

	switch (rng() % 3) {
	case 0:
		program_load(p, write, f.field, f.ofs, n, rng());
		break;
	case 1:
		program_move(p, write, f, g);
		break;
	default:
		program_set(p, write, f.field, rng() % 4);
		break;
	}
}

static uint8_t later(uint8_t table)
{
	return (uint8_t)(table + 1 + rng() % (TABLES - table - 1));
}

static void random_action(struct program *p, uint8_t table, unsigned depth)
{
	const struct weft_action_controller c = {.max_len = 99, .reason = rng() % 3};
	struct weft_subfield bit = random_bits(1), low = bits_of(WEFT_FIELD_REG0, 0, 3);
	struct program inside = {0};

	switch (rng() % 14) {
	case 0:
	case 1:
		if (table + 1 < TABLES)
			program_resubmit(p, false,
				rng() % 3 ? WEFT_OFPORT_IN_PORT : rng() % PORTS + 1, later(table));
		break;
	case 2:
		program_stack(p, false, random_bits(rng() % 8 + 1));
		break;
	case 3:
		program_stack(p, true, random_bits(rng() % 8 + 1));
		break;
	case 4:
		program_output_field(p, low);
		break;
	case 5:
		program_trunc(p, false, rng() % PORTS + 1, 14 + rng() % 60);
		break;
	case 6:
		program_controller(p, &c, NULL);
		break;
	case 7:
		program_raw(p, false, WEFT_ACTION_CHECK_PKT_LARGER, rng() % 100, &bit, sizeof(bit));
		break;
	case 8:
		for (unsigned n = depth ? rng() % 4 : 0; n; n--)
			random_action(&inside, table, depth - 1);
		if (depth)
			program_clone(p, &inside);
		break;
	case 9:
		if (rng() % 4 == 0)
			program_add(p, false, WEFT_ACTION_EXIT, 0);
		else if (rng() % 3 == 0)
			program_add(p, false, WEFT_ACTION_DEC_NW_TTL, 0);
		else if (table + 1 < TABLES)
			program_add(p, false, WEFT_ACTION_GROUP, GROUP);
		break;
	case 10:
		program_add(p, false, WEFT_ACTION_OUTPUT, random_port());
		break;
	default:
		random_field_action(p, false);
	}
}

static void random_write(struct program *p, uint8_t table)
{
	switch (rng() % 7) {
	case 6:
		program_add(p, true, WEFT_ACTION_DEC_NW_TTL, 0);
		break;
	case 0:
		program_add(p, true, WEFT_ACTION_OUTPUT, random_port());
		break;
	case 1:
		program_trunc(p, true, rng() % PORTS + 1, 14 + rng() % 60);
		break;
	case 2:
		if (table + 1 < TABLES) // the last tables end what groups and sets begin
			program_resubmit(p, true, WEFT_OFPORT_IN_PORT, TABLES - 1);
		break;
	case 3:
		if (table + 1 < TABLES)
			program_add(p, true, WEFT_ACTION_GROUP, GROUP);
		break;
	default:
		random_field_action(p, true);
	}
}

static void random_pattern(struct pattern *p)
{
	*p = (struct pattern){0};
	pattern_exact(p, WEFT_FIELD_ETH_TYPE, 0x0800);
	if (rng() % 3 == 0)
		pattern_exact(p, WEFT_FIELD_IN_PORT, rng() % PORTS + 1);
	if (rng() % 3 == 0)
		pattern_masked(p, WEFT_FIELD_REG0, rng(), 1u << rng() % 4);
	if (rng() % 4 == 0)
		pattern_masked(p, WEFT_FIELD_METADATA, rng(), 1u << rng() % 4);
}

static void random_rule(struct model *m)
{
	struct ref_rule *rule = &m->rules[m->n_rules];
	struct weft_flow_mod mod;
	struct weft_match match;

	*rule = (struct ref_rule){
		.table = (uint8_t)(rng() % TABLES), .prio = (uint16_t)(m->n_rules + 1)};
	random_pattern(&rule->match);
	for (unsigned n = rng() % 5; n; n--)
		random_action(&rule->p, rule->table, 2);
	for (unsigned n = rng() % 3; n; n--)
		random_write(&rule->p, rule->table);
	if (rng() % 8 == 0)
		rule->p.instr.flags |= WEFT_INSTR_CLEAR;
	if (rng() % 3 == 0 && rule->table + 1 < TABLES) {
		rule->p.instr.flags |= WEFT_INSTR_GOTO;
		rule->p.instr.goto_table = later(rule->table);
	}
	mod = flow_mod_of(WEFT_FLOW_ADD, rule->table, rule->prio);
	mod.cookie = m->n_rules;
	match = pattern_match(&rule->match);
	assert_int_equal(ft_flow_mod(m->w->sw, &mod, &match, &rule->p.instr), 0);
	m->n_rules++;
}

static void random_group(struct model *m)
{
	struct weft_group_mod mod = {GROUP, WEFT_GROUP_ADD, WEFT_GROUP_TYPE_ALL, 2};
	uint8_t raw[8192];
	size_t len = 0;

	for (unsigned i = 0; i < 2; i++) {
		struct program *p = &m->bucket[i];
		struct weft_bucket b = {.bucket_id = i,
			.watch_port = WEFT_OFPORT_ANY,
			.watch_group = WEFT_GROUP_ANY};

		*p = (struct program){0};
		// Knows nothing of the packet: what is always there.
		program_load(p, true, WEFT_FIELD_REG0, rng() % 4, 1, rng() & 1);
		if (rng() % 2)
			program_resubmit(p, true, WEFT_OFPORT_IN_PORT, TABLES - 1);
		else
			program_add(p, true, WEFT_ACTION_OUTPUT, random_port());
		b.actions_len = p->instr.write_len;
		memcpy(raw + len, &b, sizeof(b));
		memcpy(raw + len + sizeof(b), p->actions, b.actions_len);
		len += sizeof(b) + b.actions_len;
	}
	assert_int_equal(ft_group_mod(m->w->sw, &mod, raw, len), 0);
}

static struct model *model_new(void)
{
	struct model *m = calloc(1, sizeof(*m));

	m->w = world_new(1, 1000);
	m->b = books_new();
	for (uint32_t i = 1; i <= PORTS; i++)
		assert_int_equal(ft_port_set(m->w->sw, &(struct ft_port){i, 0, true}), 0);
	random_group(m);
	while (m->n_rules < MAX_RULES)
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
	do
		frame_make(f);
	while (f->bytes[12] != 8 || f->bytes[13] != 0 || f->bytes[14] >> 4 != 4);
}

// Where an action lies in memory is not compared.
static void forget_places(struct books *b)
{
	for (unsigned i = 0; i < b->n; i++)
		b->sent[i].in.controller = NULL;
}

static void against_the_interpreter(void **state)
{
	static struct ref r;
	static struct frame f;
	unsigned sent = 0, clones = 0;

	for (int i = 0; i < 400; i++) {
		struct model *m = model_new();

		r.m = m;
		for (int n = 0; n < 50; n++) {
			struct ft_packet *pkt;

			books_clear(m->b);
			random_frame(&f);
			pkt = books_packet(m->b, &f, rng() % PORTS + 1);
			ref_packet(&r, pkt);
			ft_switch_process(m->w->sw, 0, m->w->now, &pkt, 1, &m->b->sink);
			forget_places(m->b);
			books_assert_sent(m->b, r.sent, r.n);
			sent += m->b->n;
			clones += m->b->clones;
		}
		model_free(m);
	}
	printf("sent %u clones %u\n", sent, clones);
	assert_true(sent > 5000 && clones > 1000);
}

// Stacks and sets of one packet are not another's.
static void bursts(void **state)
{
	static struct ref r;
	static struct frame f;
	static struct sent all[FT_BURST * 256];

	for (int i = 0; i < 60; i++) {
		struct model *m = model_new();
		struct ft_packet *pkts[FT_BURST];
		unsigned n = 0;

		r.m = m;
		for (unsigned k = 0; k < FT_BURST; k++) {
			random_frame(&f);
			pkts[k] = books_packet(m->b, &f, rng() % PORTS + 1);
			ref_packet(&r, pkts[k]);
			assert_true(n + r.n <= sizeof(all) / sizeof(all[0]));
			memcpy(all + n, r.sent, r.n * sizeof(r.sent[0]));
			n += r.n;
		}
		ft_switch_process(m->w->sw, 0, m->w->now, pkts, FT_BURST, &m->b->sink);
		forget_places(m->b);
		books_assert_sent(m->b, all, n);
		model_free(m);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(against_the_interpreter),
		cmocka_unit_test(bursts),
	};

	rng_seed_from_env();
	return cmocka_run_group_tests(tests, NULL, NULL);
}

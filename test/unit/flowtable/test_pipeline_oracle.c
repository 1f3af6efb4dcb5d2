// SPDX-License-Identifier: Apache-2.0
// Random switches against the interpreter of ref_pipeline.h.

#include "ref_pipeline.h"

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
		if (r.n == 0 && m->b->clones == 0)
			assert_int_equal(m->b->last_drop, r.why);
		books_assert_sent(m->b, r.sent, r.n);
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
	books_assert_sent(m->b, all, n);
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

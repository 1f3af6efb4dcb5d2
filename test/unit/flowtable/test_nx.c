// SPDX-License-Identifier: Apache-2.0
// Nicira's actions one by one: bounds, what ends what, links, the controller's words, OpenFlow 1.0.
#include "nx_build.h"
#include "sink.h"

#include "flowtable/nx.h"

#define PORTS 4u

static struct world *world;
static struct books *books;

static int setup(void **state)
{
	world = world_new(1, 1000);
	books = books_new();
	for (uint32_t i = 1; i <= PORTS; i++)
		assert_int_equal(ft_port_set(world->sw, &(struct ft_port){i, 0, true}), 0);
	return 0;
}

static int teardown(void **state)
{
	books_free(books);
	world_free(world);
	return 0;
}

static void ip_rule(uint8_t table, const struct program *p)
{
	struct weft_flow_mod mod = flow_mod_of(WEFT_FLOW_ADD, table, 5);
	struct pattern pattern = {0};
	struct weft_match m;

	pattern_exact(&pattern, WEFT_FIELD_ETH_TYPE, 0x0800);
	m = pattern_match(&pattern);
	mod.cookie = 100u + table;
	assert_int_equal(ft_flow_mod(world->sw, &mod, &m, &p->instr), 0);
}

// An IPv4 frame over UDP, or over TCP.
static void ip_frame(struct frame *f, uint8_t proto, uint8_t ttl)
{
	static const uint8_t head[] = {2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0, 0x45, 0, 0, 60, 0,
		0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, 0x12, 0x34, 0, 53};

	memset(f, 0, sizeof(*f));
	memcpy(f->bytes, head, sizeof(head));
	f->bytes[22] = ttl;
	f->bytes[23] = proto;
	f->bytes[46] = 0x50; // TCP: the header's length
	f->len = 74;
}

static void run_frame(const struct frame *f, uint32_t in_port)
{
	struct ft_packet *pkt = books_packet(books, f, in_port);

	pkt->key.in_phy_port = pkt->key.in_port;
	ft_switch_process(world->sw, 0, world->now, &pkt, 1, &books->sink);
	books_balance(books);
}

static void run_ip(void)
{
	struct frame f;

	books_clear(books);
	ip_frame(&f, 17, 64);
	run_frame(&f, 1);
}

static unsigned sent_to(uint32_t port)
{
	unsigned n = 0;

	for (unsigned i = 0; i < books->n; i++)
		n += books->sent[i].kind == SENT_PORT && books->sent[i].port == port;
	return n;
}

static unsigned hits(uint8_t table)
{
	struct weft_table_stats stats[WEFT_TABLES];
	unsigned n = ft_table_stats(world->sw, stats);

	for (unsigned i = 0; i < n; i++)
		if (stats[i].table == table)
			return (unsigned)stats[i].lookups;
	return 0;
}

// ---- action sets

// The tag that is to be set went meanwhile: the rest is done.
static void a_set_passes_by_what_has_no_header(void **state)
{
	struct program p = {0}, strip = {0};

	program_add(&p, false, WEFT_ACTION_PUSH_VLAN, 0x8100);
	program_set(&p, true, WEFT_FIELD_VLAN_PCP, 3);
	program_load(&p, true, WEFT_FIELD_VLAN_VID, 0, 12, 5);
	program_set(&p, true, WEFT_FIELD_ETH_SRC, 0x123456);
	program_add(&p, true, WEFT_ACTION_OUTPUT, 2);
	p.instr.flags |= WEFT_INSTR_GOTO;
	p.instr.goto_table = 1;
	ip_rule(0, &p);
	program_add(&strip, false, WEFT_ACTION_STRIP_VLAN, 0);
	ip_rule(1, &strip);
	run_ip();
	assert_int_equal(sent_to(2), 1);
	assert_int_equal(books->sent[0].bytes[11], 0x56);
	assert_int_equal(books->sent[0].bytes[12], 8); // no tag came of it
}

// ---- bounds

static void resubmit_to_itself_ends(void **state)
{
	struct program p = program_out(2);

	program_resubmit(&p, false, WEFT_OFPORT_IN_PORT, WEFT_RESUBMIT_SAME_TABLE);
	ip_rule(0, &p);
	run_ip();
	assert_int_equal(hits(0), 1 + FT_MAX_DEPTH);
	assert_int_equal(sent_to(2), 1 + FT_MAX_DEPTH); // what was output before stays so
	assert_int_equal(books->reasons[WEFT_DROP_RECURSION], 1);
}

// A tree of resubmits: 4096 in all, however shallow.
static void resubmits_are_counted(void **state)
{
	struct program p = {0};
	unsigned sum = 0;

	for (int i = 0; i < 3; i++)
		program_resubmit(&p, false, WEFT_OFPORT_IN_PORT, 1);
	for (uint8_t t = 0; t < 9; t++) {
		struct weft_action_resubmit *r;

		WEFT_ACTION_FOR_EACH(a, p.actions, p.instr.apply_len)
		{
			r = (void *)(uintptr_t)weft_action_payload(a);
			r->table = (uint8_t)(t + 1);
		}
		ip_rule(t, &p);
	}
	run_ip();
	assert_int_equal(books->reasons[WEFT_DROP_RECURSION], 1);
	for (uint8_t t = 1; t <= 9; t++)
		sum += hits(t);
	assert_int_equal(sum, FT_MAX_RESUBMITS);
}

// Lookups that take long cost more of what a packet has.
static void resubmits_to_conjunctions_cost_more(void **state)
{
	const struct weft_action_conjunction half = {.clause = 0, .n_clauses = 2};
	struct program p = {0}, soft = {0};

	for (unsigned i = 0; i <= FT_MAX_STEPS / FT_SOFT_STEPS; i++)
		program_resubmit(&p, false, WEFT_OFPORT_IN_PORT, 1);
	ip_rule(0, &p);
	run_ip();
	assert_int_equal(books->reasons[WEFT_DROP_RECURSION], 0);
	program_raw(&soft, false, WEFT_ACTION_CONJUNCTION, 7, &half, sizeof(half));
	ip_rule(1, &soft);
	run_ip();
	assert_int_equal(books->reasons[WEFT_DROP_RECURSION], 1);
}

// Forward through all tables is as deep as it gets, and no error.
static void through_all_tables(void **state)
{
	for (unsigned t = 0; t + 1 < WEFT_TABLES; t++) {
		struct program p = {0};

		program_resubmit(&p, false, WEFT_OFPORT_IN_PORT, (uint8_t)(t + 1));
		if (t + 2 == WEFT_TABLES)
			p = program_out(2);
		ip_rule((uint8_t)t, &p);
	}
	run_ip();
	assert_int_equal(sent_to(2), 1);
	assert_int_equal(books->drops, 0);
}

static void stack_is_bounded(void **state)
{
	struct program p = program_out(2);

	for (unsigned i = 0; i <= FT_STACK_VALUES; i++)
		program_stack(&p, false, bits_of(WEFT_FIELD_REG0, 0, 32));
	program_add(&p, false, WEFT_ACTION_OUTPUT, 3);
	ip_rule(0, &p);
	run_ip();
	assert_int_equal(sent_to(2), 1);
	assert_int_equal(sent_to(3), 0);
	assert_int_equal(books->reasons[WEFT_DROP_RECURSION], 1);
}

static void pop_of_nothing_does_nothing(void **state)
{
	struct program p = {0};

	program_load(&p, false, WEFT_FIELD_REG0, 0, 32, 3);
	program_stack(&p, true, bits_of(WEFT_FIELD_REG0, 0, 32));
	program_output_field(&p, bits_of(WEFT_FIELD_REG0, 0, 32));
	ip_rule(0, &p);
	run_ip();
	assert_int_equal(sent_to(3), 1);
}

// ---- what ends what

static void ttl_ends_its_list_alone(void **state)
{
	struct program outer = {0}, inner = {0};
	struct frame f;

	program_resubmit(&outer, false, WEFT_OFPORT_IN_PORT, 1);
	program_add(&outer, false, WEFT_ACTION_OUTPUT, 2);
	program_add(&inner, false, WEFT_ACTION_DEC_NW_TTL, 0);
	program_add(&inner, false, WEFT_ACTION_OUTPUT, 3);
	ip_rule(0, &outer);
	ip_rule(1, &inner);
	ip_frame(&f, 17, 1);
	run_frame(&f, 1);
	assert_int_equal(sent_to(2), 1);
	assert_int_equal(sent_to(3), 0);
}

static void exit_leaves_the_action_set(void **state)
{
	struct program outer = {0}, inner = {0}, setter = {0};

	program_resubmit(&outer, false, WEFT_OFPORT_IN_PORT, 1);
	program_resubmit(&outer, false, WEFT_OFPORT_IN_PORT, 2);
	program_add(&outer, false, WEFT_ACTION_OUTPUT, 2);
	program_add(&setter, true, WEFT_ACTION_OUTPUT, 4);
	program_add(&inner, false, WEFT_ACTION_EXIT, 0);
	program_add(&inner, false, WEFT_ACTION_OUTPUT, 3);
	ip_rule(0, &outer);
	ip_rule(1, &setter);
	ip_rule(2, &inner);
	run_ip();
	assert_int_equal(books->n, 1);
	assert_int_equal(sent_to(4), 1);
}

// The lookup sees the other port, and nothing else does.
static void in_port_of_a_resubmit(void **state)
{
	struct program p = {0}, other = {0};
	struct weft_flow_mod mod = flow_mod_of(WEFT_FLOW_ADD, 1, 5);
	struct pattern pattern = {0};
	struct weft_match m;

	program_resubmit(&p, false, 3, 1);
	program_add(&other, false, WEFT_ACTION_OUTPUT, WEFT_OFPORT_IN_PORT);
	pattern_exact(&pattern, WEFT_FIELD_IN_PORT, 3);
	m = pattern_match(&pattern);
	assert_int_equal(ft_flow_mod(world->sw, &mod, &m, &other.instr), 0);
	ip_rule(0, &p);
	run_ip();
	assert_int_equal(sent_to(1), 1);
}

// Setting in_port lets a packet back, but not into the overlay that it came from.
static void in_port_is_writable(void **state)
{
	struct program p = {0};
	struct frame f;

	assert_int_equal(
		ft_port_set(world->sw, &(struct ft_port){WEFT_OFPORT_OVERLAY, 0, true}), 0);
	program_set(&p, false, WEFT_FIELD_IN_PORT, 0);
	program_add(&p, false, WEFT_ACTION_OUTPUT, 1);
	program_add(&p, false, WEFT_ACTION_OUTPUT, WEFT_OFPORT_OVERLAY);
	ip_rule(0, &p);
	run_ip();
	assert_int_equal(sent_to(1), 1);
	assert_int_equal(sent_to(WEFT_OFPORT_OVERLAY), 1);
	books_clear(books);
	ip_frame(&f, 17, 64);
	run_frame(&f, WEFT_OFPORT_OVERLAY);
	assert_int_equal(sent_to(WEFT_OFPORT_OVERLAY), 0);
	assert_int_equal(sent_to(1), 1);
}

// The last use of a packet is the packet itself, through resubmit and clone: nothing is copied.
static void last_uses_cost_no_copy(void **state)
{
	struct program outer = {0}, inner = {0}, in_clone = program_out(2);

	program_resubmit(&outer, false, WEFT_OFPORT_IN_PORT, 1);
	program_clone(&inner, &in_clone);
	ip_rule(0, &outer);
	ip_rule(1, &inner);
	run_ip();
	assert_int_equal(sent_to(2), 1);
	assert_int_equal(books->clones + books->copies + books->drops, 0);
}

// ---- the controller

static void controller_says_all(void **state)
{
	const struct weft_action_controller c = {.max_len = 50,
		.controller_id = 7,
		.reason = WEFT_PACKET_IN_ACTION,
		.userdata_len = 5};
	const struct weft_action_controller *got;
	struct program p = {0};

	program_controller(&p, &c, "hello");
	ip_rule(0, &p);
	run_ip();
	assert_int_equal(books->n, 1);
	got = books->sent[0].in.controller;
	assert_non_null(got);
	assert_int_equal(books->sent[0].in.controller_id, 7);
	assert_int_equal(books->sent[0].in.max_len, 50);
	assert_int_equal(got->userdata_len, 5);
	assert_memory_equal(got + 1, "hello", 5);
}

static void ttl_to_each_controller(void **state)
{
	const uint16_t ids[] = {3, 5};
	struct program p = {0};
	struct frame f;

	ft_switch_set_flags(world->sw, FT_SWITCH_TTL_PACKET_IN);
	program_raw(&p, false, WEFT_ACTION_DEC_NW_TTL_IDS, 2, ids, sizeof(ids));
	program_add(&p, false, WEFT_ACTION_OUTPUT, 2);
	ip_rule(0, &p);
	ip_frame(&f, 17, 1);
	run_frame(&f, 1);
	assert_int_equal(books->n, 2);
	assert_int_equal(books->sent[0].in.controller_id + books->sent[1].in.controller_id, 8);
	assert_int_equal(books->sent[0].in.reason, WEFT_PACKET_IN_TTL);
	run_ip();
	assert_int_equal(sent_to(2), 1);
}

static void meter_of_a_controller_action(void **state)
{
	struct weft_meter_mod meter = {1, WEFT_METER_KBPS, WEFT_METER_ADD, 1};
	struct weft_band band = {.rate = 1, .type = WEFT_BAND_DROP};
	const struct weft_action_controller c = {.max_len = 9, .meter_id = 1};
	struct program p = {0};
	struct frame f;

	assert_int_equal(ft_meter_mod(world->sw, &meter, &band), 0);
	program_controller(&p, &c, NULL);
	program_add(&p, false, WEFT_ACTION_OUTPUT, 2);
	ip_rule(0, &p);
	run_ip();
	assert_int_equal(books->n, 2);
	books_clear(books);
	ip_frame(&f, 17, 64);
	f.len = 1200; // the tests' meter drops what is longer than 1000
	run_frame(&f, 1);
	assert_int_equal(books->n, 1); // it is the packet-in alone that the meter stops
	assert_int_equal(sent_to(2), 1);
	meter.command = WEFT_METER_DELETE; // and the rule names it
	assert_int_equal(ft_meter_mod(world->sw, &meter, NULL), 0);
	assert_int_equal(world->sw->rules, 0);
}

// ---- OpenFlow 1.0

static void tags_of_1_0(void **state)
{
	struct program p = {0};
	const struct sent *s;

	program_raw(&p, false, WEFT_ACTION_STRIP_VLAN, 0, NULL, 0); // none is there: nothing
	program_raw(&p, false, WEFT_ACTION_SET_VLAN_PCP, 5, NULL, 0);
	program_raw(&p, false, WEFT_ACTION_SET_VLAN_VID, 0x123, NULL, 0);
	program_add(&p, false, WEFT_ACTION_OUTPUT, 2);
	program_raw(&p, false, WEFT_ACTION_STRIP_VLAN, 0, NULL, 0);
	program_raw(&p, false, WEFT_ACTION_SET_L4_DST, 99, NULL, 0);
	program_add(&p, false, WEFT_ACTION_OUTPUT, 3);
	ip_rule(0, &p);
	run_ip();
	assert_int_equal(books->n, 2);
	s = &books->sent[0];
	assert_memory_equal(s->bytes + 12, "\x81\x00\xa1\x23\x08\x00", 6);
	s = &books->sent[1];
	assert_memory_equal(s->bytes + 12, "\x08\x00", 2);
	assert_int_equal(frame_get16(s->bytes + 36), 99);
}

// ---- links

static void random_flow(struct weft_flow_key *k)
{
	*k = (struct weft_flow_key){.eth_type = htons(0x0800), .ip_proto = 6};
	rng_fill(&k->eth_src, 6);
	rng_fill(&k->eth_dst, 6);
	rng_fill(&k->ipv4_src, sizeof(k->ipv4_src));
	rng_fill(&k->ipv4_dst, sizeof(k->ipv4_dst));
	rng_fill(&k->l4_src, sizeof(k->l4_src));
	rng_fill(&k->l4_dst, sizeof(k->l4_dst));
}

static void reverse(struct weft_flow_key *k)
{
	struct weft_flow_key was = *k;

	k->eth_src = was.eth_dst;
	k->eth_dst = was.eth_src;
	k->ipv4_src = was.ipv4_dst;
	k->ipv4_dst = was.ipv4_src;
	k->l4_src = was.l4_dst;
	k->l4_dst = was.l4_src;
}

static void links_of_an_algorithm(uint16_t algorithm, uint16_t fields, unsigned n)
{
	const struct weft_action_multipath m = {.fields = fields,
		.basis = 7,
		.algorithm = algorithm,
		.max_link = (uint16_t)(n - 1),
		.arg = n + 2};
	const bool symmetric = fields >= FT_HASH_SYMMETRIC_L4 && fields != FT_HASH_NW_SRC &&
			       fields != FT_HASH_NW_DST;
	unsigned count[128] = {0};

	for (unsigned i = 0; i < 400 * n; i++) {
		struct weft_flow_key k;
		unsigned link;

		random_flow(&k);
		link = ft_multipath_link(&k, &m, 11);
		assert_true(link < n);
		assert_int_equal(link, ft_multipath_link(&k, &m, 11));
		count[link]++;
		reverse(&k);
		if (symmetric)
			assert_int_equal(link, ft_multipath_link(&k, &m, 11));
	}
	for (unsigned i = 0; i < n; i++) // 400 each, by 7 deviations
		assert_true(count[i] > 260 && count[i] < 540);
}

static void multipath_spreads(void **state)
{
	for (uint16_t a = 0; a < FT_MULTIPATH_MAX; a++)
		for (uint16_t f = 0; f < FT_HASH_FIELDS_MAX; f++) {
			links_of_an_algorithm(a, f, 1);
			links_of_an_algorithm(a, f, 5);
			links_of_an_algorithm(a, f, 100);
		}
}

// What is left out of a hash does not change it, and UDP's ports are in one of them only.
static void fields_of_a_hash(void **state)
{
	struct weft_action_multipath m = {.max_link = 65535};
	struct weft_flow_key k, l;
	unsigned same = 0;

	random_flow(&k);
	k.ip_proto = 17;
	l = k;
	l.l4_src ^= 0x55;
	m.fields = FT_HASH_SYMMETRIC_L4;
	assert_int_equal(ft_multipath_link(&k, &m, 1), ft_multipath_link(&l, &m, 1));
	m.fields = FT_HASH_SYMMETRIC_L3L4_UDP;
	for (unsigned seed = 0; seed < 8; seed++)
		same += ft_multipath_link(&k, &m, seed) == ft_multipath_link(&l, &m, seed);
	assert_true(same < 3);
	l = k;
	l.eth_dst.b[3] ^= 1;
	m.fields = FT_HASH_SYMMETRIC_L3L4;
	assert_int_equal(ft_multipath_link(&k, &m, 1), ft_multipath_link(&l, &m, 1));
	m.fields = FT_HASH_NW_SRC;
	l.ipv4_dst ^= 77;
	assert_int_equal(ft_multipath_link(&k, &m, 1), ft_multipath_link(&l, &m, 1));
}

static uint32_t bundle_of(const struct weft_flow_key *k, uint16_t algorithm)
{
	struct {
		struct weft_action_bundle b;
		uint32_t port[3];
	} a = {{.fields = FT_HASH_SYMMETRIC_L4, .algorithm = algorithm, .n_ports = 3}, {4, 2, 3}};

	return ft_bundle_port(world->sw, k, &a.b);
}

static void set_live(uint32_t port, bool live)
{
	assert_int_equal(ft_port_set(world->sw, &(struct ft_port){port, 0, live}), 0);
}

// When a port dies, the flows of the others stay where they are (RFC 2992).
static void bundles_know_who_lives(void **state)
{
	struct weft_flow_key k[300];
	uint32_t before[300];

	for (unsigned i = 0; i < 300; i++) {
		random_flow(&k[i]);
		before[i] = bundle_of(&k[i], FT_BUNDLE_HRW);
		assert_int_equal(bundle_of(&k[i], FT_BUNDLE_ACTIVE_BACKUP), 4);
	}
	set_live(4, false);
	for (unsigned i = 0; i < 300; i++) {
		uint32_t now = bundle_of(&k[i], FT_BUNDLE_HRW);

		assert_true(before[i] == 4 ? now == 2 || now == 3 : now == before[i]);
		assert_int_equal(bundle_of(&k[i], FT_BUNDLE_ACTIVE_BACKUP), 2);
	}
	set_live(2, false);
	set_live(3, false);
	assert_int_equal(bundle_of(&k[0], FT_BUNDLE_HRW), WEFT_OFPORT_ANY);
	assert_int_equal(bundle_of(&k[0], FT_BUNDLE_ACTIVE_BACKUP), WEFT_OFPORT_ANY);
}

static void bundle_outputs_or_loads(void **state)
{
	struct {
		struct weft_action_bundle b;
		uint32_t port[1];
	} a = {{.n_ports = 1}, {2}};
	struct program p = {0};

	program_raw(&p, false, WEFT_ACTION_BUNDLE, 0, &a, sizeof(a.b) + 4);
	a.b.dst = bits_of(WEFT_FIELD_REG1, 8, 16);
	a.port[0] = 3;
	program_raw(&p, false, WEFT_ACTION_BUNDLE, 0, &a, sizeof(a.b) + 4);
	program_output_field(&p, bits_of(WEFT_FIELD_REG1, 8, 16));
	ip_rule(0, &p);
	run_ip();
	assert_int_equal(sent_to(2), 1);
	assert_int_equal(sent_to(3), 1);
	set_live(3, false); // 65535 is no port
	run_ip();
	assert_int_equal(sent_to(2), 1);
	assert_int_equal(books->n, 1);
}

// Registers: reg0 is the upper half of xreg0, and xreg0 of xxreg0 (ovs-fields(7)).
static void views_of_registers(void **state)
{
	struct program p = {0};

	program_load(&p, false, WEFT_FIELD_XXREG0, 96, 16, 2);
	program_output_field(&p, bits_of(WEFT_FIELD_REG0, 0, 16));
	program_load(&p, false, WEFT_FIELD_XREG0, 0, 16, 3);
	program_output_field(&p, bits_of(WEFT_FIELD_REG1, 0, 16));
	program_output_field(&p, bits_of(WEFT_FIELD_XXREG0, 64, 16));
	ip_rule(0, &p);
	run_ip();
	assert_int_equal(sent_to(2), 1);
	assert_int_equal(sent_to(3), 2);
}

// A 16-bit number may name a port with a meaning.
static void ports_with_a_meaning_in_a_field(void **state)
{
	struct program p = {0};

	program_load(&p, false, WEFT_FIELD_REG0, 0, 16, 0xfffb);
	program_output_field(&p, bits_of(WEFT_FIELD_REG0, 0, 16));
	ip_rule(0, &p);
	run_ip();
	assert_int_equal(books->n, PORTS - 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_set_passes_by_what_has_no_header),
		TEST(resubmit_to_itself_ends),
		TEST(resubmits_are_counted),
		TEST(resubmits_to_conjunctions_cost_more),
		TEST(through_all_tables),
		TEST(stack_is_bounded),
		TEST(pop_of_nothing_does_nothing),
		TEST(ttl_ends_its_list_alone),
		TEST(exit_leaves_the_action_set),
		TEST(in_port_of_a_resubmit),
		TEST(in_port_is_writable),
		TEST(last_uses_cost_no_copy),
		TEST(controller_says_all),
		TEST(ttl_to_each_controller),
		TEST(meter_of_a_controller_action),
		TEST(tags_of_1_0),
		TEST(multipath_spreads),
		TEST(fields_of_a_hash),
		TEST(bundles_know_who_lives),
		TEST(bundle_outputs_or_loads),
		TEST(views_of_registers),
		TEST(ports_with_a_meaning_in_a_field),
	};

	rng_seed_from_env();
	return cmocka_run_group_tests(tests, NULL, NULL);
}

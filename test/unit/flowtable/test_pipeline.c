// SPDX-License-Identifier: Apache-2.0
// The pipeline, case by case: ports with a meaning, the FDB, groups, packet-out, and whose fault a
// drop is.

#include "sink.h"

#include "flowtable/packet/exec.h"

struct bench {
	struct world *w;
	struct books *b;
	struct frame f;
};

// Ports 1 to 4 and the overlay; a UDP frame from 02::01 to 02::02.
static struct bench bench_new(unsigned flags)
{
	struct bench t = {world_new(2, 1000), books_new(), {{0}}};

	for (uint32_t p = 1; p <= 4; p++)
		assert_int_equal(ft_port_set(t.w->sw, &(struct ft_port){p, 0, true}), 0);
	ft_switch_set_network(t.w->sw, 5000);
	ft_switch_set_flags(t.w->sw, flags);
	frame_put(&t.f, (uint8_t[]){2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0}, 14);
	frame_put(&t.f, (uint8_t[]){0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0}, 12);
	frame_put(&t.f, (uint8_t[]){10, 0, 0, 1, 10, 0, 0, 2, 0, 7, 0, 9, 0, 8, 0, 0}, 16);
	frame_set16(&t.f, 24, ~frame_sum(t.f.bytes + 14, 20, 0));
	return t;
}

static void bench_free(struct bench *t)
{
	books_balance(t->b);
	books_free(t->b);
	world_free(t->w);
}

static void rule(struct bench *t, uint8_t table, uint16_t prio, const struct pattern *m,
	const struct program *p)
{
	struct weft_flow_mod mod = flow_mod_of(WEFT_FLOW_ADD, table, prio);
	struct weft_match match = pattern_match(m);

	mod.cookie = 0xc0 + table;
	assert_int_equal(ft_flow_mod(t->w->sw, &mod, &match, &p->instr), 0);
}

static void any_rule(struct bench *t, const struct program *p)
{
	struct pattern m = {0};

	rule(t, 0, 1, &m, p);
}

static void run_from(struct bench *t, uint32_t in_port)
{
	struct ft_packet *p = books_packet(t->b, &t->f, in_port);

	ft_switch_process(t->w->sw, 0, t->w->now, &p, 1, &t->b->sink);
	books_balance(t->b);
}

static void expect_drop(struct bench *t, uint32_t in_port, enum weft_drop why)
{
	books_clear(t->b);
	run_from(t, in_port);
	assert_int_equal(t->b->n, 0);
	assert_int_equal(t->b->drops, 1);
	assert_int_equal(t->b->last_drop, why);
}

// `ports` ends with 0.
static void expect_ports(struct bench *t, uint32_t in_port, const uint32_t *ports)
{
	unsigned n = 0;

	books_clear(t->b);
	run_from(t, in_port);
	for (; ports[n]; n++) {
		assert_true(n < t->b->n);
		assert_int_equal(t->b->sent[n].port, ports[n]);
	}
	assert_int_equal(t->b->n, n);
	assert_int_equal(t->b->drops, 0);
	assert_int_equal(t->b->clones, 0);
	assert_int_equal(t->b->copies, n - 1);
}
#define PORTS(...) ((const uint32_t[]){__VA_ARGS__, 0})

static void output(struct bench *t, uint32_t port)
{
	struct program p = program_out(port);

	any_rule(t, &p);
}

static void ports(void **state)
{
	struct bench t = bench_new(0);
	const uint32_t overlay = WEFT_OFPORT_OVERLAY;

	expect_drop(&t, 1, WEFT_DROP_TABLE_MISS);
	output(&t, 2);
	expect_ports(&t, 1, PORTS(2));
	expect_drop(&t, 2, WEFT_DROP_INPUT_PORT);
	output(&t, 9);
	expect_drop(&t, 1, WEFT_DROP_NO_PORT);
	output(&t, WEFT_OFPORT_LOCAL);
	expect_drop(&t, 1, WEFT_DROP_NO_PORT);
	output(&t, WEFT_OFPORT_IN_PORT);
	expect_ports(&t, 3, PORTS(3));
	expect_drop(&t, overlay, WEFT_DROP_SPLIT_HORIZON);
	output(&t, overlay);
	expect_ports(&t, 3, PORTS(overlay));
	expect_drop(&t, overlay, WEFT_DROP_SPLIT_HORIZON);
	output(&t, WEFT_OFPORT_ALL);
	expect_ports(&t, 3, PORTS(1, 2, 4, overlay));
	expect_ports(&t, overlay, PORTS(1, 2, 3, 4));

	ft_port_set(t.w->sw, &(struct ft_port){2, WEFT_PORT_NO_FLOOD, true});
	ft_port_set(t.w->sw, &(struct ft_port){4, WEFT_PORT_NO_FWD, true});
	expect_ports(&t, 1, PORTS(2, 3, overlay));
	output(&t, WEFT_OFPORT_FLOOD);
	expect_ports(&t, 1, PORTS(3, overlay));
	output(&t, 4);
	expect_drop(&t, 1, WEFT_DROP_PORT_DOWN);
	ft_port_set(t.w->sw, &(struct ft_port){1, WEFT_PORT_NO_RECV, true});
	expect_drop(&t, 1, WEFT_DROP_RX_PORT_DOWN);
	bench_free(&t);
}

static void no_overlay(void **state)
{
	struct bench t = bench_new(0);

	ft_switch_set_network(t.w->sw, 0);
	output(&t, WEFT_OFPORT_OVERLAY);
	expect_drop(&t, 1, WEFT_DROP_NO_PORT);
	output(&t, WEFT_OFPORT_FLOOD);
	expect_ports(&t, 3, PORTS(1, 2, 4));
	bench_free(&t);
}

static void packet_in_reasons(void **state)
{
	struct bench t = bench_new(0);
	struct program p = {0};
	struct pattern all = {0}, udp = {0};
	struct weft_action_output *out;

	out = (void *)(program_add(&p, false, WEFT_ACTION_OUTPUT, WEFT_OFPORT_CONTROLLER) + 1);
	out->max_len = 77;
	rule(&t, 0, 0, &all, &p);
	run_from(&t, 1);
	assert_int_equal(t.b->sent[0].in.reason, WEFT_PACKET_IN_MISS);
	assert_int_equal(t.b->sent[0].in.max_len, 77);
	assert_int_equal(t.b->sent[0].in.cookie, 0xc0);

	rule(&t, 0, 1, &all, &p); // matches all, but is no table-miss rule
	run_from(&t, 1);
	assert_int_equal(t.b->sent[1].in.reason, WEFT_PACKET_IN_ACTION);

	p = (struct program){0};
	program_add(&p, true, WEFT_ACTION_OUTPUT, WEFT_OFPORT_CONTROLLER);
	pattern_exact(&udp, WEFT_FIELD_ETH_TYPE, 0x800);
	rule(&t, 0, 2, &udp, &p);
	run_from(&t, 1);
	assert_int_equal(t.b->sent[2].in.reason, WEFT_PACKET_IN_ACTION_SET);

	ft_port_set(t.w->sw, &(struct ft_port){1, WEFT_PORT_NO_PACKET_IN, true});
	expect_drop(&t, 1, WEFT_DROP_RULE);
	bench_free(&t);
}

static void invalid_ttl(void **state)
{
	struct bench t = bench_new(0);
	struct pattern ip = {0};
	struct program p = {0};

	pattern_exact(&ip, WEFT_FIELD_ETH_TYPE, 0x800);
	program_add(&p, false, WEFT_ACTION_DEC_NW_TTL, 0);
	program_add(&p, false, WEFT_ACTION_OUTPUT, 2);
	rule(&t, 0, 1, &ip, &p);
	expect_ports(&t, 1, PORTS(2));
	assert_int_equal(t.b->sent[0].bytes[22], 63);
	t.f.bytes[22] = 1;
	expect_drop(&t, 1, WEFT_DROP_TTL);
	ft_switch_set_flags(t.w->sw, FT_SWITCH_TTL_PACKET_IN);
	books_clear(t.b);
	run_from(&t, 1);
	assert_int_equal(t.b->n, 1);
	assert_int_equal(t.b->drops, 0);
	assert_int_equal(t.b->sent[0].in.reason, WEFT_PACKET_IN_TTL);
	assert_int_equal(t.b->sent[0].bytes[22], 1);
	bench_free(&t);
}

static void admission(void **state)
{
	struct bench t = bench_new(FT_SWITCH_FRAG_DROP);

	output(&t, 2);
	t.f.bytes[20] = 0x20;
	expect_drop(&t, 1, WEFT_DROP_IP_REASSEMBLY);
	ft_switch_set_flags(t.w->sw, 0);
	expect_ports(&t, 1, PORTS(2));
	t.f.len = 13;
	expect_drop(&t, 1, WEFT_DROP_RX_TRUNCATED);
	bench_free(&t);
}

// ---- the FDB

static struct weft_ipc_fdb fdb_at(uint8_t last, uint32_t port, uint32_t flags)
{
	struct weft_ipc_fdb f = {.mac = {{2, 0, 0, 0, 0, last}}, .ofport = port, .flags = flags};

	if (port == WEFT_OFPORT_OVERLAY)
		f.vtep = weft_ip_from_v4(htonl(0x0a090807));
	return f;
}

static void normal(void **state)
{
	struct bench t = bench_new(FT_SWITCH_LEARN | FT_SWITCH_STANDALONE);
	const uint32_t overlay = WEFT_OFPORT_OVERLAY;
	struct weft_ipc_fdb at;

	expect_ports(&t, 1, PORTS(2, 3, 4, overlay)); // unknown
	assert_int_equal(t.b->learns, 1);
	at = fdb_at(1, 1, 0);
	assert_int_equal(ft_fdb_add(t.w->sw, &at), 0);
	at = fdb_at(2, 3, 0);
	assert_int_equal(ft_fdb_add(t.w->sw, &at), 0);
	expect_ports(&t, 1, PORTS(3));
	assert_int_equal(t.b->learns, 0);
	expect_drop(&t, 3, WEFT_DROP_INPUT_PORT);
	assert_int_equal(t.b->learns, 1); // moved
	at = fdb_at(2, overlay, 0);
	assert_int_equal(ft_fdb_add(t.w->sw, &at), 0);
	expect_ports(&t, 1, PORTS(overlay));
	assert_int_equal(t.b->sent[0].tun_dst, htonl(0x0a090807));
	expect_drop(&t, overlay, WEFT_DROP_SPLIT_HORIZON);
	at = fdb_at(1, 2, WEFT_FDB_STATIC);
	assert_int_equal(ft_fdb_add(t.w->sw, &at), 0);
	expect_ports(&t, 1, PORTS(overlay));
	assert_int_equal(t.b->learns, 0); // static wins
	t.f.bytes[0] |= 1;
	expect_ports(&t, 1, PORTS(2, 3, 4, overlay)); // multicast
	expect_ports(&t, overlay, PORTS(1, 2, 3, 4));
	bench_free(&t);
}

// The overlay sends a known address to its VTEP, unless the rule said where.
static void overlay_asks_the_fdb(void **state)
{
	struct bench t = bench_new(0);
	struct weft_ipc_fdb at = fdb_at(2, WEFT_OFPORT_OVERLAY, WEFT_FDB_STATIC);
	struct program p = {0};

	output(&t, WEFT_OFPORT_OVERLAY);
	expect_ports(&t, 1, PORTS(WEFT_OFPORT_OVERLAY));
	assert_int_equal(t.b->sent[0].tun_dst, 0);
	assert_int_equal(ft_fdb_add(t.w->sw, &at), 0);
	expect_ports(&t, 1, PORTS(WEFT_OFPORT_OVERLAY));
	assert_int_equal(t.b->sent[0].tun_dst, htonl(0x0a090807));
	program_set(&p, false, WEFT_FIELD_TUN_DST, 0x01020304);
	program_add(&p, false, WEFT_ACTION_OUTPUT, WEFT_OFPORT_OVERLAY);
	any_rule(&t, &p);
	expect_ports(&t, 1, PORTS(WEFT_OFPORT_OVERLAY));
	assert_int_equal(t.b->sent[0].tun_dst, htonl(0x01020304));
	bench_free(&t);
}

// ---- groups

// Buckets that output to a port each.
struct group_of {
	struct weft_group_mod mod;
	size_t len;
	uint8_t raw[4096];
};

static void group_bucket(struct group_of *g, uint16_t weight, uint32_t watch_port,
	enum weft_action_type type, uint32_t arg)
{
	struct weft_bucket *b = (void *)(g->raw + g->len);
	struct program p = {0};

	program_add(&p, true, type, arg);
	*b = (struct weft_bucket){.bucket_id = g->mod.bucket_count++,
		.watch_port = watch_port,
		.watch_group = WEFT_GROUP_ANY,
		.weight = weight,
		.actions_len = p.instr.write_len};
	memcpy(b + 1, p.actions, p.instr.write_len);
	g->len += sizeof(*b) + p.instr.write_len;
}

static struct group_of group_new(uint32_t id, uint8_t type)
{
	return (struct group_of){.mod = {.group = id, .command = WEFT_GROUP_ADD, .type = type}};
}

static void group_add(struct bench *t, const struct group_of *g)
{
	assert_int_equal(ft_group_mod(t->w->sw, &g->mod, g->raw, g->len), 0);
}

static void use_group(struct bench *t, uint32_t id)
{
	struct program p = {0};

	program_add(&p, false, WEFT_ACTION_GROUP, id);
	any_rule(t, &p);
}

static void group_all(void **state)
{
	struct bench t = bench_new(0);
	struct group_of g = group_new(1, WEFT_GROUP_TYPE_ALL);

	for (uint32_t p = 1; p <= 4; p++)
		group_bucket(&g, 0, WEFT_OFPORT_ANY, WEFT_ACTION_OUTPUT, p);
	group_add(&t, &g);
	use_group(&t, 1);
	run_from(&t, 4);
	assert_int_equal(t.b->n, 3);
	assert_int_equal(t.b->clones, 3); // the last bucket has the packet itself
	assert_int_equal(t.b->copies, 0);
	assert_int_equal(t.b->reasons[WEFT_DROP_INPUT_PORT], 1);
	bench_free(&t);
}

static void group_ff(void **state)
{
	struct bench t = bench_new(0);
	struct group_of g = group_new(1, WEFT_GROUP_TYPE_FF);

	group_bucket(&g, 0, 2, WEFT_ACTION_OUTPUT, 2);
	group_bucket(&g, 0, 3, WEFT_ACTION_OUTPUT, 3);
	group_add(&t, &g);
	use_group(&t, 1);
	expect_ports(&t, 1, PORTS(2));
	ft_port_set(t.w->sw, &(struct ft_port){2, 0, false});
	expect_ports(&t, 1, PORTS(3));
	ft_port_set(t.w->sw, &(struct ft_port){3, WEFT_PORT_DOWN, true});
	expect_drop(&t, 1, WEFT_DROP_GROUP_NO_BUCKET);
	ft_port_set(t.w->sw, &(struct ft_port){2, 0, true});
	expect_ports(&t, 1, PORTS(2));
	bench_free(&t);
}

// Shares by weight; a flow stays at its bucket, and moves only when that one dies.
static void group_select(void **state)
{
	enum {
		FLOWS = 4000
	};
	static uint32_t chosen[FLOWS];
	struct bench t = bench_new(0);
	struct group_of g = group_new(1, WEFT_GROUP_TYPE_SELECT);
	unsigned share[5] = {0}, moved[5] = {0};

	group_bucket(&g, 1, 1, WEFT_ACTION_OUTPUT, 1);
	group_bucket(&g, 2, 2, WEFT_ACTION_OUTPUT, 2);
	group_bucket(&g, 1, 3, WEFT_ACTION_OUTPUT, 3);
	group_bucket(&g, 0, 4, WEFT_ACTION_OUTPUT, 4);
	group_add(&t, &g);
	use_group(&t, 1);
	for (int round = 0; round < 3; round++) {
		if (round == 2)
			ft_port_set(t.w->sw, &(struct ft_port){2, 0, false});
		for (unsigned i = 0; i < FLOWS; i++) {
			frame_set16(&t.f, 34, i);
			books_clear(t.b);
			run_from(&t, 9);
			assert_int_equal(t.b->n, 1);
			if (round == 0)
				share[chosen[i] = t.b->sent[0].port]++;
			else if (round == 1 || chosen[i] != 2)
				assert_int_equal(t.b->sent[0].port, chosen[i]);
			else
				moved[t.b->sent[0].port]++;
		}
	}
	assert_in_range(share[1], FLOWS / 4 - 200, FLOWS / 4 + 200);
	assert_in_range(share[2], FLOWS / 2 - 200, FLOWS / 2 + 200);
	assert_int_equal(share[4], 0);
	assert_int_equal(moved[2], 0);
	assert_in_range(moved[1], moved[3] - 250, moved[3] + 250);
	bench_free(&t);
}

// Groups of groups, each with many buckets: the work for one packet has an end.
static void group_bounds(void **state)
{
	struct bench t = bench_new(0);
	struct ft_packet *p;

	for (uint32_t id = 1; id <= 6; id++) {
		struct group_of g = group_new(id, WEFT_GROUP_TYPE_ALL);

		for (unsigned i = 0; i < 30; i++) {
			if (id == 1)
				group_bucket(&g, 0, WEFT_OFPORT_ANY, WEFT_ACTION_OUTPUT, 2);
			else
				group_bucket(&g, 0, WEFT_OFPORT_ANY, WEFT_ACTION_GROUP, id - 1);
		}
		group_add(&t, &g);
	}
	use_group(&t, 6);
	p = books_packet(t.b, &t.f, 1);
	ft_switch_process(t.w->sw, 0, t.w->now, &p, 1, &t.b->sink);
	books_balance(t.b);
	assert_true(t.b->clones <= FT_MAX_BUCKETS && t.b->n > FT_MAX_BUCKETS / 2);
	bench_free(&t);
}

enum {
	MANY = 512 // actions of a list
};

struct many {
	struct weft_instructions instr;
	struct {
		struct weft_action head;
		struct weft_action_output how;
	} action[MANY + 1024];
};

// A hundred tables, each with a long list: all that is legal, but not for one packet.
static void action_bounds(void **state)
{
	static struct many m;
	struct bench t = bench_new(0);
	struct weft_flow_mod mod = {.out_port = WEFT_OFPORT_ANY, .out_group = WEFT_GROUP_ANY};
	struct weft_match any = {0};
	struct ft_packet *p;

	for (unsigned i = 0; i < MANY + 1024; i++)
		m.action[i].head = (struct weft_action){
			WEFT_ACTION_OUTPUT, sizeof(m.action[i]), i % 2 ? 2 : WEFT_OFPORT_ALL};
	m.instr.apply_len = sizeof(m.action);
	m.instr.flags = WEFT_INSTR_APPLY;
	assert_int_equal(ft_flow_mod(t.w->sw, &mod, &any, &m.instr), WEFT_E_ACTION_TOO_MANY);
	m.instr.apply_len = MANY * sizeof(m.action[0]);
	for (mod.table = 0; mod.table < 100; mod.table++) {
		m.instr.flags = WEFT_INSTR_APPLY | (mod.table < 99 ? WEFT_INSTR_GOTO : 0);
		m.instr.goto_table = mod.table + 1;
		assert_int_equal(ft_flow_mod(t.w->sw, &mod, &any, &m.instr), 0);
	}
	p = books_packet(t.b, &t.f, 1);
	ft_switch_process(t.w->sw, 0, t.w->now, &p, 1, &t.b->sink);
	books_balance(t.b);
	assert_in_range(t.b->n, FT_MAX_STEPS / 4, FT_MAX_STEPS);
	bench_free(&t);
}

// Choosing costs too: a list that names a group of dead buckets again and again.
static void choice_bounds(void **state)
{
	static struct many m;
	struct bench t = bench_new(0);
	struct group_of g = group_new(1, WEFT_GROUP_TYPE_SELECT);
	struct weft_flow_mod mod = {.out_port = WEFT_OFPORT_ANY, .out_group = WEFT_GROUP_ANY};
	struct weft_match any = {0};
	struct weft_action *a = (void *)m.action;

	for (unsigned i = 0; i < 60; i++)
		group_bucket(&g, 1, 77, WEFT_ACTION_OUTPUT, 2);
	group_add(&t, &g);
	for (unsigned i = 0; i < MANY; i++)
		a[i] = (struct weft_action){WEFT_ACTION_GROUP, sizeof(*a), 1};
	m.instr.flags = WEFT_INSTR_APPLY;
	m.instr.apply_len = 10 * sizeof(*a);
	assert_int_equal(ft_flow_mod(t.w->sw, &mod, &any, &m.instr), 0);
	expect_drop(&t, 1, WEFT_DROP_GROUP_NO_BUCKET);
	m.instr.apply_len = MANY * sizeof(*a);
	assert_int_equal(ft_flow_mod(t.w->sw, &mod, &any, &m.instr), 0);
	expect_drop(&t, 1, WEFT_DROP_RECURSION);
	bench_free(&t);
}

// ---- packet-out, tables, copies

static void packet_out(void **state)
{
	struct bench t = bench_new(0);
	struct program p = {0};
	struct ft_packet *pkt = books_packet(t.b, &t.f, WEFT_OFPORT_CONTROLLER);

	output(&t, 3);
	program_add(&p, false, WEFT_ACTION_OUTPUT, 1);
	program_add(&p, false, WEFT_ACTION_OUTPUT, WEFT_OFPORT_TABLE);
	program_set(&p, false, WEFT_FIELD_ETH_DST, 7);
	program_add(&p, false, WEFT_ACTION_OUTPUT, WEFT_OFPORT_TABLE);
	assert_int_equal(ft_actions_check(t.w->sw, p.actions, p.instr.apply_len), 0);
	ft_switch_packet_out(t.w->sw, 1, t.w->now, pkt, p.actions, p.instr.apply_len, &t.b->sink);
	assert_int_equal(t.b->n, 3);
	assert_int_equal(t.b->drops, 0);
	for (unsigned i = 0; i < 3; i++)
		if (t.b->sent[i].port == 1)
			assert_int_equal(t.b->sent[i].bytes[5], 2);
	bench_free(&t);
}

// An edit after an output must not show in what was output before.
static void copies_only_where_needed(void **state)
{
	struct bench t = bench_new(0);
	struct pattern all = {0};
	struct program p = {0};

	program_add(&p, false, WEFT_ACTION_OUTPUT, 2);
	program_set(&p, false, WEFT_FIELD_ETH_DST, 7);
	program_add(&p, false, WEFT_ACTION_OUTPUT, 3);
	program_set(&p, false, WEFT_FIELD_ETH_DST, 8); // no effect: no copy
	any_rule(&t, &p);
	expect_ports(&t, 1, PORTS(2, 3));
	assert_int_equal(t.b->sent[0].bytes[5], 2);
	assert_int_equal(t.b->sent[1].bytes[5], 7);

	p = program_out(2);
	p.instr.flags |= WEFT_INSTR_GOTO;
	p.instr.goto_table = 7;
	any_rule(&t, &p);
	expect_ports(&t, 1, PORTS(2)); // then a miss, which is no drop: it went out
	p = program_out(3);
	p.instr.meter_id = 0;
	rule(&t, 7, 1, &all, &p);
	expect_ports(&t, 1, PORTS(2, 3));
	bench_free(&t);
}

static void metadata_and_actions(void **state)
{
	struct bench t = bench_new(0);
	struct pattern all = {0}, meta = {0};
	struct program p = {0};

	p.instr.metadata = weft_htonll(0x1234);
	p.instr.metadata_mask = weft_htonll(0xff00);
	p.instr.flags = WEFT_INSTR_GOTO;
	p.instr.goto_table = 3;
	program_add(&p, true, WEFT_ACTION_OUTPUT, 4);
	rule(&t, 0, 1, &all, &p);
	expect_drop(&t, 1, WEFT_DROP_TABLE_MISS); // the action set is not run
	pattern_exact(&meta, WEFT_FIELD_METADATA, 0x1200);
	p = (struct program){0};
	program_set(&p, true, WEFT_FIELD_ETH_SRC, 9);
	rule(&t, 3, 1, &meta, &p);
	expect_ports(&t, 1, PORTS(4));
	assert_int_equal(t.b->sent[0].bytes[11], 9);
	p.instr.flags |= WEFT_INSTR_CLEAR;
	rule(&t, 3, 2, &meta, &p);
	expect_drop(&t, 1, WEFT_DROP_RULE);
	bench_free(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ports),
		cmocka_unit_test(no_overlay),
		cmocka_unit_test(packet_in_reasons),
		cmocka_unit_test(invalid_ttl),
		cmocka_unit_test(admission),
		cmocka_unit_test(normal),
		cmocka_unit_test(overlay_asks_the_fdb),
		cmocka_unit_test(group_all),
		cmocka_unit_test(group_ff),
		cmocka_unit_test(group_select),
		cmocka_unit_test(group_bounds),
		cmocka_unit_test(action_bounds),
		cmocka_unit_test(choice_bounds),
		cmocka_unit_test(packet_out),
		cmocka_unit_test(copies_only_where_needed),
		cmocka_unit_test(metadata_and_actions),
	};

	rng_seed_from_env();
	return cmocka_run_group_tests(tests, NULL, NULL);
}

// SPDX-License-Identifier: Apache-2.0
// The flow cache changes nothing. Two switches get the same rules, ports, addresses and packets,
// one with a cache before it and one without: what leaves, how, why the rest died, by which rule,
// what there was to learn, and every counter must be the same, while everything changes underway.

#include "twins.h"

enum {
	PORTS = 5,
	MACS = 6,
	POOL = 120
};

// ---- rules and other state, the same on both sides

static struct pattern random_pattern(void)
{
	struct pattern p = {0};
	static const uint16_t types[] = {0x800, 0x800, 0x86dd};
	unsigned type = types[rng() % 3];

	if (rng() % 4 == 0)
		pattern_exact(&p, WEFT_FIELD_IN_PORT, rng() % 4 ? rng() % PORTS + 1 : tunnel);
	if (rng() % 5 == 0)
		pattern_masked(&p, WEFT_FIELD_METADATA, rng(), 3);
	if (rng() % 5 == 0)
		pattern_masked(&p, WEFT_FIELD_REG0, rng(), 3);
	if (rng() % 5 == 0)
		pattern_exact(&p, WEFT_FIELD_ETH_DST, 0x020000000000 + rng() % MACS);
	if (rng() % 9 == 0)
		pattern_exact(&p, WEFT_FIELD_TUN_SRC, 0x0a000001 + rng() % 2);
	if (rng() % 9 == 0)
		pattern_exact(&p, WEFT_FIELD_TUNNEL_ID, 1 + rng() % 3);
	if (rng() % 2)
		return p;
	pattern_exact(&p, WEFT_FIELD_ETH_TYPE, type);
	if (rng() % 6 == 0)
		pattern_exact(&p, WEFT_FIELD_IP_DSCP, rng() % 2 * 10);
	if (rng() % 6 == 0)
		pattern_exact(&p, WEFT_FIELD_NW_TTL, 62 + rng() % 3);
	if (rng() % 6 == 0)
		pattern_exact(&p, WEFT_FIELD_IP_ECN, rng() % 4);
	if (type == 0x800 && rng() % 3 == 0)
		pattern_masked(&p, WEFT_FIELD_IPV4_SRC, 0x0a000000 + rng() % 8, 0xffffff00 | rng());
	if (type == 0x86dd && rng() % 3 == 0)
		pattern_masked(&p, WEFT_FIELD_IPV6_DST, rng() % 8, rng() % 8);
	switch (rng() % 5) {
	case 0:
		pattern_exact(&p, WEFT_FIELD_IP_PROTO, 6);
		if (rng() % 2)
			pattern_exact(&p, WEFT_FIELD_TCP_DST, rng() % 4);
		if (rng() % 3 == 0)
			pattern_masked(&p, WEFT_FIELD_TCP_FLAGS, 2, 2);
		break;
	case 1:
		pattern_exact(&p, WEFT_FIELD_IP_PROTO, 17);
		pattern_exact(&p, WEFT_FIELD_UDP_SRC, rng() % 4);
		break;
	case 2:
		pattern_exact(&p, WEFT_FIELD_IP_PROTO, type == 0x800 ? 1 : 58);
		if (type == 0x800)
			pattern_exact(&p, WEFT_FIELD_ICMPV4_TYPE, rng() % 2 * 8);
		break;
	}
	return p;
}

static void random_output(struct program *p, bool write)
{
	const uint32_t special[] = {WEFT_OFPORT_IN_PORT, WEFT_OFPORT_NORMAL, WEFT_OFPORT_FLOOD,
		WEFT_OFPORT_CONTROLLER, tunnel, tunnel, WEFT_OFPORT_NORMAL};

	program_add(
		p, write, WEFT_ACTION_OUTPUT, rng() % 2 ? rng() % PORTS + 1 : special[rng() % 7]);
}

static struct weft_subfield some_bits(void)
{
	static const enum weft_field fields[] = {WEFT_FIELD_REG0, WEFT_FIELD_REG0, WEFT_FIELD_REG1,
		WEFT_FIELD_METADATA, WEFT_FIELD_ETH_DST, WEFT_FIELD_IN_PORT, WEFT_FIELD_TUNNEL_ID,
		WEFT_FIELD_TUN_IPV6_SRC};
	unsigned some = tunnel == WEFT_OFPORT_OVERLAY ? 6 : 8; // a tenant's network stands

	return bits_of(fields[rng() % some], 0, 2);
}

// Nicira's, of which some can be done again and some can't.
static void random_nx(struct program *p, bool write)
{
	const struct weft_subfield f = some_bits();
	struct program inside = {0};

	switch (write ? rng() % 3 : rng() % 9) {
	case 0:
		program_load(p, write, f.field, 0, 2, rng());
		break;
	case 1:
		program_resubmit(p, write, rng() % 4 ? WEFT_OFPORT_IN_PORT : rng() % PORTS + 1, 2);
		break;
	case 2:
		program_move(p, write, f, some_bits());
		break;
	case 3:
		program_stack(p, false, f);
		break;
	case 4:
		program_stack(p, true, f);
		break;
	case 5:
		program_output_field(p, f);
		break;
	case 6:
		program_load(&inside, false, WEFT_FIELD_REG0, 0, 2, rng());
		random_output(&inside, false);
		program_clone(p, &inside);
		break;
	case 7:
		program_add(p, false, WEFT_ACTION_EXIT, 0);
		break;
	default:
		program_raw(p, false, WEFT_ACTION_CHECK_PKT_LARGER, 60 + rng() % 900,
			&(struct weft_subfield){WEFT_FIELD_REG0, 0, 1, 0},
			sizeof(struct weft_subfield));
	}
}

static void random_action(struct program *p, bool write)
{
	static const uint64_t dsts[] = {0x0a000005, 0x0a000006};

	if (rng() % 3 == 0) {
		random_nx(p, write);
		return;
	}
	switch (rng() % 16) {
	case 0:
		program_set(p, write, WEFT_FIELD_ETH_DST, 0x020000000000 + rng() % MACS);
		break;
	case 1:
		program_set(p, write, WEFT_FIELD_IPV4_DST, rng() % 4);
		break;
	case 2:
	case 3:
		program_add(p, write, WEFT_ACTION_DEC_NW_TTL, 0);
		break;
	case 4:
		program_set(p, write, WEFT_FIELD_TUN_DST, dsts[rng() % 2]);
		break;
	case 5:
		program_set(p, write, WEFT_FIELD_TCP_DST, rng() % 4);
		break;
	case 6:
		program_set(p, write, WEFT_FIELD_IP_DSCP, rng() % 2 * 10);
		break;
	case 7:
		program_add(p, write, WEFT_ACTION_PUSH_VLAN, 0x8100);
		break;
	case 8:
		program_add(p, write, WEFT_ACTION_GROUP, 1 + rng() % 2);
		break;
	case 9:
		program_add(p, write, WEFT_ACTION_SET_NW_TTL, rng() % 4);
		break;
	default:
		random_output(p, write);
	}
}

// Each of a priority of its own: which of two equal ones matches is nobody's promise.
struct made {
	struct pattern pattern;
	uint16_t priority;
	uint8_t table;
};
static struct made made[1000];
static unsigned n_made;

static void random_rule(struct twin s[2])
{
	struct pattern pattern = random_pattern();
	uint16_t priority = (uint16_t)(n_made * 40503 + 1);
	struct program p = {0};
	uint8_t table = (uint8_t)(rng() % 2 ? 0 : rng() % 3);

	for (unsigned n = rng() % 3; n; n--)
		random_action(&p, false);
	for (unsigned n = rng() % 3; n; n--)
		random_action(&p, true);
	if (rng() % 2 && table < 2) {
		p.instr.flags |= WEFT_INSTR_GOTO;
		p.instr.goto_table = (uint8_t)(table + 1);
	}
	if (rng() % 3 == 0) {
		p.instr.metadata_mask = weft_htonll(3);
		p.instr.metadata = weft_htonll(rng() % 4);
	}
	if (rng() % 12 == 0)
		p.instr.meter_id = 1;
	assert_true(n_made < 1000);
	made[n_made] = (struct made){pattern, priority, table};
	flow_mod(s, WEFT_FLOW_ADD, table, priority, &pattern, &p, n_made++);
}

// Through so many tables as a path can hold, and beyond.
static void long_chain(struct twin s[2])
{
	struct pattern any = {0};
	unsigned last = 3 + rng() % 80;

	for (unsigned table = 2; table <= last; table++) {
		struct program p = {0};

		if (table == last) {
			random_output(&p, true);
		} else {
			p.instr.flags |= WEFT_INSTR_GOTO;
			p.instr.goto_table = (uint8_t)(table + 1);
		}
		made[n_made] = (struct made){any, 1, (uint8_t)table};
		flow_mod(s, WEFT_FLOW_ADD, (uint8_t)table, 1, &any, &p, n_made++);
	}
}

static void random_delete(struct twin s[2])
{
	static const struct program none;
	const struct made *old = &made[rng() % n_made];
	struct pattern pattern = random_pattern();

	flow_mod(s, WEFT_FLOW_DELETE_STRICT, old->table, old->priority, &old->pattern, &none, 0);
	if (rng() % 16 == 0)
		flow_mod(s, WEFT_FLOW_DELETE, (uint8_t)(rng() % 3), 0, &pattern, &none, 0);
}

static void random_port(struct twin s[2])
{
	static const uint32_t configs[] = {
		0, 0, 0, WEFT_PORT_DOWN, WEFT_PORT_NO_FWD, WEFT_PORT_NO_RECV, WEFT_PORT_NO_FLOOD};
	struct ft_port port = {rng() % PORTS + 1, configs[rng() % 7], true};
	bool gone = rng() % 8 == 0;

	for (unsigned i = 0; i < 2; i++) {
		if (gone)
			ft_port_del(s[i].w->sw, port.ofport);
		else
			assert_int_equal(ft_port_set(s[i].w->sw, &port), 0);
	}
}

static void random_address(struct twin s[2])
{
	struct weft_ipc_fdb f = {.mac = {{2, 0, 0, 0, 0, (uint8_t)(rng() % MACS)}},
		.ofport = rng() % 2 ? rng() % PORTS + 1 : tunnel};
	unsigned what = rng() % 6;

	if (f.ofport == WEFT_OFPORT_OVERLAY)
		f.vtep = weft_ip_from_v4(htonl(0x0a000001 + rng() % 2));
	for (unsigned i = 0; i < 2; i++) {
		if (what == 0)
			ft_fdb_flush(s[i].w->sw);
		else if (what == 1)
			ft_fdb_age(s[i].w->sw, 3);
		else
			ft_fdb_add(s[i].w->sw, &f);
	}
}

static void random_change(struct twin s[2])
{
	unsigned flags;

	switch (rng() % 12) {
	case 0:
		random_port(s);
		break;
	case 1:
	case 2:
		random_address(s);
		break;
	case 3:
		flags = rng() % 16 &
			(FT_SWITCH_LEARN | FT_SWITCH_FRAG_DROP | FT_SWITCH_TTL_PACKET_IN);
		flags |= rng() % 8 ? 0 : FT_SWITCH_STANDALONE;
		for (unsigned i = 0; i < 2; i++)
			ft_switch_set_flags(s[i].w->sw, flags);
		break;
	case 4:
	case 5:
	case 6:
		random_delete(s);
		break;
	case 7:
		for (unsigned i = 0; i < 2; i++)
			world_grace(s[i].w);
		break;
	default:
		random_rule(s);
	}
}

// ---- packets

// Of few flows, most of them plain, so that they come again.
static void plain_frame(struct frame *f)
{
	unsigned v6 = rng() % 3 == 0, proto = rng() % 2 ? 6 : 17, ip;

	f->len = 0;
	frame_put(f, (uint8_t[]){2, 0, 0, 0, 0, (uint8_t)(rng() % MACS)}, 6);
	frame_put(f, (uint8_t[]){2, 0, 0, 0, 0, (uint8_t)(rng() % MACS)}, 6);
	frame_put16(f, v6 ? 0x86dd : 0x800);
	ip = f->len;
	frame_random(f, v6 ? 40 : 20);
	if (!v6 && rng() % 6 == 0)
		proto = 1;
	frame_l4(f, proto);
	while (f->len < 74)
		frame_random(f, 1);
	if (rng() % 8 == 0)
		frame_random(f, rng() % 1300);
	if (v6) {
		f->bytes[ip] = 0x60;
		f->bytes[ip + 1] = (uint8_t)(rng() % 2 << 4);
		f->bytes[ip + 6] = (uint8_t)proto;
		f->bytes[ip + 7] = (uint8_t)(rng() % 8 ? 62 + rng() % 3 : rng() % 3);
		memset(f->bytes + ip + 8, 0, 32);
		f->bytes[ip + 39] = (uint8_t)(rng() % 8);
		frame_set16(f, ip + 4, f->len - ip - 40);
	} else {
		f->bytes[ip] = 0x45;
		f->bytes[ip + 1] = (uint8_t)(rng() % 2 * 40 + rng() % 2);
		f->bytes[ip + 8] = (uint8_t)(rng() % 8 ? 62 + rng() % 3 : rng() % 3);
		f->bytes[ip + 9] = (uint8_t)proto;
		frame_set16(f, ip + 6, rng() % 16 ? rng() % 2 * 0x4000 : rng());
		frame_set16(f, ip + 2, f->len - ip);
		memcpy(f->bytes + ip + 12, (uint8_t[]){10, 0, 0, (uint8_t)(rng() % 8)}, 4);
		memset(f->bytes + ip + 16, (int)(rng() % 2), 4);
		frame_set16(f, ip + 10, 0);
		frame_set16(f, ip + 10, ~frame_sum(f->bytes + ip, 20, 0));
	}
	ip += v6 ? 40 : 20;
	if (proto == 1)
		frame_set16(f, ip, rng() % 2 * 0x800 + rng() % 2);
	else
		frame_set16(f, ip, rng() % 4), frame_set16(f, ip + 2, rng() % 4);
	frame_l4_csum(f, v6 ? ip - 40 : ip - 20, ip, proto);
}

struct pool {
	struct frame frame[POOL];
	uint32_t from[POOL];
};

static void pool_renew(struct pool *p, unsigned i)
{
	if (rng() % 8)
		plain_frame(&p->frame[i]);
	else
		frame_make(&p->frame[i]);
	p->from[i] = rng() % 3 ? rng() % PORTS + 1 : tunnel;
}

static struct ft_packet *arrive(struct twin *s, const struct pool *p, unsigned i)
{
	struct ft_packet *pkt = books_packet(s->b, &p->frame[i], p->from[i]);

	if (p->from[i] == WEFT_OFPORT_VXLAN)
		pkt->key.tunnel_id = weft_htonll(1 + i % 3);
	if (p->from[i] == WEFT_OFPORT_VXLAN && i % 4 == 3) {
		pkt->key.tun_ipv6_src[0] = pkt->key.tun_ipv6_dst[0] = 0x20;
		pkt->key.tun_ipv6_src[15] = (uint8_t)(i / 4 % 3);
	} else if (p->from[i] == tunnel) {
		pkt->key.tun_src = htonl(0x0a000001 + i % 2);
		pkt->key.tun_dst = htonl(0x0a0000ff);
	}
	return pkt;
}

// ---- the run

static void one_burst(struct twin s[2], const struct pool *pool)
{
	struct ft_packet *pkts[2][FT_BURST];
	unsigned n = rng() % FT_BURST + 1;

	books_clear(s[0].b);
	books_clear(s[1].b);
	for (unsigned i = 0; i < n; i++) {
		unsigned which = rng() % POOL;

		pkts[0][i] = arrive(&s[0], pool, which);
		pkts[1][i] = arrive(&s[1], pool, which);
	}
	cached_burst(&s[0], pkts[0], n);
	ft_switch_process(s[1].w->sw, 0, s[1].w->now, pkts[1], n, &s[1].b->sink);
	compare_sent(s[0].b, s[1].b);
}

static void same_with_and_without(void **state)
{
	enum ft_isa isa = *(enum ft_isa *)*state;
	unsigned hits = 0, edited = 0;

	if (!ft_isa_use(isa)) {
		printf("this processor has no such instructions\n");
		skip();
	}
	// At least so many, and until enough came by; four times as many without is no accident.
	for (int round = 0; round < 25 || (round < 100 && edited < 100); round++) {
		static struct pool pool;
		struct twin s[2];
		uint64_t seed = (uint64_t)rng() << 32 | rng() | 1;

		n_made = 0;
		tunnel = round / 2 % 2 ? WEFT_OFPORT_VXLAN : WEFT_OFPORT_OVERLAY;
		twin_init(&s[1], 0, seed);
		twin_init(&s[0], 256, seed);
		for (unsigned i = 0; i < POOL; i++)
			pool_renew(&pool, i);
		for (unsigned i = 0; i < 40; i++)
			random_rule(s);
		if (round % 2)
			long_chain(s);
		for (uint32_t i = 1; i <= PORTS; i++)
			for (unsigned k = 0; k < 2; k++)
				ft_port_set(s[k].w->sw, &(struct ft_port){i, 0, true});
		for (unsigned n = 0; n < 200; n++) {
			one_burst(s, &pool);
			if (rng() % 3 == 0)
				random_change(s);
			if (rng() % 4 == 0)
				pool_renew(&pool, rng() % POOL);
			s[0].w->now += n % 7 * SECOND / 4;
			s[1].w->now = s[0].w->now;
		}
		compare_state(s);
		hits += s[0].hits;
		edited += s[0].edited;
		twin_end(&s[0]);
		twin_end(&s[1]);
	}
	printf("%u packets on known ways, %u of them edited\n", hits, edited);
	assert_true(hits > 5000 && edited >= 100);
	tunnel = WEFT_OFPORT_OVERLAY;
	ft_isa_use(FT_ISA_SCALAR);
}

// ---- what the rules do not look at makes no new flow

static void ports_share_a_path_until_a_rule_asks(void **state)
{
	static struct pool pool;
	struct twin s[2];
	struct pattern web = {0}, any = {0};
	struct program out = program_out(2);
	unsigned before;

	twin_init(&s[1], 0, 5);
	twin_init(&s[0], 65536, 5);
	for (unsigned k = 0; k < 2; k++)
		for (uint32_t i = 1; i <= PORTS; i++)
			ft_port_set(s[k].w->sw, &(struct ft_port){i, 0, true});
	flow_mod(s, WEFT_FLOW_ADD, 0, 1, &any, &out, 1);
	for (unsigned i = 0; i < POOL; i++) { // 120 flows of two machines
		do
			plain_frame(&pool.frame[i]);
		while (pool.frame[i].bytes[12] != 8 || pool.frame[i].bytes[23] != 6 ||
			pool.frame[i].bytes[22] < 2 || pool.frame[i].len > LONGEST ||
			pool.frame[i].bytes[20] & 0x3f || pool.frame[i].bytes[21]);
		memset(pool.frame[i].bytes, 2, 12);
		pool.frame[i].bytes[35] = (uint8_t)i;
		pool.from[i] = 1;
	}
	for (unsigned n = 0; n < 3; n++)
		one_burst(s, &pool);
	before = s[0].hits;
	one_burst(s, &pool);
	assert_int_equal(s[0].hits - before, s[0].b->received); // whatever their ports
	pattern_exact(&web, WEFT_FIELD_ETH_TYPE, 0x800);
	pattern_exact(&web, WEFT_FIELD_IP_PROTO, 6);
	pattern_exact(&web, WEFT_FIELD_TCP_SRC, 77);
	out = program_out(3);
	flow_mod(s, WEFT_FLOW_ADD, 0, 2, &web, &out, 2);
	for (unsigned n = 0; n < 200; n++) // every flow came twice
		one_burst(s, &pool);
	before = s[0].hits;
	one_burst(s, &pool);
	assert_int_equal(s[0].hits - before, s[0].b->received);
	compare_state(s);
	twin_end(&s[0]);
	twin_end(&s[1]);
}

int main(void)
{
	static enum ft_isa isas[] = {FT_ISA_SCALAR, FT_ISA_AVX2, FT_ISA_AVX512};
	const struct CMUnitTest tests[] = {
		{"same_with_and_without, scalar", same_with_and_without, NULL, NULL, &isas[0]},
		{"same_with_and_without, AVX2 and AES", same_with_and_without, NULL, NULL,
			&isas[1]},
		{"same_with_and_without, AVX-512 and VAES", same_with_and_without, NULL, NULL,
			&isas[2]},
		cmocka_unit_test(ports_share_a_path_until_a_rule_asks),
	};

	rng_seed_from_env();
	return cmocka_run_group_tests(tests, NULL, NULL);
}

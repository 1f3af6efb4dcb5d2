// SPDX-License-Identifier: Apache-2.0
// The flow cache changes nothing. Two switches get the same rules, ports, addresses and packets,
// one with a cache before it and one without: what leaves, how, why the rest died, by which rule,
// what there was to learn, and every counter must be the same, while everything changes underway.

#include "flowtable/cache/cache_own.h"
#include "twin_changes.h"

#include <limits.h>

// ---- packets

static unsigned random_proto(bool v6)
{
	// Some with ports, some without, and extension headers where they are none.
	static const uint8_t others[] = {0, 1, 2, 43, 44, 47, 50, 51, 58, 58, 59, 60, 89, 132, 255};

	if (rng() % 3)
		return rng() % 2 ? 6 : 17;
	return rng() % 2 ? others[rng() % sizeof(others)] : v6 ? 58 : 1;
}

static void ip6_header(struct frame *f, unsigned proto)
{
	uint8_t *ip = f->bytes + 14;

	ip[0] = 0x60;
	ip[1] = (uint8_t)(rng() % 2 << 4);
	frame_set16(f, 14 + 4, f->len - 54);
	ip[6] = (uint8_t)proto;
	ip[7] = (uint8_t)(rng() % 8 ? 62 + rng() % 3 : rng() % 3);
	memset(ip + 8, 0, 32);
	ip[39] = (uint8_t)(rng() % 8);
}

static void ip4_header(struct frame *f, unsigned proto)
{
	uint8_t *ip = f->bytes + 14;

	ip[0] = 0x45;
	ip[1] = (uint8_t)(rng() % 2 * 40 + rng() % 2);
	frame_set16(f, 14 + 2, f->len - 14);
	frame_set16(f, 14 + 6, rng() % 16 ? rng() % 2 * 0x4000 : rng());
	ip[8] = (uint8_t)(rng() % 8 ? 62 + rng() % 3 : rng() % 3);
	ip[9] = (uint8_t)proto;
	memcpy(ip + 12, (uint8_t[]){10, 0, 0, (uint8_t)(rng() % 8)}, 4);
	memset(ip + 16, (int)(rng() % 2), 4);
	frame_set16(f, 14 + 10, 0);
	frame_set16(f, 14 + 10, ~frame_sum(ip, 20, 0));
}

static void few_ports_or_types(struct frame *f, unsigned l4, unsigned proto)
{
	static const uint8_t types[] = {128, 129, 135, 136}; // echo, neighbour discovery

	if (proto == 1)
		frame_set16(f, l4, rng() % 2 * 0x800 + rng() % 2);
	else if (proto == 58)
		frame_set16(f, l4, types[rng() % 4] << 8 | (rng() % 4 == 0));
	else
		frame_set16(f, l4, rng() % 4), frame_set16(f, l4 + 2, rng() % 4);
}

// Of few flows, most of them plain, so that they come again.
static void frame_of(struct frame *f, bool v6, unsigned proto)
{
	unsigned l4 = v6 ? 54 : 34;

	f->len = 0;
	frame_put(f, (uint8_t[]){2, 0, 0, 0, 0, (uint8_t)(rng() % MACS)}, 6);
	frame_put(f, (uint8_t[]){2, 0, 0, 0, 0, (uint8_t)(rng() % MACS)}, 6);
	frame_put16(f, v6 ? 0x86dd : 0x800);
	frame_random(f, l4 - 14);
	frame_l4(f, proto);
	while (f->len < 74 && rng() % 16) // some are shorter than what prints look at
		frame_random(f, 1);
	if (rng() % 8 == 0)
		frame_random(f, rng() % 1300);
	if (v6)
		ip6_header(f, proto);
	else
		ip4_header(f, proto);
	few_ports_or_types(f, l4, proto);
	frame_l4_csum(f, 14, l4, proto);
}

static void plain_frame(struct frame *f)
{
	bool v6 = rng() % 3 == 0;

	frame_of(f, v6, random_proto(v6));
}

static void tag(struct frame *f)
{
	memmove(f->bytes + 16, f->bytes + 12, f->len - 12);
	f->len += 4;
	frame_set16(f, 12, rng() % 4 ? 0x8100 : 0x88a8);
	frame_set16(f, 14, rng() % 2 << 13 | rng() % 4);
}

// Some padded to the shortest that Ethernet carries.
static void arp_frame(struct frame *f)
{
	static const uint8_t head[] = {8, 6, 0, 1, 8, 0, 6, 4, 0};

	f->len = 0;
	frame_put(f, (uint8_t[]){2, 0, 0, 0, 0, (uint8_t)(rng() % MACS)}, 6);
	frame_put(f, (uint8_t[]){2, 0, 0, 0, 0, (uint8_t)(rng() % MACS)}, 6);
	frame_put(f, head, sizeof(head));
	frame_put(f, (uint8_t[]){(uint8_t)(1 + rng() % 2), 2, 0, 0, 0, 0, (uint8_t)(rng() % MACS)},
		7);
	frame_put(f, (uint8_t[]){10, 0, 0, (uint8_t)(rng() % 4), 0, 0, 0, 0, 0, 0}, 10);
	frame_put(f, (uint8_t[]){10, 0, 0, (uint8_t)(rng() % 4)}, 4);
	if (rng() % 2)
		frame_random(f, 18);
}

struct pool {
	struct frame frame[POOL];
	uint32_t from[POOL];
};

static void pool_renew(struct pool *p, unsigned i)
{
	unsigned what = rng() % 12;

	if (what == 0)
		frame_make(&p->frame[i]);
	else if (what == 1)
		arp_frame(&p->frame[i]);
	else
		plain_frame(&p->frame[i]);
	if (what >= 9)
		tag(&p->frame[i]);
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
		box_of(pkts[0][i])->number = box_of(pkts[1][i])->number = i + 1;
	}
	cached_burst(&s[0], pkts[0], n);
	ft_switch_process(s[1].w->sw, 0, s[1].w->now, pkts[1], n, &s[1].b->sink);
	compare_sent(s[0].b, s[1].b);
	if (rng() % 4 == 0)
		ft_cache_fold(s[0].cache); // some of what is pending
}

// Of the kind of step that came by least.
static unsigned least(const unsigned steps[FT_STEP_LENGTH + 1])
{
	unsigned n = UINT_MAX;

	for (unsigned i = 0; i <= FT_STEP_LENGTH; i++)
		n = steps[i] < n ? steps[i] : n;
	return n;
}

static void same_with_and_without(void **state)
{
	enum ft_isa isa = *(enum ft_isa *)*state;
	unsigned hits = 0, steps[FT_STEP_LENGTH + 1] = {0};

	if (!ft_isa_use(isa)) {
		printf("this processor has no such instructions\n");
		skip();
	}
	// At least so many, and until enough came by; four times as many without is no accident.
	for (int round = 0; round < 25 || (round < 100 && least(steps) < 50); round++) {
		static struct pool pool;
		struct twin s[2];
		uint64_t seed = (uint64_t)rng() << 32 | rng() | 1;

		n_made = 0;
		tunnel = round / 2 % 2 ? WEFT_OFPORT_VXLAN : WEFT_OFPORT_OVERLAY;
		twin_init(&s[1], 0, seed);
		twin_init(&s[0], 256, seed);
		for (unsigned i = 0; i < POOL; i++)
			pool_renew(&pool, i);
		for (unsigned i = 0; i < 40; i++) {
			if (i % 5 == 0)
				random_group(s);
			random_rule(s);
		}
		if (round % 2)
			long_chain(s);
		for (uint32_t i = 1; i <= PORTS; i++)
			for (unsigned k = 0; k < 2; k++)
				ft_port_set(s[k].w->sw, &(struct ft_port){i, 0, true});
		for (unsigned n = 0; n < 200; n++) {
			one_burst(s, &pool);
			if (rng() % 3 == 0)
				random_change(s);
			if (rng() % 16 == 0)
				compare_state(s);
			if (rng() % 4 == 0)
				pool_renew(&pool, rng() % POOL);
			s[0].w->now += n % 7 * SECOND / 4;
			s[1].w->now = s[0].w->now;
		}
		compare_state(s);
		hits += s[0].hits;
		for (unsigned i = 0; i <= FT_STEP_LENGTH; i++)
			steps[i] += s[0].steps[i];
		twins_end(s);
	}
	printf("%u packets on known ways; edits, outputs, clones, drops, meters, groups, buckets, "
	       "lengths: %u %u %u %u %u %u %u %u\n",
		hits, steps[0], steps[1], steps[2], steps[3], steps[4], steps[5], steps[6],
		steps[7]);
	assert_true(hits > 5000 && least(steps) >= 5);
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
	twins_end(s);
}

// ---- which frames have a way to be known

// Per cent of the packets of `f` that go a known way, after several bursts of it.
static unsigned known(struct twin s[2], const struct frame *f)
{
	static struct pool pool;
	unsigned before;

	for (unsigned i = 0; i < POOL; i++) {
		pool.frame[i] = *f;
		pool.from[i] = 1;
	}
	for (unsigned n = 0; n < 3; n++)
		one_burst(s, &pool);
	before = s[0].hits;
	one_burst(s, &pool);
	return 100 * (s[0].hits - before) / s[0].b->received;
}

static void twins_that_send(struct twin s[2])
{
	struct pattern any = {0};
	struct program out = program_out(2);

	twin_init(&s[1], 0, 5);
	twin_init(&s[0], 256, 5);
	for (unsigned k = 0; k < 2; k++)
		ft_port_set(s[k].w->sw, &(struct ft_port){2, 0, true});
	flow_mod(s, WEFT_FLOW_ADD, 0, 1, &any, &out, 1);
}

// No fragment, and with enough of a TTL.
static void whole_frame_of(struct frame *f, bool v6, unsigned proto)
{
	do
		frame_of(f, v6, proto);
	while (f->len > LONGEST || f->len < 74 || f->bytes[v6 ? 21 : 22] < 2 ||
		(!v6 && (f->bytes[20] & 0x3f || f->bytes[21])));
}

static void tags_and_arp_are_known(void **state)
{
	struct twin s[2];
	struct frame f;

	twins_that_send(s);
	arp_frame(&f);
	assert_int_equal(known(s, &f), 100);
	whole_frame_of(&f, false, 6);
	assert_int_equal(known(s, &f), 100);
	tag(&f);
	assert_int_equal(known(s, &f), 100);
	tag(&f);
	assert_int_equal(known(s, &f), 0); // two are too many
	compare_state(s);
	twins_end(s);
}

// But for extension headers of IPv6 that are walked over.
static void protocols_are_known(void **state)
{
	static const uint8_t walked_over[] = {0, 43, 44, 51, 60};
	struct twin s[2];
	struct frame f;

	twins_that_send(s);
	for (unsigned proto = 0; proto < 256; proto++) {
		whole_frame_of(&f, false, proto);
		assert_int_equal(known(s, &f), 100);
		whole_frame_of(&f, true, proto);
		if (proto == 58)
			f.bytes[54] = 128;
		assert_int_equal(known(s, &f), memchr(walked_over, (int)proto, 5) ? 0 : 100);
		tag(&f);
		assert_int_equal(known(s, &f), memchr(walked_over, (int)proto, 5) ? 0 : 100);
	}
	whole_frame_of(&f, true, 58);
	f.bytes[54] = 136; // neighbour discovery: its fields are beyond what is looked at
	assert_int_equal(known(s, &f), 0);
	compare_state(s);
	twins_end(s);
}

// ---- how full it is

static void ip4_frame(struct frame *f, unsigned flow)
{
	f->len = 0;
	frame_put(f, (uint8_t[]){2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0}, 14);
	frame_put(f, (uint8_t[]){0x45, 0, 0, 46, 0, 0, 0x40, 0, 64, 17, 0, 0}, 12);
	frame_put(f, (uint8_t[]){10, 0, (uint8_t)(flow >> 8), (uint8_t)flow, 10, 1, 0, 1}, 8);
	frame_set16(f, 24, ~frame_sum(f->bytes + 14, 20, 0));
	frame_put(f, (uint8_t[]){0, 1, 0, 2, 0, 26, 0, 0}, 8);
	while (f->len < 60)
		frame_put(f, (uint8_t[]){0}, 1);
}

static struct ft_arrival arrival_of(const struct twin *s, const struct frame *f)
{
	return (struct ft_arrival){.data = f->bytes,
		.front = ft_switch_front(s->w->sw),
		.len = f->len,
		.total_len = f->len,
		.from = {ft_switch_number(s->w->sw), 1, 0, 0}};
}

// Ways of their own for more flows than there is room for, so that all is forgotten now and then:
// it knows as many as lead somewhere.
static void counts_its_flows(void **state)
{
	static struct pool pool;
	struct pattern p = {0};
	struct twin s[2];
	unsigned most = 0, least_again = UINT_MAX;

	twin_init(&s[1], 0, 5);
	twin_init(&s[0], 256, 5);
	assert_int_equal(ft_cache_room(s[0].cache), 256);
	for (unsigned k = 0; k < 2; k++)
		ft_port_set(s[k].w->sw, &(struct ft_port){2, 0, true});
	pattern_exact(&p, WEFT_FIELD_ETH_TYPE, 0x800);
	for (unsigned i = 0; i < 500; i++) {
		struct program out = program_out(2);

		pattern_exact(&p, WEFT_FIELD_IPV4_SRC, 0x0a000000 + i);
		flow_mod(s, WEFT_FLOW_ADD, 0, 1, &p, &out, i);
	}
	// Until it was full and all was forgotten; many times as long without is no accident.
	for (unsigned n = 0; n < 20000 && (n < 2000 || least_again > 60); n++) {
		struct ft_arrival a[FT_BURST];
		const struct ft_path *path[FT_BURST];
		unsigned found = 0;

		for (unsigned i = 0; i < POOL; i++) {
			ip4_frame(&pool.frame[i], (n / 100 * 60 + i) % 500);
			pool.from[i] = 1;
		}
		one_burst(s, &pool);
		for (unsigned i = 0; i < 500; i++) {
			struct frame f;

			ip4_frame(&f, i);
			a[0] = arrival_of(&s[0], &f);
			ft_cache_lookup(s[0].cache, a, 1, path);
			found += path[0] != NULL;
		}
		assert_int_equal(ft_cache_flows(s[0].cache), found);
		if (found > most)
			most = found;
		else if (most > 200 && found < least_again)
			least_again = found;
	}
	assert_in_range(most, 200, 256);
	assert_in_range(least_again, 0, 60); // all was forgotten at least once
	compare_state(s);
	twins_end(s);
}

// So many flows, each once, none of which gets a way. Returns how many are worth recording.
static unsigned worthy_of(struct twin *s, unsigned flows)
{
	const struct ft_path *paths[FT_BURST];
	struct ft_arrival a[FT_BURST];
	struct frame f[FT_BURST];
	unsigned worthy = 0;

	for (unsigned flow = 0; flow < flows; flow += FT_BURST) {
		for (unsigned i = 0; i < FT_BURST; i++) {
			ip4_frame(&f[i], 1);
			f[i].bytes[9] = (uint8_t)((flow + i) >> 16);
			f[i].bytes[10] = (uint8_t)((flow + i) >> 8);
			f[i].bytes[11] = (uint8_t)(flow + i);
			a[i] = arrival_of(s, &f[i]);
		}
		ft_cache_lookup(s->cache, a, FT_BURST, paths);
		for (unsigned i = 0; i < FT_BURST; i++)
			worthy += ft_cache_trace(s->cache, i) != NULL;
		assert_int_equal(ft_cache_learn(s->cache), 0);
	}
	return worthy;
}

// As many as there is nearly room for, in turn: what is left of one when it comes again is not
// another's, as a rule.
static void many_flows_in_turn_are_seen_again(void **state)
{
	const unsigned flows = 3072 * FT_BURST;
	struct twin s[2];
	unsigned first, again;

	twin_init(&s[0], 4 * 65536, 5);
	twin_init(&s[1], 0, 5);
	first = worthy_of(&s[0], flows);
	again = worthy_of(&s[0], flows);
	assert_in_range(first, 0, flows / 8);
	assert_in_range(again, flows / 3, flows);
	compare_state(s);
	twins_end(s);
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
		cmocka_unit_test(tags_and_arp_are_known),
		cmocka_unit_test(protocols_are_known),
		cmocka_unit_test(many_flows_in_turn_are_seen_again),
		cmocka_unit_test(counts_its_flows),
	};

	rng_seed_from_env();
	return cmocka_run_group_tests(tests, NULL, NULL);
}

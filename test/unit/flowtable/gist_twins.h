// SPDX-License-Identifier: Apache-2.0
#pragma once
// Two switches that get the same rules and packets, hardly a packet of which came before: one with
// a cache and a gist (gist.h), one with neither. For the tests of gists.

#include "twins.h"

#include "flowtable/cache/cache_own.h"
#include "flowtable/cache/gist.h"

// One frame in so many has a source that cannot be learned; 0: none.
static unsigned nobodys;

// ---- packets

static inline void new_frame(struct frame *f)
{
	unsigned proto = rng() % 2 ? 6 : 17;
	bool tagged = rng() % 8 == 0;

	f->len = 0;
	frame_put(f, (uint8_t[]){2, 0, 0, 0, 0, (uint8_t)(rng() % 3)}, 6);
	frame_put(f, (uint8_t[]){2, 0, 0, 0, 0, (uint8_t)rng()}, 6);
	f->bytes[6] |= nobodys && rng() % nobodys == 0;
	if (tagged)
		frame_put(f, (uint8_t[]){0x81, 0, 0, (uint8_t)(rng() % 4)}, 4);
	frame_put(f, (uint8_t[]){8, 0}, 2);
	frame_put(f, (uint8_t[]){0x45, 0, 0, 46, 0, 0, 0x40, 0, 64, (uint8_t)proto, 0, 0}, 12);
	frame_put(f, (uint8_t[]){10, 0, (uint8_t)rng(), (uint8_t)rng()}, 4);
	frame_put(f, (uint8_t[]){10, 0, 0, (uint8_t)(rng() % 16)}, 4);
	frame_random(f, 2);
	frame_put16(f, rng() % 8);
	frame_put(f, (uint8_t[]){0, 26, 0, 0}, 4);
	while (f->len < (tagged ? 64u : 60u))
		frame_put(f, (uint8_t[]){0}, 1);
	if (proto == 6)
		f->bytes[f->len - 14] = 0x50;
}

static inline struct ft_packet *arrive(struct twin *s, const struct frame *f, uint32_t from)
{
	struct ft_packet *p = books_packet(s->b, f, from);

	if (from == tunnel) {
		p->key.tun_src = htonl(0x0a000001);
		p->key.tun_dst = htonl(0x0a0000ff);
	}
	return p;
}

static inline void burst(struct twin s[2])
{
	struct ft_packet *pkts[2][FT_BURST];
	unsigned n = rng() % FT_BURST + 1;

	books_clear(s[0].b);
	books_clear(s[1].b);
	for (unsigned i = 0; i < n; i++) {
		uint32_t from = rng() % 3 ? 1 : rng() % 2 ? 2 : tunnel;
		struct frame f;

		new_frame(&f);
		for (unsigned k = 0; k < 2; k++) {
			pkts[k][i] = arrive(&s[k], &f, from);
			box_of(pkts[k][i])->number = i + 1;
		}
	}
	cached_burst(&s[0], pkts[0], n);
	ft_switch_process(s[1].w->sw, 0, s[1].w->now, pkts[1], n, &s[1].b->sink);
	compare_sent(s[0].b, s[1].b);
}

// ---- time

static inline void grace(struct twin s[2])
{
	twin_fold(&s[0]);
	for (unsigned k = 0; k < 2; k++)
		world_grace(s[k].w);
}

// Its own bursts are many, so that the ways are known.
static inline void leave_alone(struct twin s[2])
{
	grace(s);
	come_to_rest(s[0].w->sw);
	for (unsigned n = 0; n < 24; n++)
		burst(s);
}

static inline void twins_begin(struct twin s[2], unsigned flows)
{
	uint64_t seed = (uint64_t)rng() << 32 | rng() | 1;

	twin_init(&s[1], 0, seed);
	twin_init(&s[0], flows, seed);
	for (unsigned k = 0; k < 2; k++)
		for (uint32_t i = 1; i <= PORTS; i++)
			ft_port_set(s[k].w->sw, &(struct ft_port){i, 0, true});
}

// ---- what a few tests begin with

static inline void add(struct twin s[2], uint8_t table, uint16_t priority, const struct pattern *p,
	const struct program *what)
{
	flow_mod(s, WEFT_FLOW_ADD, table, priority, p, what, 1);
}

// Per cent of new flows that go where others went, when the ways are known.
static inline unsigned derived(struct twin s[2])
{
	unsigned before, n = 0;

	leave_alone(s);
	leave_alone(s);
	before = s[0].derived;
	for (unsigned i = 0; i < 16; i++) {
		burst(s);
		n += s[0].b->received;
	}
	compare_state(s);
	return 100 * (s[0].derived - before) / n;
}

// What comes now ends alike in both.
static inline void compare_bursts(struct twin s[2])
{
	for (unsigned n = 0; n < 32; n++)
		burst(s);
	compare_state(s);
}

static inline struct program go_to(uint8_t table)
{
	struct program p = {.instr = {.flags = WEFT_INSTR_GOTO, .goto_table = table}};

	return p;
}

// Two tables; rules ask for addresses that every packet has others of.
static inline void two_tables(struct twin s[2])
{
	struct pattern any = {0}, net = {0};
	struct program on = go_to(1), out = program_out(2), drop = {0};

	twins_begin(s, 4096);
	pattern_exact(&net, WEFT_FIELD_ETH_TYPE, 0x800);
	pattern_masked(&net, WEFT_FIELD_IPV4_SRC, 0x0a000000, 0xffff8000);
	add(s, 0, 1, &any, &on);
	add(s, 1, 7, &net, &out);
	add(s, 1, 1, &any, &drop);
}

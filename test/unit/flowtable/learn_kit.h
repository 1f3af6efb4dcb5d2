// SPDX-License-Identifier: Apache-2.0
#pragma once
// A switch whose rules learn, frames between numbered addresses, and what these ask for.

#include "nx_build.h"
#include "sink.h"

#include "flowtable/rules/tables.h"

#define ASKED 64u

struct test {
	struct world *w;
	struct books *b;
	unsigned asked; // since the latest clear
	uint64_t rule[ASKED][FT_LEARN_BYTES / 8];
	bool full; // the ring
};

static struct test t;

static inline bool ask(struct ft_sink *sink, const struct ft_learned *l)
{
	assert_true(l->size <= FT_LEARN_BYTES && l->size % 8 == 0 && t.asked < ASKED);
	if (t.full)
		return false;
	memcpy(t.rule[t.asked++], l, l->size);
	return true;
}

static inline int setup(void **state)
{
	t = (struct test){.w = world_new(2, 100), .b = books_new()};
	t.b->sink.learn_rule = ask;
	for (uint32_t port = 1; port <= 4; port++)
		ft_port_set(t.w->sw, &(struct ft_port){.ofport = port, .live = true});
	return 0;
}

static inline int teardown(void **state)
{
	books_balance(t.b);
	books_free(t.b);
	world_free(t.w);
	return 0;
}

// A frame from one address to another; what it asks for is kept.
static inline void frame_only(unsigned worker, uint8_t src, uint8_t dst, uint32_t port)
{
	struct frame f = {0};
	struct ft_packet *p;

	frame_put(&f, (uint8_t[]){2, 0, 0, 0, 0, dst, 2, 0, 0, 0, 0, src, 0x12, 0x34}, 14);
	frame_random(&f, 46);
	p = books_packet(t.b, &f, port);
	ft_switch_process(t.w->sw, worker, t.w->now, &p, 1, &t.b->sink);
}

// And is done. Returns how often it asked.
static inline unsigned frame_between(uint8_t src, uint8_t dst, uint32_t port)
{
	t.asked = 0;
	frame_only(0, src, dst, port);
	for (unsigned i = 0; i < t.asked; i++)
		ft_learn_apply(t.w->sw, (const struct ft_learned *)t.rule[i]);
	return t.asked;
}

static inline uint32_t last_port(void)
{
	return t.b->n ? t.b->sent[t.b->n - 1].port : 0;
}

struct learn {
	struct weft_action_learn head;
	struct weft_learn_spec spec[64];
};

static inline void add_learn(struct program *p, struct learn *l)
{
	program_raw(p, false, WEFT_ACTION_LEARN, 0, l,
		sizeof(l->head) + l->head.n_specs * sizeof(l->spec[0]));
}

static inline void spec(struct learn *l, enum weft_learn_dst type, struct weft_subfield src,
	struct weft_subfield dst)
{
	l->spec[l->head.n_specs++] =
		(struct weft_learn_spec){.dst_type = (uint8_t)type, .src = src, .dst = dst};
}

static inline enum weft_error put(
	uint8_t table, uint16_t priority, uint64_t cookie, const struct program *p)
{
	struct weft_flow_mod mod = flow_mod_of(WEFT_FLOW_ADD, table, priority);
	static const struct weft_match all;

	mod.cookie = cookie;
	return ft_flow_mod(t.w->sw, &mod, &all, &p->instr);
}

// The learning switch of the manual: table 1 gets dst -> port, table 0 learns and goes on.
static inline struct learn mac_learning(void)
{
	struct learn l = {.head = {.cookie = 7, .priority = 10, .table = 1}};

	spec(&l, WEFT_LEARN_MATCH, bits_of(WEFT_FIELD_ETH_SRC, 0, 48),
		bits_of(WEFT_FIELD_ETH_DST, 0, 48));
	spec(&l, WEFT_LEARN_OUTPUT, bits_of(WEFT_FIELD_IN_PORT, 0, 32),
		bits_of(WEFT_FIELD_IN_PORT, 0, 32));
	return l;
}

static inline enum weft_error install(struct learn *l, uint64_t cookie)
{
	struct program p = {0};

	add_learn(&p, l);
	p.instr.flags |= WEFT_INSTR_GOTO;
	p.instr.goto_table = 1;
	return put(0, 1, cookie, &p);
}

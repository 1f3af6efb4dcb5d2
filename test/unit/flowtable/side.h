// SPDX-License-Identifier: Apache-2.0
#pragma once
// One switch with live ports and the books of what leaves it, for tests of what a rule's actions
// do: rules that match all of IPv4, and an IPv4 frame that they get.

#include "sink.h"

struct side {
	struct world *w;
	struct books *books;
};

// Ports 1 to `ports`, all live.
static inline struct side side_new(uint32_t ports)
{
	struct side s = {world_new(1, 1000), books_new()};

	for (uint32_t i = 1; i <= ports; i++)
		assert_int_equal(ft_port_set(s.w->sw, &(struct ft_port){i, 0, true}), 0);
	return s;
}

static inline void side_free(struct side *s)
{
	books_free(s->books);
	world_free(s->w);
}

// A rule for IPv4 of the table; its cookie tells the table, 100 and so on.
static inline void side_rule(const struct side *s, uint8_t table, const struct program *p)
{
	struct weft_flow_mod mod = flow_mod_of(WEFT_FLOW_ADD, table, 5);
	struct pattern pattern = {0};
	struct weft_match m;

	pattern_exact(&pattern, WEFT_FIELD_ETH_TYPE, 0x0800);
	m = pattern_match(&pattern);
	mod.cookie = 100u + table;
	assert_int_equal(ft_flow_mod(s->w->sw, &mod, &m, &p->instr), 0);
}

// An IPv4 frame over UDP, or over TCP.
static inline void ip_frame(struct frame *f, uint8_t proto, uint8_t ttl)
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

// The frame goes through the switch; what left before stays in the books.
static inline void side_run(const struct side *s, const struct frame *f, uint32_t in_port)
{
	struct ft_packet *pkt = books_packet(s->books, f, in_port);

	pkt->key.in_phy_port = pkt->key.in_port;
	ft_switch_process(s->w->sw, 0, s->w->now, &pkt, 1, &s->books->sink);
	books_balance(s->books);
}

// A UDP frame comes in at port 1; the books begin anew.
static inline void side_run_ip(const struct side *s, uint8_t ttl)
{
	struct frame f;

	books_clear(s->books);
	ip_frame(&f, 17, ttl);
	side_run(s, &f, 1);
}

static inline unsigned side_sent_to(const struct side *s, uint32_t port)
{
	unsigned n = 0;

	for (unsigned i = 0; i < s->books->n; i++)
		n += s->books->sent[i].kind == SENT_PORT && s->books->sent[i].port == port;
	return n;
}

// SPDX-License-Identifier: Apache-2.0
#pragma once
// Packets on memory of their own, so that ASan sees each byte too far, and a sink that counts them.

#include "flowtable/flowtable.h"

#include <stdio.h>
#include <stdlib.h>

enum {
	ROOM = 96
};

static inline void check(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "broken: %s\n", what);
	abort();
}

struct packet {
	struct ft_packet ft;
	struct packet *next;
	uint8_t *memory;
};

static inline struct packet *packet_new(const uint8_t *bytes, size_t len)
{
	struct packet *p = calloc(1, sizeof(*p));

	p->memory = malloc(ROOM + len + 1);
	memcpy(p->memory + ROOM, bytes, len);
	p->ft.pkt = (struct weft_packet){.data = p->memory + ROOM,
		.len = (uint32_t)len,
		.total_len = (uint32_t)len,
		.headroom = ROOM,
		.owner = p};
	return p;
}

static inline void packet_free(struct packet *p)
{
	free(p->memory);
	free(p);
}

struct books {
	struct ft_sink sink;
	unsigned begun, ended;
};

static void end(struct ft_sink *sink, struct ft_packet *p)
{
	((struct books *)sink)->ended++;
	packet_free(p->pkt.owner);
}

static void output(struct ft_sink *sink, struct ft_packet *p, uint32_t port, unsigned flags)
{
	if (!(flags & FT_KEEP))
		end(sink, p);
}

static void packet_in(
	struct ft_sink *sink, struct ft_packet *p, const struct ft_packet_in *in, unsigned flags)
{
	if (!(flags & FT_KEEP))
		end(sink, p);
}

static void drop(struct ft_sink *sink, struct ft_packet *p, enum weft_drop why)
{
	end(sink, p);
}

static struct ft_packet *clone(struct ft_sink *sink, const struct ft_packet *p)
{
	struct packet *copy = packet_new(p->pkt.data, p->pkt.len);

	copy->ft.key = p->key;
	copy->ft.rule = p->rule;
	copy->ft.table = p->table;
	copy->ft.pkt.l2_len = p->pkt.l2_len;
	copy->ft.pkt.l3_ofs = p->pkt.l3_ofs;
	copy->ft.pkt.l4_ofs = p->pkt.l4_ofs;
	((struct books *)sink)->begun++;
	return &copy->ft;
}

static void learn(struct ft_sink *sink, const struct ft_packet *p)
{
}

static void retire(void *ctx, void (*fn)(void *), void *obj)
{
	fn(obj);
}

static uint64_t now(void *ctx)
{
	return 1;
}

// A small switch of network 1 with ports 1 to `ports`, all live.
static inline struct ft_switch *switch_new(uint32_t ports)
{
	static const struct ft_env env = {.retire = retire, .now_ns = now, .seed = 1, .workers = 1};
	static const struct ft_limits limits = {100, 10, 10, 10};
	struct ft_switch *sw = ft_switch_new(&env, &limits, NULL);

	for (uint32_t p = 1; p <= ports; p++)
		ft_port_set(sw, &(struct ft_port){p, 0, true});
	ft_switch_set_network(sw, 1);
	return sw;
}

// SPDX-License-Identifier: Apache-2.0
#pragma once
// Security rules and flows that they permit, as bench/lib/filters.py makes them: of FILTERS rules
// of a single tenant, or FILTERS_EACH of each of many. They follow from random_state.

#include "bench/random.h"

#include <weft/flow.h>

#include <arpa/inet.h>
#include <string.h>

enum {
	LEN = 60,
	FILTERS = 1000, // of a single tenant
	TENANTS = 1000,
	FILTERS_EACH = 100,
	LARGE_TENANTS = TENANTS * FILTERS_EACH / FILTERS,
	SHAPES = 90,
	POOL = TENANTS * FILTERS_EACH, // flows that are made beforehand
	NETWORKS = 64,
	MACHINES = 40,
	SERVICES = 48,
};

struct flow {
	uint32_t src, dst;
	uint16_t sport, dport;
	uint8_t proto;
	uint16_t tenant;
	uint32_t src_open, dst_open; // bits that its filter leaves open
};

static uint32_t site_network[NETWORKS], site_machine[MACHINES];
static uint16_t site_service[SERVICES];
static struct flow site_pool[POOL];

// As in bench/lib/filters.py: who from so large a network may reach this service of this machine.
static inline void make_site(void)
{
	for (unsigned i = 0; i < NETWORKS; i++)
		site_network[i] = 0x0a000000 | random32() >> 8;
	for (unsigned i = 0; i < MACHINES; i++)
		site_machine[i] = 0xac100000 | (random32() & 3) << 8 | (1 + random32() % 254);
	for (unsigned i = 0; i < SERVICES; i++)
		site_service[i] = (uint16_t)(1 + random32() % 32767);
}

// Of all tenants' filters: the i-th's match, and flows that it matches.
static inline void make_filter(
	unsigned i, unsigned tenants, struct weft_flow_key *value, struct weft_flow_key *mask)
{
	unsigned shape = i % SHAPES, bits = 10 + shape % 23;
	bool by_dst = shape / 23 & 1, by_port = shape / 46 & 1;
	uint32_t src_mask = 0xffffffffu << (32 - bits);
	struct flow f = {site_network[random32() % NETWORKS], site_machine[random32() % MACHINES],
		0, site_service[random32() % SERVICES], random32() & 1 ? 6 : 17};

	*value = (struct weft_flow_key){.eth_type = htons(0x800)};
	*mask = (struct weft_flow_key){.eth_type = 0xffff};
	mask->ipv4_src = htonl(src_mask);
	value->ipv4_src = htonl(f.src & src_mask);
	if (by_dst) {
		mask->ipv4_dst = 0xffffffff;
		value->ipv4_dst = htonl(f.dst);
	}
	if (by_port || i % 2) {
		mask->ip_proto = 0xff;
		value->ip_proto = f.proto;
	}
	if (by_port) {
		mask->l4_dst = 0xffff;
		value->l4_dst = htons(f.dport);
	}
	f.tenant = (uint16_t)(i % tenants);
	for (unsigned k = i; k < POOL; k += tenants == 1 ? FILTERS : POOL) {
		site_pool[k] = f;
		site_pool[k].src = (f.src & src_mask) | (random32() & ~src_mask);
		site_pool[k].src_open = ~src_mask;
		site_pool[k].dst_open = by_dst ? 0 : 0xffff;
	}
}

static inline void put16(uint8_t *p, unsigned v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static inline void put32(uint8_t *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p + 2, v & 0xffff);
}

// LEN bytes of the flow, for the machine that rules of three tables send on by its MAC address.
static inline void put_frame(uint8_t *frame, const struct flow *f)
{
	static const uint8_t plain[LEN] = {
		2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0, 0x45, [17] = LEN - 14, [22] = 64};

	memcpy(frame, plain, LEN);
	frame[23] = f->proto;
	put32(frame + 26, f->src);
	put32(frame + 30, f->dst);
	put16(frame + 34, f->sport);
	put16(frame + 36, f->dport);
	frame[46] = 0x50;
}

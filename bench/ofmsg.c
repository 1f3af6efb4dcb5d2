// SPDX-License-Identifier: Apache-2.0
#include "ofmsg.h"

#include <arpa/inet.h>
#include <string.h>

#define ONF 0x4f4e4600u
#define ONF_BUNDLE_CONTROL 2300u
#define ONF_BUNDLE_ADD 2301u
#define ORDERED_ATOMIC 3u
#define ANY 0xffffffffu

static uint8_t *put16(uint8_t *p, uint32_t v)
{
	uint16_t be = htons((uint16_t)v);

	memcpy(p, &be, 2);
	return p + 2;
}

static uint8_t *put32(uint8_t *p, uint32_t v)
{
	uint32_t be = htonl(v);

	memcpy(p, &be, 4);
	return p + 4;
}

static uint8_t *zeros(uint8_t *p, size_t n)
{
	memset(p, 0, n);
	return p + n;
}

static uint32_t get16(const uint8_t *p)
{
	return (uint32_t)p[0] << 8 | p[1];
}

static uint8_t *begin(uint8_t *to, enum ofmsg_type type, uint32_t xid)
{
	to[0] = 4;
	to[1] = (uint8_t)type;
	return put32(to + 4, xid);
}

static size_t end(uint8_t *to, const uint8_t *p)
{
	put16(to + 2, (uint32_t)(p - to));
	return (size_t)(p - to);
}

struct ofmsg_header ofmsg_header(const uint8_t from[8])
{
	return (struct ofmsg_header){.type = from[1],
		.len = (uint16_t)get16(from + 2),
		.xid = get16(from + 4) << 16 | get16(from + 6)};
}

size_t ofmsg_simple(uint8_t *to, enum ofmsg_type type, uint32_t xid)
{
	return end(to, begin(to, type, xid));
}

// ---- flow mods

static uint8_t *oxm(uint8_t *p, unsigned field, unsigned bytes, uint32_t value)
{
	p = put16(p, 0x8000);
	*p++ = (uint8_t)(field << 1);
	*p++ = (uint8_t)bytes;
	if (bytes == 1)
		*p++ = (uint8_t)value;
	else
		p = bytes == 2 ? put16(p, value) : put32(p, value);
	return p;
}

static uint32_t sources = 0x0a000000;

void ofmsg_sources(uint32_t network)
{
	sources = network & 0xfff00000;
}

// Neighbouring rules share no address, as those of a real table don't; an odd factor is one-to-one.
static uint8_t *five_tuple(uint8_t *p, uint32_t rule)
{
	uint32_t mixed = rule * 2654435761u;

	p = oxm(p, 5, 2, 0x0800);
	p = oxm(p, 10, 1, 6);
	p = oxm(p, 11, 4, sources | mixed >> 12);
	p = oxm(p, 12, 4, 0xac100000 | (mixed >> 4 & 0xfffff));
	p = oxm(p, 13, 2, 1024 + (mixed & 0xfff));
	return oxm(p, 14, 2, 1 + (mixed >> 16 & 0xfff));
}

static uint8_t *output(uint8_t *p, uint32_t port)
{
	p = zeros(put16(put16(p, 4), 24), 4); // OFPIT_APPLY_ACTIONS
	return zeros(put16(put32(put16(put16(p, 0), 16), port), 0), 6);
}

size_t ofmsg_flow_mod(
	uint8_t *to, enum ofmsg_op op, uint32_t rule, uint16_t priority, uint32_t out, uint32_t xid)
{
	static const uint8_t command[] = {[OFMSG_ADD] = 0, [OFMSG_MODIFY] = 2, [OFMSG_DELETE] = 4};
	uint8_t *p = begin(to, OFMSG_FLOW_MOD, xid), *match;
	size_t len;

	p = put32(zeros(p, 4), op == OFMSG_ADD ? rule : 0); // cookie
	p = zeros(p, 8);                                    // cookie_mask
	*p++ = 0;                                           // table
	*p++ = command[op];
	p = put16(zeros(p, 4), priority);          // no timeouts
	p = put32(put32(put32(p, ANY), ANY), ANY); // no buffer; any port, any group
	match = zeros(p, 4);                       // no flags
	p = five_tuple(put16(match, 1) + 2, rule);
	len = (size_t)(p - match);
	put16(match + 2, (uint32_t)len);
	p = zeros(p, -len & 7);
	if (op != OFMSG_DELETE)
		p = output(p, out);
	return end(to, p);
}

// ---- bundles

static uint8_t *onf(uint8_t *to, uint32_t type, uint32_t bundle, uint32_t xid)
{
	return put32(put32(put32(begin(to, OFMSG_EXPERIMENTER, xid), ONF), type), bundle);
}

size_t ofmsg_bundle(uint8_t *to, enum ofmsg_bundle what, uint32_t bundle, uint32_t xid)
{
	return end(
		to, put16(put16(onf(to, ONF_BUNDLE_CONTROL, bundle, xid), what), ORDERED_ATOMIC));
}

size_t ofmsg_bundled_flow_mod(uint8_t *to, uint32_t bundle, enum ofmsg_op op, uint32_t rule,
	uint16_t priority, uint32_t out, uint32_t xid)
{
	uint8_t *p = put16(zeros(onf(to, ONF_BUNDLE_ADD, bundle, xid), 2), ORDERED_ATOMIC);

	return end(to, p + ofmsg_flow_mod(p, op, rule, priority, out, xid));
}

// ---- reading back

size_t ofmsg_all_flows(uint8_t *to, uint32_t xid)
{
	uint8_t *p = zeros(put16(put16(begin(to, OFMSG_MULTIPART_REQUEST, xid), 1), 0), 4);

	*p++ = 0xff; // all tables
	p = put32(put32(zeros(p, 3), ANY), ANY);
	p = zeros(p, 4 + 8 + 8);
	return end(to, zeros(put16(put16(p, 1), 4), 4));
}

unsigned ofmsg_flows_in(const uint8_t *reply, size_t len, int *more)
{
	unsigned n = 0;
	size_t at = 16;

	*more = reply[11] & 1;
	for (; at + 8 <= len && get16(reply + at) >= 8; n++)
		at += get16(reply + at);
	return n;
}

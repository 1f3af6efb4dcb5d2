// SPDX-License-Identifier: Apache-2.0
#include "filters.h"

#include "bench/random.h"

#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>

struct range {
	uint32_t low, high;
};

struct filter {
	uint32_t src, dst;
	unsigned src_len, dst_len;
	struct range sport, dport;
	uint8_t proto, proto_mask;
};

// ---- filters to rules

static uint32_t prefix32(unsigned bits)
{
	return bits ? 0xffffffffu << (32 - bits) : 0;
}

// The first aligned block of a range; moves `low` behind it.
static uint16_t next_block(struct range *r, uint16_t *value)
{
	uint32_t size = r->low ? r->low & -r->low : 0x10000;

	while (r->low + size - 1 > r->high)
		size >>= 1;
	*value = (uint16_t)r->low;
	r->low += size;
	return (uint16_t) ~(size - 1);
}

static void add_rule(struct filters *s, const struct weft_match *m, size_t filter)
{
	if (!(s->n_rules & (s->n_rules - 1))) {
		s->rule = realloc(s->rule, (s->n_rules ? 2 * s->n_rules : 1) * sizeof(s->rule[0]));
		if (!s->rule)
			exit(1);
	}
	s->rule[s->n_rules++] = (struct filter_rule){*m, (uint16_t)filter};
}

static void add_filter(struct filters *s, const struct filter *f, size_t number)
{
	struct weft_flow_key value = {0}, mask = {0};
	struct range sport = f->sport, dport;
	struct weft_match m;
	uint16_t v;

	mask.eth_type = 0xffff;
	value.eth_type = htons(0x0800);
	value.ip_proto = f->proto;
	mask.ip_proto = f->proto_mask;
	value.ipv4_src = htonl(f->src);
	mask.ipv4_src = htonl(prefix32(f->src_len));
	value.ipv4_dst = htonl(f->dst);
	mask.ipv4_dst = htonl(prefix32(f->dst_len));
	while (sport.low <= sport.high) {
		mask.l4_src = htons(next_block(&sport, &v));
		value.l4_src = htons(v);
		dport = f->dport;
		while (dport.low <= dport.high) {
			mask.l4_dst = htons(next_block(&dport, &v));
			value.l4_dst = htons(v);
			weft_match_from_key(&m, &value, &mask);
			add_rule(s, &m, number);
		}
	}
}

// ---- flows

struct weft_flow_key filters_key(const struct filter_flow *f)
{
	return (struct weft_flow_key){
		.in_port = htonl(1),
		.eth_type = htons(0x0800),
		.ip_proto = f->proto,
		.ipv4_src = htonl(f->src),
		.ipv4_dst = htonl(f->dst),
		.l4_src = htons(f->sport),
		.l4_dst = htons(f->dport),
	};
}

// A random flow of a random rule.
static struct filter_flow flow_of_rules(const struct filters *s)
{
	struct weft_flow_key v, m;

	weft_match_to_key(&s->rule[random32() % s->n_rules].match, &v, &m);
	return (struct filter_flow){
		.src = ntohl(v.ipv4_src) | (random32() & ~ntohl(m.ipv4_src)),
		.dst = ntohl(v.ipv4_dst) | (random32() & ~ntohl(m.ipv4_dst)),
		.sport = (uint16_t)(ntohs(v.l4_src) | (random32() & ~ntohs(m.l4_src))),
		.dport = (uint16_t)(ntohs(v.l4_dst) | (random32() & ~ntohs(m.l4_dst))),
		.proto = m.ip_proto ? v.ip_proto : 6,
	};
}

static void make_flows(struct filters *s)
{
	s->n_flows = s->n_filters;
	s->flow = calloc(s->n_flows, sizeof(s->flow[0]));
	if (!s->flow)
		exit(1);
	random_state = 42;
	for (size_t i = 0; i < s->n_flows; i++)
		s->flow[i] = flow_of_rules(s);
}

// ---- files

static void bad_line(const char *path, const char *line)
{
	fprintf(stderr, "%s: what is this? %s\n", path, line);
	exit(1);
}

static bool parse_filter(const char *line, struct filter *f)
{
	unsigned s[4], d[4], proto, mask;

	if (sscanf(line, "@%u.%u.%u.%u/%u %u.%u.%u.%u/%u %u : %u %u : %u %x/%x", &s[0], &s[1],
		    &s[2], &s[3], &f->src_len, &d[0], &d[1], &d[2], &d[3], &f->dst_len,
		    &f->sport.low, &f->sport.high, &f->dport.low, &f->dport.high, &proto,
		    &mask) != 16)
		return false;
	f->src = s[0] << 24 | s[1] << 16 | s[2] << 8 | s[3];
	f->dst = d[0] << 24 | d[1] << 16 | d[2] << 8 | d[3];
	f->proto = (uint8_t)proto;
	f->proto_mask = (uint8_t)mask;
	return f->src_len <= 32 && f->dst_len <= 32 && f->sport.high <= 0xffff &&
	       f->dport.high <= 0xffff;
}

static void set_priorities(struct filters *s, const uint32_t *filter_of)
{
	for (size_t i = 0; i < s->n_rules; i++)
		s->rule[i].priority =
			(uint16_t)(65535 - (uint64_t)filter_of[i] * 65535 / s->n_filters);
}

static void add_numbered(
	struct filters *s, const struct filter *f, uint32_t **filter_of, uint32_t number)
{
	size_t from = s->n_rules;

	add_filter(s, f, 0);
	*filter_of = realloc(*filter_of, s->n_rules * sizeof(**filter_of));
	if (!*filter_of)
		exit(1);
	for (size_t i = from; i < s->n_rules; i++)
		(*filter_of)[i] = number;
}

static void load_trace(struct filters *s, const char *path)
{
	gzFile in = gzopen(path, "r");
	unsigned src, dst, sport, dport, proto;
	char line[256];

	if (!in)
		return;
	while (gzgets(in, line, sizeof(line))) {
		if (sscanf(line, "%u %u %u %u %u", &src, &dst, &sport, &dport, &proto) != 5)
			bad_line(path, line);
		if (!(s->n_flows & (s->n_flows - 1))) {
			s->flow = realloc(
				s->flow, (s->n_flows ? 2 * s->n_flows : 1) * sizeof(s->flow[0]));
			if (!s->flow)
				exit(1);
		}
		s->flow[s->n_flows++] = (struct filter_flow){
			src, dst, (uint16_t)sport, (uint16_t)dport, (uint8_t)proto};
	}
	gzclose(in);
}

bool filters_load(struct filters *s, const char *path)
{
	char name[4096], line[512];
	uint32_t *filter_of = NULL;
	gzFile in;

	*s = (struct filters){0};
	snprintf(name, sizeof(name), "%s.gz", path);
	in = gzopen(name, "r");
	if (!in)
		return false;
	while (gzgets(in, line, sizeof(line))) {
		struct filter f;

		if (!parse_filter(line, &f))
			bad_line(name, line);
		add_numbered(s, &f, &filter_of, (uint32_t)s->n_filters++);
	}
	gzclose(in);
	set_priorities(s, filter_of);
	free(filter_of);
	snprintf(name, sizeof(name), "%s_trace.gz", path);
	load_trace(s, name);
	if (!s->flow)
		make_flows(s);
	return s->n_rules;
}

// ---- made here

// Prefixes lie in a few hundred sites, and specific ones are the most common.
static uint32_t random_prefix(unsigned *len, uint32_t sites)
{
	uint32_t site = (random32() % sites) * 2654435761u;

	*len = random32() % 8 == 0 ? random32() % 17 : 32 - random32() % (1 + random32() % 16);
	return (site ^ (random32() & 0xffff)) & prefix32(*len);
}

static struct range random_range(void)
{
	static const uint16_t known[] = {22, 25, 53, 80, 123, 161, 443, 1521, 3306, 8080};
	uint32_t low = random32() % 4 == 0 ? random32() & 0xffff : known[random32() % 10];

	switch (random32() % 8) {
	case 0:
		return (struct range){1024, 65535};
	case 1:
		return (struct range){low, low + random32() % (65536 - low)};
	default:
		return (struct range){low, low};
	}
}

void filters_make(struct filters *s, size_t filters, uint64_t seed)
{
	static const uint8_t protocols[] = {6, 6, 6, 17, 17, 1};
	uint32_t *filter_of = NULL;

	*s = (struct filters){.n_filters = filters};
	random_state = seed | 1;
	for (size_t i = 0; i < filters; i++) {
		struct filter f = {.sport = {0, 65535}, .dport = {0, 65535}, .proto_mask = 0xff};

		f.src = random_prefix(&f.src_len, 256);
		f.dst = random_prefix(&f.dst_len, 256);
		f.proto = protocols[random32() % 6];
		if (random32() % 4 && f.proto != 1)
			f.dport = random_range();
		add_numbered(s, &f, &filter_of, (uint32_t)i);
	}
	set_priorities(s, filter_of);
	free(filter_of);
	make_flows(s);
}

void filters_free(struct filters *s)
{
	free(s->rule);
	free(s->flow);
}

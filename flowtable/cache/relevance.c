// SPDX-License-Identifier: Apache-2.0
#include "flowtable/cache/relevance.h"

#include "flowtable/cache/commons.h"
#include "flowtable/classifier/shape.h"
#include "flowtable/switch.h"
#include "flowtable/rules/tables.h"

#include <stdlib.h>

// Offsets in the frame.
enum {
	TOS = 15,
	TTL4 = 22,
	PROTO4 = 23,
	ADDR4 = 26,
	L4_4 = 34,
	FLAGS4 = 46,
	FLOW6 = 14,
	PROTO6 = 20,
	TTL6 = 21,
	ADDR6 = 22,
	L4_6 = 54,
	MACS = 12,
	TAG = 4,
	ARP = 20 // what comes before is the same in all
};

static void put(uint8_t *mask, unsigned at, const void *field, unsigned bytes)
{
	memcpy(mask + at, field, bytes);
}

static void mask_ethernet(uint8_t mask[64])
{
	memset(mask, 0xff, 14);
}

static void mask_ipv4(uint8_t mask[64], const struct weft_flow_key *f)
{
	mask_ethernet(mask);
	mask[TOS] = (uint8_t)(f->ip_dscp << 2 | f->ip_ecn);
	mask[TTL4] = f->ip_ttl;
	mask[PROTO4] = 0xff;
	put(mask, ADDR4, &f->ipv4_src, 8); // and ipv4_dst
}

static void mask_ipv6(uint8_t mask[64], const struct weft_flow_key *f)
{
	uint32_t first = (uint32_t)(f->ip_dscp << 2 | f->ip_ecn) << 20 | ntohl(f->ipv6_flabel);
	weft_be32 word = htonl(first);

	mask_ethernet(mask);
	put(mask, FLOW6, &word, 4);
	mask[PROTO6] = 0xff;
	mask[TTL6] = f->ip_ttl;
	put(mask, ADDR6, f->ipv6_src, 32); // and ipv6_dst
}

static void mask_ports(uint8_t mask[64], unsigned at, const struct weft_flow_key *f)
{
	put(mask, at, &f->l4_src, 4); // and l4_dst
}

// Of ICMP: type and code are a byte each in the frame.
static void mask_type(uint8_t mask[64], unsigned at)
{
	mask[at] = mask[at + 1] = 0xff;
}

// The tag whole: the FDB asks for its VLAN.
static void mask_tagged(uint8_t mask[64], const uint8_t untagged[64])
{
	mask_ethernet(mask);
	memset(mask + MACS, 0xff, TAG);
	memcpy(mask + MACS + TAG, untagged + MACS, 64 - MACS - TAG);
}

// The operation and the addresses share the key with ports and IPv4 addresses (flow_key.h).
static void mask_arp(uint8_t mask[64], const struct weft_flow_key *f)
{
	mask_ethernet(mask);
	put(mask, ARP, &f->l4_src, 2);
	put(mask, ARP + 2, &f->arp_sha, 6);
	put(mask, ARP + 8, &f->ipv4_src, 4);
	put(mask, ARP + 12, &f->arp_tha, 6);
	put(mask, ARP + 18, &f->ipv4_dst, 4);
}

static void make_masks(struct ft_masks *m, const struct weft_flow_key *f)
{
	uint8_t mask[FT_FRAME_KINDS][64] = {{0}};

	mask_ipv4(mask[FT_FRAME_TCP4], f);
	mask_ports(mask[FT_FRAME_TCP4], L4_4, f);
	put(mask[FT_FRAME_TCP4], FLAGS4, &f->tcp_flags, 2);
	mask_ipv4(mask[FT_FRAME_UDP4], f);
	mask_ports(mask[FT_FRAME_UDP4], L4_4, f);
	mask_ipv4(mask[FT_FRAME_ICMP4], f);
	mask_type(mask[FT_FRAME_ICMP4], L4_4);
	mask_ipv4(mask[FT_FRAME_BARE4], f);
	mask_ipv6(mask[FT_FRAME_TCP6], f);
	mask_ports(mask[FT_FRAME_TCP6], L4_6, f);
	mask_ipv6(mask[FT_FRAME_UDP6], f);
	mask_ports(mask[FT_FRAME_UDP6], L4_6, f);
	mask_ipv6(mask[FT_FRAME_ICMP6], f);
	mask_type(mask[FT_FRAME_ICMP6], L4_6);
	mask_ipv6(mask[FT_FRAME_BARE6], f);
	for (unsigned kind = 0; kind < FT_FRAME_TAGGED; kind++)
		mask_tagged(mask[FT_FRAME_TAGGED + kind], mask[kind]);
	mask_arp(mask[FT_FRAME_ARP], f);
	memcpy(m->mask, mask, sizeof(m->mask));
	m->all_tcp6 = f->tcp_flags != 0;
	for (unsigned i = 0; i < FT_ALIKE_WORDS; i++)
		m->word[i] = ft_key_word(f, i);
}

// Where there is no memory for better ones: all bits of a frame are relevant, and nothing can be
// counted on. Never changes.
static struct ft_masks everything = {
	.mask = {[0 ... FT_FRAME_KINDS - 1] = {[0 ... 7] = UINT64_MAX}},
	.all_tcp6 = true,
};

static void masks_free(struct ft_garbage *g)
{
	free((char *)g - offsetof(struct ft_masks, garbage));
}

static void publish(struct ft_switch *sw)
{
	struct ft_commons *c = sw->env.commons;
	struct ft_masks *was = sw->cache.masks, draft, *m;

	make_masks(&draft, &sw->cache.relevant);
	m = ft_masks_take(c, &draft);
	if (!m)
		m = &everything;
	sw->cache.masks = m;
	atomic_store_explicit(&sw->front->masks, m, memory_order_release);
	if (was && was != &everything && ft_masks_leave(c, was))
		ft_garbage_add(&sw->garbage, &was->garbage, masks_free);
}

// These say whether anything is new.

static bool add_word(struct weft_flow_key *fields, unsigned word, uint64_t mask)
{
	uint64_t old = ft_key_word(fields, word), new = old | mask;

	memcpy((char *)fields + 8 * word, &new, 8);
	return new != old;
}

static bool add_shape(struct weft_flow_key *fields, const struct ft_shape *s)
{
	bool news = false;

	for (unsigned i = 0; i < s->words; i++)
		news |= add_word(fields, s->word[i], s->mask[i]);
	return news;
}

static void add_shapes(struct weft_flow_key *fields, const struct ft_classifier *c)
{
	for (uint32_t i = 0; c && i < c->shapes.n; i++)
		add_shape(fields, c->shapes.at[i]);
}

// All that the hash of a flow has in it (ft_flow_hash()); what else the print always has.
static bool add_flow(struct weft_flow_key *fields)
{
	struct weft_flow_key flow = {0};
	bool news = false;

	memset(&flow.ipv4_src, 0xff, sizeof(flow.ipv4_src));
	memset(&flow.ipv4_dst, 0xff, sizeof(flow.ipv4_dst));
	memset(flow.ipv6_src, 0xff, sizeof(flow.ipv6_src));
	memset(flow.ipv6_dst, 0xff, sizeof(flow.ipv6_dst));
	memset(&flow.l4_src, 0xff, sizeof(flow.l4_src));
	memset(&flow.l4_dst, 0xff, sizeof(flow.l4_dst));
	for (unsigned word = 0; word < WEFT_KEY_WORDS; word++)
		news |= add_word(fields, word, ft_key_word(&flow, word));
	return news;
}

static bool add_group(struct weft_flow_key *fields, const struct ft_group *g)
{
	bool news = false;
	unsigned i = 0;

	if (g->type != WEFT_GROUP_TYPE_SELECT)
		return false;
	if (!g->hash_map)
		return add_flow(fields);
	for (uint64_t map = g->hash_map; map; map &= map - 1, i++)
		news |= add_word(fields, (unsigned)__builtin_ctzll(map), g->hash_mask[i]);
	return news;
}

// Of all versions.
static void add_groups(struct weft_flow_key *fields, const struct ft_switch *sw)
{
	const struct ft_versioned *v;
	uint32_t pos = 0;

	while ((v = ft_idmap_next(&sw->groups, &pos)))
		for (; v; v = atomic_load_explicit(&v->older, memory_order_relaxed))
			add_group(fields, (const struct ft_group *)(const void *)v);
}

void ft_relevance_init(struct ft_switch *sw)
{
	publish(sw);
}

void ft_relevance_fini(struct ft_switch *sw)
{
	struct ft_masks *m = sw->cache.masks;

	if (m && m != &everything && ft_masks_leave(sw->env.commons, m))
		free(m);
}

void ft_relevance_grow(struct ft_switch *sw, const struct ft_shape *shape)
{
	if (add_shape(&sw->cache.relevant, shape))
		publish(sw);
}

void ft_relevance_group(struct ft_switch *sw, const struct ft_group *g)
{
	if (add_group(&sw->cache.relevant, g))
		publish(sw);
}

void ft_relevance_shrink(struct ft_switch *sw)
{
	struct weft_flow_key *relevant = &sw->cache.relevant;

	memset(relevant, 0, sizeof(*relevant));
	for (unsigned n = 0; n < WEFT_TABLES; n++) {
		const struct ft_table *t = ft_table_of(sw, (uint8_t)n);

		if (!t)
			continue;
		add_shapes(relevant, &t->classifier);
		add_shapes(relevant, atomic_load_explicit(&t->soft, memory_order_relaxed));
	}
	add_groups(relevant, sw);
	publish(sw);
}

// SPDX-License-Identifier: Apache-2.0
// Which link: multipath and bundle of ovs-actions(7). The hash is this switch's own, and keyed, so
// that nobody can aim his flows at one link; the algorithms are those of RFC 2992 and of the
// manual.
#include "flowtable/packet/nx.h"

#include "flowtable/packet/extract.h"
#include "flowtable/hash.h"

// ---- hashes of flows. A pair of addresses or ports goes in as what doesn't know their order.

struct hash {
	uint64_t h, key;
};

static void add(struct hash *h, uint64_t word)
{
	h->h = ft_hash_word(h->h, word, h->key);
}

static uint64_t word_of(const uint8_t *bytes, unsigned n)
{
	uint64_t v = 0;

	memcpy(&v, bytes, n);
	return v;
}

static void add_pair(struct hash *h, const uint8_t *a, const uint8_t *b, unsigned n)
{
	for (unsigned i = 0; i < n; i += 8) {
		unsigned part = n - i < 8 ? n - i : 8;
		uint64_t x = word_of(a + i, part), y = word_of(b + i, part);

		add(h, x ^ y);
		add(h, x + y);
	}
}

static bool is_ip6(const struct weft_flow_key *k)
{
	return k->eth_type == htons(FT_ETH_IPV6);
}

static bool is_ip(const struct weft_flow_key *k)
{
	return k->eth_type == htons(FT_ETH_IPV4) || is_ip6(k);
}

static void add_ip_pair(struct hash *h, const struct weft_flow_key *k)
{
	if (is_ip6(k))
		add_pair(h, k->ipv6_src, k->ipv6_dst, 16);
	else if (is_ip(k))
		add_pair(h, (const uint8_t *)&k->ipv4_src, (const uint8_t *)&k->ipv4_dst, 4);
}

static void add_l4(struct hash *h, const struct weft_flow_key *k, bool udp)
{
	if (!is_ip(k))
		return;
	add(h, k->ip_proto);
	if (k->ip_proto == FT_PROTO_TCP || k->ip_proto == FT_PROTO_SCTP ||
		(udp && k->ip_proto == FT_PROTO_UDP))
		add_pair(h, (const uint8_t *)&k->l4_src, (const uint8_t *)&k->l4_dst, 2);
}

static void add_address(struct hash *h, const struct weft_flow_key *k, bool dst)
{
	if (is_ip6(k)) {
		add(h, word_of(dst ? k->ipv6_dst : k->ipv6_src, 8));
		add(h, word_of((dst ? k->ipv6_dst : k->ipv6_src) + 8, 8));
	} else if (is_ip(k)) {
		add(h, dst ? k->ipv4_dst : k->ipv4_src);
	}
}

static uint64_t hash_flow(
	const struct weft_flow_key *k, unsigned fields, unsigned basis, uint64_t seed)
{
	struct hash h = {seed ^ basis, seed};

	switch ((enum ft_hash_fields)fields) {
	case FT_HASH_ETH_SRC:
		add(&h, word_of(k->eth_src.b, 6));
		break;
	case FT_HASH_SYMMETRIC_L4:
		add_pair(&h, k->eth_src.b, k->eth_dst.b, 6);
		add(&h, (uint64_t)k->eth_type << 16 | (k->vlan_vid & htons(0xfff)));
		add_ip_pair(&h, k);
		add_l4(&h, k, false);
		break;
	case FT_HASH_SYMMETRIC_L3L4:
	case FT_HASH_SYMMETRIC_L3L4_UDP:
		if (!is_ip(k))
			return 0;
		add_ip_pair(&h, k);
		add_l4(&h, k, fields == FT_HASH_SYMMETRIC_L3L4_UDP);
		break;
	case FT_HASH_NW_SRC:
	case FT_HASH_NW_DST:
		add_address(&h, k, fields == FT_HASH_NW_DST);
		break;
	case FT_HASH_SYMMETRIC_L3:
		add_ip_pair(&h, k);
		break;
	case FT_HASH_FIELDS_MAX:
		break;
	}
	return ft_hash_end(h.h);
}

// The i-th hash of the same flow.
static uint32_t hash_nth(uint64_t flow, uint32_t i)
{
	return (uint32_t)(ft_hash_end(ft_hash_word(flow, i, 0xa0761d6478bd642f)) >> 32);
}

// ---- links

#define HRW_LINKS 64u // more would cost too much a packet: another algorithm takes its place
#define ITERATIONS 4096u

// hash / (MAX_HASH / n), without the remainder's extra link.
static uint32_t by_threshold(uint32_t hash, uint32_t n)
{
	return (uint32_t)((uint64_t)hash * n >> 32);
}

static uint32_t by_weight(uint64_t flow, uint32_t n)
{
	uint32_t best = 0, most = hash_nth(flow, 0);

	for (uint32_t i = 1; i < n; i++) {
		uint32_t weight = hash_nth(flow, i);

		if (weight > most) {
			most = weight;
			best = i;
		}
	}
	return best;
}

// `arg` is more than max_link and at most twice the next power of 2: half of all tries succeed.
static uint32_t by_iteration(uint64_t flow, uint32_t n, uint32_t arg)
{
	uint32_t power = 1;

	while (power < n)
		power *= 2;
	if (arg < n || arg > 2 * power)
		arg = power;
	for (uint32_t i = 1; i < ITERATIONS; i++)
		if (hash_nth(flow, i) % arg < n)
			return hash_nth(flow, i) % arg;
	return 0; // one in 4^2000
}

uint16_t ft_multipath_link(
	const struct weft_flow_key *k, const struct weft_action_multipath *m, uint64_t seed)
{
	uint64_t flow = hash_flow(k, m->fields, m->basis, seed);
	uint32_t hash = (uint32_t)(flow >> 32), n = m->max_link + 1u;

	switch ((enum ft_multipath_algorithm)m->algorithm) {
	case FT_MULTIPATH_HRW:
		return (uint16_t)(n <= HRW_LINKS ? by_weight(flow, n) : by_threshold(hash, n));
	case FT_MULTIPATH_HASH_THRESHOLD:
		return (uint16_t)by_threshold(hash, n);
	case FT_MULTIPATH_ITER_HASH:
		return (uint16_t)by_iteration(flow, n, m->arg);
	case FT_MULTIPATH_MODULO_N:
	case FT_MULTIPATH_MAX:
		break;
	}
	return (uint16_t)(hash % n);
}

// ---- bundles

static bool is_live(const struct ft_switch *sw, uint32_t ofport)
{
	const struct ft_port_entry *p = ft_port_find(sw, ofport);

	return p && ft_port_live(p) && !(ft_port_config(p) & WEFT_PORT_DOWN);
}

uint32_t ft_bundle_port(const struct ft_switch *sw, const struct weft_flow_key *k,
	const struct weft_action_bundle *a)
{
	const uint32_t *ports = (const uint32_t *)(const void *)(a + 1);
	uint64_t flow = hash_flow(k, a->fields, a->basis, sw->env.seed);
	uint32_t best = WEFT_OFPORT_ANY, most = 0;

	for (uint32_t i = 0; i < a->n_ports; i++) {
		uint32_t weight = hash_nth(flow, i);

		if (!is_live(sw, ports[i]) || (best != WEFT_OFPORT_ANY && weight <= most))
			continue;
		best = ports[i];
		most = weight;
		if (a->algorithm == FT_BUNDLE_ACTIVE_BACKUP)
			break;
	}
	return best;
}

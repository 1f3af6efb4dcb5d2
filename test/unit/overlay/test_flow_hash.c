// SPDX-License-Identifier: Apache-2.0
// The flow hash: what belongs to a flow changes it, what does not leaves it, and it spreads evenly.

#include "overlay/flow_hash.h"

#include "frames.h"

// clang-format off
#define MACS 2, 0, 0, 0, 0, 1,  2, 0, 0, 0, 0, 2
static const uint8_t udp4_bytes[] = {MACS, 0x08, 0x00,
	0x45, 0, 0, 60,  1, 2, 0x40, 0,  64, 17, 0, 0,  10, 0, 0, 1,  10, 0, 0, 2,
	0x30, 0x39, 0x00, 0x50,  0, 40, 0, 0,  1, 2, 3, 4};
static const uint8_t tcp6_bytes[] = {MACS, 0x86, 0xdd,
	0x60, 0, 0, 0,  0, 24, 6, 64,
	0xfd, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1,
	0xfd, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2,
	0x30, 0x39, 0x00, 0x50,  0, 0, 0, 1,  0, 0, 0, 0};
// clang-format on
#define IP 14u
#define L4 34u
#define IP6 14u
#define L4_6 54u

static uint64_t seed;

// Over exactly the frame's bytes, so that reading beyond them does not go unseen.
static uint32_t hash(const struct frame *f)
{
	uint8_t *copy = malloc(f->len ? f->len : 1);
	uint32_t h;

	assert_non_null(copy);
	memcpy(copy, f->b, f->len);
	h = overlay_flow_hash(copy, f->len, seed);
	assert_int_not_equal(h, 0);
	free(copy);
	return h;
}

static uint32_t hash_with(const struct frame *base, uint32_t at, uint8_t flip)
{
	struct frame f = *base;

	f.b[at] ^= flip;
	return hash(&f);
}

// Of TCP, UDP and what has no ports.
static void the_short_way_says_the_same(void **state)
{
	static const uint8_t protos[] = {6, 17, 1, 132, 47};

	for (unsigned i = 0; i < 1000; i++) {
		struct frame f = FRAME(udp4_bytes);

		for (unsigned at = 0; at < f.len; at++)
			if (at < 12 || at >= IP + 10)
				f.b[at] = (uint8_t)(rand() >> 8);
		f.b[IP + 9] = protos[i % sizeof(protos)];
		assert_int_equal(overlay_flow_hash_plain(f.b, seed), hash(&f));
	}
}

static void ipv4_fields(void **state)
{
	static const uint8_t flow[] = {0, 5, 6, 11, IP + 9, IP + 12, IP + 15, IP + 16, IP + 19, L4,
		L4 + 1, L4 + 2, L4 + 3};
	static const uint8_t other[] = {
		IP + 1, IP + 3, IP + 4, IP + 8, IP + 10, L4 + 4, L4 + 6, L4 + 8};
	struct frame f = FRAME(udp4_bytes);

	for (unsigned i = 0; i < sizeof(flow); i++)
		assert_int_not_equal(hash_with(&f, flow[i], 0x04), hash(&f));
	for (unsigned i = 0; i < sizeof(other); i++)
		assert_int_equal(hash_with(&f, other[i], 0x04), hash(&f));
	assert_int_equal(hash_with(&f, IP + 6, 0x40), hash(&f)); // DF
}

static void ipv6_fields(void **state)
{
	static const uint8_t flow[] = {0, 11, IP6 + 6, IP6 + 8, IP6 + 23, IP6 + 24, IP6 + 39, L4_6,
		L4_6 + 1, L4_6 + 2, L4_6 + 3};
	static const uint8_t other[] = {IP6 + 1, IP6 + 3, IP6 + 5, IP6 + 7, L4_6 + 4, L4_6 + 11};
	struct frame f = FRAME(tcp6_bytes);

	for (unsigned i = 0; i < sizeof(flow); i++)
		assert_int_not_equal(hash_with(&f, flow[i], 0x04), hash(&f));
	for (unsigned i = 0; i < sizeof(other); i++)
		assert_int_equal(hash_with(&f, other[i], 0x04), hash(&f));
}

static void protocols_with_ports(void **state)
{
	for (unsigned proto = 0; proto < 256; proto++) {
		struct frame f = FRAME(udp4_bytes);
		bool ports =
			proto == 6 || proto == 17 || proto == 33 || proto == 132 || proto == 136;
		f.b[IP + 9] = (uint8_t)proto;
		assert_int_equal(hash_with(&f, L4 + 3, 1) != hash(&f), ports);
	}
}

static void vlan_counts_without_priority(void **state)
{
	static const uint8_t tag[] = {0x81, 0x00, 0x00, 0x64}, stag[] = {0x88, 0xa8, 0x00, 0x65};
	struct frame f = FRAME(udp4_bytes);
	uint32_t untagged = hash(&f);

	frame_insert(&f, 12, tag, 4);
	assert_int_not_equal(hash(&f), untagged);
	assert_int_not_equal(hash_with(&f, 15, 1), hash(&f));
	assert_int_equal(hash_with(&f, 14, 0xf0), hash(&f));      // PCP and DEI
	assert_int_not_equal(hash_with(&f, L4 + 4, 1), hash(&f)); // the port, behind the tag
	frame_insert(&f, 12, stag, 4);
	assert_int_not_equal(hash_with(&f, 15, 1), hash(&f));
	assert_int_not_equal(hash_with(&f, 19, 1), hash(&f));
	assert_int_not_equal(hash_with(&f, L4 + 8, 1), hash(&f));
}

static void fragments_ipv4(void **state)
{
	struct frame f = FRAME(udp4_bytes);
	uint32_t first;

	put_be16(f.b + IP + 6, 0x2000);
	first = hash(&f);
	for (unsigned ofs = 1; ofs < 0x2000; ofs += 97) {
		put_be16(f.b + IP + 6, ofs | (rng() & 1 ? 0x2000 : 0));
		rng_fill(f.b + L4, f.len - L4); // any payload
		assert_int_equal(hash(&f), first);
	}
	f.len = L4 + 1; // a last fragment of one byte
	assert_int_equal(hash(&f), first);
}

// Behind hop-by-hop options; the first fragment shows the upper layer, the others do not.
static void fragments_ipv6(void **state)
{
	uint8_t hop[8] = {44, 0, 1, 4}, frag[8] = {60, 0, 0, 1}, opts[8] = {6, 0, 1, 4};
	struct frame f = FRAME(tcp6_bytes);
	uint32_t first;

	frame_insert(&f, L4_6, opts, 8);
	frame_insert(&f, L4_6, frag, 8);
	frame_insert(&f, L4_6, hop, 8);
	f.b[IP6 + 6] = 0;
	first = hash(&f);
	assert_int_equal(hash_with(&f, L4_6 + 24 + 3, 1), first); // its ports do not count
	assert_int_not_equal(hash_with(&f, L4_6 + 8, 4), first);  // but the protocol does
	for (unsigned ofs = 8; ofs < 0x10000; ofs += 808) {
		put_be16(f.b + L4_6 + 8 + 2, ofs | (rng() & 1));
		rng_fill(f.b + L4_6 + 16, f.len - L4_6 - 16);
		assert_int_equal(hash(&f), first);
	}
}

static void atomic_fragment_has_ports(void **state)
{
	static const uint8_t frag[8] = {6};
	struct frame f = FRAME(tcp6_bytes);
	uint32_t plain = hash(&f);

	frame_insert(&f, L4_6, frag, 8);
	f.b[IP6 + 6] = 44;
	assert_int_equal(hash(&f), plain);
	assert_int_not_equal(hash_with(&f, L4_6 + 8 + 3, 1), hash(&f));
}

static void not_ip(void **state)
{
	static const uint8_t arp[] = {INNER_ARP};
	struct frame f = FRAME(arp);

	assert_int_not_equal(hash_with(&f, 0, 2), hash(&f));
	assert_int_not_equal(hash_with(&f, 11, 2), hash(&f));
	assert_int_not_equal(hash_with(&f, 13, 2), hash(&f));
	assert_int_equal(hash_with(&f, 20, 2), hash(&f));
}

static void keyed(void **state)
{
	struct frame f = FRAME(udp4_bytes);
	unsigned same = 0;

	for (unsigned i = 0; i < 10000; i++)
		same += overlay_flow_hash(f.b, f.len, seed + i + 1) == hash(&f);
	assert_true(same <= 2);
}

// 0 is kept for "not computed"; with this seed the mixing itself would give it.
static void never_zero(void **state)
{
	assert_int_equal(overlay_flow_hash(udp4_bytes, 0, 0xb7e151628aed2a6bu), 1);
}

static void any_length(void **state)
{
	struct frame f;

	for (unsigned round = 0; round < 200; round++)
		for (uint32_t len = 0; len < 120; len++) {
			f = rng() & 1 ? FRAME(udp4_bytes) : FRAME(tcp6_bytes);
			f.b[12 + rng() % 50] = (uint8_t)rng();
			f.len = len;
			hash(&f);
		}
}

// Pearson's chi-squared against an even spread. For B buckets it has mean B - 1 and deviation
// sqrt(2(B - 1)); six deviations off would be chance once in far more than a million runs.
static void assert_even(const uint32_t *count, unsigned buckets, double total)
{
	double expected = total / buckets, chi2 = 0, over;

	for (unsigned i = 0; i < buckets; i++)
		chi2 += (count[i] - expected) * (count[i] - expected) / expected;
	over = chi2 - (buckets - 1);
	if (over > 0 && over * over > 6 * 6 * 2.0 * (buckets - 1))
		fail_msg("chi-squared %.0f of %u buckets", chi2, buckets);
}

// Flows that differ as real ones do: by one counting field. Judged as overlay_encap() uses the
// hash: scaled to the 16384 dynamic ports, and by the FlowID's eight bits.
static void spreads_over(const struct frame *base, uint32_t at)
{
	enum {
		FLOWS = 65536
	};
	static uint32_t ports[16384], flow_ids[256], low[256];
	struct frame f = *base;

	memset(ports, 0, sizeof(ports));
	memset(flow_ids, 0, sizeof(flow_ids));
	memset(low, 0, sizeof(low));
	for (unsigned i = 0; i < FLOWS; i++) {
		uint32_t h;
		put_be16(f.b + at, i);
		h = overlay_flow_hash(f.b, f.len, seed);
		ports[(uint64_t)h * 16384 >> 32]++;
		flow_ids[h >> 24]++;
		low[h & 0xff]++;
	}
	assert_even(ports, 16384, FLOWS);
	assert_even(flow_ids, 256, FLOWS);
	assert_even(low, 256, FLOWS);
}

static void distribution(void **state)
{
	struct frame f4 = FRAME(udp4_bytes), f6 = FRAME(tcp6_bytes);

	spreads_over(&f4, L4);      // source port
	spreads_over(&f4, L4 + 2);  // destination port
	spreads_over(&f4, IP + 14); // source address
	spreads_over(&f4, IP + 18); // destination address
	spreads_over(&f4, 4);       // MAC
	spreads_over(&f6, L4_6);
	spreads_over(&f6, IP6 + 22);
	spreads_over(&f6, IP6 + 38);
}

// Each bit of the ports and addresses turns each bit of the hash about every second time.
static void avalanche(void **state)
{
	enum {
		ROUNDS = 4096
	};

	for (uint32_t bit = (IP + 12) * 8; bit < (L4 + 4) * 8; bit++) {
		unsigned turned[32] = {0};
		for (unsigned r = 0; r < ROUNDS; r++) {
			struct frame f = FRAME(udp4_bytes);
			uint32_t d;
			rng_fill(f.b + IP + 12, 12);
			d = overlay_flow_hash(f.b, f.len, seed);
			f.b[bit / 8] ^= 0x80 >> bit % 8;
			d ^= overlay_flow_hash(f.b, f.len, seed);
			for (unsigned i = 0; i < 32; i++)
				turned[i] += d >> i & 1;
		}
		for (unsigned i = 0; i < 32; i++) // 2048 by chance, deviation 32
			assert_in_range(turned[i], 2048 - 7 * 32, 2048 + 7 * 32);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ipv4_fields),
		cmocka_unit_test(the_short_way_says_the_same),
		cmocka_unit_test(ipv6_fields),
		cmocka_unit_test(protocols_with_ports),
		cmocka_unit_test(vlan_counts_without_priority),
		cmocka_unit_test(fragments_ipv4),
		cmocka_unit_test(fragments_ipv6),
		cmocka_unit_test(atomic_fragment_has_ports),
		cmocka_unit_test(not_ip),
		cmocka_unit_test(keyed),
		cmocka_unit_test(never_zero),
		cmocka_unit_test(any_length),
		cmocka_unit_test(distribution),
		cmocka_unit_test(avalanche),
	};

	rng_seed_from_env();
	seed = (uint64_t)rng() << 32 | rng();
	return cmocka_run_group_tests(tests, NULL, NULL);
}

// SPDX-License-Identifier: Apache-2.0
#pragma once
// A match in its compact form: only the words of the flow key that have a mask.
//
// An IPv4 five-tuple needs three of the key's words. A match is built once from its fields and then
// compared, hashed and sent over IPC as it is. Invariant, checked by weft_match_ok() on all that
// comes from outside: n = popcount(map), no mask word is zero, no value bit lies outside its mask.
// So two matches mean the same exactly if their used bytes are the same.

#include <weft/fields.h>

struct weft_match {
	uint64_t map;                    // bit i: word i of the key is matched
	uint64_t value[WEFT_KEY_WORDS];  // the first popcount(map) are used, in the order of the bits
	uint64_t mask[WEFT_KEY_WORDS];
};

static inline unsigned weft_match_words(const struct weft_match *m)
{
	return (unsigned)__builtin_popcountll(m->map);
}

// From a full key and mask; value bits outside the mask are ignored.
static inline void weft_match_from_key(struct weft_match *m, const struct weft_flow_key *value,
	const struct weft_flow_key *mask)
{
	unsigned n = 0;

	m->map = 0;
	for (unsigned i = 0; i < WEFT_KEY_WORDS; i++) {
		uint64_t v, k;
		memcpy(&v, (const char *)value + 8 * i, 8);
		memcpy(&k, (const char *)mask + 8 * i, 8);
		if (!k)
			continue;
		m->map |= 1ull << i;
		m->value[n] = v & k;
		m->mask[n++] = k;
	}
}

// The reverse: both outputs are written whole, unmatched words as zero.
static inline void weft_match_to_key(const struct weft_match *m, struct weft_flow_key *value,
	struct weft_flow_key *mask)
{
	unsigned n = 0;

	memset(value, 0, sizeof(*value));
	memset(mask, 0, sizeof(*mask));
	for (uint64_t map = m->map; map; map &= map - 1, n++) {
		unsigned i = (unsigned)__builtin_ctzll(map);
		memcpy((char *)value + 8 * i, &m->value[n], 8);
		memcpy((char *)mask + 8 * i, &m->mask[n], 8);
	}
}

static inline bool weft_match_ok(const struct weft_match *m)
{
	if (WEFT_KEY_WORDS < 64 && m->map >> (WEFT_KEY_WORDS & 63))
		return false;
	for (unsigned i = 0, n = weft_match_words(m); i < n; i++)
		if (!m->mask[i] || (m->value[i] & ~m->mask[i]))
			return false;
	return true;
}

static inline bool weft_match_equal(const struct weft_match *a, const struct weft_match *b)
{
	size_t bytes = 8 * weft_match_words(a);

	return a->map == b->map && memcmp(a->value, b->value, bytes) == 0 &&
		memcmp(a->mask, b->mask, bytes) == 0;
}

// The bytes of one field in a key, big-endian, weft_field_infos[f].bytes of them.
static inline uint8_t *weft_key_field(struct weft_flow_key *key, enum weft_field f)
{
	return (uint8_t *)key + weft_field_infos[f].offset;
}

static inline const uint8_t *weft_key_field_const(const struct weft_flow_key *key, enum weft_field f)
{
	return (const uint8_t *)key + weft_field_infos[f].offset;
}

// SPDX-License-Identifier: Apache-2.0
#pragma once
// The keyed hash of this folder: 64 bits over 64-bit words, by folded multiplication. With the key
// unknown, nobody can choose flows or rules that collide; it is not a cryptographic hash.

#include <weft/types.h>

static inline uint64_t ft_hash_fold(uint64_t a, uint64_t b)
{
	unsigned __int128 m = (unsigned __int128)a * b;

	return (uint64_t)m ^ (uint64_t)(m >> 64);
}

static inline uint64_t ft_hash_word(uint64_t h, uint64_t word, uint64_t key)
{
	return ft_hash_fold(h ^ word, key | 1) + key;
}

static inline uint64_t ft_hash_end(uint64_t h)
{
	return ft_hash_fold(h, 0x9e3779b97f4a7c15u);
}

// `len` bytes, a multiple of 8.
static inline uint64_t ft_hash_bytes(const void *data, size_t len, uint64_t key)
{
	uint64_t h = key ^ len, word;

	for (const char *p = data; len; p += 8, len -= 8) {
		memcpy(&word, p, 8);
		h = ft_hash_word(h, word, key);
	}
	return ft_hash_end(h);
}

// SPDX-License-Identifier: Apache-2.0
#pragma once
// Where in an array is what one looks for?
//
// A host has thousands of tenants and tens of thousands of VTEPs, and whatever goes over all of
// them must not go over all of them again for each. A finder lies beside a VEC and knows its
// positions by a hash of their elements; whoever has several names (a port its id, its number and
// its name) lies in several finders. What is added goes to the end of both, what is removed has its
// place taken by the last, in both. Of several elements with one hash those that came first are
// found first; the caller compares, for different things may have one hash.
//
// The keys are an operator's, or as few as a limit allows: the hash is not keyed.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FINDER_NONE UINT32_MAX

struct finder {
	struct finder_link *link; // of each position
	uint32_t *last;           // of each bucket, a position or FINDER_NONE
	uint32_t count, room;     // room: of both arrays; 0 or a power of two
};

// The element that is the vector's last now.
void finder_add(struct finder *f, uint32_t hash);
// The element at `at` goes, and the vector's last moves there.
void finder_remove(struct finder *f, uint32_t at);
void finder_free(struct finder *f); // the contents

// Positions with this hash; FINDER_NONE: no more.
uint32_t finder_first(const struct finder *f, uint32_t hash);
uint32_t finder_next(const struct finder *f, uint32_t at);

#define FINDER_EACH(at, f, hash)                                                                   \
	for (uint32_t at = finder_first(f, hash); at != FINDER_NONE; at = finder_next(f, at))

// Hashes of keys. `more` is what goes with them: a tenant, or the hash of another part.
uint32_t finder_hash(const void *key, size_t len, uint32_t more);
uint32_t finder_hash_text(const char *key, uint32_t more);
uint32_t finder_hash_number(uint32_t key, uint32_t more);

// How many links were looked at by this program so far, for tests of what grows with what.
uint64_t finder_steps(void);

// SPDX-License-Identifier: Apache-2.0
#pragma once
// The counters of rules, by the rule's id, one block per worker, so that no worker writes a line
// that another writes.
//
// They lie in pages, which stay where they are. A switch of a few rules has room for a few: the
// first page has 16, the next as many, and each page then as many as there are, up to
// FT_COUNTER_FEW. From there on a page has an eighth of as many, so that hardly any room is for
// nobody; where these are is known to an array of its own, which a small switch has not.

#include <assert.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

// Written by one worker only; the writer reads it at any time and zeroes it before the id is used.
struct ft_counter {
	_Atomic uint64_t packets;
	_Atomic uint64_t bytes;
	_Atomic uint64_t used_ns; // 0: never
};

// No read-modify-write instruction: there is one writer.
static inline void ft_counter_bump(_Atomic uint64_t *c, uint64_t n)
{
	atomic_store_explicit(
		c, atomic_load_explicit(c, memory_order_relaxed) + n, memory_order_relaxed);
}

#define FT_COUNTER_IDS 16u   // of the first page
#define FT_COUNTER_FEW 1024u // of FT_COUNTER_PAGES
#define FT_COUNTER_PAGES 7u
#define FT_COUNTER_MORE_PAGES 176u
// Behind a worker's block: a line's worth, wherever malloc put the page.
#define FT_COUNTER_GAP 3u
static_assert(FT_COUNTER_GAP * sizeof(struct ft_counter) >= 64, "no line is shared by workers");
static_assert(FT_COUNTER_IDS == 1u << 4 && FT_COUNTER_FEW == 1u << 10 && FT_COUNTER_PAGES == 10 - 3,
	"doubled six times");
static_assert(FT_COUNTER_MORE_PAGES == 8 * (32 - 10), "eight for each doubling");

typedef _Atomic(struct ft_counter *) ft_counter_page; // NULL: no such id was ever given out

struct ft_counters {
	ft_counter_page page[FT_COUNTER_PAGES];
	_Atomic(ft_counter_page *) more; // FT_COUNTER_MORE_PAGES of them; NULL: none is needed
};

// Where an id's counter is.
struct ft_counter_place {
	uint32_t page; // of those that ids of this size are in
	uint32_t ids;  // that the page has,
	uint32_t at;   // and which of them
};

static inline struct ft_counter_place ft_counter_place(uint32_t id)
{
	unsigned doubled, ids;

	if (id < FT_COUNTER_FEW) {
		doubled = 28u - (unsigned)__builtin_clz(id | (FT_COUNTER_IDS - 1));
		ids = doubled ? FT_COUNTER_IDS / 2 << doubled : FT_COUNTER_IDS;
		return (struct ft_counter_place){doubled, ids, id & (ids - 1)};
	}
	doubled = 31u - (unsigned)__builtin_clz(id);
	ids = 1u << (doubled - 3);
	return (struct ft_counter_place){
		8 * (doubled - 10) + (id >> (doubled - 3) & 7), ids, id & (ids - 1)};
}

// The id is one that was given out.
static inline struct ft_counter *ft_counter_at(
	const struct ft_counters *c, uint32_t id, unsigned worker)
{
	struct ft_counter_place p = ft_counter_place(id);
	const ft_counter_page *page =
		id < FT_COUNTER_FEW ? c->page
				    : atomic_load_explicit(&c->more, memory_order_acquire);

	return atomic_load_explicit(&page[p.page], memory_order_acquire) +
	       (size_t)worker * (p.ids + FT_COUNTER_GAP) + p.at;
}

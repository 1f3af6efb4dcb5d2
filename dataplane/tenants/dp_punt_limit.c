// SPDX-License-Identifier: Apache-2.0
#include "tenants/dp_punt_limit.h"

#include <string.h>

#include <weft/flow.h>

enum weft_punt_reason dp_punt_reason(unsigned reason)
{
	switch (reason) {
	case WEFT_PACKET_IN_MISS:
	case WEFT_PACKET_IN_IMPLICIT_MISS:
		return WEFT_PUNT_MISS;
	case WEFT_PACKET_IN_TTL:
		return WEFT_PUNT_TTL;
	default:
		return WEFT_PUNT_ACTION;
	}
}

static void turn(struct dp_punt_shares *s, bool adjoins)
{
	s->before = adjoins ? s->now : 0;
	s->now = 0;
	memset(s->used, 0, sizeof(s->used));
}

static void turn_window(struct dp_punt_limit *l, uint64_t now_ns)
{
	uint64_t gone = now_ns - l->window_ns;

	if (gone < DP_PUNT_WINDOW_NS)
		return;
	l->window_ns = now_ns;
	for (unsigned i = 0; i < WEFT_PUNT_REASONS; i++)
		turn(&l->reason[i], gone < 2 * DP_PUNT_WINDOW_NS);
}

static unsigned reasons_asked(const struct dp_punt_limit *l)
{
	unsigned n = 0;

	for (unsigned i = 0; i < WEFT_PUNT_REASONS; i++)
		n += (l->reason[i].now | l->reason[i].before) != 0;
	return n;
}

// Whether the port has some of its share for this reason left in this window.
static bool has_share(
	struct dp_punt_limit *l, const struct dp_punt_shares *s, unsigned slot, uint32_t rate)
{
	uint64_t all = (uint64_t)rate * DP_PUNT_WINDOW_NS / 1000000000u;
	unsigned ports = (unsigned)__builtin_popcount(s->now | s->before);

	return (uint64_t)s->used[slot] * ports * reasons_asked(l) < (all ? all : 1);
}

static bool may(struct dp_punt_limit *l, const struct dp_punt_shares *s, unsigned slot,
	uint32_t rate, uint32_t burst)
{
	uint64_t reserve = burst / 2 * DP_BUCKET_ONE;

	if (!rate || l->all.tokens < DP_BUCKET_ONE)
		return false;
	return l->all.tokens > reserve || has_share(l, s, slot, rate);
}

bool dp_punt_limit_take(struct dp_punt_limit *l, uint32_t rate, uint32_t burst, uint32_t port,
	enum weft_punt_reason reason, uint64_t now_ns)
{
	struct dp_punt_shares *s = &l->reason[reason];
	unsigned slot = port % DP_PUNT_SLOTS;

	turn_window(l, now_ns);
	s->now |= 1u << slot;
	dp_bucket_fill(&l->all, rate, burst, now_ns);
	if (!may(l, s, slot, rate, burst)) {
		__atomic_store_n(&l->shed[reason], l->shed[reason] + 1, __ATOMIC_RELAXED);
		return false;
	}
	l->all.tokens -= DP_BUCKET_ONE;
	s->used[slot]++;
	return true;
}

void dp_punt_limit_shed(
	const struct dp_punt_limit *l, unsigned threads, uint64_t shed[WEFT_PUNT_REASONS])
{
	for (unsigned i = 0; i < threads; i++)
		for (unsigned r = 0; r < WEFT_PUNT_REASONS; r++)
			shed[r] += __atomic_load_n(&l[i].shed[r], __ATOMIC_RELAXED);
}

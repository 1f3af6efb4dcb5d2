// SPDX-License-Identifier: Apache-2.0
#include "tenants/dp_ledger.h"

static uint64_t dp_read(const uint64_t *counter)
{
	return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

void dp_ledger_sum(const struct dp_counters *sets, unsigned threads, struct weft_ipc_ledger *out)
{
	int64_t in_flight = 0;

	memset(out, 0, sizeof(*out));
	for (unsigned t = 0; t < threads; t++) {
		const struct dp_counters *c = &sets[t];

		out->received += dp_read(&c->received);
		out->copies += dp_read(&c->copies);
		out->sent += dp_read(&c->sent);
		out->cache_hits += dp_read(&c->cache_hits);
		out->cache_misses += dp_read(&c->cache_misses);
		out->cache_inserts += dp_read(&c->cache_inserts);
		out->learns += dp_read(&c->learns);
		out->learns_lost += dp_read(&c->learns_lost);
		out->learns_failed += dp_read(&c->learns_failed);
		in_flight += (int64_t)(dp_read(&c->queued) - dp_read(&c->unqueued));
		for (unsigned i = 0; i < WEFT_CONSUMED_MAX; i++)
			out->consumed[i] += dp_read(&c->consumed[i]);
		for (unsigned i = 0; i < WEFT_DROP_MAX; i++)
			out->drops[i] += dp_read(&c->drops[i]);
	}
	// The sets are not read at one instant: what was taken out may be seen before it was put
	// in.
	out->in_flight = in_flight > 0 ? (uint64_t)in_flight : 0;
}

void dp_ledger_fold(const struct dp_counters *from, unsigned threads, struct dp_counters *into)
{
	const size_t n = offsetof(struct dp_counters, drops) / 8 + WEFT_DROP_MAX;

	static_assert(offsetof(struct dp_counters, received) == 0, "an array of counters");
	for (unsigned t = 0; t < threads; t++) {
		const uint64_t *src = (const uint64_t *)&from[t];
		uint64_t *dst = (uint64_t *)into;

		for (size_t i = 0; i < n; i++)
			dp_count(&dst[i], src[i]);
	}
}

int64_t dp_ledger_balance(const struct weft_ipc_ledger *l)
{
	uint64_t in = l->received + l->copies;
	uint64_t out = l->sent + l->in_flight;

	for (unsigned i = 0; i < WEFT_CONSUMED_MAX; i++)
		out += l->consumed[i];
	for (unsigned i = 0; i < WEFT_DROP_MAX; i++)
		out += l->drops[i];
	return (int64_t)(in - out);
}

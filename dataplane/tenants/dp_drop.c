// SPDX-License-Identifier: Apache-2.0
#include "tenants/dp_drop.h"

#include "tenants/dp_tenant.h"

#include "flowtable/hash.h"

#include <rte_mbuf.h>

static unsigned dp_drop_slot(const struct weft_ipc_drop_rule *r, uint32_t tenant)
{
	uint64_t h = r->cookie * 0x9e3779b97f4a7c15ull;

	h ^= (uint64_t)tenant << 40 ^ (uint64_t)r->reason << 32 ^ (uint64_t)r->in_port << 8 ^
	     (uint64_t)r->table ^ (uint64_t)r->priority << 16;
	return (unsigned)(ft_hash_end(h) % DP_DROP_NOTES);
}

static bool dp_drop_same(const struct weft_ipc_drop_rule *a, const struct weft_ipc_drop_rule *b)
{
	return a->cookie == b->cookie && a->reason == b->reason && a->priority == b->priority &&
	       a->table == b->table && a->has_rule == b->has_rule && a->in_port == b->in_port;
}

// `from` NULL: that is not what matters.
static void dp_drop_note(struct dp_drops *d, uint32_t tenant, enum weft_drop reason,
	const struct dp_cause *cause, const struct dp_origin *from, uint64_t packets,
	uint64_t last_ns)
{
	struct weft_ipc_drop_rule r = {.reason = reason, .in_port = cause->in_port};
	struct dp_drop_note *n;

	if (cause->rule) {
		struct ft_rule_id id = ft_rule_id(cause->rule);

		r.cookie = id.cookie;
		r.priority = id.priority;
		r.table = id.table;
		r.has_rule = 1;
	}
	n = &d->note[dp_drop_slot(&r, tenant)];
	__atomic_store_n(&n->seq, n->seq + 1, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_RELEASE);
	if (n->tenant != tenant || !dp_drop_same(&n->rule, &r)) {
		n->tenant = tenant;
		n->rule = r;
	}
	if (from) {
		n->rule.vtep = from->vtep;
		n->rule.network = from->network;
		n->rule.encap = from->encap;
	}
	n->rule.packets += packets;
	if (n->rule.last_ns < last_ns)
		n->rule.last_ns = last_ns;
	__atomic_store_n(&n->seq, n->seq + 1, __ATOMIC_RELEASE);
}

void dp_drop_from(struct dp_drops *d, struct dp_tenant *t, struct rte_mbuf *m,
	enum weft_drop reason, const struct dp_cause *cause, const struct dp_origin *from)
{
	dp_count(&t->counters[d->thread].drops[reason], 1);
	if (cause)
		dp_drop_note(d, t->id, reason, cause, from, 1, d->now_ns);
	rte_pktmbuf_free(m);
}

void dp_drop(struct dp_drops *d, struct dp_tenant *t, struct rte_mbuf *m, enum weft_drop reason,
	const struct dp_cause *cause)
{
	dp_drop_from(d, t, m, reason, cause, NULL);
}

void dp_drop_count(struct dp_drops *d, struct dp_tenant *t, enum weft_drop reason,
	const struct dp_cause *cause, uint64_t packets, uint64_t last_ns)
{
	dp_count(&t->counters[d->thread].drops[reason], packets);
	dp_drop_note(d, t->id, reason, cause, NULL, packets, last_ns);
}

static bool dp_drop_read(const struct dp_drop_note *n, struct dp_drop_note *out)
{
	for (unsigned tries = 0; tries < 64; tries++) {
		uint32_t seq = __atomic_load_n(&n->seq, __ATOMIC_ACQUIRE);

		if (seq & 1)
			continue;
		*out = *n;
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		if (__atomic_load_n(&n->seq, __ATOMIC_RELAXED) == seq)
			return out->rule.packets != 0;
	}
	return false; // rewritten faster than it can be read: another time
}

unsigned dp_drop_notes(const struct dp_drops *d, uint32_t id, uint64_t now_ns,
	struct weft_ipc_drop_rule *out, unsigned max)
{
	unsigned n = 0;

	for (unsigned i = 0; i < DP_DROP_NOTES && n < max; i++) {
		struct dp_drop_note note;

		if (!dp_drop_read(&d->note[i], &note) || note.tenant != id)
			continue;
		out[n] = note.rule;
		out[n].last_ns = now_ns > note.rule.last_ns ? now_ns - note.rule.last_ns : 0;
		n++;
	}
	return n;
}

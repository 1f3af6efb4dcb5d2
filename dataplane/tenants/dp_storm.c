// SPDX-License-Identifier: Apache-2.0
#include "tenants/dp_storm.h"

#include "dp_worker.h"

#include <stdlib.h>

static uint16_t dp_storm_vlan(const struct rte_mbuf *m)
{
	const uint8_t *p = rte_pktmbuf_mtod(m, const uint8_t *);
	uint16_t type = (uint16_t)(p[12] << 8 | p[13]);

	if (m->data_len < 16 || (type != 0x8100 && type != 0x88a8))
		return 0;
	return (uint16_t)((p[14] << 8 | p[15]) & 0xfff);
}

// What of a storm the frame would be; WEFT_STORM_MAX: of none.
static enum weft_storm dp_storm_kind(
	const struct dp_storm *s, const struct dp_tenant *t, const struct rte_mbuf *m)
{
	static const struct weft_mac broadcast = {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};
	const struct weft_mac *dst = rte_pktmbuf_mtod(m, const struct weft_mac *);

	if (weft_mac_equal(dst, &broadcast))
		return WEFT_STORM_BROADCAST;
	if (weft_mac_is_multicast(dst))
		return WEFT_STORM_MULTICAST;
	if (!__atomic_load_n(&s->rate[WEFT_STORM_UNKNOWN], __ATOMIC_RELAXED) ||
		ft_fdb_knows(t->sw, dst, dp_storm_vlan(m)))
		return WEFT_STORM_MAX;
	return WEFT_STORM_UNKNOWN;
}

static void dp_storm_drop(
	struct dp_worker *w, struct dp_port *port, struct rte_mbuf *m, enum weft_storm kind)
{
	static const enum weft_drop reasons[WEFT_STORM_MAX] = {
		[WEFT_STORM_BROADCAST] = WEFT_DROP_STORM_BROADCAST,
		[WEFT_STORM_MULTICAST] = WEFT_DROP_STORM_MULTICAST,
		[WEFT_STORM_UNKNOWN] = WEFT_DROP_STORM_UNKNOWN,
	};
	struct dp_cause cause = {.in_port = port->ofport};

	dp_count(&dp_counters(w, port->tenant)->received, 1);
	dp_count(&w->rx_drops[port->index], 1);
	dp_worker_drop(w, port->tenant, m, reasons[kind], &cause);
}

unsigned dp_storm_admit(struct dp_worker *w, struct dp_port *port, struct rte_mbuf *m[], unsigned n)
{
	struct dp_storm *s = __atomic_load_n(&port->storm, __ATOMIC_ACQUIRE);
	unsigned kept = 0;

	for (unsigned i = 0; i < n; i++) {
		enum weft_storm kind = dp_storm_kind(s, port->tenant, m[i]);
		uint32_t rate = kind == WEFT_STORM_MAX
					? 0
					: __atomic_load_n(&s->rate[kind], __ATOMIC_RELAXED);

		if (!rate || dp_bucket_take(&s->worker[w->id].kind[kind], rate, rate, w->now_ns))
			m[kept++] = m[i];
		else
			dp_storm_drop(w, port, m[i], kind);
	}
	return kept;
}

static struct dp_storm *dp_storm_new(const struct dp *dp)
{
	size_t bytes = sizeof(struct dp_storm) + dp->opt.workers * sizeof(struct dp_storm_buckets);
	struct dp_storm *s = aligned_alloc(64, bytes);

	if (s)
		memset(s, 0, bytes);
	return s;
}

enum weft_error dp_storm_set(
	struct dp *dp, struct dp_port *p, const struct weft_port_limits *limits)
{
	uint32_t queues = p->n_rxq < dp->opt.workers ? p->n_rxq : dp->opt.workers;
	struct dp_storm *s = p->storm;
	bool any = false;

	for (unsigned i = 0; i < WEFT_STORM_MAX; i++)
		any |= limits->storm[i] != 0;
	if (!s && !any)
		return WEFT_E_NONE;
	if (!s)
		s = dp_storm_new(dp);
	if (!s)
		return WEFT_E_NO_MEMORY;
	for (unsigned i = 0; i < WEFT_STORM_MAX; i++) {
		uint32_t share = queues > 1 ? limits->storm[i] / queues : limits->storm[i];

		if (limits->storm[i] && !share)
			share = 1;
		__atomic_store_n(&s->rate[i], share, __ATOMIC_RELAXED);
	}
	__atomic_store_n(&s->any, any, __ATOMIC_RELAXED);
	__atomic_store_n(&p->storm, s, __ATOMIC_RELEASE);
	return WEFT_E_NONE;
}

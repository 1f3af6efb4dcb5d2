// SPDX-License-Identifier: Apache-2.0
#include "edge/dp_pmtu.h"

#include "dp_log.h"
#include "dp_worker.h"

#include "overlay/pmtu.h"

#include <rte_ring_elem.h>

#define DP_PMTU_TELL_NS 10000000u

// When who has it was told of last. Some share one: others from second to second, for of one of
// them somebody may speak all the time.
static uint64_t *dp_pmtu_told(struct dp_worker *w, const struct weft_ip *remote)
{
	uint32_t second = (uint32_t)(w->now_ns >> 30);

	return &w->pmtu_told_ns[((dp_ip_hash(remote) ^ second * 0x9e3779b1u) * 0x85ebca77u) >> 26];
}

void dp_pmtu_listen(struct dp_worker *w, const struct rte_mbuf *m)
{
	const struct overlay_vtep *vtep = __atomic_load_n(&w->dp->vtep, __ATOMIC_ACQUIRE);
	struct dp_event e = {.type = WEFT_IPC_NEXTHOP_SET};
	struct overlay_pmtu heard;
	uint64_t *told;

	if (!overlay_pmtu_heard(vtep, rte_pktmbuf_mtod(m, const uint8_t *), m->data_len, &heard))
		return;
	told = dp_pmtu_told(w, &heard.remote);
	if (*told && w->now_ns - *told < DP_PMTU_TELL_NS)
		return;
	*told = w->now_ns;
	e.ip = heard.remote;
	e.ofport = heard.mtu;
	rte_ring_sp_enqueue_elem(w->events, &e, sizeof(e));
}

uint32_t dp_pmtu_of(const struct dp_nexthop *h)
{
	if (h->learned_mtu && (!h->cfg.mtu || h->learned_mtu < h->cfg.mtu))
		return h->learned_mtu;
	return h->cfg.mtu;
}

// True: it is news.
static bool dp_pmtu_learn_of(struct dp *dp, struct dp_nexthop *h, uint32_t mtu)
{
	const struct dp_port *uplink = dp_port_find(dp, h->cfg.port);
	uint32_t now = dp_pmtu_of(h);

	if (!uplink || mtu >= (now ? RTE_MIN(now, dp_port_mtu(uplink)) : dp_port_mtu(uplink)))
		return false; // nothing that was sent was so long
	DP_LOG(INFO, "path MTU to a VTEP by port %u: %u, was %u", h->cfg.port, mtu, now);
	h->learned_mtu = (uint16_t)mtu;
	h->learned_ns = dp_now_ns();
	return true;
}

void dp_pmtu_learn(struct dp *dp, const struct weft_ip *vtep, uint32_t mtu)
{
	bool news = false;

	// The router does not say by which of several paths it was reached.
	for (struct dp_nexthop *h = dp_nexthop_chain(dp, vtep); h; h = h->same)
		if (weft_ip_equal(&h->cfg.vtep, vtep))
			news |= dp_pmtu_learn_of(dp, h, mtu);
	if (!news)
		return;
	dp_tenants_stale(dp, vtep);
	dp_tenants_refresh_some(dp, dp_now_ns() + DP_STEP_NS);
}

void dp_pmtu_age(struct dp *dp)
{
	uint64_t age =
		(dp->host.path_mtu_age_s ? dp->host.path_mtu_age_s : DP_PMTU_AGE_S) * 1000000000ull;
	uint64_t now = dp_now_ns();
	bool any = false;

	for (struct dp_nexthop *h = dp->nexthops; h; h = h->next) {
		if (!h->learned_mtu || now - h->learned_ns < age)
			continue;
		h->learned_mtu = 0;
		dp_tenants_stale(dp, &h->cfg.vtep);
		any = true;
	}
	if (any)
		dp_tenants_refresh_some(dp, dp_now_ns() + DP_STEP_NS);
}

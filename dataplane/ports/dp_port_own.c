// SPDX-License-Identifier: Apache-2.0
#include "ports/dp_port_own.h"

#include "dp.h"
#include "ports/dp_af_packet.h"
#include "ports/dp_kdev.h"
#include "ports/dp_null.h"
#include "ports/dp_port_dev.h"
#include "ports/dp_port_kind.h"
#include "ports/dp_vhost.h"

#include <rte_jhash.h>

#include <errno.h>
#include <stdio.h>

#define DP_OWN_SHARE 4u        // of the packet buffers one may wait behind machines' sockets
#define DP_VIRTUAL_MBPS 10000u // as veth says; of a TAP the kernel would say 10

static void dp_own_open_kdev(
	const struct dp *dp, const struct dp_port_spec *spec, struct dp_port *p)
{
	p->kdev = dp_kdev_open(&(struct dp_kdev_conf){
		.kind = spec->own == DP_OWN_TAP ? DP_KDEV_TAP : DP_KDEV_PACKET,
		.ifname = p->cfg.device,
		.queues = spec->queues,
		.pool = dp->pool,
		.max_frame = dp->opt.max_frame,
		.tunnels = p->role == DP_UPLINK || p->role == DP_MEMBER,
		.slot_len = spec->slot_len,
		.promiscuous = dp_port_dev_wants_all(p),
		.keep_big = p->role == DP_LOCAL || p->role == DP_UPLINK ? &dp->keep_big : NULL,
	});
}

static void dp_own_open_vhost(
	const struct dp *dp, const struct dp_port_spec *spec, struct dp_port *p)
{
	p->n_txq = 1; // until the machine says more
	p->vhost = dp_vhost_open(&(struct dp_vhost_conf){
		.path = p->cfg.device,
		.queues = spec->queues,
		.pool = dp->pool,
		.max_frame = dp->opt.max_frame,
		.workers = dp->opt.workers,
		.waiting = dp->opt.mbufs / DP_OWN_SHARE,
		.used = &p->n_txq,
		.keep_big = p->role == DP_LOCAL ? &dp->keep_big : NULL,
	});
}

enum weft_error dp_own_open(
	struct dp *dp, const struct dp_port_spec *spec, struct dp_port *p, char why[static 100])
{
	if (spec->own == DP_OWN_NONE)
		return WEFT_E_NONE;
	p->n_rxq = p->n_txq = spec->queues;
	if (spec->own == DP_OWN_NULL)
		p->null = dp_null_open(spec->queues, spec->null_size, dp->pool);
	else if (spec->own == DP_OWN_VHOST)
		dp_own_open_vhost(dp, spec, p);
	else
		dp_own_open_kdev(dp, spec, p);
	if (dp_own_is(p))
		return WEFT_E_NONE;
	snprintf(why, 100, "%.37s: %.60s", p->cfg.device, strerror(errno));
	return WEFT_E_DEVICE;
}

void dp_own_close(struct dp_port *p)
{
	dp_kdev_close(p->kdev);
	dp_vhost_close(p->vhost);
	dp_null_close(p->null);
	p->kdev = NULL;
	p->vhost = NULL;
	p->null = NULL;
}

bool dp_own_follow(struct dp *dp, struct dp_port *p)
{
	struct dp_kdev *old = p->kdev, *now;

	if (!old || !dp_kdev_is_lost(old))
		return false;
	now = dp_kdev_again(old);
	if (!now)
		return false; // it has no link, and is tried again
	__atomic_store_n(&p->kdev, now, __ATOMIC_RELEASE);
	__atomic_store_n(&p->io, dp_kdev_io(now), __ATOMIC_RELEASE);
	// A worker may be in the midst of a burst from the old one, and another has got frames from
	// it.
	dp_rcu_synchronize2(dp->rcu);
	dp_kdev_close(old);
	return true;
}

const struct rte_eth_fp_ops *dp_own_io(const struct dp_port *p)
{
	if (p->kdev)
		return dp_kdev_io(p->kdev);
	return p->vhost ? dp_vhost_io(p->vhost) : dp_null_io(p->null);
}

// An interface has one. Another port's follows from its name, so that it has the same whenever it
// is made.
void dp_own_mac(const struct dp_port *p, struct weft_mac *mac)
{
	uint32_t hash = rte_jhash(p->cfg.name, sizeof(p->cfg.name), p->cfg.kind);

	if (p->kdev) {
		dp_kdev_mac(p->cfg.device, mac);
		return;
	}
	*mac = (struct weft_mac){{0x02, 0x57}}; // locally administered
	memcpy(mac->b + 2, &hash, sizeof(hash));
}

bool dp_own_link(const struct dp_port *p)
{
	if (p->kdev && dp_kdev_is_lost(p->kdev))
		return false;
	// A TAP that was moved into another network namespace works on, but cannot be asked from
	// here.
	if (p->cfg.kind == WEFT_PORT_KIND_TAP && !dp_af_packet_index(p->cfg.device))
		return true;
	if (p->kdev)
		return dp_af_packet_link(p->cfg.device);
	return p->vhost ? dp_vhost_link(p->vhost) : true;
}

uint32_t dp_own_speed(const struct dp_port *p)
{
	return p->cfg.kind == WEFT_PORT_KIND_AF_PACKET ? dp_af_packet_speed(p->cfg.device)
						       : DP_VIRTUAL_MBPS;
}

void dp_own_stats(const struct dp_port *p, struct weft_port_stats *s)
{
	if (p->kdev)
		dp_kdev_stats(p->kdev, s);
	else if (p->vhost)
		dp_vhost_stats(p->vhost, s);
	else
		dp_null_stats(p->null, s);
}

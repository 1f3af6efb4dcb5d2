// SPDX-License-Identifier: Apache-2.0
// Bonds as the control thread keeps them: made, watched, told of, taken apart.

#include "ports/dp_bond.h"

#include "dp.h"
#include "dp_log.h"
#include "offload/dp_offload.h"
#include "ports/dp_port_dev.h"

#include <rte_alarm.h>
#include <rte_errno.h>
#include <rte_eth_bond.h>
#include <rte_eth_bond_8023ad.h>
#include <rte_malloc.h>
#include <rte_mempool.h>

#include <arpa/inet.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define DP_BOND_POLL_MS 10u // net_bond's look at the links of its members

// What LACP wants of the heap for a member: a pool of a buffer for each descriptor of each queue,
// with a cache for each lcore that DPDK could have, and two rings. A buffer is a slow-protocol
// frame and its headroom behind an mbuf, half a KiB, and what the pool adds to it.
#define DP_BOND_LACP_BUFFER 640u
#define DP_BOND_LACP_POOL (RTE_MEMPOOL_HEADER_SIZE((struct rte_mempool *)NULL, 1u) + (64u << 10))
#define DP_BOND_LACP_REST (1u << 20) // and as much is left for what comes meanwhile

static const uint8_t dp_bond_modes[WEFT_BOND_MODE_MAX] = {
	[WEFT_BOND_LACP] = BONDING_MODE_8023AD,
	[WEFT_BOND_ACTIVE_BACKUP] = BONDING_MODE_ACTIVE_BACKUP,
	[WEFT_BOND_BALANCE] = BONDING_MODE_BALANCE,
};

static enum weft_error dp_bond_failed(char why[static 100], const char *what, int rc)
{
	snprintf(why, 100, "%s: %.60s", what, rc < -1 ? rte_strerror(-rc) : "net_bond refuses");
	return WEFT_E_DEVICE;
}

// ---- members

// Whether so many members more may be put in. Its rings and buffers net_bond takes from the heap
// when a member's link is up, and ends the program if it gets none.
static bool dp_bond_has_memory(const struct dp_bond *b, uint16_t queues, unsigned members)
{
	size_t buffers = 1 + queues * (size_t)DP_DESCRIPTORS;
	size_t wanted = members * (DP_BOND_LACP_POOL + buffers * DP_BOND_LACP_BUFFER);
	struct rte_malloc_socket_stats s;

	if (b->mode != WEFT_BOND_LACP || !members || rte_malloc_get_socket_stats(0, &s))
		return true;
	return s.greatest_free_size >= wanted + DP_BOND_LACP_REST;
}

static enum weft_error dp_bond_no_memory(char why[static 100], unsigned members)
{
	snprintf(why, 100, "LACP on %u more members wants more --mem", members);
	return WEFT_E_DEVICE;
}

static enum weft_error dp_bond_open_device(struct dp *dp, const struct dp_port *p,
	struct dp_bond_member *m, uint16_t queues, bool pci, char why[static 100])
{
	struct weft_ipc_port cfg = {
		.kind = pci ? WEFT_PORT_KIND_PCI : WEFT_PORT_KIND_AF_PACKET,
		.mtu = p->cfg.mtu,
		.queues = queues,
	};
	unsigned ifindex = pci ? 0 : if_nametoindex(m->name);
	struct rte_ether_addr mac;
	struct dp_port *dev;
	enum weft_error e;

	memcpy(cfg.name, p->cfg.name, sizeof(cfg.name));
	snprintf(cfg.device, sizeof(cfg.device), "%s", m->name);
	e = dp_port_dev_open_member(dp, &cfg, why, &dev);
	if (e)
		return e;
	m->dev = dev;
	m->ifindex = ifindex;
	// net_bond looks at DPDK's idea of it, which is not the interface's.
	memcpy(mac.addr_bytes, m->dev->mac.b, sizeof(mac.addr_bytes));
	rte_eth_dev_default_mac_addr_set(m->dev->dev, &mac);
	m->up = dp_port_dev_link(m->dev);
	return WEFT_E_NONE;
}

static void dp_bond_close_device(struct dp_port *dev)
{
	dp_port_dev_close(dev);
	free(dev);
}

static void dp_bond_free_member(struct dp_bond_member *m)
{
	dp_bond_lacp_forget(m->lacp);
	dp_bond_close_device(m->dev);
	if (m->ifindex)
		dp_unmute(&m->mute, m->name);
	free(m);
}

static struct dp_bond_member *dp_bond_new_member(struct dp *dp, const struct dp_port *p,
	const char *name, uint16_t queues, bool pci, char why[static 100])
{
	struct dp_bond_member *m = calloc(1, sizeof(*m));

	snprintf(why, 100, "no memory");
	if (!m)
		return NULL;
	snprintf(m->name, sizeof(m->name), "%s", name);
	if (!dp_bond_open_device(dp, p, m, queues, pci, why)) {
		if (m->ifindex)
			dp_mute(&m->mute, m->name);
		return m;
	}
	free(m);
	return NULL;
}

// ---- in and out of net_bond's hands

static int dp_bond_join(struct dp_port *p, struct dp_bond_member *m)
{
	int rc = rte_eth_bond_slave_add(p->dev, m->dev->dev);

	m->in = !rc;
	if (!rc)
		dp_port_dev_attach(m->dev); // it may have been started anew
	if (!rc && p->bond->mode == WEFT_BOND_LACP)
		dp_bond_lacp_hook(p, m->dev->dev, m->lacp);
	return rc;
}

static void dp_bond_leave(const struct dp_port *p, struct dp_bond_member *m)
{
	if (m->in)
		dp_bond_lacp_unhook(m->dev->dev, m->lacp);
	if (m->in && rte_eth_bond_slave_remove(p->dev, m->dev->dev))
		DP_LOG(ERR, "bond %s: member %s does not leave", p->cfg.name, m->name);
	m->in = false;
}

// Which devices workers may read beside net_bond; NULL: none.
static void dp_bond_set_drain(struct dp_bond *b, bool on)
{
	for (unsigned i = 0; i < WEFT_BOND_MEMBERS; i++)
		__atomic_store_n(&b->drain[i],
			on && i < b->n ? b->member[i]->dev->dev : DP_BOND_NO_DEV, __ATOMIC_RELEASE);
}

// After this no worker holds, or will once more look at, a member that has left: net_bond's turn
// among its members may point behind their new end until the next turn.
static void dp_bond_quiesce(struct dp *dp, struct dp_bond *b)
{
	dp_bond_set_drain(b, false);
	dp_rcu_synchronize2(dp->rcu);
}

// ---- making

int dp_bond_create(const char *devname, const char *device)
{
	struct dp_bond_spec spec;
	char why[100];

	if (!dp_bond_parse(device, &spec, why))
		return -EINVAL;
	return rte_eth_bond_create(devname, dp_bond_modes[spec.mode], 0);
}

enum weft_error dp_bond_open(
	struct dp *dp, struct dp_port *p, uint16_t queues, char why[static 100])
{
	struct rte_ether_addr mac;
	struct dp_bond_spec spec;
	int rc;

	if (!dp_bond_parse(p->cfg.device, &spec, why))
		return WEFT_E_MALFORMED;
	p->bond = calloc(1, sizeof(*p->bond));
	if (!p->bond)
		return WEFT_E_NO_MEMORY;
	p->bond->mode = spec.mode;
	p->bond->active = DP_BOND_NO_DEV;
	dp_bond_set_drain(p->bond, false);
	for (unsigned i = 0; i < spec.n; i++) {
		struct dp_bond_member *m =
			dp_bond_new_member(dp, p, spec.member[i], queues, spec.pci, why);

		if (!m)
			return WEFT_E_DEVICE;
		p->bond->member[p->bond->n++] = m;
	}
	if (!dp_bond_has_memory(p->bond, queues, spec.n))
		return dp_bond_no_memory(why, spec.n);
	memcpy(mac.addr_bytes, p->bond->member[0]->dev->mac.b, sizeof(mac.addr_bytes));
	rc = rte_eth_bond_mac_address_set(p->dev, &mac);
	for (unsigned i = 0; !rc && i < p->bond->n; i++)
		rc = dp_bond_join(p, p->bond->member[i]);
	rte_eth_bond_xmit_policy_set(p->dev, BALANCE_XMIT_POLICY_LAYER34);
	rte_eth_bond_link_monitoring_set(p->dev, DP_BOND_POLL_MS);
	if (!rc && spec.mode == WEFT_BOND_LACP)
		rc = dp_bond_lacp_start(p, spec.fast);
	return rc ? dp_bond_failed(why, "bond", rc) : WEFT_E_NONE;
}

void dp_bond_started(struct dp_port *p)
{
	struct dp_bond *b = p->bond;

	for (unsigned i = 0; i < b->n; i++) {
		dp_port_dev_attach(b->member[i]->dev);
		if (b->mode == WEFT_BOND_LACP)
			dp_bond_lacp_hook(p, b->member[i]->dev->dev, b->member[i]->lacp);
	}
	dp_bond_set_drain(b, true);
}

// ---- taking apart

static void dp_bond_alarm(void *arg)
{
	__atomic_store_n((bool *)arg, true, __ATOMIC_RELEASE);
}

// net_bond's look at its members' links is an alarm that sets itself again, and is not taken back
// when the device stops: it must have come once more before the device is gone. Alarms come in the
// order of their times.
static void dp_bond_wait_for_alarms(void)
{
	bool over = false;

	if (rte_eal_alarm_set(DP_BOND_POLL_MS * 1000 + 1000, dp_bond_alarm, &over)) {
		usleep(100 * DP_BOND_POLL_MS * 1000);
		return;
	}
	while (!__atomic_load_n(&over, __ATOMIC_ACQUIRE))
		usleep(1000);
}

void dp_bond_close(struct dp_port *p)
{
	rte_eth_dev_stop(p->dev);
	dp_bond_wait_for_alarms();
	for (unsigned i = 0; p->bond && i < p->bond->n; i++)
		dp_bond_leave(p, p->bond->member[i]);
	if (rte_eth_bond_free(p->devname))
		DP_LOG(WARNING, "bond %s: device %s does not close", p->cfg.name, p->devname);
	for (unsigned i = 0; p->bond && i < p->bond->n; i++)
		dp_bond_free_member(p->bond->member[i]);
	free(p->bond);
	p->bond = NULL;
}

// ---- other members

// The member of this name, taken out of `b`.
static struct dp_bond_member *dp_bond_take(struct dp_bond *b, const char *name)
{
	for (unsigned i = 0; i < b->n; i++)
		if (b->member[i] && !strcmp(b->member[i]->name, name)) {
			struct dp_bond_member *m = b->member[i];

			b->member[i] = NULL;
			return m;
		}
	return NULL;
}

static bool dp_bond_has(const struct dp_bond *b, const char *name)
{
	for (unsigned i = 0; i < b->n; i++)
		if (!strcmp(b->member[i]->name, name))
			return true;
	return false;
}

// Whether a device can do what net_bond will ask of it.
static bool dp_bond_can(const struct dp_port *p, const struct dp_bond_member *m)
{
	uint64_t tx = p->tx_offloads | (p->one_segment ? 0 : RTE_ETH_TX_OFFLOAD_MULTI_SEGS);
	struct rte_eth_dev_info info;

	if (rte_eth_dev_info_get(m->dev->dev, &info))
		return false;
	return !(tx & ~info.tx_offload_capa) && !(p->rx_offloads & ~info.rx_offload_capa) &&
	       (!info.tx_desc_lim.nb_seg_max || info.tx_desc_lim.nb_seg_max >= p->tx_segments);
}

static void dp_bond_free_fresh(struct dp_bond_member *const fresh[], unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (fresh[i])
			dp_bond_free_member(fresh[i]);
}

// Opens those of `spec` that the bond has not. False: none is open.
static bool dp_bond_open_new(struct dp *dp, const struct dp_port *p,
	const struct dp_bond_spec *spec, struct dp_bond_member *fresh[], char why[static 100])
{
	for (unsigned i = 0; i < spec->n; i++) {
		if (dp_bond_has(p->bond, spec->member[i]))
			continue;
		fresh[i] = dp_bond_new_member(dp, p, spec->member[i], p->n_rxq, spec->pci, why);
		if (fresh[i] && dp_bond_can(p, fresh[i]))
			continue;
		if (fresh[i])
			snprintf(why, 100,
				"%.31s cannot do what the members were asked for: offload: off",
				spec->member[i]);
		dp_bond_free_fresh(fresh, i + 1);
		return false;
	}
	return true;
}

static unsigned dp_bond_count(struct dp_bond_member *const member[], unsigned n)
{
	unsigned count = 0;

	for (unsigned i = 0; i < n; i++)
		count += member[i] != NULL;
	return count;
}

// What a member's device has counted, on top of *s.
static void dp_bond_add_stats(const struct dp_bond_member *m, struct weft_port_stats *s)
{
	struct weft_port_stats one = {0};
	uint32_t speed;

	dp_port_dev_stats(m->dev, &one, &speed);
	s->rx_packets += one.rx_packets;
	s->tx_packets += one.tx_packets;
	s->rx_bytes += one.rx_bytes;
	s->tx_bytes += one.tx_bytes;
	s->rx_dropped += one.rx_dropped;
	s->tx_dropped += one.tx_dropped;
	s->rx_errors += one.rx_errors;
	s->tx_errors += one.tx_errors;
}

static void dp_bond_retire(
	struct dp *dp, const struct dp_port *p, struct dp_bond_member *const old[], unsigned n)
{
	struct dp_bond *b = p->bond;

	for (unsigned i = 0; i < n; i++)
		if (old[i])
			dp_bond_leave(p, old[i]);
	dp_bond_quiesce(dp, b);
	for (unsigned i = 0; i < n; i++) {
		if (!old[i])
			continue;
		dp_bond_add_stats(old[i], &b->gone);
		dp_bond_free_member(old[i]);
	}
}

enum weft_error dp_bond_set_members(
	struct dp *dp, struct dp_port *p, const char *device, char why[static 100])
{
	struct dp_bond_member *fresh[WEFT_BOND_MEMBERS] = {NULL}, *old[WEFT_BOND_MEMBERS];
	struct dp_bond *b = p->bond;
	struct dp_bond_spec spec;
	unsigned n_old, n_fresh;

	if (!dp_bond_parse(device, &spec, why))
		return WEFT_E_MALFORMED;
	if (spec.mode != b->mode || spec.pci != !b->member[0]->ifindex) {
		snprintf(why, 100, "a bond's mode and its members' kind cannot change");
		return WEFT_E_STATE;
	}
	if (!dp_bond_open_new(dp, p, &spec, fresh, why))
		return WEFT_E_DEVICE;
	n_fresh = dp_bond_count(fresh, spec.n);
	if (!dp_bond_has_memory(b, p->n_rxq, n_fresh)) {
		dp_bond_free_fresh(fresh, spec.n);
		return dp_bond_no_memory(why, n_fresh);
	}
	dp_bond_quiesce(dp, b);
	for (unsigned i = 0; i < spec.n; i++)
		if (fresh[i] && dp_bond_join(p, fresh[i]))
			DP_LOG(ERR, "bond %s: member %s does not join; tried again", p->cfg.name,
				fresh[i]->name);
		else if (fresh[i])
			dp_offload_tell_device(dp, p, fresh[i]->dev->dev);
		else
			fresh[i] = dp_bond_take(b, spec.member[i]);
	n_old = b->n;
	memcpy(old, b->member, sizeof(old));
	memcpy(b->member, fresh, sizeof(b->member));
	b->n = spec.n;
	dp_bond_retire(dp, p, old, n_old);
	dp_bond_set_drain(b, true);
	dp_bond_lacp_set(p, spec.fast);
	snprintf(p->cfg.device, sizeof(p->cfg.device), "%s", device);
	return WEFT_E_NONE;
}

// ---- watching

// The interface may be another one by now: deleted, and made again.
static bool dp_bond_reopen(struct dp *dp, struct dp_port *p, struct dp_bond_member *m)
{
	struct dp_port *old = m->dev;
	char why[100];

	if (m->ifindex == if_nametoindex(m->name))
		return true;
	if (!dp_bond_has_memory(p->bond, p->n_rxq, 1) ||
		dp_bond_open_device(dp, p, m, p->n_rxq, false, why))
		return false;
	dp_mute(&m->mute, m->name);
	dp_bond_add_stats(&(struct dp_bond_member){.dev = old}, &p->bond->gone);
	dp_bond_close_device(old);
	return true;
}

static void dp_bond_return(struct dp *dp, struct dp_port *p, struct dp_bond_member *m)
{
	dp_bond_quiesce(dp, p->bond);
	dp_bond_lacp_forget(m->lacp);
	if (dp_bond_reopen(dp, p, m) && !dp_bond_join(p, m))
		DP_LOG(NOTICE, "bond %s: member %s has a link", p->cfg.name, m->name);
	dp_bond_set_drain(p->bond, true);
}

void dp_bond_watch(struct dp *dp, struct dp_port *p)
{
	dp_bond_lacp_watch(p);
	for (unsigned i = 0; i < p->bond->n; i++) {
		struct dp_bond_member *m = p->bond->member[i];
		bool up = dp_port_dev_link(m->dev);

		if (m->up && !up) {
			m->losses++;
			DP_LOG(NOTICE, "bond %s: member %s has lost its link", p->cfg.name,
				m->name);
		}
		m->up = up;
		if (!m->ifindex)
			continue; // net_bond knows
		if (m->in && !up)
			dp_bond_leave(p, m);
		else if (!m->in && up)
			dp_bond_return(dp, p, m);
	}
}

// ---- what can be asked

static bool dp_bond_lacp(const struct dp_port *p, const struct dp_bond_member *m,
	struct rte_eth_bond_8023ad_slave_info *info)
{
	return p->bond->mode == WEFT_BOND_LACP && m->in &&
	       !rte_eth_bond_8023ad_slave_info(p->dev, m->dev->dev, info);
}

static bool dp_bond_is_active(const struct dp_port *p, const struct dp_bond_member *m)
{
	struct rte_eth_bond_8023ad_slave_info info;
	uint16_t active[WEFT_BOND_MEMBERS];
	int n = rte_eth_bond_active_slaves_get(p->dev, active, WEFT_BOND_MEMBERS);
	bool among = false;

	for (int i = 0; i < n; i++)
		among |= active[i] == m->dev->dev;
	if (!among || !m->in)
		return false;
	switch (p->bond->mode) {
	case WEFT_BOND_LACP:
		return dp_bond_lacp(p, m, &info) && (info.actor_state & STATE_DISTRIBUTING);
	case WEFT_BOND_ACTIVE_BACKUP:
		return rte_eth_bond_primary_get(p->dev) == m->dev->dev;
	default:
		return true;
	}
}

bool dp_bond_link(const struct dp_port *p)
{
	for (unsigned i = 0; i < p->bond->n; i++)
		if (dp_bond_is_active(p, p->bond->member[i]))
			return true;
	return false;
}

uint32_t dp_bond_mtu(const struct dp_port *p)
{
	uint32_t mtu = UINT32_MAX;

	for (unsigned i = 0; i < p->bond->n; i++)
		mtu = RTE_MIN(mtu, p->bond->member[i]->dev->mtu);
	return mtu;
}

uint16_t dp_bond_tx_segments(const struct dp_port *p)
{
	uint16_t most = UINT16_MAX;

	for (unsigned i = 0; i < p->bond->n; i++) {
		struct rte_eth_dev_info info;

		if (rte_eth_dev_info_get(p->bond->member[i]->dev->dev, &info) == 0 &&
			info.tx_desc_lim.nb_seg_max)
			most = RTE_MIN(most, info.tx_desc_lim.nb_seg_max);
	}
	return most;
}

void dp_bond_stats(const struct dp_port *p, struct weft_port_stats *s)
{
	*s = p->bond->gone;
	for (unsigned i = 0; i < p->bond->n; i++)
		dp_bond_add_stats(p->bond->member[i], s);
}

static void dp_bond_tell(
	const struct dp_port *p, const struct dp_bond_member *m, struct weft_ipc_bond *out)
{
	struct rte_eth_bond_8023ad_slave_info info;

	*out = (struct weft_ipc_bond){
		.port = p->cfg.id, .mode = p->bond->mode, .losses = m->losses};
	memcpy(out->uplink, p->cfg.name, sizeof(out->uplink));
	memcpy(out->member, m->name, sizeof(m->name));
	out->flags =
		(m->up ? WEFT_BOND_LINK : 0) | (dp_bond_is_active(p, m) ? WEFT_BOND_ACTIVE : 0);
	dp_bond_add_stats(m, &out->stats);
	if (!dp_bond_lacp(p, m, &info))
		return;
	out->flags |= WEFT_BOND_HAS_LACP;
	out->actor_state = info.actor_state;
	if (__atomic_load_n(&p->bond->lacp.asks, __ATOMIC_RELAXED))
		out->actor_state |= STATE_LACP_SHORT_TIMEOUT;
	out->partner_state = info.partner_state;
	memcpy(out->partner.b, info.partner.system.addr_bytes, sizeof(out->partner.b));
	out->partner_priority = ntohs(info.partner.system_priority);
	out->partner_key = ntohs(info.partner.key);
	out->partner_port = ntohs(info.partner.port_number);
}

void dp_bond_walk(
	const struct dp *dp, void (*fn)(void *arg, const struct weft_ipc_bond *), void *arg)
{
	for (const struct dp_port *p = dp->ports.head; p; p = p->next) {
		struct weft_ipc_bond b;

		for (unsigned i = 0; p->bond && !p->hidden && i < p->bond->n; i++) {
			dp_bond_tell(p, p->bond->member[i], &b);
			fn(arg, &b);
		}
	}
}

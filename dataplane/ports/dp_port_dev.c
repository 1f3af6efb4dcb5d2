// SPDX-License-Identifier: Apache-2.0
#include "ports/dp_port_dev.h"

#include "dp.h"
#include "ipc/dp_unix.h"
#include "ports/dp_af_packet.h"
#include "ports/dp_bond.h"
#include "ports/dp_kdev.h"
#include "dp_log.h"
#include "offload/dp_offload.h"
#include "ports/dp_port_kind.h"
#include "ports/dp_port_own.h"
#include "dp_worker.h"

#include <rte_dev.h>
#include <rte_errno.h>

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

static enum weft_error dp_dev_failed(char why[static 100], const char *what, int rc)
{
	snprintf(why, 100, "%.37s: %.60s", what, rte_strerror(rc < 0 ? -rc : rte_errno));
	return WEFT_E_DEVICE;
}

bool dp_port_dev_wants_all(const struct dp_port *p)
{
	return p->cfg.ofport != 0 || p->role == DP_MEMBER || p->bond;
}

static enum weft_error dp_dev_queues(struct dp *dp, struct dp_port *p, char why[static 100])
{
	uint16_t rx_desc = DP_DESCRIPTORS, tx_desc = DP_DESCRIPTORS;
	int rc = rte_eth_dev_adjust_nb_rx_tx_desc(p->dev, &rx_desc, &tx_desc);

	for (uint16_t q = 0; !rc && q < p->n_rxq; q++)
		rc = rte_eth_rx_queue_setup(p->dev, q, rx_desc, SOCKET_ID_ANY, NULL, dp->pool);
	for (uint16_t q = 0; !rc && q < p->n_txq; q++)
		rc = rte_eth_tx_queue_setup(p->dev, q, tx_desc, SOCKET_ID_ANY, NULL);
	return rc ? dp_dev_failed(why, "queues", rc) : WEFT_E_NONE;
}

static enum weft_error dp_dev_configure(
	struct dp *dp, struct dp_port *p, uint16_t queues, char why[static 100])
{
	struct rte_eth_conf conf = {0};
	struct rte_eth_dev_info info;
	int rc = rte_eth_dev_info_get(p->dev, &info);

	if (rc)
		return dp_dev_failed(why, "device info", rc);
	p->n_rxq = RTE_MIN(queues, info.max_rx_queues);
	// Drivers of virtual devices want as many queues each way; a NIC can give each worker its
	// own.
	p->n_txq = p->cfg.kind == WEFT_PORT_KIND_PCI
			   ? (uint16_t)RTE_MIN(dp->opt.workers, info.max_tx_queues)
			   : RTE_MIN(p->n_rxq, info.max_tx_queues);
	if (p->n_rxq > 1 && (info.flow_type_rss_offloads & RTE_ETH_RSS_IP)) {
		conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
		conf.rx_adv_conf.rss_conf.rss_hf =
			info.flow_type_rss_offloads & (RTE_ETH_RSS_IP | RTE_ETH_RSS_UDP);
	}
	conf.txmode.offloads = info.tx_offload_capa & RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
	dp_offload_ask(p, &info, &conf);
	// These do it and do not say so; AF_XDP's driver would read on behind the first
	// segment.
	p->one_segment = !(conf.txmode.offloads & RTE_ETH_TX_OFFLOAD_MULTI_SEGS) && !p->kdev &&
			 p->role != DP_KERNEL && p->cfg.kind != WEFT_PORT_KIND_PCAP;
	rc = rte_eth_dev_configure(p->dev, p->n_rxq, p->n_txq, &conf);
	return rc ? dp_dev_failed(why, "configure", rc) : dp_dev_queues(dp, p, why);
}

static int dp_dev_set_mtu(const struct dp_port *p)
{
	// net_tap knows of no MTU above 1500, but the kernel does.
	if (p->role == DP_KERNEL)
		return dp_kdev_set_mtu(p->cfg.device, p->cfg.mtu);
	if (p->cfg.kind == WEFT_PORT_KIND_TAP)
		return dp_kdev_tap_mtu(p->cfg.device, p->cfg.mtu);
	return p->dev == DP_NO_DEV ? 0 : rte_eth_dev_set_mtu(p->dev, (uint16_t)p->cfg.mtu);
}

// Of the kernel's interface, which is not ours to change.
static uint32_t dp_dev_kernel_mtu(const struct dp_port *p)
{
	int kernel = dp_af_packet_mtu(p->cfg.device);

	if (kernel > 0 && (!p->cfg.mtu || (uint32_t)kernel < p->cfg.mtu))
		return (uint32_t)kernel;
	return p->cfg.mtu;
}

static uint32_t dp_dev_mtu(struct dp_port *p)
{
	uint16_t mtu = 1500;

	if (p->bond)
		return dp_bond_mtu(p);
	if (p->kernel_copy)
		return dp_dev_kernel_mtu(p);
	if (p->cfg.mtu) {
		int rc = dp_dev_set_mtu(p);

		if (rc && rc != -ENOTSUP)
			DP_LOG(WARNING, "port %s: device refuses MTU %u: %s", p->cfg.name,
				p->cfg.mtu, rte_strerror(-rc));
		return p->cfg.mtu;
	}
	if (p->dev != DP_NO_DEV)
		rte_eth_dev_get_mtu(p->dev, &mtu);
	return mtu;
}

void dp_port_dev_attach(const struct dp_port *p)
{
	if (p->kdev)
		dp_kdev_attach(p->kdev, p->dev);
}

static enum weft_error dp_dev_start_dpdk(struct dp *dp, struct dp_port *p, char why[static 100])
{
	int rc;

	rc = rte_eth_dev_start(p->dev);
	if (rc)
		return dp_dev_failed(why, "start", rc);
	dp_port_dev_attach(p);
	dp_offload_tell_port(dp, p);
	if (p->bond)
		dp_bond_started(p);
	if (dp_port_dev_wants_all(p))
		rte_eth_promiscuous_enable(
			p->dev); // some virtual devices are so anyway, and refuse
	return WEFT_E_NONE;
}

static void dp_dev_mac(struct dp_port *p)
{
	struct rte_ether_addr mac;

	if (dp_own_is(p))
		dp_own_mac(p, &p->mac);
	else if (rte_eth_macaddr_get(p->dev, &mac) == 0)
		memcpy(p->mac.b, mac.addr_bytes, sizeof(p->mac.b));
}

// 0: it is no interface that DPDK's driver is bound to.
static unsigned dp_dev_ifindex(const struct dp_port *p)
{
	return p->cfg.kind == WEFT_PORT_KIND_AF_XDP ? dp_af_packet_index(p->cfg.device) : 0;
}

static enum weft_error dp_dev_start(struct dp *dp, struct dp_port *p, char why[static 100])
{
	enum weft_error e = WEFT_E_NONE;

	p->mtu = dp_dev_mtu(p);
	if (p->dev != DP_NO_DEV)
		e = dp_dev_start_dpdk(dp, p, why);
	if (e)
		return e;
	p->io = dp_own_is(p) ? dp_own_io(p) : &rte_eth_fp_ops[p->dev];
	p->ifindex = dp_dev_ifindex(p);
	dp_dev_mac(p);
	p->link_up = dp_port_dev_link(p);
	return WEFT_E_NONE;
}

// The worker with the fewest receive queues so far.
static uint16_t dp_dev_first_worker(struct dp *dp)
{
	unsigned load[DP_MAX_WORKERS] = {0}, best = 0;

	for (const struct dp_port *p = dp->ports.head; p; p = p->next)
		for (unsigned q = 0; q < p->n_rxq; q++)
			load[(p->first_worker + q) % dp->opt.workers]++;
	for (unsigned i = 1; i < dp->opt.workers; i++)
		if (load[i] < load[best])
			best = i;
	return (uint16_t)best;
}

static enum weft_error dp_dev_new_bond(
	const struct dp_port_spec *spec, struct dp_port *p, char why[static 100])
{
	int rc = dp_bond_create(spec->devname, p->cfg.device);

	if (rc < 0)
		return dp_dev_failed(why, "open", rc);
	p->dev = (uint16_t)rc;
	return WEFT_E_NONE;
}

// DPDK has the device, and its number is known.
static enum weft_error dp_dev_new_device(
	const struct dp_port_spec *spec, struct dp_port *p, char why[static 100])
{
	int rc;

	if (rte_eth_dev_count_total() >= RTE_MAX_ETHPORTS) {
		snprintf(why, 100, "DPDK has room for %u devices, and they are there",
			RTE_MAX_ETHPORTS);
		return WEFT_E_DEVICE;
	}
	snprintf(p->devname, sizeof(p->devname), "%s", spec->devname);
	if (p->cfg.kind == WEFT_PORT_KIND_BOND)
		return dp_dev_new_bond(spec, p, why);
	// A data plane that was killed left its own, and memif minds. Its sockets are of another
	// type: asking at one that lives, another port's here, must not become a connection.
	if (spec->listens[0])
		dp_unix_clear(spec->listens, SOCK_STREAM);
	rc = rte_eal_hotplug_add(spec->bus, spec->devname, spec->args);
	if (rc)
		return dp_dev_failed(why,
			strcmp(spec->bus, "pci") ? "open" : "open (needs weft-dataplane --pci)",
			rc);
	rc = rte_eth_dev_get_port_by_name(spec->devname, &p->dev);
	if (rc) {
		rte_eal_hotplug_remove(spec->bus, spec->devname);
		return dp_dev_failed(why, "open", rc);
	}
	return WEFT_E_NONE;
}

// A device of DPDK's, configured.
static enum weft_error dp_dev_open_dpdk(
	struct dp *dp, const struct dp_port_spec *spec, struct dp_port *p, char why[static 100])
{
	enum weft_error e = WEFT_E_NONE;

	if (p->cfg.kind == WEFT_PORT_KIND_BOND)
		e = dp_bond_open(dp, p, spec->queues, why);
	if (!e)
		e = dp_dev_configure(dp, p, spec->queues, why);
	return e;
}

static enum weft_error dp_dev_open(
	struct dp *dp, const struct dp_port_spec *spec, struct dp_port *p, char why[static 100])
{
	// net_bond knows devices of DPDK's alone.
	bool own = spec->own && p->role != DP_MEMBER;
	enum weft_error e = own ? WEFT_E_NONE : dp_dev_new_device(spec, p, why);

	if (e)
		return e;
	p->kernel_copy = spec->kernel_copy;
	p->raw_csum = spec->raw_csum;
	p->born_ns = dp_now_ns();
	p->first_worker = dp_dev_first_worker(dp);
	e = dp_own_open(dp, spec, p, why);
	if (!e && !own)
		e = dp_dev_open_dpdk(dp, spec, p, why);
	if (!e)
		e = dp_dev_start(dp, p, why);
	if (e)
		dp_port_dev_close(p);
	return e;
}

// The first that no port has. False: they are all taken.
static bool dp_dev_take_index(struct dp *dp, struct dp_port *p, char why[static 100])
{
	bool taken[DP_PORT_INDEXES] = {false};
	unsigned n = 0;

	for (const struct dp_port *other = dp->ports.head; other; other = other->next, n++)
		taken[other->index] = true;
	for (const struct dp_port *shell = dp->ports.shells; shell; shell = shell->next)
		taken[shell->index] = true;
	while (p->index < DP_PORT_INDEXES && taken[p->index])
		p->index++;
	if (n >= DP_PORT_LIVE_MAX || p->index == DP_PORT_INDEXES) {
		snprintf(why, 100, "no more than %u ports", DP_PORT_LIVE_MAX);
		return false;
	}
	for (unsigned i = 0; i < dp->opt.workers; i++) { // left from a port that had this one
		dp->worker[i]->port_drops[p->index] = 0;
		dp->worker[i]->rx_drops[p->index] = 0;
	}
	return true;
}

static enum weft_error dp_dev_new(struct dp *dp, const struct dp_port_spec *spec,
	const struct weft_ipc_port *cfg, enum dp_role role, char why[static 100],
	struct dp_port **out)
{
	struct dp_port *p = aligned_alloc(64, (sizeof(*p) + 63) & ~(size_t)63);
	enum weft_error e;

	if (!p)
		return WEFT_E_NO_MEMORY;
	memset(p, 0, sizeof(*p));
	p->cfg = *cfg;
	p->ofport = cfg->ofport;
	p->config = cfg->config;
	p->role = (uint8_t)role;
	p->tenant = dp->nobody;
	p->dev = DP_NO_DEV;
	e = role == DP_MEMBER || dp_dev_take_index(dp, p, why) ? dp_dev_open(dp, spec, p, why)
							       : WEFT_E_DEVICE;
	if (e) {
		free(p);
		return e;
	}
	*out = p;
	return WEFT_E_NONE;
}

static enum weft_error dp_dev_open_as(struct dp *dp, const struct weft_ipc_port *cfg,
	enum dp_role role, char why[static 100], struct dp_port **out)
{
	uint16_t queues = cfg->queues ? cfg->queues : (uint16_t)dp->opt.workers;
	struct dp_port_spec spec;
	enum weft_error e;

	e = dp_port_spec(cfg, dp->ports.made++, queues, dp->opt.max_frame, &spec, why);
	return e ? e : dp_dev_new(dp, &spec, cfg, role, why, out);
}

enum weft_error dp_port_dev_open(
	struct dp *dp, const struct weft_ipc_port *cfg, char why[static 100], struct dp_port **out)
{
	return dp_dev_open_as(dp, cfg, cfg->ofport ? DP_LOCAL : DP_UPLINK, why, out);
}

enum weft_error dp_port_dev_open_member(
	struct dp *dp, const struct weft_ipc_port *cfg, char why[static 100], struct dp_port **out)
{
	return dp_dev_open_as(dp, cfg, DP_MEMBER, why, out);
}

enum weft_error dp_port_dev_open_kernel(
	struct dp *dp, const struct dp_port *uplink, char why[static 100], struct dp_port **out)
{
	struct weft_ipc_port cfg = {.kind = WEFT_PORT_KIND_TAP, .mtu = uplink->mtu};
	struct dp_port_spec spec;
	enum weft_error e;

	memcpy(cfg.name, uplink->cfg.name, sizeof(cfg.name));
	e = dp_port_spec_kernel(&uplink->cfg, &uplink->mac, dp->ports.made++, &spec, why);
	if (e)
		return e;
	snprintf(cfg.device, sizeof(cfg.device), "%s",
		*uplink->cfg.kernel_if ? uplink->cfg.kernel_if : uplink->cfg.name);
	return dp_dev_new(dp, &spec, &cfg, DP_KERNEL, why, out);
}

static void dp_dev_add_stats(uint16_t dev, struct weft_port_stats *s)
{
	struct rte_eth_stats now = {0};

	if (rte_eth_stats_get(dev, &now))
		return;
	s->rx_packets += now.ipackets;
	s->tx_packets += now.opackets;
	s->rx_bytes += now.ibytes;
	s->tx_bytes += now.obytes;
	s->rx_dropped += now.imissed + now.rx_nombuf;
	s->rx_errors += now.ierrors;
	s->tx_errors += now.oerrors;
}

static void dp_dev_close_dpdk(struct dp_port *p)
{
	rte_eth_dev_stop(p->dev);
	if (rte_eal_hotplug_remove(p->cfg.kind == WEFT_PORT_KIND_PCI ? "pci" : "vdev", p->devname))
		DP_LOG(WARNING, "port %s: device %s does not close: %s", p->cfg.name, p->devname,
			rte_strerror(rte_errno));
}

void dp_port_dev_close(struct dp_port *p)
{
	if (p->cfg.kind == WEFT_PORT_KIND_BOND) {
		dp_bond_close(p);
		return;
	}
	if (p->dev != DP_NO_DEV)
		dp_dev_close_dpdk(p);
	dp_own_close(p);
}

// ---- an interface that was deleted and made anew

// A device of DPDK's is bound to an interface that has gone, whatever has its name now. (Of a
// bond's members the bond sees to it: they are net_bond's as well.)
static bool dp_dev_is_lost(const struct dp_port *p)
{
	return p->ifindex && dp_dev_ifindex(p) != p->ifindex;
}

static void dp_dev_swap(struct dp_port *p, struct dp_port *with)
{
	struct dp_port was = *p;

	p->dev = with->dev;
	p->ifindex = with->ifindex;
	memcpy(p->devname, with->devname, sizeof(p->devname));
	__atomic_store_n(&p->mtu, with->mtu, __ATOMIC_RELAXED);
	__atomic_store_n(&p->io, with->io, __ATOMIC_RELEASE);
	with->dev = was.dev;
	memcpy(with->devname, was.devname, sizeof(with->devname));
}

// The kernel's side of an uplink answers by the address that the interface has.
static void dp_dev_tell_peer(const struct dp_port *p)
{
	struct rte_ether_addr mac;

	memcpy(mac.addr_bytes, p->mac.b, sizeof(mac.addr_bytes));
	if (p->role == DP_UPLINK && p->peer && p->peer->dev != DP_NO_DEV)
		rte_eth_dev_default_mac_addr_set(p->peer->dev, &mac);
}

// Opens it again beside the one that is lost, and puts it in its place while workers go on.
static bool dp_dev_follow_dpdk(struct dp *dp, struct dp_port *p)
{
	struct dp_port *fresh;
	char why[100];

	if (!dp_dev_is_lost(p) || !dp_dev_ifindex(p) ||
		dp_dev_open_as(dp, &p->cfg, p->role, why, &fresh))
		return false; // it is tried again
	if (fresh->n_rxq < p->n_rxq || fresh->n_txq < p->n_txq) {
		dp_port_dev_close(fresh);
		free(fresh);
		return false;
	}
	dp_dev_swap(p, fresh);
	dp_rcu_synchronize2(dp->rcu); // as in dp_own_follow()
	dp_dev_add_stats(fresh->dev, &p->gone);
	dp_port_dev_close(fresh);
	free(fresh);
	return true;
}

bool dp_port_dev_follow(struct dp *dp, struct dp_port *p)
{
	if (!dp_own_follow(dp, p) && !dp_dev_follow_dpdk(dp, p))
		return false;
	if (p->role == DP_KERNEL)
		dp_kdev_set_mtu(p->cfg.device, dp_port_mtu(p));
	else if (p->cfg.kind == WEFT_PORT_KIND_TAP)
		dp_kdev_tap_mtu(p->cfg.device, dp_port_mtu(p));
	dp_dev_mac(p);
	dp_dev_tell_peer(p);
	DP_LOG(NOTICE, "port %s: %s was gone, and is opened again", p->cfg.name, p->cfg.device);
	return true;
}

bool dp_port_dev_follow_mtu(struct dp_port *p, uint32_t max_frame)
{
	uint32_t mtu = p->kernel_copy && !p->bond ? dp_dev_kernel_mtu(p) : 0;

	mtu = RTE_MIN(mtu, max_frame - DP_PORT_AROUND);
	if (!mtu || mtu == dp_port_mtu(p))
		return false;
	DP_LOG(INFO, "port %s: MTU %u, was %u", p->cfg.name, mtu, dp_port_mtu(p));
	__atomic_store_n(&p->mtu, mtu, __ATOMIC_RELAXED);
	return true;
}

bool dp_port_dev_link(const struct dp_port *p)
{
	struct rte_eth_link link = {0};

	if (p->bond)
		return dp_bond_link(p);
	if (dp_own_is(p))
		return dp_own_link(p);
	if (p->ifindex) // its driver takes it for up as long as it is open
		return !dp_dev_is_lost(p) && dp_af_packet_link(p->cfg.device);
	return rte_eth_link_get_nowait(p->dev, &link) == 0 && link.link_status == RTE_ETH_LINK_UP;
}

void dp_port_dev_stats(const struct dp_port *p, struct weft_port_stats *s, uint32_t *speed_mbps)
{
	struct rte_eth_link link = {0};

	if (p->bond) {
		dp_bond_stats(p, s);
	} else if (dp_own_is(p)) {
		dp_own_stats(p, s);
	} else {
		*s = p->gone;
		dp_dev_add_stats(p->dev, s);
	}
	if (dp_own_is(p))
		link.link_speed = dp_own_speed(p);
	else
		rte_eth_link_get_nowait(p->dev, &link);
	*speed_mbps = link.link_speed == RTE_ETH_SPEED_NUM_UNKNOWN ? 0 : link.link_speed;
}

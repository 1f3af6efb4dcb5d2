// SPDX-License-Identifier: Apache-2.0
// The card on paper before a real data plane: preloaded, it stands before each device of DPDK's
// net_pcap, says that it can do what WEFT_CARD names (tso, sums, judge), and is strict: a packet
// that it does not take ends the program. WEFT_CARD_PCI gives such devices the addresses of PCI
// devices, so that bonds have them: "0000:ff:00.0=eth0 0000:ff:00.4=eth1"; those of function 4 and
// above can do nothing. What it has done is in the file WEFT_CARD_TELLS when the
// program ends.

#include "card.h"

#include <rte_dev.h>
#include <rte_ethdev.h>

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SUMS                                                                                       \
	(RTE_ETH_TX_OFFLOAD_IPV4_CKSUM | RTE_ETH_TX_OFFLOAD_TCP_CKSUM |                            \
		RTE_ETH_TX_OFFLOAD_OUTER_IPV4_CKSUM | RTE_ETH_TX_OFFLOAD_OUTER_UDP_CKSUM |         \
		RTE_ETH_TX_OFFLOAD_MULTI_SEGS)
#define TSO                                                                                        \
	(SUMS | RTE_ETH_TX_OFFLOAD_TCP_TSO | RTE_ETH_TX_OFFLOAD_VXLAN_TNL_TSO |                    \
		RTE_ETH_TX_OFFLOAD_GRE_TNL_TSO)
#define JUDGE                                                                                      \
	(RTE_ETH_RX_OFFLOAD_IPV4_CKSUM | RTE_ETH_RX_OFFLOAD_UDP_CKSUM |                            \
		RTE_ETH_RX_OFFLOAD_TCP_CKSUM | RTE_ETH_RX_OFFLOAD_OUTER_UDP_CKSUM)
#define SEGMENTS 40u

static struct port {
	struct card card;
	uint64_t rx; // RTE_ETH_RX_OFFLOAD_* that it was configured with
	eth_tx_burst_t tx;
	eth_rx_burst_t rx_burst;
	void *rxq, *txq; // the driver's
} ports[RTE_MAX_ETHPORTS];

static unsigned long cut, summed, frames,
	judged; // packets, but for `frames` that were cut from some

static void *next(const char *name)
{
	void *at = dlsym(RTLD_NEXT, name);

	if (!at)
		abort();
	return at;
}

static bool can(const char *what)
{
	const char *all = getenv("WEFT_CARD");

	return all && strstr(all, what);
}

static bool stands_before(const struct rte_eth_dev_info *info)
{
	return info->driver_name && !strcmp(info->driver_name, "net_pcap");
}

__attribute__((destructor)) static void tell(void)
{
	const char *path = getenv("WEFT_CARD_TELLS");
	FILE *out = path ? fopen(path, "w") : NULL;

	if (!out)
		return;
	fprintf(out, "{\"cut\": %lu, \"frames\": %lu, \"summed\": %lu, \"judged\": %lu}\n", cut,
		frames, summed, judged);
	fclose(out);
}

// ---- addresses

#define PCI_ADDRESS 12u // characters of one

// The interface at this address. False: there is none.
static bool at(const char *address, char iface[static 16])
{
	const char *all = getenv("WEFT_CARD_PCI"), *found = all ? strstr(all, address) : NULL;

	return found && strlen(address) == PCI_ADDRESS && found[PCI_ADDRESS] == '=' &&
	       sscanf(found + PCI_ADDRESS + 1, "%15s", iface) == 1;
}

static void name_of(const char *address, char name[static 32])
{
	snprintf(name, 32, "net_pcap_%s%c", address[PCI_ADDRESS - 1] < '4' ? "card" : "plain",
		address[PCI_ADDRESS - 1]);
}

int rte_eal_hotplug_add(const char *bus, const char *device, const char *args)
{
	int (*real)(const char *, const char *, const char *) = next("rte_eal_hotplug_add");
	char iface[16], name[32], what[32];

	if (strcmp(bus, "pci") != 0 || !at(device, iface))
		return real(bus, device, args);
	name_of(device, name);
	snprintf(what, sizeof(what), "iface=%s", iface);
	return real("vdev", name, what);
}

int rte_eal_hotplug_remove(const char *bus, const char *device)
{
	int (*real)(const char *, const char *) = next("rte_eal_hotplug_remove");
	char iface[16], name[32];

	if (strcmp(bus, "pci") != 0 || !at(device, iface))
		return real(bus, device);
	name_of(device, name);
	return real("vdev", name);
}

int rte_eth_dev_get_port_by_name(const char *device, uint16_t *id)
{
	int (*real)(const char *, uint16_t *) = next("rte_eth_dev_get_port_by_name");
	char iface[16], name[32];

	if (!at(device, iface))
		return real(device, id);
	name_of(device, name);
	return real(name, id);
}

static bool is_plain(uint16_t id)
{
	char name[RTE_ETH_NAME_MAX_LEN];

	return rte_eth_dev_get_name_by_port(id, name) == 0 && strstr(name, "_plain");
}

// ---- what a data plane asks

int rte_eth_dev_info_get(uint16_t id, struct rte_eth_dev_info *info)
{
	int (*real)(uint16_t, struct rte_eth_dev_info *) = next("rte_eth_dev_info_get");
	int rc = real(id, info);

	if (rc || !stands_before(info) || is_plain(id))
		return rc;
	info->tx_offload_capa |= can("tso") ? TSO : can("sums") ? SUMS : 0;
	info->rx_offload_capa |= can("judge") ? JUDGE : 0;
	info->tx_desc_lim.nb_seg_max = SEGMENTS;
	return 0;
}

int rte_eth_dev_configure(uint16_t id, uint16_t rx, uint16_t tx, const struct rte_eth_conf *asked)
{
	int (*real)(uint16_t, uint16_t, uint16_t, const struct rte_eth_conf *) =
		next("rte_eth_dev_configure");
	struct rte_eth_conf conf = *asked;
	struct rte_eth_dev_info info;

	if (rte_eth_dev_info_get(id, &info) || !stands_before(&info))
		return real(id, rx, tx, asked);
	if (conf.txmode.offloads & ~info.tx_offload_capa ||
		conf.rxmode.offloads & ~info.rx_offload_capa)
		return -22;
	ports[id].card = (struct card){.tx = conf.txmode.offloads, .segments = SEGMENTS};
	ports[id].rx = conf.rxmode.offloads;
	conf.txmode.offloads &= ~TSO;
	conf.rxmode.offloads &= ~JUDGE;
	return real(id, rx, tx, &conf);
}

// A card takes another address, as bonds ask of it; net_pcap does not.
int rte_eth_dev_default_mac_addr_set(uint16_t id, struct rte_ether_addr *mac)
{
	int (*real)(uint16_t, struct rte_ether_addr *) = next("rte_eth_dev_default_mac_addr_set");
	int rc = real(id, mac);

	return rc == -ENOTSUP ? 0 : rc;
}

int rte_eth_dev_udp_tunnel_port_add(uint16_t id, struct rte_eth_udp_tunnel *tunnel)
{
	if (tunnel->prot_type == RTE_ETH_TUNNEL_TYPE_VXLAN)
		ports[id].card.vxlan_port = tunnel->udp_port;
	return 0;
}

int rte_eth_dev_udp_tunnel_port_delete(uint16_t id, struct rte_eth_udp_tunnel *tunnel)
{
	ports[id].card.vxlan_port = 0;
	return 0;
}

// ---- frames

struct out {
	const struct port *port;
	struct rte_mempool *pool;
};

static void on_the_wire(void *arg, const uint8_t *frame, uint32_t len)
{
	const struct out *out = arg;
	struct rte_mbuf *m = rte_pktmbuf_alloc(out->pool);
	char *at = m ? rte_pktmbuf_append(m, (uint16_t)len) : NULL;

	if (!at) {
		rte_pktmbuf_free(m);
		return;
	}
	memcpy(at, frame, len);
	for (unsigned i = 0; i < 100; i++) {
		if (out->port->tx(out->port->txq, &m, 1) == 1)
			return;
		usleep(100);
	}
	rte_pktmbuf_free(m);
}

static uint16_t transmit(void *queue, struct rte_mbuf **m, uint16_t n)
{
	const struct port *p = queue;

	for (uint16_t i = 0; i < n; i++) {
		const char *why = card_refuses(&p->card, m[i]);
		struct out out = {p, m[i]->pool};
		unsigned became;

		if (why) {
			fprintf(stderr, "the card refuses a packet of %u bytes, flags %#lx: %s\n",
				m[i]->pkt_len, (unsigned long)m[i]->ol_flags, why);
			abort();
		}
		became = card_send(&p->card, m[i], on_the_wire, &out);
		if (m[i]->ol_flags & RTE_MBUF_F_TX_TCP_SEG) {
			cut++;
			frames += became;
		} else if (m[i]->ol_flags & RTE_MBUF_F_TX_OFFLOAD_MASK) {
			summed++;
		}
		rte_pktmbuf_free(m[i]);
	}
	return n;
}

static uint16_t receive(void *queue, struct rte_mbuf **m, uint16_t n)
{
	const struct port *p = queue;

	n = p->rx_burst(p->rxq, m, n);
	for (uint16_t i = 0; i < n && p->rx; i++) {
		card_judge(&p->card, m[i]);
		judged += !!(m[i]->ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK);
	}
	return n;
}

int rte_eth_dev_start(uint16_t id)
{
	int (*real)(uint16_t) = next("rte_eth_dev_start");
	struct rte_eth_fp_ops *ops = &rte_eth_fp_ops[id];
	static void *queue[RTE_MAX_ETHPORTS][1];
	struct rte_eth_dev_info info;
	int rc = real(id);

	if (rc || rte_eth_dev_info_get(id, &info) || !stands_before(&info))
		return rc;
	ports[id].tx = ops->tx_pkt_burst;
	ports[id].rx_burst = ops->rx_pkt_burst;
	ports[id].txq = ops->txq.data[0];
	ports[id].rxq = ops->rxq.data[0];
	queue[id][0] = &ports[id];
	ops->txq.data = ops->rxq.data = queue[id];
	ops->tx_pkt_burst = transmit;
	ops->rx_pkt_burst = receive;
	return 0;
}

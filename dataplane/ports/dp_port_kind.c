// SPDX-License-Identifier: Apache-2.0
#include "ports/dp_port_kind.h"

#include "ports/dp_af_packet.h"
#include "ports/dp_bond_spec.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <unistd.h>

typedef enum weft_error dp_spec_fn(const struct weft_ipc_port *cfg, struct dp_port_spec *s,
	uint32_t max_frame, char why[static 100]);

static enum weft_error dp_spec_bad(char why[static 100], const char *text)
{
	snprintf(why, 100, "%s", text);
	return WEFT_E_MALFORMED;
}

static bool dp_spec_is_ifname(const char *s)
{
	size_t n = strlen(s);

	return n > 0 && n < IFNAMSIZ && !strpbrk(s, ",=/ \t\n");
}

// Devargs are split at commas, and a value with one would become two.
static bool dp_spec_is_value(const char *s)
{
	return *s && !strpbrk(s, ", \t\n");
}

// DPDK's drivers say "operation not permitted" of what is not there.
static enum weft_error dp_spec_no_interface(const char *ifname, char why[static 100])
{
	snprintf(why, 100, "device: no network interface %.40s here", ifname);
	return WEFT_E_DEVICE;
}

static enum weft_error dp_spec_af_packet(const struct weft_ipc_port *cfg, struct dp_port_spec *s,
	uint32_t max_frame, char why[static 100])
{
	int kernel_mtu = dp_af_packet_mtu(cfg->device);
	uint32_t mtu = cfg->mtu ? cfg->mtu : (uint32_t)(kernel_mtu > 0 ? kernel_mtu : 1500);
	uint32_t frame = mtu + DP_PORT_AROUND;

	if (!dp_spec_is_ifname(cfg->device))
		return dp_spec_bad(why, "device: want the name of a network interface");
	if (!if_nametoindex(cfg->device))
		return dp_spec_no_interface(cfg->device, why);
	if (frame > max_frame) {
		snprintf(why, 100, "mtu: %u needs weft-dataplane --max-frame %u or more", mtu,
			frame);
		return WEFT_E_MALFORMED;
	}
	s->slot_len = 2048;
	while (s->slot_len < frame + DP_KDEV_SLOT_HEAD)
		s->slot_len *= 2;
	s->kernel_copy = true;
	s->own = DP_OWN_PACKET;
	snprintf(s->args, sizeof(s->args), "no-rx=1");
	snprintf(s->devname, sizeof(s->devname), "net_null");
	return WEFT_E_NONE;
}

static enum weft_error dp_spec_af_xdp(const struct weft_ipc_port *cfg, struct dp_port_spec *s,
	uint32_t max_frame, char why[static 100])
{
	if (!dp_spec_is_ifname(cfg->device))
		return dp_spec_bad(why, "device: want the name of a network interface");
	if (!if_nametoindex(cfg->device))
		return dp_spec_no_interface(cfg->device, why);
	s->raw_csum = true;
	snprintf(s->args, sizeof(s->args), "iface=%s,start_queue=0,queue_count=%u", cfg->device,
		s->queues);
	snprintf(s->devname, sizeof(s->devname), "net_af_xdp");
	return WEFT_E_NONE;
}

static enum weft_error dp_spec_tap(const struct weft_ipc_port *cfg, struct dp_port_spec *s,
	uint32_t max_frame, char why[static 100])
{
	if (!dp_spec_is_ifname(cfg->device))
		return dp_spec_bad(why, "device: want a name for the TAP interface");
	if (if_nametoindex(cfg->device)) {
		snprintf(why, 100, "device: interface %.40s exists already", cfg->device);
		return WEFT_E_DEVICE;
	}
	s->own = DP_OWN_TAP;
	return WEFT_E_NONE;
}

static enum weft_error dp_spec_vhost(const struct weft_ipc_port *cfg, struct dp_port_spec *s,
	uint32_t max_frame, char why[static 100])
{
	if (cfg->device[0] != '/' || !dp_spec_is_value(cfg->device))
		return dp_spec_bad(why, "device: want the absolute path of a socket, no comma");
	s->own = DP_OWN_VHOST;
	return WEFT_E_NONE;
}

static enum weft_error dp_spec_memif(const struct weft_ipc_port *cfg, struct dp_port_spec *s,
	uint32_t max_frame, char why[static 100])
{
	char copy[WEFT_DEVICE_MAX + 1], *save, *word;
	unsigned id = 0;
	const char *role = "client";

	snprintf(copy, sizeof(copy), "%s", cfg->device);
	word = strtok_r(copy, ",", &save);
	if (!word || word[0] != '/')
		return dp_spec_bad(why, "device: want the absolute path of a socket");
	for (char *opt; (opt = strtok_r(NULL, ",", &save));) {
		int end = 0;

		if (sscanf(opt, "id=%u%n", &id, &end) == 1 && !opt[end])
			continue;
		if (!strcmp(opt, "role=server") || !strcmp(opt, "role=client"))
			role = opt + 5;
		else
			return dp_spec_bad(
				why, "device: after the path want id=N, role=server|client");
	}
	snprintf(s->args, sizeof(s->args), "role=%s,id=%u,socket=%s,socket-abstract=no,bsize=2048",
		role, id, word);
	snprintf(s->devname, sizeof(s->devname), "net_memif");
	if (!strcmp(role, "server"))
		snprintf(s->listens, sizeof(s->listens), "%s", word);
	return WEFT_E_NONE;
}

static enum weft_error dp_spec_pcap(const struct weft_ipc_port *cfg, struct dp_port_spec *s,
	uint32_t max_frame, char why[static 100])
{
	char copy[WEFT_DEVICE_MAX + 1], *save;
	size_t used = 0;

	snprintf(copy, sizeof(copy), "%s", cfg->device);
	for (char *opt = strtok_r(copy, ",", &save); opt; opt = strtok_r(NULL, ",", &save)) {
		const char *key, *value = strchr(opt, '=');

		if (value && !strncmp(opt, "rx=", 3) && access(value + 1, R_OK)) {
			snprintf(why, 100, "device: %.60s: %.28s", value + 1, strerror(errno));
			return WEFT_E_DEVICE;
		}
		if (value && !strncmp(opt, "rx=", 3))
			key = "rx_pcap";
		else if (value && !strncmp(opt, "tx=", 3))
			key = "tx_pcap";
		else if (value && !strncmp(opt, "iface=", 6))
			key = "iface";
		else if (!strcmp(opt, "infinite=1"))
			key = "infinite_rx";
		else
			return dp_spec_bad(
				why, "device: want rx=FILE, tx=FILE, infinite=1 or iface=NAME");
		used += (size_t)snprintf(s->args + used, sizeof(s->args) - used, "%s%s%s",
			used ? "," : "", key, value);
	}
	if (!used)
		return dp_spec_bad(why, "device: want rx=FILE and/or tx=FILE, or iface=NAME");
	s->queues = 1;
	snprintf(s->devname, sizeof(s->devname), "net_pcap");
	return WEFT_E_NONE;
}

static enum weft_error dp_spec_null(const struct weft_ipc_port *cfg, struct dp_port_spec *s,
	uint32_t max_frame, char why[static 100])
{
	unsigned size = 0;
	int end = 0;

	if (*cfg->device && (sscanf(cfg->device, "size=%u%n", &size, &end) != 1 ||
				    cfg->device[end] || size < 14 || size > max_frame))
		return dp_spec_bad(why, "device: want nothing, or size=BYTES");
	s->own = DP_OWN_NULL;
	s->null_size = (uint16_t)size;
	return WEFT_E_NONE;
}

static enum weft_error dp_spec_pci(const struct weft_ipc_port *cfg, struct dp_port_spec *s,
	uint32_t max_frame, char why[static 100])
{
	unsigned a, b, c, d;
	int end = 0;

	if (sscanf(cfg->device, "%x:%x:%x.%x%n", &a, &b, &c, &d, &end) != 4 || cfg->device[end])
		return dp_spec_bad(why, "device: want a PCI address as 0000:01:00.0");
	snprintf(s->bus, sizeof(s->bus), "pci");
	snprintf(s->devname, sizeof(s->devname), "%.60s", cfg->device);
	return WEFT_E_NONE;
}

static enum weft_error dp_spec_bond(const struct weft_ipc_port *cfg, struct dp_port_spec *s,
	uint32_t max_frame, char why[static 100])
{
	struct dp_bond_spec bond;

	if (!dp_bond_parse(cfg->device, &bond, why))
		return WEFT_E_MALFORMED;
	snprintf(s->devname, sizeof(s->devname), "net_bonding");
	return WEFT_E_NONE;
}

static dp_spec_fn *const dp_spec_fns[WEFT_PORT_KIND_MAX] = {
	[WEFT_PORT_KIND_AF_PACKET] = dp_spec_af_packet,
	[WEFT_PORT_KIND_AF_XDP] = dp_spec_af_xdp,
	[WEFT_PORT_KIND_TAP] = dp_spec_tap,
	[WEFT_PORT_KIND_VHOST_USER] = dp_spec_vhost,
	[WEFT_PORT_KIND_MEMIF] = dp_spec_memif,
	[WEFT_PORT_KIND_PCAP] = dp_spec_pcap,
	[WEFT_PORT_KIND_NULL] = dp_spec_null,
	[WEFT_PORT_KIND_PCI] = dp_spec_pci,
	[WEFT_PORT_KIND_BOND] = dp_spec_bond,
};

static void dp_spec_name(struct dp_port_spec *s, unsigned serial)
{
	size_t n = strlen(s->devname);

	if (!strcmp(s->bus, "vdev") && n)
		snprintf(s->devname + n, sizeof(s->devname) - n, "%u", serial);
}

enum weft_error dp_port_spec(const struct weft_ipc_port *cfg, unsigned serial, uint16_t queues,
	uint32_t max_frame, struct dp_port_spec *out, char why[static 100])
{
	enum weft_error e;

	*out = (struct dp_port_spec){.bus = "vdev", .queues = queues};
	if (cfg->kind >= WEFT_PORT_KIND_MAX)
		return dp_spec_bad(why, "kind: unknown");
	e = dp_spec_fns[cfg->kind](cfg, out, max_frame, why);
	if (!e)
		dp_spec_name(out, serial);
	return e;
}

enum weft_error dp_port_spec_kernel(const struct weft_ipc_port *uplink, const struct weft_mac *mac,
	unsigned serial, struct dp_port_spec *out, char why[static 100])
{
	const char *name = *uplink->kernel_if ? uplink->kernel_if : uplink->name;

	*out = (struct dp_port_spec){.bus = "vdev", .queues = 1, .devname = "net_tap"};
	if (!dp_spec_is_ifname(name))
		return dp_spec_bad(why, "kernel_if: want a name for the kernel's interface");
	if (if_nametoindex(name)) {
		snprintf(why, 100, "kernel_if: interface %.20s exists already", name);
		return WEFT_E_DEVICE;
	}
	snprintf(out->args, sizeof(out->args), "iface=%s,mac=%02x:%02x:%02x:%02x:%02x:%02x", name,
		mac->b[0], mac->b[1], mac->b[2], mac->b[3], mac->b[4], mac->b[5]);
	dp_spec_name(out, serial);
	return WEFT_E_NONE;
}

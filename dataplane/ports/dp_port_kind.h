// SPDX-License-Identifier: Apache-2.0
#pragma once
// The kinds of port: how each is named to DPDK.

#include "ports/dp_kdev.h"

#include <weft/ipc.h>

#define DP_PORT_AROUND 22u // of a frame around the IP packet: Ethernet, two tags

enum dp_own {
	DP_OWN_NONE,
	DP_OWN_TAP,    // dp_kdev.h
	DP_OWN_PACKET, // likewise; a bond's member is behind a device of DPDK's, named below
	DP_OWN_VHOST,
	DP_OWN_NULL,
};

struct dp_port_spec {
	char devname[64]; // for rte_eal_hotplug_add(); empty: no device of DPDK's
	char bus[8];
	char args[320];
	uint16_t queues; // pairs asked for
	bool kernel_copy;
	bool raw_csum;
	enum dp_own own;    // what it is if it is no device of DPDK's
	uint32_t slot_len;  // DP_OWN_PACKET
	uint16_t null_size; // DP_OWN_NULL: bytes of a frame that comes in; 0: none does
	char listens[WEFT_DEVICE_MAX + 1]; // the socket that memif makes as the server; "": none
};

// Writes what `cfg` means. `serial` makes vdev names unique, `queues` is what the caller would
// like, `max_frame` what a buffer holds. WEFT_E_NONE, or WEFT_E_MALFORMED/WEFT_E_UNSUPPORTED with
// `why`.
enum weft_error dp_port_spec(const struct weft_ipc_port *cfg, unsigned serial, uint16_t queues,
	uint32_t max_frame, struct dp_port_spec *out, char why[static 100]);

// The TAP that gives the kernel an uplink's traffic; `mac` is the uplink's.
enum weft_error dp_port_spec_kernel(const struct weft_ipc_port *uplink, const struct weft_mac *mac,
	unsigned serial, struct dp_port_spec *out, char why[static 100]);

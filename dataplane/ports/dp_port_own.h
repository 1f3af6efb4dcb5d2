// SPDX-License-Identifier: Apache-2.0
#pragma once
// Ports that are no devices of DPDK's: TAPs and the kernel's interfaces (dp_kdev.h), vhost-user
// sockets (dp_vhost.h), and nothing at all (dp_null.h). One of the three stands in struct dp_port.
// Control thread.

#include "ports/dp_port.h"

struct dp_port_spec;

static inline bool dp_own_is(const struct dp_port *p)
{
	return p->kdev || p->vhost || p->null;
}

// Opens what `spec` tells of, if it is one of them; how many queues it has stands in `p` then.
enum weft_error dp_own_open(
	struct dp *dp, const struct dp_port_spec *spec, struct dp_port *p, char why[static 100]);
void dp_own_close(struct dp_port *p); // no worker will come any more
// If its interface is gone and may be had again: opens that, and puts it in the place of the other
// while workers go on. True: it has another device.
bool dp_own_follow(struct dp *dp, struct dp_port *p);
// Of one that is open.
const struct rte_eth_fp_ops *dp_own_io(const struct dp_port *p);
void dp_own_mac(const struct dp_port *p, struct weft_mac *mac);
bool dp_own_link(const struct dp_port *p);
uint32_t dp_own_speed(const struct dp_port *p); // Mb/s; UINT32_MAX: not known
void dp_own_stats(const struct dp_port *p, struct weft_port_stats *s);

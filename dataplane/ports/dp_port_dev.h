// SPDX-License-Identifier: Apache-2.0
#pragma once
// A port's DPDK device: opened, configured, started; asked; stopped and closed. Control thread.

#include "ports/dp_port.h"

#define DP_DESCRIPTORS 512u // of a queue, where the driver has no other idea

// A started device in a fresh struct dp_port that nobody knows yet. WEFT_E_DEVICE and the like with
// `why`.
enum weft_error dp_port_dev_open(
	struct dp *dp, const struct weft_ipc_port *cfg, char why[static 100], struct dp_port **out);
// The kernel port of an uplink that is open.
enum weft_error dp_port_dev_open_kernel(
	struct dp *dp, const struct dp_port *uplink, char why[static 100], struct dp_port **out);
// A bond's member, as dp_port_dev_open(); in no list of ports.
enum weft_error dp_port_dev_open_member(
	struct dp *dp, const struct weft_ipc_port *cfg, char why[static 100], struct dp_port **out);
// Local ports take frames to any MAC: a machine, or a bridge full of them, is behind them. A bond's
// members take those to the bond's.
bool dp_port_dev_wants_all(const struct dp_port *p);
// After net_bond has started the member.
void dp_port_dev_attach(const struct dp_port *p);
// Stops and closes; no worker may touch it any more. The struct stays the caller's.
void dp_port_dev_close(struct dp_port *p);

// Whether its interface was gone, and is there again: another one, with a MAC address of its own.
bool dp_port_dev_follow(struct dp *dp, struct dp_port *p);
// Of a kernel's interface that has got another MTU, as far as frames of it fit a buffer. True: it
// has, and what depends on it is stale.
bool dp_port_dev_follow_mtu(struct dp_port *p, uint32_t max_frame);
bool dp_port_dev_link(const struct dp_port *p);
void dp_port_dev_stats(const struct dp_port *p, struct weft_port_stats *s, uint32_t *speed_mbps);

// SPDX-License-Identifier: Apache-2.0
#pragma once
// A TAP interface of our own, with the offloads that DPDK's net_tap does not ask the kernel for.
//
// net_tap reads one frame of at most the MTU by each system call: a machine behind it sends bulk
// TCP at a syscall, a wake-up and a way through its kernel for every 1,400 bytes. The kernel would
// give up to 64 KiB at once, and take as much, to who asks for it (IFF_VNET_HDR, TUNSETOFFLOAD).
// DPDK 22.11 has no driver for that without vhost-net, and Debian does not package what a driver of
// one's own needs (ethdev_driver.h). So the port is a net_null device, which has a place in DPDK's
// tables but no frames, and its two burst functions are replaced after the start by those below, in
// rte_eth_fp_ops[], the table that rte_eth_rx_burst() and rte_eth_tx_burst() read. Stopping the
// device puts DPDK's own back. Nothing else of the data plane knows of it.
//
// In: a big segment is cut into frames (dp_gso.h), checksums are filled in. Out: frames of a burst
// that follow each other are joined (dp_gro.h) and written by one system call. Between, all is
// ordinary frames.
//
// A queue is a descriptor of the multi-queue TAP and belongs to one worker each way.

#include <weft/flow.h>

#include <stdint.h>

struct dp_kdev;
struct rte_mempool;

// ---- control thread

// Makes the interface `ifname` with `queues` queues, up. NULL: errno says why. `max_frame` is what
// a buffer of `pool` holds.
struct dp_kdev *dp_kdev_open(
	const char *ifname, unsigned queues, struct rte_mempool *pool, uint32_t max_frame);
// Lets DPDK's device `dev`, which is started, receive and send by it.
void dp_kdev_attach(struct dp_kdev *k, uint16_t dev);
// After the device was stopped. The interface goes with it.
void dp_kdev_close(struct dp_kdev *k);
void dp_kdev_stats(const struct dp_kdev *k, struct weft_port_stats *s);
// Of an interface in the calling thread's network namespace; 0 or -errno.
int dp_kdev_set_mtu(const char *ifname, unsigned mtu);
int dp_kdev_mac(const char *ifname, struct weft_mac *mac);

// SPDX-License-Identifier: Apache-2.0
#pragma once
// Segmentation and checksums for the machines behind vhost-user ports.
//
// DPDK's net_vhost passes a machine's big segments on and takes such for it, if told how. As with
// interfaces of the kernel (dp_kdev.h), what comes in is cut into frames and finished (dp_cut.h),
// and frames of a burst that follow each other are joined (dp_gro.h), if the machine has said that
// it takes what is joined (VIRTIO_NET_F_GUEST_CSUM with _GUEST_TSO4, _GUEST_TSO6; virtio 1.1,
// 5.1.3). Between, all is ordinary frames. It is done around the driver's two burst functions: the
// port sends and receives by dp_vhost_io().
//
// A queue belongs to one worker each way; what the machine has said is read by them and written by
// the vhost library's thread.

#include <weft/flow.h>

#include <stdint.h>

struct dp_vhost;
struct rte_eth_fp_ops;
struct rte_mempool;

// What to ask of the driver when it is configured: to leave checksums to us.
#define DP_VHOST_RX_OFFLOADS (RTE_ETH_RX_OFFLOAD_UDP_CKSUM | RTE_ETH_RX_OFFLOAD_TCP_CKSUM)

// ---- control thread

// For `dev`, which has `queues` pairs and is not started. NULL: no memory.
struct dp_vhost *dp_vhost_open(
	uint16_t dev, unsigned queues, struct rte_mempool *pool, uint32_t max_frame);
// After the device was started. Good until it is closed.
const struct rte_eth_fp_ops *dp_vhost_io(struct dp_vhost *v);
// After it was stopped and before it is closed.
void dp_vhost_close(struct dp_vhost *v);
void dp_vhost_stats(const struct dp_vhost *v, struct weft_port_stats *s);

// ---- the vhost library's thread, through the driver's callback; tests

// The features that the machine has accepted; 0: there is none.
void dp_vhost_told(struct dp_vhost *v, uint64_t features);

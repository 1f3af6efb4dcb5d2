// SPDX-License-Identifier: Apache-2.0
#pragma once
// Segmentation and checksums for the machines behind vhost-user ports.
//
// DPDK's vhost library passes a machine's big segments on and takes such for it. As with
// interfaces of the kernel (dp_kdev.h), what comes in is cut into frames and finished (dp_cut.h),
// and frames of a burst that follow each other are joined (dp_gro.h), if the machine has said that
// it takes what is joined (VIRTIO_NET_F_GUEST_CSUM with _GUEST_TSO4, _GUEST_TSO6; virtio 1.1,
// 5.1.3). Between, all is ordinary frames. It is done around the library's two burst functions
// (dp_vhost_sock.h): the port sends and receives by dp_vhost_io().
//
// A queue belongs to one worker each way; what the machine has said is read by them and written by
// the vhost library's thread.

#include <weft/flow.h>

#include <stdbool.h>
#include <stdint.h>

struct dp_vhost;
struct rte_eth_fp_ops;
struct rte_mbuf;
struct rte_mempool;

// Where frames come from and go to. dp_vhost_sock.h; a test has its own.
struct dp_vhost_wire {
	void *end;
	// `queue`'s frames, marked as dp_vhost_sock_rx() says.
	uint16_t (*rx)(void *end, unsigned queue, struct rte_mempool *pool, struct rte_mbuf **m,
		uint16_t n);
	uint16_t (*tx)(void *end, unsigned queue, struct rte_mbuf **m, uint16_t n);
};

struct dp_vhost_conf {
	const char *path; // of the socket
	unsigned queues;  // pairs
	struct rte_mempool *pool;
	uint32_t max_frame;   // that a buffer of the pool holds
	const bool *keep_big; // of struct dp_cut
	unsigned workers;
	uint32_t waiting; // buffers of the pool that may wait in queues of all such ports
	uint16_t *used;   // where the number of queues goes that the machine takes frames on
	struct dp_vhost_wire wire; // of a test; `path` is not looked at then
};

// ---- control thread

// NULL: errno says why.
struct dp_vhost *dp_vhost_open(const struct dp_vhost_conf *conf);
// No worker will come any more.
void dp_vhost_close(struct dp_vhost *v);
// Good until it is closed.
const struct rte_eth_fp_ops *dp_vhost_io(const struct dp_vhost *v);
bool dp_vhost_link(const struct dp_vhost *v);
void dp_vhost_stats(const struct dp_vhost *v, struct weft_port_stats *s);

// ---- the vhost library's thread; tests

// The features that the machine has accepted; 0: there is none.
void dp_vhost_told(void *vhost, uint64_t features);

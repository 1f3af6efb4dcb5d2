// SPDX-License-Identifier: Apache-2.0
#pragma once
// A vhost-user socket, and the machine that may be behind it.
//
// DPDK's vhost library speaks the protocol and moves frames; its net_vhost driver would make an
// Ethernet device of that, of which DPDK has room for 32. So this is the library alone. The switch
// is the client: it connects to the socket that the hypervisor serves, again and again, so both may
// restart.
//
// The library's thread tells when a machine comes and goes. When it goes, its memory goes: the
// library waits in our callback until no worker is at a queue of it. For that a worker marks the
// queue while it is there, and looks for the machine after it has marked it.

#include <stdbool.h>
#include <stdint.h>

struct dp_vhost_sock;
struct rte_mbuf;
struct rte_mempool;

// Called by the library's thread, and by whoever closes the socket.
struct dp_vhost_events {
	void *arg;
	void (*features)(
		void *arg, uint64_t features); // that the machine has accepted; 0: it is gone
	// The machine takes frames on queues 0 to n - 1.
	void (*queues)(void *arg, uint16_t n);
};

// ---- control thread

// Connects as soon as the socket is there. At most `queues` pairs are used. `path` is absolute.
// NULL: errno says why.
struct dp_vhost_sock *dp_vhost_sock_open(
	const char *path, unsigned queues, const struct dp_vhost_events *events);
void dp_vhost_sock_close(struct dp_vhost_sock *s); // no worker will come any more
bool dp_vhost_sock_link(const struct dp_vhost_sock *s);

// ---- the worker that has the queue; `sock` is a struct dp_vhost_sock (struct dp_vhost_wire)

// Frames that the machine sends, as the library leaves them: a big segment, or a frame whose
// checksum is to be filled in, is marked so (RTE_MBUF_F_RX_LRO, _L4_CKSUM_NONE).
uint16_t dp_vhost_sock_rx(
	void *sock, unsigned queue, struct rte_mempool *pool, struct rte_mbuf **m, uint16_t n);
// Returns how many the machine took; these are freed.
uint16_t dp_vhost_sock_tx(void *sock, unsigned queue, struct rte_mbuf **m, uint16_t n);

// SPDX-License-Identifier: Apache-2.0
#pragma once
// Keeps the kernel quiet about encapsulated packets that it sees and we serve.
//
// On an AF_PACKET uplink the kernel gets its own copy of each frame. It has no socket on the VXLAN
// port and no handler for GRE, so for each of our packets it would answer the sender with an ICMP
// "port unreachable" or "protocol unreachable" in the VTEP's name. So we hold the sockets that it
// misses: a UDP socket on the VXLAN port and a raw socket for GRE, for IPv4 and IPv6 each, with a
// filter that lets nothing in, so that nothing is queued or copied. No firewall rule is touched:
// the silence ends exactly when the data plane does, however it ends, and then "unreachable" is the
// truth.
//
// If another program (a VXLAN device of the kernel, say) has the port, the kernel will not answer
// with unreachable either; that is logged, since the two would share the traffic.
//
// What this cannot silence: a kernel whose ip_gre module is loaded answers GRE itself.

#include <stdint.h>

#define DP_GUARD_SOCKETS 6

struct dp_kernel_guard {
	int fd[DP_GUARD_SOCKETS]; // -1: not held, or could not be had
	uint16_t port[DP_GUARD_SOCKETS];
};

// Control thread.
void dp_kernel_guard_init(struct dp_kernel_guard *);
// Holds the sockets for `vxlan_port`, and for `bfd_port` unless it is 0, in the calling thread's
// network namespace. Those that are held already stay: the kernel gets no moment to answer in; what
// could not be had is tried again. Needs CAP_NET_RAW.
void dp_kernel_guard_set(struct dp_kernel_guard *, uint16_t vxlan_port, uint16_t bfd_port);
void dp_kernel_guard_close(struct dp_kernel_guard *);

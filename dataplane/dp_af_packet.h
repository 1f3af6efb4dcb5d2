// SPDX-License-Identifier: Apache-2.0
#pragma once
// What DPDK's AF_PACKET driver does not set on its sockets.
//
// A packet socket bound to an interface hears both directions: also what the host's own kernel
// sends out of it (router solicitations, ARP), which would look to the switch as if the attached
// machine had sent it. PACKET_IGNORE_OUTGOING stops that. The driver has no option for it and does
// not show its descriptors; but they are ours, so we look for them among the process's own.

#include <stdbool.h>

// Control thread, after the device was opened. Returns how many sockets of the interface were found
// and set, or -errno.
int dp_af_packet_ignore_outgoing(const char *ifname);

// The interface's MTU as the kernel has it, or -errno.
int dp_af_packet_mtu(const char *ifname);

// Whether the interface is up and has a carrier. DPDK's driver says that it always has.
bool dp_af_packet_link(const char *ifname);

// SPDX-License-Identifier: Apache-2.0
#pragma once
// What the kernel says of an interface of its own. Control thread.

#include <stdbool.h>
#include <stdint.h>

struct ifreq;

// 0 or -errno. By one socket for ever: a thousand ports are asked for each second.
int dp_af_packet_ioctl(const char *ifname, unsigned long what, struct ifreq *ifr);

// 0: none has this name here.
unsigned dp_af_packet_index(const char *ifname);

// The interface's MTU as the kernel has it, or -errno.
int dp_af_packet_mtu(const char *ifname);

// Whether the interface is up and has a carrier.
bool dp_af_packet_link(const char *ifname);

// In Mb/s; UINT32_MAX: not known.
uint32_t dp_af_packet_speed(const char *ifname);

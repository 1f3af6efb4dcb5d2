// SPDX-License-Identifier: Apache-2.0
#pragma once
// Big segments inside a tunnel that a kernel made.
//
// Between two interfaces that cut by themselves (a veth pair, a bridge) Linux' own VXLAN, Geneve,
// GRE or IP-in-IP device leaves even that to the next one: one frame with an outer header for all
// of it. The virtio-net header says TCP and no word of the tunnel, but where the checksum is that
// was left open, and that is TCP's within. So what is cut is found from there backwards, and each
// frame gets a copy of all headers, in which the outer ones, too, are made anew: lengths,
// identification, checksums. The outer UDP checksum, if there is one, needs no second sum over the
// payload: with its own checksum in place what TCP sums to is known by its pseudo header.
//
// Not cut: GRE with a checksum or sequence numbers, and tunnels in tunnels. The steps of dp_gso.h,
// which calls these. Pure; no DPDK; any thread.

#include <stdbool.h>
#include <stdint.h>

struct dp_gso;
struct virtio_net_hdr;

// g->udp says what is inside. False: it is no such frame.
bool dp_gso_tunnel_begin(
	struct dp_gso *g, const struct virtio_net_hdr *h, const uint8_t *frame, uint32_t len);
// The outer headers before a frame of `len` bytes whose inner headers are done.
void dp_gso_tunnel_head(const struct dp_gso *g, uint8_t *out, uint32_t len);

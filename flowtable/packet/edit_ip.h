// SPDX-License-Identifier: Apache-2.0
#pragma once
// set-field inside IP, its transport, ARP and neighbour discovery: edit_field.c finds out whether
// the field is there and what its new bytes are, these write them and mend the checksums. The key
// is the caller's. `new` holds weft_field_infos[f].bytes bytes.

#include "flowtable/packet/edit.h"

enum weft_drop ft_write_arp(struct weft_packet *, enum weft_field, const uint8_t *new);
enum weft_drop ft_write_ip(
	struct weft_packet *, const struct weft_flow_key *, enum weft_field, const uint8_t *new);
enum weft_drop ft_write_l4(
	struct weft_packet *, const struct weft_flow_key *, enum weft_field, const uint8_t *new);
enum weft_drop ft_write_nd(
	struct weft_packet *, const struct weft_flow_key *, enum weft_field, const uint8_t *new);

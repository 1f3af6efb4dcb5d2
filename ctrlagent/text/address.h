// SPDX-License-Identifier: Apache-2.0
#pragma once
// IP and MAC addresses as people write them.

#include <weft/types.h>

#define IP_TEXT_MAX 46 // bytes, NUL included
#define MAC_TEXT_MAX 18
#define PREFIX_TEXT_MAX (IP_TEXT_MAX + 4)

bool ip_parse(const char *text, struct weft_ip *ip); // "172.16.0.1" or "fd00::1"; not "none"
// An address, or "172.16.0.0/16" with no bit set behind the prefix.
bool prefix_parse(const char *text, struct weft_prefix *prefix);
bool mac_parse(const char *text, struct weft_mac *mac); // "02:00:00:00:00:01"

// Into `buf`, which is returned. "none" for no address.
const char *ip_format(const struct weft_ip *ip, char buf[IP_TEXT_MAX]);
// A single address without its length.
const char *prefix_format(const struct weft_prefix *prefix, char buf[PREFIX_TEXT_MAX]);
const char *mac_format(const struct weft_mac *mac, char buf[MAC_TEXT_MAX]);

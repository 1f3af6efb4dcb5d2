// SPDX-License-Identifier: Apache-2.0
#include "text/address.h"

#include <stdio.h>
#include <stdlib.h>

bool ip_parse(const char *text, struct weft_ip *ip)
{
	struct weft_ip v6;
	weft_be32 v4;

	if (inet_pton(AF_INET, text, &v4) == 1)
		*ip = weft_ip_from_v4(v4);
	else if (inet_pton(AF_INET6, text, &v6) == 1 && !weft_ip_is_none(&v6))
		*ip = v6;
	else
		return false;
	return true;
}

#define IP_BITS 128u
#define V4_OFFSET 96u

static bool is_clear_behind(const struct weft_ip *ip, uint32_t len)
{
	for (uint32_t bit = len; bit < IP_BITS; bit++)
		if (ip->b[bit / 8] & 0x80 >> bit % 8)
			return false;
	return true;
}

bool prefix_parse(const char *text, struct weft_prefix *prefix)
{
	char ip[IP_TEXT_MAX], *end = NULL;
	const char *slash = strchr(text, '/');
	size_t n = slash ? (size_t)(slash - text) : strlen(text);
	struct weft_prefix p = {.len = IP_BITS};

	if (n >= sizeof(ip))
		return false;
	snprintf(ip, sizeof(ip), "%.*s", (int)n, text);
	if (!ip_parse(ip, &p.ip))
		return false;
	if (slash) {
		bool v4 = weft_ip_is_v4(&p.ip);
		unsigned long len = strtoul(slash + 1, &end, 10);
		if (slash[1] < '0' || slash[1] > '9' || *end || len > (v4 ? 32 : IP_BITS))
			return false;
		p.len = (uint32_t)len + (v4 ? V4_OFFSET : 0);
	}
	if (!is_clear_behind(&p.ip, p.len))
		return false;
	*prefix = p;
	return true;
}

const char *prefix_format(const struct weft_prefix *prefix, char buf[PREFIX_TEXT_MAX])
{
	char ip[IP_TEXT_MAX];

	ip_format(&prefix->ip, ip);
	if (prefix->len == IP_BITS)
		snprintf(buf, PREFIX_TEXT_MAX, "%s", ip);
	else
		snprintf(buf, PREFIX_TEXT_MAX, "%s/%u", ip,
			prefix->len - (weft_ip_is_v4(&prefix->ip) ? V4_OFFSET : 0));
	return buf;
}

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool mac_parse(const char *text, struct weft_mac *mac)
{
	struct weft_mac m;

	if (strlen(text) != MAC_TEXT_MAX - 1)
		return false;
	for (unsigned i = 0; i < 6; i++, text += 3) {
		int hi = hex(text[0]), lo = hex(text[1]);
		if (hi < 0 || lo < 0 || text[2] != (i < 5 ? ':' : 0))
			return false;
		m.b[i] = (uint8_t)(hi << 4 | lo);
	}
	*mac = m;
	return true;
}

const char *ip_format(const struct weft_ip *ip, char buf[IP_TEXT_MAX])
{
	if (weft_ip_is_none(ip))
		strcpy(buf, "none");
	else if (weft_ip_is_v4(ip))
		inet_ntop(AF_INET, &ip->b[12], buf, IP_TEXT_MAX);
	else
		inet_ntop(AF_INET6, ip->b, buf, IP_TEXT_MAX);
	return buf;
}

const char *mac_format(const struct weft_mac *mac, char buf[MAC_TEXT_MAX])
{
	const uint8_t *b = mac->b;

	snprintf(buf, MAC_TEXT_MAX, "%02x:%02x:%02x:%02x:%02x:%02x", b[0], b[1], b[2], b[3], b[4],
		b[5]);
	return buf;
}

// SPDX-License-Identifier: Apache-2.0
// Lets another program check the library: commands on stdin, an answer per line on stdout.
//
//	decap HEX
//		inner ENCAP ID FLOWID TOS TTL VID SRC DST HEX, or
//		foreign, or pullup, or drop REASON
//	encap ENCAP ID LOCAL REMOTE VID TTL DSCP PORT CSUM HASH IPID HEX
//		HEX, or error WHY
//	hash HEX
//		the flow hash, decimal
//
// The VTEP is 198.51.100.2 and 2001:db8::2, and takes zero checksums over IPv6. MAC addresses are
// 02:00:00:00:00:01 (ours) and :02 (next hop). Exits 1 on a line that it does not understand.

#include "overlay/decap.h"
#include "overlay/encap.h"
#include "overlay/flow_hash.h"

#include <stdio.h>
#include <stdlib.h>

#define ROOM 128u
#define MAX 65536u

static uint8_t frame[ROOM + MAX];

static uint32_t read_hex(const char *hex)
{
	uint32_t n = 0;
	unsigned byte;

	for (; n < MAX && sscanf(hex, "%2x", &byte) == 1; hex += 2)
		frame[ROOM + n++] = (uint8_t)byte;
	return n;
}

static void print_hex(const uint8_t *p, uint32_t n)
{
	for (; n; n--)
		printf("%02x", *p++);
	printf("\n");
}

static void print_ip(const struct weft_ip *ip)
{
	char text[INET6_ADDRSTRLEN];
	bool v4 = weft_ip_is_v4(ip);

	printf("%s ",
		inet_ntop(v4 ? AF_INET : AF_INET6, v4 ? &ip->b[12] : ip->b, text, sizeof(text)));
}

static bool parse_ip(const char *text, struct weft_ip *ip)
{
	weft_be32 v4;

	if (inet_pton(AF_INET, text, &v4) != 1)
		return inet_pton(AF_INET6, text, ip->b) == 1;
	*ip = weft_ip_from_v4(v4);
	return true;
}

static enum weft_encap parse_encap(const char *name)
{
	return strcmp(name, "vxlan") == 0   ? WEFT_ENCAP_VXLAN
	       : strcmp(name, "nvgre") == 0 ? WEFT_ENCAP_NVGRE
					    : WEFT_ENCAP_NONE;
}

static const char *drop_name(unsigned reason)
{
	static const char *const names[] = {
#define WEFT_X(id, name, text) name,
		WEFT_DROPS(WEFT_X)
#undef WEFT_X
	};
	return names[reason];
}

static void print_rx(const struct overlay_rx *rx)
{
	printf("inner %s %u %u %u %u %u ", rx->encap == WEFT_ENCAP_VXLAN ? "vxlan" : "nvgre",
		rx->vni, rx->flow_id, rx->tos, rx->ttl, rx->outer_vid);
	print_ip(&rx->src);
	print_ip(&rx->dst);
	print_hex(frame + ROOM + rx->inner_ofs, rx->inner_len);
}

static void do_decap(const char *hex)
{
	struct overlay_vtep vtep = {.vxlan_port = 4789, .nvgre = true, .udp6_zero_csum_ok = true};
	struct weft_packet pkt = {.data = frame + ROOM};
	struct overlay_rx rx;

	parse_ip("198.51.100.2", &vtep.ipv4);
	parse_ip("2001:db8::2", &vtep.ipv6);
	pkt.len = pkt.total_len = read_hex(hex);
	switch (overlay_decap(&vtep, &pkt, 0, &rx)) {
	case OVERLAY_INNER:
		print_rx(&rx);
		break;
	case OVERLAY_DROP:
		printf("drop %s\n", drop_name(rx.drop));
		break;
	case OVERLAY_FOREIGN:
		printf("foreign\n");
		break;
	case OVERLAY_PULLUP:
		printf("pullup\n");
		break;
	case OVERLAY_FRAGMENT: // not asked for
		printf("fragment\n");
		break;
	}
}

static bool do_encap(const char *args)
{
	struct overlay_tunnel u = {
		.src_mac = {{2, 0, 0, 0, 0, 1}}, .dst_mac = {{2, 0, 0, 0, 0, 2}}};
	unsigned vid, ttl, dscp, port, csum, hash, ip_id;
	char encap[8], local[64], remote[64];
	struct overlay_template t;
	const char *why;
	uint32_t len;
	int at = 0;

	if (sscanf(args, "%7s %u %63s %63s %u %u %u %u %u %u %u %n", encap, &u.vni, local, remote,
		    &vid, &ttl, &dscp, &port, &csum, &hash, &ip_id, &at) != 11)
		return false;
	if (!parse_ip(local, &u.local) || !parse_ip(remote, &u.remote))
		return false;
	u.encap = parse_encap(encap);
	u.vlan = vid != 0;
	u.vlan_vid = (uint16_t)vid;
	u.ttl = (uint8_t)ttl;
	u.dscp = (uint8_t)dscp;
	u.udp_port = (uint16_t)port;
	u.udp_csum = csum;
	if (overlay_template_build(&t, &u, &why)) {
		printf("error %s\n", why);
		return true;
	}
	len = read_hex(args + at);
	if (!overlay_encap(&t, frame + ROOM, len, hash, (uint16_t)ip_id)) {
		printf("error too long\n");
		return true;
	}
	overlay_udp_csum(&t, frame + ROOM - t.len, len);
	print_hex(frame + ROOM - t.len, t.len + len);
	return true;
}

static bool run(const char *line)
{
	if (strncmp(line, "decap ", 6) == 0)
		do_decap(line + 6);
	else if (strncmp(line, "hash ", 5) == 0)
		printf("%u\n", overlay_flow_hash(frame + ROOM, read_hex(line + 5), 1));
	else
		return strncmp(line, "encap ", 6) == 0 && do_encap(line + 6);
	return true;
}

int main(void)
{
	char *line = NULL;
	size_t room = 0;

	while (getline(&line, &room, stdin) > 0) {
		if (!run(line)) {
			fprintf(stderr, "not understood: %.60s\n", line);
			free(line);
			return 1;
		}
	}
	free(line);
	return 0;
}

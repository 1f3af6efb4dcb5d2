// SPDX-License-Identifier: Apache-2.0
// Configuration time: from what a tunnel is to the bytes of its header.

#include "overlay/encap.h"

#include "overlay/checksum.h"
#include "overlay/ecn.h"

#include <errno.h>

#define DYNAMIC_PORT_MIN 49152u
#define DYNAMIC_PORT_MAX 65535u
#define DEFAULT_TTL 64u
#define IP_LEN_MAX 65535u

static bool is_zero_mac(const struct weft_mac *mac)
{
	static const struct weft_mac zero;

	return weft_mac_equal(mac, &zero);
}

// What is wrong with the addresses, or NULL.
static const char *check_addresses(const struct overlay_tunnel *u)
{
	if (weft_ip_is_none(&u->local) || weft_ip_is_multicast(&u->local))
		return "local: expected a unicast IP address";
	if (weft_ip_is_none(&u->remote))
		return "remote: expected an IP address";
	if (weft_ip_is_v4(&u->local) != weft_ip_is_v4(&u->remote))
		return "remote: expected an address of the same family as local";
	if (is_zero_mac(&u->src_mac) || weft_mac_is_multicast(&u->src_mac))
		return "src_mac: expected a unicast MAC address";
	if (is_zero_mac(&u->dst_mac))
		return "dst_mac: expected a MAC address";
	return NULL;
}

static const char *check(const struct overlay_tunnel *u)
{
	if (u->encap != WEFT_ENCAP_VXLAN && u->encap != WEFT_ENCAP_NVGRE)
		return "encap: expected VXLAN or NVGRE";
	if (u->encap == WEFT_ENCAP_VXLAN && u->vni > WEFT_VNI_MAX)
		return "vni: expected 0 to 16777215";
	if (u->encap == WEFT_ENCAP_NVGRE && (u->vni < WEFT_VSID_MIN || u->vni > WEFT_VSID_MAX))
		return "vni: expected a VSID from 4096 to 16777214";
	if (u->vlan && (u->vlan_vid < 1 || u->vlan_vid > 4094 || u->vlan_pcp > 7))
		return "vlan: expected a VID from 1 to 4094 and a PCP from 0 to 7";
	if (u->dscp > 63)
		return "dscp: expected 0 to 63";
	if (u->src_port_min > u->src_port_max || (!u->src_port_min && u->src_port_max))
		return "src_port: expected a range from 1 to 65535";
	return check_addresses(u);
}

static uint8_t *put_ethernet(uint8_t *p, const struct overlay_tunnel *u)
{
	memcpy(p, u->dst_mac.b, 6);
	memcpy(p + 6, u->src_mac.b, 6);
	p += 12;
	if (u->vlan) {
		overlay_put16(p, OVERLAY_ETHERTYPE_VLAN);
		overlay_put16(p + 2, (uint16_t)(u->vlan_pcp << 13 | u->vlan_vid));
		p += OVERLAY_VLAN_LEN;
	}
	overlay_put16(
		p, weft_ip_is_v4(&u->local) ? OVERLAY_ETHERTYPE_IPV4 : OVERLAY_ETHERTYPE_IPV6);
	return p + 2;
}

static uint8_t *put_ipv4(uint8_t *p, const struct overlay_tunnel *u, uint8_t proto, uint8_t ttl)
{
	p[0] = 0x45;
	p[1] = (uint8_t)(u->dscp << 2);
	overlay_put16(p + 6, OVERLAY_IPV4_DF);
	p[8] = ttl;
	p[9] = proto;
	memcpy(p + 12, &u->local.b[12], 4);
	memcpy(p + 16, &u->remote.b[12], 4);
	return p + OVERLAY_IPV4_LEN;
}

static uint8_t *put_ipv6(uint8_t *p, const struct overlay_tunnel *u, uint8_t proto, uint8_t ttl)
{
	overlay_put32(p, 6u << 28 | (uint32_t)u->dscp << 22);
	p[6] = proto;
	p[7] = ttl;
	memcpy(p + 8, u->local.b, 16);
	memcpy(p + 24, u->remote.b, 16);
	return p + OVERLAY_IPV6_LEN;
}

static uint8_t *put_vxlan(uint8_t *p, const struct overlay_tunnel *u)
{
	overlay_put16(p + 2, u->udp_port ? u->udp_port : OVERLAY_VXLAN_PORT);
	p += OVERLAY_UDP_LEN;
	p[0] = OVERLAY_VXLAN_I;
	overlay_put32(p + 4, u->vni << 8);
	return p + OVERLAY_VXLAN_LEN;
}

static uint8_t *put_nvgre(uint8_t *p, const struct overlay_tunnel *u)
{
	overlay_put16(p, OVERLAY_GRE_K);
	overlay_put16(p + 2, OVERLAY_ETHERTYPE_TEB);
	overlay_put32(p + 4, u->vni << 8);
	return p + OVERLAY_NVGRE_LEN;
}

static void set_ports(struct overlay_template *t, const struct overlay_tunnel *u)
{
	uint16_t max = u->src_port_max ? u->src_port_max : DYNAMIC_PORT_MAX;

	t->port_base = u->src_port_min ? u->src_port_min : DYNAMIC_PORT_MIN;
	t->port_count = (uint16_t)(max - t->port_base + 1);
}

int overlay_template_build(
	struct overlay_template *t, const struct overlay_tunnel *tunnel, const char **why)
{
	const char *wrong = check(tunnel);
	bool vxlan = tunnel->encap == WEFT_ENCAP_VXLAN;
	uint8_t proto = vxlan ? OVERLAY_PROTO_UDP : OVERLAY_PROTO_GRE;
	uint8_t ttl = tunnel->ttl ? tunnel->ttl : DEFAULT_TTL;
	uint8_t *l3, *l4, *end;

	if (wrong) {
		if (why)
			*why = wrong;
		return -EINVAL;
	}
	memset(t, 0, sizeof(*t));
	t->encap = (uint8_t)tunnel->encap;
	t->v6 = !weft_ip_is_v4(&tunnel->local);
	t->udp_csum = vxlan && tunnel->udp_csum;
	t->any_network = tunnel->any_network;
	t->tos = (uint8_t)(tunnel->dscp << 2);
	t->tos_mask = (uint8_t)((tunnel->dscp_uniform ? OVERLAY_DSCP_MASK : 0) |
				(tunnel->ecn ? OVERLAY_ECN_MASK : 0));
	l3 = put_ethernet(t->header, tunnel);
	l4 = t->v6 ? put_ipv6(l3, tunnel, proto, ttl) : put_ipv4(l3, tunnel, proto, ttl);
	end = vxlan ? put_vxlan(l4, tunnel) : put_nvgre(l4, tunnel);
	t->len = (uint8_t)(end - t->header);
	t->l3_ofs = (uint8_t)(l3 - t->header);
	t->l4_ofs = (uint8_t)(l4 - t->header);
	t->ip_sum = weft_csum_fold(weft_csum_partial(l3, OVERLAY_IPV4_LEN, 0));
	// The IPv4 length counts its header, the IPv6 length and the UDP length do not.
	t->max_inner = IP_LEN_MAX - (uint32_t)(end - (t->v6 ? l4 : l3));
	set_ports(t, tunnel);
	return 0;
}

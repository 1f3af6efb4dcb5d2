// SPDX-License-Identifier: Apache-2.0
#include "config/schema.h"

#include "config/config.h"

static const char *const kinds[] = {
#define WEFT_X(id, name, text) #name,
	WEFT_PORT_KINDS(WEFT_X)
#undef WEFT_X
		NULL};

// A bond is an uplink, not a port.
static const char *const port_kinds[] = {
#define WEFT_X(id, name, text) WEFT_PORT_KIND_##id == WEFT_PORT_KIND_BOND ? NULL : #name,
	WEFT_PORT_KINDS(WEFT_X)
#undef WEFT_X
		NULL};
static_assert(WEFT_PORT_KIND_BOND + 1 == WEFT_PORT_KIND_MAX, "the names end before it");

static const char *const bond_modes[] = {
#define WEFT_X(id, name) #name,
	WEFT_BOND_MODES(WEFT_X)
#undef WEFT_X
		NULL};

static const char *const lacp_rates[] = {"slow", "fast", NULL};
static const char *const tenant_kinds[] = {"tenant", "provider", NULL};
static const char *const encaps[] = {"none", "vxlan", "nvgre", NULL};
static const char *const zero_checksums[] = {"accept", "ipv4", "refuse", NULL};
static const char *const too_bigs[] = {"icmp", "fragment", "drop", NULL};
static const char *const dscp_modes[] = {"pipe", "uniform", NULL};
static const char *const offload_modes[] = {"auto", "off", NULL};
static const char *const fail_modes[] = {"secure", "standalone", NULL};

// clang-format off
#define AT(type, member) offsetof(struct type, member)
#define LIST(type, member, count) .offset = AT(type, member), .count_offset = AT(type, count)
#define NUMBER(lo, hi, default) .kind = SCHEMA_NUMBER, .min = (lo), .max = (hi), .standard = (default)
#define NAME(longest) .kind = SCHEMA_NAME, .max = (longest)
#define STRING(longest) .kind = SCHEMA_STRING, .max = (longest)
#define YES_NO(default) .kind = SCHEMA_BOOL, .standard = (default)
#define CHOICE(of, default) .kind = SCHEMA_ENUM, .names = (of), .standard = (default)

static const char *const bfd_modes[] = {"none", "single_hop", "multihop", "vxlan", NULL};

static const struct schema_field bfd_fields[] = {
	{"mode", CHOICE(bfd_modes, WEFT_BFD_NONE), .offset = AT(config_bfd, mode), .required = true,
	 .help = "RFC 5881, RFC 5883, or inside VXLAN by RFC 8971"},
	{"interval", NUMBER(1, 10000, 300), .offset = AT(config_bfd, interval_ms),
	 .help = "milliseconds between control packets"},
	{"multiplier", NUMBER(1, 255, 3), .offset = AT(config_bfd, multiplier),
	 .help = "so many intervals of silence are an alarm"},
	{"vni", NUMBER(0, WEFT_VNI_MAX, 1), .offset = AT(config_bfd, vni),
	 .help = "VXLAN network of the sessions in mode vxlan; of no tenant"},
	{"learned", YES_NO(0), .offset = AT(config_bfd, learned),
	 .help = "also with VTEPs that were learned"},
	{0}};
static const struct schema bfd = {sizeof(struct config_bfd), bfd_fields};

static const struct schema_field host_fields[] = {
	{"name", NAME(WEFT_NAME_MAX), .offset = AT(config_host, name), .required = true,
	 .help = "of this host, in logs and OpenFlow descriptions"},
	{"vtep", SCHEMA_IP, .offset = AT(config_host, vtep),
	 .help = "own address in the underlay; tenants with an overlay need it"},
	{"vtep6", SCHEMA_IP, .offset = AT(config_host, vtep6),
	 .help = "a second own address, IPv6, beside an IPv4 vtep"},
	{"vxlan_port", NUMBER(1, 65535, 4789), .offset = AT(config_host, vxlan_port),
	 .help = "UDP destination port of VXLAN"},
	{"udp_checksum", YES_NO(0), .offset = AT(config_host, udp_checksum),
	 .help = "send outer UDP checksums"},
	{"udp6_checksum", YES_NO(0), .offset = AT(config_host, udp6_checksum),
	 .help = "send them over IPv6, even if not over IPv4"},
	{"zero_checksum", CHOICE(zero_checksums, WEFT_ZERO_CSUM_ACCEPT),
	 .offset = AT(config_host, zero_checksum),
	 .help = "VXLAN packets that come without a UDP checksum: accept, over ipv4 alone, refuse"},
	{"reassemble", NUMBER(0, 65535, 0), .offset = AT(config_host, reassemble),
	 .help = "outer datagrams that each worker puts together from fragments at once; 0: none"},
	{"path_mtu_age", NUMBER(1, 86400, 600), .offset = AT(config_host, path_mtu_age_s),
	 .help = "seconds for which a router's word on a path's MTU holds"},
	{"ttl", NUMBER(1, 255, 64), .offset = AT(config_host, ttl),
	 .help = "TTL or hop limit of outer headers"},
	{"fdb_age", NUMBER(1, 1000000, 300), .offset = AT(config_host, fdb_age_s),
	 .help = "seconds without a packet after which a learned MAC is forgotten"},
	{"bfd", SCHEMA_MAP, .offset = AT(config_host, bfd), .sub = &bfd,
	 .help = "with each remote VTEP: is it alive?"},
	{0}};
static const struct schema host = {sizeof(struct config_host), host_fields};

static const struct schema_field uplink_fields[] = {
	{"name", NAME(15), .offset = AT(config_uplink, name), .required = true,
	 .help = "of the uplink; also of the TAP to the kernel, unless af_packet"},
	{"kind", CHOICE(kinds, 0), .offset = AT(config_uplink, kind), .required = true,
	 .help = "how frames get in and out"},
	{"device", STRING(WEFT_DEVICE_MAX), .offset = AT(config_uplink, device),
	 .help = "interface, PCI address, file or socket, as the kind wants it"},
	{"mode", CHOICE(bond_modes, UINT32_MAX), .offset = AT(config_uplink, mode),
	 .help = "of a bond: how its members are one"},
	{"lacp_rate", CHOICE(lacp_rates, CONFIG_LACP_SLOW), .offset = AT(config_uplink, lacp_rate),
	 .help = "of mode lacp: fast asks for a LACPDU a second, and misses a silent partner after 3"},
	{"members", SCHEMA_STRINGS, LIST(config_uplink, members, member_count),
	 .max = WEFT_BOND_MEMBER_MAX,
	 .help = "of a bond: interfaces of the kernel, or PCI addresses"},
	{"kernel_interface", NAME(15), .offset = AT(config_uplink, kernel_interface),
	 .help = "kernel's interface with the VTEP address, if it is neither device nor TAP"},
	{"mtu", NUMBER(68, 65000, 0), .offset = AT(config_uplink, mtu),
	 .help = "IP bytes; if absent, the device's own"},
	{"queues", NUMBER(1, 64, 0), .offset = AT(config_uplink, queues),
	 .help = "receive queues; if absent, one a worker"},
	{"offload", CHOICE(offload_modes, CONFIG_OFFLOAD_AUTO), .offset = AT(config_uplink, offload),
	 .help = "segmentation and checksums: to the card, as far as it can, or all in software"},
	{0}};
static const struct schema uplink = {sizeof(struct config_uplink), uplink_fields};

static const struct schema_field storm_fields[] = {
	{"broadcast", NUMBER(1, 100000000, 0), .offset = AT(config_storm, broadcast),
	 .help = "broadcasts a second; if absent, any number"},
	{"multicast", NUMBER(1, 100000000, 0), .offset = AT(config_storm, multicast),
	 .help = "multicasts a second; if absent, any number"},
	{"unknown", NUMBER(1, 100000000, 0), .offset = AT(config_storm, unknown),
	 .help = "unicasts to unknown MAC addresses a second; if absent, any number"},
	{0}};
static const struct schema storm = {sizeof(struct config_storm), storm_fields};

static const struct schema_field port_fields[] = {
	{"name", NAME(15), .offset = AT(config_port, name), .required = true,
	 .help = "unique in the tenant; OpenFlow shows it"},
	{"number", NUMBER(1, WEFT_OFPORT_OVERLAY - 1, 0), .offset = AT(config_port, number),
	 .required = true, .help = "OpenFlow port number"},
	{"kind", CHOICE(port_kinds, 0), .offset = AT(config_port, kind), .required = true,
	 .help = "how frames get in and out"},
	{"device", STRING(WEFT_DEVICE_MAX), .offset = AT(config_port, device),
	 .help = "interface, TAP name, socket or file, as the kind wants it"},
	{"mtu", NUMBER(68, 65000, 0), .offset = AT(config_port, mtu),
	 .help = "IP bytes; if absent, the device's own"},
	{"queues", NUMBER(1, 64, 0), .offset = AT(config_port, queues),
	 .help = "receive queues; if absent, one a worker"},
	{"macs", NUMBER(1, 10000000, 0), .offset = AT(config_port, macs),
	 .help = "MAC addresses that may be learned there; if absent, the tenant's quota"},
	{"storm", SCHEMA_MAP, .offset = AT(config_port, storm), .sub = &storm,
	 .help = "what of a storm may come in there"},
	{0}};
static const struct schema port = {sizeof(struct config_port), port_fields};

static const struct schema_field fdb_fields[] = {
	{"mac", SCHEMA_MAC, .offset = AT(config_fdb, mac), .required = true,
	 .help = "address of a VM"},
	{"vlan", NUMBER(1, 4094, 0), .offset = AT(config_fdb, vlan),
	 .help = "inner VLAN; if absent, untagged"},
	{"vtep", SCHEMA_IP, .offset = AT(config_fdb, vtep),
	 .help = "it is behind this remote VTEP"},
	{"port", NAME(15), .offset = AT(config_fdb, port),
	 .help = "or behind this port"},
	{0}};
static const struct schema fdb = {sizeof(struct config_fdb), fdb_fields};

static const struct schema_field neighbour_fields[] = {
	{"ip", SCHEMA_IP, .offset = AT(config_neighbour, ip), .required = true,
	 .help = "address of a VM, IPv4 or IPv6"},
	{"vlan", NUMBER(1, 4094, 0), .offset = AT(config_neighbour, vlan),
	 .help = "inner VLAN; if absent, untagged"},
	{"mac", SCHEMA_MAC, .offset = AT(config_neighbour, mac), .required = true,
	 .help = "its MAC address"},
	{0}};
static const struct schema neighbour = {sizeof(struct config_neighbour), neighbour_fields};

static const struct schema_field moves_fields[] = {
	{"most", NUMBER(0, 1000000, 5), .offset = AT(config_moves, most),
	 .help = "so often may a MAC address move; 0: any number"},
	{"within", NUMBER(1, 86400, 180), .offset = AT(config_moves, within_s),
	 .help = "in so many seconds"},
	{"hold", NUMBER(1, 86400, 180), .offset = AT(config_moves, hold_s),
	 .help = "or it is held where it is for so many"},
	{0}};
static const struct schema moves = {sizeof(struct config_moves), moves_fields};

static const char *const unregistereds[] = {"flood", "routers", NULL};

static const struct schema_field multicast_fields[] = {
	{"snoop", YES_NO(0), .offset = AT(config_multicast, snoop),
	 .help = "read IGMP and MLD, and send multicast to those who listen"},
	{"unregistered", CHOICE(unregistereds, 0), .offset = AT(config_multicast, unregistered),
	 .help = "groups that nobody has asked for: flood, or to routers alone"},
	{"querier", YES_NO(1), .offset = AT(config_multicast, querier),
	 .help = "ask this host's machines what they listen to, where no router does"},
	{"querier_address", SCHEMA_IP, .offset = AT(config_multicast, querier_address),
	 .help = "IPv4 source of these questions; if absent, 0.0.0.0"},
	{"age", NUMBER(5, 86400, 260), .offset = AT(config_multicast, age_s),
	 .help = "seconds after which a listener or router that is not heard again is forgotten"},
	{"leave", NUMBER(0, 60, 2), .offset = AT(config_multicast, leave_s),
	 .help = "and one that has left, if nobody else is there; 0: at once"},
	{"groups", NUMBER(1, 65536, 1024), .offset = AT(config_multicast, groups),
	 .help = "that the tenant's machines listen to"},
	{"port_groups", NUMBER(1, 65536, 256), .offset = AT(config_multicast, port_groups),
	 .help = "that one port listens to"},
	{"router_ports", SCHEMA_STRINGS, LIST(config_multicast, router_ports, router_port_count),
	 .max = WEFT_NAME_MAX, .help = "ports with a multicast router, whether it is heard or not; at most 4"},
	{"router_vteps", SCHEMA_IPS, LIST(config_multicast, router_vteps, router_vtep_count),
	 .help = "remote VTEPs with one behind them; at most 4"},
	{0}};
static const struct schema multicast = {sizeof(struct config_multicast), multicast_fields};

static const struct schema_field quota_fields[] = {
	{"rules", NUMBER(0, 100000000, 100000), .offset = AT(config_quotas, rules),
	 .help = "flow table entries"},
	{"groups", NUMBER(0, 10000000, 1000), .offset = AT(config_quotas, groups),
	 .help = "groups"},
	{"meters", NUMBER(0, 10000000, 1000), .offset = AT(config_quotas, meters),
	 .help = "meters"},
	{"macs", NUMBER(0, 10000000, 4096), .offset = AT(config_quotas, macs),
	 .help = "MAC addresses, learned and static"},
	{"packet_in", NUMBER(0, 10000000, 1000), .offset = AT(config_quotas, packet_in),
	 .help = "packet-ins a second, in equal shares for those who ask for more"},
	{"packet_in_burst", NUMBER(1, 10000000, 0), .offset = AT(config_quotas, packet_in_burst),
	 .help = "packet-ins at once; if absent, a second's worth"},
	{0}};
static const struct schema quotas = {sizeof(struct config_quotas), quota_fields};

static const struct schema_field tls_fields[] = {
	{"key", STRING(CONFIG_PATH_MAX), .offset = AT(config_tls, key), .required = true,
	 .help = "file of the private key, PEM"},
	{"cert", STRING(CONFIG_PATH_MAX), .offset = AT(config_tls, cert), .required = true,
	 .help = "file of the certificate, PEM"},
	{"ca", STRING(CONFIG_PATH_MAX), .offset = AT(config_tls, ca), .required = true,
	 .help = "file of the CA that signed the controllers' certificates, PEM"},
	{0}};
static const struct schema tls = {sizeof(struct config_tls), tls_fields};

static const struct schema_field switch_fields[] = {
	{"dpid", SCHEMA_DPID, .offset = AT(config_switch, dpid),
	 .help = "datapath id, 16 hexadecimal digits in quotes; needed with controllers"},
	{"controllers", SCHEMA_STRINGS, LIST(config_switch, controllers, controller_count),
	 .max = CONFIG_PATH_MAX,
	 .help = "tcp:IP[:PORT], ssl:…, unix:PATH; passive: ptcp:[PORT][:IP], pssl:…, punix:PATH"},
	{"fail_mode", CHOICE(fail_modes, UINT32_MAX), .offset = AT(config_switch, fail_mode),
	 .help = "with no controller: keep the rules, or be a learning switch; "
		 "if absent, secure with controllers, else standalone"},
	{"inactivity", NUMBER(0, 86400, 15), .offset = AT(config_switch, inactivity_s),
	 .help = "seconds of silence before an echo request; 0: never"},
	{"max_backoff", NUMBER(1, 3600, 8), .offset = AT(config_switch, max_backoff_s),
	 .help = "longest wait in seconds before connecting again"},
	{"tls", SCHEMA_MAP, .offset = AT(config_switch, tls), .sub = &tls,
	 .help = "for ssl: and pssl:"},
	{0}};
static const struct schema sw = {sizeof(struct config_switch), switch_fields};

static const struct schema_field tenant_fields[] = {
	{"name", NAME(WEFT_NAME_MAX), .offset = AT(config_tenant, name), .required = true,
	 .help = "of the tenant"},
	{"kind", CHOICE(tenant_kinds, WEFT_TENANT_KIND_TENANT), .offset = AT(config_tenant, kind),
	 .help = "tenant: one network, and rules cannot leave it; provider: rules set tun_id and tun_dst"},
	{"encap", CHOICE(encaps, WEFT_ENCAP_NONE), .offset = AT(config_tenant, encap),
	 .help = "how its frames travel between hosts; none: not at all"},
	{"vni", NUMBER(0, WEFT_VNI_MAX, 0), .offset = AT(config_tenant, vni),
	 .help = "VXLAN network identifier"},
	{"vsid", NUMBER(WEFT_VSID_MIN, WEFT_VSID_MAX, 0), .offset = AT(config_tenant, vsid),
	 .help = "NVGRE virtual subnet id"},
	{"vnis", .kind = SCHEMA_RANGES, .max = WEFT_VNI_MAX, LIST(config_tenant, vnis, vni_count),
	 .help = "of a provider: VNIs, ranges of them, or rest: all that nobody else has here"},
	{"vsids", .kind = SCHEMA_RANGES, .min = WEFT_VSID_MIN, .max = WEFT_VSID_MAX,
	 LIST(config_tenant, vsids, vsid_count), .help = "of a provider: VSIDs, likewise"},
	{"peers", .kind = SCHEMA_PREFIXES, LIST(config_tenant, peers, peer_count),
	 .help = "of a provider: remote VTEPs, prefixes of them, or any: who may send, and be sent to"},
	{"vtep_age", NUMBER(0, 1000000, 300), .offset = AT(config_tenant, vtep_age_s),
	 .help = "of a provider: seconds after which a VTEP of a prefix that nothing is sent to is forgotten; 0: never"},
	{"learn", YES_NO(1), .offset = AT(config_tenant, learn),
	 .help = "learn MAC addresses from packets; for a provider, false if absent"},
	{"inner_vlan", YES_NO(0), .offset = AT(config_tenant, inner_vlan),
	 .help = "let VLAN tags into and out of the overlay; for a provider, true if absent"},
	{"any_vtep", YES_NO(0), .offset = AT(config_tenant, any_vtep),
	 .help = "accept encapsulated packets from sources that are not in vteps"},
	{"suppress", YES_NO(0), .offset = AT(config_tenant, suppress),
	 .help = "answer ARP and neighbour discovery from known bindings, where they would be replicated"},
	{"moves", SCHEMA_MAP, .offset = AT(config_tenant, moves), .sub = &moves,
	 .help = "when a MAC address that changes its place is a duplicate"},
	{"mtu", NUMBER(68, 65535, 0), .offset = AT(config_tenant, mtu),
	 .help = "IP bytes of the tenant's frames; if absent, what each path allows"},
	{"too_big", CHOICE(too_bigs, WEFT_TOO_BIG_ICMP), .offset = AT(config_tenant, too_big),
	 .help = "packets too big for their way: icmp to the sender, fragment the outer packet, drop"},
	{"dscp", NUMBER(0, 63, 0), .offset = AT(config_tenant, dscp),
	 .help = "of outer headers; with dscp_mode uniform, of frames that are not IP"},
	{"dscp_mode", CHOICE(dscp_modes, 0), .offset = AT(config_tenant, dscp_mode),
	 .help = "pipe: outer and inner DSCP are apart; uniform: copied into and out of the overlay"},
	{"ecn", YES_NO(1), .offset = AT(config_tenant, ecn),
	 .help = "outer headers bear the inner ECN field (RFC 6040), else Not-ECT"},
	{"quotas", SCHEMA_MAP, .offset = AT(config_tenant, quotas), .sub = &quotas,
	 .help = "what it may use"},
	{"vteps", SCHEMA_IPS, LIST(config_tenant, vteps, vtep_count),
	 .help = "remote VTEPs: where broadcasts go, and who may send; with group they may be learned"},
	{"group", SCHEMA_IP, .offset = AT(config_tenant, group),
	 .help = "multicast group of the underlay, where broadcasts go instead of to each VTEP"},
	{"learn_vteps", NUMBER(0, 4096, 0), .offset = AT(config_tenant, learn_vteps),
	 .help = "of a tenant with group: so many VTEPs it learns from what they send; if absent, 256 without vteps, 0 with them"},
	{"multicast", SCHEMA_MAP, .offset = AT(config_tenant, multicast), .sub = &multicast,
	 .help = "of the tenant's machines: to whom it goes"},
	{"fdb", SCHEMA_MAPS, LIST(config_tenant, fdb, fdb_count), .sub = &fdb,
	 .help = "static MAC addresses"},
	{"neighbours", SCHEMA_MAPS, LIST(config_tenant, neighbours, neighbour_count), .sub = &neighbour,
	 .help = "static bindings of IP to MAC addresses, for suppress"},
	{"switch", SCHEMA_MAP, .offset = AT(config_tenant, sw), .sub = &sw,
	 .help = "its OpenFlow side"},
	{"ports", SCHEMA_MAPS, LIST(config_tenant, ports, port_count), .sub = &port,
	 .help = "its ports on this host"},
	{0}};
static const struct schema tenant = {sizeof(struct config_tenant), tenant_fields};

static const struct schema_field config_fields[] = {
	{"host", SCHEMA_MAP, .offset = AT(config, host), .sub = &host, .required = true,
	 .help = "this host"},
	{"uplinks", SCHEMA_MAPS, LIST(config, uplinks, uplink_count), .sub = &uplink,
	 .help = "ways to the underlay"},
	{"tenants", SCHEMA_MAPS, LIST(config, tenants, tenant_count), .sub = &tenant,
	 .help = "one virtual switch each"},
	{0}};
// clang-format on

const struct schema config_schema = {sizeof(struct config), config_fields};

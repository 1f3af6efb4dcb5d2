// SPDX-License-Identifier: Apache-2.0
#include "config/check.h"

#include <net/if.h>
#include <string.h>

#include "text/address.h"

static const char *const kind_devices[] = {
#define WEFT_X(id, name, text) text,
	WEFT_PORT_KINDS(WEFT_X)
#undef WEFT_X
};

static bool names_interface(uint32_t kind)
{
	return kind == WEFT_PORT_KIND_AF_PACKET || kind == WEFT_PORT_KIND_AF_XDP ||
	       kind == WEFT_PORT_KIND_TAP;
}

// As Linux wants it, and without its way to have a number filled in.
static bool is_interface(const char *name)
{
	return strlen(name) < IFNAMSIZ && !strpbrk(name, "/:% \t") && strcmp(name, ".") &&
	       strcmp(name, "..");
}

// `owner` is the port or uplink.
static void check_device(
	struct config_reader *r, const void *owner, uint32_t kind, const char *device)
{
	if (kind >= WEFT_PORT_KIND_MAX || kind == WEFT_PORT_KIND_BOND)
		return;
	if (!device[0] && kind != WEFT_PORT_KIND_NULL)
		config_error(r, owner, "device", "missing, expected %s", kind_devices[kind]);
	else if (names_interface(kind) && !is_interface(device))
		config_error(r, device, NULL,
			"expected an interface name of 1 to 15 characters, got \"%s\"", device);
}

// ---- addresses

bool config_is_unicast(const struct weft_ip *ip)
{
	if (weft_ip_is_v4(ip)) {
		uint32_t v4 = ntohl(weft_ip_v4(ip));
		return v4 >> 24 != 0 && v4 >> 24 != 127 && v4 >> 28 < 0xe;
	}
	static const struct weft_ip loopback = {.b = {[15] = 1}};
	return ip->b[0] != 0xff && !weft_ip_equal(ip, &loopback);
}

static void check_unicast(struct config_reader *r, const struct weft_ip *ip)
{
	char text[IP_TEXT_MAX];

	if (!weft_ip_is_none(ip) && !config_is_unicast(ip))
		config_error(r, ip, NULL, "expected a unicast address of a host, got \"%s\"",
			ip_format(ip, text));
}

static void check_host(struct config_reader *r, const struct config_host *h)
{
	check_unicast(r, &h->vtep);
	check_unicast(r, &h->vtep6);
	if (weft_ip_is_none(&h->vtep6))
		return;
	if (weft_ip_is_v4(&h->vtep6))
		config_error(r, &h->vtep6, NULL, "expected an IPv6 address");
	else if (!weft_ip_is_v4(&h->vtep))
		config_error(r, &h->vtep6, NULL, "expected an IPv4 address in host.vtep beside it");
}

bool config_has_family(const struct config_host *h, const struct weft_ip *remote)
{
	bool v4 = weft_ip_is_v4(remote);

	return (!weft_ip_is_none(&h->vtep) && weft_ip_is_v4(&h->vtep) == v4) ||
	       (!weft_ip_is_none(&h->vtep6) && !v4);
}

bool config_may_reach(const struct config_host *h, const struct weft_ip *remote)
{
	return config_has_family(h, remote) && !weft_ip_equal(remote, &h->vtep) &&
	       !weft_ip_equal(remote, &h->vtep6);
}

static void check_vteps(
	struct config_reader *r, const struct config *c, const struct config_tenant *t)
{
	struct config_values seen = {0};

	for (size_t i = 0; i < t->vtep_count; i++) {
		const struct weft_ip *ip = &t->vteps[i];
		if (weft_ip_is_none(ip))
			continue;
		check_unicast(r, ip);
		if (weft_ip_equal(ip, &c->host.vtep) || weft_ip_equal(ip, &c->host.vtep6))
			config_error(r, ip, NULL,
				"expected the address of another host, this is host.vtep");
		else if (t->encap != WEFT_ENCAP_NONE && !config_has_family(&c->host, ip))
			config_error(r, ip, NULL, "host has no VTEP address of this family");
		config_values_add(&seen, ip, ip, sizeof(*ip));
	}
	config_values_finish(r, &seen);
	if (t->vtep_count > WEFT_TENANT_VTEPS)
		config_error(r, &t->vteps, NULL, "expected at most %u", WEFT_TENANT_VTEPS);
	if (t->encap == WEFT_ENCAP_NONE && t->vtep_count)
		config_error(r, &t->vteps, NULL, "expected none, for encap is none");
}

// ---- tenants

static void check_network(
	struct config_reader *r, const struct config *c, const struct config_tenant *t)
{
	bool vni = config_is_set(r, &t->vni), vsid = config_is_set(r, &t->vsid);

	if (t->encap == WEFT_ENCAP_VXLAN && !vni)
		config_error(r, t, "vni", "missing, expected a number from 0 to %u", WEFT_VNI_MAX);
	if (t->encap == WEFT_ENCAP_NVGRE && !vsid)
		config_error(r, t, "vsid", "missing, expected a number from %u to %u",
			WEFT_VSID_MIN, WEFT_VSID_MAX);
	if (t->encap != WEFT_ENCAP_VXLAN && vni)
		config_error(r, &t->vni, NULL, "goes with encap vxlan only");
	if (t->encap != WEFT_ENCAP_NVGRE && vsid)
		config_error(r, &t->vsid, NULL, "goes with encap nvgre only");
	if (t->encap != WEFT_ENCAP_NONE && weft_ip_is_none(&c->host.vtep))
		config_error(r, &t->encap, NULL, "needs host.vtep");
}

static bool is_vtep(const struct config_tenant *t, const struct weft_ip *ip)
{
	for (size_t i = 0; i < t->vtep_count; i++)
		if (weft_ip_equal(&t->vteps[i], ip))
			return true;
	return false;
}

static void check_mac(struct config_reader *r, const struct weft_mac *mac)
{
	static const struct weft_mac none;

	if (config_is_set(r, mac) && (weft_mac_is_multicast(mac) || weft_mac_equal(mac, &none)))
		config_error(r, mac, NULL, "expected a unicast address");
}

static void check_fdb_entry(
	struct config_reader *r, const struct config_tenant *t, const struct config_fdb *f)
{
	bool vtep = !weft_ip_is_none(&f->vtep), port = f->port[0];
	char text[IP_TEXT_MAX];

	check_mac(r, &f->mac);
	if (vtep == port)
		config_error(r, f, "", "expected either vtep or port");
	else if (vtep && !is_vtep(t, &f->vtep))
		config_error(r, &f->vtep, NULL, "%s is not in the tenant's vteps",
			ip_format(&f->vtep, text));
	else if (port && !config_port_named(t, f->port))
		config_error(r, f->port, NULL, "the tenant has no port \"%s\"", f->port);
}

// MAC and VLAN together name an entry.
static void check_fdb(struct config_reader *r, const struct config_tenant *t)
{
	struct config_values seen = {0};

	static_assert(offsetof(struct config_fdb, vlan) == 8, "the name is one piece");
	for (size_t i = 0; i < t->fdb_count; i++) {
		check_fdb_entry(r, t, &t->fdb[i]);
		config_values_add(&seen, &t->fdb[i], &t->fdb[i], 12);
	}
	config_values_finish(r, &seen);
}

static void check_group(struct config_reader *r, const struct config *c, struct config_tenant *t)
{
	char text[IP_TEXT_MAX];

	if (!config_is_set(r, &t->learn_vteps))
		t->learn_vteps =
			weft_ip_is_none(&t->group) || t->vtep_count ? 0 : CONFIG_LEARN_VTEPS;
	else if (t->learn_vteps && weft_ip_is_none(&t->group))
		config_error(r, &t->learn_vteps, NULL, "goes with group only");
	if (weft_ip_is_none(&t->group))
		return;
	if (!weft_ip_is_multicast(&t->group))
		config_error(r, &t->group, NULL, "expected a multicast address, got \"%s\"",
			ip_format(&t->group, text));
	else if (t->encap == WEFT_ENCAP_NONE)
		config_error(r, &t->group, NULL, "expected none, for encap is none");
	else if (!config_has_family(&c->host, &t->group))
		config_error(r, &t->group, NULL, "host has no VTEP address of this family");
}

// VLAN and address together name a binding.
static void check_neighbours(struct config_reader *r, const struct config_tenant *t)
{
	struct config_values seen = {0};
	char text[IP_TEXT_MAX];

	static_assert(offsetof(struct config_neighbour, vlan) == 16, "the name is one piece");
	for (size_t i = 0; i < t->neighbour_count; i++) {
		const struct config_neighbour *n = &t->neighbours[i];
		if (weft_ip_is_none(&n->ip))
			continue; // was told as missing
		if (weft_ip_is_multicast(&n->ip))
			config_error(r, &n->ip, NULL, "expected an address of a host, got \"%s\"",
				ip_format(&n->ip, text));
		check_mac(r, &n->mac);
		config_values_add(&seen, n, n, 20);
	}
	config_values_finish(r, &seen);
}

static void check_ports(struct config_reader *r, const struct config_tenant *t)
{
	struct config_values names = {0}, numbers = {0};

	for (size_t i = 0; i < t->port_count; i++) {
		const struct config_port *p = &t->ports[i];
		check_device(r, p, p->kind, p->device);
		if (p->name[0])
			config_values_add(&names, p->name, p->name, strlen(p->name));
		if (p->number)
			config_values_add(&numbers, &p->number, &p->number, sizeof(p->number));
	}
	config_values_finish(r, &names);
	config_values_finish(r, &numbers);
}

static void check_routers(struct config_reader *r, const struct config_tenant *t)
{
	const struct config_multicast *m = &t->multicast;
	char text[IP_TEXT_MAX];

	if (m->router_port_count > WEFT_SNOOP_ROUTERS)
		config_error(r, m, "router_ports", "expected at most %u", WEFT_SNOOP_ROUTERS);
	if (m->router_vtep_count > WEFT_SNOOP_ROUTERS)
		config_error(r, m, "router_vteps", "expected at most %u", WEFT_SNOOP_ROUTERS);
	for (size_t i = 0; i < m->router_port_count; i++)
		if (!config_port_named(t, m->router_ports[i].text))
			config_error(r, &m->router_ports[i], NULL, "the tenant has no port \"%s\"",
				m->router_ports[i].text);
	for (size_t i = 0; i < m->router_vtep_count; i++)
		if (!is_vtep(t, &m->router_vteps[i]))
			config_error(r, &m->router_vteps[i], NULL,
				"%s is not in the tenant's vteps",
				ip_format(&m->router_vteps[i], text));
}

static void check_multicast(struct config_reader *r, const struct config_tenant *t)
{
	const struct config_multicast *m = &t->multicast;

	if (!weft_ip_is_none(&m->querier_address) && !weft_ip_is_v4(&m->querier_address))
		config_error(r, &m->querier_address, NULL, "expected an IPv4 address");
	else
		check_unicast(r, &m->querier_address);
	check_routers(r, t);
}

static void check_tenant(struct config_reader *r, const struct config *c, struct config_tenant *t)
{
	if (t->quotas.packet_in_burst == 0)
		t->quotas.packet_in_burst = t->quotas.packet_in;
	config_check_provider(r, c, t);
	check_network(r, c, t);
	check_vteps(r, c, t);
	check_group(r, c, t);
	check_multicast(r, t);
	check_fdb(r, t);
	check_neighbours(r, t);
	check_ports(r, t);
	config_check_switch(r, t);
}

static void check_bfd(struct config_reader *r, const struct config *c)
{
	for (size_t i = 0; c->host.bfd.mode == WEFT_BFD_VXLAN && i < c->tenant_count; i++)
		if (c->tenants[i].encap == WEFT_ENCAP_VXLAN &&
			config_is_set(r, &c->tenants[i].vni) &&
			c->tenants[i].vni == c->host.bfd.vni)
			config_error(r, &c->tenants[i].vni, NULL,
				"%u is host.bfd.vni, expected another one", c->host.bfd.vni);
}

// ---- the whole

static void add_device(struct config_values *devices, uint32_t kind, const char *device)
{
	if (device[0] && kind != WEFT_PORT_KIND_NULL)
		config_values_add(devices, device, device, strlen(device));
}

// The interface that its traffic with the kernel goes through, unless it is the kernel's anyway.
static const char *tap_of(const struct config *c, size_t uplink)
{
	const struct config_uplink *u = &c->uplinks[uplink];

	if (u->kind == WEFT_PORT_KIND_AF_PACKET)
		return "";
	for (size_t i = 0; i < uplink; i++)
		if (!strcmp(c->uplinks[i].name, u->name))
			return ""; // said already
	return u->kernel_interface[0] ? u->kernel_interface : u->name;
}

static void check_devices(struct config_reader *r, const struct config *c)
{
	struct config_values devices = {0};

	for (size_t i = 0; i < c->uplink_count; i++) {
		const struct config_uplink *u = &c->uplinks[i];
		add_device(&devices, u->kind, u->device);
		add_device(&devices, WEFT_PORT_KIND_TAP, tap_of(c, i));
		for (size_t j = 0; j < u->member_count; j++)
			add_device(&devices, u->kind, u->members[j].name);
	}
	for (size_t i = 0; i < c->tenant_count; i++)
		for (size_t j = 0; j < c->tenants[i].port_count; j++)
			add_device(&devices, c->tenants[i].ports[j].kind,
				c->tenants[i].ports[j].device);
	config_values_finish(r, &devices);
}

// Where controllers of one tenant connect to, those of another cannot. (Twice in one tenant is said
// with the tenant.) By address and port: config_check_listeners().
static void add_sockets(struct config_values *sockets, const struct config_tenant *t)
{
	for (size_t i = 0; i < t->sw.controller_count; i++) {
		const char *target = t->sw.controllers[i].text;
		bool again = false;

		for (size_t j = 0; j < i; j++)
			again |= !strcmp(t->sw.controllers[j].text, target);
		if (!strncmp(target, "punix:", 6) && !again)
			config_values_add(sockets, target, target, strlen(target));
	}
}

static void check_unique(struct config_reader *r, const struct config *c)
{
	struct config_values names = {0}, vnis = {0}, vsids = {0}, dpids = {0}, sockets = {0};

	for (size_t i = 0; i < c->tenant_count; i++) {
		const struct config_tenant *t = &c->tenants[i];
		if (t->name[0])
			config_values_add(&names, t->name, t->name, strlen(t->name));
		if (config_is_set(r, &t->vni))
			config_values_add(&vnis, &t->vni, &t->vni, sizeof(t->vni));
		if (config_is_set(r, &t->vsid))
			config_values_add(&vsids, &t->vsid, &t->vsid, sizeof(t->vsid));
		if (config_is_set(r, &t->sw.dpid))
			config_values_add(&dpids, &t->sw.dpid, &t->sw.dpid, sizeof(t->sw.dpid));
		add_sockets(&sockets, t);
	}
	config_values_finish(r, &names);
	config_values_finish(r, &vnis);
	config_values_finish(r, &vsids);
	config_values_finish(r, &dpids);
	config_values_finish(r, &sockets);
	config_check_listeners(r, c);
}

static void check_bond(struct config_reader *r, const struct config_uplink *u)
{
	bool mode = config_is_set(r, &u->mode), members = config_is_set(r, &u->members);

	if (config_is_set(r, &u->lacp_rate) &&
		(u->kind != WEFT_PORT_KIND_BOND || !mode || u->mode != WEFT_BOND_LACP))
		config_error(r, &u->lacp_rate, NULL, "goes with mode lacp only");
	if (u->kind != WEFT_PORT_KIND_BOND) {
		if (mode)
			config_error(r, &u->mode, NULL, "goes with kind bond only");
		if (members)
			config_error(r, &u->members, NULL, "goes with kind bond only");
		return;
	}
	if (u->device[0])
		config_error(r, u->device, NULL, "a bond has members instead");
	if (!mode)
		config_error(r, u, "mode", "missing, expected lacp, active_backup or balance");
	if (!u->member_count || u->member_count > WEFT_BOND_MEMBERS)
		config_error(r, u, "members", "expected 1 to %u", WEFT_BOND_MEMBERS);
	for (size_t i = 0; i < u->member_count; i++)
		if (strpbrk(u->members[i].name, ",/= "))
			config_error(r, u->members[i].name, NULL,
				"expected an interface or a PCI address, got \"%s\"",
				u->members[i].name);
}

static void check_uplinks(struct config_reader *r, const struct config *c)
{
	struct config_values names = {0};

	for (size_t i = 0; i < c->uplink_count; i++) {
		const struct config_uplink *u = &c->uplinks[i];
		check_device(r, u, u->kind, u->device);
		check_bond(r, u);
		if (u->name[0])
			config_values_add(&names, u->name, u->name, strlen(u->name));
	}
	config_values_finish(r, &names);
}

void config_check(struct config_reader *r, struct config *c)
{
	check_host(r, &c->host);
	check_uplinks(r, c);
	for (size_t i = 0; i < c->tenant_count; i++)
		check_tenant(r, c, &c->tenants[i]);
	check_bfd(r, c);
	check_unique(r, c);
	config_check_networks(r, c);
	check_devices(r, c);
}

// SPDX-License-Identifier: Apache-2.0
#pragma once
// The configuration file: what this host's switches shall be, declared in YAML.
//
// config_load() reads it whole, checks it whole, and gives either a configuration in which
// everything is set (defaults filled in) and consistent, or a list of errors, each of the shape
//
//	weft.yaml:12:10: tenants[1].vni: expected a number from 0 to 16777215, got "abc"
//
// It has no effect on anything. A struct config is never changed after it was read; all memory
// belongs to it and goes with config_free(). What the fields mean is told by the tables in
// schema.c, which is also where the reference text of each comes from (`weft help config`).

#include <weft/ipc.h>

#include "agent.h"
#include "config/arena.h"
#include "config/schema.h"
#include "finder.h"

#define CONFIG_DEFAULT_PATH "/etc/weft/weft.yaml"
#define CONFIG_MAX_BYTES (16u << 20)

struct config_bfd {
	uint32_t mode; // enum weft_bfd_mode
	uint32_t interval_ms;
	uint32_t multiplier;
	uint32_t vni;
	bool learned;
};

struct config_host {
	char name[WEFT_NAME_MAX + 1];
	struct weft_ip vtep;  // none: no overlay tenants
	struct weft_ip vtep6; // a second one, of the other family
	uint32_t vxlan_port;
	bool udp_checksum;
	bool udp6_checksum;
	uint32_t zero_checksum; // enum weft_zero_csum
	uint32_t reassemble;
	uint32_t path_mtu_age_s;
	uint32_t ttl;
	uint32_t fdb_age_s;
	struct config_bfd bfd;
};

struct config_member {
	char name[WEFT_BOND_MEMBER_MAX + 1];
};

enum config_lacp_rate {
	CONFIG_LACP_SLOW,
	CONFIG_LACP_FAST,
};

enum config_offload {
	CONFIG_OFFLOAD_AUTO,
	CONFIG_OFFLOAD_OFF,
};

struct config_uplink {
	char name[WEFT_NAME_MAX + 1];
	uint32_t kind; // enum weft_port_kind
	char device[WEFT_DEVICE_MAX + 1];
	uint32_t mode;      // of a bond: enum weft_bond_mode
	uint32_t lacp_rate; // enum config_lacp_rate
	struct config_member *members;
	size_t member_count;
	char kernel_interface[WEFT_NAME_MAX + 1];
	uint32_t mtu;
	uint32_t queues;
	uint32_t offload; // enum config_offload
};

struct config_storm {
	uint32_t broadcast; // packets a second; 0: any number
	uint32_t multicast;
	uint32_t unknown;
};

struct config_port {
	char name[WEFT_NAME_MAX + 1];
	uint32_t number;
	uint32_t kind;
	char device[WEFT_DEVICE_MAX + 1];
	uint32_t mtu;
	uint32_t queues;
	uint32_t macs; // 0: no limit but the tenant's
	struct config_storm storm;
};

struct config_neighbour {
	struct weft_ip ip;
	uint32_t vlan;
	struct weft_mac mac;
};

struct config_moves {
	uint32_t most; // 0: any number
	uint32_t within_s;
	uint32_t hold_s;
};

struct config_port_name {
	char text[WEFT_NAME_MAX + 1];
};

struct config_multicast {
	bool snoop;
	uint32_t unregistered; // 0: flooded, 1: to routers
	bool querier;
	struct weft_ip querier_address;
	uint32_t age_s;
	uint32_t leave_s;
	uint32_t groups;
	uint32_t port_groups;
	struct config_port_name *router_ports;
	size_t router_port_count;
	struct weft_ip *router_vteps;
	size_t router_vtep_count;
};

struct config_fdb {
	struct weft_mac mac;
	uint32_t vlan;
	struct weft_ip vtep;          // either this
	char port[WEFT_NAME_MAX + 1]; // or that
};

struct config_quotas {
	uint32_t rules;
	uint32_t groups;
	uint32_t meters;
	uint32_t macs;
	uint32_t packet_in; // a second
	uint32_t packet_in_burst;
};

#define CONFIG_PATH_MAX 255

struct config_tls {
	char key[CONFIG_PATH_MAX + 1];
	char cert[CONFIG_PATH_MAX + 1];
	char ca[CONFIG_PATH_MAX + 1];
};

struct config_target {
	char text[CONFIG_PATH_MAX + 1];
};

struct config_switch {
	uint64_t dpid;
	struct config_target *controllers;
	size_t controller_count;
	uint32_t fail_mode; // enum agent_fail_mode
	uint32_t inactivity_s;
	uint32_t max_backoff_s;
	struct config_tls tls;
};

// VTEPs that a tenant with a group and no list of them may learn.
#define CONFIG_LEARN_VTEPS 256u

struct config_tenant {
	char name[WEFT_NAME_MAX + 1];
	uint32_t kind;  // enum weft_tenant_kind
	uint32_t encap; // enum weft_encap
	uint32_t vni;
	uint32_t vsid;
	bool learn;
	bool inner_vlan;
	bool any_vtep;
	bool suppress;
	struct weft_ip group; // none: broadcasts go to each VTEP
	uint32_t learn_vteps; // so many; 0: none
	struct config_multicast multicast;
	uint32_t mtu;
	struct config_moves moves;
	uint32_t dscp;
	uint32_t dscp_mode; // 0 pipe, 1 uniform
	uint32_t too_big;   // enum weft_too_big
	bool ecn;
	struct config_quotas quotas;
	struct weft_ip *vteps;
	size_t vtep_count;
	struct config_range *vnis; // of a provider, like the next four
	size_t vni_count;
	struct config_range *vsids;
	size_t vsid_count;
	struct config_prefix *peers;
	size_t peer_count;
	uint32_t vtep_age_s;
	struct config_fdb *fdb;
	size_t fdb_count;
	struct config_neighbour *neighbours;
	size_t neighbour_count;
	struct config_switch sw;
	struct config_port *ports;
	size_t port_count;
};

struct config {
	struct arena arena;
	struct config_host host;
	struct config_uplink *uplinks;
	size_t uplink_count;
	struct config_tenant *tenants;
	size_t tenant_count;
	struct finder tenant_names;
};

// VNI or VSID, whichever the encapsulation has.
static inline uint32_t config_tenant_network(const struct config_tenant *t)
{
	return t->encap == WEFT_ENCAP_NVGRE ? t->vsid : t->vni;
}

// NULL: there is none of this name; the second: the tenant has none.
const struct config_tenant *config_tenant_named(const struct config *c, const char *name);
const struct config_port *config_port_named(const struct config_tenant *t, const char *name);

// NULL: *errors is set to one or more lines, without a final newline; free() it.
struct config *config_load(const char *path, char **errors);

// The same from memory; `name` is what errors call the file.
struct config *config_parse(const char *name, const char *text, size_t bytes, char **errors);

void config_free(struct config *config); // NULL is fine

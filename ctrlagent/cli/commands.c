// SPDX-License-Identifier: Apache-2.0
#include "cli/commands.h"

static const struct {
	const char *noun, *verb;
	request_handler_fn handler;
} commands[] = {
	{"show", "", command_show},
	{"tenant", "list", command_tenant_list},
	{"switch", "list", command_switch_list},
	{"port", "list", command_port_list},
	{"vtep", "list", command_vtep_list},
	{"underlay", "list", command_underlay_list},
	{"bfd", "list", command_bfd_list},
	{"bond", "list", command_bond_list},
	{"mtu", "list", command_mtu_list},
	{"fdb", "list", command_fdb_list},
	{"fdb", "add", command_fdb_add},
	{"fdb", "del", command_fdb_del},
	{"fdb", "flush", command_fdb_flush},
	{"fdb", "stats", command_fdb_stats},
	{"neighbour", "list", command_neighbour_list},
	{"multicast", "list", command_multicast_list},
	{"multicast", "stats", command_multicast_stats},
	{"flow", "list", command_flow_list},
	{"group", "list", command_group_list},
	{"meter", "list", command_meter_list},
	{"table", "list", command_table_list},
	{"drops", "", command_drops},
	{"worker", "list", command_worker_list},
	{"apply", "", command_apply},
	{"version", "", command_version},
};

request_handler_fn command_find(const char *noun, const char *verb)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strcmp(commands[i].noun, noun) == 0 && strcmp(commands[i].verb, verb) == 0)
			return commands[i].handler;
	return NULL;
}

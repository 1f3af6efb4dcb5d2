// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "cli/request.h"

// The handler for a noun and verb ("" if none), NULL if there is none.
request_handler_fn command_find(const char *noun, const char *verb);

void command_show(struct request *r);
void command_tenant_list(struct request *r);
void command_switch_list(struct request *r);
void command_port_list(struct request *r);
void command_vtep_list(struct request *r);
void command_underlay_list(struct request *r);
void command_bfd_list(struct request *r);
void command_bond_list(struct request *r);
void command_mtu_list(struct request *r);
void command_fdb_list(struct request *r);
void command_fdb_add(struct request *r);
void command_fdb_del(struct request *r);
void command_fdb_flush(struct request *r);
void command_fdb_stats(struct request *r);
void command_neighbour_list(struct request *r);
// The name of the port with this number; a number if it has none.
json_t *command_port_json(const struct request *r, weft_tenant_id tenant, uint32_t ofport);
void command_multicast_list(struct request *r);
void command_multicast_stats(struct request *r);
void command_flow_list(struct request *r);
void command_group_list(struct request *r);
void command_meter_list(struct request *r);
void command_table_list(struct request *r);
void command_drops(struct request *r);
void command_worker_list(struct request *r);
void command_apply(struct request *r);
void command_version(struct request *r);

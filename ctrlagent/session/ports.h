// SPDX-License-Identifier: Apache-2.0
#pragma once
// The ports of a tenant's switch, as its controllers see them: a small array ordered by number.

#include <weft/ipc.h>

#include "openflow/of_wire.h"

struct session_ports {
	struct weft_ipc_port_status *v;
	size_t count;
};

const struct weft_ipc_port_status *session_ports_find(
	const struct session_ports *p, uint32_t ofport);

// Adds or replaces.
void session_ports_put(struct session_ports *p, const struct weft_ipc_port_status *port);
void session_ports_remove(struct session_ports *p, uint32_t ofport);
void session_ports_free(struct session_ports *p);

// OpenFlow 1.0 has ports up to this number (1.0.2, 5.2.1, OFPP_MAX) and cannot name the others.
#define SESSION_PORT_MAX_1_0 0xfeffu

static inline bool session_port_is_in(uint32_t ofport, uint8_t version)
{
	return version > 1 || ofport <= SESSION_PORT_MAX_1_0;
}

// As ofp_port (OpenFlow 1.3.5, 7.2.1; 1.5.1, 7.2.1.1; 1.0.2, 5.2.1) in the version of `properties`,
// an empty writer of the caller's that must live as long as *out is used.
void session_port_describe(
	const struct weft_ipc_port_status *port, struct of_writer *properties, struct of_port *out);

// Appends an ofp_port for each port that the writer's version can name.
void session_ports_write(const struct session_ports *p, struct of_writer *w);

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

// As ofp_port (OpenFlow 1.3.5, 7.2.1).
void session_port_describe(const struct weft_ipc_port_status *port, struct of_port *out);

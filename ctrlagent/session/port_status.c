// SPDX-License-Identifier: Apache-2.0
// Ports that come, go and change (OpenFlow 1.3.5, 7.4.3).
#include "session/conn.h"

static void send_status(
	struct session_conn *c, uint8_t reason, const struct weft_ipc_port_status *port)
{
	struct of_writer properties = {.version = c->version};
	struct of_port_status m = {.reason = reason};

	if (!session_port_is_in(port->port.ofport, c->version))
		return;
	session_port_describe(port, &properties, &m.desc);
	of_port_status_write(session_begin(c), &m);
	session_end(c);
	of_writer_free(&properties);
}

void session_switch_port_status(struct session_switch *sw, const struct weft_ipc_port_status *port)
{
	uint8_t reason = port->reason <= OFPPR_MODIFY ? (uint8_t)port->reason : OFPPR_MODIFY;
	struct session_conn *c;

	if (port->port.ofport == 0) // an uplink
		return;
	if (reason == OFPPR_DELETE)
		session_ports_remove(&sw->ports, port->port.ofport);
	else
		session_ports_put(&sw->ports, port);
	LIST_FOREACH (c, &sw->conns, link)
		if (session_async_wanted(c, SESSION_ASYNC_PORT_STATUS, reason))
			send_status(c, reason, port);
}

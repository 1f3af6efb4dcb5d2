// SPDX-License-Identifier: Apache-2.0
// Port modification (OpenFlow 1.3.5, 7.3.4.3).
#include "session/conn.h"
#include "session/handlers.h"

#define CONFIG (OFPPC_PORT_DOWN | OFPPC_NO_RECV | OFPPC_NO_FWD | OFPPC_NO_PACKET_IN)

static_assert(OFPPC_PORT_DOWN == WEFT_PORT_DOWN && OFPPC_NO_RECV == WEFT_PORT_NO_RECV, "copied");
static_assert(OFPPC_NO_FWD == WEFT_PORT_NO_FWD, "copied");
static_assert(OFPPC_NO_PACKET_IN == WEFT_PORT_NO_PACKET_IN, "copied");

static int check(const struct session_switch *sw, const struct of_port_mod *in, struct of_reader *r)
{
	const struct weft_ipc_port_status *port = session_ports_find(&sw->ports, in->port_no);

	if (!port)
		return of_fail(r, OFPET_PORT_MOD_FAILED, OFPPMFC_BAD_PORT);
	if (!weft_mac_equal(&port->mac, &in->hw_addr))
		return of_fail(r, OFPET_PORT_MOD_FAILED, OFPPMFC_BAD_HW_ADDR);
	if ((in->config | in->mask) & ~(uint32_t)CONFIG)
		return of_fail(r, OFPET_PORT_MOD_FAILED, OFPPMFC_BAD_CONFIG);
	if (in->advertise) // no port announces that it could
		return of_fail(r, OFPET_PORT_MOD_FAILED, OFPPMFC_BAD_ADVERTISE);
	return 0;
}

int session_handle_port_mod(struct session_conn *c, struct session_request *rq)
{
	struct session_switch *sw = c->sw;
	struct weft_ipc_port_mod mod;
	struct of_port_mod in;

	if (of_port_mod_read(&rq->r, &in) || check(sw, &in, &rq->r))
		return -EBADMSG;
	mod = (struct weft_ipc_port_mod){
		.ofport = in.port_no,
		.config = in.config & in.mask,
		.mask = in.mask,
		.mac = in.hw_addr,
	};
	dpc_op(sw->dpc, WEFT_IPC_PORT_MOD, sw->tenant, &mod, sizeof(mod), session_pending_done,
		session_pending_new(c, rq));
	return 0;
}

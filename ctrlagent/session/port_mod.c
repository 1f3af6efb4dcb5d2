// SPDX-License-Identifier: Apache-2.0
// Port modification (OpenFlow 1.3.5, 7.3.4.3; 1.5.1, 7.3.4.3; 1.0.2, 5.3.3).
#include "session/conn.h"
#include "session/handlers.h"

#define CONFIG (OFPPC_PORT_DOWN | OFPPC_NO_RECV | OFPPC_NO_FWD | OFPPC_NO_PACKET_IN)
#define NO_STP_1_0 2u // OFPPC_NO_STP and OFPPC_NO_RECV_STP: there is no spanning tree to take part
#define NO_RECV_STP_1_0 8u // in, as features say, so they mean nothing

static_assert(OFPPC_PORT_DOWN == WEFT_PORT_DOWN && OFPPC_NO_RECV == WEFT_PORT_NO_RECV, "copied");
static_assert(OFPPC_NO_FWD == WEFT_PORT_NO_FWD, "copied");
static_assert(OFPPC_NO_PACKET_IN == WEFT_PORT_NO_PACKET_IN, "copied");

static int check_property(const struct of_port_mod_prop *prop, struct of_reader *r)
{
	switch (prop->kind) {
	case OF_PORT_MOD_PROP_ETHERNET:
		if (prop->ethernet.advertise) // no port announces that it could
			return of_fail(r, OFPET_PORT_MOD_FAILED, OFPPMFC_BAD_ADVERTISE);
		return 0;
	case OF_PORT_MOD_PROP_EXPERIMENTER:
		return of_fail(r, OFPET_BAD_PROPERTY, OFPBPC_BAD_EXPERIMENTER);
	default: // no port is optical
		return of_fail(r, OFPET_BAD_PROPERTY, OFPBPC_BAD_TYPE);
	}
}

static int check_properties(struct of_span list, struct of_reader *r)
{
	struct of_reader it = of_list(list, r->version);
	struct of_port_mod_prop prop;
	unsigned seen = 0;

	while (of_port_mod_prop_next(&it, &prop)) {
		if (seen >> prop.kind & 1)
			return of_fail(r, OFPET_BAD_PROPERTY, OFPBPC_DUP_TYPE);
		seen |= 1u << prop.kind;
		if (check_property(&prop, r))
			return -EBADMSG;
	}
	return it.failed ? of_fail_error(r, it.error) : 0;
}

static int check(const struct session_switch *sw, const struct of_port_mod *in, struct of_reader *r)
{
	const struct weft_ipc_port_status *port = session_ports_find(&sw->ports, in->port_no);
	uint32_t known = r->version == OF_VERSION_1_0
				 ? CONFIG | WEFT_PORT_NO_FLOOD | NO_STP_1_0 | NO_RECV_STP_1_0
				 : CONFIG;

	if (!port)
		return of_fail(r, OFPET_PORT_MOD_FAILED, OFPPMFC_BAD_PORT);
	if (!weft_mac_equal(&port->mac, &in->hw_addr))
		return of_fail(r, OFPET_PORT_MOD_FAILED, OFPPMFC_BAD_HW_ADDR);
	if ((in->config | in->mask) & ~known)
		return of_fail(r, OFPET_PORT_MOD_FAILED, OFPPMFC_BAD_CONFIG);
	if (in->advertise)
		return of_fail(r, OFPET_PORT_MOD_FAILED, OFPPMFC_BAD_ADVERTISE);
	return check_properties(in->properties, r);
}

int session_handle_port_mod(struct session_conn *c, struct session_request *rq)
{
	const uint32_t settable = CONFIG | WEFT_PORT_NO_FLOOD;
	struct session_switch *sw = c->sw;
	struct weft_ipc_port_mod mod;
	struct of_port_mod in;

	if (of_port_mod_read(&rq->r, &in) || check(sw, &in, &rq->r))
		return -EBADMSG;
	mod = (struct weft_ipc_port_mod){
		.ofport = in.port_no,
		.config = in.config & in.mask & settable,
		.mask = in.mask & settable,
		.mac = in.hw_addr,
	};
	dpc_op(sw->dpc, WEFT_IPC_PORT_MOD, sw->tenant, &mod, sizeof(mod), session_pending_done,
		session_pending_new(c, rq));
	return 0;
}

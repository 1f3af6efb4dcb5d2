// SPDX-License-Identifier: Apache-2.0
// Actions that OpenFlow 1.0 alone has (1.0.2, 5.2.4).
#include "openflow/action_sink.h"

static void set_number(struct of_action_sink *s, uint16_t type, uint32_t value, uint32_t max)
{
	if (value > max)
		of_sink_fail(s, OFPBAC_BAD_ARGUMENT);
	else
		of_sink_emit(s, type, value, NULL, 0);
}

static void set_address(struct of_action_sink *s, enum weft_field f, uint32_t address)
{
	weft_be32 value = htonl(address);

	of_sink_set(s, WEFT_ACTION_SET_FIELD, f, (const uint8_t *)&value, NULL);
}

static void set_tos(struct of_action_sink *s, uint8_t tos)
{
	const uint8_t dscp = tos >> 2;

	if (tos & 3)
		of_sink_fail(s, OFPBAC_BAD_ARGUMENT);
	else
		of_sink_set(s, WEFT_ACTION_SET_FIELD, WEFT_FIELD_IP_DSCP, &dscp, NULL);
}

static void enqueue(struct of_action_sink *s, const struct of_action_enqueue *a)
{
	const struct weft_action_u32 queue = {.value = a->queue_id};

	if (!of_sink_port_ok(s, a->port) ||
		(a->port > OFPP_MAX && a->port != OFPP_IN_PORT && a->port != OFPP_LOCAL))
		of_sink_fail(s, OFPBAC_BAD_OUT_PORT);
	else
		of_sink_emit(s, WEFT_ACTION_ENQUEUE, a->port, &queue, sizeof(queue));
}

void of_sink_action_1_0(struct of_action_sink *s, const struct of_action *a)
{
	switch (a->kind) {
	case OF_ACTION_SET_VLAN_VID:
		return set_number(s, WEFT_ACTION_SET_VLAN_VID, a->set_vlan_vid.vlan_vid, 0xfff);
	case OF_ACTION_SET_VLAN_PCP:
		return set_number(s, WEFT_ACTION_SET_VLAN_PCP, a->set_vlan_pcp.vlan_pcp, 7);
	case OF_ACTION_STRIP_VLAN:
		return of_sink_emit(s, WEFT_ACTION_STRIP_VLAN, 0, NULL, 0);
	case OF_ACTION_SET_DL_SRC:
		return of_sink_set(s, WEFT_ACTION_SET_FIELD, WEFT_FIELD_ETH_SRC,
			a->set_dl_src.dl_addr.b, NULL);
	case OF_ACTION_SET_DL_DST:
		return of_sink_set(s, WEFT_ACTION_SET_FIELD, WEFT_FIELD_ETH_DST,
			a->set_dl_dst.dl_addr.b, NULL);
	case OF_ACTION_SET_NW_SRC:
		return set_address(s, WEFT_FIELD_IPV4_SRC, a->set_nw_src.nw_addr);
	case OF_ACTION_SET_NW_DST:
		return set_address(s, WEFT_FIELD_IPV4_DST, a->set_nw_dst.nw_addr);
	case OF_ACTION_SET_NW_TOS:
		return set_tos(s, a->set_nw_tos.nw_tos);
	case OF_ACTION_SET_TP_SRC:
		return set_number(s, WEFT_ACTION_SET_L4_SRC, a->set_tp_src.tp_port, 0xffff);
	case OF_ACTION_SET_TP_DST:
		return set_number(s, WEFT_ACTION_SET_L4_DST, a->set_tp_dst.tp_port, 0xffff);
	case OF_ACTION_ENQUEUE:
		return enqueue(s, &a->enqueue);
	default:
		return of_sink_fail(s, OFPBAC_BAD_TYPE);
	}
}

// SPDX-License-Identifier: Apache-2.0
// Actions that OpenFlow 1.0 alone has (1.0.2, 5.2.4).
#include "openflow/action_1_0.h"

#include "openflow/action_sink.h"
#include "openflow/nx_action_write.h"
#include "openflow/oxm.h"

static void set_number(struct of_action_sink *s, uint16_t type, uint32_t value, uint32_t max)
{
	if (value > max)
		of_sink_fail(s, OFPBAC_BAD_ARGUMENT);
	else
		of_sink_emit(s, type, value, NULL, 0);
}

static void set_tos(struct of_action_sink *s, uint8_t tos)
{
	if (tos & 3)
		of_sink_fail(s, OFPBAC_BAD_ARGUMENT);
	else
		of_sink_emit(s, WEFT_ACTION_SET_NW_TOS, tos >> 2, NULL, 0);
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
		return of_sink_emit(s, WEFT_ACTION_SET_NW_SRC, a->set_nw_src.nw_addr, NULL, 0);
	case OF_ACTION_SET_NW_DST:
		return of_sink_emit(s, WEFT_ACTION_SET_NW_DST, a->set_nw_dst.nw_addr, NULL, 0);
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

static struct weft_mac mac_of(const uint8_t *value)
{
	struct weft_mac mac;

	memcpy(mac.b, value, 6);
	return mac;
}

static int put_set(struct of_writer *w, const struct weft_action *a)
{
	const struct weft_action_set_field *f = weft_action_payload(a);

	if (!of_oxm_is_full_mask(a->arg, f->mask))
		return of_nx_action_put(w, a);
	switch (a->arg) {
	case WEFT_FIELD_ETH_SRC:
		return of_action_set_dl_src_write(
			w, &(struct of_action_set_dl_src){mac_of(f->value)});
	case WEFT_FIELD_ETH_DST:
		return of_action_set_dl_dst_write(
			w, &(struct of_action_set_dl_dst){mac_of(f->value)});
	case WEFT_FIELD_IPV4_SRC:
		return of_action_set_nw_src_write(
			w, &(struct of_action_set_nw_src){of_load32(f->value)});
	case WEFT_FIELD_IPV4_DST:
		return of_action_set_nw_dst_write(
			w, &(struct of_action_set_nw_dst){of_load32(f->value)});
	case WEFT_FIELD_IP_DSCP:
		return of_action_set_nw_tos_write(
			w, &(struct of_action_set_nw_tos){(uint8_t)(f->value[0] << 2)});
	default:
		return of_nx_action_put(w, a);
	}
}

int of_action_1_0_put(struct of_writer *w, const struct weft_action *a)
{
	const struct weft_action_output *o = weft_action_payload(a);
	const struct weft_action_u32 *u = weft_action_payload(a);
	uint16_t arg16 = (uint16_t)a->arg;

	switch (a->type) {
	case WEFT_ACTION_OUTPUT:
		return of_action_output_write(w, &(struct of_action_output){a->arg, o->max_len});
	case WEFT_ACTION_GROUP:
		return of_nx_action_group_write(w, &(struct of_nx_action_group){a->arg});
	case WEFT_ACTION_ENQUEUE:
		return of_action_enqueue_write(w, &(struct of_action_enqueue){a->arg, u->value});
	case WEFT_ACTION_SET_FIELD:
		return put_set(w, a);
	case WEFT_ACTION_SET_VLAN_VID:
		return of_action_set_vlan_vid_write(w, &(struct of_action_set_vlan_vid){arg16});
	case WEFT_ACTION_SET_VLAN_PCP:
		return of_action_set_vlan_pcp_write(
			w, &(struct of_action_set_vlan_pcp){(uint8_t)arg16});
	case WEFT_ACTION_STRIP_VLAN:
	case WEFT_ACTION_POP_VLAN:
		return of_action_strip_vlan_write(w, &(struct of_action_strip_vlan){0});
	case WEFT_ACTION_SET_NW_SRC:
		return of_action_set_nw_src_write(w, &(struct of_action_set_nw_src){a->arg});
	case WEFT_ACTION_SET_NW_DST:
		return of_action_set_nw_dst_write(w, &(struct of_action_set_nw_dst){a->arg});
	case WEFT_ACTION_SET_NW_TOS:
		return of_action_set_nw_tos_write(
			w, &(struct of_action_set_nw_tos){(uint8_t)(arg16 << 2)});
	case WEFT_ACTION_SET_L4_SRC:
		return of_action_set_tp_src_write(w, &(struct of_action_set_tp_src){arg16});
	case WEFT_ACTION_SET_L4_DST:
		return of_action_set_tp_dst_write(w, &(struct of_action_set_tp_dst){arg16});
	default:
		return of_nx_action_put(w, a);
	}
}

static int put_enqueue(struct of_writer *w, const struct weft_action *a)
{
	const struct weft_action_u32 *queue = weft_action_payload(a);

	of_action_set_queue_write(w, &(struct of_action_set_queue){queue->value});
	of_action_output_write(w, &(struct of_action_output){a->arg, 0});
	return of_nx_action_pop_queue_write(w, &(struct of_nx_action_pop_queue){0});
}

static int put_set_later(struct of_writer *w, enum weft_field f, const uint8_t *value)
{
	size_t begin = of_begin(w);

	of_put_u16(w, OFPAT_SET_FIELD);
	of_put_u16(w, 0);
	of_oxm_write(w, f, value, NULL);
	return of_end(w, begin, 2, 8, 0);
}

int of_action_1_0_put_later(struct of_writer *w, const struct weft_action *a)
{
	const uint8_t vid[] = {(uint8_t)(0x10 | a->arg >> 8), (uint8_t)a->arg};
	const uint8_t dscp = (uint8_t)a->arg;
	const weft_be32 address = htonl(a->arg);

	switch (a->type) {
	case WEFT_ACTION_ENQUEUE:
		return put_enqueue(w, a);
	case WEFT_ACTION_SET_VLAN_VID:
		return put_set_later(w, WEFT_FIELD_VLAN_VID, vid);
	case WEFT_ACTION_SET_VLAN_PCP:
		return put_set_later(w, WEFT_FIELD_VLAN_PCP, vid + 1);
	case WEFT_ACTION_STRIP_VLAN:
		return of_action_pop_vlan_write(w, &(struct of_action_pop_vlan){0});
	case WEFT_ACTION_SET_NW_SRC:
		return put_set_later(w, WEFT_FIELD_IPV4_SRC, (const uint8_t *)&address);
	case WEFT_ACTION_SET_NW_DST:
		return put_set_later(w, WEFT_FIELD_IPV4_DST, (const uint8_t *)&address);
	case WEFT_ACTION_SET_NW_TOS:
		return put_set_later(w, WEFT_FIELD_IP_DSCP, &dscp);
	default:
		return -ENOTSUP;
	}
}

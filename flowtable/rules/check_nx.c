// SPDX-License-Identifier: Apache-2.0
// Arguments of the actions of nx.h, and where each may stand.
#include "flowtable/rules/check.h"
#include "flowtable/rules/learn.h"
#include "flowtable/packet/nx.h"

#define MIN_FRAME 14u // an Ethernet header: no output makes a frame shorter

// ---- bits of fields

static enum weft_error check_bits(const struct weft_subfield *f)
{
	if (f->field >= WEFT_FIELDS_ALL || !f->n_bits ||
		f->ofs + f->n_bits > weft_field_infos[f->field].bits)
		return WEFT_E_ACTION_ARG;
	return WEFT_E_NONE;
}

static enum weft_error check_read(const struct ft_known *k, const struct weft_subfield *f)
{
	enum weft_error error = check_bits(f);

	if (error)
		return error;
	return ft_known_allows(k, weft_field_infos[f->field].prereq) ? WEFT_E_NONE
								     : WEFT_E_ACTION_MATCH;
}

static enum weft_error check_write(
	const struct ft_switch *sw, struct ft_known *k, const struct weft_subfield *f)
{
	enum weft_error error = check_bits(f);

	if (!error)
		error = ft_check_writable(sw, k, f);
	if (!error)
		ft_known_forget(k, f->field);
	return error;
}

static enum weft_error check_move(
	const struct ft_switch *sw, struct ft_known *k, const struct weft_action_move *m)
{
	enum weft_error error = check_read(k, &m->src);

	if (!error)
		error = check_write(sw, k, &m->dst);
	if (!error && m->src.n_bits != m->dst.n_bits)
		error = WEFT_E_ACTION_ARG;
	return error;
}

// ---- outputs

static bool is_single_port(uint32_t port)
{
	return (port && port <= WEFT_OFPORT_MAX) || port == WEFT_OFPORT_IN_PORT ||
	       port == WEFT_OFPORT_LOCAL;
}

static enum weft_error check_trunc(const struct weft_action *a)
{
	const struct weft_action_u32 *max = weft_action_payload(a);

	if (!is_single_port(a->arg))
		return WEFT_E_ACTION_PORT;
	return max->value >= MIN_FRAME ? WEFT_E_NONE : WEFT_E_ACTION_ARG;
}

static enum weft_error check_controller(
	const struct ft_switch *sw, const struct weft_action_controller *c)
{
	if (c->flags & ~WEFT_CONTROLLER_PAUSE || c->reason > WEFT_PACKET_IN_PACKET_OUT ||
		c->userdata_len > FT_MAX_USERDATA)
		return WEFT_E_ACTION_ARG;
	if (c->meter_id && !ft_meter_staged(sw, c->meter_id))
		return WEFT_E_METER_UNKNOWN;
	return WEFT_E_NONE;
}

// Any table, any port to look up with: a rule that is not there is no error.
static enum weft_error check_resubmit(const struct weft_action *a)
{
	return a->arg != WEFT_OFPORT_ANY ? WEFT_E_NONE : WEFT_E_ACTION_PORT;
}

// ---- hashes

static enum weft_error check_multipath(
	const struct ft_switch *sw, struct ft_known *k, const struct weft_action_multipath *m)
{
	if (m->fields >= FT_HASH_FIELDS_MAX || m->algorithm >= FT_MULTIPATH_MAX)
		return WEFT_E_ACTION_ARG;
	if (m->dst.n_bits < 16 && m->max_link >> m->dst.n_bits)
		return WEFT_E_ACTION_ARG;
	return check_write(sw, k, &m->dst);
}

static enum weft_error check_bundle(
	const struct ft_switch *sw, struct ft_known *k, const struct weft_action_bundle *b)
{
	const uint32_t *ports = (const uint32_t *)(const void *)(b + 1);

	if (b->fields >= FT_HASH_FIELDS_MAX || b->algorithm >= FT_BUNDLE_MAX)
		return WEFT_E_ACTION_ARG;
	for (unsigned i = 0; i < b->n_ports; i++)
		if (!is_single_port(ports[i]))
			return WEFT_E_ACTION_PORT;
	if (!b->dst.n_bits)
		return WEFT_E_NONE;
	return b->dst.n_bits < 16 ? WEFT_E_ACTION_ARG : check_write(sw, k, &b->dst);
}

// ---- lists and headers

static enum weft_error check_clone(const struct ft_switch *sw, const struct ft_known *k,
	enum ft_action_place place, const struct weft_action *a)
{
	struct ft_known inside = *k;

	return ft_check_list(sw, &inside, place, a + 1, a->len - sizeof(*a));
}

static enum weft_error check_learn(
	const struct ft_switch *sw, struct ft_known *k, const struct weft_action *a)
{
	const struct weft_action_learn *l = weft_action_payload(a);
	enum weft_error error = ft_check_learn(a);

	return error || !(l->flags & WEFT_LEARN_WRITE_RESULT) ? error
							      : check_write(sw, k, &l->result);
}

static enum weft_error check_dec_ttl(const struct ft_known *k, uint32_t ids)
{
	if (!ids)
		return WEFT_E_ACTION_ARG;
	return ft_known_allows(k, WEFT_PREREQ_IP) ? WEFT_E_NONE : WEFT_E_ACTION_MATCH;
}

static enum weft_error check_set_vlan(struct ft_known *k, uint32_t value, uint32_t max)
{
	k->vlan = FT_TAG_PRESENT;
	return value <= max ? WEFT_E_NONE : WEFT_E_ACTION_ARG;
}

// What has a place in an action set (ovs-actions(7), Action Sets).
static bool fits_set(const struct weft_action *a)
{
	switch ((enum weft_action_type)a->type) {
	case WEFT_ACTION_MOVE:
	case WEFT_ACTION_LOAD:
	case WEFT_ACTION_RESUBMIT:
	case WEFT_ACTION_OUTPUT_TRUNC:
	case WEFT_ACTION_DEC_NW_TTL_IDS:
		return true;
	default:
		return false;
	}
}

static enum weft_error check_one(const struct ft_switch *sw, struct ft_known *k,
	enum ft_action_place place, const struct weft_action *a)
{
	const void *p = weft_action_payload(a);

	switch ((enum weft_action_type)a->type) {
	case WEFT_ACTION_MOVE:
		return check_move(sw, k, p);
	case WEFT_ACTION_LOAD:
		return ft_check_set_field(sw, k, a);
	case WEFT_ACTION_RESUBMIT:
		return check_resubmit(a);
	case WEFT_ACTION_LEARN:
		return check_learn(sw, k, a);
	case WEFT_ACTION_OUTPUT_FIELD:
		return check_read(k, &((const struct weft_action_output_field *)p)->port);
	case WEFT_ACTION_OUTPUT_TRUNC:
		return check_trunc(a);
	case WEFT_ACTION_ENQUEUE:
		return is_single_port(a->arg) ? WEFT_E_NONE : WEFT_E_ACTION_PORT;
	case WEFT_ACTION_CONTROLLER:
		return check_controller(sw, p);
	case WEFT_ACTION_BUNDLE:
		return check_bundle(sw, k, p);
	case WEFT_ACTION_MULTIPATH:
		return check_multipath(sw, k, p);
	case WEFT_ACTION_STACK_PUSH:
		return check_read(k, p);
	case WEFT_ACTION_STACK_POP:
		return check_write(sw, k, p);
	case WEFT_ACTION_CLONE:
		return check_clone(sw, k, place, a);
	case WEFT_ACTION_DEC_NW_TTL_IDS:
		return check_dec_ttl(k, a->arg);
	case WEFT_ACTION_CHECK_PKT_LARGER:
		return check_write(sw, k, p);
	case WEFT_ACTION_SET_VLAN_VID:
		return check_set_vlan(k, a->arg, 0xfff);
	case WEFT_ACTION_SET_VLAN_PCP:
		return check_set_vlan(k, a->arg, 7);
	case WEFT_ACTION_STRIP_VLAN:
		k->vlan = FT_TAG_OPEN; // there may have been two
		return WEFT_E_NONE;
	case WEFT_ACTION_SET_L4_SRC:
	case WEFT_ACTION_SET_L4_DST:
		return a->arg <= UINT16_MAX ? WEFT_E_NONE : WEFT_E_ACTION_ARG;
	case WEFT_ACTION_SET_NW_TOS:
		return a->arg <= 63 ? WEFT_E_NONE : WEFT_E_ACTION_ARG;
	case WEFT_ACTION_SET_NW_SRC:
	case WEFT_ACTION_SET_NW_DST:
	case WEFT_ACTION_POP_QUEUE:
	case WEFT_ACTION_NOTE:
	case WEFT_ACTION_EXIT:
	case WEFT_ACTION_FIN_TIMEOUT: // of what is not TCP no packet ends anything
		return WEFT_E_NONE;
	default: // what travels but is not executed
		return WEFT_E_ACTION_TYPE;
	}
}

enum weft_error ft_check_nx(const struct ft_switch *sw, struct ft_known *k,
	enum ft_action_place place, const struct weft_action *a)
{
	if (place == FT_ACTIONS_SET && !fits_set(a))
		return WEFT_E_ACTION_TYPE;
	return check_one(sw, k, place, a);
}

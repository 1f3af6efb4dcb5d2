// SPDX-License-Identifier: Apache-2.0
// Actions: arguments, and whether the header that each needs will be there.
#include "flowtable/rules/check.h"
#include "flowtable/classifier/conjunction.h"
#include "flowtable/egress.h"
#include "flowtable/switch.h"

// ---- arguments

enum weft_error ft_check_output(enum ft_action_place place, uint32_t port)
{
	switch (port) {
	case WEFT_OFPORT_TABLE:
		return place == FT_ACTIONS_PACKET_OUT ? WEFT_E_NONE : WEFT_E_ACTION_PORT;
	case WEFT_OFPORT_IN_PORT:
	case WEFT_OFPORT_NORMAL:
	case WEFT_OFPORT_FLOOD:
	case WEFT_OFPORT_ALL:
	case WEFT_OFPORT_CONTROLLER:
	case WEFT_OFPORT_LOCAL:
		return WEFT_E_NONE;
	default:
		// A port that is not there yet may come.
		return port && port <= WEFT_OFPORT_MAX ? WEFT_E_NONE : WEFT_E_ACTION_PORT;
	}
}

static enum weft_error check_tag(uint32_t ethertype, uint16_t a, uint16_t b)
{
	return ethertype == a || ethertype == b ? WEFT_E_NONE : WEFT_E_ACTION_TAG;
}

static bool mask_is_whole(const struct weft_field_info *f, const uint8_t *mask)
{
	uint8_t top = (uint8_t)(0xff >> (8 * f->bytes - f->bits));

	if ((mask[0] & top) != top)
		return false;
	for (unsigned i = 1; i < f->bytes; i++)
		if (mask[i] != 0xff)
			return false;
	return true;
}

static enum weft_error check_set_value(
	const struct weft_field_info *f, const struct weft_action_set_field *s)
{
	uint8_t top = (uint8_t)(0xff >> (8 * f->bytes - f->bits)), any = 0;

	if (s->value[0] & ~top)
		return WEFT_E_ACTION_SET_ARG;
	for (unsigned i = 0; i < 16; i++) {
		if ((s->value[i] & ~s->mask[i]) || (i >= f->bytes && s->mask[i]))
			return WEFT_E_ACTION_SET_ARG;
		any |= s->mask[i];
	}
	return any ? WEFT_E_NONE : WEFT_E_ACTION_SET_ARG;
}

// A tenant is bound to its own network; a provider's switch is not, and has no network_id, like a
// switch without an overlay, where the field is metadata that leads nowhere.
static enum weft_error check_set_tunnel(
	const struct ft_switch *sw, const struct weft_action_set_field *s)
{
	uint32_t network = atomic_load_explicit(&sw->network_id, memory_order_relaxed);
	uint64_t id;

	if (!network)
		return WEFT_E_NONE;
	memcpy(&id, s->value, 8);
	if (!mask_is_whole(&weft_field_infos[WEFT_FIELD_TUNNEL_ID], s->mask))
		return WEFT_E_ACTION_PERM;
	return weft_ntohll(id) == network ? WEFT_E_NONE : WEFT_E_ACTION_PERM;
}

// The EtherType is this now, and nothing is known of what it announces.
static void now_eth_type(struct ft_known *k, uint32_t ethertype)
{
	k->has_eth_type = true;
	k->eth_type = (uint16_t)ethertype;
	k->has_ip_proto = k->has_icmp_type = false;
	k->open = false;
}

void ft_known_forget(struct ft_known *k, uint32_t field)
{
	if (field == WEFT_FIELD_VLAN_TCI)
		k->vlan = FT_TAG_OPEN;
	if (field == WEFT_FIELD_ETH_TYPE)
		k->has_eth_type = k->open = false;
	if (field == WEFT_FIELD_ETH_TYPE || field == WEFT_FIELD_IP_PROTO)
		k->has_ip_proto = k->open = false;
	if (field == WEFT_FIELD_ETH_TYPE || field == WEFT_FIELD_IP_PROTO ||
		field == WEFT_FIELD_ICMPV6_TYPE)
		k->has_icmp_type = k->open = false;
}

// Later actions may rely on what was set.
static void learn_set(struct ft_known *k, uint32_t field, const uint8_t *value)
{
	if (field == WEFT_FIELD_ETH_TYPE) {
		now_eth_type(k, (uint32_t)value[0] << 8 | value[1]);
	} else if (field == WEFT_FIELD_VLAN_TCI) {
		k->vlan = FT_TAG_OPEN; // if it has gone, there may have been two
	} else if (field == WEFT_FIELD_IP_PROTO) {
		k->has_ip_proto = true;
		k->ip_proto = value[0];
		k->has_icmp_type = false;
	} else if (field == WEFT_FIELD_ICMPV6_TYPE) {
		k->has_icmp_type = true;
		k->icmp_type = value[0];
	}
}

// The field's header is there. The VID can be changed where there is a tag, though a match on it
// needs none.
static enum weft_error check_settable(const struct ft_known *k, uint32_t field)
{
	if (field >= WEFT_FIELDS_ALL || !(weft_field_infos[field].flags & WEFT_FIELD_S))
		return WEFT_E_ACTION_SET_TYPE;
	if ((field == WEFT_FIELD_VLAN_VID && k->vlan == FT_TAG_ABSENT) ||
		!ft_known_allows(k, weft_field_infos[field].prereq))
		return WEFT_E_ACTION_MATCH;
	return WEFT_E_NONE;
}

enum weft_error ft_check_writable(
	const struct ft_switch *sw, const struct ft_known *k, const struct weft_subfield *f)
{
	enum weft_error error = check_settable(k, f->field);

	if (!error && f->field == WEFT_FIELD_TUNNEL_ID &&
		atomic_load_explicit(&sw->network_id, memory_order_relaxed))
		return WEFT_E_ACTION_PERM; // nobody knows with what
	return error;
}

enum weft_error ft_check_set_field(
	const struct ft_switch *sw, struct ft_known *k, const struct weft_action *a)
{
	const struct weft_action_set_field *s = weft_action_payload(a);
	enum weft_error settable = check_settable(k, a->arg), error;

	if (settable == WEFT_E_ACTION_SET_TYPE)
		return settable;
	error = check_set_value(&weft_field_infos[a->arg], s);
	if (error)
		return error;
	if (a->arg == WEFT_FIELD_TUNNEL_ID)
		return check_set_tunnel(sw, s);
	if (settable)
		return settable;
	if (mask_is_whole(&weft_field_infos[a->arg], s->mask))
		learn_set(k, a->arg, s->value);
	else
		ft_known_forget(k, a->arg);
	return WEFT_E_NONE;
}

// ---- headers

static enum weft_error need(const struct ft_known *k, enum weft_prereq prereq)
{
	return ft_known_allows(k, prereq) ? WEFT_E_NONE : WEFT_E_ACTION_MATCH;
}

static enum weft_error check_push(struct ft_known *k, const struct weft_action *a)
{
	enum weft_error error = WEFT_E_NONE;

	if (a->type == WEFT_ACTION_PUSH_VLAN) {
		error = check_tag(a->arg, 0x8100, 0x88a8);
		k->vlan = FT_TAG_PRESENT;
	} else if (a->type == WEFT_ACTION_PUSH_MPLS) {
		error = check_tag(a->arg, 0x8847, 0x8848);
		now_eth_type(k, a->arg);
	} else {
		error = check_tag(a->arg, 0x88e7, 0x88e7);
		now_eth_type(k, a->arg);
		k->vlan = FT_TAG_OPEN; // 5.12.3: the tag moves inside, a backbone tag may follow
	}
	return error;
}

static enum weft_error check_pop_mpls(struct ft_known *k, uint32_t ethertype)
{
	bool open = k->open;
	enum weft_error error = need(k, WEFT_PREREQ_MPLS);

	if (ethertype > UINT16_MAX)
		return WEFT_E_ACTION_ARG;
	now_eth_type(k, ethertype);
	k->open = open;
	return error;
}

static enum weft_error check_pop_pbb(struct ft_known *k)
{
	enum weft_error error = need(k, WEFT_PREREQ_PBB);

	*k = ft_known_open;
	return error;
}

static enum weft_error check_ttl(const struct ft_known *k, enum weft_prereq prereq, uint32_t ttl)
{
	return ttl > UINT8_MAX ? WEFT_E_ACTION_ARG : need(k, prereq);
}

// ---- lists

static enum weft_error check_action(const struct ft_switch *sw, struct ft_known *k,
	enum ft_action_place place, const struct weft_action *a)
{
	enum weft_error error;

	switch ((enum weft_action_type)a->type) {
	case WEFT_ACTION_OUTPUT:
		return ft_check_output(place, a->arg);
	case WEFT_ACTION_GROUP:
		return ft_group_staged(sw, a->arg) ? WEFT_E_NONE : WEFT_E_ACTION_GROUP;
	case WEFT_ACTION_SET_QUEUE:
		return a->arg == UINT32_MAX ? WEFT_E_ACTION_QUEUE : WEFT_E_NONE;
	case WEFT_ACTION_METER:
		return ft_meter_staged(sw, a->arg) ? WEFT_E_NONE : WEFT_E_METER_UNKNOWN;
	case WEFT_ACTION_SET_FIELD:
		return a->arg < WEFT_FIELD_MAX ? ft_check_set_field(sw, k, a)
					       : WEFT_E_ACTION_SET_TYPE;
	case WEFT_ACTION_PUSH_VLAN:
	case WEFT_ACTION_PUSH_MPLS:
	case WEFT_ACTION_PUSH_PBB:
		return check_push(k, a);
	case WEFT_ACTION_POP_VLAN:
		error = need(k, WEFT_PREREQ_VLAN);
		k->vlan = FT_TAG_OPEN; // there may have been two
		return error;
	case WEFT_ACTION_POP_MPLS:
		return check_pop_mpls(k, a->arg);
	case WEFT_ACTION_POP_PBB:
		return check_pop_pbb(k);
	case WEFT_ACTION_SET_MPLS_TTL:
		return check_ttl(k, WEFT_PREREQ_MPLS, a->arg);
	case WEFT_ACTION_SET_NW_TTL:
		return check_ttl(k, WEFT_PREREQ_IP, a->arg);
	case WEFT_ACTION_DEC_NW_TTL:
		return need(k, WEFT_PREREQ_IP);
	case WEFT_ACTION_DEC_MPLS_TTL:
	case WEFT_ACTION_COPY_TTL_OUT:
	case WEFT_ACTION_COPY_TTL_IN:
		return need(k, WEFT_PREREQ_MPLS);
	default:
		return ft_check_nx(sw, k, place, a);
	}
}

// 5.10: the order in which an action set is executed. What is not named here comes last.
static unsigned set_rank(uint16_t type)
{
	switch ((enum weft_action_type)type) {
	case WEFT_ACTION_COPY_TTL_IN:
		return 0;
	case WEFT_ACTION_POP_VLAN:
	case WEFT_ACTION_POP_MPLS:
	case WEFT_ACTION_POP_PBB:
		return 1;
	case WEFT_ACTION_PUSH_MPLS:
		return 2;
	case WEFT_ACTION_PUSH_PBB:
		return 3;
	case WEFT_ACTION_PUSH_VLAN:
		return 4;
	case WEFT_ACTION_COPY_TTL_OUT:
		return 5;
	case WEFT_ACTION_DEC_MPLS_TTL:
	case WEFT_ACTION_DEC_NW_TTL:
	case WEFT_ACTION_DEC_NW_TTL_IDS:
		return 6;
	default:
		return 7;
	}
}
#define FT_SET_RANKS 8u

enum weft_error ft_check_list(const struct ft_switch *sw, struct ft_known *k,
	enum ft_action_place place, const void *actions, size_t len)
{
	enum weft_error error;

	WEFT_ACTION_FOR_EACH (a, actions, len) {
		error = check_action(sw, k, place, a);
		if (error)
			return error;
	}
	return WEFT_E_NONE;
}

static enum weft_error check_set(
	const struct ft_switch *sw, struct ft_known *k, const void *actions, size_t len)
{
	enum weft_error error;

	for (unsigned rank = 0; rank < FT_SET_RANKS; rank++) {
		WEFT_ACTION_FOR_EACH (a, actions, len) {
			if (set_rank(a->type) != rank)
				continue;
			error = check_action(sw, k, FT_ACTIONS_SET, a);
			if (error)
				return error;
		}
	}
	return WEFT_E_NONE;
}

// Those of lists within the list included.
static unsigned count(const void *actions, size_t len)
{
	unsigned n = 0;

	WEFT_ACTION_FOR_EACH (a, actions, len) {
		n++;
		if (a->type == WEFT_ACTION_CLONE)
			n += count(a + 1, a->len - sizeof(*a));
	}
	return n;
}

enum weft_error ft_check_actions(const struct ft_switch *sw, struct ft_known *k,
	enum ft_action_place place, const void *actions, size_t len)
{
	if (!weft_actions_ok(actions, len))
		return WEFT_E_MALFORMED;
	if (count(actions, len) > FT_MAX_ACTIONS)
		return WEFT_E_ACTION_TOO_MANY;
	if (place == FT_ACTIONS_SET)
		return check_set(sw, k, actions, len);
	return ft_check_list(sw, k, place, actions, len);
}

enum weft_error ft_actions_check(const struct ft_switch *sw, const void *actions, size_t len)
{
	struct ft_known known = ft_known_open;

	return ft_check_actions(sw, &known, FT_ACTIONS_PACKET_OUT, actions, len);
}

// ---- instructions

enum weft_error ft_check_shape(const struct weft_instructions *i)
{
	const unsigned all = WEFT_INSTR_GOTO | WEFT_INSTR_APPLY | WEFT_INSTR_WRITE |
			     WEFT_INSTR_CLEAR | WEFT_INSTR_TRIGGER;
	const struct weft_trigger *t = weft_instructions_trigger(i);

	if ((i->flags & ~all) || (i->apply_len && !(i->flags & WEFT_INSTR_APPLY)) ||
		(i->write_len && !(i->flags & WEFT_INSTR_WRITE)) || (t && !weft_trigger_ok(t)))
		return WEFT_E_MALFORMED;
	return WEFT_E_NONE;
}

enum weft_error ft_check_instructions(const struct ft_switch *sw, uint8_t table,
	const struct weft_match *m, const struct weft_instructions *i)
{
	struct weft_flow_key value, mask;
	enum weft_error error = ft_check_shape(i);
	struct ft_known known;

	if (error)
		return error;
	if (!weft_actions_ok(weft_instructions_apply(i), i->apply_len) ||
		!weft_actions_ok(weft_instructions_write(i), i->write_len))
		return WEFT_E_MALFORMED;
	if (ft_conjunctive(i))
		return ft_check_conjunction(i);
	if (i->meter_id && !ft_meter_staged(sw, i->meter_id))
		return WEFT_E_METER_UNKNOWN;
	error = ft_check_egress(sw, table, i);
	if (error)
		return error;
	if ((i->flags & WEFT_INSTR_GOTO) &&
		(i->goto_table <= table || i->goto_table >= WEFT_TABLES))
		return WEFT_E_BAD_GOTO;
	weft_match_to_key(m, &value, &mask);
	known = ft_known_from(&value, &mask);
	error = ft_check_actions(
		sw, &known, FT_ACTIONS_APPLY, weft_instructions_apply(i), i->apply_len);
	if (error)
		return error;
	return ft_check_actions(
		sw, &known, FT_ACTIONS_SET, weft_instructions_write(i), i->write_len);
}

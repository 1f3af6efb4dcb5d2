// SPDX-License-Identifier: Apache-2.0
#include "text/flow_text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "mem.h"
#include "text/address.h"
#include "text/names.h"

void text_add(struct text *t, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	char *more = agent_vformat(format, ap);
	va_end(ap);
	size_t n = strlen(more);
	if (t->len + n + 1 > t->capacity) {
		t->capacity = 2 * (t->len + n + 1);
		t->at = agent_resize(t->at, t->capacity, 1);
	}
	memcpy(t->at + t->len, more, n + 1);
	t->len += n;
	free(more);
}

static const char *special_port(uint32_t ofport)
{
	switch (ofport) {
	case WEFT_OFPORT_IN_PORT:
		return "IN_PORT";
	case WEFT_OFPORT_TABLE:
		return "TABLE";
	case WEFT_OFPORT_NORMAL:
		return "NORMAL";
	case WEFT_OFPORT_FLOOD:
		return "FLOOD";
	case WEFT_OFPORT_ALL:
		return "ALL";
	case WEFT_OFPORT_CONTROLLER:
		return "CONTROLLER";
	case WEFT_OFPORT_LOCAL:
		return "LOCAL";
	case WEFT_OFPORT_ANY:
		return "ANY";
	default:
		return tunnel_port_name(ofport);
	}
}

void text_add_port(struct text *t, const struct flow_names *names, uint32_t ofport)
{
	const char *name = special_port(ofport);

	if (!name && names->port)
		name = names->port(names->arg, ofport);
	if (name)
		text_add(t, "%s", name);
	else
		text_add(t, "%u", ofport);
}

// ---- matches

// As ovs-ofctl calls it, which is not always OpenFlow's name.
static const char *field_name(unsigned field)
{
	switch (field) {
	case WEFT_FIELD_IPV4_SRC:
		return "nw_src";
	case WEFT_FIELD_IPV4_DST:
		return "nw_dst";
	case WEFT_FIELD_IP_PROTO:
		return "nw_proto";
	case WEFT_FIELD_ICMPV4_TYPE:
		return "icmp_type";
	case WEFT_FIELD_ICMPV4_CODE:
		return "icmp_code";
	case WEFT_FIELD_IPV6_FLABEL:
		return "ipv6_label";
	case WEFT_FIELD_IPV6_ND_TARGET:
		return "nd_target";
	case WEFT_FIELD_IPV6_ND_SLL:
		return "nd_sll";
	case WEFT_FIELD_IPV6_ND_TLL:
		return "nd_tll";
	case WEFT_FIELD_TUNNEL_ID:
		return "tun_id";
	case WEFT_FIELD_TUN_SRC:
		return "tun_src";
	case WEFT_FIELD_TUN_DST:
		return "tun_dst";
	default:
		return weft_field_infos[field].name;
	}
}

struct fields {
	struct weft_flow_key value, mask;
	struct weft_flow_key claimed; // bits of the mask that were shown
};

static bool is_exactly16(weft_be16 value, weft_be16 mask, uint16_t want)
{
	return mask == 0xffff && value == htons(want);
}

static bool eth_is(const struct fields *f, uint16_t type)
{
	return is_exactly16(f->value.eth_type, f->mask.eth_type, type);
}

static bool proto_is(const struct fields *f, uint8_t proto)
{
	return (eth_is(f, 0x0800) || eth_is(f, 0x86dd)) && f->mask.ip_proto == 0xff &&
	       f->value.ip_proto == proto;
}

static bool nd_is(const struct fields *f, uint16_t type)
{
	return eth_is(f, 0x86dd) && proto_is(f, 58) && f->value.l4_src == htons(type);
}

static bool prereq_is_met(const struct fields *f, unsigned prereq)
{
	switch (prereq) {
	case WEFT_PREREQ_IP:
		return eth_is(f, 0x0800) || eth_is(f, 0x86dd);
	case WEFT_PREREQ_IPV4:
		return eth_is(f, 0x0800);
	case WEFT_PREREQ_IPV6:
		return eth_is(f, 0x86dd);
	case WEFT_PREREQ_ARP:
		return eth_is(f, 0x0806) || eth_is(f, 0x8035);
	case WEFT_PREREQ_MPLS:
		return eth_is(f, 0x8847) || eth_is(f, 0x8848);
	case WEFT_PREREQ_PBB:
		return eth_is(f, 0x88e7);
	case WEFT_PREREQ_TCP:
		return proto_is(f, 6);
	case WEFT_PREREQ_UDP:
		return proto_is(f, 17);
	case WEFT_PREREQ_SCTP:
		return proto_is(f, 132);
	case WEFT_PREREQ_ICMPV4:
		return eth_is(f, 0x0800) && proto_is(f, 1);
	case WEFT_PREREQ_ICMPV6:
		return eth_is(f, 0x86dd) && proto_is(f, 58);
	case WEFT_PREREQ_ND:
		return nd_is(f, 135) || nd_is(f, 136);
	case WEFT_PREREQ_ND_SOLICIT:
		return nd_is(f, 135);
	case WEFT_PREREQ_ND_ADVERT:
		return nd_is(f, 136);
	default: // NONE, IN_PORT, VLAN: the container is this field's alone
		return true;
	}
}

static uint64_t number(const uint8_t *bytes, unsigned n)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < n; i++)
		v = v << 8 | bytes[i];
	return v;
}

static uint64_t all_ones(unsigned bits)
{
	return bits >= 64 ? UINT64_MAX : (1ull << bits) - 1;
}

// Number of leading ones if the mask is a prefix; -1 if it is not.
static int prefix_of(const uint8_t *mask, unsigned bytes)
{
	unsigned n = 0;

	while (n < 8 * bytes && mask[n / 8] & 0x80 >> n % 8)
		n++;
	for (unsigned i = n; i < 8 * bytes; i++)
		if (mask[i / 8] & 0x80 >> i % 8)
			return -1;
	return (int)n;
}

static void add_address(struct text *t, const uint8_t *bytes, unsigned n)
{
	char buf[INET6_ADDRSTRLEN];

	text_add(t, "%s", inet_ntop(n == 4 ? AF_INET : AF_INET6, bytes, buf, sizeof(buf)));
}

static void add_mac(struct text *t, const uint8_t *bytes)
{
	struct weft_mac mac;
	char buf[MAC_TEXT_MAX];

	memcpy(mac.b, bytes, 6);
	text_add(t, "%s", mac_format(&mac, buf));
}

static bool is_ipv4_field(unsigned f)
{
	return f == WEFT_FIELD_IPV4_SRC || f == WEFT_FIELD_IPV4_DST || f == WEFT_FIELD_ARP_SPA ||
	       f == WEFT_FIELD_ARP_TPA || f == WEFT_FIELD_TUN_SRC || f == WEFT_FIELD_TUN_DST;
}

static void add_addresses(struct text *t, const uint8_t *value, const uint8_t *mask, unsigned bytes)
{
	int prefix = prefix_of(mask, bytes);

	add_address(t, value, bytes);
	if (prefix == (int)(8 * bytes))
		return;
	text_add(t, "/");
	if (prefix >= 0)
		text_add(t, "%d", prefix);
	else
		add_address(t, mask, bytes);
}

static bool is_port_field(unsigned f)
{
	return f == WEFT_FIELD_IN_PORT || f == WEFT_FIELD_IN_PHY_PORT ||
	       f == WEFT_FIELD_ACTSET_OUTPUT;
}

static bool is_hex_field(unsigned f)
{
	return f == WEFT_FIELD_METADATA || f == WEFT_FIELD_ETH_TYPE || f == WEFT_FIELD_TUNNEL_ID ||
	       f == WEFT_FIELD_TCP_FLAGS || f == WEFT_FIELD_TUN_FLAGS ||
	       f == WEFT_FIELD_IPV6_FLABEL || f == WEFT_FIELD_IPV6_EXTHDR ||
	       f == WEFT_FIELD_VLAN_VID;
}

// The value of a field, with its mask unless that is all ones.
static void add_value(struct text *t, const struct flow_names *names, unsigned field,
	const uint8_t *value, const uint8_t *mask)
{
	const struct weft_field_info *info = &weft_field_infos[field];

	if (is_ipv4_field(field) || info->bytes == 16) {
		add_addresses(t, value, mask, info->bytes);
		return;
	}
	if (info->bytes == 6) {
		add_mac(t, value);
		if (prefix_of(mask, 6) != 48) {
			text_add(t, "/");
			add_mac(t, mask);
		}
		return;
	}
	uint64_t v = number(value, info->bytes), m = number(mask, info->bytes);
	bool whole = m == all_ones(info->bits);
	if (is_port_field(field) && whole)
		text_add_port(t, names, (uint32_t)v);
	else
		text_add(t, is_hex_field(field) || !whole ? "0x%llx" : "%llu",
			(unsigned long long)v);
	if (!whole)
		text_add(t, "/0x%llx", (unsigned long long)m);
}

// "tcp" says eth_type and ip_proto at once.
static const char *protocol(const struct fields *f)
{
	static const struct {
		uint16_t type;
		uint8_t proto;
		const char *name;
	} names[] = {{0x0800, 1, "icmp"}, {0x0800, 6, "tcp"}, {0x0800, 17, "udp"},
		{0x0800, 132, "sctp"}, {0x86dd, 58, "icmp6"}, {0x86dd, 6, "tcp6"},
		{0x86dd, 17, "udp6"}, {0x86dd, 132, "sctp6"}};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (eth_is(f, names[i].type) && proto_is(f, names[i].proto))
			return names[i].name;
	return NULL;
}

static const char *ether_type(const struct fields *f)
{
	return eth_is(f, 0x0800)   ? "ip"
	       : eth_is(f, 0x86dd) ? "ipv6"
	       : eth_is(f, 0x0806) ? "arp"
	       : eth_is(f, 0x8847) ? "mpls"
				   : NULL;
}

static void add_protocol(struct text *t, struct fields *f)
{
	const char *both = protocol(f), *name = both ? both : ether_type(f);

	if (!name)
		return;
	text_add(t, ",%s", name);
	f->claimed.eth_type = 0xffff;
	if (both)
		f->claimed.ip_proto = 0xff;
}

static void add_field(
	struct text *t, const struct flow_names *names, struct fields *f, unsigned field)
{
	const struct weft_field_info *info = &weft_field_infos[field];
	const uint8_t *value = weft_key_field_const(&f->value, field);
	const uint8_t *mask = weft_key_field_const(&f->mask, field);
	uint8_t *claimed = weft_key_field(&f->claimed, field);
	bool fresh = false;

	for (unsigned i = 0; i < info->bytes; i++)
		fresh |= mask[i] & ~claimed[i];
	if (!fresh || !prereq_is_met(f, info->prereq))
		return;
	memset(claimed, 0xff, info->bytes);
	text_add(t, ",%s=", field_name(field));
	add_value(t, names, field, value, mask);
}

void text_add_match(struct text *t, const struct flow_names *names, const struct weft_match *m)
{
	struct fields f = {0};

	weft_match_to_key(m, &f.value, &f.mask);
	add_protocol(t, &f);
	for (unsigned i = 0; i < WEFT_FIELD_MAX; i++)
		add_field(t, names, &f, i);
}

// ---- actions

static const char *const action_names[] = {
#define WEFT_X(id, name) #name,
	WEFT_ACTIONS(WEFT_X)
#undef WEFT_X
};

static void add_output(struct text *t, const struct flow_names *names, const struct weft_action *a)
{
	const struct weft_action_output *out = weft_action_payload(a);

	if (!special_port(a->arg) || tunnel_port_name(a->arg))
		text_add(t, "output:");
	text_add_port(t, names, a->arg);
	if (a->arg == WEFT_OFPORT_CONTROLLER)
		text_add(t, ":%u", out->max_len);
}

static void add_set_field(
	struct text *t, const struct flow_names *names, const struct weft_action *a)
{
	const struct weft_action_set_field *set = weft_action_payload(a);

	if (a->arg >= WEFT_FIELDS_ALL) {
		text_add(t, "set_field:?");
		return;
	}
	text_add(t, "set_field:");
	add_value(t, names, a->arg, set->value, set->mask);
	text_add(t, "->%s", field_name(a->arg));
}

static void add_action(struct text *t, const struct flow_names *names, const struct weft_action *a)
{
	const char *name = a->type < WEFT_ACTION_MAX ? action_names[a->type] : "?";

	switch (a->type) {
	case WEFT_ACTION_OUTPUT:
		add_output(t, names, a);
		break;
	case WEFT_ACTION_SET_FIELD:
		add_set_field(t, names, a);
		break;
	case WEFT_ACTION_DEC_NW_TTL:
		text_add(t, "dec_ttl");
		break;
	case WEFT_ACTION_SET_NW_TTL:
		text_add(t, "mod_nw_ttl:%u", a->arg);
		break;
	case WEFT_ACTION_POP_VLAN:
	case WEFT_ACTION_POP_PBB:
	case WEFT_ACTION_DEC_MPLS_TTL:
	case WEFT_ACTION_COPY_TTL_OUT:
	case WEFT_ACTION_COPY_TTL_IN:
		text_add(t, "%s", name);
		break;
	case WEFT_ACTION_PUSH_VLAN:
	case WEFT_ACTION_PUSH_MPLS:
	case WEFT_ACTION_POP_MPLS:
	case WEFT_ACTION_PUSH_PBB:
		text_add(t, "%s:0x%04x", name, a->arg);
		break;
	default:
		text_add(t, "%s:%u", name, a->arg);
	}
}

void text_add_actions(
	struct text *t, const struct flow_names *names, const void *actions, size_t bytes)
{
	const char *comma = "";

	WEFT_ACTION_FOR_EACH (a, actions, bytes) {
		text_add(t, "%s", comma);
		add_action(t, names, a);
		comma = ",";
	}
}

// Times in seconds, as elsewhere; what lies below them is there if it is not zero.
static void add_stat(struct text *t, unsigned stat, uint64_t at)
{
	static const char *const stats[WEFT_STATS] = {
		"duration", "idle_time", "flow_count", "packet_count", "byte_count"};
	bool time = stat == WEFT_STAT_DURATION || stat == WEFT_STAT_IDLE;
	unsigned long long n = at, s = n / 1000000000u, ns = n % 1000000000u;

	if (!time)
		text_add(t, "%s=%llu,", stats[stat], n);
	else if (ns)
		text_add(t, "%s=%llu.%09llu,", stats[stat], s, ns);
	else
		text_add(t, "%s=%llu,", stats[stat], s);
}

static void add_trigger(struct text *t, const struct weft_trigger *trigger)
{
	text_add(t, "stat_trigger(");
	for (unsigned i = 0; i < WEFT_STATS; i++)
		if (trigger->present >> i & 1)
			add_stat(t, i, trigger->at[i]);
	if (trigger->flags & WEFT_TRIGGER_PERIODIC)
		text_add(t, "periodic,");
	if (trigger->flags & WEFT_TRIGGER_ONLY_FIRST)
		text_add(t, "only_first,");
	t->at[t->len - 1] = ')'; // there is a threshold, so there is a comma
}

void text_add_instructions(
	struct text *t, const struct flow_names *names, const struct weft_instructions *in)
{
	size_t start = t->len;

#define COMMA (t->len == start ? "" : ",")
	if (in && in->flags & WEFT_INSTR_TRIGGER)
		add_trigger(t, weft_instructions_trigger(in));
	if (in && in->meter_id)
		text_add(t, "%smeter:%u", COMMA, in->meter_id);
	if (in && in->apply_len) {
		text_add(t, "%s", COMMA);
		text_add_actions(t, names, weft_instructions_apply(in), in->apply_len);
	}
	if (in && in->flags & WEFT_INSTR_CLEAR)
		text_add(t, "%sclear_actions", COMMA);
	if (in && in->write_len) {
		text_add(t, "%swrite_actions(", COMMA);
		text_add_actions(t, names, weft_instructions_write(in), in->write_len);
		text_add(t, ")");
	}
	if (in && in->metadata_mask) {
		text_add(t, "%swrite_metadata:0x%llx", COMMA,
			(unsigned long long)weft_ntohll(in->metadata));
		if (in->metadata_mask != UINT64_MAX)
			text_add(t, "/0x%llx", (unsigned long long)weft_ntohll(in->metadata_mask));
	}
	if (in && in->flags & WEFT_INSTR_GOTO)
		text_add(t, "%sgoto_table:%u", COMMA, in->goto_table);
#undef COMMA
	if (t->len == start)
		text_add(t, "drop");
}

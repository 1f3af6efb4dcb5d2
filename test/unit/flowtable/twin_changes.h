// SPDX-License-Identifier: Apache-2.0
#pragma once
// What is done to two switches alike while packets go through them: rules, groups, meters, ports,
// addresses and settings come, change and go at random.

#include "twins.h"

static inline void arp_pattern(struct pattern *p)
{
	pattern_exact(p, WEFT_FIELD_ETH_TYPE, 0x806);
	if (rng() % 2)
		pattern_exact(p, WEFT_FIELD_ARP_OP, 1 + rng() % 2);
	if (rng() % 2)
		pattern_exact(p, WEFT_FIELD_ARP_TPA, 0x0a000000 + rng() % 4);
	if (rng() % 4 == 0)
		pattern_exact(p, WEFT_FIELD_ARP_SHA, 0x020000000000 + rng() % MACS);
}

static inline struct pattern random_pattern(void)
{
	struct pattern p = {0};
	static const uint16_t types[] = {0x800, 0x800, 0x86dd};
	static const uint8_t others[] = {2, 47, 50, 51, 59, 255};
	unsigned type = types[rng() % 3];

	if (rng() % 4 == 0)
		pattern_exact(&p, WEFT_FIELD_IN_PORT, rng() % 4 ? rng() % PORTS + 1 : tunnel);
	if (rng() % 5 == 0)
		pattern_masked(&p, WEFT_FIELD_METADATA, rng(), 3);
	if (rng() % 5 == 0)
		pattern_masked(&p, WEFT_FIELD_REG0, rng(), 3);
	if (rng() % 5 == 0)
		pattern_exact(&p, WEFT_FIELD_ETH_DST, 0x020000000000 + rng() % MACS);
	if (rng() % 9 == 0)
		pattern_exact(&p, WEFT_FIELD_TUN_SRC, 0x0a000001 + rng() % 2);
	if (rng() % 9 == 0)
		pattern_exact(&p, WEFT_FIELD_TUNNEL_ID, 1 + rng() % 3);
	if (rng() % 6 == 0)
		pattern_exact(&p, WEFT_FIELD_VLAN_VID, 0x1000 + rng() % 4);
	else if (rng() % 9 == 0)
		pattern_masked(&p, WEFT_FIELD_VLAN_VID, rng() % 2 * 0x1000, 0x1000);
	if (rng() % 2)
		return p;
	if (rng() % 6 == 0) {
		arp_pattern(&p);
		return p;
	}
	pattern_exact(&p, WEFT_FIELD_ETH_TYPE, type);
	if (rng() % 6 == 0)
		pattern_exact(&p, WEFT_FIELD_IP_DSCP, rng() % 2 * 10);
	if (rng() % 6 == 0)
		pattern_exact(&p, WEFT_FIELD_NW_TTL, 62 + rng() % 3);
	if (rng() % 6 == 0)
		pattern_exact(&p, WEFT_FIELD_IP_ECN, rng() % 4);
	if (type == 0x800 && rng() % 3 == 0)
		pattern_masked(&p, WEFT_FIELD_IPV4_SRC, 0x0a000000 + rng() % 8, 0xffffff00 | rng());
	if (type == 0x86dd && rng() % 3 == 0)
		pattern_masked(&p, WEFT_FIELD_IPV6_DST, rng() % 8, rng() % 8);
	switch (rng() % 7) {
	case 0:
		pattern_exact(&p, WEFT_FIELD_IP_PROTO, 6);
		if (rng() % 2)
			pattern_exact(&p, WEFT_FIELD_TCP_DST, rng() % 4);
		if (rng() % 3 == 0)
			pattern_masked(&p, WEFT_FIELD_TCP_FLAGS, 2, 2);
		break;
	case 1:
		pattern_exact(&p, WEFT_FIELD_IP_PROTO, 17);
		pattern_exact(&p, WEFT_FIELD_UDP_SRC, rng() % 4);
		break;
	case 2:
		pattern_exact(&p, WEFT_FIELD_IP_PROTO, type == 0x800 ? 1 : 58);
		if (type == 0x800)
			pattern_exact(&p, WEFT_FIELD_ICMPV4_TYPE, rng() % 2 * 8);
		else if (rng() % 2)
			pattern_exact(&p, WEFT_FIELD_ICMPV6_TYPE, 128 + rng() % 2 * 7);
		break;
	case 3:
		pattern_exact(&p, WEFT_FIELD_IP_PROTO, 132);
		pattern_exact(&p, WEFT_FIELD_SCTP_DST, rng() % 4);
		break;
	case 4:
		pattern_exact(&p, WEFT_FIELD_IP_PROTO, others[rng() % sizeof(others)]);
		if (type == 0x86dd && rng() % 2)
			pattern_masked(&p, WEFT_FIELD_IPV6_EXTHDR, rng() % 8, rng() % 8);
		break;
	}
	return p;
}

static inline void random_output(struct program *p, bool write)
{
	const uint32_t special[] = {WEFT_OFPORT_IN_PORT, WEFT_OFPORT_NORMAL, WEFT_OFPORT_FLOOD,
		WEFT_OFPORT_CONTROLLER, tunnel, tunnel, WEFT_OFPORT_NORMAL};

	program_add(
		p, write, WEFT_ACTION_OUTPUT, rng() % 2 ? rng() % PORTS + 1 : special[rng() % 7]);
}

static inline struct weft_subfield some_bits(void)
{
	static const enum weft_field fields[] = {WEFT_FIELD_REG0, WEFT_FIELD_REG0, WEFT_FIELD_REG1,
		WEFT_FIELD_METADATA, WEFT_FIELD_ETH_DST, WEFT_FIELD_IN_PORT, WEFT_FIELD_TUNNEL_ID,
		WEFT_FIELD_TUN_IPV6_SRC};
	unsigned some = tunnel == WEFT_OFPORT_OVERLAY ? 6 : 8; // a tenant's network stands

	return bits_of(fields[rng() % some], 0, 2);
}

// Nicira's, of which some can be done again and some can't.
static inline void random_nx(struct program *p, bool write)
{
	const struct weft_subfield f = some_bits();
	struct program inside = {0};

	switch (write ? rng() % 3 : rng() % 9) {
	case 0:
		program_load(p, write, f.field, 0, 2, rng());
		break;
	case 1:
		program_resubmit(p, write, rng() % 4 ? WEFT_OFPORT_IN_PORT : rng() % PORTS + 1, 2);
		break;
	case 2:
		program_move(p, write, f, some_bits());
		break;
	case 3:
		program_stack(p, false, f);
		break;
	case 4:
		program_stack(p, true, f);
		break;
	case 5:
		program_output_field(p, f);
		break;
	case 6:
		program_load(&inside, false, WEFT_FIELD_REG0, 0, 2, rng());
		random_output(&inside, false);
		program_clone(p, &inside);
		break;
	case 7:
		program_add(p, false, WEFT_ACTION_EXIT, 0);
		break;
	default:
		program_raw(p, false, WEFT_ACTION_CHECK_PKT_LARGER, 60 + rng() % 900,
			&(struct weft_subfield){WEFT_FIELD_REG0, 0, 1, 0},
			sizeof(struct weft_subfield));
	}
}

static inline void random_edit(struct program *p, bool write)
{
	static const uint64_t dsts[] = {0x0a000005, 0x0a000006};

	if (rng() % 3 == 0) {
		random_nx(p, write);
		return;
	}
	switch (rng() % 11) {
	case 0:
		program_set(p, write, WEFT_FIELD_ETH_DST, 0x020000000000 + rng() % MACS);
		break;
	case 1:
		program_set(p, write, WEFT_FIELD_IPV4_DST, rng() % 4);
		break;
	case 2:
	case 3:
		program_add(p, write, WEFT_ACTION_DEC_NW_TTL, 0);
		break;
	case 4:
		program_set(p, write, WEFT_FIELD_TUN_DST, dsts[rng() % 2]);
		break;
	case 5:
		program_set(p, write, WEFT_FIELD_TCP_DST, rng() % 4);
		break;
	case 6:
		program_set(p, write, WEFT_FIELD_IP_DSCP, rng() % 2 * 10);
		break;
	case 7:
		program_add(p, write, WEFT_ACTION_PUSH_VLAN, 0x8100);
		break;
	case 8:
		program_add(p, write, WEFT_ACTION_SET_NW_TTL, rng() % 4);
		break;
	case 9:
		program_add(p, write, WEFT_ACTION_POP_VLAN, 0);
		break;
	case 10:
		program_set(p, write, WEFT_FIELD_VLAN_VID, 0x1000 + rng() % 4);
		break;
	}
}

static inline void random_action(struct program *p, bool write)
{
	unsigned what = rng() % 20;

	if (what < 11)
		random_edit(p, write);
	else if (what == 11)
		program_add(p, write, WEFT_ACTION_GROUP, 1 + rng() % GROUPS);
	else if (what == 12)
		program_add(p, write, WEFT_ACTION_METER, 1 + rng() % 2);
	else
		random_output(p, write);
}

// ---- groups

static inline struct weft_bucket random_bucket(uint32_t id, uint8_t type, struct program *p)
{
	// Groups of groups are seldom, or some packet would leave in thousands of copies.
	if (rng() % 16 == 0)
		program_add(p, true, WEFT_ACTION_GROUP, 1 + rng() % GROUPS);
	for (unsigned n = rng() % 3; n; n--)
		random_edit(p, true);
	if (rng() % 4)
		random_output(p, true);
	return (struct weft_bucket){.bucket_id = id,
		.weight = type == WEFT_GROUP_TYPE_SELECT ? (uint16_t)(1 + rng() % 3) : 0,
		.watch_port = type == WEFT_GROUP_TYPE_FF ? 1 + rng() % PORTS : WEFT_OFPORT_ANY,
		.watch_group = WEFT_GROUP_ANY,
		.actions_len = p->instr.write_len};
}

static inline size_t random_buckets(uint8_t *raw, const struct weft_group_mod *mod)
{
	size_t len = 0;

	for (uint32_t i = 0; i < mod->bucket_count; i++) {
		struct program p = {0};
		struct weft_bucket b = random_bucket(i, mod->type, &p);

		memcpy(raw + len, &b, sizeof(b));
		memcpy(raw + len + sizeof(b), p.actions, b.actions_len);
		len += sizeof(b) + b.actions_len;
	}
	return len;
}

// What a select group hashes, behind the buckets: some bits of some words.
static inline size_t random_hash(uint8_t *raw, size_t len, struct weft_group_mod *mod)
{
	static const enum weft_field fields[] = {
		WEFT_FIELD_IPV4_SRC, WEFT_FIELD_TCP_DST, WEFT_FIELD_NW_TTL, WEFT_FIELD_TCP_FLAGS};
	struct pattern p = {0};

	mod->select = WEFT_SELECT_HASH;
	mod->select_param = rng();
	pattern_masked(&p, fields[rng() % 4], 0, 1 + rng() % 255);
	for (unsigned i = 0; i < WEFT_KEY_WORDS; i++) {
		uint64_t mask;

		memcpy(&mask, (const char *)&p.mask + 8 * i, 8);
		if (!mask)
			continue;
		mod->hash_map |= 1ull << i;
		memcpy(raw + len, &mask, 8);
		len += 8;
	}
	return len;
}

static inline void random_group(struct twin s[2])
{
	static _Alignas(8) uint8_t raw[8192];
	struct weft_group_mod mod = {.group = 1 + rng() % GROUPS,
		.command = rng() % 8 ? WEFT_GROUP_ADD_OR_MODIFY : WEFT_GROUP_DELETE,
		.type = (uint8_t)(rng() % 4),
		.bucket_count = 1};
	size_t len = 0;

	if (mod.command == WEFT_GROUP_DELETE)
		mod.bucket_count = mod.type = 0;
	else if (mod.type != WEFT_GROUP_TYPE_INDIRECT)
		mod.bucket_count = (uint16_t)(1 + rng() % 3);
	len = random_buckets(raw, &mod);
	if (mod.type == WEFT_GROUP_TYPE_SELECT && rng() % 2)
		len = random_hash(raw, len, &mod);
	assert_int_equal(
		ft_group_mod(s[0].w->sw, &mod, raw, len), ft_group_mod(s[1].w->sw, &mod, raw, len));
}

// ---- rules

// Each of a priority of its own: which of two equal ones matches is nobody's promise.
struct made {
	struct pattern pattern;
	uint16_t priority;
	uint8_t table;
};
static struct made made[1000];
static unsigned n_made;

static inline void random_rule(struct twin s[2])
{
	struct pattern pattern = random_pattern();
	uint16_t priority = (uint16_t)(n_made * 40503 + 1);
	struct program p = {0};
	uint8_t table = (uint8_t)(rng() % 2 ? 0 : rng() % 3);

	bool tag = rng() % 6 == 0; // so that the next table's rules meet another length

	if (tag)
		program_add(&p, false, WEFT_ACTION_PUSH_VLAN, 0x8100);
	for (unsigned n = rng() % 3; n; n--)
		random_action(&p, false);
	for (unsigned n = rng() % 3; n; n--)
		random_action(&p, true);
	if ((tag || rng() % 2) && table < 2) {
		p.instr.flags |= WEFT_INSTR_GOTO;
		p.instr.goto_table = (uint8_t)(table + 1);
	}
	if (rng() % 3 == 0) {
		p.instr.metadata_mask = weft_htonll(3);
		p.instr.metadata = weft_htonll(rng() % 4);
	}
	if (rng() % 8 == 0)
		p.instr.meter_id = 1 + rng() % 2;
	assert_true(n_made < 1000);
	made[n_made] = (struct made){pattern, priority, table};
	flow_mod(s, WEFT_FLOW_ADD, table, priority, &pattern, &p, n_made++);
}

// Through so many tables as a path can hold, and beyond.
static inline void long_chain(struct twin s[2])
{
	struct pattern any = {0};
	unsigned last = 3 + rng() % 80;

	for (unsigned table = 2; table <= last; table++) {
		struct program p = {0};

		if (table == last) {
			random_output(&p, true);
		} else {
			p.instr.flags |= WEFT_INSTR_GOTO;
			p.instr.goto_table = (uint8_t)(table + 1);
		}
		made[n_made] = (struct made){any, 1, (uint8_t)table};
		flow_mod(s, WEFT_FLOW_ADD, (uint8_t)table, 1, &any, &p, n_made++);
	}
}

static inline void random_delete(struct twin s[2])
{
	static const struct program none;
	const struct made *old = &made[rng() % n_made];
	struct pattern pattern = random_pattern();

	flow_mod(s, WEFT_FLOW_DELETE_STRICT, old->table, old->priority, &old->pattern, &none, 0);
	if (rng() % 16 == 0)
		flow_mod(s, WEFT_FLOW_DELETE, (uint8_t)(rng() % 3), 0, &pattern, &none, 0);
}

// Another rule in its place, or the same with other instructions; the counts go on or start again.
static inline void random_replacement(struct twin s[2])
{
	const struct made *old = &made[rng() % n_made];
	uint16_t reset = rng() % 2 ? WEFT_FLOW_RESET_COUNTS : 0;
	struct program p = {0};

	if (old->table > 2)
		return;
	random_output(&p, true);
	if (rng() % 2)
		flow_mod_flags(s, WEFT_FLOW_MODIFY_STRICT, old->table, old->priority, &old->pattern,
			&p, 0, reset);
	else
		flow_mod_flags(s, WEFT_FLOW_ADD, old->table, old->priority, &old->pattern, &p, 7,
			reset | WEFT_FLOW_SEND_REMOVED);
}

// What is due goes, and what is removed is told.
static inline void random_grace(struct twin s[2])
{
	bool expire = rng() % 2;

	twin_fold(&s[0]);
	if (expire)
		assert_int_equal(world_expire(s[0].w), world_expire(s[1].w));
	for (unsigned i = 0; i < 2; i++)
		world_grace(s[i].w);
}

static inline void random_port(struct twin s[2])
{
	static const uint32_t configs[] = {
		0, 0, 0, WEFT_PORT_DOWN, WEFT_PORT_NO_FWD, WEFT_PORT_NO_RECV, WEFT_PORT_NO_FLOOD};
	struct ft_port port = {rng() % PORTS + 1, configs[rng() % 7], rng() % 4 != 0};
	bool gone = rng() % 8 == 0;

	for (unsigned i = 0; i < 2; i++) {
		if (gone)
			ft_port_del(s[i].w->sw, port.ofport);
		else
			assert_int_equal(ft_port_set(s[i].w->sw, &port), 0);
	}
}

static inline void random_address(struct twin s[2])
{
	struct weft_ipc_fdb f = {.mac = {{2, 0, 0, 0, 0, (uint8_t)(rng() % MACS)}},
		.ofport = rng() % 2 ? rng() % PORTS + 1 : tunnel};
	unsigned what = rng() % 6;

	twin_fold(&s[0]); // the ages
	if (f.ofport == WEFT_OFPORT_OVERLAY)
		f.vtep = weft_ip_from_v4(htonl(0x0a000001 + rng() % 2));
	for (unsigned i = 0; i < 2; i++) {
		if (what == 0)
			ft_fdb_flush(s[i].w->sw);
		else if (what == 1)
			ft_fdb_age(s[i].w->sw, 3);
		else
			ft_fdb_add(s[i].w->sw, &f);
	}
}

static inline void random_change(struct twin s[2])
{
	unsigned flags;

	switch (rng() % 16) {
	case 14:
		random_replacement(s);
		break;
	case 0:
		random_port(s);
		break;
	case 12:
		dead_vtep = htonl(0x0a000005 + rng() % 3);
		for (unsigned i = 0; i < 2; i++)
			ft_switch_changed(s[i].w->sw);
		break;
	case 13:
		random_group(s);
		break;
	case 1:
	case 2:
		random_address(s);
		break;
	case 3:
		flags = rng() % 16 &
			(FT_SWITCH_LEARN | FT_SWITCH_FRAG_DROP | FT_SWITCH_TTL_PACKET_IN);
		flags |= rng() % 8 ? 0 : FT_SWITCH_STANDALONE;
		for (unsigned i = 0; i < 2; i++)
			ft_switch_set_flags(s[i].w->sw, flags);
		break;
	case 4:
	case 5:
	case 6:
		random_delete(s);
		break;
	case 7:
	case 15:
		random_grace(s);
		break;
	default:
		random_rule(s);
	}
}

// SPDX-License-Identifier: Apache-2.0
// Table features (OpenFlow 1.3.5, 7.3.5.5; 1.5.1, 7.3.5.18).
//
// All tables can do the same, but for where they can go to. What holds for a table miss holds for
// any rule, so the _MISS properties are left out (7.3.5.5.2). What can be changed of them is where
// egress begins (table_features_set.c).
#include "session/table_features.h"

#include <stdio.h>

#include <weft/fields.h>

#include "mem.h"
#include "openflow/oxm.h"
#include "session/dump.h"
#include "session/handlers.h"

// An action or instruction, and the versions that have it.
struct known {
	uint8_t type, first, last;
};

#define ALL_VERSIONS OF_VERSION_1_3, OF_VERSION_1_5

// No OFPAT_SET_QUEUE: there are no queues.
static const struct known actions[] = {
	{OFPAT_OUTPUT, ALL_VERSIONS},
	{OFPAT_COPY_TTL_OUT, ALL_VERSIONS},
	{OFPAT_COPY_TTL_IN, ALL_VERSIONS},
	{OFPAT_SET_MPLS_TTL, ALL_VERSIONS},
	{OFPAT_DEC_MPLS_TTL, ALL_VERSIONS},
	{OFPAT_PUSH_VLAN, ALL_VERSIONS},
	{OFPAT_POP_VLAN, ALL_VERSIONS},
	{OFPAT_PUSH_MPLS, ALL_VERSIONS},
	{OFPAT_POP_MPLS, ALL_VERSIONS},
	{OFPAT_GROUP, ALL_VERSIONS},
	{OFPAT_SET_NW_TTL, ALL_VERSIONS},
	{OFPAT_DEC_NW_TTL, ALL_VERSIONS},
	{OFPAT_SET_FIELD, ALL_VERSIONS},
	{OFPAT_PUSH_PBB, ALL_VERSIONS},
	{OFPAT_POP_PBB, ALL_VERSIONS},
	{OFPAT_COPY_FIELD, OF_VERSION_1_5, OF_VERSION_1_5},
	{OFPAT_METER, OF_VERSION_1_5, OF_VERSION_1_5},
};

static const struct known instructions[] = {
	{OFPIT_WRITE_METADATA, ALL_VERSIONS},
	{OFPIT_WRITE_ACTIONS, ALL_VERSIONS},
	{OFPIT_APPLY_ACTIONS, ALL_VERSIONS},
	{OFPIT_CLEAR_ACTIONS, ALL_VERSIONS},
	{OFPIT_METER, OF_VERSION_1_3, OF_VERSION_1_4},
	{OFPIT_GOTO_TABLE, ALL_VERSIONS},
	{OFPIT_STAT_TRIGGER, OF_VERSION_1_5, OF_VERSION_1_5},
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static bool is_in(const struct known *k, uint8_t version)
{
	return k->first <= version && version <= k->last;
}

static bool is_listed(const struct known *list, size_t n, uint16_t type, uint8_t version)
{
	for (size_t i = 0; i < n; i++)
		if (list[i].type == type && is_in(&list[i], version))
			return true;
	return false;
}

bool session_has_action(uint16_t type, uint8_t version)
{
	return is_listed(actions, COUNT(actions), type, version);
}

bool session_has_instruction(uint16_t type, uint8_t version)
{
	return is_listed(instructions, COUNT(instructions), type, version);
}

#define ACTIONS_1_0 ((1u << 11) - 1u) // OFPAT_OUTPUT to OFPAT_SET_TP_DST: all but OFPAT_ENQUEUE

uint32_t session_action_bits(uint8_t version)
{
	uint32_t bits = version == OF_VERSION_1_0 ? ACTIONS_1_0 : 0;

	for (size_t i = 0; i < COUNT(actions); i++)
		if (is_in(&actions[i], version))
			bits |= 1u << actions[i].type;
	return bits;
}

static void put_instructions(struct of_writer *w, struct of_writer *list, bool last)
{
	struct of_table_feature_prop prop = {.kind = OF_TABLE_FEATURE_PROP_INSTRUCTIONS};

	of_writer_reset(list);
	for (size_t i = 0; i < COUNT(instructions); i++) {
		const struct of_instruction_id id = {.type = instructions[i].type};

		if (is_in(&instructions[i], w->version) && (!last || id.type != OFPIT_GOTO_TABLE))
			of_instruction_id_write(list, &id);
	}
	prop.instructions.instruction_ids = of_written(list);
	of_table_feature_prop_write(w, &prop);
}

static void put_next_tables(
	struct of_writer *w, struct of_writer *list, unsigned table, unsigned end)
{
	struct of_table_feature_prop prop = {.kind = OF_TABLE_FEATURE_PROP_NEXT_TABLES};

	of_writer_reset(list);
	while (++table < end)
		of_put_u8(list, (uint8_t)table);
	prop.next_tables.table_ids = of_written(list);
	of_table_feature_prop_write(w, &prop);
}

static void list_actions(struct of_writer *list, bool where_to)
{
	of_writer_reset(list);
	for (size_t i = 0; i < COUNT(actions); i++) {
		const struct of_action_id id = {.type = actions[i].type};
		bool leads = id.type == OFPAT_OUTPUT || id.type == OFPAT_GROUP;

		if (is_in(&actions[i], list->version) && (where_to || !leads))
			of_action_id_write(list, &id);
	}
}

// The action set of an egress table has its output already (1.5.1, 5.12).
static void put_actions(struct of_writer *w, struct of_writer *list, bool egress)
{
	struct of_table_feature_prop prop = {.kind = OF_TABLE_FEATURE_PROP_WRITE_ACTIONS};

	list_actions(list, !egress);
	prop.write_actions.action_ids = of_written(list);
	of_table_feature_prop_write(w, &prop);
	list_actions(list, true);
	prop = (struct of_table_feature_prop){.kind = OF_TABLE_FEATURE_PROP_APPLY_ACTIONS};
	prop.apply_actions.action_ids = of_written(list);
	of_table_feature_prop_write(w, &prop);
}

// The fields with this flag (0: all), those that this version has a form for.
static void list_fields(struct of_writer *list, unsigned flag, bool with_mask)
{
	of_writer_reset(list);
	for (unsigned f = 0; f < WEFT_FIELD_MAX; f++) {
		unsigned flags = weft_field_infos[f].flags;

		if ((flags & flag) == flag)
			of_oxm_id_of_field(list, f, with_mask && flags & WEFT_FIELD_M);
	}
}

static void put_fields(struct of_writer *w, struct of_writer *list)
{
	struct of_table_feature_prop prop = {.kind = OF_TABLE_FEATURE_PROP_MATCH};

	list_fields(list, 0, true);
	prop.match.oxm_ids = of_written(list);
	of_table_feature_prop_write(w, &prop);
	list_fields(list, 0, false);
	prop = (struct of_table_feature_prop){.kind = OF_TABLE_FEATURE_PROP_WILDCARDS};
	prop.wildcards.oxm_ids = of_written(list);
	of_table_feature_prop_write(w, &prop);
	list_fields(list, WEFT_FIELD_S, false);
	prop = (struct of_table_feature_prop){.kind = OF_TABLE_FEATURE_PROP_WRITE_SETFIELD};
	prop.write_setfield.oxm_ids = of_written(list);
	of_table_feature_prop_write(w, &prop);
	prop = (struct of_table_feature_prop){.kind = OF_TABLE_FEATURE_PROP_APPLY_SETFIELD};
	prop.apply_setfield.oxm_ids = of_written(list);
	of_table_feature_prop_write(w, &prop);
}

// What can be set can be copied to; and from wherever.
static void put_copied_fields(struct of_writer *w, struct of_writer *list)
{
	struct of_table_feature_prop prop = {.kind = OF_TABLE_FEATURE_PROP_WRITE_COPYFIELD};

	list_fields(list, WEFT_FIELD_S, false);
	prop.write_copyfield.oxm_ids = of_written(list);
	of_table_feature_prop_write(w, &prop);
	prop = (struct of_table_feature_prop){.kind = OF_TABLE_FEATURE_PROP_APPLY_COPYFIELD};
	prop.apply_copyfield.oxm_ids = of_written(list);
	of_table_feature_prop_write(w, &prop);
}

// All packets are Ethernet frames (1.5.1, 7.2.3.11).
static void put_packet_types(struct of_writer *w, struct of_writer *list)
{
	static const uint8_t ethernet[4];
	struct of_table_feature_prop prop = {.kind = OF_TABLE_FEATURE_PROP_PACKET_TYPES};

	of_writer_reset(list);
	of_oxm_write(list, WEFT_FIELD_PACKET_TYPE, ethernet, NULL);
	prop.packet_types.oxm_values = of_written(list);
	of_table_feature_prop_write(w, &prop);
}

// What a table is like beside the others.
struct place {
	unsigned table;
	unsigned end; // a rule's goto-table leads before this one
	bool egress, first_egress;
};

static uint32_t role_bits(const struct place *p)
{
	if (!p->egress)
		return OFPTFF_INGRESS_TABLE;
	return OFPTFF_EGRESS_TABLE | (p->first_egress ? OFPTFF_FIRST_EGRESS : 0u);
}

static void put_table(struct session_dump *d, const struct place *p, uint32_t max_rules)
{
	struct of_writer props = {.version = d->w.version}, list = props;
	uint32_t config =
		d->w.version >= OF_VERSION_1_4 ? OFPTC_EVICTION | OFPTC_VACANCY_EVENTS : 0;
	struct of_table_features out = {
		.config = config, // from 1.4 on what could be set
		.capabilities = config,
		.table_id = (uint8_t)p->table,
		.metadata_match = UINT64_MAX,
		.metadata_write = UINT64_MAX,
		.max_entries = max_rules,
		.command = OFPTFC_REPLACE, // what a request to set it so would say
		.features = role_bits(p),
	};

	put_instructions(&props, &list, p->table + 1 == p->end);
	put_next_tables(&props, &list, p->table, p->end);
	put_actions(&props, &list, p->egress);
	put_fields(&props, &list);
	if (d->w.version >= OF_VERSION_1_5) {
		put_copied_fields(&props, &list);
		put_packet_types(&props, &list);
	}
	snprintf(out.name, sizeof(out.name), "table%u", p->table);
	out.properties = of_written(&props);
	of_table_features_write(&d->w, &out);
	session_dump_next(d);
	of_writer_free(&props);
	of_writer_free(&list);
}

static void on_desc(void *arg, weft_tenant_id tenant, const void *body, size_t len)
{
	const struct weft_table_desc *t = body;
	struct session_dump *d = arg;
	uint8_t *roles = d->extra;

	if (t->table < WEFT_TABLES)
		roles[t->table] = t->role;
}

// `extra` has a byte a table: WEFT_TABLE_*.
static void put_tables(struct session_dump *d)
{
	const uint8_t *roles = d->extra;
	unsigned first = 0;

	while (first < WEFT_TABLES && !(roles[first] & WEFT_TABLE_EGRESS))
		first++;
	for (unsigned i = 0; i < WEFT_TABLES && d->conn->sw; i++) {
		const struct place p = {
			.table = i,
			.end = i < first ? first : WEFT_TABLES,
			.egress = i >= first,
			.first_egress = i == first,
		};

		put_table(d, &p, d->conn->sw->set.max_rules);
	}
}

static void tell(struct session_dump *d)
{
	struct session_switch *sw = d->conn->sw;

	if (!sw) { // the session is over
		session_dump_end(d, WEFT_E_NONE, "");
		return;
	}
	d->extra = agent_array(WEFT_TABLES, 1);
	d->finish = put_tables;
	dpc_dump(sw->dpc, WEFT_IPC_DUMP_TABLE_DESC, sw->tenant, NULL, 0, on_desc, session_dump_end,
		d);
}

static void on_changed(void *arg, enum weft_error error, const char *text)
{
	if (error)
		session_dump_end(arg, error, text);
	else
		tell(arg);
}

int session_handle_table_features(struct session_conn *c, struct session_request *rq)
{
	struct of_table_features_request in;
	struct weft_table_mod mod;

	if (of_table_features_request_read(&rq->r, &in))
		return -EBADMSG;
	if (!in.body.len) {
		tell(session_dump_new(c, rq, OFPMP_TABLE_FEATURES));
		return 0;
	}
	if (session_table_features_set(c, in.body, &mod, &rq->r))
		return -EBADMSG;
	dpc_op(c->sw->dpc, WEFT_IPC_TABLE_MOD, c->sw->tenant, &mod, sizeof(mod), on_changed,
		session_dump_new(c, rq, OFPMP_TABLE_FEATURES));
	return 0;
}

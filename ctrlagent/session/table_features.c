// SPDX-License-Identifier: Apache-2.0
// Table features (OpenFlow 1.3.5, 7.3.5.5).
//
// All tables can do the same, but for where they can go to. What holds for a table miss holds for
// any rule, so the _MISS properties are left out (7.3.5.5.2). The tables can not be changed: a
// request that asks for it is read and checked, and refused with OFPTFFC_EPERM.
#include "session/table_features.h"

#include <stdio.h>

#include <weft/fields.h>

#include "openflow/oxm.h"
#include "session/dump.h"
#include "session/handlers.h"

// No OFPAT_SET_QUEUE: there are no queues.
static const uint8_t actions[] = {OFPAT_OUTPUT, OFPAT_COPY_TTL_OUT, OFPAT_COPY_TTL_IN,
	OFPAT_SET_MPLS_TTL, OFPAT_DEC_MPLS_TTL, OFPAT_PUSH_VLAN, OFPAT_POP_VLAN, OFPAT_PUSH_MPLS,
	OFPAT_POP_MPLS, OFPAT_GROUP, OFPAT_SET_NW_TTL, OFPAT_DEC_NW_TTL, OFPAT_SET_FIELD,
	OFPAT_PUSH_PBB, OFPAT_POP_PBB};

static const uint8_t instructions[] = {OFPIT_WRITE_METADATA, OFPIT_WRITE_ACTIONS,
	OFPIT_APPLY_ACTIONS, OFPIT_CLEAR_ACTIONS, OFPIT_METER, OFPIT_GOTO_TABLE};

uint32_t session_action_bits(void)
{
	uint32_t bits = 0;

	for (size_t i = 0; i < sizeof(actions); i++)
		bits |= 1u << actions[i];
	return bits;
}

static void put_instructions(struct of_writer *w, struct of_writer *list, bool last)
{
	struct of_table_feature_prop prop = {.kind = OF_TABLE_FEATURE_PROP_INSTRUCTIONS};

	of_writer_reset(list);
	for (size_t i = 0; i < sizeof(instructions); i++) {
		const struct of_instruction_id id = {.type = instructions[i]};

		if (!last || id.type != OFPIT_GOTO_TABLE)
			of_instruction_id_write(list, &id);
	}
	prop.instructions.instruction_ids = of_written(list);
	of_table_feature_prop_write(w, &prop);
}

static void put_next_tables(struct of_writer *w, struct of_writer *list, unsigned table)
{
	struct of_table_feature_prop prop = {.kind = OF_TABLE_FEATURE_PROP_NEXT_TABLES};

	of_writer_reset(list);
	while (++table < WEFT_TABLES)
		of_put_u8(list, (uint8_t)table);
	prop.next_tables.table_ids = of_written(list);
	of_table_feature_prop_write(w, &prop);
}

static void put_actions(struct of_writer *w, struct of_writer *list)
{
	struct of_table_feature_prop prop = {.kind = OF_TABLE_FEATURE_PROP_WRITE_ACTIONS};

	of_writer_reset(list);
	for (size_t i = 0; i < sizeof(actions); i++) {
		const struct of_action_id id = {.type = actions[i]};

		of_action_id_write(list, &id);
	}
	prop.write_actions.action_ids = of_written(list);
	of_table_feature_prop_write(w, &prop);
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

static void put_table(struct session_dump *d, unsigned table, uint32_t max_rules)
{
	struct of_writer props = {.version = d->w.version}, list = props;
	struct of_table_features out = {
		.table_id = (uint8_t)table,
		.metadata_match = UINT64_MAX,
		.metadata_write = UINT64_MAX,
		.max_entries = max_rules,
	};

	put_instructions(&props, &list, table == WEFT_TABLES - 1);
	put_next_tables(&props, &list, table);
	put_actions(&props, &list);
	put_fields(&props, &list);
	snprintf(out.name, sizeof(out.name), "table%u", table);
	out.properties = of_written(&props);
	of_table_features_write(&d->w, &out);
	session_dump_next(d);
	of_writer_free(&props);
	of_writer_free(&list);
}

static int check_properties(struct of_span list, struct of_reader *r)
{
	struct of_reader it = of_list(list, r->version);
	struct of_table_feature_prop prop;

	while (of_table_feature_prop_next(&it, &prop))
		;
	return it.failed ? of_fail_error(r, it.error) : 0;
}

static int refuse(struct session_conn *c, struct of_span body, struct of_reader *r)
{
	struct of_reader it = of_list(body, r->version);
	struct of_table_features t;

	if (c->role == OFPCR_ROLE_SLAVE)
		return of_fail(r, OFPET_BAD_REQUEST, OFPBRC_IS_SLAVE);
	while (of_table_features_next(&it, &t)) {
		if (t.table_id >= WEFT_TABLES)
			return of_fail(r, OFPET_TABLE_FEATURES_FAILED, OFPTFFC_BAD_TABLE);
		if (check_properties(t.properties, r))
			return -EBADMSG;
	}
	if (it.failed)
		return of_fail_error(r, it.error);
	return of_fail(r, OFPET_TABLE_FEATURES_FAILED, OFPTFFC_EPERM);
}

int session_handle_table_features(struct session_conn *c, struct session_request *rq)
{
	struct of_table_features_request in;
	struct session_dump *d;

	if (of_table_features_request_read(&rq->r, &in))
		return -EBADMSG;
	if (in.body.len)
		return refuse(c, in.body, &rq->r);
	d = session_dump_new(c, rq, OFPMP_TABLE_FEATURES);
	for (unsigned i = 0; i < WEFT_TABLES; i++)
		put_table(d, i, c->sw->set.max_rules);
	session_dump_end(d, WEFT_E_NONE, "");
	return 0;
}

// SPDX-License-Identifier: Apache-2.0
// Reading what a controller asks of a table (OpenFlow 1.3.5, 7.3.5.5.2; 1.5.1, 7.3.5.18.2).
#include "openflow/oxm.h"
#include "session/conn.h"
#include "session/table_features.h"

// Something in a property that is not known: a code of its own until 1.4.
static int bad_argument(struct of_reader *r)
{
	if (r->version >= OF_VERSION_1_4)
		return of_fail(r, OFPET_BAD_PROPERTY, OFPBPC_BAD_VALUE);
	return of_fail(r, OFPET_TABLE_FEATURES_FAILED, OFPTFFC_BAD_ARGUMENT);
}

static int check_instructions(struct of_span list, struct of_reader *r)
{
	struct of_reader it = of_list(list, r->version);
	struct of_instruction_id id;

	while (of_instruction_id_next(&it, &id))
		if (!session_has_instruction(id.type, r->version))
			return bad_argument(r);
	return it.failed ? of_fail_error(r, it.error) : 0;
}

static int check_actions(struct of_span list, struct of_reader *r)
{
	struct of_reader it = of_list(list, r->version);
	struct of_action_id id;

	while (of_action_id_next(&it, &id))
		if (!session_has_action(id.type, r->version))
			return bad_argument(r);
	return it.failed ? of_fail_error(r, it.error) : 0;
}

static int check_fields(struct of_span list, struct of_reader *r)
{
	struct of_reader it = of_list(list, r->version);
	struct of_oxm_id id;

	while (of_oxm_id_next(&it, &id))
		if (!of_oxm_form((uint16_t)(id.header >> 16), id.header >> 9 & 0x7f,
			    id.experimenter, r->version))
			return bad_argument(r);
	return it.failed ? of_fail_error(r, it.error) : 0;
}

static int check_tables(struct of_span list, struct of_reader *r)
{
	for (size_t i = 0; i < list.len; i++)
		if (list.p[i] >= WEFT_TABLES)
			return bad_argument(r);
	return 0;
}

// The lists are the first member of each kind of property.
static int check_property(const struct of_table_feature_prop *p, struct of_reader *r)
{
	switch (p->kind) {
	case OF_TABLE_FEATURE_PROP_INSTRUCTIONS:
	case OF_TABLE_FEATURE_PROP_INSTRUCTIONS_MISS:
		return check_instructions(p->instructions.instruction_ids, r);
	case OF_TABLE_FEATURE_PROP_NEXT_TABLES:
	case OF_TABLE_FEATURE_PROP_NEXT_TABLES_MISS:
	case OF_TABLE_FEATURE_PROP_TABLE_SYNC_FROM:
		return check_tables(p->next_tables.table_ids, r);
	case OF_TABLE_FEATURE_PROP_WRITE_ACTIONS:
	case OF_TABLE_FEATURE_PROP_WRITE_ACTIONS_MISS:
	case OF_TABLE_FEATURE_PROP_APPLY_ACTIONS:
	case OF_TABLE_FEATURE_PROP_APPLY_ACTIONS_MISS:
		return check_actions(p->write_actions.action_ids, r);
	case OF_TABLE_FEATURE_PROP_PACKET_TYPES:
	case OF_TABLE_FEATURE_PROP_EXPERIMENTER:
	case OF_TABLE_FEATURE_PROP_EXPERIMENTER_MISS:
		return 0;
	default:
		return check_fields(p->match.oxm_ids, r);
	}
}

int session_table_features_check(struct of_span properties, struct of_reader *r)
{
	struct of_reader it = of_list(properties, r->version);
	struct of_table_feature_prop prop;

	while (of_table_feature_prop_next(&it, &prop))
		if (check_property(&prop, r))
			return -EBADMSG;
	return it.failed ? of_fail_error(r, it.error) : 0;
}

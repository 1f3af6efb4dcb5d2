// SPDX-License-Identifier: Apache-2.0
// What a controller asks of the tables (OpenFlow 1.3.5, 7.3.5.5; 1.5.1, 7.3.5.18). It is read to
// the bottom, and then refused with OFPTFFC_EPERM but for one wish: in 1.5, where egress begins. A
// request to modify or enable one table, without properties, makes it the first egress table by its
// flag, or ends that without it.
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

static int check_properties(struct of_span properties, struct of_reader *r)
{
	struct of_reader it = of_list(properties, r->version);
	struct of_table_feature_prop prop;

	while (of_table_feature_prop_next(&it, &prop))
		if (check_property(&prop, r))
			return -EBADMSG;
	return it.failed ? of_fail_error(r, it.error) : 0;
}

// What 1.5 asks to be told of by name.
static int check_late(
	const struct session_conn *c, const struct of_table_features *t, struct of_reader *r)
{
	const uint32_t roles = OFPTFF_INGRESS_TABLE | OFPTFF_EGRESS_TABLE | OFPTFF_FIRST_EGRESS;
	const uint32_t config = OFPTC_EVICTION | OFPTC_VACANCY_EVENTS;

	if (t->command > OFPTFC_DISABLE)
		return of_fail(r, OFPET_TABLE_FEATURES_FAILED, OFPTFFC_BAD_COMMAND);
	if (t->features & ~roles)
		return of_fail(r, OFPET_TABLE_FEATURES_FAILED, OFPTFFC_BAD_FEATURES);
	if (t->capabilities & ~config)
		return of_fail(r, OFPET_TABLE_FEATURES_FAILED, OFPTFFC_BAD_CAP);
	if (t->max_entries > c->sw->set.max_rules)
		return of_fail(r, OFPET_TABLE_FEATURES_FAILED, OFPTFFC_BAD_MAX_ENT);
	return 0;
}

static int check_table(
	const struct session_conn *c, const struct of_table_features *t, struct of_reader *r)
{
	if (t->table_id >= WEFT_TABLES)
		return of_fail(r, OFPET_TABLE_FEATURES_FAILED, OFPTFFC_BAD_TABLE);
	if (r->version >= OF_VERSION_1_5 && check_late(c, t, r))
		return -EBADMSG;
	return check_properties(t->properties, r);
}

static bool can_be_granted(const struct of_table_features *t, unsigned count, uint8_t version)
{
	return version >= OF_VERSION_1_5 && count == 1 && !t->properties.len &&
	       (t->command == OFPTFC_MODIFY || t->command == OFPTFC_ENABLE);
}

int session_table_features_set(struct session_conn *c, struct of_span body,
	struct weft_table_mod *mod, struct of_reader *r)
{
	struct of_reader it = of_list(body, r->version);
	struct of_table_features t;
	unsigned n = 0;

	if (c->role == OFPCR_ROLE_SLAVE)
		return of_fail(r, OFPET_BAD_REQUEST, OFPBRC_IS_SLAVE);
	while (of_table_features_next(&it, &t)) {
		if (++n > WEFT_TABLES && r->version >= OF_VERSION_1_5)
			return of_fail(r, OFPET_TABLE_FEATURES_FAILED, OFPTFFC_TOO_MANY);
		if (check_table(c, &t, r))
			return -EBADMSG;
	}
	if (it.failed)
		return of_fail_error(r, it.error);
	if (!can_be_granted(&t, n, r->version))
		return of_fail(r, OFPET_TABLE_FEATURES_FAILED, OFPTFFC_EPERM);
	*mod = (struct weft_table_mod){
		.table = t.table_id,
		.set = WEFT_TABLE_SET_EGRESS,
		.first_egress = (t.features & OFPTFF_FIRST_EGRESS) != 0,
	};
	return 0;
}

// SPDX-License-Identifier: Apache-2.0
// Table modification (OpenFlow 1.3.5, 7.3.4.3; 1.5.1, 7.3.4.1): from 1.4 on eviction and vacancy
// events. In 1.3 it does nothing, its only bits are deprecated.
#include "session/conn.h"
#include "session/handlers.h"

#define EVICT_ALL (OFPTMPEF_OTHER | OFPTMPEF_IMPORTANCE | OFPTMPEF_LIFETIME)
#define EVICT_DEFAULT                                                                              \
	(OFPTMPEF_IMPORTANCE | OFPTMPEF_LIFETIME) // if eviction is on, and no more is said

static_assert(OFPTMPEF_OTHER == WEFT_EVICT_OTHER, "copied");
static_assert(OFPTMPEF_IMPORTANCE == WEFT_EVICT_IMPORTANCE, "copied");
static_assert(OFPTMPEF_LIFETIME == WEFT_EVICT_LIFETIME, "copied");

static int take_property(
	const struct of_table_mod_prop *prop, struct weft_table_mod *mod, struct of_reader *r)
{
	const struct of_table_mod_prop_vacancy *v = &prop->vacancy;

	switch (prop->kind) {
	case OF_TABLE_MOD_PROP_EVICTION:
		if (prop->eviction.flags & ~(uint32_t)EVICT_ALL)
			return of_fail(r, OFPET_BAD_PROPERTY, OFPBPC_BAD_VALUE);
		mod->eviction = (uint8_t)prop->eviction.flags;
		return 0;
	case OF_TABLE_MOD_PROP_VACANCY:
		if (v->vacancy_up > 100 || v->vacancy_down > v->vacancy_up)
			return of_fail(r, OFPET_BAD_PROPERTY, OFPBPC_BAD_VALUE);
		mod->vacancy_down = v->vacancy_down;
		mod->vacancy_up = v->vacancy_up;
		return 0;
	case OF_TABLE_MOD_PROP_EXPERIMENTER:
		return of_fail(r, OFPET_BAD_PROPERTY, OFPBPC_BAD_EXPERIMENTER);
	default:
		return of_fail(r, OFPET_BAD_PROPERTY, OFPBPC_BAD_TYPE);
	}
}

// Which kinds there were, a bit each, or -EBADMSG.
static int take_properties(struct of_span list, struct weft_table_mod *mod, struct of_reader *r)
{
	struct of_reader it = of_list(list, r->version);
	struct of_table_mod_prop prop;
	int seen = 0;

	while (of_table_mod_prop_next(&it, &prop)) {
		if (seen >> prop.kind & 1)
			return of_fail(r, OFPET_BAD_PROPERTY, OFPBPC_DUP_TYPE);
		seen |= 1 << prop.kind;
		if (take_property(&prop, mod, r))
			return -EBADMSG;
	}
	return it.failed ? of_fail_error(r, it.error) : seen;
}

// The bits of `config` say what is on, the properties how. Events need their thresholds.
static int neutral(const struct of_table_mod *in, struct weft_table_mod *mod, struct of_reader *r)
{
	bool evicts = in->config & OFPTC_EVICTION, tells = in->config & OFPTC_VACANCY_EVENTS;
	int seen;

	*mod = (struct weft_table_mod){
		.table = in->table_id,
		.set = WEFT_TABLE_SET_EVICTION | WEFT_TABLE_SET_VACANCY,
		.eviction = EVICT_DEFAULT,
		.vacancy = tells,
	};
	seen = take_properties(in->properties, mod, r);
	if (seen < 0)
		return seen;
	if (tells && !(seen >> OF_TABLE_MOD_PROP_VACANCY & 1))
		return of_fail(r, OFPET_TABLE_MOD_FAILED, OFPTMFC_BAD_CONFIG);
	if (evicts && !mod->eviction)
		return of_fail(r, OFPET_BAD_PROPERTY, OFPBPC_BAD_VALUE);
	if (!evicts)
		mod->eviction = 0;
	return 0;
}

int session_handle_table_mod(struct session_conn *c, struct session_request *rq)
{
	bool late = c->version >= OF_VERSION_1_4;
	uint32_t known = late ? OFPTC_DEPRECATED_MASK | OFPTC_EVICTION | OFPTC_VACANCY_EVENTS
			      : OFPTC_DEPRECATED_MASK;
	struct weft_table_mod mod;
	struct of_table_mod in;

	if (of_table_mod_read(&rq->r, &in))
		return -EBADMSG;
	if (in.config & ~known)
		return of_fail(&rq->r, OFPET_TABLE_MOD_FAILED, OFPTMFC_BAD_CONFIG);
	if (!late)
		return 0;
	if (neutral(&in, &mod, &rq->r))
		return -EBADMSG;
	dpc_op(c->sw->dpc, WEFT_IPC_TABLE_MOD, c->sw->tenant, &mod, sizeof(mod),
		session_pending_done, session_pending_new(c, rq));
	return 0;
}

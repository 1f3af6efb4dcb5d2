// SPDX-License-Identifier: Apache-2.0
#include "session/wide.h"

#include <stdlib.h>

#include "mem.h"
#include "session/conn.h"
#include "session/share.h"

static bool is_large(const struct session_switch *sw)
{
	return sw->rules_base + (int64_t)sw->rules_added > SESSION_WIDE_RULES;
}

static bool adds(const struct weft_flow_mod *mod)
{
	return mod->command == WEFT_FLOW_ADD || mod->flags & WEFT_FLOW_OR_ADD;
}

static bool looks_at_many(const struct weft_flow_mod *mod)
{
	return mod->command == WEFT_FLOW_DELETE || mod->command == WEFT_FLOW_MODIFY ||
	       (mod->command == WEFT_FLOW_ADD && mod->flags & WEFT_FLOW_CHECK_OVERLAP);
}

bool session_wide_flow_mod(struct session_conn *c, const struct weft_flow_mod *mod)
{
	struct session_switch *sw = c->sw;

	sw->rules_added += adds(mod);
	return !c->bundles.recording && is_large(sw) && looks_at_many(mod);
}

bool session_wide_removal(const struct session_conn *c)
{
	return !c->bundles.recording && is_large(c->sw);
}

static struct dpc_recording recording; // one thread, one message at a time

void session_wide_open(struct session_conn *c)
{
	recording.len = 0;
	c->bundles.recording = true;
	dpc_record(c->sw->dpc, &recording);
}

void session_wide_run(struct session_conn *c, const struct session_request *rq)
{
	dpc_record(c->sw->dpc, NULL);
	c->bundles.recording = false;
	session_bundle_run_one(c, rq, &recording);
}

bool session_wide_message(const struct session_switch *sw, const struct session_bundle_message *m)
{
	const struct weft_ipc_hdr *hdr = (const void *)m->recording;
	const struct weft_group_mod *group = (const void *)(hdr + 1);
	const struct weft_meter_mod *meter = (const void *)(hdr + 1);

	if (!is_large(sw))
		return false;
	switch (hdr->type) {
	case WEFT_IPC_FLOW_MOD:
		return looks_at_many((const void *)(hdr + 1));
	case WEFT_IPC_GROUP_MOD:
		return group->command == WEFT_GROUP_DELETE;
	case WEFT_IPC_METER_MOD:
		return meter->command == WEFT_METER_DELETE;
	default:
		return false;
	}
}

// ---- counting

struct count {
	struct session_share *share; // outlives the switch
	uint64_t rules;
	uint64_t before; // sw->rules_added when it was asked
};

static void on_table(void *arg, weft_tenant_id tenant, const void *body, size_t len)
{
	const struct weft_table_stats *s = body;
	struct count *count = arg;

	count->rules += s->active;
}

static void on_counted(void *arg, enum weft_error error, const char *text)
{
	struct count *count = arg;
	struct session_switch *sw = count->share->sw;

	if (sw && !error)
		sw->rules_base = (int64_t)(count->rules - count->before);
	session_share_unref(count->share);
	free(count);
}

void session_wide_count(struct session_switch *sw)
{
	struct count *count = agent_zalloc(sizeof(*count));

	count->share = session_share_ref(sw->share);
	count->before = sw->rules_added;
	dpc_dump(sw->dpc, WEFT_IPC_DUMP_TABLES, sw->tenant, NULL, 0, on_table, on_counted, count);
}

// SPDX-License-Identifier: Apache-2.0
// Table statistics (OpenFlow 1.3.5, 7.3.5.4; 1.0.2, 5.3.5): every table is told of, used or not.
#include <stdio.h>

#include "mem.h"
#include "session/dump.h"
#include "session/handlers.h"

static void on_table(void *arg, weft_tenant_id tenant, const void *body, size_t len)
{
	const struct weft_table_stats *s = body;
	struct session_dump *d = arg;
	struct weft_table_stats *all = d->extra;

	if (s->table < WEFT_TABLES)
		all[s->table] = *s;
}

#define WILDCARDS_1_0 ((1u << 22) - 1u) // OFPFW_ALL: every field may be left out

static void put_tables(struct session_dump *d)
{
	const struct weft_table_stats *all = d->extra;

	for (unsigned i = 0; i < WEFT_TABLES; i++) {
		struct of_table_stats out = {
			.wildcards = WILDCARDS_1_0,
			.max_entries = d->conn->sw ? d->conn->sw->set.max_rules : 0,
			.table_id = (uint8_t)i,
			.active_count = all[i].active,
			.lookup_count = all[i].lookups,
			.matched_count = all[i].matched,
		};

		snprintf(out.name, sizeof(out.name), "table%u", i);
		of_table_stats_write(&d->w, &out);
		session_dump_next(d);
	}
}

int session_handle_table_stats(struct session_conn *c, struct session_request *rq)
{
	struct of_table_request in;
	struct session_dump *d;

	if (of_table_request_read(&rq->r, &in))
		return -EBADMSG;
	d = session_dump_new(c, rq, OFPMP_TABLE);
	d->extra = agent_array(WEFT_TABLES, sizeof(struct weft_table_stats));
	d->finish = put_tables;
	dpc_dump(c->sw->dpc, WEFT_IPC_DUMP_TABLES, c->sw->tenant, NULL, 0, on_table,
		session_dump_end, d);
	return 0;
}

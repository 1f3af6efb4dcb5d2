// SPDX-License-Identifier: Apache-2.0
// How the tables are set, asked for and told (OpenFlow 1.5.1, 7.3.5.17 and 7.4.5).
#include "session/table_desc.h"

#include "session/dump.h"
#include "session/handlers.h"

// `properties` is empty, and lives as long as *out.
static void describe(
	const struct weft_table_desc *t, struct of_writer *properties, struct of_table_desc *out)
{
	const struct of_table_mod_prop_eviction eviction = {t->eviction};
	const struct of_table_mod_prop_vacancy vacancy = {
		t->vacancy_down, t->vacancy_up, t->vacant};

	*out = (struct of_table_desc){.table_id = t->table};
	if (t->eviction) {
		out->config |= OFPTC_EVICTION;
		of_table_mod_prop_eviction_write(properties, &eviction);
	}
	if (t->vacancy) {
		out->config |= OFPTC_VACANCY_EVENTS;
		of_table_mod_prop_vacancy_write(properties, &vacancy);
	}
	out->properties = of_written(properties);
}

static void on_table(void *arg, weft_tenant_id tenant, const void *body, size_t len)
{
	struct session_dump *d = arg;
	struct of_table_desc out;

	describe(body, session_begin(d->conn), &out);
	of_table_desc_write(&d->w, &out);
	session_dump_next(d);
}

int session_handle_table_desc(struct session_conn *c, struct session_request *rq)
{
	struct of_table_desc_request in;

	if (of_table_desc_request_read(&rq->r, &in))
		return -EBADMSG;
	dpc_dump(c->sw->dpc, WEFT_IPC_DUMP_TABLE_DESC, c->sw->tenant, NULL, 0, on_table,
		session_dump_end, session_dump_new(c, rq, OFPMP_TABLE_DESC));
	return 0;
}

static void send_status(struct session_conn *c, const struct weft_table_desc *table)
{
	struct of_writer properties = {.version = c->version};
	struct of_table_status m = {.reason = table->reason};

	describe(table, &properties, &m.table);
	of_table_status_write(session_begin(c), &m);
	session_end(c);
	of_writer_free(&properties);
}

void session_table_status(struct session_switch *sw, const struct weft_table_desc *table)
{
	struct session_conn *c;

	LIST_FOREACH (c, &sw->conns, link)
		if (session_async_wanted(c, SESSION_ASYNC_TABLE_STATUS, table->reason))
			send_status(c, table);
}

// SPDX-License-Identifier: Apache-2.0
#include "cli/gather.h"

#include <stdio.h>
#include <sys/queue.h>

#include "core/pieces.h"

struct gathering {
	LIST_ENTRY(gathering) link;
	struct request *request;
	struct pieces *pieces;
	char *things;
	size_t size; // of each
	gather_row_fn row;
	gather_done_fn done;
	json_t *rows;
};

// The event loop's.
static LIST_HEAD(, gathering) under_way = LIST_HEAD_INITIALIZER(under_way);

static void add_row(void *arg, size_t i)
{
	struct gathering *g = arg;
	json_t *row = NULL;

	if (g->request->connection)
		row = g->row(g->request, g->things + i * g->size);
	if (json_is_array(row)) {
		json_array_extend(g->rows, row);
		json_decref(row);
	} else if (row) {
		json_array_append_new(g->rows, row);
	}
}

static void end(void *arg)
{
	struct gathering *g = arg;
	struct request *r = g->request;
	gather_done_fn done = g->done;
	json_t *rows = g->rows;

	LIST_REMOVE(g, link);
	free(g->things);
	free(g);
	done(r, rows);
}

void gather_rows(struct request *r, void *things, size_t n, size_t size, gather_row_fn row,
	gather_done_fn done)
{
	struct gathering *g = agent_zalloc(sizeof(*g));

	*g = (struct gathering){.request = r,
		.things = things,
		.size = size,
		.row = row,
		.done = done,
		.rows = json_array()};
	LIST_INSERT_HEAD(&under_way, g, link);
	g->pieces = pieces_start(r->agent->base, n, add_row, end, g);
}

void gather_tenants(struct request *r, gather_row_fn row, gather_done_fn done)
{
	VEC(weft_tenant_id) ids = {0};

	VEC_FOR_EACH (t, &r->agent->model.tenants)
		if (!r->tenant || t->id == r->tenant)
			vec_add(&ids, t->id);
	gather_rows(r, ids.at, ids.count, sizeof(*ids.at), row, done);
}

struct ways {
	VEC(struct gather_way) all;
};

static void add_way(void *arg, const struct resolve_result *result, const char *interface)
{
	struct ways *ways = arg;
	struct gather_way *w = vec_new(&ways->all);

	w->result = *result;
	snprintf(w->interface, sizeof(w->interface), "%s", interface);
}

void gather_ways(struct request *r, gather_row_fn row, gather_done_fn done)
{
	struct ways ways = {0};

	underlay_each(r->agent->underlay, add_way, &ways);
	gather_rows(r, ways.all.at, ways.all.count, sizeof(*ways.all.at), row, done);
}

static void end_here(struct request *r, json_t *rows)
{
	json_decref(rows);
	request_end(r, 0);
}

void gather_cancel_all(void)
{
	struct gathering *g;

	while ((g = LIST_FIRST(&under_way))) {
		pieces_cancel(g->pieces);
		g->done = end_here;
		end(g);
	}
}

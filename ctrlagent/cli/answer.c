// SPDX-License-Identifier: Apache-2.0
#include "cli/answer.h"

#include <sys/queue.h>

#include "cli/connection.h"
#include "core/background.h"

#define MUCH_ROWS 256u
#define MUCH_BYTES (64u << 10)
#define LINE_BYTES (16u << 10) // of text in one of the protocol's lines, or what has no end before

struct making {
	LIST_ENTRY(making) link;
	struct request *request;
	struct background *background;
	struct answer a;
	json_t *rows, *data; // of the request; NULL: none
	struct text wire;
};

// The event loop's.
static LIST_HEAD(, making) under_way = LIST_HEAD_INITIALIZER(under_way);

static char *draw(const struct answer *a, const json_t *value)
{
	if (a->draw)
		return a->draw(value);
	if (!a->columns)
		return json_dumps(
			value, JSON_INDENT(2) | JSON_ENCODE_ANY | JSON_REAL_PRECISION(12));
	return render_table(value, a->columns, a->empty);
}

// As far as lines go that are short enough together; one line if it is longer.
static size_t piece_of(const char *text)
{
	size_t n = 0, line;

	do {
		line = strcspn(text + n, "\n");
		line += text[n + line] == '\n';
		if (n && n + line > LINE_BYTES)
			break;
		n += line;
	} while (text[n]);
	return n;
}

static void put(struct text *wire, const char *text)
{
	for (size_t n; text && *text; text += n) {
		n = piece_of(text);
		json_t *line = json_pack("{s:s%}", "out", text, n);
		char *said = json_dumps(line, JSON_COMPACT);
		if (said)
			text_add(wire, "%s\n", said);
		free(said);
		json_decref(line);
	}
}

// In a thread, if it is much.
static void make(void *arg)
{
	struct making *m = arg;
	struct answer *a = &m->a;
	json_t *value = a->value && a->sort ? rows_sorted(a->value) : json_incref(a->value);
	char *text = value ? draw(a, value) : NULL;

	put(&m->wire, text);
	if (text && !a->columns && !a->draw)
		put(&m->wire, "\n");
	put(&m->wire, a->text);
	free(text);
	json_decref(value);
	json_decref(a->value);
	json_decref(m->rows);
	json_decref(m->data);
	free(a->text);
}

static void made(void *arg)
{
	struct making *m = arg;
	struct request *r = m->request;

	LIST_REMOVE(m, link);
	if (r->connection && m->wire.len)
		cli_connection_write_text(r->connection, m->wire.at, m->wire.len);
	else
		free(m->wire.at);
	if (m->a.error)
		request_fail(r, "%s", m->a.error);
	else
		request_end(r, 0);
	free(m->a.error);
	free(m);
}

static bool is_much(const struct answer *a)
{
	size_t rows = json_array_size(a->value);
	const char *name;
	json_t *member;

	json_object_foreach (a->value, name, member)
		rows += json_array_size(member) +
			json_string_length(member) / MUCH_BYTES * MUCH_ROWS;
	return rows >= MUCH_ROWS || (a->text && strlen(a->text) >= MUCH_BYTES);
}

void answer_end(struct request *r, const struct answer *a)
{
	struct making *m = agent_zalloc(sizeof(*m));

	*m = (struct making){.request = r, .a = *a, .rows = r->rows, .data = r->data};
	r->rows = r->data = NULL;
	LIST_INSERT_HEAD(&under_way, m, link);
	if (is_much(a)) {
		m->background = background_start(r->agent->base, make, made, m);
		return;
	}
	make(m);
	made(m);
}

void answer_json(struct request *r, json_t *value)
{
	answer_end(r, &(struct answer){.value = value});
}

void answer_rows(struct request *r, json_t *rows, const struct column *columns, const char *empty)
{
	answer_end(r, &(struct answer){.value = rows,
			      .sort = true,
			      .columns = r->json ? NULL : columns,
			      .empty = empty});
}

static void end_listing(struct request *r)
{
	answer_rows(r, json_incref(r->rows), r->listing->columns, r->listing->empty);
}

void answer_listing(struct request *r, const struct listing *l)
{
	if (!request_any_tenant(r))
		return;
	r->listing = l;
	r->rows = json_array();
	r->finish = end_listing;
	request_dump(r, l->type, NULL, 0, l->item);
}

void answer_cancel_all(void)
{
	struct making *m;

	while ((m = LIST_FIRST(&under_way))) {
		background_cancel(m->background);
		made(m);
	}
}

// SPDX-License-Identifier: Apache-2.0
#include "cli/request.h"

#include "cli/connection.h"
#include "cli/render.h"

static void finish(struct request *r, json_t *last)
{
	struct cli_connection *c = r->connection;

	if (c)
		cli_connection_write(c, last);
	else
		json_decref(last);
	json_decref(r->rows);
	json_decref(r->data);
	json_decref(r->cmd);
	json_decref(r->args);
	free(r);
	if (c)
		cli_connection_request_ended(c);
}

void request_out(struct request *r, const char *text)
{
	if (r->connection)
		cli_connection_write(r->connection, json_pack("{s:s}", "out", text));
}

void request_end(struct request *r, int status)
{
	finish(r, json_pack("{s:i}", "status", status));
}

void request_fail(struct request *r, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	char *text = agent_vformat(format, ap);
	va_end(ap);
	finish(r, json_pack("{s:s, s:i}", "error", text, "status", 1));
	free(text);
}

const char *request_option(const struct request *r, const char *name)
{
	return json_string_value(json_object_get(r->args, name));
}

bool request_flag(const struct request *r, const char *name)
{
	return json_is_true(json_object_get(r->args, name));
}

void request_end_json(struct request *r, json_t *value)
{
	char *text = json_dumps(value, JSON_INDENT(2) | JSON_ENCODE_ANY | JSON_REAL_PRECISION(12));

	json_decref(value);
	if (text) {
		request_out(r, text);
		request_out(r, "\n");
	}
	free(text);
	request_end(r, 0);
}

void request_end_rows(struct request *r, json_t *rows, const struct column *columns)
{
	if (r->json) {
		request_end_json(r, rows);
		return;
	}
	char *text = render_table(rows, columns);
	request_out(r, text);
	free(text);
	json_decref(rows);
	request_end(r, 0);
}

// ---- tenants

bool request_tenant(struct request *r)
{
	const struct model_tenant *t = model_tenant_named(&r->agent->model, r->operands[0]);

	if (!t) {
		request_fail(r, "there is no tenant \"%s\"", r->operands[0]);
		return false;
	}
	r->tenant = t->id;
	return true;
}

bool request_any_tenant(struct request *r)
{
	return !r->operand_count || request_tenant(r);
}

const char *request_tenant_name(const struct request *r, weft_tenant_id id)
{
	const struct model_tenant *t = model_tenant_by_id(&r->agent->model, id);

	return t ? t->set.name : NULL;
}

// ---- dumps

void request_dump_ended(void *arg, enum weft_error error, const char *text)
{
	struct request *r = arg;

	// The first failure is told; the request lives until the last dump has ended.
	if (error && !r->failed) {
		r->failed = true;
		json_object_set_new(r->args, "failure",
			json_sprintf("%s%s%s", weft_error_text(error), text[0] ? ": " : "", text));
	}
	if (--r->waiting)
		return;
	if (!r->failed) {
		r->finish(r);
		return;
	}
	char *why = agent_strdup(request_option(r, "failure"));
	request_fail(r, "%s", why ? why : "failed");
	free(why);
}

void request_dump(
	struct request *r, enum weft_ipc_type type, const void *body, size_t len, dpc_item_fn item)
{
	r->waiting++;
	dpc_dump(r->agent->dpc, type, r->tenant, body, len, item, request_dump_ended, r);
}

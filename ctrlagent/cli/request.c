// SPDX-License-Identifier: Apache-2.0
#include "cli/request.h"

#include "cli/connection.h"

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

void request_fail_error(struct request *r, enum weft_error error, const char *text)
{
	const char *what = weft_error_text(error);
	bool more = text[0] && strcmp(text, what) != 0;

	request_fail(r, "%s%s%s", what, more ? ": " : "", more ? text : "");
}

const char *request_option(const struct request *r, const char *name)
{
	return json_string_value(json_object_get(r->args, name));
}

bool request_flag(const struct request *r, const char *name)
{
	return json_is_true(json_object_get(r->args, name));
}

// ---- tenants

#define NAMED 20u // tenants that an error names

static void fail_no_tenant(struct request *r)
{
	const struct model *m = &r->agent->model;
	struct text names = {0};

	text_add(&names, "%s", "");
	for (size_t i = 0; i < m->tenants.count && i < NAMED; i++)
		text_add(&names, "%s%s", i ? ", " : "", m->tenants.at[i].set.name);
	if (m->tenants.count > NAMED)
		text_add(&names, " and %zu more", m->tenants.count - NAMED);
	if (!dpc_is_up(r->agent->dpc))
		request_fail(r, "the data plane is not connected");
	else if (names.len)
		request_fail(
			r, "there is no tenant \"%s\"; there are: %s", r->operands[0], names.at);
	else
		request_fail(r, "there is no tenant \"%s\", nor any other", r->operands[0]);
	free(names.at);
}

bool request_tenant(struct request *r)
{
	const struct model_tenant *t = model_tenant_named(&r->agent->model, r->operands[0]);

	if (!t) {
		fail_no_tenant(r);
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

	r->dump = NULL;
	// The first failure is told; the request lives until the last dump has ended.
	if (error && !r->failed) {
		r->failed = true;
		bool more = text[0] && strcmp(text, weft_error_text(error)) != 0;
		json_object_set_new(r->args, "failure",
			json_sprintf("%s%s%s", weft_error_text(error), more ? ": " : "",
				more ? text : ""));
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

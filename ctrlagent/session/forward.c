// SPDX-License-Identifier: Apache-2.0
#include "session/forward.h"

#include <stdlib.h>

#include "mem.h"
#include "session/bucket.h"
#include "session/conn.h"
#include "session/meter.h"

struct session_forward {
	enum weft_ipc_type type;
	uint32_t xid;
	size_t len;
	uint64_t body[];
};

static int reason_of(enum weft_ipc_type type)
{
	return type == WEFT_IPC_GROUP_MOD ? OFPRFR_GROUP_MOD : OFPRFR_METER_MOD;
}

// Versions before 1.4 have no such message, and no such bits in their masks.
static bool is_wanted(
	const struct session_conn *c, const struct session_conn *from, enum weft_ipc_type type)
{
	return c != from && c->version >= OF_VERSION_1_4 &&
	       session_async_wanted(c, SESSION_ASYNC_REQUEST_FORWARD, reason_of(type));
}

static bool anybody_wants(const struct session_conn *from, enum weft_ipc_type type)
{
	const struct session_conn *c;

	LIST_FOREACH (c, &from->sw->conns, link)
		if (is_wanted(c, from, type))
			return true;
	return false;
}

struct session_forward *session_forward_new(const struct session_conn *c,
	const struct session_request *rq, enum weft_ipc_type type, const void *head,
	size_t head_len, const void *tail, size_t tail_len)
{
	struct session_forward *f;

	if (c->bundles.recording || !anybody_wants(c, type))
		return NULL;
	f = agent_zalloc(sizeof(*f) + head_len + tail_len);
	f->type = type;
	f->xid = rq->xid;
	f->len = head_len + tail_len;
	memcpy(f->body, head, head_len);
	if (tail_len)
		memcpy((char *)f->body + head_len, tail, tail_len);
	return f;
}

void session_forward_free(struct session_forward *f)
{
	free(f);
}

// The command as the version has it, or -1.
static int command_in(uint8_t command, uint8_t version)
{
	if (command <= WEFT_GROUP_DELETE)
		return command;
	if (version < OF_VERSION_1_5)
		return -1;
	return command == WEFT_GROUP_INSERT_BUCKET   ? OFPGC_INSERT_BUCKET
	       : command == WEFT_GROUP_REMOVE_BUCKET ? OFPGC_REMOVE_BUCKET
						     : -1;
}

static int put_group_mod(
	struct of_writer *w, uint32_t xid, const struct weft_group_mod *mod, size_t len)
{
	size_t masks = 8 * (size_t)__builtin_popcountll(mod->hash_map);
	struct of_writer buckets = {.version = w->version};
	int command = command_in(mod->command, w->version);
	struct of_group_mod out = {
		.xid = xid,
		.command = (uint16_t)command,
		.type = mod->type,
		.group_id = mod->group,
		.command_bucket_id =
			mod->command < WEFT_GROUP_INSERT_BUCKET ? OFPG_BUCKET_ALL : mod->bucket,
	};

	if (command < 0)
		return -ENOTSUP;
	session_buckets_write(&buckets, mod + 1, len - sizeof(*mod) - masks, mod->type);
	out.buckets = of_written(&buckets);
	of_group_mod_write(w, &out);
	of_writer_free(&buckets);
	return w->error;
}

static int put_meter_mod(struct of_writer *w, uint32_t xid, const struct weft_meter_mod *mod)
{
	struct of_writer bands = {.version = w->version};
	struct of_meter_mod out = {
		.xid = xid,
		.command = mod->command,
		.flags = mod->flags,
		.meter_id = mod->meter,
	};

	session_bands_write(
		&bands, (const struct weft_band *)(const void *)(mod + 1), mod->band_count);
	out.bands = of_written(&bands);
	of_meter_mod_write(w, &out);
	of_writer_free(&bands);
	return w->error;
}

static void tell(
	struct session_conn *c, uint32_t xid, enum weft_ipc_type type, const void *body, size_t len)
{
	struct of_writer request = {.version = c->version};
	struct of_requestforward m = {0};
	int rc = type == WEFT_IPC_GROUP_MOD ? put_group_mod(&request, xid, body, len)
					    : put_meter_mod(&request, xid, body);

	m.request = of_written(&request);
	if (!rc) {
		of_requestforward_write(session_begin(c), &m);
		session_end(c);
	}
	of_writer_free(&request);
}

void session_forward_tell(struct session_switch *sw, const struct session_conn *from, uint32_t xid,
	enum weft_ipc_type type, const void *body, size_t len)
{
	struct session_conn *c;

	LIST_FOREACH (c, &sw->conns, link)
		if (is_wanted(c, from, type))
			tell(c, xid, type, body, len);
}

// The switch may be gone, or this session and not the others.
void session_forward_send(struct session_forward *f, const struct session_conn *from)
{
	if (f && from->share->sw)
		session_forward_tell(from->share->sw, from, f->xid, f->type, f->body, f->len);
	free(f);
}

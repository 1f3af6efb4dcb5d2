// SPDX-License-Identifier: Apache-2.0
#include "ipc/dp_ipc_decode.h"

struct none {
	char nothing[0];
};

// What is left of the message, read from the front.
struct dp_cursor {
	const char *p;
	uint32_t left;
};

static const void *dp_cursor_take(struct dp_cursor *c, uint64_t n)
{
	const void *at = c->p;

	if (n > c->left)
		return NULL;
	c->p += n;
	c->left -= (uint32_t)n;
	return at;
}

// The length of the fixed part. SIZE_MAX: an agent does not send this type.
static size_t dp_ipc_body_len(unsigned type)
{
	if (type == WEFT_IPC_RESULT || type >= WEFT_IPC_FLOW_REMOVED)
		return SIZE_MAX;
	switch (type) {
#define WEFT_X(id, number, body)                                                                   \
	case WEFT_IPC_##id:                                                                        \
		return sizeof(struct body);
		WEFT_IPC_TYPES(WEFT_X)
#undef WEFT_X
	default:
		return SIZE_MAX;
	}
}

const char *dp_ipc_type_name(unsigned type)
{
	switch (type) {
#define WEFT_X(id, number, body)                                                                   \
	case WEFT_IPC_##id:                                                                        \
		return #id;
		WEFT_IPC_TYPES(WEFT_X)
#undef WEFT_X
	default:
		return "unknown";
	}
}

uint32_t dp_ipc_length(const void *buf)
{
	struct weft_ipc_hdr hdr;

	memcpy(&hdr, buf, sizeof(hdr));
	if (hdr.len < sizeof(hdr) || hdr.len > WEFT_IPC_MAX_LEN || hdr.len % 8)
		return 0;
	return hdr.len;
}

static bool dp_ipc_string(const char *s, size_t size)
{
	return memchr(s, 0, size) != NULL;
}

static bool dp_ipc_match(struct dp_cursor *c, uint64_t map, uint32_t words, struct weft_match *m)
{
	const void *value, *mask;

	m->map = map;
	if (words > WEFT_KEY_WORDS || words != weft_match_words(m))
		return false;
	value = dp_cursor_take(c, 8ull * words);
	mask = dp_cursor_take(c, 8ull * words);
	if (!value || !mask)
		return false;
	memcpy(m->value, value, 8ull * words);
	memcpy(m->mask, mask, 8ull * words);
	return weft_match_ok(m);
}

static bool dp_ipc_instructions(struct dp_cursor *c, uint32_t len, struct dp_ipc_request *r)
{
	const struct weft_instructions *i = dp_cursor_take(c, len);

	if (!i || (len && (len < sizeof(*i) || len != weft_instructions_bytes(i))))
		return false;
	if (!len)
		return true;
	r->instructions = i;
	return i->apply_len % 8 == 0 && i->write_len % 8 == 0 &&
	       weft_actions_ok(weft_instructions_apply(i), i->apply_len) &&
	       weft_actions_ok(weft_instructions_write(i), i->write_len);
}

static bool dp_ipc_flow(struct dp_cursor *c, bool instructions, struct dp_ipc_request *r)
{
	const struct weft_ipc_flow_tail *tail = dp_cursor_take(c, sizeof(*tail));

	if (!tail || !dp_ipc_match(c, tail->match_map, tail->match_words, &r->match))
		return false;
	if (!instructions && tail->instr_len)
		return false;
	return dp_ipc_instructions(c, tail->instr_len, r);
}

static bool dp_ipc_buckets(
	struct dp_cursor *c, const struct weft_group_mod *mod, struct dp_ipc_request *r)
{
	r->tail = c->p;
	r->tail_len = c->left;
	for (unsigned i = 0; i < mod->bucket_count; i++) {
		const struct weft_bucket *b = dp_cursor_take(c, sizeof(*b));
		const void *actions;

		if (!b)
			return false;
		actions = dp_cursor_take(c, b->actions_len);
		if (!actions || b->actions_len % 8 || !weft_actions_ok(actions, b->actions_len))
			return false;
	}
	return dp_cursor_take(c, 8ull * (unsigned)__builtin_popcountll(mod->hash_map)) != NULL;
}

static bool dp_ipc_bands(
	struct dp_cursor *c, const struct weft_meter_mod *mod, struct dp_ipc_request *r)
{
	r->tail_len = (uint32_t)(mod->band_count * sizeof(struct weft_band));
	r->tail = dp_cursor_take(c, r->tail_len);
	return r->tail != NULL;
}

static bool dp_ipc_packet(
	struct dp_cursor *c, uint32_t actions_len, uint32_t frame_len, struct dp_ipc_request *r)
{
	r->tail = dp_cursor_take(c, actions_len);
	r->tail_len = actions_len;
	if (!r->tail || actions_len % 8 || !weft_actions_ok(r->tail, r->tail_len))
		return false;
	r->frame = dp_cursor_take(c, ((uint64_t)frame_len + 7) & ~7ull);
	r->frame_len = frame_len;
	return r->frame != NULL;
}

static bool dp_ipc_packet_out(
	struct dp_cursor *c, const struct weft_ipc_packet_out *po, struct dp_ipc_request *r)
{
	return dp_ipc_packet(c, po->actions_len, po->frame_len, r);
}

static bool dp_ipc_resume(
	struct dp_cursor *c, const struct weft_ipc_resume *in, struct dp_ipc_request *r)
{
	r->continuation = dp_cursor_take(c, in->continuation_len);
	r->continuation_len = in->continuation_len;
	return r->continuation && weft_continuation_ok(r->continuation, r->continuation_len) &&
	       dp_ipc_packet(c, in->actions_len, in->frame_len, r);
}

static bool dp_ipc_port(const struct weft_ipc_port *p)
{
	return dp_ipc_string(p->name, sizeof(p->name)) &&
	       dp_ipc_string(p->device, sizeof(p->device)) &&
	       dp_ipc_string(p->kernel_if, sizeof(p->kernel_if));
}

static bool dp_ipc_tails(struct dp_cursor *c, struct dp_ipc_request *r)
{
	switch (r->hdr.type) {
	case WEFT_IPC_HOST_SET:
		return dp_ipc_string(((const struct weft_ipc_host *)r->body)->name,
			sizeof(((const struct weft_ipc_host *)r->body)->name));
	case WEFT_IPC_TENANT_ADD:
	case WEFT_IPC_TENANT_SET:
		return dp_ipc_string(((const struct weft_ipc_tenant *)r->body)->name,
			sizeof(((const struct weft_ipc_tenant *)r->body)->name));
	case WEFT_IPC_PORT_ADD:
		return dp_ipc_port(r->body);
	case WEFT_IPC_PORT_MEMBERS:
		return dp_ipc_string(((const struct weft_ipc_port_members *)r->body)->device,
			WEFT_DEVICE_MAX + 1);
	case WEFT_IPC_FLOW_MOD:
		return dp_ipc_flow(c, true, r);
	case WEFT_IPC_DUMP_FLOWS:
	case WEFT_IPC_DUMP_AGGREGATE:
	case WEFT_IPC_MONITOR_SET:
		return dp_ipc_flow(c, false, r);
	case WEFT_IPC_GROUP_MOD:
		return dp_ipc_buckets(c, r->body, r);
	case WEFT_IPC_METER_MOD:
		return dp_ipc_bands(c, r->body, r);
	case WEFT_IPC_PACKET_OUT:
		return dp_ipc_packet_out(c, r->body, r);
	case WEFT_IPC_RESUME:
		return dp_ipc_resume(c, r->body, r);
	default:
		return true;
	}
}

static uint16_t dp_ipc_flags(unsigned type)
{
	switch (type) {
	case WEFT_IPC_DUMP_FLOWS:
		return WEFT_IPC_REPLY | WEFT_IPC_PACED;
	case WEFT_IPC_BEGIN:
	case WEFT_IPC_COMMIT:
	case WEFT_IPC_ABORT:
	case WEFT_IPC_CAUSE:
	case WEFT_IPC_PORT_MOD:
	case WEFT_IPC_FLOW_MOD:
	case WEFT_IPC_GROUP_MOD:
	case WEFT_IPC_METER_MOD:
	case WEFT_IPC_PACKET_OUT:
	case WEFT_IPC_HOST_SET:
	case WEFT_IPC_TENANT_ADD:
	case WEFT_IPC_TENANT_SET:
	case WEFT_IPC_TENANT_DEL:
	case WEFT_IPC_PORT_ADD:
	case WEFT_IPC_PORT_DEL:
	case WEFT_IPC_PORT_SET:
	case WEFT_IPC_PORT_MEMBERS:
	case WEFT_IPC_PROVIDER_SET:
	case WEFT_IPC_VTEP_ADD:
	case WEFT_IPC_VTEP_DEL:
	case WEFT_IPC_NEXTHOP_SET:
	case WEFT_IPC_NEXTHOP_DEL:
	case WEFT_IPC_FDB_ADD:
	case WEFT_IPC_FDB_DEL:
	case WEFT_IPC_NEIGH_ADD:
	case WEFT_IPC_NEIGH_DEL:
		return WEFT_IPC_REPLY | WEFT_IPC_STAGED;
	default:
		return WEFT_IPC_REPLY;
	}
}

bool dp_ipc_decode(const void *msg, uint32_t len, struct dp_ipc_request *r, const char **why)
{
	struct dp_cursor c = {.p = msg, .left = len};
	const void *hdr = dp_cursor_take(&c, sizeof(r->hdr));
	size_t fixed;

	memset(r, 0, offsetof(struct dp_ipc_request, match));
	r->match.map = 0;
	memset(&r->instructions, 0, sizeof(*r) - offsetof(struct dp_ipc_request, instructions));
	*why = "length";
	if (!hdr)
		return false;
	memcpy(&r->hdr, hdr, sizeof(r->hdr));
	if (r->hdr.len != len)
		return false;
	fixed = dp_ipc_body_len(r->hdr.type);
	*why = "message type";
	if (fixed == SIZE_MAX)
		return false;
	*why = "header flags";
	if (r->hdr.flags & ~dp_ipc_flags(r->hdr.type))
		return false;
	*why = "body too short";
	r->body = dp_cursor_take(&c, fixed);
	if (!r->body)
		return false;
	*why = "body";
	if (!dp_ipc_tails(&c, r))
		return false;
	*why = "trailing bytes";
	return c.left == 0;
}

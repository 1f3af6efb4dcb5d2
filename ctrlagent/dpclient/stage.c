// SPDX-License-Identifier: Apache-2.0
#include "internal.h"

#include <stdlib.h>
#include <sys/uio.h>

#include "mem.h"

// ---- recordings

void dpc_record(struct dpc *dpc, struct dpc_recording *into)
{
	dpc->recording = into;
}

static void append(struct dpc_recording *r, const void *data, size_t len)
{
	if (r->room - r->len < len) {
		size_t room = r->room ? r->room : 512;

		while (room - r->len < len)
			room *= 2;
		r->data = agent_resize(r->data, room, 1);
		r->room = room;
	}
	if (len)
		memcpy(r->data + r->len, data, len);
	r->len += len;
}

void dpc_record_message(struct dpc *dpc, enum weft_ipc_type type, weft_tenant_id tenant,
	const struct iovec *parts, unsigned count)
{
	struct weft_ipc_hdr hdr = {.type = (uint16_t)type, .tenant = tenant, .len = sizeof(hdr)};

	for (unsigned i = 0; i < count; i++)
		hdr.len += (uint32_t)parts[i].iov_len;
	append(dpc->recording, &hdr, sizeof(hdr));
	for (unsigned i = 0; i < count; i++)
		append(dpc->recording, parts[i].iov_base, parts[i].iov_len);
}

// ---- staged transactions

static void stage_begin(
	struct dpc *dpc, weft_tenant_id tenant, uint32_t flags, dpc_done_fn done, void *arg)
{
	struct weft_ipc_begin body = {.flags = flags};
	struct pending p = {.kind = PENDING_OP, .type = WEFT_IPC_BEGIN, .done = done, .arg = arg};
	struct iovec part = {&body, sizeof(body)};

	dpc_end_implicit(dpc); // it may have staged for the same switch
	dpc_request(dpc, p, tenant, WEFT_IPC_STAGED, &part, 1);
}

void dpc_stage_begin(struct dpc *dpc, weft_tenant_id tenant)
{
	stage_begin(dpc, tenant, WEFT_TXN_ATOMIC, NULL, NULL);
}

void dpc_stage_host(struct dpc *dpc, uint32_t flags, dpc_done_fn done, void *arg)
{
	stage_begin(dpc, 0, flags, done, arg);
}

void dpc_stage_op(struct dpc *dpc, enum weft_ipc_type type, weft_tenant_id tenant, const void *body,
	size_t len, dpc_done_fn done, void *arg)
{
	struct pending p = {.kind = PENDING_OP, .type = (uint8_t)type, .done = done, .arg = arg};
	struct iovec part = {(void *)(uintptr_t)body, len};

	dpc_request(dpc, p, tenant, WEFT_IPC_STAGED, &part, len ? 1 : 0);
}

void dpc_stage_play(struct dpc *dpc, weft_tenant_id tenant, const void *messages, size_t len,
	dpc_done_fn done, void *arg)
{
	const char *at = messages, *end = at + len;

	while (at < end) {
		const struct weft_ipc_hdr *hdr = (const void *)at;
		struct pending p = {
			.kind = PENDING_OP, .type = (uint8_t)hdr->type, .done = done, .arg = arg};
		struct iovec part = {
			(void *)(uintptr_t)(hdr + 1), hdr->len - sizeof(struct weft_ipc_hdr)};

		dpc_request(dpc, p, tenant, WEFT_IPC_STAGED, &part, 1);
		at += hdr->len;
	}
}

void dpc_stage_play_slow(
	struct dpc *dpc, weft_tenant_id tenant, const void *message, dpc_done_fn done, void *arg)
{
	const struct weft_ipc_hdr *hdr = message;
	struct dpc_dump like = {.type = hdr->type, .done = done, .arg = arg};
	struct iovec part = {(void *)(uintptr_t)(hdr + 1), hdr->len - sizeof(struct weft_ipc_hdr)};

	dpc_start_dump(dpc, tenant, like, WEFT_IPC_STAGED | WEFT_IPC_REPLY, &part, 1);
}

static void stage_end(struct dpc *dpc, enum weft_ipc_type type, weft_tenant_id tenant,
	dpc_done_fn done, void *arg)
{
	struct dpc_dump like = {.type = (uint16_t)type, .done = done, .arg = arg};

	dpc_start_dump(dpc, tenant, like, WEFT_IPC_STAGED, NULL, 0);
}

void dpc_stage_commit(struct dpc *dpc, weft_tenant_id tenant, dpc_done_fn done, void *arg)
{
	stage_end(dpc, WEFT_IPC_COMMIT, tenant, done, arg);
}

void dpc_stage_abort(struct dpc *dpc, weft_tenant_id tenant, dpc_done_fn done, void *arg)
{
	stage_end(dpc, WEFT_IPC_ABORT, tenant, done, arg);
}

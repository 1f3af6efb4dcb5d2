// SPDX-License-Identifier: Apache-2.0
#include "fake_stage.h"

#include <stdlib.h>

#include "mem.h"

static void append(struct dpc_recording *r, const void *data, size_t len)
{
	r->data = agent_resize(r->data, r->len + len + 1, 1);
	if (len)
		memcpy(r->data + r->len, data, len);
	r->len += len;
}

static void header(struct dpc_recording *r, enum weft_ipc_type type, size_t body)
{
	struct weft_ipc_hdr hdr = {.type = (uint16_t)type, .len = (uint32_t)(sizeof(hdr) + body)};

	append(r, &hdr, sizeof(hdr));
}

bool fake_record(struct fake_stage *s, enum weft_ipc_type type, const void *body, size_t len,
	const void *tail, size_t tail_len)
{
	if (!s->recording)
		return false;
	header(s->recording, type, len + tail_len);
	append(s->recording, body, len);
	append(s->recording, tail, tail_len);
	return true;
}

bool fake_record_flow(struct fake_stage *s, const struct weft_flow_mod *mod,
	const struct weft_match *match, const struct weft_instructions *instructions)
{
	size_t instr_len = instructions ? weft_instructions_bytes(instructions) : 0;

	if (!s->recording)
		return false;
	header(s->recording, WEFT_IPC_FLOW_MOD, sizeof(*mod) + sizeof(*match) + instr_len);
	append(s->recording, mod, sizeof(*mod));
	append(s->recording, match, sizeof(*match));
	append(s->recording, instructions, instr_len);
	return true;
}

bool fake_record_packet(struct fake_stage *s, uint32_t in_port, const void *actions,
	size_t actions_len, const void *frame, size_t frame_len)
{
	static const uint8_t zeros[8];
	struct weft_ipc_packet_out po = {.in_port = in_port,
		.actions_len = (uint32_t)actions_len,
		.frame_len = (uint32_t)frame_len};
	size_t padding = -frame_len & 7;

	if (!s->recording)
		return false;
	header(s->recording, WEFT_IPC_PACKET_OUT, sizeof(po) + actions_len + frame_len + padding);
	append(s->recording, &po, sizeof(po));
	append(s->recording, actions, actions_len);
	append(s->recording, frame, frame_len);
	append(s->recording, zeros, padding);
	return true;
}

void dpc_record(struct dpc *dpc, struct dpc_recording *into)
{
	fake_dpc_stage(dpc)->recording = into;
}

// ---- playing

struct played { // knows of a failure before the one who asked
	struct fake_stage *stage;
	dpc_done_fn done;
	void *arg;
};

static void on_played(void *arg, enum weft_error error, const char *text)
{
	struct played *p = arg;

	if (error && p->stage->failed)
		error = WEFT_E_NONE; // the first one is told, the rest is passed over
	p->stage->failed |= error != WEFT_E_NONE;
	if (p->done)
		p->done(p->arg, error, text);
	free(p);
}

static void play(struct dpc *dpc, const struct weft_ipc_hdr *hdr, struct played *p)
{
	const char *body = (const char *)(hdr + 1);

	switch (hdr->type) {
	case WEFT_IPC_FLOW_MOD: {
		const struct weft_flow_mod *mod = (const void *)body;
		const struct weft_match *match = (const void *)(mod + 1);
		const void *instructions = match + 1;
		size_t fixed = sizeof(*hdr) + sizeof(*mod) + sizeof(*match);

		dpc_flow_mod(dpc, hdr->tenant, mod, match, hdr->len > fixed ? instructions : NULL,
			on_played, p);
		return;
	}
	case WEFT_IPC_GROUP_MOD: {
		const struct weft_group_mod *mod = (const void *)body;

		dpc_group_mod(dpc, hdr->tenant, mod, mod + 1,
			hdr->len - sizeof(*hdr) - sizeof(*mod), on_played, p);
		return;
	}
	case WEFT_IPC_METER_MOD: {
		const struct weft_meter_mod *mod = (const void *)body;

		dpc_meter_mod(dpc, hdr->tenant, mod, (const void *)(mod + 1), on_played, p);
		return;
	}
	case WEFT_IPC_PACKET_OUT: {
		const struct weft_ipc_packet_out *po = (const void *)body;
		const char *actions = (const char *)(po + 1);

		dpc_packet_out(dpc, hdr->tenant, po->in_port, actions, po->actions_len,
			actions + po->actions_len, po->frame_len, on_played, p);
		return;
	}
	default:
		dpc_op(dpc, hdr->type, hdr->tenant, body, hdr->len - sizeof(*hdr), on_played, p);
	}
}

void dpc_stage_begin(struct dpc *dpc, weft_tenant_id tenant)
{
	struct fake_stage *s = fake_dpc_stage(dpc);

	s->saved = fake_dpc_save(dpc);
	s->failed = false;
}

void dpc_stage_play(struct dpc *dpc, weft_tenant_id tenant, const void *messages, size_t len,
	dpc_done_fn done, void *arg)
{
	const char *at = messages, *end = at + len;

	while (at < end) {
		const struct weft_ipc_hdr *hdr = (const void *)at;
		struct played *p = agent_zalloc(sizeof(*p));

		*p = (struct played){fake_dpc_stage(dpc), done, arg};
		play(dpc, hdr, p);
		at += hdr->len;
	}
}

void dpc_stage_play_slow(
	struct dpc *dpc, weft_tenant_id tenant, const void *message, dpc_done_fn done, void *arg)
{
	const struct weft_ipc_hdr *hdr = message;

	dpc_stage_play(dpc, tenant, message, hdr->len, done, arg);
}

static enum weft_error stage_end(struct dpc *dpc, bool commit)
{
	struct fake_stage *s = fake_dpc_stage(dpc);
	bool failed = s->failed || !s->saved;

	if (s->saved)
		fake_dpc_restore(dpc, s->saved, failed || !commit);
	s->saved = NULL;
	return failed && commit ? WEFT_E_STATE : WEFT_E_NONE;
}

void dpc_stage_commit(struct dpc *dpc, weft_tenant_id tenant, dpc_done_fn done, void *arg)
{
	fake_dpc_answer(dpc, done, arg, stage_end(dpc, true));
}

void dpc_stage_abort(struct dpc *dpc, weft_tenant_id tenant, dpc_done_fn done, void *arg)
{
	fake_dpc_answer(dpc, done, arg, stage_end(dpc, false));
}

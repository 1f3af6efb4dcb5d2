// SPDX-License-Identifier: Apache-2.0
#pragma once
// One good message of each type that an agent may send, for the decoder's tests.

#include <weft/continuation.h>
#include <weft/ipc.h>

#include <stdlib.h>

struct none {
	char nothing[0];
};

// A message under construction, 8-byte aligned, in a buffer of its own.
struct ipc_message {
	uint64_t buf[1024];
	uint32_t len;
};

static inline void *ipc_put(struct ipc_message *m, const void *data, size_t len)
{
	void *at = (char *)m->buf + m->len;

	memcpy(at, data, len);
	m->len += (uint32_t)len;
	return at;
}

static inline uint32_t ipc_put_output(struct ipc_message *m, uint32_t port)
{
	struct weft_action a = {.type = WEFT_ACTION_OUTPUT, .len = 16, .arg = port};
	struct weft_action_output o = {.max_len = 128};

	ipc_put(m, &a, sizeof(a));
	ipc_put(m, &o, sizeof(o));
	return 16;
}

static inline void ipc_put_match(struct ipc_message *m, uint32_t instr_len)
{
	struct weft_ipc_flow_tail tail = {.match_map = 5, .match_words = 2, .instr_len = instr_len};
	uint64_t words[4] = {0x11, 0x2200, 0xff, 0xff00};

	ipc_put(m, &tail, sizeof(tail));
	ipc_put(m, words, sizeof(words));
}

static inline void ipc_put_resume(struct ipc_message *m, struct weft_ipc_resume *body)
{
	const struct weft_paused_rule rule = {.table = 3};
	const struct weft_instructions rest = {.apply_len = 16, .flags = WEFT_INSTR_APPLY};
	const uint64_t words[3] = {0x11, 1, 2}; // of the key, and a value of the stack
	const uint8_t frame[64] = {0};
	struct weft_continuation c = {.map = 1, .n_stack = 1, .set_len = 16, .n_rules = 1};

	body->continuation_len = sizeof(c) + sizeof(words) + 16 + sizeof(rule) + sizeof(rest) + 16;
	ipc_put(m, &c, sizeof(c));
	ipc_put(m, words, sizeof(words));
	ipc_put_output(m, 2);
	ipc_put(m, &rule, sizeof(rule));
	ipc_put(m, &rest, sizeof(rest));
	ipc_put_output(m, 3);
	body->actions_len = ipc_put_output(m, 1);
	body->frame_len = 61;
	ipc_put(m, frame, sizeof(frame));
}

static inline void ipc_put_tail(struct ipc_message *m, unsigned type, void *body)
{
	switch (type) {
	case WEFT_IPC_FLOW_MOD: {
		struct weft_instructions i = {.apply_len = 32,
			.write_len = 16,
			.flags = WEFT_INSTR_APPLY | WEFT_INSTR_WRITE};

		ipc_put_match(m, sizeof(i) + 48);
		ipc_put(m, &i, sizeof(i));
		for (unsigned k = 0; k < 3; k++)
			ipc_put_output(m, k + 1);
		return;
	}
	case WEFT_IPC_DUMP_FLOWS:
	case WEFT_IPC_DUMP_AGGREGATE:
	case WEFT_IPC_MONITOR_SET:
		ipc_put_match(m, 0);
		return;
	case WEFT_IPC_GROUP_MOD: {
		struct weft_bucket b = {.actions_len = 16};

		((struct weft_group_mod *)body)->bucket_count = 2;
		for (unsigned k = 0; k < 2; k++) {
			ipc_put(m, &b, sizeof(b));
			ipc_put_output(m, 7);
		}
		return;
	}
	case WEFT_IPC_METER_MOD: {
		struct weft_band b = {.rate = 1000, .type = WEFT_BAND_DROP};

		((struct weft_meter_mod *)body)->band_count = 2;
		ipc_put(m, &b, sizeof(b));
		ipc_put(m, &b, sizeof(b));
		return;
	}
	case WEFT_IPC_PACKET_OUT: {
		struct weft_ipc_packet_out *po = body;
		uint8_t frame[64] = {0};

		po->actions_len = ipc_put_output(m, 1);
		po->frame_len = 61;
		ipc_put(m, frame, sizeof(frame));
		return;
	}
	case WEFT_IPC_RESUME:
		ipc_put_resume(m, body);
		return;
	default:
		return;
	}
}

// False: an agent does not send this type.
static inline bool ipc_message_make(struct ipc_message *m, unsigned type)
{
	struct weft_ipc_hdr hdr = {.type = (uint16_t)type, .xid = 7, .tenant = 3};
	size_t fixed = 0;
	void *body;

	memset(m, 0, sizeof(*m));
	switch (type) {
#define WEFT_X(id, number, name)                                                                   \
	case WEFT_IPC_##id:                                                                        \
		fixed = sizeof(struct name);                                                       \
		break;
		WEFT_IPC_TYPES(WEFT_X)
#undef WEFT_X
	default:
		return false;
	}
	if (type == WEFT_IPC_RESULT || type >= WEFT_IPC_FLOW_REMOVED)
		return false;
	ipc_put(m, &hdr, sizeof(hdr));
	body = (char *)m->buf + m->len;
	m->len += (uint32_t)fixed;
	ipc_put_tail(m, type, body);
	((struct weft_ipc_hdr *)m->buf)->len = m->len;
	return true;
}

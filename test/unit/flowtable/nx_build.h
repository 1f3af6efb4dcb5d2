// SPDX-License-Identifier: Apache-2.0
#pragma once
// Actions with a payload, for tests: each appended to a program's apply or write actions.

#include "world.h"

static inline struct weft_subfield bits_of(enum weft_field f, unsigned ofs, unsigned n)
{
	return (struct weft_subfield){(uint16_t)f, (uint16_t)ofs, (uint16_t)n, 0};
}

// Any type, with this payload.
static inline void program_raw(struct program *p, bool write, enum weft_action_type type,
	uint32_t arg, const void *payload, size_t bytes)
{
	size_t len = sizeof(struct weft_action) + (bytes + 7) / 8 * 8;
	struct weft_action *a = (void *)(p->actions + p->instr.apply_len + p->instr.write_len);

	assert_true(p->instr.apply_len + p->instr.write_len + len <= sizeof(p->actions));
	memset(a, 0, len);
	*a = (struct weft_action){(uint16_t)type, (uint16_t)len, arg};
	if (bytes)
		memcpy(a + 1, payload, bytes);
	if (write) {
		p->instr.write_len += (uint16_t)len;
		p->instr.flags |= WEFT_INSTR_WRITE;
	} else {
		assert_int_equal(p->instr.write_len, 0); // apply first
		p->instr.apply_len += (uint16_t)len;
		p->instr.flags |= WEFT_INSTR_APPLY;
	}
}

static inline void program_load(
	struct program *p, bool write, enum weft_field f, unsigned ofs, unsigned n, uint64_t v)
{
	struct weft_action_set_field s = {{0}, {0}};
	unsigned bytes = weft_field_infos[f].bytes;

	for (unsigned i = 0; i < n; i++) {
		unsigned bit = ofs + i, at = bytes - 1 - bit / 8;

		s.mask[at] |= (uint8_t)(1u << bit % 8);
		if (i < 64 && v >> i & 1)
			s.value[at] |= (uint8_t)(1u << bit % 8);
	}
	program_raw(p, write, WEFT_ACTION_LOAD, f, &s, sizeof(s));
}

static inline void program_move(
	struct program *p, bool write, struct weft_subfield src, struct weft_subfield dst)
{
	struct weft_action_move m = {src, dst};

	program_raw(p, write, WEFT_ACTION_MOVE, 0, &m, sizeof(m));
}

static inline void program_resubmit(struct program *p, bool write, uint32_t in_port, uint8_t table)
{
	struct weft_action_resubmit r = {.table = table};

	program_raw(p, write, WEFT_ACTION_RESUBMIT, in_port, &r, sizeof(r));
}

static inline void program_stack(struct program *p, bool pop, struct weft_subfield f)
{
	program_raw(
		p, false, pop ? WEFT_ACTION_STACK_POP : WEFT_ACTION_STACK_PUSH, 0, &f, sizeof(f));
}

static inline void program_trunc(struct program *p, bool write, uint32_t port, uint32_t max)
{
	struct weft_action_u32 u = {.value = max};

	program_raw(p, write, WEFT_ACTION_OUTPUT_TRUNC, port, &u, sizeof(u));
}

static inline void program_output_field(struct program *p, struct weft_subfield f)
{
	struct weft_action_output_field o = {.port = f, .max_len = 77};

	program_raw(p, false, WEFT_ACTION_OUTPUT_FIELD, 0, &o, sizeof(o));
}

static inline void program_clone(struct program *p, const struct program *inside)
{
	program_raw(p, false, WEFT_ACTION_CLONE, 0, inside->actions, inside->instr.apply_len);
}

static inline void program_controller(
	struct program *p, const struct weft_action_controller *c, const void *userdata)
{
	uint8_t bytes[2048];

	memcpy(bytes, c, sizeof(*c));
	if (userdata)
		memcpy(bytes + sizeof(*c), userdata, c->userdata_len);
	program_raw(p, false, WEFT_ACTION_CONTROLLER, 0, bytes, sizeof(*c) + c->userdata_len);
}

// SPDX-License-Identifier: Apache-2.0
#pragma once
// What a double of dpclient needs for recordings and staged transactions: operations are recorded
// in the layout of weft/ipc.h, and played by calling the double's own functions. A staged
// transaction is a copy of everything, to go back to.

#include "dpclient/dpclient.h"

struct fake_saved;

struct fake_stage {
	struct dpc_recording *recording;
	struct fake_saved *saved; // NULL: no transaction is open
	bool failed;
};

// Each tells whether it was recorded, and so is not to be done.
bool fake_record(struct fake_stage *s, enum weft_ipc_type type, const void *body, size_t len,
	const void *tail, size_t tail_len);
bool fake_record_flow(struct fake_stage *s, const struct weft_flow_mod *mod,
	const struct weft_match *match, const struct weft_instructions *instructions);
bool fake_record_packet(struct fake_stage *s, uint32_t in_port, const void *actions,
	size_t actions_len, const void *frame, size_t frame_len);

// ---- of fake_dpc.c

struct fake_stage *fake_dpc_stage(struct dpc *dpc);
struct fake_saved *fake_dpc_save(const struct dpc *dpc);
void fake_dpc_restore(struct dpc *dpc, struct fake_saved *saved, bool back); // frees `saved`
void fake_dpc_answer(struct dpc *dpc, dpc_done_fn done, void *arg, enum weft_error error);

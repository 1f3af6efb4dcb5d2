// SPDX-License-Identifier: Apache-2.0
// Messages of the control socket. Reads only the message's bytes (ASan); what is taken has its
// tails inside the message, in order, and its lists are well formed to their ends.

#include "ipc/dp_ipc_decode.h"

#include "../require.h"

static void check(const struct dp_ipc_request *r, const char *msg, uint32_t len)
{
	const char *end = msg + len;

	require((const char *)r->body >= msg && (const char *)r->body <= end);
	if (r->tail)
		require((const char *)r->tail >= msg && (const char *)r->tail + r->tail_len <= end);
	if (r->frame)
		require((const char *)r->frame + r->frame_len <= end);
	require(weft_match_words(&r->match) <= WEFT_KEY_WORDS);
	if (r->instructions)
		require((const char *)r->instructions + weft_instructions_bytes(r->instructions) <=
			end);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
	uint32_t len = (uint32_t)size & ~7u;
	struct dp_ipc_request r;
	const char *why = NULL;
	char *msg;

	if (len < sizeof(struct weft_ipc_hdr) || len > WEFT_IPC_MAX_LEN)
		return 0;
	msg = aligned_alloc(8, len);
	memcpy(msg, input, len);
	memcpy(msg, &len, sizeof(len)); // the length is right by construction: go deeper
	require(dp_ipc_length(msg) == len);
	if (dp_ipc_decode(msg, len, &r, &why))
		check(&r, msg, len);
	else
		require(why != NULL);
	free(msg);
	return 0;
}

// SPDX-License-Identifier: Apache-2.0
// Inner frames into the flow hash: it reads only their bytes (ASan), is never 0, depends on nothing
// but its input, and does not change when a packet of the same flow has another TTL.

#include "overlay/flow_hash.h"

#include "../require.h"

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
	uint8_t *frame = copy_of(input, size);
	uint32_t hash;

	require(size < UINT32_MAX);
	hash = overlay_flow_hash(frame, (uint32_t)size, 1);
	require(hash && hash == overlay_flow_hash(frame, (uint32_t)size, 1));
	if (size >= 34 && frame[12] == 8 && frame[13] == 0) {
		frame[14 + 8] ^= 0xff;
		require(hash == overlay_flow_hash(frame, (uint32_t)size, 1));
	}
	free(frame);
	return 0;
}

// SPDX-License-Identifier: Apache-2.0
#include "session/set_fields.h"

#include <weft/action.h>
#include <weft/match.h>

// Bytes used, or -1.
static ssize_t put_field(char *at, const char *end, enum weft_field f,
	const struct weft_flow_key *value, const struct weft_flow_key *mask)
{
	const struct weft_field_info *info = &weft_field_infos[f];
	struct weft_action_set_field set = {{0}};
	const struct weft_action a = {WEFT_ACTION_SET_FIELD, sizeof(a) + sizeof(set), (uint32_t)f};

	if (!(info->flags & WEFT_FIELD_S) || (size_t)(end - at) < a.len)
		return -1;
	memcpy(set.value, weft_key_field_const(value, f), info->bytes);
	memcpy(set.mask, weft_key_field_const(mask, f), info->bytes);
	memcpy(at, &a, sizeof(a));
	memcpy(at + sizeof(a), &set, sizeof(set));
	return a.len;
}

ssize_t session_set_fields(void *room, size_t size, const struct weft_flow_key *value,
	const struct weft_flow_key *mask)
{
	static const uint8_t zero[16];
	char *at = room, *end = at + size;

	for (unsigned f = 0; f < WEFT_FIELD_MAX; f++) {
		ssize_t n;

		if (!memcmp(weft_key_field_const(mask, f), zero, weft_field_infos[f].bytes) ||
			weft_field_infos[f].flags & WEFT_FIELD_V) // said by others
			continue;
		n = put_field(at, end, (enum weft_field)f, value, mask);
		if (n < 0)
			return -1;
		at += n;
	}
	return at - (char *)room;
}

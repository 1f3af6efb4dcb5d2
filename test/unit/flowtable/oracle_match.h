// SPDX-License-Identifier: Apache-2.0
#pragma once
// Whether a match has a key, byte by byte.

#include <weft/flow.h>

static bool oracle_matches(const struct weft_match *m, const struct weft_flow_key *key)
{
	struct weft_flow_key v, mask;
	const uint8_t *a = (void *)&v, *am = (void *)&mask, *k = (const void *)key;

	weft_match_to_key(m, &v, &mask);
	for (size_t i = 0; i < sizeof(v); i++)
		if ((k[i] & am[i]) != a[i])
			return false;
	return true;
}

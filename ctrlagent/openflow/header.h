// SPDX-License-Identifier: Apache-2.0
#pragma once
// The eight bytes that every OpenFlow message begins with: what a session needs to cut its stream
// into messages and to choose a version, before it reads one.

#include "openflow/reader.h"

#define OF_HEADER_LEN 8u
#define OF_VERSION_1_0 1u
#define OF_VERSION_1_3 4u
#define OF_VERSION_1_4 5u
#define OF_VERSION_1_5 6u

struct of_header {
	uint8_t version;
	uint8_t type; // OFPT_*, as the version numbers them
	uint16_t length;
	uint32_t xid;
};

// False if there are fewer than eight bytes yet. A length below eight can't be recovered from: the
// stream is out of step.
static inline bool of_header_peek(const void *p, size_t len, struct of_header *out)
{
	const uint8_t *b = p;

	if (len < OF_HEADER_LEN)
		return false;
	*out = (struct of_header){b[0], b[1], of_load16(b + 2), of_load32(b + 4)};
	return true;
}

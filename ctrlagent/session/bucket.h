// SPDX-License-Identifier: Apache-2.0
#pragma once
// Buckets of a group between a message of any version and <weft/flow.h>
// (OpenFlow 1.3.5, 7.3.4.2; 1.5.1, 7.3.4.4).

#include <sys/types.h>

#include <weft/flow.h>

#include "openflow/of_wire.h"

// Buckets have ids and properties: in 1.5, and in 1.0 as Nicira has them.
static inline bool session_buckets_late(uint8_t version)
{
	return version >= 6 || version == 1;
}

// The buckets of a group mod, each a weft_bucket and its actions, into `room`, and their number.
// Bytes used, or -EBADMSG with the error in *r.
ssize_t session_buckets_read(const struct of_group_mod *in, void *room, size_t size,
	uint16_t *count, struct of_reader *r);

// Appends `left` bytes of such buckets as the writer's version has them.
void session_buckets_write(
	struct of_writer *w, const void *buckets, size_t left, uint8_t group_type);

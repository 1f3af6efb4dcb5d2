// SPDX-License-Identifier: Apache-2.0
#pragma once
// A multipart reply of any length, cut into messages of at most 64 KiB (OpenFlow 1.3.5, 7.3.5).
//
//	of_multipart_begin(&mp, &w, xid, OFPMP_FLOW);
//	for each rule { of_flow_stats_write(&w, &fs); of_multipart_next(&mp); }
//	of_multipart_end(&mp);
//
// An element that no longer fits opens a new message; the one before gets OFPMPF_REPLY_MORE.
// Without `flush` the messages lie one after another in the writer; with it each finished one is
// handed over and its room used again, so that a dump of a million rules needs no more memory than
// one message. The bytes belong to the writer and are gone when `flush` returns. If flush fails,
// its error becomes the writer's, and nothing more is written.

#include "openflow/writer.h"

struct of_multipart {
	struct of_writer *w;
	size_t message; // where the current message starts
	size_t element; // where the element being written starts
	uint32_t xid;
	uint16_t type;                   // OFPMP_*
	uint32_t experimenter, exp_type; // if it is OFPMP_EXPERIMENTER
	int (*flush)(void *arg, struct of_span message);
	void *arg;
};

// Set `flush` and `arg` after this, if wanted.
void of_multipart_begin(struct of_multipart *mp, struct of_writer *w, uint32_t xid, uint16_t type);

// A reply of an experimenter's, with exp_type before its body, and in 1.0 four bytes of padding, as
// Nicira has it.
void of_multipart_begin_experimenter(struct of_multipart *mp, struct of_writer *w, uint32_t xid,
	uint32_t experimenter, uint32_t exp_type);

// After each element. 0 or the writer's error; -EMSGSIZE if one element alone is too long.
int of_multipart_next(struct of_multipart *mp);

// After the last; also without any element.
int of_multipart_end(struct of_multipart *mp);

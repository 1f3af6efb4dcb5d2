// SPDX-License-Identifier: Apache-2.0
#pragma once
// OpenFlow 1.3 messages of a controller that measures a switch: encoded once, then copied and
// patched, so that making one costs some ten nanoseconds and the switch's time is what is seen.
//
// All rules are TCP five-tuples that differ in addresses and ports: rule n is the same rule whoever
// makes it, in whatever run. All functions write to `to`, which has room for OFMSG_MAX bytes, and
// return the bytes written.

#include <stddef.h>
#include <stdint.h>

#define OFMSG_MAX 192u

enum ofmsg_op {
	OFMSG_ADD,
	OFMSG_MODIFY,
	OFMSG_DELETE
}; // the last two strict (1.3.5, 7.3.4.1)
enum ofmsg_type {
	OFMSG_HELLO = 0,
	OFMSG_ERROR = 1,
	OFMSG_ECHO_REQUEST = 2,
	OFMSG_ECHO_REPLY = 3,
	OFMSG_EXPERIMENTER = 4,
	OFMSG_FLOW_MOD = 14,
	OFMSG_MULTIPART_REQUEST = 18,
	OFMSG_MULTIPART_REPLY = 19,
	OFMSG_BARRIER_REQUEST = 20,
	OFMSG_BARRIER_REPLY = 21,
};

// Of the ONF's extension 230 to 1.3, which is 1.4's bundle in an experimenter message.
enum ofmsg_bundle {
	OFMSG_BUNDLE_OPEN = 0,
	OFMSG_BUNDLE_OPENED = 1,
	OFMSG_BUNDLE_COMMIT = 4,
	OFMSG_BUNDLE_COMMITTED = 5,
};

struct ofmsg_header {
	uint8_t type;
	uint16_t len;
	uint32_t xid;
};
struct ofmsg_header ofmsg_header(const uint8_t from[8]);

size_t ofmsg_simple(uint8_t *to, enum ofmsg_type type, uint32_t xid); // a header alone
// `out` is the port that the rule sends to; a modify must say another one to have an effect.
// Rules are TCP five-tuples, their sources in the /12 that ofmsg_sources() said last (10.0.0.0).
void ofmsg_sources(uint32_t network);
size_t ofmsg_flow_mod(uint8_t *to, enum ofmsg_op op, uint32_t rule, uint16_t priority, uint32_t out,
	uint32_t xid);
// Ordered and atomic.
size_t ofmsg_bundle(uint8_t *to, enum ofmsg_bundle what, uint32_t bundle, uint32_t xid);
// OFPT_FLOW_MOD within an ONFT_BUNDLE_ADD_MESSAGE.
size_t ofmsg_bundled_flow_mod(uint8_t *to, uint32_t bundle, enum ofmsg_op op, uint32_t rule,
	uint16_t priority, uint32_t out, uint32_t xid);
size_t ofmsg_all_flows(uint8_t *to, uint32_t xid); // OFPMP_FLOW of all tables
// Rules in an OFPMP_FLOW reply of `len` bytes; *more: another one follows.
unsigned ofmsg_flows_in(const uint8_t *reply, size_t len, int *more);

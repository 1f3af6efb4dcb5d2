// SPDX-License-Identifier: Apache-2.0
#pragma once
// Telling the other controllers of a group or meter mod (OpenFlow 1.4.1, 7.4.6; 1.5.1, 7.4.6):
// those that asked for it by their asynchronous configuration, when it has succeeded, in the
// version of each. Selection methods, which are an extension, and the change of a single bucket,
// which is 1.5's, are not told where the version has no words for them.
//
// What is to be told waits with the request until the data plane has answered; only then, and only
// if there is somebody to tell, does it cost memory.

#include <stddef.h>
#include <stdint.h>

#include <weft/ipc.h>

struct session_conn;
struct session_forward;
struct session_request;
struct session_switch;

// A copy of a GROUP_MOD's or METER_MOD's body: its head, then its tail. NULL: nobody else wants it.
struct session_forward *session_forward_new(const struct session_conn *c,
	const struct session_request *rq, enum weft_ipc_type type, const void *head,
	size_t head_len, const void *tail, size_t tail_len);

// Tells all but `from`, and frees it. NULL is fine.
void session_forward_send(struct session_forward *f, const struct session_conn *from);
void session_forward_free(struct session_forward *f);

// The same without the wait: the body of such a message, `len` bytes, that has been carried out.
void session_forward_tell(struct session_switch *sw, const struct session_conn *from, uint32_t xid,
	enum weft_ipc_type type, const void *body, size_t len);

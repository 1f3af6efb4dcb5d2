// SPDX-License-Identifier: Apache-2.0
#pragma once
// The control socket: one agent at a time, a stream of requests, answers and events.
//
//	dp_ipc.c         sockets, peer credentials, buffers: bytes to requests and back
//	dp_ipc_decode.c  bytes to requests, pure
//	dp_ipc_op.c      one function an operation
//	dp_ipc_txn.c     transactions: what an operation did, and how it is undone
//	dp_stage.c       staged transactions, beside the stream's
//	dp_ipc_dump.c    dumps, long ones in pieces between which rules go on being served
//	dp_ipc_tell.c    dumps that are short
//	dp_event.c       what happens without being asked for
//
// All on the control thread; nothing here blocks. An agent that goes away changes nothing: its open
// atomic transaction is undone, everything committed stays.
//
// Flow control. Requests are not read while more than DP_IPC_OUT_SOFT bytes wait to be written, so
// an agent that does not read its answers stops itself; dumps of rules, above a quarter of it.
// Events that would make it DP_IPC_OUT_HARD are lost, and counted.

#include "ipc/dp_ipc_decode.h"

struct dp;
struct dp_ipc;
struct dp_txn;
struct ft_flow_steps;
struct ft_switch;

#define DP_IPC_OUT_SOFT (1u << 20)
#define DP_IPC_OUT_HARD (32u << 20)
#define DP_IPC_OUT_MAX (1u << 30) // of one dump; longer, and the agent is disconnected

// Listens. NULL after a message.
struct dp_ipc *dp_ipc_new(struct dp *dp, const char *path);
void dp_ipc_free(struct dp_ipc *);

struct pollfd;
#define DP_IPC_POLLFDS 2u
// What to wait for; returns how many were written.
unsigned dp_ipc_pollfds(const struct dp_ipc *, struct pollfd *fds);
// Accepts, reads, serves, writes, as far as it goes without waiting and as poll() said of the `n`
// descriptors of dp_ipc_pollfds(). True: there is more to do at once.
bool dp_ipc_run(struct dp_ipc *, const struct pollfd *fds, unsigned n);
// The agent's next request is about to come: look for it before you sleep (weft/look.h).
bool dp_ipc_looks(struct dp_ipc *);

// ---- for the dp_ipc_* files

struct dp_txn *dp_ipc_txn(struct dp_ipc *);
bool dp_ipc_connected(const struct dp_ipc *);   // and greeted
uint32_t dp_ipc_pending(const struct dp_ipc *); // bytes that wait to be written

// A message is written by begin, any number of adds, end. begin: false if there is no connection or
// no room (`event`: lost and counted; else the connection ends).
bool dp_ipc_begin(
	struct dp_ipc *, uint16_t type, uint16_t flags, uint32_t xid, uint32_t tenant, bool event);
void dp_ipc_add(struct dp_ipc *, const void *data, size_t len);
void dp_ipc_end(struct dp_ipc *); // pads to 8 bytes
// The match and instructions of a rule, as every message about one ends.
void dp_ipc_add_flow(struct dp_ipc *, const struct weft_match *, const struct weft_instructions *);
// A RESULT; `text` NULL: none.
void dp_ipc_result(
	struct dp_ipc *, const struct weft_ipc_hdr *request, enum weft_error e, const char *text);

// What dp_ipc_op() returns for a flow-mod that has looked at many rules and has not seen all: serve
// the same again, with the same `steps`, after others have had a turn.
#define DP_IPC_AGAIN WEFT_E_MAX

// Serves one operation, WEFT_IPC_HOST_SET to WEFT_IPC_METER_MOD, in the open transaction; and a
// packet-out, or a packet that goes on.
enum weft_error dp_ipc_op(struct dp *dp, struct dp_txn *txn, const struct dp_ipc_request *r,
	struct ft_flow_steps *steps, char why[static 100]);
enum weft_error dp_ipc_packet_out(
	struct dp *dp, const struct dp_ipc_request *r, char why[static 100]);

// The parts of it that dp_stage.c needs. Rules, groups and meters: staged or done, as the switch
// has a transaction open or not.
struct dp_tenant;
enum weft_error dp_ipc_op_rules(struct dp_tenant *t, const struct dp_ipc_request *r);
enum weft_error dp_ipc_packet_out_check(
	struct dp *dp, struct dp_tenant *t, const struct dp_ipc_request *r, char why[static 100]);

// Starts a dump, all of it if it is short.
void dp_ipc_dump(struct dp *dp, const struct dp_ipc_request *r);
// Goes on with the dumps that are not done. True: some can go on at once.
bool dp_ipc_dump_run(struct dp *dp);
// A paced one may write so many bytes more; 0: it ends.
void dp_ipc_dump_more(uint32_t xid, uint32_t bytes);
// The tenant goes, and is still linked.
void dp_ipc_dump_forget(const struct dp_tenant *t);
// Ends those of one switch, which goes; of all, if NULL.
void dp_ipc_dump_cancel(const struct ft_switch *sw);

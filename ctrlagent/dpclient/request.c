// SPDX-License-Identifier: Apache-2.0
#include "internal.h"

#include <assert.h>
#include <sched.h>
#include <sys/uio.h>
#include <unistd.h>

#include "uptime.h"

#define MAX_PARTS 6

static size_t parts_len(const struct iovec *parts, unsigned count)
{
	size_t len = 0;

	for (unsigned i = 0; i < count; i++)
		len += parts[i].iov_len;
	return len;
}

void dpc_send(
	struct dpc *dpc, const struct weft_ipc_hdr *like, const struct iovec *parts, unsigned count)
{
	struct weft_ipc_hdr hdr = *like;
	struct iovec first = {&hdr, sizeof(hdr)};

	hdr.len = (uint32_t)(sizeof(hdr) + parts_len(parts, count));
	assert(hdr.len % 8 == 0);
	wire_put(&dpc->wire, &first, 1);
	wire_put(&dpc->wire, parts, count);
	dpc_flush_soon(dpc);
	if (wire_backlog(&dpc->wire) >= DPC_OUTPUT_CHUNK)
		dpc_flush_wire(dpc);
	if (wire_backlog(&dpc->wire) > DPC_OUTPUT_HIGH || dpc->pending.count > DPC_PENDING_HIGH)
		dpc->blocked = true;
}

static void send_parts(struct dpc *dpc, enum weft_ipc_type type, uint32_t xid,
	weft_tenant_id tenant, uint16_t flags, const struct iovec *parts, unsigned count)
{
	const struct weft_ipc_hdr hdr = {
		.type = (uint16_t)type, .xid = xid, .tenant = tenant, .flags = flags};

	dpc_send(dpc, &hdr, parts, count);
}

void dpc_send_hello(struct dpc *dpc)
{
	struct weft_ipc_hello hello = {.version = WEFT_IPC_VERSION, .pid = (uint32_t)getpid()};
	struct pending p = {.kind = PENDING_CHECKPOINT, .type = WEFT_IPC_HELLO};
	struct iovec part = {&hello, sizeof(hello)};

	send_parts(dpc, WEFT_IPC_HELLO, pending_add(&dpc->pending, &p), 0, 0, &part, 1);
}

// Whatever is asked for, `done` is to be called from the loop and not from here.
static void settle_soon(struct dpc *dpc)
{
	dpc->refused = true;
	dpc_flush_soon(dpc);
}

static void refuse(struct dpc *dpc, const struct pending *p, enum weft_error error)
{
	struct pending refused = *p;

	refused.kind = PENDING_REFUSED;
	refused.error = (uint8_t)error;
	pending_add(&dpc->pending, &refused);
	settle_soon(dpc);
}

void dpc_request(struct dpc *dpc, struct pending p, weft_tenant_id tenant, uint16_t flags,
	const struct iovec *parts, unsigned count)
{
	if (dpc->state != DPC_UP) {
		refuse(dpc, &p, WEFT_E_STATE);
		return;
	}
	if (sizeof(struct weft_ipc_hdr) + parts_len(parts, count) > WEFT_IPC_MAX_LEN) {
		refuse(dpc, &p, WEFT_E_MALFORMED);
		return;
	}
	uint32_t xid = pending_add(&dpc->pending, &p);
	send_parts(dpc, p.type, xid, tenant, flags, parts, count);
	if (p.kind == PENDING_OP) {
		dpc->unanswered = true;
	} else if (p.kind == PENDING_CHECKPOINT) {
		dpc->unanswered = false;
		dpc->checkpoint = xid;
		dpc->covered = dpc_place(dpc);
	}
}

uint32_t dpc_place(const struct dpc *dpc)
{
	return dpc->pending.head + dpc->pending.count;
}

bool dpc_is_through(const struct dpc *dpc, uint32_t place)
{
	return (int32_t)(dpc->pending.head - place) >= 0;
}

// ---- transactions

static void begin(struct dpc *dpc)
{
	struct weft_ipc_begin body = {.cpu = (uint32_t)sched_getcpu() + 1};
	struct iovec part = {&body, sizeof(body)};

	dpc->txn++;
	dpc->txn += dpc->txn == 0;
	dpc->txn_open = true;
	dpc->batch = 0;
	struct pending p = {.kind = PENDING_OP, .type = WEFT_IPC_BEGIN, .txn = dpc->txn};
	dpc_request(dpc, p, 0, 0, &part, 1);
}

static void commit(struct dpc *dpc, dpc_done_fn done, void *arg)
{
	struct pending p = {.kind = PENDING_CHECKPOINT,
		.type = WEFT_IPC_COMMIT,
		.txn = dpc->txn,
		.done = done,
		.arg = arg};

	dpc->txn_open = false;
	dpc_request(dpc, p, 0, 0, NULL, 0);
}

void dpc_end_implicit(struct dpc *dpc)
{
	if (dpc->txn_open)
		commit(dpc, NULL, NULL);
}

static void echo(struct dpc *dpc, dpc_done_fn done, void *arg)
{
	struct pending p = {
		.kind = PENDING_CHECKPOINT, .type = WEFT_IPC_ECHO, .done = done, .arg = arg};

	dpc_request(dpc, p, 0, 0, NULL, 0);
}

// Whether the answer to the latest checkpoint is still to come and says all there is to say.
static bool is_covered(struct dpc *dpc)
{
	return dpc->state == DPC_UP && dpc->covered == dpc_place(dpc) &&
	       pending_find(&dpc->pending, dpc->checkpoint);
}

static void ride(struct dpc *dpc, dpc_done_fn done, void *arg)
{
	struct pending p = {.kind = PENDING_RIDER, .done = done, .arg = arg};

	pending_add(&dpc->pending, &p);
	dpc->covered = dpc_place(dpc);
}

void dpc_barrier(struct dpc *dpc, dpc_done_fn done, void *arg)
{
	weft_look_begin(&dpc->look, agent_ns());
	if (dpc->txn_open)
		commit(dpc, done, arg);
	else if (is_covered(dpc))
		ride(dpc, done, arg);
	else
		echo(dpc, done, arg);
}

void dpc_on_flush(evutil_socket_t fd, short what, void *arg)
{
	struct dpc *dpc = arg;

	dpc->flush_due = false;
	if (dpc->refused) {
		dpc->refused = false;
		pending_settle_refused(&dpc->pending);
		dump_settle_refused(&dpc->dumps);
	}
	dpc_end_implicit(dpc);
	if (dpc->unanswered)
		echo(dpc, NULL, NULL); // packet-outs: nothing else would settle them
	dpc_flush_wire(dpc);
}

void dpc_flush_soon(struct dpc *dpc)
{
	if (!dpc->flush_due)
		event_active(dpc->flush, EV_TIMEOUT, 0);
	dpc->flush_due = true;
}

// What the socket does not take waits until it is writable; what waits already, too.
void dpc_flush_wire(struct dpc *dpc)
{
	if (dpc->readable && !event_pending(dpc->writable, EV_WRITE, NULL) &&
		wire_flush(&dpc->wire))
		event_add(dpc->writable, NULL);
}

void dpc_check_unblocked(struct dpc *dpc)
{
	if (!dpc->blocked || dpc->pending.count > DPC_PENDING_LOW)
		return;
	if (wire_backlog(&dpc->wire) > DPC_OUTPUT_LOW)
		return;
	dpc->blocked = false;
	dpc_tell_unblocked(dpc);
}

// ---- operations

static void operation(struct dpc *dpc, enum weft_ipc_type type, weft_tenant_id tenant,
	const struct iovec *parts, unsigned count, dpc_done_fn done, void *arg)
{
	if (dpc->recording) {
		dpc_record_message(dpc, type, tenant, parts, count);
		return;
	}
	if (dpc->batch >= DPC_BATCH)
		dpc_end_implicit(dpc);
	if (!dpc->txn_open)
		begin(dpc);
	dpc->batch++;
	struct pending p = {.kind = PENDING_OP,
		.type = (uint8_t)type,
		.txn = dpc->txn,
		.done = done,
		.arg = arg};
	dpc_request(dpc, p, tenant, 0, parts, count);
}

void dpc_op(struct dpc *dpc, enum weft_ipc_type type, weft_tenant_id tenant, const void *body,
	size_t len, dpc_done_fn done, void *arg)
{
	struct iovec part = {(void *)(uintptr_t)body, len};

	operation(dpc, type, tenant, &part, len ? 1 : 0, done, arg);
}

// The parts of a match and what precedes and follows it. Returns their number.
static unsigned match_parts(struct iovec *parts, const void *fixed, size_t fixed_len,
	struct weft_ipc_flow_tail *tail, const struct weft_match *match,
	const struct weft_instructions *instructions)
{
	size_t bytes = 8 * weft_match_words(match);
	unsigned n = 0;

	*tail = (struct weft_ipc_flow_tail){
		.match_map = match->map,
		.match_words = weft_match_words(match),
		.instr_len = instructions ? (uint32_t)weft_instructions_bytes(instructions) : 0,
	};
	parts[n++] = (struct iovec){(void *)(uintptr_t)fixed, fixed_len};
	parts[n++] = (struct iovec){tail, sizeof(*tail)};
	parts[n++] = (struct iovec){(void *)(uintptr_t)match->value, bytes};
	parts[n++] = (struct iovec){(void *)(uintptr_t)match->mask, bytes};
	if (instructions)
		parts[n++] = (struct iovec){(void *)(uintptr_t)instructions, tail->instr_len};
	return n;
}

void dpc_flow_mod(struct dpc *dpc, weft_tenant_id tenant, const struct weft_flow_mod *mod,
	const struct weft_match *match, const struct weft_instructions *instructions,
	dpc_done_fn done, void *arg)
{
	struct iovec parts[MAX_PARTS];
	struct weft_ipc_flow_tail tail;
	unsigned n = match_parts(parts, mod, sizeof(*mod), &tail, match, instructions);

	operation(dpc, WEFT_IPC_FLOW_MOD, tenant, parts, n, done, arg);
}

void dpc_monitor_set(struct dpc *dpc, weft_tenant_id tenant, const struct weft_ipc_monitor *monitor,
	const struct weft_match *match, dpc_done_fn done, void *arg)
{
	struct iovec parts[MAX_PARTS];
	struct weft_ipc_flow_tail tail;
	unsigned n = match_parts(parts, monitor, sizeof(*monitor), &tail, match, NULL);

	operation(dpc, WEFT_IPC_MONITOR_SET, tenant, parts, n, done, arg);
}

void dpc_group_mod(struct dpc *dpc, weft_tenant_id tenant, const struct weft_group_mod *mod,
	const void *buckets, size_t bytes, dpc_done_fn done, void *arg)
{
	struct iovec parts[] = {
		{(void *)(uintptr_t)mod, sizeof(*mod)}, {(void *)(uintptr_t)buckets, bytes}};

	operation(dpc, WEFT_IPC_GROUP_MOD, tenant, parts, bytes ? 2 : 1, done, arg);
}

void dpc_meter_mod(struct dpc *dpc, weft_tenant_id tenant, const struct weft_meter_mod *mod,
	const struct weft_band *bands, dpc_done_fn done, void *arg)
{
	struct iovec parts[] = {{(void *)(uintptr_t)mod, sizeof(*mod)},
		{(void *)(uintptr_t)bands, mod->band_count * sizeof(*bands)}};

	operation(dpc, WEFT_IPC_METER_MOD, tenant, parts, mod->band_count ? 2 : 1, done, arg);
}

void dpc_packet_out(struct dpc *dpc, weft_tenant_id tenant, uint32_t in_port, const void *actions,
	size_t actions_len, const void *frame, size_t frame_len, dpc_done_fn done, void *arg)
{
	static uint8_t zeros[8];
	struct weft_ipc_packet_out body = {.in_port = in_port,
		.actions_len = (uint32_t)actions_len,
		.frame_len = (uint32_t)frame_len};
	struct iovec parts[] = {
		{&body, sizeof(body)},
		{(void *)(uintptr_t)actions, actions_len},
		{(void *)(uintptr_t)frame, frame_len},
		{zeros, -frame_len & 7},
	};
	struct pending p = {
		.kind = PENDING_OP, .type = WEFT_IPC_PACKET_OUT, .done = done, .arg = arg};

	if (dpc->recording) {
		dpc_record_message(dpc, p.type, tenant, parts, 4);
		return;
	}
	dpc_end_implicit(dpc); // the packet meets the rules that were asked for before it
	dpc_request(dpc, p, tenant, 0, parts, 4);
}

void dpc_resume(struct dpc *dpc, weft_tenant_id tenant, const struct dpc_resumption *r,
	dpc_done_fn done, void *arg)
{
	static uint8_t zeros[8];
	struct weft_ipc_resume body = {.continuation_len = (uint32_t)r->continuation_len,
		.actions_len = (uint32_t)r->actions_len,
		.frame_len = (uint32_t)r->frame_len};
	struct iovec parts[] = {
		{&body, sizeof(body)},
		{(void *)(uintptr_t)r->continuation, r->continuation_len},
		{(void *)(uintptr_t)r->actions, r->actions_len},
		{(void *)(uintptr_t)r->frame, r->frame_len},
		{zeros, -r->frame_len & 7},
	};
	struct pending p = {.kind = PENDING_OP, .type = WEFT_IPC_RESUME, .done = done, .arg = arg};

	dpc_end_implicit(dpc); // as for a packet-out
	dpc_request(dpc, p, tenant, 0, parts, 5);
}

// ---- dumps

struct dpc_dump *dpc_start_dump(struct dpc *dpc, weft_tenant_id tenant, struct dpc_dump like,
	uint16_t flags, const struct iovec *parts, unsigned count)
{
	struct weft_ipc_hdr hdr = {.type = like.type, .tenant = tenant, .flags = flags};
	struct dpc_dump *d;

	dpc_end_implicit(dpc);
	like.dpc = dpc;
	like.refused = dpc->state == DPC_UP ? WEFT_E_NONE : WEFT_E_STATE;
	like.paced = flags & WEFT_IPC_PACED;
	d = dump_add(&dpc->dumps, &like);
	if (d->refused) {
		settle_soon(dpc);
		return d;
	}
	hdr.xid = d->xid;
	dpc_send(dpc, &hdr, parts, count);
	dump_start(d);
	return d;
}

void dpc_dump(struct dpc *dpc, enum weft_ipc_type type, weft_tenant_id tenant, const void *body,
	size_t len, dpc_item_fn item, dpc_done_fn end, void *arg)
{
	struct iovec part = {(void *)(uintptr_t)body, len};

	dpc_start_dump(dpc, tenant,
		(struct dpc_dump){.type = (uint16_t)type, .item = item, .done = end, .arg = arg}, 0,
		&part, len ? 1 : 0);
}

struct dpc_dump *dpc_dump_flows(struct dpc *dpc, weft_tenant_id tenant,
	const struct weft_flow_filter *filter, const struct weft_match *match, dpc_flow_fn flow,
	dpc_done_fn end, void *arg)
{
	struct iovec parts[MAX_PARTS];
	struct weft_ipc_flow_tail tail;
	unsigned n = match_parts(parts, filter, sizeof(*filter), &tail, match, NULL);

	return dpc_start_dump(dpc, tenant,
		(struct dpc_dump){
			.type = WEFT_IPC_DUMP_FLOWS, .flow = flow, .done = end, .arg = arg},
		WEFT_IPC_PACED, parts, n);
}

void dpc_dump_aggregate(struct dpc *dpc, weft_tenant_id tenant,
	const struct weft_flow_filter *filter, const struct weft_match *match, dpc_item_fn item,
	dpc_done_fn end, void *arg)
{
	struct iovec parts[MAX_PARTS];
	struct weft_ipc_flow_tail tail;
	unsigned n = match_parts(parts, filter, sizeof(*filter), &tail, match, NULL);

	dpc_start_dump(dpc, tenant,
		(struct dpc_dump){
			.type = WEFT_IPC_DUMP_AGGREGATE, .item = item, .done = end, .arg = arg},
		0, parts, n);
}

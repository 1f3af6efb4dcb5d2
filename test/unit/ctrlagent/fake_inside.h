// SPDX-License-Identifier: Apache-2.0
#pragma once
// The inside of fake_dpc.h's double, for its files:
//
//	fake_dpc.c    requests and their answers; groups, meters, ports, listeners
//	fake_rules.c  rules: what a flow mod does
//	fake_dump.c   barriers and what is read back

#include "fake_dpc.h"
#include "fake_stage.h"
#include "fake_tables.h"

#include <sys/queue.h>

struct rule {
	TAILQ_ENTRY(rule) link;
	struct weft_flow_mod mod;
	struct weft_match match;
	struct weft_instructions *instructions;
};

struct object { // a group or a meter, as its statistics are dumped
	TAILQ_ENTRY(object) link;
	uint32_t id;
	size_t len;
	uint64_t body[];
};

struct dpc_dump {
	struct dpc *dpc;
	size_t told; // rules so far
	bool paused, cancelled;
};

struct request {
	TAILQ_ENTRY(request) link;
	struct dpc_dump dump;                             // of rules
	void (*run)(struct dpc *dpc, struct request *rq); // NULL: nothing before done
	dpc_done_fn done;
	void *arg;
	enum weft_error error;
	dpc_item_fn item;
	dpc_flow_fn flow;
	enum weft_ipc_type type;
	struct weft_flow_filter filter;
	struct weft_match match;
	uint32_t id;
};

TAILQ_HEAD(rules, rule);
TAILQ_HEAD(objects, object);
TAILQ_HEAD(requests, request);

struct dpc_listener {
	TAILQ_ENTRY(dpc_listener) link;
	struct dpc *dpc;
	const struct dpc_listener_ops *ops;
	void *arg;
	weft_tenant_id tenant;
};
TAILQ_HEAD(listeners, dpc_listener);

struct dpc {
	struct event_base *base;
	struct event *answer;
	struct rules rules;
	struct objects groups, meters;
	struct requests requests, paused;
	struct listeners listeners;
	struct weft_ipc_port_status ports[64];
	struct fake_tables tables;
	size_t port_count, rule_count, max_rules, request_count, done_count;
	unsigned delay_ms;
	enum weft_error fail_next;
	bool blocked;
	uint64_t epoch;
	struct fake_stage stage;
};

// ---- fake_dpc.c

void fake_arm(struct dpc *d);
struct request *fake_ask(struct dpc *d, dpc_done_fn done, void *arg, enum weft_error error);
enum weft_error fake_take_failure(struct dpc *d);

// ---- fake_rules.c

// `strict`: with this priority.
bool fake_passes(const struct rule *r, const struct weft_flow_filter *f,
	const struct weft_match *match, bool strict, uint16_t priority);
struct weft_instructions *fake_copy_instructions(const struct weft_instructions *in);
void fake_free_rule(struct dpc *d, struct rule *r);
// As a dump or a removal tells of it, its counters 0.
struct weft_flow_stats fake_stats(const struct rule *r, uint64_t duration_ns);
void fake_tell_removed(struct dpc *d, const struct rule *r, uint8_t reason);
struct object *fake_find(struct objects *list, uint32_t id);

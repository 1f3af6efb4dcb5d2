// SPDX-License-Identifier: Apache-2.0
#pragma once
// An agent and a fake data plane on one event loop, and configurations to apply, for tests of the
// whole agent.
#include "core/core.h"

#include "fake_place.h"
#include "log.h"

#define HOST "host: {name: h1, vtep: 172.16.0.1}\nuplinks: [{name: up0, kind: 'null'}]\n"
#define RED                                                                                        \
	"  - name: red\n    encap: vxlan\n    vni: 5001\n    vteps: [172.16.0.2]\n"                \
	"    fdb: [{mac: '02:00:00:00:00:0a', vtep: 172.16.0.2}]\n"                                \
	"    ports: [{name: vm1, number: 1, kind: 'null'}, {name: vm2, number: 2, kind: "          \
	"'null'}]\n"
#define BLUE                                                                                       \
	"  - name: blue\n    encap: nvgre\n    vsid: 5002\n"                                       \
	"    ports: [{name: vm1, number: 1, kind: 'null'}]\n"

static const char two_tenants[] = HOST "tenants:\n" RED BLUE;

struct world {
	struct fake_place at;
	char config[64];
	struct event_base *base;
	struct fake_dataplane *dp;
	struct agent agent;
};

static inline const struct weft_ip *ip(const char *text)
{
	static struct weft_ip out;
	weft_be32 v4;

	inet_pton(AF_INET, text, &v4);
	out = weft_ip_from_v4(v4);
	return &out;
}

static inline void write_config(struct world *w, const char *text)
{
	FILE *f = fopen(w->config, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static inline void start_agent(struct world *w)
{
	char *error = NULL;
	struct agent_options o = {w->config, w->at.control, w->at.punt};

	if (!agent_init(&w->agent, w->base, &o, &error))
		fail_msg("%s", error);
}

static inline int world_setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	agent_log_set_level(AGENT_LOG_ERROR);
	fake_place_make(&w->at);
	snprintf(w->config, sizeof(w->config), "%s/weft.yaml", w->at.dir);
	w->base = event_base_new();
	w->dp = fake_dataplane_new(w->base, w->at.control, w->at.punt);
	write_config(w, two_tenants);
	start_agent(w);
	AWAIT(w->base, w->agent.ready);
	AWAIT(w->base, fake_dataplane_nexthop(w->dp, ip("172.16.0.2")));
	*state = w;
	return 0;
}

static inline int world_teardown(void **state)
{
	struct world *w = *state;

	agent_close(&w->agent);
	fake_dataplane_free(w->dp);
	event_base_free(w->base);
	unlink(w->config);
	fake_place_remove(&w->at);
	free(w);
	return 0;
}

struct outcome {
	bool done, ok;
	char difference[2048], error[512];
};

static inline void on_applied(void *arg, const struct apply_result *r)
{
	struct outcome *o = arg;

	o->done = true;
	o->ok = r->ok;
	snprintf(o->difference, sizeof(o->difference), "%s", r->difference);
	snprintf(o->error, sizeof(o->error), "%s", r->error ? r->error : "");
}

static inline struct outcome apply(struct world *w, const char *text, bool dry_run)
{
	struct outcome o = {0};

	write_config(w, text);
	agent_apply(&w->agent, NULL, dry_run, on_applied, &o);
	AWAIT(w->base, o.done);
	return o;
}

static inline void restart_both(struct world *w, const char *config)
{
	agent_close(&w->agent);
	fake_dataplane_restart(w->dp);
	write_config(w, config);
	start_agent(w);
	AWAIT(w->base, w->agent.ready);
}

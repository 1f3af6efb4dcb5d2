// SPDX-License-Identifier: Apache-2.0
// Dumps. What is short is written at once; rules, of which there may be a million, their sums, all
// groups or meters, the FDB, and what all tenants have come in pieces: a job each, which goes on
// when what it wrote last is out, so that other requests are served in between. Jobs take turns.
// One over all tenants tells each of them as it is when its turn comes; those that come meanwhile
// it does not see, nor those that go. One that is paced stands still when the bytes it was given
// are used up, and holds nothing meanwhile but a number in a table; of each tenant there are so
// many jobs at most, for none of them costs who asks for it anything. A job that tells of counters
// begins when the workers have told all that they had counted when it was asked for, that is after
// a grace period (dp_rcu.h).

#include "ipc/dp_ipc_dump.h"

#include "dp.h"
#include "dp_rcu.h"
#include "tenants/dp_tenant.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define DP_DUMP_PIECE 64u         // rules at a time
#define DP_DUMP_SUM 1024u         // that are only added up
#define DP_DUMP_MANY 8u           // groups or meters
#define DP_DUMP_FDB 256u          // addresses
#define DP_DUMP_TENANTS 64u       // of a listing
#define DP_DUMP_BYTES (16u << 10) // or what these come to
#define DP_DUMP_FREELY INT64_MAX
#define DP_DUMP_WAIT_US 20u

// The connection's, whose turn is next first; the control thread's alone.
static TAILQ_HEAD(dp_dump_list, dp_dump) dp_dump_jobs = TAILQ_HEAD_INITIALIZER(dp_dump_jobs);

bool dp_dump_begin(struct dp_dump *d, uint32_t tenant)
{
	return dp_ipc_begin(d->dp->ipc, d->type, WEFT_IPC_MORE, d->xid, tenant, false);
}

void dp_dump_item(struct dp_dump *d, uint32_t tenant, const void *body, size_t len)
{
	if (!dp_dump_begin(d, tenant))
		return;
	dp_ipc_add(d->dp->ipc, body, len);
	dp_ipc_end(d->dp->ipc);
}

static void dp_dump_end(struct dp_dump *d)
{
	if (dp_ipc_begin(d->dp->ipc, d->type, 0, d->xid, d->tenant, false))
		dp_ipc_end(d->dp->ipc);
}

static void dp_dump_table_desc(struct dp_dump *d, struct dp_tenant *t)
{
	struct weft_table_desc desc;

	for (unsigned i = 0; i < WEFT_TABLES; i++) {
		ft_table_describe(t->sw, (uint8_t)i, &desc);
		dp_dump_item(d, t->id, &desc, sizeof(desc));
	}
}

static void dp_dump_group(void *arg, const struct weft_group_stats *s, const void *buckets,
	const struct weft_bucket_counters *counters)
{
	struct dp_dump *d = arg;

	if (!dp_dump_begin(d, d->tenant))
		return;
	dp_ipc_add(d->dp->ipc, s, sizeof(*s));
	dp_ipc_add(d->dp->ipc, buckets, s->buckets_len);
	dp_ipc_add(d->dp->ipc, counters, s->group.bucket_count * sizeof(*counters));
	dp_ipc_add(d->dp->ipc, (const char *)buckets + s->buckets_len,
		8 * (size_t)__builtin_popcountll(s->group.hash_map));
	dp_ipc_end(d->dp->ipc);
}

static void dp_dump_meter(void *arg, const struct weft_meter_stats *s,
	const struct weft_band *bands, const struct weft_bucket_counters *counters)
{
	struct dp_dump *d = arg;

	if (!dp_dump_begin(d, d->tenant))
		return;
	dp_ipc_add(d->dp->ipc, s, sizeof(*s));
	dp_ipc_add(d->dp->ipc, bands, s->meter.band_count * sizeof(*bands));
	dp_ipc_add(d->dp->ipc, counters, s->meter.band_count * sizeof(*counters));
	dp_ipc_end(d->dp->ipc);
}

static void dp_dump_flow(void *arg, const struct weft_flow_stats *s, const struct weft_match *m,
	const struct weft_instructions *i)
{
	struct dp_dump *d = arg;

	if (!dp_dump_begin(d, d->tenant))
		return;
	dp_ipc_add(d->dp->ipc, s, sizeof(*s));
	dp_ipc_add_flow(d->dp->ipc, m, i);
	dp_ipc_end(d->dp->ipc);
}

static void dp_dump_sum(void *arg, const struct weft_flow_stats *s, const struct weft_match *m,
	const struct weft_instructions *i)
{
	struct dp_dump *d = arg;

	d->sum.packets += s->packets;
	d->sum.bytes += s->bytes;
	d->sum.flows++;
}

// Goes on with what `like` says in pieces; `counted`: when the workers have told what they counted.
// NULL: no memory.
static struct dp_dump *dp_dump_job(struct dp_dump *like, struct dp_tenant *t, bool counted)
{
	struct dp_dump *job = malloc(sizeof(*job));

	if (!job)
		return NULL;
	like->later = true;
	*job = *like;
	job->of = t;
	job->payer->dumps++;
	job->credit = DP_DUMP_FREELY;
	job->begun = counted ? dp_rcu_begin(like->dp->rcu) : 0;
	TAILQ_INSERT_TAIL(&dp_dump_jobs, job, link);
	return job;
}

static enum weft_error dp_dump_start_flows(
	struct dp_dump *d, struct dp_tenant *t, const struct dp_ipc_request *r)
{
	struct dp_dump *job;

	d->walk = ft_flow_walk_new(t->sw, r->body, &r->match);
	job = d->walk ? dp_dump_job(d, t, true) : NULL;
	if (!job) {
		ft_flow_walk_free(d->walk);
		return WEFT_E_NO_MEMORY;
	}
	if (r->hdr.flags & WEFT_IPC_PACED)
		job->credit = 0;
	return WEFT_E_NONE;
}

// All groups, or all meters: the numbers that there are now, those that go meanwhile left out.
static enum weft_error dp_dump_start_numbers(struct dp_dump *d, struct dp_tenant *t,
	uint32_t *(*numbers)(const struct ft_switch *, uint32_t *))
{
	d->number = numbers(t->sw, &d->n);
	if (d->number && dp_dump_job(d, t, true))
		return WEFT_E_NONE;
	free(d->number);
	return WEFT_E_NO_MEMORY;
}

// Over all tenants, or the one that it names.
static enum weft_error dp_dump_start_listing(struct dp_dump *d, bool nobody, bool counted)
{
	struct dp_tenant *of;

	d->at = d->tenant ? dp_tenant_find(d->dp, d->tenant) : d->dp->tenants;
	d->nobody = nobody && !d->tenant;
	of = d->type == WEFT_IPC_DUMP_TABLES && d->tenant ? d->at : NULL;
	return dp_dump_job(d, of, counted) ? WEFT_E_NONE : WEFT_E_NO_MEMORY;
}

// Dumps of one tenant's switch.
static enum weft_error dp_dump_switch(struct dp_dump *d, const struct dp_ipc_request *r)
{
	struct dp_tenant *t = dp_tenant_find(d->dp, r->hdr.tenant);
	const struct weft_ipc_id *id = r->body;

	if (!t)
		return WEFT_E_NO_TENANT;
	switch (d->type) {
	case WEFT_IPC_DUMP_FLOWS:
	case WEFT_IPC_DUMP_AGGREGATE:
		return dp_dump_start_flows(d, t, r);
	case WEFT_IPC_DUMP_GROUPS:
		if (id->id == WEFT_GROUP_ALL)
			return dp_dump_start_numbers(d, t, ft_group_numbers);
		return ft_groups(t->sw, id->id, dp_dump_group, d);
	case WEFT_IPC_DUMP_METERS:
		if (id->id == WEFT_METER_ALL)
			return dp_dump_start_numbers(d, t, ft_meter_numbers);
		return ft_meters(t->sw, id->id, dp_dump_meter, d);
	default:
		dp_dump_table_desc(d, t);
		return WEFT_E_NONE;
	}
}

static enum weft_error dp_dump_start(struct dp_dump *d, const struct dp_ipc_request *r)
{
	d->listing = dp_dump_listing(d->type);
	if (d->listing)
		return dp_dump_start_listing(d, d->listing->nobody, d->listing->counted);
	if (d->type == WEFT_IPC_DUMP_FDB)
		return dp_dump_start_listing(d, false, true);
	return dp_dump_tell(d) ? WEFT_E_NONE : dp_dump_switch(d, r);
}

void dp_ipc_dump(struct dp *dp, const struct dp_ipc_request *r)
{
	struct dp_dump d = {
		.dp = dp, .type = r->hdr.type, .xid = r->hdr.xid, .tenant = r->hdr.tenant};
	struct weft_ipc_error body = {.error = WEFT_E_NONE};
	bool many;

	d.payer = d.tenant ? dp_tenant_find(dp, d.tenant) : dp->nobody;
	many = d.payer && d.payer->dumps >= WEFT_IPC_DUMPS;
	if (!d.payer)
		body.error = WEFT_E_NO_TENANT;
	else
		body.error = many ? WEFT_E_STATE : dp_dump_start(&d, r);
	if (!body.error) {
		if (!d.later)
			dp_dump_end(&d);
		return;
	}
	snprintf(body.text, sizeof(body.text), "%s",
		many ? "too many dumps of this tenant are under way" : weft_error_text(body.error));
	if (dp_ipc_begin(dp->ipc, d.type, WEFT_IPC_ERROR, d.xid, d.tenant, false)) {
		dp_ipc_add(dp->ipc, &body, sizeof(body));
		dp_ipc_end(dp->ipc);
	}
}

// ---- jobs

static void dp_dump_finish(struct dp_dump *job)
{
	dp_dump_end(job);
	if (job->payer)
		job->payer->dumps--;
	TAILQ_REMOVE(&dp_dump_jobs, job, link);
	ft_flow_walk_free(job->walk);
	free(job->number);
	free(job->address);
	free(job);
}

void dp_ipc_dump_more(uint32_t xid, uint32_t bytes)
{
	struct dp_dump *job;

	TAILQ_FOREACH (job, &dp_dump_jobs, link)
		if (job->xid == xid)
			break;
	if (!job)
		return; // it ended while the message was under way
	if (!bytes)
		dp_dump_finish(job);
	else if (job->credit < DP_DUMP_FREELY - bytes)
		job->credit += bytes;
}

static bool dp_dump_numbers(struct dp_dump *job)
{
	for (unsigned i = 0; i < DP_DUMP_MANY && job->next < job->n; i++, job->next++) {
		if (job->type == WEFT_IPC_DUMP_GROUPS)
			ft_groups(job->of->sw, job->number[job->next], dp_dump_group, job);
		else
			ft_meters(job->of->sw, job->number[job->next], dp_dump_meter, job);
	}
	return job->next < job->n;
}

static void dp_dump_note_address(void *arg, uint64_t id)
{
	struct dp_dump *job = arg;

	if (job->n < job->room)
		job->address[job->n++] = id;
}

// The addresses that the tenant has now; none, if there is no memory for them.
static void dp_dump_note_addresses(struct dp_dump *job, const struct dp_tenant *t)
{
	struct weft_ipc_fdb_stats s;

	ft_fdb_stats(t->sw, &s);
	free(job->address);
	job->address = s.entries ? malloc(s.entries * sizeof(*job->address)) : NULL;
	job->room = job->address ? s.entries : 0;
	job->n = job->next = 0;
	job->owner = t->id;
	if (job->room)
		ft_fdb_ids(t->sw, dp_dump_note_address, job);
}

// Those that have gone meanwhile are left out. True: some are left.
static bool dp_dump_addresses(struct dp_dump *job)
{
	struct dp_tenant *t = dp_tenant_find(job->dp, job->owner);

	for (unsigned i = 0; t && i < DP_DUMP_FDB && job->next < job->n; i++, job->next++) {
		struct weft_ipc_fdb e;

		if (ft_fdb_get_id(t->sw, job->address[job->next], &e))
			dp_dump_item(job, t->id, &e, sizeof(e));
	}
	return t && job->next < job->n;
}

// The next tenant that is not hidden; NULL: there is none.
static struct dp_tenant *dp_dump_next(struct dp_dump *job)
{
	struct dp_tenant *t = job->at;

	if (job->nobody) {
		job->nobody = false;
		return job->dp->nobody;
	}
	while (t && t->hidden)
		t = job->tenant ? NULL : t->next;
	job->at = t && !job->tenant ? t->next : NULL;
	return t;
}

static bool dp_dump_fdb(struct dp_dump *job)
{
	uint32_t before = dp_ipc_pending(job->dp->ipc);
	struct dp_tenant *t;

	for (unsigned i = 0; i < DP_DUMP_TENANTS; i++) {
		if (dp_dump_addresses(job) ||
			dp_ipc_pending(job->dp->ipc) - before >= DP_DUMP_BYTES)
			return true;
		t = dp_dump_next(job);
		if (!t)
			return false;
		dp_dump_note_addresses(job, t);
	}
	return true;
}

static bool dp_dump_list(struct dp_dump *job)
{
	uint32_t before = dp_ipc_pending(job->dp->ipc);
	struct dp_tenant *t;

	for (unsigned i = 0; i < DP_DUMP_TENANTS; i++) {
		t = dp_dump_next(job);
		if (!t)
			return false;
		job->listing->tell(job, t);
		if (dp_ipc_pending(job->dp->ipc) - before >= DP_DUMP_BYTES)
			return true;
	}
	return true;
}

// True: there is more.
static bool dp_dump_some(struct dp_dump *job)
{
	if (job->listing)
		return dp_dump_list(job);
	if (job->type == WEFT_IPC_DUMP_FDB)
		return dp_dump_fdb(job);
	if (job->number)
		return dp_dump_numbers(job);
	if (job->type == WEFT_IPC_DUMP_FLOWS)
		return ft_flow_walk_next(job->walk, DP_DUMP_PIECE, dp_dump_flow, job);
	if (ft_flow_walk_next(job->walk, DP_DUMP_SUM, dp_dump_sum, job))
		return true;
	dp_dump_item(job, job->of->id, &job->sum, sizeof(job->sum));
	return false;
}

// One piece, after which it is the others' turn.
static void dp_dump_piece(struct dp_dump *job)
{
	uint32_t before = dp_ipc_pending(job->dp->ipc);

	if (!dp_dump_some(job)) {
		dp_dump_finish(job);
		return;
	}
	if (job->credit != DP_DUMP_FREELY)
		job->credit -= dp_ipc_pending(job->dp->ipc) - before;
	TAILQ_REMOVE(&dp_dump_jobs, job, link);
	TAILQ_INSERT_TAIL(&dp_dump_jobs, job, link);
}

// Rules are about to come or go.
static bool dp_dump_stands_still(const struct dp_dump *job)
{
	return job->of && (job->of->stage || ft_aftermath_awaited(job->of->sw));
}

bool dp_ipc_dump_run(struct dp *dp)
{
	struct dp_dump *last = TAILQ_LAST(&dp_dump_jobs, dp_dump_list), *job, *next;
	uint64_t until = dp_now_ns() + DP_STEP_NS;
	bool more = false, waits = false;

	for (job = TAILQ_FIRST(&dp_dump_jobs); job; job = next) {
		next = job == last ? NULL : TAILQ_NEXT(job, link);
		if (job->credit <= 0 || dp_dump_stands_still(job))
			continue;
		if (dp_ipc_pending(dp->ipc) > DP_IPC_OUT_SOFT / 4)
			return true;
		if (!dp_rcu_ended(dp->rcu, job->begun)) {
			waits = true;
			continue;
		}
		more = true;
		dp_dump_piece(job);
		if (dp_now_ns() >= until)
			return true;
	}
	if (waits && !more)
		usleep(DP_DUMP_WAIT_US); // a worker may want this core
	return more || waits;
}

void dp_ipc_dump_forget(const struct dp_tenant *t)
{
	struct dp_dump *job;

	TAILQ_FOREACH (job, &dp_dump_jobs, link) {
		if (job->at == t)
			job->at = job->tenant ? NULL : t->next;
		if (job->payer == t)
			job->payer = NULL;
	}
}

void dp_ipc_dump_cancel(const struct ft_switch *sw)
{
	struct dp_dump *job, *next;

	for (job = TAILQ_FIRST(&dp_dump_jobs); job; job = next) {
		next = TAILQ_NEXT(job, link);
		if (!sw || (job->of && job->of->sw == sw))
			dp_dump_finish(job); // of what there was; nothing if nobody listens
	}
}

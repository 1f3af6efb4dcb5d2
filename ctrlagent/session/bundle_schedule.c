// SPDX-License-Identifier: Apache-2.0
// Bundles at a time of day (OpenFlow 1.5.1, 6.9.5 and 7.3.9.8).
//
// Times are those of CLOCK_TAI, as IEEE 1588 counts them; where the kernel was not told how far TAI
// is from UTC, they are the same, and a controller sees by the timestamp in the features what the
// switch takes for now. A scheduled bundle belongs to its session and ends with it; a discard
// request takes it back; anything else about it draws OFPBFC_BUNDLE_IN_PROGRESS. Its reply comes
// when it is committed.
#include <time.h>

#include "session/bundle.h"
#include "session/conn.h"
#include "session/handlers.h"

#define SECOND_NS 1000000000ull
#define ACCURACY_NS (10 * SECOND_NS / 1000) // the loop's timers are of 1 ms, and others are served
#define FUTURE_NS (24 * 3600 * SECOND_NS)
#define PAST_NS (SECOND_NS)
#define FUTURE_MOST_NS (7 * 24 * 3600 * SECOND_NS)
#define PAST_MOST_NS (3600 * SECOND_NS)
#define NAP_NS SECOND_NS // the clock may be set: look at it now and then
#define EARLY_NS 500000u // less is not worth another turn

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_TAI, &t);
	return (uint64_t)t.tv_sec * SECOND_NS + (uint64_t)t.tv_nsec;
}

static uint64_t to_ns(const struct of_time *t)
{
	uint64_t seconds =
		t->seconds < UINT64_MAX / SECOND_NS ? t->seconds : UINT64_MAX / SECOND_NS - 1;

	return seconds * SECOND_NS + t->nanoseconds;
}

static struct of_time from_ns(uint64_t ns)
{
	return (struct of_time){
		.seconds = ns / SECOND_NS, .nanoseconds = (uint32_t)(ns % SECOND_NS)};
}

static uint64_t or_default(uint64_t set, uint64_t by_default)
{
	return set ? set : by_default;
}

// ---- commits

static void wait_for(struct session_bundle *b, uint64_t now)
{
	uint64_t left = b->when_ns > now ? b->when_ns - now : 0;
	uint64_t nap = left < NAP_NS ? left : NAP_NS;
	struct timeval t = {.tv_usec = (suseconds_t)(nap / 1000 % 1000000),
		.tv_sec = (time_t)(nap / SECOND_NS)};

	evtimer_add(b->timer, &t);
}

static void on_time(evutil_socket_t fd, short what, void *arg)
{
	struct session_bundle *b = arg;
	uint64_t now = now_ns();

	if (b->when_ns > now + EARLY_NS) {
		wait_for(b, now);
	} else if (b->conn->role == OFPCR_ROLE_SLAVE) { // since it was asked for
		session_error_send(b->conn,
			(struct of_error){OFPET_BAD_REQUEST, OFPBRC_IS_SLAVE, 0}, b->commit.head,
			b->commit.len);
		session_bundle_discard(b);
	} else {
		session_bundle_commit(b);
	}
}

static int read_time(struct session_request *rq, struct of_span properties, uint64_t *when)
{
	struct of_reader it = of_list(properties, rq->r.version);
	struct of_bundle_prop p;
	bool found = false;

	while (of_bundle_prop_next(&it, &p)) {
		if (p.kind != OF_BUNDLE_PROP_TIME)
			return of_fail(&rq->r, OFPET_BAD_PROPERTY, OFPBPC_BAD_EXPERIMENTER);
		if (found)
			return of_fail(&rq->r, OFPET_BAD_PROPERTY, OFPBPC_DUP_TYPE);
		if (p.time.scheduled_time.nanoseconds >= SECOND_NS)
			return of_fail(&rq->r, OFPET_BAD_PROPERTY, OFPBPC_BAD_VALUE);
		*when = to_ns(&p.time.scheduled_time);
		found = true;
	}
	if (it.failed)
		return of_fail_error(&rq->r, it.error);
	return found ? 0 : session_bundle_fail(rq, OFPBFC_BAD_FLAGS);
}

static int check_time(
	const struct session_bundles *set, struct session_request *rq, uint64_t when, uint64_t now)
{
	if (when > now && when - now > or_default(set->max_future_ns, FUTURE_NS))
		return session_bundle_fail(rq, OFPBFC_SCHED_FUTURE);
	if (when < now && now - when > or_default(set->max_past_ns, PAST_NS))
		return session_bundle_fail(rq, OFPBFC_SCHED_PAST);
	return 0;
}

int session_bundle_schedule(
	struct session_bundle *b, struct session_request *rq, struct of_span properties)
{
	uint64_t now = now_ns();

	if (read_time(rq, properties, &b->when_ns) ||
		check_time(&b->conn->bundles, rq, b->when_ns, now)) {
		session_bundle_discard(b);
		return -EBADMSG;
	}
	event_free(b->timer);
	b->timer = evtimer_new(b->sw->base, on_time, b);
	b->state = SESSION_BUNDLE_SCHEDULED;
	wait_for(b, now);
	return 0;
}

// ---- features

// What the controller asks for, as far as it is borne.
static void set_limits(struct session_bundles *set, const struct of_bundle_features_prop_time *p)
{
	uint64_t future = to_ns(&p->sched_max_future), past = to_ns(&p->sched_max_past);

	set->max_future_ns = future < FUTURE_MOST_NS ? future : FUTURE_MOST_NS;
	set->max_past_ns = past < PAST_MOST_NS ? past : PAST_MOST_NS;
}

static int read_features(struct session_conn *c, struct session_request *rq,
	const struct of_bundle_features_request *in)
{
	struct of_reader it = of_list(in->properties, c->version);
	struct of_bundle_features_prop p;

	if (in->feature_request_flags & ~(uint32_t)(OFPBF_TIMESTAMP | OFPBF_TIME_SET_SCHED))
		return session_bundle_fail(rq, OFPBFC_BAD_FLAGS);
	while (of_bundle_features_prop_next(&it, &p)) {
		if (p.kind != OF_BUNDLE_FEATURES_PROP_TIME)
			return of_fail(&rq->r, OFPET_BAD_PROPERTY, OFPBPC_BAD_EXPERIMENTER);
		if (in->feature_request_flags & OFPBF_TIME_SET_SCHED)
			set_limits(&c->bundles, &p.time);
	}
	return it.failed ? of_fail_error(&rq->r, it.error) : 0;
}

int session_handle_bundle_features(struct session_conn *c, struct session_request *rq)
{
	const struct session_bundles *set = &c->bundles;
	struct of_writer props = {.version = c->version};
	struct of_bundle_features_request in;
	struct of_bundle_features_reply out = {
		.xid = rq->xid, .capabilities = OFPBF_ATOMIC | OFPBF_ORDERED | OFPBF_TIME};
	struct of_bundle_features_prop_time time;

	if (of_bundle_features_request_read(&rq->r, &in) || read_features(c, rq, &in))
		return -EBADMSG;
	time = (struct of_bundle_features_prop_time){
		.sched_accuracy = from_ns(ACCURACY_NS),
		.sched_max_future = from_ns(or_default(set->max_future_ns, FUTURE_NS)),
		.sched_max_past = from_ns(or_default(set->max_past_ns, PAST_NS)),
		.timestamp = from_ns(now_ns()),
	};
	of_bundle_features_prop_time_write(&props, &time);
	out.properties = of_written(&props);
	of_bundle_features_reply_write(session_begin(c), &out);
	session_end(c);
	of_writer_free(&props);
	return 0;
}

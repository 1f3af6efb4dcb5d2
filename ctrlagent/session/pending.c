// SPDX-License-Identifier: Apache-2.0
#include "session/pending.h"

#include <stdlib.h>

#include "mem.h"
#include "openflow/errors.h"
#include "session/barrier.h"
#include "session/conn.h"
#include "session/forward.h"

#define SLAB 256u

struct session_pending_slab {
	struct session_pending_slab *next;
	struct session_pending v[SLAB];
};

static void grow(struct session_pending_pool *pool)
{
	struct session_pending_slab *slab = agent_zalloc(sizeof(*slab));

	slab->next = pool->slabs;
	pool->slabs = slab;
	for (unsigned i = 0; i < SLAB; i++) {
		slab->v[i].next = pool->free;
		pool->free = &slab->v[i];
	}
}

void session_pending_pool_free(struct session_pending_pool *pool)
{
	while (pool->slabs) {
		struct session_pending_slab *slab = pool->slabs;

		pool->slabs = slab->next;
		free(slab);
	}
	pool->free = NULL;
}

struct session_pending *session_pending_new(
	struct session_conn *c, const struct session_request *rq)
{
	struct session_pending_pool *pool = &c->pool;
	struct session_pending *p;

	if (c->bundles.recording)
		return NULL; // the bundle keeps the message's head, and is told what becomes of it
	session_monitor_cause(c, rq->xid);
	if (!pool->free)
		grow(pool);
	p = pool->free;
	pool->free = p->next;
	pool->under_way++;
	p->conn = session_conn_ref(c);
	p->len = (uint16_t)(rq->len < SESSION_HEAD ? rq->len : SESSION_HEAD);
	memcpy(p->head, rq->msg, p->len);
	p->weight = 1;
	p->forward = NULL;
	session_share_take(c->share, p->weight);
	return p;
}

void session_pending_search(struct session_pending *p)
{
	if (!p)
		return;
	session_share_take(p->conn->share, SESSION_WEIGHT_SEARCH - p->weight);
	p->weight = SESSION_WEIGHT_SEARCH;
}

void session_pending_forward(struct session_pending *p, struct session_forward *forward)
{
	if (p)
		p->forward = forward;
}

// Some errors have another word where the request is of another kind. From 1.5 on a meter is named
// by an action, so that a wrong one is that action's fault, but in what is about the meter itself
// (7.5.4.3, OFPBAC_BAD_METER); and a table that cannot be first of egress is asked for by its
// features.
struct of_error session_error_of(uint8_t version, enum weft_error error, const uint8_t *head)
{
	bool multipart = version > OF_VERSION_1_0 && head[1] == OFPT_MULTIPART_REQUEST;

	if (multipart && error == WEFT_E_TABLE_CONFIG && version >= OF_VERSION_1_5)
		return (struct of_error){OFPET_TABLE_FEATURES_FAILED, OFPTFFC_BAD_FEATURES, 0};
	if (version >= OF_VERSION_1_5 && error == WEFT_E_METER_UNKNOWN &&
		head[1] != OFPT_METER_MOD && !multipart)
		return (struct of_error){OFPET_BAD_ACTION, OFPBAC_BAD_METER, 0};
	return of_error_from_weft(version, error);
}

void session_pending_done(void *arg, enum weft_error error, const char *text)
{
	struct session_pending *p = arg;
	struct session_conn *c = p->conn;

	if (error) {
		session_error_send(
			c, session_error_of(c->version, error, p->head), p->head, p->len);
		session_forward_free(p->forward);
	} else {
		session_forward_send(p->forward, c);
	}
	p->next = c->pool.free;
	c->pool.free = p;
	c->pool.under_way--;
	session_share_give_back(c->share, p->weight);
	session_barrier_check(c);
	session_conn_unref(c);
}

void session_error_send(
	struct session_conn *c, struct of_error error, const uint8_t *head, size_t len)
{
	of_error_write(session_begin(c), &error, head, len);
	session_end(c);
}

// SPDX-License-Identifier: Apache-2.0
// Messages of experimenters: which handler is for which. Nicira's, as Open vSwitch has them, and
// the ONF's bundles for OpenFlow 1.3 (EXT-230).
#include "session/conn.h"
#include "session/handlers.h"

#define NICIRA 0x2320u
#define ONF 0x4f4e4600u

struct entry {
	session_handler *handle;
	bool write; // not for a slave (OpenFlow 1.3.5, 6.3.4)
};

static const struct entry onf[] = {
	[OF_ONF_BUNDLE_CONTROL] = {session_handle_onf_bundle_control, true},
	[OF_ONF_BUNDLE_ADD] = {session_handle_onf_bundle_add, true},
};

static int handle(struct session_conn *c, struct session_request *rq, const struct entry *table,
	size_t count, unsigned kind)
{
	if (kind >= count || !table[kind].handle)
		return of_fail(&rq->r, OFPET_BAD_REQUEST, OFPBRC_BAD_EXP_TYPE);
	if (table[kind].write && c->role == OFPCR_ROLE_SLAVE)
		return of_fail(&rq->r, OFPET_BAD_REQUEST, OFPBRC_IS_SLAVE);
	return table[kind].handle(c, rq);
}

static int handle_onf(struct session_conn *c, struct session_request *rq)
{
	struct of_error error;
	unsigned kind = of_onf_peek(&rq->r, &error);

	if (!kind)
		return of_fail_error(&rq->r, error);
	return handle(c, rq, onf, sizeof(onf) / sizeof(onf[0]), kind);
}

int session_handle_experimenter(struct session_conn *c, struct session_request *rq)
{
	struct of_reader r = rq->r;
	struct of_experimenter in;

	if (of_experimenter_read(&r, &in))
		return of_fail_error(&rq->r, r.error);
	switch (in.experimenter) {
	case ONF:
		return handle_onf(c, rq);
	default:
		return of_fail(&rq->r, OFPET_BAD_REQUEST, OFPBRC_BAD_EXPERIMENTER);
	}
}

// SPDX-License-Identifier: Apache-2.0
// Table modification (OpenFlow 1.3.5, 7.3.4.3): in 1.3 it does nothing, its only bits are
// deprecated.
#include "session/conn.h"
#include "session/handlers.h"

#define DEPRECATED 3u // OFPTC_DEPRECATED_MASK

int session_handle_table_mod(struct session_conn *c, struct session_request *rq)
{
	struct of_table_mod in;

	if (of_table_mod_read(&rq->r, &in))
		return -EBADMSG;
	if (in.config & ~DEPRECATED)
		return of_fail(&rq->r, OFPET_TABLE_MOD_FAILED, OFPTMFC_BAD_CONFIG);
	return 0;
}

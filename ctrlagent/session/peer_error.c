// SPDX-License-Identifier: Apache-2.0
// Messages to be left unanswered.
#define AGENT_LOG_MODULE "openflow"
#include "log.h"
#include "openflow/errors.h"
#include "session/conn.h"
#include "session/handlers.h"

// Errors are never answered, or two peers could go on for ever; nor may they fill the log.
int session_handle_error(struct session_conn *c, struct session_request *rq)
{
	struct of_error_msg in;
	struct of_error error;

	if (of_error_msg_read(&rq->r, &in)) {
		log_debug("%s: %s sent an error that cannot be read", c->sw->set.tenant_name,
			c->peer);
		return 0;
	}
	error = (struct of_error){in.type, in.code, in.experimenter};
	log_debug("%s: %s does not like message %u: %s", c->sw->set.tenant_name, c->peer, in.xid,
		of_error_name(&error, c->version));
	return 0;
}

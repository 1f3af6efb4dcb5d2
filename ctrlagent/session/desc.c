// SPDX-License-Identifier: Apache-2.0
// What this switch is, in words (OpenFlow 1.3.5, 7.3.5.1).
#include <stdio.h>

#include "session/conn.h"
#include "session/handlers.h"

int session_handle_desc(struct session_conn *c, struct session_request *rq)
{
	const struct session_settings *set = &c->sw->set;
	struct of_desc_request in;
	struct of_desc_reply out = {
		.xid = rq->xid,
		.mfr_desc = "Weft",
		.hw_desc = "weft-dataplane (DPDK)",
		.sw_desc = WEFT_VERSION,
		.serial_num = "none",
	};

	if (of_desc_request_read(&rq->r, &in))
		return -EBADMSG;
	snprintf(out.dp_desc, sizeof(out.dp_desc), "tenant %s on host %s", set->tenant_name,
		set->host_name ? set->host_name : "?");
	of_desc_reply_write(session_begin(c), &out);
	session_end(c);
	return 0;
}

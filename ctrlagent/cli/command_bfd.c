// SPDX-License-Identifier: Apache-2.0
#include "cli/answer.h"
#include "cli/commands.h"
#include "text/address.h"
#include "text/names.h"

static void on_session(void *arg, weft_tenant_id tenant, const void *body, size_t len)
{
	struct request *r = arg;
	struct weft_ipc_bfd b;
	char ip[IP_TEXT_MAX];

	memcpy(&b, body, sizeof(b));
	json_array_append_new(r->rows,
		json_pack("{s:s, s:s, s:s, s:b, s:s, s:s, s:s, s:f, s:f, s:I, s:I, s:I, s:I, s:I, "
			  "s:I, s:I}",
			"vtep", ip_format(&b.vtep, ip), "mode", bfd_mode_name(b.mode), "state",
			bfd_state_name(b.state), "down", b.down, "diagnostic",
			bfd_diag_text(b.diag), "remote_state", bfd_state_name(b.remote_state),
			"remote_diagnostic", bfd_diag_text(b.remote_diag), "tx_ms",
			(double)b.tx_us / 1000, "detection_ms", (double)b.detection_us / 1000,
			"since_s", (json_int_t)(b.since_ns / 1000000000u), "downs",
			(json_int_t)b.downs, "sent", (json_int_t)b.sent, "received",
			(json_int_t)b.received, "discarded", (json_int_t)b.discarded,
			"discriminator", (json_int_t)b.discr, "remote_discriminator",
			(json_int_t)b.remote_discr));
}

void command_bfd_list(struct request *r)
{
	static const struct column columns[] = {{"VTEP", "vtep"}, {"MODE", "mode"},
		{"STATE", "state"}, {"DIAGNOSTIC", "diagnostic"}, {"REMOTE", "remote_state"},
		{"TX MS", "tx_ms", UNIT_RATIO}, {"DETECTION MS", "detection_ms", UNIT_RATIO},
		{"SINCE", "since_s", UNIT_SECONDS}, {"DOWNS", "downs"}, {"SENT", "sent"},
		{"RECEIVED", "received"}, {"DISCARDED", "discarded"}, {0}};
	static const struct listing listing = {
		WEFT_IPC_DUMP_BFD, on_session, columns, "no BFD sessions"};

	answer_listing(r, &listing);
}

// SPDX-License-Identifier: Apache-2.0
// Meter mods (OpenFlow 1.3.5, 7.3.4.4).
#include "session/conn.h"
#include "session/forward.h"
#include "session/handlers.h"
#include "session/wide.h"

#define FLAGS_1_3 (OFPMF_KBPS | OFPMF_PKTPS | OFPMF_BURST | OFPMF_STATS)

static int check(const struct of_meter_mod *in, struct of_reader *r)
{
	bool all = in->command == OFPMC_DELETE && in->meter_id == OFPM_ALL;

	if (in->command > OFPMC_DELETE)
		return of_fail(r, OFPET_METER_MOD_FAILED, OFPMMFC_BAD_COMMAND);
	// The virtual meters (slow path, controller) are optional (7.3.4.4) and not there.
	if (in->meter_id == 0 || (in->meter_id > OFPM_MAX && !all))
		return of_fail(r, OFPET_METER_MOD_FAILED, OFPMMFC_INVALID_METER);
	if (in->command == OFPMC_DELETE)
		return 0;
	if (in->flags & ~(unsigned)FLAGS_1_3 || (in->flags & OFPMF_KBPS && in->flags & OFPMF_PKTPS))
		return of_fail(r, OFPET_METER_MOD_FAILED, OFPMMFC_BAD_FLAGS);
	return 0;
}

static int read_band(const struct of_meter_band *in, struct weft_band *out, struct of_reader *r)
{
	switch (in->kind) {
	case OF_METER_BAND_DROP:
		*out = (struct weft_band){
			.rate = in->drop.rate,
			.burst = in->drop.burst_size,
			.type = WEFT_BAND_DROP,
		};
		return 0;
	case OF_METER_BAND_DSCP_REMARK:
		*out = (struct weft_band){
			.rate = in->dscp_remark.rate,
			.burst = in->dscp_remark.burst_size,
			.type = WEFT_BAND_DSCP_REMARK,
			.prec_level = in->dscp_remark.prec_level,
		};
		return 0;
	default:
		return of_fail(r, OFPET_METER_MOD_FAILED, OFPMMFC_BAD_BAND);
	}
}

static int read_bands(
	struct of_span list, uint8_t version, struct weft_band *bands, struct of_reader *r)
{
	struct of_reader it = of_list(list, version);
	struct of_meter_band band;
	int n = 0;

	while (of_meter_band_next(&it, &band)) {
		if (n == UINT8_MAX)
			return of_fail(r, OFPET_METER_MOD_FAILED, OFPMMFC_OUT_OF_BANDS);
		if (read_band(&band, &bands[n++], r))
			return -EBADMSG;
	}
	return it.failed ? of_fail_error(r, it.error) : n;
}

int session_handle_meter_mod(struct session_conn *c, struct session_request *rq)
{
	struct weft_band bands[UINT8_MAX];
	struct session_pending *pending;
	struct of_meter_mod in;
	struct weft_meter_mod mod;
	bool wide;
	int n;

	if (of_meter_mod_read(&rq->r, &in) || check(&in, &rq->r))
		return -EBADMSG;
	// Those of a delete count for nothing; one that ends in garbage deletes nothing.
	n = read_bands(in.bands, c->version, bands, &rq->r);
	if (n < 0)
		return -EBADMSG;
	if (in.command == OFPMC_DELETE)
		n = 0;
	mod = (struct weft_meter_mod){
		.meter = in.meter_id,
		.flags = in.flags,
		.command = (uint8_t)in.command,
		.band_count = (uint8_t)n,
	};
	wide = mod.command == WEFT_METER_DELETE && session_wide_removal(c);
	if (wide)
		session_wide_open(c);
	pending = session_pending_new(c, rq);
	session_pending_forward(pending, session_forward_new(c, rq, WEFT_IPC_METER_MOD, &mod,
						 sizeof(mod), bands, (size_t)n * sizeof(bands[0])));
	dpc_meter_mod(c->sw->dpc, c->sw->tenant, &mod, bands, session_pending_done, pending);
	if (wide)
		session_wide_run(c, rq);
	return 0;
}

// SPDX-License-Identifier: Apache-2.0
// Meters read back (OpenFlow 1.3.5, 7.3.5.12 to 7.3.5.14).
#include "session/dump.h"
#include "session/handlers.h"
#include "session/meter.h"

struct parts {
	const struct weft_meter_stats *stats;
	const struct weft_band *bands;
	const struct weft_bucket_counters *counters;
};

static bool split(const void *body, size_t len, struct parts *p)
{
	const struct weft_meter_stats *s = body;
	size_t n = s->meter.band_count;

	p->stats = s;
	p->bands = (const void *)(s + 1);
	p->counters = (const void *)(p->bands + n);
	return len - sizeof(*s) == n * (sizeof(*p->bands) + sizeof(*p->counters));
}

static void on_stats(void *arg, weft_tenant_id tenant, const void *body, size_t len)
{
	struct session_dump *d = arg;
	struct of_writer *w = session_begin(d->conn);
	struct of_meter_stats out;
	struct parts p;

	if (!split(body, len, &p))
		return;
	for (unsigned i = 0; i < p.stats->meter.band_count; i++) {
		const struct of_meter_band_stats b = {p.counters[i].packets, p.counters[i].bytes};

		of_meter_band_stats_write(w, &b);
	}
	out = (struct of_meter_stats){
		.meter_id = p.stats->meter.meter,
		.flow_count = p.stats->flow_count,
		.packet_in_count = p.stats->packets,
		.byte_in_count = p.stats->bytes,
		.band_stats = of_written(w),
	};
	session_duration(p.stats->duration_ns, &out.duration_sec, &out.duration_nsec);
	of_meter_stats_write(&d->w, &out);
	session_dump_next(d);
}

static void put_band(struct of_writer *w, const struct weft_band *b)
{
	struct of_meter_band out = {.kind = OF_METER_BAND_DROP};

	if (b->type == WEFT_BAND_DSCP_REMARK) {
		out.kind = OF_METER_BAND_DSCP_REMARK;
		out.dscp_remark = (struct of_meter_band_dscp_remark){
			.rate = b->rate,
			.burst_size = b->burst,
			.prec_level = b->prec_level,
		};
	} else {
		out.drop = (struct of_meter_band_drop){.rate = b->rate, .burst_size = b->burst};
	}
	of_meter_band_write(w, &out);
}

void session_bands_write(struct of_writer *w, const struct weft_band *bands, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		put_band(w, &bands[i]);
}

static void on_config(void *arg, weft_tenant_id tenant, const void *body, size_t len)
{
	struct session_dump *d = arg;
	struct of_writer *w = session_begin(d->conn);
	struct of_meter_config out;
	struct parts p;

	if (!split(body, len, &p))
		return;
	session_bands_write(w, p.bands, p.stats->meter.band_count);
	out = (struct of_meter_config){
		.flags = p.stats->meter.flags,
		.meter_id = p.stats->meter.meter,
		.bands = of_written(w),
	};
	of_meter_config_write(&d->w, &out);
	session_dump_next(d);
}

static int dump(struct session_conn *c, struct session_request *rq, uint16_t type, uint32_t meter,
	dpc_item_fn item)
{
	const struct weft_ipc_id id = {.id = meter};
	struct session_dump *d = session_dump_new(c, rq, type);

	dpc_dump(c->sw->dpc, WEFT_IPC_DUMP_METERS, c->sw->tenant, &id, sizeof(id), item,
		session_dump_end, d);
	return 0;
}

int session_handle_meter_stats(struct session_conn *c, struct session_request *rq)
{
	struct of_meter_request in;

	if (of_meter_request_read(&rq->r, &in))
		return -EBADMSG;
	return dump(c, rq, OFPMP_METER, in.meter_id, on_stats);
}

int session_handle_meter_config(struct session_conn *c, struct session_request *rq)
{
	struct of_meter_config_request in;

	if (of_meter_config_request_read(&rq->r, &in))
		return -EBADMSG;
	return dump(c, rq, OFPMP_METER_CONFIG, in.meter_id, on_config);
}

int session_handle_meter_features(struct session_conn *c, struct session_request *rq)
{
	struct of_meter_features_request in;
	struct of_meter_features_reply out = {
		.xid = rq->xid,
		.max_meter = c->sw->set.max_meters,
		.band_types = 1u << OFPMBT_DROP | 1u << OFPMBT_DSCP_REMARK,
		.capabilities = OFPMF_KBPS | OFPMF_PKTPS | OFPMF_BURST | OFPMF_STATS,
		.max_bands = WEFT_BANDS_MAX,
		.features = OFPMFF_ANY_POSITION | OFPMFF_MULTI_LIST,
	};

	if (of_meter_features_request_read(&rq->r, &in))
		return -EBADMSG;
	of_meter_features_reply_write(session_begin(c), &out);
	session_end(c);
	return 0;
}

// SPDX-License-Identifier: Apache-2.0
// Packet-ins in Nicira's two formats, which a session of any version may choose.
#include "openflow/errors.h"
#include "openflow/match.h"
#include "session/nicira.h"
#include "session/packet_in.h"
#include "session/resume.h"

#include "session/conn.h"

// The pipeline's fields in NXM, as version 1 of the codec has them.
static struct of_writer metadata_of(const struct session_punt *p)
{
	struct of_writer w = {.version = OF_VERSION_1_0};

	of_packet_match_write(&w, p->key);
	return w;
}

static bool finish(struct session_conn *c, struct of_writer *used)
{
	bool sent = !of_writer_status(used) && session_end_offer(c);

	of_writer_free(used);
	return sent;
}

static bool offer_nx(struct session_conn *c, const struct session_punt *p)
{
	struct of_writer nxm = metadata_of(p);
	const struct of_nicira_packet_in m = {
		.buffer_id = OFP_NO_BUFFER,
		.total_len = p->total_len,
		.reason = p->reason,
		.table_id = p->punt->table,
		.cookie = p->punt->cookie,
		.match = of_written(&nxm),
		.data = p->data,
	};

	of_nicira_packet_in_write(session_begin(c), &m);
	return finish(c, &nxm);
}

static void put_userdata(struct of_writer *w, const struct weft_ipc_punt_more *more)
{
	if (more && more->userdata_len)
		of_nicira_packet_in_prop_userdata_write(
			w, &(struct of_nicira_packet_in_prop_userdata){
				   {weft_ipc_punt_userdata(more), more->userdata_len}});
}

static void put_continuation(
	struct of_writer *w, struct session_switch *sw, const struct weft_ipc_punt_more *more)
{
	uint8_t sealed[SESSION_SEALED_MAX];
	size_t len;

	if (!more || !more->continuation_len)
		return;
	len = session_continuation_seal(
		sw, weft_ipc_punt_continuation(more), more->continuation_len, sealed);
	of_nicira_packet_in_prop_continuation_write(
		w, &(struct of_nicira_packet_in_prop_continuation){{sealed, len}});
}

// In the order of their numbers, those that have something to say.
static void put_properties(
	struct of_writer *w, struct session_switch *sw, const struct session_punt *p)
{
	struct of_writer oxm = {.version = OF_VERSION_1_3};

	of_nicira_packet_in_prop_packet_write(
		w, &(struct of_nicira_packet_in_prop_packet){p->data});
	if (p->data.len < p->punt->total_len)
		of_nicira_packet_in_prop_full_len_write(
			w, &(struct of_nicira_packet_in_prop_full_len){p->punt->total_len});
	of_nicira_packet_in_prop_table_id_write(
		w, &(struct of_nicira_packet_in_prop_table_id){p->punt->table});
	if (p->punt->cookie != UINT64_MAX)
		of_nicira_packet_in_prop_cookie_write(
			w, &(struct of_nicira_packet_in_prop_cookie){p->punt->cookie});
	of_nicira_packet_in_prop_reason_write(
		w, &(struct of_nicira_packet_in_prop_reason){p->reason});
	of_packet_match_write(&oxm, p->key);
	of_nicira_packet_in_prop_metadata_write(
		w, &(struct of_nicira_packet_in_prop_metadata){of_written(&oxm)});
	of_writer_free(&oxm);
	put_userdata(w, weft_ipc_punt_more(p->punt));
	put_continuation(w, sw, weft_ipc_punt_more(p->punt));
}

static bool offer_nx2(struct session_conn *c, const struct session_punt *p)
{
	struct of_writer properties = {.version = c->version};
	struct of_nicira_packet_in2 m;

	put_properties(&properties, c->sw, p);
	m = (struct of_nicira_packet_in2){.properties = of_written(&properties)};
	of_nicira_packet_in2_write(session_begin(c), &m);
	return finish(c, &properties);
}

bool session_packet_in_offer_nx(struct session_conn *c, const struct session_punt *p)
{
	return c->packet_in_format == SESSION_PACKET_IN_NX ? offer_nx(c, p) : offer_nx2(c, p);
}

// ---- what a session asks for

int session_nicira_set_packet_in_format(struct session_conn *c, struct session_request *rq)
{
	struct of_nicira_set_packet_in_format in;

	if (of_nicira_set_packet_in_format_read(&rq->r, &in))
		return -EBADMSG;
	if (in.format > SESSION_PACKET_IN_NX2)
		return of_fail(&rq->r, OFPET_BAD_REQUEST, OFPBRC_EPERM);
	c->packet_in_format = (uint8_t)in.format;
	return 0;
}

// Packet-ins of a controller action with this id come here, and no others.
int session_nicira_set_controller_id(struct session_conn *c, struct session_request *rq)
{
	struct of_nicira_set_controller_id in;

	if (of_nicira_set_controller_id_read(&rq->r, &in))
		return -EBADMSG;
	c->controller_id = in.controller_id;
	return 0;
}

int session_nicira_set_async2(struct session_conn *c, struct session_request *rq)
{
	struct of_nicira_set_async_config2 in;

	if (of_nicira_set_async_config2_read(&rq->r, &in))
		return -EBADMSG;
	return session_async_set_properties(c, in.properties, OF_VERSION_1_4, &rq->r);
}

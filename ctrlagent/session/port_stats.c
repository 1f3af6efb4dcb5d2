// SPDX-License-Identifier: Apache-2.0
// Ports, described and counted (OpenFlow 1.3.5, 7.3.5.6 and 7.3.5.7; 1.5.1, 7.3.5.6 and 7.3.5.7).
#include "mem.h"
#include "session/dump.h"
#include "session/handlers.h"

#define NOT_COUNTED UINT64_MAX // apart from other errors: all ones says so

static void put_port(struct session_dump *d, uint32_t ofport, const struct weft_port_stats *s)
{
	const struct of_port_stats_prop_ethernet ethernet = {
		NOT_COUNTED, NOT_COUNTED, NOT_COUNTED, NOT_COUNTED};
	struct of_writer *properties = session_begin(d->conn);
	struct of_port_stats out = {
		.port_no = ofport,
		.rx_packets = s->rx_packets,
		.tx_packets = s->tx_packets,
		.rx_bytes = s->rx_bytes,
		.tx_bytes = s->tx_bytes,
		.rx_dropped = s->rx_dropped,
		.tx_dropped = s->tx_dropped,
		.rx_errors = s->rx_errors,
		.tx_errors = s->tx_errors,
		.rx_frame_err = NOT_COUNTED,
		.rx_over_err = NOT_COUNTED,
		.rx_crc_err = NOT_COUNTED,
		.collisions = NOT_COUNTED,
	};

	if (d->conn->version >= OF_VERSION_1_4)
		of_port_stats_prop_ethernet_write(properties, &ethernet);
	out.properties = of_written(properties);
	session_duration(s->duration_ns, &out.duration_sec, &out.duration_nsec);
	of_port_stats_write(&d->w, &out);
	session_dump_next(d);
}

static void on_port(void *arg, weft_tenant_id tenant, const void *body, size_t len)
{
	const struct weft_ipc_port_status *p = body;
	struct session_dump *d = arg;
	struct weft_ipc_port_status *ports = d->extra;

	if (!d->conn->sw || tenant != d->conn->sw->tenant)
		return;
	for (size_t i = 0; i < d->count; i++)
		if (ports[i].port.ofport == p->port.ofport)
			ports[i].stats = p->stats;
}

static bool is_wanted(const struct session_dump *d, uint32_t ofport)
{
	return session_port_is_in(ofport, d->conn->version) &&
	       (d->wanted == OFPP_ANY || d->wanted == ofport);
}

static void put_ports(struct session_dump *d)
{
	const struct weft_ipc_port_status *ports = d->extra;

	for (size_t i = 0; i < d->count; i++)
		if (is_wanted(d, ports[i].port.ofport))
			put_port(d, ports[i].port.ofport, &ports[i].stats);
}

// The switch's ports, not yet counted. The overlay port never is: no device is behind it.
static struct weft_ipc_port_status *uncounted(const struct session_ports *ports)
{
	struct weft_ipc_port_status *copy = agent_array(ports->count + 1, sizeof(*copy));

	for (size_t i = 0; i < ports->count; i++) {
		copy[i] = ports->v[i];
		memset(&copy[i].stats, 0xff, sizeof(copy[i].stats));
		copy[i].stats.duration_ns = 0;
	}
	return copy;
}

int session_handle_port_stats(struct session_conn *c, struct session_request *rq)
{
	const struct session_ports *ports = &c->sw->ports;
	struct of_port_stats_request in;
	struct session_dump *d;

	if (of_port_stats_request_read(&rq->r, &in))
		return -EBADMSG;
	if (in.port_no != OFPP_ANY && !session_ports_find(ports, in.port_no))
		return of_fail(&rq->r, OFPET_BAD_REQUEST, OFPBRC_BAD_PORT);
	d = session_dump_new(c, rq, OFPMP_PORT_STATS);
	d->wanted = in.port_no;
	d->extra = uncounted(ports);
	d->count = ports->count;
	d->finish = put_ports;
	dpc_dump(c->sw->dpc, WEFT_IPC_DUMP_PORTS, c->sw->tenant, NULL, 0, on_port, session_dump_end,
		d);
	return 0;
}

// Until 1.5 of all ports; then, too, unless the request names one.
int session_handle_port_desc(struct session_conn *c, struct session_request *rq)
{
	const struct session_ports *ports = &c->sw->ports;
	struct of_writer properties = {.version = c->version};
	struct of_port_desc_request in;
	struct session_dump *d;

	if (of_port_desc_request_read(&rq->r, &in))
		return -EBADMSG;
	if (c->version < OF_VERSION_1_5)
		in.port_no = OFPP_ANY;
	if (in.port_no != OFPP_ANY && !session_ports_find(ports, in.port_no))
		return of_fail(&rq->r, OFPET_BAD_REQUEST, OFPBRC_BAD_PORT);
	d = session_dump_new(c, rq, OFPMP_PORT_DESC);
	d->wanted = in.port_no;
	for (size_t i = 0; i < ports->count; i++) {
		struct of_port out;

		if (!is_wanted(d, ports->v[i].port.ofport))
			continue;
		of_writer_reset(&properties);
		session_port_describe(&ports->v[i], &properties, &out);
		of_port_write(&d->w, &out);
		session_dump_next(d);
	}
	of_writer_free(&properties);
	session_dump_end(d, WEFT_E_NONE, "");
	return 0;
}

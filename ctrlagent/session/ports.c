// SPDX-License-Identifier: Apache-2.0
#include "session/ports.h"

#include <stdio.h>
#include <stdlib.h>

#include "mem.h"

// Where ofport is, or would go.
static size_t position(const struct session_ports *p, uint32_t ofport)
{
	size_t low = 0, high = p->count;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (p->v[mid].port.ofport < ofport)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

const struct weft_ipc_port_status *session_ports_find(
	const struct session_ports *p, uint32_t ofport)
{
	size_t i = position(p, ofport);

	return i < p->count && p->v[i].port.ofport == ofport ? &p->v[i] : NULL;
}

void session_ports_put(struct session_ports *p, const struct weft_ipc_port_status *port)
{
	size_t i = position(p, port->port.ofport);

	if (i < p->count && p->v[i].port.ofport == port->port.ofport) {
		p->v[i] = *port;
		return;
	}
	p->v = agent_resize(p->v, p->count + 1, sizeof(*p->v));
	memmove(p->v + i + 1, p->v + i, (p->count - i) * sizeof(*p->v));
	p->v[i] = *port;
	p->count++;
}

void session_ports_remove(struct session_ports *p, uint32_t ofport)
{
	size_t i = position(p, ofport);

	if (i == p->count || p->v[i].port.ofport != ofport)
		return;
	memmove(p->v + i, p->v + i + 1, (p->count - i - 1) * sizeof(*p->v));
	p->count--;
}

void session_ports_free(struct session_ports *p)
{
	free(p->v);
	*p = (struct session_ports){0};
}

static uint32_t speed_features(uint32_t mbps)
{
	switch (mbps) {
	case 10:
		return OFPPF_10MB_FD;
	case 100:
		return OFPPF_100MB_FD;
	case 1000:
		return OFPPF_1GB_FD;
	case 10000:
		return OFPPF_10GB_FD;
	case 40000:
		return OFPPF_40GB_FD;
	case 100000:
		return OFPPF_100GB_FD;
	case 1000000:
		return OFPPF_1TB_FD;
	}
	return mbps ? OFPPF_OTHER : 0;
}

#define FEATURES_1_0 0x7fu // OFPPF_10MB_HD to OFPPF_10GB_FD are as they were

static void describe_ethernet(struct of_writer *w, const struct of_port *port)
{
	const struct of_port_desc_prop_ethernet e = {
		.curr = port->curr,
		.curr_speed = port->curr_speed,
		.max_speed = port->max_speed,
	};

	of_port_desc_prop_ethernet_write(w, &e);
}

static uint32_t config_shown(uint32_t config, uint8_t version)
{
	const uint32_t always = OFPPC_PORT_DOWN | OFPPC_NO_RECV | OFPPC_NO_FWD | OFPPC_NO_PACKET_IN;

	return config & (version == 1 ? always | WEFT_PORT_NO_FLOOD : always);
}

// Liveness is a thing of groups, which 1.0 has not.
static uint32_t state_shown(bool down, uint8_t version)
{
	if (down)
		return OFPPS_LINK_DOWN;
	return version == 1 ? 0 : OFPPS_LIVE;
}

void session_port_describe(
	const struct weft_ipc_port_status *port, struct of_writer *properties, struct of_port *out)
{
	uint8_t version = properties->version;
	bool down = port->state & WEFT_PORT_LINK_DOWN;

	*out = (struct of_port){
		.port_no = port->port.ofport,
		.hw_addr = port->mac,
		.config = config_shown(port->port.config, version),
		.state = state_shown(down, version),
		.curr = down ? 0 : speed_features(port->speed_mbps),
	};
	if (version == 1)
		out->curr &= FEATURES_1_0;
	if (!down && port->speed_mbps)
		out->curr_speed = out->max_speed =
			port->speed_mbps > UINT32_MAX / 1000 ? UINT32_MAX : port->speed_mbps * 1000;
	snprintf(out->name, sizeof(out->name), "%.*s", (int)sizeof(out->name) - 1, port->port.name);
	if (version >= 5)
		describe_ethernet(properties, out);
	out->properties = of_written(properties);
}

void session_ports_write(const struct session_ports *p, struct of_writer *w)
{
	struct of_writer properties = {.version = w->version};

	for (size_t i = 0; i < p->count; i++) {
		struct of_port out;

		if (!session_port_is_in(p->v[i].port.ofport, w->version))
			continue;
		of_writer_reset(&properties);
		session_port_describe(&p->v[i], &properties, &out);
		of_port_write(w, &out);
	}
	of_writer_free(&properties);
}

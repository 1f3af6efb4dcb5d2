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

void session_port_describe(const struct weft_ipc_port_status *port, struct of_port *out)
{
	const uint32_t shown = OFPPC_PORT_DOWN | OFPPC_NO_RECV | OFPPC_NO_FWD | OFPPC_NO_PACKET_IN;
	bool down = port->state & WEFT_PORT_LINK_DOWN;

	*out = (struct of_port){
		.port_no = port->port.ofport,
		.hw_addr = port->mac,
		.config = port->port.config & shown,
		.state = down ? OFPPS_LINK_DOWN : OFPPS_LIVE,
		.curr = down ? 0 : speed_features(port->speed_mbps),
	};
	if (!down && port->speed_mbps)
		out->curr_speed = out->max_speed =
			port->speed_mbps > UINT32_MAX / 1000 ? UINT32_MAX : port->speed_mbps * 1000;
	snprintf(out->name, sizeof(out->name), "%.*s", (int)sizeof(out->name) - 1, port->port.name);
}

// SPDX-License-Identifier: Apache-2.0
#include "ports/dp_portmap.h"

#include <stdlib.h>

struct dp_portmap *dp_portmap_new(unsigned ports)
{
	uint32_t slots = 8;
	struct dp_portmap *m;

	while (slots < 2 * ports)
		slots *= 2;
	m = calloc(1, sizeof(*m) + slots * sizeof(m->slot[0]));
	if (m)
		m->mask = slots - 1;
	return m;
}

void dp_portmap_put(struct dp_portmap *m, uint32_t ofport, struct dp_port *port)
{
	uint32_t i = ofport;

	while (m->slot[i & m->mask].ofport)
		i++;
	m->slot[i & m->mask] = (struct dp_portmap_slot){.port = port, .ofport = ofport};
}

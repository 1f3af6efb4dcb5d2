// SPDX-License-Identifier: Apache-2.0
#pragma once
// OpenFlow port number to port, for one tenant: a table of fixed size, open addressed, never more
// than half full. Made whole by the control thread and replaced as a whole; the one change to a
// published map is that a port is struck out (dp_unpublish.h).

#include <stddef.h>
#include <stdint.h>

struct dp_port;

struct dp_portmap_slot {
	struct dp_port *port; // NULL: struck out
	uint32_t ofport;      // 0: free
};

struct dp_portmap {
	uint32_t mask; // slots, a power of two, less one
	struct dp_portmap_slot slot[];
};

// Room for `ports`. To be freed by free(). NULL: no memory.
struct dp_portmap *dp_portmap_new(unsigned ports);
// `ofport` is not in it, and there is room. Before the map is published.
void dp_portmap_put(struct dp_portmap *m, uint32_t ofport, struct dp_port *port);

static inline struct dp_port *dp_portmap_get(const struct dp_portmap *m, uint32_t ofport)
{
	for (uint32_t i = ofport;; i++) {
		const struct dp_portmap_slot *s = &m->slot[i & m->mask];

		if (s->ofport == ofport)
			return __atomic_load_n(&s->port, __ATOMIC_ACQUIRE);
		if (!s->ofport)
			return NULL;
	}
}

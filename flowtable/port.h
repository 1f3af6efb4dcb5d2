// SPDX-License-Identifier: Apache-2.0
#pragma once
// The ports of a switch as the tables see them. Not versioned: a change is seen at once.

#include "flowtable/idmap.h"
#include "flowtable/txn.h"

struct ft_port_entry {
	struct ft_garbage garbage;
	uint32_t ofport;
	_Atomic uint32_t config; // WEFT_PORT_*
	_Atomic bool live;
	uint32_t max_macs; // the writer's, as the next
	uint32_t learned;  // addresses in the FDB
};

// All ports, by ascending number; replaced as a whole.
struct ft_port_list {
	struct ft_garbage garbage;
	uint32_t n;
	const struct ft_port_entry *port[];
};

// Workers. NULL: no such port.
const struct ft_port_entry *ft_port_find(const struct ft_switch *, uint32_t ofport);
// Workers: for FLOOD and ALL. Never NULL; may be used until the next quiescent state.
const struct ft_port_list *ft_ports(const struct ft_switch *);

static inline uint32_t ft_port_config(const struct ft_port_entry *p)
{
	return atomic_load_explicit(&p->config, memory_order_relaxed);
}

static inline bool ft_port_live(const struct ft_port_entry *p)
{
	return atomic_load_explicit(&p->live, memory_order_relaxed);
}

// ---- writer

// NULL: no such port.
struct ft_port_entry *ft_port_of_writer(struct ft_switch *, uint32_t ofport);
// The empty list. False: no memory.
bool ft_ports_init(struct ft_switch *);
void ft_ports_fini(struct ft_switch *);

// SPDX-License-Identifier: Apache-2.0
#include "flowtable/port.h"

#include "flowtable/lines.h"
#include "flowtable/switch.h"

#include <stdlib.h>

const struct ft_port_entry *ft_port_find(const struct ft_switch *sw, uint32_t ofport)
{
	return ft_idmap_find(&sw->ports, ofport);
}

const struct ft_port_list *ft_ports(const struct ft_switch *sw)
{
	return atomic_load_explicit(&sw->port_list, memory_order_acquire);
}

struct ft_port_entry *ft_port_of_writer(struct ft_switch *sw, uint32_t ofport)
{
	return ft_idmap_find(&sw->ports, ofport);
}

static struct ft_port_list *list_new(uint32_t room)
{
	return calloc(1, sizeof(struct ft_port_list) +
				 room * sizeof(((struct ft_port_list *)NULL)->port[0]));
}

static void list_garbage(struct ft_garbage *g)
{
	free(g); // the first member
}

static void entry_garbage(struct ft_garbage *g)
{
	free(g); // the first member
}

static void list_replace(struct ft_switch *sw, struct ft_port_list *list)
{
	struct ft_port_list *old =
		atomic_exchange_explicit(&sw->port_list, list, memory_order_acq_rel);

	ft_garbage_add(&sw->garbage, &old->garbage, list_garbage);
}

// So that a packet's port need not be looked for where nothing depends on it.
static void configs_gather(struct ft_switch *sw)
{
	const struct ft_port_list *list = ft_ports(sw);
	uint32_t any = 0;

	for (uint32_t i = 0; i < list->n; i++)
		any |= ft_port_config(list->port[i]);
	atomic_store_explicit(&sw->port_configs, any, memory_order_relaxed);
}

static void list_insert(
	struct ft_port_list *list, const struct ft_port_list *old, const struct ft_port_entry *p)
{
	uint32_t i = 0;

	for (; i < old->n && old->port[i]->ofport < p->ofport; i++)
		list->port[i] = old->port[i];
	list->port[i] = p;
	memcpy(&list->port[i + 1], &old->port[i], (old->n - i) * sizeof(old->port[0]));
	list->n = old->n + 1;
}

static enum weft_error port_add(struct ft_switch *sw, const struct ft_port *port)
{
	const struct ft_port_list *old = ft_ports(sw);
	struct ft_port_list *list = list_new(old->n + 1);
	struct ft_port_entry *p = ft_alloc_lines(sizeof(*p));

	if (!list || !p || !ft_idmap_reserve(&sw->ports, &sw->garbage)) {
		free(list);
		free(p);
		return WEFT_E_NO_MEMORY;
	}
	p->ofport = port->ofport;
	atomic_init(&p->config, port->config);
	atomic_init(&p->live, port->live);
	p->max_macs = port->max_macs;
	list_insert(list, old, p);
	ft_idmap_set(&sw->ports, p->ofport, p);
	list_replace(sw, list);
	configs_gather(sw);
	ft_switch_changed(sw);
	return WEFT_E_NONE;
}

static bool number_ok(uint32_t ofport)
{
	return (ofport && ofport <= WEFT_OFPORT_MAX) || ofport == WEFT_OFPORT_LOCAL;
}

enum weft_error ft_port_set(struct ft_switch *sw, const struct ft_port *port)
{
	struct ft_port_entry *p = ft_idmap_find(&sw->ports, port->ofport);
	enum weft_error error;

	if (!number_ok(port->ofport))
		return WEFT_E_NO_PORT;
	if (p) {
		atomic_store_explicit(&p->config, port->config, memory_order_relaxed);
		atomic_store_explicit(&p->live, port->live, memory_order_relaxed);
		p->max_macs = port->max_macs;
		configs_gather(sw);
		ft_switch_changed(sw);
		return WEFT_E_NONE;
	}
	ft_enter(sw);
	error = port_add(sw, port);
	ft_leave(sw);
	return error;
}

// The list is changed in a copy; with no memory for one the port stays, dead to all, in the old.
void ft_port_del(struct ft_switch *sw, uint32_t ofport)
{
	const struct ft_port_list *old = ft_ports(sw);
	struct ft_port_entry *p = ft_idmap_find(&sw->ports, ofport);
	struct ft_port_list *list;

	if (!p)
		return;
	list = list_new(old->n);
	if (!list) {
		atomic_store_explicit(&p->live, false, memory_order_relaxed);
		atomic_store_explicit(
			&p->config, WEFT_PORT_DOWN | WEFT_PORT_NO_FWD, memory_order_relaxed);
		configs_gather(sw);
		ft_switch_changed(sw);
		return;
	}
	ft_enter(sw);
	for (uint32_t i = 0; i < old->n; i++)
		if (old->port[i] != p)
			list->port[list->n++] = old->port[i];
	ft_idmap_del(&sw->ports, ofport);
	list_replace(sw, list);
	configs_gather(sw);
	ft_switch_changed(sw);
	ft_garbage_add(&sw->garbage, &p->garbage, entry_garbage);
	ft_fdb_flush_port(sw, ofport);
	ft_leave(sw);
}

bool ft_ports_init(struct ft_switch *sw)
{
	atomic_init(&sw->port_list, list_new(0));
	return ft_ports(sw);
}

void ft_ports_fini(struct ft_switch *sw)
{
	struct ft_port_list *list = atomic_load(&sw->port_list);
	struct ft_port_entry *p;
	uint32_t pos = 0;

	while ((p = ft_idmap_next(&sw->ports, &pos)))
		free(p);
	ft_idmap_fini(&sw->ports);
	free(list);
}

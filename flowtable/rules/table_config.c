// SPDX-License-Identifier: Apache-2.0
#include "flowtable/rules/table_config.h"

#include "flowtable/egress.h"
#include "flowtable/switch.h"
#include "flowtable/rules/tables.h"

#include <stdlib.h>

const struct ft_table_config *ft_table_config(const struct ft_switch *sw, uint8_t table)
{
	static const struct ft_table_config none;

	return sw->config ? &sw->config[table] : &none;
}

// False: no memory.
static bool config_make(struct ft_switch *sw)
{
	if (!sw->config)
		sw->config = calloc(WEFT_TABLES, sizeof(*sw->config));
	return sw->config;
}

// ---- vacancy

// Per cent of the quota that are free.
static uint8_t vacant(const struct ft_switch *sw)
{
	uint64_t max = sw->limits.max_rules;

	return max > sw->rules ? (uint8_t)((max - sw->rules) * 100 / max) : 0;
}

static void describe(const struct ft_switch *sw, uint8_t table, struct weft_table_desc *out)
{
	const struct ft_table_config *c = ft_table_config(sw, table);

	*out = (struct weft_table_desc){
		.table = table,
		.eviction = c->eviction,
		.vacancy = c->vacancy,
		.vacancy_down = c->vacancy_down,
		.vacancy_up = c->vacancy_up,
		.vacant = vacant(sw),
		.role = ft_table_role(sw, table),
	};
}

static void tell(struct ft_switch *sw, uint8_t table)
{
	struct ft_table_config *c = &sw->config[table];
	struct weft_table_desc d;

	describe(sw, table, &d);
	if (c->low ? d.vacant <= c->vacancy_up : d.vacant >= c->vacancy_down)
		return;
	c->low = !c->low;
	d.reason = c->low ? WEFT_TABLE_VACANCY_DOWN : WEFT_TABLE_VACANCY_UP;
	if (sw->env.table_status)
		sw->env.table_status(sw->env.ctx, sw->ctx, &d);
}

void ft_vacancy_check(struct ft_switch *sw)
{
	if (!sw->vacancies || sw->dying)
		return;
	for (unsigned i = 0; i < WEFT_TABLES; i++)
		if (sw->config[i].vacancy)
			tell(sw, (uint8_t)i);
}

// ---- changes

static enum weft_error check(const struct weft_table_mod *mod)
{
	const unsigned sets =
		WEFT_TABLE_SET_EVICTION | WEFT_TABLE_SET_VACANCY | WEFT_TABLE_SET_EGRESS;
	const unsigned evicts = WEFT_EVICT_OTHER | WEFT_EVICT_IMPORTANCE | WEFT_EVICT_LIFETIME;

	if (mod->table >= WEFT_TABLES &&
		(mod->table != WEFT_TABLE_ALL || mod->set & WEFT_TABLE_SET_EGRESS))
		return WEFT_E_TABLE_UNKNOWN;
	if (mod->set & ~sets)
		return WEFT_E_TABLE_CONFIG;
	if ((mod->set & WEFT_TABLE_SET_EVICTION) && mod->eviction & ~evicts)
		return WEFT_E_TABLE_CONFIG;
	if ((mod->set & WEFT_TABLE_SET_VACANCY) &&
		(mod->vacancy > 1 || mod->vacancy_up > 100 || mod->vacancy_down > mod->vacancy_up))
		return WEFT_E_TABLE_CONFIG;
	return WEFT_E_NONE;
}

static enum weft_error set_eviction(struct ft_switch *sw, uint8_t table, uint8_t flags)
{
	struct ft_table *t = ft_table_of(sw, table);
	uint8_t was = sw->config[table].eviction;

	sw->config[table].eviction = flags;
	if (flags == was || !t || ft_evict_rebuild(sw, t))
		return WEFT_E_NONE;
	sw->config[table].eviction = 0; // what is off needs no memory
	ft_heap_fini(&t->evictable);
	return WEFT_E_NO_MEMORY;
}

static void set_vacancy(struct ft_switch *sw, uint8_t table, const struct weft_table_mod *mod)
{
	struct ft_table_config *c = &sw->config[table];

	sw->vacancies += mod->vacancy - (unsigned)c->vacancy;
	c->vacancy = mod->vacancy;
	c->vacancy_down = mod->vacancy_down;
	c->vacancy_up = mod->vacancy_up;
	c->low = vacant(sw) < mod->vacancy_up; // 7.3.4.1: else it is VACANCY_DOWN that comes first
}

static enum weft_error set_one(
	struct ft_switch *sw, uint8_t table, const struct weft_table_mod *mod)
{
	enum weft_error error = WEFT_E_NONE;

	if (mod->set & WEFT_TABLE_SET_EGRESS)
		error = ft_egress_set(sw, table, mod->first_egress);
	if (!error && mod->set & WEFT_TABLE_SET_EVICTION)
		error = set_eviction(sw, table, mod->eviction);
	if (!error && mod->set & WEFT_TABLE_SET_VACANCY)
		set_vacancy(sw, table, mod);
	return error;
}

enum weft_error ft_table_mod(struct ft_switch *sw, const struct weft_table_mod *mod)
{
	bool all = mod->table == WEFT_TABLE_ALL;
	enum weft_error error = check(mod);

	if (!error && !config_make(sw))
		error = WEFT_E_NO_MEMORY;
	for (unsigned i = all ? 0 : mod->table; !error && i <= (all ? WEFT_TABLES - 1 : mod->table);
		i++)
		error = set_one(sw, (uint8_t)i, mod);
	return error;
}

void ft_table_describe(const struct ft_switch *sw, uint8_t table, struct weft_table_desc *out)
{
	describe(sw, table, out);
}

// SPDX-License-Identifier: Apache-2.0
#include "fake_tables.h"

static void set(struct weft_table_desc *t, const struct weft_table_mod *mod)
{
	if (mod->set & WEFT_TABLE_SET_EVICTION)
		t->eviction = mod->eviction;
	if (mod->set & WEFT_TABLE_SET_VACANCY) {
		t->vacancy = mod->vacancy;
		t->vacancy_down = mod->vacancy_down;
		t->vacancy_up = mod->vacancy_up;
	}
}

enum weft_error fake_tables_mod(struct fake_tables *t, const struct weft_table_mod *mod)
{
	if (mod->set & WEFT_TABLE_SET_EGRESS) {
		if (mod->first_egress && !mod->table)
			return WEFT_E_TABLE_CONFIG;
		if (mod->first_egress || t->first_egress == mod->table)
			t->first_egress = mod->first_egress ? mod->table : 0;
	}

	for (unsigned i = 0; i < WEFT_TABLES; i++)
		if (mod->table == i || mod->table == WEFT_TABLE_ALL)
			set(&t->v[i], mod);
	return WEFT_E_NONE;
}

void fake_tables_dump(const struct fake_tables *t, dpc_item_fn item, void *arg)
{
	for (unsigned i = 0; i < WEFT_TABLES; i++) {
		struct weft_table_desc d = t->v[i];

		d.table = (uint8_t)i;
		d.vacant = 90;
		d.role = !t->first_egress || i < t->first_egress ? WEFT_TABLE_INGRESS
			 : i > t->first_egress                   ? WEFT_TABLE_EGRESS
					       : WEFT_TABLE_EGRESS | WEFT_TABLE_FIRST_EGRESS;
		item(arg, 1, &d, sizeof(d));
	}
}

// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>
#include <string.h>

#include "config/check.h"
#include "mem.h"

void config_values_add(struct config_values *v, const void *field, const void *key, size_t key_len)
{
	if (v->count == v->capacity) {
		v->capacity = v->capacity ? 2 * v->capacity : 16;
		v->values = agent_resize(v->values, v->capacity, sizeof(*v->values));
	}
	v->values[v->count] = (struct config_value){
		.field = field, .key = key, .key_len = key_len, .order = v->count};
	v->count++;
}

static int compare_keys(const struct config_value *a, const struct config_value *b)
{
	size_t n = a->key_len < b->key_len ? a->key_len : b->key_len;
	int c = memcmp(a->key, b->key, n);

	return c ? c : (a->key_len > b->key_len) - (a->key_len < b->key_len);
}

static int compare(const void *va, const void *vb)
{
	const struct config_value *a = va, *b = vb;
	int c = compare_keys(a, b);

	return c ? c : (a->order > b->order) - (a->order < b->order);
}

void config_values_finish(struct config_reader *r, struct config_values *v)
{
	size_t first = 0;

	if (v->count)
		qsort(v->values, v->count, sizeof(*v->values), compare);
	for (size_t i = 1; i < v->count; i++) {
		if (compare_keys(&v->values[first], &v->values[i]) == 0)
			config_error_taken(r, v->values[i].field, v->values[first].field);
		else
			first = i;
	}
	free(v->values);
	*v = (struct config_values){0};
}

// SPDX-License-Identifier: Apache-2.0
#include "cli/render.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mem.h"
#include "text/flow_text.h"

#define COLUMNS_MAX 16

char *duration_text(double s)
{
	unsigned long long n = (unsigned long long)s;

	if (n < 60)
		return agent_format("%llus", n);
	if (n < 3600)
		return agent_format("%llum%02llus", n / 60, n % 60);
	if (n < 86400)
		return agent_format("%lluh%02llum", n / 3600, n / 60 % 60);
	return agent_format("%llud%02lluh", n / 86400, n / 3600 % 24);
}

// {"table-miss": 3, "ttl-exceeded": 1} as "table-miss 3, ttl-exceeded 1"
static char *counts(const json_t *object)
{
	struct text t = {0};
	const char *name;
	json_t *n;

	text_add(&t, "%s", "");
	json_object_foreach ((json_t *)(uintptr_t)object, name, n)
		text_add(
			&t, "%s%s %lld", t.len ? ", " : "", name, (long long)json_integer_value(n));
	if (!t.len)
		text_add(&t, "-");
	return t.at;
}

// ["tx-csum", "rx-csum"] as "tx-csum,rx-csum"
static char *words(const json_t *array)
{
	struct text t = {0};
	size_t i;
	json_t *word;

	json_array_foreach (array, i, word)
		text_add(&t, "%s%s", i ? "," : "", json_string_value(word));
	if (!t.len)
		text_add(&t, "-");
	return t.at;
}

static bool is_words(const json_t *value)
{
	return json_is_array(value) &&
	       (!json_array_size(value) || json_is_string(json_array_get(value, 0)));
}

static char *cell(const json_t *value, enum column_unit unit)
{
	if (json_is_number(value) && unit == UNIT_SECONDS)
		return duration_text(json_number_value(value));
	if (json_is_number(value) && unit == UNIT_RATIO)
		return agent_format("%.2f", json_number_value(value));
	if (json_is_object(value))
		return counts(value);
	if (is_words(value))
		return words(value);
	if (!value || json_is_null(value))
		return agent_strdup("-");
	if (json_is_string(value))
		return agent_strdup(json_string_value(value)[0] ? json_string_value(value) : "-");
	if (json_is_boolean(value))
		return agent_strdup(json_is_true(value) ? "yes" : "no");
	if (json_is_integer(value))
		return agent_format("%lld", (long long)json_integer_value(value));
	if (json_is_real(value))
		return agent_format("%.3f", json_real_value(value));
	char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
	return text ? text : agent_strdup("?");
}

// Characters, not bytes.
static int width(const char *text)
{
	int n = 0;

	for (; *text; text++)
		n += (*text & 0xc0) != 0x80;
	return n;
}

static void add_padded(struct text *t, const char *text, int to, bool right, bool last)
{
	int pad = to - width(text);

	if (right)
		text_add(t, "%*s%s", pad, "", text);
	else
		text_add(t, "%s%*s", text, last ? 0 : pad, "");
	text_add(t, last ? "\n" : "  ");
}

struct layout {
	const struct column *columns[COLUMNS_MAX];
	int widths[COLUMNS_MAX];
	bool right[COLUMNS_MAX]; // numbers
	unsigned count;
};

static bool has_value(const json_t *value)
{
	return value && !json_is_null(value) &&
	       !(json_is_string(value) && !json_string_value(value)[0]) &&
	       !(json_is_array(value) && !json_array_size(value));
}

static void add_column(struct layout *l, const json_t *rows, const struct column *column)
{
	int widest = width(column->title);
	bool any = false, numbers = true;
	size_t i;
	json_t *row;

	json_array_foreach (rows, i, row) {
		json_t *value = json_object_get(row, column->key);
		char *text = cell(value, column->unit);
		widest = width(text) > widest ? width(text) : widest;
		any |= has_value(value);
		numbers &= !has_value(value) || json_is_number(value);
		free(text);
	}
	if (l->count == COLUMNS_MAX || (column->optional && !any))
		return;
	l->columns[l->count] = column;
	l->widths[l->count] = widest;
	l->right[l->count++] = any && numbers;
}

char *render_table(const json_t *rows, const struct column *columns, const char *empty)
{
	struct layout l = {.count = 0};
	struct text t = {0};
	size_t i;
	json_t *row;

	if (empty && !json_array_size(rows))
		return agent_format("%s\n", empty);
	for (; columns->title; columns++)
		add_column(&l, rows, columns);
	for (unsigned c = 0; c < l.count; c++)
		add_padded(&t, l.columns[c]->title, l.widths[c], l.right[c], c + 1 == l.count);
	json_array_foreach (rows, i, row) {
		for (unsigned c = 0; c < l.count; c++) {
			char *text =
				cell(json_object_get(row, l.columns[c]->key), l.columns[c]->unit);
			add_padded(&t, text, l.widths[c], l.right[c], c + 1 == l.count);
			free(text);
		}
	}
	return t.at;
}

static json_t *unfolded_row(const json_t *row, const json_t *element, const char *name, size_t i)
{
	json_t *out = json_copy((json_t *)(uintptr_t)row), *value;
	const char *member;
	char key[48];

	json_object_set_new(out, name, json_integer((json_int_t)i));
	json_object_foreach ((json_t *)(uintptr_t)element, member, value) {
		snprintf(key, sizeof(key), "%s_%s", name, member);
		json_object_set(out, key, value);
	}
	return out;
}

json_t *rows_unfolded(const json_t *rows, const char *key, const char *name)
{
	json_t *out = json_array(), *row, *element;
	size_t i, j;

	json_array_foreach (rows, i, row) {
		json_t *elements = json_object_get(row, key);
		if (!json_array_size(elements))
			json_array_append(out, row);
		json_array_foreach (elements, j, element)
			json_array_append_new(out, unfolded_row(row, element, name, j));
	}
	return out;
}

// ---- order

static int compare_values(const json_t *a, const json_t *b)
{
	if (json_is_string(a) && json_is_string(b))
		return strcmp(json_string_value(a), json_string_value(b));
	if (json_is_number(a) && json_is_number(b)) {
		double x = json_number_value(a), y = json_number_value(b);
		return (x > y) - (x < y);
	}
	return json_is_string(a) - json_is_string(b); // null first
}

static int compare_rows(const void *pa, const void *pb)
{
	static const char *const keys[] = {"tenant", "number", "name", "mac", "vlan", "vtep",
		"table", "group", "bucket", "meter", "band", "worker"};
	const json_t *a = *(json_t *const *)pa, *b = *(json_t *const *)pb;

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		int c = compare_values(json_object_get(a, keys[i]), json_object_get(b, keys[i]));
		if (c)
			return c;
	}
	return 0;
}

json_t *rows_sorted(const json_t *rows)
{
	size_t n = json_array_size(rows);
	json_t **at = agent_array(n + 1, sizeof(*at)), *sorted = json_array();

	for (size_t i = 0; i < n; i++)
		at[i] = json_array_get(rows, i);
	qsort(at, n, sizeof(*at), compare_rows);
	for (size_t i = 0; i < n; i++)
		json_array_append(sorted, at[i]);
	free(at);
	return sorted;
}

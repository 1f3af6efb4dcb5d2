// SPDX-License-Identifier: Apache-2.0
#include "cli/render.h"

#include <stdio.h>
#include <string.h>

#define COLUMNS_MAX 16

static char *cell(const json_t *value)
{
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

char *render_table(const json_t *rows, const struct column *columns)
{
	int widths[COLUMNS_MAX];
	bool numbers[COLUMNS_MAX];
	unsigned n = 0;
	struct text t = {0};
	size_t i;
	json_t *row;

	for (; columns[n].title && n < COLUMNS_MAX; n++) {
		widths[n] = width(columns[n].title);
		numbers[n] = json_array_size(rows) > 0;
		json_array_foreach(rows, i, row)
		{
			json_t *value = json_object_get(row, columns[n].key);
			char *text = cell(value);
			widths[n] = width(text) > widths[n] ? width(text) : widths[n];
			numbers[n] &= json_is_number(value);
			free(text);
		}
	}
	for (unsigned c = 0; c < n; c++)
		add_padded(&t, columns[c].title, widths[c], numbers[c], c + 1 == n);
	json_array_foreach(rows, i, row)
	{
		for (unsigned c = 0; c < n; c++) {
			char *text = cell(json_object_get(row, columns[c].key));
			add_padded(&t, text, widths[c], numbers[c], c + 1 == n);
			free(text);
		}
	}
	return t.at;
}

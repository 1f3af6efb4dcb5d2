// SPDX-License-Identifier: Apache-2.0
#pragma once
// JSON rows as an aligned table: numbers to the right, the rest to the left, a header line.

#include <jansson.h>
#include <stdbool.h>

enum column_unit {
	UNIT_NONE,
	UNIT_SECONDS, // shown as 5s, 3m20s, 2h05m, 4d03h
	UNIT_RATIO,   // two digits
};

struct column {
	const char *title;
	const char *key;
	enum column_unit unit;
	bool optional; // not shown if no row has it
};

// A new array of the same rows in the order of their tenants (none first), numbers and names, so
// that two looks at the same thing look the same.
json_t *rows_sorted(const json_t *rows);

// One row for each element of each row's array `key`: the row's own columns, "<name>" with the
// element's number, and "<name>_<member>" for each of its members.
json_t *rows_unfolded(const json_t *rows, const char *key, const char *name);

char *duration_text(double seconds); // 59s, 1m05s, 2h05m or 4d03h; free() it

// `empty`: what is said instead of a table without rows; NULL: its head. free() it.
char *render_table(const json_t *rows, const struct column *columns, const char *empty);

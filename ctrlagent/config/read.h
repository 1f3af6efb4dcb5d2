// SPDX-License-Identifier: Apache-2.0
#pragma once
// Reads a YAML document into C structs along a schema, collecting errors with their places.

#include "config/arena.h"
#include "config/schema.h"
#include "finder.h"

// Where a value stands in the file; found again by the address of the C field that it went into. A
// mapping's struct and the struct's first field have the same address, hence `map`.
struct config_place {
	const void *field;
	bool map;
	const char *path;      // tenants[1].vni
	const char *text;      // of a scalar, cut short; "" else
	unsigned line, column; // from 1
};

#define CONFIG_MAX_ERRORS 20u
#define CONFIG_MAX_VALUES 2000000u // aliases can make many of a short file

struct config_reader {
	const char *name;     // of the file
	struct arena *arena;  // of what is read
	struct arena scratch; // paths
	struct config_place *places;
	size_t place_count, place_capacity;
	struct finder place_fields;
	char *errors; // lines
	unsigned error_count;
};

// Reads the only document of `text` into `out`, which has schema->size bytes, all zero. False:
// there are errors.
bool config_read(struct config_reader *r, const struct schema *schema, void *out, const char *text,
	size_t bytes);

// Adds an error. With `key` NULL, `at` is a field that is in the file. Else `at` is the struct of a
// mapping, and `key` one of its keys that may be missing; "" for the mapping itself.
void config_error(struct config_reader *r, const void *at, const char *key, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

bool config_is_set(const struct config_reader *r, const void *field); // is it in the file?

// Says that the value of `again` was given to `first` before.
void config_error_taken(struct config_reader *r, const void *again, const void *first);

void config_reader_free(struct config_reader *r); // but not `errors`

// SPDX-License-Identifier: Apache-2.0
#pragma once
// A description of the configuration file by tables, and of nothing but its shape: which keys a
// mapping may have, what each value looks like, and where in which C struct it goes. read.c walks a
// YAML document along such a table; what no table can say (duplicates, references) is in check.c.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <weft/types.h>

struct schema_field;

// A mapping, and the struct that it fills.
struct schema {
	size_t size;
	const struct schema_field *fields; // ends with one that has no key
};

enum schema_kind {
	SCHEMA_NAME,     // char[]: 1 to `max` letters, digits, '.', '_', '-'
	SCHEMA_STRING,   // char[]: 1 to `max` bytes, no control characters
	SCHEMA_NUMBER,   // uint32_t: `min` to `max`, decimal or 0x
	SCHEMA_BOOL,     // bool: true or false
	SCHEMA_ENUM,     // uint32_t: index into `names`
	SCHEMA_IP,       // struct weft_ip
	SCHEMA_MAC,      // struct weft_mac
	SCHEMA_DPID,     // uint64_t: 16 hexadecimal digits
	SCHEMA_MAP,      // a struct: `sub`
	SCHEMA_MAPS,     // pointer to array of `sub`, size_t count at `count_offset`
	SCHEMA_RANGE,    // struct config_range: "N", "N-M" within `min` to `max`, or "rest"
	SCHEMA_PREFIX,   // struct config_prefix: "IP", "IP/N" or "any"
	SCHEMA_IPS,      // pointer to array of struct weft_ip, likewise
	SCHEMA_STRINGS,  // pointer to array of char[max + 1], likewise
	SCHEMA_RANGES,   // likewise
	SCHEMA_PREFIXES, // likewise
};

struct schema_field {
	const char *key;
	enum schema_kind kind;
	size_t offset;
	size_t count_offset;
	bool required;
	uint32_t min, max;
	uint32_t standard;        // NUMBER, BOOL, ENUM: if the key is absent
	const char *const *names; // ENUM; ends with NULL
	const struct schema *sub;
	const char *help; // one line, for the reference
};

struct config_range {
	uint32_t first, last;
	bool rest; // all that nobody else has; no numbers then
};

struct config_prefix {
	struct weft_prefix prefix;
	bool any; // of both families; no prefix then
};

extern const struct schema config_schema; // of struct config

// SPDX-License-Identifier: Apache-2.0
#include "config/scalar.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weft/types.h>

#include "text/address.h"

static bool is_word(const char *word, const char *text, size_t len)
{
	return strlen(word) == len && memcmp(word, text, len) == 0;
}

static bool is_name(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		char c = s[i];
		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
			    c == '.' || c == '_' || c == '-'))
			return false;
	}
	return true;
}

static bool is_printable(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)s[i] < 0x20 || s[i] == 0x7f)
			return false;
	return true;
}

static bool parse_number(const struct schema_field *f, const char *text, size_t len, void *out)
{
	char buf[24], *end;
	int base = len > 2 && text[0] == '0' && text[1] == 'x' ? 16 : 10;
	uint32_t value32;

	if (len == 0 || len >= sizeof(buf) || text[0] < '0' || text[0] > '9')
		return false;
	memcpy(buf, text, len);
	buf[len] = 0;
	unsigned long long value = strtoull(buf, &end, base);
	if (*end || strlen(buf) != len || value < f->min || value > f->max)
		return false;
	value32 = (uint32_t)value;
	memcpy(out, &value32, sizeof(value32));
	return true;
}

static bool parse_range(const struct schema_field *f, const char *text, size_t len, void *out)
{
	struct config_range r = {.rest = is_word("rest", text, len)};
	const char *dash = memchr(text, '-', len);
	size_t first = dash ? (size_t)(dash - text) : len;

	if (!r.rest && !parse_number(f, text, first, &r.first))
		return false;
	r.last = r.first;
	if (dash && !parse_number(f, dash + 1, len - first - 1, &r.last))
		return false;
	if (r.first > r.last)
		return false;
	memcpy(out, &r, sizeof(r));
	return true;
}

static bool parse_prefix(const char *text, struct config_prefix *out)
{
	struct config_prefix p = {.any = strcmp(text, "any") == 0};

	if (!p.any && !prefix_parse(text, &p.prefix))
		return false;
	*out = p;
	return true;
}

static bool parse_address(const struct schema_field *f, const char *text, size_t len, void *out)
{
	char buf[64];

	if (len >= sizeof(buf) || memchr(text, 0, len))
		return false;
	memcpy(buf, text, len);
	buf[len] = 0;
	if (f->kind == SCHEMA_PREFIX)
		return parse_prefix(buf, out);
	return f->kind == SCHEMA_IP ? ip_parse(buf, out) : mac_parse(buf, out);
}

static bool parse_bool(const char *text, size_t len, bool *out)
{
	bool yes = is_word("true", text, len);
	bool no = is_word("false", text, len);

	if (yes || no)
		*out = yes;
	return yes || no;
}

static bool parse_enum(const char *const *names, const char *text, size_t len, uint32_t *out)
{
	for (uint32_t i = 0; names[i]; i++) {
		if (is_word(names[i], text, len)) {
			*out = i;
			return true;
		}
	}
	return false;
}

static bool parse_dpid(const char *text, size_t len, uint64_t *out)
{
	uint64_t value = 0;

	if (len != 16)
		return false;
	for (size_t i = 0; i < len; i++) {
		const char *digits = "0123456789abcdef0123456789ABCDEF", *at;
		if (!text[i] || !(at = strchr(digits, text[i])))
			return false;
		value = value << 4 | (uint64_t)((at - digits) % 16);
	}
	*out = value;
	return true;
}

static bool parse_string(const struct schema_field *f, const char *text, size_t len, char *out)
{
	if (len == 0 || len > f->max)
		return false;
	if (f->kind == SCHEMA_NAME ? !is_name(text, len) : !is_printable(text, len))
		return false;
	memcpy(out, text, len);
	out[len] = 0;
	return true;
}

bool scalar_parse(const struct schema_field *f, const char *text, size_t len, void *out)
{
	switch (f->kind) {
	case SCHEMA_NAME:
	case SCHEMA_STRING:
		return parse_string(f, text, len, out);
	case SCHEMA_NUMBER:
		return parse_number(f, text, len, out);
	case SCHEMA_BOOL:
		return parse_bool(text, len, out);
	case SCHEMA_ENUM:
		return parse_enum(f->names, text, len, out);
	case SCHEMA_DPID:
		return parse_dpid(text, len, out);
	case SCHEMA_RANGE:
		return parse_range(f, text, len, out);
	case SCHEMA_IP:
	case SCHEMA_MAC:
	case SCHEMA_PREFIX:
		return parse_address(f, text, len, out);
	default:
		return false;
	}
}

size_t scalar_size(const struct schema_field *f)
{
	switch (f->kind) {
	case SCHEMA_IP:
		return sizeof(struct weft_ip);
	case SCHEMA_RANGE:
		return sizeof(struct config_range);
	case SCHEMA_PREFIX:
		return sizeof(struct config_prefix);
	default:
		return f->max + 1;
	}
}

void scalar_expected(const struct schema_field *f, char *buf, size_t size)
{
	switch (f->kind) {
	case SCHEMA_NAME:
		snprintf(buf, size,
			"a name of 1 to %u letters, digits, dots, underscores and hyphens", f->max);
		break;
	case SCHEMA_STRING:
		snprintf(buf, size, "a text of 1 to %u characters", f->max);
		break;
	case SCHEMA_NUMBER:
		snprintf(buf, size, "a number from %u to %u", f->min, f->max);
		break;
	case SCHEMA_BOOL:
		snprintf(buf, size, "true or false");
		break;
	case SCHEMA_ENUM:
		snprintf(buf, size, "one of");
		for (unsigned i = 0; f->names[i]; i++) {
			size_t n = strlen(buf);
			snprintf(buf + n, size - n, "%s %s", i ? "," : "", f->names[i]);
		}
		break;
	case SCHEMA_IP:
		snprintf(buf, size, "an IPv4 or IPv6 address");
		break;
	case SCHEMA_RANGE:
		snprintf(buf, size, "a number from %u to %u, two of them as in %u-%u, or \"rest\"",
			f->min, f->max, f->min, f->max);
		break;
	case SCHEMA_PREFIX:
		snprintf(buf, size,
			"an IPv4 or IPv6 address, one with a prefix length (and nothing behind "
			"it), "
			"or \"any\"");
		break;
	case SCHEMA_MAC:
		snprintf(buf, size, "a MAC address like 02:00:00:00:00:01");
		break;
	case SCHEMA_DPID:
		snprintf(buf, size, "16 hexadecimal digits");
		break;
	case SCHEMA_MAP:
		snprintf(buf, size, "a mapping");
		break;
	default:
		snprintf(buf, size, "a list");
	}
}

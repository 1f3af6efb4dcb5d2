// SPDX-License-Identifier: Apache-2.0
#include "config/read.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "config/scalar.h"
#include "mem.h"

struct walk {
	struct config_reader *r;
	yaml_document_t doc;
};

// ---- errors and places

// A file's own words stand in errors, and go to terminals and logs.
static void one_line(char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			*text = '?';
}

static void add_error(
	struct config_reader *r, unsigned line, unsigned column, const char *path, char *text)
{
	if (r->error_count++ >= CONFIG_MAX_ERRORS)
		return;
	one_line(text);
	char *more = agent_format("%s%s%s:%u:%u: %s%s%s", r->errors ? r->errors : "",
		r->errors ? "\n" : "", r->name, line, column, path, path[0] ? ": " : "", text);
	free(r->errors);
	r->errors = more;
}

__attribute__((format(printf, 4, 5))) static void error_at(
	struct config_reader *r, yaml_mark_t mark, const char *path, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	char *text = agent_vformat(format, ap);
	va_end(ap);
	add_error(r, (unsigned)mark.line + 1, (unsigned)mark.column + 1, path, text);
	free(text);
}

static uint32_t hash_field(const void *field, bool map)
{
	return finder_hash(&field, sizeof(field), map);
}

static void add_place(struct config_reader *r, const void *field, bool map, const char *path,
	const yaml_node_t *n)
{
	yaml_mark_t mark = n->start_mark;
	const char *text =
		n->type != YAML_SCALAR_NODE
			? ""
			: arena_format(&r->scratch, "%.80s", (const char *)n->data.scalar.value);

	if (r->place_count == r->place_capacity) {
		r->place_capacity = r->place_capacity ? 2 * r->place_capacity : 64;
		r->places = agent_resize(r->places, r->place_capacity, sizeof(*r->places));
	}
	r->places[r->place_count++] = (struct config_place){
		field, map, path, text, (unsigned)mark.line + 1, (unsigned)mark.column + 1};
	finder_add(&r->place_fields, hash_field(field, map));
}

static const struct config_place *place_of(
	const struct config_reader *r, const void *field, bool map)
{
	const struct config_place *latest = NULL;

	FINDER_EACH (at, &r->place_fields, hash_field(field, map))
		if (r->places[at].field == field && r->places[at].map == map)
			latest = &r->places[at];
	return latest;
}

bool config_is_set(const struct config_reader *r, const void *field)
{
	return place_of(r, field, false);
}

void config_error(
	struct config_reader *r, const void *field, const char *key, const char *format, ...)
{
	static const struct config_place nowhere = {.path = "", .text = "", .line = 1, .column = 1};
	const struct config_place *at = place_of(r, field, key);
	va_list ap;

	if (!at)
		at = &nowhere;
	va_start(ap, format);
	char *text = agent_vformat(format, ap);
	va_end(ap);
	char *path = agent_format(
		"%s%s%s", at->path, key && key[0] && at->path[0] ? "." : "", key ? key : "");
	add_error(r, at->line, at->column, path, text);
	free(path);
	free(text);
}

void config_error_taken(struct config_reader *r, const void *again, const void *first)
{
	const struct config_place *a = place_of(r, again, false), *f = place_of(r, first, false);

	config_error(r, again, NULL, "\"%s\" is taken by %s", a ? a->text : "", f ? f->path : "");
}

// ---- values

// Nothing is what is left of a key whose lines were all commented out.
static const char *kind_of(const yaml_node_t *n)
{
	if (n->type == YAML_SCALAR_NODE && !n->data.scalar.length &&
		n->data.scalar.style == YAML_PLAIN_SCALAR_STYLE)
		return "nothing";
	return n->type == YAML_SEQUENCE_NODE  ? "a list"
	       : n->type == YAML_MAPPING_NODE ? "a mapping"
					      : "a scalar";
}

static void read_map(
	struct walk *w, const yaml_node_t *n, const struct schema *s, void *out, const char *path);

static void read_scalar(struct walk *w, const yaml_node_t *n, const struct schema_field *f,
	void *out, const char *path)
{
	char expected[512];

	scalar_expected(f, expected, sizeof(expected));
	if (n->type != YAML_SCALAR_NODE) {
		error_at(w->r, n->start_mark, path, "expected %s, got %s", expected, kind_of(n));
		return;
	}
	const char *text = (const char *)n->data.scalar.value;
	size_t len = n->data.scalar.length;
	if (!scalar_parse(f, text, len, out))
		error_at(w->r, n->start_mark, path, "expected %s, got \"%.*s\"", expected,
			(int)(len > 80 ? 80 : len), text);
}

// The elements' description, as if each were a field of its own at offset 0.
static struct schema_field element_of(const struct schema_field *list, size_t *size)
{
	struct schema_field f = *list;

	if (list->kind == SCHEMA_MAPS) {
		f.kind = SCHEMA_MAP;
		*size = list->sub->size;
		return f;
	}
	f.kind = list->kind == SCHEMA_IPS        ? SCHEMA_IP
		 : list->kind == SCHEMA_RANGES   ? SCHEMA_RANGE
		 : list->kind == SCHEMA_PREFIXES ? SCHEMA_PREFIX
						 : SCHEMA_STRING;
	*size = scalar_size(&f);
	return f;
}

static void read_value(struct walk *w, const yaml_node_t *n, const struct schema_field *f,
	void *out, const char *path);

static void read_list(struct walk *w, const yaml_node_t *n, const struct schema_field *list,
	void **items, size_t *count, const char *path)
{
	size_t size;
	struct schema_field f = element_of(list, &size);

	if (n->type != YAML_SEQUENCE_NODE) {
		error_at(w->r, n->start_mark, path, "expected a list (which may be []), got %s",
			kind_of(n));
		return;
	}
	*count = (size_t)(n->data.sequence.items.top - n->data.sequence.items.start);
	*items = arena_alloc(w->r->arena, *count * size);
	for (size_t i = 0; i < *count; i++) {
		yaml_node_t *item =
			yaml_document_get_node(&w->doc, n->data.sequence.items.start[i]);
		const char *at = arena_format(&w->r->scratch, "%s[%zu]", path, i);
		read_value(w, item, &f, (char *)*items + i * size, at);
	}
}

static bool is_list(const struct schema_field *f)
{
	return f->kind == SCHEMA_MAPS || f->kind >= SCHEMA_IPS;
}

static void read_value(struct walk *w, const yaml_node_t *n, const struct schema_field *f,
	void *out, const char *path)
{
	add_place(w->r, out, f->kind == SCHEMA_MAP, path, n);
	if (w->r->place_count > CONFIG_MAX_VALUES)
		error_at(w->r, n->start_mark, path, "more than %u values", CONFIG_MAX_VALUES);
	else if (f->kind == SCHEMA_MAP)
		read_map(w, n, f->sub, out, path);
	else
		read_scalar(w, n, f, out, path);
}

// ---- mappings

static const struct schema_field *field_of(const struct schema *s, const yaml_node_t *key)
{
	if (key->type != YAML_SCALAR_NODE)
		return NULL;
	for (const struct schema_field *f = s->fields; f->key; f++)
		if (strlen(f->key) == key->data.scalar.length &&
			memcmp(f->key, key->data.scalar.value, key->data.scalar.length) == 0)
			return f;
	return NULL;
}

static void unknown_key(
	struct walk *w, const yaml_node_t *key, const struct schema *s, const char *path)
{
	char known[512] = "";

	if (key->type != YAML_SCALAR_NODE) {
		error_at(w->r, key->start_mark, path, "a key must be a name");
		return;
	}
	for (const struct schema_field *f = s->fields; f->key; f++) {
		size_t n = strlen(known);
		snprintf(known + n, sizeof(known) - n, "%s%s", n ? ", " : "", f->key);
	}
	error_at(w->r, key->start_mark, path, "unknown key \"%.*s\", expected one of: %s",
		(int)(key->data.scalar.length > 80 ? 80 : key->data.scalar.length),
		(const char *)key->data.scalar.value, known);
}

static void read_pair(struct walk *w, const yaml_node_pair_t *pair, const struct schema *s,
	void *out, const char *path, uint64_t *seen)
{
	yaml_node_t *key = yaml_document_get_node(&w->doc, pair->key);
	yaml_node_t *value = yaml_document_get_node(&w->doc, pair->value);
	const struct schema_field *f = field_of(s, key);

	if (!f) {
		unknown_key(w, key, s, path);
		return;
	}
	const char *at = arena_format(&w->r->scratch, "%s%s%s", path, path[0] ? "." : "", f->key);
	uint64_t bit = 1ull << (f - s->fields);
	if (*seen & bit) {
		error_at(w->r, key->start_mark, at, "given twice");
		return;
	}
	*seen |= bit;
	if (is_list(f)) {
		add_place(w->r, (char *)out + f->offset, false, at, value);
		read_list(w, value, f, (void **)(void *)((char *)out + f->offset),
			(size_t *)(void *)((char *)out + f->count_offset), at);
	} else {
		read_value(w, value, f, (char *)out + f->offset, at);
	}
}

static void set_standards(const struct schema *s, void *out)
{
	for (const struct schema_field *f = s->fields; f->key; f++) {
		if (f->kind == SCHEMA_MAP)
			set_standards(f->sub, (char *)out + f->offset);
		else if (f->kind == SCHEMA_NUMBER || f->kind == SCHEMA_ENUM)
			memcpy((char *)out + f->offset, &f->standard, sizeof(f->standard));
		else if (f->kind == SCHEMA_BOOL)
			*((bool *)out + f->offset) = f->standard;
	}
}

static void read_map(
	struct walk *w, const yaml_node_t *n, const struct schema *s, void *out, const char *path)
{
	char expected[512];
	uint64_t seen = 0;

	set_standards(s, out);
	if (n->type != YAML_MAPPING_NODE) {
		error_at(w->r, n->start_mark, path, "expected a mapping, got %s", kind_of(n));
		return;
	}
	for (const yaml_node_pair_t *p = n->data.mapping.pairs.start; p < n->data.mapping.pairs.top;
		p++)
		read_pair(w, p, s, out, path, &seen);
	for (const struct schema_field *f = s->fields; f->key; f++) {
		if (!f->required || seen & 1ull << (f - s->fields))
			continue;
		const char *at =
			arena_format(&w->r->scratch, "%s%s%s", path, path[0] ? "." : "", f->key);
		scalar_expected(f, expected, sizeof(expected));
		error_at(w->r, n->start_mark, at, "missing, expected %s", expected);
	}
}

// ---- documents

static bool begins_with_tab(const char *text, size_t bytes, size_t line)
{
	const char *at = text, *end = text + bytes;

	while (line-- && at)
		at = (at = memchr(at, '\n', (size_t)(end - at))) ? at + 1 : NULL;
	while (at && at < end && *at == ' ')
		at++;
	return at && at < end && *at == '\t';
}

static void syntax_error(
	struct config_reader *r, const yaml_parser_t *parser, const char *text, size_t bytes)
{
	yaml_mark_t mark = parser->problem_mark;

	if (begins_with_tab(text, bytes, mark.line))
		error_at(r, mark, "", "not valid YAML: a tab, expected spaces");
	else
		error_at(r, mark, "", "not valid YAML: %s%s%s",
			parser->problem ? parser->problem : "?", parser->context ? " " : "",
			parser->context ? parser->context : "");
}

// It could be loaded.
static bool read_document(struct walk *w, const struct schema *schema, void *out)
{
	yaml_node_t *root = yaml_document_get_root_node(&w->doc);
	if (root)
		read_map(w, root, schema, out, "");
	else
		error_at(w->r, w->doc.start_mark, "", "the file is empty");
	yaml_document_delete(&w->doc);
	return root;
}

bool config_read(struct config_reader *r, const struct schema *schema, void *out, const char *text,
	size_t bytes)
{
	struct walk w = {.r = r};
	yaml_parser_t parser;

	if (!yaml_parser_initialize(&parser))
		abort(); // out of memory
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, bytes);
	if (!yaml_parser_load(&parser, &w.doc)) {
		syntax_error(r, &parser, text, bytes);
	} else if (read_document(&w, schema, out)) {
		struct walk second = {.r = r};
		if (!yaml_parser_load(&parser, &second.doc)) {
			syntax_error(r, &parser, text, bytes);
		} else {
			if (yaml_document_get_root_node(&second.doc))
				error_at(r, second.doc.start_mark, "", "a second document");
			yaml_document_delete(&second.doc);
		}
	}
	yaml_parser_delete(&parser);
	return r->error_count == 0;
}

void config_reader_free(struct config_reader *r)
{
	free(r->places);
	finder_free(&r->place_fields);
	arena_free(&r->scratch);
}

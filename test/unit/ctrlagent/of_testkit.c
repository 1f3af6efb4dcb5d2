// SPDX-License-Identifier: Apache-2.0
#include "of_testkit.h"

#include <stdlib.h>

#include <weft/fields.h>

#include "openflow/oxs.h"

void of_testkit_free(struct of_testkit *k)
{
	for (unsigned i = 0; i < k->n_blocks; i++)
		free(k->blocks[i]);
	free(k->blocks);
	k->blocks = NULL;
	k->n_blocks = 0;
}

// xorshift64*, so that a printed seed means the same everywhere.
uint64_t kit_rand(struct of_testkit *k)
{
	k->seed ^= k->seed >> 12;
	k->seed ^= k->seed << 25;
	k->seed ^= k->seed >> 27;
	return (k->seed * 0x2545f4914f6cdd1dull) >> 8;
}

unsigned kit_kind(struct of_testkit *k, const struct kit_kind *kinds, size_t n)
{
	const struct kit_kind *one;

	do
		one = &kinds[kit_rand(k) % n];
	while (k->version < one->low || k->version > one->high);
	return one->kind;
}

void kit_bytes(struct of_testkit *k, void *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		((uint8_t *)p)[i] = (uint8_t)kit_rand(k);
}

void kit_str(struct of_testkit *k, char *p, size_t n)
{
	size_t len = kit_rand(k) % n;

	memset(p, 0, n);
	for (size_t i = 0; i < len; i++)
		p[i] = (char)('a' + kit_rand(k) % 26);
}

// A copy of the span's bytes that lives as long as the kit. Exactly as long as the bytes, so that
// the address sanitizer sees a read past them.
struct of_span kit_keep(struct of_testkit *k, struct of_span s)
{
	uint8_t *p = malloc(s.len ? s.len : 1);

	k->blocks = realloc(k->blocks, (k->n_blocks + 1) * sizeof(*k->blocks));
	if (!p || !k->blocks)
		abort();
	k->blocks[k->n_blocks++] = p;
	if (s.len)
		memcpy(p, s.p, s.len);
	return (struct of_span){p, s.len};
}

bool kit_form_is_plain(const struct of_oxm_form *form)
{
	return form->class_ != 0 || (form->number != 0 && form->number != 4);
}

struct of_span kit_rest(struct of_testkit *k, size_t extra)
{
	uint8_t bytes[72];
	size_t n = extra + 8 * (kit_rand(k) % 9);

	kit_bytes(k, bytes, n);
	return kit_keep(k, (struct of_span){bytes, n});
}

// One TLV of a field that this version knows, its value within the field's width.
static void put_oxm(struct of_testkit *k, struct of_writer *w, bool may_mask)
{
	const struct of_oxm_form *form;
	const struct weft_field_info *info;
	uint8_t value[16];
	bool mask;

	do
		form = &of_oxm_forms[kit_rand(k) % of_oxm_forms_count];
	while (k->version < form->low || k->version > form->high || !kit_form_is_plain(form));
	info = &weft_field_infos[form->field];
	mask = may_mask && (info->flags & WEFT_FIELD_M) && kit_rand(k) % 2;
	of_put_u16(w, form->class_);
	of_put_u8(w, (uint8_t)(form->number << 1 | mask));
	of_put_u8(w, (uint8_t)((form->bytes << mask) + (form->experimenter ? 4 : 0)));
	if (form->experimenter)
		of_put_u32(w, form->experimenter);
	kit_bytes(k, value, sizeof(value));
	if (info->bits % 8)
		value[0] &= (uint8_t)(0xff >> (8 - info->bits % 8));
	for (int i = 0; i <= mask; i++) {
		of_put_zeros(w, form->bytes - info->bytes);
		of_put_bytes(w, value, info->bytes);
	}
}

struct of_span kit_match(struct of_testkit *k)
{
	struct of_writer w = {.version = k->version};
	struct of_span s;

	if (k->version == 1) {
		kit_bytes(k, of_add(&w, OF_MATCH_1_0_LEN), OF_MATCH_1_0_LEN);
	} else {
		for (unsigned n = kit_rand(k) % 5; n; n--)
			put_oxm(k, &w, true);
	}
	s = kit_keep(k, of_written(&w));
	of_writer_free(&w);
	return s;
}

struct of_span kit_oxm(struct of_testkit *k)
{
	struct of_writer w = {.version = k->version};
	struct of_span s;

	put_oxm(k, &w, false);
	s = kit_keep(k, of_written(&w));
	of_writer_free(&w);
	return s;
}

// Whole ones or not: it is not looked into.
struct of_span kit_nxm(struct of_testkit *k)
{
	uint8_t bytes[32];
	size_t n = kit_rand(k) % sizeof(bytes);

	kit_bytes(k, bytes, n);
	return kit_keep(k, (struct of_span){bytes, n});
}

struct of_span kit_stats(struct of_testkit *k)
{
	struct of_writer w = {.version = k->version};
	struct of_oxs oxs = {.present = kit_rand(k) & 0x3b};
	struct of_span s;

	kit_bytes(k, &oxs.duration_sec, sizeof(oxs) - offsetof(struct of_oxs, duration_sec));
	of_oxs_write(&w, &oxs);
	s = kit_keep(k, of_written(&w));
	of_writer_free(&w);
	return s;
}

// A whole message as far as its header says.
struct of_span kit_message(struct of_testkit *k)
{
	uint8_t bytes[40];
	size_t n = 8 + kit_rand(k) % 33;

	kit_bytes(k, bytes, n);
	bytes[0] = k->version;
	of_store16(bytes + 2, (uint16_t)n);
	return kit_keep(k, (struct of_span){bytes, n});
}

// One that OpenFlow 1.0 has a number for, if that is it.
uint32_t kit_port(struct of_testkit *k)
{
	uint32_t port = (uint32_t)kit_rand(k);

	if (k->version > 1)
		return port;
	port &= 0xffff;
	return port >= 0xff00 ? 0xffff0000 | port : port;
}

struct of_span kit_list(struct of_testkit *k, void (*random)(struct of_testkit *, void *),
	size_t size, int (*write)(struct of_writer *, const void *))
{
	struct of_writer w = {.version = k->version};
	void *element = malloc(size);
	struct of_span s;

	for (unsigned n = kit_rand(k) % 4; n; n--) {
		random(k, element);
		write(&w, element);
	}
	s = kit_keep(k, of_written(&w));
	free(element);
	of_writer_free(&w);
	return s;
}

bool kit_span_equal(struct of_span a, struct of_span b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.p, b.p, a.len) == 0);
}

int kit_refine(struct of_testkit *k, struct of_reader *r, struct of_span *list,
	const struct of_testkit_type *element)
{
	struct of_reader it = of_list(*list, r->version);
	struct of_writer w = {.version = r->version};
	void *one = malloc(element->size);

	while (of_left(&it) && element->read(&it, one) == 0 && element->refine(k, &it, one) == 0)
		element->write(&w, one);
	*list = kit_keep(k, of_written(&w));
	of_writer_free(&w);
	free(one);
	return it.failed ? of_fail_error(r, it.error) : 0;
}

void kit_dump_hex(FILE *f, struct of_span s)
{
	fputc('"', f);
	for (size_t i = 0; i < s.len; i++)
		fprintf(f, "%02x", s.p[i]);
	fputc('"', f);
}

void kit_dump_str(FILE *f, const char *s)
{
	fputc('"', f);
	for (; *s; s++)
		fprintf(f, *s < ' ' || *s > '~' || *s == '"' || *s == '\\' ? "\\u%04x" : "%c",
			(unsigned char)*s);
	fputc('"', f);
}

void kit_dump_u32s(FILE *f, const uint32_t *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		fprintf(f, "%s%u", i ? ", " : "[", v[i]);
	fputc(']', f);
}

void kit_dump_list(FILE *f, uint8_t version, struct of_span s, const struct of_testkit_type *t)
{
	struct of_reader it = of_list(s, version);
	void *one = malloc(t->size);
	const char *comma = "";

	fputc('[', f);
	for (; of_left(&it) && t->read(&it, one) == 0; comma = ", ") {
		fputs(comma, f);
		t->dump(f, version, one);
	}
	fputc(']', f);
	free(one);
}

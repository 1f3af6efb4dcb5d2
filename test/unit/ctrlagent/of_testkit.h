// SPDX-License-Identifier: Apache-2.0
#pragma once
// What tests and fuzzers want of the codec beyond reading and writing, for every struct alike.
//
// A type's functions take its struct as void *; `of_testkit_types` lists all of them. Random
// instances are valid as far as the description says; the bytes that their spans point to belong to
// the kit and are freed with of_testkit_free().

#include <stdio.h>

#include "openflow/of_wire.h"

struct of_testkit {
	uint64_t seed; // never 0
	uint8_t version;
	unsigned n_blocks;
	void **blocks; // what spans point to
};

struct of_testkit_type {
	const char *name;
	size_t size;
	uint8_t low; // wire versions that have it
	uint8_t high;
	void (*random)(struct of_testkit *k, void *out);
	int (*read)(struct of_reader *r, void *out);
	int (*write)(struct of_writer *w, const void *in);
	bool (*equal)(const void *a, const void *b);
	// Decodes all lists inside what was read, to the bottom, and points to them as written
	// anew.
	int (*refine)(struct of_testkit *k, struct of_reader *r, void *p);
	void (*dump)(FILE *f, uint8_t version, const void *p); // as JSON
};

extern const struct of_testkit_type *const of_testkit_types[];
extern const struct of_testkit_type of_testkit_of_message;

// Frees all spans made so far.
void of_testkit_free(struct of_testkit *k);

uint64_t kit_rand(struct of_testkit *k);

// Whether a form holds its field's value and nothing else: not NXM_OF_IN_PORT and NXM_OF_VLAN_TCI.
bool kit_form_is_plain(const struct of_oxm_form *form);

// For the generated part.
struct kit_kind {
	unsigned kind;
	uint8_t low;
	uint8_t high;
};
unsigned kit_kind(struct of_testkit *k, const struct kit_kind *kinds, size_t n);
void kit_bytes(struct of_testkit *k, void *p, size_t n);
void kit_str(struct of_testkit *k, char *p, size_t n);
struct of_span kit_keep(struct of_testkit *k, struct of_span s);
// A multiple of 8 and `extra` bytes.
struct of_span kit_rest(struct of_testkit *k, size_t extra);
struct of_span kit_match(struct of_testkit *k);
struct of_span kit_oxm(struct of_testkit *k);
struct of_span kit_nxm(struct of_testkit *k);
struct of_span kit_stats(struct of_testkit *k);
struct of_span kit_message(struct of_testkit *k);
uint32_t kit_port(struct of_testkit *k);
struct of_span kit_list(struct of_testkit *k, void (*random)(struct of_testkit *, void *),
	size_t size, int (*write)(struct of_writer *, const void *));
bool kit_span_equal(struct of_span a, struct of_span b);
int kit_refine(struct of_testkit *k, struct of_reader *r, struct of_span *list,
	const struct of_testkit_type *element);
void kit_dump_hex(FILE *f, struct of_span s);
void kit_dump_str(FILE *f, const char *s);
void kit_dump_u32s(FILE *f, const uint32_t *v, size_t n);
void kit_dump_list(FILE *f, uint8_t version, struct of_span s, const struct of_testkit_type *t);

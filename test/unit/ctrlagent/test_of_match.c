// SPDX-License-Identifier: Apache-2.0
// Matches: every field in every form, every error of the reader, and the way there and back.
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "of_testkit.h"
#include "openflow/match.h"
#include "openflow/oxm.h"

#define VERSION 4

static struct of_testkit kit = {.version = VERSION};

// An OXM list under construction.
struct list {
	uint8_t bytes[512];
	size_t len;
};

static void add(
	struct list *l, const struct of_oxm_form *form, const uint8_t *value, const uint8_t *mask)
{
	uint8_t *p = l->bytes + l->len;
	unsigned extra = form->experimenter ? 4 : 0, n = form->bytes;

	of_store16(p, form->class_);
	p[2] = (uint8_t)(form->number << 1 | (mask != NULL));
	p[3] = (uint8_t)(extra + n * (mask ? 2 : 1));
	of_store32(p + 4, form->experimenter);
	memcpy(p + 4 + extra, value, n);
	if (mask)
		memcpy(p + 4 + extra + n, mask, n);
	l->len += 4u + p[3];
}

static void add_number(struct list *l, enum weft_field f, uint64_t v)
{
	const struct of_oxm_form *form = of_oxm_form_of_field(f, VERSION);
	uint8_t value[16] = {0};

	for (unsigned i = 0; i < form->bytes && i < 8; i++)
		value[form->bytes - 1 - i] = (uint8_t)(v >> 8 * i);
	add(l, form, value, NULL);
}

static void add_ip(struct list *l, uint16_t eth_type, int proto)
{
	add_number(l, WEFT_FIELD_ETH_TYPE, eth_type);
	if (proto >= 0)
		add_number(l, WEFT_FIELD_IP_PROTO, (uint64_t)proto);
}

static void add_nd(struct list *l, uint8_t type)
{
	add_ip(l, 0x86dd, 58);
	add_number(l, WEFT_FIELD_ICMPV6_TYPE, type);
}

// What a field needs before it; OpenFlow 1.3.5, table 12, written down independently of match.c.
static void add_prereqs(struct list *l, enum weft_prereq p)
{
	switch (p) {
	case WEFT_PREREQ_NONE:
		return;
	case WEFT_PREREQ_IN_PORT:
		return add_number(l, WEFT_FIELD_IN_PORT, 7);
	case WEFT_PREREQ_VLAN:
		return add_number(l, WEFT_FIELD_VLAN_VID, 0x1064);
	case WEFT_PREREQ_IP:
		return add_ip(l, kit_rand(&kit) % 2 ? 0x0800 : 0x86dd, -1);
	case WEFT_PREREQ_IPV4:
		return add_ip(l, 0x0800, -1);
	case WEFT_PREREQ_IPV6:
		return add_ip(l, 0x86dd, -1);
	case WEFT_PREREQ_ARP:
		return add_ip(l, 0x0806, -1);
	case WEFT_PREREQ_MPLS:
		return add_ip(l, kit_rand(&kit) % 2 ? 0x8847 : 0x8848, -1);
	case WEFT_PREREQ_PBB:
		return add_ip(l, 0x88e7, -1);
	case WEFT_PREREQ_TCP:
		return add_ip(l, kit_rand(&kit) % 2 ? 0x0800 : 0x86dd, 6);
	case WEFT_PREREQ_UDP:
		return add_ip(l, kit_rand(&kit) % 2 ? 0x0800 : 0x86dd, 17);
	case WEFT_PREREQ_SCTP:
		return add_ip(l, kit_rand(&kit) % 2 ? 0x0800 : 0x86dd, 132);
	case WEFT_PREREQ_ICMPV4:
		return add_ip(l, 0x0800, 1);
	case WEFT_PREREQ_ICMPV6:
		return add_ip(l, 0x86dd, 58);
	case WEFT_PREREQ_ND:
		return add_nd(l, kit_rand(&kit) % 2 ? 135 : 136);
	case WEFT_PREREQ_ND_SOLICIT:
		return add_nd(l, 135);
	case WEFT_PREREQ_ND_ADVERT:
		return add_nd(l, 136);
	}
}

static int read_list(const struct list *l, struct weft_match *m, struct of_error *e)
{
	// A copy of the exact size, for the address sanitizer.
	struct of_span s = kit_keep(&kit, (struct of_span){l->bytes, l->len});
	int rc = of_match_read(s, VERSION, m, e);

	of_testkit_free(&kit);
	return rc;
}

static void expect_error(const struct list *l, unsigned code, const char *what)
{
	struct weft_match m;
	struct of_error e = {0, 0, 0};

	if (read_list(l, &m, &e) != -EBADMSG)
		fail_msg("%s: accepted, expected code %u", what, code);
	if (e.type != OFPET_BAD_MATCH || e.code != code)
		fail_msg("%s: %u,%u, expected code %u", what, e.type, e.code, code);
}

// A random value within the field's width; VLAN ids with OFPVID_PRESENT.
static void random_value(const struct of_oxm_form *form, uint8_t *value)
{
	const struct weft_field_info *info = &weft_field_infos[form->field];
	unsigned lead = form->bytes - info->bytes;

	memset(value, 0, 16);
	kit_bytes(&kit, value + lead, info->bytes);
	if (info->bits % 8)
		value[lead] &= (uint8_t)(0xff >> (8 - info->bits % 8));
	if (form->field == WEFT_FIELD_VLAN_VID)
		value[0] |= 0x10;
}

static void check_form(const struct of_oxm_form *form)
{
	const struct weft_field_info *info = &weft_field_infos[form->field];
	unsigned lead = form->bytes - info->bytes;
	struct weft_flow_key value, mask;
	struct list before = {.len = 0}, l;
	struct weft_match m;
	struct of_error e;
	uint8_t v[16];

	add_prereqs(&before, info->prereq);
	random_value(form, v);

	l = before;
	add(&l, form, v, NULL);
	if (read_list(&l, &m, &e))
		fail_msg("%s: refused with %u,%u", info->name, e.type, e.code);
	assert_true(weft_match_ok(&m));
	weft_match_to_key(&m, &value, &mask);
	assert_memory_equal(weft_key_field(&value, form->field), v + lead, info->bytes);

	add(&l, form, v, NULL);
	expect_error(&l, OFPBMC_DUP_FIELD, info->name);

	l = (struct list){.len = 0};
	add(&l, form, v, NULL);
	if (info->prereq != WEFT_PREREQ_NONE) {
		struct list after = l;

		expect_error(&l, OFPBMC_BAD_PREREQ, info->name);
		add_prereqs(&after, info->prereq); // too late
		expect_error(&after, OFPBMC_BAD_PREREQ, info->name);
	}

	l = before;
	add(&l, form, v, NULL);
	l.bytes[before.len + 3]--; // the last byte stays behind as the start of a next TLV
	expect_error(&l, OFPBMC_BAD_LEN, info->name);
	l.bytes[before.len + 3] += 2; // runs over the end
	expect_error(&l, OFPBMC_BAD_LEN, info->name);
	l.len++;
	expect_error(&l, OFPBMC_BAD_LEN, info->name);
}

static void check_width(const struct of_oxm_form *form)
{
	const struct weft_field_info *info = &weft_field_infos[form->field];
	struct list l = {.len = 0};
	uint8_t v[16];

	if (info->bits == 8 * form->bytes)
		return;
	random_value(form, v);
	v[form->bytes - 1 - info->bits / 8] |= (uint8_t)(1 << info->bits % 8);
	add_prereqs(&l, info->prereq);
	add(&l, form, v, NULL);
	expect_error(&l, OFPBMC_BAD_VALUE, info->name);
}

static void check_masks(const struct of_oxm_form *form)
{
	const struct weft_field_info *info = &weft_field_infos[form->field];
	uint8_t v[16], ones[16], zeros[16] = {0};
	struct list before = {.len = 0}, l;
	struct weft_match exact, other;
	struct of_error e;

	memset(ones, 0xff, sizeof(ones));
	random_value(form, v);
	v[form->bytes - 1] |= 1;
	add_prereqs(&before, info->prereq);
	l = before;
	add(&l, form, v, ones);
	if (!(info->flags & WEFT_FIELD_M)) {
		expect_error(&l, OFPBMC_BAD_MASK, info->name);
		return;
	}
	assert_int_equal(read_list(&l, &other, &e), 0);
	l = before;
	add(&l, form, v, NULL);
	assert_int_equal(read_list(&l, &exact, &e), 0);
	assert_true(weft_match_equal(&exact, &other));

	l = before;
	add(&l, form, zeros, zeros);
	assert_int_equal(read_list(&l, &other, &e), 0);
	assert_int_equal(read_list(&before, &exact, &e), 0);
	assert_true(weft_match_equal(&exact, &other));

	l = before;
	ones[form->bytes - 1] = 0xfe;
	add(&l, form, v, ones);
	expect_error(&l, OFPBMC_BAD_WILDCARDS, info->name);
}

static void every_form(void **state)
{
	unsigned n = 0;

	for (size_t i = 0; i < of_oxm_forms_count; i++) {
		const struct of_oxm_form *form = &of_oxm_forms[i];

		if (VERSION < form->low || form->high < VERSION || !kit_form_is_plain(form))
			continue;
		for (int round = 0; round < 8; round++) {
			check_form(form);
			check_width(form);
			check_masks(form);
		}
		n++;
	}
	assert_true(n >= 50);
}

static void every_field_has_a_form(void **state)
{
	for (unsigned f = 0; f < WEFT_FIELD_MAX; f++)
		assert_non_null(of_oxm_form_of_field(f, VERSION));
}

static void unknown_fields(void **state)
{
	static const uint8_t lists[][12] = {
		{0x80, 0x00, 60 << 1, 4, 0, 0, 0, 0},              // no such field
		{0x12, 0x34, 0, 4, 0, 0, 0, 0},                    // no such class
		{0x80, 0x00, 41 << 1, 1, 0},                       // pbb_uca is 1.4's
		{0xff, 0xff, 42 << 1, 6, 0, 0, 0, 1, 0, 0},        // nobody's experimenter
		{0xff, 0xff, 1 << 1, 6, 0x4f, 0x4e, 0x46, 0, 0, 0} // not the ONF's
	};

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		struct list l = {.len = 4u + lists[i][3]};

		memcpy(l.bytes, lists[i], l.len);
		expect_error(&l, OFPBMC_BAD_FIELD, "unknown");
	}
	expect_error(&(struct list){.bytes = {0xff, 0xff, 0, 3, 0, 0, 0}, .len = 7}, OFPBMC_BAD_LEN,
		"experimenter cut short");
	expect_error(&(struct list){.bytes = {0x80, 0, 0}, .len = 3}, OFPBMC_BAD_LEN, "header");
}

// OpenFlow 1.3.5, 7.2.3.8, table 13.
static void vlan(void **state)
{
	const struct of_oxm_form *form = of_oxm_form_of_field(WEFT_FIELD_VLAN_VID, VERSION);
	struct list l = {.len = 0};
	struct weft_flow_key value, mask;
	struct weft_match m;
	struct of_error e;

	add_number(&l, WEFT_FIELD_VLAN_VID, 0); // OFPVID_NONE
	assert_int_equal(read_list(&l, &m, &e), 0);
	weft_match_to_key(&m, &value, &mask);
	assert_int_equal(mask.vlan_vid, htons(0x1fff));
	assert_int_equal(value.vlan_vid, 0);
	add_number(&l, WEFT_FIELD_VLAN_PCP, 3);
	expect_error(&l, OFPBMC_BAD_PREREQ, "pcp without a tag");

	l.len = 0;
	add(&l, form, (uint8_t[]){0x10, 0}, (uint8_t[]){0x10, 0}); // any tag
	add_number(&l, WEFT_FIELD_VLAN_PCP, 3);
	assert_int_equal(read_list(&l, &m, &e), 0);
	weft_match_to_key(&m, &value, &mask);
	assert_int_equal(mask.vlan_vid, htons(0x1000));

	l.len = 0;
	add_number(&l, WEFT_FIELD_VLAN_VID, 100);
	expect_error(&l, OFPBMC_BAD_VALUE, "id without OFPVID_PRESENT");
	l.len = 0;
	add_number(&l, WEFT_FIELD_VLAN_VID, 0x2000);
	expect_error(&l, OFPBMC_BAD_VALUE, "beyond 13 bits");
}

// A match of a few random fields with whatever they need, some masked.
static void random_match(struct list *l)
{
	bool have[WEFT_FIELD_MAX] = {0};
	const struct weft_field_info *last;
	enum weft_field f;

	l->len = 0;
	do
		f = kit_rand(&kit) % WEFT_FIELD_MAX;
	while (!of_oxm_form_of_field(f, VERSION));
	last = &weft_field_infos[f];
	add_prereqs(l, last->prereq);
	for (struct of_reader it = of_reader(l->bytes, l->len, VERSION); of_left(&it);) {
		struct of_oxm o;

		of_oxm_read(&it, &o);
		have[o.form->field] = true;
	}
	const unsigned free_fields[] = {f, WEFT_FIELD_METADATA, WEFT_FIELD_ETH_SRC,
		WEFT_FIELD_ETH_DST, WEFT_FIELD_TUNNEL_ID, WEFT_FIELD_TUN_DST, WEFT_FIELD_IN_PORT};
	for (size_t i = 0; i < sizeof(free_fields) / sizeof(free_fields[0]); i++) {
		const struct of_oxm_form *form = of_oxm_form_of_field(free_fields[i], VERSION);
		uint8_t v[16], k[16];

		if (have[free_fields[i]] || (i && kit_rand(&kit) % 2))
			continue;
		have[free_fields[i]] = true;
		random_value(form, v);
		if (!(weft_field_infos[form->field].flags & WEFT_FIELD_M) || kit_rand(&kit) % 2) {
			add(l, form, v, NULL);
			continue;
		}
		random_value(form, k);
		for (int b = 0; b < 16; b++)
			v[b] &= k[b];
		add(l, form, v, k);
	}
}

static void round_trip(void **state)
{
	for (int i = 0; i < 20000; i++) {
		struct of_writer w = {.version = VERSION}, again = {.version = VERSION};
		struct weft_match a, b;
		struct of_error e;
		struct list l;

		random_match(&l);
		if (read_list(&l, &a, &e))
			fail_msg("refused with %u,%u", e.type, e.code);
		assert_true(weft_match_ok(&a));
		assert_int_equal(of_match_write(&w, &a), 0);
		assert_int_equal(of_match_read(of_written(&w), VERSION, &b, &e), 0);
		assert_true(weft_match_equal(&a, &b));
		assert_int_equal(of_match_write(&again, &b), 0);
		assert_true(kit_span_equal(of_written(&w), of_written(&again)));
		of_writer_free(&w);
		of_writer_free(&again);
	}
}

static void packet_in(void **state)
{
	static const uint8_t want[] = {0x80, 0, 0, 4, 0, 0, 0, 5, 0x80, 0, 38 << 1, 8, 0, 0, 0, 0,
		0, 0, 0x13, 0x88, 0, 1, 31 << 1, 4, 10, 0, 0, 1};
	struct weft_flow_key key = {.in_port = htonl(5),
		.in_phy_port = htonl(5),
		.tunnel_id = weft_htonll(5000),
		.tun_src = htonl(0x0a000001),
		.eth_type = htons(0x800)};
	struct of_writer w = {.version = VERSION};
	struct weft_match m;
	struct of_error e;

	assert_int_equal(of_packet_match_write(&w, &key), 0);
	assert_int_equal(w.len, sizeof(want));
	assert_memory_equal(w.data, want, sizeof(want));
	of_writer_reset(&w);
	key.in_phy_port = htonl(6);
	key.metadata = 1;
	assert_int_equal(of_packet_match_write(&w, &key), 0);
	assert_int_equal(w.len, sizeof(want) + 8 + 12);
	assert_int_equal(of_match_read(of_written(&w), VERSION, &m, &e), 0);
	of_writer_free(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_form),
		cmocka_unit_test(every_field_has_a_form),
		cmocka_unit_test(unknown_fields),
		cmocka_unit_test(vlan),
		cmocka_unit_test(round_trip),
		cmocka_unit_test(packet_in),
	};
	const char *given = getenv("WEFT_SEED");

	kit.seed = given ? strtoull(given, NULL, 0) : (uint64_t)time(NULL) | 1;
	printf("WEFT_SEED=%llu\n", (unsigned long long)kit.seed);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

// SPDX-License-Identifier: Apache-2.0
// Bits of NXM's headers that cut the packet otherwise: what is loaded and moved there by reg_load
// and reg_move is what happens to a number of 16 or 8 bits, whichever fields have them.
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include <weft/match.h>

#include "../rng.h"
#include "of_testkit.h"
#include "openflow/action_sink.h"
#include "openflow/actions.h"
#include "openflow/nx_learn.h"
#include "openflow/oxm.h"

#define VERSION 4
#define NXM_NX_REG0 0x00010004u

static struct of_testkit kit = {.version = VERSION};

// ---- a key as those numbers

static uint64_t get(const struct weft_flow_key *k, unsigned field)
{
	const uint8_t *p = weft_key_field_const(k, field);
	uint64_t v = 0;

	if (field == WEFT_FIELD_VLAN_TCI) // without what a tag is, as a number
		return get(k, WEFT_FIELD_VLAN_PCP) << 13 | get(k, WEFT_FIELD_VLAN_VID);
	for (unsigned i = 0; i < weft_field_infos[field].bytes; i++)
		v = v << 8 | p[i];
	return v;
}

static void set(struct weft_flow_key *k, unsigned field, uint64_t v)
{
	if (field == WEFT_FIELD_VLAN_TCI) {
		set(k, WEFT_FIELD_VLAN_PCP, v >> 13);
		set(k, WEFT_FIELD_VLAN_VID, v & 0x1fff);
		return;
	}
	for (unsigned n = weft_field_infos[field].bytes; n--; v >>= 8)
		weft_key_field(k, field)[n] = (uint8_t)v;
}

static uint64_t view(const struct weft_flow_key *k, uint32_t header)
{
	if (header == OF_NXM_VLAN_TCI)
		return get(k, WEFT_FIELD_VLAN_TCI);
	if (header == OF_NXM_IP_TOS)
		return get(k, WEFT_FIELD_IP_DSCP) << 2;
	return get(k, header == OF_NXM_IN_PORT ? WEFT_FIELD_IN_PORT : WEFT_FIELD_REG0) & 0xffff;
}

static uint64_t ones(unsigned n)
{
	return (1ull << n) - 1;
}

static uint64_t payload_number(const uint8_t *p, unsigned field)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < weft_field_infos[field].bytes; i++)
		v = v << 8 | p[i];
	return v;
}

static void run(struct weft_flow_key *k, const void *list, size_t len)
{
	WEFT_ACTION_FOR_EACH (a, list, len) {
		const struct weft_action_move *m = weft_action_payload(a);
		struct weft_flow_key value = {0}, mask = {0};
		uint64_t bits;

		if (a->type == WEFT_ACTION_MOVE) {
			bits = get(k, m->src.field) >> m->src.ofs & ones(m->src.n_bits);
			set(k, m->dst.field,
				(get(k, m->dst.field) & ~(ones(m->dst.n_bits) << m->dst.ofs)) |
					bits << m->dst.ofs);
			continue;
		}
		assert_true(a->type == WEFT_ACTION_LOAD || a->type == WEFT_ACTION_SET_FIELD);
		set(&value, a->arg, payload_number((const uint8_t *)m, a->arg));
		set(&mask, a->arg, payload_number((const uint8_t *)m + 16, a->arg));
		set(k, a->arg, (get(k, a->arg) & ~get(&mask, a->arg)) | get(&value, a->arg));
	}
}

static void random_key(struct weft_flow_key *k)
{
	rng_fill(k, sizeof(*k));
	set(k, WEFT_FIELD_VLAN_VID, rng() & 0x1fff);
	set(k, WEFT_FIELD_VLAN_PCP, rng() & 7);
	set(k, WEFT_FIELD_IP_DSCP, rng() & 63);
}

// ---- actions

// Bytes of the list, or -1 with what to say.
static ssize_t read_list(struct of_writer *w, void *out, struct of_error *e)
{
	struct of_span s = kit_keep(&kit, of_written(w));
	ssize_t n = of_actions_read(s, VERSION, 0, out, 1024, e);

	of_testkit_free(&kit);
	of_writer_free(w);
	return n;
}

static ssize_t load(
	uint32_t header, unsigned ofs, unsigned n, uint64_t v, void *out, struct of_error *e)
{
	struct of_writer w = {.version = VERSION};

	of_nx_action_reg_load_write(
		&w, &(struct of_nx_action_reg_load){(uint16_t)(ofs << 6 | (n - 1)), header, v});
	return read_list(&w, out, e);
}

static ssize_t move(uint32_t src, unsigned src_ofs, uint32_t dst, unsigned dst_ofs, unsigned n,
	void *out, struct of_error *e)
{
	struct of_writer w = {.version = VERSION};

	of_nx_action_reg_move_write(
		&w, &(struct of_nx_action_reg_move){(uint16_t)n, (uint16_t)src_ofs,
			    (uint16_t)dst_ofs, {.header = src}, {.header = dst}});
	return read_list(&w, out, e);
}

static const uint32_t headers[] = {OF_NXM_IN_PORT, OF_NXM_VLAN_TCI, OF_NXM_IP_TOS};

static unsigned bits_of(uint32_t header)
{
	return header == OF_NXM_IP_TOS ? 8 : 16;
}

// What nobody has is not written.
static uint64_t writable(uint32_t header)
{
	return header == OF_NXM_IP_TOS ? 0xfc : 0xffff;
}

static void loads(void **state)
{
	_Alignas(8) uint8_t out[1024];
	struct of_error e;

	for (unsigned i = 0; i < 20000; i++) {
		uint32_t h = headers[rng() % 3];
		unsigned n = 1 + rng() % bits_of(h), ofs = rng() % (bits_of(h) - n + 1);
		uint64_t v = rng() & ones(n), want;
		struct weft_flow_key k;
		ssize_t len;

		len = load(h, ofs, n, v, out, &e);
		if (v << ofs & ~writable(h)) {
			assert_int_equal(len, -EBADMSG);
			assert_int_equal(e.code, OFPBAC_BAD_ARGUMENT);
			continue;
		}
		assert_true(len >= 0 && weft_actions_ok(out, (size_t)len));
		random_key(&k);
		want = (view(&k, h) & ~(ones(n) << ofs & writable(h))) | v << ofs;
		run(&k, out, (size_t)len);
		assert_int_equal(view(&k, h), want);
	}
}

static void moves(void **state)
{
	_Alignas(8) uint8_t out[1024];
	struct of_error e;

	for (unsigned i = 0; i < 20000; i++) {
		uint32_t h = headers[rng() % 3];
		unsigned n = 1 + rng() % bits_of(h), ofs = rng() % (bits_of(h) - n + 1);
		unsigned at = rng() % (16 - n + 1);
		struct weft_flow_key k;
		uint64_t want;
		ssize_t len;

		random_key(&k);
		if (rng() % 2) {
			len = move(h, ofs, NXM_NX_REG0, at, n, out, &e);
			want = (view(&k, NXM_NX_REG0) & ~(ones(n) << at)) |
			       (view(&k, h) >> ofs & ones(n)) << at;
		} else {
			len = move(NXM_NX_REG0, at, h, ofs, n, out, &e);
			want = (view(&k, h) & ~(ones(n) << ofs & writable(h))) |
			       ((view(&k, NXM_NX_REG0) >> at & ones(n)) << ofs & writable(h));
			at = UINT32_MAX;
		}
		assert_true(len >= 0 && weft_actions_ok(out, (size_t)len));
		run(&k, out, (size_t)len);
		assert_int_equal(view(&k, at == UINT32_MAX ? h : NXM_NX_REG0), want);
	}
}

static void refused(void **state)
{
	_Alignas(8) uint8_t out[1024];
	struct of_error e;

	assert_int_equal(load(OF_NXM_IP_TOS, 4, 5, 0, out, &e), -EBADMSG); // over the end
	assert_int_equal(e.code, OFPBAC_BAD_ARGUMENT);
	assert_int_equal(load(OF_NXM_VLAN_TCI, 0, 4, 16, out, &e), -EBADMSG); // no four bits
	assert_int_equal(e.code, OFPBAC_BAD_ARGUMENT);
	assert_int_equal(move(OF_NXM_VLAN_TCI, 10, NXM_NX_REG0, 0, 7, out, &e), -EBADMSG);
	assert_int_equal(e.code, OFPBAC_BAD_ARGUMENT);
	assert_int_equal(move(OF_NXM_VLAN_TCI, 0, NXM_NX_REG0, 0, 0, out, &e), -EBADMSG);
	assert_int_equal(e.code, OFPBAC_BAD_ARGUMENT);
	// Within itself, in pieces: one might overwrite the next.
	assert_int_equal(move(OF_NXM_IP_TOS, 0, OF_NXM_IP_TOS, 1, 4, out, &e), -EBADMSG);
	assert_int_equal(e.code, OFPBAC_BAD_ARGUMENT);
	assert_true(move(OF_NXM_VLAN_TCI, 11, OF_NXM_VLAN_TCI, 12, 4, out, &e) > 0);
	assert_true(move(OF_NXM_VLAN_TCI, 0, OF_NXM_VLAN_TCI, 4, 4, out, &e) > 0);
}

// set-field with NXM's header, in OpenFlow 1.3's action.
static ssize_t set_field(const uint8_t *oxm, size_t len, void *out, struct of_error *e)
{
	const uint8_t head[4] = {0, 25, 0, 16}, zeros[12] = {0};
	struct of_writer w = {.version = VERSION};

	of_put_bytes(&w, head, 4);
	of_put_bytes(&w, oxm, len);
	of_put_bytes(&w, zeros, 12 - len);
	return read_list(&w, out, e);
}

static void set_fields(void **state)
{
	_Alignas(8) uint8_t out[1024];
	struct weft_flow_key k = {0};
	struct of_error e;
	ssize_t n;

	n = set_field((uint8_t[]){0, 0, 0x0a, 1, 0xb8}, 5, out, &e);
	assert_true(n > 0);
	run(&k, out, (size_t)n);
	assert_int_equal(get(&k, WEFT_FIELD_IP_DSCP), 46);
	n = set_field((uint8_t[]){0, 0, 0x08, 2, 0x70, 0x64}, 6, out, &e);
	assert_true(n > 0);
	run(&k, out, (size_t)n);
	assert_int_equal(get(&k, WEFT_FIELD_VLAN_VID), 0x1064);
	assert_int_equal(get(&k, WEFT_FIELD_VLAN_PCP), 3);
	assert_int_equal(set_field((uint8_t[]){0, 0, 0x0a, 1, 0xb9}, 5, out, &e), -EBADMSG); // ECN
	assert_true(set_field((uint8_t[]){0, 0, 0x08, 2, 0, 0}, 6, out, &e) > 0); // no tag
	assert_int_equal(
		set_field((uint8_t[]){0, 0, 0x08, 3, 0x70, 0x64, 0}, 7, out, &e), -EBADMSG);
	assert_int_equal(e.code, OFPBAC_BAD_SET_LEN);
}

// Written, and read again. False: the version has no name for the field.
static bool read_back(uint8_t version, const struct weft_learn_spec *spec)
{
	struct of_action_sink s = {.version = version, .code = -1};
	struct of_writer w = {.version = version};
	bool named = !of_learn_spec_write(&w, spec);
	struct weft_learn_spec out;

	if (named && of_sink_learn_specs(&s, kit_keep(&kit, of_written(&w)), &out, 1) != 1)
		fail_msg("version %u: %s is refused with %d", version,
			weft_field_infos[spec->src.field].name, s.code);
	if (named)
		assert_memory_equal(&out, spec, sizeof(*spec));
	of_testkit_free(&kit);
	of_writer_free(&w);
	return named;
}

// Whatever a learn action names is read back as what it was, though it may go by another header
// there than in a match: ovs-ofctl knows those of NXM alone.
static void learned(void **state)
{
	static const uint8_t versions[] = {1, 4, 5, 6};

	for (unsigned i = 0; i < sizeof(versions); i++)
		for (uint16_t f = 0; f < WEFT_FIELDS_ALL; f++) {
			struct weft_learn_spec spec = {.dst_type = WEFT_LEARN_MATCH};
			unsigned bits = weft_field_infos[f].bits;

			bits -= f == WEFT_FIELD_VLAN_VID; // 1.0 has the last one in vlan_tci alone
			spec.src = spec.dst = (struct weft_subfield){f, 0, (uint16_t)bits, 0};
			assert_true(read_back(versions[i], &spec) || versions[i] == 1);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(loads),
		cmocka_unit_test(moves),
		cmocka_unit_test(refused),
		cmocka_unit_test(set_fields),
		cmocka_unit_test(learned),
	};

	rng_seed_from_env();
	return cmocka_run_group_tests(tests, NULL, NULL);
}

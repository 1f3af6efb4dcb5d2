// SPDX-License-Identifier: Apache-2.0
// controller(pause): a packet that stops and is sent on comes out as one that never stopped,
// wherever it stopped; and what a continuation may not say.
#include "nx_build.h"
#include "side.h"

#include "flowtable/egress.h"
#include "flowtable/packet/nx.h"

#define PORTS 6u
#define TABLES 5u
#define GROUP 9u
#define EGRESS 3u // the first egress table, where there are any
#define MAX_SENT 65536u

// ---- two switches: `stops` has pauses where `plain` has notes

static const uint64_t none[1]; // no actions

static struct side plain, stops;

static int setup(void **state)
{
	plain = side_new(PORTS);
	stops = side_new(PORTS);
	return 0;
}

static int teardown(void **state)
{
	side_free(&plain);
	side_free(&stops);
	return 0;
}

static void put_pause(struct program *p)
{
	const struct weft_action_controller c = {
		.max_len = 20, .reason = WEFT_PACKET_IN_ACTION, .flags = WEFT_CONTROLLER_PAUSE};

	program_controller(p, &c, NULL);
}

static void run_packet_out(const struct side *s, const struct program *p)
{
	struct ft_packet *pkt;
	struct frame f;

	books_clear(s->books);
	ip_frame(&f, 17, 64);
	pkt = books_packet(s->books, &f, 1);
	assert_int_equal(ft_actions_check(s->w->sw, p->actions, p->instr.apply_len), 0);
	ft_switch_packet_out(
		s->w->sw, 0, s->w->now, pkt, p->actions, p->instr.apply_len, &s->books->sink);
	books_balance(s->books);
}

static enum weft_error resume(
	const struct side *s, const struct sent *stopped, const void *actions, size_t actions_len)
{
	const struct ft_resumption r = {(const void *)stopped->continuation,
		stopped->continuation_len, actions, actions_len};
	struct frame f = {.len = stopped->len};
	enum weft_error e;

	assert_true(weft_continuation_ok(r.continuation, r.continuation_len));
	e = ft_resume_check(s->w->sw, r.continuation, actions, actions_len);
	if (e)
		return e;
	memcpy(f.bytes, stopped->bytes, f.len);
	ft_switch_resume(
		s->w->sw, 0, s->w->now, books_packet(s->books, &f, 0), &r, &s->books->sink);
	books_balance(s->books);
	return WEFT_E_NONE;
}

// Sends on every packet that stopped, those that stop again too. How many that were.
static unsigned resume_all(const struct side *s)
{
	unsigned n = 0;

	for (unsigned i = 0; i < s->books->n; i++) {
		struct sent stopped = s->books->sent[i]; // resuming may move it

		if (!stopped.continuation_len)
			continue;
		n++;
		assert_int_equal(resume(s, &stopped, none, 0), 0);
		assert_true(s->books->n < MAX_SENT);
	}
	return n;
}

// ---- one by one

static void nothing_goes_on_by_itself(void **state)
{
	struct program p = program_out(2);

	put_pause(&p);
	program_add(&p, false, WEFT_ACTION_OUTPUT, 3);
	side_rule(&stops, 0, &p);
	side_run_ip(&stops, 64);
	assert_int_equal(stops.books->n, 2);
	assert_int_equal(side_sent_to(&stops, 2), 1);
	assert_int_equal(stops.books->sent[1].kind, SENT_CONTROLLER);
	assert_int_equal(stops.books->sent[1].in.max_len, WEFT_MAX_LEN_ALL); // all of it
	assert_int_equal(resume_all(&stops), 1);
	assert_int_equal(side_sent_to(&stops, 3), 1);
	assert_int_equal(side_sent_to(&stops, 2), 1);
}

// The rule is another meanwhile: what was left to do is done as it was.
static void rules_may_go_meanwhile(void **state)
{
	struct program p = {0}, other = program_out(4);
	struct sent stopped;

	put_pause(&p);
	program_add(&p, false, WEFT_ACTION_OUTPUT, 3);
	side_rule(&stops, 0, &p);
	side_run_ip(&stops, 64);
	stopped = stops.books->sent[0];
	side_rule(&stops, 0, &other);
	assert_int_equal(resume(&stops, &stopped, none, 0), 0);
	assert_int_equal(side_sent_to(&stops, 3), 1);
	assert_int_equal(side_sent_to(&stops, 4), 0);
}

static void a_group_that_went_is_told(void **state)
{
	const struct weft_bucket bucket = {
		.watch_port = WEFT_OFPORT_ANY, .watch_group = WEFT_GROUP_ANY};
	struct weft_group_mod mod = {GROUP, WEFT_GROUP_ADD, WEFT_GROUP_TYPE_INDIRECT, 1};
	struct program p = {0};

	assert_int_equal(ft_group_mod(stops.w->sw, &mod, &bucket, sizeof(bucket)), 0);
	put_pause(&p);
	program_add(&p, false, WEFT_ACTION_GROUP, GROUP);
	side_rule(&stops, 0, &p);
	side_run_ip(&stops, 64);
	mod = (struct weft_group_mod){GROUP, WEFT_GROUP_DELETE};
	assert_int_equal(ft_group_mod(stops.w->sw, &mod, NULL, 0), 0);
	assert_int_equal(resume(&stops, &stops.books->sent[0], none, 0), WEFT_E_ACTION_GROUP);
}

static void actions_come_before(void **state)
{
	struct program p = {0}, first = {0};

	put_pause(&p);
	program_output_field(&p, bits_of(WEFT_FIELD_REG0, 0, 16));
	side_rule(&stops, 0, &p);
	side_run_ip(&stops, 64);
	program_set(&first, false, WEFT_FIELD_REG0, 5);
	assert_int_equal(
		resume(&stops, &stops.books->sent[0], first.actions, first.instr.apply_len), 0);
	assert_int_equal(side_sent_to(&stops, 5), 1);
}

static void what_is_too_long_is_dropped(void **state)
{
	struct program p = {0};

	put_pause(&p);
	while (p.instr.apply_len <= WEFT_PAUSE_BYTES)
		program_add(&p, false, WEFT_ACTION_OUTPUT, 3);
	side_rule(&stops, 0, &p);
	side_run_ip(&stops, 64);
	assert_int_equal(stops.books->n, 0);
	assert_int_equal(stops.books->reasons[WEFT_DROP_ACTION_ERROR], 1);
}

// Packets on their way to ports 2 and 3 stop in an egress table.
static void stop_in_egress(void)
{
	struct program out = program_out(2), p = {0};

	program_add(&out, false, WEFT_ACTION_OUTPUT, 3);
	assert_int_equal(ft_egress_set(stops.w->sw, EGRESS, true), 0);
	put_pause(&p);
	program_set(&p, false, WEFT_FIELD_ETH_SRC, 7);
	side_rule(&stops, 0, &out);
	side_rule(&stops, EGRESS, &p);
	side_run_ip(&stops, 64);
	assert_int_equal(stops.books->n, 2);
	assert_int_equal(side_sent_to(&stops, 2) + side_sent_to(&stops, 3), 0);
}

static void each_pass_of_egress_stops(void **state)
{
	stop_in_egress();
	assert_int_equal(resume_all(&stops), 2);
	assert_int_equal(stops.books->n, 4);
	assert_int_equal(side_sent_to(&stops, 2), 1);
	assert_int_equal(side_sent_to(&stops, 3), 1);
	assert_int_equal(stops.books->sent[2].bytes[11], 7); // the rest of the list was run
}

static void delete_all(void)
{
	const struct weft_flow_mod mod = flow_mod_of(WEFT_FLOW_DELETE, WEFT_TABLE_ALL, 0);

	assert_int_equal(ft_flow_mod(stops.w->sw, &mod, &(struct weft_match){0}, NULL), 0);
}

// What it was on its way to may be another meanwhile, or gone, and so may the egress tables.
static void egress_may_change_meanwhile(void **state)
{
	struct sent stopped;

	stop_in_egress();
	stopped = stops.books->sent[1];
	assert_int_equal(ft_port_set(stops.w->sw, &(struct ft_port){3, WEFT_PORT_DOWN, false}), 0);
	assert_int_equal(resume(&stops, &stopped, none, 0), 0);
	assert_int_equal(stops.books->reasons[WEFT_DROP_PORT_DOWN], 1);
	ft_port_del(stops.w->sw, 3);
	assert_int_equal(resume(&stops, &stopped, none, 0), 0);
	assert_int_equal(stops.books->reasons[WEFT_DROP_NO_PORT], 1);
	delete_all();
	assert_int_equal(ft_egress_set(stops.w->sw, EGRESS, false), 0);
	stopped = stops.books->sent[0];
	assert_int_equal(resume(&stops, &stopped, none, 0), 0);
	assert_int_equal(side_sent_to(&stops, 2), 1);
}

// Into the overlay: to the VTEP that the FDB knew then.
static void a_pass_into_the_overlay_stops(void **state)
{
	const struct weft_ipc_fdb dst = {.mac = {{2, 0, 0, 0, 0, 2}},
		.ofport = WEFT_OFPORT_OVERLAY,
		.vtep = weft_ip_from_v4(htonl(0x0a0b0c0d))};
	struct program out = program_out(WEFT_OFPORT_OVERLAY), p = {0};

	assert_int_equal(
		ft_port_set(stops.w->sw, &(struct ft_port){WEFT_OFPORT_OVERLAY, 0, true}), 0);
	assert_int_equal(ft_fdb_add(stops.w->sw, &dst), 0);
	assert_int_equal(ft_egress_set(stops.w->sw, EGRESS, true), 0);
	put_pause(&p);
	side_rule(&stops, 0, &out);
	side_rule(&stops, EGRESS, &p);
	side_run_ip(&stops, 64);
	assert_int_equal(resume_all(&stops), 1);
	assert_int_equal(stops.books->n, 2);
	assert_int_equal(stops.books->sent[1].port, WEFT_OFPORT_OVERLAY);
	assert_int_equal(stops.books->sent[1].tun_dst, htonl(0x0a0b0c0d));
}

static void a_quiet_port_ends_it(void **state)
{
	struct program p = program_out(2);

	put_pause(&p);
	program_add(&p, false, WEFT_ACTION_OUTPUT, 3);
	side_rule(&stops, 0, &p);
	assert_int_equal(
		ft_port_set(stops.w->sw, &(struct ft_port){1, WEFT_PORT_NO_PACKET_IN, true}), 0);
	side_run_ip(&stops, 64);
	assert_int_equal(stops.books->n, 1);
	assert_int_equal(side_sent_to(&stops, 2), 1);
}

static void a_packet_out_may_stop(void **state)
{
	struct program out = program_out(2), p = {0};

	side_rule(&stops, 0, &out);
	put_pause(&p);
	program_add(&p, false, WEFT_ACTION_OUTPUT, 3);
	program_add(&p, false, WEFT_ACTION_OUTPUT, WEFT_OFPORT_TABLE);
	run_packet_out(&stops, &p);
	assert_int_equal(stops.books->n, 1);
	assert_int_equal(resume_all(&stops), 1);
	assert_int_equal(side_sent_to(&stops, 3), 1);
	assert_int_equal(side_sent_to(&stops, 2), 1);
}

// ---- what is refused, whoever says it

static void refused(struct sent *s, enum weft_error want)
{
	assert_int_equal(resume(&stops, s, none, 0), want);
}

static void what_rules_may_not_is_refused(void **state)
{
	struct weft_instructions *i;
	struct weft_paused_rule *r;
	struct program p = {0};
	struct sent s, good;

	put_pause(&p);
	program_add(&p, false, WEFT_ACTION_OUTPUT, 3);
	p.instr.flags |= WEFT_INSTR_GOTO;
	p.instr.goto_table = 2;
	side_rule(&stops, 0, &p);
	side_run_ip(&stops, 64);
	s = good = stops.books->sent[0];
	r = (void *)(uintptr_t)weft_paused_rules((const void *)s.continuation);
	i = (void *)(r + 1);
	((struct weft_action *)(void *)(i + 1))->arg = WEFT_OFPORT_TABLE;
	refused(&s, WEFT_E_ACTION_PORT);
	s = good;
	i->goto_table = 0;
	refused(&s, WEFT_E_BAD_GOTO);
	s = good;
	i->meter_id = 7;
	refused(&s, WEFT_E_MALFORMED);
	s = good;
	r->table = WEFT_TABLE_ALL;
	refused(&s, WEFT_E_MALFORMED);
	s = good;
	i->flags |= 128;
	refused(&s, WEFT_E_MALFORMED);
	refused(&good, WEFT_E_NONE);
}

// ---- everywhere: random rules, plain and with pauses

// What may differ when a part goes on later: exit in a copy ends its maker, too, and buckets share
// the stack. So not both in one switch.
static bool copies, stacks;

// A pass through egress tables is a copy, too.
static bool egress;

// Which of the two is built.
static bool pauses;

static void maybe_stop(struct program *p)
{
	const uint8_t note[8] = {0};

	if (rng() % 4)
		return;
	if (pauses)
		put_pause(p);
	else
		program_raw(p, false, WEFT_ACTION_NOTE, sizeof(note), note, sizeof(note));
}

static void put_random(struct program *p, uint8_t table, unsigned depth);

static void put_clone(struct program *p, uint8_t table, unsigned depth)
{
	struct program inside = {0};

	if (!depth || !copies)
		return;
	for (unsigned i = rng() % 4; i; i--) {
		maybe_stop(&inside);
		put_random(&inside, table, depth - 1);
	}
	program_clone(p, &inside);
}

static void put_move(struct program *p)
{
	const enum weft_field reg = (enum weft_field)(WEFT_FIELD_REG0 + rng() % 4);
	const struct weft_subfield mac = bits_of(WEFT_FIELD_ETH_DST, rng() % 16, 32),
				   whole = bits_of(reg, 0, 32);

	if (rng() % 2)
		program_move(p, false, mac, whole);
	else
		program_move(p, false, whole, mac);
}

static void put_random(struct program *p, uint8_t table, unsigned depth)
{
	const enum weft_field reg = (enum weft_field)(WEFT_FIELD_REG0 + rng() % 4);

	switch (rng() % 12) {
	case 0:
	case 1:
		program_add(p, false, WEFT_ACTION_OUTPUT, 2 + rng() % (PORTS - 1));
		return;
	case 2:
		program_set(p, false, reg, rng());
		return;
	case 3:
		put_move(p);
		return;
	case 4:
		if (stacks)
			program_stack(p, rng() % 2, bits_of(reg, 0, 32));
		return;
	case 5:
	case 6:
		if (table + 1u < TABLES)
			program_resubmit(p, false, rng() % 2 ? WEFT_OFPORT_IN_PORT : 1 + rng() % 3,
				(uint8_t)(table + 1 + rng() % (TABLES - table - 1)));
		return;
	case 7:
		put_clone(p, table, depth);
		return;
	case 8:
		program_add(p, false, WEFT_ACTION_DEC_NW_TTL, 0);
		return;
	case 9:
		if (copies && !stacks && table < 2)
			program_add(p, false, WEFT_ACTION_GROUP, GROUP);
		return;
	case 10:
		if (!copies && rng() % 4 == 0)
			program_add(p, false, WEFT_ACTION_EXIT, 0);
		return;
	default:
		program_set(p, false, WEFT_FIELD_ETH_SRC, rng());
	}
}

static void put_written(struct program *p, uint8_t table)
{
	if (egress && table >= EGRESS) { // no outputs there
		program_set(p, true, WEFT_FIELD_ETH_SRC, rng());
		return;
	}
	switch (rng() % 5) {
	case 0:
		program_add(p, true, WEFT_ACTION_OUTPUT, 2 + rng() % (PORTS - 1));
		return;
	case 1:
		program_set(p, true, WEFT_FIELD_ETH_SRC, rng());
		return;
	case 2:
		program_move(p, true, bits_of(WEFT_FIELD_REG0, 0, 32),
			bits_of(WEFT_FIELD_ETH_DST, 0, 32));
		return;
	case 3:
		if (table + 1u < TABLES)
			program_resubmit(p, true, WEFT_OFPORT_IN_PORT, TABLES - 1);
		return;
	default:
		program_add(p, true, WEFT_ACTION_DEC_NW_TTL, 0);
	}
}

static void finish_random(struct program *p, uint8_t table)
{
	const unsigned end = egress && table < EGRESS ? EGRESS : TABLES;

	for (unsigned i = rng() % 3; i; i--)
		put_written(p, table);
	if (rng() % 6 == 0)
		p->instr.flags |= WEFT_INSTR_CLEAR;
	if (rng() % 3 == 0) {
		p->instr.metadata = rng();
		p->instr.metadata_mask = UINT64_MAX;
		p->instr.metadata &= p->instr.metadata_mask;
	}
	if (table + 1u < end && rng() % 2) {
		p->instr.flags |= WEFT_INSTR_GOTO;
		p->instr.goto_table = (uint8_t)(table + 1 + rng() % (end - table - 1));
	}
}

static void random_rule(const struct side *s, uint8_t table)
{
	struct program p = {0};

	for (unsigned i = rng() % 6; i; i--) {
		maybe_stop(&p);
		put_random(&p, table, 2);
	}
	finish_random(&p, table);
	side_rule(s, table, &p);
}

// The same rules on both sides, but for the pauses.
static void random_rules(void)
{
	const uint64_t at = rng_state;

	for (unsigned i = 0; i < 2; i++) {
		pauses = i;
		rng_state = at;
		for (uint8_t t = 0; t < TABLES; t++)
			random_rule(i ? &stops : &plain, t);
	}
}

// A bucket that outputs, and one that looks rules up.
static void add_group(const struct side *s)
{
	struct weft_group_mod mod = {GROUP, WEFT_GROUP_ADD, WEFT_GROUP_TYPE_ALL, 2};
	struct program out = {0}, far = {0};
	uint64_t raw[64];
	char *at = (char *)raw;

	program_add(&out, true, WEFT_ACTION_OUTPUT, 2);
	program_resubmit(&far, true, WEFT_OFPORT_IN_PORT, TABLES - 2);
	for (unsigned i = 0; i < 2; i++) {
		const struct program *p = i ? &far : &out;
		const struct weft_bucket b = {.bucket_id = i,
			.watch_port = WEFT_OFPORT_ANY,
			.watch_group = WEFT_GROUP_ANY,
			.actions_len = p->instr.write_len};

		memcpy(at, &b, sizeof(b));
		memcpy(at + sizeof(b), p->actions, b.actions_len);
		at += sizeof(b) + b.actions_len;
	}
	assert_int_equal(ft_group_mod(s->w->sw, &mod, raw, (size_t)(at - (char *)raw)), 0);
}

static int by_port_and_bytes(const void *a, const void *b)
{
	const struct sent *x = a, *y = b;

	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	if (x->port != y->port)
		return x->port < y->port ? -1 : 1;
	return memcmp(x->bytes, y->bytes, sizeof(x->bytes));
}

// In any order: a copy that stops goes on later than what had it.
static void compare(void)
{
	struct books *a = plain.books, *b = stops.books;
	unsigned ports = 0;

	if (a->n)
		qsort(a->sent, a->n, sizeof(*a->sent), by_port_and_bytes);
	if (b->n)
		qsort(b->sent, b->n, sizeof(*b->sent), by_port_and_bytes);
	for (unsigned i = 0; i < b->n; i++)
		ports += b->sent[i].kind == SENT_PORT;
	assert_int_equal(a->n, ports);
	for (unsigned i = 0; i < ports; i++)
		assert_int_equal(by_port_and_bytes(&a->sent[i], &b->sent[i]), 0);
}

static void run_rounds(unsigned rounds)
{
	unsigned stopped = 0, sent = 0;

	for (unsigned round = 0; round < rounds; round++) {
		copies = round % 3 == 0;
		stacks = !egress && (round % 3 == 1 || rng() % 2);
		if (copies && round < 3)
			add_group(&plain), add_group(&stops);
		random_rules();
		for (unsigned i = 0; i < 2; i++) {
			uint8_t ttl = i ? 64 : (uint8_t)(1 + rng() % 4);

			side_run_ip(&plain, ttl);
			side_run_ip(&stops, ttl);
			stopped += resume_all(&stops);
			// An action set that holds too much drops it here and there.
			assert_int_equal(stops.books->reasons[WEFT_DROP_ACTION_ERROR],
				plain.books->reasons[WEFT_DROP_ACTION_ERROR]);
			sent += plain.books->n;
			compare();
		}
	}
	assert_true(stopped > rounds / 3 && sent > rounds / 3);
}

static void stopped_packets_come_out_alike(void **state)
{
	egress = false;
	run_rounds(3000);
}

static void stopped_passes_come_out_alike(void **state)
{
	egress = true;
	assert_int_equal(ft_egress_set(plain.w->sw, EGRESS, true), 0);
	assert_int_equal(ft_egress_set(stops.w->sw, EGRESS, true), 0);
	run_rounds(2000);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(nothing_goes_on_by_itself),
		TEST(rules_may_go_meanwhile),
		TEST(a_group_that_went_is_told),
		TEST(actions_come_before),
		TEST(what_is_too_long_is_dropped),
		TEST(each_pass_of_egress_stops),
		TEST(egress_may_change_meanwhile),
		TEST(a_pass_into_the_overlay_stops),
		TEST(a_quiet_port_ends_it),
		TEST(a_packet_out_may_stop),
		TEST(what_rules_may_not_is_refused),
		TEST(stopped_packets_come_out_alike),
		TEST(stopped_passes_come_out_alike),
	};
#undef TEST

	rng_seed_from_env();
	return cmocka_run_group_tests(tests, NULL, NULL);
}

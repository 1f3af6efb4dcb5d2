// SPDX-License-Identifier: Apache-2.0
#pragma once
// A sink that keeps the books: what went where with which bytes, and that every packet, received or
// cloned, is used up exactly once and not touched afterwards.

#include "flowtable/flowtable.h"

#include "frames.h"
#include "world.h"

struct box { // a packet and its memory
	struct ft_packet pkt;
	struct frame frame;
	bool live;
	unsigned number; // of the packet received, its copies' too; the test's
};

enum sent_kind {
	SENT_PORT,
	SENT_CONTROLLER
};

struct sent {
	enum sent_kind kind;
	uint32_t port;
	struct ft_packet_in in;
	weft_be32 tun_dst;
	uint32_t network;     // host order; of a provider's tunnels
	unsigned packet, nth; // of that packet's; the test's
	unsigned len;
	uint8_t bytes[FRAME_MAX];
	weft_be64 metadata; // CONTROLLER: as it is told
	// CONTROLLER: the packet stopped
	unsigned continuation_len;
	uint64_t continuation[WEFT_PAUSE_BYTES / 8];
};

struct books {
	struct ft_sink sink;
	unsigned received, clones, copies, finals, drops, learns;
	unsigned no_buffer_every; // fail each n-th clone; 0: none
	unsigned clone_fails;
	enum weft_drop last_drop;
	unsigned reasons[WEFT_DROP_MAX];
	unsigned n, room;
	struct sent *sent;
	struct weft_flow_key learned;
	unsigned n_boxes;
	struct box *all[8192];
};

static inline struct books *books_of(struct ft_sink *s)
{
	return (struct books *)s;
}

static inline struct box *box_of(const struct ft_packet *p)
{
	return p->pkt.owner;
}

static inline struct box *box_new(struct books *b)
{
	struct box *box = NULL;

	for (unsigned i = 0; i < b->n_boxes && !box; i++)
		if (!b->all[i]->live)
			box = b->all[i];
	if (!box) {
		assert_true(b->n_boxes < sizeof(b->all) / sizeof(b->all[0]));
		box = b->all[b->n_boxes++] = calloc(1, sizeof(*box));
	}
	assert_non_null(box);
	memset(&box->pkt, 0, sizeof(box->pkt));
	box->live = true;
	return box;
}

static inline void books_end(struct books *b, struct ft_packet *p)
{
	struct box *box = box_of(p);

	assert_true(box->live);
	box->live = false;
	memset(&box->pkt, 0xdd, sizeof(box->pkt)); // nobody looks again
	b->finals++;
}

static inline struct sent *books_send(struct books *b, struct ft_packet *p)
{
	struct sent *s;

	assert_true(box_of(p)->live);
	if (b->n == b->room) {
		b->room = b->room ? 2 * b->room : 64;
		b->sent = realloc(b->sent, b->room * sizeof(*b->sent));
		assert_non_null(b->sent);
	}
	s = &b->sent[b->n++];
	memset(s, 0, sizeof(*s));
	s->len = p->pkt.len;
	assert_true(s->len <= sizeof(s->bytes));
	memcpy(s->bytes, p->pkt.data, s->len);
	return s;
}

static void books_output(struct ft_sink *sink, struct ft_packet *p, uint32_t port, unsigned flags)
{
	struct books *b = books_of(sink);
	struct sent *s = books_send(b, p);

	s->kind = SENT_PORT;
	s->port = port;
	s->tun_dst = port == WEFT_OFPORT_OVERLAY ? p->key.tun_dst : 0;
	if (flags & FT_KEEP)
		b->copies++;
	else
		books_end(b, p);
}

static void books_packet_in(
	struct ft_sink *sink, struct ft_packet *p, const struct ft_packet_in *in, unsigned flags)
{
	struct books *b = books_of(sink);
	struct sent *s = books_send(b, p);

	s->kind = SENT_CONTROLLER;
	s->in.cookie = in->cookie;
	s->in.max_len = in->max_len;
	s->in.table = in->table;
	s->in.reason = in->reason;
	s->in.controller_id = in->controller_id;
	s->in.controller = in->controller;
	s->metadata = p->key.metadata;
	s->continuation_len = in->continuation_len;
	if (in->continuation)
		memcpy(s->continuation, in->continuation, in->continuation_len);
	if (flags & FT_KEEP)
		b->copies++;
	else
		books_end(b, p);
}

static void books_drop(struct ft_sink *sink, struct ft_packet *p, enum weft_drop why)
{
	struct books *b = books_of(sink);

	assert_true(why < WEFT_DROP_MAX);
	b->drops++;
	b->reasons[why]++;
	b->last_drop = why;
	books_end(b, p);
}

static struct ft_packet *books_clone(struct ft_sink *sink, const struct ft_packet *p)
{
	struct books *b = books_of(sink);
	struct box *box;

	assert_true(box_of(p)->live);
	if (b->no_buffer_every && rng() % b->no_buffer_every == 0) {
		b->clone_fails++;
		return NULL;
	}
	box = box_new(b);
	box->pkt = *p;
	memcpy(box->frame.bytes, p->pkt.data, p->pkt.len);
	box->pkt.pkt.data = box->frame.bytes;
	box->pkt.pkt.headroom = FRAME_ROOM;
	box->pkt.pkt.owner = box;
	box->number = box_of(p)->number;
	b->clones++;
	return &box->pkt;
}

static void books_learn(struct ft_sink *sink, const struct ft_packet *p)
{
	struct books *b = books_of(sink);

	b->learns++;
	b->learned = p->key;
}

static inline struct books *books_new(void)
{
	struct books *b = calloc(1, sizeof(*b));

	assert_non_null(b);
	b->sink = (struct ft_sink){
		books_output, books_packet_in, books_drop, books_clone, books_learn};
	return b;
}

static inline void books_clear(struct books *b)
{
	b->received = b->clones = b->copies = b->finals = b->drops = b->learns = b->n = 0;
	b->clone_fails = 0;
	memset(b->reasons, 0, sizeof(b->reasons));
}

static inline void books_free(struct books *b)
{
	for (unsigned i = 0; i < b->n_boxes; i++) {
		assert_false(b->all[i]->live);
		free(b->all[i]);
	}
	free(b->sent);
	free(b);
}

// A received packet.
static inline struct ft_packet *books_packet(
	struct books *b, const struct frame *f, uint32_t in_port)
{
	struct box *box = box_new(b);

	box->frame = *f;
	box->pkt.pkt = frame_packet(&box->frame);
	box->pkt.pkt.owner = box;
	box->pkt.key.in_port = htonl(in_port);
	b->received++;
	return &box->pkt;
}

static inline int sent_by_content(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct sent));
}

// received + copies made = sent + dropped, and every packet ended.
static inline void books_balance(const struct books *b)
{
	assert_int_equal(b->received + b->clones, b->finals);
	assert_int_equal(b->received + b->clones + b->copies, b->n + b->drops);
}

// The books balance, and just these left, in whatever order. Sorts both.
static inline void books_assert_sent(struct books *b, struct sent *expected, unsigned n)
{
	books_balance(b);
	assert_int_equal(b->n, n);
	if (!n)
		return;
	qsort(b->sent, n, sizeof(*expected), sent_by_content);
	qsort(expected, n, sizeof(*expected), sent_by_content);
	assert_memory_equal(b->sent, expected, n * sizeof(*expected));
}

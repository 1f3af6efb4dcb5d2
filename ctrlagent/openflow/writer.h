// SPDX-License-Identifier: Apache-2.0
#pragma once
// A growing buffer that messages are written into.
//
// Lengths are written when they are known: of_begin() remembers where a struct starts, of_end()
// pads it and patches its length. Failure is sticky as in the reader: check of_writer_status()
// once, after the last write. The owner of the struct frees it with of_writer_free();
// of_writer_reset() keeps the memory for the next message. One thread at a time.
//
//	struct of_writer w = {.version = 4};
//	of_flow_removed_write(&w, &m);
//	if (!of_writer_status(&w)) send(w.data, w.len);
//	of_writer_reset(&w);

#include "openflow/reader.h"

struct of_writer {
	uint8_t *data; // NULL at first
	size_t len;
	size_t room;
	uint8_t version; // set by the owner
	int error; // -ENOMEM; -EMSGSIZE if a length, -ERANGE if a port does not fit its 16 bits
};

static inline int of_writer_status(const struct of_writer *w)
{
	return w->error;
}

static inline void of_writer_reset(struct of_writer *w)
{
	w->len = 0;
	w->error = 0;
}

void of_writer_free(struct of_writer *w);

// What was written so far; valid until the next write.
static inline struct of_span of_written(const struct of_writer *w)
{
	return (struct of_span){w->data, w->len};
}

int of_writer_grow(struct of_writer *w, size_t n);

// Room for `n` bytes at the end, to be filled by the caller; NULL if there is no memory.
static inline uint8_t *of_add(struct of_writer *w, size_t n)
{
	uint8_t *p;

	if (w->error || (w->room - w->len < n && of_writer_grow(w, n)))
		return NULL;
	p = w->data + w->len;
	w->len += n;
	return p;
}

static inline void of_store16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static inline void of_store32(uint8_t *p, uint32_t v)
{
	of_store16(p, (uint16_t)(v >> 16));
	of_store16(p + 2, (uint16_t)v);
}

static inline void of_store64(uint8_t *p, uint64_t v)
{
	of_store32(p, (uint32_t)(v >> 32));
	of_store32(p + 4, (uint32_t)v);
}

static inline void of_put_u8(struct of_writer *w, uint8_t v)
{
	uint8_t *p = of_add(w, 1);

	if (p)
		*p = v;
}

static inline void of_put_u16(struct of_writer *w, uint16_t v)
{
	uint8_t *p = of_add(w, 2);

	if (p)
		of_store16(p, v);
}

static inline void of_put_u32(struct of_writer *w, uint32_t v)
{
	uint8_t *p = of_add(w, 4);

	if (p)
		of_store32(p, v);
}

static inline void of_put_u64(struct of_writer *w, uint64_t v)
{
	uint8_t *p = of_add(w, 8);

	if (p)
		of_store64(p, v);
}

// The reverse of of_port_widen(); one that has no number of 16 bits is -ERANGE.
static inline uint16_t of_port_narrow(struct of_writer *w, uint32_t port)
{
	if (port >= 0xff00 && port < 0xffffff00 && !w->error)
		w->error = -ERANGE;
	return (uint16_t)port;
}

static inline void of_put_port(struct of_writer *w, uint32_t port)
{
	if (w->version > 1)
		of_put_u32(w, port);
	else
		of_put_u16(w, of_port_narrow(w, port));
}

static inline void of_put_zeros(struct of_writer *w, size_t n)
{
	uint8_t *p = of_add(w, n);

	if (p)
		memset(p, 0, n);
}

static inline void of_put_bytes(struct of_writer *w, const void *from, size_t n)
{
	uint8_t *p = of_add(w, n);

	if (p && n)
		memcpy(p, from, n);
}

static inline void of_put_span(struct of_writer *w, struct of_span s)
{
	of_put_bytes(w, s.p, s.len);
}

// A string into a field of n bytes: cut to n - 1, zeros behind it.
void of_put_str(struct of_writer *w, const char *s, size_t n);

// An ofp_match around these OXM bytes, with header and padding; in OpenFlow 1.0 the bytes alone.
void of_put_match(struct of_writer *w, struct of_span oxm);

// An ofp_stats around these OXS bytes.
void of_put_stats(struct of_writer *w, struct of_span oxs);

// A message inside another, or other bytes; padded to 8 if `more` bytes follow.
void of_put_message(struct of_writer *w, struct of_span message, size_t more);

// The length of a list whose own field is 16 bits wide.
static inline uint16_t of_len16(struct of_writer *w, size_t n)
{
	if (n > UINT16_MAX && !w->error)
		w->error = -EMSGSIZE;
	return (uint16_t)n;
}

static inline size_t of_begin(const struct of_writer *w)
{
	return w->len;
}

// Ends what began at `begin`: pads to `align`, writes its length `at` bytes into it, then pads to
// `pad` without counting that. 0, or the writer's error.
int of_end(struct of_writer *w, size_t begin, size_t at, size_t align, size_t pad);

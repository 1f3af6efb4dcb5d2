// SPDX-License-Identifier: Apache-2.0
#pragma once
// A cursor over bytes that a peer sent, which cannot leave them.
//
// The generated readers (of_wire.h) are made of these. Failure is sticky: the first error is kept,
// the cursor jumps to its end, and all later reads give zeros; so a reader of twenty fields needs
// one check, at its end. An error is what OpenFlow wants to hear about it, ready to be sent.
//
// Nothing is copied: a span points into the message and lives as long as it. Loads are bytewise, so
// nothing needs alignment. No allocation, no state; any thread.

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

// OFPET_* and its code. If `type` is OFPET_EXPERIMENTER (0xffff), `code` is the exp_type and
// `experimenter` whose it is; else that is 0.
struct of_error {
	uint16_t type;
	uint16_t code;
	uint32_t experimenter;
};

struct of_span {
	const uint8_t *p;
	size_t len;
};

struct of_reader {
	const uint8_t *p;
	const uint8_t *end;
	uint8_t version; // wire version, 4 is OpenFlow 1.3
	bool failed;
	struct of_error bad_len; // what running out of bytes means here
	struct of_error error;   // if failed
};

// Over `len` bytes at `p`; if they are too few for what is read, the error is OFPBRC_BAD_LEN.
static inline struct of_reader of_reader(const void *p, size_t len, uint8_t version)
{
	const uint8_t *start = p ? p : (const uint8_t *)"";

	return (struct of_reader){
		.p = start,
		.end = start + (p ? len : 0),
		.version = version,
		.bad_len = {1, 6, 0}, // OFPET_BAD_REQUEST, OFPBRC_BAD_LEN
	};
}

// To walk a list: `struct of_reader it = of_list(m.actions, 4); while (of_action_next(&it, &a))
// ...; if (it.failed) ...`
static inline struct of_reader of_list(struct of_span s, uint8_t version)
{
	return of_reader(s.p, s.len, version);
}

static inline size_t of_left(const struct of_reader *r)
{
	return (size_t)(r->end - r->p);
}

// Always -EBADMSG, to be returned.
static inline int of_fail_error(struct of_reader *r, struct of_error e)
{
	if (!r->failed)
		r->error = e;
	r->failed = true;
	r->p = r->end;
	return -EBADMSG;
}

static inline int of_fail(struct of_reader *r, uint16_t type, uint16_t code)
{
	return of_fail_error(r, (struct of_error){type, code, 0});
}

static inline int of_status(const struct of_reader *r)
{
	return r->failed ? -EBADMSG : 0;
}

// `n` bytes, or NULL and failure.
static inline const uint8_t *of_take(struct of_reader *r, size_t n)
{
	const uint8_t *p = r->p;

	if (of_left(r) < n) {
		of_fail_error(r, r->bad_len);
		return NULL;
	}
	r->p = p + n;
	return p;
}

static inline uint16_t of_load16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint32_t of_load32(const uint8_t *p)
{
	return (uint32_t)of_load16(p) << 16 | of_load16(p + 2);
}

static inline uint64_t of_load64(const uint8_t *p)
{
	return (uint64_t)of_load32(p) << 32 | of_load32(p + 4);
}

static inline uint8_t of_get_u8(struct of_reader *r)
{
	const uint8_t *p = of_take(r, 1);
	return p ? *p : 0;
}

static inline uint16_t of_get_u16(struct of_reader *r)
{
	const uint8_t *p = of_take(r, 2);
	return p ? of_load16(p) : 0;
}

static inline uint32_t of_get_u32(struct of_reader *r)
{
	const uint8_t *p = of_take(r, 4);
	return p ? of_load32(p) : 0;
}

static inline uint64_t of_get_u64(struct of_reader *r)
{
	const uint8_t *p = of_take(r, 8);
	return p ? of_load64(p) : 0;
}

// A port number of 16 bits, as OpenFlow 1.0 and Nicira have them, in 32: reserved ones are the
// highest.
static inline uint32_t of_port_widen(uint16_t port)
{
	return port >= 0xff00 ? 0xffff0000 | port : port;
}

// A port number as OpenFlow 1.1 and later have them.
static inline uint32_t of_get_port(struct of_reader *r)
{
	return r->version == 1 ? of_port_widen(of_get_u16(r)) : of_get_u32(r);
}

static inline void of_get_bytes(struct of_reader *r, void *to, size_t n)
{
	const uint8_t *p = of_take(r, n);

	if (p)
		memcpy(to, p, n);
	else
		memset(to, 0, n);
}

// A string in a field of n bytes; `to` has n bytes, zeros after the end, the last one always zero.
static inline void of_get_str(struct of_reader *r, char *to, size_t n)
{
	const uint8_t *p = of_take(r, n);

	memset(to, 0, n);
	if (p)
		memcpy(to, p, strnlen((const char *)p, n - 1));
}

static inline struct of_span of_get_span(struct of_reader *r, size_t n)
{
	const uint8_t *p = of_take(r, n);
	return p ? (struct of_span){p, n} : (struct of_span){NULL, 0};
}

static inline struct of_span of_get_rest(struct of_reader *r)
{
	return of_get_span(r, of_left(r));
}

// A struct that begins with its own length, `at` bytes in: a cursor over exactly its bytes. The
// length must cover itself, be a multiple of `align` and lie within `r`; else `bad_len`. `pad`: the
// length counts no padding, but there must be some, to a multiple of `pad`.
struct of_reader of_open(
	struct of_reader *r, size_t at, size_t align, size_t pad, struct of_error bad_len);

// Moves `r` past what `s` was opened over, and hands on its failure. Bytes left over are one.
int of_close(struct of_reader *r, struct of_reader *s, size_t pad);

// The same if `s` is no cursor of its own, as the struct has no length in this version.
int of_resume(struct of_reader *r, const struct of_reader *s);

// Up to seven bytes of padding, all that is left in `r`.
void of_get_slack(struct of_reader *r);

// The OXM bytes of an ofp_match (OpenFlow 1.3.5, 7.2.3.1), its header and padding taken off. Draws
// OFPBMC_BAD_TYPE and OFPBMC_BAD_LEN. In OpenFlow 1.0 the 40 bytes of an ofp_match as they are.
#define OF_MATCH_1_0_LEN 40u
struct of_span of_get_match(struct of_reader *r);

// `len` bytes and padding to a multiple of 8.
struct of_span of_get_nxm(struct of_reader *r, size_t len);

// The OXS bytes of an ofp_stats (OpenFlow 1.5.1, 7.2.4.1), likewise.
struct of_span of_get_stats(struct of_reader *r);

// A message inside another, as long as its own header says; if more follows, it is padded to 8.
struct of_span of_get_message(struct of_reader *r);

// One OXM TLV and zero to seven bytes of padding, all that is left in `r`.
struct of_span of_get_oxm(struct of_reader *r);

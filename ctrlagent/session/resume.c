// SPDX-License-Identifier: Apache-2.0
#include "session/resume.h"

#include "openflow/errors.h"
#include "openflow/match.h"
#include "openflow/oxm.h"
#include "session/conn.h"
#include "session/nicira.h"
#include "session/set_fields.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#define ETHERNET_HEADER 14u

// ---- the seal

static bool seal_of(
	struct session_switch *sw, const void *p, size_t len, uint8_t seal[SESSION_SEAL_BYTES])
{
	unsigned bytes = 0;

	static_assert(sizeof(sw->seal) == 32 && SESSION_SEAL_BYTES == 32, "of SHA-256");
	if (!sw->has_seal && RAND_bytes(sw->seal, sizeof(sw->seal)) != 1)
		return false;
	sw->has_seal = true;
	return HMAC(EVP_sha256(), sw->seal, sizeof(sw->seal), p, len, seal, &bytes) &&
	       bytes == SESSION_SEAL_BYTES;
}

size_t session_continuation_seal(struct session_switch *sw, const void *continuation, size_t len,
	uint8_t out[static SESSION_SEALED_MAX])
{
	if (len > WEFT_PAUSE_BYTES || !seal_of(sw, continuation, len, out + SESSION_SEAL_PAD))
		return 0;
	memset(out, 0, SESSION_SEAL_PAD);
	memcpy(out + SESSION_SEAL_PAD + SESSION_SEAL_BYTES, continuation, len);
	return SESSION_SEAL_PAD + SESSION_SEAL_BYTES + len;
}

size_t session_continuation_open(struct session_switch *sw, const void *sealed, size_t len,
	uint64_t out[static WEFT_PAUSE_BYTES / 8])
{
	const uint8_t *p = (const uint8_t *)sealed + SESSION_SEAL_PAD;
	uint8_t seal[SESSION_SEAL_BYTES];

	if (len <= SESSION_SEAL_PAD + SESSION_SEAL_BYTES || len > SESSION_SEALED_MAX)
		return 0;
	len -= SESSION_SEAL_PAD + SESSION_SEAL_BYTES;
	if (!seal_of(sw, p + SESSION_SEAL_BYTES, len, seal) ||
		CRYPTO_memcmp(seal, p, SESSION_SEAL_BYTES))
		return 0;
	memcpy(out, p + SESSION_SEAL_BYTES, len);
	return weft_continuation_ok(out, len) ? len : 0;
}

// ---- NXT_RESUME

static const struct weft_flow_key nothing;

static struct weft_flow_key key_of(const struct weft_continuation *c)
{
	const uint64_t *word = weft_paused_words(c);
	struct weft_flow_key key = {0};

	for (uint64_t map = c->map; map; map &= map - 1, word++)
		memcpy((char *)&key + 8 * (size_t)__builtin_ctzll(map), word, 8);
	return key;
}

static bool has_metadata(unsigned f)
{
	return f == WEFT_FIELD_IN_PORT || of_packet_match_tells(f);
}

// What is not told is zero, as in a packet-in.
static void changes(
	const struct weft_flow_key *was, const struct weft_flow_key *is, struct weft_flow_key *mask)
{
	for (unsigned f = 0; f < WEFT_FIELD_MAX; f++)
		if (has_metadata(f) &&
			memcmp(weft_key_field_const(was, f), weft_key_field_const(is, f),
				weft_field_infos[f].bytes))
			of_oxm_full_mask((enum weft_field)f, weft_key_field(mask, f));
}

// Only what a packet-in tells.
static bool says_more(const struct weft_flow_key *mask)
{
	for (unsigned f = 0; f < WEFT_FIELD_MAX; f++)
		if (!has_metadata(f) && f != WEFT_FIELD_IN_PHY_PORT &&
			!(weft_field_infos[f].flags & WEFT_FIELD_V) &&
			memcmp(weft_key_field_const(mask, f), weft_key_field_const(&nothing, f),
				weft_field_infos[f].bytes))
			return true;
	return false;
}

// Actions that make the metadata what the controller says; their bytes, or -EBADMSG.
static ssize_t take_metadata(struct of_span oxm, const struct weft_continuation *c, void *room,
	size_t size, struct of_reader *r)
{
	const struct weft_flow_key was = key_of(c);
	struct weft_flow_key is, mask, changed = {0};
	struct weft_match match;
	struct of_error error;
	ssize_t n;

	if (of_nxm_read(oxm, OF_VERSION_1_3, &match, &error))
		return of_fail_error(r, error);
	weft_match_to_key(&match, &is, &mask);
	if (says_more(&mask))
		return of_fail(r, OFPET_BAD_MATCH, OFPBMC_BAD_FIELD);
	if (!mask.in_port)
		is.in_port = was.in_port;
	changes(&was, &is, &changed);
	n = session_set_fields(room, size, &is, &changed);
	return n < 0 ? of_fail(r, OFPET_BAD_MATCH, OFPBMC_BAD_FIELD) : n;
}

// What NXT_RESUME says that matters; NULL: it does not.
struct said {
	struct of_span packet, metadata, continuation;
};

static int read_said(struct of_reader *r, struct said *s)
{
	struct of_nicira_packet_in_prop p;
	struct of_nicira_resume in;
	struct of_reader it;

	if (of_nicira_resume_read(r, &in))
		return -EBADMSG;
	it = of_list(in.properties, r->version);
	while (of_nicira_packet_in_prop_next(&it, &p)) {
		if (p.kind == OF_NICIRA_PACKET_IN_PROP_PACKET)
			s->packet = p.packet.data;
		else if (p.kind == OF_NICIRA_PACKET_IN_PROP_METADATA)
			s->metadata = p.metadata.oxm;
		else if (p.kind == OF_NICIRA_PACKET_IN_PROP_CONTINUATION)
			s->continuation = p.continuation.data;
	}
	if (it.failed)
		return of_fail_error(r, it.error);
	if (s->packet.len < ETHERNET_HEADER)
		return of_fail(r, OFPET_BAD_REQUEST, OFPBRC_BAD_LEN);
	return 0;
}

int session_nicira_resume(struct session_conn *c, struct session_request *rq)
{
	uint64_t continuation[WEFT_PAUSE_BYTES / 8], actions[2048 / 8];
	struct said s = {0};
	ssize_t fields = 0;
	size_t len;

	if (read_said(&rq->r, &s))
		return -EBADMSG;
	len = session_continuation_open(c->sw, s.continuation.p, s.continuation.len, continuation);
	if (!len)
		return of_fail_error(&rq->r, of_nicira_error(OF_NXERR_RESUME_STALE));
	if (s.metadata.p)
		fields = take_metadata(
			s.metadata, (const void *)continuation, actions, sizeof(actions), &rq->r);
	if (fields < 0)
		return -EBADMSG;
	dpc_resume(c->sw->dpc, c->sw->tenant,
		&(struct dpc_resumption){
			continuation, len, actions, (size_t)fields, s.packet.p, s.packet.len},
		session_pending_done, session_pending_new(c, rq));
	return 0;
}

// SPDX-License-Identifier: Apache-2.0
// OpenFlow messages from a peer: decoded to the bottom, and translated into the neutral form. What
// was decoded is written again; that must decode, and come out the same once more.
#include "of_testkit.h"
#include "openflow/actions.h"
#include "openflow/errors.h"
#include "openflow/match.h"

#include "../require.h"

static uint8_t version; // as the message has it, if it is one of ours

// Decodes to the bottom and writes again. False if the message is refused; then with a reason.
static bool rewrite(struct of_span in, struct of_writer *w)
{
	struct of_testkit kit = {.version = version};
	struct of_reader r = of_list(in, version);
	struct of_message m;
	bool ok = of_message_read(&r, &m) == 0 && of_testkit_of_message.refine(&kit, &r, &m) == 0;

	require(ok || strcmp(of_error_name(&r.error, version), "unknown") != 0);
	if (ok)
		require(of_message_write(w, &m) == 0);
	of_testkit_free(&kit);
	return ok;
}

static void check_match(struct of_span oxm)
{
	struct of_writer w = {.version = version};
	struct weft_match a, b;
	struct of_error e;

	if (of_match_read(oxm, version, &a, &e) == 0) {
		require(weft_match_ok(&a));
		require(of_match_write(&w, &a) == 0);
		require(of_match_read(of_written(&w), version, &b, &e) == 0);
		require(weft_match_equal(&a, &b));
	}
	of_writer_free(&w);
}

static void check_actions(struct of_span list)
{
	static _Alignas(8) uint8_t a[OF_ACTIONS_MAX], b[OF_ACTIONS_MAX];
	struct of_writer w = {.version = version};
	struct of_error e;
	ssize_t n = of_actions_read(list, version, OF_IN_PACKET_OUT, a, sizeof(a), &e);

	if (n >= 0) {
		require(weft_actions_ok(a, (size_t)n));
		require(of_actions_write(&w, a, (size_t)n) == 0);
		require(of_actions_read(
				of_written(&w), version, OF_IN_PACKET_OUT, b, sizeof(b), &e) == n);
		require(memcmp(a, b, (size_t)n) == 0);
	}
	of_writer_free(&w);
}

static void check_instructions(struct of_span list)
{
	static _Alignas(8) uint8_t a[OF_INSTRUCTIONS_MAX], b[OF_INSTRUCTIONS_MAX];
	struct of_writer w = {.version = version};
	struct of_error e;
	ssize_t n = of_instructions_read(list, version, a, sizeof(a), &e);

	if (n >= 0) {
		require(of_instructions_write(&w, (const void *)a) == 0);
		require(of_instructions_read(of_written(&w), version, b, sizeof(b), &e) == n);
		require(memcmp(a, b, (size_t)n) == 0);
	}
	of_writer_free(&w);
}

static void translate(struct of_span in)
{
	struct of_reader r = of_list(in, version), it;
	struct of_message m;
	struct of_bucket bucket;

	if (of_message_read(&r, &m))
		return;
	switch (m.kind) {
	case OF_FLOW_MOD:
		check_match(m.flow_mod.match);
		check_instructions(m.flow_mod.instructions);
		check_actions(m.flow_mod.actions);
		break;
	case OF_FLOW_REQUEST:
		check_match(m.flow_request.match);
		break;
	case OF_PACKET_OUT:
		check_actions(m.packet_out.actions);
		check_match(m.packet_out.match);
		break;
	case OF_GROUP_MOD:
		for (it = of_list(m.group_mod.buckets, version); of_bucket_next(&it, &bucket);)
			check_actions(bucket.actions);
		break;
	default:
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct of_writer once, twice;
	struct of_span in = {data, size};

	version = size && strchr("\1\4\5\6", data[0]) && data[0] ? data[0] : 4;
	once = twice = (struct of_writer){.version = version};

	translate(in);
	if (rewrite(in, &once)) {
		require(rewrite(of_written(&once), &twice));
		require(kit_span_equal(of_written(&once), of_written(&twice)));
	}
	of_writer_free(&once);
	of_writer_free(&twice);
	return 0;
}

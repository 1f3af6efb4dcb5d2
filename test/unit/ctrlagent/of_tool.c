// SPDX-License-Identifier: Apache-2.0
// The codec for scripts: reads commands from standard input, answers each with lines on standard
// output.
//
//	decode HEX              the message decoded to the bottom and written again, and as JSON
//	match VERSION HEX       the match of a message by way of struct weft_match
//	actions VERSION HEX     a list of actions by way of the neutral one
//	random VERSION SEED N   N random messages, as decode answers
//
// What is refused is answered by "error TYPE CODE NAME".
#include <inttypes.h>
#include <stdlib.h>

#include "of_testkit.h"
#include "openflow/actions.h"
#include "openflow/errors.h"
#include "openflow/match.h"

static uint8_t version;

static struct of_span from_hex(char *hex)
{
	size_t n = strspn(hex, "0123456789abcdef") / 2;

	for (size_t i = 0; i < n; i++) {
		char two[3] = {hex[2 * i], hex[2 * i + 1], 0};
		hex[i] = (char)strtoul(two, NULL, 16);
	}
	return (struct of_span){(const uint8_t *)hex, n};
}

static void answer_error(const struct of_error *e)
{
	printf("error %u %u %s\n", e->type, e->code, of_error_name(e, version));
}

static void answer_bytes(struct of_span s)
{
	for (size_t i = 0; i < s.len; i++)
		printf("%02x", s.p[i]);
}

static void answer_message(const struct of_message *m)
{
	struct of_writer w = {.version = version};

	of_message_write(&w, m);
	answer_bytes(of_written(&w));
	putchar(' ');
	of_testkit_of_message.dump(stdout, version, m);
	putchar('\n');
	of_writer_free(&w);
}

static void decode(char *hex)
{
	struct of_span in = from_hex(hex);
	struct of_testkit kit = {.version = version = in.p[0]};
	struct of_reader r = of_list(in, version);
	struct of_message m;

	if (of_message_read(&r, &m) || of_testkit_of_message.refine(&kit, &r, &m))
		answer_error(&r.error);
	else
		answer_message(&m);
	of_testkit_free(&kit);
}

static void match(char *hex)
{
	struct of_writer w = {.version = version};
	struct weft_match m;
	struct of_error e;

	if (of_match_read(from_hex(hex), version, &m, &e)) {
		answer_error(&e);
		return;
	}
	of_match_write(&w, &m);
	answer_bytes(of_written(&w));
	putchar('\n');
	of_writer_free(&w);
}

static void actions(char *hex)
{
	static _Alignas(8) uint8_t list[OF_ACTIONS_MAX];
	struct of_writer w = {.version = version};
	struct of_error e;
	ssize_t n = of_actions_read(from_hex(hex), version, 0, list, sizeof(list), &e);

	if (n < 0) {
		answer_error(&e);
		return;
	}
	of_actions_write(&w, list, (size_t)n);
	answer_bytes(of_written(&w));
	putchar('\n');
	of_writer_free(&w);
}

static void random_messages(uint64_t seed, unsigned n)
{
	struct of_testkit kit = {.version = version, .seed = seed | 1};
	struct of_message m;

	for (unsigned i = 0; i < n; i++) {
		of_testkit_of_message.random(&kit, &m);
		answer_message(&m);
		of_testkit_free(&kit);
	}
}

int main(void)
{
	static char line[1 << 18];
	uint64_t seed;
	unsigned n, v;
	int at;

	while (fgets(line, sizeof(line), stdin)) {
		if (strncmp(line, "decode ", 7) == 0)
			decode(line + 7);
		else if (sscanf(line, "match %u %n", &v, &at) == 1 && (version = (uint8_t)v))
			match(line + at);
		else if (sscanf(line, "actions %u %n", &v, &at) == 1 && (version = (uint8_t)v))
			actions(line + at);
		else if (sscanf(line, "random %u %" SCNu64 " %u", &v, &seed, &n) == 3 &&
			 (version = (uint8_t)v))
			random_messages(seed, n);
		else
			return 2;
		fflush(stdout);
	}
	return 0;
}

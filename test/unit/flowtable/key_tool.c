// SPDX-License-Identifier: Apache-2.0
// For test_scapy.py: reads lines "FRAME [EDIT]...", all in hex, and answers each with "FRAME RESULT
// field=value ..." after the edits; RESULT is ok or the drop reason's name. Fields that are zero
// are left out. Edits: set:FIELD=VALUE, push_vlan:TYPE, pop_vlan, push_mpls:TYPE, pop_mpls:TYPE,
// push_pbb:TYPE, pop_pbb, set_mpls_ttl:TTL, dec_mpls_ttl, set_nw_ttl:TTL, dec_nw_ttl, copy_ttl_out,
// copy_ttl_in.

#include "flowtable/packet/edit.h"
#include "flowtable/packet/extract.h"

#include <weft/match.h>

#include <stdio.h>
#include <stdlib.h>

#define ROOM 128

struct job {
	uint8_t bytes[ROOM + 4096];
	struct weft_packet p;
	struct weft_flow_key k;
};

static unsigned unhex(const char *s, uint8_t *out, unsigned max)
{
	unsigned n = 0, byte;

	while (n < max && sscanf(s + 2 * n, "%2x", &byte) == 1)
		out[n++] = (uint8_t)byte;
	return n;
}

static void hex(const uint8_t *p, unsigned n)
{
	while (n--)
		printf("%02x", *p++);
}

static enum weft_drop set(struct job *j, char *arg)
{
	static const uint8_t ones[16] = {
		255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255};
	char *value = strchr(arg, '=');
	uint8_t bytes[16] = {0};

	if (!value)
		exit(2);
	*value++ = 0;
	unhex(value, bytes, 16);
	for (enum weft_field f = 0; f < WEFT_FIELD_MAX; f++)
		if (strcmp(weft_field_infos[f].name, arg) == 0)
			return ft_set_field(&j->p, &j->k, f, bytes, ones);
	fprintf(stderr, "no field %s\n", arg);
	exit(2);
}

static enum weft_drop edit(struct job *j, char *op)
{
	char *arg = strchr(op, ':');
	unsigned n;

	if (arg)
		*arg++ = 0;
	n = (unsigned)strtoul(arg ? arg : "0", NULL, 16);
	if (!strcmp(op, "set"))
		return set(j, arg);
	if (!strcmp(op, "push_vlan"))
		return ft_push_vlan(&j->p, &j->k, (uint16_t)n);
	if (!strcmp(op, "pop_vlan"))
		return ft_pop_vlan(&j->p, &j->k);
	if (!strcmp(op, "push_mpls"))
		return ft_push_mpls(&j->p, &j->k, (uint16_t)n);
	if (!strcmp(op, "pop_mpls"))
		return ft_pop_mpls(&j->p, &j->k, (uint16_t)n);
	if (!strcmp(op, "push_pbb"))
		return ft_push_pbb(&j->p, &j->k, (uint16_t)n);
	if (!strcmp(op, "pop_pbb"))
		return ft_pop_pbb(&j->p, &j->k);
	if (!strcmp(op, "set_mpls_ttl"))
		return ft_set_mpls_ttl(&j->p, &j->k, (uint8_t)n);
	if (!strcmp(op, "dec_mpls_ttl"))
		return ft_dec_mpls_ttl(&j->p, &j->k);
	if (!strcmp(op, "set_nw_ttl"))
		return ft_set_nw_ttl(&j->p, &j->k, (uint8_t)n);
	if (!strcmp(op, "dec_nw_ttl"))
		return ft_dec_nw_ttl(&j->p, &j->k);
	if (!strcmp(op, "copy_ttl_out"))
		return ft_copy_ttl_out(&j->p, &j->k);
	if (!strcmp(op, "copy_ttl_in"))
		return ft_copy_ttl_in(&j->p, &j->k);
	fprintf(stderr, "no edit %s\n", op);
	exit(2);
}

static void answer(const struct job *j, enum weft_drop why)
{
	static const uint8_t none[16];

	hex(j->p.data, j->p.len);
	printf(" %s", why == FT_EDITED ? "ok" : why == WEFT_DROP_TTL ? "ttl" : "error");
	for (enum weft_field f = 0; f < WEFT_FIELD_MAX; f++) {
		const uint8_t *value = weft_key_field_const(&j->k, f);

		if (memcmp(value, none, weft_field_infos[f].bytes) == 0)
			continue;
		printf(" %s=", weft_field_infos[f].name);
		hex(value, weft_field_infos[f].bytes);
	}
	printf(" frag=%u l3=%u l4=%u\n", j->k.ip_frag, j->p.l3_ofs, j->p.l4_ofs);
}

int main(void)
{
	static char line[1 << 16];
	static struct job j;

	setvbuf(stdout, NULL, _IOLBF, BUFSIZ); // a question, an answer
	while (fgets(line, sizeof(line), stdin)) {
		enum weft_drop why = FT_EDITED;
		char *word = strtok(line, " \n");

		if (!word)
			continue;
		memset(&j, 0, sizeof(j));
		j.p.data = j.bytes + ROOM;
		j.p.headroom = ROOM;
		j.p.len = j.p.total_len = unhex(word, j.p.data, 4096);
		ft_extract(&j.p, &j.k);
		while (why == FT_EDITED && (word = strtok(NULL, " \n")))
			why = edit(&j, word);
		answer(&j, why);
	}
	return 0;
}

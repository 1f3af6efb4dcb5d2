// SPDX-License-Identifier: Apache-2.0
#include "session/tlv_map.h"

#include "openflow/errors.h"
#include "session/conn.h"
#include "session/nicira.h"

#define LEN_MAX 124u // of an option: its length field counts 31 words

enum {
	ADD,
	DELETE,
	CLEAR
};

static int fail(struct of_reader *r, uint16_t code)
{
	return of_fail_error(r, of_nicira_error(code));
}

static bool same_option(const struct session_tlv *have, const struct of_nicira_tlv_map *map)
{
	return have->len && have->option_class == map->option_class &&
	       have->option_type == map->option_type;
}

static unsigned space_in_use(const struct session_tlv_map *t)
{
	unsigned n = 0;

	for (unsigned i = 0; i < SESSION_TLV_FIELDS; i++)
		n += t->field[i].len;
	return n;
}

static int add(struct session_tlv_map *t, const struct of_nicira_tlv_map *map, struct of_reader *r)
{
	for (unsigned i = 0; i < SESSION_TLV_FIELDS; i++)
		if (same_option(&t->field[i], map))
			return fail(r, OF_NXERR_TLV_DUPLICATE);
	if (t->field[map->index].len)
		return fail(r, OF_NXERR_TLV_MAPPED);
	if (space_in_use(t) + map->option_len > SESSION_TLV_SPACE)
		return fail(r, OF_NXERR_TLV_FULL);
	t->field[map->index] =
		(struct session_tlv){map->option_class, map->option_type, map->option_len};
	return 0;
}

static int change(struct session_tlv_map *t, uint16_t command, const struct of_nicira_tlv_map *map,
	struct of_reader *r)
{
	if (map->option_len == 0 || map->option_len % 4 || map->option_len > LEN_MAX)
		return fail(r, OF_NXERR_TLV_OPTION_LEN);
	if (map->index >= SESSION_TLV_FIELDS)
		return fail(r, OF_NXERR_TLV_INDEX);
	if (command == ADD)
		return add(t, map, r);
	t->field[map->index] = (struct session_tlv){0};
	return 0;
}

// All of it or nothing.
int session_nicira_tlv_table_mod(struct session_conn *c, struct session_request *rq)
{
	struct session_tlv_map t = c->sw->tlv_map;
	struct of_nicira_tlv_table_mod in;
	struct of_nicira_tlv_map map;
	struct of_reader it;

	if (of_nicira_tlv_table_mod_read(&rq->r, &in))
		return -EBADMSG;
	if (in.command > CLEAR)
		return fail(&rq->r, OF_NXERR_TLV_COMMAND);
	if (in.command == CLEAR)
		t = (struct session_tlv_map){0};
	it = of_list(in.maps, c->version);
	while (in.command != CLEAR && of_nicira_tlv_map_next(&it, &map))
		if (change(&t, in.command, &map, &rq->r))
			return -EBADMSG;
	if (it.failed)
		return of_fail_error(&rq->r, it.error);
	c->sw->tlv_map = t;
	return 0;
}

int session_nicira_tlv_table_request(struct session_conn *c, struct session_request *rq)
{
	struct of_writer maps = {.version = c->version};
	struct of_nicira_tlv_table_request in;
	struct of_nicira_tlv_table_reply out = {.xid = rq->xid,
		.max_option_space = SESSION_TLV_SPACE,
		.max_fields = SESSION_TLV_FIELDS};

	if (of_nicira_tlv_table_request_read(&rq->r, &in))
		return -EBADMSG;
	for (uint16_t i = 0; i < SESSION_TLV_FIELDS; i++) {
		const struct session_tlv *t = &c->sw->tlv_map.field[i];
		const struct of_nicira_tlv_map map = {.option_class = t->option_class,
			.option_type = t->option_type,
			.option_len = t->len,
			.index = i};

		if (t->len)
			of_nicira_tlv_map_write(&maps, &map);
	}
	out.maps = of_written(&maps);
	of_nicira_tlv_table_reply_write(session_begin(c), &out);
	session_end(c);
	of_writer_free(&maps);
	return 0;
}

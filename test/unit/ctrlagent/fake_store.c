// SPDX-License-Identifier: Apache-2.0
#include "fake_store.h"

#include <stdlib.h>
#include <string.h>

void store_clear(struct store *s)
{
	for (size_t i = 0; i < s->count; i++)
		free(s->records[i].bytes);
	free(s->records);
	memset(s, 0, sizeof(*s));
}

struct record *store_find(
	const struct store *s, uint16_t dump, weft_tenant_id tenant, const void *key, size_t n)
{
	for (size_t i = 0; i < s->count; i++) {
		struct record *r = &s->records[i];
		if (r->dump == dump && r->tenant == tenant && memcmp(r->bytes, key, n) == 0)
			return r;
	}
	return NULL;
}

struct record *store_tenant(const struct store *s, weft_tenant_id id)
{
	return store_find(s, WEFT_IPC_DUMP_TENANTS, id, "", 0);
}

void store_put(struct store *s, uint16_t dump, weft_tenant_id tenant, size_t key, const void *bytes,
	size_t len)
{
	struct record *r = store_find(s, dump, tenant, bytes, key);

	if (!r) {
		s->records = realloc(s->records, (s->count + 1) * sizeof(*r));
		r = &s->records[s->count++];
		r->bytes = NULL;
	}
	free(r->bytes);
	*r = (struct record){dump, tenant, key, len, malloc(len)};
	memcpy(r->bytes, bytes, len);
}

void store_erase(struct store *s, struct record *r)
{
	free(r->bytes);
	*r = s->records[--s->count];
}

struct store store_copy(const struct store *from)
{
	struct store to = {.host = from->host};

	for (size_t i = 0; i < from->count; i++) {
		const struct record *r = &from->records[i];
		store_put(&to, r->dump, r->tenant, r->len, r->bytes, r->len);
		to.records[to.count - 1].key = r->key;
	}
	return to;
}

// SPDX-License-Identifier: Apache-2.0
#pragma once
// What fake_dataplane.h's double was told: records, each as a dump shows it.

#include <weft/ipc.h>

// Everything is a record: which dump shows it, whose it is, and its bytes, of which the first `key`
// name it.
struct record {
	uint16_t dump;
	weft_tenant_id tenant;
	size_t key;
	size_t len;
	uint8_t *bytes;
};

struct store {
	struct record *records;
	size_t count;
	struct weft_ipc_host host;
};

// `key`: so many bytes name it; one that is there by that name is replaced.
void store_put(struct store *s, uint16_t dump, weft_tenant_id tenant, size_t key, const void *bytes,
	size_t len);
// NULL: there is none whose first `n` bytes are these.
struct record *store_find(
	const struct store *s, uint16_t dump, weft_tenant_id tenant, const void *key, size_t n);
struct record *store_tenant(const struct store *s, weft_tenant_id id); // or NULL
void store_erase(struct store *s, struct record *r);
struct store store_copy(const struct store *from);
void store_clear(struct store *s);

// SPDX-License-Identifier: Apache-2.0
#pragma once
// The TLS identity of a switch or of the whole agent: private key, certificate, and the bundle of
// CAs that a peer's certificate must come from. TLS 1.2 at least (OpenFlow 1.3.5, 6.3.3 asks for
// TLS; RFC 9325, 3.1.1 for its version). Both sides are verified: no session comes about
// with a peer that has no certificate of that bundle. Files that are replaced under their names, as
// certificates are that are renewed, hold for the next connection.

#include <stdbool.h>
#include <stddef.h>

#include <openssl/types.h>

struct session_tls_config {
	const char *private_key; // PEM files
	const char *certificate;
	const char *ca_cert;
};

struct session_tls;

// Reads the files. Returns NULL with a sentence in err when one cannot be used, or when key and
// certificate do not belong together. The strings are copied.
struct session_tls *session_tls_new(
	const struct session_tls_config *config, char *err, size_t err_len);
// Reads the files anew if one of them is another than when they were read. If they cannot be used,
// as while they are being replaced, that is logged and all stays as it is; the next call tries
// again. Sessions under way are not disturbed. NULL is fine.
void session_tls_refresh(struct session_tls *tls);
void session_tls_free(struct session_tls *tls); // sessions under way are not disturbed

// A fresh connection object, owned by the caller; NULL if out of memory.
SSL *session_tls_session(struct session_tls *tls, bool server);

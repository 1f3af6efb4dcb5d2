// SPDX-License-Identifier: Apache-2.0
#pragma once
// The TLS identity of a switch or of the whole agent: private key, certificate, and the bundle of
// CAs that a peer's certificate must come from. TLS 1.2 at least (OpenFlow 1.3.5, 6.3.3 asks for
// TLS; RFC 9325, 3.1.1 for its version). Both sides are verified whenever a CA bundle is given: a
// passive session without a client certificate does not come about.

#include <stdbool.h>
#include <stddef.h>

#include <openssl/types.h>

struct session_tls_config {
	const char *private_key; // PEM files
	const char *certificate;
	const char
		*ca_cert; // NULL: a passive side asks for no certificate, an active one is refused
};

struct session_tls;

// Reads the files. Returns NULL with a sentence in err when one cannot be used, or when key and
// certificate do not belong together. The strings are not kept.
struct session_tls *session_tls_new(
	const struct session_tls_config *config, char *err, size_t err_len);
void session_tls_free(struct session_tls *tls); // sessions under way are not disturbed

// A fresh connection object, owned by the caller; NULL if out of memory or if an active one is
// wanted (server false) without CA bundle.
SSL *session_tls_session(struct session_tls *tls, bool server);

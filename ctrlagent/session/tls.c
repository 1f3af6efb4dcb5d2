// SPDX-License-Identifier: Apache-2.0
#include "session/tls.h"

#include <stdio.h>
#include <stdlib.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

struct session_tls {
	SSL_CTX *ctx;
	bool has_ca;
};

static void explain(char *err, size_t err_len, const char *what, const char *file)
{
	char detail[160];

	ERR_error_string_n(ERR_get_error(), detail, sizeof(detail));
	ERR_clear_error();
	snprintf(err, err_len, "%s \"%s\": %s", what, file, detail);
}

static bool load_identity(
	SSL_CTX *ctx, const struct session_tls_config *c, char *err, size_t err_len)
{
	if (!c->private_key || !c->certificate) {
		snprintf(err, err_len, "TLS needs a private key and a certificate");
		return false;
	}
	if (SSL_CTX_use_certificate_chain_file(ctx, c->certificate) != 1) {
		explain(err, err_len, "certificate", c->certificate);
		return false;
	}
	if (SSL_CTX_use_PrivateKey_file(ctx, c->private_key, SSL_FILETYPE_PEM) != 1 ||
		SSL_CTX_check_private_key(ctx) != 1) {
		explain(err, err_len, "private key", c->private_key);
		return false;
	}
	return true;
}

static bool load_ca(SSL_CTX *ctx, const struct session_tls_config *c, char *err, size_t err_len)
{
	if (!c->ca_cert)
		return true;
	if (SSL_CTX_load_verify_locations(ctx, c->ca_cert, NULL) != 1) {
		explain(err, err_len, "CA bundle", c->ca_cert);
		return false;
	}
	SSL_CTX_set_client_CA_list(ctx, SSL_load_client_CA_file(c->ca_cert));
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	return true;
}

struct session_tls *session_tls_new(
	const struct session_tls_config *config, char *err, size_t err_len)
{
	struct session_tls *tls = calloc(1, sizeof(*tls));

	if (!tls)
		goto no_memory;
	tls->has_ca = config->ca_cert != NULL;
	tls->ctx = SSL_CTX_new(TLS_method());
	if (!tls->ctx)
		goto no_memory;
	SSL_CTX_set_min_proto_version(tls->ctx, TLS1_2_VERSION);
	SSL_CTX_set_options(tls->ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
	// Sessions last for days; what resumption would save is not worth what it keeps.
	SSL_CTX_set_session_cache_mode(tls->ctx, SSL_SESS_CACHE_OFF);
	if (load_identity(tls->ctx, config, err, err_len) &&
		load_ca(tls->ctx, config, err, err_len))
		return tls;
	session_tls_free(tls);
	return NULL;

no_memory:
	snprintf(err, err_len, "out of memory");
	session_tls_free(tls);
	return NULL;
}

void session_tls_free(struct session_tls *tls)
{
	if (!tls)
		return;
	SSL_CTX_free(tls->ctx);
	free(tls);
}

SSL *session_tls_session(struct session_tls *tls, bool server)
{
	SSL *ssl;

	if (!server && !tls->has_ca)
		return NULL;
	ssl = SSL_new(tls->ctx);
	if (!ssl)
		return NULL;
	if (server)
		SSL_set_accept_state(ssl);
	else
		SSL_set_connect_state(ssl);
	return ssl;
}

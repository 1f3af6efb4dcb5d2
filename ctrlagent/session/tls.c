// SPDX-License-Identifier: Apache-2.0
#define AGENT_LOG_MODULE "openflow"
#include "session/tls.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "log.h"
#include "mem.h"

#define FILES 3u

// What tells a file from the one that had its name before.
struct stamp {
	dev_t device;
	ino_t inode;
	off_t size;
	struct timespec changed;
};

struct session_tls {
	SSL_CTX *ctx;
	char *path[FILES];         // key, certificate, CA bundle
	struct stamp stamp[FILES]; // of what ctx was made of
	struct stamp tried[FILES]; // and of what could not be used, to say so once
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
	if (!c->ca_cert) {
		snprintf(err, err_len, "TLS needs a CA bundle to know peers by");
		return false;
	}
	if (SSL_CTX_load_verify_locations(ctx, c->ca_cert, NULL) != 1) {
		explain(err, err_len, "CA bundle", c->ca_cert);
		return false;
	}
	SSL_CTX_set_client_CA_list(ctx, SSL_load_client_CA_file(c->ca_cert));
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	return true;
}

static SSL_CTX *load(const struct session_tls_config *config, char *err, size_t err_len)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_method());

	if (!ctx) {
		snprintf(err, err_len, "out of memory");
		return NULL;
	}
	SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
	// Sessions last for days; what resumption would save is not worth what it keeps.
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	if (load_identity(ctx, config, err, err_len) && load_ca(ctx, config, err, err_len))
		return ctx;
	SSL_CTX_free(ctx);
	return NULL;
}

static void take_stamps(const struct session_tls *tls, struct stamp stamps[FILES])
{
	memset(stamps, 0, FILES * sizeof(stamps[0]));
	for (unsigned i = 0; i < FILES; i++) {
		struct stat st;

		if (stat(tls->path[i], &st) == 0) {
			stamps[i].device = st.st_dev;
			stamps[i].inode = st.st_ino;
			stamps[i].size = st.st_size;
			stamps[i].changed = st.st_mtim;
		}
	}
}

static bool same(const struct stamp a[FILES], const struct stamp b[FILES])
{
	return memcmp(a, b, FILES * sizeof(a[0])) == 0; // both were cleared before they were filled
}

// The stamps are taken first: a file that is replaced meanwhile is read once more than need be.
struct session_tls *session_tls_new(
	const struct session_tls_config *config, char *err, size_t err_len)
{
	struct stamp stamps[FILES];
	struct session_tls *tls;
	SSL_CTX *ctx;

	tls = agent_zalloc(sizeof(*tls));
	tls->path[0] = agent_strdup(config->private_key ? config->private_key : "");
	tls->path[1] = agent_strdup(config->certificate ? config->certificate : "");
	tls->path[2] = agent_strdup(config->ca_cert ? config->ca_cert : "");
	take_stamps(tls, stamps);
	ctx = load(config, err, err_len);
	if (!ctx) {
		session_tls_free(tls);
		return NULL;
	}
	tls->ctx = ctx;
	memcpy(tls->stamp, stamps, sizeof(stamps));
	return tls;
}

void session_tls_refresh(struct session_tls *tls)
{
	struct stamp stamps[FILES];
	char why[256];
	SSL_CTX *ctx;

	if (!tls)
		return;
	take_stamps(tls, stamps);
	if (same(stamps, tls->stamp))
		return;
	ctx = load(&(struct session_tls_config){tls->path[0], tls->path[1], tls->path[2]}, why,
		sizeof(why));
	if (ctx) {
		SSL_CTX_free(tls->ctx);
		tls->ctx = ctx;
		memcpy(tls->stamp, stamps, sizeof(stamps));
		log_info("TLS: read %s, %s and %s anew", tls->path[0], tls->path[1], tls->path[2]);
	} else if (!same(stamps, tls->tried)) {
		memcpy(tls->tried, stamps, sizeof(stamps));
		log_warning("TLS: the files have changed and cannot be used, the old ones hold: %s",
			why);
	}
}

void session_tls_free(struct session_tls *tls)
{
	if (!tls)
		return;
	SSL_CTX_free(tls->ctx);
	for (unsigned i = 0; i < FILES; i++)
		free(tls->path[i]);
	free(tls);
}

SSL *session_tls_session(struct session_tls *tls, bool server)
{
	SSL *ssl = SSL_new(tls->ctx);

	if (!ssl)
		return NULL;
	if (server)
		SSL_set_accept_state(ssl);
	else
		SSL_set_connect_state(ssl);
	return ssl;
}

// SPDX-License-Identifier: Apache-2.0
#include "config/config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/check.h"
#include "config/read.h"
#include "mem.h"

struct config *config_parse(const char *name, const char *text, size_t bytes, char **errors)
{
	struct config *config = agent_zalloc(sizeof(*config));
	struct config_reader r = {.name = name, .arena = &config->arena};

	if (config_read(&r, &config_schema, config, text, bytes))
		config_check(&r, config);
	config_reader_free(&r);
	for (size_t i = 0; i < config->tenant_count; i++)
		finder_add(&config->tenant_names, finder_hash_text(config->tenants[i].name, 0));
	if (!r.error_count)
		return config;
	if (r.error_count > CONFIG_MAX_ERRORS) {
		char *all = agent_format(
			"%s\nand %u more", r.errors, r.error_count - CONFIG_MAX_ERRORS);
		free(r.errors);
		r.errors = all;
	}
	*errors = r.errors;
	config_free(config);
	return NULL;
}

// Returns the file's bytes, or NULL and errno.
static char *read_file(const char *path, size_t *bytes)
{
	FILE *f = fopen(path, "re");
	char *text = NULL;

	*bytes = 0;
	if (!f)
		return NULL;
	for (size_t n = 1; n && *bytes <= CONFIG_MAX_BYTES; *bytes += n) {
		text = agent_resize(text, *bytes + 65536, 1);
		n = fread(text + *bytes, 1, 65536, f);
	}
	int error = ferror(f) ? errno : *bytes > CONFIG_MAX_BYTES ? EFBIG : 0;
	fclose(f);
	if (error) {
		free(text);
		text = NULL;
		errno = error;
	}
	return text;
}

struct config *config_load(const char *path, char **errors)
{
	const char *slash = strrchr(path, '/');
	size_t bytes;
	char *text = read_file(path, &bytes);

	if (!text) {
		*errors = agent_format("%s: %s", path, strerror(errno));
		return NULL;
	}
	struct config *config = config_parse(slash ? slash + 1 : path, text, bytes, errors);
	free(text);
	return config;
}

void config_free(struct config *config)
{
	if (!config)
		return;
	arena_free(&config->arena);
	finder_free(&config->tenant_names);
	free(config);
}

const struct config_tenant *config_tenant_named(const struct config *c, const char *name)
{
	FINDER_EACH (at, &c->tenant_names, finder_hash_text(name, 0))
		if (strcmp(c->tenants[at].name, name) == 0)
			return &c->tenants[at];
	return NULL;
}

const struct config_port *config_port_named(const struct config_tenant *t, const char *name)
{
	for (size_t i = 0; i < t->port_count; i++)
		if (strcmp(t->ports[i].name, name) == 0)
			return &t->ports[i];
	return NULL;
}

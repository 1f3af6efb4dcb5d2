// SPDX-License-Identifier: Apache-2.0
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/check.h"

static bool starts(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

static bool is_port(const char *text)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	return text[0] >= '0' && text[0] <= '9' && !*end && n >= 1 && n <= 65535;
}

// IPv6 in brackets, IPv4 without. `text` is not changed beyond the call.
static bool is_address(const char *text)
{
	uint8_t addr[16];
	char buf[64];
	size_t n = strlen(text);

	if (n >= sizeof(buf))
		return false;
	if (text[0] != '[')
		return inet_pton(AF_INET, text, addr) == 1;
	if (text[n - 1] != ']')
		return false;
	snprintf(buf, sizeof(buf), "%.*s", (int)(n - 2), text + 1);
	return inet_pton(AF_INET6, buf, addr) == 1;
}

// IP[:PORT]
static bool is_active(const char *text)
{
	char buf[80];
	const char *bracket = strchr(text, ']');
	const char *colon = strchr(bracket ? bracket : text, ':');

	if (strlen(text) >= sizeof(buf))
		return false;
	if (!colon)
		return is_address(text);
	snprintf(buf, sizeof(buf), "%.*s", (int)(colon - text), text);
	return is_address(buf) && is_port(colon + 1);
}

// [PORT][:IP]
static bool is_passive(const char *text)
{
	char buf[8];
	const char *colon = strchr(text, ':');
	size_t n = colon ? (size_t)(colon - text) : strlen(text);

	if (n >= sizeof(buf))
		return false;
	snprintf(buf, sizeof(buf), "%.*s", (int)n, text);
	return (n == 0 || is_port(buf)) && (!colon || is_address(colon + 1));
}

static bool is_target(const char *text)
{
	if (starts(text, "tcp:") || starts(text, "ssl:"))
		return is_active(text + 4);
	if (starts(text, "ptcp:") || starts(text, "pssl:"))
		return is_passive(text + 5);
	if (starts(text, "unix:"))
		return text[5] == '/';
	return starts(text, "punix:/");
}

static bool needs_tls(const char *text)
{
	return starts(text, "ssl:") || starts(text, "pssl:");
}

static void check_controllers(struct config_reader *r, const struct config_switch *s)
{
	struct config_values seen = {0};

	for (size_t i = 0; i < s->controller_count; i++) {
		const char *text = s->controllers[i].text;
		if (!text[0])
			continue; // said already
		if (!is_target(text))
			config_error(r, text, NULL,
				"expected tcp:IP[:PORT], ssl:IP[:PORT], unix:PATH, "
				"ptcp:[PORT][:IP], pssl:[PORT][:IP] or punix:PATH, got \"%s\"",
				text);
		else if (needs_tls(text) && !s->tls.key[0])
			config_error(r, text, NULL, "needs switch.tls");
		config_values_add(&seen, text, text, strlen(text));
	}
	config_values_finish(r, &seen);
}

static void check_readable(struct config_reader *r, const char *path)
{
	if (path[0] && access(path, R_OK) != 0)
		config_error(r, path, NULL, "expected a file that can be read: %s: %m", path);
}

void config_check_switch(struct config_reader *r, struct config_tenant *t)
{
	struct config_switch *s = &t->sw;

	check_controllers(r, s);
	check_readable(r, s->tls.key);
	check_readable(r, s->tls.cert);
	check_readable(r, s->tls.ca);
	if (s->controller_count && !config_is_set(r, &s->dpid))
		config_error(r, s, "dpid", "missing, expected 16 hexadecimal digits");
	if (s->fail_mode == UINT32_MAX)
		s->fail_mode = s->controller_count ? AGENT_FAIL_SECURE : AGENT_FAIL_STANDALONE;
}

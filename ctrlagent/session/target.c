// SPDX-License-Identifier: Apache-2.0
#include "session/target.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

static const struct {
	const char *prefix;
	enum session_transport transport;
	bool passive;
} methods[] = {
	{"tcp:", SESSION_TRANSPORT_TCP, false},
	{"ssl:", SESSION_TRANSPORT_SSL, false},
	{"unix:", SESSION_TRANSPORT_UNIX, false},
	{"ptcp:", SESSION_TRANSPORT_TCP, true},
	{"pssl:", SESSION_TRANSPORT_SSL, true},
	{"punix:", SESSION_TRANSPORT_UNIX, true},
};

static int parse_port(const char *text, uint16_t *port)
{
	char *end;
	unsigned long n;

	if (text[0] < '0' || text[0] > '9')
		return -EINVAL;
	n = strtoul(text, &end, 10);
	if (*end || n > 65535)
		return -EINVAL;
	*port = (uint16_t)n;
	return 0;
}

// An address, IPv6 with or without brackets.
static int parse_ip(struct session_target *t, const char *text, uint16_t port)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)&t->addr;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&t->addr;
	char host[INET6_ADDRSTRLEN + 2];
	size_t n = strlen(text);

	if (n >= sizeof(host))
		return -EINVAL;
	if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(port);
		t->addr_len = sizeof(*v4);
		return 0;
	}
	if (n > 2 && text[0] == '[' && text[n - 1] == ']') {
		memcpy(host, text + 1, n - 2);
		host[n - 2] = 0;
	} else {
		memcpy(host, text, n + 1);
	}
	if (inet_pton(AF_INET6, host, &v6->sin6_addr) != 1)
		return -EINVAL;
	v6->sin6_family = AF_INET6;
	v6->sin6_port = htons(port);
	t->addr_len = sizeof(*v6);
	return 0;
}

// IP[:PORT], where IPv6 needs brackets if a port follows.
static int parse_active(struct session_target *t, const char *rest)
{
	char host[INET6_ADDRSTRLEN + 2];
	const char *colon = rest[0] == '[' ? strchr(rest, ']') : strchr(rest, ':');
	uint16_t port = SESSION_DEFAULT_PORT;
	size_t n;

	if (rest[0] == '[' && colon)
		colon = colon[1] == ':' ? colon + 1 : NULL;
	if (colon && (parse_port(colon + 1, &port) || port == 0))
		return -EINVAL;
	n = colon ? (size_t)(colon - rest) : strlen(rest);
	if (n >= sizeof(host))
		return -EINVAL;
	memcpy(host, rest, n);
	host[n] = 0;
	return parse_ip(t, host, port);
}

// [PORT][:IP]
static int parse_passive(struct session_target *t, const char *rest)
{
	char number[8];
	const char *colon = strchr(rest, ':');
	size_t n = colon ? (size_t)(colon - rest) : strlen(rest);
	uint16_t port = SESSION_DEFAULT_PORT;

	if (n >= sizeof(number))
		return -EINVAL;
	memcpy(number, rest, n);
	number[n] = 0;
	if (n && parse_port(number, &port))
		return -EINVAL;
	return parse_ip(t, colon ? colon + 1 : "0.0.0.0", port);
}

static int parse_path(struct session_target *t, const char *path)
{
	struct sockaddr_un *un = (struct sockaddr_un *)&t->addr;
	size_t n = strlen(path);

	if (n == 0 || n >= sizeof(un->sun_path))
		return -EINVAL;
	un->sun_family = AF_UNIX;
	memcpy(un->sun_path, path, n + 1);
	t->addr_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n + 1);
	return 0;
}

static int parse_address(struct session_target *t, const char *rest)
{
	if (t->transport == SESSION_TRANSPORT_UNIX)
		return parse_path(t, rest);
	return t->passive ? parse_passive(t, rest) : parse_active(t, rest);
}

static const char *shape(const struct session_target *t)
{
	if (t->transport == SESSION_TRANSPORT_UNIX)
		return "a path of at most 107 characters";
	return t->passive ? "[PORT][:IP]" : "IP[:PORT], IPv6 in brackets";
}

int session_target_parse(struct session_target *t, const char *text, char *err, size_t err_len)
{
	memset(t, 0, sizeof(*t));
	if (strlen(text) > SESSION_TARGET_MAX) {
		snprintf(err, err_len, "longer than %d characters", SESSION_TARGET_MAX);
		return -EINVAL;
	}
	strcpy(t->text, text);
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		size_t n = strlen(methods[i].prefix);

		if (strncmp(text, methods[i].prefix, n) != 0)
			continue;
		t->transport = methods[i].transport;
		t->passive = methods[i].passive;
		if (parse_address(t, text + n) == 0)
			return 0;
		snprintf(err, err_len, "\"%s\": after %s expected %s", text, methods[i].prefix,
			shape(t));
		return -EINVAL;
	}
	snprintf(err, err_len, "\"%s\": expected tcp:, ssl:, unix:, ptcp:, pssl: or punix:", text);
	return -EINVAL;
}

// SPDX-License-Identifier: Apache-2.0
// Where switches wait for controllers: no two at the same place. The kernel lets one alone have an
// address and port, and who waits at all addresses has each of them: 0.0.0.0 those of IPv4, [::]
// those of both.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/check.h"
#include "text/address.h"
#include "vec.h"

#define DEFAULT_PORT 6653u // OpenFlow 1.3.5, 6.3.1

struct listener {
	const char *target; // in the configuration
	const struct config_tenant *tenant;
	size_t order;
	struct weft_ip ip;
	unsigned long port;
};

struct listeners {
	VEC(struct listener) all;
};

// ptcp:[PORT][:IP], or pssl:. False: it is no such thing, or a wrong one, which was said.
static bool parse(const char *target, struct listener *out)
{
	const char *port = target + 5, *colon;
	char ip[IP_TEXT_MAX + 2] = "0.0.0.0"; // "::" is none
	size_t n;

	if (strncmp(target, "ptcp:", 5) != 0 && strncmp(target, "pssl:", 5) != 0)
		return false;
	colon = strchr(port, ':');
	out->port = *port && *port != ':' ? strtoul(port, NULL, 10) : DEFAULT_PORT;
	if (colon)
		snprintf(ip, sizeof(ip), "%s", colon + 1 + (colon[1] == '['));
	n = strlen(ip);
	if (n && ip[n - 1] == ']')
		ip[n - 1] = 0;
	return !strcmp(ip, "::") || ip_parse(ip, &out->ip);
}

static bool is_all_of_ipv4(const struct weft_ip *ip)
{
	return weft_ip_is_v4(ip) && !weft_ip_v4(ip);
}

static bool is_all(const struct weft_ip *ip)
{
	return weft_ip_is_none(ip) || is_all_of_ipv4(ip);
}

// By port; first those at all addresses, [::] before 0.0.0.0.
static int compare(const void *va, const void *vb)
{
	const struct listener *a = va, *b = vb;
	int c = (a->port > b->port) - (a->port < b->port);

	if (!c)
		c = is_all(&b->ip) - is_all(&a->ip);
	if (!c)
		c = memcmp(&a->ip, &b->ip, sizeof(a->ip));
	return c ? c : (a->order > b->order) - (a->order < b->order);
}

static bool collide(const struct listener *a, const struct listener *b)
{
	if (a->port != b->port)
		return false;
	if (weft_ip_is_none(&a->ip) || weft_ip_equal(&a->ip, &b->ip))
		return true;
	return is_all_of_ipv4(&a->ip) && weft_ip_is_v4(&b->ip);
}

static void say(struct config_reader *r, const struct listener *a, const struct listener *b)
{
	const struct listener *first = a->order < b->order ? a : b, *again = first == a ? b : a;

	if (strcmp(a->target, b->target) != 0)
		config_error(r, again->target, NULL,
			"\"%s\" and \"%s\" of tenant %s cannot listen both", again->target,
			first->target, first->tenant->name);
	else if (a->tenant != b->tenant) // else it was said with the tenant
		config_error_taken(r, again->target, first->target);
}

// Each is held against those of its port that are at all addresses, the first of each family, and
// against the first that is where it is.
static void say_all(struct config_reader *r, const struct listeners *l)
{
	const struct listener *before[3] = {NULL};

	VEC_FOR_EACH (at, &l->all) {
		unsigned kind = weft_ip_is_none(&at->ip) ? 0 : is_all_of_ipv4(&at->ip) ? 1 : 2, i;

		for (i = 0; i < 3; i++)
			if (before[i] && collide(before[i], at))
				break;
		if (i < 3)
			say(r, before[i], at);
		else
			before[kind] = at;
	}
}

void config_check_listeners(struct config_reader *r, const struct config *c)
{
	struct listeners l = {0};

	for (size_t i = 0; i < c->tenant_count; i++) {
		const struct config_switch *s = &c->tenants[i].sw;
		for (size_t j = 0; j < s->controller_count; j++) {
			struct listener at = {s->controllers[j].text, &c->tenants[i], l.all.count};
			if (parse(at.target, &at))
				vec_add(&l.all, at);
		}
	}
	if (l.all.count)
		qsort(l.all.at, l.all.count, sizeof(*l.all.at), compare);
	say_all(r, &l);
	vec_free(&l.all);
}

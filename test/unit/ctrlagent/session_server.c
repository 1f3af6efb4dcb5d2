// SPDX-License-Identifier: Apache-2.0
// A switch's OpenFlow sessions as a program, over fake_dpc.h: for tests that are controllers.
//
//	test-session-server [--key F --cert F --ca F] [--inactivity S] [--backoff S] TARGET…
//
// Ports 1 and 2 and the overlay port are there. Commands come by stdin, one a line; each is
// answered by a line on stdout that begins with "ok" or "error". What happens by itself is told by
// lines that begin with "event".
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>

#include "fake_dpc.h"
#include "log.h"
#include "session/session.h"

static struct {
	struct event_base *base;
	struct dpc *dpc;
	struct session_switch *sw;
	struct agent_switch config;
	const char *targets[32];
} server;

static void on_connected(void *arg, bool any)
{
	printf("event connected %d\n", any);
}

static void on_frag_drop(void *arg, bool drop)
{
	printf("event frag_drop %d\n", drop);
}

static void on_ttl_packet_in(void *arg, bool any)
{
	static bool told;

	if (any != told)
		printf("event ttl_packet_in %d\n", any);
	told = any;
}

static void on_miss_packet_in(void *arg, bool any)
{
	static bool told;

	if (any != told)
		printf("event miss_packet_in %d\n", any);
	told = any;
}

static const struct agent_switch_ops ops = {
	on_connected, on_frag_drop, on_ttl_packet_in, on_miss_packet_in};

static struct weft_ipc_port_status make_port(uint32_t ofport)
{
	struct weft_ipc_port_status p = {
		.port = {.id = ofport, .ofport = ofport, .mtu = 1500},
		.stats = {.rx_packets = 10, .tx_packets = 20, .duration_ns = 5000000007u},
		.speed_mbps = 10000,
		.mac = {{2, 0, 0, 0, (uint8_t)(ofport >> 8), (uint8_t)ofport}},
	};

	if (ofport == WEFT_OFPORT_OVERLAY)
		strcpy(p.port.name, "overlay");
	else
		snprintf(p.port.name, sizeof(p.port.name), "vm%u", ofport);
	return p;
}

static void tell_port(uint32_t ofport, uint32_t reason)
{
	struct weft_ipc_port_status p = make_port(ofport);

	if (fake_dpc_port(server.dpc, ofport))
		p = *fake_dpc_port(server.dpc, ofport);
	p.reason = reason;
	session_switch_port_status(server.sw, &p);
}

static void on_port_mod(const struct weft_ipc_port_mod *mod)
{
	struct weft_ipc_port_status p = *fake_dpc_port(server.dpc, mod->ofport);

	p.port.config = (p.port.config & ~mod->mask) | mod->config;
	fake_dpc_put_port(server.dpc, &p);
	tell_port(mod->ofport, 2);
}

static void punt(unsigned reason, unsigned len, unsigned max_len, unsigned count)
{
	static uint8_t frame[65536];
	const struct weft_ipc_punt p = {
		.cookie = 0x1234,
		.total_len = len,
		.data_len = len,
		.in_port = 1,
		.in_phy_port = 1,
		.metadata = weft_htonll(0x55),
		.tunnel_id = weft_htonll(77),
		.table = 3,
		.reason = (uint8_t)reason,
		.max_len = (uint16_t)max_len,
	};

	for (unsigned i = 0; i < len; i++)
		frame[i] = (uint8_t)i;
	while (count--)
		fake_dpc_punt(server.dpc, &p, frame);
}

static void tell_vacancy(unsigned table, unsigned reason)
{
	const struct weft_table_desc d = {
		.table = (uint8_t)table,
		.vacancy = 1,
		.vacancy_down = 20,
		.vacancy_up = 40,
		.vacant = 10,
		.reason = (uint8_t)reason,
	};

	fake_dpc_table_status(server.dpc, &d);
}

static bool update_targets(char *list)
{
	char error[200];

	server.config.controller_count = 0;
	for (char *t = strtok(list, " "); t; t = strtok(NULL, " "))
		server.targets[server.config.controller_count++] = t;
	if (session_switch_update(server.sw, &server.config, error, sizeof(error)) == 0)
		return true;
	printf("error %s\n", error);
	return false;
}

static void describe(void)
{
	json_t *o = session_switch_describe(server.sw);
	char *text = json_dumps(o, JSON_COMPACT);

	printf("ok %s\n", text);
	free(text);
	json_decref(o);
}

static bool change_port(const char *line)
{
	unsigned n;

	if (sscanf(line, "port add %u", &n) == 1) {
		struct weft_ipc_port_status p = make_port(n);

		fake_dpc_put_port(server.dpc, &p);
		tell_port(n, 0);
	} else if (sscanf(line, "port delete %u", &n) == 1) {
		fake_dpc_remove_port(server.dpc, n);
		tell_port(n, 1);
	} else {
		return false;
	}
	return true;
}

static bool command(char *line)
{
	unsigned a, b, c, d;

	if (sscanf(line, "punt %u %u %u %u", &a, &b, &c, &d) == 4)
		punt(a, b, c, d);
	else if (sscanf(line, "delay %u", &a) == 1)
		fake_dpc_set_delay(server.dpc, a);
	else if (sscanf(line, "blocked %u", &a) == 1)
		fake_dpc_set_blocked(server.dpc, a);
	else if (sscanf(line, "max_rules %u", &a) == 1)
		fake_dpc_set_max_rules(server.dpc, a);
	else if (sscanf(line, "fail %u", &a) == 1)
		fake_dpc_fail_next(server.dpc, a);
	else if (sscanf(line, "expire %u", &a) == 1)
		fake_dpc_expire_rules(server.dpc, a);
	else if (sscanf(line, "vacancy %u %u", &a, &b) == 2)
		tell_vacancy(a, b);
	else if (sscanf(line, "removed %u %u", &a, &b) == 2)
		fake_dpc_tell_removed(server.dpc, a, b);
	else if (sscanf(line, "ready %u", &a) == 1)
		session_switch_ready(server.sw, a);
	else if (strcmp(line, "lose") == 0)
		fake_dpc_lose(server.dpc);
	else
		return change_port(line);
	return true;
}

static void run(char *line)
{
	if (strcmp(line, "describe") == 0)
		describe();
	else if (strcmp(line, "rules") == 0)
		printf("ok %zu\n", fake_dpc_rule_count(server.dpc));
	else if (strcmp(line, "requests") == 0)
		printf("ok %zu\n", fake_dpc_requests(server.dpc));
	else if (strncmp(line, "update ", 7) == 0) {
		if (update_targets(line + 7))
			printf("ok\n");
	} else
		printf(command(line) ? "ok\n" : "error no such command\n");
}

static void on_stdin(struct bufferevent *bev, void *arg)
{
	char *line;

	while ((line = evbuffer_readln(bufferevent_get_input(bev), NULL, EVBUFFER_EOL_LF))) {
		run(line);
		free(line);
	}
}

static void on_stdin_end(struct bufferevent *bev, short what, void *arg)
{
	event_base_loopexit(server.base, NULL);
}

static bool parse(int argc, char **argv)
{
	struct agent_switch *c = &server.config;

	for (int i = 1; i < argc; i++) {
		const char *value = i + 1 < argc ? argv[i + 1] : "";

		if (strncmp(argv[i], "--", 2) != 0) {
			server.targets[c->controller_count++] = argv[i];
			continue;
		}
		if (strcmp(argv[i], "--key") == 0)
			c->tls.key = value;
		else if (strcmp(argv[i], "--cert") == 0)
			c->tls.cert = value;
		else if (strcmp(argv[i], "--ca") == 0)
			c->tls.ca = value;
		else if (strcmp(argv[i], "--inactivity") == 0)
			c->inactivity_s = (uint32_t)atoi(value);
		else if (strcmp(argv[i], "--backoff") == 0)
			c->max_backoff_s = (uint32_t)atoi(value);
		else
			return false;
		i++;
	}
	return true;
}

static void serve(void)
{
	struct bufferevent *in = bufferevent_socket_new(server.base, STDIN_FILENO, 0);

	bufferevent_setcb(in, on_stdin, NULL, on_stdin_end, NULL);
	bufferevent_enable(in, EV_READ);
	session_switch_ready(server.sw, true);
	printf("ok started\n");
	event_base_dispatch(server.base);
	bufferevent_free(in);
}

int main(int argc, char **argv)
{
	const struct weft_ipc_port_status ports[] = {
		make_port(1), make_port(2), make_port(WEFT_OFPORT_OVERLAY)};
	char error[200];

	signal(SIGPIPE, SIG_IGN); // as every user of session.h
	setvbuf(stdout, NULL, _IOLBF, 0);
	server.config = (struct agent_switch){
		.tenant = 1,
		.tenant_name = "red",
		.host_name = "host1",
		.dpid = 0x123456789abcdef0,
		.controllers = server.targets,
		.inactivity_s = 10,
		.max_backoff_s = 8,
		.max_rules = 1000000,
		.max_groups = 1000,
		.max_meters = 500,
		.ports = ports,
		.port_count = 3,
		.ops = &ops,
	};
	if (!parse(argc, argv)) {
		fprintf(stderr, "unknown option\n");
		return 2;
	}
	server.base = event_base_new();
	server.dpc = fake_dpc_new(server.base);
	fake_dpc_on_port_mod = on_port_mod;
	for (size_t i = 0; i < 3; i++)
		fake_dpc_put_port(server.dpc, &ports[i]);
	server.sw = session_switch_create(
		server.base, server.dpc, &server.config, error, sizeof(error));
	if (!server.sw) {
		fprintf(stderr, "%s\n", error);
		return 1;
	}
	serve();
	session_switch_destroy(server.sw);
	fake_dpc_free(server.dpc);
	event_base_free(server.base);
	return 0;
}

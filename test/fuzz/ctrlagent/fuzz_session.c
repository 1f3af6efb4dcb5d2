// SPDX-License-Identifier: Apache-2.0
// A whole session: the bytes are what a controller sends after its hello, over a socket pair, to a
// switch whose data plane is the test double. Whatever comes, no sanitizer speaks, each request is
// settled, and nothing is left when the switch is destroyed.
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../unit/ctrlagent/fake_dpc.h"
#include "session/conn.h"
#include "session/endpoint.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void on_told(void *arg, bool what)
{
}

static const struct agent_switch_ops ops = {on_told, on_told, on_told};

static void put_ports(struct weft_ipc_port_status *ports, struct dpc *dpc)
{
	static const uint32_t numbers[] = {1, 2, WEFT_OFPORT_OVERLAY};

	for (size_t i = 0; i < 3; i++) {
		ports[i] = (struct weft_ipc_port_status){.port = {.ofport = numbers[i]}};
		fake_dpc_put_port(dpc, &ports[i]);
	}
}

// As if the listener of the (idle) passive target had taken it.
static int attach(struct event_base *base, struct session_switch *sw)
{
	struct session_conn *c = session_conn_new(sw, LIST_FIRST(&sw->endpoints), "fuzzer");
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds))
		abort();
	fcntl(fds[1], F_SETFL, O_NONBLOCK);
	c->stream = session_stream_accept(base, fds[0], NULL, &session_conn_ops, c);
	if (!c->stream)
		abort();
	return fds[1];
}

static void run(struct event_base *base, int fd, const uint8_t *data, size_t size)
{
	static const uint8_t hello[8] = {4, 0, 0, 8};
	static uint8_t sink[65536];
	unsigned idle = 0;

	if (write(fd, hello, sizeof(hello)) != sizeof(hello))
		abort();
	while (idle < 6) {
		ssize_t n = size ? write(fd, data, size) : 0;

		data += n > 0 ? n : 0;
		size -= n > 0 ? (size_t)n : 0;
		event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
		idle = n > 0 || read(fd, sink, sizeof(sink)) > 0 ? 0 : idle + 1;
		if (n < 0)
			size = 0;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct event_base *base = event_base_new();
	struct dpc *dpc = fake_dpc_new(base);
	struct weft_ipc_port_status ports[3];
	const char *target = "ptcp:1:127.0.0.1";
	char error[200];
	const struct agent_switch config = {
		.tenant = 1,
		.tenant_name = "red",
		.host_name = "host1",
		.controllers = &target,
		.controller_count = 1,
		.max_rules = 100,
		.ports = ports,
		.port_count = 3,
		.ops = &ops,
	};
	struct session_switch *sw;
	int fd;

	signal(SIGPIPE, SIG_IGN);
	put_ports(ports, dpc);
	sw = session_switch_create(base, dpc, &config, error, sizeof(error));
	if (!sw)
		abort();
	fd = attach(base, sw);
	run(base, fd, data, size);
	session_switch_destroy(sw);
	fake_dpc_free(dpc);
	event_base_free(base);
	close(fd);
	return 0;
}

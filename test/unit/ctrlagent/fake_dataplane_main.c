// SPDX-License-Identifier: Apache-2.0
// The fake data plane as a program, for tests that run the agent and the command line as programs:
// fake_dataplane CONTROL-SOCKET PUNT-SOCKET. SIGUSR1: as if it had been restarted.
#include <signal.h>
#include <stdio.h>

#include "fake_dataplane.h"

static void on_restart(evutil_socket_t signal, short what, void *arg)
{
	fake_dataplane_restart(arg);
}

static void on_end(evutil_socket_t signal, short what, void *arg)
{
	event_base_loopbreak(arg);
}

int main(int argc, char **argv)
{
	struct event_base *base = event_base_new();

	signal(SIGPIPE, SIG_IGN);
	struct fake_dataplane *dp = argc == 3 ? fake_dataplane_new(base, argv[1], argv[2]) : NULL;
	if (!dp) {
		perror("fake_dataplane CONTROL-SOCKET PUNT-SOCKET");
		return 1;
	}
	struct event *restart = evsignal_new(base, SIGUSR1, on_restart, dp);
	struct event *end = evsignal_new(base, SIGTERM, on_end, base);
	event_add(restart, NULL);
	event_add(end, NULL);
	event_base_dispatch(base);
	event_free(restart);
	event_free(end);
	fake_dataplane_free(dp);
	event_base_free(base);
	return 0;
}

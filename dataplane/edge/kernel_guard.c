// SPDX-License-Identifier: Apache-2.0
#include "edge/kernel_guard.h"

#include "dp_log.h"

#include <errno.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

// A filter that accepts zero bytes of everything: the packet found its socket, and ends there.
static int dp_guard_deaf(int fd)
{
	struct sock_filter none = BPF_STMT(BPF_RET | BPF_K, 0);
	struct sock_fprog prog = {.len = 1, .filter = &none};

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog));
}

static int dp_guard_bind(int fd, int family, uint16_t port)
{
	struct sockaddr_in in4 = {.sin_family = AF_INET, .sin_port = htons(port)};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
	int one = 1;

	if (family == AF_INET)
		return bind(fd, (struct sockaddr *)&in4, sizeof(in4));
	if (setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one)))
		return -1;
	return bind(fd, (struct sockaddr *)&in6, sizeof(in6));
}

static int dp_guard_open(int family, int type, int proto, uint16_t port)
{
	int fd = socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, proto), one = 1;

	// A super-frame is dropped whole; it would be cut first for a socket that takes none. And
	// where the kernel joins what a network card receives (GRO), it joins ours.
	if (fd >= 0 && type == SOCK_DGRAM)
		setsockopt(fd, IPPROTO_UDP, UDP_GRO, &one, sizeof(one));
	// Deaf before it is bound: nothing is ever queued.
	if (fd >= 0 && (dp_guard_deaf(fd) || (port && dp_guard_bind(fd, family, port)))) {
		int err = errno;

		close(fd);
		errno = err;
		fd = -1;
	}
	if (fd < 0)
		DP_LOG(WARNING, "cannot hold %s %u for IPv%c: %s; %s",
			port ? "UDP port" : "IP protocol", port ? port : IPPROTO_GRE,
			family == AF_INET ? '4' : '6', strerror(errno),
			errno == EADDRINUSE ? "whoever has it gets our packets, too"
					    : "the kernel may answer our packets");
	return fd;
}

static void dp_guard_drop(struct dp_kernel_guard *g, unsigned i)
{
	if (g->fd[i] >= 0)
		close(g->fd[i]);
	g->fd[i] = -1;
}

void dp_kernel_guard_init(struct dp_kernel_guard *g)
{
	for (unsigned i = 0; i < DP_GUARD_SOCKETS; i++)
		g->fd[i] = -1;
}

void dp_kernel_guard_close(struct dp_kernel_guard *g)
{
	for (unsigned i = 0; i < DP_GUARD_SOCKETS; i++)
		dp_guard_drop(g, i);
}

// Those that are to go give up their ports before others are asked for.
void dp_kernel_guard_set(struct dp_kernel_guard *g, uint16_t vxlan_port, uint16_t bfd_port)
{
	static const struct {
		int family, type, proto;
	} kind[DP_GUARD_SOCKETS] = {
		{AF_INET, SOCK_DGRAM, 0},
		{AF_INET6, SOCK_DGRAM, 0},
		{AF_INET, SOCK_RAW, IPPROTO_GRE},
		{AF_INET6, SOCK_RAW, IPPROTO_GRE},
		{AF_INET, SOCK_DGRAM, 0},
		{AF_INET6, SOCK_DGRAM, 0},
	};
	const uint16_t port[DP_GUARD_SOCKETS] = {vxlan_port, vxlan_port, 0, 0, bfd_port, bfd_port};
	const unsigned n = bfd_port ? DP_GUARD_SOCKETS : DP_GUARD_SOCKETS - 2;

	for (unsigned i = 0; i < DP_GUARD_SOCKETS; i++)
		if (i >= n || g->port[i] != port[i])
			dp_guard_drop(g, i);
	for (unsigned i = 0; i < n; i++) {
		if (g->fd[i] < 0)
			g->fd[i] =
				dp_guard_open(kind[i].family, kind[i].type, kind[i].proto, port[i]);
		g->port[i] = port[i];
	}
}

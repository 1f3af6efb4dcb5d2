// SPDX-License-Identifier: Apache-2.0
#include "witness.h"

#include <fcntl.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define WATCHED_MAX 64u
#define NOTES_MAX 65536u
#define NAP_NS 500000
#define PRIORITY 60

static struct {
	pthread_mutex_t lock;
	unsigned n;
	uint64_t note[NOTES_MAX][2];
} notes = {.lock = PTHREAD_MUTEX_INITIALIZER};

static struct {
	unsigned n;
	int fd[WATCHED_MAX];
	uint64_t waited_ns[WATCHED_MAX];
} watched;

void witness_note(uint64_t from_ns, uint64_t to_ns)
{
	if (to_ns - from_ns < WITNESS_LEAST_NS)
		return;
	pthread_mutex_lock(&notes.lock);
	if (notes.n < NOTES_MAX) {
		notes.note[notes.n][0] = from_ns;
		notes.note[notes.n++][1] = to_ns;
	}
	pthread_mutex_unlock(&notes.lock);
}

void witness_print(void)
{
	pthread_mutex_lock(&notes.lock);
	putchar('[');
	for (unsigned i = 0; i < notes.n; i++)
		printf("%s[%llu, %llu]", i ? ", " : "", (unsigned long long)notes.note[i][0],
			(unsigned long long)notes.note[i][1]);
	putchar(']');
	pthread_mutex_unlock(&notes.lock);
}

// How long the thread was kept waiting since it began, as of its latest turn.
static uint64_t waited(int fd)
{
	unsigned long long ran, wait = 0;
	char text[80] = "";

	if (pread(fd, text, sizeof(text) - 1, 0) <= 0 ||
		sscanf(text, "%llu %llu", &ran, &wait) != 2)
		return 0;
	return wait;
}

static void watch(uint64_t now)
{
	for (unsigned i = 0; i < watched.n; i++) {
		uint64_t total = waited(watched.fd[i]);

		if (total > watched.waited_ns[i]) {
			witness_note(now - (total - watched.waited_ns[i]), now);
			watched.waited_ns[i] = total;
		}
	}
}

static void *witness(void *arg)
{
	const struct timespec nap = {.tv_nsec = NAP_NS};
	uint64_t last = witness_now_ns();

	for (;;) {
		uint64_t now;

		nanosleep(&nap, NULL);
		now = witness_now_ns();
		witness_note(last, now);
		last = now;
		if (arg)
			watch(now);
	}
	return NULL;
}

// The kernel has one lock for all that is asked of interfaces, in every network namespace: a
// namespace that is taken down holds it for long, and who looks at a link waits for it asleep.
static void *asker(void *arg)
{
	const struct timespec nap = {.tv_nsec = NAP_NS};
	struct ethtool_value link = {.cmd = ETHTOOL_GLINK};
	struct ifreq ifr = {.ifr_name = "lo", .ifr_data = (void *)&link};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	for (;;) {
		uint64_t began = witness_now_ns();

		ioctl(fd, SIOCETHTOOL, &ifr);
		witness_note(began, witness_now_ns());
		nanosleep(&nap, NULL);
	}
	return NULL;
}

static void start(void *(*fn)(void *), void *arg, const cpu_set_t *set)
{
	const struct sched_param param = {.sched_priority = PRIORITY};
	pthread_attr_t attr;
	pthread_t thread;

	pthread_attr_init(&attr);
	pthread_attr_setaffinity_np(&attr, sizeof(*set), set);
	pthread_attr_setinheritsched(&attr, PTHREAD_EXPLICIT_SCHED);
	pthread_attr_setschedpolicy(&attr, SCHED_FIFO);
	pthread_attr_setschedparam(&attr, &param);
	if (pthread_create(&thread, &attr, fn, arg)) {
		fprintf(stderr, "witness: may not start a thread of the real-time class\n");
		exit(1);
	}
	pthread_attr_destroy(&attr);
}

void witness_start(char *const paths[], unsigned n)
{
	bool first = true;
	cpu_set_t all;

	for (unsigned i = 0; i < n && watched.n < WATCHED_MAX; i++) {
		int fd = open(paths[i], O_RDONLY | O_CLOEXEC);

		if (fd < 0)
			continue;
		watched.waited_ns[watched.n] = waited(fd);
		watched.fd[watched.n++] = fd;
	}
	CPU_ZERO(&all);
	sched_getaffinity(0, sizeof(all), &all);
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, &all)) {
			cpu_set_t one;

			CPU_ZERO(&one);
			CPU_SET(cpu, &one);
			start(witness, first ? &watched : NULL, &one);
			first = false;
		}
}

void witness_ask(void)
{
	cpu_set_t all;

	sched_getaffinity(0, sizeof(all), &all);
	start(asker, NULL, &all);
}

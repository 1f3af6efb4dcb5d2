// SPDX-License-Identifier: Apache-2.0
// Preloaded into weft-dataplane or weft-agent: for how long did its event loop wait for nobody?
//
// From the return of the call that waits for events to the next such call the main thread serves
// one turn, and whoever comes meanwhile is not heard. The longest turns are told in a file that is
// shared with bench/provision, by the thread's own time and by the clock: what the machine gives to
// others is in the second alone, and so is what the thread sleeps. Zeros written there begin anew.
#include <dlfcn.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define LONG_NS 1000000u

struct hold {
	uint64_t longest_cpu_ns, longest_ns;
	uint64_t many; // turns of more than LONG_NS of the thread's own time
};

static struct hold *hold;
static uint64_t cpu_ns, ns; // when the turn began; 0: none has

static uint64_t now(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

__attribute__((constructor)) static void begin(void)
{
	const char *path = getenv("WEFT_HOLD");
	int fd = path ? open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600) : -1;

	if (fd < 0 || ftruncate(fd, sizeof(*hold)))
		return;
	hold = mmap(NULL, sizeof(*hold), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (hold == MAP_FAILED)
		hold = NULL;
	close(fd);
}

static int is_loop(void)
{
	return hold && gettid() == getpid();
}

static void raise_to(uint64_t *most, uint64_t value)
{
	if (value > __atomic_load_n(most, __ATOMIC_RELAXED))
		__atomic_store_n(most, value, __ATOMIC_RELAXED);
}

static void turn_ends(void)
{
	uint64_t spent;

	if (!is_loop() || !ns)
		return;
	spent = now(CLOCK_THREAD_CPUTIME_ID) - cpu_ns;
	raise_to(&hold->longest_cpu_ns, spent);
	raise_to(&hold->longest_ns, now(CLOCK_MONOTONIC) - ns);
	if (spent > LONG_NS)
		__atomic_fetch_add(&hold->many, 1, __ATOMIC_RELAXED);
}

static int turn_begins(int result)
{
	if (is_loop()) {
		cpu_ns = now(CLOCK_THREAD_CPUTIME_ID);
		ns = now(CLOCK_MONOTONIC);
	}
	return result;
}

// weft-dataplane's.
int poll(struct pollfd *fds, nfds_t n, int timeout)
{
	static int (*real)(struct pollfd *, nfds_t, int);

	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "poll");
	turn_ends();
	return turn_begins(real(fds, n, timeout));
}

// weft-agent's.
int epoll_wait(int fd, struct epoll_event *events, int n, int timeout)
{
	static int (*real)(int, struct epoll_event *, int, int);

	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "epoll_wait");
	turn_ends();
	return turn_begins(real(fd, events, n, timeout));
}

// SPDX-License-Identifier: Apache-2.0
#pragma once
// File descriptors, and how those who want many leave some to those who need few.
//
// A new descriptor gets the lowest number that is free (POSIX, General Information 2.6.1). So
// whoever takes none unless there is a free number below N never has one from N on, and the numbers
// from N to the limit are others' for good, whatever was opened and closed meanwhile and in
// whatever order. No account is kept, and libraries that open files of their own need not know.

#include <limits.h>
#include <stdbool.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

// How many the process may have (RLIMIT_NOFILE).
static inline unsigned weft_descriptors_limit(void)
{
	struct rlimit l;

	if (getrlimit(RLIMIT_NOFILE, &l) || l.rlim_cur > INT_MAX)
		return INT_MAX;
	return (unsigned)l.rlim_cur;
}

// The same without a reserve, which is at most a quarter.
static inline unsigned weft_descriptors_but(unsigned reserve)
{
	unsigned limit = weft_descriptors_limit();

	return limit - (reserve < limit / 4 ? reserve : limit / 4);
}

// To as many as it may give itself. A shell's 1,024 are for programs that call select().
static inline void weft_descriptors_raise(void)
{
	struct rlimit l;

	if (!getrlimit(RLIMIT_NOFILE, &l) && l.rlim_cur < l.rlim_max) {
		l.rlim_cur = l.rlim_max;
		setrlimit(RLIMIT_NOFILE, &l);
	}
}

// Whether the next descriptor would have a number below n. Two system calls.
static inline bool weft_descriptor_below(unsigned n)
{
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return false;
	close(fd);
	return (unsigned)fd < n;
}

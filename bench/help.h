// SPDX-License-Identifier: Apache-2.0
#pragma once
// Each program of bench/ tells by --help how it is called, and by the same text that it was called
// wrong: first "usage: " and its words, then what they mean.

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static inline void help_if_asked(int argc, char **argv, const char *usage)
{
	if (argc != 2 || (strcmp(argv[1], "--help") && strcmp(argv[1], "-h")))
		return;
	fputs(usage, stdout);
	exit(0);
}

static inline _Noreturn void wrong_call(const char *usage)
{
	fputs(usage, stderr);
	exit(2);
}

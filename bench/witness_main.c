// SPDX-License-Identifier: Apache-2.0
// Witnesses (witness.h) until it is told to end by SIGTERM, and then what they saw, as JSON. It
// says "watching" when they do.

#include "help.h"
#include "witness.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>

static const char usage[] = "usage: bench-witness [SCHEDSTAT...]\n"
			    "What the machine takes away from its threads, as JSON, until it is "
			    "told to end by SIGTERM.\n"
			    "\n"
			    "  SCHEDSTAT  /proc/PID/task/TID/schedstat of a thread to be watched\n";

int main(int argc, char **argv)
{
	sigset_t end;
	int which;

	help_if_asked(argc, argv, usage);
	sigemptyset(&end);
	sigaddset(&end, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &end, NULL); // the witnesses, too
	witness_start(argv + 1, (unsigned)argc - 1);
	witness_ask();
	puts("watching");
	fflush(stdout);
	sigwait(&end, &which);
	witness_print();
	puts("");
	return 0;
}

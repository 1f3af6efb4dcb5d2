// SPDX-License-Identifier: Apache-2.0
// Witnesses (witness.h) until it is told to end by SIGTERM, and then what they saw, as JSON. It
// says "watching" when they do.
//
//	bench-witness [SCHEDSTAT...]

#include "witness.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>

int main(int argc, char **argv)
{
	sigset_t end;
	int which;

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

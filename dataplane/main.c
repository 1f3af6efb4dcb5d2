// SPDX-License-Identifier: Apache-2.0
// weft-dataplane: starts EAL, the workers and the sockets, runs the control loop until a signal,
// and takes it all down again.

#include "dp.h"
#include "dp_control.h"
#include "dp_eal.h"
#include "dp_heap.h"
#include "dp_log.h"
#include "weft/process/descriptors.h"

#include <signal.h>

int main(int argc, char **argv)
{
	static struct dp dp;
	int rc = dp_options_parse(&dp.opt, argc, argv);

	if (rc)
		return rc > 0 ? 0 : 2;
	dp_heap_start(!dp.opt.no_huge);
	signal(SIGPIPE, SIG_IGN);
	weft_descriptors_raise();
	if (dp_eal_init(&dp.opt))
		return 1;
	rc = dp_control_start(&dp);
	if (!rc)
		dp_control_loop(&dp);
	dp_control_stop(&dp);
	return rc ? 1 : 0;
}

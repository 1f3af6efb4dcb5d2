// SPDX-License-Identifier: Apache-2.0
#include "session/descriptors.h"

#include <stdio.h>

#include "weft/process/descriptors.h"

#define RESERVE 96u // 32 of the command line, 16 of the metrics, a dozen that stay, files

static unsigned end_of(enum session_descriptor_use use)
{
	unsigned all = weft_descriptors_but(RESERVE);

	switch (use) {
	case SESSION_DESCRIPTOR_SNOOP:
		return all / 2;
	case SESSION_DESCRIPTOR_LISTEN:
		return all - all / 8;
	default:
		return all;
	}
}

bool session_descriptor_fits(int fd, enum session_descriptor_use use)
{
	return (unsigned)fd < end_of(use);
}

bool session_descriptor_left(enum session_descriptor_use use, char *why, size_t len)
{
	if (weft_descriptor_below(end_of(use)))
		return true;
	snprintf(why, len, "no file descriptor to spare of the agent's %u (LimitNOFILE)",
		weft_descriptors_limit());
	return false;
}

// SPDX-License-Identifier: Apache-2.0
// Writes the seed corpus of test/fuzz/dataplane: one good message of each type, into the folder
// given.

#include "ipc_messages.h"

#include <stdio.h>

int main(int argc, char **argv)
{
	struct ipc_message m;

	if (argc != 2)
		return 2;
	for (unsigned type = 0; type < 128; type++) {
		char path[512];
		FILE *f;

		if (!ipc_message_make(&m, type))
			continue;
		snprintf(path, sizeof(path), "%s/type-%u", argv[1], type);
		f = fopen(path, "wb");
		if (!f || fwrite(m.buf, m.len, 1, f) != 1 || fclose(f))
			return 1;
	}
	return 0;
}

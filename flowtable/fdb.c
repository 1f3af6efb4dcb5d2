// SPDX-License-Identifier: Apache-2.0
#include "flowtable/switch.h"
#include <stdlib.h>
struct ft_fdb *ft_fdb_new(struct ft_switch *sw)
{
	return calloc(1, 8);
}
void ft_fdb_destroy(struct ft_fdb *fdb)
{
	free(fdb);
}

// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "core/core.h"

// Takes `config`; NULL: the one in effect. Nothing else may be applied meanwhile.
void agent_start_apply(
	struct agent *a, struct config *config, bool dry_run, apply_done_fn done, void *arg);

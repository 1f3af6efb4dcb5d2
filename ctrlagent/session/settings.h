// SPDX-License-Identifier: Apache-2.0
#pragma once
// The configuration of a switch, kept, and changed while it runs.

#include "session/switch.h"

// A copy; free it by session_settings_free().
void session_settings_copy(struct session_settings *out, const struct agent_switch *config);
void session_settings_free(struct session_settings *set);

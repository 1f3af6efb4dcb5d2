// SPDX-License-Identifier: Apache-2.0
#pragma once
// Allocation that does not fail.
//
// Linux overcommits: an agent that finds no memory will hardly find any by handling the error. So
// it says so and ends; the data plane forwards on, the service manager starts a new agent, and that
// one takes up what the data plane holds. What a peer sends is bounded before it gets here.

#include <stdarg.h>
#include <stddef.h>

void *agent_zalloc(size_t bytes); // zeroed; free() it
void *agent_array(size_t count, size_t bytes);
void *agent_resize(void *old, size_t count, size_t bytes); // new bytes are not zeroed
char *agent_strdup(const char *text);                      // NULL gives NULL
char *agent_format(const char *format, ...) __attribute__((format(printf, 1, 2)));
char *agent_vformat(const char *format, va_list ap) __attribute__((format(printf, 1, 0)));

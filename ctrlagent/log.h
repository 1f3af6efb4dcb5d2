// SPDX-License-Identifier: Apache-2.0
#pragma once
// The agent's log: lines on stderr, where the service manager picks them up.
//
// A line is `LEVEL module: text`. Under systemd the level goes as the <N> prefix of sd-daemon(3)
// instead, and time is left to the journal; else the line starts with the time. One call, one
// write(2), so that lines of several processes do not mix. Not for use from a signal handler.

#include <stdbool.h>

enum agent_log_level {
	AGENT_LOG_ERROR,
	AGENT_LOG_WARNING,
	AGENT_LOG_INFO,
	AGENT_LOG_DEBUG,
};

void agent_log_set_level(enum agent_log_level level); // INFO at the start
bool agent_log_level_parse(const char *text, enum agent_log_level *level);

void agent_log(enum agent_log_level level, const char *module, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

// For the files of one module: #define AGENT_LOG_MODULE "dpclient" before the include.
#define log_error(...) agent_log(AGENT_LOG_ERROR, AGENT_LOG_MODULE, __VA_ARGS__)
#define log_warning(...) agent_log(AGENT_LOG_WARNING, AGENT_LOG_MODULE, __VA_ARGS__)
#define log_info(...) agent_log(AGENT_LOG_INFO, AGENT_LOG_MODULE, __VA_ARGS__)
#define log_debug(...) agent_log(AGENT_LOG_DEBUG, AGENT_LOG_MODULE, __VA_ARGS__)

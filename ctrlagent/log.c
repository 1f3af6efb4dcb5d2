// SPDX-License-Identifier: Apache-2.0
#include "log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static enum agent_log_level max_level = AGENT_LOG_INFO;

static const char *const names[] = {"error", "warning", "info", "debug"};

void agent_log_set_level(enum agent_log_level level)
{
	max_level = level;
}

bool agent_log_level_parse(const char *text, enum agent_log_level *level)
{
	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(text, names[i]) == 0) {
			*level = (enum agent_log_level)i;
			return true;
		}
	}
	return false;
}

static size_t put_prefix(char *buf, size_t size, enum agent_log_level level, const char *module)
{
	static const int syslog_priority[] = {3, 4, 6, 7};
	char when[32];
	struct timespec now;
	struct tm tm;

	if (getenv("JOURNAL_STREAM"))
		return (size_t)snprintf(buf, size, "<%d>%s: ", syslog_priority[level], module);
	clock_gettime(CLOCK_REALTIME, &now);
	localtime_r(&now.tv_sec, &tm);
	strftime(when, sizeof(when), "%H:%M:%S", &tm);
	return (size_t)snprintf(
		buf, size, "%s.%03ld %s %s: ", when, now.tv_nsec / 1000000, names[level], module);
}

void agent_log(enum agent_log_level level, const char *module, const char *format, ...)
{
	char line[1024];
	va_list ap;

	if (level > max_level)
		return;
	size_t n = put_prefix(line, sizeof(line), level, module);
	va_start(ap, format);
	int text = vsnprintf(line + n, sizeof(line) - n - 1, format, ap);
	va_end(ap);
	n = strnlen(line, sizeof(line) - 1);
	(void)text;
	line[n++] = '\n';
	if (write(STDERR_FILENO, line, n) < 0)
		return; // nowhere left to complain
}

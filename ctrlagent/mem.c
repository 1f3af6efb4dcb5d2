// SPDX-License-Identifier: Apache-2.0
#include "mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *check(void *p)
{
	if (p)
		return p;
	fputs("out of memory\n", stderr);
	abort();
}

void *agent_zalloc(size_t bytes)
{
	return check(calloc(1, bytes ? bytes : 1));
}

void *agent_array(size_t count, size_t bytes)
{
	return check(calloc(count ? count : 1, bytes));
}

void *agent_resize(void *old, size_t count, size_t bytes)
{
	return check(reallocarray(old, count ? count : 1, bytes));
}

char *agent_strdup(const char *text)
{
	return text ? check(strdup(text)) : NULL;
}

char *agent_vformat(const char *format, va_list ap)
{
	char *text;

	return vasprintf(&text, format, ap) < 0 ? check(NULL) : text;
}

char *agent_format(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	char *text = agent_vformat(format, ap);
	va_end(ap);
	return text;
}

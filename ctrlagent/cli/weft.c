// SPDX-License-Identifier: Apache-2.0
// The command line: a thin client of the agent. It checks the words against cli_verbs, sends them
// as one line of JSON, and prints what comes back. Status 0: done; 1: the agent refused or cannot
// be reached, or a check failed; 2: the command is wrong.

#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "cli/verbs.h"

#define WORDS_MAX 16

struct command {
	const char *socket;
	bool json, help;
	const char *words[WORDS_MAX];
	size_t count;
	json_t *args;
};

// ---- help

static void print_usage(FILE *out)
{
	fputs("usage: weft [--json] [--socket PATH] COMMAND [OPERAND…] [OPTION…]\n\n", out);
	for (size_t i = 0; i < cli_verb_count; i++) {
		const struct cli_verb *v = &cli_verbs[i];
		char words[64];
		snprintf(words, sizeof(words), "%s%s%.*s%s%s", v->noun, v->verbs ? " " : "",
			v->verbs ? (int)strcspn(v->verbs, " ") : 0, v->verbs ? v->verbs : "",
			v->operands[0] ? " " : "", v->operands);
		fprintf(out, "  %-24s %s\n", words, v->help);
	}
	fputs("\n  --json         print JSON\n"
	      "  --socket PATH  of the agent, " CLI_DEFAULT_SOCKET "\n"
	      "  --help         of all, or of a command: weft fdb add --help\n"
	      "  --version      of this program, which asks nobody\n",
		out);
}

static void print_verb_usage(const struct cli_verb *v, FILE *out)
{
	fprintf(out, "usage: weft %s", v->noun);
	if (v->verbs)
		fprintf(out, " %.*s", (int)strcspn(v->verbs, " "), v->verbs);
	fprintf(out, "%s%s", v->operands[0] ? " " : "", v->operands);
	for (const struct cli_option *o = v->options; o->name; o++)
		fprintf(out, " [--%s%s%s]", o->name, o->value ? " " : "", o->value ? o->value : "");
	fprintf(out, "\n%s\n", v->help);
	for (const struct cli_option *o = v->options; o->name; o++)
		fprintf(out, "  --%s%s%-*s %s\n", o->name, o->value ? " " : "",
			(int)(12 - strlen(o->name)), o->value ? o->value : "", o->help);
}

static void print_noun_usage(const char *noun, FILE *out)
{
	for (size_t i = 0; i < cli_verb_count; i++)
		if (strcmp(cli_verbs[i].noun, noun) == 0)
			print_verb_usage(&cli_verbs[i], out);
}

static void print_command_usage(const struct cli_verb *v, size_t used, FILE *out)
{
	if (used == 2)
		print_verb_usage(v, out);
	else
		print_noun_usage(v->noun, out);
}

__attribute__((format(printf, 1, 0))) static void complain(const char *format, va_list ap)
{
	fputs("weft: ", stderr);
	vfprintf(stderr, format, ap);
	fputc('\n', stderr);
}

__attribute__((noreturn, format(printf, 1, 2))) static void wrong(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	complain(format, ap);
	va_end(ap);
	fputs("Try 'weft --help'.\n", stderr);
	exit(2);
}

// The command is there, and was given wrong words. `used` of them are its name: one may have meant
// another verb of that noun.
__attribute__((noreturn, format(printf, 3, 4))) static void wrong_words(
	const struct cli_verb *v, size_t used, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	complain(format, ap);
	va_end(ap);
	print_command_usage(v, used, stderr);
	exit(2);
}

// ---- the command's words

static const char *value_of(int argc, char **argv, int *i, const char *inline_value)
{
	if (inline_value)
		return inline_value;
	if (*i + 1 >= argc)
		wrong("%s needs a value", argv[*i]);
	return argv[++*i];
}

// Of every command, wherever they stand.
enum {
	GENERAL_JSON,
	GENERAL_HELP,
	GENERAL_SOCKET,
	GENERAL_VERSION
};
static const struct cli_option general[] = {
	[GENERAL_JSON] = {"json", NULL, NULL},
	[GENERAL_HELP] = {"help", NULL, NULL},
	[GENERAL_SOCKET] = {"socket", "PATH", NULL},
	[GENERAL_VERSION] = {"version", NULL, NULL},
	{0},
};

static const struct cli_option *any_option(const char *name)
{
	for (const struct cli_option *o = general; o->name; o++)
		if (strcmp(o->name, name) == 0)
			return o;
	for (size_t v = 0; v < cli_verb_count; v++) {
		const struct cli_option *o = cli_option_find(&cli_verbs[v], name);
		if (o)
			return o;
	}
	return NULL;
}

// The list of all commands has no options, so the command says which it has, if it was named
// before.
__attribute__((noreturn)) static void unknown_option(const struct command *c, const char *option)
{
	size_t used;
	const struct cli_verb *v = cli_verb_find(c->words, c->count, &used);

	if (v)
		wrong_words(v, used, "unknown option %s", option);
	wrong("unknown option %s", option);
}

static void take_option(struct command *c, int argc, char **argv, int *i)
{
	char name[32];
	const char *equals = strchr(argv[*i], '='), *value = NULL;
	int n = (int)(equals ? equals - argv[*i] : (ptrdiff_t)strlen(argv[*i])) - 2;

	snprintf(name, sizeof(name), "%.*s", n, argv[*i] + 2);
	const struct cli_option *o = any_option(name);
	if (!o)
		unknown_option(c, argv[*i]);
	if (!o->value && equals) // --dry-run=no must not be a dry run
		wrong("--%s takes no value", name);
	if (o->value)
		value = value_of(argc, argv, i, equals ? equals + 1 : NULL);
	if (o == &general[GENERAL_JSON])
		c->json = true;
	else if (o == &general[GENERAL_HELP])
		c->help = true;
	else if (o == &general[GENERAL_SOCKET])
		c->socket = value;
	else if (o == &general[GENERAL_VERSION])
		exit(puts("weft " WEFT_VERSION) < 0);
	else if (json_object_set_new(c->args, name, value ? json_string(value) : json_true()))
		wrong("--%s is not valid UTF-8", name);
}

static void parse(struct command *c, int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "-h") == 0)
			c->help = true;
		else if (strncmp(argv[i], "--", 2) == 0 && argv[i][2])
			take_option(c, argc, argv, &i);
		else if (c->count == WORDS_MAX)
			wrong("too many words");
		else
			c->words[c->count++] = argv[i];
	}
}

static void check(const struct command *c, const struct cli_verb *v, size_t used)
{
	const char *key;
	json_t *value;

	if (c->count - used < v->min_operands)
		wrong_words(v, used, "%s%s%s: expected %s", v->noun, used == 2 ? " " : "",
			used == 2 ? c->words[1] : "", v->operands);
	if (c->count - used > v->max_operands)
		wrong_words(v, used, "%s: unexpected \"%s\"", v->noun,
			c->words[used + v->max_operands]);
	json_object_foreach (c->args, key, value)
		if (!cli_option_find(v, key))
			wrong_words(v, used, "%s: there is no --%s here", v->noun, key);
}

// The agent's working directory is another one.
static void make_absolute(const char **path)
{
	static char full[PATH_MAX];

	if (realpath(*path, full)) {
		*path = full;
		return;
	}
	fprintf(stderr, "weft: %s: %s\n", *path, strerror(errno));
	exit(1);
}

// ---- talking to the agent

static int open_agent(const char *path)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (strlen(path) >= sizeof(addr.sun_path))
		wrong("the socket's path is too long");
	strcpy(addr.sun_path, path);
	if (fd < 0 || connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0) {
		fprintf(stderr, "weft: no agent at %s: %s%s\n", path, strerror(errno),
			errno == EACCES ? " (it is root's)"
					: " (is weft-agent running? --socket names another)");
		exit(1);
	}
	return fd;
}

// One that has closed may have said why.
static void send_text(int agent, const char *text)
{
	ssize_t n = 0;

	for (size_t left = strlen(text); left; left -= (size_t)n, text += n) {
		n = send(agent, text, left, MSG_NOSIGNAL);
		if (n < 0)
			return;
	}
}

static void send_command(int agent, const struct command *c)
{
	json_t *cmd = json_array();

	for (size_t i = 0; i < c->count; i++)
		json_array_append_new(cmd, json_string(c->words[i]));
	if (c->json)
		json_object_set_new(c->args, "json", json_true());
	json_t *request = json_pack("{s:o, s:O}", "cmd", cmd, "args", c->args);
	if (!request)
		wrong("the command is not valid UTF-8");
	char *text = json_dumps(request, JSON_COMPACT);
	send_text(agent, text);
	send_text(agent, "\n");
	free(text);
	json_decref(request);
}

// Prints what the lines say until the last one; returns its status.
static int print_answer(FILE *agent)
{
	char *line = NULL;
	size_t size = 0;
	int status = -1;

	while (status < 0 && getline(&line, &size, agent) > 0) {
		json_t *answer = json_loads(line, 0, NULL);
		const char *out = json_string_value(json_object_get(answer, "out"));
		const char *error = json_string_value(json_object_get(answer, "error"));
		json_t *end = json_object_get(answer, "status");
		if (out)
			fputs(out, stdout);
		if (error)
			fprintf(stderr, "weft: %s\n", error);
		if (json_is_integer(end))
			status = (int)json_integer_value(end);
		json_decref(answer);
	}
	free(line);
	if (status < 0)
		fputs("weft: the agent went away\n", stderr);
	if (fflush(stdout) || ferror(stdout)) { // a file without the end of a list is no list
		fprintf(stderr, "weft: cannot write: %s\n", strerror(errno));
		return 1;
	}
	return status < 0 ? 1 : status;
}

int main(int argc, char **argv)
{
	static struct command c = {.socket = CLI_DEFAULT_SOCKET}; // lives until any exit()
	size_t used;

	c.args = json_object();
	parse(&c, argc, argv);
	if (c.count && strcmp(c.words[0], "help") == 0) {
		c.help = true;
		memmove(c.words, c.words + 1, --c.count * sizeof(c.words[0]));
	}
	const struct cli_verb *v = cli_verb_find(c.words, c.count, &used);
	if (c.help && v) {
		print_command_usage(v, used, stdout);
		return 0;
	}
	if (!c.count) {
		print_usage(c.help ? stdout : stderr);
		return c.help ? 0 : 2;
	}
	if (!v)
		wrong("unknown command \"%s\"", c.words[0]);
	check(&c, v, used);
	if (strcmp(v->noun, "apply") == 0 && c.count > used)
		make_absolute(&c.words[used]);
	int fd = open_agent(c.socket);
	send_command(fd, &c);
	FILE *agent = fdopen(fd, "r");
	int status = print_answer(agent);
	fclose(agent);
	json_decref(c.args);
	return status;
}

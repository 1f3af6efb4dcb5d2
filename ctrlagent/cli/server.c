// SPDX-License-Identifier: Apache-2.0
#include "cli/server.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <libgen.h>
#include <stdio.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/answer.h"
#include "cli/commands.h"
#include "cli/connection.h"
#include "cli/gather.h"
#include "cli/verbs.h"
#include "session/listener.h"
#include "session/target.h"

#define AGENT_LOG_MODULE "cli"
#include "log.h"

struct cli_server {
	struct agent *agent;
	struct session_listener *listener;
	LIST_HEAD(, cli_connection) connections;
	unsigned count;
};

static void connection_free(struct cli_connection *c)
{
	struct request *r = c->request;

	if (r)
		r->connection = NULL;
	if (r && r->dump)
		dpc_dump_cancel(r->dump);
	bufferevent_free(c->bev);
	LIST_REMOVE(c, link);
	c->server->count--;
	free(c);
}

// ---- one command

// NULL: *error says what is wrong with it.
static request_handler_fn parse_request(struct request *r, const char *line, const char **error)
{
	const char *words[16];
	size_t used, count = 0, i;
	json_t *word, *request = json_loads(line, 0, NULL);

	r->cmd = json_incref(json_object_get(request, "cmd"));
	r->args = json_incref(json_object_get(request, "args"));
	json_decref(request);
	if (!r->args)
		r->args = json_object();
	r->json = request_flag(r, "json");
	*error = "expected {\"cmd\": [WORD, …], \"args\": {…}}";
	if (!json_is_array(r->cmd) || !json_is_object(r->args) ||
		json_array_size(r->cmd) > sizeof(words) / sizeof(words[0]))
		return NULL;
	json_array_foreach (r->cmd, i, word) {
		if (!json_is_string(word))
			return NULL;
		words[count++] = json_string_value(word);
	}
	const struct cli_verb *v = cli_verb_find(words, count, &used);
	*error = "unknown command";
	if (!v)
		return NULL;
	*error = "wrong number of operands";
	if (count - used < v->min_operands || count - used > v->max_operands)
		return NULL;
	for (i = used; i < count; i++)
		r->operands[r->operand_count++] = words[i];
	char verb[16] = "";
	if (v->verbs)
		snprintf(verb, sizeof(verb), "%.*s", (int)strcspn(v->verbs, " "), v->verbs);
	return command_find(v->noun, verb);
}

static void serve(struct cli_connection *c, const char *line)
{
	struct request *r = agent_zalloc(sizeof(*r));
	const char *error;

	r->agent = c->server->agent;
	r->connection = c;
	for (unsigned i = 0; i < 4; i++)
		r->operands[i] = "";
	c->request = r;
	request_handler_fn handler = parse_request(r, line, &error);
	if (handler)
		handler(r);
	else
		request_fail(r, "%s", error);
}

static void serve_next(struct cli_connection *c)
{
	struct evbuffer *in = bufferevent_get_input(c->bev);

	if (c->request || cli_connection_is_full(c))
		return; // the next one when this has ended, and when its answer has been read
	char *line = evbuffer_readln(in, NULL, EVBUFFER_EOL_LF);
	if (line) {
		serve(c, line);
		free(line);
	} else if (evbuffer_get_length(in) > CLI_MAX_LINE) {
		connection_free(c);
	}
}

static void on_read(struct bufferevent *bev, void *arg)
{
	serve_next(arg);
}

// The output is below the low watermark.
static void on_written(struct bufferevent *bev, void *arg)
{
	struct cli_connection *c = arg;

	if (!c->request)
		serve_next(c);
	else if (c->request->dump)
		dpc_dump_resume(c->request->dump);
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
	connection_free(arg);
}

// ---- the socket

static void on_accepted(void *arg, int fd, const char *peer)
{
	struct cli_server *s = arg;

	if (s->count == CLI_MAX_CONNECTIONS) {
		static const char full[] =
			"{\"error\":\"too many commands at once\",\"status\":1}\n";
		send(fd, full, sizeof(full) - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
		close(fd);
		return;
	}
	struct cli_connection *c = agent_zalloc(sizeof(*c));
	c->server = s;
	c->bev = bufferevent_socket_new(s->agent->base, fd, BEV_OPT_CLOSE_ON_FREE);
	bufferevent_setcb(c->bev, on_read, on_written, on_event, c);
	bufferevent_setwatermark(c->bev, EV_WRITE, CLI_OUTPUT_HIGH / 4, 0);
	bufferevent_setwatermark(c->bev, EV_READ, 0, CLI_MAX_LINE + 1);
	bufferevent_enable(c->bev, EV_READ | EV_WRITE);
	LIST_INSERT_HEAD(&s->connections, c, link);
	s->count++;
}

// /run/weft is not there before somebody makes it. Returns why it cannot be made, or 0: bind()
// would say no more than that it is not there.
static int make_folder(const char *path)
{
	char *copy = agent_strdup(path);
	int why = mkdir(dirname(copy), 0755) ? errno : 0;

	free(copy);
	return why;
}

struct cli_server *cli_server_new(struct agent *agent, const char *path, char **error)
{
	struct session_target t;
	char why[200], *target = agent_format("punix:%s", path);
	struct cli_server *s = agent_zalloc(sizeof(*s));

	s->agent = agent;
	LIST_INIT(&s->connections);
	int folder = make_folder(path);
	errno = 0;
	if (session_target_parse(&t, target, why, sizeof(why)) == 0)
		s->listener =
			session_listener_new(agent->base, &t, on_accepted, s, why, sizeof(why));
	if (s->listener) {
		free(target);
		return s;
	}
	if (errno == ENOENT && folder)
		errno = folder;
	*error = !errno ? agent_strdup(why)
			: agent_format("%s: %s", path,
				  errno == EADDRINUSE ? "another agent has it" : strerror(errno));
	free(target);
	free(s);
	return NULL;
}

void cli_server_free(struct cli_server *s)
{
	if (!s)
		return;
	while (!LIST_EMPTY(&s->connections))
		connection_free(LIST_FIRST(&s->connections));
	gather_cancel_all();
	answer_cancel_all();
	session_listener_free(s->listener);
	free(s);
}

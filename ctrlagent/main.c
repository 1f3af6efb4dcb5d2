// SPDX-License-Identifier: Apache-2.0
// weft-agent: options, signals, and what is wired to what.
#include <event2/event.h>
#include <getopt.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/server.h"
#include "cli/verbs.h"
#include "core/core.h"
#include "metrics/metrics.h"
#include "weft/process/descriptors.h"

#define AGENT_LOG_MODULE "agent"
#include "log.h"

struct options {
	struct agent_options agent;
	const char *socket;
	const char *metrics;
};

static const char help[] =
	"usage: weft-agent [options]\n"
	"Makes the data plane what the configuration says, and speaks OpenFlow with controllers.\n"
	"Runs in the foreground and logs to standard error.\n"
	"\n"
	"  --config FILE             configuration (" CONFIG_DEFAULT_PATH ")\n"
	"  --socket PATH             for the command line (" CLI_DEFAULT_SOCKET ")\n"
	"  --dataplane-socket PATH   of weft-dataplane (" WEFT_IPC_CONTROL_SOCKET ")\n"
	"  --punt-socket PATH        of weft-dataplane (" WEFT_IPC_PUNT_SOCKET ")\n"
	"  --metrics IP:PORT         serve Prometheus metrics there (off)\n"
	"  --log-level LEVEL         error, warning, info or debug (info)\n"
	"  --foreground              what it does anyhow\n"
	"  --version, --help\n"
	"\n"
	"Signals: HUP reads the configuration again; TERM and INT end the agent, the data plane\n"
	"forwards on.\n";

__attribute__((noreturn)) static void wrong(const char *what, const char *value)
{
	fprintf(stderr, "weft-agent: %s%s\nTry 'weft-agent --help'.\n", what, value);
	exit(2);
}

static void set_log_level(const char *text)
{
	enum agent_log_level level;

	if (!agent_log_level_parse(text, &level))
		wrong("--log-level: expected error, warning, info or debug, got ", text);
	agent_log_set_level(level);
}

// A wrong one stays wrong, whatever the configuration says.
static void set_metrics(struct options *o, const char *text)
{
	if (!metrics_can_listen(text))
		wrong("--metrics: expected " METRICS_LISTEN ", got ", text);
	o->metrics = text;
}

static void parse(struct options *o, int argc, char **argv)
{
	static const struct option names[] = {{"config", required_argument, NULL, 'c'},
		{"socket", required_argument, NULL, 's'},
		{"dataplane-socket", required_argument, NULL, 'd'},
		{"punt-socket", required_argument, NULL, 'p'},
		{"metrics", required_argument, NULL, 'm'},
		{"log-level", required_argument, NULL, 'l'}, {"foreground", no_argument, NULL, 'f'},
		{"version", no_argument, NULL, 'v'}, {"help", no_argument, NULL, 'h'}, {0}};
	int c;

	*o = (struct options){
		.agent.config_path = CONFIG_DEFAULT_PATH, .socket = CLI_DEFAULT_SOCKET};
	while ((c = getopt_long(argc, argv, "h", names, NULL)) != -1) {
		if (c == 'c')
			o->agent.config_path = optarg;
		else if (c == 's')
			o->socket = optarg;
		else if (c == 'd')
			o->agent.dataplane_socket = optarg;
		else if (c == 'p')
			o->agent.punt_socket = optarg;
		else if (c == 'm')
			set_metrics(o, optarg);
		else if (c == 'l')
			set_log_level(optarg);
		else if (c == 'v' || c == 'h')
			exit(fputs(c == 'v' ? "weft-agent " WEFT_VERSION "\n" : help, stdout) < 0);
		else if (c != 'f')
			exit(2); // getopt said why
	}
	if (optind < argc)
		wrong("unexpected ", argv[optind]);
}

// ---- signals

static void on_end(evutil_socket_t signal, short what, void *arg)
{
	log_info("ending on %s", strsignal((int)signal));
	event_base_loopbreak(((struct agent *)arg)->base);
}

// HUP: what the file says when it comes is to be in effect, so one that comes while another
// configuration is being applied, or there is no data plane, waits. So does one whose data plane
// goes before it is in effect.
struct reload {
	struct agent *agent;
	struct event *later;
};

static void reload_later(struct reload *r)
{
	static const struct timeval soon = {.tv_usec = 100000};

	evtimer_add(r->later, &soon);
}

static void on_reloaded(void *arg, const struct apply_result *result)
{
	if (!result->ok)
		log_error("%s", result->error);
	else if (!result->difference[0])
		log_info("read again, nothing to change");
	if (!result->lost)
		return;
	log_info("the file is read again when the data plane is connected");
	reload_later(arg);
}

static void on_reload(evutil_socket_t signal, short what, void *arg)
{
	struct reload *r = arg;

	if (agent_can_apply(r->agent)) {
		evtimer_del(r->later);
		agent_apply(r->agent, NULL, false, on_reloaded, r);
		return;
	}
	if (what & EV_SIGNAL && !dpc_is_up(r->agent->dpc))
		log_info("the file is read again when the data plane is connected");
	reload_later(r);
}

// Until the end. Whoever looks serves all that comes meanwhile.
static void serve(struct agent *a)
{
	do {
		bool looks = dpc_looks(a->dpc);

		if (looks)
			sched_yield(); // weft/look.h
		event_base_loop(a->base, looks ? EVLOOP_NONBLOCK : EVLOOP_ONCE);
	} while (!event_base_got_break(a->base));
}

static int run(const struct options *o, struct event_base *base)
{
	struct agent agent;
	struct reload reload = {.agent = &agent};
	struct cli_server *cli;
	struct metrics *metrics = NULL;
	char *error = NULL;
	int status = 1;

	if (!agent_init(&agent, base, &o->agent, &error)) {
		fprintf(stderr, "weft-agent: %s\n", error);
		free(error);
		return 1;
	}
	struct event *signals[] = {evsignal_new(base, SIGTERM, on_end, &agent),
		evsignal_new(base, SIGINT, on_end, &agent),
		evsignal_new(base, SIGHUP, on_reload, &reload)};
	reload.later = evtimer_new(base, on_reload, &reload);
	for (size_t i = 0; i < 3; i++)
		event_add(signals[i], NULL);
	cli = cli_server_new(&agent, o->socket, &error);
	if (cli && o->metrics)
		metrics = metrics_new(&agent, o->metrics, &error);
	if (cli && !error) {
		log_info("weft-agent " WEFT_VERSION ", host %s", agent.config->host.name);
		serve(&agent);
		status = 0;
	} else {
		fprintf(stderr, "weft-agent: %s\n", error);
		free(error);
	}
	cli_server_free(cli);
	agent_close(&agent);
	metrics_free(metrics);
	for (size_t i = 0; i < 3; i++)
		event_free(signals[i]);
	event_free(reload.later);
	return status;
}

int main(int argc, char **argv)
{
	struct options o;

	parse(&o, argc, argv);
	signal(SIGPIPE, SIG_IGN);
	weft_descriptors_raise();
	struct event_base *base = event_base_new();
	int status = run(&o, base);
	event_base_loop(base, EVLOOP_NONBLOCK); // what libevent has put off to free
	event_base_free(base);
	libevent_global_shutdown();
	return status;
}

// SPDX-License-Identifier: Apache-2.0
#pragma once
// What the agent tells the OpenFlow session layer about one tenant's switch.
//
// The agent owns configuration and the data plane's shape: it makes tenants and ports, and only
// then the switch's sessions. ctrlagent/session/ owns everything that speaks OpenFlow, and fits
// behind these functions (session/session.h declares them):
//
//	struct session_switch *session_switch_create(struct event_base *base, struct dpc *dpc,
//		const struct agent_switch *config, char *error, size_t size);
//	int session_switch_update(struct session_switch *sw, const struct agent_switch *config,
//		char *error, size_t size);
//	void session_switch_destroy(struct session_switch *sw);
//	void session_switch_ready(struct session_switch *sw, bool ready);
//	void session_switch_port_status(struct session_switch *sw,
//		const struct weft_ipc_port_status *port);
//	json_t *session_switch_describe(const struct session_switch *sw);
//
// create   makes it not ready: nothing is connected, nobody is listened to. What is wrong with a
//          target or a TLS file goes into `error`, and NULL comes back. `config` and all it points
//          to is copied.
// update   the same tenant, other settings. Sessions whose target and TLS stay are not disturbed;
//          ports are not looked at. Nonzero and `error`: nothing has changed.
// ready    true: the data plane holds this tenant; connect and listen. false: it is away; close
//          every session and listener. A data plane that was restarted thus meets a controller
//          that connects anew, sees an empty switch and programs it again.
// port_status  a port came, went or changed (port->reason, as ofp_port_reason). The list in
//          `config` is the start; from then on only this tells. The session layer does not listen
//          to dpc's port_status. The overlay port (WEFT_OFPORT_OVERLAY) comes the same way.
// describe a new reference, for `weft switch show`:
//          {"dpid": "…16 hex", "controllers": [{"target": "tcp:…", "state": "connected" |
//          "connecting" | "listening" | "backoff" | "idle", "role": "master" | "slave" | "equal",
//          "version": "1.3", "peer": "…", "since_s": 12, "last_error": "…"}]}
//
// For flow-removed and packet-in the session layer calls dpc_listen() for its tenant itself;
// requests it sends through dpc itself. What belongs to the agent it asks for by the callbacks
// below. Everything is called on the event loop's thread.

#include <weft/ipc.h>

enum agent_fail_mode {
	AGENT_FAIL_SECURE,     // the rules stay, nothing is added
	AGENT_FAIL_STANDALONE, // a learning switch as long as no controller is connected
};

// PEM files; NULL: not set. All three are needed for ssl: and pssl: targets.
struct agent_tls {
	const char *key;
	const char *cert;
	const char *ca;
};

struct agent_switch_ops {
	// The number of connected controllers (handshake done, passive ones included) became zero,
	// or nonzero. The agent makes the tenant a learning switch, or stops that, by its
	// fail_mode.
	void (*connected)(void *arg, bool any);
	// OFPT_SET_CONFIG changed OFPC_FRAG_DROP; the agent sets WEFT_TENANT_FRAG_DROP.
	void (*frag_drop)(void *arg, bool drop);
	// Some session's asynchronous configuration asks for OFPR_INVALID_TTL, or none does any
	// more; the agent sets WEFT_TENANT_TTL_PACKET_IN. Told when the switch becomes ready, too.
	void (*ttl_packet_in)(void *arg, bool any);
	// Likewise of a session of OpenFlow 1.0, to which a packet that no rule matches goes; the
	// agent sets WEFT_TENANT_MISS_PACKET_IN.
	void (*miss_packet_in)(void *arg, bool any);
};

struct agent_switch {
	weft_tenant_id tenant;
	const char *tenant_name;
	const char *host_name;
	uint64_t dpid;
	// Targets: tcp:IP[:PORT], ssl:IP[:PORT], unix:PATH, and passive ptcp:[PORT][:IP],
	// pssl:[PORT][:IP], punix:PATH. IPv6 addresses in brackets. Default port 6653.
	const char *const *controllers;
	size_t controller_count;
	enum agent_fail_mode fail_mode;
	struct agent_tls tls;
	uint32_t inactivity_s; // an echo request after so long without a message, the end after
			       // twice; 0: never
	uint32_t max_backoff_s;
	// the tenant's quotas, for table, group and meter features
	uint32_t max_rules;
	uint32_t max_groups;
	uint32_t max_meters;
	bool frag_drop; // create: the tenant has WEFT_TENANT_FRAG_DROP already
	const struct weft_ipc_port_status *ports; // uplinks are not among them
	size_t port_count;
	const struct agent_switch_ops *ops; // must outlive the switch
	void *arg;                          // of ops
};

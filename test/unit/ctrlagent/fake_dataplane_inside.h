// SPDX-License-Identifier: Apache-2.0
#pragma once
// The inside of fake_dataplane.h's double, for its files:
//
//	fake_dataplane.c  the sockets and what is said on them
//	fake_operate.c    what each operation does
//	fake_look.c       what tests look at
//	fake_store.c      what it was told

#include "fake_dataplane.h"
#include "fake_store.h"

struct paced { // a dump of rules under way
	struct weft_ipc_hdr request;
	size_t next; // record
	int64_t credit;
};

struct fake_dataplane {
	struct event_base *base;
	char *paths[2];
	struct evconnlistener *listeners[2];
	struct bufferevent *control;
	int punt_fd;
	uint64_t epoch;
	struct store state, before; // before: of an atomic transaction's begin
	struct fake_txn {
		bool open, atomic, failed;
	} txns[2];    // the stream's, the configuration's
	bool devices; // those named "absent…" have come
	enum weft_ipc_type fail_type;
	enum weft_error fail_error;
	unsigned counts[128];
	struct paced paced[8];
	unsigned paced_count;
	size_t paced_bytes;
	uint64_t message[WEFT_IPC_MAX_LEN / 8];
};

// Does an operation of a transaction; `len`: the body's.
enum weft_error fake_operate(
	struct fake_dataplane *dp, const struct weft_ipc_hdr *h, const void *body, size_t len);

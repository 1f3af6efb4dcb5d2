// SPDX-License-Identifier: Apache-2.0
#pragma once
// The versions that a session may speak, and how long the header is that every message begins with.

#define OF_HEADER_LEN 8u
#define OF_VERSION_1_0 1u
#define OF_VERSION_1_3 4u
#define OF_VERSION_1_4 5u
#define OF_VERSION_1_5 6u

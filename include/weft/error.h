// SPDX-License-Identifier: Apache-2.0
#pragma once
// What can be wrong with a request, in neutral words; the agent maps each onto the type and code
// that the controller's OpenFlow version has for it. 0 is success. Append only: numbers travel over
// IPC.

// X(ID, text, OpenFlow 1.3 name, or Nicira's)
#define WEFT_ERRORS(X)                                                                             \
	X(NONE, "success", "")                                                                     \
	X(MALFORMED, "message malformed", "OFPBRC_BAD_LEN")                                        \
	X(UNSUPPORTED, "not supported", "OFPBRC_BAD_TYPE")                                         \
	X(NO_MEMORY, "out of memory", "OFPFMFC_UNKNOWN")                                           \
	X(TABLE_FULL, "table or tenant quota full", "OFPFMFC_TABLE_FULL")                          \
	X(BAD_TABLE, "no such table", "OFPFMFC_BAD_TABLE_ID")                                      \
	X(OVERLAP, "overlaps a rule of the same priority", "OFPFMFC_OVERLAP")                      \
	X(BAD_COMMAND, "unknown command", "OFPFMFC_BAD_COMMAND")                                   \
	X(BAD_FLAGS, "unknown flags", "OFPFMFC_BAD_FLAGS")                                         \
	X(BAD_TIMEOUT, "timeout out of range", "OFPFMFC_BAD_TIMEOUT")                              \
	X(BAD_GOTO, "goto-table does not go forward", "OFPBIC_BAD_TABLE_ID")                       \
	X(MATCH_PREREQ, "a field's prerequisite is not matched", "OFPBMC_BAD_PREREQ")              \
	X(MATCH_VALUE, "a field's value is out of range", "OFPBMC_BAD_VALUE")                      \
	X(MATCH_MASK, "a field may not be masked so", "OFPBMC_BAD_MASK")                           \
	X(ACTION_TYPE, "unknown action", "OFPBAC_BAD_TYPE")                                        \
	X(ACTION_LEN, "action length", "OFPBAC_BAD_LEN")                                           \
	X(ACTION_PORT, "bad output port", "OFPBAC_BAD_OUT_PORT")                                   \
	X(ACTION_ARG, "bad action argument", "OFPBAC_BAD_ARGUMENT")                                \
	X(ACTION_GROUP, "action names no existing group", "OFPBAC_BAD_OUT_GROUP")                  \
	X(ACTION_MATCH, "action does not fit the match", "OFPBAC_MATCH_INCONSISTENT")              \
	X(ACTION_TAG, "unsupported tag or ethertype", "OFPBAC_BAD_TAG")                            \
	X(ACTION_SET_TYPE, "field cannot be set", "OFPBAC_BAD_SET_TYPE")                           \
	X(ACTION_SET_ARG, "value to set out of range", "OFPBAC_BAD_SET_ARGUMENT")                  \
	X(ACTION_QUEUE, "bad queue", "OFPBAC_BAD_QUEUE")                                           \
	X(ACTION_TOO_MANY, "too many actions", "OFPBAC_TOO_MANY")                                  \
	X(ACTION_PERM, "tenant may not do this", "OFPBAC_EPERM")                                   \
	X(GROUP_EXISTS, "group exists", "OFPGMFC_GROUP_EXISTS")                                    \
	X(GROUP_INVALID, "group not valid", "OFPGMFC_INVALID_GROUP")                               \
	X(GROUP_FULL, "too many groups", "OFPGMFC_OUT_OF_GROUPS")                                  \
	X(GROUP_BUCKETS, "too many buckets", "OFPGMFC_OUT_OF_BUCKETS")                             \
	X(GROUP_CHAIN, "chaining not supported", "OFPGMFC_CHAINING_UNSUPPORTED")                   \
	X(GROUP_WATCH, "watch not supported", "OFPGMFC_WATCH_UNSUPPORTED")                         \
	X(GROUP_LOOP, "group loop", "OFPGMFC_LOOP")                                                \
	X(GROUP_UNKNOWN, "no such group", "OFPGMFC_UNKNOWN_GROUP")                                 \
	X(GROUP_CHAINED, "group is used by another", "OFPGMFC_CHAINED_GROUP")                      \
	X(GROUP_TYPE, "bad group type", "OFPGMFC_BAD_TYPE")                                        \
	X(GROUP_COMMAND, "bad group command", "OFPGMFC_BAD_COMMAND")                               \
	X(GROUP_BUCKET, "bad bucket", "OFPGMFC_BAD_BUCKET")                                        \
	X(GROUP_WATCH_BAD, "watched port or group does not exist", "OFPGMFC_BAD_WATCH")            \
	X(METER_EXISTS, "meter exists", "OFPMMFC_METER_EXISTS")                                    \
	X(METER_INVALID, "meter not valid", "OFPMMFC_INVALID_METER")                               \
	X(METER_UNKNOWN, "no such meter", "OFPMMFC_UNKNOWN_METER")                                 \
	X(METER_COMMAND, "bad meter command", "OFPMMFC_BAD_COMMAND")                               \
	X(METER_FLAGS, "meter flags", "OFPMMFC_BAD_FLAGS")                                         \
	X(METER_RATE, "bad rate", "OFPMMFC_BAD_RATE")                                              \
	X(METER_BURST, "bad burst", "OFPMMFC_BAD_BURST")                                           \
	X(METER_BAND, "bad band", "OFPMMFC_BAD_BAND")                                              \
	X(METER_BAND_VALUE, "bad band value", "OFPMMFC_BAD_BAND_VALUE")                            \
	X(METER_FULL, "too many meters", "OFPMMFC_OUT_OF_METERS")                                  \
	X(METER_BANDS, "too many bands", "OFPMMFC_OUT_OF_BANDS")                                   \
	X(NO_PORT, "no such port", "OFPPMFC_BAD_PORT")                                             \
	X(PORT_CONFIG, "bad port configuration", "OFPPMFC_BAD_CONFIG")                             \
	X(NO_TENANT, "no such tenant", "")                                                         \
	X(EXISTS, "exists already", "")                                                            \
	X(NOT_FOUND, "not found", "")                                                              \
	X(IN_USE, "in use", "")                                                                    \
	X(DEVICE, "the device could not be opened", "")                                            \
	X(STATE, "not possible now", "")                                                           \
	X(TABLE_UNKNOWN, "no such table", "OFPTMFC_BAD_TABLE")                                     \
	X(TABLE_CONFIG, "bad table configuration", "OFPTMFC_BAD_CONFIG")                           \
	X(GROUP_BUCKET_EXISTS, "bucket exists", "OFPGMFC_BUCKET_EXISTS")                           \
	X(GROUP_BUCKET_UNKNOWN, "no such bucket", "OFPGMFC_UNKNOWN_BUCKET")                        \
	X(CONJUNCTION, "conjunction: k of 2 to 64, beside note alone", "NXBAC_BAD_CONJUNCTION")

enum weft_error {
#define WEFT_X(id, text, of13) WEFT_E_##id,
	WEFT_ERRORS(WEFT_X)
#undef WEFT_X
		WEFT_E_MAX
};

static inline const char *weft_error_text(unsigned e)
{
	static const char *const texts[] = {
#define WEFT_X(id, text, of13) text,
		WEFT_ERRORS(WEFT_X)
#undef WEFT_X
	};
	return e < WEFT_E_MAX ? texts[e] : "unknown error";
}

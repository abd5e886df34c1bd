/* SPDX-License-Identifier: MIT */
/* Targets, Kinds and values as people write and read them, for the control socket's commands. */
#ifndef NODE_CONTROL_VALUE_H
#define NODE_CONTROL_VALUE_H

#include "node/control_call.h"
#include "overlay/kind.h"

/* The Kind by name or number. NULL: `call` has been ended with an error. Without one, SIP-REGISTRATION. */
const struct kind *control_kind(struct control_call *call);

/* The Resource-ID that the argument "target" means: "resource:HEX" or 32 hex digits as they are, else the hash
 * of the Resource Name: an AOR (a leading "sip:" is left out), or for Kinds of a node 32 hex digits, its
 * Node-ID. ERR_MALFORMED: `call` has been ended. */
int MUST_CHECK control_resource(struct control_call *call, const struct kind *kind, struct resource_id *out);

/* Where a request for the argument "target" goes: "node:HEX" or 32 hex digits is a Node-ID, else as above. The
 * destination borrows from *resource. ERR_MALFORMED: `call` has been ended. */
int MUST_CHECK control_destination(struct control_call *call, struct resource_id *resource,
				   struct destination *out);

/* Bytes of a hex text; malloc'ed. ERR_MALFORMED. */
int MUST_CHECK control_hex(const char *text, uint8_t **out, size_t *len);

/* New references. A value: an object or text by its Kind, else hex. */
json_t *control_value(const struct node *n, struct now now, uint32_t kind, struct slice value);
json_t *control_kind_name(const struct node *n, uint32_t kind);
/* Index or key; null for a single value. */
json_t *control_entry(const struct stored_data_value *value);
json_t *control_bytes(struct slice bytes);

#endif

/* SPDX-License-Identifier: MIT */
/* Reading targets and showing values. */
#include "node/control_value.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "overlay/base/invariant.h"
#include "overlay/wire/hip_record.h"
#include "overlay/wire/sip_registration.h"

#define VALUE_ARENA (64 * 1024) /* bytes for decoding one value */

static bool is_node_id(const char *text, struct node_id *out) { return node_id_parse(text, out) == 0; }

const struct kind *control_kind(struct control_call *call)
{
	const struct kind_table *kinds = &peer_configuration(call->node->peer)->kinds;
	const char *text = control_text(call, "kind");
	char *end = NULL;
	unsigned long id;

	if (text == NULL)
		text = "SIP-REGISTRATION";
	for (size_t i = 0; i < kinds->count; i++)
		if (kinds->items[i].name[0] != '\0' && strcasecmp(kinds->items[i].name, text) == 0)
			return &kinds->items[i];
	id = strtoul(text, &end, 0);
	if (*text != '\0' && *end == '\0' && id <= UINT32_MAX && kind_find(kinds, (uint32_t)id) != NULL)
		return kind_find(kinds, (uint32_t)id);
	control_error(call, ERR_UNKNOWN_KIND, "\"pealctl config\" lists the Kinds of this overlay",
		      "there is no Kind \"%.60s\"", text);
	return NULL;
}

int control_hex(const char *text, uint8_t **out, size_t *len)
{
	size_t digits = strlen(text);
	uint8_t *bytes;

	if (digits % 2 != 0)
		return ERR_MALFORMED;
	bytes = memory_alloc(digits / 2 + 1);
	for (size_t i = 0; i < digits; i += 2) {
		unsigned byte;

		if (!isxdigit((unsigned char)text[i]) || !isxdigit((unsigned char)text[i + 1]) ||
		    sscanf(text + i, "%2x", &byte) != 1) {
			free(bytes);
			return ERR_MALFORMED;
		}
		bytes[i / 2] = (uint8_t)byte;
	}
	*out = bytes;
	*len = digits / 2;
	return 0;
}

static struct resource_id name_hash(struct control_call *call, struct slice name)
{
	return security_resource_id(peer_security(call->node->peer), name);
}

static int explicit_resource(struct control_call *call, const char *hex, struct resource_id *out)
{
	uint8_t *bytes = NULL;
	size_t len = 0;
	int err = control_hex(hex, &bytes, &len);

	if (err == 0)
		err = resource_id_from_slice(slice_of(bytes, len), out);
	free(bytes);
	if (err != 0)
		control_error(call, ERR_MALFORMED, "a Resource-ID is 32 hex digits",
			      "\"%.60s\" is not a Resource-ID", hex);
	return err;
}

int control_resource(struct control_call *call, const struct kind *kind, struct resource_id *out)
{
	const char *text = control_text(call, "target");
	bool of_node = kind != NULL && (kind->access == ACCESS_NODE_MATCH || kind->access == ACCESS_NODE_MULTIPLE);
	struct node_id id;
	struct hit hit;

	if (*text == '\0' || strcmp(text, "sip:") == 0) {
		control_error(call, ERR_MALFORMED,
			      "name a user, a Node-ID or Resource-ID in hex, or any Resource Name",
			      "the target is empty");
		return ERR_MALFORMED;
	}
	if (strncmp(text, "resource:", 9) == 0)
		return explicit_resource(call, text + 9, out);
	if (strncmp(text, "node:", 5) == 0 && !is_node_id(text + 5, &id)) {
		control_error(call, ERR_MALFORMED, "a Node-ID is 32 hex digits", "\"%.60s\" is not a Node-ID",
			      text + 5);
		return ERR_MALFORMED;
	}
	if (strncmp(text, "node:", 5) == 0 || (of_node && is_node_id(text, &id)))
		*out = name_hash(call, slice_of(id.bytes, NODE_ID_LENGTH));
	else if (kind != NULL && kind->access == ACCESS_HIT_MATCH && hit_parse(text, &hit) == 0)
		*out = name_hash(call, slice_of(hit.bytes, HIT_LENGTH));
	else if (is_node_id(text, &id))
		*out = resource_id_from_node_id(&id);
	else if (strncmp(text, "sip:", 4) == 0)
		*out = name_hash(call, slice_text(text + 4));
	else
		*out = name_hash(call, slice_text(text));
	return 0;
}

int control_destination(struct control_call *call, struct resource_id *resource, struct destination *out)
{
	const char *text = control_text(call, "target");
	const char *hex = strncmp(text, "node:", 5) == 0 ? text + 5 : text;
	struct node_id id;
	int err;

	if (is_node_id(hex, &id)) {
		if (!node_id_is_zero(&id) && !node_id_is_wildcard(&id)) {
			*out = destination_of_node(&id);
			return 0;
		}
		control_error(call, ERR_MALFORMED, "take a Node-ID from \"pealctl ring\"",
			      "%s is no node's Node-ID", hex);
		return ERR_MALFORMED;
	}
	err = control_resource(call, NULL, resource);
	if (err == 0)
		*out = destination_of_resource(resource);
	return err;
}

json_t *control_bytes(struct slice bytes)
{
	char *text = memory_alloc(2 * bytes.len + 1);
	json_t *string;

	for (size_t i = 0; i < bytes.len; i++)
		(void)snprintf(text + 2 * i, 3, "%02x", bytes.data[i]);
	string = json_string(text);
	free(text);
	return string;
}

static json_t *text_or_bytes(struct slice bytes)
{
	json_t *text = NULL;

	if (memchr(bytes.data == NULL ? (const uint8_t *)"" : bytes.data, 0, bytes.len) == NULL)
		text = json_stringn((const char *)bytes.data, bytes.len); /* NULL unless UTF-8 */
	return text != NULL ? text : control_bytes(bytes);
}

json_t *control_kind_name(const struct node *n, uint32_t kind)
{
	const struct kind *k = kind_find(&peer_configuration(n->peer)->kinds, kind);

	return k != NULL && k->name[0] != '\0' ? json_string(k->name) : json_integer(kind);
}

json_t *control_entry(const struct stored_data_value *value)
{
	if (value->model == DATA_MODEL_ARRAY)
		return json_integer(value->index);
	if (value->model == DATA_MODEL_DICTIONARY)
		return control_bytes(value->key);
	return json_null();
}

static json_t *destinations_json(const struct destination_list *list)
{
	json_t *array = json_array();

	for (size_t i = 0; i < list->count; i++) {
		const struct destination *d = &list->items[i];
		json_t *entry;

		if (d->type == DESTINATION_NODE)
			entry = control_node_id(&d->id.node);
		else if (d->type == DESTINATION_COMPACT)
			entry = json_integer(d->id.compact);
		else
			entry = control_bytes(d->id.bytes);
		(void)json_array_append_new(array, entry);
	}
	return array;
}

static json_t *registration_json(struct slice value)
{
	struct reader r = reader_of(value);
	struct sip_registration x;
	struct arena arena;
	json_t *out = NULL;

	arena_init(&arena, VALUE_ARENA);
	if (sip_registration_get(&r, &arena, &x) == 0 && reader_finish(&r) == 0) {
		if (x.type == SIP_REGISTRATION_URI)
			out = json_pack("{s:o}", "uri", text_or_bytes(x.uri));
		else if (x.type == SIP_REGISTRATION_ROUTE)
			out = json_pack("{s:o, s:o}", "route", destinations_json(&x.destinations),
					"contact_prefs", text_or_bytes(x.contact_prefs));
	}
	arena_free(&arena);
	return out;
}

static json_t *hip_record_json(struct slice value)
{
	static const char *const proofs[] = { [HIP_PROOF_CERTIFICATE] = "certificate",
					      [HIP_PROOF_REGISTRATION] = "registration",
					      [HIP_PROOF_NONE] = "none" };
	struct reader r = reader_of(value);
	struct hip_record x;
	struct arena arena;
	json_t *out = NULL;

	arena_init(&arena, VALUE_ARENA);
	if (hip_record_get(&r, &arena, &x) == 0 && reader_finish(&r) == 0) {
		char hit[HIT_TEXT_SIZE], address[ADDRESS_TEXT_SIZE];
		json_t *locators = json_array();

		for (size_t i = 0; i < x.locator_count; i++)
			(void)json_array_append_new(locators, json_string(address_text(&x.locators[i], address)));
		out = json_pack("{s:s, s:o, s:o, s:s, s:b, s:b, s:b, s:b, s:I, s:I}", "hit", hit_text(&x.hit, hit),
				"edge", destinations_json(&x.destinations), "locators", locators, "proof",
				proofs[x.proof], "rvs", (x.flags & HIP_RECORD_RVS) != 0, "relay",
				(x.flags & HIP_RECORD_RELAY) != 0, "own", (x.flags & HIP_RECORD_OWN) != 0,
				"plain", (x.flags & HIP_RECORD_PLAIN) != 0, "sequence", (json_int_t)x.sequence,
				"lifetime", (json_int_t)x.lifetime_s);
	}
	arena_free(&arena);
	return out;
}

static json_t *certificate_json(const struct node *n, struct now now, struct slice der)
{
	struct identity who;
	json_t *ids;

	if (provider_identify(n->provider, now.wall, der, &who, NULL, 0) != 0)
		return NULL;
	ids = json_array();
	for (size_t i = 0; i < who.node_id_count; i++)
		(void)json_array_append_new(ids, control_node_id(&who.node_ids[i]));
	return json_pack("{s:s, s:o, s:I, s:I}", "user", who.user, "node_ids", ids, "not_before_ms",
			 (json_int_t)who.not_before.ms, "not_after_ms", (json_int_t)who.not_after.ms);
}

json_t *control_value(const struct node *n, struct now now, uint32_t kind, struct slice value)
{
	json_t *out = NULL;

	if (kind == KIND_SIP_REGISTRATION)
		out = registration_json(value);
	else if (kind == KIND_CERTIFICATE_BY_NODE || kind == KIND_CERTIFICATE_BY_USER)
		out = certificate_json(n, now, value);
	else if (kind == KIND_HIP_RVS)
		out = hip_record_json(value);
	return out != NULL ? out : text_or_bytes(value);
}

/* SPDX-License-Identifier: MIT */
/* The registered Kinds, and the table of those an overlay uses. */
#include "overlay/kind.h"

#include "overlay/access.h"

/* Peal's limits for the registered Kinds where the configuration document gives none: a value and the
 * certificate that signed it fit one message of the default max-message-size. */
static const struct kind registered_kinds[] = {
	{
		.id = KIND_SIP_REGISTRATION,
		.name = "SIP-REGISTRATION",
		.model = DATA_MODEL_DICTIONARY,
		.access = ACCESS_USER_NODE_MATCH,
		.max_count = 16,
		.max_size = 1024,
	},
	{
		.id = KIND_TURN_SERVICE,
		.name = "TURN-SERVICE",
		.model = DATA_MODEL_SINGLE,
		.access = ACCESS_NODE_MULTIPLE,
		.max_count = 1,
		.max_size = 64,
		.max_node_multiple = 20,
	},
	{
		.id = KIND_CERTIFICATE_BY_NODE,
		.name = "CERTIFICATE_BY_NODE",
		.model = DATA_MODEL_ARRAY,
		.access = ACCESS_NODE_MATCH,
		.max_count = 4,
		.max_size = 2048,
	},
	{
		.id = KIND_CERTIFICATE_BY_USER,
		.name = "CERTIFICATE_BY_USER",
		.model = DATA_MODEL_ARRAY,
		.access = ACCESS_USER_MATCH,
		.max_count = 16,
		.max_size = 2048,
	},
	{
		/* A host has few edges; a registration with RSA keys of 4,096 bits fits. */
		.id = KIND_HIP_RVS,
		.name = "HIP-RVS",
		.model = DATA_MODEL_DICTIONARY,
		.access = ACCESS_HIT_MATCH,
		.max_count = 8,
		.max_size = 4096,
	},
};

static const char *const model_names[] = {
	[DATA_MODEL_SINGLE] = "SINGLE",
	[DATA_MODEL_ARRAY] = "ARRAY",
	[DATA_MODEL_DICTIONARY] = "DICTIONARY",
};

static const char *const access_names[] = {
	[ACCESS_USER_MATCH] = "USER-MATCH",
	[ACCESS_NODE_MATCH] = "NODE-MATCH",
	[ACCESS_USER_NODE_MATCH] = "USER-NODE-MATCH",
	[ACCESS_NODE_MULTIPLE] = "NODE-MULTIPLE",
	[ACCESS_HIT_MATCH] = "HIT-MATCH",
};

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

const struct kind *kind_find(const struct kind_table *t, uint32_t id)
{
	for (size_t i = 0; i < t->count; i++)
		if (t->items[i].id == id)
			return &t->items[i];
	return NULL;
}

const struct kind *kind_registered(uint32_t id)
{
	for (size_t i = 0; i < COUNT_OF(registered_kinds); i++)
		if (registered_kinds[i].id == id)
			return &registered_kinds[i];
	return NULL;
}

const struct kind *kind_registered_by_name(const char *name)
{
	for (size_t i = 0; i < COUNT_OF(registered_kinds); i++)
		if (strcmp(registered_kinds[i].name, name) == 0)
			return &registered_kinds[i];
	return NULL;
}

int kind_add(struct kind_table *t, const struct kind *k)
{
	const struct kind *registered = kind_registered(k->id);
	struct kind *place = NULL;

	/* A pattern that does not compile would refuse every AOR silently; it is refused here, loudly. */
	for (size_t i = 0; i < k->domain_pattern_count; i++)
		if (!access_domain_pattern_is_valid(k->domain_patterns[i]))
			return ERR_CONFIG;
	for (size_t i = 0; i < t->count && place == NULL; i++)
		if (t->items[i].id == k->id)
			place = &t->items[i];
	if (place == NULL) {
		if (t->count == KINDS_MAX)
			return ERR_LIMIT;
		place = &t->items[t->count++];
	}
	*place = *k;
	if (registered != NULL) {
		memcpy(place->name, registered->name, sizeof(place->name));
		place->model = registered->model;
		place->access = registered->access;
		if (place->max_node_multiple == 0)
			place->max_node_multiple = registered->max_node_multiple;
	}
	return 0;
}

const char *data_model_name(enum data_model model)
{
	return (size_t)model < COUNT_OF(model_names) && model_names[model] != NULL ? model_names[model]
										    : "UNKNOWN";
}

const char *access_policy_name(enum access_policy policy)
{
	return (size_t)policy < COUNT_OF(access_names) && access_names[policy] != NULL
		       ? access_names[policy]
		       : "UNKNOWN";
}

enum data_model data_model_parse(const char *text)
{
	for (size_t i = 1; i < COUNT_OF(model_names); i++)
		if (strcmp(model_names[i], text) == 0)
			return (enum data_model)i;
	return (enum data_model)0;
}

enum access_policy access_policy_parse(const char *text)
{
	for (size_t i = 1; i < COUNT_OF(access_names); i++)
		if (strcmp(access_names[i], text) == 0)
			return (enum access_policy)i;
	return (enum access_policy)0;
}

/* SPDX-License-Identifier: MIT */
/* One row for each value of the configuration document that an operator may change. */
#include "tools/enroll_document.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum value_type { VALUE_BOOLEAN, VALUE_U8, VALUE_U32 };

struct value {
	const char *name; /* of the element in 11.1 */
	enum value_type type;
	size_t offset; /* in struct configuration */
	uint32_t min, max;
	const char *unit;
};

#define FIELD(name) offsetof(struct configuration, name)

static const struct value values[] = {
	{ "clients-permitted", VALUE_BOOLEAN, FIELD(clients_permitted), 0, 1, "" },
	{ "turn-density", VALUE_U8, FIELD(turn_density), 0, 255, "" },
	{ "chord-update-interval", VALUE_U32, FIELD(chord_update_interval_s), 1, 86400, "s" },
	{ "chord-ping-interval", VALUE_U32, FIELD(chord_ping_interval_s), 1, 86400, "s" },
	{ "chord-reactive", VALUE_BOOLEAN, FIELD(chord_reactive), 0, 1, "" },
	{ "max-message-size", VALUE_U32, FIELD(max_message_size), 2000, 65535, "bytes" },
	{ "initial-ttl", VALUE_U8, FIELD(initial_ttl), 2, 255, "hops" },
	{ "overlay-reliability-timer", VALUE_U32, FIELD(overlay_reliability_timer_ms), 200, 60000, "ms" },
};

#define VALUE_COUNT (sizeof(values) / sizeof(values[0]))
#define KIND_COUNT_MAX 65535u
#define KIND_SIZE_MAX 60000u

/* A decimal number in the range. */
static int number_parse(const char *name, const char *text, uint32_t min, uint32_t max, uint32_t *out,
			char *detail, size_t detail_size)
{
	unsigned long value;
	char *end;

	errno = 0;
	value = strtoul(text, &end, 10);
	if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 || value < min || value > max) {
		snprintf(detail, detail_size, "%s: %s is not a number from %u to %u", name, text, min, max);
		return ERR_CONFIG;
	}
	*out = (uint32_t)value;
	return 0;
}

static uint32_t value_read(const struct configuration *c, const struct value *v)
{
	const uint8_t *at = (const uint8_t *)c + v->offset;
	uint32_t number;

	if (v->type == VALUE_U32) {
		memcpy(&number, at, sizeof(number));
		return number;
	}
	return *at;
}

static void value_write(struct configuration *c, const struct value *v, uint32_t number)
{
	uint8_t *at = (uint8_t *)c + v->offset;

	if (v->type == VALUE_U32)
		memcpy(at, &number, sizeof(number));
	else
		*at = (uint8_t)number;
}

static int value_set(struct configuration *c, const struct value *v, const char *text, char *detail,
		     size_t detail_size)
{
	uint32_t number;
	int err;

	if (v->type == VALUE_BOOLEAN) {
		if (strcmp(text, "true") != 0 && strcmp(text, "false") != 0) {
			snprintf(detail, detail_size, "%s: %s is neither true nor false", v->name, text);
			return ERR_CONFIG;
		}
		value_write(c, v, text[0] == 't');
		return 0;
	}
	err = number_parse(v->name, text, v->min, v->max, &number, detail, detail_size);
	if (err == 0)
		value_write(c, v, number);
	return err;
}

/* A Kind that Peal knows and the overlay does not use yet is put into its table. */
static void kind_use(struct configuration *c, const char *name, size_t len)
{
	const struct kind *known;
	char text[KIND_NAME_MAX + 1];

	if (len > KIND_NAME_MAX)
		return;
	memcpy(text, name, len);
	text[len] = '\0';
	known = kind_registered_by_name(text);
	if (known != NULL && kind_find(&c->kinds, known->id) == NULL && kind_add(&c->kinds, known) != 0)
		return; /* a full table: the caller does not find it */
}

/* "SIP-REGISTRATION.max-count" and its value. */
static int kind_set(struct configuration *c, const char *name, const char *text, char *detail,
		    size_t detail_size)
{
	const char *dot = strchr(name, '.');
	bool count = strcmp(dot, ".max-count") == 0;

	if (count || strcmp(dot, ".max-size") == 0)
		kind_use(c, name, (size_t)(dot - name));
	for (size_t i = 0; i < c->kinds.count; i++) {
		struct kind *k = &c->kinds.items[i];

		if (strncmp(k->name, name, (size_t)(dot - name)) != 0 || k->name[dot - name] != '\0')
			continue;
		if (!count && strcmp(dot, ".max-size") != 0)
			break;
		return number_parse(name, text, 1, count ? KIND_COUNT_MAX : KIND_SIZE_MAX,
				    count ? &k->max_count : &k->max_size, detail, detail_size);
	}
	snprintf(detail, detail_size, "%s: not KIND.max-count or KIND.max-size of a Kind of this overlay", name);
	return ERR_CONFIG;
}

int document_set(struct configuration *c, const char *assignment, char *detail, size_t detail_size)
{
	const char *equals = strchr(assignment, '=');
	char name[96];

	if (equals == NULL || equals == assignment || (size_t)(equals - assignment) >= sizeof(name)) {
		snprintf(detail, detail_size, "%s: not NAME=VALUE", assignment);
		return ERR_CONFIG;
	}
	memcpy(name, assignment, (size_t)(equals - assignment));
	name[equals - assignment] = '\0';
	for (size_t i = 0; i < VALUE_COUNT; i++)
		if (strcmp(values[i].name, name) == 0)
			return value_set(c, &values[i], equals + 1, detail, detail_size);
	if (strchr(name, '.') != NULL)
		return kind_set(c, name, equals + 1, detail, detail_size);
	snprintf(detail, detail_size, "%s: no such setting; `peal-enroll document --show` lists them", name);
	return ERR_CONFIG;
}

static int bootstrap_parse(const char *text, struct address *address, char *detail, size_t detail_size)
{
	if (address_parse(text, 6084, address) != 0 || address->port == 0 || address_is_any(address)) {
		snprintf(detail, detail_size, "%s: not an address other nodes can reach, such as "
			 "192.0.2.1:6084 or [2001:db8::1]:6084", text);
		return ERR_CONFIG;
	}
	return 0;
}

int document_add_bootstrap(struct configuration *c, const char *address, char *detail, size_t detail_size)
{
	struct address a;
	int err = bootstrap_parse(address, &a, detail, detail_size);

	if (err != 0)
		return err;
	for (size_t i = 0; i < c->bootstrap_node_count; i++)
		if (address_equal(&c->bootstrap_nodes[i], &a))
			return 0;
	if (c->bootstrap_node_count == BOOTSTRAP_NODES_MAX) {
		snprintf(detail, detail_size, "more than %d bootstrap nodes", BOOTSTRAP_NODES_MAX);
		return ERR_CONFIG;
	}
	c->bootstrap_nodes[c->bootstrap_node_count++] = a;
	return 0;
}

int document_remove_bootstrap(struct configuration *c, const char *address, char *detail,
			      size_t detail_size)
{
	struct address a;
	int err = bootstrap_parse(address, &a, detail, detail_size);

	if (err != 0)
		return err;
	for (size_t i = 0; i < c->bootstrap_node_count; i++) {
		if (!address_equal(&c->bootstrap_nodes[i], &a))
			continue;
		c->bootstrap_node_count--;
		memmove(&c->bootstrap_nodes[i], &c->bootstrap_nodes[i + 1],
			(c->bootstrap_node_count - i) * sizeof(a));
		return 0;
	}
	snprintf(detail, detail_size, "%s is not a bootstrap node of this overlay", address);
	return ERR_CONFIG;
}

static int bad_node_parse(const struct configuration *c, const char *text, struct node_id *id, size_t *place,
			  char *detail, size_t detail_size)
{
	if (node_id_parse(text, id) != 0) {
		snprintf(detail, detail_size, "%s: a Node-ID is 32 hex digits", text);
		return ERR_CONFIG;
	}
	for (*place = 0; *place < c->bad_node_count; (*place)++)
		if (node_id_equal(&c->bad_nodes[*place], id))
			break;
	return 0;
}

int document_add_bad_node(struct configuration *c, const char *text, char *detail, size_t detail_size)
{
	struct node_id id;
	size_t place;
	int err = bad_node_parse(c, text, &id, &place, detail, detail_size);

	if (err != 0 || place < c->bad_node_count)
		return err;
	if (c->bad_node_count == BAD_NODES_MAX) {
		snprintf(detail, detail_size, "more than %d bad nodes: remove those whose certificates have "
			 "expired", BAD_NODES_MAX);
		return ERR_CONFIG;
	}
	for (size_t i = 0; i < c->configuration_signer_count; i++) {
		if (node_id_equal(&c->configuration_signers[i], &id)) {
			snprintf(detail, detail_size, "%s is the configuration-signer: without it no further "
				 "document could be signed", text);
			return ERR_CONFIG;
		}
	}
	c->bad_nodes[c->bad_node_count++] = id;
	return 0;
}

int document_remove_bad_node(struct configuration *c, const char *text, char *detail, size_t detail_size)
{
	struct node_id id;
	size_t place;
	int err = bad_node_parse(c, text, &id, &place, detail, detail_size);

	if (err != 0)
		return err;
	if (place == c->bad_node_count) {
		snprintf(detail, detail_size, "%s is not listed as bad-node", text);
		return ERR_CONFIG;
	}
	c->bad_nodes[place] = c->bad_nodes[--c->bad_node_count];
	return 0;
}

uint16_t document_next_sequence(uint16_t sequence)
{
	return sequence >= 65534 ? 0 : (uint16_t)(sequence + 1);
}

void document_print_settings(const struct configuration *c, FILE *out)
{
	for (size_t i = 0; i < VALUE_COUNT; i++) {
		const struct value *v = &values[i];
		uint32_t number = value_read(c, v);

		if (v->type == VALUE_BOOLEAN)
			fprintf(out, "%s=%s\n", v->name, number != 0 ? "true" : "false");
		else
			fprintf(out, "%s=%u\t# %s%s%u to %u\n", v->name, number, v->unit,
				v->unit[0] == '\0' ? "" : ", ", v->min, v->max);
	}
	for (size_t i = 0; i < c->kinds.count; i++) {
		const struct kind *k = &c->kinds.items[i];

		if (k->name[0] != '\0')
			fprintf(out, "%s.max-count=%u\n%s.max-size=%u\t# bytes\n", k->name, k->max_count,
				k->name, k->max_size);
	}
}

/* SPDX-License-Identifier: MIT */
/* Reads the overlay configuration document: one table row per element. */
#include "node/configuration_document.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "node/configuration_kind.h"
#include "node/configuration_xml.h"
#include "overlay/base/invariant.h"

#define SEQUENCE_MAX 65534
#define NODE_ID_BITS_MAX 96 /* at least 32 bits stay random: users share slots by chance otherwise */

enum element_type { ELEMENT_BOOLEAN, ELEMENT_U8, ELEMENT_U32, ELEMENT_TEXT, ELEMENT_TREE };

struct element_rule {
	const char *ns;
	const char *name;
	bool many; /* may stand more than once */
	enum element_type type;
	size_t offset; /* in struct configuration, for the first three types */
	uint32_t min, max;
	int (*text)(struct xml_reading *r, struct xml_node *node, const char *text, struct configuration_document *d);
	int (*tree)(struct xml_reading *r, struct xml_node *node, struct configuration_document *d);
};

static int read_topology_plugin(struct xml_reading *r, struct xml_node *node, const char *text,
				struct configuration_document *d)
{
	(void)d;
	if (strcmp(text, "CHORD-RELOAD") != 0)
		return xml_fail(r, node, ERR_UNSUPPORTED, "\"%.40s\" is not a topology plug-in Peal has", text);
	return 0;
}

static int read_node_id_length(struct xml_reading *r, struct xml_node *node, const char *text,
			       struct configuration_document *d)
{
	uint64_t length;
	int err = xml_number(r, node, text, 16, 20, &length);

	(void)d;
	if (err == 0 && length != NODE_ID_LENGTH)
		err = xml_fail(r, node, ERR_UNSUPPORTED, "CHORD-RELOAD is defined on Node-IDs of 16 bytes");
	return err;
}

static int read_root_cert(struct xml_reading *r, struct xml_node *node, const char *text,
			  struct configuration_document *d)
{
	int err;

	if (d->root_cert_count == ROOT_CERTS_MAX)
		return xml_fail(r, node, ERR_CONFIG, "more than %d of these", ROOT_CERTS_MAX);
	err = xml_base64(r, node, text, &d->root_certs[d->root_cert_count]);
	if (err == 0)
		d->root_cert_count++;
	return err;
}

static int read_enrollment_server(struct xml_reading *r, struct xml_node *node, const char *text,
				  struct configuration_document *d)
{
	if (d->enrollment_server_count == ENROLLMENT_SERVERS_MAX)
		return xml_fail(r, node, ERR_CONFIG, "more than %d of these", ENROLLMENT_SERVERS_MAX);
	if (strncmp(text, "https://", 8) != 0 || strlen(text) > URL_MAX)
		return xml_fail(r, node, ERR_CONFIG, "\"%.60s\" is not an https URL of at most %d bytes", text,
				URL_MAX);
	(void)snprintf(d->enrollment_servers[d->enrollment_server_count++], URL_MAX + 1, "%s", text);
	return 0;
}

static int read_self_signed(struct xml_reading *r, struct xml_node *node, const char *text,
			    struct configuration_document *d)
{
	char *digest = xml_attribute(node, "digest");
	bool permitted = false;
	int err = xml_boolean(r, node, text, &permitted);

	(void)d;
	if (err == 0 && digest == NULL)
		err = xml_fail(r, node, ERR_CONFIG, "lacks the attribute digest");
	else if (err == 0 && strcmp(digest, "sha1") != 0 && strcmp(digest, "sha256") != 0)
		err = xml_fail(r, node, ERR_CONFIG, "digest \"%.20s\" is not sha1 or sha256", digest);
	else if (err == 0 && permitted)
		err = xml_fail(r, node, ERR_UNSUPPORTED, "Peal takes no self-signed certificates");
	free(digest);
	return err;
}

static int read_bootstrap_node(struct xml_reading *r, struct xml_node *node, struct configuration_document *d)
{
	struct configuration *c = &d->configuration;
	char *text = xml_attribute(node, "address");
	char *port = xml_attribute(node, "port");
	struct address address = { .port = 6084 };
	uint64_t number = address.port;
	int err = 0;

	if (text == NULL)
		err = xml_fail(r, node, ERR_CONFIG, "lacks the attribute address");
	else if (inet_pton(AF_INET, text, address.bytes) == 1)
		address.type = ADDRESS_IPV4;
	else if (inet_pton(AF_INET6, text, address.bytes) == 1)
		address.type = ADDRESS_IPV6;
	else
		err = xml_fail(r, node, ERR_CONFIG, "\"%.60s\" is not an IPv4 or IPv6 address", text);
	if (err == 0 && port != NULL)
		err = xml_number(r, node, port, 1, UINT16_MAX, &number);
	if (err == 0 && c->bootstrap_node_count == BOOTSTRAP_NODES_MAX)
		err = xml_fail(r, node, ERR_CONFIG, "more than %d of these", BOOTSTRAP_NODES_MAX);
	address.port = (uint16_t)number;
	if (err == 0)
		c->bootstrap_nodes[c->bootstrap_node_count++] = address;
	free(text);
	free(port);
	return err;
}

static int read_shared_secret(struct xml_reading *r, struct xml_node *node, const char *text,
			      struct configuration_document *d)
{
	(void)text;
	(void)d;
	return xml_fail(r, node, ERR_UNSUPPORTED, "Peal does not use shared secrets");
}

/* Any permitted protocol that Peal has is enough. */
static int read_link_protocol(struct xml_reading *r, struct xml_node *node, const char *text,
			      struct configuration_document *d)
{
	struct xml_node *other;
	char *value;
	int err = 0, found = strcmp(text, "TLS") == 0;

	(void)d;
	for (other = node->parent->children; found == 0 && other != NULL;
	     other = other->next) {
		if (!xml_is(r, other, XML_NS_BASE, "overlay-link-protocol"))
			continue;
		err = xml_text(r, other, &value);
		if (err != 0)
			return err;
		found = strcmp(value, "TLS") == 0;
		free(value);
	}
	return found != 0 ? 0 : xml_fail(r, node, ERR_UNSUPPORTED, "Peal has only the link protocol TLS");
}

static int read_id_list(struct xml_reading *r, struct xml_node *node, const char *text, struct node_id *list,
			size_t *count, size_t max)
{
	if (*count == max)
		return xml_fail(r, node, ERR_CONFIG, "more than %zu of these", max);
	return xml_node_id(r, node, text, &list[(*count)++]);
}

static int read_kind_signer(struct xml_reading *r, struct xml_node *node, const char *text,
			    struct configuration_document *d)
{
	return read_id_list(r, node, text, d->configuration.kind_signers,
			    &d->configuration.kind_signer_count, SIGNERS_MAX);
}

static int read_configuration_signer(struct xml_reading *r, struct xml_node *node, const char *text,
				     struct configuration_document *d)
{
	return read_id_list(r, node, text, d->configuration.configuration_signers,
			    &d->configuration.configuration_signer_count, SIGNERS_MAX);
}

static int read_bad_node(struct xml_reading *r, struct xml_node *node, const char *text,
			 struct configuration_document *d)
{
	return read_id_list(r, node, text, d->configuration.bad_nodes, &d->configuration.bad_node_count,
			    BAD_NODES_MAX);
}

static int read_mandatory_extension(struct xml_reading *r, struct xml_node *node, const char *text,
				    struct configuration_document *d)
{
	static const char *const known[] = { XML_NS_CHORD, XML_NS_SIP, XML_NS_NODE_IDS };

	(void)d;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strcmp(text, known[i]) == 0)
			return 0;
	return xml_fail(r, node, ERR_UNSUPPORTED, "Peal does not know the extension \"%.100s\"", text);
}

static int read_required_kinds(struct xml_reading *r, struct xml_node *element, struct configuration_document *d)
{
	struct xml_node *node;
	int err = 0;

	d->kind_blocks = memory_alloc(KINDS_MAX * sizeof(*d->kind_blocks));
	for (node = element->children; err == 0 && node != NULL; node = node->next) {
		if (!xml_is(r, node, XML_NS_BASE, "kind-block"))
			return xml_fail(r, node, ERR_CONFIG, "is not a kind-block");
		if (d->kind_block_count == KINDS_MAX)
			return xml_fail(r, node, ERR_CONFIG, "more than %d Kinds", KINDS_MAX);
		err = configuration_kind_read(r, node, &d->kind_blocks[d->kind_block_count]);
		if (err != 0)
			return err;
		err = kind_add(&d->configuration.kinds, &d->kind_blocks[d->kind_block_count++].kind);
		if (err != 0)
			return xml_fail(r, node, ERR_CONFIG, "more than %d Kinds", KINDS_MAX);
	}
	return err;
}

/* Peal's extension. Its elements have the defaults of docs/decisions/0003. */
static int read_node_ids(struct xml_reading *r, struct xml_node *element, struct configuration_document *d)
{
	struct configuration *c = &d->configuration;
	uint64_t number;
	struct xml_node *node;
	char *text;
	int err = 0;

	c->node_id_bits = 64;
	c->node_id_slots = 4;
	for (node = element->children; err == 0 && node != NULL; node = node->next) {
		bool bits = xml_is(r, node, XML_NS_NODE_IDS, "bits");

		if (!bits && !xml_is(r, node, XML_NS_NODE_IDS, "slots"))
			return xml_fail(r, node, ERR_CONFIG, "is neither bits nor slots");
		err = xml_text(r, node, &text);
		if (err != 0)
			return err;
		err = xml_number(r, node, text, 1, bits ? NODE_ID_BITS_MAX : 255, &number);
		if (err == 0 && bits)
			c->node_id_bits = (uint8_t)number;
		else if (err == 0)
			c->node_id_slots = (uint8_t)number;
		free(text);
	}
	return err;
}

#define FIELD(name) offsetof(struct configuration, name)

static const struct element_rule rules[] = {
	{ XML_NS_BASE, "topology-plugin", false, ELEMENT_TEXT, .text = read_topology_plugin },
	{ XML_NS_BASE, "node-id-length", false, ELEMENT_TEXT, .text = read_node_id_length },
	{ XML_NS_BASE, "root-cert", true, ELEMENT_TEXT, .text = read_root_cert },
	{ XML_NS_BASE, "enrollment-server", true, ELEMENT_TEXT, .text = read_enrollment_server },
	{ XML_NS_BASE, "self-signed-permitted", false, ELEMENT_TEXT, .text = read_self_signed },
	{ XML_NS_BASE, "bootstrap-node", true, ELEMENT_TREE, .tree = read_bootstrap_node },
	{ XML_NS_BASE, "turn-density", false, ELEMENT_U8, FIELD(turn_density), 0, UINT8_MAX },
	{ XML_NS_BASE, "clients-permitted", false, ELEMENT_BOOLEAN, FIELD(clients_permitted) },
	{ XML_NS_BASE, "no-ice", false, ELEMENT_BOOLEAN, FIELD(no_ice) },
	{ XML_NS_CHORD, "chord-update-interval", false, ELEMENT_U32, FIELD(chord_update_interval_s), 1,
	  INT32_MAX },
	{ XML_NS_CHORD, "chord-ping-interval", false, ELEMENT_U32, FIELD(chord_ping_interval_s), 1,
	  INT32_MAX },
	{ XML_NS_CHORD, "chord-reactive", false, ELEMENT_BOOLEAN, FIELD(chord_reactive) },
	{ XML_NS_BASE, "shared-secret", false, ELEMENT_TEXT, .text = read_shared_secret },
	/* Below 1,000 not even one certificate and one signature fit; the framing header ends at 2^24. */
	{ XML_NS_BASE, "max-message-size", false, ELEMENT_U32, FIELD(max_message_size), 1000, 0xffffff },
	{ XML_NS_BASE, "initial-ttl", false, ELEMENT_U8, FIELD(initial_ttl), 1, UINT8_MAX },
	{ XML_NS_BASE, "overlay-reliability-timer", false, ELEMENT_U32, FIELD(overlay_reliability_timer_ms),
	  200, 3600000 },
	{ XML_NS_BASE, "overlay-link-protocol", true, ELEMENT_TEXT, .text = read_link_protocol },
	{ XML_NS_BASE, "kind-signer", true, ELEMENT_TEXT, .text = read_kind_signer },
	{ XML_NS_BASE, "configuration-signer", true, ELEMENT_TEXT, .text = read_configuration_signer },
	{ XML_NS_BASE, "bad-node", true, ELEMENT_TEXT, .text = read_bad_node },
	{ XML_NS_BASE, "mandatory-extension", true, ELEMENT_TEXT, .text = read_mandatory_extension },
	{ XML_NS_BASE, "required-kinds", false, ELEMENT_TREE, .tree = read_required_kinds },
	{ XML_NS_NODE_IDS, "aor-derived-node-ids", false, ELEMENT_TREE, .tree = read_node_ids },
};

#define RULE_COUNT (sizeof(rules) / sizeof(rules[0]))

static int read_value(struct xml_reading *r, struct xml_node *node, const struct element_rule *rule, const char *text,
		      struct configuration_document *d)
{
	uint8_t *field = (uint8_t *)&d->configuration + rule->offset;
	uint64_t number;
	int err;

	switch (rule->type) {
	case ELEMENT_BOOLEAN:
		return xml_boolean(r, node, text, (bool *)field);
	case ELEMENT_U8:
		err = xml_number(r, node, text, rule->min, rule->max, &number);
		if (err == 0)
			*field = (uint8_t)number;
		return err;
	case ELEMENT_U32:
		err = xml_number(r, node, text, rule->min, rule->max, &number);
		if (err == 0)
			*(uint32_t *)(void *)field = (uint32_t)number;
		return err;
	case ELEMENT_TEXT:
	case ELEMENT_TREE:
		break;
	}
	return rule->text(r, node, text, d);
}

static int read_parameter(struct xml_reading *r, struct xml_node *node, uint32_t *seen,
			  struct configuration_document *d)
{
	const struct element_rule *rule = NULL;
	char *text;
	int err;

	for (size_t i = 0; rule == NULL && i < RULE_COUNT; i++)
		if (xml_is(r, node, rules[i].ns, rules[i].name))
			rule = &rules[i];
	if (rule == NULL)
		return xml_is_ours(r, node) ? xml_fail(r, node, ERR_CONFIG, "is not an element of RFC 6940")
					    : 0;
	if (!rule->many && (*seen & 1u << (rule - rules)) != 0)
		return xml_fail(r, node, ERR_CONFIG, "stands twice");
	*seen |= 1u << (rule - rules);
	if (rule->type == ELEMENT_TREE)
		return rule->tree(r, node, d);
	err = xml_text(r, node, &text);
	if (err != 0)
		return err;
	err = read_value(r, node, rule, text, d);
	free(text);
	return err;
}

/* RFC 1035 2.3.1: labels of letters, digits and hyphens. */
static bool is_overlay_name(const char *name)
{
	size_t label = 0;

	if (strlen(name) > OVERLAY_NAME_MAX)
		return false;
	for (; *name != '\0'; name++) {
		bool letter = (*name >= 'a' && *name <= 'z') || (*name >= 'A' && *name <= 'Z') ||
			      (*name >= '0' && *name <= '9');

		if (*name == '.' && label > 0)
			label = 0;
		else if (letter || (*name == '-' && label > 0))
			label++;
		else
			return false;
		if (label > 63)
			return false;
	}
	return label > 0;
}

/* RFC 3339 in UTC. */
static int read_expiration(struct xml_reading *r, const struct xml_node *node, const char *text, struct walltime *out)
{
	struct tm tm = { 0 };
	const char *end = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
	time_t seconds;

	if (end != NULL && *end == '.')
		end += 1 + strspn(end + 1, "0123456789");
	seconds = end == NULL ? -1 : timegm(&tm);
	if (end == NULL || seconds < 0 ||
	    (strcmp(end, "Z") != 0 && strcmp(end, "z") != 0 && strcmp(end, "+00:00") != 0))
		return xml_fail(r, node, ERR_CONFIG, "expiration \"%.40s\" is not a time in UTC (RFC 3339)",
				text);
	out->ms = (uint64_t)seconds * 1000;
	return 0;
}

static int read_attributes(struct xml_reading *r, struct xml_node *element, struct configuration_document *d)
{
	struct configuration *c = &d->configuration;
	char *name = xml_attribute(element, "instance-name");
	char *sequence = xml_attribute(element, "sequence");
	char *expiration = xml_attribute(element, "expiration");
	uint64_t number = 0;
	int err = 0;

	if (name == NULL || !is_overlay_name(name))
		err = xml_fail(r, element, ERR_CONFIG, "instance-name \"%.60s\" is not a domain name",
			       name == NULL ? "" : name);
	else
		(void)snprintf(c->overlay_name, sizeof(c->overlay_name), "%s", name);
	if (err == 0 && sequence != NULL)
		err = xml_number(r, element, sequence, 0, SEQUENCE_MAX, &number);
	c->sequence = (uint16_t)number;
	if (err == 0 && expiration != NULL)
		err = read_expiration(r, element, expiration, &c->expiration);
	free(name);
	free(sequence);
	free(expiration);
	return err;
}

/* The first signature element between this configuration element and the next. */
static int read_signature(struct xml_reading *r, struct xml_node *configuration, struct configuration_document *d)
{
	struct xml_node *node = configuration->next;
	char *text;
	int err;

	while (node != NULL && !xml_is(r, node, XML_NS_BASE, "signature")) {
		if (xml_is(r, node, XML_NS_BASE, "configuration"))
			return 0;
		node = node->next;
	}
	if (node == NULL)
		return 0;
	err = xml_text(r, node, &text);
	if (err != 0)
		return err;
	err = xml_base64(r, node, text, &d->signature);
	free(text);
	return err;
}

static int read_configuration(struct xml_reading *r, struct xml_node *element, bool outline,
			      struct configuration_document *d)
{
	uint32_t seen = 0;
	struct xml_node *node;
	int err;

	d->signed_bytes = element->span;
	err = read_attributes(r, element, d);
	if (outline)
		return err != 0 ? err : read_signature(r, element, d);
	for (node = element->children; err == 0 && node != NULL; node = node->next)
		err = read_parameter(r, node, &seen, d);
	if (err == 0 && d->root_cert_count == 0)
		err = xml_fail(r, element, ERR_CONFIG, "lacks a root-cert element");
	return err != 0 ? err : read_signature(r, element, d);
}

static struct xml_node *find_configuration(struct xml_reading *r, struct xml_node *overlay, const char *overlay_name)
{
	struct xml_node *node;

	for (node = overlay->children; node != NULL; node = node->next) {
		char *name;
		bool wanted;

		if (!xml_is(r, node, XML_NS_BASE, "configuration"))
			continue;
		name = xml_attribute(node, "instance-name");
		wanted = overlay_name == NULL || (name != NULL && strcasecmp(name, overlay_name) == 0);
		free(name);
		if (wanted)
			return node;
	}
	return NULL;
}

static int read_overlay(struct xml_reading *r, const char *overlay_name, bool outline,
			struct configuration_document *d)
{
	struct xml_node *root = r->root;
	struct xml_node *node;

	if (!xml_is(r, root, XML_NS_BASE, "overlay"))
		return xml_fail(r, root, ERR_CONFIG, "the outermost element must be overlay in %s",
				XML_NS_BASE);
	node = find_configuration(r, root, overlay_name);
	if (node == NULL)
		return xml_fail(r, root, ERR_CONFIG, "holds no configuration of %s",
				overlay_name == NULL ? "any overlay" : overlay_name);
	return read_configuration(r, node, outline, d);
}

static int document_read(struct configuration_document **out, struct slice bytes, const char *overlay_name,
			 bool outline, char *detail, size_t detail_size)
{
	struct configuration_document *d = memory_alloc(sizeof(*d));
	struct xml_reading r;
	uint8_t *copy;
	int err;

	*out = NULL;
	configuration_init(&d->configuration);
	if (bytes.len > 0 && bytes.len <= XML_DOCUMENT_MAX) {
		copy = memory_alloc(bytes.len);
		memcpy(copy, bytes.data, bytes.len);
		d->bytes = slice_of(copy, bytes.len);
	} else {
		d->bytes = SLICE_EMPTY;
	}
	err = xml_begin(&r, d->bytes.len > 0 ? d->bytes : slice_of(bytes.data, bytes.len), detail, detail_size);
	if (err == 0)
		err = read_overlay(&r, overlay_name, outline, d);
	xml_end(&r);
	if (err != 0) {
		configuration_document_free(d);
		return err;
	}
	*out = d;
	return 0;
}

int configuration_document_parse(struct configuration_document **out, struct slice bytes,
				 const char *overlay_name, char *detail, size_t detail_size)
{
	return document_read(out, bytes, overlay_name, false, detail, detail_size);
}

int configuration_document_outline(struct configuration_document **out, struct slice bytes,
				   const char *overlay_name, char *detail, size_t detail_size)
{
	return document_read(out, bytes, overlay_name, true, detail, detail_size);
}

void configuration_document_free(struct configuration_document *d)
{
	if (d == NULL)
		return;
	for (size_t i = 0; i < d->root_cert_count; i++)
		free((void *)d->root_certs[i].data);
	for (size_t i = 0; i < d->kind_block_count; i++)
		free((void *)d->kind_blocks[i].signature.data);
	free(d->kind_blocks);
	free((void *)d->signature.data);
	free((void *)d->bytes.data);
	free(d);
}

/* SPDX-License-Identifier: MIT */
/* Reads one kind-block. A registered Kind keeps the registry's data model and access policy, which
 * kind_add() sees to; what the document says of them must still be well-formed. */
#include "node/configuration_kind.h"

#include <regex.h>
#include <stdio.h>
#include <stdlib.h>

/* Which elements a kind element has held so far. */
enum {
	HAS_DATA_MODEL = 1,
	HAS_ACCESS_CONTROL = 2,
	HAS_MAX_COUNT = 4,
	HAS_MAX_SIZE = 8,
	HAS_MAX_NODE_MULTIPLE = 16,
	HAS_DOMAIN_RESTRICTION = 32
};

static int read_identity(struct xml_reading *r, struct xml_node *element, struct kind *kind)
{
	char *name = xml_attribute(element, "name");
	char *id = xml_attribute(element, "id");
	const struct kind *registered;
	uint64_t number = 0;
	int err = 0;

	if ((name == NULL) == (id == NULL)) {
		err = xml_fail(r, element, ERR_CONFIG, "needs either a name or an id attribute");
	} else if (name != NULL) {
		registered = kind_registered_by_name(name);
		if (registered == NULL)
			err = xml_fail(r, element, ERR_UNSUPPORTED,
				       "\"%.60s\" is not a registered Kind that Peal knows; give its id", name);
		else
			*kind = *registered;
	} else {
		err = xml_number(r, element, id, 1, UINT32_MAX - 1, &number);
		registered = err == 0 ? kind_registered((uint32_t)number) : NULL;
		if (registered != NULL)
			*kind = *registered;
		kind->id = (uint32_t)number;
	}
	free(name);
	free(id);
	return err;
}

/* RFC 7904 3.4. The patterns are compiled once here, so that a bad one is found where it stands. */
static int read_patterns(struct xml_reading *r, struct xml_node *restriction, struct kind *kind)
{
	struct xml_node *node = restriction->children;
	regex_t compiled;
	char *text;
	int err = 0;

	for (; err == 0 && node != NULL; node = node->next) {
		if (!xml_is(r, node, XML_NS_SIP, "pattern"))
			return xml_fail(r, node, ERR_CONFIG, "only pattern elements are expected here");
		if (kind->domain_pattern_count == KIND_DOMAIN_PATTERNS_MAX)
			return xml_fail(r, node, ERR_CONFIG, "more than %d patterns",
					KIND_DOMAIN_PATTERNS_MAX);
		err = xml_text(r, node, &text);
		if (err != 0)
			return err;
		if (text[0] == '\0' || strlen(text) > KIND_DOMAIN_PATTERN_MAX) {
			err = xml_fail(r, node, ERR_CONFIG, "a pattern has 1 to %d bytes",
				       KIND_DOMAIN_PATTERN_MAX);
		} else if (regcomp(&compiled, text, REG_EXTENDED | REG_NOSUB) != 0) {
			err = xml_fail(r, node, ERR_CONFIG,
				       "\"%.60s\" is not a POSIX extended regular expression", text);
		} else {
			regfree(&compiled);
			(void)snprintf(kind->domain_patterns[kind->domain_pattern_count++],
				       KIND_DOMAIN_PATTERN_MAX + 1, "%s", text);
		}
		free(text);
	}
	return err;
}

static int read_domain_restriction(struct xml_reading *r, struct xml_node *element, struct kind *kind)
{
	char *enable = xml_attribute(element, "enable");
	bool enabled = false;
	int err = 0;

	if (enable != NULL)
		err = xml_boolean(r, element, enable, &enabled);
	free(enable);
	if (err != 0)
		return err;
	kind->domain_restriction = enabled ? DOMAIN_RESTRICTION_PATTERNS : DOMAIN_RESTRICTION_OVERLAY;
	return read_patterns(r, element, kind);
}

static int read_limit(struct xml_reading *r, const struct xml_node *at, const char *text, uint32_t *out)
{
	uint64_t number;
	int err = xml_number(r, at, text, 1, INT32_MAX, &number);

	if (err == 0)
		*out = (uint32_t)number;
	return err;
}

/* One simple element of config-base inside a kind element. */
static int read_parameter(struct xml_reading *r, const struct xml_node *node, const char *text, struct kind *kind,
			  unsigned *has)
{
	const char *name = node->name;
	unsigned which;
	int err = 0;

	if (strcmp(name, "data-model") == 0) {
		which = HAS_DATA_MODEL;
		kind->model = data_model_parse(text);
		if (kind->model == 0)
			err = xml_fail(r, node, ERR_CONFIG, "\"%.40s\" is not SINGLE, ARRAY or DICTIONARY",
				       text);
	} else if (strcmp(name, "access-control") == 0) {
		which = HAS_ACCESS_CONTROL;
		kind->access = access_policy_parse(text);
		if (kind->access == 0)
			err = xml_fail(r, node, ERR_CONFIG,
				       "\"%.40s\" is not USER-MATCH, NODE-MATCH, USER-NODE-MATCH, "
				       "NODE-MULTIPLE or HIT-MATCH", text);
	} else if (strcmp(name, "max-count") == 0) {
		which = HAS_MAX_COUNT;
		err = read_limit(r, node, text, &kind->max_count);
	} else if (strcmp(name, "max-size") == 0) {
		which = HAS_MAX_SIZE;
		err = read_limit(r, node, text, &kind->max_size);
	} else if (strcmp(name, "max-node-multiple") == 0) {
		which = HAS_MAX_NODE_MULTIPLE;
		err = read_limit(r, node, text, &kind->max_node_multiple);
	} else {
		return xml_fail(r, node, ERR_CONFIG, "is not an element of a kind");
	}
	if (err == 0 && (*has & which) != 0)
		return xml_fail(r, node, ERR_CONFIG, "stands twice");
	*has |= which;
	return err;
}

static int read_child(struct xml_reading *r, struct xml_node *node, struct kind *kind, unsigned *has)
{
	char *text;
	int err;

	if (xml_is(r, node, XML_NS_SIP, "domain-restriction")) {
		if ((*has & HAS_DOMAIN_RESTRICTION) != 0)
			return xml_fail(r, node, ERR_CONFIG, "stands twice");
		*has |= HAS_DOMAIN_RESTRICTION;
		return read_domain_restriction(r, node, kind);
	}
	if (!xml_is_ours(r, node))
		return 0;
	err = xml_text(r, node, &text);
	if (err != 0)
		return err;
	err = read_parameter(r, node, text, kind, has);
	free(text);
	return err;
}

static int check_complete(struct xml_reading *r, const struct xml_node *element, const struct kind *kind, unsigned has)
{
	static const struct {
		unsigned flag;
		const char *name;
	} needed[] = { { HAS_DATA_MODEL, "data-model" },
		       { HAS_ACCESS_CONTROL, "access-control" },
		       { HAS_MAX_COUNT, "max-count" },
		       { HAS_MAX_SIZE, "max-size" } };

	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++)
		if ((has & needed[i].flag) == 0)
			return xml_fail(r, element, ERR_CONFIG, "lacks the element %s", needed[i].name);
	if (kind->access == ACCESS_NODE_MULTIPLE && kind_registered(kind->id) == NULL &&
	    (has & HAS_MAX_NODE_MULTIPLE) == 0)
		return xml_fail(r, element, ERR_CONFIG, "lacks the element max-node-multiple");
	return 0;
}

static int read_kind(struct xml_reading *r, struct xml_node *element, struct configuration_kind_block *block)
{
	struct xml_node *node;
	unsigned has = 0;
	int err;

	block->signed_bytes = element->span;
	block->line = element->line;
	err = read_identity(r, element, &block->kind);
	for (node = element->children; err == 0 && node != NULL; node = node->next)
		err = read_child(r, node, &block->kind, &has);
	return err != 0 ? err : check_complete(r, element, &block->kind, has);
}

static int read_signature(struct xml_reading *r, struct xml_node *element, struct configuration_kind_block *block)
{
	char *text;
	int err = xml_text(r, element, &text);

	if (err != 0)
		return err;
	err = xml_base64(r, element, text, &block->signature);
	free(text);
	return err;
}

int configuration_kind_read(struct xml_reading *r, struct xml_node *kind_block,
			    struct configuration_kind_block *block)
{
	struct xml_node *node;
	int err = 0;

	*block = (struct configuration_kind_block){ .line = 0 };
	for (node = kind_block->children; err == 0 && node != NULL;
	     node = node->next) {
		if (xml_is(r, node, XML_NS_BASE, "kind") && block->signed_bytes.len == 0)
			err = read_kind(r, node, block);
		else if (xml_is(r, node, XML_NS_BASE, "kind-signature") && block->signature.data == NULL)
			err = read_signature(r, node, block);
		else
			err = xml_fail(r, node, ERR_CONFIG, "is not expected in a kind-block");
	}
	if (err == 0 && block->signed_bytes.len == 0)
		err = xml_fail(r, kind_block, ERR_CONFIG, "holds no kind element");
	if (err != 0) {
		free((void *)block->signature.data);
		block->signature = SLICE_EMPTY;
	}
	return err;
}

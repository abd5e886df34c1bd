/* SPDX-License-Identifier: MIT */
/* expat tells where in the bytes each element begins and ends: the signature is over those bytes, and values
 * are read only from elements inside the span whose signature is checked. */
#include "node/configuration_xml.h"

#include <errno.h>
#include <expat.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "node/base64.h"
#include "overlay/base/invariant.h"

#define ELEMENTS_MAX 16384 /* in one document */
#define DEPTH_MAX 64
#define TREE_MAX (16u << 20) /* bytes of a document's tree */
#define NS_SEPARATOR '\n'    /* between namespace and name; expat refuses namespaces that hold it */

/* What the handlers build on. */
struct xml_building {
	struct xml_reading *r;
	XML_Parser parser;
	struct xml_node *open; /* the innermost element that has not ended; NULL: none */
	size_t count, depth;
	uint8_t *text; /* of `open` so far; owned, as long as the document */
	size_t text_len;
	int err;
};

int xml_fail(struct xml_reading *r, const struct xml_node *at, int err, const char *format, ...)
{
	va_list args;
	int n;

	n = at == NULL ? 0
		       : snprintf(r->detail, r->detail_size, "line %ld: <%s>: ", at->line, at->name);
	if (n < 0 || (size_t)n >= r->detail_size)
		return err;
	va_start(args, format);
	(void)vsnprintf(r->detail + n, r->detail_size - (size_t)n, format, args);
	va_end(args);
	return err;
}

static void build_fail(struct xml_building *b, const char *text)
{
	if (b->err != 0)
		return;
	b->err = xml_fail(b->r, NULL, ERR_CONFIG, "line %lu: %s",
			  (unsigned long)XML_GetCurrentLineNumber(b->parser), text);
	(void)XML_StopParser(b->parser, XML_FALSE);
}

/* NUL-terminated, in the tree's arena; without blanks at either end. */
static char *tree_text(struct xml_reading *r, const char *from, size_t len)
{
	char *out;

	while (len > 0 && strchr(" \t\r\n", from[0]) != NULL) {
		from++;
		len--;
	}
	while (len > 0 && strchr(" \t\r\n", from[len - 1]) != NULL)
		len--;
	out = arena_alloc(&r->arena, len + 1);
	if (out != NULL && len > 0)
		memcpy(out, from, len);
	return out;
}

/* Splits expat's "namespace NS_SEPARATOR name". False when the arena is full. */
static bool tree_name(struct xml_reading *r, const char *full, const char **ns, const char **name)
{
	const char *at = strchr(full, NS_SEPARATOR);

	*ns = at == NULL ? NULL : tree_text(r, full, (size_t)(at - full));
	*name = at == NULL ? tree_text(r, full, strlen(full)) : tree_text(r, at + 1, strlen(at + 1));
	return *name != NULL && (at == NULL || *ns != NULL);
}

static bool tree_attributes(struct xml_reading *r, struct xml_node *node, const char **attributes)
{
	for (size_t i = 0; attributes[i] != NULL; i += 2) {
		struct xml_attribute *a = arena_alloc(&r->arena, sizeof(*a));

		if (a == NULL || !tree_name(r, attributes[i], &a->ns, &a->name))
			return false;
		a->value = tree_text(r, attributes[i + 1], strlen(attributes[i + 1]));
		if (a->value == NULL)
			return false;
		a->next = node->attributes;
		node->attributes = a;
	}
	return true;
}

static void on_start(void *ctx, const char *name, const char **attributes)
{
	struct xml_building *b = ctx;
	struct xml_node *node;

	if (b->err != 0)
		return;
	if (b->count++ == ELEMENTS_MAX || b->depth++ == DEPTH_MAX) {
		build_fail(b, "too many elements or levels");
		return;
	}
	node = arena_alloc(&b->r->arena, sizeof(*node));
	if (node == NULL || !tree_name(b->r, name, &node->ns, &node->name) ||
	    !tree_attributes(b->r, node, attributes)) {
		build_fail(b, "the document is too large");
		return;
	}
	node->line = (long)XML_GetCurrentLineNumber(b->parser);
	node->span.data = b->r->bytes.data + XML_GetCurrentByteIndex(b->parser);
	node->parent = b->open;
	if (b->open == NULL)
		b->r->root = node;
	else if (b->open->last == NULL)
		b->open->children = node;
	else
		b->open->last->next = node;
	if (b->open != NULL)
		b->open->last = node;
	b->open = node;
	b->text_len = 0;
}

static void on_end(void *ctx, const char *name)
{
	struct xml_building *b = ctx;
	struct xml_node *node = b->open;
	const uint8_t *end = b->r->bytes.data + XML_GetCurrentByteIndex(b->parser) +
			     XML_GetCurrentByteCount(b->parser);

	(void)name;
	if (b->err != 0)
		return;
	invariant(node != NULL);
	node->span.len = (size_t)(end - node->span.data);
	node->text = node->children != NULL ? NULL : tree_text(b->r, (const char *)b->text, b->text_len);
	if (node->children == NULL && node->text == NULL)
		build_fail(b, "the document is too large");
	b->open = node->parent;
	b->depth--;
	b->text_len = 0;
}

static void on_text(void *ctx, const char *text, int len)
{
	struct xml_building *b = ctx;

	/* Text never grows beyond what it is written in: no entity but the five of XML is defined. */
	if (b->err != 0 || b->open == NULL || b->text_len + (size_t)len > b->r->bytes.len)
		return;
	memcpy(b->text + b->text_len, text, (size_t)len);
	b->text_len += (size_t)len;
}

static void on_doctype(void *ctx, const char *name, const char *system, const char *public, int has_subset)
{
	(void)name;
	(void)system;
	(void)public;
	(void)has_subset;
	build_fail(ctx, "a document type is not allowed");
}

static void on_declaration(void *ctx, const char *version, const char *encoding, int standalone)
{
	(void)version;
	(void)standalone;
	if (encoding != NULL && strcasecmp(encoding, "UTF-8") != 0)
		build_fail(ctx, "the encoding is not UTF-8");
}

static int tree_read(struct xml_reading *r)
{
	struct xml_building b = { .r = r };
	enum XML_Status status;

	/* Whatever the document says of its encoding, it is read as UTF-8. */
	b.parser = XML_ParserCreateNS("UTF-8", NS_SEPARATOR);
	invariant(b.parser != NULL);
	b.text = memory_alloc(r->bytes.len);
	XML_SetUserData(b.parser, &b);
	XML_SetElementHandler(b.parser, on_start, on_end);
	XML_SetCharacterDataHandler(b.parser, on_text);
	XML_SetStartDoctypeDeclHandler(b.parser, on_doctype);
	XML_SetXmlDeclHandler(b.parser, on_declaration);
	status = XML_Parse(b.parser, (const char *)r->bytes.data, (int)r->bytes.len, 1);
	if (status != XML_STATUS_OK && b.err == 0)
		build_fail(&b, XML_ErrorString(XML_GetErrorCode(b.parser)));
	XML_ParserFree(b.parser);
	free(b.text);
	return b.err;
}

int xml_begin(struct xml_reading *r, struct slice bytes, char *detail, size_t detail_size)
{
	*r = (struct xml_reading){ .bytes = bytes, .detail = detail, .detail_size = detail_size };
	arena_init(&r->arena, TREE_MAX);
	if (detail_size > 0)
		detail[0] = '\0';
	if (bytes.len == 0)
		return xml_fail(r, NULL, ERR_CONFIG, "the document is empty");
	if (bytes.len > XML_DOCUMENT_MAX)
		return xml_fail(r, NULL, ERR_CONFIG, "the document is longer than %d bytes",
				XML_DOCUMENT_MAX);
	if (memchr(bytes.data, '\0', bytes.len) != NULL)
		return xml_fail(r, NULL, ERR_CONFIG, "the document is not UTF-8");
	return tree_read(r);
}

void xml_end(struct xml_reading *r)
{
	arena_free(&r->arena);
	r->root = NULL;
}

static bool ns_is(const struct xml_reading *r, const struct xml_node *node, const char *ns)
{
	if (node->ns == NULL)
		return r->without_namespace && strcmp(ns, XML_NS_BASE) == 0;
	return strcmp(node->ns, ns) == 0;
}

bool xml_is(const struct xml_reading *r, const struct xml_node *node, const char *ns, const char *name)
{
	return node != NULL && ns_is(r, node, ns) && strcmp(node->name, name) == 0;
}

bool xml_is_ours(const struct xml_reading *r, const struct xml_node *node)
{
	return ns_is(r, node, XML_NS_BASE) || ns_is(r, node, XML_NS_CHORD);
}

static char *text_copy(const char *text)
{
	size_t size = strlen(text) + 1;
	char *copy = memory_alloc(size);

	memcpy(copy, text, size);
	return copy;
}

int xml_text(struct xml_reading *r, const struct xml_node *element, char **text)
{
	if (element->children != NULL)
		return xml_fail(r, element, ERR_CONFIG, "holds elements where a value is expected");
	*text = text_copy(element->text);
	return 0;
}

char *xml_attribute(const struct xml_node *element, const char *name)
{
	for (const struct xml_attribute *a = element->attributes; a != NULL; a = a->next)
		if (a->ns == NULL && strcmp(a->name, name) == 0)
			return text_copy(a->value);
	return NULL;
}

int xml_number(struct xml_reading *r, const struct xml_node *at, const char *text, uint64_t min, uint64_t max,
	       uint64_t *out)
{
	char *end = NULL;

	errno = 0;
	*out = 0;
	if (text[0] >= '0' && text[0] <= '9')
		*out = strtoull(text, &end, 10);
	if (end == NULL || *end != '\0' || errno != 0 || *out < min || *out > max)
		return xml_fail(r, at, ERR_CONFIG, "\"%.40s\" is not a number from %llu to %llu", text,
				(unsigned long long)min, (unsigned long long)max);
	return 0;
}

int xml_boolean(struct xml_reading *r, const struct xml_node *at, const char *text, bool *out)
{
	*out = strcmp(text, "true") == 0 || strcmp(text, "1") == 0;
	if (!*out && strcmp(text, "false") != 0 && strcmp(text, "0") != 0)
		return xml_fail(r, at, ERR_CONFIG, "\"%.40s\" is not true, false, 1 or 0", text);
	return 0;
}

int xml_node_id(struct xml_reading *r, const struct xml_node *at, const char *text, struct node_id *out)
{
	if (node_id_parse(text, out) != 0)
		return xml_fail(r, at, ERR_CONFIG, "\"%.40s\" is not a Node-ID of %d hex digits", text,
				2 * NODE_ID_LENGTH);
	return 0;
}

int xml_base64(struct xml_reading *r, const struct xml_node *at, const char *text, struct slice *out)
{
	uint8_t *bytes = NULL;
	size_t len = 0;

	if (base64_decode(slice_text(text), &bytes, &len) != 0)
		return xml_fail(r, at, ERR_CONFIG, "is not base 64");
	*out = slice_of(bytes, len);
	return 0;
}

/* SPDX-License-Identifier: MIT */
/* libxml2 gives the tree but not the bytes an element stood in, and the signature is over those bytes. So
 * the well-formed text is walked once more, and each element gets its span. The values are then read only
 * from elements inside the span whose signature is checked. */
#include "node/configuration_xml.h"

#include <errno.h>
#include <libxml/parser.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "node/base64.h"
#include "overlay/base/invariant.h"

#define ELEMENTS_MAX 16384 /* in one document */
#define DEPTH_MAX 64

int xml_fail(struct xml_reading *r, const xmlNode *at, int err, const char *format, ...)
{
	va_list args;
	int n;

	n = at == NULL ? 0
		       : snprintf(r->detail, r->detail_size, "line %ld: <%s>: ", xmlGetLineNo((xmlNode *)at),
				  (const char *)at->name);
	if (n < 0 || (size_t)n >= r->detail_size)
		return err;
	va_start(args, format);
	(void)vsnprintf(r->detail + n, r->detail_size - (size_t)n, format, args);
	va_end(args);
	return err;
}

/* The index just behind the next `mark` at or after `from`; the end when there is none. */
static size_t span_skip(struct slice text, size_t from, const char *mark)
{
	const uint8_t *at = memmem(text.data + from, text.len - from, mark, strlen(mark));

	return at == NULL ? text.len : (size_t)(at - text.data) + strlen(mark);
}

/* The index just behind the tag that starts at `from`; quotes may hide a `>`. */
static size_t span_tag_end(struct slice text, size_t from)
{
	uint8_t quote = 0;

	for (size_t i = from; i < text.len; i++) {
		uint8_t c = text.data[i];

		if (quote != 0) {
			if (c == quote)
				quote = 0;
		} else if (c == '"' || c == '\'') {
			quote = c;
		} else if (c == '>') {
			return i + 1;
		}
	}
	return text.len;
}

/* Fills r->spans. The text is well-formed and without document type, which makes `<` unambiguous. */
static int spans_find(struct xml_reading *r, size_t *count)
{
	struct slice text = r->bytes;
	size_t open[DEPTH_MAX], depth = 0, n = 0, at = 0;

	while (at < text.len) {
		const uint8_t *found = memchr(text.data + at, '<', text.len - at);
		struct slice rest;
		size_t from, end;

		if (found == NULL)
			break;
		from = (size_t)(found - text.data);
		rest = slice_of(found, text.len - from);
		if (rest.len >= 4 && memcmp(rest.data, "<!--", 4) == 0) {
			at = span_skip(text, from + 4, "-->");
			continue;
		}
		if (rest.len >= 9 && memcmp(rest.data, "<![CDATA[", 9) == 0) {
			at = span_skip(text, from + 9, "]]>");
			continue;
		}
		if (rest.len >= 2 && rest.data[1] == '?') {
			at = span_skip(text, from + 2, "?>");
			continue;
		}
		end = at = span_tag_end(text, from);
		if (rest.len >= 2 && rest.data[1] == '/') {
			if (depth == 0)
				return ERR_MALFORMED;
			depth--;
			r->spans[open[depth]].len = end - (size_t)(r->spans[open[depth]].data - text.data);
			continue;
		}
		if (n == ELEMENTS_MAX)
			return ERR_LIMIT;
		r->spans[n++] = slice_of(found, end - from);
		if (text.data[end - 2] == '/')
			continue;
		if (depth == DEPTH_MAX)
			return ERR_LIMIT;
		open[depth++] = n - 1;
	}
	*count = n;
	return 0;
}

/* The node after `node` in document order. */
static xmlNode *tree_next(xmlNode *node)
{
	if (node->type == XML_ELEMENT_NODE && node->children != NULL)
		return node->children;
	while (node != NULL && node->next == NULL)
		node = node->parent;
	return node == NULL ? NULL : node->next;
}

/* Hands each element of the tree its span: both are in document order. */
static int spans_assign(struct xml_reading *r, size_t count)
{
	xmlNode *root = xmlDocGetRootElement(r->tree);
	size_t n = 0;

	for (xmlNode *node = root; node != NULL; node = tree_next(node)) {
		if (node->type != XML_ELEMENT_NODE)
			continue;
		if (n == count)
			return ERR_MALFORMED;
		node->_private = &r->spans[n++];
	}
	return n == count ? 0 : ERR_MALFORMED;
}

static int tree_read(struct xml_reading *r)
{
	xmlParserCtxt *parser = xmlNewParserCtxt();
	const xmlError *error;
	int err = 0;

	invariant(parser != NULL);
	r->tree = xmlCtxtReadMemory(parser, (const char *)r->bytes.data, (int)r->bytes.len, NULL, NULL,
				    XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING |
					    XML_PARSE_BIG_LINES);
	if (r->tree == NULL) {
		error = xmlCtxtGetLastError(parser);
		if (error == NULL || error->message == NULL)
			(void)snprintf(r->detail, r->detail_size, "not well-formed XML");
		else
			(void)snprintf(r->detail, r->detail_size, "line %d: %.*s", error->line,
				       (int)strcspn(error->message, "\n"), error->message);
		err = ERR_CONFIG;
	}
	xmlFreeParserCtxt(parser);
	return err;
}

int xml_begin(struct xml_reading *r, struct slice bytes, char *detail, size_t detail_size)
{
	size_t count = 0;
	int err;

	*r = (struct xml_reading){ .bytes = bytes, .detail = detail, .detail_size = detail_size };
	if (detail_size > 0)
		detail[0] = '\0';
	if (bytes.len == 0)
		return xml_fail(r, NULL, ERR_CONFIG, "the document is empty");
	if (bytes.len > XML_DOCUMENT_MAX)
		return xml_fail(r, NULL, ERR_CONFIG, "the document is longer than %d bytes",
				XML_DOCUMENT_MAX);
	/* A document type could define entities; UTF-16 would hide one. Neither is read at all. */
	if (memchr(bytes.data, '\0', bytes.len) != NULL)
		return xml_fail(r, NULL, ERR_CONFIG, "the document is not UTF-8");
	if (memmem(bytes.data, bytes.len, "<!DOCTYPE", 9) != NULL)
		return xml_fail(r, NULL, ERR_CONFIG, "a document type is not allowed");
	err = tree_read(r);
	if (err != 0)
		return err;
	if (r->tree->encoding != NULL && xmlStrcasecmp(r->tree->encoding, BAD_CAST "UTF-8") != 0)
		return xml_fail(r, NULL, ERR_CONFIG, "the encoding is %s, not UTF-8",
				(const char *)r->tree->encoding);
	r->spans = memory_alloc(ELEMENTS_MAX * sizeof(*r->spans));
	err = spans_find(r, &count);
	if (err == 0)
		err = spans_assign(r, count);
	if (err != 0)
		return xml_fail(r, NULL, ERR_CONFIG, "more than %d elements or %d levels", ELEMENTS_MAX,
				DEPTH_MAX);
	return 0;
}

void xml_end(struct xml_reading *r)
{
	xmlFreeDoc(r->tree);
	free(r->spans);
	r->tree = NULL;
	r->spans = NULL;
}

struct slice xml_span(const xmlNode *element)
{
	const struct slice *span = element->_private;

	return *span;
}

static bool ns_is(const struct xml_reading *r, const xmlNode *node, const char *ns)
{
	if (node->ns == NULL || node->ns->href == NULL)
		return r->without_namespace && strcmp(ns, XML_NS_BASE) == 0;
	return strcmp((const char *)node->ns->href, ns) == 0;
}

bool xml_is(const struct xml_reading *r, const xmlNode *node, const char *ns, const char *name)
{
	return node != NULL && node->type == XML_ELEMENT_NODE && ns_is(r, node, ns) &&
	       strcmp((const char *)node->name, name) == 0;
}

bool xml_is_ours(const struct xml_reading *r, const xmlNode *node)
{
	return ns_is(r, node, XML_NS_BASE) || ns_is(r, node, XML_NS_CHORD);
}

xmlNode *xml_element(xmlNode *node)
{
	while (node != NULL && node->type != XML_ELEMENT_NODE)
		node = node->next;
	return node;
}

static char *text_trim(xmlChar *owned)
{
	const char *from = owned == NULL ? "" : (const char *)owned;
	size_t len;
	char *out;

	from += strspn(from, " \t\r\n");
	len = strlen(from);
	while (len > 0 && strchr(" \t\r\n", from[len - 1]) != NULL)
		len--;
	out = memory_alloc(len + 1);
	memcpy(out, from, len);
	xmlFree(owned);
	return out;
}

int xml_text(struct xml_reading *r, xmlNode *element, char **text)
{
	if (xml_element(element->children) != NULL)
		return xml_fail(r, element, ERR_CONFIG, "holds elements where a value is expected");
	*text = text_trim(xmlNodeGetContent(element));
	return 0;
}

char *xml_attribute(xmlNode *element, const char *name)
{
	xmlChar *value = xmlGetNoNsProp(element, BAD_CAST name);

	return value == NULL ? NULL : text_trim(value);
}

int xml_number(struct xml_reading *r, const xmlNode *at, const char *text, uint64_t min, uint64_t max,
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

int xml_boolean(struct xml_reading *r, const xmlNode *at, const char *text, bool *out)
{
	*out = strcmp(text, "true") == 0 || strcmp(text, "1") == 0;
	if (!*out && strcmp(text, "false") != 0 && strcmp(text, "0") != 0)
		return xml_fail(r, at, ERR_CONFIG, "\"%.40s\" is not true, false, 1 or 0", text);
	return 0;
}

int xml_node_id(struct xml_reading *r, const xmlNode *at, const char *text, struct node_id *out)
{
	if (node_id_parse(text, out) != 0)
		return xml_fail(r, at, ERR_CONFIG, "\"%.40s\" is not a Node-ID of %d hex digits", text,
				2 * NODE_ID_LENGTH);
	return 0;
}

int xml_base64(struct xml_reading *r, const xmlNode *at, const char *text, struct slice *out)
{
	uint8_t *bytes = NULL;
	size_t len = 0;

	if (base64_decode(slice_text(text), &bytes, &len) != 0)
		return xml_fail(r, at, ERR_CONFIG, "is not base 64");
	*out = slice_of(bytes, len);
	return 0;
}

/* SPDX-License-Identifier: MIT */
/* XML as the configuration document uses it (RFC 6940 11.1): a tree read without network, entities or
 * document type, in which each element knows the exact bytes it came from, because those are signed. */
#ifndef NODE_CONFIGURATION_XML_H
#define NODE_CONFIGURATION_XML_H

#include <stdbool.h>

#include "overlay/base/arena.h"
#include "overlay/base/error.h"
#include "overlay/base/slice.h"
#include "overlay/wire/node_id.h"

#define XML_NS_BASE "urn:ietf:params:xml:ns:p2p:config-base"
#define XML_NS_CHORD "urn:ietf:params:xml:ns:p2p:config-chord"
#define XML_NS_SIP "urn:ietf:params:xml:ns:p2p:config-base:sip"
/* Peal's extension: Node-IDs derived from AORs, elements `bits` and `slots`. */
#define XML_NS_NODE_IDS "urn:peal:params:xml:ns:p2p:aor-derived-node-ids"

#define XML_DOCUMENT_MAX (1024 * 1024) /* bytes of a document */

struct xml_attribute {
	struct xml_attribute *next;
	const char *ns; /* NULL: none */
	const char *name;
	const char *value; /* without blanks at either end */
};

/* An element. All it points to lives as long as the reading. */
struct xml_node {
	struct xml_node *parent, *children, *last, *next;
	struct xml_attribute *attributes;
	const char *ns; /* NULL: none */
	const char *name;
	const char *text; /* without blanks at either end; NULL when it holds elements */
	long line;
	struct slice span; /* from `<` of the start tag up to and including `>` of the end tag */
};

/* A document being read: its tree, and where complaints go. */
struct xml_reading {
	struct xml_node *root;
	struct arena arena;   /* holds the tree */
	struct slice bytes;   /* borrowed */
	bool without_namespace; /* elements in no namespace count as config-base (6.5.4 kind-blocks) */
	char *detail;
	size_t detail_size;
};

/* Reads `bytes` into a tree. ERR_CONFIG with detail. `r` is to be ended in any case. */
int MUST_CHECK xml_begin(struct xml_reading *r, struct slice bytes, char *detail, size_t detail_size);
void xml_end(struct xml_reading *r);

/* Writes "line N: <element>: ..." to detail and returns `err`. */
int xml_fail(struct xml_reading *r, const struct xml_node *at, int err, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

bool xml_is(const struct xml_reading *r, const struct xml_node *node, const char *ns, const char *name);
/* In config-base or config-chord, whose elements must all be known. */
bool xml_is_ours(const struct xml_reading *r, const struct xml_node *node);

/* The element's text without blanks at either end; malloc'ed. ERR_CONFIG when it holds elements. */
int MUST_CHECK xml_text(struct xml_reading *r, const struct xml_node *element, char **text);

/* An attribute in no namespace, trimmed and malloc'ed; NULL when it is not there. */
char *xml_attribute(const struct xml_node *element, const char *name);

/* Values by their lexical form; errors name the element. */
int MUST_CHECK xml_number(struct xml_reading *r, const struct xml_node *at, const char *text, uint64_t min,
			  uint64_t max, uint64_t *out);
int MUST_CHECK xml_boolean(struct xml_reading *r, const struct xml_node *at, const char *text, bool *out);
int MUST_CHECK xml_node_id(struct xml_reading *r, const struct xml_node *at, const char *text, struct node_id *out);
/* *out is malloc'ed. */
int MUST_CHECK xml_base64(struct xml_reading *r, const struct xml_node *at, const char *text, struct slice *out);

#endif

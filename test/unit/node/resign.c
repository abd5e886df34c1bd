/* SPDX-License-Identifier: MIT */
/* Edits the text of a document and signs it. */
#include "test/unit/node/resign.h"

#include <stdio.h>
#include <stdlib.h>

#include "crypto/provider.h"
#include "node/base64.h"
#include "overlay/base/invariant.h"

#define ROOM (64 * 1024)

/* The SecurityBlock over `bytes` in base 64; malloc'ed. */
static char *block_sign(struct security s, struct slice bytes)
{
	struct slice certificate = s.ops->own_certificate(s.ctx);
	struct security_block block = { .certificates = { &certificate, 1 } };
	uint8_t *encoded = memory_alloc(ROOM);
	struct writer w = writer_of(encoded, ROOM);
	char *text = NULL;
	struct arena arena;

	arena_init(&arena, ROOM);
	if (s.ops->sign(s.ctx, &bytes, 1, &arena, &block.signature) == 0) {
		security_block_put(&w, &block);
		if (w.err == 0)
			text = base64_encode(writer_slice(&w));
	}
	arena_free(&arena);
	free(encoded);
	return text;
}

static char *signed_text(const char *head, const char *configuration, const struct keystore *signer,
			 const struct configuration_document *d)
{
	struct provider_trust trust = configuration_document_trust(d);
	char *signature, *out = NULL, detail[200];
	struct provider *p;

	if (provider_new(&p, signer, &trust, detail, sizeof(detail)) != 0)
		return NULL;
	signature = block_sign(provider_security(p), slice_text(configuration));
	provider_free(p);
	if (signature != NULL &&
	    asprintf(&out, "%s%s\n<signature>%s</signature>\n</overlay>\n", head, configuration, signature) < 0)
		out = NULL;
	free(signature);
	return out;
}

char *document_resigned(const char *text, const struct keystore *signer, uint16_t sequence, const char *element)
{
	static const char END[] = "</configuration>";
	const char *begin = strstr(text, "<configuration "), *end = strstr(text, END);
	const char *mark = begin == NULL ? NULL : strstr(begin, "sequence=\"");
	const char *after = mark == NULL ? NULL : strchr(mark + 10, '"');
	char *head = strndup(text, begin == NULL ? 0 : (size_t)(begin - text));
	char *configuration = NULL, *out = NULL, detail[200];
	struct configuration_document *d = NULL;

	if (after != NULL && end > after &&
	    configuration_document_parse(&d, slice_text(text), NULL, detail, sizeof(detail)) == 0 &&
	    asprintf(&configuration, "%.*ssequence=\"%u%.*s%s%s", (int)(mark - begin), begin, sequence,
		     (int)(end - after), after, element, END) > 0)
		out = signed_text(head, configuration, signer, d);
	configuration_document_free(d);
	free(configuration);
	free(head);
	return out;
}

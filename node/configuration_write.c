/* SPDX-License-Identifier: MIT */
/* Writes a configuration document and signs it. Every value is written, also defaults: a reader of the
 * document then needs no table of them. */
#include "node/configuration_document.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "crypto/keystore.h"
#include "crypto/provider.h"
#include "node/base64.h"
#include "node/configuration_xml.h"
#include "overlay/base/invariant.h"

#define SIGN_ARENA (64 * 1024) /* bytes, for one signature */

/* The document's text so far; grows. */
struct xml_text {
	FILE *stream;
	char *bytes; /* valid after a flush */
	size_t len;
};

struct document_writing {
	const struct configuration_document *d;
	struct security security;
	struct xml_text text;
	int err;
};

static void text_open(struct xml_text *t)
{
	t->stream = open_memstream(&t->bytes, &t->len);
	invariant(t->stream != NULL);
}

/* What stands in text between elements and in quoted attributes. */
static void put_escaped(FILE *out, const char *text)
{
	for (; *text != '\0'; text++) {
		switch (*text) {
		case '<':
			(void)fputs("&lt;", out);
			break;
		case '>':
			(void)fputs("&gt;", out);
			break;
		case '&':
			(void)fputs("&amp;", out);
			break;
		case '"':
			(void)fputs("&quot;", out);
			break;
		default:
			(void)fputc(*text, out);
		}
	}
}

static void put_element(FILE *out, const char *name, const char *text)
{
	(void)fprintf(out, "    <%s>", name);
	put_escaped(out, text);
	(void)fprintf(out, "</%s>\n", name);
}

static void put_number(FILE *out, const char *name, uint64_t number)
{
	(void)fprintf(out, "    <%s>%" PRIu64 "</%s>\n", name, number, name);
}

static void put_boolean(FILE *out, const char *name, bool value)
{
	put_element(out, name, value ? "true" : "false");
}

static void put_node_ids(FILE *out, const char *name, const struct node_id *ids, size_t count)
{
	char text[NODE_ID_TEXT_SIZE];

	for (size_t i = 0; i < count; i++)
		put_element(out, name, node_id_text(&ids[i], text));
}

static void put_base64(FILE *out, const char *indent, const char *name, struct slice bytes)
{
	char *text = base64_encode(bytes);

	(void)fprintf(out, "%s<%s>\n%s\n%s</%s>\n", indent, name, text, indent, name);
	free(text);
}

/* The SecurityBlock over `bytes`, as base 64 in an element. */
static void put_signature(struct document_writing *w, const char *indent, const char *name, struct slice bytes)
{
	const struct security *s = &w->security;
	struct slice certificate = s->ops->own_certificate(s->ctx);
	struct security_block block = { .certificates = { &certificate, 1 } };
	struct writer out;
	struct arena arena;
	uint8_t *encoded = memory_alloc(SIGN_ARENA);
	int err;

	arena_init(&arena, SIGN_ARENA);
	out = writer_of(encoded, SIGN_ARENA);
	err = s->ops->sign(s->ctx, &bytes, 1, &arena, &block.signature);
	if (err == 0) {
		security_block_put(&out, &block);
		err = out.err;
	}
	if (err == 0)
		put_base64(w->text.stream, indent, name, writer_slice(&out));
	else if (w->err == 0)
		w->err = err;
	arena_free(&arena);
	free(encoded);
}

static void put_domain_restriction(FILE *out, const struct kind *k)
{
	if (k->domain_restriction == DOMAIN_RESTRICTION_ABSENT)
		return;
	(void)fprintf(out, "          <sip:domain-restriction xmlns:sip=\"%s\" enable=\"%s\">\n", XML_NS_SIP,
		      k->domain_restriction == DOMAIN_RESTRICTION_PATTERNS ? "true" : "false");
	for (size_t i = 0; i < k->domain_pattern_count; i++) {
		(void)fputs("            <sip:pattern>", out);
		put_escaped(out, k->domain_patterns[i]);
		(void)fputs("</sip:pattern>\n", out);
	}
	(void)fputs("          </sip:domain-restriction>\n", out);
}

static void put_kind(FILE *out, const struct kind *k)
{
	const struct kind *registered = kind_registered(k->id);

	if (registered != NULL && !kind_is_private(k->id))
		(void)fprintf(out, "        <kind name=\"%s\">\n", registered->name);
	else
		(void)fprintf(out, "        <kind id=\"%" PRIu32 "\">\n", k->id);
	(void)fprintf(out, "          <data-model>%s</data-model>\n", data_model_name(k->model));
	(void)fprintf(out, "          <access-control>%s</access-control>\n", access_policy_name(k->access));
	if (k->access == ACCESS_NODE_MULTIPLE)
		(void)fprintf(out, "          <max-node-multiple>%" PRIu32 "</max-node-multiple>\n",
			      k->max_node_multiple);
	(void)fprintf(out, "          <max-count>%" PRIu32 "</max-count>\n", k->max_count);
	(void)fprintf(out, "          <max-size>%" PRIu32 "</max-size>\n", k->max_size);
	put_domain_restriction(out, k);
	(void)fputs("        </kind>", out);
}

static void put_kinds(struct document_writing *w)
{
	const struct kind_table *kinds = &w->d->configuration.kinds;
	FILE *out = w->text.stream;

	(void)fputs("    <required-kinds>\n", out);
	for (size_t i = 0; i < kinds->count; i++) {
		struct xml_text kind;
		const char *from;

		text_open(&kind);
		put_kind(kind.stream, &kinds->items[i]);
		(void)fclose(kind.stream);
		from = strchr(kind.bytes, '<');
		(void)fprintf(out, "      <kind-block>\n%s\n", kind.bytes);
		put_signature(w, "        ", "kind-signature", slice_text(from));
		(void)fputs("      </kind-block>\n", out);
		free(kind.bytes);
	}
	(void)fputs("    </required-kinds>\n", out);
}

static void put_bootstrap_nodes(FILE *out, const struct configuration *c)
{
	char text[INET6_ADDRSTRLEN];

	for (size_t i = 0; i < c->bootstrap_node_count; i++) {
		const struct address *a = &c->bootstrap_nodes[i];
		int family = a->type == ADDRESS_IPV6 ? AF_INET6 : AF_INET;

		if (inet_ntop(family, a->bytes, text, sizeof(text)) != NULL)
			(void)fprintf(out, "    <bootstrap-node address=\"%s\" port=\"%u\"/>\n", text, a->port);
	}
}

static void put_extension(FILE *out, const struct configuration *c)
{
	if (c->node_id_bits == 0)
		return;
	put_element(out, "mandatory-extension", XML_NS_NODE_IDS);
	(void)fprintf(out,
		      "    <ids:aor-derived-node-ids><ids:bits>%u</ids:bits><ids:slots>%u</ids:slots>"
		      "</ids:aor-derived-node-ids>\n",
		      c->node_id_bits, c->node_id_slots);
}

static void put_parameters(FILE *out, const struct configuration_document *d)
{
	const struct configuration *c = &d->configuration;

	put_element(out, "topology-plugin", "CHORD-RELOAD");
	put_number(out, "node-id-length", NODE_ID_LENGTH);
	for (size_t i = 0; i < d->root_cert_count; i++)
		put_base64(out, "    ", "root-cert", d->root_certs[i]);
	for (size_t i = 0; i < d->enrollment_server_count; i++)
		put_element(out, "enrollment-server", d->enrollment_servers[i]);
	put_bootstrap_nodes(out, c);
	put_number(out, "turn-density", c->turn_density);
	put_boolean(out, "clients-permitted", c->clients_permitted);
	put_boolean(out, "no-ice", c->no_ice);
	put_number(out, "chord:chord-update-interval", c->chord_update_interval_s);
	put_number(out, "chord:chord-ping-interval", c->chord_ping_interval_s);
	put_boolean(out, "chord:chord-reactive", c->chord_reactive);
	put_number(out, "max-message-size", c->max_message_size);
	put_number(out, "initial-ttl", c->initial_ttl);
	put_number(out, "overlay-reliability-timer", c->overlay_reliability_timer_ms);
	put_element(out, "overlay-link-protocol", "TLS");
	put_node_ids(out, "configuration-signer", c->configuration_signers, c->configuration_signer_count);
	put_node_ids(out, "kind-signer", c->kind_signers, c->kind_signer_count);
	put_node_ids(out, "bad-node", c->bad_nodes, c->bad_node_count);
	put_extension(out, c);
}

static void put_configuration(struct document_writing *w)
{
	const struct configuration *c = &w->d->configuration;
	FILE *out = w->text.stream;
	time_t seconds = (time_t)(c->expiration.ms / 1000);
	char expiration[32];
	struct tm tm;

	(void)fputs("<configuration instance-name=\"", out);
	put_escaped(out, c->overlay_name);
	(void)fprintf(out, "\" sequence=\"%u\"", c->sequence);
	if (seconds != 0 && gmtime_r(&seconds, &tm) != NULL &&
	    strftime(expiration, sizeof(expiration), "%Y-%m-%dT%H:%M:%SZ", &tm) > 0)
		(void)fprintf(out, " expiration=\"%s\"", expiration);
	(void)fputs(">\n", out);
	put_parameters(out, w->d);
	put_kinds(w);
	(void)fputs("  </configuration>", out);
}

static void put_document(struct document_writing *w)
{
	FILE *out = w->text.stream;
	size_t from;
	struct slice signed_bytes;
	char *copy;

	(void)fprintf(out,
		      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<overlay xmlns=\"%s\"\n"
		      "    xmlns:chord=\"%s\"\n    xmlns:ids=\"%s\">\n  ",
		      XML_NS_BASE, XML_NS_CHORD, XML_NS_NODE_IDS);
	(void)fflush(out);
	from = w->text.len;
	put_configuration(w);
	(void)fflush(out);
	/* The stream may move its buffer while the signature is written into it. */
	copy = memory_alloc(w->text.len - from);
	memcpy(copy, w->text.bytes + from, w->text.len - from);
	signed_bytes = slice_of(copy, w->text.len - from);
	(void)fputc('\n', out);
	put_signature(w, "  ", "signature", signed_bytes);
	(void)fputs("</overlay>\n", out);
	free(copy);
}

int configuration_document_write(const struct configuration_document *d, const struct keystore *signer,
				 char **text, char *detail, size_t detail_size)
{
	struct document_writing w = { .d = d };
	struct provider_trust trust = {
		.root_certs = d->root_certs,
		.root_cert_count = d->root_cert_count,
		.overlay_name = d->configuration.overlay_name,
		.node_id_bits = d->configuration.node_id_bits,
		.node_id_slots = d->configuration.node_id_slots,
	};
	struct provider *provider;
	int err;

	*text = NULL;
	err = provider_new(&provider, signer, &trust, detail, detail_size);
	if (err != 0)
		return err;
	w.security = provider_security(provider);
	text_open(&w.text);
	put_document(&w);
	(void)fclose(w.text.stream);
	provider_free(provider);
	if (w.err != 0) {
		(void)snprintf(detail, detail_size, "signing failed: %s", error_text(w.err));
		free(w.text.bytes);
		return w.err;
	}
	*text = w.text.bytes;
	return 0;
}

/* SPDX-License-Identifier: MIT */
/* Who may sign a configuration document and its kind-blocks (RFC 6940 11.1): a listed Node-ID whose
 * certificate leads to a root certificate. */
#include "node/configuration_document.h"

#include <stdio.h>
#include <stdlib.h>

#include "crypto/provider.h"
#include "node/configuration_kind.h"
#include "node/configuration_xml.h"

#define SECURITY_BLOCK_ARENA (256 * 1024) /* bytes, for decoding one SecurityBlock */

/* Whose signatures count. */
struct authority {
	const struct configuration_document *trusted; /* root certificates, bad-nodes, Node-ID rule */
	const struct node_id *signers;
	size_t signer_count;
	struct walltime now;
	const char *role; /* "configuration-signer" */
};

struct provider_trust configuration_document_trust(const struct configuration_document *d)
{
	return (struct provider_trust){
		.root_certs = d->root_certs,
		.root_cert_count = d->root_cert_count,
		.overlay_name = d->configuration.overlay_name,
		.node_id_bits = d->configuration.node_id_bits,
		.node_id_slots = d->configuration.node_id_slots,
		.bad_nodes = d->configuration.bad_nodes,
		.bad_node_count = d->configuration.bad_node_count,
	};
}

static bool is_listed(const struct authority *a, const struct node_id *id)
{
	for (size_t i = 0; i < a->signer_count; i++)
		if (node_id_equal(&a->signers[i], id))
			return true;
	return false;
}

/* One SecurityBlock over `bytes`. */
static int block_verify(const struct security *s, const struct authority *a, struct slice bytes,
			struct slice signature, struct identity *signer, char *detail, size_t detail_size)
{
	struct reader r = reader_of(signature);
	struct security_block block;
	char text[NODE_ID_TEXT_SIZE];
	struct arena arena;
	int err;

	arena_init(&arena, SECURITY_BLOCK_ARENA);
	(void)security_block_get(&r, &arena, &block);
	err = reader_finish(&r);
	if (err == 0)
		err = s->ops->verify(s->ctx, a->now, &bytes, 1, &block.signature, &block.certificates, signer,
				     NULL);
	arena_free(&arena);
	if (err != 0) {
		(void)snprintf(detail, detail_size, "the signature does not hold: %s", error_text(err));
		return ERR_SIGNATURE;
	}
	if (!is_listed(a, &signer->node_id)) {
		(void)snprintf(detail, detail_size, "signed by %s, which is not listed as %s",
			       node_id_text(&signer->node_id, text), a->role);
		return ERR_SIGNATURE;
	}
	return 0;
}

static int provider_open(const struct configuration_document *trusted, struct provider **out, char *detail,
			 size_t detail_size)
{
	struct provider_trust trust = configuration_document_trust(trusted);
	int err = provider_new(out, NULL, &trust, detail, detail_size);

	return err == 0 ? 0 : ERR_SIGNATURE;
}

static int kinds_verify(const struct security *s, const struct authority *document_authority,
			const struct configuration_document *d, char *detail, size_t detail_size)
{
	struct authority a = *document_authority;
	struct identity signer;
	char why[200];
	int err;

	a.signers = d->configuration.kind_signers;
	a.signer_count = d->configuration.kind_signer_count;
	a.role = "kind-signer";
	for (size_t i = 0; i < d->kind_block_count; i++) {
		struct configuration_kind_block *block = &d->kind_blocks[i];

		if (block->signature.len == 0) {
			(void)snprintf(detail, detail_size, "line %ld: <kind>: has no kind-signature",
				       block->line);
			return ERR_SIGNATURE;
		}
		err = block_verify(s, &a, block->signed_bytes, block->signature, &signer, why, sizeof(why));
		if (err != 0) {
			(void)snprintf(detail, detail_size, "line %ld: <kind>: %s", block->line, why);
			return err;
		}
		block->signer = signer.node_id;
	}
	return 0;
}

static int document_verify(const struct configuration_document *d, const struct authority *a, char *detail,
			   size_t detail_size)
{
	struct provider *provider;
	struct security security;
	struct identity signer;
	int err;

	if (d->signature.len == 0) {
		(void)snprintf(detail, detail_size, "the document is not signed");
		return ERR_SIGNATURE;
	}
	err = provider_open(a->trusted, &provider, detail, detail_size);
	if (err != 0)
		return err;
	security = provider_security(provider);
	err = block_verify(&security, a, d->signed_bytes, d->signature, &signer, detail, detail_size);
	if (err == 0)
		err = kinds_verify(&security, a, d, detail, detail_size);
	provider_free(provider);
	return err;
}

int configuration_document_verify(const struct configuration_document *d, struct walltime now,
				  const struct node_id *signers, size_t signer_count, char *detail,
				  size_t detail_size)
{
	struct authority a = { d, signers, signer_count, now, "configuration-signer" };

	return document_verify(d, &a, detail, detail_size);
}

int configuration_document_verify_update(const struct configuration_document *d,
					 const struct configuration_document *previous, struct walltime now,
					 char *detail, size_t detail_size)
{
	struct authority a = { previous, previous->configuration.configuration_signers,
			       previous->configuration.configuration_signer_count, now,
			       "configuration-signer" };

	return document_verify(d, &a, detail, detail_size);
}

static int kind_block_verify(const struct configuration_document *current, struct walltime now,
			     const struct configuration_kind_block *block, struct node_id *signer, char *detail,
			     size_t detail_size)
{
	struct authority a = { current, current->configuration.kind_signers,
			       current->configuration.kind_signer_count, now, "kind-signer" };
	struct provider *provider;
	struct security security;
	struct identity identity;
	int err;

	if (block->signature.len == 0) {
		(void)snprintf(detail, detail_size, "the kind-block has no kind-signature");
		return ERR_SIGNATURE;
	}
	err = provider_open(current, &provider, detail, detail_size);
	if (err != 0)
		return err;
	security = provider_security(provider);
	err = block_verify(&security, &a, block->signed_bytes, block->signature, &identity, detail, detail_size);
	if (err == 0)
		*signer = identity.node_id;
	provider_free(provider);
	return err;
}

int configuration_document_kind(const struct configuration_document *current, struct walltime now,
				struct slice kind_block, struct kind *out, struct node_id *signer,
				char *detail, size_t detail_size)
{
	struct configuration_kind_block block = { .line = 0 };
	struct xml_reading r;
	struct xml_node *root;
	int err;

	err = xml_begin(&r, kind_block, detail, detail_size);
	r.without_namespace = true;
	if (err == 0) {
		root = r.root;
		err = xml_is(&r, root, XML_NS_BASE, "kind-block")
			      ? configuration_kind_read(&r, root, &block)
			      : xml_fail(&r, root, ERR_CONFIG, "is not a kind-block");
	}
	if (err == 0)
		err = kind_block_verify(current, now, &block, signer, detail, detail_size);
	if (err == 0)
		*out = block.kind;
	free((void *)block.signature.data);
	xml_end(&r);
	return err == ERR_UNSUPPORTED ? ERR_CONFIG : err;
}

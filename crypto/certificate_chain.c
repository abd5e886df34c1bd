/* SPDX-License-Identifier: MIT */
/* Chains to the overlay's root certificates, their dates, and who issued what to whom. */
#include "crypto/certificate_chain.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>

#include "crypto/certificate.h"
#include "crypto/provider.h"
#include "overlay/base/invariant.h"

#define CHAIN_LENGTH_MAX 4         /* certificates between a node's and the root's */
#define CHAIN_OFFERED_MAX 8        /* authorities' certificates of one message that are looked at */
#define CHAIN_INTERMEDIATES_MAX 16 /* remembered, after a chain with them led to a root */
#define CHAIN_SECURITY_LEVEL 2     /* OpenSSL's: RSA of 2,048 bits, SHA-2 */

/* A store that holds the root certificates and nothing of the system's. */
static int chain_open_roots(const struct provider_trust *trust, X509_STORE **out)
{
	X509_STORE *roots = X509_STORE_new();
	X509_VERIFY_PARAM *param;

	invariant(roots != NULL);
	for (size_t i = 0; i < trust->root_cert_count; i++) {
		X509 *x509 = NULL;
		bool good = certificate_parse(trust->root_certs[i], &x509) == 0 &&
			    X509_check_ca(x509) == 1 && X509_STORE_add_cert(roots, x509) == 1;

		certificate_free(x509);
		if (!good) {
			X509_STORE_free(roots);
			ERR_clear_error();
			return ERR_CERTIFICATE;
		}
	}
	param = X509_STORE_get0_param(roots);
	/* Dates are not part of what is cached: provider.c compares them on each use, for the whole chain. An
	 * authority in the configuration is trusted also when it is not self-signed. */
	invariant(X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_NO_CHECK_TIME | X509_V_FLAG_PARTIAL_CHAIN) == 1);
	X509_VERIFY_PARAM_set_depth(param, CHAIN_LENGTH_MAX);
	X509_VERIFY_PARAM_set_auth_level(param, CHAIN_SECURITY_LEVEL);
	*out = roots;
	return 0;
}

int certificate_chain_trust(struct certificate_chain *c, const struct provider_trust *trust)
{
	X509_STORE *roots;
	int err = chain_open_roots(trust, &roots);

	if (err != 0)
		return err;
	certificate_chain_free(c);
	c->roots = roots;
	c->intermediates = sk_X509_new_null();
	invariant(c->intermediates != NULL);
	c->rule_count = trust->issuer_rule_count;
	c->rules = memory_alloc(trust->issuer_rule_count * sizeof(*c->rules));
	if (trust->issuer_rule_count > 0)
		memcpy(c->rules, trust->issuer_rules, trust->issuer_rule_count * sizeof(*c->rules));
	return 0;
}

void certificate_chain_free(struct certificate_chain *c)
{
	X509_STORE_free(c->roots);
	sk_X509_pop_free(c->intermediates, X509_free);
	free(c->rules);
	*c = (struct certificate_chain){ 0 };
}

/* Who issued it, and whether that counts for the user's name. */
static void chain_set_issuer(const struct certificate_chain *c, X509_STORE_CTX *ctx, struct identity *identity,
			     uint8_t issuer[CERTIFICATE_HASH_LENGTH])
{
	STACK_OF(X509) *chain = X509_STORE_CTX_get0_chain(ctx);
	const X509 *root = sk_X509_value(chain, sk_X509_num(chain) - 1);

	invariant(X509_digest(root, EVP_sha256(), issuer, NULL) == 1);
	identity->is_vouched = issuer_rules_vouch(c->rules, c->rule_count, issuer, identity->user);
}

/* Narrows the identity's dates to those in which every certificate of the chain is valid. */
static void chain_narrow_dates(X509_STORE_CTX *ctx, struct identity *identity)
{
	STACK_OF(X509) *chain = X509_STORE_CTX_get0_chain(ctx);

	for (int i = 1; i < sk_X509_num(chain); i++) {
		struct walltime before, after;

		certificate_dates(sk_X509_value(chain, i), &before, &after);
		if (before.ms > identity->not_before.ms)
			identity->not_before = before;
		if (after.ms < identity->not_after.ms)
			identity->not_after = after;
	}
}

/* Remembers the authorities between a certificate and its root: whoever sends the next certificate of theirs, or a
 * value signed by one, need not bring them. Only the overlay's own get so far. */
static void chain_keep_intermediates(struct certificate_chain *c, X509_STORE_CTX *ctx)
{
	STACK_OF(X509) *chain = X509_STORE_CTX_get0_chain(ctx);

	for (int i = 1; i < sk_X509_num(chain) - 1; i++) {
		bool known = false;

		for (int j = 0; j < sk_X509_num(c->intermediates) && !known; j++)
			known = X509_cmp(sk_X509_value(c->intermediates, j), sk_X509_value(chain, i)) == 0;
		if (!known && sk_X509_num(c->intermediates) < CHAIN_INTERMEDIATES_MAX)
			invariant(X509_add_cert(c->intermediates, sk_X509_value(chain, i), X509_ADD_FLAG_UP_REF) == 1);
	}
}

static int chain_verify(struct certificate_chain *c, X509 *x509, STACK_OF(X509) *untrusted, struct identity *identity,
			uint8_t issuer[CERTIFICATE_HASH_LENGTH], char *detail, size_t size)
{
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	int err = 0;

	invariant(ctx != NULL && X509_STORE_CTX_init(ctx, c->roots, x509, untrusted) == 1);
	if (X509_verify_cert(ctx) != 1) {
		err = ERR_CERTIFICATE;
		if (detail != NULL)
			snprintf(detail, size, "%s", X509_verify_cert_error_string(X509_STORE_CTX_get_error(ctx)));
	} else {
		chain_narrow_dates(ctx, identity);
		chain_set_issuer(c, ctx, identity, issuer);
		chain_keep_intermediates(c, ctx);
	}
	X509_STORE_CTX_free(ctx);
	ERR_clear_error();
	return err;
}

/* The authorities' certificates that came along. A bucket holds nodes' certificates as well; and what it holds costs
 * parsing, so only so many are looked at. */
static STACK_OF(X509) *chain_offered(const struct certificate_chain *c, const struct certificate_list *bucket)
{
	STACK_OF(X509) *offered = sk_X509_dup(c->intermediates);
	int room = sk_X509_num(c->intermediates) + CHAIN_OFFERED_MAX;

	invariant(offered != NULL);
	for (int i = 0; i < sk_X509_num(offered); i++)
		invariant(X509_up_ref(sk_X509_value(offered, i)) == 1);
	for (size_t i = 0; bucket != NULL && i < bucket->count && sk_X509_num(offered) < room; i++) {
		X509 *x509;

		if (certificate_parse(bucket->items[i], &x509) != 0)
			continue;
		if (X509_check_ca(x509) == 1)
			invariant(X509_add_cert(offered, x509, X509_ADD_FLAG_UP_REF) == 1);
		certificate_free(x509);
	}
	return offered;
}

/* By a root itself, which is the usual case; else by what came along. */
int certificate_chain_verify(struct certificate_chain *c, struct x509_st *x509, const struct certificate_list *bucket,
			     struct identity *identity, uint8_t issuer[CERTIFICATE_HASH_LENGTH], char *detail,
			     size_t size)
{
	STACK_OF(X509) *offered;
	int err = chain_verify(c, x509, NULL, identity, issuer, detail, size);

	if (err == 0 || (sk_X509_num(c->intermediates) == 0 && (bucket == NULL || bucket->count < 2)))
		return err;
	offered = chain_offered(c, bucket);
	if (sk_X509_num(offered) > 0)
		err = chain_verify(c, x509, offered, identity, issuer, detail, size);
	sk_X509_pop_free(offered, X509_free);
	return err;
}

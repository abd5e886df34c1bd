/* SPDX-License-Identifier: MIT */
/* Tests of provider.c: authorities between a node's certificate and a root (RFC 6940 6.3.4). */
#include "test/unit/crypto/fixture.h"
#include "test/unit/run.h"

/* A root that lets others certify, and a chain below it; `plain` is no authority. */
struct chain {
	struct keystore *root, *first, *second, *plain, *node;
	struct provider *verifier, *signer;
	struct security verify, sign;
	struct arena arena;
	struct slice part;
	struct signature signature;
};

static struct keystore *chain_authority(const struct keystore *above, const char *name)
{
	struct fixture_certificate what = { .subject = name, .is_authority = true };

	return fixture_forge(above, &what);
}

/* The node's certificate is issued by `issuer`, and it signs something. */
static void chain_node(struct chain *c, const struct keystore *issuer)
{
	const struct fixture_name names[] = {
		{ 1, FIXTURE_USER, sizeof(FIXTURE_USER) - 1 },
		{ 6, "reload://011005050505050505050505050505050505@" FIXTURE_OVERLAY "/", 62 },
	};
	struct fixture_certificate what = { .names = names, .name_count = 2 };
	struct slice root = keystore_certificate(issuer);
	struct provider_trust trust = fixture_trust(&root);

	provider_free(c->signer);
	c->signer = NULL;
	keystore_free(c->node);
	c->node = fixture_forge(issuer, &what);
	if (issuer == c->plain)
		return;
	/* The signer itself trusts whoever issued to it. */
	ck_assert_int_eq(provider_new(&c->signer, c->node, &trust, NULL, 0), 0);
	c->sign = provider_security(c->signer);
	ck_assert_int_eq(c->sign.ops->sign(c->sign.ctx, &c->part, 1, &c->arena, &c->signature), 0);
}

static void chain_make(struct chain *c)
{
	struct fixture_certificate plain = { .subject = "Plain" };

	*c = (struct chain){ .part = slice_text("signed") };
	arena_init(&c->arena, 8192);
	c->root = chain_authority(NULL, "Root");
	c->first = chain_authority(c->root, "First");
	c->second = chain_authority(c->first, "Second");
	c->plain = fixture_forge(c->root, &plain);
	c->verifier = fixture_provider(c->root, NULL);
	c->verify = provider_security(c->verifier);
}

static void chain_free(struct chain *c)
{
	provider_free(c->verifier);
	provider_free(c->signer);
	keystore_free(c->node);
	keystore_free(c->plain);
	keystore_free(c->second);
	keystore_free(c->first);
	keystore_free(c->root);
	arena_free(&c->arena);
}

/* The verdict on the node's signature with its certificate and those of a and b (may be NULL) in the bucket. */
static int chain_verify(struct chain *c, const struct keystore *a, const struct keystore *b)
{
	struct slice items[3] = { keystore_certificate(c->node) };
	struct certificate_list bucket = { items, 1 };
	struct identity identity;

	if (a != NULL)
		items[bucket.count++] = keystore_certificate(a);
	if (b != NULL)
		items[bucket.count++] = keystore_certificate(b);
	return c->verify.ops->verify(c->verify.ctx, fixture_now(), &c->part, 1, &c->signature, &bucket, &identity,
				     NULL);
}

START_TEST(provider_follows_intermediate_authorities)
{
	struct chain c;
	struct provider_trust trust;
	struct slice root;

	chain_make(&c);
	chain_node(&c, c.second);
	ck_assert_int_eq(chain_verify(&c, NULL, NULL), ERR_CERTIFICATE);
	ck_assert_int_eq(chain_verify(&c, c.first, NULL), ERR_CERTIFICATE);
	ck_assert_int_eq(chain_verify(&c, c.second, NULL), ERR_CERTIFICATE);
	ck_assert_int_eq(chain_verify(&c, c.second, c.first), 0);
	/* Seen before, by its hash; and so are the authorities, whose next certificate comes alone. */
	ck_assert_int_eq(chain_verify(&c, NULL, NULL), 0);
	chain_node(&c, c.second);
	ck_assert_int_eq(chain_verify(&c, NULL, NULL), 0);
	/* New trust forgets them. */
	root = keystore_certificate(c.root);
	trust = fixture_trust(&root);
	ck_assert_int_eq(provider_set_trust(c.verifier, &trust), 0);
	ck_assert_int_eq(chain_verify(&c, NULL, NULL), ERR_CERTIFICATE);
	chain_free(&c);
}
END_TEST

START_TEST(provider_refuses_intermediates_that_are_no_authorities)
{
	struct keystore *stranger = chain_authority(NULL, "Root"), *theirs = chain_authority(stranger, "First");
	struct identity identity;
	struct slice items[2];
	struct certificate_list bucket = { items, 2 };
	struct chain c;

	chain_make(&c);
	chain_node(&c, c.plain);
	items[0] = keystore_certificate(c.node);
	items[1] = keystore_certificate(c.plain);
	ck_assert_int_eq(provider_identify_chain(c.verifier, fixture_now(), items[0], &bucket, &identity, NULL, 0),
			 ERR_CERTIFICATE);
	/* A chain that brings its own root leads nowhere, whatever the names. */
	chain_node(&c, theirs);
	ck_assert_int_eq(chain_verify(&c, theirs, stranger), ERR_CERTIFICATE);
	chain_free(&c);
	keystore_free(theirs);
	keystore_free(stranger);
}
END_TEST

/* root, then five authorities: one more than is followed. */
START_TEST(provider_bounds_the_depth_of_a_chain)
{
	struct keystore *authorities[5];
	struct slice items[6];
	struct certificate_list bucket = { items, 1 };
	struct identity identity;
	struct chain c;

	chain_make(&c);
	for (size_t i = 0; i < 5; i++) {
		char name[2] = { (char)('A' + i), '\0' };
		int err;

		authorities[i] = chain_authority(i == 0 ? c.root : authorities[i - 1], name);
		items[bucket.count++] = keystore_certificate(authorities[i]);
		chain_node(&c, authorities[i]);
		items[0] = keystore_certificate(c.node);
		err = provider_identify_chain(c.verifier, fixture_now(), items[0], &bucket, &identity, NULL, 0);
		ck_assert_int_eq(err, i < 4 ? 0 : ERR_CERTIFICATE);
	}
	for (size_t i = 0; i < 5; i++)
		keystore_free(authorities[i]);
	chain_free(&c);
}
END_TEST

int main(void)
{
	return RUN_TESTS("provider_chain", provider_follows_intermediate_authorities,
			 provider_refuses_intermediates_that_are_no_authorities,
			 provider_bounds_the_depth_of_a_chain);
}

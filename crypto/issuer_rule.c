/* SPDX-License-Identifier: MIT */
/* Rules of issuers: their text, and whom they cover. */
#include "crypto/issuer_rule.h"

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <strings.h>

#include "overlay/base/invariant.h"

#define ISSUER_PATH_MAX 1024 /* bytes */

/* 64 hex digits, ':' between pairs or not. False: something else, which may be a path. */
static bool issuer_read_hex(const char *text, uint8_t fingerprint[CERTIFICATE_HASH_LENGTH])
{
	for (size_t i = 0; i < CERTIFICATE_HASH_LENGTH; i++) {
		int high = OPENSSL_hexchar2int((unsigned char)text[0]);
		int low = high < 0 ? -1 : OPENSSL_hexchar2int((unsigned char)text[1]);

		if (low < 0)
			return false;
		fingerprint[i] = (uint8_t)(high << 4 | low);
		text += 2;
		if (*text == ':' && i + 1 < CERTIFICATE_HASH_LENGTH)
			text++;
	}
	return *text == '\0';
}

/* The fingerprint of the first certificate of a PEM file. */
static bool issuer_read_file(const char *path, uint8_t fingerprint[CERTIFICATE_HASH_LENGTH])
{
	BIO *file = BIO_new_file(path, "r");
	X509 *x509 = file == NULL ? NULL : PEM_read_bio_X509(file, NULL, NULL, NULL);
	unsigned len = 0;
	bool done = x509 != NULL && X509_digest(x509, EVP_sha256(), fingerprint, &len) == 1;

	X509_free(x509);
	BIO_free(file);
	ERR_clear_error();
	return done;
}

/* Letters, digits, '-' and '.', no empty label; "*" or "*." in front. */
static bool issuer_domain_is_acceptable(const char *domain)
{
	size_t len = strlen(domain);

	if (strcmp(domain, "*") == 0)
		return true;
	if (strncmp(domain, "*.", 2) == 0)
		domain += 2;
	if (len >= ISSUER_DOMAIN_SIZE || domain[0] == '\0' || domain[0] == '.' || domain[strlen(domain) - 1] == '.' ||
	    strstr(domain, "..") != NULL)
		return false;
	return strspn(domain, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._") == strlen(domain);
}

static int issuer_add_domain(struct issuer_rule *rule, const char *at, size_t len, char *detail, size_t detail_size)
{
	char *domain = rule->domains[rule->domain_count];

	if (rule->domain_count == ISSUER_DOMAINS_MAX) {
		snprintf(detail, detail_size, "more than %d domains for one issuer", ISSUER_DOMAINS_MAX);
		return ERR_CONFIG;
	}
	if (len < ISSUER_DOMAIN_SIZE) {
		memcpy(domain, at, len);
		domain[len] = '\0';
	}
	if (len >= ISSUER_DOMAIN_SIZE || !issuer_domain_is_acceptable(domain)) {
		snprintf(detail, detail_size, "\"%.*s\" is not a domain, *.domain or *",
			 (int)(len > 80 ? 80 : len), at);
		return ERR_CONFIG;
	}
	rule->domain_count++;
	return 0;
}

int issuer_rule_parse(const char *text, struct issuer_rule *out, char *detail, size_t detail_size)
{
	/* A path may hold a '=', a domain cannot. */
	const char *equals = strrchr(text, '=');
	char issuer[ISSUER_PATH_MAX + 1];
	size_t len;
	int err = 0;

	*out = (struct issuer_rule){ 0 };
	len = equals == NULL ? 0 : (size_t)(equals - text);
	if (len == 0 || len > ISSUER_PATH_MAX) {
		snprintf(detail, detail_size, "wanted: FINGERPRINT=domain[,domain...]");
		return ERR_CONFIG;
	}
	memcpy(issuer, text, len);
	issuer[len] = '\0';
	if (!issuer_read_hex(issuer, out->fingerprint) && !issuer_read_file(issuer, out->fingerprint)) {
		snprintf(detail, detail_size,
			 "%.120s is neither a SHA-256 fingerprint (64 hex digits) nor a file with a certificate in PEM",
			 issuer);
		return ERR_CONFIG;
	}
	for (const char *at = equals + 1; err == 0; at += len + 1) {
		len = strcspn(at, ",");
		err = issuer_add_domain(out, at, len, detail, detail_size);
		if (at[len] == '\0')
			break;
	}
	return err;
}

bool issuer_rule_covers(const struct issuer_rule *rule, const char *user)
{
	const char *domain = strrchr(user, '@');

	if (domain == NULL)
		return false;
	domain++;
	for (size_t i = 0; i < rule->domain_count; i++) {
		const char *pattern = rule->domains[i];
		size_t below = strlen(pattern) - 1; /* of "*.example.org": its length with the dot */

		if (strcmp(pattern, "*") == 0 || strcasecmp(pattern, domain) == 0)
			return true;
		if (pattern[0] == '*' && strlen(domain) > below &&
		    strcasecmp(domain + strlen(domain) - below, pattern + 1) == 0)
			return true;
	}
	return false;
}

bool issuer_rules_vouch(const struct issuer_rule *rules, size_t count,
			const uint8_t fingerprint[CERTIFICATE_HASH_LENGTH], const char *user)
{
	if (count == 0)
		return true;
	for (size_t i = 0; i < count; i++)
		if (memcmp(rules[i].fingerprint, fingerprint, CERTIFICATE_HASH_LENGTH) == 0 &&
		    issuer_rule_covers(&rules[i], user))
			return true;
	return false;
}

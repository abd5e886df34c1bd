/* SPDX-License-Identifier: MIT */
/* What an end-entity certificate must look like and whom it speaks for. Every name is checked by its
 * length, never as a C string: an embedded NUL or a wildcard makes the certificate unacceptable. */
#include "crypto/certificate.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/obj_mac.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <strings.h>

#include "crypto/host_identity.h"
#include "overlay/base/invariant.h"
#include "overlay/wire/destination.h"

#define CERTIFICATE_SCHEME "reload://"
#define CERTIFICATE_DESTINATION (2 + NODE_ID_LENGTH) /* bytes: type, length, Node-ID */
#define CERTIFICATE_RSA_MIN 2048 /* bits */
#define CERTIFICATE_RSA_MAX 4096

/* `detail` may be NULL everywhere below. */
static int certificate_refuse(int err, char *detail, size_t size, const char *why)
{
	if (detail != NULL)
		snprintf(detail, size, "%s", why);
	return err;
}

int certificate_parse(struct slice der, struct x509_st **out)
{
	const unsigned char *at = der.data;
	X509 *x509;

	*out = NULL;
	if (der.len == 0 || der.len > CERTIFICATE_DER_MAX)
		return ERR_CERTIFICATE;
	x509 = d2i_X509(NULL, &at, (long)der.len);
	ERR_clear_error();
	if (x509 == NULL)
		return ERR_CERTIFICATE;
	if (at != der.data + der.len) {
		X509_free(x509);
		return ERR_CERTIFICATE;
	}
	*out = x509;
	return 0;
}

void certificate_free(struct x509_st *x509)
{
	X509_free(x509);
}

bool certificate_key_is_acceptable(const struct evp_pkey_st *key)
{
	char group[64];
	size_t len = 0;

	if (key == NULL)
		return false;
	if (EVP_PKEY_is_a(key, "RSA")) {
		int bits = EVP_PKEY_get_bits(key);

		return bits >= CERTIFICATE_RSA_MIN && bits <= CERTIFICATE_RSA_MAX;
	}
	return EVP_PKEY_is_a(key, "EC") && EVP_PKEY_get_group_name(key, group, sizeof(group), &len) == 1 &&
	       strcmp(group, SN_X9_62_prime256v1) == 0;
}

void certificate_node_id_prefix(const char *overlay_name, const char *aor, uint8_t slot, uint8_t bits,
				struct node_id *id)
{
	uint8_t derived[EVP_MAX_MD_SIZE];
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();

	/* The NULs of the two texts are the separators of the rule. */
	invariant(ctx != NULL && bits <= 8 * NODE_ID_LENGTH);
	invariant(EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1 &&
		  EVP_DigestUpdate(ctx, overlay_name, strlen(overlay_name) + 1) == 1 &&
		  EVP_DigestUpdate(ctx, aor, strlen(aor) + 1) == 1 &&
		  EVP_DigestUpdate(ctx, &slot, 1) == 1 && EVP_DigestFinal_ex(ctx, derived, NULL) == 1);
	EVP_MD_CTX_free(ctx);
	memcpy(id->bytes, derived, bits / 8);
	if (bits % 8 != 0) {
		uint8_t mask = (uint8_t)(0xff << (8 - bits % 8));

		id->bytes[bits / 8] = (uint8_t)((derived[bits / 8] & mask) | (id->bytes[bits / 8] & ~mask));
	}
}

bool certificate_node_id_fits(const struct certificate_rule *rule, const char *aor, const struct node_id *id)
{
	if (rule->node_id_bits == 0)
		return true;
	for (unsigned slot = 0; slot < rule->node_id_slots; slot++) {
		struct node_id derived = *id;

		certificate_node_id_prefix(rule->overlay_name, aor, (uint8_t)slot, rule->node_id_bits, &derived);
		if (node_id_equal(&derived, id))
			return true;
	}
	return false;
}

bool certificate_user_is_acceptable(struct slice user)
{
	const uint8_t *at;

	if (user.len < 3 || user.len > USER_NAME_MAX)
		return false;
	for (size_t i = 0; i < user.len; i++)
		if (user.data[i] <= ' ' || user.data[i] > '~' || user.data[i] == '*')
			return false;
	at = memchr(user.data, '@', user.len);
	return at != NULL && at != user.data && at != user.data + user.len - 1 &&
	       memchr(at + 1, '@', (size_t)(user.data + user.len - at - 1)) == NULL;
}

const char *certificate_uri(const struct node_id *id, const char *overlay_name, char *uri)
{
	char text[NODE_ID_TEXT_SIZE];

	snprintf(uri, CERTIFICATE_URI_MAX, CERTIFICATE_SCHEME "%02x%02x%s@%s/", DESTINATION_NODE,
		 NODE_ID_LENGTH, node_id_text(id, text), overlay_name);
	return uri;
}

/* "0110" and 32 hex digits: the Destination List in hex, one entry of type node. */
static int certificate_destination_parse(struct slice hex, struct node_id *id)
{
	uint8_t bytes[CERTIFICATE_DESTINATION];
	struct reader r = reader_of(slice_of(bytes, sizeof(bytes)));

	if (hex.len != 2 * sizeof(bytes))
		return ERR_CERTIFICATE;
	for (size_t i = 0; i < sizeof(bytes); i++) {
		int high = OPENSSL_hexchar2int(hex.data[2 * i]);
		int low = OPENSSL_hexchar2int(hex.data[2 * i + 1]);

		if (high < 0 || low < 0)
			return ERR_CERTIFICATE;
		bytes[i] = (uint8_t)(high << 4 | low);
	}
	if (reader_u8(&r) != DESTINATION_NODE || reader_u8(&r) != NODE_ID_LENGTH)
		return ERR_CERTIFICATE;
	reader_copy(&r, id->bytes, sizeof(id->bytes));
	return reader_finish(&r) != 0 ? ERR_CERTIFICATE : 0;
}

int certificate_uri_parse(struct slice uri, const char *overlay_name, struct node_id *id)
{
	size_t scheme = strlen(CERTIFICATE_SCHEME);
	size_t destination = (size_t)2 * CERTIFICATE_DESTINATION;
	size_t name = strlen(overlay_name);
	struct reader r = reader_of(uri);
	struct slice hex, overlay;
	int err;

	/* Scheme and overlay (a reg-name) are compared without regard to case (RFC 3986 6.2.2.1). */
	if (uri.len < scheme + destination + 2 ||
	    strncasecmp((const char *)reader_bytes(&r, scheme).data, CERTIFICATE_SCHEME, scheme) != 0)
		return ERR_CERTIFICATE;
	hex = reader_bytes(&r, destination);
	if (reader_u8(&r) != '@' || uri.data[uri.len - 1] != '/')
		return ERR_CERTIFICATE;
	overlay = reader_bytes(&r, reader_left(&r) - 1);
	err = certificate_destination_parse(hex, id);
	if (err != 0)
		return err;
	if (overlay.len != name || strncasecmp((const char *)overlay.data, overlay_name, name) != 0)
		return ERR_NODE_ID_MISMATCH;
	return node_id_is_zero(id) || node_id_is_wildcard(id) ? ERR_NODE_ID_MISMATCH : 0;
}

/* What may be certified besides names: an X.509 v3 end entity for TLS clients and servers. */
static int certificate_check_shape(X509 *x509, char *detail, size_t size)
{
	if (X509_get_version(x509) != X509_VERSION_3)
		return certificate_refuse(ERR_CERTIFICATE, detail, size, "not an X.509 v3 certificate");
	if (X509_NAME_entry_count(X509_get_subject_name(x509)) != 0)
		return certificate_refuse(ERR_CERTIFICATE, detail, size, "the subject is not empty");
	if (X509_check_ca(x509) != 0)
		return certificate_refuse(ERR_CERTIFICATE, detail, size,
					  "the certificate of an authority, not of a node");
	if (X509_check_purpose(x509, X509_PURPOSE_SSL_CLIENT, 0) != 1 ||
	    X509_check_purpose(x509, X509_PURPOSE_SSL_SERVER, 0) != 1)
		return certificate_refuse(ERR_CERTIFICATE, detail, size,
					  "not for use as both TLS client and server");
	if (!certificate_key_is_acceptable(X509_get0_pubkey(x509)))
		return certificate_refuse(ERR_CERTIFICATE, detail, size,
					  "the key is neither P-256 nor RSA of 2,048 to 4,096 bits");
	return 0;
}

static int certificate_add_user(const ASN1_STRING *name, struct identity *identity, char *detail, size_t size)
{
	struct slice user = slice_of(ASN1_STRING_get0_data(name), (size_t)ASN1_STRING_length(name));

	if (identity->user[0] != '\0')
		return certificate_refuse(ERR_CERTIFICATE, detail, size, "more than one rfc822Name");
	if (!certificate_user_is_acceptable(user))
		return certificate_refuse(ERR_CERTIFICATE, detail, size, "the rfc822Name is not a user name");
	memcpy(identity->user, user.data, user.len);
	identity->user[user.len] = '\0';
	return 0;
}

static int certificate_add_node_id(const ASN1_STRING *name, const char *overlay_name,
				   struct identity *identity, char *detail, size_t size)
{
	struct slice uri = slice_of(ASN1_STRING_get0_data(name), (size_t)ASN1_STRING_length(name));
	struct node_id id;
	int err = certificate_uri_parse(uri, overlay_name, &id);

	if (err == ERR_NODE_ID_MISMATCH)
		return certificate_refuse(err, detail, size,
					  "a Node-ID of another overlay, or one that no node can have");
	if (err != 0)
		return certificate_refuse(err, detail, size, "a URI that is not the RELOAD URI of one node");
	if (identity->node_id_count == IDENTITY_NODE_IDS_MAX)
		return certificate_refuse(ERR_CERTIFICATE, detail, size, "too many Node-IDs");
	if (identity_has_node_id(identity, &id))
		return certificate_refuse(ERR_CERTIFICATE, detail, size, "the same Node-ID twice");
	identity->node_ids[identity->node_id_count++] = id;
	return 0;
}

/* RFC 6940 11.3: "MUST NOT contain any identities other than those listed". */
static int certificate_read_names(const GENERAL_NAMES *names, const char *overlay_name,
				  struct identity *identity, char *detail, size_t size)
{
	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
		int err;

		if (name->type == GEN_EMAIL)
			err = certificate_add_user(name->d.rfc822Name, identity, detail, size);
		else if (name->type == GEN_URI)
			err = certificate_add_node_id(name->d.uniformResourceIdentifier, overlay_name,
						      identity, detail, size);
		else
			err = certificate_refuse(ERR_CERTIFICATE, detail, size,
						 "a subjectAltName that is neither rfc822Name nor URI");
		if (err != 0)
			return err;
	}
	if (identity->user[0] == '\0')
		return certificate_refuse(ERR_CERTIFICATE, detail, size, "no rfc822Name");
	if (identity->node_id_count == 0)
		return certificate_refuse(ERR_CERTIFICATE, detail, size, "no Node-ID");
	return 0;
}

/* Milliseconds since 1970; 0 for dates before, UINT64_MAX for ones that are not dates. */
static uint64_t certificate_time_ms(const ASN1_TIME *time)
{
	static const int seconds_a_day = 86400;
	ASN1_TIME *epoch = ASN1_TIME_set(NULL, 0);
	int days = 0, seconds = 0;
	bool good = epoch != NULL && ASN1_TIME_diff(&days, &seconds, epoch, time) == 1;

	ASN1_TIME_free(epoch);
	if (!good)
		return UINT64_MAX;
	if (days < 0 || seconds < 0)
		return 0;
	return ((uint64_t)days * seconds_a_day + (uint64_t)seconds) * 1000;
}

void certificate_dates(const struct x509_st *x509, struct walltime *not_before, struct walltime *not_after)
{
	not_before->ms = certificate_time_ms(X509_get0_notBefore(x509));
	not_after->ms = certificate_time_ms(X509_get0_notAfter(x509));
	if (not_after->ms == UINT64_MAX)
		not_after->ms = 0; /* not a date: over since ever */
}

int certificate_identity(struct x509_st *x509, const struct certificate_rule *rule,
			 struct identity *identity, char *detail, size_t detail_size)
{
	int critical = 0;
	GENERAL_NAMES *names;
	int err;

	*identity = (struct identity){ 0 };
	err = certificate_check_shape(x509, detail, detail_size);
	if (err != 0)
		return err;
	names = X509_get_ext_d2i(x509, NID_subject_alt_name, &critical, NULL);
	ERR_clear_error();
	if (names == NULL)
		return certificate_refuse(ERR_CERTIFICATE, detail, detail_size,
					  "no subjectAltName, two of them, or one that cannot be read");
	err = certificate_read_names(names, rule->overlay_name, identity, detail, detail_size);
	GENERAL_NAMES_free(names);
	if (err != 0)
		return err;
	for (size_t i = 0; i < identity->node_id_count; i++)
		if (!certificate_node_id_fits(rule, identity->user, &identity->node_ids[i]))
			return certificate_refuse(ERR_NODE_ID_MISMATCH, detail, detail_size,
						  "a Node-ID that is not derived from the user name");
	identity->node_id = identity->node_ids[0];
	host_identity_hit_of_key(X509_get0_pubkey(x509), &identity->hit);
	certificate_dates(x509, &identity->not_before, &identity->not_after);
	return 0;
}

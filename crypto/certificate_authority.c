/* SPDX-License-Identifier: MIT */
/* Root certificate, requests, end-entity certificates. Extensions are built as structures, never from
 * configuration text: a name cannot smuggle in another extension. Every message carries certificates,
 * so an issued one holds nothing that verification does not need. */
#include "crypto/certificate_authority.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdio.h>

#include "crypto/certificate.h"
#include "crypto/keystore.h"
#include "overlay/base/invariant.h"
#include "overlay/configuration.h"

#define AUTHORITY_SERIAL 16      /* bytes */
#define AUTHORITY_NAME_MAX 64    /* bytes: ub-common-name of X.520 */
#define AUTHORITY_KEY_DIGITAL_SIGNATURE 0 /* bits of KeyUsage (RFC 5280 4.2.1.3) */
#define AUTHORITY_KEY_CERT_SIGN 5
#define AUTHORITY_KEY_CRL_SIGN 6

struct certificate_request {
	X509_REQ *request;
	char user[USER_NAME_MAX + 1];
};

static int authority_refuse(int err, char *detail, size_t size, const char *why)
{
	ERR_clear_error();
	if (detail != NULL)
		snprintf(detail, size, "%s", why);
	return err;
}

static bool authority_set_serial(X509 *x509)
{
	uint8_t bytes[AUTHORITY_SERIAL];
	BIGNUM *number;
	bool done;

	invariant(RAND_bytes(bytes, sizeof(bytes)) == 1);
	bytes[0] = (uint8_t)((bytes[0] & 0x7f) | 0x40); /* positive, never shorter */
	number = BN_bin2bn(bytes, sizeof(bytes), NULL);
	done = number != NULL && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(x509)) != NULL;
	BN_free(number);
	return done;
}

static bool authority_set_dates(X509 *x509, struct walltime not_before, struct walltime not_after)
{
	return ASN1_TIME_set(X509_getm_notBefore(x509), (time_t)(not_before.ms / 1000)) != NULL &&
	       ASN1_TIME_set(X509_getm_notAfter(x509), (time_t)(not_after.ms / 1000)) != NULL;
}

static bool authority_add_key_usage(X509 *x509, int bit, int second_bit)
{
	ASN1_BIT_STRING *usage = ASN1_BIT_STRING_new();
	bool done = usage != NULL && ASN1_BIT_STRING_set_bit(usage, bit, 1) == 1 &&
		    ASN1_BIT_STRING_set_bit(usage, second_bit, 1) == 1 &&
		    X509_add1_ext_i2d(x509, NID_key_usage, usage, 1, X509V3_ADD_DEFAULT) == 1;

	ASN1_BIT_STRING_free(usage);
	return done;
}

static bool authority_add_constraints(X509 *x509)
{
	BASIC_CONSTRAINTS *constraints = BASIC_CONSTRAINTS_new();
	bool done = false;

	if (constraints != NULL) {
		constraints->ca = 0xff;
		constraints->pathlen = ASN1_INTEGER_new();
		done = constraints->pathlen != NULL && ASN1_INTEGER_set(constraints->pathlen, 0) == 1 &&
		       X509_add1_ext_i2d(x509, NID_basic_constraints, constraints, 1,
					 X509V3_ADD_DEFAULT) == 1;
	}
	BASIC_CONSTRAINTS_free(constraints);
	return done;
}

static bool authority_add_subject_key(X509 *x509)
{
	uint8_t hash[EVP_MAX_MD_SIZE];
	unsigned len = 0;
	ASN1_OCTET_STRING *id = ASN1_OCTET_STRING_new();
	bool done = id != NULL && X509_pubkey_digest(x509, EVP_sha1(), hash, &len) == 1 &&
		    ASN1_OCTET_STRING_set(id, hash, (int)len) == 1 &&
		    X509_add1_ext_i2d(x509, NID_subject_key_identifier, id, 0, X509V3_ADD_DEFAULT) == 1;

	ASN1_OCTET_STRING_free(id);
	return done;
}

/* Tells two roots of one name apart while an overlay changes from one to the other. */
static bool authority_add_authority_key(X509 *x509, X509 *root)
{
	const ASN1_OCTET_STRING *id = X509_get0_subject_key_id(root);
	AUTHORITY_KEYID *authority;
	bool done;

	if (id == NULL)
		return true;
	authority = AUTHORITY_KEYID_new();
	if (authority == NULL)
		return false;
	authority->keyid = ASN1_OCTET_STRING_dup(id);
	done = authority->keyid != NULL &&
	       X509_add1_ext_i2d(x509, NID_authority_key_identifier, authority, 0, X509V3_ADD_DEFAULT) == 1;
	AUTHORITY_KEYID_free(authority);
	return done;
}

static bool authority_add_purposes(X509 *x509)
{
	EXTENDED_KEY_USAGE *purposes = sk_ASN1_OBJECT_new_null();
	bool done = purposes != NULL && sk_ASN1_OBJECT_push(purposes, OBJ_nid2obj(NID_client_auth)) > 0 &&
		    sk_ASN1_OBJECT_push(purposes, OBJ_nid2obj(NID_server_auth)) > 0 &&
		    X509_add1_ext_i2d(x509, NID_ext_key_usage, purposes, 0, X509V3_ADD_DEFAULT) == 1;

	sk_ASN1_OBJECT_pop_free(purposes, ASN1_OBJECT_free);
	return done;
}

static bool authority_add_name(GENERAL_NAMES *names, int type, const char *text)
{
	GENERAL_NAME *name = GENERAL_NAME_new();
	ASN1_IA5STRING *value = ASN1_IA5STRING_new();

	if (name == NULL || value == NULL || ASN1_STRING_set(value, text, -1) != 1) {
		GENERAL_NAME_free(name);
		ASN1_IA5STRING_free(value);
		return false;
	}
	GENERAL_NAME_set0_value(name, type, value);
	if (sk_GENERAL_NAME_push(names, name) > 0)
		return true;
	GENERAL_NAME_free(name);
	return false;
}

/* Critical, because the subject is empty (RFC 5280 4.2.1.6). */
static bool authority_add_names(X509 *x509, const struct certificate_order *order)
{
	GENERAL_NAMES *names = sk_GENERAL_NAME_new_null();
	char uri[CERTIFICATE_URI_MAX];
	bool done = names != NULL && authority_add_name(names, GEN_EMAIL, order->user);

	for (size_t i = 0; done && i < order->node_id_count; i++)
		done = authority_add_name(names, GEN_URI,
					  certificate_uri(&order->node_ids[i], order->overlay_name, uri));
	done = done && X509_add1_ext_i2d(x509, NID_subject_alt_name, names, 1, X509V3_ADD_DEFAULT) == 1;
	GENERAL_NAMES_free(names);
	return done;
}

/* "*.example.org" is ".example.org" in a certificate. */
static bool authority_add_permitted(STACK_OF(GENERAL_SUBTREE) *subtrees, const char *domain)
{
	GENERAL_SUBTREE *subtree = GENERAL_SUBTREE_new();
	ASN1_IA5STRING *value = ASN1_IA5STRING_new();

	/* GENERAL_NAME_set0_value takes `value` over; the base of a new subtree is empty and stays its own. */
	if (subtree == NULL || value == NULL ||
	    ASN1_STRING_set(value, domain[0] == '*' ? domain + 1 : domain, -1) != 1) {
		GENERAL_SUBTREE_free(subtree);
		ASN1_IA5STRING_free(value);
		return false;
	}
	GENERAL_NAME_set0_value(subtree->base, GEN_EMAIL, value);
	if (sk_GENERAL_SUBTREE_push(subtrees, subtree) > 0)
		return true;
	GENERAL_SUBTREE_free(subtree);
	return false;
}

/* Critical, as RFC 5280 4.2.1.10 has it: whoever does not know name constraints must not trust the authority. */
static bool authority_add_name_constraints(X509 *x509, const char *const *domains, size_t count)
{
	NAME_CONSTRAINTS *constraints;
	bool done;

	if (count == 0)
		return true;
	constraints = NAME_CONSTRAINTS_new();
	if (constraints == NULL)
		return false;
	constraints->permittedSubtrees = sk_GENERAL_SUBTREE_new_null();
	done = constraints->permittedSubtrees != NULL;
	for (size_t i = 0; done && i < count; i++)
		done = authority_add_permitted(constraints->permittedSubtrees, domains[i]);
	done = done && X509_add1_ext_i2d(x509, NID_name_constraints, constraints, 1, X509V3_ADD_DEFAULT) == 1;
	NAME_CONSTRAINTS_free(constraints);
	return done;
}

/* A domain, "*." and a domain, or a user's name. */
static bool authority_domain_is_acceptable(const char *domain)
{
	bool is_below = domain[0] == '*' && domain[1] == '.';
	const char *from = domain + (is_below ? 2 : 0);
	size_t len = strlen(domain) - (is_below ? 2 : 0);

	if (strchr(domain, '@') != NULL)
		return certificate_user_is_acceptable(slice_text(domain));
	return len > 0 && len <= USER_NAME_MAX - 2 && from[0] != '.' && from[len - 1] != '.' &&
	       strstr(from, "..") == NULL &&
	       strspn(from, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.") == len;
}

/* What a certificate of this authority that names `x509`'s users meets. True: no constraints, or it is within. */
static bool authority_permits(X509 *root, X509 *x509)
{
	int critical = -1;
	NAME_CONSTRAINTS *constraints = X509_get_ext_d2i(root, NID_name_constraints, &critical, NULL);
	bool permits = constraints == NULL ? critical == -1 : NAME_CONSTRAINTS_check(x509, constraints) == X509_V_OK;

	NAME_CONSTRAINTS_free(constraints);
	ERR_clear_error();
	return permits;
}

struct authority_root {
	const char *name;
	const char *const *domains;
	size_t domain_count;
	struct walltime not_before, not_after;
};

static bool authority_sign_root(X509 *x509, EVP_PKEY *key, const struct authority_root *root)
{
	X509_NAME *subject = X509_get_subject_name(x509);

	return X509_set_version(x509, X509_VERSION_3) == 1 && authority_set_serial(x509) &&
	       authority_set_dates(x509, root->not_before, root->not_after) &&
	       X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)root->name, -1, -1,
					  0) == 1 &&
	       X509_set_issuer_name(x509, subject) == 1 && X509_set_pubkey(x509, key) == 1 &&
	       authority_add_constraints(x509) &&
	       authority_add_name_constraints(x509, root->domains, root->domain_count) &&
	       authority_add_key_usage(x509, AUTHORITY_KEY_CERT_SIGN, AUTHORITY_KEY_CRL_SIGN) &&
	       authority_add_subject_key(x509) && X509_sign(x509, key, EVP_sha256()) > 0;
}

int certificate_authority_create_for(struct keystore *authority, const char *name, const char *const *domains,
				     size_t domain_count, struct walltime not_before, struct walltime not_after,
				     char *detail, size_t detail_size)
{
	const struct authority_root root = { name, domains, domain_count, not_before, not_after };
	X509 *x509;
	uint8_t *der = NULL;
	int len = -1, err;

	if (name[0] == '\0' || strlen(name) > AUTHORITY_NAME_MAX || not_before.ms >= not_after.ms)
		return authority_refuse(ERR_CERTIFICATE, detail, detail_size,
					"the name must be 1 to 64 bytes, and the dates in order");
	if (domain_count > CERTIFICATE_PERMITTED_MAX)
		return authority_refuse(ERR_CONFIG, detail, detail_size, "too many permitted names");
	for (size_t i = 0; i < domain_count; i++)
		if (!authority_domain_is_acceptable(domains[i]))
			return authority_refuse(ERR_CONFIG, detail, detail_size,
						"a permitted name is not a domain, *.domain or a user's name");
	x509 = X509_new();
	invariant(x509 != NULL);
	if (authority_sign_root(x509, keystore_private_key(authority), &root))
		len = i2d_X509(x509, &der);
	X509_free(x509);
	if (len <= 0)
		return authority_refuse(ERR_CERTIFICATE, detail, detail_size,
					"the root certificate could not be signed");
	err = keystore_set_certificate(authority, slice_of(der, (size_t)len), detail, detail_size);
	OPENSSL_free(der);
	return err;
}

int certificate_authority_create(struct keystore *authority, const char *name, struct walltime not_before,
				 struct walltime not_after, char *detail, size_t detail_size)
{
	return certificate_authority_create_for(authority, name, NULL, 0, not_before, not_after, detail, detail_size);
}

/* A certificate that names nothing but `user`, made only to be asked about. */
static X509 *authority_specimen(EVP_PKEY *key, const char *user)
{
	GENERAL_NAMES *names = sk_GENERAL_NAME_new_null();
	X509 *x509 = X509_new();

	invariant(names != NULL && x509 != NULL);
	invariant(X509_set_version(x509, X509_VERSION_3) == 1 && authority_add_name(names, GEN_EMAIL, user) &&
		  X509_add1_ext_i2d(x509, NID_subject_alt_name, names, 1, X509V3_ADD_DEFAULT) == 1 &&
		  X509_set_pubkey(x509, key) == 1 && X509_sign(x509, key, EVP_sha256()) > 0);
	GENERAL_NAMES_free(names);
	/* Reads the extensions of what was just made. */
	(void)X509_check_purpose(x509, -1, 0);
	return x509;
}

bool certificate_authority_permits(const struct keystore *authority, const char *user)
{
	X509 *root, *x509;
	bool permits;

	if (!certificate_user_is_acceptable(slice_text(user)) ||
	    certificate_parse(keystore_certificate(authority), &root) != 0)
		return false;
	x509 = authority_specimen(keystore_private_key(authority), user);
	permits = authority_permits(root, x509);
	X509_free(x509);
	certificate_free(root);
	return permits;
}

/* The rfc822Name among the names asked for; other names are the server's to choose. */
static int request_read_user(struct certificate_request *r)
{
	STACK_OF(X509_EXTENSION) *extensions = X509_REQ_get_extensions(r->request);
	GENERAL_NAMES *names = X509V3_get_d2i(extensions, NID_subject_alt_name, NULL, NULL);
	int err = 0;

	for (int i = 0; err == 0 && i < sk_GENERAL_NAME_num(names); i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
		struct slice user;

		if (name->type != GEN_EMAIL)
			continue;
		user = slice_of(ASN1_STRING_get0_data(name->d.rfc822Name),
				(size_t)ASN1_STRING_length(name->d.rfc822Name));
		if (r->user[0] != '\0' || !certificate_user_is_acceptable(user)) {
			err = ERR_CERTIFICATE;
		} else {
			memcpy(r->user, user.data, user.len);
			r->user[user.len] = '\0';
		}
	}
	GENERAL_NAMES_free(names);
	sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
	return err;
}

int certificate_request_parse(struct certificate_request **out, struct slice der, char *detail,
			      size_t detail_size)
{
	const unsigned char *at = der.data;
	struct certificate_request *r;
	const char *why = NULL;

	*out = NULL;
	if (der.len == 0 || der.len > CERTIFICATE_REQUEST_MAX)
		return authority_refuse(ERR_CERTIFICATE, detail, detail_size, "empty, or longer than 16 KiB");
	r = memory_alloc(sizeof(*r));
	r->request = d2i_X509_REQ(NULL, &at, (long)der.len);
	if (r->request == NULL || at != der.data + der.len)
		why = "not a PKCS#10 request in DER";
	else if (!certificate_key_is_acceptable(X509_REQ_get0_pubkey(r->request)))
		why = "the key is neither P-256 nor RSA of 2,048 to 4,096 bits";
	else if (X509_REQ_verify(r->request, X509_REQ_get0_pubkey(r->request)) != 1)
		why = "the request is not signed by the key in it";
	else if (request_read_user(r) != 0)
		why = "the request asks for a name that is not a user name";
	if (why != NULL) {
		certificate_request_free(r);
		return authority_refuse(ERR_CERTIFICATE, detail, detail_size, why);
	}
	ERR_clear_error();
	*out = r;
	return 0;
}

void certificate_request_free(struct certificate_request *r)
{
	if (r == NULL)
		return;
	X509_REQ_free(r->request);
	free(r);
}

const char *certificate_request_user(const struct certificate_request *r)
{
	return r->user;
}

void certificate_request_key_hash(const struct certificate_request *r, uint8_t hash[32])
{
	EVP_PKEY *key = X509_REQ_get0_pubkey(r->request);
	uint8_t *der = NULL;
	int len = i2d_PUBKEY(key, &der);

	invariant(len > 0 && EVP_Digest(der, (size_t)len, hash, NULL, EVP_sha256(), NULL) == 1);
	OPENSSL_free(der);
}

static bool authority_sign_node(X509 *x509, X509 *root, EVP_PKEY *key, const struct certificate_order *order)
{
	struct walltime root_before, root_after, until = order->not_after;

	certificate_dates(root, &root_before, &root_after);
	if (root_after.ms < until.ms)
		until = root_after;
	return order->not_before.ms < until.ms && X509_set_version(x509, X509_VERSION_3) == 1 &&
	       authority_set_serial(x509) && authority_set_dates(x509, order->not_before, until) &&
	       X509_set_issuer_name(x509, X509_get_subject_name(root)) == 1 &&
	       X509_set_pubkey(x509, X509_REQ_get0_pubkey(order->request->request)) == 1 &&
	       authority_add_key_usage(x509, AUTHORITY_KEY_DIGITAL_SIGNATURE,
				       AUTHORITY_KEY_DIGITAL_SIGNATURE) &&
	       authority_add_purposes(x509) && authority_add_authority_key(x509, root) &&
	       authority_add_names(x509, order) && X509_sign(x509, key, EVP_sha256()) > 0;
}

/* Issues nothing that the nodes of the overlay would refuse. */
static int authority_check_issued(struct slice der, X509 *root, const char *overlay_name, char *detail, size_t size)
{
	struct certificate_rule rule = { .overlay_name = overlay_name };
	struct identity identity;
	X509 *x509;
	int err = certificate_parse(der, &x509);

	if (err != 0)
		return authority_refuse(err, detail, size, "the certificate would not be readable");
	if (certificate_identity(x509, &rule, &identity, detail, size) != 0)
		err = ERR_CERTIFICATE;
	else if (!authority_permits(root, x509))
		err = authority_refuse(ERR_CERTIFICATE, detail, size,
				       "the authority may not name this user: its certificate permits other names");
	certificate_free(x509);
	return err;
}

int certificate_authority_issue(const struct keystore *authority, const struct certificate_order *order,
				uint8_t **der, size_t *len, char *detail, size_t detail_size)
{
	X509 *root, *x509;
	uint8_t *encoded = NULL;
	int encoded_len = -1, err;

	*der = NULL;
	*len = 0;
	if (order->node_id_count == 0 || order->node_id_count > IDENTITY_NODE_IDS_MAX ||
	    strlen(order->overlay_name) > OVERLAY_NAME_MAX ||
	    !certificate_user_is_acceptable(slice_text(order->user)))
		return authority_refuse(ERR_CERTIFICATE, detail, detail_size,
					"not a user name, or not 1 to 8 Node-IDs");
	if (certificate_parse(keystore_certificate(authority), &root) != 0)
		return authority_refuse(ERR_KEY, detail, detail_size, "there is no root certificate");
	if (X509_check_ca(root) != 1) {
		certificate_free(root);
		return authority_refuse(ERR_KEY, detail, detail_size,
					"the keystore's certificate is not an authority's");
	}
	x509 = X509_new();
	invariant(x509 != NULL);
	if (authority_sign_node(x509, root, keystore_private_key(authority), order))
		encoded_len = i2d_X509(x509, &encoded);
	X509_free(x509);
	if (encoded_len <= 0)
		err = authority_refuse(ERR_CERTIFICATE, detail, detail_size,
				       "the certificate could not be signed, or would never be valid");
	else
		err = authority_check_issued(slice_of(encoded, (size_t)encoded_len), root, order->overlay_name, detail,
					     detail_size);
	certificate_free(root);
	if (err == 0) {
		*der = memory_alloc((size_t)encoded_len);
		memcpy(*der, encoded, (size_t)encoded_len);
		*len = (size_t)encoded_len;
	}
	OPENSSL_free(encoded);
	return err;
}

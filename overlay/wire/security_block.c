/* SPDX-License-Identifier: MIT */
/* SecurityBlock, Signature, SignerIdentity, GenericCertificate. */
#include "overlay/wire/security_block.h"

#include "overlay/wire/list.h"

/* struct { SignerIdentityType identity_type; uint16 length; SignerIdentityValue identity[length]; }
 *   SignerIdentity;
 * cert_hash and cert_hash_node_id: HashAlgorithm hash_alg; opaque hash<0..2^8-1>; none: empty */
void signer_identity_get(struct reader *r, struct signer_identity *s)
{
	struct reader value;

	s->type = reader_u8(r);
	s->hash_alg = 0;
	s->hash = SLICE_EMPTY;
	value = reader_sub16(r);
	switch (s->type) {
	case SIGNER_CERT_HASH:
	case SIGNER_CERT_HASH_NODE_ID:
		s->hash_alg = reader_u8(&value);
		s->hash = reader_opaque8(&value);
		break;
	case SIGNER_NONE:
		break;
	default:
		reader_fail(r, ERR_MALFORMED);
		break;
	}
	reader_join(r, &value);
}

void signer_identity_put(struct writer *w, const struct signer_identity *s)
{
	size_t place;

	writer_u8(w, s->type);
	place = writer_begin16(w);
	if (s->type == SIGNER_CERT_HASH || s->type == SIGNER_CERT_HASH_NODE_ID) {
		writer_u8(w, s->hash_alg);
		writer_opaque8(w, s->hash);
	} else if (s->type != SIGNER_NONE) {
		writer_fail(w, ERR_MALFORMED);
	}
	writer_end16(w, place);
}

/* struct { SignatureAndHashAlgorithm algorithm; SignerIdentity identity; opaque signature_value<0..2^16-1>; }
 *   Signature; */
void signature_get(struct reader *r, struct signature *s)
{
	s->hash = reader_u8(r);
	s->algorithm = reader_u8(r);
	signer_identity_get(r, &s->identity);
	s->value = reader_opaque16(r);
}

void signature_put(struct writer *w, const struct signature *s)
{
	writer_u8(w, s->hash);
	writer_u8(w, s->algorithm);
	signer_identity_put(w, &s->identity);
	writer_opaque16(w, s->value);
}

static void certificate_skip(struct reader *r)
{
	reader_u8(r);
	reader_opaque16(r);
}

/* struct { CertificateType type; opaque certificate<0..2^16-1>; } GenericCertificate;
 * struct { GenericCertificate certificates<0..2^16-1>; Signature signature; } SecurityBlock; */
int security_block_get(struct reader *r, struct arena *a, struct security_block *b)
{
	struct reader list = reader_sub16(r);
	struct certificate_list *certificates = &b->certificates;
	size_t count;

	certificates->items = list_room(&list, a, SECURITY_BLOCK_CERTIFICATES_MAX, certificate_skip,
					sizeof(struct slice), &count);
	certificates->count = 0;
	for (size_t i = 0; i < count; i++) {
		uint8_t type = reader_u8(&list);
		struct slice bytes = reader_opaque16(&list);

		if (type == CERTIFICATE_X509)
			certificates->items[certificates->count++] = bytes;
	}
	reader_join(r, &list);
	signature_get(r, &b->signature);
	return r->err;
}

void security_block_put(struct writer *w, const struct security_block *b)
{
	size_t place = writer_begin16(w);

	for (size_t i = 0; i < b->certificates.count; i++) {
		writer_u8(w, CERTIFICATE_X509);
		writer_opaque16(w, b->certificates.items[i]);
	}
	writer_end16(w, place);
	signature_put(w, &b->signature);
}

struct signature signature_none(void)
{
	return (struct signature){
		.hash = HASH_NONE,
		.algorithm = SIGNATURE_ANONYMOUS,
		.identity = { .type = SIGNER_NONE },
	};
}

bool signature_is_none(const struct signature *s)
{
	return s->identity.type == SIGNER_NONE && s->hash == HASH_NONE &&
	       s->algorithm == SIGNATURE_ANONYMOUS && s->value.len == 0;
}

/* SPDX-License-Identifier: MIT */
/* Certificates as they come from the wire: parsed, and asked whom they speak for. */
#include "crypto/certificate.h"
#include "overlay/base/invariant.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct certificate_rule rule = { .overlay_name = "overlay.example" };
	struct slice input = slice_of(data, size);
	struct x509_st *x509;
	struct identity identity;
	struct node_id id;
	char detail[128];

	if (certificate_parse(input, &x509) == 0) {
		if (certificate_identity(x509, &rule, &identity, detail, sizeof(detail)) == 0) {
			invariant(identity.node_id_count > 0 && identity.node_id_count <= IDENTITY_NODE_IDS_MAX);
			invariant(certificate_user_is_acceptable(slice_text(identity.user)));
		}
		certificate_free(x509);
	}
	/* The same bytes as a name of a certificate. */
	if (certificate_uri_parse(input, rule.overlay_name, &id) == 0) {
		char uri[CERTIFICATE_URI_MAX];
		struct node_id again;

		invariant(certificate_uri_parse(slice_text(certificate_uri(&id, rule.overlay_name, uri)),
						rule.overlay_name, &again) == 0 &&
			  node_id_equal(&id, &again));
	}
	(void)certificate_user_is_acceptable(input);
	return 0;
}

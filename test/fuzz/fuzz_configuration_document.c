/* SPDX-License-Identifier: MIT */
/* A configuration document from anybody: parsed, and its signature looked at. */
#include "node/configuration_document.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct configuration_document *d;
	struct walltime now = { 1800000000000u };
	char detail[200];

	if (configuration_document_parse(&d, slice_of(data, size), NULL, detail, sizeof(detail)) != 0)
		return 0;
	(void)!configuration_document_verify(d, now, d->configuration.configuration_signers,
					     d->configuration.configuration_signer_count, detail,
					     sizeof(detail));
	configuration_document_free(d);
	return 0;
}

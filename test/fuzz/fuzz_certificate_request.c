/* SPDX-License-Identifier: MIT */
/* PKCS#10 requests as an enrollment server gets them from strangers. */
#include "crypto/certificate_authority.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct certificate_request *request;
	char detail[128];

	if (certificate_request_parse(&request, slice_of(data, size), detail, sizeof(detail)) == 0)
		certificate_request_free(request);
	return 0;
}

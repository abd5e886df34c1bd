/* SPDX-License-Identifier: MIT */
/* sign_document SIGNER-FOLDER DOCUMENT SEQUENCE ELEMENT: the document with one element more, signed, on stdout. For
 * documents that peal-enroll does not write. */
#include <stdio.h>
#include <stdlib.h>

#include "test/unit/node/resign.h"

int main(int argc, char **argv)
{
	static char text[1 << 20];
	char detail[300], *out;
	struct keystore *signer;
	FILE *in;

	if (argc != 5)
		return 2;
	in = fopen(argv[2], "re");
	if (in == NULL || fread(text, 1, sizeof(text) - 1, in) == 0) {
		perror(argv[2]);
		return 1;
	}
	(void)fclose(in);
	if (keystore_open(&signer, argv[1], detail, sizeof(detail)) != 0) {
		(void)fprintf(stderr, "%s\n", detail);
		return 1;
	}
	out = document_resigned(text, signer, (uint16_t)strtoul(argv[3], NULL, 10), argv[4]);
	if (out == NULL)
		return 1;
	(void)fputs(out, stdout);
	free(out);
	keystore_free(signer);
	return 0;
}

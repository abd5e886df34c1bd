/* SPDX-License-Identifier: MIT */
/* peal-enroll issue and document: what the operator does by hand, without the network. */
#include <errno.h>
#include <gnutls/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/enroll.h"
#include "tools/enroll_document.h"
#include "tools/enroll_form.h"
#include "tools/overlay_time.h"

#define DAY_MS 86400000ull

/* A whole file of at most FORM_BODY_MAX bytes; malloc'ed. */
static int file_read(const char *path, uint8_t **bytes, size_t *len)
{
	FILE *in = fopen(path, "re");

	if (in == NULL)
		return enroll_fail("%s: %s", path, strerror(errno));
	*bytes = calloc(1, FORM_BODY_MAX + 1);
	*len = *bytes == NULL ? 0 : fread(*bytes, 1, FORM_BODY_MAX + 1, in);
	fclose(in);
	if (*len == 0 || *len > FORM_BODY_MAX) {
		free(*bytes);
		return enroll_fail("%s: empty, not readable or longer than %d bytes", path, FORM_BODY_MAX);
	}
	return 0;
}

static int file_write(const char *path, struct slice bytes)
{
	FILE *out = fopen(path, "we");
	bool written = out != NULL && fwrite(bytes.data, 1, bytes.len, out) == bytes.len;

	if (out != NULL && fclose(out) != 0)
		written = false;
	return written ? 0 : enroll_fail("%s: %s", path, strerror(errno));
}

/* PEM (either of the usual labels) into DER where it is PEM. `der` is owned by the caller then. */
static bool pem_decode(struct slice in, gnutls_datum_t *der)
{
	const gnutls_datum_t pem = { (unsigned char *)(uintptr_t)in.data, (unsigned)in.len };

	return gnutls_pem_base64_decode2("CERTIFICATE REQUEST", &pem, der) == 0 ||
	       gnutls_pem_base64_decode2("NEW CERTIFICATE REQUEST", &pem, der) == 0;
}

static int certificate_write(const char *path, const struct enroll_answer *answer, bool as_pem)
{
	const gnutls_datum_t der = { answer->certificate, (unsigned)answer->certificate_len };
	gnutls_datum_t pem;
	int rc;

	if (!as_pem)
		return file_write(path, slice_of(der.data, der.size));
	if (gnutls_pem_base64_encode2("CERTIFICATE", &der, &pem) != 0)
		return enroll_fail("the certificate could not be encoded");
	rc = file_write(path, slice_of(pem.data, pem.size));
	gnutls_free(pem.data);
	return rc;
}

static int issue(struct enroll_folder *f, struct enroll_request *request, const char *csr, const char *out,
		 bool as_pem)
{
	struct enroll_answer answer;
	enum enroll_outcome outcome;
	gnutls_datum_t der = { 0 };
	char id[NODE_ID_TEXT_SIZE], until[OVERLAY_TIME_SIZE];
	uint8_t *bytes = NULL;
	size_t len = 0;
	int rc = file_read(csr, &bytes, &len);

	if (rc != 0)
		return rc;
	request->csr = slice_of(bytes, len);
	if (pem_decode(request->csr, &der))
		request->csr = slice_of(der.data, der.size);
	outcome = enroll_issue(&f->overlay, request, overlay_now(), &answer);
	if (outcome != ENROLL_ISSUED)
		rc = enroll_fail("%s: %s", enroll_outcome_token(outcome), answer.detail);
	else
		rc = certificate_write(out, &answer, as_pem);
	for (size_t i = 0; rc == 0 && i < answer.device.node_id_count; i++)
		printf("%s device %u Node-ID %s until %s\n", request->user, answer.device.number,
		       node_id_text(&answer.device.node_ids[i], id),
		       overlay_time_text(answer.device.not_after, until));
	enroll_answer_free(&answer);
	gnutls_free(der.data);
	free(bytes);
	return rc;
}

int enroll_issue_run(const struct enroll_command *command, int argc, char **argv)
{
	static const struct option options[] = {
		{ "folder", required_argument, NULL, 'f' },  { "user", required_argument, NULL, 'u' },
		{ "csr", required_argument, NULL, 'c' },     { "out", required_argument, NULL, 'o' },
		{ "nodeids", required_argument, NULL, 'n' }, { "device", required_argument, NULL, 'd' },
		{ "pem", no_argument, NULL, 'p' },           { "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	const char *folder = NULL, *csr = NULL, *out = NULL;
	struct enroll_request request = { 0 };
	struct enroll_folder f;
	bool as_pem = false;
	int option, rc;

	while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (option == 'f')
			folder = optarg;
		else if (option == 'u')
			request.user = optarg;
		else if (option == 'c')
			csr = optarg;
		else if (option == 'o')
			out = optarg;
		else if (option == 'p')
			as_pem = true;
		else if (option == 'h')
			return enroll_help(command);
		else if (option == 'n' ? !enroll_number("--nodeids", optarg, 1, 8, &request.node_ids) :
			 option == 'd' ? !enroll_number("--device", optarg, 1, 999, &request.device) : true)
			return EXIT_USAGE;
	}
	if (optind < argc || request.user == NULL || csr == NULL || out == NULL)
		return enroll_usage(command, "--user, --csr and --out are wanted, and nothing else");
	rc = enroll_open(command, &f, folder);
	if (rc != 0)
		return rc;
	rc = issue(&f, &request, csr, out, as_pem);
	enroll_folder_close(&f);
	return rc;
}

enum { D_FOLDER = 1, D_SHOW, D_SET, D_ADD, D_REMOVE, D_BAD, D_GOOD, D_EXPIRES, D_OUT, D_HELP };

static const struct option document_options[] = {
	{ "folder", required_argument, NULL, D_FOLDER },
	{ "show", no_argument, NULL, D_SHOW },
	{ "set", required_argument, NULL, D_SET },
	{ "add-bootstrap", required_argument, NULL, D_ADD },
	{ "remove-bootstrap", required_argument, NULL, D_REMOVE },
	{ "bad-node", required_argument, NULL, D_BAD },
	{ "good-node", required_argument, NULL, D_GOOD },
	{ "expires", required_argument, NULL, D_EXPIRES },
	{ "out", required_argument, NULL, D_OUT },
	{ "help", no_argument, NULL, D_HELP },
	{ NULL, 0, NULL, 0 },
};

/* Applies one change to the configuration. 0 or ERR_CONFIG with detail. */
static int document_change(struct configuration *c, int option, const char *value, char *detail,
			   size_t detail_size)
{
	unsigned days;

	switch (option) {
	case D_SET:
		return document_set(c, value, detail, detail_size);
	case D_ADD:
		return document_add_bootstrap(c, value, detail, detail_size);
	case D_REMOVE:
		return document_remove_bootstrap(c, value, detail, detail_size);
	case D_BAD:
		return document_add_bad_node(c, value, detail, detail_size);
	case D_GOOD:
		return document_remove_bad_node(c, value, detail, detail_size);
	case D_EXPIRES:
		if (!enroll_number("--expires", value, 0, 3650, &days))
			return ERR_CONFIG;
		c->expiration.ms = days == 0 ? 0 : overlay_now().ms + days * DAY_MS;
		return 0;
	default:
		return 0;
	}
}

static int document_sign(struct enroll_folder *f, const char *out)
{
	struct configuration *c = &f->document->configuration;
	char detail[ENROLL_DETAIL_SIZE] = "";
	int err;

	c->sequence = document_next_sequence(c->sequence);
	err = enroll_folder_set_document(f, f->document, overlay_now(), detail, sizeof(detail));
	if (err != 0)
		return enroll_fail("%s", detail[0] != '\0' ? detail : error_text(err));
	if (out != NULL && file_write(out, f->document->bytes) != 0)
		return EXIT_FAILURE;
	printf("configuration document %u is signed; a running `peal-enroll serve` gives it out at once\n",
	       f->document->configuration.sequence);
	return EXIT_SUCCESS;
}

int enroll_document_run(const struct enroll_command *command, int argc, char **argv)
{
	const char *folder = NULL, *out = NULL;
	char detail[ENROLL_DETAIL_SIZE] = "";
	struct enroll_folder f;
	bool show = false;
	int option, rc, err = 0, changes = 0;

	/* Twice over the options: the folder has to be open before a change can be applied. */
	while ((option = getopt_long(argc, argv, "", document_options, NULL)) != -1) {
		if (option == '?')
			return EXIT_USAGE;
		if (option == D_HELP)
			return enroll_help(command);
		if (option == D_FOLDER)
			folder = optarg;
		else if (option == D_SHOW)
			show = true;
		else if (option == D_OUT)
			out = optarg;
		else
			changes++;
	}
	if (optind < argc)
		return enroll_usage(command, "%s is not an option", argv[optind]);
	rc = enroll_open(command, &f, folder);
	if (rc != 0)
		return rc;
	optind = 0; /* glibc: begin again */
	while (err == 0 && (option = getopt_long(argc, argv, "", document_options, NULL)) != -1)
		err = document_change(&f.document->configuration, option, optarg, detail, sizeof(detail));
	if (err != 0)
		rc = detail[0] != '\0' ? enroll_fail("%s", detail) : EXIT_USAGE;
	else if (changes > 0)
		rc = document_sign(&f, out);
	else if (out != NULL)
		rc = file_write(out, f.document->bytes);
	else if (!show)
		rc = enroll_usage(command, "no change is named");
	if (show && rc == 0)
		document_print_settings(&f.document->configuration, stdout);
	enroll_folder_close(&f);
	return rc;
}

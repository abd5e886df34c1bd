/* SPDX-License-Identifier: MIT */
/* pealctl identity show, export, import. */
#include "tools/ctl_identity.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/keystore.h"
#include "crypto/private_file.h"
#include "node/configuration_document.h"
#include "tools/ctl_show.h"
#include "tools/overlay_time.h"
#include "tools/password_prompt.h"

#define DETAIL_SIZE 512
#define DOCUMENT_MAX (1024 * 1024)
#define PKCS12_MAX 65536
#define FINGERPRINT_SIZE (3 * CERTIFICATE_HASH_LENGTH + 1)

static const char ENROLL_HINT[] = "Get an identity with `pealctl identity enroll`, or name the folder with "
				  "--folder.";

/* A key and the document that says what its certificate must look like. */
struct folder {
	struct keystore *keys;                   /* owned */
	struct configuration_document *document; /* owned */
	char detail[DETAIL_SIZE];
};

static void folder_close(struct folder *f)
{
	keystore_free(f->keys);
	configuration_document_free(f->document);
}

static int folder_open_keys(struct ctl *ctl, struct folder *f)
{
	int err = keystore_open(&f->keys, ctl->folder, f->detail, sizeof(f->detail));

	if (err == ERR_NOT_FOUND)
		return ctl_fail(ctl, "NOT_FOUND", ENROLL_HINT, "%s holds a key but no certificate yet",
				ctl->folder);
	return err == 0 ? CTL_DONE : ctl_fail(ctl, error_name(err), ENROLL_HINT, "%s", f->detail);
}

static int folder_open_document(struct ctl *ctl, struct folder *f)
{
	char path[IDENTITY_PATH_SIZE];
	uint8_t *bytes;
	size_t len;
	int err;

	snprintf(path, sizeof(path), "%s/" IDENTITY_DOCUMENT, ctl->folder);
	err = private_file_read(path, DOCUMENT_MAX, &bytes, &len, f->detail, sizeof(f->detail));
	if (err == 0) {
		err = configuration_document_parse(&f->document, slice_of(bytes, len), NULL, f->detail,
						   sizeof(f->detail));
		private_file_free(bytes, len);
	}
	return err == 0 ? CTL_DONE : ctl_fail(ctl, error_name(err),
		"The folder needs the overlay's configuration document: `pealctl identity enroll` fetches it.",
		"%s: %s", path, f->detail);
}

/* The SHA-256 of the certificate as pairs of hex digits. */
static const char *fingerprint_text(const uint8_t *hash, char *out)
{
	for (size_t i = 0; i < CERTIFICATE_HASH_LENGTH; i++)
		snprintf(out + 3 * i, 4, "%02X%s", hash[i], i + 1 < CERTIFICATE_HASH_LENGTH ? ":" : "");
	return out;
}

/* `issuer` is empty when the certificate does not lead to a root. */
static json_t *identity_json(const struct identity *id, const struct folder *f, const char *issuer,
			     const char *problem)
{
	char text[NODE_ID_TEXT_SIZE], fingerprint[FINGERPRINT_SIZE], hit[HIT_TEXT_SIZE];
	json_t *node_ids = json_array();

	for (size_t i = 0; i < id->node_id_count; i++)
		json_array_append_new(node_ids, json_string(node_id_text(&id->node_ids[i], text)));
	return json_pack("{s:s, s:s, s:o, s:s*, s:I, s:I, s:b, s:s*, s:s, s:s*, s:i}", "user", id->user, "overlay",
			 f->document->configuration.overlay_name, "node_ids", node_ids, "hit",
			 hit_is_zero(&id->hit) ? NULL : hit_text(&id->hit, hit), "not_before_ms",
			 (json_int_t)id->not_before.ms, "not_after_ms", (json_int_t)id->not_after.ms, "valid",
			 problem == NULL, "problem", problem, "fingerprint",
			 fingerprint_text(id->certificate_hash, fingerprint), "issuer_fingerprint",
			 issuer[0] == '\0' ? NULL : issuer, "document_sequence",
			 (int)f->document->configuration.sequence);
}

static int identity_print_certificate(struct ctl *ctl, struct folder *f)
{
	struct provider_trust trust = configuration_document_trust(f->document);
	uint8_t hash[CERTIFICATE_HASH_LENGTH];
	char issuer[FINGERPRINT_SIZE] = "";
	struct identity identity = { 0 };
	const char *problem = NULL;
	struct provider *p;
	json_t *json;
	int err = provider_new(&p, NULL, &trust, f->detail, sizeof(f->detail));

	if (err != 0)
		return ctl_fail(ctl, error_name(err), NULL, "%s", f->detail);
	err = provider_identify(p, overlay_now(), keystore_certificate(f->keys), &identity, f->detail,
				sizeof(f->detail));
	if (provider_issuer(p, keystore_certificate(f->keys), hash))
		fingerprint_text(hash, issuer);
	provider_free(p);
	/* An expired certificate still tells whose it is; any other that is refused tells nothing. */
	if (err == ERR_CERTIFICATE_EXPIRED && identity.node_id_count > 0)
		problem = "expired or not yet valid: renew it with `pealctl identity enroll`";
	else if (err != 0)
		return ctl_fail(ctl, error_name(err), "Enroll again with `pealctl identity enroll`.",
				"the certificate in %s is not valid in this overlay: %s", ctl->folder,
				f->detail);
	json = identity_json(&identity, f, issuer, problem);
	if (ctl->json) {
		json_t *result = json_pack("{s:O}", "result", json);

		json_dumpf(result, stdout, JSON_COMPACT);
		putchar('\n');
		json_decref(result);
	} else {
		show_object(&ctl->out, json);
	}
	json_decref(json);
	return problem == NULL ? CTL_DONE : CTL_FAILED;
}

int identity_print(struct ctl *ctl)
{
	struct folder f = { 0 };
	int rc = folder_open_keys(ctl, &f);

	if (rc == CTL_DONE)
		rc = folder_open_document(ctl, &f);
	if (rc == CTL_DONE)
		rc = identity_print_certificate(ctl, &f);
	folder_close(&f);
	return rc;
}

int identity_show_run(struct ctl *ctl, const struct ctl_command *command, json_t *arguments)
{
	(void)command;
	(void)arguments;
	return identity_print(ctl);
}

static int export_keys(struct ctl *ctl, struct folder *f, const char *file, const char *passphrase)
{
	uint8_t *der;
	size_t len;
	int err = keystore_export(f->keys, passphrase, &der, &len);

	if (err != 0)
		return ctl_fail(ctl, error_name(err), NULL, "%s", error_text(err));
	err = private_file_write(file, slice_of(der, len), false, f->detail, sizeof(f->detail));
	private_file_free(der, len);
	if (err != 0)
		return ctl_fail(ctl, error_name(err), "Name a file that does not exist yet, in a folder you may "
				"write to.", "%s", f->detail);
	if (!ctl->json)
		printf("%s holds key and certificate; whoever has it and the passphrase is this node\n", file);
	return CTL_DONE;
}

int identity_export_run(struct ctl *ctl, const struct ctl_command *command, json_t *arguments)
{
	const char *password_file = json_string_value(json_object_get(arguments, "password_file"));
	char passphrase[PASSWORD_TEXT_SIZE];
	struct folder f = { 0 };
	int rc = folder_open_keys(ctl, &f);
	int err;

	(void)command;
	if (rc == CTL_DONE) {
		err = password_read(password_file, "passphrase", true, passphrase, f.detail, sizeof(f.detail));
		rc = err != 0 ? ctl_fail(ctl, error_name(err), NULL, "%s", f.detail) :
		     export_keys(ctl, &f, json_string_value(json_object_get(arguments, "file")), passphrase);
		explicit_bzero(passphrase, sizeof(passphrase));
	}
	folder_close(&f);
	return rc;
}

/* Any readable file: a PKCS#12 is encrypted, a configuration document public. NUL-terminated. */
static int file_read(struct ctl *ctl, const char *path, size_t max, uint8_t **bytes, size_t *len)
{
	FILE *in = fopen(path, "re");

	*bytes = NULL;
	*len = 0;
	if (in == NULL)
		return ctl_fail(ctl, "IO", NULL, "%s: %s", path, strerror(errno));
	*bytes = calloc(1, max + 1);
	if (*bytes != NULL)
		*len = fread(*bytes, 1, max + 1, in);
	fclose(in);
	if (*len > 0 && *len <= max)
		return CTL_DONE;
	free(*bytes);
	*bytes = NULL;
	return ctl_fail(ctl, "LIMIT", NULL, "%s is empty or longer than %zu bytes", path, max);
}

/* Keeps a configuration document that is rightly signed. */
static int import_document(struct ctl *ctl, struct folder *f, const char *file)
{
	char path[IDENTITY_PATH_SIZE];
	const struct configuration *c;
	uint8_t *bytes;
	size_t len;
	int rc = file_read(ctl, file, DOCUMENT_MAX, &bytes, &len);
	int err;

	if (rc != CTL_DONE)
		return rc;
	err = configuration_document_parse(&f->document, slice_of(bytes, len), NULL, f->detail,
					   sizeof(f->detail));
	if (err == 0) {
		c = &f->document->configuration;
		err = configuration_document_verify(f->document, overlay_now(), c->configuration_signers,
						    c->configuration_signer_count, f->detail,
						    sizeof(f->detail));
	}
	snprintf(path, sizeof(path), "%s/" IDENTITY_DOCUMENT, ctl->folder);
	if (err == 0)
		err = private_file_write(path, slice_of(bytes, len), true, f->detail, sizeof(f->detail));
	free(bytes);
	return err == 0 ? CTL_DONE : ctl_fail(ctl, error_name(err), NULL, "%s: %s", file, f->detail);
}

static int import_keys(struct ctl *ctl, struct folder *f, const char *file, const char *password_file)
{
	char passphrase[PASSWORD_TEXT_SIZE];
	uint8_t *bytes;
	size_t len;
	int rc = file_read(ctl, file, PKCS12_MAX, &bytes, &len);
	int err;

	if (rc != CTL_DONE)
		return rc;
	err = password_read(password_file, "passphrase", false, passphrase, f->detail, sizeof(f->detail));
	if (err == 0) {
		err = keystore_import(&f->keys, ctl->folder, slice_of(bytes, len), passphrase, f->detail,
				      sizeof(f->detail));
		if (err == ERR_KEY && f->detail[0] == '\0')
			snprintf(f->detail, sizeof(f->detail), "%s: the passphrase is wrong, or it is no "
				 "PKCS#12 file", file);
	}
	explicit_bzero(passphrase, sizeof(passphrase));
	free(bytes);
	return err == 0 ? CTL_DONE : ctl_fail(ctl, error_name(err), err == ERR_DUPLICATE ?
		"The folder has a key already, which is not overwritten: name another --folder." : NULL,
		"%s", f->detail);
}

int identity_import_run(struct ctl *ctl, const struct ctl_command *command, json_t *arguments)
{
	const char *document = json_string_value(json_object_get(arguments, "document"));
	struct folder f = { 0 };
	int rc = import_keys(ctl, &f, json_string_value(json_object_get(arguments, "file")),
			     json_string_value(json_object_get(arguments, "password_file")));

	(void)command;
	if (rc == CTL_DONE && document != NULL)
		rc = import_document(ctl, &f, document);
	folder_close(&f);
	if (rc != CTL_DONE)
		return rc;
	if (document != NULL)
		return identity_print(ctl);
	if (!ctl->json)
		printf("key and certificate are in %s; it still needs the configuration document ("
		       IDENTITY_DOCUMENT "): `pealctl identity enroll`, or copy it there\n", ctl->folder);
	return CTL_DONE;
}

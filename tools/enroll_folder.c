/* SPDX-License-Identifier: MIT */
/* Makes and opens an overlay's folder. */
#include "tools/enroll_folder.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/certificate_authority.h"
#include "crypto/keystore.h"
#include "crypto/private_file.h"
#include "tools/enroll_tls.h"
#include "tools/overlay_time.h"

#define DAY_MS 86400000ull
#define DOCUMENT_MAX (1024 * 1024)
#define DOCUMENT_OVERHEAD 4096 /* bytes around it in a ConfigUpdate: header, lists, certificate, signature */

const char *enroll_path(const char *folder, const char *name, char *out)
{
	snprintf(out, ENROLL_FILE_SIZE, "%s/%s", folder, name);
	return out;
}

/* Refuses a folder that holds anything, so that nothing is ever overwritten. */
static int folder_check_empty(const char *path, char *detail, size_t detail_size)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	int err = 0;

	if (dir == NULL && errno == ENOENT)
		return 0;
	if (dir == NULL) {
		snprintf(detail, detail_size, "%s: %s", path, strerror(errno));
		return ERR_IO;
	}
	while (err == 0 && (entry = readdir(dir)) != NULL)
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			err = ERR_DUPLICATE;
	closedir(dir);
	if (err != 0)
		snprintf(detail, detail_size, "%s is not empty: nothing is overwritten; name a new folder", path);
	return err;
}

/* An account that nobody can log in to, so that the signer's Node-ID is kept like any other's. */
static int signer_account(const struct enroll_overlay *o, const char *user, struct walltime now, char *detail,
			  size_t detail_size)
{
	int err = enroll_state_user_add(o->state, user, "none", 1, now);

	if (err != 0 && err != ERR_DUPLICATE)
		snprintf(detail, detail_size, "%s", enroll_state_error(o->state));
	return err == ERR_DUPLICATE ? 0 : err;
}

/* Issues the signer's certificate. It lasts as long as the root's: the document carries it, and with it
 * the document would stop to verify. */
static int signer_certify(const struct enroll_overlay *o, struct keystore *signer, struct walltime now,
			  char *detail, size_t detail_size)
{
	char user[USER_NAME_MAX + 1];
	struct enroll_request request = { .user = user };
	struct enroll_answer answer = { 0 };
	uint8_t *csr;
	size_t len;
	int err = keystore_make_csr(signer, &csr, &len);

	if (err != 0) {
		snprintf(detail, detail_size, "making the signer's request: %s", error_text(err));
		return err;
	}
	if ((size_t)snprintf(user, sizeof(user), ENROLL_SIGNER "@%.200s", o->name) >= sizeof(user))
		user[0] = '\0';
	request.csr = slice_of(csr, len);
	err = signer_account(o, user, now, detail, detail_size);
	if (err == 0 && enroll_issue(o, &request, now, &answer) != ENROLL_ISSUED) {
		snprintf(detail, detail_size, "certifying the configuration-signer: %s", answer.detail);
		err = ERR_CERTIFICATE;
	}
	if (err == 0)
		err = keystore_set_certificate(signer, slice_of(answer.certificate, answer.certificate_len),
					       detail, detail_size);
	enroll_answer_free(&answer);
	free(csr);
	return err;
}

/* The signer's Node-ID, as its own certificate gives it. */
static int signer_node_id(const struct enroll_folder *f, struct walltime now, struct identity *out,
			  char *detail, size_t detail_size)
{
	struct provider_trust trust = configuration_document_trust(f->document);
	struct provider *p;
	int err = provider_new(&p, NULL, &trust, detail, detail_size);

	if (err != 0)
		return err;
	err = provider_identify(p, now, keystore_certificate(f->signer), out, detail, detail_size);
	provider_free(p);
	return err;
}

static int create_tls(const char *folder, const char *url, const char *overlay_name, struct walltime now,
		      bool *made, char *detail, size_t detail_size)
{
	char paths[4][ENROLL_FILE_SIZE];
	struct enroll_tls_order order = {
		.authority_key = enroll_path(folder, "authority/key.pem", paths[0]),
		.authority_certificate = enroll_path(folder, "authority/certificate.pem", paths[1]),
		.key = enroll_path(folder, "tls-key.pem", paths[2]),
		.certificate = enroll_path(folder, "tls-certificate.pem", paths[3]),
		.url = url,
		.overlay_name = overlay_name,
	};

	return enroll_tls_prepare(&order, now, made, detail, detail_size);
}

static int create_settings(struct enroll_state *s, const struct enroll_create *options, char *detail,
			   size_t detail_size)
{
	char number[16];
	int err = enroll_state_set_setting(s, "url", options->url);

	snprintf(number, sizeof(number), "%u", options->quota);
	if (err == 0)
		err = enroll_state_set_setting(s, "node-ids", number);
	snprintf(number, sizeof(number), "%u", options->certificate_days);
	if (err == 0)
		err = enroll_state_set_setting(s, "certificate-days", number);
	if (err != 0)
		snprintf(detail, detail_size, "%s", enroll_state_error(s));
	return err;
}

/* The first document: root certificate, enrollment server, the signer as configuration- and kind-signer. */
static int create_document(struct enroll_folder *f, const struct enroll_create *options, struct walltime now,
			   char *detail, size_t detail_size)
{
	struct configuration_document *d = f->document;
	struct configuration *c = &d->configuration;
	struct identity signer;
	int err;

	*c = options->configuration;
	c->sequence = 1;
	d->root_certs[0] = keystore_certificate(f->authority);
	d->root_cert_count = 1;
	snprintf(d->enrollment_servers[0], sizeof(d->enrollment_servers[0]), "%.480s/enroll", options->url);
	d->enrollment_server_count = 1;
	err = signer_node_id(f, now, &signer, detail, detail_size);
	if (err == 0) {
		c->configuration_signers[0] = signer.node_id;
		c->configuration_signer_count = 1;
		c->kind_signers[0] = signer.node_id;
		c->kind_signer_count = 1;
		f->document = NULL; /* the caller's to free: it borrows what it holds */
		err = enroll_folder_set_document(f, d, now, detail, detail_size);
	}
	return err;
}

/* The two keystores. The root certificate first: the signer's is issued by it. */
static int create_keys(struct enroll_folder *f, const struct enroll_create *options, struct walltime now,
		       char *detail, size_t detail_size)
{
	struct walltime from = { now.ms - 300000 };
	struct walltime until = { now.ms + options->root_days * DAY_MS };
	const char *names[CERTIFICATE_PERMITTED_MAX];
	size_t count = options->name_count;
	char path[ENROLL_FILE_SIZE], signer[USER_NAME_MAX + 1];
	char name[65];
	int err = keystore_create(&f->authority, enroll_path(f->path, "authority", path), KEY_P256, detail,
				  detail_size);

	snprintf(name, sizeof(name), "%.50s root", options->configuration.overlay_name);
	/* The configuration-signer is of the overlay's own domain, whatever else may be named. */
	snprintf(signer, sizeof(signer), ENROLL_SIGNER "@%.200s", options->configuration.overlay_name);
	if (count > 0) {
		memcpy(names, options->names, count * sizeof(names[0]));
		names[count++] = signer;
	}
	if (err == 0)
		err = certificate_authority_create_for(f->authority, name, names, count, from, until, detail,
						       detail_size);
	if (err == 0)
		err = keystore_create(&f->signer, enroll_path(f->path, "signer", path), KEY_P256, detail,
				      detail_size);
	return err;
}

int enroll_folder_create(const struct enroll_create *options, struct walltime now, char *detail,
			 size_t detail_size)
{
	const struct configuration *c = &options->configuration;
	struct configuration_document *document = calloc(1, sizeof(*document));
	struct enroll_folder f = { .document = document };
	char path[ENROLL_FILE_SIZE];
	bool made;
	int err;

	if (document == NULL)
		return ERR_LIMIT;
	snprintf(f.path, sizeof(f.path), "%s", options->folder);
	err = folder_check_empty(f.path, detail, detail_size);
	if (err == 0)
		err = private_folder_create(f.path, detail, detail_size);
	if (err == 0)
		err = create_keys(&f, options, now, detail, detail_size);
	if (err == 0)
		err = enroll_state_create(&f.overlay.state, enroll_path(f.path, "state.sqlite", path),
					  detail, detail_size);
	if (err == 0)
		err = create_settings(f.overlay.state, options, detail, detail_size);
	if (err == 0)
		err = create_tls(f.path, options->url, c->overlay_name, now, &made, detail, detail_size);
	if (err == 0) {
		snprintf(f.overlay.name, sizeof(f.overlay.name), "%s", c->overlay_name);
		f.overlay.node_id_bits = c->node_id_bits;
		f.overlay.node_id_slots = c->node_id_slots;
		f.overlay.certificate_days = options->root_days;
		f.overlay.authority = f.authority;
		err = signer_certify(&f.overlay, f.signer, now, detail, detail_size);
	}
	if (err == 0)
		err = create_document(&f, options, now, detail, detail_size);
	if (f.document == document)
		f.document = NULL;
	free(document);
	enroll_folder_close(&f);
	return err;
}

static int open_settings(struct enroll_folder *f, char *detail, size_t detail_size)
{
	char number[ENROLL_SETTING_MAX + 1];
	int err = enroll_state_setting(f->overlay.state, "url", f->url);

	if (err == 0)
		err = enroll_state_setting(f->overlay.state, "node-ids", number);
	if (err == 0) {
		f->quota = (unsigned)strtoul(number, NULL, 10);
		err = enroll_state_setting(f->overlay.state, "certificate-days", number);
	}
	if (err == 0)
		f->overlay.certificate_days = (uint32_t)strtoul(number, NULL, 10);
	if (err != 0 || f->quota == 0 || f->overlay.certificate_days == 0) {
		snprintf(detail, detail_size, "the state file lacks a setting: it is damaged; restore it");
		return ERR_STORAGE;
	}
	return 0;
}

static int open_document(struct enroll_folder *f, struct walltime now, char *detail, size_t detail_size)
{
	const struct configuration *c;
	uint8_t *bytes;
	size_t len;
	int err = enroll_folder_document(f, &bytes, &len, detail, detail_size);

	if (err != 0)
		return err;
	err = configuration_document_parse(&f->document, slice_of(bytes, len), NULL, detail, detail_size);
	free(bytes);
	if (err != 0)
		return err;
	c = &f->document->configuration;
	snprintf(f->overlay.name, sizeof(f->overlay.name), "%s", c->overlay_name);
	f->overlay.node_id_bits = c->node_id_bits;
	f->overlay.node_id_slots = c->node_id_slots;
	return configuration_document_verify(f->document, now, c->configuration_signers,
					     c->configuration_signer_count, detail, detail_size);
}

int enroll_folder_open(struct enroll_folder *f, const char *path, struct walltime now, char *detail,
		       size_t detail_size)
{
	char file[ENROLL_FILE_SIZE];
	bool made;
	int err;

	memset(f, 0, sizeof(*f));
	if (strlen(path) >= sizeof(f->path)) {
		snprintf(detail, detail_size, "the folder's name is too long");
		return ERR_LIMIT;
	}
	snprintf(f->path, sizeof(f->path), "%s", path);
	err = private_folder_check(f->path, detail, detail_size);
	if (err == 0)
		err = keystore_open(&f->authority, enroll_path(path, "authority", file), detail, detail_size);
	if (err == 0)
		err = keystore_open(&f->signer, enroll_path(path, "signer", file), detail, detail_size);
	if (err == 0)
		err = enroll_state_open(&f->overlay.state, enroll_path(path, "state.sqlite", file), detail,
					detail_size);
	if (err == 0) {
		f->overlay.authority = f->authority;
		err = open_settings(f, detail, detail_size);
	}
	if (err == 0)
		err = open_document(f, now, detail, detail_size);
	if (err == 0)
		err = create_tls(path, f->url, f->overlay.name, now, &made, detail, detail_size);
	if (err != 0)
		enroll_folder_close(f);
	return err;
}

void enroll_folder_close(struct enroll_folder *f)
{
	configuration_document_free(f->document);
	keystore_free(f->authority);
	keystore_free(f->signer);
	enroll_state_close(f->overlay.state);
	memset(f, 0, sizeof(*f));
}

int enroll_folder_document(const struct enroll_folder *f, uint8_t **bytes, size_t *len, char *detail,
			   size_t detail_size)
{
	char path[ENROLL_FILE_SIZE];

	return private_file_read(enroll_path(f->path, "configuration.xml", path), DOCUMENT_MAX, bytes, len,
				 detail, detail_size);
}

/* A ConfigUpdate carries the whole document (RFC 6940 6.5.4): one that does not fit would reach nobody. */
static int document_check_size(const struct configuration *c, size_t len, char *detail, size_t detail_size)
{
	if (len + DOCUMENT_OVERHEAD <= c->max_message_size)
		return 0;
	snprintf(detail, detail_size, "the document has %zu bytes and must travel in one message: max-message-size "
		 "%u is too small, it must be at least %zu", len, c->max_message_size, len + DOCUMENT_OVERHEAD);
	return ERR_CONFIG;
}

int enroll_folder_set_document(struct enroll_folder *f, struct configuration_document *document,
			       struct walltime now, char *detail, size_t detail_size)
{
	struct configuration_document *written = NULL;
	const struct configuration *c;
	char path[ENROLL_FILE_SIZE];
	char *text;
	int err = configuration_document_write(document, f->signer, &text, detail, detail_size);

	if (err != 0)
		return err;
	err = document_check_size(&document->configuration, strlen(text), detail, detail_size);
	if (err == 0)
		err = configuration_document_parse(&written, slice_text(text), NULL, detail, detail_size);
	if (err == 0) {
		c = &written->configuration;
		err = configuration_document_verify(written, now, c->configuration_signers,
						    c->configuration_signer_count, detail, detail_size);
	}
	if (err == 0)
		err = private_file_write(enroll_path(f->path, "configuration.xml", path), slice_text(text),
					 true, detail, detail_size);
	free(text);
	if (err != 0) {
		configuration_document_free(written);
		return err;
	}
	configuration_document_free(f->document);
	f->document = written;
	return 0;
}

/* SPDX-License-Identifier: MIT */
/* pealctl identity enroll (RFC 6940 11.2, 11.3): configuration document, key, request, certificate. */
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/keystore.h"
#include "crypto/private_file.h"
#include "node/configuration_document.h"
#include "overlay/base/invariant.h"
#include "tools/ctl_https.h"
#include "tools/ctl_identity.h"
#include "tools/overlay_time.h"
#include "tools/password_prompt.h"

#define DETAIL_SIZE 512
#define DOCUMENT_MAX (1024 * 1024)

/* One enrollment under way. */
struct enrollment {
	struct ctl *ctl;
	const char *user;
	const char *ca;
	char overlay[OVERLAY_NAME_MAX + 1];
	char url[1024];       /* of the configuration document */
	char connect_to[300]; /* found by SRV; "" otherwise */
	unsigned node_ids;
	unsigned device;
	struct configuration_document *document; /* owned */
	bool document_is_new;
	struct keystore *keys; /* owned */
	char detail[DETAIL_SIZE];
};

static void step(const struct enrollment *e, const char *text)
{
	if (e->ctl->err.is_terminal && !e->ctl->json)
		fprintf(stderr, "%s%s ...%s\n", terminal_begin(&e->ctl->err, STYLE_DIM), text,
			terminal_end(&e->ctl->err));
}

/* A failed call: what the error means for whoever enrolls. */
static int fail_https(const struct enrollment *e, int err)
{
	const char *hint = "Is the enrollment server running, and is the URL right?";

	if (err == ERR_CERTIFICATE)
		hint = "The server's certificate is not trusted: give the overlay's certificate file, which its "
		       "operator hands out, with --ca.";
	else if (err == ERR_PERMISSION)
		hint = "The file given with --ca must be readable and hold PEM certificates.";
	else if (err == ERR_LIMIT)
		hint = "The answer is too long to be what was asked for: is the URL right?";
	return ctl_fail(e->ctl, error_name(err), hint, "%s", e->detail);
}

/* RFC 6940 11.2: the URL given, or that of the overlay, connecting where its SRV record says. */
static int enrollment_locate(struct enrollment *e, const char *url)
{
	size_t len;

	if (url == NULL) {
		if (https_discover(e->overlay, e->connect_to, sizeof(e->connect_to)) != 0)
			e->connect_to[0] = '\0';
		snprintf(e->url, sizeof(e->url), "https://%s/.well-known/reload-config", e->overlay);
		return CTL_DONE;
	}
	len = strlen(url);
	if (strncmp(url, "https://", 8) != 0 || len > 900)
		return ctl_fail(e->ctl, "CONFIG", "Enrollment is by HTTPS only: --url https://HOST[:PORT]",
				"%s is not an https URL", url);
	while (len > 8 && url[len - 1] == '/')
		len--;
	/* A URL with a path is taken as it is. */
	snprintf(e->url, sizeof(e->url), "%.*s%s", (int)len, url,
		 memchr(url + 8, '/', len - 8) != NULL ? "" : "/.well-known/reload-config");
	return CTL_DONE;
}

/* The document that the folder already holds; NULL when there is none. */
static int document_previous(struct enrollment *e, struct configuration_document **out)
{
	char path[IDENTITY_PATH_SIZE];
	uint8_t *bytes;
	size_t len;
	int err;

	*out = NULL;
	snprintf(path, sizeof(path), "%s/" IDENTITY_DOCUMENT, e->ctl->folder);
	err = private_file_read(path, DOCUMENT_MAX, &bytes, &len, e->detail, sizeof(e->detail));
	if (err == ERR_NOT_FOUND)
		return CTL_DONE;
	if (err == 0) {
		err = configuration_document_parse(out, slice_of(bytes, len), e->overlay, e->detail,
						   sizeof(e->detail));
		private_file_free(bytes, len);
	}
	return err == 0 ? CTL_DONE : ctl_fail(e->ctl, error_name(err),
		"A folder holds one identity of one overlay: use another --folder, or remove the file.",
		"%s: %s", path, e->detail);
}

/* Signed by its own configuration-signer under its own root: the first document is believed because HTTPS
 * brought it (11.2). A later one has to be signed by a signer of the one before (11.1). */
static int document_check(struct enrollment *e, const struct configuration_document *previous)
{
	const struct configuration *c = &e->document->configuration;
	int err = configuration_document_verify(e->document, overlay_now(), c->configuration_signers,
						c->configuration_signer_count, e->detail, sizeof(e->detail));

	e->document_is_new = previous == NULL ||
		configuration_sequence_newer(c->sequence, previous->configuration.sequence);
	if (err == 0 && previous != NULL && e->document_is_new)
		err = configuration_document_verify_update(e->document, previous, overlay_now(), e->detail,
							   sizeof(e->detail));
	if (err == 0)
		return CTL_DONE;
	return ctl_fail(e->ctl, error_name(err), previous == NULL ?
			"Ask the overlay's operator: the document that the server gives is not rightly signed." :
			"Is this another overlay of the same name? Ask its operator; with a new --folder you "
			"begin anew.", "the configuration document: %s", e->detail);
}

static int document_fetch(struct enrollment *e)
{
	const struct https_call call = { e->url, e->ca, e->connect_to[0] != '\0' ? e->connect_to : NULL };
	struct configuration_document *previous;
	struct https_answer answer;
	int rc, err = https_get(&call, &answer, e->detail, sizeof(e->detail));

	if (err != 0)
		return fail_https(e, err);
	if (answer.status != 200) {
		https_answer_free(&answer);
		return ctl_fail(e->ctl, "NOT_FOUND", "Is the URL that of the overlay's enrollment server?",
				"%s answers with status %ld", e->url, answer.status);
	}
	err = configuration_document_parse(&e->document, slice_of(answer.body, answer.len), e->overlay,
					   e->detail, sizeof(e->detail));
	https_answer_free(&answer);
	if (err != 0)
		return ctl_fail(e->ctl, error_name(err),
				"Is this the server of that overlay? --overlay names it where it is not the "
				"user name's domain.", "%s: %s", e->url, e->detail);
	rc = document_previous(e, &previous);
	if (rc == CTL_DONE)
		rc = document_check(e, previous);
	configuration_document_free(previous);
	return rc;
}

/* The folder's key; made when there is none. */
static int keys_prepare(struct enrollment *e)
{
	char path[IDENTITY_PATH_SIZE];
	int err;

	snprintf(path, sizeof(path), "%s/key.pem", e->ctl->folder);
	err = private_file_check(path, e->detail, sizeof(e->detail));
	if (err == ERR_NOT_FOUND)
		err = keystore_create(&e->keys, e->ctl->folder, KEY_P256, e->detail, sizeof(e->detail));
	else if (err == 0)
		err = keystore_open(&e->keys, e->ctl->folder, e->detail, sizeof(e->detail));
	if (err == 0 || (err == ERR_NOT_FOUND && e->keys != NULL))
		return CTL_DONE;
	return ctl_fail(e->ctl, error_name(err), "The state folder belongs to the node's user alone "
			"(mode 0700); its parent must exist.", "%s", e->detail);
}

/* What the tokens of RFC 6940 11.3 mean. */
static int fail_refused(const struct enrollment *e, const struct https_answer *a)
{
	static const struct {
		const char *token;
		const char *text;
		const char *hint;
	} tokens[] = {
		{ "failed_authentication", "the user name or the password is wrong",
		  "Try again; the overlay's operator can set a new one with `peal-enroll user passwd`." },
		{ "username_not_available", "the server does not certify this user name",
		  "Ask the overlay's operator for an account under this name." },
		{ "Node-IDs_not_available", "this user has no Node-ID left for another device",
		  "Take over an old device's with --device N, or ask the operator for more "
		  "(`peal-enroll user quota`, `user forget`)." },
		{ "bad_CSR", "the server refuses this key",
		  "A key belongs to one user and one device: enroll with another --folder." },
	};
	char token[64];

	snprintf(token, sizeof(token), "%.*s", (int)strcspn((const char *)a->body, "\r\n"),
		 (const char *)a->body);
	if (a->retry_after_s > 0)
		return ctl_fail(e->ctl, token, "Wait, then try again with the right password.",
				"too many failed attempts; the server listens again in %ld s", a->retry_after_s);
	for (size_t i = 0; i < sizeof(tokens) / sizeof(tokens[0]); i++)
		if (strcmp(tokens[i].token, token) == 0)
			return ctl_fail(e->ctl, token, tokens[i].hint, "%s", tokens[i].text);
	return ctl_fail(e->ctl, "FORBIDDEN", "Ask the overlay's operator; the server's log tells more.",
			"the server refuses for a reason this program does not know");
}

/* Whom the certificate is for, under the document's root; and that it is for our user and key. */
static int certificate_keep(struct enrollment *e, struct slice der)
{
	struct provider_trust trust = configuration_document_trust(e->document);
	char path[IDENTITY_PATH_SIZE];
	struct identity identity;
	struct provider *p;
	int err = provider_new(&p, NULL, &trust, e->detail, sizeof(e->detail));

	if (err == 0) {
		err = provider_identify(p, overlay_now(), der, &identity, e->detail, sizeof(e->detail));
		provider_free(p);
	}
	if (err == 0 && strcmp(identity.user, e->user) != 0) {
		snprintf(e->detail, sizeof(e->detail), "it is for another user");
		err = ERR_CERTIFICATE;
	}
	snprintf(path, sizeof(path), "%s/" IDENTITY_DOCUMENT, e->ctl->folder);
	if (err == 0 && e->document_is_new)
		err = private_file_write(path, e->document->bytes, true, e->detail, sizeof(e->detail));
	if (err == 0)
		err = keystore_set_certificate(e->keys, der, e->detail, sizeof(e->detail));
	if (err == 0)
		return CTL_DONE;
	return ctl_fail(e->ctl, error_name(err), "Nothing was changed. Ask the overlay's operator.",
			"the certificate that the server gave cannot be used: %s", e->detail);
}

static int certificate_get(struct enrollment *e, const char *password)
{
	struct https_enrollment request = { .user = e->user, .password = password, .node_ids = e->node_ids,
					    .device = e->device };
	struct https_answer answer;
	uint8_t *csr;
	size_t len;
	int rc, err = keystore_make_csr(e->keys, &csr, &len);

	if (err != 0)
		return ctl_fail(e->ctl, error_name(err), "Is key.pem damaged?", "%s", error_text(err));
	request.csr = slice_of(csr, len);
	err = ERR_LINK;
	for (size_t i = 0; i < e->document->enrollment_server_count && err == ERR_LINK; i++) {
		const struct https_call call = { e->document->enrollment_servers[i], e->ca, NULL };

		err = https_enroll(&call, &request, &answer, e->detail, sizeof(e->detail));
	}
	free(csr);
	if (e->document->enrollment_server_count == 0)
		return ctl_fail(e->ctl, "NOT_FOUND", "Ask its operator how to get a certificate.",
				"the overlay names no enrollment server");
	if (err != 0)
		return fail_https(e, err);
	if (answer.status == 200 && strcmp(answer.content_type, "application/pkix-cert") == 0)
		rc = certificate_keep(e, slice_of(answer.body, answer.len));
	else if (answer.status == 403 && answer.len > 0)
		rc = fail_refused(e, &answer);
	else
		rc = ctl_fail(e->ctl, "LINK", "The server's log tells more.",
			      "the enrollment server answers with status %ld", answer.status);
	https_answer_free(&answer);
	return rc;
}

static int enroll(struct enrollment *e, const char *url, const char *password_file)
{
	char password[PASSWORD_TEXT_SIZE], prompt[USER_NAME_MAX + 32];
	int rc = enrollment_locate(e, url);
	int err;

	if (rc != CTL_DONE)
		return rc;
	step(e, "fetching the configuration document");
	rc = document_fetch(e);
	if (rc != CTL_DONE)
		return rc;
	snprintf(prompt, sizeof(prompt), "password for %s", e->user);
	err = password_read(password_file, prompt, false, password, e->detail, sizeof(e->detail));
	if (err != 0)
		return ctl_fail(e->ctl, error_name(err), NULL, "%s", e->detail);
	rc = keys_prepare(e);
	if (rc == CTL_DONE) {
		step(e, "asking for a certificate");
		rc = certificate_get(e, password);
	}
	explicit_bzero(password, sizeof(password));
	return rc == CTL_DONE ? identity_print(e->ctl) : rc;
}

/* A small number of the arguments; 0 when it is not there. */
static unsigned number_of(json_t *arguments, const char *name)
{
	json_int_t n = json_integer_value(json_object_get(arguments, name));

	return n < 0 || n > 999 ? 999 : (unsigned)n;
}

int identity_enroll_run(struct ctl *ctl, const struct ctl_command *command, json_t *arguments)
{
	struct enrollment e = {
		.ctl = ctl,
		.user = json_string_value(json_object_get(arguments, "user")),
		.ca = json_string_value(json_object_get(arguments, "ca")),
		.node_ids = number_of(arguments, "nodeids"),
		.device = number_of(arguments, "device"),
	};
	const char *overlay = json_string_value(json_object_get(arguments, "overlay"));
	const char *at = strrchr(e.user, '@');
	int rc;

	(void)command;
	if (at == NULL || at == e.user || at[1] == '\0' || strlen(e.user) > USER_NAME_MAX)
		return ctl_fail(ctl, "CONFIG", "Give the whole name, such as alice@example.org.",
				"%s is not a user name", e.user);
	if (overlay == NULL)
		overlay = at + 1;
	if ((size_t)snprintf(e.overlay, sizeof(e.overlay), "%s", overlay) >= sizeof(e.overlay))
		return ctl_fail(ctl, "CONFIG", NULL, "the overlay's name is too long");
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return ctl_fail(ctl, "INTERNAL", NULL, "libcurl does not start");
	rc = enroll(&e, json_string_value(json_object_get(arguments, "url")),
		    json_string_value(json_object_get(arguments, "password_file")));
	curl_global_cleanup();
	keystore_free(e.keys);
	configuration_document_free(e.document);
	return rc;
}

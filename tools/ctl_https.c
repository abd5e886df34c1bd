/* SPDX-License-Identifier: MIT */
/* libcurl, and the resolver for SRV records. */
#include "tools/ctl_https.h"

#include <arpa/nameser.h>
#include <curl/curl.h>
#include <netinet/in.h>
#include <resolv.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "overlay/base/invariant.h"
#include "overlay/base/reader.h"

#define TIMEOUT_S 30L
#define CONNECT_TIMEOUT_S 10L
#define DNS_ANSWER_MAX 4096

static size_t take_body(char *bytes, size_t size, size_t count, void *ctx)
{
	struct https_answer *a = ctx;
	size_t len = size * count;

	if (len > HTTPS_ANSWER_MAX - a->len)
		return 0;
	a->body = memory_resize(a->body, a->len + len + 1);
	memcpy(a->body + a->len, bytes, len);
	a->len += len;
	a->body[a->len] = '\0';
	return len;
}

static bool call_prepare(CURL *curl, const struct https_call *call, struct https_answer *out,
			 struct curl_slist **connect_to)
{
	char text[1200];

	if (call->connect_to != NULL) {
		snprintf(text, sizeof(text), "::%s", call->connect_to);
		*connect_to = curl_slist_append(NULL, text);
		if (*connect_to == NULL)
			return false;
	}
	return curl_easy_setopt(curl, CURLOPT_URL, call->url) == CURLE_OK &&
	       curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "https") == CURLE_OK &&
	       curl_easy_setopt(curl, CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2) == CURLE_OK &&
	       curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
	       curl_easy_setopt(curl, CURLOPT_TIMEOUT, TIMEOUT_S) == CURLE_OK &&
	       curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, CONNECT_TIMEOUT_S) == CURLE_OK &&
	       curl_easy_setopt(curl, CURLOPT_USERAGENT, "pealctl/" PEAL_VERSION) == CURLE_OK &&
	       curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body) == CURLE_OK &&
	       curl_easy_setopt(curl, CURLOPT_WRITEDATA, out) == CURLE_OK &&
	       (call->ca == NULL || curl_easy_setopt(curl, CURLOPT_CAINFO, call->ca) == CURLE_OK) &&
	       (*connect_to == NULL || curl_easy_setopt(curl, CURLOPT_CONNECT_TO, *connect_to) == CURLE_OK);
}

static int call_error(CURLcode rc)
{
	switch (rc) {
	case CURLE_OK:
		return 0;
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_ISSUER_ERROR:
		return ERR_CERTIFICATE;
	case CURLE_SSL_CACERT_BADFILE:
		return ERR_PERMISSION;
	case CURLE_WRITE_ERROR:
		return ERR_LIMIT;
	default:
		return ERR_LINK;
	}
}

static void call_read_head(CURL *curl, struct https_answer *out)
{
	const char *type = NULL;
	curl_off_t retry = 0;

	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &out->status);
	if (curl_easy_getinfo(curl, CURLINFO_CONTENT_TYPE, &type) == CURLE_OK && type != NULL)
		snprintf(out->content_type, sizeof(out->content_type), "%.*s", (int)strcspn(type, "; "), type);
	if (curl_easy_getinfo(curl, CURLINFO_RETRY_AFTER, &retry) == CURLE_OK)
		out->retry_after_s = (long)retry;
}

/* Runs the call, with a form when `mime` is not NULL. */
static int call_perform(CURL *curl, const struct https_call *call, curl_mime *mime,
			struct curl_slist *headers, struct https_answer *out, char *detail,
			size_t detail_size)
{
	char error[CURL_ERROR_SIZE] = "";
	struct curl_slist *connect_to = NULL;
	CURLcode rc = CURLE_FAILED_INIT;

	memset(out, 0, sizeof(*out));
	if (call_prepare(curl, call, out, &connect_to) &&
	    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, error) == CURLE_OK &&
	    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers) == CURLE_OK &&
	    (mime == NULL || curl_easy_setopt(curl, CURLOPT_MIMEPOST, mime) == CURLE_OK))
		rc = curl_easy_perform(curl);
	curl_slist_free_all(connect_to);
	if (rc != CURLE_OK) {
		snprintf(detail, detail_size, "%s: %s", call->url, error[0] != '\0' ? error :
			 curl_easy_strerror(rc));
		https_answer_free(out);
		return call_error(rc);
	}
	call_read_head(curl, out);
	return 0;
}

int https_get(const struct https_call *call, struct https_answer *out, char *detail, size_t detail_size)
{
	CURL *curl = curl_easy_init();
	int err;

	invariant(curl != NULL);
	err = call_perform(curl, call, NULL, NULL, out, detail, detail_size);
	curl_easy_cleanup(curl);
	return err;
}

static bool form_add(curl_mime *mime, const char *name, struct slice value, const char *type)
{
	curl_mimepart *part = curl_mime_addpart(mime);

	return part != NULL && curl_mime_name(part, name) == CURLE_OK &&
	       curl_mime_data(part, (const char *)value.data, value.len) == CURLE_OK &&
	       (type == NULL || curl_mime_type(part, type) == CURLE_OK);
}

static bool form_add_number(curl_mime *mime, const char *name, unsigned number)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", number);
	return number == 0 || form_add(mime, name, slice_text(text), NULL);
}

int https_enroll(const struct https_call *call, const struct https_enrollment *e, struct https_answer *out,
		 char *detail, size_t detail_size)
{
	CURL *curl = curl_easy_init();
	curl_mime *mime = curl == NULL ? NULL : curl_mime_init(curl);
	struct curl_slist *headers = curl_slist_append(NULL, "Accept: application/pkix-cert");
	int err;

	invariant(mime != NULL && headers != NULL);
	if (form_add(mime, "username", slice_text(e->user), NULL) &&
	    form_add(mime, "password", slice_text(e->password), NULL) &&
	    form_add_number(mime, "nodeids", e->node_ids) && form_add_number(mime, "device", e->device) &&
	    form_add(mime, "csr", e->csr, "application/pkcs10")) {
		err = call_perform(curl, call, mime, headers, out, detail, detail_size);
	} else {
		snprintf(detail, detail_size, "the request could not be put together");
		err = ERR_INTERNAL;
	}
	curl_slist_free_all(headers);
	curl_mime_free(mime);
	curl_easy_cleanup(curl);
	return err;
}

void https_answer_free(struct https_answer *a)
{
	free(a->body);
	a->body = NULL;
	a->len = 0;
}

int https_discover(const char *overlay, char *host_port, size_t size)
{
	unsigned char answer[DNS_ANSWER_MAX];
	char name[300], host[NS_MAXDNAME];
	unsigned best = 65536;
	ns_msg message;
	int len;

	snprintf(name, sizeof(name), "_reload-config._tcp.%s", overlay);
	len = res_query(name, ns_c_in, ns_t_srv, answer, sizeof(answer));
	if (len <= 0 || len > (int)sizeof(answer) || ns_initparse(answer, len, &message) != 0)
		return ERR_NOT_FOUND;
	for (int i = 0; i < ns_msg_count(message, ns_s_an); i++) {
		ns_rr rr;
		struct reader r;
		unsigned priority, port;

		/* RFC 2782: priority, weight, port, target. */
		if (ns_parserr(&message, ns_s_an, i, &rr) != 0 || ns_rr_type(rr) != ns_t_srv)
			continue;
		r = reader_of(slice_of(ns_rr_rdata(rr), ns_rr_rdlen(rr)));
		priority = reader_u16(&r);
		(void)reader_u16(&r);
		port = reader_u16(&r);
		if (r.err != 0 || priority >= best ||
		    ns_name_uncompress(ns_msg_base(message), ns_msg_end(message), r.at, host, sizeof(host)) < 0)
			continue;
		best = priority;
		snprintf(host_port, size, "%s:%u", host, port);
	}
	return best < 65536 ? 0 : ERR_NOT_FOUND;
}

/* SPDX-License-Identifier: MIT */
/* HTTPS in, answers out. One lock guards state, throttle and counters; it is not held while a password is
 * hashed, which takes long. */
#include "tools/enroll_server.h"

#include <arpa/inet.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "crypto/private_file.h"
#include "overlay/base/invariant.h"
#include "tools/enroll_form.h"
#include "tools/enroll_throttle.h"
#include "tools/overlay_time.h"

#define THREADS 2 /* so that one password being hashed does not stop the rest */
#define CONNECTIONS_MAX 512
#define CONNECTIONS_PER_ADDRESS_MAX 64
#define TIMEOUT_S 15
#define TLS_PRIORITIES "SECURE128:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:%SERVER_PRECEDENCE"
#define PEM_MAX 65536
/* A longer body is read to here before it is refused: a connection that is closed while the client still
 * sends loses the answer on the way. */
#define DRAIN_MAX (1024 * 1024)

struct enroll_server {
	struct MHD_Daemon *daemon;
	struct enroll_folder *folder;
	struct address listen;
	uint8_t *key_pem;
	size_t key_len;
	uint8_t *certificate_pem;
	size_t certificate_len;
	pthread_mutex_t lock;
	struct throttle *throttle;       /* under lock */
	struct enroll_counters counters; /* under lock */
};

/* One request being read. */
struct http_request {
	unsigned status; /* decided before the body was read; the rest of it is ignored. 0: not yet */
	size_t len;
	size_t drained; /* bytes ignored */
	uint8_t body[FORM_BODY_MAX];
};

static void server_lock(void *ctx)
{
	int rc = pthread_mutex_lock(&((struct enroll_server *)ctx)->lock);

	invariant(rc == 0);
}

static void server_unlock(void *ctx)
{
	int rc = pthread_mutex_unlock(&((struct enroll_server *)ctx)->lock);

	invariant(rc == 0);
}

static void server_count(struct enroll_server *s, uint64_t *counter)
{
	server_lock(s);
	(*counter)++;
	server_unlock(s);
}

static struct instant mono_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (struct instant){ (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000 };
}

static struct address address_of(const struct sockaddr *sa)
{
	struct address a = { .type = ADDRESS_NONE };

	if (sa != NULL && sa->sa_family == AF_INET) {
		const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)sa;

		a.type = ADDRESS_IPV4;
		memcpy(a.bytes, &in->sin_addr, 4);
		a.port = ntohs(in->sin_port);
	} else if (sa != NULL && sa->sa_family == AF_INET6) {
		const struct sockaddr_in6 *in = (const struct sockaddr_in6 *)(const void *)sa;

		a.type = ADDRESS_IPV6;
		memcpy(a.bytes, &in->sin6_addr, 16);
		a.port = ntohs(in->sin6_port);
	}
	return a;
}

static struct address address_of_client(struct MHD_Connection *c)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(c, MHD_CONNECTION_INFO_CLIENT_ADDRESS);

	return address_of(info == NULL ? NULL : info->client_addr);
}

static const char *header_of(struct MHD_Connection *c, const char *name)
{
	return MHD_lookup_connection_value(c, MHD_HEADER_KIND, name);
}

/* Queues an answer with a copy of `body`. `extra` is one more header, or NULL. */
static enum MHD_Result answer(struct MHD_Connection *c, unsigned status, const char *type,
			      struct slice body, const char *extra, const char *extra_value)
{
	struct MHD_Response *response = MHD_create_response_from_buffer(
		body.len, (void *)(uintptr_t)body.data, MHD_RESPMEM_MUST_COPY);
	enum MHD_Result result;

	if (response == NULL)
		return MHD_NO;
	if (MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type) != MHD_YES ||
	    MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store") != MHD_YES ||
	    (extra != NULL && MHD_add_response_header(response, extra, extra_value) != MHD_YES)) {
		MHD_destroy_response(response);
		return MHD_NO;
	}
	result = MHD_queue_response(c, status, response);
	MHD_destroy_response(response);
	return result;
}

/* A protocol error: a text that says what was expected. */
static enum MHD_Result answer_refusal(struct enroll_server *s, struct MHD_Connection *c, unsigned status)
{
	struct address from = address_of_client(c);
	char text[ADDRESS_TEXT_SIZE];
	const char *why = "";
	const char *allow = NULL;

	server_count(s, &s->counters.refused);
	switch (status) {
	case MHD_HTTP_BAD_REQUEST:
		why = "the body must be multipart/form-data with username, password and csr (RFC 6940 11.3)\n";
		break;
	case MHD_HTTP_NOT_FOUND:
		why = "there is " ENROLL_CONFIG_PATH " and " ENROLL_PATH "\n";
		break;
	case MHD_HTTP_METHOD_NOT_ALLOWED:
		why = "GET " ENROLL_CONFIG_PATH ", POST " ENROLL_PATH "\n";
		allow = "GET, HEAD, POST";
		break;
	case MHD_HTTP_NOT_ACCEPTABLE:
		why = "the Accept header must allow application/pkix-cert (RFC 6940 11.3)\n";
		break;
	case MHD_HTTP_CONTENT_TOO_LARGE:
		why = "the request is longer than 32768 bytes\n";
		break;
	case MHD_HTTP_UNSUPPORTED_MEDIA_TYPE:
		why = "the body must be multipart/form-data and csr application/pkcs10 (RFC 6940 11.3)\n";
		break;
	default:
		why = "the server failed; its log says why\n";
		break;
	}
	log_info(s->folder->overlay.log, "http.refused", "from=%s status=%u", address_text(&from, text),
		 status);
	return answer(c, status, "text/plain", slice_text(why), allow != NULL ? MHD_HTTP_HEADER_ALLOW : NULL,
		      allow);
}

static enum MHD_Result answer_document(struct enroll_server *s, struct MHD_Connection *c)
{
	char detail[ENROLL_DETAIL_SIZE];
	enum MHD_Result result;
	uint8_t *bytes;
	size_t len;
	int err = enroll_folder_document(s->folder, &bytes, &len, detail, sizeof(detail));

	if (err != 0) {
		log_error(s->folder->overlay.log, "document.unreadable", "error=%s detail=\"%s\"",
			  error_name(err), detail);
		return answer_refusal(s, c, MHD_HTTP_INTERNAL_SERVER_ERROR);
	}
	server_count(s, &s->counters.documents);
	result = answer(c, MHD_HTTP_OK, "application/p2p-overlay+xml", slice_of(bytes, len), NULL, NULL);
	private_file_free(bytes, len);
	return result;
}

/* Log-in and certificate. Counts and logs what came of it. *wait_s: when to try again, when throttled. */
static enum enroll_outcome server_enroll(struct enroll_server *s, const struct enroll_form *form,
					 const struct address *from, struct enroll_answer *out,
					 uint32_t *wait_s)
{
	const struct enroll_overlay *o = &s->folder->overlay;
	const struct enroll_lock lock = { server_lock, server_unlock, s };
	struct enroll_request request = { form->username, form->csr, form->node_ids, form->device };
	bool known = enroll_user_is_acceptable(form->username);
	enum enroll_outcome outcome = ENROLL_FAILED_AUTHENTICATION;
	char text[ADDRESS_TEXT_SIZE];

	memset(out, 0, sizeof(*out));
	server_lock(s);
	*wait_s = throttle_wait(s->throttle, mono_now(), form->username, from);
	s->counters.throttled += *wait_s > 0;
	server_unlock(s);
	if (*wait_s == 0)
		outcome = enroll_authenticate(o, form->username, form->password, &lock);
	else
		snprintf(out->detail, sizeof(out->detail), "throttled for %u s", *wait_s);
	server_lock(s);
	if (outcome == ENROLL_ISSUED) {
		throttle_succeeded(s->throttle, form->username, from);
		outcome = enroll_issue(o, &request, overlay_now(), out);
	} else if (outcome == ENROLL_FAILED_AUTHENTICATION && *wait_s == 0) {
		throttle_failed(s->throttle, mono_now(), form->username, from);
	}
	s->counters.outcomes[outcome]++;
	server_unlock(s);
	/* A name that could not be a user's may be anything, so it is not written to the log. */
	log_event(o->log, outcome == ENROLL_FAILURE ? LOG_ERROR : LOG_INFO,
		  outcome == ENROLL_ISSUED ? "enroll.issued" : "enroll.refused",
		  "user=%s from=%s outcome=%s device=%u node_ids=%zu detail=\"%s\"",
		  known ? form->username : "?", address_text(from, text), enroll_outcome_token(outcome),
		  out->device.number, out->device.node_id_count, out->detail);
	return outcome;
}

static enum MHD_Result answer_enrollment(struct enroll_server *s, struct MHD_Connection *c,
					 const struct http_request *r)
{
	struct address from = address_of_client(c);
	struct enroll_form form;
	struct enroll_answer out;
	struct slice boundary;
	enum enroll_outcome outcome;
	enum MHD_Result result;
	uint32_t wait_s;
	char seconds[16];
	int err = form_boundary(header_of(c, MHD_HTTP_HEADER_CONTENT_TYPE), &boundary);

	if (err == 0)
		err = form_parse(slice_of(r->body, r->len), boundary, &form);
	if (err != 0)
		return answer_refusal(s, c, err == ERR_UNSUPPORTED ? MHD_HTTP_UNSUPPORTED_MEDIA_TYPE :
					    MHD_HTTP_BAD_REQUEST);
	if (!form.has_username || !form.has_password || form.csr.data == NULL)
		return answer_refusal(s, c, MHD_HTTP_BAD_REQUEST);
	if (!form.csr_has_type)
		return answer_refusal(s, c, MHD_HTTP_UNSUPPORTED_MEDIA_TYPE);
	outcome = server_enroll(s, &form, &from, &out, &wait_s);
	explicit_bzero(form.password, sizeof(form.password));
	if (outcome == ENROLL_ISSUED) {
		result = answer(c, MHD_HTTP_OK, "application/pkix-cert",
				slice_of(out.certificate, out.certificate_len), NULL, NULL);
	} else if (outcome == ENROLL_FAILURE) {
		result = answer(c, MHD_HTTP_INTERNAL_SERVER_ERROR, "text/plain",
				slice_text("the server failed; its log says why\n"), NULL, NULL);
	} else {
		snprintf(seconds, sizeof(seconds), "%u", wait_s);
		result = answer(c, MHD_HTTP_FORBIDDEN, "text/plain",
				slice_text(enroll_outcome_token(outcome)),
				wait_s > 0 ? MHD_HTTP_HEADER_RETRY_AFTER : NULL, seconds);
	}
	enroll_answer_free(&out);
	return result;
}

/* What the head of a request tells: 0 to go on, or the status to answer. */
static unsigned check_head(struct MHD_Connection *c, const char *url, const char *method)
{
	const char *length = header_of(c, MHD_HTTP_HEADER_CONTENT_LENGTH);
	struct slice boundary;
	int err;

	if (strcmp(url, ENROLL_CONFIG_PATH) == 0)
		return strcmp(method, MHD_HTTP_METHOD_GET) == 0 ||
		       strcmp(method, MHD_HTTP_METHOD_HEAD) == 0 ? 0 : MHD_HTTP_METHOD_NOT_ALLOWED;
	if (strcmp(url, ENROLL_PATH) != 0)
		return MHD_HTTP_NOT_FOUND;
	if (strcmp(method, MHD_HTTP_METHOD_POST) != 0)
		return MHD_HTTP_METHOD_NOT_ALLOWED;
	if (length != NULL && strtoull(length, NULL, 10) > FORM_BODY_MAX)
		return MHD_HTTP_CONTENT_TOO_LARGE;
	if (!form_accepts(header_of(c, MHD_HTTP_HEADER_ACCEPT), "application/pkix-cert"))
		return MHD_HTTP_NOT_ACCEPTABLE;
	err = form_boundary(header_of(c, MHD_HTTP_HEADER_CONTENT_TYPE), &boundary);
	return err == 0 ? 0 : err == ERR_UNSUPPORTED ? MHD_HTTP_UNSUPPORTED_MEDIA_TYPE :
	       MHD_HTTP_BAD_REQUEST;
}

/* Called once for the head, once for each piece of the body, and once at the end. */
static enum MHD_Result server_handle(void *cls, struct MHD_Connection *c, const char *url,
				     const char *method, const char *version, const char *upload,
				     size_t *upload_len, void **request)
{
	struct enroll_server *s = cls;
	struct http_request *r = *request;

	(void)version;
	if (r == NULL) {
		*request = r = memory_alloc(sizeof(*r));
		r->status = check_head(c, url, method);
		return MHD_YES;
	}
	if (*upload_len > 0) {
		if (r->status == 0 && *upload_len > sizeof(r->body) - r->len)
			r->status = MHD_HTTP_CONTENT_TOO_LARGE;
		if (r->status == 0) {
			memcpy(r->body + r->len, upload, *upload_len);
			r->len += *upload_len;
		} else {
			r->drained += *upload_len;
			if (r->drained > DRAIN_MAX)
				return MHD_NO;
		}
		*upload_len = 0;
		return MHD_YES;
	}
	if (r->status != 0)
		return answer_refusal(s, c, r->status);
	if (strcmp(url, ENROLL_CONFIG_PATH) == 0)
		return answer_document(s, c);
	return answer_enrollment(s, c, r);
}

static void server_completed(void *cls, struct MHD_Connection *c, void **request,
			     enum MHD_RequestTerminationCode how)
{
	struct http_request *r = *request;

	(void)cls;
	(void)c;
	(void)how;
	if (r == NULL)
		return;
	explicit_bzero(r, sizeof(*r));
	free(r);
	*request = NULL;
}

static void server_log(void *cls, const char *format, va_list args) __attribute__((format(printf, 2, 0)));
static void server_log(void *cls, const char *format, va_list args)
{
	struct enroll_server *s = cls;
	char text[256];

	vsnprintf(text, sizeof(text), format, args);
	text[strcspn(text, "\r\n")] = '\0';
	log_debug(s->folder->overlay.log, "http.library", "text=\"%s\"", text);
}

static int server_read_keys(struct enroll_server *s, char *detail, size_t detail_size)
{
	char path[ENROLL_FILE_SIZE];
	int err = private_file_read(enroll_path(s->folder->path, "tls-key.pem", path), PEM_MAX, &s->key_pem,
				    &s->key_len, detail, detail_size);

	if (err == 0)
		err = private_file_read(enroll_path(s->folder->path, "tls-certificate.pem", path), PEM_MAX,
					&s->certificate_pem, &s->certificate_len, detail, detail_size);
	return err;
}

static void server_listen(struct enroll_server *s, const struct address *where)
{
	struct sockaddr_in in4 = { .sin_family = AF_INET, .sin_port = htons(where->port) };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(where->port) };
	bool v6 = where->type == ADDRESS_IPV6;
	const struct sockaddr *sa = v6 ? (const void *)&in6 : (const void *)&in4;
	unsigned flags = MHD_USE_TLS | MHD_USE_AUTO_INTERNAL_THREAD | MHD_USE_ERROR_LOG;

	memcpy(&in4.sin_addr, where->bytes, 4);
	memcpy(&in6.sin6_addr, where->bytes, 16);
	s->daemon = MHD_start_daemon(flags | (v6 ? MHD_USE_IPv6 : 0), where->port, NULL, NULL,
				     server_handle, s,
				     MHD_OPTION_EXTERNAL_LOGGER, server_log, s,
				     MHD_OPTION_SOCK_ADDR, sa,
				     MHD_OPTION_HTTPS_MEM_KEY, (const char *)s->key_pem,
				     MHD_OPTION_HTTPS_MEM_CERT, (const char *)s->certificate_pem,
				     MHD_OPTION_HTTPS_PRIORITIES, TLS_PRIORITIES,
				     MHD_OPTION_THREAD_POOL_SIZE, (unsigned)THREADS,
				     MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MAX,
				     MHD_OPTION_PER_IP_CONNECTION_LIMIT, (unsigned)CONNECTIONS_PER_ADDRESS_MAX,
				     MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)TIMEOUT_S,
				     MHD_OPTION_NOTIFY_COMPLETED, server_completed, NULL,
				     MHD_OPTION_END);
}

int enroll_server_start(struct enroll_server **out, struct enroll_folder *folder,
			const struct address *where, char *detail, size_t detail_size)
{
	struct enroll_server *s = memory_alloc(sizeof(*s));
	const union MHD_DaemonInfo *info;
	char text[ADDRESS_TEXT_SIZE];
	uint64_t seed;
	int err;

	s->folder = folder;
	pthread_mutex_init(&s->lock, NULL);
	invariant(getrandom(&seed, sizeof(seed), 0) == (ssize_t)sizeof(seed));
	s->throttle = throttle_new(seed);
	err = server_read_keys(s, detail, detail_size);
	if (err == 0) {
		server_listen(s, where);
		if (s->daemon == NULL) {
			snprintf(detail, detail_size, "cannot listen on %s: is another server there, or is "
				 "the address not this machine's?", address_text(where, text));
			err = ERR_IO;
		}
	}
	if (err != 0) {
		enroll_server_stop(s);
		return err;
	}
	s->listen = *where;
	info = MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_BIND_PORT);
	if (info != NULL && info->port != 0)
		s->listen.port = info->port;
	*out = s;
	return 0;
}

void enroll_server_stop(struct enroll_server *s)
{
	if (s->daemon != NULL)
		MHD_stop_daemon(s->daemon);
	throttle_free(s->throttle);
	private_file_free(s->key_pem, s->key_len);
	private_file_free(s->certificate_pem, s->certificate_len);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

struct address enroll_server_address(const struct enroll_server *s)
{
	return s->listen;
}

struct enroll_counters enroll_server_counters(struct enroll_server *s)
{
	struct enroll_counters counters;

	server_lock(s);
	counters = s->counters;
	server_unlock(s);
	return counters;
}

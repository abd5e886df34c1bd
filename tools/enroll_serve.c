/* SPDX-License-Identifier: MIT */
/* peal-enroll serve: log lines on standard error, signals, the server in between. */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tools/enroll.h"
#include "tools/enroll_server.h"
#include "tools/overlay_time.h"

/* "2026-11-20T18:57:35.123Z info enroll.issued user=..."; one write for each line. */
static void serve_log(void *ctx, enum log_level level, const char *event, const char *text)
{
	struct timespec t;
	struct tm tm;
	char time_text[32] = "";

	(void)ctx;
	clock_gettime(CLOCK_REALTIME, &t);
	if (gmtime_r(&t.tv_sec, &tm) != NULL)
		strftime(time_text, sizeof(time_text), "%Y-%m-%dT%H:%M:%S", &tm);
	fprintf(stderr, "%s.%03ldZ %s %s %s\n", time_text, t.tv_nsec / 1000000, log_level_name(level), event,
		text);
}

static void log_counters(const struct log *log, struct enroll_server *s)
{
	struct enroll_counters c = enroll_server_counters(s);

	log_info(log, "serve.counters", "documents=%llu issued=%llu failed_authentication=%llu "
		 "username_not_available=%llu node_ids_not_available=%llu bad_csr=%llu failures=%llu "
		 "throttled=%llu refused=%llu", (unsigned long long)c.documents,
		 (unsigned long long)c.outcomes[ENROLL_ISSUED],
		 (unsigned long long)c.outcomes[ENROLL_FAILED_AUTHENTICATION],
		 (unsigned long long)c.outcomes[ENROLL_USERNAME_NOT_AVAILABLE],
		 (unsigned long long)c.outcomes[ENROLL_NODE_IDS_NOT_AVAILABLE],
		 (unsigned long long)c.outcomes[ENROLL_BAD_CSR],
		 (unsigned long long)c.outcomes[ENROLL_FAILURE], (unsigned long long)c.throttled,
		 (unsigned long long)c.refused);
}

/* Serves until SIGTERM or SIGINT. These are blocked in every thread and taken here, so that no handler
 * runs in the middle of anything. */
static int serve(struct enroll_folder *f, const struct address *where)
{
	const struct log *log = f->overlay.log;
	char detail[ENROLL_DETAIL_SIZE] = "";
	char text[ADDRESS_TEXT_SIZE];
	struct enroll_server *server;
	struct address at;
	sigset_t signals;
	int number = 0;

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGUSR1);
	sigaddset(&signals, SIGPIPE);
	pthread_sigmask(SIG_BLOCK, &signals, NULL);
	if (enroll_server_start(&server, f, where, detail, sizeof(detail)) != 0)
		return enroll_fail("%s", detail);
	at = enroll_server_address(server);
	log_info(log, "serve.started", "overlay=%s listen=%s sequence=%u", f->overlay.name,
		 address_text(&at, text), f->document->configuration.sequence);
	do {
		if (sigwait(&signals, &number) != 0)
			break;
		if (number == SIGUSR1)
			log_counters(log, server);
	} while (number != SIGTERM && number != SIGINT);
	log_counters(log, server);
	enroll_server_stop(server);
	log_info(log, "serve.stopped", "signal=%s", number == SIGINT ? "SIGINT" : "SIGTERM");
	return EXIT_SUCCESS;
}

static int check(struct enroll_folder *f)
{
	char detail[ENROLL_DETAIL_SIZE] = "";
	int err = enroll_state_check(f->overlay.state, detail, sizeof(detail));

	if (err != 0)
		return enroll_fail("%s", detail);
	printf("%s: keys, certificates, configuration document %u and accounts of overlay %s are in order\n",
	       f->path, f->document->configuration.sequence, f->overlay.name);
	return EXIT_SUCCESS;
}

int enroll_serve_run(const struct enroll_command *command, int argc, char **argv)
{
	static const struct option options[] = {
		{ "folder", required_argument, NULL, 'f' }, { "listen", required_argument, NULL, 'l' },
		{ "check", no_argument, NULL, 'c' },        { "verbose", no_argument, NULL, 'v' },
		{ "help", no_argument, NULL, 'h' },         { NULL, 0, NULL, 0 },
	};
	struct log log = { serve_log, NULL, LOG_INFO };
	const char *folder = NULL, *where = "127.0.0.1:8443";
	struct enroll_folder f;
	struct address address;
	bool check_only = false;
	int option, rc;

	while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (option == 'f')
			folder = optarg;
		else if (option == 'l')
			where = optarg;
		else if (option == 'c')
			check_only = true;
		else if (option == 'v')
			log.level = LOG_DEBUG;
		else
			return option == 'h' ? enroll_help(command) : EXIT_USAGE;
	}
	if (optind < argc)
		return enroll_usage(command, "%s is not an option", argv[optind]);
	if (address_parse(where, 8443, &address) != 0)
		return enroll_usage(command, "--listen %s: an address such as 127.0.0.1:8443 or [::]:8443 is "
				    "wanted", where);
	rc = enroll_open(command, &f, folder);
	if (rc != 0)
		return rc;
	f.overlay.log = &log;
	rc = check_only ? check(&f) : serve(&f, &address);
	enroll_folder_close(&f);
	return rc;
}

/* SPDX-License-Identifier: MIT */
/* peald: command line, privileges, and the node's life. */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "node/node.h"

#define DEFAULT_SETTINGS "/etc/peal/peald.conf"
#define EXIT_USAGE 2
#define DESCRIPTORS_MAX 65536 /* open files asked for */

enum task { TASK_RUN, TASK_CHECK, TASK_PRINT, TASK_MANUAL };

struct command_line {
	const char *path; /* of the settings; NULL: the default, when there is one */
	int role;         /* -1: as the settings say */
	bool insecure_keylog;
	bool no_hip;
	enum task task;
};

static const char usage[] =
	"Usage: peald [-c FILE] [--bootstrap | --client] [OPTION]...\n"
	"A node of a RELOAD overlay (RFC 6940) with a SIP proxy for its user's phones.\n"
	"\n"
	"  -c, --config FILE    settings (default " DEFAULT_SETTINGS ")\n"
	"      --bootstrap      form the ring when no other node answers\n"
	"      --client         use the ring without being part of it\n"
	"      --no-hip         no HIP: calls' media goes as the phones send it\n"
	"      --check-config   say what is wrong with the settings, and end\n"
	"      --print-config   print all settings with their values, and end\n"
	"      --print-config-man  print the manual page of the settings, and end\n"
	"      --insecure-keylog   write TLS secrets to $SSLKEYLOGFILE, for decoding captures\n"
	"  -V, --version        print the version, and end\n"
	"  -h, --help           print this, and end\n"
	"\n"
	"SIGTERM and SIGINT: unregister, hand records over, leave, end. SIGHUP: open the log file anew.\n"
	"A node needs an identity first: pealctl identity enroll --help. Manuals: peald(8), peald.conf(5).\n";

enum { OPTION_BOOTSTRAP = 256, OPTION_CLIENT, OPTION_CHECK, OPTION_PRINT, OPTION_MANUAL, OPTION_KEYLOG,
       OPTION_NO_HIP };

static const struct option options[] = {
	{ "config", required_argument, NULL, 'c' },
	{ "bootstrap", no_argument, NULL, OPTION_BOOTSTRAP },
	{ "client", no_argument, NULL, OPTION_CLIENT },
	{ "check-config", no_argument, NULL, OPTION_CHECK },
	{ "print-config", no_argument, NULL, OPTION_PRINT },
	{ "print-config-man", no_argument, NULL, OPTION_MANUAL },
	{ "insecure-keylog", no_argument, NULL, OPTION_KEYLOG },
	{ "no-hip", no_argument, NULL, OPTION_NO_HIP },
	{ "version", no_argument, NULL, 'V' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static void command_line_read(struct command_line *c, int argc, char **argv)
{
	int option;

	*c = (struct command_line){ .role = -1 };
	while ((option = getopt_long(argc, argv, "c:Vh", options, NULL)) != -1) {
		switch (option) {
		case 'c':
			c->path = optarg;
			break;
		case OPTION_BOOTSTRAP:
			c->role = ROLE_BOOTSTRAP;
			break;
		case OPTION_CLIENT:
			c->role = ROLE_CLIENT;
			break;
		case OPTION_CHECK:
			c->task = TASK_CHECK;
			break;
		case OPTION_PRINT:
			c->task = TASK_PRINT;
			break;
		case OPTION_MANUAL:
			c->task = TASK_MANUAL;
			break;
		case OPTION_KEYLOG:
			c->insecure_keylog = true;
			break;
		case OPTION_NO_HIP:
			c->no_hip = true;
			break;
		case 'V':
			(void)puts("peald " PEAL_VERSION);
			exit(EXIT_SUCCESS);
		case 'h':
			(void)fputs(usage, stdout);
			exit(EXIT_SUCCESS);
		default:
			(void)fputs("Try \"peald --help\".\n", stderr);
			exit(EXIT_USAGE);
		}
	}
	if (optind < argc) {
		(void)fprintf(stderr, "peald: unexpected argument \"%s\". Try \"peald --help\".\n", argv[optind]);
		exit(EXIT_USAGE);
	}
}

/* The settings in force: defaults, file, command line. */
static int settings_load(const struct command_line *c, struct settings *s, char *detail, size_t detail_size)
{
	const char *path = c->path != NULL ? c->path : DEFAULT_SETTINGS;
	int err = 0;

	settings_init(s);
	if (c->path != NULL || access(path, F_OK) == 0)
		err = settings_read(s, path, detail, detail_size);
	if (c->role >= 0)
		s->role = c->role;
	if (c->no_hip)
		s->hip = false;
	return err != 0 ? err : settings_check(s, detail, detail_size);
}

/* Others of this account must not read keys from memory, unless secrets are written out anyway; nor does the key
 * go to swap. */
static void privileges_reduce(bool keylog)
{
	keystore_protect_memory();
	(void)umask(077);
	(void)signal(SIGPIPE, SIG_IGN);
	if (!keylog)
		(void)prctl(PR_SET_DUMPABLE, 0);
}

/* Each stream of a call takes two or more sockets, and the soft limit is kept low only for programs that select(). */
static void descriptors_raise(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return;
	limit.rlim_cur = limit.rlim_max < DESCRIPTORS_MAX ? limit.rlim_max : DESCRIPTORS_MAX;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}

static int run(const struct settings *s, bool keylog)
{
	char detail[800];
	struct node *node;
	int code;

	if (keylog && getenv("SSLKEYLOGFILE") == NULL) {
		(void)fputs("peald: --insecure-keylog needs the environment variable SSLKEYLOGFILE\n", stderr);
		return EXIT_USAGE;
	}
	privileges_reduce(keylog);
	descriptors_raise();
	if (node_new(&node, s, keylog, detail, sizeof(detail)) != 0) {
		(void)fprintf(stderr, "peald: %s\n", detail);
		return EXIT_FAILURE;
	}
	code = node_run(node);
	node_free(node);
	return code;
}

int main(int argc, char **argv)
{
	struct command_line c;
	struct settings s;
	char detail[800];

	command_line_read(&c, argc, argv);
	if (c.task == TASK_MANUAL) {
		settings_print_manual(stdout);
		return EXIT_SUCCESS;
	}
	if (settings_load(&c, &s, detail, sizeof(detail)) != 0) {
		(void)fprintf(stderr, "peald: %s\n", detail);
		return EXIT_FAILURE;
	}
	if (c.task == TASK_CHECK)
		return EXIT_SUCCESS;
	if (c.task == TASK_PRINT) {
		settings_print(&s, stdout);
		return EXIT_SUCCESS;
	}
	return run(&s, c.insecure_keylog);
}

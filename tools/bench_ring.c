/* SPDX-License-Identifier: MIT */
/* Starts and ends the processes that peal-bench measures. */
#include "tools/bench_ring.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ARGUMENTS_MAX 32
#define STEP_TIMEOUT_S 60.0

extern char **environ;

double bench_seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Waits a hundredth of a second: the pace at which readiness is asked for. */
static void pace(void)
{
	poll(NULL, 0, 10);
}

static pid_t start(const char *output, char *const arguments[])
{
	posix_spawn_file_actions_t actions;
	pid_t process = -1;
	int err;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_addopen(&actions, 1, output, O_WRONLY | O_CREAT | O_APPEND, 0600);
	posix_spawn_file_actions_adddup2(&actions, 1, 2);
	err = posix_spawnp(&process, arguments[0], &actions, NULL, arguments, environ);
	posix_spawn_file_actions_destroy(&actions);
	if (err != 0) {
		fprintf(stderr, "peal-bench: cannot start %s: %s\n", arguments[0], strerror(err));
		return -1;
	}
	return process;
}

/* Starts a program with the given arguments, NULL last. */
static pid_t start_program(const struct bench_ring *ring, const char *program, ...)
{
	char path[512], output[300];
	char *arguments[ARGUMENTS_MAX] = { path };
	size_t count = 1;
	va_list list;

	if (ring->programs[0] == '\0')
		snprintf(path, sizeof(path), "%s", strrchr(program, '/') + 1);
	else
		snprintf(path, sizeof(path), "%s/%s", ring->programs, program);
	snprintf(output, sizeof(output), "%s/output", ring->folder);
	va_start(list, program);
	while (count + 1 < ARGUMENTS_MAX && (arguments[count] = va_arg(list, char *)) != NULL)
		count++;
	va_end(list);
	return start(output, arguments);
}

static bool finished_well(const struct bench_ring *ring, pid_t process, const char *what)
{
	int status = 0;

	if (process > 0 && waitpid(process, &status, 0) == process && WIFEXITED(status) &&
	    WEXITSTATUS(status) == 0)
		return true;
	fprintf(stderr, "peal-bench: %s failed; see %s/output\n", what, ring->folder);
	return false;
}

static bool write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");
	bool ok = file != NULL && fputs(text, file) >= 0;

	if (file != NULL && fclose(file) != 0)
		ok = false;
	if (!ok || chmod(path, 0600) != 0) {
		fprintf(stderr, "peal-bench: cannot write %s: %s\n", path, strerror(errno));
		return false;
	}
	return true;
}

int bench_control_connect(const struct bench_peer *peer)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	int s;

	if ((size_t)snprintf(name.sun_path, sizeof(name.sun_path), "%s/control", peer->folder) >=
	    sizeof(name.sun_path))
		return -1;
	s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (s >= 0 && connect(s, (struct sockaddr *)&name, sizeof(name)) != 0) {
		close(s);
		s = -1;
	}
	return s;
}

json_t *bench_control_ask(int control, const char *request)
{
	FILE *answers;
	char *line = NULL;
	size_t size = 0;
	json_t *result = NULL;

	if (dprintf(control, "%s\n", request) < 0)
		return NULL;
	answers = fdopen(dup(control), "r");
	if (answers == NULL)
		return NULL;
	while (result == NULL && getline(&line, &size, answers) > 0) {
		json_t *answer = json_loads(line, 0, NULL);

		result = json_incref(json_object_get(answer, "result"));
		if (json_object_get(answer, "error") != NULL) {
			json_decref(answer);
			break;
		}
		json_decref(answer);
	}
	free(line);
	fclose(answers);
	return result;
}

static bool peer_is_joined(struct bench_peer *peer)
{
	json_t *status;
	bool joined;

	if (peer->control < 0)
		peer->control = bench_control_connect(peer);
	if (peer->control < 0)
		return false;
	status = bench_control_ask(peer->control, "{\"command\":\"status\"}");
	joined = status != NULL && json_is_string(json_object_get(status, "state")) &&
		 strcmp(json_string_value(json_object_get(status, "state")), "joined") == 0;
	json_decref(status);
	return joined;
}

static bool wait_joined(struct bench_ring *ring, size_t first, size_t end, double since)
{
	size_t waiting = end - first;

	while (waiting > 0) {
		waiting = 0;
		for (size_t i = first; i < end; i++) {
			struct bench_peer *peer = &ring->peers[i];

			if (peer->join_ms > 0)
				continue;
			if (peer_is_joined(peer))
				peer->join_ms = (bench_seconds() - since) * 1000;
			else
				waiting++;
		}
		if (bench_seconds() - since > STEP_TIMEOUT_S) {
			fprintf(stderr, "peal-bench: %zu peers have not joined; see %s\n", waiting, ring->folder);
			return false;
		}
		pace();
	}
	return true;
}

static bool wait_consistent(struct bench_ring *ring)
{
	double since = bench_seconds();

	while (bench_seconds() - since < STEP_TIMEOUT_S) {
		json_t *result = bench_control_ask(ring->peers[0].control, "{\"command\":\"ring\"}");
		bool consistent = json_is_true(json_object_get(result, "consistent")) &&
				  json_integer_value(json_object_get(result, "peers")) == (json_int_t)ring->count;

		json_decref(result);
		if (consistent)
			return true;
		pace();
	}
	fprintf(stderr, "peal-bench: the ring did not become consistent; see %s\n", ring->folder);
	return false;
}

static bool create_overlay(struct bench_ring *ring, const char *url, size_t count)
{
	char folder[256], bootstrap[32], password[256], listen[64];

	snprintf(folder, sizeof(folder), "%s/enroll", ring->folder);
	snprintf(password, sizeof(password), "%s/password", ring->folder);
	snprintf(bootstrap, sizeof(bootstrap), "127.%u.%u.1:6084", ring->subnet[0], ring->subnet[1]);
	snprintf(listen, sizeof(listen), "%s", url + strlen("https://"));
	if (!write_file(password, "measured, not guessed\n") ||
	    !finished_well(ring, start_program(ring, "tools/peal-enroll", "create", "--overlay", BENCH_OVERLAY,
					       "--folder", folder, "--url", url, "--bootstrap", bootstrap, NULL),
			   "peal-enroll create"))
		return false;
	for (size_t i = 0; i < count; i++) {
		snprintf(ring->peers[i].user, sizeof(ring->peers[i].user), "user%zu@%s", i + 1, BENCH_OVERLAY);
		if (!finished_well(ring, start_program(ring, "tools/peal-enroll", "user", "add",
						       ring->peers[i].user, "--folder", folder,
						       "--password-file", password, NULL),
				   "peal-enroll user add"))
			return false;
	}
	ring->enroll = start_program(ring, "tools/peal-enroll", "serve", "--folder", folder, "--listen", listen,
				     NULL);
	return ring->enroll > 0;
}

/* Enrols one peer's user; tried again while the server is starting. */
static bool enroll(struct bench_ring *ring, struct bench_peer *peer, const char *url)
{
	char ca[256], password[256];
	double since = bench_seconds();
	int status = 1;

	snprintf(ca, sizeof(ca), "%s/enroll/tls-certificate.pem", ring->folder);
	snprintf(password, sizeof(password), "%s/password", ring->folder);
	while (status != 0 && bench_seconds() - since < 10) {
		pid_t process = start_program(ring, "tools/pealctl", "identity", "enroll", "--folder", peer->folder,
					      "--url", url, "--ca", ca, "--overlay", BENCH_OVERLAY, "--user",
					      peer->user, "--password-file", password, NULL);

		if (process < 0 || waitpid(process, &status, 0) != process)
			return false;
		if (status != 0)
			pace();
	}
	if (status != 0)
		fprintf(stderr, "peal-bench: cannot enrol %s; see %s/output\n", peer->user, ring->folder);
	return status == 0;
}

static bool start_peer(struct bench_ring *ring, struct bench_peer *peer, bool first)
{
	char settings[300], text[1200];

	snprintf(settings, sizeof(settings), "%s/peald.conf", peer->folder);
	snprintf(text, sizeof(text),
		 "overlay = \"%s\"\nstate-folder = \"%s\"\nlisten = {\"%s:6084\"}\napp-listen = \"%s:6085\"\n"
		 "sip-listen = {\"%s:5060\"}\nlog-file = \"%s/log\"\nlog-level = warning\n"
		 "hip-listen = {\"%s:10500\"}\nhip = %s\nlink-protocols = {\"%s\"}\nstorage = %s\n",
		 BENCH_OVERLAY, peer->folder, peer->address, peer->address, peer->address, peer->folder, peer->address,
		 ring->no_hip ? "false" : "true", ring->links, ring->storage);
	if (!write_file(settings, text))
		return false;
	peer->process = start_program(ring, "node/peald", "-c", settings, first ? "--bootstrap" : NULL, NULL);
	return peer->process > 0;
}

bool bench_ring_start(struct bench_ring *ring, size_t count)
{
	char url[64];
	uint8_t chance[2];
	double since;

	if (getrandom(chance, sizeof(chance), 0) != sizeof(chance))
		return false;
	ring->subnet[0] = 1 + chance[0] % 254;
	ring->subnet[1] = chance[1];
	ring->count = count;
	snprintf(ring->folder, sizeof(ring->folder), "/tmp/peal-bench-XXXXXX");
	if (mkdtemp(ring->folder) == NULL) {
		fprintf(stderr, "peal-bench: cannot make a folder in /tmp: %s\n", strerror(errno));
		return false;
	}
	snprintf(url, sizeof(url), "https://127.%u.%u.250:8443", ring->subnet[0], ring->subnet[1]);
	for (size_t i = 0; i < count; i++) {
		struct bench_peer *peer = &ring->peers[i];

		peer->control = -1;
		snprintf(peer->folder, sizeof(peer->folder), "%s/peer%zu", ring->folder, i + 1);
		snprintf(peer->address, sizeof(peer->address), "127.%u.%u.%zu", ring->subnet[0],
			 ring->subnet[1], i + 1);
	}
	if (!create_overlay(ring, url, count))
		return false;
	for (size_t i = 0; i < count; i++)
		if (!enroll(ring, &ring->peers[i], url))
			return false;
	since = bench_seconds();
	if (!start_peer(ring, &ring->peers[0], true) || !wait_joined(ring, 0, 1, since))
		return false;
	/* One after the other, so that a join's time is its own. */
	for (size_t i = 1; i < count; i++) {
		since = bench_seconds();
		if (!start_peer(ring, &ring->peers[i], false) || !wait_joined(ring, i, i + 1, since))
			return false;
	}
	return wait_consistent(ring);
}

static int remove_entry(const char *path, const struct stat *info, int type, struct FTW *walk)
{
	(void)info;
	(void)type;
	(void)walk;
	return remove(path);
}

void bench_ring_stop(struct bench_ring *ring)
{
	for (size_t i = 0; i < ring->count; i++)
		if (ring->peers[i].process > 0)
			kill(ring->peers[i].process, SIGTERM);
	if (ring->enroll > 0)
		kill(ring->enroll, SIGTERM);
	for (size_t i = 0; i < ring->count; i++) {
		if (ring->peers[i].control >= 0)
			close(ring->peers[i].control);
		if (ring->peers[i].process > 0)
			waitpid(ring->peers[i].process, NULL, 0);
	}
	if (ring->enroll > 0)
		waitpid(ring->enroll, NULL, 0);
	if (ring->folder[0] != '\0')
		nftw(ring->folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

/* The number after `name` in a /proc file of "Name:  value kB" lines, in MiB. */
static double proc_mib(pid_t process, const char *file, const char *name)
{
	char path[64], line[256];
	double kib = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)process, file);
	f = fopen(path, "r");
	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
		if (strncmp(line, name, strlen(name)) == 0)
			kib = strtod(line + strlen(name), NULL);
	if (f != NULL)
		fclose(f);
	return kib / 1024;
}

void bench_usage_read(pid_t process, struct bench_usage *out)
{
	char path[64], text[1024] = "";
	unsigned long user = 0, system = 0;
	const char *after;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)process);
	f = fopen(path, "r");
	if (f != NULL) {
		if (fgets(text, sizeof(text), f) == NULL)
			text[0] = '\0';
		fclose(f);
	}
	after = strrchr(text, ')');
	if (after != NULL)
		sscanf(after + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system);
	out->cpu_s = (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
	out->rss_mib = proc_mib(process, "smaps_rollup", "Rss:");
	out->private_mib = proc_mib(process, "smaps_rollup", "Private_Dirty:") +
			   proc_mib(process, "smaps_rollup", "Private_Clean:");
}

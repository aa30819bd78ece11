/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* `logs NAME`: what a service printed; reads its file, asks nobody. */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "calandria/instance.h"
#include "ctl/ctl.h"
#include "ctl/file.h"
#include "ctl/json.h"
#include "ctl/latency.h"
#include "ctl/signals.h"
#include "ctl/term.h"

#define FOLLOW_MS 100

static struct {
	bool follow;
	uint64_t lines; /* 0: all */
} opts;

/* "there are: confd, rpcd" */
static void
list_logs(int instance, char *text, size_t size)
{
	char folder[CAL_PATH_MAX];
	struct dirent *entry;
	size_t len = 0;
	DIR *dir;

	snprintf(text, size, "it has none");
	if (cal_instance_path(folder, sizeof(folder), instance, CAL_LOG_DIR) != 0) {
		return;
	}
	dir = opendir(folder);
	if (dir == NULL) {
		return;
	}
	while ((entry = readdir(dir)) != NULL) {
		const char *dot = strrchr(entry->d_name, '.');

		if (dot != NULL && strcmp(dot, ".log") == 0 && len + 64 < size) {
			len += (size_t)snprintf(text + len, size - len, "%s%.*s",
			                        len == 0 ? "there are: " : ", ",
			                        (int)(dot - entry->d_name), entry->d_name);
		}
	}
	closedir(dir);
}

static int
no_log(const struct ctl *ctl, const char *name, int error)
{
	char folder[CAL_PATH_MAX], others[256];
	struct stat st;

	if (error == EACCES) {
		ctl_error(
			"no permission to read the logs of instance %d; try as root or as its user",
			ctl->instance);
		return CTL_FAILED;
	}
	if (cal_instance_path(folder, sizeof(folder), ctl->instance, "") == 0 &&
	    stat(folder, &st) != 0) {
		ctl_error("no primary of instance %d runs, and none left logs; start one with "
		          "`calandria -i %d`",
		          ctl->instance, ctl->instance);
		return CTL_NO_PRIMARY;
	}
	list_logs(ctl->instance, others, sizeof(others));
	ctl_error("instance %d has no log of '%s'; %s", ctl->instance, name, others);
	return CTL_FAILED;
}

/* Where the last `lines` lines begin. */
static const char *
last_lines(const char *text, size_t len, uint64_t lines)
{
	const char *p = text + len;

	if (lines == 0) {
		return text;
	}
	if (p > text && p[-1] == '\n') {
		p--;
	}
	while (p > text) {
		if (p[-1] == '\n' && --lines == 0) {
			break;
		}
		p--;
	}
	return p;
}

static void
print_json(const char *name, const char *path, const char *text)
{
	struct json_object *root = json_object_new_object(), *array = json_object_new_array();
	const char *end;

	for (; *text != '\0'; text = *end != '\0' ? end + 1 : end) {
		end = strchrnul(text, '\n');
		json_object_array_add(array, json_object_new_string_len(text, (int)(end - text)));
	}
	ctl_json_put_str(root, "name", name);
	ctl_json_put_str(root, "path", path);
	ctl_json_put(root, "lines", array);
	ctl_json_print_line(stdout, root);
	json_object_put(root);
}

/* Print what is appended, until Ctrl-C. A file that was replaced or cut is read from its start. */
static void
follow(const char *path, off_t offset)
{
	char buf[4096];
	struct stat st;
	ino_t inode = 0;
	ssize_t n;
	int fd;

	ctl_signals_catch();
	while (!ctl_signals_caught()) {
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd >= 0 && fstat(fd, &st) == 0) {
			if ((inode != 0 && st.st_ino != inode) || st.st_size < offset) {
				offset = 0;
			}
			inode = st.st_ino;
			while ((n = pread(fd, buf, sizeof(buf), offset)) > 0) {
				fwrite(buf, 1, (size_t)n, stdout);
				offset += n;
			}
			fflush(stdout);
		}
		if (fd >= 0) {
			close(fd);
		}
		ctl_sleep_ms(FOLLOW_MS);
	}
}

static int
run(struct ctl *ctl, int argc, char **argv)
{
	char path[CAL_PATH_MAX], file[80], err[CAL_PATH_MAX + 80], *text;
	const char *begin;
	size_t len;
	int rc;

	if (strchr(argv[0], '/') != NULL || strlen(argv[0]) > 64) {
		ctl_error("'%s' is no service's name", argv[0]);
		return CTL_USAGE;
	}
	if (opts.follow && ctl->json) {
		ctl_error("--follow has no --json; see `calctl logs --help`");
		return CTL_USAGE;
	}
	snprintf(file, sizeof(file), CAL_LOG_DIR "/%s.log", argv[0]);
	if (cal_instance_path(path, sizeof(path), ctl->instance, file) != 0) {
		ctl_error("the path of the log is too long; is $CALANDRIA_RUN_ROOT right?");
		return CTL_FAILED;
	}
	rc = ctl_file_read(path, &text, &len, err, sizeof(err));
	if (rc != 0) {
		return no_log(ctl, argv[0], -rc);
	}
	begin = last_lines(text, len, opts.lines);
	if (ctl->json) {
		print_json(argv[0], path, begin);
	} else if (len == 0 && ctl_term()->is_terminal && !opts.follow) {
		printf("%s has printed nothing\n", argv[0]);
	} else {
		fwrite(begin, 1, len - (size_t)(begin - text), stdout);
	}
	free(text);
	if (opts.follow) {
		fflush(stdout);
		follow(path, (off_t)len);
	}
	return CTL_OK;
}

static const struct ctl_option options[] = {
	{ "follow", 'f', CTL_OPT_FLAG, &opts.follow, NULL,
	  "go on with what is added, until Ctrl-C" },
	{ "lines", 'n', CTL_OPT_NUMBER, &opts.lines, "N", "only the last N lines" },
	{ 0 },
};

static struct ctl_command command = {
	.name = "logs",
	.args = "NAME",
	.summary = "what a service has printed",
	.details = "NAME is a service: rpcd, confd, mond. Asks nobody.",
	.group = CTL_GROUP_INSTANCE,
	.options = options,
	.min_args = 1,
	.max_args = 1,
	.run = run,
};
CTL_COMMAND_REGISTER(command)

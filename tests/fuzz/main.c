/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Drives a fuzz target without libFuzzer: the files that are named, or else its regressions, its
 * seeds, and $CAL_FUZZ_RUNS mutations of these (20,000; fewer when they take more than
 * $CAL_FUZZ_SECONDS, 4, of the CPU) from a fixed seed ($CAL_FUZZ_SEED), so that each run of
 * `make check` is the same. An input that is found wanting is written to a file. */

#include "tests/fuzz/fuzz.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <time.h>

#ifndef FUZZ_DIR /* the build says where in full */
#define FUZZ_DIR "tests/fuzz"
#endif
#define LONGEST (64u << 10)
#define HANG_S  20

#pragma weak LLVMFuzzerInitialize
#pragma weak LLVMFuzzerCustomMutator

#if defined(CAL_ASAN)
#include <sanitizer/common_interface_defs.h>
#include <sanitizer/lsan_interface.h>
#endif

struct file {
	uint8_t *data;
	size_t size;
};

static const char *g_name;
static uint64_t g_random = 1;
static struct file *g_files, *g_words;
static size_t g_num_files, g_num_words;

/* What runs now, for the handler of a crash. */
static const uint8_t *g_input;
static size_t g_input_size;

static uint32_t
pick(uint32_t n)
{
	g_random ^= g_random << 13;
	g_random ^= g_random >> 7;
	g_random ^= g_random << 17;
	return n == 0 ? 0 : (uint32_t)(g_random >> 16) % n;
}

/* Of a handler, hence made before: where the input is kept, and what is said. */
static char g_path[256], g_advice[700], g_hangs[128], g_dies[128];

static void
path_init(void)
{
	const char *folder = getenv("TMPDIR");

	snprintf(g_path, sizeof(g_path), "%s/cal-fuzz-%s-%d", folder != NULL ? folder : "/tmp",
	         g_name, (int)getpid());
	snprintf(g_advice, sizeof(g_advice),
	         "fuzz %s: the input is in %s; give it as an argument to repeat, keep it in "
	         "tests/fuzz/regress/%s\n",
	         g_name, g_path, g_name);
	snprintf(g_hangs, sizeof(g_hangs), "fuzz %s: no end of one input: it hangs\n", g_name);
	snprintf(g_dies, sizeof(g_dies), "fuzz %s: one input ends the process\n", g_name);
}

static void
say(const char *text)
{
	if (write(g_fuzz_stderr, text, strlen(text)) < 0) {
		_exit(1);
	}
}

static void
keep_input(void)
{
	int fd;

	if (g_input == NULL) {
		return;
	}
	fd = open(g_path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	if (fd >= 0 && write(fd, g_input, g_input_size) == (ssize_t)g_input_size) {
		say(g_advice);
	}
	g_input = NULL;
}

static void
on_signal(int signum)
{
	say(signum == SIGALRM ? g_hangs : g_dies);
	keep_input();
	signal(signum, SIG_DFL);
	raise(signum == SIGALRM ? SIGKILL : signum);
}

static void
run(const uint8_t *data, size_t size)
{
	/* A copy of its exact size, so that a sanitizer sees what reads past the end. */
	uint8_t *copy = malloc(size > 0 ? size : 1);

	if (copy == NULL) {
		abort();
	}
	if (size > 0) {
		memcpy(copy, data, size);
	}
	g_input = copy;
	g_input_size = size;
	alarm(HANG_S);
	LLVMFuzzerTestOneInput(copy, size);
	alarm(0);
	g_input = NULL;
	free(copy);
}

/* --- files ------------------------------------------------------------------------------------ */

static bool
file_read(const char *path, struct file *out)
{
	struct stat st;
	ssize_t n = -1;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
		out->data = malloc((size_t)st.st_size + 1);
		n = out->data == NULL ? -1 : read(fd, out->data, (size_t)st.st_size);
		out->size = (size_t)n;
	}
	if (fd >= 0) {
		close(fd);
	}
	return n >= 0;
}

static void
list_add(struct file **list, size_t *num, struct file file)
{
	*list = realloc(*list, (*num + 1) * sizeof(**list));
	if (*list == NULL) {
		abort();
	}
	(*list)[(*num)++] = file;
}

static void
folder_read(const char *kind)
{
	struct dirent **names;
	struct file file;
	char path[4096];
	int i, n;

	snprintf(path, sizeof(path), "%s/%s/%s", FUZZ_DIR, kind, g_name);
	n = scandir(path, &names, NULL, alphasort); /* sorted: runs are to be the same */
	for (i = 0; i < n; i++) {
		snprintf(path, sizeof(path), "%s/%s/%s/%s", FUZZ_DIR, kind, g_name,
		         names[i]->d_name);
		if (file_read(path, &file)) {
			list_add(&g_files, &g_num_files, file);
		}
		free(names[i]);
	}
	if (n >= 0) {
		free(names);
	}
}

static void
word_add(const char *p)
{
	struct file word = { .data = malloc(strlen(p) + 1), .size = 0 };
	unsigned value;
	int used;

	for (; *p != '\0' && *p != '"'; p++) {
		if (*p == '\\' && sscanf(p, "\\x%2x%n", &value, &used) == 1) {
			word.data[word.size++] = (uint8_t)value;
			p += used - 1;
		} else {
			p += *p == '\\';
			word.data[word.size++] = (uint8_t)*p;
		}
	}
	list_add(&g_words, &g_num_words, word);
}

/* libFuzzer's dictionaries: a line is "bytes" or name="bytes". */
static void
dictionary_read(void)
{
	char path[4096], line[1024], *p;
	FILE *file;

	snprintf(path, sizeof(path), "%s/dict/%s.dict", FUZZ_DIR, g_name);
	file = fopen(path, "r");
	while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
		p = strchr(line, '"');
		if (line[0] != '#' && p != NULL) {
			word_add(p + 1);
		}
	}
	if (file != NULL) {
		fclose(file);
	}
}

/* --- mutation --------------------------------------------------------------------------------- */

static size_t
insert(uint8_t *data, size_t size, size_t max_size, const uint8_t *what, size_t len)
{
	size_t at = pick((uint32_t)size + 1);

	if (size + len > max_size) {
		return size;
	}
	memmove(data + at + len, data + at, size - at);
	memcpy(data + at, what, len);
	return size + len;
}

static size_t
mutate_once(uint8_t *data, size_t size, size_t max_size)
{
	static const uint8_t odd[] = { 0, 1, 0x7f, 0x80, 0xff, '"', '{', '[', '0', '\\' };
	uint8_t some[64] = { 0 };
	size_t at, len, to;
	const struct file *other;

	switch (pick(size == 0 ? 2 : 8)) {
	case 0:
		some[0] = (uint8_t)(pick(2) ? odd[pick(sizeof(odd))] : pick(256));
		return insert(data, size, max_size, some, 1);
	case 1:
		if (g_num_words == 0) {
			return size;
		}
		other = &g_words[pick((uint32_t)g_num_words)];
		return insert(data, size, max_size, other->data, other->size);
	case 2:
		data[pick((uint32_t)size)] ^= (uint8_t)(1u << pick(8));
		return size;
	case 3:
		data[pick((uint32_t)size)] =
			(uint8_t)(pick(2) ? odd[pick(sizeof(odd))] : pick(256));
		return size;
	case 4: /* a piece goes */
		at = pick((uint32_t)size);
		len = 1 + pick((uint32_t)(size - at > 32 ? 32 : size - at));
		len = len > size - at ? size - at : len;
		memmove(data + at, data + at + len, size - at - len);
		return size - len;
	case 5: /* a piece once more, elsewhere */
		at = pick((uint32_t)size);
		len = 1 + pick((uint32_t)(size - at));
		len = len > sizeof(some) ? sizeof(some) : len > size - at ? size - at : len;
		memcpy(some, data + at, len);
		return insert(data, size, max_size, some, len);
	case 6: /* a piece of another one */
		other = &g_files[pick((uint32_t)g_num_files)];
		if (g_num_files == 0 || other->size == 0) {
			return size;
		}
		at = pick((uint32_t)other->size);
		len = 1 + pick((uint32_t)(other->size - at));
		return insert(data, size, max_size, other->data + at,
		              len > other->size - at ? other->size - at : len);
	default: /* two bytes change places */
		at = pick((uint32_t)size);
		to = pick((uint32_t)size);
		some[0] = data[at];
		data[at] = data[to];
		data[to] = some[0];
		return size;
	}
}

size_t
LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size)
{
	unsigned n = 1 + pick(5);

	while (n-- > 0) {
		size = mutate_once(data, size, max_size);
	}
	return size;
}

static void
mutations_run(uint64_t *runs, unsigned seconds)
{
	uint8_t *data = calloc(1, LONGEST);
	const struct file *file;
	size_t size;
	uint64_t i;

	for (i = 0; i < *runs && data != NULL && clock() / CLOCKS_PER_SEC < seconds; i++) {
		size = 0;
		if (g_num_files > 0) {
			file = &g_files[pick((uint32_t)g_num_files)];
			size = file->size > LONGEST ? LONGEST : file->size;
			memcpy(data, file->data, size);
		}
		if (LLVMFuzzerCustomMutator != NULL && pick(2) == 0) {
			size = LLVMFuzzerCustomMutator(data, size, LONGEST, pick(UINT32_MAX));
		} else {
			size = LLVMFuzzerMutate(data, size, LONGEST);
		}
		run(data, size);
	}
	*runs = i;
	free(data);
}

/* --- all of it -------------------------------------------------------------------------------- */

static void
prepare(int *argc, char ***argv)
{
	static const int signals[] = { SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGALRM };
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	size_t i;

#if defined(CAL_ASAN)
	__sanitizer_set_report_fd((void *)(intptr_t)g_fuzz_stderr);
	__sanitizer_set_death_callback(keep_input);
	signal(SIGABRT, on_signal);
	signal(SIGALRM, on_signal);
	(void)signals;
	(void)i;
#else
	for (i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		signal(signals[i], on_signal);
	}
#endif
	if (null >= 0) {
		dup2(null, 2);
		close(null);
	}
	if (LLVMFuzzerInitialize != NULL) {
		LLVMFuzzerInitialize(argc, argv);
	}
}

static void
files_free(struct file *list, size_t num)
{
	while (num-- > 0) {
		free(list[num].data);
	}
	free(list);
}

int
main(int argc, char **argv)
{
	const char *runs = getenv("CAL_FUZZ_RUNS"), *seed = getenv("CAL_FUZZ_SEED");
	const char *limit = getenv("CAL_FUZZ_SECONDS");
	uint64_t num_runs = runs != NULL ? strtoull(runs, NULL, 0) : 20000;
	struct file file;
	size_t i;

	g_name = strrchr(argv[0], '/') != NULL ? strrchr(argv[0], '/') + 1 : argv[0];
	g_random = seed != NULL ? strtoull(seed, NULL, 0) | 1 : 20260101;
	path_init();
	prepare(&argc, &argv);
	if (argc > 1) {
		num_runs = 0;
		for (i = 1; i < (size_t)argc; i++) {
			if (!file_read(argv[i], &file)) {
				dprintf(g_fuzz_stderr, "fuzz %s: cannot read %s: %s\n", g_name,
				        argv[i], strerror(errno));
				return 2;
			}
			list_add(&g_files, &g_num_files, file);
		}
	} else {
		folder_read("regress");
		folder_read("seeds");
		dictionary_read();
	}
	for (i = 0; i < g_num_files; i++) {
		run(g_files[i].data, g_files[i].size);
	}
	mutations_run(&num_runs, limit != NULL ? (unsigned)atoi(limit) : 4);
	printf("%s: %zu files, %llu mutations, nothing found\n", g_name, g_num_files,
	       (unsigned long long)num_runs);
	files_free(g_files, g_num_files);
	files_free(g_words, g_num_words);
#if defined(CAL_ASAN)
	if (__lsan_do_recoverable_leak_check() != 0) {
		return 1;
	}
#endif
	return 0;
}

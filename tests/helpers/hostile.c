/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* links: client */
/* libs: -lpthread */

/* A hostile client, for tests/integration/hostile.py: hostile ID MODE [ARGUMENT]. It says in a line
 * what it did. Random numbers follow from $CAL_TEST_SEED. */

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/wait.h>

#include "tests/helpers/hostile.h"

#define LINK_TIME_US 30000

static int g_instance;
static const char *g_argument = "";
static uint64_t g_random;

static uint32_t
rnd(void)
{
	g_random ^= g_random << 13;
	g_random ^= g_random >> 7;
	g_random ^= g_random << 17;
	return (uint32_t)(g_random >> 16);
}

static void
must_attach(struct raw *raw)
{
	if (raw_attach(g_instance, "hostile", raw) < 0) {
		fprintf(stderr, "does not attach: %s\n", raw->error);
		exit(3);
	}
}

static void
ring_bell(struct raw *raw)
{
	client_ring_bell(raw->bell);
}

/* --- scribbling ------------------------------------------------------------------------------- */

static uint64_t
odd_word(void)
{
	switch (rnd() % 4) {
	case 0:
		return rnd() % 128;
	case 1:
		return UINT64_MAX - rnd() % 128;
	case 2:
		return (uint64_t)1 << (rnd() % 64);
	default:
		return (uint64_t)rnd() << 32 | rnd();
	}
}

static void
put_word(struct raw *raw, size_t from, size_t to)
{
	size_t at = from + rnd() % (to - from - 8);
	uint64_t word = odd_word();

	memcpy(raw->memory + at, &word, 1u << (rnd() % 4));
}

static struct rte_ring *
ring_at(struct raw *raw, size_t offset)
{
	return (struct rte_ring *)(raw->memory + offset);
}

/* What is scribbled over: the more of it is right, the further the primary reads. */
enum kind {
	EVERYTHING,
	INDICES,     /* of both rings, near what they are and far */
	DESCRIPTORS, /* while requests go through */
	PAYLOAD,
	NOT_BELIEVED, /* header and geometry of the rings, and what is ours to read: it goes on */
	NUM_KINDS
};

static void
scribble_once(struct raw *raw, enum kind kind)
{
	struct rte_ring *requests = ring_at(raw, raw->layout.request_ring);
	struct rte_ring *responses = ring_at(raw, raw->layout.response_ring);
	volatile uint32_t *words[] = { &requests->prod.head,  &requests->prod.tail,
		                       &requests->cons.head,  &requests->cons.tail,
		                       &responses->prod.head, &responses->prod.tail,
		                       &responses->cons.head, &responses->cons.tail };
	volatile uint32_t *word = words[rnd() % 8];

	switch (kind) {
	case EVERYTHING:
		put_word(raw, 0, raw->geometry.link_size);
		put_word(raw, 0, raw->layout.request_slots);
		break;
	case INDICES:
		*word = rnd() % 8 != 0 ? *word + rnd() % 66 : (uint32_t)odd_word();
		break;
	case DESCRIPTORS:
		raw_push(raw, "spdk_get_version", NULL, 0);
		if (rnd() % 16 == 0) {
			put_word(raw, raw->layout.request_ring + sizeof(struct rte_ring),
			         raw->layout.response_ring);
		}
		break;
	case PAYLOAD:
		raw_push(raw, rnd() % 2 != 0 ? "bdev_get_bdevs" : "spdk_get_version", NULL, 0);
		put_word(raw, raw->layout.request_slots, raw->layout.response_slots);
		break;
	default:
		memset(raw->memory, (int)rnd(), offsetof(struct link_header, client_armed));
		requests->size = requests->mask = requests->capacity = rnd();
		responses->size = responses->mask = responses->capacity = rnd();
		requests->cons.head = requests->cons.tail = rnd();
		responses->prod.head = responses->prod.tail = rnd();
		raw->memory[offsetof(struct link_header, primary_armed)] = (uint8_t)rnd();
		put_word(raw, raw->layout.response_slots, raw->geometry.link_size);
		break;
	}
}

/* A request by hand, at the position that we know to be ours. */
static void
push_by_position(struct raw *raw, uint32_t position)
{
	struct rte_ring *ring = ring_at(raw, raw->layout.request_ring);
	uint32_t slot = position & (raw->geometry.num_request_slots - 1);
	struct link_desc *descs = (struct link_desc *)(ring + 1);
	struct codec_buf buf;

	codec_buf_init(&buf);
	codec_put_request(&buf, 1, "spdk_get_version", NULL, 0);
	memcpy(raw->memory + raw->layout.request_slots +
	               (size_t)slot * raw->geometry.request_slot_size,
	       buf.data, buf.len);
	descs[slot] = (struct link_desc){ .len = (uint32_t)buf.len, .slot = slot, .seq = position };
	codec_buf_free(&buf);
	__atomic_store_n(&ring->prod.tail, position + 1, __ATOMIC_RELEASE);
}

/* Whether the link still answers; positions are 0, whatever stands in the memory. */
static bool
still_answers(struct raw *raw)
{
	struct rte_ring *ring = ring_at(raw, raw->layout.response_ring);
	int64_t end = raw_now_us() + 1000000;

	__atomic_store_n(&ring->prod.tail, 77, __ATOMIC_RELAXED);
	push_by_position(raw, 0);
	while (__atomic_load_n(&ring->prod.tail, __ATOMIC_ACQUIRE) != 1) {
		ring_bell(raw);
		raw_sleep_us(100);
		if (raw_now_us() > end) {
			return false;
		}
	}
	return true;
}

/* Links one after the other until the time is over. */
static int
scribble(void)
{
	unsigned links[NUM_KINDS] = { 0 }, cut[NUM_KINDS] = { 0 }, mute = 0, refused = 0;
	int64_t end = raw_now_us() + (int64_t)(strtod(g_argument, NULL) * 1e6);
	struct raw raw;

	for (unsigned n = 0; raw_now_us() < end; n++) {
		enum kind kind = n % NUM_KINDS;
		int64_t until;
		bool is_cut = false;

		if (raw_attach(g_instance, "hostile", &raw) < 0) {
			refused++;
			raw_sleep_us(1000);
			continue;
		}
		links[kind]++;
		until = raw_now_us() + LINK_TIME_US;
		while (!is_cut && raw_now_us() < until) {
			for (int i = 0; i < 16; i++) {
				scribble_once(&raw, kind);
			}
			/* Where a ring is what DPDK believes it to be. */
			if (rnd() % 4 == 0 && (kind == DESCRIPTORS || kind == PAYLOAD)) {
				raw_drop_responses(&raw);
			}
			ring_bell(&raw);
			is_cut = raw_is_cut(&raw);
		}
		cut[kind] += is_cut;
		mute += kind == NOT_BELIEVED && !is_cut && !still_answers(&raw);
		raw_detach(&raw);
	}
	printf("{\"links\": [%u, %u, %u, %u, %u], \"cut\": [%u, %u, %u, %u, %u], \"mute\": %u, "
	       "\"refused\": %u}\n",
	       links[0], links[1], links[2], links[3], links[4], cut[0], cut[1], cut[2], cut[3],
	       cut[4], mute, refused);
	return 0;
}

static void
scribble_for(struct raw *raw, unsigned ms)
{
	int64_t end = raw_now_us() + (int64_t)ms * 1000;

	while (raw_now_us() < end) {
		for (int i = 0; i < 64; i++) {
			scribble_once(raw, EVERYTHING);
		}
		ring_bell(raw);
	}
}

/* Closes the connection and goes on writing. */
static int
after_close(void)
{
	struct raw raw;

	must_attach(&raw);
	close(raw.fd);
	raw.fd = -1;
	scribble_for(&raw, 300);
	return 0;
}

/* A child goes on, with everything, when its parent has died. */
static int
with_child(void)
{
	struct raw raw;
	pid_t pid;

	must_attach(&raw);
	pid = fork();
	if (pid == 0) {
		while (getppid() != 1 && !raw_is_cut(&raw)) {
			raw_push(&raw, "spdk_get_version", NULL, 0);
			raw_drop_responses(&raw);
			ring_bell(&raw);
		}
		scribble_for(&raw, 500);
		_exit(0);
	}
	printf("{\"child\": %d}\n", (int)pid);
	fflush(stdout);
	pause();
	return 0;
}

static int
send_fds(int sock, const int *fds, unsigned n)
{
	char byte = 0, control[CMSG_SPACE(sizeof(int) * 253)] = { 0 };
	struct iovec iov = { &byte, 1 };
	struct msghdr hdr = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control };
	struct cmsghdr *cmsg;

	hdr.msg_controllen = CMSG_SPACE(sizeof(int) * n);
	cmsg = CMSG_FIRSTHDR(&hdr);
	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(int) * n);
	memcpy(CMSG_DATA(cmsg), fds, sizeof(int) * n);
	return sendmsg(sock, &hdr, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -errno : 0;
}

static int
take_fds(int sock, int *fds, unsigned n)
{
	char byte, control[CMSG_SPACE(sizeof(int) * 8)];
	struct iovec iov = { &byte, 1 };
	struct msghdr hdr = { .msg_iov = &iov,
		              .msg_iovlen = 1,
		              .msg_control = control,
		              .msg_controllen = sizeof(control) };
	struct cmsghdr *cmsg;

	if (recvmsg(sock, &hdr, 0) < 0 || (cmsg = CMSG_FIRSTHDR(&hdr)) == NULL) {
		return -EPROTO;
	}
	memcpy(fds, CMSG_DATA(cmsg), sizeof(int) * n);
	return 0;
}

/* The process that is handed everything: what it can map, and what it does when it is alone. */
static void
handed_over(int sock)
{
	struct raw raw = { .memory = NULL };
	int fds[4];
	void *memory;

	if (take_fds(sock, fds, 4) < 0) {
		_exit(3);
	}
	memory = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_SHARED, fds[1], 0);
	printf("{\"pid\": %d, \"map\": \"%s\"}\n", (int)getpid(),
	       memory == MAP_FAILED ? strerrorname_np(errno) : "done");
	fflush(stdout);
	raw.fd = fds[0];
	raw.bell = fds[2];
	for (int i = 0; i < 5000; i++) {
		ring_bell(&raw);
		raw_send(&raw, GATE_REPORT, "hostile");
		raw_sleep_us(100);
	}
	_exit(0);
}

static int
handing_over(void)
{
	struct raw raw;
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0) {
		return 3;
	}
	if (fork() == 0) {
		handed_over(pair[1]);
	}
	must_attach(&raw);
	int fds[4] = { raw.fd, raw.memfd, raw.bell, raw.stats };

	if (send_fds(pair[0], fds, 4) < 0) {
		return 3;
	}
	pause();
	return 0;
}

/* --- odd flags -------------------------------------------------------------------------------- */

static void
odd_flags_of(int fd, pid_t owner)
{
	int zero = 0, one = 1;
	struct timeval tv = { .tv_usec = 1 };
	struct linger linger = { .l_onoff = 1, .l_linger = 3600 };

	fcntl(fd, F_SETOWN, owner);
	fcntl(fd, F_SETSIG, SIGUSR1);
	fcntl(fd, F_SETFL, O_ASYNC | O_APPEND | O_DIRECT | O_NOATIME);
	fcntl(fd, F_SETFL, 0); /* O_NONBLOCK is gone */
	fcntl(fd, F_SETLEASE, F_RDLCK);
	fcntl(fd, F_SETLEASE, F_WRLCK);
	fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW);
	fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL);
	fcntl(fd, F_SETPIPE_SZ, 4096);
	fcntl(fd, F_NOTIFY, 0x7fffffff);
	flock(fd, LOCK_EX | LOCK_NB);
	ftruncate(fd, 0) == 0 ? printf("truncated\n") : 0;
	fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 1 << 20);
	lseek(fd, 12345, SEEK_SET);
	for (int option = 0; option < 128; option++) {
		if (option != SO_RCVBUF && option != SO_SNDBUF) {
			setsockopt(fd, SOL_SOCKET, option, &one, sizeof(one));
		}
	}
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &zero, sizeof(zero));
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &zero, sizeof(zero));
	setsockopt(fd, SOL_SOCKET, SO_PEEK_OFF, &one, sizeof(one));
}

/* In groups in groups, as deep as the kernel lets us. */
static void
nest(int fd)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLEXCLUSIVE };

	for (int i = 0; i < 8; i++) {
		int group = epoll_create1(EPOLL_CLOEXEC);

		epoll_ctl(group, EPOLL_CTL_ADD, fd, &event);
		event.events = EPOLLIN;
		fd = group;
	}
}

/* ARGUMENT: whose signals they are to be. */
static int
odd_flags(void)
{
	unsigned answers = 0;
	struct raw raw;

	must_attach(&raw);
	odd_flags_of(raw.bell, atoi(g_argument));
	odd_flags_of(raw.memfd, atoi(g_argument));
	odd_flags_of(raw.stats, atoi(g_argument));
	odd_flags_of(raw.fd, getpid()); /* of its own end; the signals are its own affair */
	signal(SIGUSR1, SIG_IGN);
	signal(SIGIO, SIG_IGN);
	nest(raw.bell);
	nest(raw.fd);
	printf("{\"flags\": \"set\"}\n");
	fflush(stdout);
	for (int i = 0; i < 3000 && !raw_is_cut(&raw); i++) {
		raw_push(&raw, "rpc_get_methods", NULL, 0);
		/* Armed for everything: the primary writes to the connection. */
		__atomic_store_n(&raw.ring.header->client_armed, 3, __ATOMIC_RELAXED);
		ring_bell(&raw);
		raw_sleep_us(50);
		answers += raw_drop_responses(&raw);
	}
	printf("{\"answers\": %u}\n", answers);
	return 0;
}

/* ARGUMENT: how. */
static int
half_closed(void)
{
	struct raw raw;

	must_attach(&raw);
	shutdown(raw.fd, atoi(g_argument));
	for (int i = 0; i < 1000; i++) {
		raw_push(&raw, "spdk_get_version", NULL, 0);
		__atomic_store_n(&raw.ring.header->client_armed, 3, __ATOMIC_RELAXED);
		raw_drop_responses(&raw);
		ring_bell(&raw);
		raw_sleep_us(100);
	}
	return 0;
}

static void *
empty_bell(void *arg)
{
	uint64_t count;

	for (;;) {
		if (read(((struct raw *)arg)->bell, &count, sizeof(count)) < 0) {
			raw_sleep_us(1);
		}
	}
	return NULL;
}

/* Its count at the maximum, where a write blocks; then, O_NONBLOCK gone, rung and emptied at once
 * by another thread: whoever reads it may wait for ever. At the end nobody rings any more. */
static int
bell_full(void)
{
	uint64_t most = UINT64_MAX - 1;
	unsigned answers = 0;
	pthread_t thread;
	struct raw raw;

	must_attach(&raw);
	for (int i = 0; i < 200; i++) {
		if (write(raw.bell, &most, sizeof(most)) < 0 && errno != EAGAIN) {
			return 1;
		}
		raw_push(&raw, "spdk_get_version", NULL, 0);
		answers += raw_drop_responses(&raw);
		raw_sleep_us(20);
	}
	fcntl(raw.bell, F_SETFL, 0);
	if (pthread_create(&thread, NULL, empty_bell, &raw) != 0) {
		return 3;
	}
	for (int i = 0; i < 5000; i++) {
		raw_push(&raw, "spdk_get_version", NULL, 0);
		ring_bell(&raw);
		answers += raw_drop_responses(&raw);
		raw_sleep_us(20);
	}
	raw_sleep_us(100000);
	if (raw_is_cut(&raw)) {
		return 1;
	}
	printf("{\"answers\": %u}\n", answers);
	return 0;
}

/* Armed for everything, always, and the connection is never read. */
static int
deaf(void)
{
	int64_t end = raw_now_us() + 1000000;
	unsigned answers = 0;
	struct raw raw;

	must_attach(&raw);
	while (raw_now_us() < end) {
		raw_push(&raw, "spdk_get_version", NULL, 0);
		__atomic_store_n(&raw.ring.header->client_armed, 3, __ATOMIC_RELAXED);
		ring_bell(&raw);
		answers += raw_drop_responses(&raw);
	}
	printf("{\"answers\": %u}\n", answers);
	return 0;
}

/* --- the gate --------------------------------------------------------------------------------- */

/* ARGUMENT: how many descriptors in all. Half before a hello, half after. */
static int
descriptors(void)
{
	unsigned want = (unsigned)atoi(g_argument), sent = 0, conns = 0;
	int fds[253];

	for (int i = 0; i < 253; i++) {
		fds[i] = STDIN_FILENO;
	}
	for (; sent < want; conns++) {
		struct raw raw = { .memory = NULL };

		raw.fd = raw_connect(g_instance);
		if (raw.fd < 0) {
			raw_sleep_us(1000);
			continue;
		}
		if (conns % 2 != 0) {
			raw_send(&raw, GATE_HELLO, "hostile");
		}
		for (int i = 0; i < 8 && send_fds(raw.fd, fds, 253) == 0; i++) {
			sent += 253;
		}
		close(raw.fd);
	}
	printf("{\"connections\": %u, \"descriptors\": %u}\n", conns, sent);
	return 0;
}

/* ARGUMENT: how many connections; none of them says a word. */
static int
silent(void)
{
	int n = atoi(g_argument), made = 0, closed = 0;
	struct pollfd *fds = calloc((size_t)n, sizeof(*fds));
	int64_t begin = raw_now_us();

	if (fds == NULL) {
		return 3;
	}
	for (int i = 0; i < n; i++) {
		fds[i].fd = raw_connect(g_instance);
		fds[i].events = POLLIN;
		made += fds[i].fd >= 0;
	}
	printf("{\"connected\": %d}\n", made);
	fflush(stdout);
	while (closed < made && raw_now_us() - begin < 20000000) {
		poll(fds, (nfds_t)n, 1000);
		for (int i = 0; i < n; i++) {
			char byte[1024];

			if (fds[i].fd >= 0 &&
			    recv(fds[i].fd, byte, sizeof(byte), MSG_DONTWAIT) <= 0 &&
			    errno != EAGAIN) {
				close(fds[i].fd);
				fds[i].fd = -1;
				closed++;
			}
			errno = 0;
		}
	}
	printf("{\"closed\": %d, \"seconds\": %.2f}\n", closed,
	       (double)(raw_now_us() - begin) / 1e6);
	free(fds);
	return 0;
}

/* Takes a grant and never says that it has mapped it. */
static int
never_mapped(void)
{
	int64_t begin = raw_now_us();
	struct raw raw;

	if (raw_take_grant(g_instance, "hostile", &raw) < 0) {
		return 3;
	}
	while (!raw_is_cut(&raw) && raw_now_us() - begin < 20000000) {
		raw_push(&raw, "spdk_get_version", NULL, 0);
		raw_sleep_us(1000);
	}
	printf("{\"seconds\": %.2f, \"answers\": %u}\n", (double)(raw_now_us() - begin) / 1e6,
	       raw_drop_responses(&raw));
	return 0;
}

/* --- a message that changes while it is read -------------------------------------------------- */

static struct raw g_shared;
static volatile bool g_flip_ends;

static void *
flip(void *arg)
{
	struct link_desc *descs =
		(struct link_desc *)(ring_at(&g_shared, g_shared.layout.request_ring) + 1);
	uint64_t random = g_random;

	while (!g_flip_ends) {
		uint32_t at;

		random = random * 6364136223846793005u + 1442695040888963407u;
		at = (uint32_t)(random >> 33);
		/* The first bytes of each message: its structure. */
		__atomic_fetch_xor(g_shared.memory + g_shared.layout.request_slots +
		                           (size_t)(at % 64) * LINK_REQUEST_SLOT_SIZE +
		                           (at >> 6) % 48,
		                   (uint8_t)(at >> 12), __ATOMIC_RELAXED);
		/* Longer and shorter, within what may be: only a second look could be fooled. */
		if (at % 8 == 0) {
			__atomic_store_n(&descs[(at >> 3) % 64].len, 1 + (at >> 9) % 4096,
			                 __ATOMIC_RELAXED);
		}
	}
	return NULL;
}

static int
changing(void)
{
	int64_t end = raw_now_us() + (int64_t)(strtod(g_argument, NULL) * 1e6);
	unsigned links = 0, pushed = 0;

	while (raw_now_us() < end) {
		int64_t until = raw_now_us() + LINK_TIME_US;
		pthread_t thread;

		if (raw_attach(g_instance, "hostile", &g_shared) < 0) {
			raw_sleep_us(1000);
			continue;
		}
		links++;
		g_flip_ends = false;
		if (pthread_create(&thread, NULL, flip, NULL) != 0) {
			return 3;
		}
		while (!raw_is_cut(&g_shared) && raw_now_us() < until) {
			for (int i = 0; i < 32; i++) {
				pushed += raw_push(&g_shared, "bdev_get_bdevs", NULL, 0);
			}
			raw_drop_responses(&g_shared);
			ring_bell(&g_shared);
		}
		g_flip_ends = true;
		pthread_join(thread, NULL);
		raw_detach(&g_shared);
	}
	printf("{\"links\": %u, \"requests\": %u}\n", links, pushed);
	return 0;
}

/* Fragments without an end. */
static int
endless(void)
{
	static uint8_t data[LINK_REQUEST_SLOT_SIZE];
	uint64_t sent = 0;
	struct raw raw;

	must_attach(&raw);
	while (!raw_is_cut(&raw) && sent < (64u << 20)) {
		struct link_desc *descs =
			(struct link_desc *)(ring_at(&raw, raw.layout.request_ring) + 1);
		uint32_t position = raw.ring.request_position;

		/* Two slots' worth, of which the first says that it goes on, and the second is not
		 * pushed: so the next one goes on, too. */
		if (client_ring_push(&raw.ring, data, sizeof(data) + 1) == 0) {
			ring_bell(&raw);
			continue;
		}
		sent += descs[position & (raw.geometry.num_request_slots - 1)].len;
	}
	printf("{\"bytes\": %lu}\n", (unsigned long)sent);
	return 0;
}

static const struct {
	const char *name;
	int (*fn)(void);
} g_modes[] = {
	{ "scribble", scribble },         { "after_close", after_close },
	{ "with_child", with_child },     { "handing_over", handing_over },
	{ "odd_flags", odd_flags },       { "half_closed", half_closed },
	{ "bell_full", bell_full },       { "deaf", deaf },
	{ "descriptors", descriptors },   { "silent", silent },
	{ "never_mapped", never_mapped }, { "changing", changing },
	{ "endless", endless },
};

int
main(int argc, char **argv)
{
	const char *seed = getenv("CAL_TEST_SEED");

	if (argc < 3) {
		return 2;
	}
	g_instance = atoi(argv[1]);
	g_argument = argc > 3 ? argv[3] : "";
	g_random = (seed != NULL ? strtoull(seed, NULL, 0) : 0) * 2 + 88172645463325253u;
	for (size_t i = 0; i < sizeof(g_modes) / sizeof(g_modes[0]); i++) {
		if (strcmp(argv[2], g_modes[i].name) == 0) {
			return g_modes[i].fn();
		}
	}
	return 2;
}

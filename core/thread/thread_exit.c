/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* The end of a thread: what it waits for, and what is said when it has waited in vain.
 *
 * "Exited" is set under the library's lock, in one step with seeing that no walk and no device
 * holds on to the thread; walks and devices take hold, and send their messages, under the same lock
 * and of a thread that has not exited. So none of their messages is lost. */

#include "core/thread/io_device.h"
#include "core/thread/thread_interrupt.h"

#include "spdk/log.h"
#include "spdk_internal/thread.h"

#define MAX_NAMED 8 /* of each kind, and as many as fit into a line */

/* A list of names in the making. */
struct names {
	uint32_t count;
	uint32_t named;
	size_t len;
	char text[320];
};

static void __attribute__((format(printf, 2, 3)))
names_add(struct names *names, const char *format, ...)
{
	char one[120];
	va_list ap;

	if (names->count++ > names->named || names->named == MAX_NAMED) {
		return;
	}
	va_start(ap, format);
	vsnprintf(one, sizeof(one), format, ap);
	va_end(ap);
	if (names->len + strlen(one) + 3 < sizeof(names->text)) {
		names->len += (size_t)sprintf(names->text + names->len, "%s%s",
		                              names->named > 0 ? ", " : "", one);
		names->named++;
	}
}

/* " and N more", or nothing. */
static const char *
names_more(struct names *names, char *text, size_t size)
{
	text[0] = '\0';
	if (names->count > names->named) {
		snprintf(text, size, " and %u more", names->count - names->named);
	}
	return text;
}

static void
names_log(struct names *names, const struct spdk_thread *thread, const char *what)
{
	char more[32];

	if (names->count > 0) {
		SPDK_ERRLOG("thread %s ends with %u %s: %s%s\n", thread->name, names->count, what,
		            names->text, names_more(names, more, sizeof(more)));
	}
}

static void
report_pollers(struct spdk_thread *thread)
{
	struct names names = { 0 };
	struct spdk_poller *p;

	for (p = spdk_thread_get_first_active_poller(thread); p != NULL;
	     p = spdk_thread_get_next_active_poller(p)) {
		names_add(&names, "%s", p->name);
	}
	for (p = spdk_thread_get_first_timed_poller(thread); p != NULL;
	     p = spdk_thread_get_next_timed_poller(p)) {
		names_add(&names, "%s (timed)", p->name);
	}
	for (p = spdk_thread_get_first_paused_poller(thread); p != NULL;
	     p = spdk_thread_get_next_paused_poller(p)) {
		names_add(&names, "%s (paused)", p->name);
	}
	names_log(&names, thread, "pollers not unregistered");
}

static void
report_interrupts(struct spdk_thread *thread)
{
	struct names names = { 0 };
	struct spdk_interrupt *intr;

	for (intr = interrupt_first(thread); intr != NULL; intr = interrupt_next(intr)) {
		names_add(&names, "%s", interrupt_name(intr));
	}
	names_log(&names, thread, "interrupts not unregistered");
}

/* Under the lock. */
static void
report_held(struct spdk_thread *thread)
{
	struct names channels = { 0 }, owed = { 0 }, begun = { 0 }, visitors = { 0 };
	struct spdk_io_channel *ch;
	struct io_device *dev;
	struct walk *walk;
	char text[120];

	for (ch = spdk_thread_get_first_io_channel(thread); ch != NULL;
	     ch = spdk_thread_get_next_io_channel(ch)) {
		names_add(&channels, "%s (%u references)", ch->dev->name, ch->ref);
	}
	names_log(&channels, thread, "I/O channels not put");
	TAILQ_FOREACH (dev, &thread->owed_to_it, owed_link) {
		names_add(&owed, "%s (%u channels, %u walks left)", dev->name, dev->channels,
		          dev->for_each);
	}
	names_log(&owed, thread, "I/O devices whose unregistration is pending");
	for (walk = TAILQ_FIRST(&thread->begun); walk != NULL; walk = walk_next_begun(walk)) {
		walk_describe(walk, text, sizeof(text));
		names_add(&begun, "%s", text);
	}
	names_log(&begun, thread, "walks that have not come back");
	for (walk = TAILQ_FIRST(&thread->visitors); walk != NULL; walk = walk_next_visitor(walk)) {
		walk_describe(walk, text, sizeof(text));
		names_add(&visitors, "%s", text);
	}
	names_log(&visitors, thread, "walks that were not continued");
}

/* The app thread goes last: say who was not asked before it. */
static void
report_others(const struct spdk_thread *thread)
{
	const struct spdk_thread *other;
	struct names names = { 0 };
	char more[32];

	thread_lib_lock();
	TAILQ_FOREACH (other, &thread_lib_threads, link) {
		if (other != thread && thread_state_get(other) == THREAD_RUNNING) {
			names_add(&names, "%s", other->name);
		}
	}
	thread_lib_unlock();
	if (names.count > 0) {
		SPDK_WARNLOG("the app thread, %s, exits before %u other threads were asked to; "
		             "it should go last: %s%s\n",
		             thread->name, names.count, names.text,
		             names_more(&names, more, sizeof(more)));
	}
}

int
spdk_thread_exit(struct spdk_thread *thread)
{
	thread_check(__func__, "thread", thread->name, thread, thread);
	if (thread_state_get(thread) != THREAD_RUNNING) {
		SPDK_INFOLOG(thread, "thread %s was asked to exit before\n", thread->name);
		return 0;
	}
	if (spdk_thread_is_app_thread(thread)) {
		report_others(thread);
	}
	thread->exit_deadline = spdk_get_ticks() + spdk_get_ticks_hz() * THREAD_EXIT_TIMEOUT_S;
	__atomic_store_n(&thread->state, THREAD_EXITING, __ATOMIC_RELAXED);
	thread_end_chain(thread);
	thread_interrupt_changed(thread);
	return 0;
}

bool
spdk_thread_is_running(struct spdk_thread *thread)
{
	return thread_state_get(thread) == THREAD_RUNNING;
}

bool
thread_is_exiting(const struct spdk_thread *thread)
{
	return thread_state_get(thread) == THREAD_EXITING;
}

bool
spdk_thread_is_exited(struct spdk_thread *thread)
{
	return thread_state_get(thread) == THREAD_EXITED;
}

void
thread_let_go(struct spdk_thread *thread)
{
	__atomic_store_n(&thread->state, THREAD_EXITED, __ATOMIC_RELAXED);
	walks_let_go(thread);
	io_devices_let_go(thread);
	io_channels_let_go(thread);
}

/* Whether a walk, a channel or a device holds on to it. Under the lock. */
static bool
is_held(const struct spdk_thread *thread)
{
	return !RB_EMPTY(&thread->channels) || !TAILQ_EMPTY(&thread->begun) ||
	       !TAILQ_EMPTY(&thread->visitors) || !TAILQ_EMPTY(&thread->owed_to_it);
}

void
thread_exit_step(struct spdk_thread *thread, uint64_t now)
{
	bool busy = spdk_thread_has_pollers(thread) || interrupt_first(thread) != NULL ||
	            !msg_queue_is_empty(&thread->msgs) ||
	            __atomic_load_n(&thread->critical, __ATOMIC_RELAXED) != NULL;

	if (busy && now < thread->exit_deadline) {
		return;
	}
	thread_lib_lock();
	if (busy || is_held(thread)) {
		if (now < thread->exit_deadline) {
			thread_lib_unlock();
			return;
		}
		SPDK_ERRLOG("thread %s did not finish within %d s of spdk_thread_exit() and ends "
		            "now, with %" PRIu64 " messages and what is named below\n",
		            thread->name, THREAD_EXIT_TIMEOUT_S, msg_queue_depth(&thread->msgs));
		report_pollers(thread);
		report_interrupts(thread);
		report_held(thread);
	}
	thread_let_go(thread);
	thread_lib_unlock();
}

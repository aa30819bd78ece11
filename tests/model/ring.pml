/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* A link's two rings and the two bells (ipc/link/link.c, ipc/client/client_ring.c, client_wait.c): the
 * client sends N requests, the primary answers each, both sleep when they find nothing to do. Indices
 * count modulo 4, so they come round; a ring of SIZE carries SIZE - 1.
 *
 * Memory as an x86 has it: a store goes to the CPU's buffer, which reaches memory in order but later; a
 * full fence, and a system call that rings, wait until it is empty. (Nobody loads what stands in his own
 * buffer: an index of one's own is kept privately, a flag is followed by a fence.)
 *
 * Must hold: every request is taken once, in order and as it was written, every response likewise; both
 * get all and end, so no wake-up is lost. A client that dies (DEATH) may do so after any store: what has
 * reached memory is then a prefix of what it stored.
 *
 * holds two_slots:
 * holds four_slots: -DSIZE=4
 * holds death: -DDEATH -DN=4
 *
 * The full fence between publishing and the look at the flag (wake_client(), client_ring_must_wake()):
 * fails waker_fence: -DNO_WAKER_FENCE
 * The full fence between arming and the last look (link_arm(), client_ring_arm()):
 * fails sleeper_fence: -DNO_SLEEPER_FENCE
 * The last look after arming:
 * fails last_look: -DNO_LAST_LOOK
 * The flag is cleared before the bell is rung, not after it:
 * fails clear_after_ring: -DCLEAR_AFTER_RING
 * A bell also for a slot that becomes free (LINK_ARM_SPACE):
 * fails space: -DNO_SPACE
 * The slot is written before the tail that shows it (client_ring_push(), write_chunks()):
 * fails tail_first: -DTAIL_FIRST
 * The slot is read before the tail that gives it back (take_fragment(), client_ring_release()). Only a ring
 * that is filled to its last slot shows it: the spare one would hide it.
 * holds filled: -DFULL
 * fails release_first: -DFULL -DRELEASE_FIRST
 */

#ifndef SIZE
#define SIZE 2
#endif
#ifndef N
#define N 5
#endif
#ifdef FULL
#define MASK SIZE
#else
#define MASK (SIZE - 1)
#endif
#define MOD (2 * SIZE) /* of indices: 2^32 there */

#define MESSAGE 1
#define SPACE   2

/* Shared memory. A slot is two words, so that half of one can be seen. Ring 0: requests, 1: responses. */
#define TAIL(ring)          (ring)       /* the producer's */
#define BACK(ring)          (2 + (ring)) /* the consumer's */
#define ARMED(side)         (4 + (side)) /* 0: the client sleeps, 1: the primary does */
#define SLOT(ring, at, w)   (6 + (ring) * 2 * SIZE + 2 * ((at) % SIZE) + (w))
byte mem[6 + 4 * SIZE];

/* Store buffers of the client's CPU and the primary's. */
chan buffer[2] = [4] of { byte, byte };

bool bell[2]; /* rung and not heard: the client's, the primary's */
bool died, down;

#define STORE(at, value) buffer[me]!at, value
#define FENCE            empty(buffer[me])

active [2] proctype memory()
{
	byte at, value;
end_memory:
	do
	:: atomic { buffer[_pid]?at, value -> mem[at] = value; at = 0; value = 0 }
	od
}

/* Publish message `n` at `tail`. */
inline publish(ring, n)
{
#ifdef TAIL_FIRST
	STORE(TAIL(ring), (tail + 1) % MOD);
#endif
	STORE(SLOT(ring, tail, 0), n);
	STORE(SLOT(ring, tail, 1), n);
#ifndef TAIL_FIRST
	STORE(TAIL(ring), (tail + 1) % MOD);
#endif
	tail = (tail + 1) % MOD
}

/* Take message `n`, and nothing else, from `head`. */
inline take(ring, n)
{
#ifdef RELEASE_FIRST
	STORE(BACK(ring), (head + 1) % MOD);
#endif
	assert(mem[SLOT(ring, head, 0)] == n);
	assert(mem[SLOT(ring, head, 1)] == n);
#ifndef RELEASE_FIRST
	STORE(BACK(ring), (head + 1) % MOD);
#endif
	head = (head + 1) % MOD
}

#define WAITING(ring) (mem[TAIL(ring)] != head)
#define ROOM(ring)    ((tail + MOD - mem[BACK(ring)]) % MOD < MASK)

inline wake(reason)
{
#ifndef NO_WAKER_FENCE
	FENCE;
#endif
	if
	:: mem[ARMED(1 - me)] & reason ->
#ifdef CLEAR_AFTER_RING
		atomic { FENCE -> bell[1 - me] = true };
		STORE(ARMED(1 - me), 0)
#else
		STORE(ARMED(1 - me), 0);
		atomic { FENCE -> bell[1 - me] = true }
#endif
	:: else
	fi
}

inline disarm()
{
	if
	:: armed -> armed = false; STORE(ARMED(me), 0)
	:: else
	fi
}

/* Sleep for `reasons`, unless one of them is there already. */
inline sleep(from, to, reasons)
{
	STORE(ARMED(me), reasons);
	armed = true;
#ifndef NO_SLEEPER_FENCE
	FENCE;
#endif
	if
#ifndef NO_LAST_LOOK
	:: WAITING(from) -> disarm()
	:: !WAITING(from) && ((reasons) & SPACE) && ROOM(to) -> disarm()
	:: !WAITING(from) && !(((reasons) & SPACE) && ROOM(to)) ->
#else
	:: true ->
#endif
		if
		:: atomic { bell[me] -> bell[me] = false }
		:: down -> goto out
		fi
	fi
}

#ifdef NO_SPACE
#define SPACE_WANTED 0
#else
#define SPACE_WANTED SPACE
#endif

inline client_life()
{
	do
	:: got == N -> break
	:: got < N ->
		disarm();
		any = false;
		do
		:: WAITING(1) -> got++; take(1, got); any = true
		:: !WAITING(1) -> break
		od;
		if
		:: any -> wake(SPACE)
		:: else
		fi;
		any = false;
		do
		:: sent < N && ROOM(0) -> sent++; publish(0, sent); any = true
		:: sent == N || !ROOM(0) -> break
		od;
		if
		:: any -> wake(MESSAGE)
		:: else
		fi;
		any = false;
		if
		:: got < N -> sleep(1, 0, MESSAGE | (sent < N -> SPACE_WANTED : 0))
		:: else
		fi
	od
}

active proctype client()
{
	byte me = 0, head, tail, sent, got;
	bool armed, any;

#ifdef DEATH
	{
		client_life()
	} unless {
		died
	};
	atomic { empty(buffer[0]) -> down = true }
#else
	client_life();
#endif
out:
	skip
}

#ifdef DEATH
active proctype killer()
{
	died = true
}
#endif

active proctype primary()
{
	byte me = 1, head, tail, taken, answered, backlog;
	bool armed, busy;

	do
	:: answered == N -> break
	:: answered < N ->
		busy = false;
		if
		:: backlog > 0 && ROOM(1) ->
			answered++; publish(1, answered); backlog--; wake(MESSAGE); busy = true
		:: else
		fi;
		if
		:: !busy ->
			disarm();
			if
			:: WAITING(0) ->
				taken++; take(0, taken); wake(SPACE); busy = true;
				if
				:: backlog == 0 && ROOM(1) ->
					answered++; publish(1, answered); wake(MESSAGE)
				:: else -> backlog++
				fi
			:: !WAITING(0)
			fi
		:: else
		fi;
		if
		:: !busy && answered < N ->
			sleep(0, 1, MESSAGE | (backlog > 0 -> SPACE_WANTED : 0))
		:: else
		fi
	od;
out:
	skip
}

/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* A service's hand-over of its sockets (services/rpcd/handover.c, takeover.c): the old one sends frames with
 * descriptors, keeps what it sent, the new one says that it has it all (ACK), the old one that it may serve (GO) and
 * ends. Either may die before any step; the old one may lose patience. Two connections: the one's client has sent
 * a request of which the old one has read a part, the other's is answered and its answer not yet written: both
 * are handed over with bytes that only a service's memory has.
 *
 * Must hold: never two serve; no request is answered twice, no answer written twice, and no bytes are used that the
 * other one has used; if one of them lives in the end, exactly one serves, and it has the connections that the
 * other had not closed.
 *
 * holds any_end:
 *
 * The old one serves on only when the new one cannot any more, and the other way round (two bytes, not one: the new one
 * would serve as soon as it has it all, while the old one has lost patience):
 * fails one_byte: -DNO_GO
 * The old one that takes everything back marks the lock, whose open file they share: the new one, which sees the connection
 * end, and the old one dead, knows then that what it was sent has been used (handover_fail(), predecessor_left()):
 * fails no_mark: -DNO_MARK
 * The mark comes before anything of it is used:
 * fails mark_late: -DMARK_LATE
 * The old one keeps what it sent until the new one may serve:
 * fails nothing_kept: -DNOTHING_KEPT
 */

#define CONNS 2

mtype = { begin, conn, finished, go, ack };

chan to_new = [5] of { mtype, byte };
chan to_old = [1] of { mtype };

bool old_dead, new_dead;     /* their processes */
bool old_closed, new_closed; /* their ends of the connection between them */
bool old_serves = true, new_serves;
bool mark;        /* in the lock file */
byte used[CONNS]; /* times that the bytes were used */
bool old_has[CONNS] = true, new_has[CONNS];

/* Read the rest of the request and answer it, or write the answer. */
inline use(i)
{
	d_step { used[i]++; assert(used[i] == 1) }
}

/* The successor is gone, or good for nothing: handover_fail(). */
inline take_back()
{
#if !defined(NO_MARK) && !defined(MARK_LATE)
	mark = true;
#endif
	d_step { assert(!new_serves); old_serves = true };
	i = 0;
	do
	:: i < CONNS ->
		if
		:: !old_has[i] && used[i] == 0 ->
#ifdef NOTHING_KEPT
			assert(false); /* its client was promised an answer */
#endif
			old_has[i] = true
		:: else
		fi;
		if
		:: old_has[i] && used[i] == 0 -> use(i)
		:: true
		fi;
		i++
	:: i == CONNS -> break
	od;
#ifdef MARK_LATE
	mark = true;
#endif
	old_closed = true
}

active proctype old()
{
	byte i;

	{
		d_step { old_serves = false; to_new!begin(0) }; /* accept_stop() */
		do
		:: i < CONNS ->
			if
			:: use(i); old_has[i] = false /* answered, and its client has closed it */
			:: d_step { old_has[i] = false; to_new!conn(i) }
			:: new_closed -> goto failed
			fi;
			i++
		:: i == CONNS -> break
		od;
		to_new!finished(0);
		if
		:: to_old?ack ->
			if
#ifdef NO_GO
			:: d_step { true -> old_dead = true; old_closed = true }
#else
			:: d_step { !new_closed -> to_new!go(0); old_dead = true; old_closed = true }
#endif
			:: new_closed -> goto failed
			fi
		:: new_closed && empty(to_old) -> goto failed
		:: true -> goto failed /* ack_over() */
		fi;
		goto out;
failed:
		take_back();
end_serving:
		false
	} unless {
		old_dead
	};
out:
	skip
}

inline serve()
{
	d_step { assert(!old_serves); new_serves = true };
	i = 0;
	do
	:: i < CONNS ->
		if
		:: new_has[i] -> use(i)
		:: true
		fi;
		i++
	:: i == CONNS -> break
	od
}

inline give_up()
{
	d_step { new_dead = true; new_closed = true }
}

active proctype new()
{
	byte i;
	bool complete;

	{
		do
		:: to_new?begin(_)
		:: d_step { to_new?conn(i) -> new_has[i] = true; i = 0 }
		:: to_new?finished(_) ->
			complete = true;
			to_old!ack;
#ifdef NO_GO
			serve();
			goto end_serving
#endif
		:: to_new?go(_) -> assert(complete); serve(); goto end_serving
		:: empty(to_new) && old_closed ->
			/* predecessor_left() */
			if
			:: old_dead && !mark -> serve(); goto end_serving
			:: !old_dead || mark -> give_up(); goto out
			fi
		od;
end_serving:
		false
	} unless {
		new_dead
	};
out:
	skip
}

active proctype killer_of_old()
{
	if
	:: d_step { old_dead = true; old_closed = true; old_serves = false }
	:: true
	fi
}

active proctype killer_of_new()
{
	if
	:: d_step { new_dead = true; new_closed = true; new_serves = false }
	:: true
	fi
}

active proctype judge()
{
	timeout;
	assert(old_dead || old_serves);
	assert(new_dead || new_serves);
	assert(!old_serves || !new_serves)
}

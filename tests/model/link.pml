/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* The life of a link: a client's process, the gate on the control pthread (ipc/gate), the app thread
 * (core/rpc/rpc_server.c), requests under way in other threads, a stop, and a second link that may be
 * given the first one's address and connection object.
 *
 * Link i is client i's; epochs are these numbers. Places that malloc() gives out again are small
 * integers: `addr` of struct link, `obj` of the app thread's connection object. A step that one thread
 * makes between two messages is atomic: threads share nothing else but a link's memory.
 *
 * Must hold, whoever dies whenever: a link is freed once, and not while the app thread knows it; a
 * request is taken from, and answered to, the link that it was sent on; in the end nothing is left of
 * the dead, and no side waits for ever.
 *
 * holds clients:
 * holds stop: -DSTOP
 * holds reclaimed: -DLIVENESS --ltl reclaimed
 *
 * Without the pidfd a link lives as long as a forked child holds the connection (gate_conn.c, watch_process()):
 * fails pidfd: -DNO_PIDFD
 * fails pidfd_liveness: -DNO_PIDFD -DLIVENESS --ltl reclaimed
 * An event of a watch that was deleted earlier in the same batch (control.c, control_fd_del()):
 * fails stale_event: -DSTALE_EVENTS
 * link_down() for a link that never was up: nobody says that it is done with (gate_conn.c, gate_conn_end()):
 * fails down_unknown: -DDOWN_UNKNOWN
 * link_up() with the GRANT, before the memory is sealed:
 * fails up_at_grant: -DUP_AT_GRANT
 * A request holds no reference to its connection object (rpc_request.c, request_create()):
 * fails no_reference: -DNO_REFS
 * A request keeps the link's address in place of the connection object (rpc_request.c):
 * fails request_has_link: -DREQUEST_HAS_LINK
 * The memory of a link is used for the next one, while somebody still maps it (link.c, map_memory()):
 * fails same_memory: -DSAME_MEMORY
 * link_down() of a link that a stop has let go of says done a second time (rpc_server.c, link_down_on_app()):
 * fails done_twice: -DSTOP -DDONE_TWICE
 */

#define N    2 /* clients, and so links */
#define NONE 7

#define NEW     0
#define WAITING 1 /* granted; its client has not mapped it */
#define LINKED  2
#define ENDED   3
#define GONE    4

mtype = { attach, mapped, up, down, answer, stop, done, kill };

/* Clients. */
bool dead[N], child[N]; /* a child that keeps the connection */
chan packets[N] = [2] of { mtype };
bool granted[N], opened[N];

/* The gate. */
byte conn[N];
byte conn_addr[N] = NONE;
bool ready_fd[N], ready_pid[N]; /* this batch's events */
bool closed;

/* Links, by address; `epoch` is a ghost. */
bool link_used[N], link_sealed[N];
byte link_epoch[N];
bool freed[N]; /* by epoch */

/* Shared memory: who wrote the request that waits, by epoch (or by address, when it is reused). */
byte memory[N] = NONE;
#ifdef SAME_MEMORY
#define MEMORY_OF(addr) memory[addr]
#else
#define MEMORY_OF(addr) memory[link_epoch[addr]]
#endif

/* The app thread. */
bool running = true;
bool obj_used[N], obj_listed[N];
byte obj_addr[N] = NONE;
byte obj_refs[N];
byte obj_epoch[N]; /* ghost */
bool killed[N];

chan to_app = [8] of { mtype, byte, byte, byte };
chan under_way = [4] of { byte, byte, byte }; /* requests: obj, epoch (a ghost), addr */
chan posts = [6] of { mtype, byte };

/* --- the gate: control pthread ---------------------------------------------------------------- */

inline undo(i)
{
	a = conn_addr[i];
	assert(link_used[a] && link_epoch[a] == i && !freed[i]);
	k = 0;
	do
	:: k < N -> assert(!(obj_used[k] && obj_addr[k] == a)); k++
	:: else -> break
	od;
	link_used[a] = false;
	link_epoch[a] = 0;
	link_sealed[a] = false;
	freed[i] = true;
	conn_addr[i] = NONE;
	conn[i] = GONE
}

/* gate_conn_end() */
inline end(i)
{
	if
	:: conn[i] == ENDED || conn[i] == GONE -> skip
	:: conn[i] == LINKED -> conn[i] = ENDED; to_app!down(conn_addr[i], 0, 0)
	:: conn[i] == WAITING ->
#ifdef DOWN_UNKNOWN
		conn[i] = ENDED; to_app!down(conn_addr[i], 0, 0)
#else
#ifdef UP_AT_GRANT
		conn[i] = ENDED; to_app!down(conn_addr[i], 0, 0)
#else
		undo(i)
#endif
#endif
	:: conn[i] == NEW -> conn[i] = GONE
	fi
}

inline new_obj(i)
{
	k = 0;
	do
	:: k < N && obj_used[k] -> k++
	:: else -> break
	od;
	if
	:: k < N ->
		obj_used[k] = true;
		obj_addr[k] = conn_addr[i];
		obj_refs[k] = 1;
		obj_epoch[k] = i;
		to_app!up(k, 0, 0)
	:: posts!kill(i); posts!done(conn_addr[i]) /* no memory, or no app thread */
	fi
}

inline on_packet(i)
{
	if
	:: packets[i]?attach ->
		assert(conn[i] == NEW);
		if
		:: closed -> end(i)
		:: !closed ->
			/* malloc(): any place that is free. */
			if
			:: !link_used[0] -> a = 0
			:: !link_used[1] -> a = 1
			fi;
			link_used[a] = true;
			link_epoch[a] = i;
			conn_addr[i] = a;
			conn[i] = WAITING;
			granted[i] = true;
#ifdef UP_AT_GRANT
			new_obj(i)
#endif
		fi
	:: packets[i]?mapped ->
		assert(conn[i] == WAITING);
		link_sealed[conn_addr[i]] = true;
		conn[i] = LINKED;
		opened[i] = true;
#ifndef UP_AT_GRANT
		new_obj(i)
#endif
	:: empty(packets[i]) && dead[i] && !child[i] -> end(i)
	:: empty(packets[i]) && !(dead[i] && !child[i]) -> skip
	fi
}

#define READABLE(i) (conn[i] < ENDED && (nempty(packets[i]) || (dead[i] && !child[i])))
#ifdef NO_PIDFD
#define EXITED(i) false
#else
#define EXITED(i) (conn[i] < ENDED && dead[i])
#endif

/* An event of the batch whose watch was deleted meanwhile is not delivered. */
#ifdef STALE_EVENTS
#define WATCHED(i) true
#else
#define WATCHED(i) (conn[i] < ENDED)
#endif

inline deliver_fd(i)
{
	if
	:: ready_fd[i] && WATCHED(i) ->
		assert(conn[i] != GONE); /* or the callback's argument is freed memory */
		on_packet(i)
	:: else -> skip
	fi;
	ready_fd[i] = false
}

inline deliver_pid(i)
{
	if
	:: ready_pid[i] && WATCHED(i) ->
		assert(conn[i] != GONE);
		end(i)
	:: else -> skip
	fi;
	ready_pid[i] = false
}

inline deliver(i)
{
	if /* in either order */
	:: deliver_fd(i); deliver_pid(i)
	:: ready_fd[i] && ready_pid[i] -> deliver_pid(i); deliver_fd(i)
	fi;
	a = 0; k = 0
}

active proctype gate()
{
	byte a, k, x;
end_gate:
	do
	:: atomic {
		(READABLE(0) || READABLE(1) || EXITED(0) || EXITED(1)) ->
		ready_fd[0] = READABLE(0); ready_fd[1] = READABLE(1);
		ready_pid[0] = EXITED(0); ready_pid[1] = EXITED(1);
		deliver(0);
		deliver(1)
	   }
	:: atomic { posts?done(x) ->
		if
		:: conn_addr[0] == x -> conn[0] = ENDED; undo(0)
		:: conn_addr[1] == x -> conn[1] = ENDED; undo(1)
		:: else -> assert(false) /* it was freed already */
		fi;
		a = 0; k = 0; x = 0
	   }
	:: atomic { posts?kill(x) ->
		if
		:: conn[x] == LINKED -> end(x)
		:: else -> skip
		fi;
		a = 0; k = 0; x = 0
	   }
#ifdef STOP
	:: atomic { !closed -> closed = true; end(0); end(1); a = 0; k = 0 }
#endif
	od
}

/* --- the app thread --------------------------------------------------------------------------- */

inline unref(o)
{
	obj_refs[o]--;
	if
	:: obj_refs[o] == 0 -> obj_used[o] = false; obj_epoch[o] = 0
	:: else -> skip
	fi
}

/* conn_end() */
inline let_go(o)
{
	obj_listed[o] = false;
	posts!done(obj_addr[o]);
	obj_addr[o] = NONE;
	unref(o)
}

inline serve(o)
{
	atomic {
		(running && obj_listed[o] && MEMORY_OF(obj_addr[o]) != NONE) ->
		a = obj_addr[o];
		assert(link_used[a] && link_epoch[a] == obj_epoch[o]);
		assert(MEMORY_OF(a) == link_epoch[a]); /* none of another epoch */
		if
		:: true -> /* a request: its answer comes from elsewhere, later */
#ifndef NO_REFS
			obj_refs[o]++;
#endif
			under_way!o(link_epoch[a], a)
		:: !killed[obj_epoch[o]] -> /* it broke the layout */
			killed[obj_epoch[o]] = true;
			posts!kill(obj_epoch[o])
		fi;
		MEMORY_OF(a) = NONE;
		a = 0
	}
}

inline answered()
{
#ifdef REQUEST_HAS_LINK
	assert(link_used[a] && link_epoch[a] == x);
#endif
	assert(obj_used[o] && obj_epoch[o] == x);
	if
	:: obj_addr[o] != NONE -> assert(link_used[obj_addr[o]] && link_epoch[obj_addr[o]] == x)
	:: else -> skip /* into nothing */
	fi;
#ifndef NO_REFS
	unref(o);
#endif
	a = 0; o = 0; x = 0
}

active proctype app()
{
	byte a, o, x;
end_app:
	do
	:: atomic { to_app?up(x, _, _) ->
		if
		:: running ->
			assert(link_used[obj_addr[x]] && link_sealed[obj_addr[x]]);
			obj_listed[x] = true
		:: else ->
			posts!done(obj_addr[x]);
			obj_addr[x] = NONE;
			obj_refs[x] = 0;
			obj_epoch[x] = 0;
			obj_used[x] = false
		fi;
		x = 0
	   }
	:: atomic { to_app?down(x, _, _) ->
		o = 0;
		do
		:: o < N && !(obj_listed[o] && obj_addr[o] == x) -> o++
		:: else -> break
		od;
		if
		:: o < N -> let_go(o)
		:: else ->
#ifdef DONE_TWICE
			posts!done(x)
#else
			skip /* a stop has let go of it */
#endif
		fi;
		o = 0; x = 0
	   }
	:: atomic { to_app?answer(o, x, a) -> answered() }
	:: serve(0)
	:: serve(1)
#ifdef STOP
	:: atomic { running ->
		running = false;
		do
		:: o < N ->
			if
			:: obj_listed[o] -> let_go(o)
			:: else -> skip
			fi;
			o++
		:: else -> break
		od;
		o = 0
	   }
#endif
	od
}

/* Another thread, which completes what was begun. */
active proctype worker()
{
	byte o, epoch, a;
end_worker:
	do
	:: atomic { under_way?o(epoch, a) -> to_app!answer(o, epoch, a); o = 0; epoch = 0; a = 0 }
	od
}

/* --- clients ---------------------------------------------------------------------------------- */

#ifdef SAME_MEMORY
#define MY_MEMORY memory[at]
#else
#define MY_MEMORY memory[me]
#endif

active [N] proctype client()
{
	byte me = _pid - 3, at = NONE; /* the gate, the app thread and the worker are 0 to 2 */

	atomic { packets[me]!attach }
	if
	:: atomic { conn[me] == WAITING || conn[me] == LINKED -> at = conn_addr[me] }
	:: conn[me] >= ENDED -> goto out
	:: goto out
	fi;
	if
	:: packets[me]!mapped
	:: goto out
	fi;
	if
	:: opened[me]
	:: conn[me] >= ENDED -> goto out
	:: goto out
	fi;
	if
	:: MY_MEMORY = me
	:: goto out
	fi;
end_lives:
	if
	:: conn[me] >= ENDED
	:: true
	fi;
out:
	if /* from here on it is dead, with or without somebody who holds the connection */
	:: atomic { dead[me] = true; at = NONE }
#ifndef STOP /* one thing at a time */
	:: atomic { child[me] = true; dead[me] = true };
		if
#ifndef LIVENESS
		:: at != NONE -> MY_MEMORY = me; at = NONE /* the link may be gone */
#endif
		:: at = NONE
		fi
#endif
	fi
}

/* --- what must hold in the end ---------------------------------------------------------------- */

#define RECLAIMED(i) (!granted[i] || freed[i])

#ifndef LIVENESS
active proctype judge()
{
	byte i;

	timeout;
	do
	:: i < N ->
		assert(!dead[i] || RECLAIMED(i));
#ifdef STOP
		assert(RECLAIMED(i));
#endif
		assert(!obj_used[i] || (obj_listed[i] && link_used[obj_addr[i]]));
		i++
	:: else -> break
	od
}

#else
ltl reclaimed { [] ((dead[0] && granted[0]) -> <> freed[0]) }
#endif

/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* The primary's end of a link (ipc/link/link.c) against a client that writes any value to any word of
 * the shared memory between any two of its loads.
 *
 * Must hold: what is taken in one go is no more than a ring has, no copy reaches beyond its slot or the
 * room that was made for it, no more is written than the ring has room for, and nothing is taken or
 * written once the link is found broken.
 *
 * holds scribbled:
 *
 * The peer's index is range-checked (requests_waiting(), responses_free()):
 * fails range: -DNO_RANGE
 * It is read once (the checked value is the used one):
 * fails index_twice: -DINDEX_TWICE
 * A descriptor's length is checked (take_fragment()):
 * fails length: -DNO_LENGTH
 * It is loaded once, to private memory:
 * fails length_twice: -DLENGTH_TWICE
 * A link that was found broken stays so:
 * fails broken: -DNOT_STICKY
 */

#define MASK 3
#define MOD  8 /* of indices */
#define ROOM 2 /* bytes of a slot */

byte position[2]; /* private: of requests taken, of responses written */
bool broken, was_broken;

/* Whoever may write any value at any time is as good as a load that finds any value. */
inline load(to, values)
{
	select(to : 0 .. values - 1)
}

#ifdef NO_RANGE
#define OUT_OF_RANGE(n) false
#else
#define OUT_OF_RANGE(n) ((n) > MASK)
#endif

inline break_off()
{
#ifndef NOT_STICKY
	broken = true;
#endif
	was_broken = true
}

/* link_recv() */
inline receive()
{
	load(n, MOD); /* its tail */
	n = (n + MOD - position[0]) % MOD;
	if
	:: OUT_OF_RANGE(n) -> break_off()
	:: else ->
#ifdef INDEX_TWICE
		load(n, MOD);
		n = (n + MOD - position[0]) % MOD;
#endif
		assert(n <= MASK);
		do
		:: n > 0 && !broken ->
			assert(!was_broken);
			load(bytes, ROOM + 2);
			if
#ifndef NO_LENGTH
			:: bytes == 0 || bytes > ROOM -> break_off(); break
			:: else ->
#else
			:: true ->
#endif
				room = bytes; /* reserve() */
#ifdef LENGTH_TWICE
				load(bytes, ROOM + 2);
#endif
				assert(bytes > 0 && bytes <= ROOM && bytes <= room);
				position[0] = (position[0] + 1) % MOD;
				n--
			fi
		:: n == 0 || broken -> break
		od
	fi;
	n = 0; bytes = 0; room = 0
}

/* write_chunks() */
inline write()
{
	load(n, MOD); /* its tail of the other ring */
	n = (position[1] + MOD - n) % MOD;
	if
	:: OUT_OF_RANGE(n) -> break_off()
	:: else ->
#ifdef INDEX_TWICE
		load(n, MOD);
		n = (position[1] + MOD - n) % MOD;
#endif
		assert(n <= MASK && !was_broken);
		if
		:: n < MASK -> position[1] = (position[1] + 1) % MOD
		:: else
		fi
	fi;
	n = 0
}

active proctype primary()
{
	byte n, bytes, room;

end_primary:
	do
	:: !broken -> receive()
	:: !broken -> write()
	od
}

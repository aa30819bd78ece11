/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* What the BSDs have in <sys/queue.h> and glibc has not. The _SAFE loops allow the body to remove
 * (and free) the element it is given; the _FROM loops begin at `var` if it is not NULL. */

#ifndef SPDK_QUEUE_EXTRAS_H
#define SPDK_QUEUE_EXTRAS_H

#include <stddef.h>
#include <sys/queue.h>

#ifndef SLIST_FOREACH_SAFE
#define SLIST_FOREACH_SAFE(var, head, field, tvar)                                         \
	for ((var) = SLIST_FIRST((head)); (var) && ((tvar) = SLIST_NEXT((var), field), 1); \
	     (var) = (tvar))
#endif
#ifndef SLIST_FOREACH_FROM
#define SLIST_FOREACH_FROM(var, head, field) \
	for ((var) = ((var) ? (var) : SLIST_FIRST((head))); (var); (var) = SLIST_NEXT((var), field))
#endif
#ifndef SLIST_FOREACH_FROM_SAFE
#define SLIST_FOREACH_FROM_SAFE(var, head, field, tvar)     \
	for ((var) = ((var) ? (var) : SLIST_FIRST((head))); \
	     (var) && ((tvar) = SLIST_NEXT((var), field), 1); (var) = (tvar))
#endif
#ifndef SLIST_REMOVE_AFTER
#define SLIST_REMOVE_AFTER(elm, field)                                                  \
	do {                                                                            \
		SLIST_NEXT((elm), field) = SLIST_NEXT(SLIST_NEXT((elm), field), field); \
	} while (0)
#endif
#ifndef SLIST_SWAP
#define SLIST_SWAP(head1, head2, type)                           \
	do {                                                     \
		struct type *swap_first_ = SLIST_FIRST((head1)); \
		SLIST_FIRST((head1)) = SLIST_FIRST((head2));     \
		SLIST_FIRST((head2)) = swap_first_;              \
	} while (0)
#endif

#ifndef STAILQ_LAST
#define STAILQ_LAST(head, type, field)                                              \
	(STAILQ_EMPTY((head)) ? NULL                                                \
	                      : (struct type *)(void *)((char *)(head)->stqh_last - \
	                                                offsetof(struct type, field.stqe_next)))
#endif
#ifndef STAILQ_FOREACH_SAFE
#define STAILQ_FOREACH_SAFE(var, head, field, tvar)                                          \
	for ((var) = STAILQ_FIRST((head)); (var) && ((tvar) = STAILQ_NEXT((var), field), 1); \
	     (var) = (tvar))
#endif
#ifndef STAILQ_FOREACH_FROM
#define STAILQ_FOREACH_FROM(var, head, field)                       \
	for ((var) = ((var) ? (var) : STAILQ_FIRST((head))); (var); \
	     (var) = STAILQ_NEXT((var), field))
#endif
#ifndef STAILQ_FOREACH_FROM_SAFE
#define STAILQ_FOREACH_FROM_SAFE(var, head, field, tvar)     \
	for ((var) = ((var) ? (var) : STAILQ_FIRST((head))); \
	     (var) && ((tvar) = STAILQ_NEXT((var), field), 1); (var) = (tvar))
#endif
#ifndef STAILQ_REMOVE_AFTER
#define STAILQ_REMOVE_AFTER(head, elm, field)                                                      \
	do {                                                                                       \
		if ((STAILQ_NEXT((elm), field) = STAILQ_NEXT(STAILQ_NEXT((elm), field), field)) == \
		    NULL) {                                                                        \
			(head)->stqh_last = &STAILQ_NEXT((elm), field);                            \
		}                                                                                  \
	} while (0)
#endif
#ifndef STAILQ_SWAP
#define STAILQ_SWAP(head1, head2, type)                              \
	do {                                                         \
		struct type *swap_first_ = STAILQ_FIRST((head1));    \
		struct type **swap_last_ = (head1)->stqh_last;       \
		STAILQ_FIRST((head1)) = STAILQ_FIRST((head2));       \
		(head1)->stqh_last = (head2)->stqh_last;             \
		STAILQ_FIRST((head2)) = swap_first_;                 \
		(head2)->stqh_last = swap_last_;                     \
		if (STAILQ_EMPTY((head1))) {                         \
			(head1)->stqh_last = &STAILQ_FIRST((head1)); \
		}                                                    \
		if (STAILQ_EMPTY((head2))) {                         \
			(head2)->stqh_last = &STAILQ_FIRST((head2)); \
		}                                                    \
	} while (0)
#endif

#ifndef LIST_FOREACH_SAFE
#define LIST_FOREACH_SAFE(var, head, field, tvar)                                        \
	for ((var) = LIST_FIRST((head)); (var) && ((tvar) = LIST_NEXT((var), field), 1); \
	     (var) = (tvar))
#endif
#ifndef LIST_FOREACH_FROM
#define LIST_FOREACH_FROM(var, head, field) \
	for ((var) = ((var) ? (var) : LIST_FIRST((head))); (var); (var) = LIST_NEXT((var), field))
#endif
#ifndef LIST_FOREACH_FROM_SAFE
#define LIST_FOREACH_FROM_SAFE(var, head, field, tvar)     \
	for ((var) = ((var) ? (var) : LIST_FIRST((head))); \
	     (var) && ((tvar) = LIST_NEXT((var), field), 1); (var) = (tvar))
#endif
#ifndef LIST_PREV
#define LIST_PREV(elm, head, type, field)                                 \
	((elm)->field.le_prev == &LIST_FIRST((head))                      \
	         ? NULL                                                   \
	         : (struct type *)(void *)((char *)(elm)->field.le_prev - \
	                                   offsetof(struct type, field.le_next)))
#endif
#ifndef LIST_SWAP
#define LIST_SWAP(head1, head2, type, field)                         \
	do {                                                         \
		struct type *swap_ = LIST_FIRST((head1));            \
		LIST_FIRST((head1)) = LIST_FIRST((head2));           \
		LIST_FIRST((head2)) = swap_;                         \
		if ((swap_ = LIST_FIRST((head1))) != NULL) {         \
			swap_->field.le_prev = &LIST_FIRST((head1)); \
		}                                                    \
		if ((swap_ = LIST_FIRST((head2))) != NULL) {         \
			swap_->field.le_prev = &LIST_FIRST((head2)); \
		}                                                    \
	} while (0)
#endif

#ifndef TAILQ_FOREACH_SAFE
#define TAILQ_FOREACH_SAFE(var, head, field, tvar)                                         \
	for ((var) = TAILQ_FIRST((head)); (var) && ((tvar) = TAILQ_NEXT((var), field), 1); \
	     (var) = (tvar))
#endif
#ifndef TAILQ_FOREACH_FROM
#define TAILQ_FOREACH_FROM(var, head, field) \
	for ((var) = ((var) ? (var) : TAILQ_FIRST((head))); (var); (var) = TAILQ_NEXT((var), field))
#endif
#ifndef TAILQ_FOREACH_FROM_SAFE
#define TAILQ_FOREACH_FROM_SAFE(var, head, field, tvar)     \
	for ((var) = ((var) ? (var) : TAILQ_FIRST((head))); \
	     (var) && ((tvar) = TAILQ_NEXT((var), field), 1); (var) = (tvar))
#endif
#ifndef TAILQ_FOREACH_REVERSE_SAFE
#define TAILQ_FOREACH_REVERSE_SAFE(var, head, headname, field, tvar) \
	for ((var) = TAILQ_LAST((head), headname);                   \
	     (var) && ((tvar) = TAILQ_PREV((var), headname, field), 1); (var) = (tvar))
#endif
#ifndef TAILQ_FOREACH_REVERSE_FROM
#define TAILQ_FOREACH_REVERSE_FROM(var, head, headname, field)              \
	for ((var) = ((var) ? (var) : TAILQ_LAST((head), headname)); (var); \
	     (var) = TAILQ_PREV((var), headname, field))
#endif
#ifndef TAILQ_FOREACH_REVERSE_FROM_SAFE
#define TAILQ_FOREACH_REVERSE_FROM_SAFE(var, head, headname, field, tvar) \
	for ((var) = ((var) ? (var) : TAILQ_LAST((head), headname));      \
	     (var) && ((tvar) = TAILQ_PREV((var), headname, field), 1); (var) = (tvar))
#endif
#ifndef TAILQ_SWAP
#define TAILQ_SWAP(head1, head2, type, field)                                     \
	do {                                                                      \
		struct type *swap_first_ = (head1)->tqh_first;                    \
		struct type **swap_last_ = (head1)->tqh_last;                     \
		(head1)->tqh_first = (head2)->tqh_first;                          \
		(head1)->tqh_last = (head2)->tqh_last;                            \
		(head2)->tqh_first = swap_first_;                                 \
		(head2)->tqh_last = swap_last_;                                   \
		if ((head1)->tqh_first != NULL) {                                 \
			(head1)->tqh_first->field.tqe_prev = &(head1)->tqh_first; \
		} else {                                                          \
			(head1)->tqh_last = &(head1)->tqh_first;                  \
		}                                                                 \
		if ((head2)->tqh_first != NULL) {                                 \
			(head2)->tqh_first->field.tqe_prev = &(head2)->tqh_first; \
		} else {                                                          \
			(head2)->tqh_last = &(head2)->tqh_first;                  \
		}                                                                 \
	} while (0)
#endif

#endif

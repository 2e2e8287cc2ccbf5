/* The log's servers count lifetimes by their own clocks: an entry r of T ticks, two replicas, one of them the leader.
 *
 * A clock is kept as how far it is ahead of the right time. Clocks leap, and the lead changes. A replica drops r when r is
 * over by its own clock. An issuer audits for each answer: it counts r unless r is over by the log's clock (the leader's), and
 * compares how far that clock came since a baseline with its own elapsed time. If they differ by more than SLACK, it answers
 * no more; it restores from the store, which holds r for T by a clock of its own, and takes a new baseline. It restores what
 * the log lacks, or would drop too early. The token lives for LIFE ticks, T is MARGIN longer: r may have been stamped by a
 * clock SLACK behind the baseline, and be dropped by one SLACK ahead of it.
 *
 * P2  While the token lives, each replica of a log that is answered for holds r, or r is counted: so an edge that reads any
 *     replica, and agrees with the answer's digest, holds r.
 */
#ifndef LIFE
#define LIFE 2
#endif
#ifndef SLACK
#define SLACK 1
#endif
#ifndef MARGIN
#define MARGIN (2 * SLACK)
#endif
#define T (LIFE + MARGIN)
#ifndef LEAPS
#define LEAPS 3
#endif
#define FAR 3                          /* a leap that the check must see */
#define AT 10                          /* r was committed at AT by the right time */
#define ZERO 4                         /* offset, so that clocks may be behind */
byte now = AT, ahead[2] = ZERO;        /* replica i's clock says now + ahead[i] */
bool holds[2] = true; byte leader;
byte until = AT + ZERO + T;            /* when r is over, by the stamp that it bears */
byte base; bool admitted = true;       /* how far the log's clock was ahead at the baseline */
#define LOGCLOCK (now + ahead[leader])
#define APART(a, b) ((a) > (b) + SLACK || (b) > (a) + SLACK)

proctype Clock() { do :: now < AT + LIFE -> now++ :: else -> break od }

proctype Leap() {
  byte n;
  do :: n < LEAPS -> n++;
        if :: ahead[0]++ :: ahead[0]-- :: ahead[0] = ahead[0] + FAR :: d_step { ahead[0] >= FAR -> ahead[0] = ahead[0] - FAR }
           :: ahead[1] = ahead[1] + FAR
           :: leader = 1 - leader
        fi
     :: break od
}

proctype Replica(byte i) { do :: d_step { holds[i] && now + ahead[i] >= until -> holds[i] = false } od }

proctype Issuer() {
  byte clock, b; bool counts;
  do
  :: d_step { admitted -> clock = LOGCLOCK; b = ahead[leader] };       /* State, behind the beat */
     d_step { counts = (clock < until);                                /* Count at that clock */
#ifndef NOCHECK
       if :: APART(b, base) -> admitted = false :: else fi;
#endif
#ifdef MOVING
       base = b;                                                       /* the baseline goes along */
#endif
       if :: counts && !holds[leader] -> admitted = false :: else fi };              /* it holds fewer than were counted */
     d_step { if :: admitted && now < AT + LIFE -> assert(counts || (holds[0] && holds[1])) :: else fi;    /* the answer */
       clock = 0; b = 0; counts = false }
  :: d_step { !admitted -> base = ahead[leader]; admitted = true;      /* read anew, and restored */
       if
#ifdef MISSINGONLY
       :: !holds[leader] ->
#else
       :: !holds[leader] || until < LOGCLOCK + (AT + T - now) ->
#endif
          holds[0] = true; holds[1] = true; until = LOGCLOCK + (AT + T - now)
       :: else fi }
  od
}
init { atomic {
  if :: base = ZERO - SLACK :: base = ZERO :: base = ZERO + SLACK fi;  /* r need not be stamped at the baseline */
  run Clock(); run Leap(); run Replica(0); run Replica(1); run Issuer() } }

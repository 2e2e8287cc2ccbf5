/* One edge: a request, the follower and the question, each step apart from the others.
 *
 * A request reads freshness, then searches, then reads the clock. The follower applies a message, and only then moves its
 * position. A question notes t0 first, and is answered by a beat that was committed after it arrived. r may be an entry that
 * this version cannot read: that puts every miss in doubt. The edge may be restarted (-DRESTART): an empty copy, never fresh.
 *
 * P1  A request that begins later than B after the answer 200 is not accepted, by the copy or by the store.
 */
#ifndef B
#define B 1
#endif
#ifndef MAXT
#define MAXT 4
#endif
#define NEVER 99
#ifndef ROUNDS
#define ROUNDS 2
#endif
byte now = 1;
byte top, at;              /* the end of the log; where r is in it, 0: not */
bool stored, readable;     /* r: in the store; this version can read it */
byte t200 = NEVER;
byte pos, asOf;            /* the edge: applied up to here; fresh as of asOf - 1, 0: never */
bool copy, doubt;
byte inc;                  /* which process it is */
byte question, beat;       /* the latest question, 0: none waits; its beat, 0: not answered */
#define LATE(t) (t200 != NEVER && (t) > t200 + B)

proctype Clock() { do :: now < MAXT -> now++ :: else -> break od }

proctype Commit() {
  stored = true;                                             /* toStore */
  atomic { top++; at = top };                                /* toLog, acknowledged */
  t200 = now                                                 /* settled: 200 */
}

proctype Answerer() {                                        /* any issuer's barrier */
#ifdef BEATBEFORE
  byte b;
  do :: atomic { top < ROUNDS + 1 -> top++; b = top };       /* a beat for those who asked before; a question joins it late */
        if :: atomic { question && beat == 0 -> beat = b } :: true fi; b = 0
  od
#else
  do :: question && beat == 0 -> atomic { top++; beat = top } od
#endif
}

proctype Follower() {
  byte mine;
  do :: atomic { pos < top -> mine = inc;
          if :: pos + 1 == at && readable -> copy = true :: pos + 1 == at && !readable -> doubt = true :: else fi };
        atomic { if :: mine == inc && pos < top -> pos++ :: else fi; mine = 0 }      /* position after application */
  od
}

proctype Sync() {
  byte t0, mine, n;
  do
  :: n < ROUNDS -> n++;
     atomic { mine = inc; t0 = now };
     atomic { beat = 0; question = 1 };                      /* asked */
     atomic { beat > 0 && pos >= beat -> question = 0 };     /* told, and read that far */
#ifdef T0AFTER
     t0 = now;
#endif
     atomic { if :: mine == inc && t0 + 1 > asOf -> asOf = t0 + 1 :: else fi; t0 = 0; mine = 0 }      /* Renew(t0) */
  :: else -> break
  od
}

proctype Request() {
  byte begun, mine, a, clock; bool found, d, held;
  atomic { begun = now; mine = inc };
#ifndef LATEFRESH
  atomic { a = asOf; d = doubt };                            /* freshness and doubt */
#endif
  found = copy;                                              /* search */
#ifndef CLOCKFIRST
  clock = now;                                               /* clock */
#endif
#ifdef LATEFRESH
  atomic { a = asOf; d = doubt };
#endif
  if
  :: mine != inc || found -> goto over                       /* that process is gone; or refused */
  :: else
  fi;
  if
  :: a > 0 && clock <= a - 1 + B && !d -> assert(!LATE(begun))               /* Clear */
  :: else -> held = stored;                                                  /* Unknown: the store (confirm.pml) */
             if :: !held && !doubt -> assert(!LATE(begun)) :: else fi
  fi;
over: skip
}

proctype Restart() { d_step { inc++; pos = 0; copy = false; doubt = false; asOf = 0 } }

init { atomic {
  if :: readable = true :: readable = false fi;
  run Clock(); run Commit(); run Answerer(); run Follower(); run Sync(); run Request();
#ifdef RESTART
  run Restart()
#endif
} }

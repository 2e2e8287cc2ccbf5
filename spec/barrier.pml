/* The question of an edge, the beat and the seal of an issuer, over a log that loses a revocation r from its middle.
 *
 * The log is an array; a message is r, a beat (with the question below its root), a seal (with the beat it names, the end of
 * the log that it is about, the digest of what its issuer has read up to there), or a hole. The answer itself may come from
 * anybody: the edge tries any beat and seal that it has read. "read" is a set of sequences: the digest.
 * The issuer's follower starts over when it meets a hole, when an audit finds a loss, or for no reason (Replay).
 *
 * P1  Whenever the edge becomes fresh as of t0, it holds r if r was answered 200 before t0.
 */
#ifndef N
#define N 6                              /* most messages */
#endif
#ifndef LOSSES
#define LOSSES 1
#endif
#ifndef LINEAGES
#define LINEAGES 2
#endif
#ifndef QUESTIONS
#define QUESTIONS 1
#endif
#define BIT(s) (1 << (s))
#define UPTO(s) (BIT((s) + 1) - 1)
mtype = { hole, rev, beat, seal };
mtype kind[N+1] = hole;
byte names[N+1], about[N+1]; short digest[N+1];
byte top; short held;                    /* the end of the log; the revocations in it now */
bool filed, r200;                        /* r: in the store; answered 200 */
byte pos, lineage, admitted; bool caughtUp; short read;        /* the issuer's follower */
byte question, waiting;                  /* the latest nonce; the one that nobody has taken yet */
byte ePos; bool eCaughtUp, copy; short eRead;                  /* the edge's follower and its copy */

#define append(k, o, e, d) top++; kind[top] = k; names[top] = o; about[top] = e; digest[top] = d
inline startOver() { lineage++; pos = 0; read = 0; caughtUp = false }
#define MAYREPLAY (lineage < LINEAGES)   /* beyond these bounds nothing more is looked at */

proctype Follower() {                                                  /* reads on, to the end that there is now */
  byte k;
  do :: d_step { pos < top -> k = pos + 1;
       do :: k <= top && kind[k] == hole && caughtUp -> break
          :: k <= top && !(kind[k] == hole && caughtUp) -> if :: kind[k] == rev -> read = read | BIT(k) :: else fi; k++
          :: else -> break od;
       if :: k <= top && MAYREPLAY -> startOver()                      /* a hole ahead, once caught up */
          :: k <= top && !MAYREPLAY
          :: else -> pos = top; caughtUp = true fi;
       k = 0 }
  od
}

/* Audit: State, then Count; l is the lineage that the beat was read in. Gives ok, and t, d for the seal. */
inline audit() {
  d_step { t = top; h = held };                                        /* State */
  d_step { pos >= t -> d = read & UPTO(t);                             /* Count */
#ifndef NOLINEAGE
           ok = (l == lineage);
#else
           ok = true;
#endif
           if :: ok && (h & d) != d -> ok = false; if :: l == lineage && MAYREPLAY -> startOver() :: else fi :: else fi;
           h = 0 }
}

proctype Rounds() {                                                    /* Barrier.commit, round */
  byte q, s, l, t; short h, d; bool ok;
  do
  :: atomic { waiting > 0 -> q = waiting; waiting = 0 };               /* collect */
     d_step { top < N -> append(beat, q, 0, 0); s = top; q = 0 };      /* acknowledged at s */
     d_step { pos >= s -> l = lineage };                               /* read it */
     audit();
     if :: d_step { ok && l == admitted && top < N -> append(seal, s, t, d) } :: !ok || l != admitted fi;
     d_step { s = 0; l = 0; t = 0; d = 0; ok = false }
  od
}

proctype KeepLog() {                                                   /* Restore */
  byte s, l, t; short h, d; bool ok;
  do
  :: d_step { admitted != lineage -> s = top };                        /* first beat */
     d_step { pos >= s -> l = lineage };
     if :: d_step { filed && held == 0 && top < N -> append(rev, 0, 0, 0); held = BIT(top); s = top } :: !filed || held != 0 fi;
     pos >= s;                                                         /* arrived */
     audit();                                                          /* last beat */
     d_step { if :: ok && l == lineage -> admitted = l :: else fi; s = 0; l = 0; t = 0; d = 0; ok = false }
  od
}

proctype Commit() {
  byte s;
  filed = true;
  d_step { top < N -> append(rev, 0, 0, 0); held = held | BIT(top); s = top };
#ifndef OTHERCOMMITS
  d_step { (read & BIT(s)) -> r200 = true }                            /* the answering issuer has read it */
#else
  r200 = true                                                          /* another issuer has */
#endif
}

proctype Loss() {
  byte k, n;
  do :: d_step { n < LOSSES && held != 0 -> n++; k = 1;
          do :: !(held & BIT(k)) -> k++ :: else -> break od;
          kind[k] = hole; held = held & ~BIT(k); k = 0 }
     :: n < LOSSES -> break
     :: n == LOSSES -> break
  od
}

proctype Replay() { d_step { MAYREPLAY -> startOver() } }

#ifdef LIAR
proctype Liar() {                        /* may write beats and seals: an edge of bad will, where edges may stand in */
  d_step { waiting > 0 && top + 2 <= N -> append(beat, waiting, 0, 0); top++; kind[top] = seal; names[top] = top - 1; about[top] = top; digest[top] = held }
}
#endif

#ifdef NOPATH
#define PATH true
#else
#define PATH (names[s] == q)             /* the question lies below the root of that beat */
#endif
#ifdef NOSEALNAME
#define NAMED true
#else
#define NAMED (names[z] == s)            /* the seal is about that beat */
#endif
#ifdef NODIGEST
#define DIGEST true
#else
#define DIGEST ((eRead & UPTO(about[z])) == digest[z])
#endif
inline eStartOver() { ePos = 0; eRead = 0; eCaughtUp = false }
inline readOn() {                                                      /* all there is; k is 0 before and after */
  k = ePos + 1;
  do :: k <= top && kind[k] == hole && eCaughtUp -> eStartOver(); k = 1
     :: k <= top && !(kind[k] == hole && eCaughtUp) -> if :: kind[k] == rev -> copy = true; eRead = eRead | BIT(k) :: else fi; k++
     :: else -> break od;
  ePos = top; eCaughtUp = true; k = 0
}

proctype Edge() {                                                      /* Sync.round */
  byte k, z, s, q; bool known, short_;
  do
  :: question < QUESTIONS ->
     if :: d_step { ePos < top -> readOn() } :: true fi;
     d_step { known = r200; question++; q = question; waiting = q };   /* t0, and a fresh nonce */
     do
     :: d_step { ePos < top -> readOn() }
     :: d_step { z = 1;
          do :: z <= ePos -> s = 1;                                    /* whatever the answer says: any seal, any beat */
               do :: s <= ePos ->
                     if :: kind[z] == seal && kind[s] == beat && PATH && NAMED ->
                           if :: DIGEST -> assert(!known || copy)      /* Renew(t0) */
                              :: else -> short_ = true fi              /* it has read less, or more */
                        :: else fi; s++
                  :: else -> break od; z++
             :: else -> break od;
          z = 0; s = 0;
          if :: short_ -> eStartOver(); short_ = false :: else fi }
     :: d_step { waiting = 0; known = false; q = 0 }; break            /* given up */
     od
  :: else -> break
  od
}

init { atomic { run Follower(); run Rounds(); run KeepLog(); run Commit(); run Loss(); run Replay(); run Edge();
#ifdef LIAR
  run Liar()
#endif
} }

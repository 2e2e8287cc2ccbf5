/* The order of logins and one cutoff, over a failover to a server that has lost the last stamps and whose clock is behind.
 *
 * Issuer 1 has been there all along: its floor is above every stamp that was handed out. Issuer 0 files the cutoff. It may
 * be new (it knows no floor until it has found the store vouched for) or may have been there as well. Before the store is
 * vouched for again, a cutoff brings its issuer's floor along; whoever vouches raises the store's stamps to its own.
 *
 * P9  A token of a login that ended before the cutoff began is covered by a cutoff that is answered 200; one of a login
 *     that began after the answer is not.
 */
#define HIGH 5                               /* the clock of the server that fails */
#define LOW  1                               /* … of the one that is promoted */
byte clock = HIGH, last = HIGH, cutoff;      /* the store: its clock, its latest stamp, the cutoff that it holds */
bool vouched = true, filed; byte life;       /* filed: the cutoff is in the outbox of this very store */
byte logged;                                 /* the log: the cutoff */
byte floor0; bool whole0;                    /* issuer 0: above what it knows of; it has found the store whole */
bool begun, answered; byte before, at;       /* the highest stamp of logins from before; the cutoff's */
#define MAX(a, b) ((a) > (b) -> (a) : (b))

proctype Login() {
  bool after;
  do :: after = answered;                    /* begins */
        d_step { vouched -> last = MAX(last, clock);
          if :: !begun -> before = MAX(before, last) :: else fi;
          assert(!after || last > at) }      /* P9: it is spared */
  od
}

inline script() {                            /* revoke.lua */
  d_step { at = MAX(last, clock); if :: !vouched -> at = MAX(at, floor0) :: else fi;
           last = at + 1; cutoff = MAX(cutoff, at); filed = true; l = life }
}

proctype Cut() {                             /* at issuer 0 */
  bool whole; byte l;
  begun = true;
#ifndef LATEWHOLE
  whole = whole0;                            /* read before the script */
#endif
  script();
again:
  logged = MAX(logged, at);
  if :: d_step { filed && l == life -> filed = false }           /* settled */
     :: else -> script(); goto again
  fi;
#ifdef LATEWHOLE
  whole = whole0;
#endif
  d_step { if :: whole -> assert(before <= at); answered = true :: else fi }      /* 200, P9: it is covered; or 202 */
}

proctype Failover() {
  d_step { clock = LOW; vouched = false; filed = false; cutoff = 0; life++;
    if :: last = 0 :: last = HIGH - 1 fi }
}

proctype Keeper(byte i) {                    /* both read the log, or vouch; issuer 1 raises the stamps to its floor */
  do
  :: d_step { i == 0 && vouched && (!whole0 || floor0 <= last) -> whole0 = true; floor0 = MAX(floor0, last + 1) }   /* KeepVouch */
  :: d_step { i == 1 && !vouched -> cutoff = MAX(cutoff, logged);                /* projected, vouched anew */
#ifndef NOFLOOR
       last = MAX(last, MAX(HIGH, before) + 1);
#endif
       if :: logged > 0 -> last = MAX(last, logged + 1) :: else fi; vouched = true }
  od
}

init { atomic {
  if :: whole0 = true; floor0 = HIGH + 1 :: skip fi;             /* been there, or new */
  run Login(); run Cut(); run Failover(); run Keeper(0); run Keeper(1) } }

/* A session outlives the revocation that ended it: the session may be refreshed for many days, the entry in log and store
 * lives TTL ticks. A replica (or a snapshot) lags behind by any time, is promoted, and is vouched for anew any time later.
 *
 * The store's vouch is renewed as the clock goes on, so an image bears the date of what it shows. Whoever vouches for an
 * image anew compares that date with the clock of the server that serves it: too old, and its sessions are over.
 * The clock of that server may be wrong by SKEW ticks, behind or ahead; SLACK is what the rule allows for.
 *
 * P8  A session that was ended by a revocation answered 200 is not refreshed.
 */
#ifndef TTL
#define TTL 3
#endif
#ifndef SKEW
#define SKEW 0
#endif
#ifndef SLACK
#define SLACK SKEW
#endif
#ifndef MAXT
#define MAXT 7
#endif
byte now = 1;
bool session = true, entry; byte entryEnd;                   /* the store that serves */
bool rSession = true, rEntry; byte rEntryEnd, rDated = 1;    /* the replica: the state of some earlier time, and its vouch's date */
bool logged; byte logEnd;                                    /* the log */
bool vouched = true, promoted, r200;
byte clock;                                                  /* of the promoted server, ahead of the right time by this much */
#define HELD(e, until) (e && now < until)

proctype Clock() { do :: now < MAXT -> now++ :: else -> break od }

proctype Commit() {
  d_step { !promoted -> session = false; entry = true; entryEnd = now + TTL };
  d_step { logged = true; logEnd = now + TTL };
  if :: d_step { !promoted -> r200 = true } :: promoted fi   /* settled in the store that it was filed in (copies.pml) */
}

proctype Replicate() {
  do :: d_step { !promoted -> rSession = session; rEntry = entry; rEntryEnd = entryEnd; rDated = now }
     :: promoted -> break od
}

proctype Keeper() {                                          /* vouches for the replica, once it is promoted */
  bool old;
  d_step { promoted = true; vouched = false; session = rSession; entry = rEntry; entryEnd = rEntryEnd };
  if :: clock = 0 :: clock = SKEW fi;                        /* behind by SKEW, or right: the date is compared with now - … */
#ifdef ATPROMOTION
  old = (now - clock + SLACK >= rDated + TTL);               /* judged when it is promoted, not when it is filled */
#endif
  d_step {                                                   /* refilled from the log: what that still holds */
    if :: HELD(logged, logEnd) -> entry = true; entryEnd = now + TTL; session = false :: else fi;
#ifndef ATPROMOTION
    old = (now - clock + SLACK >= rDated + TTL);
#endif
#ifdef NODATE
    old = false;
#endif
    if :: old -> session = false :: else fi };
  vouched = true
}

proctype Refresh() {
  bool after;
  do :: after = r200; d_step { vouched && session && !HELD(entry, entryEnd) -> assert(!after) } od
}
init { atomic { run Clock(); run Commit(); run Replicate(); run Keeper(); run Refresh() } }

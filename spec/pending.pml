/* A 202 that outlives the log's usual keeping: the log took r while the store was away. Ticks are of some minutes.
 *
 * An entry lives TTL in the log (longer than any access token); a session lives SESSION. What no store has applied stays in
 * the log for as long as the session could live.
 *
 * P7  A session that r ended is not refreshed once the store has been back and filled from the log, however long it was
 *     away. (The store comes back whole and with its old process, so nobody has to vouch anew: it was only out of reach.)
 */
#ifndef TTL
#define TTL 2
#endif
#ifndef SESSION
#define SESSION 5
#endif
byte now;
bool session = true, held; byte heldUntil;      /* the store: the session; r */
bool logged; byte loggedUntil;                  /* the log: r */
bool reach;                                     /* issuers reach the store */
bool caughtUp;                                  /* the projector has written into it all that the log has */
bool taken;                                     /* 202 */
#define HELD   (held && now < heldUntil)
#define LOGGED (logged && now < loggedUntil)

proctype Clock() { do :: now <= SESSION -> now++ :: else -> break od }

proctype Commit() {                             /* the store cannot be reached: toStore has failed */
  d_step { logged = true;
#ifdef FORGET
    loggedUntil = now + TTL;
#else
    loggedUntil = now + SESSION;                /* no store has applied it */
#endif
    taken = true }
}

proctype Store() { if :: reach = true :: skip fi }        /* it is back at any time, or never */

proctype Projector() {                          /* reads the log whenever the store takes it */
  do :: d_step { reach && LOGGED && !held -> held = true; heldUntil = now + TTL; session = false }
     :: d_step { reach && taken && !LOGGED && !caughtUp -> caughtUp = true }
     :: d_step { reach && taken && held && !caughtUp -> caughtUp = true } od
}

proctype Refresh() {                            /* at an issuer: needs the store, mints a new access token */
  do :: d_step { reach && session && now < SESSION && !HELD -> assert(!(taken && caughtUp)) } od
}
init { atomic { run Clock(); run Commit(); run Store(); run Projector(); run Refresh() } }

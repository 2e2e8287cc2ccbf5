/* wait=confirmed and wait=enforced: one edge, whose requests share lookups of the store, and the issuer that is to say when
 * no edge accepts any more.
 *
 * The edge is listed, and confirms; or it has been silent for so long that it is known to be stale, and asks the store. A
 * lookup takes any time, but its verdict is used for no longer than TIMEOUT. The edge's bound may be larger than the issuer's:
 * reports say so. Time counts from the commit by the issuer's own clock.
 *
 * P10  A request that begins after the issuer said "enforced" is not accepted.
 */
#define TIMEOUT 1
#define B 1
#define LARGER 2                              /* the edge's bound, if it is not B */
#ifndef MAXT
#define MAXT 4
#endif
byte now, bound = B;                          /* bound: the edge's */
bool filed, logged, enforced;
bool copy, fresh, silent, asked, confirmed; byte asOf;
bool flying, executed, held; byte since;      /* the lookup that is under way */
bool joined[2], told[2], verdict[2]; byte born[2];

proctype Clock() { do :: now < MAXT -> now++ :: else -> break od }

proctype Store() {
  do :: d_step { flying && !executed -> held = filed; executed = true }                  /* the script runs */
     :: d_step { flying && executed ->                                                   /* its reply is read, any time later */
          if :: joined[0] -> joined[0] = false; told[0] = true; verdict[0] = held; born[0] = since :: else fi;
          if :: joined[1] -> joined[1] = false; told[1] = true; verdict[1] = held; born[1] = since :: else fi;
          flying = false; executed = false; held = false; since = 0 }
  od
}

proctype Edge() {
  do :: d_step { !silent && logged && !copy -> copy = true }
     :: d_step { !silent && !logged && fresh && asOf < now -> asOf = now }               /* renewed, the log without r */
     :: d_step { fresh -> fresh = false }                                                /* stale, for whatever reason */
     :: d_step { copy && asked && !confirmed -> confirmed = true } od
}

proctype Issuer() {
  byte at;
  d_step { filed = true };
  d_step { logged = true; at = now };                                                    /* 200 */
  asked = true;
#ifdef OWNBOUND
  if :: confirmed || silent :: now > at + B fi;
#else
  if :: confirmed || silent :: now > at + (bound > B -> bound : B) fi;                   /* the largest bound that is known */
#endif
  enforced = true
}

proctype Request(byte i) {
  bool after, found, f; byte a;
  do ::
    d_step { after = enforced; f = fresh; a = asOf };                                    /* begins; freshness */
    found = copy;                                                                        /* search */
    if
    :: found
    :: !found && f && now <= a + bound -> assert(!after)                                 /* Clear */
    :: !found && !(f && now <= a + bound) ->
       d_step {
         if :: !flying -> flying = true; since = now; joined[i] = true
            :: flying ->
#ifdef JOINOLD
               joined[i] = true                                                          /* one that began before this request */
#else
               skip                                                                      /* and asks for itself, later */
#endif
         fi };
       if :: told[i] -> d_step { if :: !verdict[i] && now <= born[i] + TIMEOUT -> assert(!after) :: else fi;
                                 told[i] = false; verdict[i] = false; born[i] = 0 }
          :: !joined[i] && !told[i]
       fi
    fi;
    d_step { after = false; found = false; f = false; a = 0 }
  od
}
init { atomic {
  if :: silent = true :: fresh = true; if :: bound = B :: bound = LARGER fi fi;
  run Clock(); run Store(); run Edge(); run Issuer(); run Request(0); run Request(1) } }

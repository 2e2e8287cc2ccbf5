/* Once refused, never accepted: a revocation r that the store has and the log may lack (202, or its committer was killed).
 *
 * Two issuers; one edge has refused r, and that one or another becomes fresh. The log may be away from all of them at once
 * (Outage); issuer 0 may lose its link to the store; issuer 1 reaches the store always, and the log whenever it is there:
 * it is the issuer "that reaches both". There is no clock: MAYSTANDIN says that whoever gives the issuers time to come
 * back has given them enough.
 *
 * P5  Freshness as of a moment after a refusal means that the copy holds r. (An edge accepts only within B of the moment
 *     as of which it is fresh, so no edge accepts later than B after the refusal.) Here for refusals during an outage;
 *     -DANYREFUSAL: for every refusal. That needs -DEVERYROUND, or two looks of a relay on top of B.
 * P6  The edge that refused r does not accept it, whatever it becomes fresh by.
 */
#ifndef OUTAGES
#define OUTAGES 1
#endif
bool stored, outbox, logged;             /* r: in the store, in its outbox, in the log */
bool up = true;                          /* the log answers */
bool toStore[2] = true;                  /* issuer i reaches the store */
bool interrupted[2] = true;              /* issuer i: an append, a probe or its connection failed, and it has not relayed since */
bool behind = true;                      /* issuer 1 has not relayed since the latest outage */
mtype = { none, asked, taken, answered };
mtype question = none;                   /* of the edge that becomes fresh */
bool beatBehind;                         /* r lies below the beat that it was told of */
bool copy, kept;                         /* it has read r in the log; it keeps what the store told it */
bool byStore, refused;                   /* an edge has refused r by the store's word; … and P5 counts that */

#ifdef ANYREFUSAL
#define COUNTS true
#define MAYSTANDIN false                 /* issuer 1 beats all the time */
#else
#define COUNTS (!up)
#ifdef NOWAIT
#define MAYSTANDIN true
#else
#define MAYSTANDIN (!behind)
#endif
#endif
#ifdef EVERYROUND
#define MUSTRELAY(i) true
#else
#define MUSTRELAY(i) interrupted[i]
#endif

proctype Commit() {                      /* at issuer 0 */
  d_step { stored = true; outbox = true };
  if :: atomic { up -> logged = true; outbox = false }
     :: atomic { !up -> interrupted[0] = true }                  /* 202 */
     :: true                                                     /* killed here */
  fi
}

proctype Outage() {
  byte n;
  do :: n < OUTAGES -> n++;
        d_step { up = false; interrupted[0] = true; interrupted[1] = true; behind = true };
        up = true
     :: break
  od
}

proctype StoreLink() { toStore[0] = false }

/* Relay the whole outbox. The order is the point: clear the mark, so that an interruption from here on stays marked; see
 * that the log answers (an outbox that was empty while the log was away proves nothing); then read the outbox. */
inline relayAll(i) {
  atomic {
#ifndef CLEARLATE
    interrupted[i] = false;
#endif
#ifndef NOPROBE
    if :: !up -> interrupted[i] = true :: up fi
#endif
  };
  o = outbox;
  atomic {
    if :: o && up -> logged = true; outbox = false
       :: o && !up -> interrupted[i] = true
       :: else fi;
#ifdef CLEARLATE
    interrupted[i] = false;
#endif
    may = !interrupted[i]; o = false;
    if :: i == 1 && may -> behind = false :: else fi }
}

proctype Issuer(byte i) {
  bool o, may, mine;                     /* mine: there is a question; without one it asks itself */
  do
  ::
#ifndef LATEJOIN
     atomic { if :: question == asked -> mine = true; question = taken :: interrupted[i] fi; may = true };
#else
     may = true;
#endif
#ifndef NORELAY
     if :: toStore[i] && MUSTRELAY(i) -> relayAll(i)
#ifndef ANSWERSANYWAY
        :: !toStore[i] && MUSTRELAY(i) ->                /* it cannot know what waits in the outbox: no better than an edge */
           if :: MAYSTANDIN :: may = false fi            /* and it stays marked */
#endif
        :: else
     fi;
#endif
#ifdef LATEJOIN
     atomic { question == asked -> mine = true; question = taken };      /* after the relay, before the beat */
#endif
     atomic {
       if :: may && up -> if :: mine -> beatBehind = logged; question = answered :: else fi    /* the beat, and what is below it */
          :: may && !up -> interrupted[i] = true; if :: mine -> question = none :: else fi
          :: !may -> if :: mine -> question = none :: else fi
       fi;
       may = false; mine = false }
  od
}

proctype StandIn() {                     /* an edge that answers for the issuers: it has no outbox to read */
  do :: atomic { question == asked -> question = taken };
        if :: MAYSTANDIN -> if :: atomic { up -> beatBehind = logged; question = answered } :: question = none fi
           :: question = none fi
  od
}

proctype Refuse() {                      /* a request at an edge that is not fresh: it asks the store */
  atomic { stored -> byStore = true; if :: COUNTS -> refused = true :: else fi }
}

proctype Sync(bool same) {               /* same: this is the very edge that refuses by the store's word */
  bool before;
  do
  :: atomic { question == none -> before = refused; question = asked }           /* t0 */
  :: atomic { question == answered ->
       copy = copy || beatBehind; question = none;
#ifndef FORGETWORD
       kept = same && byStore;
#endif
       assert(!before || copy || kept);                                          /* P5, at Renew(t0) */
       assert(!(same && byStore) || copy || kept);                               /* P6 */
       before = false; beatBehind = false }
  od
}

init { atomic {
  run Commit(); run Outage(); run StoreLink(); run Issuer(0); run Issuer(1); run StandIn(); run Refuse();
  if :: run Sync(true) :: run Sync(false) fi
} }

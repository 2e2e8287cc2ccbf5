/* Two copies of one revocation r, in the log and in the store, while either may lose it.
 *
 * Issuers (one; two with -DTWO) with every loop of theirs a process: the committer, the relay, the keeper of the log, the
 * projector, the keeper of the store, the follower that the barrier counts by. A beat, with its audit, is one step here
 * (barrier.pml takes it apart). Each call of log or store may fail. F faults, of the kinds in Faults; none takes the only
 * copy of what was answered 200. Instead of numbers of epochs there are flags that the log's recreation clears.
 *
 * P1  While an issuer may answer, the log holds what was answered 200; while the store is vouched for, the store does.
 * P3  When all is quiet again, log and store are equal, the outbox is empty, the log admitted, the store vouched for: so
 *     what only one of them took (202, or its committer stopped) has reached the other, or has gone from both.
 */
#ifndef F
#define F 2                              /* also the most filings */
#endif
#ifdef TWO
#define NI 2
#else
#define NI 1
#endif
bool lR;                                 /* the log: r */
bool sR, vouched, token[NI];             /* the store: r, the vouch, issuer i's open refill */
byte sOut, filing;                       /* its outbox: 0, or as which filing r is in it; the latest filing */
bool r200, projected;                    /* projected: some projector has read r */
bool fCur[NI], read[NI], admitted[NI];   /* the follower: reads the log that there is now; has read r; that may be answered for */
bool pCur[NI], wrote[NI], began[NI]; byte writing[NI];         /* the projector; writing 2: read before a Replay */
bool cSame, rSame[NI], lSame[NI], vSame[NI];   /* log (and lineage) are those that committer, relay, keepers began with */
#define LOST(i)  (read[i] && !lR)        /* what the next audit of issuer i finds */
#define MAYANSWER(i) (admitted[i] && fCur[i] && !LOST(i))

inline startOver(i) { fCur[i] = true; read[i] = false; admitted[i] = false; lSame[i] = false }
inline replayProjector(i) { wrote[i] = false; if :: writing[i] == 1 -> writing[i] = 2 :: else fi }

proctype Commit() {
  bool inStore;
  if :: d_step { sR = true; filing = 1; sOut = 1; inStore = true }
     :: true fi;                                                /* the store is away */
again:
  if :: d_step { lR = true; cSame = true } :: goto stop fi;     /* acknowledged, or 202 */
#ifndef NOREAD
  if :: cSame && fCur[0] && read[0] :: goto stop fi;            /* the own follower has read it */
#endif
  if :: inStore :: else -> goto stop fi;
  if :: d_step { sOut > 0 -> sOut = 0; r200 = true }            /* settle: from here on it is answered 200 */
     :: d_step { sOut == 0 && filing < F -> sR = true; filing++; sOut = filing };     /* it had gone: file it once more … */
#if defined(NOAGAIN)
        r200 = true
#elif defined(ONCE)
        if :: d_step { lR = true; cSame = true } :: goto stop fi;
        if :: cSame && fCur[0] && read[0] -> r200 = true :: goto stop fi
#else
        goto again                                              /* … and append it to the log that there is now */
#endif
     :: goto stop
  fi;
stop: atomic { inStore = false; cSame = false }                 /* answered 200 or 202, or killed */
}

#ifdef SETTLEBYID
#define UNCHANGED true
#else
#define UNCHANGED (sOut == g)            /* what is in the outbox is what was published: not filed anew since */
#endif
#ifdef RELAYNOREAD
#define READIT true
#else
#define READIT (rSame[i] && fCur[i] && read[i])
#endif
proctype Relay(byte i) {
  byte g;
  do :: d_step { sOut > 0 -> g = sOut };
        if :: d_step { lR = true; rSame[i] = true };            /* published, then read, then settled */
              if :: READIT -> d_step { if :: UNCHANGED -> sOut = 0 :: else fi } :: !rSame[i] || !lR fi
           :: true
        fi; d_step { rSame[i] = false; g = 0 }
  od
}

proctype Follower(byte i) {
  do :: d_step { !fCur[i] -> startOver(i) }
     :: d_step { fCur[i] && lR && !read[i] -> read[i] = true }
  od
}

proctype KeepLog(byte i) {
  bool held, live;
  do
  :: d_step { !MAYANSWER(i) ->                                  /* first beat: read to the end, audit */
       if :: !fCur[i] || LOST(i) -> startOver(i) :: else fi;
       read[i] = lR; held = lR; lSame[i] = true };
#ifndef NOREBIND
     writing[i] == 0;                                           /* Rebind: nothing read before is still being written */
#endif
     live = sR;                                                 /* what the store holds */
     if :: live && !held -> if :: lR = true :: goto next fi;    /* append what the log lacks */
           if :: d_step { lSame[i] && lR -> read[i] = true } :: goto next fi      /* read that it arrived */
        :: else fi;
     d_step { if :: lSame[i] && !LOST(i) -> read[i] = lR; admitted[i] = true :: else fi };      /* last beat */
next: atomic { lSame[i] = false; held = false; live = false }
  od
}

proctype Projector(byte i) {
  do
  :: d_step { began[i] && !pCur[i] && writing[i] == 0 -> pCur[i] = true; wrote[i] = false }
  :: d_step { began[i] && pCur[i] && lR && !wrote[i] && writing[i] == 0 -> writing[i] = 1; projected = true }
  :: d_step { writing[i] > 0 -> sR = true; wrote[i] = (writing[i] == 1); writing[i] = 0 }            /* written */
  :: writing[i] > 0 -> writing[i] = 0                                                                /* the store is away */
  od
}

proctype KeepStore(byte i) {
  bool need;
  do
  :: d_step { !vouched && !began[i] -> token[i] = true;         /* open a refill, then project the log from its start */
#ifndef NOREFILL
       replayProjector(i);
#endif
       began[i] = true }
  :: d_step { !vouched && began[i] && MAYANSWER(i) -> read[i] = lR; need = lR; vSame[i] = true };    /* Confirm */
       if :: vSame[i] && pCur[i] && (wrote[i] || !need) ->      /* projected as much as was counted */
             d_step { if :: token[i] -> vouched = true :: else -> began[i] = false fi }
          :: d_step { vSame[i] && pCur[i] && need && !wrote[i] && !lR && writing[i] == 0 -> replayProjector(i); startOver(i) }
          :: !vSame[i]
       fi; d_step { vSame[i] = false; need = false }
  od
}

#define LOGMAY   (!lR || sR || !r200)
#define STOREMAY (!sR || lR || !r200)
/* A loss that one issuer can see and another cannot, or the projector alone: see README, "What remains". */
#ifdef FIRSTREADER
#define NOTICED true
#else
#define NOTICED ((read[0] && read[NI-1]) || (!read[0] && !read[NI-1] && !projected))
#endif
#define UNVOUCH vouched = false; token[0] = false; token[NI-1] = false
proctype Faults() {
  byte n;
  do :: n < F -> n++;
     if :: d_step { LOGMAY -> lR = false; fCur[0] = false; fCur[NI-1] = false; pCur[0] = false; pCur[NI-1] = false;  /* recreated */
             cSame = false; rSame[0] = false; rSame[NI-1] = false; lSame[0] = false; lSame[NI-1] = false; vSame[0] = false; vSame[NI-1] = false }
        :: d_step { LOGMAY && lR && NOTICED -> lR = false }                          /* the log loses r alone */
        :: d_step { STOREMAY -> sR = false; sOut = 0; UNVOUCH }                      /* the store is wiped */
        :: d_step { sR && filing > 0 -> sOut = filing; UNVOUCH }                     /* it is back at before settle */
        :: d_step { UNVOUCH }                                                        /* restarted or promoted, whole */
     fi
     :: break od
}

proctype Monitor() {
  if :: d_step { r200 && !lR && (MAYANSWER(0) || MAYANSWER(NI-1)) -> assert(false) } /* P1: an edge that starts now lacks it */
     :: d_step { r200 && !sR && vouched -> assert(false) }                           /* P1, by the store */
     :: atomic { timeout -> assert(sR == lR && sOut == 0 && vouched && (MAYANSWER(0) && MAYANSWER(NI-1))) }   /* P3 */
  fi
}

init { atomic { byte i;
  run Commit(); run Faults(); run Monitor();
  do :: i < NI -> run Relay(i); run Follower(i); run KeepLog(i); run Projector(i); run KeepStore(i); i++ :: else -> break od } }

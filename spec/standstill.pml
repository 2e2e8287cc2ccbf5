/* The clock of an edge stands still while the world goes on: its machine is paused, and its clock does not count that.
 *
 * now is the right time and the log's; own is the edge's. While the machine is paused, nothing of the edge takes a step. The
 * follower compares how far the log's clock came since a baseline with how far its own did: a difference above SLACK ends the
 * freshness, and that of a question under way. (The baseline does not move with each message.) Meanwhile the log gets a beat, and then r, answered 200.
 *
 * P13  A request that begins later than B + SLACK after the answer 200 is not accepted
 *      (a) once the edge has read one message that was committed later than SLACK after the pause began, and later by the
 *          time that it took to be read after the pause: what is read late tells as much less;
 *      (b) later than B after the pause ended, whatever it has read.
 * What remains, and -DWHATREMAINS shows: from the end of the pause to the first message that is read, or for B.
 */
#ifndef B
#define B 1
#endif
#define SLACK 1
#ifndef MAXT
#define MAXT 6
#endif
byte now = 1, own = 1;
bool paused, awake; byte pauseAt, ownAt, wakeAt, t200;  /* 0: not yet; awake: after the pause; ownAt: own at its begin */
byte sent[4], top, at;                 /* the log: when each message was committed, the last, r */
byte pos, asOf; bool stopped;            /* the edge: read up to here; fresh as of, 0: not; a question under way counts no more */
byte baseLog = 1, baseOwn = 1;         /* the baseline */
bool copy, warned, asked; byte beat;

proctype Clock() { do :: d_step { now < MAXT -> now++; if :: !paused -> own++ :: else fi } :: else -> break od }

proctype World() {
  d_step { paused = true; pauseAt = now; ownAt = own };
  d_step { top++; sent[top] = now };                                   /* a beat for others */
  d_step { top++; sent[top] = now; at = top; t200 = now };             /* r */
  d_step { paused = false; awake = true; wakeAt = now }
}

proctype Answerer() { d_step { asked -> top++; sent[top] = now; beat = top } }       /* the edge's own beat, sooner or later */

proctype Follower() {
  do :: d_step { !paused && pos < top -> pos++;
#ifndef NODETECT
       if :: sent[pos] - baseLog > own - baseOwn + SLACK -> asOf = 0; stopped = true :: else fi;
#endif
#ifdef MOVING
       baseLog = sent[pos]; baseOwn = own;                             /* a backlog then hides the pause, step by step */
#endif
       if :: pos == at -> copy = true :: else fi;
       if :: pauseAt > 0 && sent[pos] > pauseAt + (own - ownAt) + SLACK -> warned = true :: else fi }
  od
}

proctype Sync() {
  byte t0;
  d_step { !paused && !awake -> t0 = own; asked = true };              /* t0 */
  d_step { !paused && beat > 0 && pos >= beat -> if :: !stopped -> asOf = t0 :: else fi; t0 = 0 }
}

proctype Request() {
  byte a; bool w, late, found, clear;
  d_step { !paused && t200 > 0 && now > t200 + B + SLACK -> w = warned; late = (now > wakeAt + B); a = asOf };
  d_step { !paused -> found = copy };
  d_step { !paused -> clear = (!found && a > 0 && own <= a + B) };     /* the clock */
  if :: clear ->
#ifdef WHATREMAINS
     assert(false)
#else
     assert(!w); assert(!late)                                         /* P13a, P13b */
#endif
     :: else fi
}
init { atomic { run Clock(); run World(); run Answerer(); run Follower(); run Sync(); run Request() } }

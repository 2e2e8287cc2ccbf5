/* The relay, over a log that comes and goes: two revocations, x before r, wait in the outbox.
 *
 * P4  A look that reaches the log publishes all that an earlier look had found. So what is pending is in the log after two
 *     looks (a second) at which the log is there, however often it was away before.
 */
#define LOOKS 5
bool up;                                 /* the log answers */
bool outbox[2] = true, seen[2], found[2];   /* found: by any earlier look, whatever the relay remembers */

proctype Log() { do :: up = !up od }

proctype Relay() {
  byte n, k; bool before[2], failed;
  do
  :: n < LOOKS -> n++;
     d_step { before[0] = seen[0]; before[1] = seen[1]; failed = false; k = 0;
#ifdef FORGET
       seen[0] = false; seen[1] = false  /* rebuilt entry by entry: one that fails hides those behind it */
#else
       seen[0] = outbox[0]; seen[1] = outbox[1]
#endif
     };
     do
     :: k < 2 && outbox[k] && !failed ->
        seen[k] = true;
        if :: before[k] -> if :: atomic { up -> outbox[k] = false } :: atomic { !up -> failed = true } fi   /* published, settled */
           :: else fi;
        k++
     :: k < 2 && !outbox[k] -> k++
     :: k == 2 || failed -> break
     od;
     atomic { assert(failed || !(found[0] && outbox[0]) && !(found[1] && outbox[1]));                       /* P4 */
              found[0] = true; found[1] = true }
  :: else -> break
  od
}
init { atomic { run Log(); run Relay() } }

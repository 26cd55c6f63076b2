/* Nodes that go on in time, and how long it takes until each account is owned: who watches whom, outages, calm.

   A node that runs has its turns in time: it beats, reads the beats of others, declares dead whose beat stood still, and
   claims what is free; it tries again soon where it got no answer. Turns in the same tick come in any order. Between
   turns anything may happen to it.

   OUTAGE: nothing happens but that the store is away, for any time, again and again, in each of two ways: what is asked
   meanwhile fails at once, or hangs for as long as a node waits for an answer, also beyond the store's return. No account
   moves. Else nodes are also stopped, killed and started, and their requests cut, until it is calm: LIMIT ticks later
   each account is owned by a node that acts for it. At no moment two do. */

#ifndef NODES
#define NODES 3
#endif
#ifndef ACCOUNTS
#define ACCOUNTS 2
#endif
/* In ticks. */
#ifdef OUTAGE
#define LEASE 20
#define BEAT 4
#define RETRY 1     /* after a request without an answer */
#ifndef PATIENCE
#define PATIENCE 6  /* so long a request hangs: a third of a lease */
#endif
#else
#define LEASE 5
#define BEAT 1
#define RETRY 1
#define PATIENCE 1
#endif
#define DEADLINE (LEASE - BEAT) /* 0.8 leases */
#define GAP (2 * BEAT)
#ifndef LIMIT
#define LIMIT (2 * LEASE)
#endif
#define NOBODY NODES
#define AT(n, j) ((n) * NODES + (j))
#define HAS(set, a) ((set >> a) & 1)

/* -- the store ------------------------------------------------------------------------------------- */
bit row[NODES];
byte owner[ACCOUNTS];
bit away;

/* -- the nodes ------------------------------------------------------------------------------------- */
#define RUNS 0
#define STOPPED 1
#define DEAD 2
byte process[NODES];
bit is_member[NODES];
byte left[NODES];
byte holds[NODES];
byte waits[NODES];               /* ticks until its next turn */
byte since[NODES];               /* ticks since it was last answered */
bit is_cut[NODES];               /* whether its connection has ended since */
bit is_new[NODES * NODES];       /* AT(n, j): whether j has beaten since n read its beat */
byte still[NODES * NODES];       /* ticks since n first read the beat of j that it knows */
bit is_calm;
byte calm_for;

#ifndef OUTAGES
byte outages = 1; /* any number */
#else
byte outages = OUTAGES;
#endif

byte i, k;

inline free_accounts_of(n) {
    k = 0;
    do
    :: k < ACCOUNTS -> owner[k] = (owner[k] == n -> NOBODY : owner[k]); k++
    :: else -> break
    od;
    k = 0
}

inline beaten(n) {
    left[n] = DEADLINE;
    i = 0;
    do
    :: i < NODES -> is_new[AT(i, n)] = (i != n); i++
    :: else -> break
    od;
    i = 0
}

inline join(n) {
    free_accounts_of(n);
    row[n] = 1; is_member[n] = 1;
    beaten(n);
    since[n] = GAP + 1 /* it has watched nobody yet */
}

/* Who had no answer for two beats, or lost its connection, watches anew. */
#ifdef NOT_ANEW
#define MUST_BEGIN_ANEW(n) false
#else
#ifdef ANEW_BY_GAP_ALONE
#define MUST_BEGIN_ANEW(n) (since[n] > GAP)
#else
#define MUST_BEGIN_ANEW(n) (since[n] > GAP || is_cut[n])
#endif
#endif

inline watch(n) {
    i = 0;
    do
    :: i < NODES && i != n ->
        if
        :: MUST_BEGIN_ANEW(n) || is_new[AT(n, i)] || !row[i] -> still[AT(n, i)] = 0
        :: else
        fi;
        is_new[AT(n, i)] = 0;
        if
        :: row[i] && still[AT(n, i)] >= LEASE ->
#ifdef OUTAGE
            assert(false); /* an outage of the store alone moves no account */
#endif
            row[i] = 0; free_accounts_of(i)
        :: else
        fi;
        i++
    :: i == n -> i++
    :: else -> break
    od;
    i = 0;
    since[n] = 0; is_cut[n] = 0
}

inline claim(n) {
    i = 0;
    do
    :: i < ACCOUNTS ->
        if
        :: owner[i] == NOBODY || owner[i] == n -> owner[i] = n; holds[n] = holds[n] | (1 << i)
        :: else
        fi;
        i++
    :: else -> break
    od;
    i = 0
}

byte open;
inline check() {
    i = 0;
    do
    :: i < ACCOUNTS ->
        k = 0;
        open = 0;
        do
        :: k < NODES -> open = open + (HAS(holds[k], i) && left[k] > 0); k++
        :: else -> break
        od;
        assert(open <= 1);
        assert(calm_for < LIMIT || open == 1); /* each account is owned again */
        i++
    :: else -> break
    od;
    i = 0; k = 0; open = 0
}

#define HAS_TURN(n) (process[n] == RUNS && waits[n] == 0)

proctype node(byte n) {
    do
    :: d_step { HAS_TURN(n) && !away ->
        waits[n] = BEAT;
        if
        :: is_member[n] && !row[n] -> holds[n] = 0; left[n] = 0; is_member[n] = 0 /* declared dead */
        :: is_member[n] && row[n] -> beaten(n)
        :: else
        fi;
        if
        :: !is_member[n] -> join(n)
        :: else
        fi;
        watch(n);
        claim(n);
        check() }
    /* The store is away, or the request cut. */
    :: d_step { HAS_TURN(n) && away -> waits[n] = RETRY }
    :: d_step { HAS_TURN(n) && away -> waits[n] = PATIENCE + RETRY }
#ifndef OUTAGE
    :: d_step { HAS_TURN(n) && !is_calm -> waits[n] = RETRY; is_cut[n] = 1 }
    :: d_step { HAS_TURN(n) && !is_calm && is_member[n] && row[n] && !away -> /* the answer is lost */
        waits[n] = RETRY; is_cut[n] = 1;
        k = left[n];
        beaten(n);
        left[n] = k; k = 0 }
#endif
    od
}

inline kill(n) {
    process[n] = DEAD; is_member[n] = 0; left[n] = 0; holds[n] = 0; waits[n] = 0; since[n] = 0; is_cut[n] = 0;
    i = 0;
    do
    :: i < NODES -> is_new[AT(n, i)] = 0; still[AT(n, i)] = 0; i++
    :: else -> break
    od;
    i = 0
}

proctype fate() {
    byte n;
    do
    :: d_step { !is_calm && away -> away = 0 }
    :: d_step { !is_calm && !away && outages > 0 ->
        away = 1;
#ifdef OUTAGES
        outages--;
#endif
        i = 0;
        do
        :: i < NODES -> is_cut[i] = is_member[i]; i++
        :: else -> break
        od;
        i = 0 }
#ifndef OUTAGE
    :: d_step { !is_calm && process[0] == RUNS -> process[0] = STOPPED }
    :: d_step { !is_calm && process[0] == STOPPED -> process[0] = RUNS }
    :: d_step { !is_calm && process[0] != DEAD -> kill(0) }
    :: d_step { !is_calm && process[0] == DEAD -> process[0] = RUNS }
    :: d_step { !is_calm && process[1] == RUNS -> process[1] = STOPPED }
    :: d_step { !is_calm && process[1] == STOPPED -> process[1] = RUNS }
    :: d_step { !is_calm && process[1] != DEAD -> kill(1) }
    :: d_step { !is_calm && process[1] == DEAD -> process[1] = RUNS }
#if NODES > 2
    :: d_step { !is_calm && process[2] == RUNS -> process[2] = STOPPED }
    :: d_step { !is_calm && process[2] == STOPPED -> process[2] = RUNS }
    :: d_step { !is_calm && process[2] != DEAD -> kill(2) }
    :: d_step { !is_calm && process[2] == DEAD -> process[2] = RUNS }
#endif
    /* Who is dead or stopped now stays so. One runs. */
    :: d_step { !is_calm && !away && (process[0] == RUNS || process[NODES - 1] == RUNS) -> is_calm = 1 }
#endif
    od
}

proctype clock() {
    do
    :: d_step {
        !HAS_TURN(0) && !HAS_TURN(1) && !HAS_TURN(NODES - 1) ->
        i = 0;
        do
        :: i < NODES ->
            waits[i] = (waits[i] > 0 -> waits[i] - 1 : 0);
            left[i] = (left[i] > 0 -> left[i] - 1 : 0);
            since[i] = (process[i] != DEAD && since[i] <= GAP -> since[i] + 1 : since[i]);
            k = 0;
            do
            :: k < NODES ->
                still[AT(i, k)] = (k != i && process[i] != DEAD && row[k] && still[AT(i, k)] < LEASE
                    -> still[AT(i, k)] + 1 : still[AT(i, k)]);
                still[AT(i, k)] = (MUST_BEGIN_ANEW(i) || is_new[AT(i, k)] -> 0 : still[AT(i, k)]); /* it will in any case */
                k++
            :: else -> break
            od;
            i++
        :: else -> break
        od;
        i = 0; k = 0;
        calm_for = (is_calm && calm_for < LIMIT -> calm_for + 1 : calm_for);
        check() }
    od
}

init {
    atomic {
        i = 0;
        do
        :: i < NODES -> row[i] = 1; is_member[i] = 1; left[i] = DEADLINE; run node(i); i++
        :: else -> break
        od;
        i = 0;
        holds[0] = 1;
#if ACCOUNTS > 1
        owner[1] = 1; holds[1] = 2;
#endif
        run fate();
        run clock()
    }
}

/* Nodes that go on in time, and how long it takes until each account is owned: who watches whom, outages, calm.

   A node that runs has its turns in time: it beats, reads the beats of others, declares dead whose beat stood still, and
   claims what is free; it tries again soon where it got no answer. Turns in the same tick come in any order. Between
   turns anything may happen to it.

   OUTAGE: nothing happens but that the store is away, for any time, again and again, in each of two ways: what is asked
   meanwhile fails at once, or hangs for as long as a node waits for an answer, also beyond the store's return. No account
   moves. Else nodes are also stopped, killed and started, and their connections end, at a turn or between two (that is
   what a store that is away is for each of them), until it is calm: LIMIT ticks later each account is owned by a node that
   acts for it. At no moment two do. */

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
#define ANEW (GAP + 1)
#ifndef LIMIT
#define LIMIT (2 * LEASE)
#endif
#define NOBODY NODES
#define AT(n, j) ((n) * NODES + (j))
#define HAS(set, a) ((set >> a) & 1)

/* -- the store ------------------------------------------------------------------------------------- */
bit row[NODES];
byte owner[ACCOUNTS];
#ifdef OUTAGE
bit away;
#endif

/* -- the nodes ------------------------------------------------------------------------------------- */
#define RUNS 0
#define STOPPED 1
#define DEAD 2
byte process[NODES];
bit is_member[NODES];
byte left[NODES];
byte holds[NODES];
byte waits[NODES];               /* ticks until its next turn */
byte since[NODES];               /* ticks since it was last answered; ANEW: too many, or its connection has ended since */
bit is_new[NODES * NODES];       /* AT(n, j): whether j has beaten since n read its beat */
byte still[NODES * NODES];       /* ticks since n first read the beat of j that it knows */
bit is_calm;
byte calm_for;

byte i, k; /* of d_steps alone, and 0 in between, as are others below */

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
    since[n] = ANEW /* it has watched nobody yet */
}

/* Who had no answer for two beats, or lost its connection, watches anew. */
#ifdef NOT_ANEW
#define MUST_BEGIN_ANEW(n) false
#else
#define MUST_BEGIN_ANEW(n) (since[n] == ANEW)
#endif
#ifdef BEATS_UNREAD
#define BEGINS_AT_0(n, j) (MUST_BEGIN_ANEW(n) || !row[j])
#else
#define BEGINS_AT_0(n, j) (MUST_BEGIN_ANEW(n) || !row[j] || is_new[AT(n, j)])
#endif
inline cut(n) {
#ifdef ANEW_BY_GAP_ALONE
    skip
#else
    since[n] = (is_member[n] -> ANEW : 0)
#endif
}

inline watch(n) {
    i = 0;
    do
    :: i < NODES && i != n ->
        if
        :: BEGINS_AT_0(n, i) -> still[AT(n, i)] = 0
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
    since[n] = 0
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

/* It hears that it was declared dead. */
inline leave(n) {
    is_member[n] = 0; left[n] = 0;
#ifndef KEEPS_ACCOUNTS
    holds[n] = 0
#endif
}

inline kill(n) {
    process[n] = DEAD; is_member[n] = 0; left[n] = 0; holds[n] = 0; waits[n] = 0; since[n] = 0
}

/* States that differ in nothing that matters are one state. What is never asked before it is set anew is 0:

   - what a node knows of others' beats, if it is no member, or must watch anew; or what it knows of the beats of one that
     has no row, or for how long a beat stood still when there is a new one;
   - that a node is a member, if it has no row and may not act: its next turn is that of one just started. If it may still
     act, it will watch anew in any case;
   - what a node knows that is stopped when it is calm: it never goes on. When it may act no more, it is as good as dead.

   Nodes are alike, and so are accounts: which of them is called 0 makes no difference. So they are sorted.

   PLAIN: nothing of this, to compare in small sizes, and to read a trace. */
inline forget() {
    i = 0;
    do
    :: i < NODES ->
        if
        :: is_member[i] && !row[i] && left[i] == 0 -> leave(i); since[i] = 0
        :: is_member[i] && !row[i] && left[i] > 0 -> since[i] = ANEW
        :: else
        fi;
        if
        :: is_calm && process[i] == STOPPED && left[i] == 0 -> kill(i)
        :: is_calm && process[i] == STOPPED && left[i] > 0 -> waits[i] = 0; since[i] = ANEW
        :: else
        fi;
        k = 0;
        do
        :: k < NODES && (k == i || !is_member[i] || MUST_BEGIN_ANEW(i) || !row[k]) ->
            is_new[AT(i, k)] = 0; still[AT(i, k)] = 0; k++
        :: k < NODES && !(k == i || !is_member[i] || MUST_BEGIN_ANEW(i) || !row[k]) ->
            still[AT(i, k)] = (BEGINS_AT_0(i, k) -> 0 : still[AT(i, k)]); k++
        :: else -> break
        od;
        i++
    :: else -> break
    od;
    i = 0; k = 0
}

#ifdef PLAIN
inline normalise() { skip }
#else
int keys[NODES];
#define SWAP(x, a, b) k = x[a]; x[a] = x[b]; x[b] = k
/* No other node and no account has a name in it. */
#define BASE(n) (process[n] + 3 * row[n] + 6 * is_member[n] + 12 * waits[n] + 96 * left[n] + 2048 * since[n])

inline sort_accounts() {
#if ACCOUNTS > 1
#define SHARE(n, a) (HAS(holds[n], a) + 2 * (owner[a] == n))
#define MIRRORED(set) set = ((set & 1) << 1) | (set >> 1)
    i = 0;
    do
    :: i < NODES ->
        keys[0] = keys[0] + SHARE(i, 0) * (1 + BASE(i)); keys[1] = keys[1] + SHARE(i, 1) * (1 + BASE(i)); i++
    :: else -> break
    od;
    if
    :: keys[0] > keys[1] ->
        SWAP(owner, 0, 1);
        i = 0;
        do
        :: i < NODES -> MIRRORED(holds[i]); i++
        :: else -> break
        od
    :: else
    fi
#else
    skip
#endif
}

#define RENAMED(n) (n == i -> i + 1 : (n == i + 1 -> i : n))
byte j;
inline swap_nodes() {
    SWAP(keys, i, i + 1);
    SWAP(process, i, i + 1); SWAP(row, i, i + 1); SWAP(is_member, i, i + 1); SWAP(left, i, i + 1);
    SWAP(holds, i, i + 1); SWAP(waits, i, i + 1); SWAP(since, i, i + 1);
    j = 0;
    do
    :: j < NODES -> SWAP(is_new, AT(i, j), AT(i + 1, j)); SWAP(still, AT(i, j), AT(i + 1, j)); j++
    :: else -> break
    od;
    j = 0;
    do
    :: j < NODES -> SWAP(is_new, AT(j, i), AT(j, i + 1)); SWAP(still, AT(j, i), AT(j, i + 1)); j++
    :: else -> break
    od;
    j = 0;
    owner[0] = RENAMED(owner[0]);
#if ACCOUNTS > 1
    owner[1] = RENAMED(owner[1])
#endif
}
inline sort_nodes() {
    i = 0;
    do
    :: i < NODES ->
        keys[i] = 0; k = 0;
        do
        :: k < NODES ->
            keys[i] = keys[i] + still[AT(i, k)] + 32 * is_new[AT(i, k)] + 80 * (still[AT(k, i)] + 32 * is_new[AT(k, i)]);
            k++
        :: else -> break
        od;
        keys[i] = BASE(i) + 32768 * (holds[i] + 4 * (owner[0] == i) + 8 * (owner[ACCOUNTS - 1] == i)) + 524288 * (keys[i] % 4096);
        i++
    :: else -> break
    od;
    i = 0;
    do
    :: i < NODES - 1 && keys[i] > keys[i + 1] -> swap_nodes(); i = (i > 0 -> i - 1 : i + 1)
    :: i < NODES - 1 && keys[i] <= keys[i + 1] -> i++
    :: else -> break
    od;
    i = 0;
    do
    :: i < NODES -> keys[i] = 0; i++
    :: else -> break
    od;
    i = 0; k = 0
}
inline normalise() { forget(); sort_accounts(); sort_nodes() }
#endif

#define HAS_TURN(n) (process[n] == RUNS && waits[n] == 0)
#ifdef OUTAGE
#define IS_ANSWERED(n) (HAS_TURN(n) && !away)
#define FAILS(n) (HAS_TURN(n) && away)
#else
#define IS_ANSWERED(n) HAS_TURN(n)
#define FAILS(n) (HAS_TURN(n) && !is_calm)
#endif

proctype node(byte n) {
    do
    :: d_step { IS_ANSWERED(n) ->
        waits[n] = BEAT;
        if
        :: is_member[n] && !row[n] -> leave(n)
        :: is_member[n] && row[n] -> beaten(n)
        :: else
        fi;
        if
        :: !is_member[n] -> join(n)
        :: else
        fi;
        watch(n);
        claim(n);
        check(); normalise() }
    /* It gets no answer. */
    :: d_step { FAILS(n) -> waits[n] = RETRY; cut(n); normalise() }
    :: d_step { FAILS(n) -> waits[n] = PATIENCE + RETRY; cut(n); normalise() }
#ifndef OUTAGE
    :: d_step { HAS_TURN(n) && !is_calm && is_member[n] && row[n] -> /* the answer is lost */
        waits[n] = RETRY;
        k = left[n];
        beaten(n);
        left[n] = k;
        cut(n); normalise() }
    :: d_step { !is_calm && is_member[n] && since[n] < ANEW -> cut(n); normalise() }
    :: d_step { !is_calm && process[n] == RUNS -> process[n] = STOPPED; normalise() }
    :: d_step { !is_calm && process[n] == STOPPED -> process[n] = RUNS; normalise() }
    :: d_step { !is_calm && process[n] != DEAD -> kill(n); normalise() }
    :: d_step { !is_calm && process[n] == DEAD -> process[n] = RUNS; normalise() }
    /* Who is dead or stopped now stays so. One runs. */
    :: d_step { !is_calm && process[n] == RUNS -> is_calm = 1; normalise() }
#endif
    od
}

#ifdef OUTAGE
proctype store() {
    do
    :: d_step { away -> away = 0; normalise() }
    :: d_step { !away ->
        away = 1;
        i = 0;
        do
        :: i < NODES -> cut(i); i++
        :: else -> break
        od;
        normalise() }
    od
}
#endif

proctype clock() {
    do
    :: d_step {
        !HAS_TURN(0) && !HAS_TURN(1) && !HAS_TURN(NODES - 1) ->
        i = 0;
        do
        :: i < NODES ->
            waits[i] = (waits[i] > 0 -> waits[i] - 1 : 0);
#ifndef NO_DEADLINE
            left[i] = (left[i] > 0 -> left[i] - 1 : 0);
#endif
            since[i] = (is_member[i] && since[i] < ANEW -> since[i] + 1 : since[i]);
            k = 0;
            do
            :: k < NODES -> still[AT(i, k)] = (still[AT(i, k)] < LEASE -> still[AT(i, k)] + 1 : LEASE); k++
            :: else -> break
            od;
            i++
        :: else -> break
        od;
        i = 0; k = 0;
        calm_for = (is_calm && calm_for < LIMIT -> calm_for + 1 : calm_for);
        check(); normalise() }
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
#ifdef OUTAGE
        run store();
#endif
        run clock()
    }
}

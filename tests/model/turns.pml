/* Nodes that go on in time, and how long it takes until each account is owned: who watches whom, outages, calm.

   A tick is a beat: a fifth of a lease. Each node that runs has one turn in each tick, in any order: it beats, reads the
   beats of others, declares dead whose beat stood still, claims what is free. Between turns anything may happen to it.

   OUTAGE: nothing happens but that the store is away, for any time, again and again, in each of two ways: what is asked
   meanwhile fails at once, or hangs for as long as a node waits for an answer, also beyond the store's return. No account
   moves. Else nodes are also stopped, killed and started, and their requests cut, until it is calm: LIMIT ticks later
   each account is owned by a node that acts for it. */

#ifndef NODES
#define NODES 3
#endif
#ifndef ACCOUNTS
#define ACCOUNTS 2
#endif
#define LEASE 5
#define DEADLINE 4  /* 0.8 leases */
#define GAP 2       /* beats: who was without the store for longer watches anew */
#ifndef PATIENCE
#define PATIENCE 1  /* ticks for which a request may hang: a third of a lease is between one and two */
#endif
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
byte hangs[NODES];               /* ticks until it gives a request up */
byte since[NODES];               /* ticks since it was last answered */
bit is_new[NODES * NODES];       /* AT(n, j): whether j has beaten since n read its beat */
byte still[NODES * NODES];       /* ticks since n first read the beat of j that it knows */
bit had_turn[NODES];
bit is_calm;
byte calm_for;

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

inline watch(n) {
    i = 0;
    do
    :: i < NODES && i != n ->
        if
#ifndef NOT_ANEW
        :: since[n] > GAP || is_new[AT(n, i)] || !row[i] -> still[AT(n, i)] = 0
#else
        :: is_new[AT(n, i)] || !row[i] -> still[AT(n, i)] = 0
#endif
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

#define MAY_ASK(n) (process[n] == RUNS && !had_turn[n] && hangs[n] == 0)

proctype node(byte n) {
    do
    :: d_step { process[n] != RUNS && !had_turn[n] -> had_turn[n] = 1 }
    :: d_step { process[n] == RUNS && !had_turn[n] && hangs[n] > 0 -> hangs[n]--; had_turn[n] = 1 }
    :: d_step { MAY_ASK(n) && !away ->
        had_turn[n] = 1;
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
    :: d_step { MAY_ASK(n) && away -> had_turn[n] = 1 }
    :: d_step { MAY_ASK(n) && away -> had_turn[n] = 1; hangs[n] = PATIENCE }
#ifndef OUTAGE
    :: d_step { MAY_ASK(n) && !is_calm -> had_turn[n] = 1 }
    :: d_step { MAY_ASK(n) && !is_calm && is_member[n] && row[n] && !away -> /* the answer is lost */
        had_turn[n] = 1;
        k = left[n];
        beaten(n);
        left[n] = k; k = 0 }
#endif
    od
}

inline kill(n) {
    process[n] = DEAD; is_member[n] = 0; left[n] = 0; holds[n] = 0; hangs[n] = 0; since[n] = 0;
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
    :: d_step { !is_calm -> away = !away }
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
        had_turn[0] && had_turn[1] && had_turn[NODES - 1] ->
        i = 0;
        do
        :: i < NODES ->
            had_turn[i] = 0;
            left[i] = (left[i] > 0 -> left[i] - 1 : 0);
            since[i] = (process[i] != DEAD && since[i] <= GAP -> since[i] + 1 : since[i]);
            k = 0;
            do
            :: k < NODES ->
                still[AT(i, k)] = (k != i && process[i] != DEAD && row[k] && still[AT(i, k)] < LEASE && since[i] <= GAP
                    -> still[AT(i, k)] + 1 : still[AT(i, k)]);
#ifndef NOT_ANEW
                still[AT(i, k)] = (since[i] > GAP -> 0 : still[AT(i, k)]); /* it begins anew in any case */
#endif
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

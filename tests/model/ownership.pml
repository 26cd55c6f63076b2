/* Who may act for an account: beat, own deadline, declared dead, claim, release, restart, gate. Safety only.

   Nothing is urgent. A node that does not take its step is a node that is stopped, at that very place, for as long as
   time goes on without it; a statement that is not executed is a store that is away, or a packet that waits.

   Time: one clock ticks for all, and nobody compares it with anything but its own former readings. A node's clock may
   run slower than those of others, by up to a quarter: so the 0.8 leases for which a node may act last up to one lease
   of the others' clocks, and here always do (DEADLINE = LEASE): a gate that closes earlier permits less. Likewise the
   watching node is the most attentive possible (`quiet`): it has read each beat as it was executed; any other has to
   wait for longer. `turns.pml` has the nodes that watch, with their gaps, and the true 0.8. */

#ifndef NODES
#define NODES 3
#endif
#ifndef ACCOUNTS
#define ACCOUNTS 2
#endif
#ifndef LEASE
#define LEASE 1
#endif
#ifndef DEADLINE
#define DEADLINE LEASE
#endif
#ifdef CLOCKS_COMPARED  /* expiry times in the table, and a clock that is a tick ahead */
#define SILENCE (LEASE - 1)
#else
#define SILENCE LEASE
#endif
#define NOBODY NODES
#define HAS(set, a) ((set >> a) & 1)

/* -- the store: tables `nodes` and `accounts` ------------------------------------------------------ */
#define NONE 0
#define MINE 1    /* the row of the incarnation that the home's process has now, or had last */
#define FORMER 2  /* that of an incarnation before */
byte row[NODES];
byte quiet[NODES];    /* ticks since the last beat of the row was executed */
byte owner[ACCOUNTS]; /* a home whose row is there, by this row's incarnation; or NOBODY */

/* -- the nodes --------------------------------------------------------------------------------------- */
#define OUT 0 /* no member, as far as it knows; or killed: as if it never went on, or with the same home anew */
#define IN 1
byte process[NODES];
byte left[NODES];     /* ticks until its own deadline */
byte holds[NODES];    /* the accounts whose gates it has not closed */

/* -- their connections: of each node at most one statement under way, and one that came loose from a dropped connection */
#define NOTHING 0
#define BEAT 1
#define JOIN 2
#define CLAIM 3      /* + account */
#define RELEASE (CLAIM + ACCOUNTS)
#define BEAT_OK (RELEASE + ACCOUNTS)
#define BEAT_GONE (BEAT_OK + 1)
#define JOIN_OK (BEAT_OK + 2)
#define CLAIM_OK (BEAT_OK + 3) /* + account */
#define IS_SENT(x) (x != NOTHING && x < BEAT_OK)
byte under_way[NODES];
byte age[NODES];      /* ticks since a beat or a join was sent */
byte loose[NODES];
bit of_former[NODES]; /* whether the loose one is of an incarnation before */

/* -- calls to WeChat ------------------------------------------------------------------------------- */
byte superseded[NODES]; /* accounts that it holds and of which a newer term has made a call */

#ifdef NO_GATE
#define OPEN(n, a) HAS(holds[n], a)
#else
#define OPEN(n, a) (HAS(holds[n], a) && left[n] > 0)
#endif

byte i, k, open; /* of d_steps alone; 0 in between */

inline forget_loose(n) { loose[n] = NOTHING; of_former[n] = 0 }
#define WHOSE(n) (of_former[n] -> FORMER : MINE)

inline end_answer(n) { under_way[n] = NOTHING; age[n] = 0 }

/* What the store asks of a statement. */
#ifdef BEATS_FOR_ANY
#define MAY_BEAT(n, whose) (row[n] != NONE)
#else
#define MAY_BEAT(n, whose) (row[n] == whose)
#endif
#define MAY_CLAIM(n, a, whose) (row[n] == whose && (owner[a] == NOBODY || owner[a] == n))
#ifdef RELEASES_FOR_ANY
#define MAY_RELEASE(n, a, whose) (row[n] == whose)
#else
#define MAY_RELEASE(n, a, whose) (row[n] == whose && owner[a] == n)
#endif

/* It hears that its row is gone. */
inline leave(n) {
    process[n] = OUT; left[n] = 0;
#ifndef KEEPS_ACCOUNTS
    holds[n] = 0
#endif
}

/* States that differ in nothing that matters are one state. Nodes are alike, and so are accounts: which of them is called
   0 makes no difference. So they are sorted after each step, which leaves a twelfth of the states. Before that, `forget`
   drops what will do nothing:

   - an answer to a beat that renews no deadline, for it is heard too late, and how old such a beat is;
   - a claim or a release of an incarnation whose row is gone: a row that is gone is never back, for a newer one is that of
     another incarnation; likewise a beat that came loose;
   - a release of an account that its sender does not own: it would have to claim it first, and that is a new epoch;
   - what a node holds whose row is gone and whose deadline is over. It can only beat, hear that it is gone, and join: it is
     like one that has heard so. Its beat may be executed at any moment, so the hearing of that needs no state of its own.

   All but the first rest on rules of this file; mutants of those rules leave out what rests on them. SORTED: nothing is
   forgotten, so that nothing rests on any rule. PLAIN: nor is anything sorted; for small sizes, and to read a trace. */
#ifdef PLAIN
#define SORTED
inline normalise() { skip }
#endif
#ifdef FROM_THE_ANSWER
#define RENEWS(n) true
#else
#define RENEWS(n) (DEADLINE - age[n] > left[n])
#endif
#define IS_RELEASE(what) (what >= RELEASE && what < BEAT_OK)
#ifdef GOES_ON_AFTER_RELEASE
#define IS_IDLE_RELEASE(what, n, whose) false
#else
#ifdef RELEASE_WITHOUT_EPOCH
#define IS_IDLE_RELEASE(what, n, whose) (IS_RELEASE(what) && row[n] != whose)
#else
#define IS_IDLE_RELEASE(what, n, whose) (IS_RELEASE(what) && !MAY_RELEASE(n, what - RELEASE, whose))
#endif
#endif
#define IS_IDLE(what, n, whose) (IS_IDLE_RELEASE(what, n, whose) || (what >= CLAIM && what < RELEASE && row[n] != whose))
#if defined(NO_GATE) || defined(GOES_ON_AFTER_RELEASE)
#define IS_AS_GOOD_AS_OUT(n) false
#else
#define IS_AS_GOOD_AS_OUT(n) (process[n] == IN && !MAY_BEAT(n, MINE) && left[n] == 0 && under_way[n] != BEAT_OK)
#endif
inline forget() {
    i = 0;
    do
    :: i < NODES ->
        superseded[i] = superseded[i] & holds[i];
#ifndef SORTED
        if
        :: (IS_IDLE(loose[i], i, WHOSE(i)) || (loose[i] == BEAT && !MAY_BEAT(i, WHOSE(i)))) -> forget_loose(i)
        :: else
        fi;
        if
        :: (IS_IDLE(under_way[i], i, MINE) || (under_way[i] == BEAT_OK && !RENEWS(i))) -> end_answer(i)
        :: under_way[i] == BEAT && !RENEWS(i) -> age[i] = DEADLINE
        :: else
        fi;
        if
        :: IS_AS_GOOD_AS_OUT(i) -> leave(i); end_answer(i)
        :: else
        fi;
#endif
        i++
    :: else -> break
    od;
    i = 0
}

#ifndef PLAIN
#define KEY(n) (row[n] + 3 * process[n] + 6 * under_way[n] + 128 * holds[n] + 512 * left[n] + 2048 * quiet[n] + 8192 * age[n] \
    + 32768 * (owner[0] == n) + 65536 * (owner[ACCOUNTS - 1] == n) + 131072 * superseded[n] \
    + 524288 * (loose[n] + 8 * of_former[n]))
#define SWAP(x) k = x[i]; x[i] = x[i + 1]; x[i + 1] = k
#define RENAMED(n) (n == i -> i + 1 : (n == i + 1 -> i : n))
inline swap() {
    SWAP(row); SWAP(process); SWAP(under_way); SWAP(holds); SWAP(left); SWAP(quiet); SWAP(age); SWAP(superseded);
    SWAP(loose); SWAP(of_former);
    owner[0] = RENAMED(owner[0]);
#if ACCOUNTS > 1
    owner[1] = RENAMED(owner[1]);
#endif
    k = 0
}
inline sort_nodes() {
    i = 0;
    do
    :: i < NODES - 1 && KEY(i) > KEY(i + 1) -> swap(); i = (i > 0 -> i - 1 : i + 1)
    :: i < NODES - 1 && KEY(i) <= KEY(i + 1) -> i++
    :: else -> break
    od;
    i = 0
}

#if ACCOUNTS > 1
/* The key of an account is the same in whatever order its nodes are. */
int keys[2];
#define ABOUT(what, a) ((what == CLAIM + a) + 2 * (what == RELEASE + a) + 3 * (what == CLAIM_OK + a))
#define FACTOR(n, a) (HAS(holds[n], a) + 2 * (owner[a] == n) + 4 * ABOUT(under_way[n], a) + 16 * HAS(superseded[n], a) \
    + 32 * ABOUT(loose[n], a) + 128 * (row[n] + 3 * process[n] + 6 * left[n] + 24 * quiet[n]))
#define MIRRORED(set) set = ((set & 1) << 1) | (set >> 1)
#define OTHER(what) what = (what == CLAIM || what == RELEASE || what == CLAIM_OK -> what + 1 : \
    (what == CLAIM + 1 || what == RELEASE + 1 || what == CLAIM_OK + 1 -> what - 1 : what))
inline sort_accounts() {
    i = 0;
    do
    :: i < NODES ->
        keys[0] = keys[0] + FACTOR(i, 0) * FACTOR(i, 0); keys[1] = keys[1] + FACTOR(i, 1) * FACTOR(i, 1);
        i++
    :: else -> break
    od;
    i = 0;
    if
    :: keys[0] > keys[1] ->
        do
        :: i < NODES ->
            MIRRORED(holds[i]); MIRRORED(superseded[i]); OTHER(under_way[i]); OTHER(loose[i]);
            i++
        :: else -> break
        od;
        i = 0;
        k = owner[0]; owner[0] = owner[1]; owner[1] = k; k = 0
    :: else
    fi;
    keys[0] = 0; keys[1] = 0
}
inline normalise() { forget(); sort_accounts(); sort_nodes() }
#else
inline normalise() { forget(); sort_nodes() }
#endif
#endif

#ifdef CALLS_ALONE /* for mutants, in which gates break first */
#define MANY NODES
#else
#define MANY 1
#endif
/* At no moment do two nodes' gates stand open for one account. */
inline check() {
    i = 0;
    do
    :: i < ACCOUNTS ->
        k = 0;
        open = 0;
        do
        :: k < NODES -> open = open + OPEN(k, i); k++
        :: else -> break
        od;
        assert(open <= MANY);
        i++
    :: else -> break
    od;
    i = 0; k = 0; open = 0
}

inline disown(n) {
    i = 0;
    do
    :: i < ACCOUNTS -> owner[i] = (owner[i] == n -> NOBODY : owner[i]); i++
    :: else -> break
    od;
    i = 0
}

/* A claim begins a new epoch. So no release of a term before has an effect, however late it comes; nor has a claim, which
   names the epoch that it saw. */
inline new_epoch(a) {
    i = 0;
    do
    :: i < NODES ->
        if
        :: loose[i] == CLAIM + a -> forget_loose(i)
#ifndef RELEASE_WITHOUT_EPOCH
        :: loose[i] == RELEASE + a -> forget_loose(i)
#endif
        :: else
        fi;
        i++
    :: else -> break
    od;
    i = 0
}

/* A statement reaches the store. `whose`: the incarnation that sent it. `answer`: what it answers, or NOTHING. */
byte answer;
inline execute(n, what, whose) {
    answer = NOTHING;
    if
    :: what == BEAT ->
        if
        :: MAY_BEAT(n, whose) -> quiet[n] = 0; answer = BEAT_OK
        :: else -> answer = BEAT_GONE
        fi
    :: what == JOIN ->
        if
#ifndef JOIN_BY_HOME
        /* One row for a home: what a join did not see before, it does not remove. */
        :: whose == FORMER && row[n] != NONE -> skip
#endif
        :: else -> disown(n); row[n] = whose; quiet[n] = 0; answer = JOIN_OK
        fi
    :: what >= CLAIM && what < RELEASE ->
        if
        :: MAY_CLAIM(n, what - CLAIM, whose) ->
            owner[what - CLAIM] = n;
            answer = CLAIM_OK + what - CLAIM;
            new_epoch(what - CLAIM)
        :: else
        fi
    :: what >= RELEASE && what < BEAT_OK ->
        if
        :: MAY_RELEASE(n, what - RELEASE, whose) -> owner[what - RELEASE] = NOBODY
        :: else
        fi
    fi
}

inline send(n, what) { under_way[n] = what; age[n] = 0 }

/* What the process did before is of an incarnation before, from now on. */
inline new_incarnation(n) {
    row[n] = (row[n] == MINE -> FORMER : row[n]);
    of_former[n] = (loose[n] != NOTHING)
}

inline renew(n) {
#ifdef FROM_THE_ANSWER
    left[n] = DEADLINE
#else
    left[n] = (DEADLINE - age[n] > left[n] -> DEADLINE - age[n] : left[n])
#endif
}

/* Its sender hears of a cut, or waits for too long, and gives it up. */
inline give_up(n) {
#ifdef GOES_ON_AFTER_RELEASE
    holds[n] = (under_way[n] >= RELEASE && under_way[n] < BEAT_OK
        -> holds[n] | (1 << (under_way[n] - RELEASE)) : holds[n]);
#endif
    end_answer(n)
}

inline die(n) { process[n] = OUT; holds[n] = 0; left[n] = 0; end_answer(n) }

#ifdef ONE_LATE /* of all nodes */
#define MAY_COME_LOOSE(n) (loose[0] == NOTHING && loose[1] == NOTHING && loose[NODES - 1] == NOTHING)
#else
#define MAY_COME_LOOSE(n) (loose[n] == NOTHING)
#endif
inline let_loose(n) { loose[n] = under_way[n]; of_former[n] = 0 }

inline hear(n) {
    if
    :: under_way[n] == BEAT_OK -> renew(n)
    :: under_way[n] == BEAT_GONE -> leave(n)
    :: under_way[n] == JOIN_OK -> renew(n); process[n] = IN
    :: under_way[n] >= CLAIM_OK ->
        holds[n] = holds[n] | (1 << (under_way[n] - CLAIM_OK));
        superseded[n] = superseded[n] & ~(1 << (under_way[n] - CLAIM_OK))
    :: else
    fi;
    end_answer(n);
    check()
}

inline arrive(n) {
    execute(n, under_way[n], MINE);
    under_way[n] = answer;
    age[n] = (answer == NOTHING -> 0 : age[n]);
    answer = 0;
#ifndef SORTED
    if
    :: under_way[n] == BEAT_GONE -> hear(n)
    :: else
    fi
#endif
}

/* A call passes the gate. It may be made much later, if the process is stopped before the socket: nothing can stop it. */
inline pass(n, a) {
    assert(!HAS(superseded[n], a)); /* a newer term has made a call before: this one may make none */
    i = 0;
    do
    :: i < NODES ->
        superseded[i] = (i != n && HAS(holds[i], a) -> superseded[i] | (1 << a) : superseded[i]);
        i++
    :: else -> break
    od;
    i = 0
}

#define IS_FREE(n) (process[n] == IN && under_way[n] == NOTHING)
#define CLAIMS(a) IS_FREE(n) && !HAS(holds[n], a)
#define RELEASES(a) IS_FREE(n) && HAS(holds[n], a) /* it closes its gate, then it releases */
inline close(n, a) { holds[n] = holds[n] & ~(1 << a) }

proctype node(byte n) {
    do
    :: d_step { IS_FREE(n) -> send(n, BEAT); normalise() }
    :: d_step { process[n] == OUT && under_way[n] == NOTHING -> new_incarnation(n); send(n, JOIN); normalise() }
    :: d_step { CLAIMS(0) -> send(n, CLAIM); normalise() }
    :: d_step { RELEASES(0) -> close(n, 0); send(n, RELEASE); normalise() }
    :: d_step { OPEN(n, 0) -> pass(n, 0); normalise() }
#if ACCOUNTS > 1
    :: d_step { CLAIMS(1) -> send(n, CLAIM + 1); normalise() }
    :: d_step { RELEASES(1) -> close(n, 1); send(n, RELEASE + 1); normalise() }
    :: d_step { OPEN(n, 1) -> pass(n, 1); normalise() }
#endif
    :: d_step { under_way[n] >= BEAT_OK -> hear(n); normalise() }
    od
}

/* What the network and the store make of a node's statement, and of the node. */
proctype wire(byte n) {
    do
    :: d_step { IS_SENT(under_way[n]) -> arrive(n); normalise() }
    :: d_step { under_way[n] != NOTHING -> give_up(n); normalise() } /* cut before it, or its answer */
    :: d_step { IS_SENT(under_way[n]) && MAY_COME_LOOSE(n) -> let_loose(n); give_up(n); normalise() } /* cut, and it arrives later */
    :: d_step { loose[n] != NOTHING ->
        execute(n, loose[n], WHOSE(n)); forget_loose(n); answer = 0; check(); normalise() }
    /* killed */
    :: d_step { process[n] == IN || under_way[n] != NOTHING -> die(n); new_incarnation(n); normalise() }
    :: d_step { IS_SENT(under_way[n]) && MAY_COME_LOOSE(n) -> let_loose(n); die(n); new_incarnation(n); normalise() }
    /* Somebody has seen its beat stand still for a lease, and removes its row if it still does. */
    :: d_step { row[n] != NONE && quiet[n] >= SILENCE -> row[n] = NONE; quiet[n] = 0; disown(n); check(); normalise() }
    od
}

proctype clock() {
    do
    :: d_step {
        i = 0;
        do
        :: i < NODES ->
#ifndef NO_DEADLINE
            left[i] = (left[i] > 0 -> left[i] - 1 : 0);
#endif
            quiet[i] = (row[i] != NONE && quiet[i] < LEASE -> quiet[i] + 1 : quiet[i]);
            age[i] = ((under_way[i] == BEAT || under_way[i] == JOIN || under_way[i] == BEAT_OK || under_way[i] == JOIN_OK)
                && age[i] < DEADLINE -> age[i] + 1 : age[i]);
            i++
        :: else -> break
        od;
        i = 0; normalise() }
    od
}

init {
    atomic {
        owner[0] = NOBODY;
#if ACCOUNTS > 1
        owner[1] = NOBODY;
#endif
        i = 0;
        do
        :: i < NODES ->
            run node(i); run wire(i); i++
        :: else -> break
        od;
        i = 0;
        run clock()
    }
}

/* What is written, and what is said of it: fence, unit, doubt. Safety only, and without time: any node may claim any
   account at any moment, as if its owner had just been found dead; so this holds whatever clocks do.

   A group is one statement: the batches of up to two accounts, all or nothing. At most one group of a node is under
   way. What is not sent again unchanged until its outcome is known is told below. */

#ifndef NODES
#define NODES 2
#endif
#ifndef ACCOUNTS
#define ACCOUNTS 2
#endif
#ifndef TERMS
#define TERMS 2   /* claims of each account, in all */
#endif
#ifndef UNITS
#define UNITS 2   /* of each account, in all */
#endif
#define NOBODY NODES
#define ALL ((1 << ACCOUNTS) - 1)
#define HAS(set, a) ((set >> a) & 1)
#define AT(n, a) (n * ACCOUNTS + a)
#define SIZE (NODES * ACCOUNTS)

/* -- the store ------------------------------------------------------------------------------------- */
byte owner[ACCOUNTS];
byte epoch[ACCOUNTS];
byte unit[ACCOUNTS];
byte last_id[ACCOUNTS];   /* the highest id of a report */
byte void_of[ACCOUNTS];   /* the last unit that was written empty */

/* -- the nodes ------------------------------------------------------------------------------------- */
byte term[SIZE];       /* the epoch in which the node owns the account, as far as it knows; 0: none */
byte count[SIZE];      /* its units so far */
#ifdef IDS_OF_A_SEQUENCE
byte cached[NODES];
#endif

/* -- the group of each node, with its copy that came loose (one at a time) at the index NODES ---------- */
#define LOOSE NODES
#define IDLE 0
#define READY 1        /* to be sent, or sent again */
#define SENT 2
#define WRITTEN 3      /* answers */
#define FENCED 4
#define REFUSED 5
#define VOID_READY 6
#define VOID_SENT 7
#define VOID_WRITTEN 8
#define VOID_FENCED 9
byte stage[NODES + 1];
byte accounts[NODES + 1];
byte its_epoch[SIZE + ACCOUNTS];
byte its_unit[SIZE + ACCOUNTS];
byte its_id[SIZE + ACCOUNTS];
bit in_doubt[NODES];
byte stored[NODES + 1];   /* accounts whose batch is in the store */
byte denied[NODES + 1];   /* accounts whose caller was told that it is not, and never will be */
byte sender = NOBODY;     /* of the loose one */
bit is_of_group;          /* whether the loose one is of the group that its sender has now */

byte i;
bit is_fenced;

#ifdef NO_FENCE
#define IS_MINE(n, m, a) (1)
#else
#define IS_MINE(n, m, a) (owner[a] == n && epoch[a] == its_epoch[AT(m, a)])
#endif
#ifdef NO_UNIT
#define IS_NEW(m, a) (1)
#else
#define IS_NEW(m, a) (unit[a] < its_unit[AT(m, a)])
#endif

/* The statement `x` (a node's, or the loose one), sent by node `by`, is executed: `is_fenced` says how it ended. */
inline execute(by, x, is_void) {
    is_fenced = 0;
    i = 0;
    do
    :: i < ACCOUNTS ->
        is_fenced = is_fenced || (HAS(accounts[x], i) && !(IS_MINE(by, x, i) && IS_NEW(x, i)));
        i++
    :: else -> break
    od;
    i = 0;
    do
    :: i < ACCOUNTS && HAS(accounts[x], i) && !is_fenced ->
        unit[i] = its_unit[AT(x, i)];
        if
        :: is_void -> void_of[i] = its_unit[AT(x, i)]
        :: else ->
            assert(owner[i] == by && epoch[i] == its_epoch[AT(x, i)]); /* nothing of an old term is written */
            assert(its_id[AT(x, i)] > last_id[i]);                     /* ids grow */
            last_id[i] = its_id[AT(x, i)];
            assert(!HAS(stored[x], i));                                /* nothing is stored twice */
            assert(!HAS(denied[x], i));                                /* what was denied is never stored */
            stored[x] = stored[x] | (1 << i)
        fi;
        i++
    :: i < ACCOUNTS && !(HAS(accounts[x], i) && !is_fenced) -> i++
    :: else -> break
    od;
    i = 0
}

/* The loose statement and its sender's group are of one batch each: what is known of one holds for the other. */
inline share(from, to) { stored[to] = stored[from]; denied[to] = denied[from] }

inline forget_loose() {
    stage[LOOSE] = IDLE; accounts[LOOSE] = 0; stored[LOOSE] = 0; denied[LOOSE] = 0; sender = NOBODY; is_of_group = 0;
    i = 0;
    do
    :: i < ACCOUNTS -> its_epoch[AT(LOOSE, i)] = 0; its_unit[AT(LOOSE, i)] = 0; its_id[AT(LOOSE, i)] = 0; i++
    :: else -> break
    od;
    i = 0
}

inline let_loose(n) {
    stage[LOOSE] = stage[n]; accounts[LOOSE] = accounts[n]; sender = n; is_of_group = 1;
    i = 0;
    do
    :: i < ACCOUNTS ->
        its_epoch[AT(LOOSE, i)] = its_epoch[AT(n, i)]; its_unit[AT(LOOSE, i)] = its_unit[AT(n, i)];
        its_id[AT(LOOSE, i)] = its_id[AT(n, i)]; i++
    :: else -> break
    od;
    i = 0;
    share(n, LOOSE)
}

inline mirror(n) {
    if
    :: sender == n && is_of_group -> share(n, LOOSE)
    :: else
    fi
}

/* The group is over: all of its callers have been told. */
inline end_group(n) {
    mirror(n);
    is_of_group = (sender == n -> 0 : is_of_group);
    stage[n] = IDLE; accounts[n] = 0; in_doubt[n] = 0; stored[n] = 0; denied[n] = 0;
    i = 0;
    do
    :: i < ACCOUNTS -> its_epoch[AT(n, i)] = 0; its_unit[AT(n, i)] = 0; its_id[AT(n, i)] = 0; i++
    :: else -> break
    od;
    i = 0
}

inline acknowledge(n) {
    assert((stored[n] & accounts[n]) == accounts[n]); /* nothing acknowledged is missing */
    end_group(n)
}

/* `JournalError`, `InvalidBatch`, `LeaseLost`: not stored, and never will be. */
inline deny(n, whose) {
    assert(!(stored[n] & (whose)));
    denied[n] = denied[n] | (whose);
    mirror(n)
}

inline compose(n, whose) {
    accounts[n] = whose;
    i = 0;
    do
    :: i < ACCOUNTS && HAS(whose, i) ->
        count[AT(n, i)]++;
        its_epoch[AT(n, i)] = term[AT(n, i)];
        its_unit[AT(n, i)] = count[AT(n, i)];
#ifdef IDS_OF_A_SEQUENCE
        cached[n]++;
        its_id[AT(n, i)] = (NODES - n) * 16 + cached[n];
#else
        its_id[AT(n, i)] = count[AT(n, i)];
#endif
        i++
    :: i < ACCOUNTS && !HAS(whose, i) -> i++
    :: else -> break
    od;
    i = 0;
    stage[n] = READY
}

#define MAY_WRITE(n, a) (term[AT(n, a)] && count[AT(n, a)] < UNITS)

/* Look at the accounts' rows after a statement that was fenced. */
byte ours, done, voided, lost;
inline look(n) {
    ours = 0; done = 0; voided = 0;
    i = 0;
    do
    :: i < ACCOUNTS ->
        if
        :: HAS(accounts[n], i) && owner[i] == n && epoch[i] == its_epoch[AT(n, i)] ->
            ours = ours | (1 << i);
            done = (unit[i] >= its_unit[AT(n, i)] -> done | (1 << i) : done);
            voided = (void_of[i] == its_unit[AT(n, i)] -> voided | (1 << i) : voided)
        :: else
        fi;
        i++
    :: else -> break
    od;
    i = 0;
    lost = accounts[n] & ~(in_doubt[n] -> ours : ours & ~done)
}

inline lose(n) {
    i = 0;
    do
    :: i < ACCOUNTS ->
        if
        :: HAS(lost, i) && term[AT(n, i)] == its_epoch[AT(n, i)] -> term[AT(n, i)] = 0; count[AT(n, i)] = 0
        :: else
        fi;
        if
        :: HAS(lost, i) -> its_epoch[AT(n, i)] = 0; its_unit[AT(n, i)] = 0; its_id[AT(n, i)] = 0
        :: else
        fi;
        i++
    :: else -> break
    od;
    i = 0;
    accounts[n] = accounts[n] & ~lost
}

inline hear_fenced(n) {
    look(n);
    if
    :: lost && !in_doubt[n] -> deny(n, lost) /* LeaseLost */
    :: else                                  /* InDoubt: nothing is said */
    fi;
    lose(n);
    if
    :: accounts[n] == 0 -> end_group(n)
#ifndef EMPTY_TAKEN_AS_DONE
    :: accounts[n] && in_doubt[n] && done && voided -> deny(n, accounts[n]); end_group(n)
    :: accounts[n] && in_doubt[n] && done && !voided -> acknowledge(n)
#else
    :: accounts[n] && in_doubt[n] && done -> acknowledge(n)
#endif
    :: accounts[n] && !(in_doubt[n] && done) -> stage[n] = READY
    fi;
    ours = 0; done = 0; voided = 0; lost = 0
}

inline claim(n, a, is_heard) {
    owner[a] = n; epoch[a]++;
    if
    :: is_heard -> term[AT(n, a)] = epoch[a]; count[AT(n, a)] = unit[a] /* read after the commit of the claim */
    :: else
    fi
}

inline lose_answer(n) {
#ifdef DENIED_IN_DOUBT
    denied[n] = accounts[n]; end_group(n)
#else
    in_doubt[n] = 1;
    stage[n] = READY
#endif
}

proctype node(byte n) {
    byte a;
    do
    /* It claims an account; the answer may be lost. Or it hears that it has lost it, or was killed. */
    :: d_step { epoch[0] < TERMS -> claim(n, 0, 1) }
    :: d_step { epoch[0] < TERMS -> claim(n, 0, 0) }
    :: d_step { term[AT(n, 0)] -> term[AT(n, 0)] = 0; count[AT(n, 0)] = 0 }
    :: d_step { stage[n] == IDLE && MAY_WRITE(n, 0) -> compose(n, 1) }
#if ACCOUNTS > 1
    :: d_step { epoch[1] < TERMS -> claim(n, 1, 1) }
    :: d_step { epoch[1] < TERMS -> claim(n, 1, 0) }
    :: d_step { term[AT(n, 1)] -> term[AT(n, 1)] = 0; count[AT(n, 1)] = 0 }
    :: d_step { stage[n] == IDLE && MAY_WRITE(n, 1) -> compose(n, 2) }
    :: d_step { stage[n] == IDLE && MAY_WRITE(n, 0) && MAY_WRITE(n, 1) -> compose(n, 3) }
#endif
    :: d_step { stage[n] == READY -> stage[n] = SENT }
    :: d_step { stage[n] == READY && !in_doubt[n] -> deny(n, accounts[n]); end_group(n) } /* no connection: never sent */
#ifdef NEWER_BEFORE_DOUBTFUL
    :: d_step { stage[n] == READY && in_doubt[n] && MAY_WRITE(n, 0) && owner[0] == n && epoch[0] == term[AT(n, 0)] ->
        count[AT(n, 0)]++; unit[0] = count[AT(n, 0)] }
#endif
    :: d_step { stage[n] == WRITTEN -> acknowledge(n) }
    :: d_step { stage[n] == FENCED -> hear_fenced(n) }
    :: d_step { stage[n] == REFUSED && !in_doubt[n] -> deny(n, accounts[n]); end_group(n) }
    /* What was refused now may have been written before: an empty group with its units rules that out. */
#ifdef REFUSED_IS_DENIED
    :: d_step { stage[n] == REFUSED && in_doubt[n] -> deny(n, accounts[n]); end_group(n) }
#else
    :: d_step { stage[n] == REFUSED && in_doubt[n] -> stage[n] = VOID_READY }
#endif
    :: d_step { stage[n] == VOID_READY -> stage[n] = VOID_SENT }
    :: d_step { stage[n] == VOID_WRITTEN -> deny(n, accounts[n]); end_group(n) }
    :: d_step { stage[n] == VOID_FENCED -> stage[n] = READY }
    /* It is stopped or killed: callers hear nothing, or `InDoubt`. */
    :: d_step { stage[n] != IDLE -> end_group(n) }
    od
}

#define IS_ASKED(n) (stage[n] != IDLE && stage[n] != READY && stage[n] != VOID_READY)

proctype wire(byte n) {
    do
    :: d_step { stage[n] == SENT -> execute(n, n, 0); stage[n] = (is_fenced -> FENCED : WRITTEN); is_fenced = 0; mirror(n) }
    :: d_step { stage[n] == SENT -> stage[n] = REFUSED } /* a full disk, a lock that is not to be had */
    :: d_step { stage[n] == VOID_SENT ->
        execute(n, n, 1); stage[n] = (is_fenced -> VOID_FENCED : VOID_WRITTEN); is_fenced = 0 }
    :: d_step { stage[n] == VOID_SENT -> stage[n] = READY } /* refused as well */
    /* Cut before, or after, or the answer alone; and it may still arrive. */
    :: d_step { IS_ASKED(n) -> lose_answer(n) }
    :: d_step { (stage[n] == SENT || stage[n] == VOID_SENT) && stage[LOOSE] == IDLE -> let_loose(n); lose_answer(n) }
    :: d_step { stage[n] == SENT && stage[LOOSE] == IDLE -> let_loose(n); end_group(n) } /* killed */
    :: d_step { stage[LOOSE] != IDLE && sender == n ->
        execute(n, LOOSE, stage[LOOSE] == VOID_SENT); is_fenced = 0;
        if
        :: is_of_group -> share(LOOSE, n)
        :: else
        fi;
        forget_loose() }
    :: d_step { stage[LOOSE] != IDLE && sender == n -> forget_loose() }
    od
}

init {
    atomic {
        i = 0;
        do
        :: i < ACCOUNTS -> owner[i] = NOBODY; i++
        :: else -> break
        od;
        i = 0;
        do
        :: i < NODES -> run node(i); run wire(i); i++
        :: else -> break
        od;
        i = 0
    }
}

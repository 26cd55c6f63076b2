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
#ifndef UNITS
#define UNITS 2   /* by how many the numbers of an owner may be ahead of the store's; PLAIN: of each account, in all */
#endif
#define ALL ((1 << ACCOUNTS) - 1)
#define HAS(set, a) ((set >> a) & 1)
#define AT(n, a) ((n) * ACCOUNTS + (a))
#define SIZE (NODES * ACCOUNTS)

/* States that differ in nothing that matters are one state. This is how, and why it leaves nothing out:

   - Nodes are alike, and so are accounts: only their names tell two states apart that are each other's mirror image.
     `normalise` sorts both after each step.
   - Of units and ids, only which is greater is ever asked, and only within the account's present term. So they are
     counted from the store's newest unit, which is called 1: `renumber` takes the same from all of them after each step.
     An owner may be ahead of it by UNITS; there is no end to the number of units, nor of terms.
   - In a former term numbers are compared with nothing, for the fence refuses first: they are 0. A node that had such a
     term may write in it at any moment, in vain; one that has none does nothing, which that one may do as well. So they
     are one state: who has no term has a former one.
   - An empty unit takes an id, too. No report ever has it, so ids are asked for more than they promise.

   PLAIN: nothing of this, for mutants that break a reason given here, to compare in small sizes, and to read a trace. */
#if defined(NO_FENCE) || defined(NO_UNIT) || defined(IDS_OF_A_SEQUENCE) || defined(NEWER_BEFORE_DOUBTFUL)
#define PLAIN
#endif

/* -- the store ------------------------------------------------------------------------------------- */
byte unit[ACCOUNTS];
byte last_id[ACCOUNTS];   /* the highest id of a report, or of an empty unit */
byte void_of[ACCOUNTS];   /* the last unit that was written empty */

/* -- the nodes ------------------------------------------------------------------------------------- */
#define CURRENT 1      /* the incarnation and epoch of the account's row: a claim ends this for ever */
#define FORMER 2
#ifdef PLAIN
#define NONE 0
#else
#define NONE FORMER
#endif
byte term[SIZE];       /* the term in which the node owns the account, as far as it knows; or NONE */
byte count[SIZE];      /* its newest unit */
#ifdef IDS_OF_A_SEQUENCE
byte cached[NODES];
#endif

/* -- the group of each node, and at COPY its copy that came loose (one of each node at a time) ----------- */
#define COPY(n) (NODES + (n))
#define IDLE 0
#define GROUP 1        /* sent, or to be sent (again): it may be executed at any moment, so that is one state */
#define FENCED 2       /* answered so; the rows are looked at next */
#define VOID 3         /* an empty group with its units, sent, or to be sent */
byte stage[2 * NODES];
byte accounts[2 * NODES];
byte its_term[2 * SIZE];
byte its_unit[2 * SIZE];
byte its_id[2 * SIZE];
bit in_doubt[NODES];
byte stored[2 * NODES];   /* accounts whose batch is in the store */
byte denied[2 * NODES];   /* accounts whose caller was told that it is not, and never will be */
bit is_of_group[NODES];   /* whether the copy is of the group that the node has now */

byte i, j, k; /* of d_steps alone, and 0 in between, as are others below */
bit is_fenced;

#ifdef PLAIN
inline normalise() { skip }
#else
inline rebase(x) { x = (x > k -> x - k : 0) }
inline renumber(a) {
    k = unit[a] - 1;
    if
    :: k > 0 ->
        i = 0;
        do
        :: i < 2 * NODES ->
            assert(its_term[AT(i, a)] != CURRENT || its_unit[AT(i, a)] >= unit[a]); /* a group is its owner's newest */
            rebase(its_unit[AT(i, a)]); rebase(its_id[AT(i, a)]);
            if
            :: i < NODES -> rebase(count[AT(i, a)])
            :: else
            fi;
            i++
        :: else -> break
        od;
        rebase(unit[a]); rebase(last_id[a]); rebase(void_of[a])
    :: else
    fi
}
#define SWAP(x, a, b) k = x[a]; x[a] = x[b]; x[b] = k

#define KEY_OF(n, a) (term[AT(n, a)] + 3 * its_term[AT(n, a)] + 9 * count[AT(n, a)] + 45 * its_unit[AT(n, a)])
#define KEY(n) (KEY_OF(n, 0) + 256 * KEY_OF(n, ACCOUNTS - 1) + 65536 * (stage[n] + 4 * accounts[n] + 16 * in_doubt[n] \
    + 32 * stored[n] + 128 * stored[COPY(n)] + 512 * accounts[COPY(n)] + 2048 * (stage[COPY(n)] == VOID) \
    + 4096 * is_of_group[n]))
#define SWAP_ACCOUNTS(a, b) SWAP(its_term, a, b); SWAP(its_unit, a, b); SWAP(its_id, a, b)
#define SWAP_OF(a) SWAP(term, AT(i, a), AT(i + 1, a)); SWAP(count, AT(i, a), AT(i + 1, a)); \
    SWAP_ACCOUNTS(AT(i, a), AT(i + 1, a)); SWAP_ACCOUNTS(AT(COPY(i), a), AT(COPY(i + 1), a))
#define SWAP_GROUPS(a, b) SWAP(stage, a, b); SWAP(accounts, a, b); SWAP(stored, a, b); SWAP(denied, a, b)
inline swap_nodes() {
    SWAP_OF(0);
#if ACCOUNTS > 1
    SWAP_OF(1);
#endif
    SWAP_GROUPS(i, i + 1); SWAP_GROUPS(COPY(i), COPY(i + 1)); SWAP(in_doubt, i, i + 1); SWAP(is_of_group, i, i + 1)
}
inline sort_nodes() {
    i = 0;
    do
    :: i < NODES - 1 && KEY(i) > KEY(i + 1) -> swap_nodes(); i = (i > 0 -> i - 1 : i + 1)
    :: i < NODES - 1 && KEY(i) <= KEY(i + 1) -> i++
    :: else -> break
    od
}

#if ACCOUNTS > 1
/* The key of an account is the same in whatever order its nodes are. */
#define FACTOR(n, a) (KEY_OF(n, a) + 256 * (HAS(accounts[n], a) + 2 * HAS(stored[n], a) + 4 * in_doubt[n] + 8 * (stage[n] == VOID)) \
    + 4096 * (HAS(accounts[COPY(n)], a) + 2 * HAS(stored[COPY(n)], a)))
int keys[2];
#define MIRRORED(set) set = ((set & 1) << 1) | (set >> 1)
inline swap_accounts() {
    i = 0;
    do
    :: i < 2 * NODES ->
        SWAP_ACCOUNTS(AT(i, 0), AT(i, 1));
        MIRRORED(accounts[i]); MIRRORED(stored[i]); MIRRORED(denied[i]);
        if
        :: i < NODES -> SWAP(term, AT(i, 0), AT(i, 1)); SWAP(count, AT(i, 0), AT(i, 1))
        :: else
        fi;
        i++
    :: else -> break
    od;
    SWAP(unit, 0, 1); SWAP(last_id, 0, 1); SWAP(void_of, 0, 1)
}
inline sort_accounts() {
    keys[0] = void_of[0]; keys[1] = void_of[1];
    i = 0;
    do
    :: i < NODES ->
        keys[0] = keys[0] + FACTOR(i, 0) * FACTOR(i, 0); keys[1] = keys[1] + FACTOR(i, 1) * FACTOR(i, 1);
        i++
    :: else -> break
    od;
    if
    :: keys[0] > keys[1] -> swap_accounts()
    :: else
    fi;
    keys[0] = 0; keys[1] = 0
}
#endif

inline normalise() {
    renumber(0);
#if ACCOUNTS > 1
    renumber(1);
    sort_accounts();
#endif
    sort_nodes();
    i = 0; k = 0
}
#endif

#ifdef NO_FENCE
#define IS_MINE(x, a) (1)
#else
#define IS_MINE(x, a) (its_term[AT(x, a)] == CURRENT)
#endif
#ifdef NO_UNIT
#define IS_NEW(x, a) (1)
#else
#define IS_NEW(x, a) (unit[a] < its_unit[AT(x, a)])
#endif

inline forget_loose(n) {
    stage[COPY(n)] = IDLE; accounts[COPY(n)] = 0; stored[COPY(n)] = 0; denied[COPY(n)] = 0; is_of_group[n] = 0;
    i = 0;
    do
    :: i < ACCOUNTS -> its_term[AT(COPY(n), i)] = 0; its_unit[AT(COPY(n), i)] = 0; its_id[AT(COPY(n), i)] = 0; i++
    :: else -> break
    od;
    i = 0
}

/* Whether the store would refuse it. */
inline look_at_fence(x) {
    is_fenced = 0;
    i = 0;
    do
    :: i < ACCOUNTS ->
        is_fenced = is_fenced || (HAS(accounts[x], i) && !(IS_MINE(x, i) && IS_NEW(x, i)));
        i++
    :: else -> break
    od;
    i = 0
}

/* A loose statement that is fenced is fenced for ever: it will do nothing. */
inline prune_loose() {
#ifndef NO_FENCE
#ifndef NO_UNIT
    j = 0;
    do
    :: j < NODES ->
        look_at_fence(COPY(j));
        if
        :: is_fenced -> forget_loose(j)
        :: else
        fi;
        j++
    :: else -> break
    od;
    j = 0;
#endif
#endif
    is_fenced = 0
}

/* The statement `x` (a node's, or the loose one) is executed: `is_fenced` says how it ended. */
inline execute(x, is_void) {
    look_at_fence(x);
    do
    :: i < ACCOUNTS && HAS(accounts[x], i) && !is_fenced ->
        unit[i] = its_unit[AT(x, i)];
        if
        :: is_void -> void_of[i] = its_unit[AT(x, i)]
        :: else ->
            assert(its_term[AT(x, i)] == CURRENT); /* nothing of an old term is written */
            assert(!HAS(stored[x], i));            /* nothing is stored twice */
            assert(!HAS(denied[x], i));            /* what was denied is never stored */
            assert(its_id[AT(x, i)] > last_id[i]); /* ids grow */
            stored[x] = stored[x] | (1 << i)
        fi;
        last_id[i] = its_id[AT(x, i)];
        i++
    :: i < ACCOUNTS && !(HAS(accounts[x], i) && !is_fenced) -> i++
    :: else -> break
    od;
    i = 0
}

/* The copy and the group are of the same batches: what is known of one holds for the other. */
inline share(from, to) { stored[to] = stored[from]; denied[to] = denied[from] }

inline let_loose(n) {
    stage[COPY(n)] = stage[n]; accounts[COPY(n)] = accounts[n]; is_of_group[n] = 1;
    i = 0;
    do
    :: i < ACCOUNTS ->
        its_term[AT(COPY(n), i)] = its_term[AT(n, i)]; its_unit[AT(COPY(n), i)] = its_unit[AT(n, i)];
        its_id[AT(COPY(n), i)] = its_id[AT(n, i)]; i++
    :: else -> break
    od;
    i = 0;
    share(n, COPY(n));
    prune_loose()
}

inline mirror(n) {
    if
    :: is_of_group[n] -> share(n, COPY(n))
    :: else
    fi
}

/* The group is over: all of its callers have been told. */
inline end_group(n) {
    mirror(n);
    is_of_group[n] = 0;
    stage[n] = IDLE; accounts[n] = 0; in_doubt[n] = 0; stored[n] = 0; denied[n] = 0;
    i = 0;
    do
    :: i < ACCOUNTS ->
        void_of[i] = (its_term[AT(n, i)] == CURRENT -> 0 : void_of[i]); /* no other unit has this number */
        its_term[AT(n, i)] = 0; its_unit[AT(n, i)] = 0; its_id[AT(n, i)] = 0; i++
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

#ifdef PLAIN
#define NEXT(n, a) (count[AT(n, a)] + 1)
#else
#define NEXT(n, a) (term[AT(n, a)] == CURRENT -> count[AT(n, a)] + 1 : 0)
#endif
inline compose(n, whose) {
    accounts[n] = whose;
    i = 0;
    do
    :: i < ACCOUNTS && HAS(whose, i) ->
        count[AT(n, i)] = NEXT(n, i);
        its_term[AT(n, i)] = term[AT(n, i)];
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
    stage[n] = GROUP
}

#ifdef PLAIN
#define MAY_WRITE(n, a) (term[AT(n, a)] != NONE && count[AT(n, a)] < UNITS)
#else
#define MAY_WRITE(n, a) (term[AT(n, a)] == FORMER || count[AT(n, a)] < unit[a] + UNITS)
#endif

/* Look at the accounts' rows after a statement that was fenced. */
byte ours, done, voided, lost;
inline look(n) {
    ours = 0; done = 0; voided = 0;
    i = 0;
    do
    :: i < ACCOUNTS ->
        if
        :: HAS(accounts[n], i) && its_term[AT(n, i)] == CURRENT ->
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
        :: HAS(lost, i) && term[AT(n, i)] == its_term[AT(n, i)] -> term[AT(n, i)] = NONE; count[AT(n, i)] = 0
        :: else
        fi;
        if
        :: HAS(lost, i) -> its_term[AT(n, i)] = 0; its_unit[AT(n, i)] = 0; its_id[AT(n, i)] = 0
        :: else
        fi;
        i++
    :: else -> break
    od;
    i = 0;
    accounts[n] = accounts[n] & ~lost;
#ifndef NO_FENCE
    stored[n] = stored[n] & ~lost; denied[n] = denied[n] & ~lost
#endif
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
    :: accounts[n] && !(in_doubt[n] && done) -> stage[n] = GROUP
    fi;
    ours = 0; done = 0; voided = 0; lost = 0
}

inline end_term(x, a) {
    its_term[AT(x, a)] = (its_term[AT(x, a)] -> FORMER : 0);
#ifndef NO_FENCE /* its numbers are compared with nothing any more */
    its_unit[AT(x, a)] = 0; its_id[AT(x, a)] = 0
#endif
}

inline claim(n, a, is_heard) {
    i = 0;
    do
    :: i < NODES ->
        term[AT(i, a)] = (term[AT(i, a)] != NONE -> FORMER : NONE);
#ifndef NO_FENCE
        count[AT(i, a)] = 0;
        stored[i] = (in_doubt[i] -> stored[i] & ~(1 << a) : stored[i]); /* nobody will be told anything */
#endif
        end_term(i, a);
        end_term(COPY(i), a);
        i++
    :: else -> break
    od;
    i = 0;
    prune_loose();
    void_of[a] = 0;
    if
    :: is_heard -> term[AT(n, a)] = CURRENT; count[AT(n, a)] = unit[a] /* read after the commit of the claim */
    :: else
    fi
}

inline lose_answer(n) {
#ifdef DENIED_IN_DOUBT
    denied[n] = accounts[n]; end_group(n)
#else
    in_doubt[n] = 1;
    stage[n] = GROUP
#endif
}

proctype node(byte n) {
    byte a;
    do
    /* It claims an account; the answer may be lost. A node that stopped acting for an account is one that goes on as
       if it owned it, and does nothing. */
    :: d_step { true -> claim(n, 0, 1); normalise() }
    :: d_step { true -> claim(n, 0, 0); normalise() }
    :: d_step { stage[n] == IDLE && MAY_WRITE(n, 0) -> compose(n, 1); normalise() }
#if ACCOUNTS > 1
    :: d_step { true -> claim(n, 1, 1); normalise() }
    :: d_step { true -> claim(n, 1, 0); normalise() }
    :: d_step { stage[n] == IDLE && MAY_WRITE(n, 1) -> compose(n, 2); normalise() }
    :: d_step { stage[n] == IDLE && MAY_WRITE(n, 0) && MAY_WRITE(n, 1) -> compose(n, 3); normalise() }
#endif
    :: d_step { stage[n] == GROUP && !in_doubt[n] -> deny(n, accounts[n]); end_group(n); normalise() } /* no connection: never sent */
#ifdef NEWER_BEFORE_DOUBTFUL
    :: d_step { stage[n] == GROUP && in_doubt[n] && MAY_WRITE(n, 0) && term[AT(n, 0)] == CURRENT ->
        count[AT(n, 0)]++; unit[0] = count[AT(n, 0)]; normalise() }
#endif
    :: d_step { stage[n] == FENCED -> hear_fenced(n); normalise() }
    /* It is stopped or killed: callers hear nothing, or `InDoubt`. */
    :: d_step { stage[n] != IDLE -> end_group(n); normalise() }
    od
}

proctype wire(byte n) {
    do
    /* Executed, and answered. */
    :: d_step { stage[n] == GROUP ->
        execute(n, 0);
        if
        :: is_fenced -> mirror(n); stage[n] = FENCED
        :: else -> mirror(n); acknowledge(n)
        fi;
        is_fenced = 0; prune_loose(); normalise() }
    /* Refused: a full disk, a lock that is not to be had. It may have been written before: an empty group with its
       units rules that out. */
    :: d_step { stage[n] == GROUP ->
        if
#ifdef REFUSED_IS_DENIED
        :: true -> deny(n, accounts[n]); end_group(n)
#else
        :: !in_doubt[n] -> deny(n, accounts[n]); end_group(n)
        :: else -> stage[n] = VOID
#endif
        fi; normalise() }
    :: d_step { stage[n] == VOID ->
        execute(n, 1);
        if
        :: is_fenced -> stage[n] = GROUP
        :: else -> deny(n, accounts[n]); end_group(n)
        fi;
        is_fenced = 0; prune_loose(); normalise() }
    /* The answer is lost, and it was executed, or not, or will be. */
    :: d_step { stage[n] == GROUP -> execute(n, 0); is_fenced = 0; mirror(n); lose_answer(n); prune_loose(); normalise() }
    :: d_step { stage[n] == VOID -> execute(n, 1); is_fenced = 0; lose_answer(n); prune_loose(); normalise() }
    :: d_step { stage[n] == GROUP || stage[n] == VOID || stage[n] == FENCED -> lose_answer(n); normalise() }
    :: d_step { (stage[n] == GROUP || stage[n] == VOID) && stage[COPY(n)] == IDLE -> let_loose(n); lose_answer(n); normalise() }
    :: d_step { stage[n] == GROUP && stage[COPY(n)] == IDLE -> let_loose(n); end_group(n); normalise() } /* and its sender is killed */
    :: d_step { stage[COPY(n)] != IDLE ->
        execute(COPY(n), stage[COPY(n)] == VOID);
        if
        :: is_of_group[n] -> share(COPY(n), n)
        :: else
        fi;
        forget_loose(n); prune_loose(); normalise() }
    :: d_step { stage[COPY(n)] != IDLE -> forget_loose(n); normalise() }
    od
}

init {
    atomic {
        i = 0;
        do
        :: i < SIZE -> term[i] = NONE; i++
        :: else -> break
        od;
#ifndef PLAIN
        i = 0;
        do
        :: i < ACCOUNTS -> unit[i] = 1; last_id[i] = 1; i++
        :: else -> break
        od;
#endif
        i = 0;
        do
        :: i < NODES -> run node(i); run wire(i); i++
        :: else -> break
        od;
        i = 0
    }
}

import type { Clock, Rand, Timer } from "#host";
import { LesError } from "#les/protocol";
import { type BlockRange, LightError, type OdrRequest, type RetrieveOptions } from "#light";
import { GlimError, onAbort } from "#util";
import { type Asked, type AskKind, type Judgement, type KindRow, kindRows } from "./kinds.ts";
import { clientLimits } from "./limits.ts";
import type { Outcome, ServerPeer } from "./server-peer.ts";

/** Something to be retrieved: by whom it was asked, and of whom. */
interface Task {
  readonly request: Asked;
  readonly what: string;
  /** Only these may be asked; absent: all. */
  readonly only: ((server: ServerPeer) => boolean) | undefined;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
  /** Each server is asked once. BOUNDED by the servers met while the task lives. */
  readonly asked: Set<ServerPeer>;
  /** Servers that have been asked and may still answer. */
  outstanding: number;
  isQueued: boolean;
  isDone: boolean;
  lastError: GlimError | undefined;
  /** Stops listening to the signal. */
  release: (() => void) | undefined;
  timer: Timer | undefined;
  /** Ends the wait for a server that lags behind. */
  lag: Timer | undefined;
}

/** What one look at a queue has settled so far. */
interface Round {
  /** Items that each server looked at may still be given. */
  readonly rooms: Map<ServerPeer, number>;
  readonly groups: ReadonlyMap<ServerPeer, Task[]>;
}

export interface RetrieverOptions {
  readonly clock: Clock;
  readonly rand: Rand;
  readonly servers: () => Iterable<ServerPeer>;
  /** Called when a server lied, before it is dropped. */
  readonly onLie?: ((server: ServerPeer, error: GlimError) => void) | undefined;
}

/**
 * Distributor and retriever in one: merges what is asked at the same time into few messages, sends each to the server that will answer
 * soonest and whose buffer has room, asks another after 500 ms or a failure, and never asks the same server twice for the same thing.
 *
 * A reply that contains a lie is discarded whole, its server is dropped, and every request in it goes to the next.
 * @see geth les/retrieve.go, les/distributor.go@v1.11.6
 */
export class Retriever {
  readonly #clock: Clock;
  readonly #rand: Rand;
  readonly #servers: () => Iterable<ServerPeer>;
  readonly #onLie: (server: ServerPeer, error: GlimError) => void;
  /** Tasks not sent, or to be sent to one more server. BOUNDED: clientLimits.pending. */
  readonly #queues = new Map<AskKind, Task[]>();
  /** Tasks that nobody new can be asked for now, while an answer may still come. */
  readonly #parked = new Set<Task>();
  /** Tasks not ended. */
  #pending = 0;
  #isScheduled = false;
  #wakeUp: Timer | undefined;
  #isStopped = false;
  /** Messages sent and requests they carried: what merging saves. */
  messages = 0;
  merged = 0;
  lies = 0;

  constructor({ clock, rand, servers, onLie = () => {} }: RetrieverOptions) {
    this.#clock = clock;
    this.#rand = rand;
    this.#servers = servers;
    this.#onLie = onLie;
  }

  /** Requests under way or waiting. BOUNDED: clientLimits.pending. */
  get pending(): number {
    return this.#pending;
  }

  /** @throws as ProofSource.retrieve */
  retrieve<T>(
    request: OdrRequest<T>,
    options: RetrieveOptions & { readonly only?: ((server: ServerPeer) => boolean) | undefined } = {},
  ): Promise<T> {
    return this.ask(request as Asked, request.what, options) as Promise<T>; // an OdrRequest is an Asked, and verify returns T
  }

  /** The same for claims, whose `verify` takes anything. */
  ask(
    request: Asked,
    what: string,
    {
      signal,
      timeoutMs,
      only,
    }: RetrieveOptions & { readonly only?: ((server: ServerPeer) => boolean) | undefined },
  ): Promise<unknown> {
    if (this.#isStopped) return Promise.reject(LightError("STOPPED"));
    if (signal?.aborted) return Promise.reject(signal.reason);
    if (this.#pending >= clientLimits.pending)
      return Promise.reject(LightError("BUSY", { waiting: this.#pending }));
    this.#pending++;
    return new Promise((resolve, reject) => {
      const task: Task = {
        request,
        what,
        only,
        resolve,
        reject,
        asked: new Set(),
        outstanding: 0,
        isQueued: false,
        isDone: false,
        lastError: undefined,
        release: undefined,
        timer: undefined,
        lag: undefined,
      };
      if (signal !== undefined) task.release = onAbort(signal, (reason) => this.#fail(task, reason));
      if (timeoutMs !== undefined)
        task.timer = this.#clock.after(timeoutMs, () =>
          this.#fail(task, LightError("TIMEOUT", { what, timeoutMs })),
        );
      this.#enqueue(task);
    });
  }

  /** Something changed: a server came, its head moved, its buffer has room. */
  ready(): void {
    for (const task of [...this.#parked]) this.#enqueue(task);
    this.#schedule();
  }

  /** A reply came or time has passed: tasks that wait for room may go. */
  poke(): void {
    if (this.#queues.size > 0) this.#schedule();
  }

  /** Fails what waits here. What is in flight fails when its server ends. */
  stop(): void {
    this.#isStopped = true;
    this.#wakeUp?.cancel();
    const tasks = [...this.#parked, ...[...this.#queues.values()].flat()];
    this.#parked.clear();
    this.#queues.clear();
    for (const task of tasks) this.#fail(task, LightError("STOPPED"));
  }

  #enqueue(task: Task): void {
    if (task.isDone || task.isQueued) return;
    if (this.#isStopped) {
      this.#fail(task, LightError("STOPPED"));
      return;
    }
    this.#parked.delete(task);
    task.isQueued = true;
    const queue = this.#queues.get(task.request.kind);
    if (queue === undefined) this.#queues.set(task.request.kind, [task]);
    else queue.push(task);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#isScheduled || this.#isStopped) return;
    this.#isScheduled = true;
    void soon.then(this.#onTurn);
  }

  readonly #onTurn = (): void => {
    this.#isScheduled = false;
    if (!this.#isStopped) this.#pump();
  };

  /** Sends what can be sent now. */
  #pump(): void {
    this.#wakeUp?.cancel();
    this.#wakeUp = undefined;
    const now = this.#clock.now();
    let waitMs = Number.POSITIVE_INFINITY;
    for (const [kind, queue] of [...this.#queues]) {
      this.#queues.delete(kind);
      const left = this.#distribute(kind, queue, now);
      if (left.length === 0) continue;
      const added = this.#queues.get(kind) ?? [];
      this.#queues.set(kind, [...left, ...added]);
      for (const server of this.#servers())
        waitMs = Math.min(waitMs, roomMs(server, rowOf(kind), left.length, now));
    }
    if (waitMs < Number.POSITIVE_INFINITY)
      this.#wakeUp = this.#clock.after(Math.max(1, Math.ceil(waitMs)), () => this.#schedule());
  }

  /** Groups tasks by server and sends them; returns those that must wait for room. */
  #distribute(kind: AskKind, queue: readonly Task[], now: number): Task[] {
    const row = rowOf(kind);
    const groups = new Map<ServerPeer, Task[]>();
    const rooms = new Map<ServerPeer, number>();
    const left: Task[] = [];
    for (const task of queue) {
      if (task.isDone) continue;
      const suitable = this.#suitable(task, row);
      const server = this.#choose(suitable, row, { rooms, groups }, queue.length, now);
      if (server !== undefined) {
        rooms.set(server, (rooms.get(server) ?? 0) - 1);
        const group = groups.get(server);
        if (group === undefined) groups.set(server, [task]);
        else group.push(task);
      } else if (suitable.length > 0) left.push(task);
      else this.#nobody(task, row);
    }
    for (const [server, tasks] of groups) this.#send(server, kind, tasks);
    return left;
  }

  #suitable(task: Task, row: KindRow<AskKind>): ServerPeer[] {
    const { ask } = task.request;
    const block = row.block(ask);
    const suitable: ServerPeer[] = [];
    for (const server of this.#servers()) {
      if (server.isOver || task.asked.has(server) || (task.only !== undefined && !task.only(server)))
        continue;
      if (row.needs === "headers" && !(server.status.serveHeaders && server.head.number >= block)) continue;
      if (row.needs === "chain" || row.needs === "state") {
        const { from, to } = server.range(row.needs);
        if (block < from || block > to) continue;
      }
      suitable.push(server);
    }
    return suitable;
  }

  /** The server that is likely to answer first among those with room; one that already has a group in this round first of all. */
  #choose(
    suitable: readonly ServerPeer[],
    row: KindRow<AskKind>,
    { rooms, groups }: Round,
    queued: number,
    now: number,
  ): ServerPeer | undefined {
    let best: ServerPeer | undefined;
    let bestScore = Number.POSITIVE_INFINITY;
    for (const server of suitable) {
      let room = rooms.get(server);
      if (room === undefined) {
        room = roomMs(server, row, queued, now) === 0 ? server.affordable(row.message, row.batch, now) : 0;
        rooms.set(server, room);
      } else if (room > 0 && groups.has(server)) return server;
      if (room <= 0) continue;
      const score = (server.inFlight + 1) * server.latencyMs * (1 + this.#rand.float() * 0.1);
      if (score < bestScore) {
        best = server;
        bestScore = score;
      }
    }
    return best;
  }

  #send(server: ServerPeer, kind: AskKind, tasks: readonly Task[]): void {
    const row = rowOf(kind);
    // `map` gives arrays of one inner kind or another, as it was compiled: readers of both are thrown away by V8 and compiled again
    const asks: Asked["ask"][] = [];
    const requests: Asked[] = [];
    for (const task of tasks) {
      asks.push(task.request.ask);
      requests.push(task.request);
      task.isQueued = false;
      task.asked.add(server);
      task.outstanding++;
      task.lag?.cancel();
      task.lag = undefined; // a later wait gets a timer of its own
    }
    this.messages++;
    this.merged += tasks.length;
    server.send(row.message, row.encode(asks), row.items(asks), (outcome) =>
      this.#settle(server, row, tasks, requests, outcome),
    );
  }

  #settle(
    server: ServerPeer,
    row: KindRow<AskKind>,
    tasks: readonly Task[],
    requests: readonly Asked[],
    outcome: Outcome,
  ): void {
    if (outcome.type === "soft") {
      for (const task of tasks) this.#enqueue(task);
      return;
    }
    for (const task of tasks) task.outstanding--;
    if (outcome.type === "lost") {
      // a stopped server has cancelled the request: the same one may be asked again
      const mayAskAgain = LesError.is(outcome.error, "REQUEST_REJECTED");
      for (const task of tasks) this.#next(task, outcome.error, mayAskAgain ? server : undefined);
      return;
    }
    let judgement: Judgement;
    try {
      judgement = row.judge(requests, outcome.body);
    } catch (error) {
      // a bug of ours or of the request: its callers hear it, the server is not to blame
      for (const task of tasks) this.#fail(task, error);
      return;
    }
    if (judgement.type === "lie") {
      this.lies++;
      const { error } = judgement;
      for (const task of tasks) this.#next(task, error, undefined);
      this.#onLie(server, error);
      server.drop(LesError("INVALID_RESPONSE", { reason: error.message }, { cause: error }));
      return;
    }
    let isBad = false;
    for (const [i, verdict] of judgement.verdicts.entries()) {
      const task = tasks[i];
      if (task === undefined) continue;
      if (verdict.type === "proven") this.#done(task, verdict.value);
      else {
        isBad ||= !verdict.mayAskAgain;
        this.#next(task, verdict.error, verdict.mayAskAgain ? server : undefined);
      }
    }
    if (isBad) this.#bad(server);
  }

  #bad(server: ServerPeer): void {
    try {
      server.countBadReply();
    } catch (error) {
      if (!(error instanceof GlimError)) throw error;
      server.drop(error);
    }
  }

  #done(task: Task, value: unknown): void {
    if (task.isDone) return;
    this.#end(task);
    task.resolve(value);
  }

  #fail(task: Task, error: unknown): void {
    if (task.isDone) return;
    this.#end(task);
    task.reject(error);
  }

  #end(task: Task): void {
    task.isDone = true;
    this.#pending--;
    task.release?.();
    task.timer?.cancel();
    task.lag?.cancel();
    this.#parked.delete(task);
  }

  /** An answer failed: ask the next server. */
  #next(task: Task, error: GlimError, askAgain: ServerPeer | undefined): void {
    if (task.isDone) return;
    if (askAgain !== undefined) task.asked.delete(askAgain);
    else task.lastError = error;
    this.#enqueue(task);
  }

  /** Nobody new can be asked: wait for who may still answer, or for who lags behind, or give up. */
  #nobody(task: Task, row: KindRow<AskKind>): void {
    task.isQueued = false;
    if (task.outstanding > 0) {
      this.#parked.add(task);
      return;
    }
    const error = this.#why(task, row);
    if (this.#mayCatchUp(task, row)) {
      this.#parked.add(task);
      task.lag ??= this.#clock.after(clientLimits.lagMs, () => this.#fail(task, error));
      return;
    }
    this.#fail(task, error);
  }

  /** A server not yet asked whose head is below the block. */
  #mayCatchUp(task: Task, row: KindRow<AskKind>): boolean {
    if (row.needs === "nothing") return false;
    const block = row.block(task.request.ask);
    for (const server of this.#servers())
      if (
        !server.isOver &&
        !task.asked.has(server) &&
        server.head.number < block &&
        (task.only?.(server) ?? true)
      )
        return true;
    return false;
  }

  #why(task: Task, row: KindRow<AskKind>): GlimError {
    const { what, lastError, asked } = task;
    if (lastError !== undefined)
      return LightError(
        "NO_VERIFIED_ANSWER",
        { what, asked: asked.size, reason: lastError.message },
        { cause: lastError },
      );
    const block = row.needs === "nothing" ? undefined : row.block(task.request.ask);
    const range = row.needs === "state" ? coverageOf(this.#servers(), "state") : undefined;
    if (range !== undefined && block !== undefined && block < range.from)
      return LightError("STATE_NOT_SERVED", { block, ...range });
    for (const server of this.#servers())
      if (!server.isOver) return LightError("NO_SUITABLE_SERVER", { what, block });
    return LightError("NO_SERVER");
  }
}

/** What hangs on it runs when the present turn ends: `queueMicrotask` of Node.js does the same and a good deal around it. */
const soon = Promise.resolve();

/** Milliseconds until a message of this kind may go: buffer, messages in flight, and company for what can be merged. */
const roomMs = (
  server: ServerPeer,
  { message, batch }: KindRow<AskKind>,
  queued: number,
  now: number,
): number => Math.max(server.waitMs(message, 1, now), batch > 1 ? server.gatherMs(queued, now) : 0);

// the table is indexed by the kind of the very tasks that are handed in
const rowOf = (kind: AskKind): KindRow<AskKind> => kindRows[kind] as unknown as KindRow<AskKind>;

/** Union of what servers serve; undefined without any. */
export function coverageOf(servers: Iterable<ServerPeer>, what: "chain" | "state"): BlockRange | undefined {
  let from = Number.POSITIVE_INFINITY;
  let to = -1;
  for (const server of servers) {
    if (server.isOver) continue;
    const range = server.range(what);
    from = Math.min(from, range.from);
    to = Math.max(to, range.to);
  }
  return to < 0 ? undefined : { from, to };
}

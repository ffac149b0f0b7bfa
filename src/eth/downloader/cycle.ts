// long: one synchronisation from its first question to its end, whose phases share what is asked for and what has come
import type { BlockChain } from "#core";
import type { Header } from "#core/types";
import type { Clock, Rand } from "#host";
import type { Logger } from "#log";
import { equalBytes, GlimError } from "#util";
import { checkNumbers, findAncestor } from "./ancestor.ts";
import { type Content, ContentQueue } from "./content-queue.ts";
import { DownloaderError } from "./errors.ts";
import { FastState } from "./fast-state.ts";
import { contentLane, headerLane } from "./lanes.ts";
import type { DownloaderLimits } from "./limits.ts";
import { Meter } from "./meter.ts";
import type { HeadersQuery } from "./peer.ts";
import type { PeerState } from "./peer-state.ts";
import type { DownloadProgress } from "./progress.ts";
import type { RttEstimate } from "./rates.ts";
import { Requests } from "./requests.ts";
import { checkLinks, SkeletonFill } from "./skeleton.ts";
import { fullTarget, type SyncTarget } from "./target.ts";
import { Wakeup } from "./wakeup.ts";

export interface CycleOptions {
  readonly target: SyncTarget;
  /** There in fast sync: where state goes, and what comes after the pivot. */
  readonly fast: BlockChain | undefined;
  readonly master: PeerState;
  readonly peers: () => Iterable<PeerState>;
  /** A peer is at fault: it is dropped and not asked again. */
  readonly drop: (state: PeerState, error: GlimError) => void;
  readonly clock: Clock;
  readonly rand: Rand;
  readonly log: Logger;
  readonly limits: DownloaderLimits;
  readonly rtt: RttEstimate;
  readonly onProgress: () => void;
}

/** The head that the master told of. */
interface Remote {
  readonly number: number;
  readonly header?: Header | undefined;
}

/** One synchronisation with one master peer, helped by all others. Its end is `run`'s. */
export class Cycle {
  readonly #options: CycleOptions;
  readonly #abort = new AbortController();
  readonly #changed = new Wakeup();
  readonly #requests: Requests;
  readonly #queue: ContentQueue;
  readonly #meter: Meter;
  readonly #state: FastState | undefined;
  #fill: SkeletonFill | undefined;
  #failure: { readonly error: unknown } | undefined;
  #origin = 0;
  #height = 0;
  /** Counts everything that came or was imported: the watchdog's pulse. */
  #pulse = 0;
  /** Total difficulty that the headers so far claim. */
  #claimed = 0n;

  constructor(options: CycleOptions) {
    const { limits, clock, rand, log, rtt, peers, target, fast } = options;
    this.#options = options;
    this.#meter = new Meter(limits.rateWindowMs);
    this.#queue = new ContentQueue(limits, target.parts);
    this.#requests = new Requests({
      clock,
      rand,
      log,
      limits,
      rtt,
      peers,
      signal: this.#abort.signal,
      onFault: (state, error) => this.#fault(state, error),
      onStuck: (error) => this.fail(error),
      onDelivered: (items) => {
        if (items > 0) this.#pulse++;
        this.#changed.notify();
      },
    });
    this.#requests.addLane(headerLane(() => this.#fill, limits));
    for (const kind of target.parts) this.#requests.addLane(contentLane(kind, this.#queue, limits));
    if (fast === undefined) return;
    this.#state = new FastState({
      chain: fast,
      limits,
      onDone: () => this.#changed.notify(),
      onInvalid: (error) => this.fail(error),
    });
    this.#requests.addLane(this.#state.lane);
  }

  /** Ends the cycle with that error. */
  fail(error: unknown): void {
    if (this.#failure !== undefined) return;
    this.#failure = { error };
    this.#abort.abort(error);
  }

  /** A peer came or became idle. */
  pump(): void {
    this.#requests.pump();
  }

  get progress(): DownloadProgress {
    const { clock, target } = this.#options;
    const current = target.current.number;
    const states = this.#state?.counts ?? { pulled: 0, known: 0 };
    const now = clock.now();
    this.#meter.sample(now, current, states.pulled);
    const rate = this.#meter.rate(now, current, states.pulled);
    const highest = Math.max(this.#height, current);
    return {
      mode: target.mode,
      startingBlock: this.#origin,
      currentBlock: current,
      highestBlock: highest,
      pulledStates: states.pulled,
      knownStates: states.known,
      blocksPerSecond: rate.blocks,
      statesPerSecond: rate.states,
      secondsLeft: rate.blocks > 0 ? (highest - current) / rate.blocks : undefined,
    };
  }

  /** @returns the head after it @throws DOWNLOADER_*, and what is not a peer's fault as it came */
  async run(): Promise<Header> {
    try {
      const remote = await this.#remoteHead();
      const from = await this.#start(remote);
      const tasks = [this.#fetchHeaders(from), this.#import(), this.#watch()];
      const [headers, imported, watch] = tasks.map((task) => this.#guard(task));
      await Promise.all([headers, imported]);
      this.#abort.abort();
      await watch;
    } catch (error) {
      this.fail(error);
    }
    await this.#state?.close();
    if (this.#failure !== undefined) throw this.#failure.error;
    this.#checkPromise();
    await this.#options.target.flush();
    return this.#options.target.current;
  }

  /** A task that fails ends the others. */
  #guard(task: Promise<void>): Promise<void> {
    return task.catch((error: unknown) => {
      if (this.#failure === undefined && this.#abort.signal.aborted) return;
      this.fail(error);
    });
  }

  #fault(state: PeerState, error: GlimError): void {
    this.#options.drop(state, error);
    if (state === this.#options.master) this.fail(error);
  }

  /** One request to the master; whatever is wrong with the answer ends the cycle. */
  async #ask(query: HeadersQuery): Promise<readonly Header[]> {
    const { master, rtt, clock } = this.#options;
    const timeoutMs = rtt.deadlineMs;
    const start = clock.now();
    const headers = await this.#requests.timed(
      (options) => master.peer.requestHeaders(query, options),
      timeoutMs,
    );
    if (headers === undefined) throw DownloaderError("TIMEOUT", { what: "headers", afterMs: timeoutMs });
    if (headers.length > query.amount)
      throw DownloaderError("BAD_PEER", { reason: "more headers than asked for" });
    const elapsedMs = clock.now() - start;
    master.rates.delivered("headers", Math.max(1, headers.length), elapsedMs);
    if (master.answered(elapsedMs, timeoutMs))
      throw DownloaderError("STALLING", { reason: "its answers come just before the deadline" });
    return headers;
  }

  /** The number of the head the master told of, and its header; for fast sync the pivot too. */
  async #remoteHead(): Promise<Remote> {
    const { master, limits } = this.#options;
    const { hash, number } = master.peer.head;
    if (master.peer.headersInFlight !== undefined && number !== undefined) {
      this.#height = number;
      return { number };
    }
    const isFast = this.#state !== undefined;
    const [head, pivot] = await this.#ask({
      origin: hash,
      amount: isFast ? 2 : 1,
      skip: isFast ? limits.pivotDistance - 1 : 0,
      reverse: true,
    });
    if (head === undefined || !equalBytes(head.hash, hash))
      throw DownloaderError("BAD_PEER", { reason: "another header than the head it told of" });
    if (number !== undefined && head.number !== number)
      throw DownloaderError("BAD_PEER", { reason: "its head has another number than it told" });
    this.#height = head.number;
    const remote = { number: head.number, header: head };
    if (this.#state === undefined || head.number <= limits.pivotDistance) return remote;
    const want = head.number - limits.pivotDistance;
    if (pivot?.number !== want) throw DownloaderError("BAD_PEER", { reason: "no pivot with its head" });
    this.#state.setPivot(pivot);
    return remote;
  }

  /** @returns the last header both have */
  async #start(remote: Remote): Promise<Header> {
    const { target, limits } = this.#options;
    const local = target.current;
    const floor = Math.max(local.number - limits.maxReorg, target.lowest, -1);
    const known = new Map<number, Header>([[0, target.genesis]]);
    if (remote.header !== undefined && target.isKnown(remote.header)) known.set(remote.number, remote.header);
    const isKnown = (header: Header) => {
      const isOurs = target.isKnown(header);
      if (isOurs) known.set(header.number, header);
      return isOurs;
    };
    const search = findAncestor({ remoteHeight: remote.number, localHeight: local.number, floor, isKnown });
    let number = 0;
    if (local.number > 0) {
      let step = search.next();
      while (!step.done) step = search.next(await this.#ask(step.value));
      number = step.value;
    }
    // the pivot must come through the import, and a chain too short for one is executed from the start
    if (this.#state !== undefined) number = Math.min(number, (this.#state.pivot?.number ?? 1) - 1);
    this.#origin = number;
    const ancestor = known.get(number) ?? (await this.#ancestorHeader(number));
    this.#claimed = target.td(ancestor.hash) ?? 0n;
    return ancestor;
  }

  /** Our header of the ancestor: the peer named it, so it is on one of our chains. */
  async #ancestorHeader(number: number): Promise<Header> {
    const { target } = this.#options;
    const [header] = await this.#ask({ origin: number, amount: 1, skip: 0, reverse: false });
    const known = header === undefined ? undefined : target.headerByHash(header.hash);
    if (known === undefined)
      throw DownloaderError("INVALID_CHAIN", { number, reason: "the ancestor changed" });
    return known;
  }

  /** All headers after `ancestor`, checked to be a chain, into the queue. */
  async #fetchHeaders(ancestor: Header): Promise<void> {
    const { limits } = this.#options;
    let last = ancestor;
    for (;;) {
      await this.#until(() => this.#queue.room >= limits.headersPerRequest);
      const left = this.#height - last.number;
      const stride = limits.headersPerRequest;
      const { headersInFlight } = this.#options.master.peer;
      if (headersInFlight !== undefined) {
        if (left <= 0) break;
        last = await this.#viaMaster(last, headersInFlight);
        continue;
      }
      if (left > stride) {
        last = await this.#viaSkeleton(last, Math.floor(left / stride));
        continue;
      }
      const headers = await this.#ask({ origin: last.number + 1, amount: stride, skip: 0, reverse: false });
      if (headers.length > 0) {
        checkLinks(headers, last.number + 1);
        last = this.#schedule(last, headers);
        this.#height = Math.max(this.#height, last.number);
        continue;
      }
      if (left > 0) throw DownloaderError("EMPTY_HEADER_SET", { from: last.number + 1, head: this.#height });
      if (this.#state?.isWaiting !== true) break;
      // the state is still coming and the chain goes on meanwhile
      await this.#until(() => this.#state?.isWaiting !== true, limits.moreHeadersMs);
    }
    this.#queue.isClosed = true;
    this.#changed.notify();
  }

  /** The master alone, several requests on their way: for one that takes them. */
  async #viaMaster(last: Header, inFlight: number): Promise<Header> {
    const stride = this.#options.limits.headersPerRequest;
    // BOUNDED: inFlight answers, as far as the queue has room
    const underWay: { readonly amount: number; readonly answer: Promise<readonly Header[]> }[] = [];
    let next = last.number + 1;
    const refill = () => {
      while (underWay.length < inFlight && next <= this.#height) {
        if ((underWay.length + 1) * stride > this.#queue.room) return;
        const amount = Math.min(stride, this.#height - next + 1);
        const answer = this.#ask({ origin: next, amount, skip: 0, reverse: false });
        answer.catch(() => {}); // whoever waits for it hears of it
        underWay.push({ amount, answer });
        next += amount;
      }
    };
    let at = last;
    for (refill(); ; refill()) {
      const first = underWay.shift();
      if (first === undefined) return at;
      const headers = await first.answer;
      if (headers.length === 0)
        throw DownloaderError("EMPTY_HEADER_SET", { from: at.number + 1, head: this.#height });
      checkLinks(headers, at.number + 1);
      at = this.#schedule(at, headers);
      if (headers.length === first.amount) continue;
      // the answer was cut short: on from where it ended
      await Promise.allSettled(underWay.splice(0).map(({ answer }) => answer));
      next = at.number + 1;
    }
  }

  async #viaSkeleton(last: Header, gaps: number): Promise<Header> {
    const { limits } = this.#options;
    const stride = limits.headersPerRequest;
    const amount = Math.min(gaps, limits.skeletonHeaders, Math.floor(this.#queue.room / stride));
    const from = last.number + 1;
    const skip = stride - 1;
    const skeleton = await this.#ask({ origin: from + skip, amount, skip, reverse: false });
    if (skeleton.length === 0) throw DownloaderError("EMPTY_HEADER_SET", { from, head: this.#height });
    checkNumbers(skeleton, from + skip, skip);
    const fill = new SkeletonFill(from, stride, skeleton);
    this.#fill = fill;
    let at = last;
    for (;;) {
      const headers = fill.take();
      if (headers.length > 0) at = this.#schedule(at, headers);
      if (fill.isDone) break;
      this.pump();
      await this.#changed.wait(this.#abort.signal);
    }
    this.#fill = undefined;
    return at;
  }

  /** Headers that are linked among each other join those before them. */
  #schedule(last: Header, headers: readonly Header[]): Header {
    const first = headers[0];
    const end = headers.at(-1);
    if (first === undefined || end === undefined) return last;
    if (!equalBytes(first.parentHash, last.hash)) throw DownloaderError("CHANGED", { number: first.number });
    // stretches of a skeleton are each proven by their end; here is where they join
    checkLinks(headers, last.number + 1);
    for (const header of headers) this.#claimed += header.difficulty;
    this.#checkSideChain(end);
    this.#queue.schedule(headers);
    this.#state?.headersCame(this.#queue, end);
    this.#pulse++;
    this.pump();
    this.#changed.notify();
    return end;
  }

  /** ET-07: a branch that leaves ours must outweigh it before it is longer than that. */
  #checkSideChain(end: Header): void {
    const { target, limits } = this.#options;
    const { current } = target;
    if (this.#origin >= current.number || end.number - this.#origin <= limits.sideHeaders) return;
    const td = target.td(current.hash) ?? 0n;
    // after the merge nothing has difficulty: the longer branch is ahead
    if (this.#claimed === td && end.difficulty === 0n && end.number > current.number) return;
    if (this.#claimed <= td)
      throw DownloaderError("STALLING", { reason: "a long branch that is not ahead of ours" });
  }

  /** Blocks in order into the chain, while more come. */
  async #import(): Promise<void> {
    for (;;) {
      const contents = this.#queue.take(this.#options.limits.blocksPerInsert, this.#state?.lastToTake);
      if (contents.length > 0) {
        await this.#insert(contents);
        this.#pulse++;
        this.#options.onProgress();
        this.pump();
        this.#changed.notify();
        continue;
      }
      if (this.#queue.isClosed && this.#queue.size === 0) return;
      await this.#changed.wait(this.#abort.signal);
    }
  }

  async #insert(contents: readonly Content[]): Promise<void> {
    const { target, fast } = this.#options;
    const { signal } = this.#abort;
    try {
      if (fast === undefined) await target.insert(contents, signal);
      else if (this.#state?.isWaiting === true) await this.#insertFast(contents, this.#state, fast);
      else await fullTarget(fast).insert(contents, signal);
    } catch (error) {
      if (!(error instanceof GlimError) || error.blame !== "peer" || DownloaderError.is(error)) throw error;
      const number =
        (error.data as { number?: number } | undefined)?.number ?? contents[0]?.header.number ?? 0;
      throw DownloaderError("INVALID_CHAIN", { number, reason: error.message }, { cause: error });
    }
  }

  /** Blocks up to the pivot with receipts; after the pivot itself, its state is waited for. */
  async #insertFast(contents: readonly Content[], state: FastState, chain: BlockChain): Promise<void> {
    const { target, log } = this.#options;
    const { pivot } = state;
    const fixed = contents.find(({ header }) => header.number === pivot?.number)?.header;
    if (pivot === undefined || (fixed !== undefined && !equalBytes(fixed.hash, pivot.hash)))
      throw DownloaderError("INVALID_CHAIN", {
        number: pivot?.number ?? 0,
        reason: "not the pivot it named",
      });
    await target.insert(contents, this.#abort.signal);
    if (fixed === undefined) return;
    this.#pulse++;
    await this.#until(() => state.isComplete || state.pivot !== pivot);
    // the chain ran away: on to the younger pivot
    if (state.pivot !== pivot) return;
    await chain.fast.commitPivot(pivot);
    state.isCommitted = true;
    log.info("state complete, pivot committed", { number: pivot.number, entries: state.counts.pulled });
  }

  /** ET-08: whatever the peers do, a cycle that does not move ends, and another peer is followed. */
  async #watch(): Promise<void> {
    const { clock, limits, rtt } = this.#options;
    const { signal } = this.#abort;
    let seen = this.#pulse;
    let movedAt = clock.now();
    for (;;) {
      await clock.sleep(limits.progressMs, { signal });
      rtt.tune([...this.#options.peers()].flatMap(({ rates }) => rates.rttMs ?? []));
      this.#options.onProgress();
      if (this.#pulse !== seen) {
        seen = this.#pulse;
        movedAt = clock.now();
      } else if (clock.now() - movedAt >= limits.noProgressMs)
        throw DownloaderError("STALLING", { reason: `nothing moved for ${limits.noProgressMs} ms` });
    }
  }

  /** The chain that came has the difficulty that was promised. */
  #checkPromise(): void {
    const { target, master } = this.#options;
    const { td, hash } = master.peer.head;
    const have = target.td(hash);
    if (td !== undefined && have !== undefined && have < td)
      throw DownloaderError("STALLING", { reason: "its chain has less difficulty than it told" });
  }

  async #until(isTrue: () => boolean, atMostMs?: number): Promise<void> {
    const { clock } = this.#options;
    let isOver = false;
    const timer =
      atMostMs === undefined
        ? undefined
        : clock.after(atMostMs, () => {
            isOver = true;
            this.#changed.notify();
          });
    try {
      while (!isTrue() && !isOver) await this.#changed.wait(this.#abort.signal);
    } finally {
      timer?.cancel();
    }
  }
}

import { deferred } from "#util";
import type { Enode } from "./node.ts";

/** Where nodes come from, one at a time and only when asked: a walk through a table, a DNS list, a mix of such. */
export interface NodeSource {
  readonly name: string;
  /** The next node, as soon as there is one; undefined once the source has ended. Never rejects. One call at a time. */
  next(): Promise<Enode | undefined>;
  /** Ends it: a call that waits resolves with undefined. */
  close(): void;
}

/** What `refine` makes of a node; undefined: it is left out. */
type Refine = (node: Enode) => Enode | undefined | Promise<Enode | undefined>;

/**
 * The nodes of a source as `refine` gives them back, less those for which it gives undefined; in the order they are ready.
 *
 * @param atOnce - how many are looked at together, once somebody waits for a node: most that are asked for their record are gone
 */
export const refineSource = (source: NodeSource, refine: Refine, atOnce = 1): NodeSource =>
  new RefinedSource(source, refine, atOnce);

class RefinedSource implements NodeSource {
  readonly name: string;
  readonly #source: NodeSource;
  readonly #refine: Refine;
  readonly #atOnce: number;
  /** Refined and not yet taken. BOUNDED: atOnce, with those being refined. */
  readonly #ready: Enode[] = [];
  #refining = 0;
  #isAsking = false;
  #hasEnded = false;
  #isClosed = false;
  #fault: { readonly error: unknown } | undefined;
  #changed = deferred<void>();

  constructor(source: NodeSource, refine: Refine, atOnce: number) {
    this.name = source.name;
    this.#source = source;
    this.#refine = refine;
    this.#atOnce = atOnce;
  }

  /** @throws what the source or `refine` threw, against their promise */
  async next(): Promise<Enode | undefined> {
    for (;;) {
      const changed = this.#changed.promise;
      const node = this.#ready.shift();
      if (node !== undefined) return node;
      if (this.#fault !== undefined) throw this.#fault.error;
      if (this.#isClosed || (this.#hasEnded && this.#refining === 0)) return undefined;
      this.#ask();
      await changed;
    }
  }

  close(): void {
    this.#isClosed = true;
    this.#source.close();
    this.#change();
  }

  #ask(): void {
    if (this.#isAsking || this.#hasEnded || this.#refining >= this.#atOnce) return;
    this.#isAsking = true;
    void this.#run(async () => {
      const node = await this.#source.next().finally(() => {
        this.#isAsking = false;
      });
      if (node === undefined) this.#hasEnded = true;
      else if (!this.#isClosed) void this.#run(() => this.#look(node));
    });
  }

  async #look(node: Enode): Promise<void> {
    this.#refining++;
    const refined = await (async () => this.#refine(node))().finally(() => this.#refining--);
    if (refined !== undefined) this.#ready.push(refined);
  }

  async #run(step: () => Promise<void>): Promise<void> {
    try {
      await step();
    } catch (error) {
      this.#fault ??= { error };
    }
    this.#change();
  }

  #change(): void {
    this.#changed.resolve();
    this.#changed = deferred<void>();
  }
}

interface Mixed {
  readonly source: NodeSource;
  /** What it gave and nobody took yet. BOUNDED: one. */
  ready: Enode | undefined;
  isAsked: boolean;
}

/**
 * One source out of several, each with its turn: of those that have a node ready the one that waited longest gives it, so that a
 * busy source cannot crowd out the others (DI-07, DI-08). Sources come and go.
 *
 * @see geth p2p/enode/iter.go:FairMix@v1.17.5
 */
export class FairMix implements NodeSource {
  readonly name = "mix";
  /** In the order of turns. BOUNDED by its owner: one for each way of discovery and each protocol's own. */
  readonly #sources: Mixed[] = [];
  readonly #onFault: (source: NodeSource, error: unknown) => void;
  #changed = deferred<void>();
  #isClosed = false;

  /** @param onFault - told of a source that rejects, against its promise: it has ended then */
  constructor(onFault: (source: NodeSource, error: unknown) => void = () => {}) {
    this.#onFault = onFault;
  }

  /** Sources that have not ended. */
  get size(): number {
    return this.#sources.length;
  }

  add(source: NodeSource): void {
    if (this.#isClosed) return source.close();
    this.#sources.push({ source, ready: undefined, isAsked: false });
    this.#change();
  }

  async next(): Promise<Enode | undefined> {
    while (!this.#isClosed) {
      const changed = this.#changed.promise;
      for (const mixed of this.#sources) this.#ask(mixed);
      const at = this.#sources.findIndex(({ ready }) => ready !== undefined);
      const [mixed] = at < 0 ? [] : this.#sources.splice(at, 1);
      if (mixed !== undefined) {
        this.#sources.push(mixed);
        const node = mixed.ready;
        mixed.ready = undefined;
        return node;
      }
      await changed;
    }
    return undefined;
  }

  close(): void {
    this.#isClosed = true;
    for (const { source } of this.#sources) source.close();
    this.#change();
  }

  #ask(mixed: Mixed): void {
    if (mixed.isAsked || mixed.ready !== undefined) return;
    mixed.isAsked = true;
    const told = (node: Enode | undefined) => {
      mixed.isAsked = false;
      mixed.ready = node;
      if (node === undefined) this.#sources.splice(this.#sources.indexOf(mixed), 1);
      this.#change();
    };
    // a source may be a protocol's own: its mistake must end neither the others nor the process
    void (async () => mixed.source.next())().then(told, (error: unknown) => {
      this.#onFault(mixed.source, error);
      told(undefined);
    });
  }

  #change(): void {
    this.#changed.resolve();
    this.#changed = deferred<void>();
  }
}

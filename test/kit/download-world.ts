// Chains and scripted peers for tests of the downloader: everything in one process, under simulated time.
import { BlockChain } from "#core";
import type { Block, Body, Header, Receipt } from "#core/types";
import {
  Downloader,
  type DownloaderLimits,
  type DownloadPeer,
  type HeadersQuery,
  type RemoteHead,
  type RequestOptions,
  type SyncMode,
} from "#eth/downloader";
import { type KeyValueStore, memoryStore } from "#ethdb";
import { type SimulatedClock, seededRand } from "#host/sim";
import { ByteMap, type GlimError } from "#util";
import { type SealedWorld, sealedWorld } from "./chains.ts";

export const worldOptions = { forks: "london" } as const;

/** What a peer serves: one chain of blocks, and the states of the world it was made in. */
export interface ServedBlocks {
  readonly world: SealedWorld;
  /** Blocks 1 … n. */
  readonly blocks: readonly Block[];
}

/** `count` more blocks on top of the first `from` blocks of `base`. */
export async function grow(
  base: ServedBlocks,
  count: number,
  options: { from?: number; transactions?: number; extra?: string } = {},
): Promise<ServedBlocks> {
  const { world } = base;
  const blocks = base.blocks.slice(0, options.from ?? base.blocks.length);
  // a branch: the nonces of its senders are not those of the chain, so it has no transactions
  const isBranch = options.from !== undefined && options.from < base.blocks.length;
  for (let i = 0; i < count; i++) {
    const parent = blocks.at(-1)?.header ?? world.chain.genesis;
    const txs = isBranch
      ? []
      : world.maker.traffic(parent.number + 1, options.transactions ?? (i % 3 === 0 ? 2 : 0));
    blocks.push(await world.seal(parent, txs, options.extra ?? (isBranch ? "branch" : "glim")));
  }
  return { world, blocks };
}

export const newWorld = (): ServedBlocks => ({ world: sealedWorld(worldOptions), blocks: [] });

export type PeerScript = Partial<
  Pick<DownloadPeer, "requestHeaders" | "requestBodies" | "requestReceipts" | "requestNodeData">
> & {
  /** Answers take this long. Default 20 ms. */
  readonly delayMs?: number | undefined;
  readonly head?: RemoteHead | undefined;
  /** It speaks a protocol without node data. */
  readonly noNodeData?: boolean | undefined;
};

/** A peer that serves a chain as geth does, except where the script says otherwise. */
export class ScriptedPeer implements DownloadPeer {
  readonly id: string;
  readonly dropped: GlimError[] = [];
  /** Requests it was sent, by kind. */
  readonly asked = { headers: 0, bodies: 0, receipts: 0, nodes: 0 };
  /** Items it was asked for at once, at most. */
  readonly most = { headers: 0, bodies: 0, receipts: 0, nodes: 0 };
  /** Requests of one kind open at once, at most. */
  readonly open = { headers: 0, bodies: 0, receipts: 0, nodes: 0 };
  readonly concurrent = { headers: 0, bodies: 0, receipts: 0, nodes: 0 };
  requestNodeData: DownloadPeer["requestNodeData"];
  #served: ServedBlocks;
  #byHash = new ByteMap<Block>();
  readonly #clock: SimulatedClock;
  readonly #script: PeerScript;

  constructor(id: string, served: ServedBlocks, clock: SimulatedClock, script: PeerScript = {}) {
    this.id = id;
    this.#clock = clock;
    this.#script = script;
    this.#served = served;
    this.serve(served);
    if (script.noNodeData !== true)
      this.requestNodeData = (hashes, options) =>
        this.#answer("nodes", hashes.length, () =>
          (script.requestNodeData ?? ((asked) => this.nodes(asked)))(hashes, options),
        );
  }

  /** From now on it has this chain. */
  serve(served: ServedBlocks): void {
    this.#served = served;
    this.#byHash = new ByteMap();
    for (const block of served.blocks) this.#byHash.set(block.header.hash, block);
  }

  get head(): RemoteHead {
    if (this.#script.head !== undefined) return this.#script.head;
    const { chain } = this.#served.world;
    const last = this.#served.blocks.at(-1)?.header ?? chain.genesis;
    return { hash: last.hash, td: chain.td(last.hash) };
  }

  requestHeaders(query: HeadersQuery, options: RequestOptions): Promise<readonly Header[]> {
    return this.#answer("headers", query.amount, () =>
      (this.#script.requestHeaders ?? ((asked) => this.headers(asked)))(query, options),
    );
  }

  requestBodies(hashes: readonly Uint8Array[], options: RequestOptions): Promise<readonly Body[]> {
    return this.#answer("bodies", hashes.length, () =>
      (this.#script.requestBodies ?? ((asked) => this.bodies(asked)))(hashes, options),
    );
  }

  requestReceipts(
    hashes: readonly Uint8Array[],
    options: RequestOptions,
  ): Promise<readonly (readonly Receipt[])[]> {
    return this.#answer("receipts", hashes.length, () =>
      (this.#script.requestReceipts ?? ((asked) => this.receipts(asked)))(hashes, options),
    );
  }

  drop(reason: GlimError): void {
    this.dropped.push(reason);
  }

  /** Why it was dropped. */
  get code(): string | undefined {
    return this.dropped[0]?.code;
  }

  async headers({ origin, amount, skip, reverse }: HeadersQuery): Promise<readonly Header[]> {
    const { blocks, world } = this.#served;
    const start = typeof origin === "number" ? origin : this.#byHash.get(origin)?.header.number;
    const found: Header[] = [];
    for (let i = 0; start !== undefined && i < amount; i++) {
      const number = start + (reverse ? -1 : 1) * i * (skip + 1);
      const header = number === 0 ? world.chain.genesis : blocks[number - 1]?.header;
      if (header === undefined) break;
      found.push(header);
    }
    return found;
  }

  async bodies(hashes: readonly Uint8Array[]): Promise<readonly Body[]> {
    return hashes.flatMap((hash) => {
      const block = this.#byHash.get(hash);
      return block === undefined
        ? []
        : [{ transactions: block.transactions, uncles: block.uncles, withdrawals: block.withdrawals }];
    });
  }

  async receipts(hashes: readonly Uint8Array[]): Promise<readonly (readonly Receipt[])[]> {
    return hashes.flatMap((hash) => {
      const block = this.#byHash.get(hash);
      const receipts = block && this.#served.world.chain.receipts(block.header);
      return receipts === undefined ? [] : [receipts];
    });
  }

  async nodes(hashes: readonly Uint8Array[]): Promise<readonly Uint8Array[]> {
    const { chain } = this.#served.world;
    return hashes.flatMap((hash) => chain.nodes.get(hash) ?? chain.codes.get(hash) ?? []);
  }

  async #answer<T>(kind: keyof ScriptedPeer["asked"], items: number, make: () => Promise<T>): Promise<T> {
    this.asked[kind]++;
    this.most[kind] = Math.max(this.most[kind], items);
    this.open[kind]++;
    this.concurrent[kind] = Math.max(this.concurrent[kind], this.open[kind]);
    try {
      await this.#clock.sleep(this.#script.delayMs ?? 20);
      return await make();
    } finally {
      this.open[kind]--;
    }
  }
}

export interface LocalNode {
  readonly chain: BlockChain;
  readonly downloader: Downloader;
}

/** An empty chain of the same network and its downloader. */
export function localNode(
  clock: SimulatedClock,
  options: { limits?: Partial<DownloaderLimits>; db?: KeyValueStore; seed?: number } = {},
): LocalNode {
  const { chain } = sealedWorld(worldOptions, options.db ?? memoryStore());
  const downloader = new Downloader({
    chain,
    clock,
    rand: seededRand(options.seed ?? 1),
    limits: options.limits,
  });
  return { chain, downloader };
}

/** Runs a synchronisation to its end in simulated time. @returns the head, or the error */
export async function syncUntilEnd(
  { downloader }: Pick<LocalNode, "downloader">,
  clock: SimulatedClock,
  peer: string,
  mode: SyncMode = "full",
  atMostMs = 600_000,
): Promise<Header | GlimError> {
  let result: Header | GlimError | undefined;
  const running = downloader.synchronise(peer, { mode }).then(
    (head) => void (result = head),
    (error: GlimError) => void (result = error),
  );
  for (let passed = 0; result === undefined && passed < atMostMs; passed += 200) await clock.advance(200);
  if (result === undefined) throw new Error("the synchronisation does not end");
  await running;
  return result;
}

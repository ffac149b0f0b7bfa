import type { HeaderChain } from "#core";
import type { Header } from "#core/types";
import { Downloader, DownloaderError } from "#eth/downloader";
import type { Clock, Rand } from "#host";
import { LesError } from "#les/protocol";
import { headersRequest, LightError } from "#light";
import type { Logger } from "#log";
import { equalBytes, GlimError } from "#util";
import { HeaderServer } from "./header-server.ts";
import { clientLimits } from "./limits.ts";
import type { Retriever } from "./retriever.ts";
import type { RemoteHead, ServerPeer } from "./server-peer.ts";

export interface SyncState {
  readonly startingBlock: number;
  readonly currentBlock: number;
  readonly highestBlock: number;
}

export interface HeadSyncOptions {
  readonly chain: HeaderChain;
  readonly clock: Clock;
  readonly rand: Rand;
  readonly retriever: Pick<Retriever, "retrieve" | "ready">;
  readonly servers: () => Iterable<ServerPeer>;
  readonly log: Logger;
  /** A server whose headers are false; called before it is dropped. */
  readonly onLie: (server: ServerPeer, error: GlimError) => void;
  /** Called each time there is nothing more to fetch. */
  readonly onDone: (head: Header) => void;
}

/** Failures to serve an announced head after which a server is dropped. */
const MAX_FAILURES = 3;
/** A request may wait for its server's flow control; the retriever's own deadlines end one that is not answered. */
const patience = { minDeadlineMs: 60_000, maxDeadlineMs: 60_000 };

/**
 * Brings the header chain to the best announced head: one server at a time, small gaps by hash from the head backward, large ones by the
 * downloader that full nodes have, in its header mode. The chain verifies every header; a head whose header, number or total difficulty is not what
 * was announced costs its server the connection.
 * @see geth les/fetcher.go, les/sync.go@v1.11.6
 */
export class HeadSync {
  readonly #chain: HeaderChain;
  readonly #retriever: HeadSyncOptions["retriever"];
  readonly #servers: () => Iterable<ServerPeer>;
  readonly #log: Logger;
  readonly #onLie: HeadSyncOptions["onLie"];
  readonly #onDone: HeadSyncOptions["onDone"];
  /** Heads that could not be had, by server. BOUNDED: one per connected server (weak). */
  readonly #failed = new WeakMap<ServerPeer, { hash: Uint8Array; count: number }>();
  #target: { readonly server: ServerPeer; readonly head: RemoteHead } | undefined;
  #startingBlock: number;
  #running: Promise<void> | undefined;
  readonly #downloader: Downloader;
  readonly #stopping = new AbortController();
  /** A first sync has ended. */
  isDone = false;

  constructor(options: HeadSyncOptions) {
    this.#chain = options.chain;
    this.#retriever = options.retriever;
    this.#servers = options.servers;
    this.#log = options.log;
    this.#onLie = options.onLie;
    this.#onDone = options.onDone;
    this.#startingBlock = options.chain.head.number;
    const { chain, clock, rand, log } = options;
    this.#downloader = new Downloader({ chain, clock, rand, log, limits: patience });
  }

  /** undefined while nothing is being fetched and a first sync has ended. */
  get progress(): SyncState | undefined {
    if (this.isDone && this.#target === undefined) return undefined;
    const currentBlock = this.#chain.head.number;
    const highestBlock = Math.max(currentBlock, this.#target?.head.number ?? 0);
    // following the head block by block is no syncing
    if (this.isDone && highestBlock - currentBlock < 16) return undefined;
    return { startingBlock: this.#startingBlock, currentBlock, highestBlock };
  }

  /** A server came or announced a head. */
  announced(): void {
    if (this.#stopping.signal.aborted) return;
    this.#running ??= this.#run()
      .catch((error: unknown) => this.#log.error("headers cannot be followed", { error }))
      .finally(() => {
        this.#running = undefined;
      });
  }

  async stop(): Promise<void> {
    this.#stopping.abort(LightError("STOPPED"));
    await this.#running;
  }

  async #run(): Promise<void> {
    for (;;) {
      if (this.#stopping.signal.aborted) return;
      const target = this.#best();
      if (target === undefined) break;
      this.#target = target;
      try {
        await this.#syncTo(target.server, target.head);
        this.#failed.delete(target.server);
      } catch (error) {
        if (!this.#stopping.signal.aborted) this.#blame(target.server, target.head, error);
      }
    }
    this.#target = undefined;
    for (const server of this.#servers()) {
      if (server.isOver || this.#hasFailed(server)) continue;
      this.isDone = true;
      this.#startingBlock = this.#chain.head.number;
      this.#onDone(this.#chain.head);
      return;
    }
  }

  /** The server with the most total difficulty above ours whose head has not failed. */
  #best(): { readonly server: ServerPeer; readonly head: RemoteHead } | undefined {
    const ours = this.#chain.td(this.#chain.head.hash) ?? 0n;
    let best: ServerPeer | undefined;
    for (const server of this.#servers()) {
      if (server.isOver || server.head.td <= ours || this.#hasFailed(server)) continue;
      if (best === undefined || server.head.td > best.head.td) best = server;
    }
    return best === undefined ? undefined : { server: best, head: best.head };
  }

  #hasFailed(server: ServerPeer): boolean {
    const failed = this.#failed.get(server);
    return failed !== undefined && equalBytes(failed.hash, server.head.hash);
  }

  async #syncTo(server: ServerPeer, head: RemoteHead): Promise<void> {
    if (!this.#chain.has(head.hash)) {
      const gap = head.number - this.#chain.head.number;
      if (gap > clientLimits.headersPerRequest) await this.#forward(server, head);
      if (!this.#chain.has(head.hash)) await this.#backward(server, head);
    }
    this.#check(head);
    this.#retriever.ready();
  }

  /** The announced head is in the chain now: it must have been announced truly. */
  #check(head: RemoteHead): void {
    const header = this.#chain.headerByHash(head.hash);
    if (header === undefined) throw LightError("EMPTY_REPLY", { what: "announced head" });
    const td = this.#chain.td(head.hash);
    if (header.number !== head.number || td !== head.td)
      throw LesError("BAD_ANNOUNCE", { reason: "number or total difficulty is not that of the header" });
  }

  /** From the head backward until a known header, then all of it into the chain. */
  async #backward(server: ServerPeer, head: RemoteHead): Promise<void> {
    const { headersPerRequest, deepestReorg } = clientLimits;
    const found: Header[] = [];
    let origin = head.hash;
    let amount = Math.min(headersPerRequest, Math.max(1, head.number - this.#chain.head.number));
    while (found.length < deepestReorg) {
      const headers = await this.#fetch(server, { origin, amount, reverse: true, head: head.number });
      for (const header of headers) {
        if (this.#chain.has(header.hash)) {
          this.#insert(found.reverse());
          return;
        }
        found.push(header);
      }
      const oldest = found.at(-1);
      if (oldest === undefined || oldest.number === 0)
        throw LightError("HEADERS_UNLINKED", { index: found.length });
      if (this.#chain.has(oldest.parentHash)) {
        this.#insert(found.reverse());
        return;
      }
      origin = oldest.parentHash;
      amount = headersPerRequest;
    }
    throw LightError("HEADERS_UNLINKED", { index: found.length });
  }

  /** A large gap: the downloader's header mode, with this server alone. */
  async #forward(server: ServerPeer, head: RemoteHead): Promise<void> {
    const peer = new HeaderServer(server, head, this.#retriever);
    this.#downloader.register(peer);
    try {
      await this.#downloader.synchronise(peer.id, { signal: this.#stopping.signal });
    } catch (error) {
      // it has gone over to another chain meanwhile: on from what we have
      if (!DownloaderError.is(error, "CHANGED")) throw causeOf(error);
    } finally {
      this.#downloader.unregister(peer.id);
    }
  }

  #fetch(
    server: ServerPeer,
    ask: {
      readonly origin: Uint8Array | number;
      readonly amount: number;
      readonly reverse: boolean;
      readonly head: number;
    },
  ): Promise<readonly Header[]> {
    return this.#retriever.retrieve(headersRequest(ask), { only: (other) => other === server });
  }

  #insert(headers: readonly Header[]): void {
    for (let i = 0; i < headers.length; i += 1024) this.#chain.insert(headers.slice(i, i + 1024));
  }

  #blame(server: ServerPeer, head: RemoteHead, error: unknown): void {
    // a full disk or a bug of ours is no server's fault, and trying again would not help
    if (!(error instanceof GlimError) || error.blame === "environment" || error.blame === "bug") throw error;
    this.#log.debug("head not reached", { number: head.number, code: error.code });
    const failed = this.#failed.get(server);
    const count = (failed?.count ?? 0) + 1;
    this.#failed.set(server, { hash: head.hash, count });
    if (server.isOver) return;
    // a header from the future may be one of tomorrow: our clock or the server's is wrong, nobody lied
    if (error.code === "CONSENSUS_FUTURE_BLOCK") return;
    const isLie = error.blame === "peer" && !LightError.is(error, "EMPTY_REPLY");
    if (isLie) {
      this.#onLie(server, error);
      server.drop(LesError("INVALID_RESPONSE", { reason: error.message }, { cause: error }));
    } else if (count >= MAX_FAILURES)
      server.drop(LesError("USELESS_PEER", { reason: "it does not serve the head it announced" }));
  }
}

/** The downloader says that a chain is invalid; what light clients are told, and blame servers for, is the rule that was broken. */
function causeOf(error: unknown): unknown {
  return DownloaderError.is(error, "INVALID_CHAIN") && error.cause instanceof GlimError ? error.cause : error;
}

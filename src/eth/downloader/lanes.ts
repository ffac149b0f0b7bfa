import type { Header } from "#core/types";
import { keccak256 } from "#crypto";
import { ByteMap, type GlimError } from "#util";
import type { ContentKind, ContentQueue, Slot } from "./content-queue.ts";
import { DownloaderError } from "./errors.ts";
import type { DownloaderLimits } from "./limits.ts";
import type { RequestOptions } from "./peer.ts";
import type { PeerState } from "./peer-state.ts";
import type { Kind } from "./rates.ts";
import type { Gap, SkeletonFill } from "./skeleton.ts";
import type { StateTask, TrieSync } from "./trie-sync.ts";

/** Lets others run when an answer takes long to check. */
type Pace = () => Promise<void>;

/** One request: what was taken out of a queue for one peer. */
export interface Work {
  readonly items: number;
  send(options: RequestOptions): Promise<readonly unknown[]>;
  /** Checks and keeps the answer; what is missing goes back. @returns items accepted @throws the peer's fault */
  deliver(answer: readonly unknown[], pace: Pace): Promise<number>;
  /** Nothing came: all goes back. */
  release(): void;
}

/** A queue of one kind of thing, served by whichever peers are idle. */
export interface Lane {
  readonly kind: Kind;
  readonly most: number;
  hasWork(): boolean;
  reserve(state: PeerState, max: number): Work | undefined;
  /** There is work, nothing is on its way, and no peer is left to ask. */
  stuck(peers: number): GlimError;
}

/** Gaps of the header skeleton. */
export function headerLane(fill: () => SkeletonFill | undefined, limits: DownloaderLimits): Lane {
  return {
    kind: "headers",
    most: limits.headersPerRequest,
    hasWork: () => fill()?.hasWork === true,
    reserve(state) {
      const now = fill();
      const gap = now?.reserve(state.peer.id);
      return now === undefined || gap === undefined ? undefined : headerWork(now, gap, state);
    },
    stuck: () => DownloaderError("PEERS_UNAVAILABLE", { what: "headers", number: 0 }),
  };
}

function headerWork(fill: SkeletonFill, gap: Gap, { peer }: PeerState): Work {
  return {
    items: gap.amount,
    send: (options) =>
      peer.requestHeaders({ origin: gap.from, amount: gap.amount, skip: 0, reverse: false }, options),
    async deliver(answer) {
      // as: `send` of this work resolves with headers
      return fill.deliver(gap, peer.id, answer as readonly Header[]) ? answer.length : 0;
    },
    release: () => fill.release(gap, undefined),
  };
}

/** Bodies, or receipts, of scheduled headers. */
export function contentLane(kind: ContentKind, queue: ContentQueue, limits: DownloaderLimits): Lane {
  return {
    kind,
    most: kind === "bodies" ? limits.bodiesPerRequest : limits.receiptsPerRequest,
    hasWork: () => queue.hasWork(kind),
    reserve(state, max) {
      const slots = queue.reserve(kind, max, (hash) => state.lacks(kind, hash));
      return slots.length === 0 ? undefined : contentWork(kind, queue, slots, state);
    },
    stuck: () =>
      DownloaderError("PEERS_UNAVAILABLE", {
        what: kind,
        number: queue.reserve(kind, 1, () => false)[0]?.header.number ?? 0,
      }),
  };
}

function contentWork(kind: ContentKind, queue: ContentQueue, slots: readonly Slot[], state: PeerState): Work {
  const hashes = slots.map((slot) => slot.header.hash);
  // as: each kind's `send` resolves with items of that kind
  const give = (slot: Slot, item: unknown) =>
    kind === "bodies"
      ? queue.giveBody(slot, item as Parameters<ContentQueue["giveBody"]>[1])
      : queue.giveReceipts(slot, item as Parameters<ContentQueue["giveReceipts"]>[1]);
  return {
    items: slots.length,
    send: (options) =>
      kind === "bodies"
        ? state.peer.requestBodies(hashes, options)
        : state.peer.requestReceipts(hashes, options),
    release: () => queue.release(kind, slots),
    async deliver(answer, pace) {
      const missing: Slot[] = [];
      let at = 0;
      let accepted = 0;
      for (const item of answer) {
        await pace();
        // answers keep the order of the request and leave out what the peer has not
        let slot = slots[at++];
        while (slot !== undefined && !give(slot, item)) {
          missing.push(slot);
          slot = slots[at++];
        }
        if (slot !== undefined) {
          accepted++;
          continue;
        }
        queue.release(kind, missing);
        throw DownloaderError(kind === "bodies" ? "INVALID_BODY" : "INVALID_RECEIPT", {
          asked: slots.length,
        });
      }
      const cut = slots.slice(at);
      // left out between others, or nothing at all: it has them not. Left out at the end: the answer was full
      for (const slot of accepted === 0 ? cut : missing) state.setLacking(kind, slot.header.hash);
      queue.release(kind, [...missing, ...cut]);
      return accepted;
    },
  };
}

export interface StateLaneOptions {
  readonly sync: () => TrieSync | undefined;
  /** Complete entries wait for the store. */
  readonly onReady: () => Promise<void>;
  /** An entry has the hash asked for and is none of a state: whoever named the root lied. */
  readonly onInvalid: (error: unknown) => void;
  readonly limits: DownloaderLimits;
}

/** Nodes and codes of the state. */
export function stateLane(options: StateLaneOptions): Lane {
  const { sync, limits } = options;
  return {
    kind: "nodes",
    most: limits.nodesPerRequest,
    hasWork: () => (sync()?.openCount ?? 0) > 0,
    reserve(state, max) {
      const now = sync();
      if (now === undefined || state.peer.requestNodeData === undefined) return undefined;
      const tasks = now.reserve(state.peer.id, max);
      return tasks.length === 0 ? undefined : stateWork(now, tasks, state, options);
    },
    stuck: (peers) => DownloaderError("STATE_UNAVAILABLE", { missing: sync()?.openCount ?? 0, peers }),
  };
}

function stateWork(
  sync: TrieSync,
  tasks: readonly StateTask[],
  { peer }: PeerState,
  { onReady, onInvalid }: StateLaneOptions,
): Work {
  return {
    items: tasks.length,
    send: (options) =>
      peer.requestNodeData?.(
        tasks.map((task) => task.hash),
        options,
      ) ?? Promise.resolve([]),
    release: () => sync.release(tasks),
    async deliver(answer, pace) {
      const wanted = new ByteMap<StateTask[]>();
      for (const task of tasks) wanted.set(task.hash, [...(wanted.get(task.hash) ?? []), task]);
      const left = new Set(tasks);
      const giveBack = () => {
        // a partial answer was full; one with nothing says that the peer has none of these
        if (left.size === tasks.length) for (const task of left) task.tried.add(peer.id);
        sync.release([...left]);
      };
      try {
        // as: `send` of this work resolves with bytes
        for (const bytes of answer as readonly Uint8Array[]) {
          await pace();
          const hash = keccak256(bytes);
          const found = wanted.get(hash);
          if (found === undefined)
            throw DownloaderError("INVALID_STATE", { reason: "an entry that was not asked for" });
          for (const task of found) {
            if (!left.delete(task)) continue;
            try {
              sync.deliver(task, bytes);
            } catch (error) {
              onInvalid(error);
              return 0;
            }
          }
        }
      } finally {
        giveBack();
        await onReady();
      }
      return tasks.length - left.size;
    },
  };
}

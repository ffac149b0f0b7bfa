import type { Enode, NodeId } from "#enode";
import { isLan, isLoopback, subnetOf } from "#p2p/netutil";
import type { Backoff } from "#util";

/** Bounds and times of dialling; geth p2p/dial.go, server.go @v1.8.27. */
export const dialLimits = {
  /** Dials at once (server.go:49). */
  maxActive: 16,
  /** A node is left alone this long after a dial ended (dial.go:43). */
  historyMs: 30_000,
  /** And this long after a connection that it broke a rule on, or that was of another chain (F21). */
  avoidMs: 3_600_000,
  /** BOUNDED: nodes left alone; the oldest is forgotten. */
  maxHistory: 4096,
  /** BOUNDED: static nodes. */
  maxStatic: 4096,
  /** BOUNDED: dynamic candidates waiting; oldest forgotten. */
  maxCandidates: 512,
  /** Part of the dynamic slots that one /16 (IPv6: /32) may fill, one at least; our own networks any (DI-07). */
  subnetShare: 0.25,
} as const;

const WIDE = { v4Bits: 16, v6Bits: 32 } as const;

/** One dial to make now. */
export interface Dial {
  readonly node: Enode;
  readonly isStatic: boolean;
}

export interface DialConfig {
  readonly self: NodeId;
  /** Slots for dynamic dials; 0 = static ones only. */
  readonly maxDialed: number;
  readonly isAllowed: (ip: string) => boolean;
}

/** What the scheduler must know of the peers now. */
export interface DialView {
  readonly peers: ReadonlyMap<
    NodeId,
    { readonly inbound: boolean; readonly isStatic: boolean; readonly node?: Pick<Enode, "ip"> | undefined }
  >;
}

/** Why a node is not dialled now; geth's texts (dial.go:255-277). */
export type DialRefusal =
  | "already dialing"
  | "already connected"
  | "is self"
  | "not contained in netrestrict whitelist"
  | "recently dialed"
  | "too many of its network"
  | "no address";

/**
 * Decides whom to dial. No socket and no timer: `next(now)` says what to dial and when to ask again.
 *
 * Static nodes are dialled whenever they are not connected, whatever the caps; candidates fill the dynamic slots.
 */
export class DialScheduler {
  readonly #config: DialConfig;
  /** BOUNDED: dialLimits.maxStatic. */
  readonly #static = new Map<NodeId, Enode>();
  /** BOUNDED: dialLimits.maxCandidates. */
  #candidates = new Map<NodeId, Enode>();
  /** BOUNDED: dialLimits.maxActive. */
  readonly #active = new Map<NodeId, Dial>();
  /** Node → until when it is left alone. BOUNDED by expiry: an entry per ended dial, at most 16 begin at once. */
  readonly #history = new Map<NodeId, number>();

  constructor(config: DialConfig) {
    this.#config = config;
  }

  get historySize(): number {
    return this.#history.size;
  }

  /** Keeps a node connected from now on; an entry with the same id is replaced. False if it never can be. */
  addStatic(node: Enode): boolean {
    if (this.#neverDial(node) !== undefined) return false;
    if (this.#static.size >= dialLimits.maxStatic && !this.#static.has(node.id)) return false;
    this.#static.set(node.id, node);
    return true;
  }

  /** Forgets a node and that it was dialled, so that adding it again dials at once. */
  removeStatic(id: NodeId): void {
    this.#static.delete(id);
    this.#candidates.delete(id);
    this.#history.delete(id);
  }

  isStatic(id: NodeId): boolean {
    return this.#static.has(id);
  }

  /** A node somebody found; dialled once when a dynamic slot is free. `isFirst`: before the others (anchors, DI-08). */
  addCandidate(node: Enode, { isFirst = false } = {}): void {
    if (this.#config.maxDialed === 0 || this.#neverDial(node) !== undefined) return;
    if (isFirst) this.#candidates = new Map([[node.id, node], ...this.#candidates]);
    else this.#candidates.set(node.id, node);
    if (this.#candidates.size > dialLimits.maxCandidates)
      for (const oldest of this.#candidates.keys()) return void this.#candidates.delete(oldest);
  }

  /** Candidates that wait for a slot. */
  get waiting(): number {
    return this.#candidates.size;
  }

  /** How many more candidates there is a use for now: one is kept waiting when all slots are full. */
  wanted(view: DialView): number {
    return Math.max(1, this.#freeDynamic(view)) - this.#candidates.size;
  }

  /** A dial has ended, with a peer or without. */
  done(id: NodeId, now: number): void {
    if (this.#active.delete(id))
      this.#history.set(id, Math.max(this.#history.get(id) ?? 0, now + dialLimits.historyMs));
  }

  /** A connection that we dialled has ended by the node's own fault: it is left alone, static ones only if they are of another chain. */
  avoid(id: NodeId, backoff: Backoff | undefined, now: number): void {
    if (backoff !== "foreign" && (backoff !== "long" || this.#static.has(id))) return;
    this.#history.set(id, now + dialLimits.avoidMs);
    if (this.#history.size <= dialLimits.maxHistory) return;
    for (const oldest of this.#history.keys()) return void this.#history.delete(oldest);
  }

  /** Whom to dial now, and the time at which to ask again (undefined: when something happens). */
  next(
    now: number,
    view: DialView,
  ): { readonly dials: readonly Dial[]; readonly wakeAt: number | undefined } {
    this.#expire(now);
    const dials: Dial[] = [];
    const start = (dial: Dial) => {
      this.#active.set(dial.node.id, dial);
      dials.push(dial);
    };
    for (const node of this.#static.values()) {
      if (this.#active.size >= dialLimits.maxActive) break;
      if (this.check(node, view) === undefined) start({ node, isStatic: true });
    }
    for (const node of this.#candidates.values()) {
      if (this.#active.size >= dialLimits.maxActive || this.#freeDynamic(view) <= 0) break;
      this.#candidates.delete(node.id);
      const isWelcome = this.check(node, view) === undefined && !this.#isCrowded(node, view);
      if (isWelcome) start({ node, isStatic: false });
    }
    return { dials, wakeAt: this.#wakeAt(view) };
  }

  /** Why `node` is not dialled now; undefined = it may be. */
  check(node: Enode, { peers }: DialView): DialRefusal | undefined {
    if (this.#active.has(node.id)) return "already dialing";
    if (peers.has(node.id)) return "already connected";
    return this.#neverDial(node) ?? (this.#history.has(node.id) ? "recently dialed" : undefined);
  }

  #neverDial(node: Enode): DialRefusal | undefined {
    if (node.id === this.#config.self) return "is self";
    if (node.ip === undefined || node.tcp === 0) return "no address";
    return this.#config.isAllowed(node.ip) ? undefined : "not contained in netrestrict whitelist";
  }

  /** Its network has its share of our dynamic slots already. */
  #isCrowded({ ip = "" }: Enode, { peers }: DialView): boolean {
    if (isLan(ip) || isLoopback(ip)) return false;
    const network = subnetOf(ip, WIDE);
    const most = Math.max(1, Math.floor(this.#config.maxDialed * dialLimits.subnetShare));
    let used = 0;
    for (const peer of peers.values())
      if (!peer.inbound && !peer.isStatic && subnetOf(peer.node?.ip ?? "", WIDE) === network) used++;
    for (const dial of this.#active.values())
      if (!dial.isStatic && subnetOf(dial.node.ip ?? "", WIDE) === network) used++;
    return used >= most;
  }

  #freeDynamic({ peers }: DialView): number {
    let used = 0;
    for (const peer of peers.values()) if (!peer.inbound && !peer.isStatic) used++;
    for (const dial of this.#active.values()) if (!dial.isStatic) used++;
    return this.#config.maxDialed - used;
  }

  #expire(now: number): void {
    for (const [id, until] of this.#history) if (until <= now) this.#history.delete(id);
  }

  /** The next moment at which a static node's history entry ends. */
  #wakeAt({ peers }: DialView): number | undefined {
    let wakeAt: number | undefined;
    for (const [id, until] of this.#history) {
      if (!this.#static.has(id) || peers.has(id)) continue;
      if (wakeAt === undefined || until < wakeAt) wakeAt = until;
    }
    return wakeAt;
  }
}

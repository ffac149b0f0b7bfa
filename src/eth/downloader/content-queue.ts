import {
  type Body,
  emptyTxRoot,
  emptyUnclesHash,
  type Header,
  type Receipt,
  receiptRoot,
  txRoot,
  unclesHash,
  withdrawalsRoot,
} from "#core/types";
import { equalBytes } from "#util";
import type { DownloaderLimits } from "./limits.ts";

export type ContentKind = "bodies" | "receipts";

/** A header and the parts of its block that have come. */
export interface Slot {
  readonly header: Header;
  body: Body | undefined;
  receipts: readonly Receipt[] | undefined;
}

/** A block that is whole. `receipts` is there if it was asked for. */
export interface Content {
  readonly header: Header;
  readonly body: Body;
  readonly receipts: readonly Receipt[] | undefined;
}

const emptyBody: Body = { transactions: [], uncles: [] };

function emptyBodyOf({ txRoot, unclesHash, withdrawalsRoot }: Header): Body | undefined {
  if (!equalBytes(txRoot, emptyTxRoot) || !equalBytes(unclesHash, emptyUnclesHash)) return undefined;
  if (withdrawalsRoot === undefined) return emptyBody;
  return equalBytes(withdrawalsRoot, emptyTxRoot) ? { ...emptyBody, withdrawals: [] } : undefined;
}

/** The body is the one that the header promises. */
function isBodyOf(header: Header, body: Body): boolean {
  if (!equalBytes(txRoot(body.transactions), header.txRoot)) return false;
  const uncles = body.uncles.length === 0 ? emptyUnclesHash : unclesHash(body.uncles);
  if (!equalBytes(uncles, header.unclesHash)) return false;
  if (body.withdrawals === undefined || header.withdrawalsRoot === undefined)
    return body.withdrawals === header.withdrawalsRoot;
  return equalBytes(withdrawalsRoot(body.withdrawals), header.withdrawalsRoot);
}

const sizeOfBody = ({ transactions, uncles }: Body): number =>
  transactions.reduce((sum, tx) => sum + tx.input.length + 256, uncles.length * 600);

const sizeOfReceipts = (receipts: readonly Receipt[]): number =>
  receipts.reduce(
    (sum, { logs }) =>
      logs.reduce((inner, { data, topics }) => inner + data.length + topics.length * 32 + 64, sum + 320),
    0,
  );

/**
 * Headers in order and the parts of their blocks, fetched from whoever has them, taken in order.
 * BOUNDED: limits.queuedHeaders headers; parts are handed out only for the first limits.queuedResults of them and
 * while less than limits.queuedResultBytes wait.
 */
export class ContentQueue {
  readonly #limits: DownloaderLimits;
  readonly #parts: readonly ContentKind[];
  #slots: Slot[] = [];
  /** Slots taken from the front of `#slots` and not yet cut off. */
  #taken = 0;
  /** Number of the first slot of `#slots`. */
  #first = 0;
  /** To be asked for, ascending, by kind. */
  readonly #open: Record<ContentKind, Slot[]> = { bodies: [], receipts: [] };
  #bytes = 0;
  /** No more headers come. */
  isClosed = false;

  /** @param parts what is fetched of each block; without bodies, all count as empty */
  constructor(limits: DownloaderLimits, parts: readonly ContentKind[]) {
    this.#limits = limits;
    this.#parts = parts;
  }

  /** Headers not yet taken. */
  get size(): number {
    return this.#slots.length - this.#taken;
  }

  get room(): number {
    return this.#limits.queuedHeaders - this.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Headers that follow those scheduled before. */
  schedule(headers: readonly Header[]): void {
    for (const header of headers) {
      if (this.#slots.length === 0) this.#first = header.number;
      const withReceipts = this.#parts.includes("receipts");
      const isBare = withReceipts && equalBytes(header.receiptRoot, emptyTxRoot);
      const body = this.#parts.includes("bodies") ? emptyBodyOf(header) : emptyBody;
      const slot: Slot = { header, body, receipts: isBare ? [] : undefined };
      this.#slots.push(slot);
      if (slot.body === undefined) this.#open.bodies.push(slot);
      if (withReceipts && !isBare) this.#open.receipts.push(slot);
    }
  }

  /** A scheduled header that was not taken yet. */
  headerAt(number: number): Header | undefined {
    const index = number - this.#first;
    return index < this.#taken ? undefined : this.#slots[index]?.header;
  }

  hasWork(kind: ContentKind): boolean {
    const next = this.#open[kind][0];
    return next !== undefined && this.#isInWindow(next);
  }

  /** The first slots that this peer may have, at most `max`. */
  reserve(kind: ContentKind, max: number, isLacking: (hash: Uint8Array) => boolean): readonly Slot[] {
    const open = this.#open[kind];
    const reserved: Slot[] = [];
    const passed: Slot[] = [];
    let at = 0;
    for (; at < open.length && reserved.length < max; at++) {
      const slot = open[at];
      if (slot === undefined || !this.#isInWindow(slot)) break;
      (isLacking(slot.header.hash) ? passed : reserved).push(slot);
    }
    if (reserved.length > 0) open.splice(0, at, ...passed);
    return reserved;
  }

  /** Gives slots back that were not delivered. */
  release(kind: ContentKind, slots: readonly Slot[]): void {
    if (slots.length === 0) return;
    const open = this.#open[kind];
    open.unshift(...slots);
    const next = open[slots.length];
    const last = slots.at(-1);
    if (next !== undefined && last !== undefined && last.header.number > next.header.number)
      open.sort((a, b) => a.header.number - b.header.number);
  }

  /** True if the body belongs to the slot, which has it then. */
  giveBody(slot: Slot, body: Body): boolean {
    if (!isBodyOf(slot.header, body)) return false;
    slot.body = body;
    this.#bytes += sizeOfBody(body);
    return true;
  }

  giveReceipts(slot: Slot, receipts: readonly Receipt[]): boolean {
    if (!equalBytes(receiptRoot(receipts), slot.header.receiptRoot)) return false;
    slot.receipts = receipts;
    this.#bytes += sizeOfReceipts(receipts);
    return true;
  }

  /** Whole blocks at the front, at most `max` and none after number `last`; they leave the queue. */
  take(max: number, last = Number.MAX_SAFE_INTEGER): readonly Content[] {
    const withReceipts = this.#parts.includes("receipts");
    const ready: Content[] = [];
    while (ready.length < max) {
      const slot = this.#slots[this.#taken];
      if (slot === undefined || slot.header.number > last) break;
      if (slot.body === undefined || (withReceipts && slot.receipts === undefined)) break;
      this.#taken++;
      this.#bytes -= sizeOfBody(slot.body) + sizeOfReceipts(slot.receipts ?? []);
      ready.push({ header: slot.header, body: slot.body, receipts: slot.receipts });
    }
    if (this.#taken > 1024 && this.#taken * 2 > this.#slots.length) {
      this.#slots = this.#slots.slice(this.#taken);
      this.#first += this.#taken;
      this.#taken = 0;
    }
    return ready;
  }

  #isInWindow(slot: Slot): boolean {
    const place = slot.header.number - this.#first - this.#taken;
    // the first blocks may always come, or a queue full of later ones would wait for ever
    return place < this.#limits.blocksPerInsert
      ? true
      : place < this.#limits.queuedResults && this.#bytes < this.#limits.queuedResultBytes;
  }
}

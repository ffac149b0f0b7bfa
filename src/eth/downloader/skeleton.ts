import type { Header } from "#core/types";
import { equalBytes } from "#util";
import { DownloaderError } from "./errors.ts";

/** One stretch between two headers of a skeleton. */
export interface Gap {
  readonly index: number;
  readonly from: number;
  readonly amount: number;
  /** The stretch ends with it. */
  readonly last: Header;
}

/**
 * Fills the gaps of a skeleton: the master named every n-th header, whoever answers gives those between. What a filler
 * gives is proven by the last header of its gap; whether the stretches join is the master's affair.
 */
export class SkeletonFill {
  readonly #gaps: readonly Gap[];
  /** Gaps that nobody works on, ascending. */
  readonly #open: Gap[];
  /** BOUNDED: one per gap, limits.skeletonHeaders. */
  readonly #filled = new Map<number, readonly Header[]>();
  /** Peers that gave nothing for a gap. BOUNDED: gaps × registered peers. */
  readonly #tried = new Map<number, Set<string>>();
  #next = 0;

  /** @param skeleton headers `from + stride - 1`, `from + 2·stride - 1`, … */
  constructor(from: number, stride: number, skeleton: readonly Header[]) {
    this.#gaps = skeleton.map((last, index) => ({
      index,
      from: from + index * stride,
      amount: stride,
      last,
    }));
    this.#open = [...this.#gaps];
  }

  get isDone(): boolean {
    return this.#next === this.#gaps.length;
  }

  /** A gap is open: to somebody. */
  get hasWork(): boolean {
    return this.#open.length > 0;
  }

  /** The first open gap that this peer has not been tried for. */
  reserve(peer: string): Gap | undefined {
    const at = this.#open.findIndex((gap) => this.#tried.get(gap.index)?.has(peer) !== true);
    return at < 0 ? undefined : this.#open.splice(at, 1)[0];
  }

  /**
   * Takes the answer for a gap. One that is short, or is a stretch of another chain, is not taken: the gap is open
   * again, to others; nobody is to blame but, if no one has it, the master.
   * @returns true when it was taken
   * @throws DOWNLOADER_BAD_PEER, DOWNLOADER_INVALID_CHAIN when it is no answer to the question; the gap is open again
   */
  deliver(gap: Gap, peer: string, headers: readonly Header[]): boolean {
    let isRight = false;
    try {
      if (headers.length > gap.amount)
        throw DownloaderError("BAD_PEER", { reason: "more headers than asked for" });
      checkLinks(headers, gap.from);
      const end = headers.at(-1);
      isRight = headers.length === gap.amount && end !== undefined && equalBytes(end.hash, gap.last.hash);
    } finally {
      if (!isRight) this.release(gap, peer);
    }
    if (isRight) this.#filled.set(gap.index, headers);
    return isRight;
  }

  /** Gives a gap back; the peer is not asked for it again if it had nothing. */
  release(gap: Gap, peer: string | undefined): void {
    if (peer !== undefined) {
      const tried = this.#tried.get(gap.index) ?? new Set();
      this.#tried.set(gap.index, tried.add(peer));
    }
    const at = this.#open.findIndex((other) => other.index > gap.index);
    this.#open.splice(at < 0 ? this.#open.length : at, 0, gap);
  }

  /** Headers that follow those taken before, ascending. */
  take(): readonly Header[] {
    const ready: Header[] = [];
    for (let headers = this.#filled.get(this.#next); headers; headers = this.#filled.get(this.#next)) {
      this.#filled.delete(this.#next++);
      ready.push(...headers);
    }
    return ready;
  }
}

/** Each is the child of the one before. @throws DOWNLOADER_INVALID_CHAIN */
export function checkLinks(headers: readonly Header[], from: number): void {
  for (const [index, header] of headers.entries()) {
    const before = headers[index - 1];
    const number = from + index;
    if (header.number !== number)
      throw DownloaderError("INVALID_CHAIN", { number, reason: `header #${header.number} instead` });
    if (before !== undefined && !equalBytes(before.hash, header.parentHash))
      throw DownloaderError("INVALID_CHAIN", { number, reason: "parent is not the header before" });
  }
}

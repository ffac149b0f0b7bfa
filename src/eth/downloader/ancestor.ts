import type { Header } from "#core/types";
import { DownloaderError } from "./errors.ts";
import type { HeadersQuery } from "./peer.ts";

const MAX_COUNT = 12; // 192 / 16

/**
 * Which headers tell most likely where two chains part: about one in 2 to 16, the last just below the remote head.
 * @see eth/downloader/downloader.go:699 calculateRequestSpan @v1.9.25
 */
export function ancestorSpan(
  remoteHeight: number,
  localHeight: number,
): { from: number; count: number; skip: number } {
  const top = Math.max(0, remoteHeight - 1);
  const bottom = Math.max(0, localHeight - 1);
  const total = top - bottom;
  const span = Math.min(16, Math.max(2, 1 + Math.trunc(total / MAX_COUNT)));
  const count = Math.min(MAX_COUNT, Math.max(2, 1 + Math.trunc(total / span)));
  return { from: Math.max(0, top - (count - 1) * span), count, skip: span - 1 };
}

export interface AncestorSearch {
  readonly remoteHeight: number;
  readonly localHeight: number;
  /** Ancestors at or below it are refused; -1: none is. */
  readonly floor: number;
  readonly isKnown: (header: Header) => boolean;
}

/**
 * Yields what to ask the peer, takes its answers, returns the number of the last block that both have.
 * @throws DOWNLOADER_INVALID_ANCESTOR, DOWNLOADER_INVALID_CHAIN, DOWNLOADER_EMPTY_HEADER_SET, DOWNLOADER_BAD_PEER
 */
export function* findAncestor(search: AncestorSearch): Generator<HeadersQuery, number, readonly Header[]> {
  const { remoteHeight, localHeight, floor, isKnown } = search;
  const { from, count, skip } = ancestorSpan(remoteHeight, localHeight);
  const spread = yield { origin: from, amount: count, skip, reverse: false };
  if (spread.length === 0) throw DownloaderError("EMPTY_HEADER_SET", { from, head: remoteHeight });
  if (spread.length > count) throw DownloaderError("BAD_PEER", { reason: "more headers than asked for" });
  checkNumbers(spread, from, skip);
  const known = spread.findLast(isKnown);
  const found = known?.number ?? (yield* bisect(search));
  if (found <= floor) throw DownloaderError("INVALID_ANCESTOR", { number: found, floor });
  return found;
}

function* bisect(search: AncestorSearch): Generator<HeadersQuery, number, readonly Header[]> {
  let start = Math.max(0, search.floor);
  let end = Math.min(search.remoteHeight, search.localHeight + 1);
  while (start + 1 < end) {
    const check = Math.floor((start + end) / 2);
    const headers = yield { origin: check, amount: 1, skip: 0, reverse: false };
    const [header] = headers;
    if (header === undefined || headers.length > 1)
      throw DownloaderError("BAD_PEER", { reason: `${headers.length} headers for one number` });
    checkNumbers(headers, check, 0);
    if (search.isKnown(header)) start = check;
    else end = check;
  }
  return start;
}

/** Headers have the numbers asked for. @throws DOWNLOADER_INVALID_CHAIN */
export function checkNumbers(headers: readonly Header[], from: number, skip: number): void {
  for (const [index, header] of headers.entries()) {
    const want = from + index * (skip + 1);
    if (header.number !== want)
      throw DownloaderError("INVALID_CHAIN", { number: want, reason: `header #${header.number} instead` });
  }
}

import { expect, test } from "vitest";
import type { EthPeer, PeerHead } from "#eth/protocols";
import { bestOf, isAhead, type OurHead } from "./lead.ts";

const hash = (byte: number) => new Uint8Array(32).fill(byte);
const ours = (changes: Partial<OurHead> = {}): OurHead => ({
  ...{ td: 10n, number: 100, terminalTd: undefined, hasBlock: (it) => it[0] === 1 },
  ...changes,
});
const merged = ours({ terminalTd: 10n });
const toCome = ours({ terminalTd: 1_000n });

test.each<[string, OurHead, Partial<PeerHead>, boolean]>([
  ["more difficulty", ours(), { td: 11n }, true],
  ["equal difficulty", ours(), { td: 10n, number: 200 }, false],
  ["a number alone, and no merge configured", ours(), { number: 200 }, false],
  ["eth/69, a higher number, after the merge", merged, { number: 101 }, true],
  ["eth/69, our number", merged, { number: 100 }, false],
  ["eth/69, a higher number, before the merge", toCome, { number: 101 }, true],
  ["eth/68, an unknown head, after the merge", merged, { td: 10n }, true],
  ["eth/68, a known head, after the merge", merged, { td: 10n, hash: hash(1) }, false],
  ["eth/68, an unknown head, before the merge", toCome, { td: 10n }, false],
  ["eth/68, polled: the next block", merged, { td: 10n, number: 101 }, true],
  ["eth/68, its merge is ours to come", merged, { td: 11n }, true],
])("%s: ahead or not", (_, our, head, want) => {
  expect(isAhead(our, { hash: hash(2), ...head })).toBe(want);
});

test("the best: most difficulty first, then the highest number; none that is not ahead", () => {
  const peer = (head: Partial<PeerHead>) => ({ head: { hash: hash(2), ...head } }) as EthPeer; // no more is read
  const [level, high, higher, unknown] = [100, 150, 200, undefined].map((number) =>
    peer({ number, td: 10n }),
  );
  const heavy = peer({ td: 12n });
  const list = (...peers: (EthPeer | undefined)[]) => peers.filter((one) => one !== undefined);
  expect(bestOf(merged, list(level, high, higher, unknown))).toBe(higher);
  expect(bestOf(merged, list(high, heavy, higher))).toBe(heavy);
  expect(bestOf(merged, list(level, unknown))).toBe(unknown);
  expect(bestOf(merged, list(level))).toBeUndefined();
});

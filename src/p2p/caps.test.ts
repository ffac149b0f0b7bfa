import { describe, expect, test } from "vitest";
import { capsOf, matchProtocols } from "./caps.ts";
import type { Protocol } from "./protocol.ts";

const lengths = { "eth/62": 8, "eth/63": 17, "les/1": 15, "les/2": 22, "shh/6": 128 } as const;
const protocol = (cap: string): Protocol => {
  const [name = "", version] = cap.split("/");
  return {
    name,
    version: Number(version),
    length: lengths[cap as keyof typeof lengths],
    run: async () => {},
  }; // as: keys of the table
};
const all = Object.keys(lengths);
const subsets = Array.from({ length: 2 ** all.length }, (_, bits) =>
  all.filter((_cap, i) => (bits >> i) & 1),
);

/** Offsets as geth computes them: walking the remote's sorted list and undoing a lower version (peer.go:311-346@v1.8.27). */
function gethOffsets(ours: readonly string[], theirs: readonly string[]): Record<string, number> {
  const result: Record<string, number> = {};
  let offset = 16;
  for (const cap of [...theirs].sort()) {
    if (!ours.includes(cap)) continue;
    const name = cap.split("/")[0] ?? "";
    const old = Object.keys(result).find((chosen) => chosen.startsWith(`${name}/`));
    if (old !== undefined) {
      offset -= lengths[old as keyof typeof lengths];
      delete result[old];
    }
    result[cap] = offset;
    offset += lengths[cap as keyof typeof lengths];
  }
  return result;
}

const ourOffsets = (ours: readonly string[], theirs: readonly string[]): Record<string, number> =>
  Object.fromEntries(
    matchProtocols(ours.map(protocol), theirs.map(protocol)).map(
      ({ protocol: { name, version }, offset }) => [`${name}/${version}`, offset],
    ),
  );

describe("capabilities", () => {
  test("T10 offsets: all subsets of {eth/62, eth/63, les/1, les/2, shh/6} on both sides, in any order", () => {
    for (const ours of subsets)
      for (const theirs of subsets) {
        const want = gethOffsets(ours, theirs);
        expect(ourOffsets(ours, theirs)).toEqual(want);
        expect(ourOffsets([...ours].reverse(), [...theirs].reverse())).toEqual(want);
      }
    expect(ourOffsets(all, all)).toEqual({ "eth/63": 16, "les/2": 33, "shh/6": 55 });
  });

  test("Trap 15: only the highest common version; duplicates and strange names are harmless", () => {
    expect(ourOffsets(["eth/62", "eth/63"], ["eth/62", "eth/62", "eth/64"])).toEqual({ "eth/62": 16 });
    const theirs = [
      { name: "__proto__", version: 63 },
      { name: "constructor", version: 1 },
      { name: "eth", version: 63 },
    ];
    expect(matchProtocols([protocol("eth/63")], theirs)).toHaveLength(1);
    expect(matchProtocols([protocol("eth/63")], [{ name: "ETH", version: 63 }])).toHaveLength(0);
  });

  test("our hello lists every protocol, by name, then version as a number", () => {
    const more: Protocol = { name: "eth", version: 100, length: 1, run: async () => {} };
    expect(
      capsOf([protocol("shh/6"), more, protocol("eth/63"), protocol("eth/62")]).map(
        ({ name, version }) => `${name}/${version}`,
      ),
    ).toEqual(["eth/62", "eth/63", "eth/100", "shh/6"]);
  });
});

// keccak-256 at the sizes that matter, ours against @noble/hashes; and the RLPx MAC's pattern. `npx tsc -b` first.
import { keccak_256 } from "@noble/hashes/sha3.js";
import { Keccak, keccak256 } from "../dist/crypto/index.js";
import { ratios } from "./ratio.mjs";

for (const [length, what] of [
  [32, "a key"],
  [64, "a public key"],
  [532, "a branch node"],
  [1024, "1 kB"],
  [100_000, "100 kB"],
]) {
  const input = new Uint8Array(length).fill(7);
  await ratios(`keccak256 of ${length} bytes, ${what}`, {
    "@noble/hashes": () => keccak_256(input),
    ours: () => keccak256(input),
  });
}
const frame = new Uint8Array(1024).fill(9);
const noble = keccak_256.create();
const ours = new Keccak();
await ratios("running hash: 1 kB and a look at the digest", {
  "@noble/hashes": () => noble.update(frame).clone().digest(),
  ours: () => ours.update(frame).digest(),
});
const many = Array.from({ length: 50 }, () => new Keccak());
let turn = 0;
await ratios("the same over 50 peers in turn", {
  "@noble/hashes": () => noble.update(frame).clone().digest(),
  ours: () => many[turn++ % 50].update(frame).digest(),
});

// RLP: one header of 594 bytes and a message of 192 of them, ours against @ethereumjs/rlp and micro-eth-signer. `npx tsc -b` first.
import { RLP as Theirs } from "@ethereumjs/rlp";
import { RLP as micro } from "micro-eth-signer/core/rlp.js";
import {
  bytes,
  decode,
  decodeAs,
  encode,
  encodeAs,
  fixed,
  list,
  optional,
  struct,
  uint256,
  uint53,
} from "../dist/rlp/index.js";
import { ratios } from "./ratio.mjs";

const header = struct({
  parentHash: fixed(32),
  unclesHash: fixed(32),
  coinbase: fixed(20),
  stateRoot: fixed(32),
  txRoot: fixed(32),
  receiptRoot: fixed(32),
  bloom: fixed(256),
  difficulty: uint256,
  number: uint53,
  gasLimit: uint53,
  gasUsed: uint53,
  time: uint53,
  extra: bytes({ max: 32 }),
  mixDigest: fixed(32),
  nonce: fixed(8),
  baseFee: optional(uint256),
});
const headers = list(header, { max: 192 });
const filled = (length, seed) => Uint8Array.from({ length }, (_, i) => (i * 7 + seed * 13 + 1) & 0xff);
const make = (i) => ({
  parentHash: filled(32, i),
  unclesHash: filled(32, i + 1),
  coinbase: filled(20, i),
  stateRoot: filled(32, i + 2),
  txRoot: filled(32, i + 3),
  receiptRoot: filled(32, i + 4),
  bloom: filled(256, i),
  difficulty: 2_345_678_901_234n,
  number: 9_000_000 + i,
  gasLimit: 8_000_000,
  gasUsed: 7_654_321,
  time: 1_574_706_444 + i,
  extra: filled(20, i),
  mixDigest: filled(32, i + 5),
  nonce: filled(8, i),
  baseFee: 12_345_678_901n,
});
const values = Array.from({ length: 192 }, (_, i) => make(i));
const one = encodeAs(header, values[0]);
const many = encodeAs(headers, values);
const tree = Theirs.decode(one);
const trees = Theirs.decode(many);
console.log(`header ${one.length} bytes, message ${many.length} bytes`);

for (const [what, input] of [
  ["decode one header", one],
  ["decode 192 headers", many],
])
  await ratios(what, {
    "@ethereumjs/rlp": () => Theirs.decode(input),
    "micro-eth-signer": () => micro.decode(input),
    "ours, tree of views": () => decode(input),
    "ours, schema (typed values)": () => decodeAs(input === one ? header : headers, input),
  });
for (const [what, input, typed] of [
  ["encode one header", tree, values[0]],
  ["encode 192 headers", trees, values],
])
  await ratios(what, {
    "@ethereumjs/rlp": () => Theirs.encode(input),
    "micro-eth-signer": () => micro.encode(input),
    "ours, tree": () => encode(input),
    "ours, schema (typed values)": () => encodeAs(input === tree ? header : headers, typed),
  });

// RL-02, RL-03: what an attacker's 10 MB costs
const nested = new Uint8Array(10_000_000).fill(0xc0);
nested.set([0xfa, 0x98, 0x96, 0x7c]);
const refused = (input) => {
  const from = performance.now();
  try {
    decode(input);
    return "accepted";
  } catch (error) {
    return `${error.code} in ${(performance.now() - from).toFixed(2)} ms`;
  }
};
console.log(`\n10 MB of empty lists in a list: ${refused(nested)}`);

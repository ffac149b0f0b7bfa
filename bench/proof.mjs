// Account proofs of a trie of 20,000, ours against @ethereumjs/mpt; roots of ordered lists and of sorted content. `npx tsc -b` first.
import { createMPT, verifyMerkleProof } from "@ethereumjs/mpt";
import { RLP } from "@ethereumjs/rlp";
import { keccak256 } from "../dist/crypto/index.js";
import {
  orderedRoot,
  ProofBuilder,
  proveKey,
  sortedRoot,
  Trie,
  verifyProof,
  verifyProofs,
} from "../dist/trie/index.js";
import { ByteMap, compareBytes } from "../dist/util/index.js";
import { ratios } from "./ratio.mjs";

const ACCOUNTS = 20_000;
const keys = Array.from({ length: ACCOUNTS }, (_, i) => keccak256(Uint8Array.of(i & 255, i >> 8))).sort(
  compareBytes,
);
const values = keys.map((key) => RLP.encode([1, key.subarray(0, 8), key, key]));
const store = new ByteMap();
const root = sortedRoot(keys, values, (hash, node) => store.set(hash, node));
const proofs = keys.slice(0, 500).map((key) => proveKey(store, root, key));
const bytes =
  proofs.reduce((sum, proof) => sum + proof.reduce((n, node) => n + node.length, 0), 0) / proofs.length;
console.log(
  `${ACCOUNTS} accounts, ${store.size} nodes; a proof: ${(proofs.reduce((n, p) => n + p.length, 0) / 500).toFixed(1)} nodes, ${bytes.toFixed(0)} bytes`,
);

let a = 0;
let b = 0;
let c = 0;
await ratios("verify an account proof", {
  "@ethereumjs/mpt": () => verifyMerkleProof(keys[a % 500], proofs[a++ % 500]),
  "ours, exact": () => verifyProof(root, keys[b % 500], proofs[b++ % 500], { exact: true }),
  "ours, as a set": () => verifyProofs(root, [keys[c % 500]], proofs[c++ % 500], { exact: true }),
});
const builder = new ProofBuilder(store);
for (const key of keys.slice(0, 64)) builder.add(root, key);
const { nodes } = builder;
console.log(`64 accounts in one set: ${nodes.length} nodes, ${builder.sizeBytes} bytes`);
await ratios("64 accounts over one set (per set)", {
  "@ethereumjs/mpt, 64 proofs": async () => {
    for (let i = 0; i < 64; i++) await verifyMerkleProof(keys[i], proofs[i]);
  },
  ours: () => verifyProofs(root, keys.slice(0, 64), nodes, { exact: true }),
});
await ratios("make a proof", {
  ours: () => proveKey(store, root, keys[a++ % ACCOUNTS]),
});

const items = values.slice(0, 200);
await ratios("root of a list of 200", {
  "@ethereumjs/mpt": async () => {
    const trie = await createMPT();
    for (let i = 0; i < items.length; i++) await trie.put(RLP.encode(i), items[i]);
    return trie.root();
  },
  ours: () => orderedRoot(items),
});
const some = { keys: keys.slice(0, 1000), values: values.slice(0, 1000) };
await ratios(
  "a trie of 1,000 accounts",
  {
    "@ethereumjs/mpt, put": async () => {
      const trie = await createMPT();
      for (let i = 0; i < 1000; i++) await trie.put(some.keys[i], some.values[i]);
      return trie.root();
    },
    "ours, put and commit": () => {
      const trie = new Trie(new ByteMap());
      for (let i = 0; i < 1000; i++) trie.put(some.keys[i], some.values[i]);
      return trie.commit();
    },
    "ours, sorted": () => sortedRoot(some.keys, some.values),
  },
  { rounds: 7 },
);
let n = 0;
await ratios(
  "200 changes to a trie of 20,000, commit",
  {
    ours: () => {
      const trie = new Trie(store, root);
      for (let i = 0; i < 200; i++) trie.put(keys[(n + i * 97) % ACCOUNTS], values[(n + i) % ACCOUNTS]);
      n++;
      return trie.commit();
    },
  },
  { rounds: 10 },
);

import { readFileSync } from "node:fs";
import { keccak256, recover, addressOf } from "#crypto";
import { applyDiff, genesisBlock, stateReader } from "#core/state";
import { type Block, decodeBlock, encodeBlock, encodeHeader, type Header, receiptRoot, txRoot, unclesHash } from "#core/types";
import { executeBlock } from "#core/vm";
import { parseGenesis } from "#params";
import { encode, decode, splitItems } from "#rlp";
import { ByteMap, toHex } from "#util";
import { expect, test } from "vitest";

const folder = "test/vectors/geth-1.8";
const genesis = parseGenesis(readFileSync(`${folder}/genesis-1.8-clique.json`, "utf8"));
const file = new Uint8Array(readFileSync(`${folder}/chain-1.8-clique.rlp`));
const encoded: Uint8Array[] = [...splitItems(file)];
const blocks: Block[] = encoded.map((bytes) => decodeBlock(bytes));

/** The signer: recovered from the seal, the last 65 bytes of `extra`, over the header without it (EIP-225). */
function authorOf(header: Header): Uint8Array {
  const items = decode(encodeHeader(header)) as Uint8Array[];
  items[12] = header.extra.subarray(0, -65);
  const key = recover(keccak256(encode(items)), header.extra.subarray(-65));
  if (key === undefined) throw new Error("no signer");
  return addressOf(key);
}

test("the genesis has geth's hash", () => {
  const { header } = genesisBlock(genesis);
  expect(toHex(header.hash)).toBe(toHex(blocks[0]?.header.hash ?? new Uint8Array()));
});

test("151 blocks encode to the bytes they came from, and their bodies have the header's roots", () => {
  expect(blocks).toHaveLength(151);
  for (const [i, block] of blocks.entries()) {
    expect(toHex(encodeBlock(block))).toBe(toHex(encoded[i] ?? new Uint8Array()));
    expect(toHex(txRoot(block.transactions))).toBe(toHex(block.header.txRoot));
    expect(toHex(unclesHash(block.uncles))).toBe(toHex(block.header.unclesHash));
  }
});

// all 150 are imported by src/core/geth-1.8.test.ts; here the parts are put together by hand
test("the first 20 blocks execute to geth's state roots and receipt roots", async () => {
  const nodes = new ByteMap<Uint8Array>();
  const codes = new ByteMap<Uint8Array>();
  const first = genesisBlock(genesis).state;
  let root = first.root;
  for (const [hash, node] of first.nodes) nodes.set(hash, node);
  for (const [hash, code] of first.codes) codes.set(hash, code);
  for (const { header, ...body } of blocks.slice(1, 21)) {
    const reader = stateReader(nodes, codes, root);
    const result = await executeBlock(genesis.config, header, body, reader, { coinbase: authorOf(header) });
    const update = applyDiff(nodes, root, result.diff);
    for (const [hash, node] of update.nodes) nodes.set(hash, node);
    for (const [hash, code] of update.codes) codes.set(hash, code);
    root = update.root;
    expect([header.number, result.gasUsed]).toEqual([header.number, header.gasUsed]);
    expect([header.number, toHex(receiptRoot(result.receipts))]).toEqual([header.number, toHex(header.receiptRoot)]);
    expect([header.number, toHex(root)]).toEqual([header.number, toHex(header.stateRoot)]);
  }
});

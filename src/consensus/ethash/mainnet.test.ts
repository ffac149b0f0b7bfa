// Two headers of the main network, by their public hashes: the first that was ever mined, and one of epoch 10.
import { expect, test } from "vitest";
import { emptyTxRoot, emptyUnclesHash, type HeaderFields, makeHeader } from "#core/types";
import { mainnetConfig, mainnetGenesisHash } from "#params";
import { fromHex, toHex } from "#util";
import { Ethash, localSealChecker } from "./index.ts";

const blank = {
  unclesHash: emptyUnclesHash,
  bloom: new Uint8Array(256),
  txRoot: emptyTxRoot,
  receiptRoot: emptyTxRoot,
  gasUsed: 0n,
  gasLimit: 5_000n,
};
const genesis = makeHeader({
  ...blank,
  parentHash: new Uint8Array(32),
  coinbase: new Uint8Array(20),
  stateRoot: fromHex("0xd7f8974fb5ac78d9ac099b9ad5018bedc2ce0a72dad1827a1709da30580f0544"),
  difficulty: 0x4_0000_0000n,
  number: 0,
  time: 0,
  extra: fromHex("0x11bbe8db4e347b4e8c937c1c8370e4b5ed33adb3db69cbdb7a38e1e50b1b82fa"),
  mixDigest: new Uint8Array(32),
  nonce: fromHex("0x0000000000000042"),
});
const first: HeaderFields = {
  ...blank,
  parentHash: genesis.hash,
  coinbase: fromHex("0x05a56e2d52c817161883f50c441c3228cfe54d9f"),
  stateRoot: fromHex("0xd67e4d450343046425ae4271474353857ab860dbc0a1dde64b41b5cd3a532bf3"),
  difficulty: 0x3_ff80_0000n,
  number: 1,
  time: 0x55ba4224,
  extra: fromHex("0x476574682f76312e302e302f6c696e75782f676f312e342e32"),
  mixDigest: fromHex("0x969b900de27b6ac6a67742365dd65f55a0526c41fd18e1b16f1a1215c2e66f59"),
  nonce: fromHex("0x539bd4979fef1ec4"),
};
const later: HeaderFields = {
  ...blank,
  parentHash: fromHex("0xbe8361d665ca0c7921df4419522c1319c3012d4adbea5c6229c84ec86fbf52f2"),
  coinbase: fromHex("0x52bc44d5378309ee2abf1539bf71de1b7d7be3b5"),
  stateRoot: fromHex("0x1aef82504fc10469532521faa4426ee8c5331ac9c0ef1af7bcab967f5aa6e1a1"),
  txRoot: fromHex("0x92ed465e40f9ee2e3a9e9f4f8ecb1f11923bb0376d976312d6c40576439be150"),
  receiptRoot: fromHex("0xa5cf019118b22b15a360e97c35c75a7dbc871318c4f3ba462837b186653c2a4d"),
  difficulty: 0x5dd_ae9b_b8d2n,
  number: 0x4a5c7,
  gasLimit: 0x2ff768n,
  gasUsed: 0x6050en,
  time: 0x5609aaad,
  extra: fromHex("0xd783010103844765746887676f312e342e32856c696e7578"),
  mixDigest: fromHex("0x31538fbc9699fc6b359fc26ea2d94bb2556d7d999b101650c78c88f71d611338"),
  nonce: fromHex("0xb78f1aed8ad0d52a"),
};
const chain = { config: mainnetConfig, headerByHash: () => genesis, headerByNumber: () => genesis };
const engine = new Ethash({ checker: localSealChecker() });
const now = 1_800_000_000;

test("LC-06 the first header of the main network, and the same with a little less work", () => {
  const header = makeHeader(first);
  expect(toHex(genesis.hash)).toBe(toHex(mainnetGenesisHash));
  expect(toHex(header.hash)).toBe("0x88e96d4537bea4d9c05d12549907b32561d3bf31f45aae734cdc119f13406cb6");
  expect(() => engine.verifyHeader(chain, header, genesis, { now })).not.toThrow();
  const others: Partial<HeaderFields>[] = [
    { nonce: fromHex("0x539bd4979fef1ec5") },
    { time: first.time + 1 },
    { coinbase: new Uint8Array(20) },
    { mixDigest: new Uint8Array(32) },
  ];
  for (const change of others)
    expect(() => engine.verifyHeader(chain, makeHeader({ ...first, ...change }), genesis, { now })).toThrow(
      expect.objectContaining({ code: "ETHASH_INVALID_MIX_DIGEST" }),
    );
});

test("the seal of a header of another epoch", () => {
  const header = makeHeader(later);
  expect(toHex(header.hash)).toBe("0xca6063e4d9b37c2777233b723d9b08cf248e34a5ebf7f5720d59323a93eec14f");
  expect(() => engine.verifySeal(chain, header)).not.toThrow();
});

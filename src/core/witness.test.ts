import { stateReader } from "#core/state";
import { type Block, type Header, signTransaction, type TransactionFields } from "#core/types";
import { keccak256 } from "#crypto";
import { ByteMap, equalBytes, fromHex } from "#util";
import { beforeAll, expect, test } from "vitest";
import { type SealedWorld, sealedWorld } from "../../test/kit/chains.ts";
import { processBlock } from "./process.ts";
import type { ExecutionWitness } from "./witness.ts";

let world: SealedWorld;
const blocks: Block[] = [];

beforeAll(async () => {
  world = sealedWorld({ forks: "london", transactions: 3 });
  while (blocks.length < 12) blocks.push(await world.next());
  // looks at the hash of seven blocks before
  const code = fromHex("0x600743034060005500"); // SSTORE(0, BLOCKHASH(NUMBER - 7))
  const [user] = world.users;
  if (user === undefined) throw new TypeError("no user");
  const state = world.chain.state(world.chain.head);
  const account = await state.account(user.address);
  const fields: TransactionFields = {
    ...{ type: 0, chainId: world.spec.config.chainId, nonce: account?.nonce ?? 0n, gas: 200_000n },
    ...{ gasPrice: 4_000_000_000n, value: 0n, input: code },
  };
  blocks.push(await world.seal(world.chain.head, [signTransaction(fields, user.key)]));
});

const block = (number: number): Block => {
  const found = blocks[number - 1];
  if (found === undefined) throw new RangeError(`no block ${number}`);
  return found;
};

/** Runs a block on nothing but its witness. */
async function rootBy({ headers, codes, state }: ExecutionWitness, ran: Block): Promise<Uint8Array> {
  const parent = headers.at(-1);
  if (parent === undefined) throw new TypeError("no parent");
  const byHash = (values: readonly Uint8Array[]) => {
    const map = new ByteMap<Uint8Array>();
    for (const value of values) map.set(keccak256(value), value);
    return map;
  };
  const nodes = byHash(state);
  const blockHash = (number: number) => headers.find((header: Header) => header.number === number)?.hash;
  const executed = await processBlock({
    ...{ chain: world.chain.headers, nodes, parent, block: ran, blockHash },
    reader: stateReader(nodes, byHash(codes), parent.stateRoot),
  });
  return executed.update.root;
}

test("a witness is all that a block needs: run on it alone, each gives its own state root", async () => {
  for (const ran of blocks) {
    const witness = await world.chain.witness(ran);
    expect(await rootBy(witness, ran)).toEqual(ran.header.stateRoot);
    expect(witness.headers.at(-1)?.hash).toEqual(ran.header.parentHash);
  }
});

test("and nothing beside it: with one node or code less it cannot be run", async () => {
  const ran = block(10);
  const { headers, codes, state } = await world.chain.witness(ran);
  expect(codes.length).toBeGreaterThan(0);
  for (const [i, one] of state.entries())
    await expect(
      rootBy({ headers, codes, state: state.filter((node) => node !== one) }, ran),
      `${i}`,
    ).rejects.toThrow();
  for (const one of codes)
    await expect(
      rootBy({ headers, state, codes: codes.filter((code) => code !== one) }, ran),
    ).rejects.toThrow();
});

test("headers go back as far as BLOCKHASH looked", async () => {
  expect((await world.chain.witness(block(10))).headers.map(({ number }) => number)).toEqual([9]);
  const { headers } = await world.chain.witness(block(13));
  expect(headers.map(({ number }) => number)).toEqual([6, 7, 8, 9, 10, 11, 12]);
  expect(equalBytes(headers[0]?.hash ?? new Uint8Array(0), block(6).header.hash)).toBe(true);
});

test("the genesis has none", async () => {
  const genesis = { header: world.chain.genesis, transactions: [], uncles: [] };
  await expect(world.chain.witness(genesis)).rejects.toMatchObject({ code: "CORE_UNKNOWN_BLOCK" });
});

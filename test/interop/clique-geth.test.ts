// Chains that we seal are imported by real geth, chains that geth seals are imported by us; both end at one head.
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Clique, CliqueError, keySigner } from "#consensus/clique";
import { BlockChain, exportChain, importChain } from "#core";
import { memoryStore } from "#ethdb";
import { seededRand } from "#host/sim";
import { devForks, devGenesis, formatGenesis, parseGenesis } from "#params";
import { bigintToBytes, compareBytes, concatBytes, toHex } from "#util";
import { describe, expect, test } from "vitest";
import { eventContract, filledAccount, sealedChain, type SealedChain, stateContract } from "../kit/chains.ts";
import { namedKey } from "../kit/clique.ts";
import {
  cliqueGenesis,
  type GenesisJson,
  type Geth,
  type GethVersion,
  requireGeth,
  startGeth,
} from "../kit/geth.ts";
import { until } from "../kit/until.ts";

const clock = { unixSeconds: () => 4_000_000_000, now: () => 0, sleep: async () => {} };

function open(genesis: ReturnType<typeof parseGenesis>): BlockChain {
  const db = memoryStore();
  if (genesis.config.clique === undefined) throw new Error("no clique chain");
  return new BlockChain({ db, genesis, engine: new Clique(genesis.config.clique, db), clock });
}

interface RpcBlock {
  readonly hash: string;
  readonly totalDifficulty: string;
  readonly stateRoot: string;
}

/** Head, difficulty, balances, slots, counters and receipts are what our own chain says. */
async function expectSame(geth: Geth, chain: BlockChain, accounts: number): Promise<void> {
  const { head } = chain;
  const block = await geth.rpc<RpcBlock>("eth_getBlockByNumber", ["latest", false]);
  expect(block.hash).toBe(toHex(head.hash));
  expect(BigInt(block.totalDifficulty)).toBe(chain.td(head.hash));
  expect(toHex(chain.genesis.hash)).toBe(
    (await geth.rpc<RpcBlock>("eth_getBlockByNumber", ["0x0", false])).hash,
  );
  const state = chain.state(head);
  for (const i of [0, 1, accounts >> 1, accounts - 1, accounts]) {
    const address = filledAccount(i);
    const balance = await geth.rpc<string>("eth_getBalance", [toHex(address), "latest"]);
    expect(BigInt(balance)).toBe((await state.account(address))?.balance ?? 0n);
    const slot = bigintToBytes(BigInt(i), 32);
    const value = await geth.rpc<string>("eth_getStorageAt", [toHex(stateContract), toHex(slot), "latest"]);
    expect(BigInt(value)).toBe(BigInt(`0x0${toHex(await state.storage(stateContract, slot)).slice(2)}`));
  }
  const count = await geth.rpc<string>("eth_getStorageAt", [toHex(eventContract), "0x0", "latest"]);
  expect(BigInt(count)).toBe(BigInt(toHex(await state.storage(eventContract, new Uint8Array(32)))));
  for (let number = head.number; number > 0; number -= 37) {
    const header = chain.headerByNumber(number);
    const [tx] = (header && chain.body(header)?.transactions) ?? [];
    if (tx === undefined || header === undefined) continue;
    const theirs = await geth.rpc<{
      logsBloom: string;
      cumulativeGasUsed: string;
      status: string;
      blockHash: string;
    }>("eth_getTransactionReceipt", [toHex(tx.hash)]);
    const [ours] = chain.receipts(header) ?? [];
    expect(theirs.blockHash).toBe(toHex(header.hash));
    expect(theirs.logsBloom).toBe(toHex(ours?.bloom ?? new Uint8Array(0)));
    expect(BigInt(theirs.cumulativeGasUsed)).toBe(ours?.cumulativeGasUsed);
    expect(Number(theirs.status)).toBe(ours?.status);
  }
}

async function expectImported(version: GethVersion, made: SealedChain): Promise<void> {
  const chain = open(made.spec);
  await chain.insertBlocks(await made.blocks());
  expect(chain.head.number).toBe(made.head);
  await using geth = await startGeth({ version, role: "full", genesis: made.genesis, importFile: made.file });
  await geth.atBlock(made.head);
  await expectSame(geth, chain, made.accounts);
  if (made.branchFile === undefined) return;
  // the heavier branch: both go over to it
  expect(await geth.rpc<boolean>("admin_importChain", [made.branchFile])).toBe(true);
  const result = await chain.insertBlocks(await made.branchBlocks());
  expect(result.removed.length).toBeGreaterThan(0);
  await expectSame(geth, chain, made.accounts);
}

describe("our sealed chains in geth", () => {
  const branch = { from: 290, blocks: 25 };
  test.for(["1.9.25", "1.11.6"] as const)(
    "320 blocks under istanbul rules, and a reorg, in %s",
    async (version, { skip }) => {
      if ((await requireGeth(version, skip)) === undefined) return;
      await expectImported(
        version,
        await sealedChain({ blocks: 310, accounts: 5000, forks: "istanbul", branch }),
      );
    },
  );

  test("320 blocks under london rules, typed transactions, and a reorg, in 1.11.6", async ({ skip }) => {
    if ((await requireGeth("1.11.6", skip)) === undefined) return;
    await expectImported(
      "1.11.6",
      await sealedChain({ blocks: 310, accounts: 3000, forks: "london", branch }),
    );
  });

  test("a chain of another genesis is refused by both", async ({ skip }) => {
    if ((await requireGeth("1.11.6", skip)) === undefined) return;
    const made = await sealedChain({ blocks: 310, accounts: 3000, forks: "london", branch });
    const other = await sealedChain({ blocks: 20, accounts: 1000, forks: "london", seed: 2 });
    await using geth = await startGeth({ version: "1.11.6", role: "full", genesis: made.genesis });
    await expect(geth.rpc("admin_importChain", [other.file])).rejects.toThrow();
    await expect(open(made.spec).insertBlocks(await other.blocks())).rejects.toMatchObject({
      code: "CONSENSUS_UNKNOWN_ANCESTOR",
    });
  });
});

/** A chain of three signers and an epoch of 30, in which a fourth is voted in and the first out again. */
async function votedChain() {
  const signers = ["one", "two", "three", "four"]
    .map((name) => keySigner(namedKey(`clique-geth ${name}`)))
    .sort((a, b) => compareBytes(a.address, b.address));
  const [first, , , fourth] = signers;
  if (first === undefined || fourth === undefined) throw new Error("no signers");
  const { berlinBlock: _b, londonBlock: _l, ...forks } = devForks;
  const genesis = devGenesis(
    { [toHex(first.address)]: 1n << 100n },
    { signers: signers.slice(0, 3).map((signer) => signer.address), epoch: 30, forks, timestamp: 0x5c51a607 },
  );
  const db = memoryStore();
  const engine = new Clique({ period: 1, epoch: 30 }, db);
  const chain = new BlockChain({ db, genesis, engine, clock });
  const rand = seededRand(3);
  let outOfTurn = 0;
  for (let number = 1; number <= 130; number++) {
    if (number === 5) engine.propose(fourth.address, true);
    if (number === 65) engine.propose(first.address, false);
    const { head } = chain;
    // whoever may: in an order by chance, so that many blocks are out of turn
    for (const signer of rand.shuffle(signers))
      try {
        const built = await chain.produceBlock([], { signer, time: head.time + 1 });
        if (built.block.header.difficulty === 1n) outOfTurn++;
        break;
      } catch (error) {
        if (!CliqueError.is(error)) throw error;
      }
    expect(chain.head.number).toBe(number);
  }
  return {
    chain,
    genesis,
    engine,
    outOfTurn,
    expected: signers.slice(1).map((signer) => toHex(signer.address)),
  };
}

describe("votes and epochs", () => {
  test.for(["1.9.25", "1.11.6"] as const)(
    "130 blocks of changing signers in %s",
    async (version, { skip }) => {
      if ((await requireGeth(version, skip)) === undefined) return;
      const { chain, genesis, engine, outOfTurn, expected } = await votedChain();
      expect(outOfTurn).toBeGreaterThan(20);
      expect(engine.snapshot(chain.headers, chain.head).signers).toEqual(expected);
      // as: formatGenesis writes the shape geth reads
      const json = formatGenesis(genesis) as unknown as GenesisJson;
      await using geth = await startGeth({ version, role: "full", genesis: json });
      const file = join(geth.datadir, "votes.rlp");
      writeFileSync(file, concatBytes(...exportChain(chain, { from: 1 })));
      expect(await geth.rpc<boolean>("admin_importChain", [file])).toBe(true);
      const block = await geth.rpc<RpcBlock>("eth_getBlockByNumber", ["latest", false]);
      expect(block.hash).toBe(toHex(chain.head.hash));
      expect(BigInt(block.totalDifficulty)).toBe(chain.td(chain.head.hash));
      expect(await geth.rpc<string[]>("clique_getSigners", ["latest"])).toEqual(expected);
    },
  );
});

describe("geth's sealed chains with us", () => {
  test.for(["1.9.25", "1.11.6"] as const)(
    "what a mining %s exports imports with every root equal",
    async (version, { skip }) => {
      if ((await requireGeth(version, skip)) === undefined) return;
      const made = await sealedChain({
        blocks: 2,
        accounts: 1000,
        forks: version === "1.9.25" ? "istanbul" : "london",
      });
      const signer = toHex(made.signer.address);
      const json =
        version === "1.9.25"
          ? cliqueGenesis(signer, { [signer.slice(2)]: { balance: "0x10000000000000000000000" } })
          : made.genesis;
      await using geth = await startGeth({ version, role: "miner", genesis: json });
      await geth.atBlock(1);
      for (let i = 1; i <= 3; i++)
        await geth.rpc("eth_sendTransaction", [
          { from: signer, to: toHex(filledAccount(i)), value: `0x${i}`, gas: "0x7530" },
        ]);
      await until("three transactions in blocks", async () => {
        const count = await geth.rpc<string>("eth_getTransactionCount", [signer, "latest"]);
        return Number(count) >= 3 ? true : undefined;
      });
      const head = Number(await geth.rpc<string>("eth_blockNumber"));
      const file = join(geth.datadir, "out.rlp");
      expect(await geth.rpc<boolean>("admin_exportChain", [file, 0, head])).toBe(true);
      const chain = open(parseGenesis(json));
      const progress = await importChain(chain, [readFileSync(file)]);
      rmSync(file);
      expect(progress).toMatchObject({ imported: head });
      const block = await geth.rpc<RpcBlock>("eth_getBlockByNumber", [`0x${head.toString(16)}`, false]);
      expect(block.hash).toBe(toHex(chain.head.hash));
      expect(toHex(chain.engine.author(chain.head))).toBe(signer);
    },
  );
});

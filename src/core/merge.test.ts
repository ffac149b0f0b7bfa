// The head of a chain after the merge, where difficulties say nothing.
import { describe, expect, test } from "vitest";
import { devEngine, nextBaseFee } from "#consensus";
import { Beacon } from "#consensus/beacon";
import { type Block, type Header, makeHeader, signTransaction, txRoot, withdrawalsRoot } from "#core/types";
import { generateKey } from "#crypto";
import { memoryStore } from "#ethdb";
import { devForks, type Genesis, parseGenesis } from "#params";
import { toHex } from "#util";
import { BlockChain } from "./block-chain.ts";
import { HeaderChain } from "./header-chain.ts";
import { limits } from "./limits.ts";
import { processBlock } from "./process.ts";

const genesisWith = (terminalTotalDifficulty: bigint): Genesis => ({
  ...parseGenesis({ difficulty: 1, gasLimit: 8_000_000, alloc: {} }),
  config: { chainId: 1n, ...devForks, terminalTotalDifficulty },
});
const host = { now: () => 0, sleep: () => Promise.resolve(), unixSeconds: () => 1_000_000 };

function open(terminal: bigint) {
  const db = memoryStore();
  const chain = new BlockChain({
    db,
    genesis: genesisWith(terminal),
    engine: new Beacon(devEngine),
    clock: host,
  });
  /** An empty block: the state stays. `salt` tells siblings apart. */
  const after = (parent: Header, difficulty = 0n, salt = 0): Header =>
    makeHeader({
      ...parent,
      parentHash: parent.hash,
      number: parent.number + 1,
      time: parent.time + 12 + salt,
      difficulty,
      baseFee: nextBaseFee(chain.config, parent),
    });
  const branch = (parent: Header, count: number, difficulty = 0n, salt = 0): Header[] => {
    const headers: Header[] = [];
    for (let at = parent; headers.length < count; headers.push(at)) at = after(at, difficulty, salt);
    return headers;
  };
  return { chain, db, branch };
}
const blockOf = (header: Header): Block => ({ header, transactions: [], uncles: [] });
const hash = ({ hash: bytes }: Pick<Header, "hash">) => toHex(bytes);

describe("a merged chain", () => {
  test("grows by its newest block, and gives way to a longer one only", async () => {
    const { chain, branch } = open(0n);
    const main = branch(chain.genesis, 3);
    const side = branch(chain.genesis, 4, 0n, 1);
    await chain.insertBlocks(main.map(blockOf));
    expect([chain.head.number, hash(chain.head)]).toEqual([3, main.map(hash)[2]]);
    await chain.insertBlocks(side.slice(0, 3).map(blockOf));
    expect(hash(chain.head)).toBe(main.map(hash)[2]);
    const { added, removed } = await chain.insertBlocks(side.slice(3).map(blockOf));
    expect(hash(chain.head)).toBe(side.map(hash)[3]);
    expect([added.map(hash), removed.map(hash)]).toEqual([side.map(hash), main.map(hash)]);
  });

  test("setCanonical: the head is what one is told, back and forth, and after a restart", async () => {
    const { chain, db, branch } = open(0n);
    const main = branch(chain.genesis, 5);
    const side = branch(main[1] ?? chain.genesis, 2, 0n, 1);
    await chain.insertBlocks([...main, ...side].map(blockOf));
    const events: [string, number, number][] = [];
    chain.headEvents.subscribe(
      (event) => void events.push([hash(event.header), event.added.length, event.removed.length]),
    );
    const last = side.at(-1) ?? chain.genesis;
    await chain.setCanonical(last);
    expect([hash(chain.head), chain.headerByNumber(5)]).toEqual([hash(last), undefined]);
    expect(chain.isCanonical(side[0] ?? last)).toBe(true);
    const again = new BlockChain({ db, genesis: "stored", engine: new Beacon(devEngine), clock: host });
    expect(hash(again.head)).toBe(hash(last));
    // to an ancestor, and up again
    const ancestor = main[0] ?? last;
    await chain.setCanonical(ancestor);
    expect([chain.head.number, chain.headerByNumber(2)]).toEqual([1, undefined]);
    await chain.setCanonical(ancestor);
    await chain.setCanonical(main[4] ?? last);
    expect(hash(chain.head)).toBe(main.map(hash)[4]);
    expect(events).toEqual([
      [hash(last), 2, 3],
      [hash(ancestor), 0, 3],
      [main.map(hash)[4], 4, 0],
    ]);
    const unknown = makeHeader({ ...last, number: 77 });
    await expect(chain.setCanonical(unknown)).rejects.toMatchObject({ code: "CORE_UNKNOWN_BLOCK" });
  });

  test("LC-06 the merge: at the terminal difficulty and not before, and for good", () => {
    const { chain, branch } = open(4n);
    const headers = new HeaderChain({
      ...{ db: memoryStore(), config: chain.config, engine: chain.engine },
      ...{ genesis: chain.genesis, clock: host },
    });
    const refuses = (code: string) => expect.objectContaining({ code });
    const sealed = branch(chain.genesis, 3, 1n);
    const [first = chain.genesis, , terminal = chain.genesis] = sealed;
    // too early, in one segment with what comes before
    expect(() => headers.insert([first, ...branch(first, 1)])).toThrow(
      refuses("CONSENSUS_INVALID_DIFFICULTY"),
    );
    const merged = branch(terminal, 3);
    headers.insert([...sealed, ...merged]);
    expect(hash(headers.head)).toBe(merged.map(hash)[2]);
    // sealed blocks of more difficulty come too late: the merged chain stays
    const late = branch(chain.genesis, 3, 1n, 1);
    headers.insert(late);
    expect(hash(headers.head)).toBe(merged.map(hash)[2]);
    expect(() => headers.insert(branch(late[2] ?? terminal, 1, 1n))).toThrow(
      refuses("BEACON_INVALID_TERMINAL_BLOCK"),
    );
    // but a longer merged chain on another terminal block is as good
    const other = branch(late[2] ?? terminal, 4);
    headers.insert(other);
    expect(hash(headers.head)).toBe(other.map(hash)[3]);
  });
});

test("EIP-7934 a block of more than 8 MiB is refused from Osaka on", async () => {
  const { chain, branch } = open(0n);
  const input = new Uint8Array(limits.maxBlockBytes);
  const tx = signTransaction(
    { type: 0, nonce: 0n, gasPrice: 1n, gas: 21_000n, value: 0n, input, to: new Uint8Array(20) },
    generateKey(),
  );
  const [next = chain.genesis] = branch(chain.genesis, 1);
  const root = new Uint8Array(32);
  const header = makeHeader({
    ...{ ...next, txRoot: txRoot([tx]), withdrawalsRoot: withdrawalsRoot([]) },
    ...{ blobGasUsed: 0n, excessBlobGas: 0n, parentBeaconRoot: root, requestsHash: root },
  });
  const times = { shanghaiTime: 0, cancunTime: 0, pragueTime: 0 };
  const refused = async (more: object) => {
    const db = memoryStore();
    const genesis = { ...genesisWith(0n), config: { ...chain.config, ...times, ...more } };
    const headers = new HeaderChain({
      ...{ db, config: genesis.config, engine: chain.engine, genesis: chain.genesis, clock: host },
    });
    const block = { header, transactions: [tx], uncles: [], withdrawals: [] };
    const work = {
      chain: headers,
      nodes: chain.nodes,
      reader: chain.state(chain.genesis),
      parent: chain.genesis,
      block,
    };
    return processBlock(work).catch((error: unknown) => error);
  };
  expect(await refused({ osakaTime: 0 })).toMatchObject({
    code: "CORE_BODY_MISMATCH",
    data: { field: "size" },
  });
  // the same under Prague fails for what is in it
  expect(await refused({})).toMatchObject({ code: "CORE_EXECUTION_FAILED" });
});

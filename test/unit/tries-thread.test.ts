// Tries of large blocks, by the real thread of the built package.
import { encodeBlock } from "#core/types";
import { formatGenesis } from "#params";
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { toHex } from "#util";
import { expect, test } from "vitest";
import { fillCall, sealedWorld, stateContract } from "../kit/chains.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));

async function run(script: string, flags: readonly string[] = []): Promise<unknown> {
  const args = [...flags, "--input-type=module", "--eval", `${prelude}\n${script}`];
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: root });
  return JSON.parse(stdout);
}

/** A state of 2,000 accounts and a contract of 2,000 slots, and a block that changes half of them. */
const prelude = `
  const { applyDiff, TriesThread } = await import("./dist/core/state/index.js");
  const { emptyTxRoot, emptyCodeHash } = await import("./dist/core/types/index.js");
  const { nodeHost } = await import("./dist/host/node/index.js");
  const { orderedRoot } = await import("./dist/trie/index.js");
  const { ByteMap, toHex } = await import("./dist/util/index.js");
  const { isDeepStrictEqual } = await import("node:util");
  const bytes = (n, length) => { const b = new Uint8Array(length); new DataView(b.buffer).setUint32(0, n); return b; };
  const bytes32 = (n) => { const b = new Uint8Array(32); new DataView(b.buffer).setUint32(28, n); return b; };
  const row = (n, balance, storageRoot, storage) => ({
    address: bytes(n, 20), storageRoot, storageCleared: false, storage,
    account: balance === 0 ? undefined : { nonce: 1n, balance: BigInt(balance), codeHash: emptyCodeHash },
  });
  const numbers = Array.from({ length: 2000 }, (_, i) => i);
  const slots = (value, every) => numbers.filter((n) => n % every === 0).map((n) => [bytes(n, 32), value(n)]);
  const nodes = new ByteMap();
  const first = applyDiff(nodes, emptyTxRoot, { accounts: numbers.map((n) =>
    row(n, 1, undefined, n === 1 ? slots(() => Uint8Array.of(5), 1) : [])) });
  for (const [hash, node] of first.nodes) nodes.set(hash, node);
  const contract = first.changes[1].account.storageRoot;
  const diff = { accounts: numbers.filter((n) => n % 2 === 1).map((n) => n === 1
    ? row(1, 2, contract, slots((n) => (n % 4 === 0 ? new Uint8Array(0) : Uint8Array.of(9)), 2))
    : row(n, n % 3, undefined, [])) };
  const pace = () => undefined;
  const { clock, threads } = nodeHost();
  const thread = new TriesThread({ clock, threads });
`;

test("the thread gives the update of the present path, and the roots of long lists; then the process ends by itself", async () => {
  const outcome = await run(`
    const here = applyDiff(nodes, first.root, diff);
    const there = await thread.update(nodes, first.root, diff, { pace });
    const again = await thread.update(nodes, first.root, diff, { pace });
    const items = numbers.map((n) => bytes(n, 100));
    const list = await thread.listRoot(items, {});
    console.log(JSON.stringify([
      isDeepStrictEqual(there, here), isDeepStrictEqual(again, here), toHex(list) === toHex(orderedRoot(items)),
    ]));`);
  expect(outcome).toEqual([true, true, true]);
});

test("an abort in the middle throws its reason; the next block is done by another thread; a stop leaves nothing", async () => {
  const outcome = await run(`
    const stopping = new AbortController();
    const slow = { get: (hash) => { stopping.abort(new Error("stop")); return nodes.get(hash); } };
    const error = await thread.update(slow, first.root, diff, { pace, signal: stopping.signal }).catch((e) => e.message);
    const next = await thread.update(nodes, first.root, diff, { pace });
    const same = isDeepStrictEqual(next, applyDiff(nodes, first.root, diff));
    await thread[Symbol.asyncDispose]();
    const none = await thread.update(nodes, first.root, diff, { pace });
    const left = process.getActiveResourcesInfo().filter((name) => name === "MessagePort").length;
    console.log(JSON.stringify([error, same, none === undefined, left]));`);
  expect(outcome).toEqual(["stop", true, true, 0]);
});

test("a process without leave to start threads leaves it to the caller", async () => {
  const flag =
    Number(process.versions.node.split(".")[0]) < 24 ? "--experimental-permission" : "--permission";
  const flags = [flag, "--no-warnings", "--allow-fs-read=*", "--allow-addons"];
  const outcome = await run(
    `console.log(JSON.stringify([(await thread.update(nodes, first.root, diff, { pace })) === undefined]));`,
    flags,
  );
  expect(outcome).toEqual([true]);
});

test("a chain on LevelDB takes large blocks by the thread: every root is the header's, and all state stands after a new start", async () => {
  const world = sealedWorld();
  const blocks = [];
  for (let number = 0; number < 3; number++) {
    const fill = world.maker.send(1, stateContract, 18_100_000n, 0n, fillCall(number * 300, 300));
    blocks.push(await world.seal(world.chain.head, [fill]));
  }
  const folder = mkdtempSync(join(tmpdir(), "glim-tries-"));
  try {
    const given = {
      genesis: formatGenesis(world.spec),
      blocks: blocks.map((block) => Buffer.from(encodeBlock(block)).toString("hex")),
    };
    writeFileSync(join(folder, "given.json"), JSON.stringify(given));
    const outcome = await run(`
      const { readFileSync } = await import("node:fs");
      const { BlockChain } = await import("./dist/core/index.js");
      const { decodeBlock } = await import("./dist/core/types/index.js");
      const { Clique } = await import("./dist/consensus/clique/index.js");
      const { openLevelStore } = await import("./dist/ethdb/index.js");
      const { parseGenesis } = await import("./dist/params/index.js");
      const { fromHex } = await import("./dist/util/index.js");
      const folder = ${JSON.stringify(folder)};
      const given = JSON.parse(readFileSync(folder + "/given.json", "utf8"));
      const genesis = parseGenesis(given.genesis);
      const done = [];
      const counted = {
        update: async (...args) => { const update = await thread.update(...args); done.push(update !== undefined); return update; },
        listRoot: (...args) => thread.listRoot(...args),
      };
      const open = async () => {
        const db = await openLevelStore(folder + "/db");
        return { db, chain: new BlockChain({ db, genesis, engine: new Clique(genesis.config.clique, db), clock: nodeHost().clock, tries: counted }) };
      };
      const before = await open();
      await before.chain.insertBlocks(given.blocks.map((hex) => decodeBlock(fromHex(hex))));
      await before.chain.flush();
      await before.db.close();
      const after = await open();
      const state = after.chain.state(after.chain.head);
      let filled = 0;
      for (let i = 0; i < 900; i++) {
        const value = await state.storage(fromHex("${toHex(stateContract)}"), bytes32(i));
        if (BigInt(toHex(value)) === BigInt(i + 1)) filled++;
      }
      await after.db.close();
      await thread[Symbol.asyncDispose]();
      console.log(JSON.stringify([done, after.chain.head.number, filled]));`);
    expect(outcome).toEqual([[true, true, true], 3, 900]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

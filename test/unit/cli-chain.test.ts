// The commands that work on a chain, as a user starts them: init, import, export, verify, set-head, node.
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import { exportChain } from "#core";
import { deleteReceipts } from "#core/rawdb";
import { encodeBlock, makeHeader } from "#core/types";
import { openLevelStore } from "#ethdb";
import { formatGenesis, type Genesis } from "#params";
import { concatBytes, toHex } from "#util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { sealedWorld, type SealedWorld } from "../kit/chains.ts";
import { minerKey } from "../kit/geth.ts";
import { jsonRpc } from "../kit/json-rpc.ts";
import { SECONDS_MS, startProgram } from "../kit/program.ts";
import { until } from "../kit/until.ts";

const folder = mkdtempSync(join(tmpdir(), "glim chain "));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const BLOCKS = 24;
const genesisFile = join(folder, "genesis.json");
const chainFile = join(folder, "chain.rlp");
let world: SealedWorld;
let whole: Uint8Array;

const glim = (...args: string[]) => startProgram([join("dist", "cli", "main.js"), ...args]);
async function run(...args: string[]) {
  await using program = glim(...args);
  const code = await program.ended();
  return { code, output: program.output() };
}
const at = (name: string) => join(folder, name);
const headLine = (number: number) =>
  `head       #${number} ${toHex(world.chain.headerByNumber(number)?.hash ?? new Uint8Array())}`;
const writeGenesisFile = (path: string, genesis: Genesis) =>
  writeFileSync(path, JSON.stringify(formatGenesis(genesis)));

/** A data directory with the whole chain in it. */
async function imported(name: string): Promise<string> {
  const datadir = at(name);
  const { code, output } = await run("import", chainFile, "--genesis", genesisFile, "--datadir", datadir);
  expect(output).toContain(headLine(BLOCKS));
  expect(code).toBe(0);
  return datadir;
}

/** Every file of a folder by the hash of what is in it. */
function hashesOf(path: string): Record<string, string> {
  const found: Record<string, string> = {};
  for (const entry of readdirSync(path, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const file = join(entry.parentPath, entry.name);
    found[relative(path, file)] =
      `${createHash("sha256").update(readFileSync(file)).digest("hex")} ${statSync(file).mtimeMs}`;
  }
  return found;
}

beforeAll(async () => {
  world = sealedWorld({ forks: "istanbul" });
  for (let i = 0; i < BLOCKS; i++) await world.next();
  whole = concatBytes(...exportChain(world.chain));
  writeFileSync(chainFile, whole);
  writeGenesisFile(genesisFile, world.spec);
});

test.each(["node", "init", "import", "export", "verify", "set-head"])(
  "glim %s --help lists its flags",
  async (name) => {
    const { code, output } = await run(name, "--help");
    expect(code).toBe(0);
    expect(output).toContain(`usage: glim ${name}`);
    expect(output).toMatch(/^ {2}--datadir DIR/m);
  },
);

test("--gcmode full keeps the states that were written, and verify says so; a word that is none is refused", async () => {
  const on = ["--genesis", genesisFile, "--datadir", at("pruned")];
  const bad = await run("import", chainFile, "--gcmode", "some", ...on);
  expect(bad.output).toMatch(/--gcmode: "some" is not one of full, archive/);
  expect(bad.code).toBe(2);
  expect((await run("import", chainFile, "--gcmode", "full", "--cache", "64", ...on)).code).toBe(0);
  const { output, code } = await run("verify", "--states", "1", "--datadir", at("pruned"));
  // the genesis, the head and the one before, and one by the way
  expect(output).toMatch(/^state {6}4 states, \d+ trie nodes, \d+ codes, 21 states not kept$/m);
  expect([code, output]).toEqual([0, expect.stringMatching(/^findings {3}0$/m)]);
});

test("init, import, verify, export: what comes out is what went in, packed or not", async () => {
  const datadir = at("whole way");
  const on = ["--datadir", datadir];
  const made = await run("init", genesisFile, ...on);
  expect(made).toEqual({
    code: 0,
    output: `genesis    ${toHex(world.chain.genesis.hash)}\nchain      id 1337, head #0\n`,
  });
  expect((await run("verify", ...on)).output).toMatch(/^findings {3}0$/m); // of a chain that is only a genesis
  // two files, the second packed; the genesis is the one of init
  const [first, second] = [at("first.rlp"), at("second.rlp.gz")];
  writeFileSync(first, concatBytes(...exportChain(world.chain, { from: 0, to: 9 })));
  writeFileSync(second, gzipSync(concatBytes(...exportChain(world.chain, { from: 8 }))));
  const both = await run("import", first, second, ...on);
  expect(both.output).toContain(`imported   9 blocks of ${first}`);
  expect(both.output).toContain(`imported   15 blocks of ${second}`);
  expect(both.output).toContain(headLine(BLOCKS));
  expect(both.code).toBe(0);
  expect((await run("import", second, ...on)).output).toContain("imported   0 blocks");

  const verified = await run("verify", "--states", "1", ...on);
  expect(verified.output).toContain(
    `${headLine(BLOCKS)}\nchecked    25 blocks, 72 transactions\nstate      25 states`,
  );
  expect(verified.output).toMatch(/^findings {3}0$/m);
  expect(verified.code).toBe(0);

  const out = at("out.rlp");
  expect((await run("export", out, ...on)).code).toBe(0);
  expect(Buffer.compare(readFileSync(out), whole)).toBe(0);
  const again = await run("export", out, ...on);
  expect(again).toMatchObject({
    code: 2,
    output: expect.stringContaining("there is such a file already (--force"),
  });
  expect((await run("export", out, "3", "5", "--force", ...on)).output).toBe(
    `exported   3 blocks, #3 to #5, to ${out}\n`,
  );
  expect(
    Buffer.compare(readFileSync(out), concatBytes(...exportChain(world.chain, { from: 3, to: 5 }))),
  ).toBe(0);
  expect((await run("export", `${out}.gz`, ...on)).code).toBe(0);
  expect(Buffer.compare(gunzipSync(readFileSync(`${out}.gz`)), whole)).toBe(0);
  expect(readdirSync(folder).filter((name) => name.endsWith(".part"))).toEqual([]);

  const back = await run("set-head", "10", ...on);
  expect(back).toEqual({ code: 0, output: `${headLine(10)}\n` });
  expect((await run("verify", ...on)).output).toContain(headLine(10));
  expect((await run("import", chainFile, ...on)).output).toContain(headLine(BLOCKS));
  expect((await run("set-head", "25", ...on)).code).toBe(2);
});

describe("refused, with one line and its exit code:", () => {
  const on = ["--genesis", genesisFile, "--datadir", at("refusals")];

  test.each<[string, () => string[], number, RegExp]>([
    ["no data directory", () => ["import", chainFile, "--genesis", genesisFile], 2, /--datadir is missing/],
    ["no genesis", () => ["import", chainFile, "--datadir", at("no genesis")], 2, /--genesis is missing/],
    ["no file", () => ["import", ...on], 2, /FILE is missing/],
    [
      "a file that is not there",
      () => ["import", at("none.rlp"), ...on],
      2,
      /none\.rlp: there is no such file/,
    ],
    ["a folder for a file", () => ["import", folder, ...on], 2, /it is no file/],
    [
      "a chain to verify where there is none",
      () => ["verify", "--datadir", at("nothing")],
      2,
      /there is no chain here yet/,
    ],
    [
      "a chain to export where there is none",
      () => ["export", at("x"), "--datadir", at("nothing")],
      2,
      /there is no chain here yet/,
    ],
    [
      "one number to export",
      () => ["export", at("x"), "3", "--datadir", at("nothing")],
      2,
      /give both numbers, or none/,
    ],
    [
      "a sync mode there is not",
      () => ["node", ...on, "--syncmode", "warp"],
      2,
      /--syncmode: "warp" is not one of full, fast, snap, light/,
    ],
    [
      "sealing without a key",
      () => ["node", ...on, "--mine"],
      2,
      /--mine needs an account that seals .*--miner\.key/,
    ],
    [
      "ST-05 a disk with too little free",
      () => ["import", chainFile, ...on, "--datadir.minfreedisk", "999999999"],
      5,
      /MB are free on the disk of .*, at least 999999999 are needed/,
    ],
    [
      "ST-05 the same for a node",
      () => ["node", ...on, "--datadir.minfreedisk", "999999999", "--port", "0", "--http.port", "0"],
      5,
      /at least 999999999 are needed/,
    ],
  ])("%s", async (_what, args, code, line) => {
    const result = await run(...args());
    expect(result.output).toMatch(line);
    expect(result.output.trimEnd().split("\n")).toHaveLength(1);
    expect(result.code).toBe(code);
  });

  test("files that are cut, packed wrongly, no chain, of another chain, or hold a bad block", async () => {
    const datadir = at("bad files");
    const importing = (name: string, bytes: Uint8Array) => {
      writeFileSync(at(name), bytes);
      return run("import", at(name), "--genesis", genesisFile, "--datadir", datadir);
    };
    expect(await importing("cut.rlp", whole.subarray(0, whole.length - 5))).toMatchObject({
      code: 2,
      output: expect.stringMatching(/the file ends inside the block that begins at byte \d+/),
    });
    expect(await importing("cut.rlp.gz", gzipSync(whole).subarray(0, -20))).toMatchObject({
      code: 2,
      output: expect.stringMatching(/cut\.rlp\.gz: unexpected end of file/),
    });
    expect((await importing("plain.rlp.gz", whole)).output).toMatch(/plain\.rlp\.gz: incorrect header check/);
    expect(await importing("text.rlp", Buffer.from("hello"))).toMatchObject({
      code: 2,
      output: expect.stringContaining("no block begins at byte 0"),
    });
    const other = sealedWorld({ forks: "istanbul", seed: 2 });
    expect(await importing("other.rlp", concatBytes(...exportChain(other.chain)))).toMatchObject({
      code: 2,
      output: expect.stringContaining("incompatible genesis"),
    });
    const block = world.chain.block(world.chain.headerByNumber(BLOCKS) ?? world.chain.head);
    if (block === undefined) throw new Error("no block");
    const bad = { ...block, header: makeHeader({ ...block.header, stateRoot: new Uint8Array(32) }) };
    const result = await importing(
      "bad.rlp",
      concatBytes(...exportChain(world.chain, { to: 23 }), encodeBlock(bad)),
    );
    expect(result).toMatchObject({
      code: 1,
      output: expect.stringMatching(/bad\.rlp: .*\. Blocks up to #\d+ are kept\n$/),
    });
    expect((await run("verify", "--datadir", datadir)).output).toMatch(/^findings {3}0$/m);
  });
});

test("a genesis that gains a fork is taken up; one that changes the past is not", async () => {
  const datadir = await imported("forks");
  const gained = at("gained.json");
  writeGenesisFile(gained, { ...world.spec, config: { ...world.spec.config, berlinBlock: 1000 } });
  expect(await run("init", gained, "--datadir", datadir)).toMatchObject({ code: 0 });
  expect(readFileSync(join(datadir, "glim", "genesis.json"), "utf8")).toContain('"berlinBlock": 1000');
  const changed = at("changed.json");
  writeGenesisFile(changed, { ...world.spec, config: { ...world.spec.config, berlinBlock: 5 } });
  const refused = await run("init", changed, "--datadir", datadir);
  expect(refused.output).toMatch(/mismatching berlinBlock in database \(have 1000, want 5\) at head #24/);
  expect(refused.code).toBe(2);
  expect(readFileSync(join(datadir, "glim", "genesis.json"), "utf8")).toContain('"berlinBlock": 1000');
  expect((await run("verify", "--datadir", datadir)).code).toBe(0);
});

test("verify names what is damaged, exit code 4", async () => {
  const datadir = await imported("damaged");
  {
    await using db = await openLevelStore(join(datadir, "glim", "chaindata"));
    deleteReceipts(db, 7, world.chain.headerByNumber(7)?.hash ?? new Uint8Array());
    await db.flush();
  }
  const { code, output } = await run("verify", "--datadir", datadir);
  expect(output).toMatch(/^findings {3}1\n {2}block #7: there are no receipts\nglim: .*damaged: 1 findings/m);
  expect(code).toBe(4);
});

test("ST-03 F40 a database whose parts are gone is refused with a hint, exit code 4", async () => {
  const datadir = await imported("gone");
  const chaindata = join(datadir, "glim", "chaindata");
  for (const name of readdirSync(chaindata)) if (name.startsWith("MANIFEST")) rmSync(join(chaindata, name));
  const { code, output } = await run("verify", "--datadir", datadir);
  expect(output).toMatch(
    /cannot open the database at .*chaindata: .*Put back a copy of that folder, or remove it/,
  );
  expect(code).toBe(4);
  writeFileSync(join(chaindata, "CURRENT"), "");
  expect((await run("import", chainFile, "--datadir", datadir)).code).toBe(4);
});

test("F42 a database of a newer program: exit code 7, and no byte of it changed", async () => {
  const datadir = await imported("newer");
  const schema = join(datadir, "glim", "chaindata", "SCHEMA");
  expect(readFileSync(schema, "utf8")).toBe("1\n");
  writeFileSync(schema, "2\n");
  const before = hashesOf(datadir);
  const on = ["--datadir", datadir];
  for (const args of [
    ["verify", ...on],
    ["import", chainFile, ...on],
    ["init", genesisFile, ...on],
    ["node", ...on, "--port", "0", "--http.port", "0"],
  ]) {
    const { code, output } = await run(...args);
    expect(output).toMatch(
      /was written by a newer glim \(schema version 2, this one reads 1\); nothing was changed\n$/,
    );
    expect(code).toBe(7);
    expect(hashesOf(datadir)).toEqual(before);
  }
});

test("F04 F43 a database of an older version: exit code 7 and what to do, and no byte of it changed; one without a version is of the first", async () => {
  const datadir = await imported("older");
  const schema = join(datadir, "glim", "chaindata", "SCHEMA");
  writeFileSync(schema, "0\n");
  const before = hashesOf(datadir);
  for (const args of [
    ["verify", "--datadir", datadir],
    ["node", "--datadir", datadir, "--port", "0", "--http.port", "0"],
  ]) {
    const { code, output } = await run(...args);
    expect(output).toMatch(
      /has schema version 0; this glim reads 1 and carries no older one over\. Nothing was changed: .*\n$/,
    );
    expect(code).toBe(7);
    expect(hashesOf(datadir)).toEqual(before);
  }
  writeFileSync(schema, ""); // killed while it was written
  expect((await run("verify", "--datadir", datadir)).code).toBe(0);
  expect(readFileSync(schema, "utf8")).toBe("1\n");
});

test("Ctrl-C stops an import; what was in is kept, and the same command goes on", async () => {
  const vectors = join("test", "vectors", "geth-1.8");
  const datadir = at("stopped");
  const args = [
    join(vectors, "chain-1.8-clique.rlp"),
    "--genesis",
    join(vectors, "genesis-1.8-clique.json"),
    "--datadir",
    datadir,
  ];
  let stoppedAt = 0;
  {
    await using program = glim("import", ...args, "--verbosity", "4");
    await until("blocks on disk", () => /on disk .*block=[1-9]/.test(program.output()) || undefined, 60_000);
    const { code, tookMs } = await program.stop("SIGINT");
    const [, number = ""] =
      /stopped: blocks up to #(\d+) are kept; the same command goes on\n$/.exec(program.output()) ?? [];
    expect(program.output()).toContain("importing");
    expect(code).toBe(1);
    expect(tookMs).toBeLessThan(SECONDS_MS);
    stoppedAt = Number(number);
    expect(stoppedAt).toBeGreaterThan(0);
  }
  const verified = await run("verify", "--datadir", datadir);
  expect(verified.output).toContain(`head       #${stoppedAt} `);
  expect(verified.output).toMatch(/^findings {3}0$/m);
  await using again = glim("import", ...args, "--verbosity", "4");
  await until(
    "more blocks on disk",
    () => new RegExp(`on disk .*block=(?!${stoppedAt}\\b)\\d+`).test(again.output()) || undefined,
    60_000,
  );
  expect((await again.stop("SIGTERM")).code).toBe(1);
});

test("glim node answers for an imported chain, seals on it, serves light nodes, and ends on SIGTERM", async () => {
  const datadir = await imported("node");
  const keyFile = at("miner key");
  writeFileSync(keyFile, minerKey);
  const ports = ["--port", "0", "--http.port", "0"];
  const node = glim(
    "node",
    "--datadir",
    datadir,
    "--mine",
    "--miner.key",
    keyFile,
    "--light.serve",
    "50",
    ...ports,
  );
  await using _node = node;
  await node.prints(/^chain {6}id 1337, head #\d+ 0x\w+\nsealing {4}as 0x/m); // it may have sealed already
  const [, url = ""] = await node.prints(/^JSON-RPC\s+(http:\S+)$/m);
  const [, enode = ""] = await node.prints(/^p2p\s+(enode:\S+)$/m);
  const address = enode.replace("[::]", "127.0.0.1");
  using rpc = jsonRpc(url);
  const block = await rpc<{ hash: string }>("eth_getBlockByNumber", ["0x18", false]);
  expect(block.hash).toBe(toHex(world.chain.head.hash));
  expect((await run("import", chainFile, "--datadir", datadir)).code).toBe(3);
  {
    mkdirSync(at("light"));
    await using light = glim(
      "light",
      "--genesis",
      genesisFile,
      "--peer",
      address,
      "--datadir",
      at("light"),
      ...ports,
    );
    await light.prints(/^synced\s+block \d+/m);
  }
  await until(
    "a sealed block",
    async () => (Number(await rpc<string>("eth_blockNumber")) > BLOCKS ? true : undefined),
    30_000,
  );
  {
    // a second full node gets the chain from the first by the eth protocol
    await using peer = glim(
      ...["node", "--genesis", genesisFile, "--datadir", at("peer"), "--peer", address],
      ...ports,
    );
    const [, peerUrl = ""] = await peer.prints(/^JSON-RPC\s+(http:\S+)$/m);
    using peerRpc = jsonRpc(peerUrl);
    await until("the peer's head", async () => Number(await peerRpc<string>("eth_blockNumber")) > BLOCKS);
    expect((await peer.stop("SIGTERM")).code).toBe(0);
    expect((await run("verify", "--datadir", at("peer"))).output).toMatch(/^findings {3}0$/m);
  }
  const end = await node.stop("SIGTERM");
  expect(end.code).toBe(0);
  expect(end.tookMs).toBeLessThan(SECONDS_MS);
  expect((await run("verify", "--datadir", datadir)).output).toMatch(/^findings {3}0$/m);
});

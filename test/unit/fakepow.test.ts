// --fakepow and SKIP_POW: a chain that nobody worked for, taken where that was asked for and nowhere else.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { brotliDecompressSync } from "node:zlib";
import { readBlocks } from "#core";
import { encodeBlock } from "#core/types";
import { admitFakePow } from "#eth";
import { createLogger } from "#log";
import { mainnetGenesisHash } from "#params";
import { concatBytes } from "#util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { jsonRpc } from "../kit/json-rpc.ts";
import { startProgram } from "../kit/program.ts";
import { untar } from "../kit/tar.ts";

const folder = mkdtempSync(join(tmpdir(), "glim fakepow "));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Of the transcripts' chain, whose first blocks are ethash's. */
const BLOCKS = 5;
const genesisFile = join(folder, "genesis.json");
const chainFile = join(folder, "chain.rlp");
const WARNING = /PROOF OF WORK IS NOT CHECKED/;

beforeAll(async () => {
  const files = untar(brotliDecompressSync(readFileSync("test/vectors/execution-apis/tests.tar.br")));
  writeFileSync(genesisFile, files.get("genesis.json") ?? "");
  const blocks: Uint8Array[] = [];
  for await (const { block } of readBlocks([files.get("chain.rlp") ?? new Uint8Array()]))
    if (block.header.number <= BLOCKS) blocks.push(encodeBlock(block));
  writeFileSync(chainFile, concatBytes(...blocks));
});

async function run(...args: string[]) {
  await using program = startProgram([join("dist", "cli", "main.js"), ...args]);
  return { code: await program.ended(), output: program.output() };
}

test("glim import and verify take such blocks with --fakepow, warn once, and refuse them without", async () => {
  const datadir = join(folder, "data");
  const source = [chainFile, "--genesis", genesisFile, "--datadir"];
  const refused = await run("import", ...source, join(folder, "refused"));
  expect(refused.output).toMatch(/invalid (mix digest|proof-of-work)[^]*Blocks up to #0 are kept/);
  expect(refused.output).not.toMatch(WARNING);
  expect(refused.code).toBe(1);
  const taken = await run("import", ...source, datadir, "--fakepow");
  expect(taken.output).toContain(`head       #${BLOCKS} `);
  expect(taken.output.match(new RegExp(WARNING, "g"))).toHaveLength(1);
  expect(taken.code).toBe(0);
  const doubted = await run("verify", "--datadir", datadir);
  expect(doubted.output).toMatch(/findings {3}[1-9]/);
  expect(doubted.code).toBe(4);
  const believed = await run("verify", "--datadir", datadir, "--fakepow");
  expect(believed.output).toMatch(/findings {3}0/);
  expect(believed.output).toMatch(WARNING);
  expect(believed.code).toBe(0);
});

const node = {
  LISTEN_IP: "127.0.0.1",
  P2P_PORT: "0",
  HTTP_PORT: "0",
  GENESIS: genesisFile,
  CHAIN: chainFile,
};

test.each([
  ["SKIP_POW=1", { SKIP_POW: "1" }, BLOCKS],
  ["nothing", {}, 0],
])("scripts/serve-chain with %s", async (name, env, head) => {
  await using program = startProgram([join("scripts", "serve-chain")], {
    ...{ ...node, NODE_DIR: join(folder, name) },
    ...env,
  });
  const [, url = ""] = await program.prints(/^JSON-RPC\s+(http:\S+)$/m);
  using rpc = jsonRpc(url);
  expect(Number(await rpc<string>("eth_blockNumber"))).toBe(head);
  expect(WARNING.test(program.output())).toBe(head > 0);
});

test("glim node --fakepow goes on with such a chain; a light node refuses the flag", async () => {
  await using program = startProgram([
    ...[join("dist", "cli", "main.js"), "node", "--genesis", genesisFile, "--datadir", join(folder, "data")],
    ...["--fakepow", "--nodiscover", "--port", "0", "--http.port", "0", "--no-ws", "--ipcdisable"],
  ]);
  await program.prints(new RegExp(`^chain .*head #${BLOCKS} `, "m"));
  expect(program.output()).toMatch(WARNING);
  expect((await program.stop("SIGTERM")).code).toBe(0);
  const light = await run("light", "--fakepow");
  expect(light.output).toBe("glim: --fakepow: cannot be passed over: every seal is checked here\n");
  expect(light.code).toBe(2);
});

test("never for the main network", () => {
  const lines: string[] = [];
  const log = createLogger({ level: "warn", format: "terminal", write: (line) => lines.push(line) });
  expect(() => admitFakePow(mainnetGenesisHash, log)).toThrow(
    expect.objectContaining({ code: "ETH_MAIN_NETWORK", exitCode: 2 }),
  );
  expect(lines).toEqual([]);
  admitFakePow(new Uint8Array(32), log);
  expect(lines).toHaveLength(1);
});

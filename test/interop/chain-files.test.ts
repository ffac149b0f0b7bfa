// Chain files between geth and us, both ways, by the programs' own commands: what real geth mined and exported goes through
// glim import and glim export, and back into geth.
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { gunzipSync } from "node:zlib";
import { afterAll, expect, test } from "vitest";
import { importFlags, toolFlags } from "../kit/geth-flags.ts";
import { minedChain } from "../kit/geth-mined.ts";
import { type GethVersion, requireGeth, type ServedChain, startGeth } from "../kit/geth.ts";
import { sealedChain } from "../kit/chains.ts";
import { startProgram } from "../kit/program.ts";

const folder = mkdtempSync(join(tmpdir(), "glim-files-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const execute = promisify(execFile);

async function glim(...args: string[]): Promise<string> {
  await using program = startProgram([join("dist", "cli", "main.js"), ...args]);
  const code = await program.ended();
  if (code !== 0) throw new Error(`glim ${args[0]} ended with ${code}:\n${program.output()}`);
  return program.output();
}

/** `geth init`, `geth import` of a file, `geth export` to another; then a node on it, for its head. */
async function throughGeth(
  version: GethVersion,
  binary: string,
  chain: ServedChain,
  file: string,
  out: string,
) {
  const datadir = join(folder, `geth ${version}`);
  const genesis = join(folder, "genesis for geth.json");
  writeFileSync(genesis, JSON.stringify(chain.genesis));
  const run = (flags: string[], ...command: string[]) =>
    execute(binary, [...flags, ...command], { maxBuffer: 64 << 20 });
  await run(toolFlags(version, datadir), "init", genesis);
  await run(importFlags(version, datadir), "import", file);
  await run(importFlags(version, datadir), "export", out);
  await using geth = await startGeth({ version, role: "full", genesis: chain.genesis, datadir });
  return await geth.rpc<{ number: string; hash: string; stateRoot: string }>("eth_getBlockByNumber", [
    "latest",
    false,
  ]);
}

const hashOfHead = (output: string) => /^head {7}#\d+ (0x[0-9a-f]{64})$/m.exec(output)?.[1];

async function there(chain: ServedChain, suffix: string, name: string) {
  const datadir = join(folder, name);
  const genesis = join(folder, `${name}.json`);
  writeFileSync(genesis, JSON.stringify(chain.genesis));
  const imported = await glim("import", chain.file, "--genesis", genesis, "--datadir", datadir);
  expect(imported).toContain(`head       #${chain.head} `);
  expect(await glim("verify", "--datadir", datadir)).toMatch(/^findings {3}0$/m);
  const file = join(folder, `${name}.rlp${suffix}`);
  await glim("export", file, "--datadir", datadir);
  return {
    file,
    hash: hashOfHead(imported),
    bytes: suffix === "" ? readFileSync(file) : gunzipSync(readFileSync(file)),
  };
}

test("what geth 1.9.25 mined and exported comes through glim byte by byte, and goes back into geth", async ({
  skip,
}) => {
  const binary = await requireGeth("1.9.25", skip);
  if (binary === undefined) return;
  const chain = await minedChain();
  const { file, hash, bytes } = await there(chain, "", "mined");
  expect(Buffer.compare(bytes, readFileSync(chain.file))).toBe(0);
  const out = join(folder, "again.rlp");
  const head = await throughGeth("1.9.25", binary, chain, file, out);
  expect(head).toMatchObject({ number: `0x${chain.head.toString(16)}`, hash });
  expect(Buffer.compare(readFileSync(out), bytes)).toBe(0);
});

test("packed files, typed transactions: glim → geth 1.11.6 → glim", async ({ skip }) => {
  const binary = await requireGeth("1.11.6", skip);
  if (binary === undefined) return;
  const chain = await sealedChain({ blocks: 120, accounts: 2000, forks: "london" });
  const { file, hash, bytes } = await there(chain, ".gz", "sealed");
  const out = join(folder, "packed again.rlp.gz");
  const head = await throughGeth("1.11.6", binary, chain, file, out);
  expect(head).toMatchObject({ number: `0x${chain.head.toString(16)}`, hash });
  expect(Buffer.compare(gunzipSync(readFileSync(out)), bytes)).toBe(0);
  const datadir = join(folder, "back");
  const genesis = join(folder, "sealed.json");
  expect(hashOfHead(await glim("import", out, "--genesis", genesis, "--datadir", datadir))).toBe(hash);
});

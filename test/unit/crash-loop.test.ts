// ST-09: what crashed a node is still on its disk at the restart. After three crashes it is put aside.
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { formatGenesis } from "#params";
import { sealedWorld } from "../kit/chains.ts";
import { startProgram } from "../kit/program.ts";

const folder = mkdtempSync(join(tmpdir(), "glim-loop-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("ST-09 after three crashes in ten minutes the kept transactions are put aside; an orderly end forgets them", async () => {
  const genesis = join(folder, "genesis.json");
  writeFileSync(genesis, JSON.stringify(formatGenesis(sealedWorld().spec)));
  const instance = join(folder, "data", "glim");
  mkdirSync(instance, { recursive: true, mode: 0o700 });
  const poison = Buffer.from("f86c poison"); // what a journal holds that no test can know of
  const journal = join(instance, "transactions.rlp");
  const offline = ["--port", "0", "--no-http", "--no-ws", "--ipcdisable"];
  const run = async (end: "SIGKILL" | "SIGTERM") => {
    await using node = startProgram([
      ...[
        join("dist", "cli", "main.js"),
        "node",
        "--genesis",
        genesis,
        "--datadir",
        join(folder, "data"),
        ...offline,
      ],
    ]);
    await node.prints(/^chain\s/m);
    const { code } = await node.stop(end);
    return { code, output: node.output() };
  };
  for (let crash = 0; crash < 3; crash++) {
    writeFileSync(journal, poison);
    const { output } = await run("SIGKILL");
    expect(output.includes("did not end in order")).toBe(crash > 0);
    expect(readdirSync(instance)).not.toContain("transactions.rlp.quarantined");
  }
  writeFileSync(journal, poison);
  const { code, output } = await run("SIGTERM");
  expect(output).toContain("the kept local transactions are put aside");
  expect(code).toBe(0);
  expect(readFileSync(`${journal}.quarantined`)).toEqual(poison);
  expect(readdirSync(instance)).not.toContain("running");
  expect((await run("SIGTERM")).output).not.toContain("did not end in order");
});

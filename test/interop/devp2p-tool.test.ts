// Geth's own tool for testing other nodes, against the conformance entry: every case of its eth suite (eth/66 to 68).
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { requireGeth } from "../kit/geth.ts";
import { startProgram } from "../kit/program.ts";

/** What the tool printed, whatever its exit code. */
const run = (program: string, args: readonly string[]): Promise<string> =>
  new Promise((resolve) => {
    execFile(program, args, { timeout: 240_000, maxBuffer: 1 << 26 }, (_error, out, err) =>
      resolve(out + err),
    );
  });

test("devp2p rlpx eth-test of geth 1.11.6: all 16 cases", async ({ skip }) => {
  const devp2p = await requireGeth("1.11.6", skip, "devp2p");
  if (devp2p === undefined) return;
  const chain = join(dirname(devp2p), "testdata");
  const folder = mkdtempSync(join(tmpdir(), "glim-devp2p-"));
  try {
    await using node = startProgram([join("scripts", "serve-chain")], {
      ...{ NODE_DIR: folder, GENESIS: join(chain, "genesis.json"), CHAIN: join(chain, "halfchain.rlp") },
      ...{ NETWORK_ID: "19763", LISTEN_IP: "127.0.0.1", P2P_PORT: "0", HTTP_PORT: "0" },
      ...{ SYNC_MODE: "full", LES_SERVE: "0", BOOTNODES: "", DISCOVERY: "0" },
    });
    const [, enode = ""] = await node.prints(/^p2p\s+(enode:\S+)$/m);
    const said = await run(devp2p, [
      "rlpx",
      "eth-test",
      enode,
      join(chain, "chain.rlp"),
      join(chain, "genesis.json"),
    ]);
    expect(said.match(/^-- FAIL .*$/gm), said.slice(-5_000)).toBeNull();
    expect(said).toMatch(/^16\/16 tests passed\.$/m);
    expect((await node.stop("SIGTERM")).code).toBe(0);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

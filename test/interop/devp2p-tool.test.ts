// Geth's own tool for testing other nodes, against the conformance entry: every case of its eth suite (eth/66 to 69) but those that ask for
// a pool of blobs.
import { execFile } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
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

const conformance = {
  ...{ LISTEN_IP: "127.0.0.1", P2P_PORT: "0", HTTP_PORT: "0" },
  ...{ SYNC_MODE: "full", LES_SERVE: "0", BOOTNODES: "", DISCOVERY: "0" },
};

/** The consensus layer that the newer tool tells its head to: our node has no such door, and has that head from CHAIN. */
async function nodsToEverything(): Promise<AsyncDisposable & { url: string }> {
  const result = {
    payloadStatus: { status: "VALID", latestValidHash: null, validationError: null },
    payloadId: null,
  };
  const server = createServer((request, response) => {
    request.resume().on("end", () => {
      response.setHeader("content-type", "application/json");
      response.end(JSON.stringify({ jsonrpc: "2.0", id: 1, result }));
    });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await once(server.close(), "close");
    },
  };
}

test("devp2p rlpx eth-test of geth 1.17.5: the 17 cases that ask for no blob", async ({ skip }) => {
  const devp2p = await requireGeth("1.17.5", skip, "devp2p");
  if (devp2p === undefined) return;
  const chain = join(dirname(devp2p), "testdata");
  const { config } = JSON.parse(readFileSync(join(chain, "genesis.json"), "utf8"));
  const folder = mkdtempSync(join(tmpdir(), "glim-devp2p-"));
  try {
    await using engine = await nodsToEverything();
    await using node = startProgram([join("scripts", "serve-chain")], {
      ...{ NODE_DIR: folder, GENESIS: join(chain, "genesis.json"), CHAIN: join(chain, "chain.rlp") },
      ...{ ...conformance, NETWORK_ID: String(config.chainId) },
    });
    const [, enode = ""] = await node.prints(/^p2p\s+(enode:\S+)$/m);
    const said = await run(devp2p, [
      ...["rlpx", "eth-test", "--run", "^([^BT]|BlockRange|Transaction)", "--chain", chain, "--node", enode],
      ...["--engineapi", engine.url, "--jwtsecret", `0x${"11".repeat(32)}`],
    ]);
    expect(said.match(/^-- FAIL .*$/gm), said.slice(-5_000)).toBeNull();
    expect(said).toMatch(/^17\/17 tests passed\.$/m);
    expect((await node.stop("SIGTERM")).code).toBe(0);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test("devp2p rlpx eth-test of geth 1.11.6: all 16 cases", async ({ skip }) => {
  const devp2p = await requireGeth("1.11.6", skip, "devp2p");
  if (devp2p === undefined) return;
  const chain = join(dirname(devp2p), "testdata");
  const folder = mkdtempSync(join(tmpdir(), "glim-devp2p-"));
  try {
    await using node = startProgram([join("scripts", "serve-chain")], {
      ...{ NODE_DIR: folder, GENESIS: join(chain, "genesis.json"), CHAIN: join(chain, "halfchain.rlp") },
      ...{ ...conformance, NETWORK_ID: "19763" },
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

// Discovery v5.1 against geth: its own test tool, and nodes of two versions and ours that know nothing but one boot node and
// have v4 turned off.
import { execFile, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { generateKey } from "#crypto";
import { type Enode, LocalNode, logDistance, NodeDatabase, parseEnode, parseNode } from "#enode";
import { nodeHost } from "#host/node";
import { Discv5 } from "#p2p/discv5";
import { parseGenesis } from "#params";
import { describe, expect, test } from "vitest";
import { mergedGenesis } from "../kit/engine.ts";
import { type FullNode, startFullNode } from "../kit/full-node.ts";
import { cliqueGenesis, type Geth, type GethVersion, requireGeth, startGeth } from "../kit/geth.ts";
import { jsonRpc } from "../kit/json-rpc.ts";
import { startProgram } from "../kit/program.ts";
import { until } from "../kit/until.ts";

const host = nodeHost();
const genesis = cliqueGenesis(`0x${"11".repeat(20)}`, {}, 15);
const merged = mergedGenesis();

/** What a tool printed, whatever its exit code. */
const run = (program: string, args: readonly string[]): Promise<string> =>
  new Promise((resolve) => {
    execFile(program, args, { timeout: 60_000 }, (_error, out, err) => resolve(out + err));
  });

/**
 * Each tool's cases that nobody can pass who passes the other's: 1.11.6 wants a new challenge for a second packet before the
 * handshake, 1.17.5 the first one again, as the specification does now (and DI-09).
 */
const refused = { "1.11.6": ["PingHandshakeInterrupted"], "1.17.5": [] } as const;

describe("devp2p discv5 test", () => {
  for (const version of ["1.11.6", "1.17.5"] as const)
    test(`of geth ${version}: its cases against serve-chain`, async ({ skip }) => {
      const devp2p = await requireGeth(version, skip, "devp2p");
      if (devp2p === undefined) return;
      const folder = mkdtempSync(join(tmpdir(), "glim-discv5-"));
      try {
        await using node = startProgram([join("scripts", "serve-chain")], {
          ...{ NODE_DIR: folder, GENESIS: "test/vectors/geth-1.8/genesis-1.8-clique.json", CHAIN: "" },
          ...{ NETWORK_ID: "7", LISTEN_IP: "127.0.0.1", P2P_PORT: "0", HTTP_PORT: "0" },
          ...{ SYNC_MODE: "full", LES_SERVE: "0", BOOTNODES: "", DISCOVERY: "1" },
        });
        using rpc = jsonRpc((await node.prints(/^JSON-RPC\s+(http:\S+)$/m))[1] ?? "");
        const { enr } = await rpc<{ enr: string }>("admin_nodeInfo");
        const listen = ["--listen1", "127.0.0.1", "--listen2", "127.0.0.2"];
        const said = await run(devp2p, ["discv5", "test", ...listen, enr]);
        const failed = [...said.matchAll(/^-- FAIL (\w+)/gm)].map(([, name]) => name);
        expect(failed, said).toEqual(refused[version]);
        expect(said, said).toContain(`${7 - failed.length}/7 tests passed.`);
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    });
});

/** Asks nodes what their tables hold; is in nobody's way: it has no listener and closes at the end. */
async function startProbe() {
  const key = generateKey();
  const localNode = new LocalNode({ key, database: await NodeDatabase.open(host.clock), clock: host.clock });
  const socket = await host.net.bindUdp({ host: "127.0.0.1", port: 0 });
  localNode.setFallbackIp("127.0.0.1");
  localNode.setFallbackUdp(socket.local.port);
  const discv5 = new Discv5({ key, localNode }, { ...host, socket });
  return {
    /** Whether the table of `whose` holds the record of `whom`. */
    async holds(whose: Enode, whom: Enode): Promise<boolean> {
      const found = await discv5.findnode(whose, [logDistance(whose.id, whom.id)]);
      return found?.some(({ id, record }) => id === whom.id && record !== undefined) ?? false;
    },
    async [Symbol.asyncDispose]() {
      await discv5.close();
      await socket.close();
    },
  };
}

/** A boot node of geth's: its tool, listening. It has no boot nodes itself: by default they are those of mainnet. */
async function startGethBootnode(devp2p: string): Promise<{ url: string } & Disposable> {
  const free = await host.net.bindUdp({ host: "127.0.0.1", port: 0 });
  await free.close();
  const addr = `127.0.0.1:${free.local.port}`;
  const args = ["discv5", "listen", "--addr", addr, "--extaddr", addr, "--bootnodes", ""];
  const child = spawn(devp2p, args, { stdio: ["ignore", "pipe", "pipe"] });
  let out = "";
  child.stdout.on("data", (chunk: Buffer) => {
    out += chunk.toString();
  });
  const [url] = await until("geth's boot node", () => /enr:\S+/.exec(out) ?? undefined);
  return { url, [Symbol.dispose]: () => void child.kill("SIGKILL") };
}

interface Found {
  readonly name: string;
  readonly node: Enode;
}

async function ofGeth({ version, rpc }: Geth): Promise<Found> {
  const { enr } = await rpc<{ enr: string }>("admin_nodeInfo");
  return { name: `geth ${version}`, node: parseNode(enr) };
}

const ofGlim = (name: string, { node }: FullNode): Found => ({
  name,
  node: parseNode(node.server?.self.enr ?? ""),
});

/** Waits until every node's record stands in every other's table, or is what a lookup there finds. */
async function expectAllFound(all: readonly Found[], isFound: (by: Found, whom: Found) => Promise<boolean>) {
  let missing = all.flatMap((by) => all.filter((whom) => whom !== by).map((whom) => ({ by, whom })));
  await until(
    "everybody to find everybody",
    async () => {
      const still: typeof missing = [];
      for (const pair of missing) if (!(await isFound(pair.by, pair.whom))) still.push(pair);
      missing = still;
      return missing.length === 0;
    },
    55_000,
  ).catch((cause: unknown) => {
    const names = missing.map(({ by, whom }) => `${whom.name} by ${by.name}`).join(", ");
    throw new Error(`not found: ${names}`, { cause });
  });
}

/** Discovery v5.1 alone: 1.11.6 has it beside v4 or instead of it, 1.17.5 has both unless told otherwise. */
const onlyV5: Partial<Record<GethVersion, readonly string[]>> = {
  "1.11.6": ["--nodiscover", "--v5disc"],
  "1.17.5": ["--discovery.v4=false", "--discovery.v5"],
};
const versions: readonly GethVersion[] = ["1.11.6", "1.17.5"];

async function meet(bootnode: string) {
  const bootnodes = [bootnode];
  await using probe = await startProbe();
  await using stack = new AsyncDisposers();
  const geths = await Promise.all(
    versions.map(async (version) =>
      stack.use(
        await startGeth({
          ...{ version, role: "full", bootnodes, flags: onlyV5[version] },
          genesis: version === "1.17.5" ? merged : genesis,
        }),
      ),
    ),
  );
  const glim = stack.use(await startFullNode({ spec: parseGenesis(genesis), bootnodes, discovery: "v5" }));
  const glimMerged = stack.use(
    await startFullNode({ spec: parseGenesis(merged), bootnodes, discovery: "v5" }),
  );
  for (const { node } of [glim, glimMerged]) expect(node.server?.discv4).toBeUndefined();
  const all = [
    ...(await Promise.all(geths.map(ofGeth))),
    ofGlim("glim", glim),
    ofGlim("glim after the merge", glimMerged),
  ];
  await expectAllFound(all, (by, whom) => probe.holds(by.node, whom.node));
  // one genesis and one fork id: peers
  for (const geth of geths) {
    const { server } = (geth.version === "1.17.5" ? glimMerged : glim).node;
    const { id } = parseEnode(geth.enode);
    await until(`geth ${geth.version} and glim to be peers`, () => server?.peers.has(id));
  }
  // what is of another chain is no peer
  expect(glim.node.server?.peers.has(glimMerged.node.server?.self.id ?? "")).toBe(false);
}

/** Disposes of what it was given. */
class AsyncDisposers implements AsyncDisposable {
  readonly #resources: AsyncDisposable[] = [];
  use<T extends AsyncDisposable>(resource: T): T {
    this.#resources.push(resource);
    return resource;
  }
  async [Symbol.asyncDispose]() {
    await Promise.all(this.#resources.map((resource) => resource[Symbol.asyncDispose]()));
  }
}

test("geth 1.11.6, 1.17.5 and glim find each other over v5.1 from glim's boot node", async ({ skip }) => {
  for (const version of versions) if ((await requireGeth(version, skip)) === undefined) return;
  await using boot = startProgram(["dist/cli/main.js", "bootnode", "--addr", "127.0.0.1:0"]);
  const [url = ""] = await boot.prints(/^enr:\S+$/m);
  await meet(url);
});

test("the same from geth's boot node", async ({ skip }) => {
  for (const version of versions) if ((await requireGeth(version, skip)) === undefined) return;
  const devp2p = await requireGeth("1.17.5", skip, "devp2p");
  if (devp2p === undefined) return;
  using boot = await startGethBootnode(devp2p);
  await meet(boot.url);
});

test("the file of glim crawl is one that geth's tool reads", async ({ skip }) => {
  const devp2p = await requireGeth("1.17.5", skip, "devp2p");
  if (devp2p === undefined) return;
  const folder = mkdtempSync(join(tmpdir(), "glim-crawl-"));
  try {
    await using boot = startProgram(["dist/cli/main.js", "bootnode", "--addr", "127.0.0.1:0"]);
    const [url = ""] = await boot.prints(/^enr:\S+$/m);
    const out = join(folder, "nodes.json");
    await using crawl = startProgram(["dist/cli/main.js", "crawl", "--bootnodes", url, "--out", out]);
    expect(await crawl.ended()).toBe(0);
    expect(await run(devp2p, ["nodeset", "info", out])).toContain("Set contains 1 nodes.");
    // and the other way: what geth's tool has written is read and goes on
    await run(devp2p, ["discv5", "crawl", "--timeout", "1s", "--bootnodes", "", out]);
    await using again = startProgram(["dist/cli/main.js", "crawl", "--v5", "--out", out]);
    expect(await again.ended()).toBe(0);
    expect(again.output()).toMatch(/^1 nodes by v5/m);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

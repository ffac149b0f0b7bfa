// Discovery v4 against geth: its own test tool, and nodes of three versions and ours that know nothing but one boot node.
import { execFile, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { generateKey } from "#crypto";
import { type Enode, LocalNode, NodeDatabase, parseEnode, parseNode } from "#enode";
import { nodeHost } from "#host/node";
import { Discv4 } from "#p2p/discv4";
import { parseGenesis } from "#params";
import { describe, expect, test } from "vitest";
import { mergedGenesis } from "../kit/engine.ts";
import { type FullNode, startFullNode } from "../kit/full-node.ts";
import { cliqueGenesis, type Geth, type GethVersion, requireGeth, startGeth } from "../kit/geth.ts";
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

describe("devp2p discv4 test", () => {
  for (const [version, cases] of [
    ["1.11.6", 14],
    ["1.17.5", 15],
  ] as const)
    test(`of geth ${version}: all ${cases} cases against serve-chain`, async ({ skip }) => {
      const devp2p = await requireGeth(version, skip, "devp2p");
      if (devp2p === undefined) return;
      const folder = mkdtempSync(join(tmpdir(), "glim-discv4-"));
      try {
        await using node = startProgram([join("scripts", "serve-chain")], {
          ...{ NODE_DIR: folder, GENESIS: "test/vectors/geth-1.8/genesis-1.8-clique.json", CHAIN: "" },
          ...{ NETWORK_ID: "7", LISTEN_IP: "127.0.0.1", P2P_PORT: "0", HTTP_PORT: "0" },
          ...{ SYNC_MODE: "full", LES_SERVE: "0", BOOTNODES: "", DISCOVERY: "1" },
        });
        const [, enode = ""] = await node.prints(/^p2p\s+(enode:\S+)$/m);
        const listen = ["--listen1", "127.0.0.1", "--listen2", "127.0.0.2"];
        const said = await run(devp2p, ["discv4", "test", ...listen, "--remote", enode]);
        expect(said, said).toContain(`${cases}/${cases} tests passed.`);
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
  const discv4 = new Discv4({ key, localNode }, { ...host, socket });
  return {
    /** Whether the table of `whose` holds `whom`. */
    async holds(whose: Enode, whom: Enode): Promise<boolean> {
      const found = await discv4.findnode(whose, whom.publicKey);
      return found?.some(({ id }) => id === whom.id) ?? false;
    },
    async [Symbol.asyncDispose]() {
      await discv4.close();
      await socket.close();
    },
  };
}

/** A boot node of geth's: its tool, listening. */
async function startGethBootnode(devp2p: string): Promise<{ url: string } & Disposable> {
  const free = await host.net.bindUdp({ host: "127.0.0.1", port: 0 });
  await free.close();
  const addr = `127.0.0.1:${free.local.port}`;
  const child = spawn(devp2p, ["discv4", "listen", "--bootnodes", "", "--addr", addr, "--extaddr", addr], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let out = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (chunk: Buffer) => {
      out += chunk.toString();
    });
  const [url] = await until("geth's boot node", () => /enode:\/\/\S+|enr:\S+/.exec(out) ?? undefined);
  return { url, [Symbol.dispose]: () => void child.kill("SIGKILL") };
}

interface Found {
  readonly name: string;
  readonly node: Enode;
  readonly peers: () => Promise<readonly string[]>;
}

const ofGeth = (geth: Geth): Found => ({
  name: `geth ${geth.version}`,
  node: parseEnode(geth.enode),
  peers: async () => (await geth.rpc<{ id: string }[]>("admin_peers")).map(({ id }) => id),
});

const ofGlim = (name: string, { node }: FullNode): Found => ({
  name,
  node: parseNode(node.server?.self.enr ?? ""),
  peers: async () => [...(node.server?.peers.keys() ?? [])],
});

/** Waits until every node stands in every other's table or is its peer. */
async function expectAllFound(all: readonly Found[], missingOf: (a: Found, b: Found) => Promise<boolean>) {
  const pairs = all.flatMap((a) => all.filter((b) => b !== a).map((b) => [a, b] as const));
  let missing = pairs;
  await until(
    "everybody to find everybody",
    async () => {
      const still: typeof missing = [];
      for (const [a, b] of missing) if (await missingOf(a, b)) still.push([a, b]);
      missing = still;
      return missing.length === 0;
    },
    55_000,
  ).catch((cause: unknown) => {
    throw new Error(`not found: ${missing.map(([a, b]) => `${b.name} by ${a.name}`).join(", ")}`, { cause });
  });
}

async function meet(bootnode: string, gethVersions: readonly GethVersion[]) {
  const bootnodes = [bootnode];
  await using probe = await startProbe();
  await using stack = new AsyncStack();
  const geths = await Promise.all(
    gethVersions.map((version) =>
      startGeth({ version, role: "full", genesis: version === "1.17.5" ? merged : genesis, bootnodes }),
    ),
  );
  for (const geth of geths) stack.use(geth);
  const glim = stack.use(await startFullNode({ spec: parseGenesis(genesis), bootnodes }));
  const glimMerged = stack.use(await startFullNode({ spec: parseGenesis(merged), bootnodes }));
  const all = [...geths.map(ofGeth), ofGlim("glim", glim)];
  await expectAllFound(all, async (a, b) => {
    if ((await a.peers()).includes(b.node.id)) return false;
    return !(await probe.holds(a.node, b.node));
  });
  // one genesis and one fork id: peers
  for (const geth of geths) {
    const { server } = (geth.version === "1.17.5" ? glimMerged : glim).node;
    await until(`geth ${geth.version} and glim to be peers`, () =>
      server?.peers.has(parseEnode(geth.enode).id),
    );
  }
  // what is of another chain is no peer
  expect(glim.node.server?.peers.has(glimMerged.node.server?.self.id ?? "")).toBe(false);
}

/** Disposes of what it was given, last first. */
class AsyncStack implements AsyncDisposable {
  readonly #resources: AsyncDisposable[] = [];
  use<T extends AsyncDisposable>(resource: T): T {
    this.#resources.push(resource);
    return resource;
  }
  async [Symbol.asyncDispose]() {
    await Promise.all(this.#resources.map((resource) => resource[Symbol.asyncDispose]()));
  }
}

const versions: readonly GethVersion[] = ["1.9.25", "1.11.6", "1.17.5"];

test("geth 1.9.25, 1.11.6, 1.17.5 and glim find each other from glim's boot node", async ({ skip }) => {
  for (const version of versions) if ((await requireGeth(version, skip)) === undefined) return;
  await using boot = startProgram(["dist/cli/main.js", "bootnode", "--addr", "127.0.0.1:0"]);
  const [url = ""] = await boot.prints(/^enode:\S+$/m);
  await boot.prints(/^enr:\S+$/m);
  await meet(url, versions);
});

test("the same from geth's boot node", async ({ skip }) => {
  for (const version of versions) if ((await requireGeth(version, skip)) === undefined) return;
  const devp2p = await requireGeth("1.17.5", skip, "devp2p");
  if (devp2p === undefined) return;
  using boot = await startGethBootnode(devp2p);
  await meet(boot.url, versions);
});

test("a geth is the boot node of glim, and learns of it", async ({ skip }) => {
  if ((await requireGeth("1.11.6", skip)) === undefined) return;
  await using geth = await startGeth({ version: "1.11.6", role: "full", genesis, bootnodes: [] });
  await using glim = await startFullNode({ spec: parseGenesis(genesis), bootnodes: [geth.enode] });
  const { server } = glim.node;
  await until("the geth in our table, with its record", () => {
    const node = server?.discv4?.table.node(parseEnode(geth.enode).id);
    return node?.record !== undefined;
  });
  await until("the geth to be a peer", () => server?.peers.has(parseEnode(geth.enode).id));
  await using probe = await startProbe();
  const us = parseNode(server?.self.enr ?? "");
  await until("us in the table of the geth", () => probe.holds(parseEnode(geth.enode), us));
});

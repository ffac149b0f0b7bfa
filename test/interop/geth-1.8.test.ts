// long: one old geth met in every way; side by side the tests wait once for what it waits for
// geth 1.8.27, the release whose behaviour is our reference: eth/63 and eth/62, les/2, discovery v4, places for peers and key
// files, in both directions. Its nodes wait ten seconds before they first synchronise, so the tests run side by side.
import { execFile } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { beforeAll, describe, expect, test } from "vitest";
import { KeyStore } from "#accounts/keystore";
import { keySigner } from "#consensus/clique";
import { encodeTransaction, signTransaction, type Transaction } from "#core/types";
import { addressOf, type PrivateKey, publicKeyOf } from "#crypto";
import { parseEnode } from "#enode";
import { Ethereum } from "#eth";
import { nodeHost } from "#host/node";
import { LightEthereum } from "#les";
import { silentLogger } from "#log";
import { Node } from "#node";
import { type Genesis, parseGenesis } from "#params";
import { fromHex, toHex } from "#util";
import {
  eventContract,
  filledAccount,
  pingTopic,
  type SealedChain,
  sealedChain,
  stateContract,
} from "../kit/chains.ts";
import { namedKey } from "../kit/clique.ts";
import { type FullNode, type FullNodeOptions, startFullNode } from "../kit/full-node.ts";
import {
  cliqueGenesis,
  type Geth,
  gethBinary,
  minerKey,
  requireGeth,
  type StartGeth,
  startGeth,
} from "../kit/geth.ts";
import { startLesNode } from "../kit/les-node.ts";
import { until } from "../kit/until.ts";

const version = "1.8.27";
/** It speaks to no peer of its own accord for ten seconds, and the machine is busy. */
const patience = 90_000;
const key = fromHex(`0x${minerKey}`) as PrivateKey; // in range
const user = namedKey("user of both nodes");
beforeAll(async () => void (await gethBinary(version))); // built here when it is not there: tests have less time

let made: Promise<SealedChain> | undefined;
/** The chain that both sides read: made once, by whoever asks first. */
const chainOf200 = () =>
  (made ??= sealedChain({ blocks: 200, accounts: 2000, branch: { from: 180, blocks: 30 } }));

const start = (how: Omit<StartGeth, "version">) => startGeth({ version, ...how });
const word = (i: number) => `0x${i.toString(16).padStart(64, "0")}`;

const transfer = (nonce: number | bigint, from = user, value = 77n): Transaction =>
  signTransaction(
    {
      ...{ type: 0, chainId: 1337n, nonce: BigInt(nonce), gasPrice: 2_000_000_000n, gas: 21_000n },
      ...{ to: new Uint8Array(20).fill(0xaa), value, input: new Uint8Array() },
    },
    from,
  );
const rawOf = (tx: Transaction) => toHex(encodeTransaction(tx));

/** A network with a block a second and two rich users, sealed by the miner key. */
function network() {
  const signer = toHex(addressOf(publicKeyOf(key)));
  const rich = { balance: "0x100000000000000000000000" };
  const userAddress = toHex(addressOf(publicKeyOf(user)));
  return cliqueGenesis(signer, { [signer.slice(2)]: rich, [userAddress.slice(2)]: rich });
}

async function sameBlock(ours: FullNode["ethereum"], geth: Geth, number: number) {
  const mine = ours.chain.headerByNumber(number);
  if (mine === undefined) throw new Error(`no block ${number}`);
  expect(
    await geth.rpc("eth_getBlockByNumber", [`0x${number.toString(16)}`, false]),
    `block ${number}`,
  ).toMatchObject({ hash: toHex(mine.hash), stateRoot: toHex(mine.stateRoot) });
}

interface GethPeer {
  readonly id: string;
  readonly name: string;
  readonly caps: readonly string[];
  readonly network: { readonly inbound: boolean; readonly trusted: boolean; readonly static: boolean };
  readonly protocols: Readonly<Record<string, { readonly version?: number }>>;
}
const peersOf = (geth: Geth) => geth.rpc<GethPeer[]>("admin_peers");

interface Asker {
  request(call: { method: string; params: readonly unknown[] }): Promise<unknown>;
}

/** Asks both; what later geths added to blocks, receipts and logs only ours has. */
async function same(ours: Asker, geth: Geth, method: string, params: readonly unknown[]) {
  const [mine, theirs] = await Promise.all([ours.request({ method, params }), geth.rpc(method, params)]);
  const what = `${method} ${JSON.stringify(params)}`;
  if (typeof theirs !== "object" || theirs === null) expect(mine, what).toEqual(theirs);
  else expect(mine, what).toMatchObject(theirs);
}

/** Balances, slots and calls, a fifth of them of what is not there, and one of each other read. */
async function sameReads(ours: Asker, geth: Geth) {
  const some = Array.from({ length: 50 }, (_, i) => i * 50);
  await Promise.all(
    some.flatMap((i) => [
      same(ours, geth, "eth_getBalance", [toHex(filledAccount(i)), "latest"]),
      same(ours, geth, "eth_getStorageAt", [toHex(stateContract), `0x${i.toString(16)}`, "latest"]),
      same(ours, geth, "eth_call", [{ to: toHex(stateContract), data: word(i) }, "latest"]),
    ]),
  );
  await same(ours, geth, "eth_getCode", [toHex(eventContract), "latest"]);
  await same(ours, geth, "eth_getBalance", [toHex(filledAccount(5)), "0x80"]);
  await same(ours, geth, "eth_getLogs", [
    { fromBlock: "0x1", toBlock: "latest", address: toHex(eventContract), topics: [toHex(pingTopic)] },
  ]);
}

async function light(spec: Genesis, peer: string) {
  const node = new Node({ name: "light", p2p: { staticNodes: [peer] } });
  node.register((context) => new LightEthereum(context, { genesis: spec }));
  await node.start();
  return node;
}

describe.concurrent("geth 1.8.27", () => {
  test("it seals: nodes over eth/63 and eth/62 and a light node follow, and each one's transaction is mined", async ({
    skip,
  }) => {
    if ((await requireGeth(version, skip)) === undefined) return;
    const genesis = network();
    const spec = parseGenesis(genesis);
    await using geth = await start({ role: "miner", genesis });
    await geth.atBlock(2);
    await using newest = await startFullNode({ spec, peers: [geth.enode] });
    await using oldest = await startFullNode({ spec, versions: [62], peers: [geth.enode] });
    await using node = await light(spec, geth.enode);
    const ours = [newest, oldest];
    await Promise.all(ours.map((one) => one.atBlock(2, patience)));
    const next = Number(await geth.rpc<string>("eth_blockNumber")) + 2;
    await Promise.all(ours.map((one) => one.atBlock(next)));
    for (const { ethereum } of ours) await sameBlock(ethereum, geth, next);
    await node.service(LightEthereum).synced({ signal: AbortSignal.timeout(patience) });

    const senders = [newest.rpc, oldest.rpc, node.attach()];
    for (const [nonce, sender] of senders.entries()) {
      const tx = transfer(nonce);
      await sender.request({ method: "eth_sendRawTransaction", params: [rawOf(tx)] });
      const params = [toHex(tx.hash)];
      const receipt = await until(
        "its receipt",
        async () => (await sender.request({ method: "eth_getTransactionReceipt", params })) ?? undefined,
      );
      expect(receipt).toMatchObject(await geth.rpc<object>("eth_getTransactionReceipt", params));
      await until("the block at all of ours", () =>
        ours.every(({ ethereum }) => ethereum.chain.transaction(tx.hash) !== undefined),
      );
    }
    await geth.rpc("eth_sendRawTransaction", [rawOf(transfer(senders.length))]);
    await until("its own transaction", () => newest.ethereum.chain.transaction(transfer(3).hash));
    const again = { method: "eth_sendRawTransaction", params: [rawOf(transfer(0, user, 78n))] };
    await expect(node.attach().request(again)).rejects.toThrow(/nonce too low/);

    const seen = await until("three peers", async () => {
      const peers = await peersOf(geth);
      return peers.length === 3 ? peers : undefined;
    });
    const spoken = seen.map(({ protocols }) => (protocols["eth"] ?? protocols["les"])?.version);
    expect(new Set(spoken)).toEqual(new Set([63, 62, 2]));
    for (const { name, network: how } of seen) {
      expect(name).toMatch(/^(glim-full|light)\//);
      expect(how).toMatchObject({ inbound: true, trusted: false, static: false });
    }
    expect(node.server?.peersInfo()[0]).toMatchObject({
      ...{ name: expect.stringMatching(/^Geth\/v1\.8\.27/), enode: geth.enode },
      caps: ["eth/62", "eth/63", "les/1", "les/2"],
    });
  });

  test("we seal: it follows from us alone, our blocks reach it and its transaction is mined", async ({
    skip,
  }) => {
    if ((await requireGeth(version, skip)) === undefined) return;
    const genesis = network();
    await using ours = await startFullNode({
      spec: parseGenesis(genesis),
      sealer: keySigner(key),
      period: 1,
    });
    await using geth = await start({ role: "full", genesis, peers: [ours.enode] });
    await geth.atBlock(3, patience);
    const number = ours.ethereum.chain.head.number + 2;
    await geth.atBlock(number);
    await sameBlock(ours.ethereum, geth, number);
    await geth.rpc("eth_sendRawTransaction", [rawOf(transfer(0))]);
    await until("its transaction mined by us", () => ours.ethereum.chain.transaction(transfer(0).hash));
    await ours.rpc.request({ method: "eth_sendRawTransaction", params: [rawOf(transfer(1))] });
    const params = [toHex(transfer(1).hash)];
    const receipt = await until(
      "the receipt of ours at geth",
      async () => (await geth.rpc("eth_getTransactionReceipt", params)) ?? undefined,
    );
    expect(receipt).toMatchObject({ status: "0x1", gasUsed: "0x5208" });
  });

  test("from its chain of 200 blocks we sync fully over eth/62, fast over eth/63, and read over les/2 as it says", async ({
    skip,
  }) => {
    if ((await requireGeth(version, skip)) === undefined) return;
    const sealed = await chainOf200();
    const { spec, genesis } = sealed;
    await using geth = await start({ role: "lightServer", genesis, importFile: sealed.file });
    const peers = [geth.enode];
    await using full = await startFullNode({ spec, versions: [62], peers });
    await using fast = await startFullNode({ spec, syncMode: "fast", peers });
    await using node = await light(spec, geth.enode);
    const service = node.service(LightEthereum);
    const head = await service.synced({ signal: AbortSignal.timeout(patience) });
    expect(head.number).toBe(sealed.head);
    expect(service.status().servers.map((server) => server.version)).toEqual([2]);
    const client = node.attach();
    await sameReads(client, geth);
    await same(client, geth, "eth_getProof", [toHex(stateContract), [word(3), word(9999)], "latest"]);
    for (const number of [1, 100, 200]) {
      const tag = `0x${number.toString(16)}`;
      const block = await geth.rpc<{ transactions: string[] }>("eth_getBlockByNumber", [tag, false]);
      for (const hash of block.transactions)
        for (const method of ["eth_getTransactionByHash", "eth_getTransactionReceipt"])
          await same(client, geth, method, [hash]);
    }
    // it says nothing of how many states it keeps, and its own client asked for the last hundred
    const old = { method: "eth_getBalance", params: [toHex(filledAccount(5)), "0x40"] };
    await expect(client.request(old)).rejects.toThrow(/keep blocks 101 to 200/);
    expect(service.status().lies).toBe(0);

    await Promise.all([full, fast].map((one) => one.atBlock(sealed.head, patience)));
    expect(fast.ethereum.chain.fast.pivot).toBe(sealed.head - 64);
    for (const { ethereum, rpc } of [full, fast]) {
      await sameBlock(ethereum, geth, sealed.head);
      await same(rpc, geth, "eth_getBalance", [toHex(filledAccount(1234)), "latest"]);
    }
  });

  test("from us it syncs fully over eth/62, fast over eth/63 and light over les/2, and follows a reorg", async ({
    skip,
  }) => {
    if ((await requireGeth(version, skip)) === undefined) return;
    const sealed = await chainOf200();
    const { genesis } = sealed;
    await using server = await startLesNode({ chain: sealed });
    await using second = await startFullNode({
      ...{ spec: sealed.spec, versions: [62], peers: [server.enode] },
      blocks: await sealed.blocks(),
    });
    await using full = await start({ role: "full", genesis, peers: [second.enode] });
    const flags = ["--syncmode", "fast", "--gcmode", "full"];
    await using fast = await start({ role: "full", genesis, peers: [server.enode], flags });
    await using client = await start({ role: "light", genesis, peers: [server.enode] });
    const geths = [full, fast, client];
    await Promise.all(geths.map((geth) => geth.atBlock(sealed.head, patience)));
    const spoken = await Promise.all(
      geths.map(async (geth) => Object.entries((await peersOf(geth))[0]?.protocols ?? {})),
    );
    expect(spoken.map(([one]) => [one?.[0], one?.[1].version])).toEqual([
      ["eth", 62],
      ["eth", 63],
      ["les", 2],
    ]);
    expect(fast.log()).toContain("Fast sync complete");
    for (const geth of geths) {
      await sameBlock(server.ethereum, geth, sealed.head);
      expect(await geth.rpc("eth_getBalance", [toHex(filledAccount(1234)), "latest"])).toBe("0x1");
    }
    await sameReads(server.rpc, client);
    await same(server.rpc, client, "eth_getBlockByNumber", ["0x64", true]);

    const sender = sealed.users[0];
    if (sender === undefined) throw new Error("the chain has no users");
    const count = ["eth_getTransactionCount", [toHex(sender.address), "latest"]] as const;
    const nonce = BigInt(await client.rpc<string>(...count));
    const tx = transfer(nonce, sender.key);
    const receipt = ["eth_getTransactionReceipt", [toHex(tx.hash)]] as const;
    await client.rpc("eth_sendRawTransaction", [rawOf(tx)]);
    await until("it in a block of ours", () => server.ethereum.chain.transaction(tx.hash));
    const mined = await until(
      "its receipt at the light client",
      async () => (await client.rpc<{ blockHash: string } | null>(...receipt)) ?? undefined,
    );
    expect(mined).toMatchObject({ status: "0x1", blockNumber: "0xc9" });

    // blocks 181 to 201 go, others up to 210 come; full nodes learn of them by the next block that is sealed
    await server.ethereum.chain.insertBlocks(await sealed.branchBlocks());
    const pending = await server.rpc.request<string>({
      ...{ method: "eth_getTransactionCount", params: [toHex(sender.address), "pending"] },
    });
    const next = transfer(BigInt(pending), sender.key, 78n);
    await server.rpc.request({ method: "eth_sendRawTransaction", params: [rawOf(next)] });
    await until("the block after them", () => server.ethereum.chain.transaction(next.hash));
    await Promise.all(geths.map((geth) => geth.atBlock(210, patience)));
    for (const geth of geths)
      for (const at of [180, 181, 200, 210]) await sameBlock(server.ethereum, geth, at);
    await sameReads(server.rpc, client);
  });
});

describe.concurrent("geth 1.8.27 as a node of the network", () => {
  test("it finds us and we it by discovery v4, and its own search by topics does us no harm", async ({
    skip,
  }) => {
    if ((await requireGeth(version, skip)) === undefined) return;
    const genesis = cliqueGenesis(`0x${"11".repeat(20)}`, {}, 15);
    await using boot = new Node({
      name: "boot",
      p2p: { listenAddr: "127.0.0.1:0", noDiscovery: false, discoveryV5: true, bootstrapNodes: [] },
    });
    boot.register((context) => new Ethereum(context, { genesis: parseGenesis(genesis) }));
    await boot.start();
    const { server } = boot;
    if (server === undefined) throw new Error("the node has no p2p server");
    const bootnodes = [server.self.enode];
    const flags = ["--v5disc", "--bootnodesv5", server.self.enode];
    await using geth = await start({ role: "full", genesis, bootnodes, flags });
    await using glim = await startFullNode({ spec: parseGenesis(genesis), bootnodes });
    const { id } = parseEnode(geth.enode);
    const table = await until("it in our table", () => server.discv4?.table.node(id), patience);
    expect([table.record, table.udp]).toEqual([undefined, table.tcp]); // it has no record to give
    await until(
      "it a peer of us both",
      () => server.peers.has(id) && glim.node.server?.peers.has(id),
      patience,
    );
    expect(server.discv5?.table.node(id)).toBeUndefined();
    await until("packets of its own discovery v5", () => server.discv4?.counts.junk, patience);
    expect(server.discv4?.counts).toMatchObject({ malformed: 0, unsigned: 0, dropped: 0 });
    expect(server.discv5?.counts).toMatchObject({ challenged: 0, sent: 0 });
  });

  test("its places and reasons: too many peers, trusted, told to go, another genesis, quitting", async ({
    skip,
  }) => {
    if ((await requireGeth(version, skip)) === undefined) return;
    const genesis = cliqueGenesis(`0x${"11".repeat(20)}`, {}, 15);
    const spec = parseGenesis(genesis);
    await using geth = await start({ role: "full", genesis, flags: ["--maxpeers", "1"] });
    const seen = (node: FullNode) =>
      until("it to have us for a peer", async () =>
        (await peersOf(geth)).find(({ id }) => id === node.node.server?.self.id),
      );
    await using first = await startFullNode({ spec, peers: [geth.enode] });
    expect((await seen(first)).network).toMatchObject({ trusted: false, static: false, inbound: true });

    const second = await startWatched({ spec, peers: [geth.enode] });
    await using _second = second.node;
    await until("the refusal", () => second.lines.some((line) => line.includes("too many peers")));
    const third = await startWatched({ spec });
    await using _third = third.node;
    await geth.rpc("admin_addTrustedPeer", [third.node.enode]);
    third.node.addPeer(geth.enode);
    expect((await seen(third.node)).network).toMatchObject({ trusted: true, inbound: true });
    await geth.rpc("admin_removePeer", [third.node.enode]);
    await third.dropped(/disconnect requested/);

    // places that nobody else can take
    const stranger = await startWatched({ spec: parseGenesis(network()) });
    await using _stranger = stranger.node;
    await geth.rpc("admin_addTrustedPeer", [stranger.node.enode]);
    await geth.rpc("admin_addPeer", [stranger.node.enode]);
    await stranger.dropped(/genesis|subprotocol error/); // ours or its, whichever is first
    const last = await startWatched({ spec });
    await using _last = last.node;
    await geth.rpc("admin_addTrustedPeer", [last.node.enode]);
    last.node.addPeer(geth.enode);
    await seen(last.node);
    await geth.stop();
    await last.dropped(/client quitting/);
  });
});

/** A node of ours, what it tells of its peers, and waiting for one to go with a reason. */
async function startWatched(how: FullNodeOptions) {
  const lines: string[] = [];
  const debug = (_message: string, facts: unknown) =>
    void lines.push(
      JSON.stringify(facts, (_key, value: unknown) => (value instanceof Error ? value.message : value)),
    );
  const log = { ...silentLogger, debug, child: () => log };
  const node = await startFullNode({ ...how, log });
  const drops: string[] = [];
  node.node.server?.peerEvents.subscribe((event) => {
    if (event.type === "drop") drops.push(event.error);
  });
  return {
    ...{ node, lines },
    dropped: (why: RegExp) => until(`the end of a peer: ${why.source}`, () => drops.some((e) => why.test(e))),
  };
}

describe.concurrent("key files of geth 1.8.27", () => {
  test("its opens here, ours is listed and changed there", async ({ skip }) => {
    const geth = await requireGeth(version, skip);
    if (geth === undefined) return;
    const folder = mkdtempSync(join(tmpdir(), "glim-geth-1.8-"));
    try {
      const password = join(folder, "password");
      writeFileSync(password, "päss wörd\n");
      const run = promisify(execFile);
      const datadir = ["--datadir", folder, "--nousb"];
      const tool = async (...args: string[]) => (await run(geth, [...datadir, ...args])).stdout;
      const keys = () =>
        new KeyStore({
          ...{ folder: join(folder, "keystore"), useLightweightKdf: true },
          ...{ host: nodeHost(), log: silentLogger },
        });
      const made = await tool("account", "new", "--lightkdf", "--password", password);
      const theirs = fromHex(`0x${/\{([0-9a-f]{40})\}/.exec(made)?.[1] ?? ""}`);
      await keys().check({ address: theirs }, "päss wörd");
      await expect(keys().check({ address: theirs }, "pass word")).rejects.toMatchObject({
        code: "KEYSTORE_DECRYPT",
      });
      const { address, url } = await keys().newAccount("päss wörd");
      const digits = toHex(address).slice(2);
      expect(await tool("account", "list")).toContain(`{${digits}} keystore://${url.path}`);
      const update = run(geth, [...datadir, "account", "update", "--lightkdf", digits]);
      update.child.stdin?.end("päss wörd\nnew\nnew\n");
      await update;
      await keys().check({ address }, "new");
      expect(readdirSync(join(folder, "keystore"))).toHaveLength(2);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

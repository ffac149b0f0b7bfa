// Discovery on the command line: a boot node by itself, nodes that find each other by it, and the flags around it.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { generateKey, parsePrivateKey } from "#crypto";
import { formatEnode, fromRecord, parseNode } from "#enode";
import { enrEntries, enrPair, formatEnr, signEnr } from "#enr";
import { makeTree } from "#p2p/dnsdisc";
import { fromHex } from "#util";
import { afterAll, expect, test } from "vitest";
import { dnsServer } from "../kit/dns-server.ts";
import { jsonRpc } from "../kit/json-rpc.ts";
import { type Program, startProgram } from "../kit/program.ts";
import { until } from "../kit/until.ts";

const folder = mkdtempSync(join(tmpdir(), "glim discovery "));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const glim = (...args: readonly string[]): Program => startProgram(["dist/cli/main.js", ...args]);
const KEY = "b71c71a67e1177ad4e901695e1b4b9ee17ae16c6668d313eac2f96dbcda3f291";
const ID = "a448f24c6d18e575453db13171562b71999873db5b286df957af199ec94617f7";
const GENESIS = join("test", "vectors", "geth-1.8", "genesis-1.8-clique.json");

let count = 0;
const serveChain = (env: Readonly<Record<string, string>>): Program =>
  startProgram([join("scripts", "serve-chain")], {
    ...{ NODE_DIR: join(folder, `node ${count++}`), GENESIS, CHAIN: "", NETWORK_ID: "7" },
    ...{ LISTEN_IP: "127.0.0.1", P2P_PORT: "0", HTTP_PORT: "0", SYNC_MODE: "full", LES_SERVE: "0" },
    ...{ BOOTNODES: "", DISCOVERY: "1", ...env },
  });

test("glim bootnode prints its enode, then its record, first of all; nodes that know only it become peers", async () => {
  const keyFile = join(folder, "boot.key");
  writeFileSync(keyFile, `${KEY}\n`);
  await using boot = glim("bootnode", "--addr", "127.0.0.1:0", "--nodekey", keyFile);
  const [, enode = "", enr = ""] = await boot.prints(/^(enode:\S+)\n(enr:\S+)\n/);
  const { udp } = parseNode(enode);
  for (const url of [enode, enr])
    expect(parseNode(url)).toMatchObject({ id: ID, ip: "127.0.0.1", udp, tcp: 0 });
  await using a = serveChain({ BOOTNODES: enode });
  await using b = serveChain({ BOOTNODES: enr });
  const [rpcA, rpcB] = await Promise.all(
    [a, b].map(async (node) => jsonRpc((await node.prints(/^JSON-RPC\s+(http:\S+)$/m))[1] ?? "")),
  );
  const info = await rpcB?.<{ id: string; enr: string; ports: object }>("admin_nodeInfo");
  const node = parseNode(info?.enr ?? "");
  expect(node).toMatchObject({ id: info?.id, ip: "127.0.0.1" });
  expect(info?.ports).toEqual({ discovery: node.udp, listener: node.tcp });
  await until("the two to be peers", async () => {
    const peers = (await rpcA?.<{ id: string }[]>("admin_peers")) ?? [];
    return peers.some(({ id }) => id === info?.id);
  });
  for (const rpc of [rpcA, rpcB]) rpc?.[Symbol.dispose]();
  for (const program of [a, b, boot]) expect((await program.stop("SIGTERM")).code).toBe(0);
});

test("a light node finds the server of its network among others, by records alone", async () => {
  await using boot = glim("bootnode", "--addr", "127.0.0.1:0");
  const [BOOTNODES = ""] = await boot.prints(/^enode:\S+$/m);
  await using full = serveChain({ BOOTNODES });
  await using server = serveChain({ BOOTNODES, LES_SERVE: "1" });
  await using light = serveChain({ BOOTNODES, SYNC_MODE: "light" });
  const idOf = async (program: Program) =>
    parseNode((await program.prints(/^p2p\s+(enode:\S+)$/m))[1] ?? "").id;
  const [fullId, serverId] = [await idOf(full), await idOf(server)];
  using rpc = jsonRpc((await light.prints(/^JSON-RPC\s+(http:\S+)$/m))[1] ?? "");
  const peers = async () => (await rpc<{ id: string }[]>("admin_peers")).map(({ id }) => id);
  await until("the light node to be at the server", async () => (await peers()).includes(serverId));
  expect(await peers()).not.toContain(fullId);
});

test("glim node searches unless --nodiscover; --discovery.port has a socket of its own; --nodekey is its identity", async () => {
  const common = ["node", "--genesis", GENESIS, "--port", "0", "--http.port", "0", "--ipcdisable"];
  const keyFile = join(folder, "node.key");
  writeFileSync(keyFile, KEY);
  await using searching = glim(
    ...common,
    "--nodekey",
    keyFile,
    "--discovery.port",
    "0",
    "--netrestrict",
    "127.0.0.0/8",
  );
  await using silent = glim(...common, "--nodiscover");
  const enodeOf = async (program: Program) =>
    parseNode((await program.prints(/^p2p\s+(enode:\S+)$/m))[1] ?? "");
  const node = await enodeOf(searching);
  expect(node.id).toBe(ID);
  expect(node.udp).toBeGreaterThan(0);
  expect(node.udp).not.toBe(node.tcp);
  expect((await enodeOf(silent)).udp).toBe(0);
});

/** A boot node that answers both versions: its URL and record. */
async function startBootnode(...args: readonly string[]) {
  const boot = glim("bootnode", "--addr", "127.0.0.1:0", ...args);
  const [, enode = "", enr = ""] = await boot.prints(/^(enode:\S+)\n(enr:\S+)\n/);
  return { enode, enr, node: parseNode(enr), [Symbol.asyncDispose]: () => boot[Symbol.asyncDispose]() };
}

test("glim bootnode --nat extip tells that address", async () => {
  await using boot = await startBootnode("--nat", "extip:192.0.2.7");
  expect(boot.node.ip).toBe("192.0.2.7");
});

test("glim enr prints every key of a record; of a URL what it says", async () => {
  const record = signEnr(
    {
      seq: 7n,
      pairs: [
        enrPair(enrEntries.ip, "192.0.2.1"),
        enrPair(enrEntries.udp, 30_301),
        enrPair(enrEntries.tcp, 30_303),
        enrPair(enrEntries.eth, { forkId: { hash: Uint8Array.of(1, 2, 3, 4), next: 99n } }),
        { key: "own", value: Uint8Array.of(0x81, 0xff) },
      ],
    },
    parsePrivateKey(fromHex(`0x${KEY}`)),
  );
  await using program = glim("enr", formatEnr(record));
  expect(await program.ended()).toBe(0);
  const said = program.output();
  for (const line of [
    /^node id +a448f24c/m,
    /^enode +enode:\/\/\S+@192\.0\.2\.1:30303\?discport=30301$/m,
    /^seq +7$/m,
    /^fork id +0x01020304, next fork at 99$/m,
    /^ {2}"own" +0x81ff$/m,
    /^ {2}"id" +"v4"$/m,
    /^ {2}"secp256k1" +0x0[23][0-9a-f]{64}$/m,
    /^ {2}"ip" +192\.0\.2\.1$/m,
  ])
    expect(said).toMatch(line);
  await using url = glim("enr", formatEnode(fromRecord(record)));
  expect(await url.ended()).toBe(0);
  expect(url.output()).toMatch(/^udp +30301$/m);
});

test("glim ping: both versions answer a record, one that is asked for, none that is gone", async () => {
  const boot = await startBootnode();
  const { enode, enr } = boot;
  await using both = glim("ping", enr);
  expect(await both.ended()).toBe(0);
  expect(both.output()).toMatch(/^v4: \d+\.\d ms, record seq \d+$/m);
  expect(both.output()).toMatch(/^v5: \d+\.\d ms, record seq \d+$/m);
  await using one = glim("ping", "--v5", enode);
  expect(await one.ended()).toBe(0);
  expect(one.output()).not.toContain("v4");
  await boot[Symbol.asyncDispose]();
  await using none = glim("ping", "--tries", "2", enode);
  expect(await none.ended()).toBe(1);
  expect(none.output()).toContain("does not answer");
});

test.each(["--v4", "--v5"])(
  "glim crawl %s finds the nodes of a network and writes them as geth does",
  async (version) => {
    await using boot = await startBootnode();
    await using a = serveChain({ BOOTNODES: boot.enr });
    await using b = serveChain({ BOOTNODES: boot.enr });
    const ids = await Promise.all(
      [a, b].map(async (one) => parseNode((await one.prints(/^p2p\s+(enode:\S+)$/m))[1] ?? "").id),
    );
    const out = join(folder, `nodes ${version}.json`);
    const wanted = [boot.node.id, ...ids].sort();
    interface Row {
      readonly seq: number;
      readonly record: string;
      readonly score: number;
      readonly lastResponse: string;
    }
    const nodes = await until("all three in nodes.json", async () => {
      await using program = glim("crawl", version, "--bootnodes", boot.enr, "--rate", "50", "--out", out);
      expect(await program.ended()).toBe(0);
      const found = JSON.parse(readFileSync(out, "utf8")) as Record<string, Row>;
      return wanted.every((id) => id in found) ? found : undefined;
    });
    expect(Object.keys(nodes)).toEqual(wanted);
    for (const [id, { seq, record, score, lastResponse }] of Object.entries(nodes)) {
      const node = parseNode(record);
      expect([node.id, node.record?.seq]).toEqual([id, BigInt(seq)]);
      expect(score).toBeGreaterThan(0);
      expect(lastResponse).toMatch(/^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    }
  },
);

test("glim crawl: nodes that are gone leave the file when their score is used up; ten packets a second at most", async () => {
  const boot = await startBootnode();
  const out = join(folder, "gone.json");
  for (const score of [1, undefined]) {
    await using program = glim("crawl", "--v5", "--bootnodes", boot.enr, "--out", out);
    expect(await program.ended()).toBe(0);
    const rows = Object.values(JSON.parse(readFileSync(out, "utf8")) as Record<string, { score: number }>);
    expect(rows.map((row) => row.score)).toEqual(score === undefined ? [] : [score]);
    await boot[Symbol.asyncDispose]();
  }
});

test.each([
  [["bootnode", "--nat", "magic"], "unknown mechanism"],
  [["enr", "enr:AAAA"], "NODE"],
  [["enr"], "want an enode URL or a record"],
  [["ping", "enode://00"], "NODE"],
  [["crawl"], "--bootnodes is missing"],
  [["crawl", "--bootnodes", "enr:x"], "--bootnodes"],
  [["crawl", "--timeout", "soon"], "--timeout"],
  [["crawl", "--rate", "0"], "--rate"],
  [["dns", "enrtree://x"], "missing public key"],
  [["bootnode", "--addr", "here"], "invalid listen address"],
  [["bootnode", "--netrestrict", "10.0.0.0"], "invalid CIDR address"],
  [["node", "--genesis", GENESIS, "--bootnodes", "http://x"], "--bootnodes: want enode URLs"],
  [["node", "--genesis", GENESIS, "--nat.extip", "1.2.3"], "--nat.extip: want an IP address"],
  [["node", "--genesis", GENESIS, "--discovery.dns", "enrtree://zz"], "--discovery.dns: want lists like"],
])("%j is refused with exit code 2", async (args, why) => {
  await using program = glim(...args);
  expect(await program.ended()).toBe(2);
  expect(program.output()).toContain(why);
});

test.each([["bootnode"], ["node", "--genesis", GENESIS], ["dev"], []])(
  "attack/ND-03 glim %j --nodekeyhex: a secret on the command line is refused, by name and not by value",
  async (...line) => {
    await using program = glim(...line, "--nodekeyhex", KEY);
    expect(await program.ended()).toBe(2);
    expect(program.output()).toContain("--nodekeyhex: cannot be passed over");
    expect(program.output()).toContain("--nodekey");
    expect(program.output()).not.toContain(KEY);
  },
);

test("glim dns reads a whole list over real DNS, and says what is wrong with one that was changed", async () => {
  const key = parsePrivateKey(fromHex(KEY));
  const record = (last: number) =>
    signEnr(
      { seq: 1n, pairs: [enrPair(enrEntries.ip, `192.0.2.${last}`), enrPair(enrEntries.udp, 30_303)] },
      generateKey(),
    );
  const other = "enrtree://AM5FCQLWIZX2QFPNJAP7VUERCCRNGRHWZG3YYHIUV7BVDQ5FDPRT2@morenodes.example.org";
  const nodes = Array.from({ length: 30 }, (_, i) => record(i + 1));
  const tree = makeTree({ seq: 5, nodes, links: [other], domain: "nodes.example.org" }, key);
  const texts = new Map(tree.records);
  using server = await dnsServer(texts);
  const ask = async (...args: readonly string[]) => {
    await using program = glim("dns", tree.url, "--servers", server.address, ...args);
    return { code: await program.ended(), output: program.output() };
  };
  const { code, output } = await ask();
  expect({ code, output }).toMatchObject({ code: 0 });
  for (const node of nodes) expect(output).toContain(formatEnr(node));
  expect(output).toMatch(/^enode:\/\/[0-9a-f]{128}@192\.0\.2\.30:0\?discport=30303 enr:\S+$/m);
  expect(output.split("\n")).toContain(other);
  expect(output).toMatch(/^list 5: 30 nodes, 1 links$/m);
  expect(server.asked()).toBe(texts.size);
  const [name = ""] = [...texts].find(([, text]) => text.startsWith("enr:")) ?? [];
  texts.set(name, formatEnr(record(99)));
  const changed = await ask();
  expect(changed.code).toBe(1);
  expect(changed.output).toMatch(/^glim: .*hash/m);
  texts.delete("nodes.example.org");
  expect(await ask()).toMatchObject({ code: 1, output: expect.stringContaining("nodes.example.org") });
  expect((await ask("--servers", "not an address")).code).toBe(2);
});

test("F38 a UDP port that is taken: exit code 6, and which", async () => {
  await using first = glim("bootnode", "--addr", "127.0.0.1:0");
  const [, port = ""] = await first.prints(/discport=(\d+)$/m);
  await using second = glim("bootnode", "--addr", `127.0.0.1:${port}`);
  expect(await second.ended()).toBe(6);
  expect(second.output()).toContain(`127.0.0.1:${port}`);
});

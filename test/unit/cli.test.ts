// The commands as a user starts them: what they print, what they refuse and with which exit code, and how they end.
import { createServer } from "node:net";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { generateKey, publicKeyOf } from "#crypto";
import { devGenesis, formatGenesis } from "#params";
import { toHex } from "#util";
import { SECONDS_MS, startProgram } from "../kit/program.ts";
import { until } from "../kit/until.ts";

const folder = await mkdtemp(join(tmpdir(), "glim cli "));
afterAll(() => rm(folder, { recursive: true, force: true }));

const glim = (...args: string[]) => startProgram([join("dist", "cli", "main.js"), ...args]);
const enode = `enode://${toHex(publicKeyOf(generateKey())).slice(2)}@127.0.0.1:1`;

async function run(...args: string[]) {
  await using program = glim(...args);
  const code = await program.ended();
  return { code, output: program.output() };
}

describe("help", () => {
  test.each([[["--help"]], [["help"]], [[]]])("glim %j lists the commands", async (args) => {
    const { code, output } = await run(...args);
    expect(code).toBe(0);
    for (const name of ["demo", "light", "dev", "attach"]) expect(output).toContain(`\n  ${name}`);
  });

  test.each(["demo", "light", "dev", "attach"])("glim %s --help lists its flags", async (name) => {
    const { code, output } = await run(name, "--help");
    expect(code).toBe(0);
    expect(output).toContain(`usage: glim ${name}`);
    expect(output).toContain("flags:\n  --");
  });

  test("glim --version is the package's", async () => {
    const { version } = JSON.parse(await readFile("package.json", "utf8"));
    expect(await run("--version")).toEqual({ code: 0, output: `${version}\n` });
  });
});

describe("one line and exit code 2 for", () => {
  const bad = join(folder, "bad.json");
  const good = join(folder, "genesis.json");

  test.each<[string, string[], RegExp]>([
    [
      "an unknown command",
      ["frobnicate"],
      /^glim: unknown command "frobnicate"; glim --help lists the commands\n$/,
    ],
    [
      "an unknown flag",
      ["light", "--frob"],
      /^glim: unknown flag --frob; glim light --help lists the flags\n$/,
    ],
    [
      "an unknown flag of no command",
      ["--frobnicator"],
      /^glim: unknown flag --frobnicator; glim help flags lists the flags\n$/,
    ],
    [
      "a word that a node does not take",
      ["node", "--genesis", good, "frob"],
      /^glim: "frob" is no flag, and no word that glim node takes; glim node --help lists the flags\n$/,
    ],
    [
      "a flag without its dashes",
      ["light", "datadri", "x"],
      /^glim: 2 things are wrong:\n {2}"datadri" is no flag.*; did you mean --datadir\?; glim light --help .*\n {2}"x" .*\n$/,
    ],
    [
      "a command after a command",
      ["dev", "attach"],
      /^glim: "attach" is no flag.*; did you mean glim attach\?; .*\n$/,
    ],
    [
      "a switch and its value apart",
      ["node", "--mine", "false"],
      /^glim: "false" is no flag.*; a switch takes its value with "=": --switch=false; .*\n$/,
    ],
    [
      "a word after account list",
      ["account", "list", "all"],
      /^glim: "all" is no flag, and no word that glim account list takes; .*\n$/,
    ],
    [
      "two words where one is taken",
      ["enr", "enode:x", "enode:y"],
      /^glim: "enode:y" is no flag, and no word that glim enr takes; .*\n$/,
    ],
    ["a light node without genesis", ["light", "--peer", enode], /^glim: --genesis is missing: .*\n$/],
    ["a light node without a server", ["light", "--genesis", good], /^glim: --peer is missing: .*\n$/],
    [
      "a genesis file that is not there",
      ["light", "--genesis", join(folder, "none.json"), "--peer", enode],
      /^glim: .*none\.json: there is no such genesis file.*\n$/,
    ],
    [
      "a genesis file that is no genesis",
      ["light", "--genesis", bad, "--peer", enode],
      /^glim: .*bad\.json: not a genesis in geth's format: .*\n$/,
    ],
    [
      "an unreadable enode",
      ["light", "--genesis", good, "--peer", "enode://nonsense"],
      /^glim: --peer: "enode:\/\/nonsense" is no enode URL: .*\n$/,
    ],
    [
      "a port that is no number",
      ["light", "--http.port", "70000"],
      /^glim: --http\.port: "70000" is not a number from 0 to 65535\n$/,
    ],
    [
      "a node key that is none",
      ["light", "--genesis", good, "--peer", enode, "--nodekey", bad],
      /^glim: .*bad\.json: not a node key: .*\n$/,
    ],
  ])("%s", async (_what, args, line) => {
    await writeFile(bad, `{"config": 5}`);
    await writeFile(good, JSON.stringify(formatGenesis(devGenesis({}))));
    const { code, output } = await run(...args);
    expect(output).toMatch(line);
    expect(code).toBe(2);
  });
});

test("glim light follows glim dev, keeps its chain over a restart, refuses another genesis, and glim attach asks it", async () => {
  const genesis = join(folder, "dev genesis.json");
  const datadir = join(folder, "light data");
  await using dev = glim("dev", "--http.port", "0", "--port", "0", "--ipcdisable", "--genesis.out", genesis);
  const [, peer = ""] = await dev.prints(/^p2p\s+(enode:\S+)$/m);
  const start = () =>
    glim(
      "light",
      "--genesis",
      genesis,
      "--peer",
      peer,
      "--datadir",
      datadir,
      "--http.port",
      "0",
      "--port",
      "0",
    );
  {
    await using light = start();
    await light.prints(/^synced\s+block \d+/m);
    const [, url = ""] = await light.prints(/^JSON-RPC\s+(http:\S+)$/m);
    const { code, output } = await run("attach", url, "--exec", "eth.chainId");
    expect({ code, output }).toEqual({ code: 0, output: "'0x539'\n" });
    const [, ipc = ""] = await light.prints(/^IPC\s+(.+)$/m);
    expect((await run("attach", ipc, "--exec", "(await admin.peers()).length")).output).toBe("1\n");
    expect((await run("attach", url, "--exec", "admin.peers")).output).toMatch(/admin is not defined/);
    const second = await run(
      "light",
      "--genesis",
      genesis,
      "--peer",
      peer,
      "--datadir",
      datadir,
      "--http.port",
      "0",
      "--port",
      "0",
    );
    expect(second.code).toBe(3);
    expect(second.output).toMatch(/datadir already used by another process/);
    const end = await light.stop();
    expect(end.code).toBe(0);
    expect(end.tookMs).toBeLessThan(SECONDS_MS);
  }
  {
    await using again = start();
    await again.prints(/^synced\s+block \d+/m);
    expect(await again.stop("SIGTERM")).toMatchObject({ code: 0 });
  }
  const other = join(folder, "other genesis.json");
  await writeFile(
    other,
    (await readFile(genesis, "utf8")).replace(/"timestamp": "0x0"/, `"timestamp": "0x1"`),
  );
  const refused = await run(
    "light",
    "--genesis",
    other,
    "--peer",
    peer,
    "--datadir",
    datadir,
    "--http.port",
    "0",
    "--port",
    "0",
  );
  expect(refused.output).toMatch(/genesis/);
  expect(refused.code).toBe(2);
});

test("glim light whose server is of another genesis ends with one line and exit code 2", async () => {
  const genesis = join(folder, "another genesis.json");
  await writeFile(genesis, JSON.stringify(formatGenesis(devGenesis({}, { timestamp: 5 }))));
  await using dev = glim("dev", "--http.port", "0", "--port", "0", "--ipcdisable");
  const [, peer = ""] = await dev.prints(/^p2p\s+(enode:\S+)$/m);
  await using light = glim(
    "light",
    "--genesis",
    genesis,
    "--peer",
    peer,
    "--http.port",
    "0",
    "--port",
    "0",
    "--verbosity",
    "0",
  );
  expect(await light.ended()).toBe(2);
  expect(light.output()).toMatch(
    /^glim: server enode:\/\/\w+… is of another chain: genesis block 0x\w+, ours is 0x\w+$/m,
  );
});

test("no stranger that connects, and no wrong server beside a right one, ends glim light", async () => {
  const genesis = join(folder, "our genesis.json");
  await using right = glim(
    "dev",
    "--http.port",
    "0",
    "--port",
    "0",
    "--ipcdisable",
    "--genesis.out",
    genesis,
  );
  const [, rightPeer = ""] = await right.prints(/^p2p\s+(enode:\S+)$/m);
  await using wrong = glim(
    "dev",
    "--networkid",
    "5",
    "--http.port",
    "0",
    "--port",
    "0",
    "--ipcdisable",
    "--http.api",
    "admin",
  );
  const [, wrongPeer = ""] = await wrong.prints(/^p2p\s+(enode:\S+)$/m);
  const [, wrongUrl = ""] = await wrong.prints(/^JSON-RPC\s+(http:\S+)$/m);
  const light = (...peers: string[]) =>
    glim(
      ...["light", "--genesis", genesis, "--port", "0", "--http.port", "0", "--verbosity", "4"],
      ...peers.flatMap((url) => ["--peer", url]),
    );

  // nobody named is there: a stranger of another chain calls
  await using alone = light(enode);
  const [, lightPeer = ""] = await alone.prints(/^p2p\s+(enode:\S+)$/m);
  expect((await run("attach", wrongUrl, "--exec", `admin.addPeer("${lightPeer}")`)).output).toBe("true\n");
  // whichever side reads the other's status first
  const ending = /peer ends.*(NETWORK_MISMATCH|subprotocol error)/;
  await until("the end of a peer", () => ending.test(alone.output()));
  expect(await alone.stop()).toMatchObject({ code: 0 });

  await using both = light(wrongPeer, rightPeer);
  await both.prints(/^synced\s+block \d+/m);
  await until("the word of another chain", () =>
    both.output().includes("a server that was named is of another chain"),
  );
  expect(await both.stop()).toMatchObject({ code: 0 });
});

test("a port that is taken is named with the flag that changes it, exit code 6", async () => {
  const holder = createServer();
  await new Promise<void>((resolve) => holder.listen(0, "127.0.0.1", resolve));
  const address = holder.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const { code, output } = await run("dev", "--http.port", String(port), "--port", "0", "--ipcdisable");
  holder.close();
  expect(output).toContain(
    `port 127.0.0.1:${port} is in use by another program; choose another one with --http.port`,
  );
  expect(code).toBe(6);
});

test("--networkid of glim dev is that of its peers and of net_version; glim light takes the chain id unless told", async () => {
  const genesis = join(folder, "genesis of 77.json");
  await using dev = glim(
    ...[
      "dev",
      "--networkid",
      "77",
      "--http.port",
      "0",
      "--port",
      "0",
      "--ipcdisable",
      "--genesis.out",
      genesis,
    ],
  );
  const [, url = ""] = await dev.prints(/^JSON-RPC\s+(http:\S+)$/m);
  const [, peer = ""] = await dev.prints(/^p2p\s+(enode:\S+)$/m);
  const light = (...more: string[]) =>
    glim("light", "--genesis", genesis, "--peer", peer, "--http.port", "0", "--port", "0", ...more);
  await using same = light("--networkid", "77");
  await same.prints(/^synced\s+block \d+/m);
  expect((await run("attach", url, "--exec", "net.version")).output).toBe("'77'\n");
  expect((await run("attach", url, "--exec", "eth.chainId")).output).toBe("'0x539'\n");
  await using other = light("--verbosity", "0");
  expect(await other.ended()).toBe(2);
  expect(other.output()).toMatch(/^glim: server .* is of another chain: network id 77, ours is 1337$/m);
});

test("--ipcpath is kept without a data directory too; only the default name is not", async () => {
  const name = `glim-cli-${process.pid}.ipc`;
  await using named = glim("dev", "--http.port", "0", "--port", "0", "--ipcpath", name);
  const [, path = ""] = await named.prints(/^IPC +(.+)$/m);
  expect(path).toBe(join(tmpdir(), name));
  expect((await run("attach", path, "--exec", "eth.chainId")).output).toBe("'0x539'\n");
  expect(await named.stop()).toMatchObject({ code: 0 });
  await using unnamed = glim("dev", "--http.port", "0", "--port", "0");
  await unnamed.prints(/^data /m);
  expect(unnamed.output()).not.toMatch(/^IPC /m);
});

test("an address that cannot be listened on is said to be that, not a port that is taken", async () => {
  const { code, output } = await run(
    "dev",
    "--http.addr",
    "192.0.2.1",
    "--http.port",
    "0",
    "--port",
    "0",
    "--ipcdisable",
  );
  expect(output).toContain("glim: cannot listen on 192.0.2.1:0: no such address on this machine\n");
  expect(code).toBe(6);
});

test("glim demo --once shows proven reads and ends with exit code 0; a busy port moves it to the next", async () => {
  await using first = glim("demo", "--http.port", "18545", "--full.http.port", "18645");
  const [, firstPort = ""] = await first.prints(/light node\s+http:\/\/127\.0\.0\.1:(\d+)/);
  await using second = glim("demo", "--once", "--http.port", firstPort, "--full.http.port", "0");
  const [, secondPort = ""] = await second.prints(/light node\s+http:\/\/127\.0\.0\.1:(\d+)/);
  expect(secondPort).not.toBe(firstPort);
  await second.prints(/^ {2}balance\s+0x\w+…\w+ has 10000 ether/m);
  await second.prints(/^ {2}transfer\s+1 ether/m);
  expect(await second.ended()).toBe(0);
  await first.prints(/The light node stays up/);
  await first.prints(/^block \d+, \d+ s old · 1 server/m); // the status line, without a terminal
  const end = await first.stop();
  expect(end.code).toBe(0);
  expect(end.tookMs).toBeLessThan(SECONDS_MS);
});

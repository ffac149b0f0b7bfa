// Five full nodes, two of ours and three geths that meet only through ours, under churn: connections are cut and nodes stopped, killed and
// started again, while transactions come in. One head at the end, and no transaction lost. The seed is printed; GLIM_SEED takes another.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { keySigner } from "#consensus/clique";
import { encodeTransaction, signTransaction } from "#core/types";
import { addressOf, type PrivateKey, publicKeyOf } from "#crypto";
import { seededRand } from "#host/sim";
import { parseGenesis } from "#params";
import { compareBytes, fromHex, toHex } from "#util";
import { namedKey } from "../kit/clique.ts";
import { type FullNode, startFullNode } from "../kit/full-node.ts";
import { cliqueGenesis, type Geth, minerKey, requireGeth, startGeth } from "../kit/geth.ts";
import { until } from "../kit/until.ts";

const SEED = Number(process.env["GLIM_SEED"] ?? 20_261);
const CHURN_BLOCKS = 25;
const QUIET_BLOCKS = 60;

const signerKeys = [
  fromHex(`0x${minerKey}`) as PrivateKey,
  namedKey("second signer"),
  namedKey("third signer"),
];
const users = ["one", "two", "three", "four", "five"].map((name) => namedKey(`user ${name}`));
const bare = (key: PrivateKey) => toHex(addressOf(publicKeyOf(key))).slice(2);

/** Three signers, a block a second, and a rich user for each node. */
function network() {
  const addresses = signerKeys.map((key) => addressOf(publicKeyOf(key))).sort(compareBytes);
  const rich = { balance: "0x100000000000000000000000" };
  const alloc = Object.fromEntries([...users, ...signerKeys].map((key) => [bare(key), rich]));
  return cliqueGenesis(addresses.map((address) => toHex(address).slice(2)).join(""), alloc);
}

const transfer = (key: PrivateKey, nonce: number) =>
  signTransaction(
    {
      ...{ type: 0, chainId: 1337n, nonce: BigInt(nonce), gasPrice: 2_000_000_000n, gas: 21_000n },
      ...{ to: new Uint8Array(20).fill(0xaa), value: 1n, input: new Uint8Array() },
    },
    key,
  );

let folder = "";
beforeAll(() => void (folder = mkdtempSync(join(tmpdir(), "glim-five-"))));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** One of the five, which keeps its data when it is stopped, or killed, and started again. */
interface Member {
  readonly name: string;
  start(): Promise<void>;
  stop(): Promise<void>;
  rpc<T>(method: string, params?: readonly unknown[]): Promise<T>;
}

class Ours implements Member {
  readonly name: string;
  readonly #options: Parameters<typeof startFullNode>[0];
  node: FullNode | undefined;

  constructor(name: string, options: Parameters<typeof startFullNode>[0]) {
    this.name = name;
    this.#options = { ...options, dataDir: join(folder, name) };
  }

  async start(): Promise<void> {
    this.node = await startFullNode(this.#options);
  }

  async stop(): Promise<void> {
    await this.node?.[Symbol.asyncDispose]();
    this.node = undefined;
  }

  async rpc<T>(method: string, params: readonly unknown[] = []): Promise<T> {
    if (this.node === undefined) throw new Error(`${this.name} is stopped`);
    return (await this.node.rpc.request({ method, params })) as T; // the test knows the method
  }
}

class Theirs implements Member {
  readonly name: string;
  readonly #options: Parameters<typeof startGeth>[0];
  readonly #kills: boolean;
  geth: Geth | undefined;

  constructor(name: string, options: Parameters<typeof startGeth>[0], { kills = false } = {}) {
    this.name = name;
    this.#options = { ...options, datadir: join(folder, name) };
    this.#kills = kills;
  }

  async start(): Promise<void> {
    this.geth = await startGeth(this.#options);
  }

  async stop(): Promise<void> {
    if (this.#kills) await this.geth?.kill9();
    await this.geth?.[Symbol.asyncDispose]();
    this.geth = undefined;
  }

  rpc<T>(method: string, params: readonly unknown[] = []): Promise<T> {
    if (this.geth === undefined) throw new Error(`${this.name} is stopped`);
    return this.geth.rpc<T>(method, params);
  }
}

/** Ports are new after each start: all that run are told of each other; geths meet through ours alone. */
async function connect(ours: readonly Ours[], geths: readonly Theirs[]): Promise<void> {
  const [first, second] = ours;
  if (first?.node !== undefined) second?.node?.addPeer(first.node.enode);
  for (const { node } of ours)
    for (const { geth } of geths) {
      if (node === undefined || geth === undefined) continue;
      node.addPeer(geth.enode);
      await geth.rpc("admin_addPeer", [node.enode]);
    }
}

const heightOf = async (member: Member) => Number(await member.rpc<string>("eth_blockNumber"));

test("two of ours and three geths converge after churn, and every accepted transaction is mined", async ({
  skip,
}) => {
  for (const version of ["1.9.25", "1.11.6"] as const)
    if ((await requireGeth(version, skip)) === undefined) return;
  console.log(`seed ${SEED}`);
  const genesis = network();
  const spec = parseGenesis(genesis);
  const [first, second, third] = signerKeys;
  if (first === undefined || second === undefined || third === undefined) throw new Error("three signers");
  const bareKey = (key: PrivateKey) => toHex(key).slice(2);
  const a = new Ours("a", { spec, sealer: keySigner(first), period: 1 });
  const b = new Ours("b", { spec });
  const c = new Theirs(
    "c",
    { version: "1.9.25", role: "miner", genesis, signerKey: bareKey(second) },
    { kills: true },
  );
  const d = new Theirs("d", { version: "1.11.6", role: "miner", genesis, signerKey: bareKey(third) });
  const e = new Theirs("e", { version: "1.9.25", role: "full", genesis }, { kills: true });
  const [ours, geths] = [
    [a, b],
    [c, d, e],
  ];
  const members: readonly Member[] = [...ours, ...geths];
  await using _ = {
    async [Symbol.asyncDispose]() {
      for (const member of members) await member.stop();
    },
  };
  for (const member of members) await member.start();
  await connect(ours, geths);
  const heights = (of = members) => Promise.all(of.map(heightOf));
  await until("all at block 5", async () => Math.min(...(await heights())) >= 5, 120_000);

  // churn: connections of ours are cut and made again, each node once stopped (two of them killed) and started again, while the user
  // of each node that runs sends through it
  const rand = seededRand(SEED);
  const accepted: Uint8Array[] = [];
  const nonces = users.map(() => 0);
  const restarts = rand.shuffle([...members]);
  let down: Member | undefined;
  const running = () => members.filter((member) => member !== down);
  const from = Math.max(...(await heights()));
  let seen = from;
  for (let round = 1; seen < from + CHURN_BLOCKS; round++) {
    if (down !== undefined) {
      await down.start();
      down = undefined;
      await connect(ours, geths);
    } else if (round % 3 === 0) {
      down = restarts.pop();
      await down?.stop();
    }
    const { node } = ours[rand.int(2)] ?? a;
    const { geth } = geths[rand.int(3)] ?? c;
    if (node !== undefined && geth !== undefined) {
      if (rand.float() < 0.5) node.node.server?.removePeer(geth.enode);
      else node.addPeer(geth.enode);
    }
    for (const [i, member] of members.entries()) {
      if (member === down) continue;
      const tx = transfer(users[i] ?? first, nonces[i] ?? 0);
      await member.rpc("eth_sendRawTransaction", [toHex(encodeTransaction(tx))]);
      accepted.push(tx.hash);
      nonces[i] = (nonces[i] ?? 0) + 1;
    }
    const before = seen;
    await until(
      "the next block",
      async () => (seen = Math.max(...(await heights(running())))) > before,
      120_000,
    );
  }
  expect([restarts.length, down]).toEqual([0, undefined]);
  await connect(ours, geths);

  // quiet: one head, everything mined
  await until("60 quiet blocks", async () => (await heightOf(a)) >= seen + QUIET_BLOCKS, 240_000);
  const at = seen + QUIET_BLOCKS - 5;
  const heads = await Promise.all(
    members.map(async (member) => {
      const block = await until(`block ${at} on ${member.name}`, async () => {
        const args = [`0x${at.toString(16)}`, false];
        return (
          (await member.rpc<{ hash: string; stateRoot: string } | null>("eth_getBlockByNumber", args)) ??
          undefined
        );
      });
      return `${block.hash} ${block.stateRoot}`;
    }),
  );
  expect(new Set(heads).size, `seed ${SEED}`).toBe(1);
  const lost = accepted.filter((hash) => a.node?.ethereum.chain.transaction(hash) === undefined);
  expect(lost.map(toHex), `lost of ${accepted.length}, seed ${SEED}`).toEqual([]);
});

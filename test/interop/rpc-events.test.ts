// What a subscriber and a poller hear while blocks come and a reorg happens: our full node beside a real geth.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { keySigner } from "#consensus/clique";
import { type Block, encodeBlock, type Header, signTransaction, type Transaction } from "#core/types";
import { formatGenesis } from "#params";
import { dialRpc, type RpcClient } from "#rpc";
import { concatBytes, fromHex, numberToBytes } from "#util";
import { namedKey } from "../kit/clique.ts";
import { probeCall } from "../kit/contract.ts";
import { type FullBackend, fullBackend, probeAddress, users } from "../kit/full-backend.ts";
import { type Geth, type GenesisJson, requireGeth, startGeth } from "../kit/geth.ts";
import { until } from "../kit/until.ts";

let why = "";
let ours: FullBackend | undefined;
let geth: Geth | undefined;
let folder = "";
/** Blocks to be imported together. */
const steps: (readonly Block[])[] = [];

function setTransaction(user: number, nonce: number, value: number): Transaction {
  const sender = users[user];
  if (sender === undefined) throw new Error("no user");
  const input = probeCall("set", numberToBytes(value, 32));
  const base = { type: 0, chainId: 1337n, gasPrice: 3_000_000_000n, gas: 100_000n, value: 0n } as const;
  return signTransaction({ ...base, nonce: BigInt(nonce), to: fromHex(probeAddress), input }, sender.key);
}

/** Five blocks, then three on top of the third that win. Same transactions in part, other values in part. */
async function makeSteps(): Promise<FullBackend["genesis"]> {
  await using maker = await fullBackend();
  const { chain } = maker.ethereum;
  const signer = keySigner(namedKey("signer"));
  const grow = async (parent: Header, delay: number, txs: readonly Transaction[]): Promise<Block> => {
    const { block } = await chain.buildBlock(parent, txs, { signer, time: parent.time + delay });
    await chain.insertBlocks([block]);
    return block;
  };
  const first: Block[] = [];
  const contents = [
    [setTransaction(0, 0, 1)],
    [],
    [setTransaction(0, 1, 2), setTransaction(1, 0, 3)],
    [setTransaction(0, 2, 4)],
    [setTransaction(0, 3, 5), setTransaction(1, 1, 6)],
  ];
  for (const txs of contents) first.push(await grow(chain.head, 2, txs));
  const fork = first[2];
  if (fork === undefined) throw new Error("no third block");
  const branch: Block[] = [];
  for (const txs of [[setTransaction(0, 2, 4)], [setTransaction(1, 1, 7)], [setTransaction(2, 0, 8)]]) {
    branch.push(await grow(branch.at(-1)?.header ?? fork.header, 5, txs));
  }
  steps.push(first.slice(0, 4), first.slice(4), branch);
  return maker.genesis;
}

beforeAll(async () => {
  if ((await requireGeth("1.11.6", (reason) => void (why = reason))) === undefined) return;
  const genesis = await makeSteps();
  ours = await fullBackend();
  // as: formatGenesis writes the shape geth reads
  geth = await startGeth({
    version: "1.11.6",
    role: "full",
    genesis: formatGenesis(genesis) as unknown as GenesisJson,
  });
  folder = mkdtempSync(join(tmpdir(), "glim-events-"));
});
afterAll(async () => {
  await geth?.[Symbol.asyncDispose]();
  await ours?.[Symbol.asyncDispose]();
  if (folder !== "") rmSync(folder, { recursive: true, force: true });
});

/** Listens to everything a node tells, and polls filters when asked. */
async function listen(client: RpcClient) {
  const heard: Record<"newHeads" | "logs", Record<string, unknown>[]> = { newHeads: [], logs: [] };
  for (const name of ["newHeads", "logs"] as const) {
    const params = name === "logs" ? [name, { address: probeAddress }] : [name];
    const subscription = await client.subscribe("eth", params);
    void (async () => {
      for await (const item of subscription) heard[name].push(item as Record<string, unknown>);
    })();
  }
  const ask = (method: string, ...params: unknown[]) => client.request({ method, params });
  const blocks = await ask("eth_newBlockFilter");
  const logs = await ask("eth_newFilter", { address: probeAddress });
  const poll = async () => ({
    blocks: (await ask("eth_getFilterChanges", blocks)) as string[],
    logs: (await ask("eth_getFilterChanges", logs)) as Record<string, unknown>[],
  });
  return { heard, poll };
}

/** 1.11.6 does not give the block's time with a log yet. */
const withoutTime = (logs: readonly Record<string, unknown>[]) =>
  logs.map((log) => Object.fromEntries(Object.entries(log).filter(([name]) => name !== "blockTimestamp")));

test("newHeads, logs and filters while blocks come and a reorg happens", async ({ skip }) => {
  if (ours === undefined || geth === undefined) return skip(why);
  const { rpc } = geth;
  await using theirClient = await dialRpc(geth.ipcPath);
  const theirs = await listen(theirClient);
  const mine = await listen(ours.client);
  for (const [i, blocks] of steps.entries()) {
    const file = join(folder, `${i}.rlp`);
    writeFileSync(file, concatBytes(...blocks.map(encodeBlock)));
    await rpc("admin_importChain", [file]);
    await ours.ethereum.chain.insertBlocks(blocks);
    const last = `0x${(blocks.at(-1)?.header.number ?? 0).toString(16)}`;
    await until(
      `head ${last}`,
      async () =>
        (await rpc("eth_blockNumber")) === last && theirs.heard.newHeads.at(-1)?.["number"] === last,
    );
    // the logs of geth come on another channel than its heads
    await until(`logs of step ${i}`, () => theirs.heard.logs.length === mine.heard.logs.length);
    expect(withoutTime(mine.heard.logs)).toEqual(theirs.heard.logs);
    const [our, their] = [await mine.poll(), await theirs.poll()];
    expect(withoutTime(our.logs)).toEqual(their.logs);
    // geth tells only the newest head of a branch that wins; the documented meaning is all of them, and we tell all
    expect(our.blocks.filter((hash) => their.blocks.includes(hash))).toEqual(their.blocks);
    expect(our.blocks).toHaveLength(blocks.length);
  }
  expect(mine.heard.newHeads).toHaveLength(8);
  for (const head of theirs.heard.newHeads) {
    // members geth 1.11.6 does not know yet are null here
    const same = mine.heard.newHeads.find((one) => one["hash"] === head["hash"]);
    for (const [name, value] of Object.entries(head)) expect([name, same?.[name]]).toEqual([name, value]);
    for (const [name, value] of Object.entries(same ?? {}))
      if (!Object.hasOwn(head, name)) expect([name, value]).toEqual([name, null]);
  }
  expect(mine.heard.logs.filter((log) => log["removed"] === true)).toHaveLength(3);
});

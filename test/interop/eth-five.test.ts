// Five full nodes, two of ours and three geths that meet only through ours, under churn: one head, and no transaction lost.
import { expect, test } from "vitest";
import { keySigner } from "#consensus/clique";
import { encodeTransaction, signTransaction } from "#core/types";
import { addressOf, type PrivateKey, publicKeyOf } from "#crypto";
import { seededRand } from "#host/sim";
import { parseGenesis } from "#params";
import { compareBytes, fromHex, toHex } from "#util";
import { namedKey } from "../kit/clique.ts";
import { startFullNode } from "../kit/full-node.ts";
import { cliqueGenesis, type Geth, minerKey, requireGeth, startGeth } from "../kit/geth.ts";
import { until } from "../kit/until.ts";

const SEED = 20261;
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

test("two of ours and three geths converge after churn, and every accepted transaction is mined", async ({
  skip,
}) => {
  for (const version of ["1.9.25", "1.11.6"] as const)
    if ((await requireGeth(version, skip)) === undefined) return;
  const genesis = network();
  const spec = parseGenesis(genesis);
  const [first, second, third] = signerKeys;
  if (first === undefined || second === undefined || third === undefined) throw new Error("three signers");
  await using a = await startFullNode({ spec, sealer: keySigner(first), period: 1 });
  await using b = await startFullNode({ spec, peers: [a.enode] });
  const ours = [a, b];
  const peers = ours.map(({ enode }) => enode);
  const start = (version: "1.9.25" | "1.11.6", key?: PrivateKey) =>
    startGeth({
      ...{ version, genesis, peers, role: key === undefined ? ("full" as const) : ("miner" as const) },
      signerKey: key === undefined ? undefined : toHex(key).slice(2),
    });
  await using c = await start("1.9.25", second);
  await using d = await start("1.11.6", third);
  await using e = await start("1.9.25");
  const geths = [c, d, e];
  const rpcs = [
    ...ours.map((node) => (method: string, params: unknown[]) => node.rpc.request({ method, params })),
    ...geths.map((geth: Geth) => (method: string, params: unknown[]) => geth.rpc(method, params)),
  ];
  const heights = () =>
    Promise.all(rpcs.map(async (rpc) => Number((await rpc("eth_blockNumber", [])) as string)));
  await until("all at block 5", async () => Math.min(...(await heights())) >= 5, 120_000);

  // churn: connections of ours are cut and made again, while each node's user sends through its own node
  const rand = seededRand(SEED);
  const accepted: Uint8Array[] = [];
  const nonces = users.map(() => 0);
  const from = a.ethereum.chain.head.number;
  let seen = from;
  while (seen < from + CHURN_BLOCKS) {
    const node = ours[rand.int(2)] ?? a;
    const geth = geths[rand.int(3)] ?? c;
    if (rand.float() < 0.5) node.node.server?.removePeer(geth.enode);
    else node.addPeer(geth.enode);
    for (const [i, rpc] of rpcs.entries()) {
      const tx = transfer(users[i] ?? first, nonces[i] ?? 0);
      await rpc("eth_sendRawTransaction", [toHex(encodeTransaction(tx))]);
      accepted.push(tx.hash);
      nonces[i] = (nonces[i] ?? 0) + 1;
    }
    const before = seen;
    await until(
      "the next block",
      () => (seen = Math.max(...ours.map((n) => n.ethereum.chain.head.number))) > before,
    );
  }
  for (const node of ours) for (const geth of geths) node.addPeer(geth.enode);

  // quiet: one head, everything mined
  await a.atBlock(seen + QUIET_BLOCKS, 240_000);
  const at = seen + QUIET_BLOCKS - 5;
  const heads = await Promise.all(
    rpcs.map(async (rpc) => {
      const block = await until(`block ${at} everywhere`, async () => {
        const found = await rpc("eth_getBlockByNumber", [`0x${at.toString(16)}`, false]);
        return (found as { hash: string; stateRoot: string } | null) ?? undefined;
      });
      return `${block.hash} ${block.stateRoot}`;
    }),
  );
  expect(new Set(heads).size, `seed ${SEED}`).toBe(1);
  const lost = accepted.filter((hash) => a.ethereum.chain.transaction(hash) === undefined);
  expect(lost.map(toHex), `lost of ${accepted.length}, seed ${SEED}`).toEqual([]);
});

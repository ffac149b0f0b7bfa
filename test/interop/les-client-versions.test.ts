// One server, one version of les at a time: a light node syncs a chain of 330 clique blocks from its genesis and reads accounts,
// slots, code, calls, blocks, receipts and proofs as the full node's own RPC tells them.
import { LightEthereum } from "#les";
import type { LesVersion } from "#les/protocol";
import { Node } from "#node";
import { parseGenesis } from "#params";
import { keccak256 } from "#crypto";
import { numberToBytes, toHex } from "#util";
import { expect, test } from "vitest";
import { minedChain, minedState } from "../kit/geth-mined.ts";
import { type GethVersion, requireGeth, startGeth } from "../kit/geth.ts";
import { stateContract } from "../kit/shared-data.ts";

const cases: [GethVersion, LesVersion][] = [
  ["1.9.25", 2],
  ["1.9.25", 3],
  ["1.11.6", 2],
  ["1.11.6", 4],
];
const slotOf = (i: number) => toHex(numberToBytes(i, 32));
const accountOf = (i: number) => toHex(keccak256(numberToBytes(i, 32)).subarray(12));

for (const [version, les] of cases)
  test(`geth ${version}, les/${les} alone`, async ({ skip }) => {
    if ((await requireGeth(version, skip)) === undefined) return;
    const chain = await minedChain();
    await using geth = await startGeth({
      version,
      role: "lightServer",
      genesis: chain.genesis,
      importFile: chain.file,
    });
    await using node = new Node({ name: "light", p2p: { staticNodes: [geth.enode] } });
    node.register(
      (context) => new LightEthereum(context, { genesis: parseGenesis(chain.genesis), versions: [les] }),
    );
    await node.start();
    const light = node.service(LightEthereum);
    expect((await light.synced({ signal: AbortSignal.timeout(60_000) })).number).toBe(chain.head);
    expect(light.status().servers.map((server) => server.version)).toEqual([les]);
    const client = node.attach();
    const same = async (method: string, params: unknown[]) =>
      expect(await client.request({ method, params }), `${method} ${JSON.stringify(params)}`).toEqual(
        await geth.rpc(method, params),
      );
    const step = Math.floor(minedState / 40);
    const some = Array.from({ length: 48 }, (_, i) => i * step + (i % 7)); // the last eight are absent
    await Promise.all(
      some.flatMap((i) => [
        same("eth_getBalance", [accountOf(i), "latest"]),
        same("eth_getStorageAt", [stateContract, slotOf(i), "latest"]),
        same("eth_call", [{ to: stateContract, data: slotOf(i) }, "latest"]),
      ]),
    );
    await same("eth_getCode", [stateContract, "latest"]);
    await same("eth_getProof", [stateContract, [slotOf(3), slotOf(minedState * 2)], "latest"]);
    await same("eth_getProof", [accountOf(minedState * 2), [], "latest"]);
    // a state some blocks back, and the oldest that every version serves
    await same("eth_getBalance", [accountOf(1), `0x${(chain.head - 90).toString(16)}`]);
    for (let number = 1; number <= chain.head; number += 47) {
      const tag = `0x${number.toString(16)}`;
      const block = await geth.rpc<{ transactions: string[] }>("eth_getBlockByNumber", [tag, false]);
      expect(await client.request({ method: "eth_getBlockByNumber", params: [tag, false] })).toMatchObject(
        block,
      );
      for (const hash of block.transactions) {
        const receipt = await geth.rpc<object>("eth_getTransactionReceipt", [hash]);
        expect(await client.request({ method: "eth_getTransactionReceipt", params: [hash] })).toMatchObject(
          receipt,
        );
        const tx = await geth.rpc<object>("eth_getTransactionByHash", [hash]);
        expect(await client.request({ method: "eth_getTransactionByHash", params: [hash] })).toMatchObject(
          tx,
        );
      }
    }
    expect(light.status().lies).toBe(0);
  });

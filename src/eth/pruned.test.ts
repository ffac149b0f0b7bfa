import { keySigner } from "#consensus/clique";
import { signTransaction } from "#core/types";
import { addressOf, generateKey, parsePrivateKey, publicKeyOf } from "#crypto";
import { Node } from "#node";
import { DEV_KEY, devGenesis } from "#params";
import { toHex } from "#util";
import { expect, test } from "vitest";
import { Ethereum } from "./index.ts";

const rich = generateKey();
const richAddress = toHex(addressOf(publicKeyOf(rich)));
const genesis = devGenesis({ [richAddress]: 10n ** 20n }, { period: 0 });
const signer = keySigner(parsePrivateKey(DEV_KEY));

const transfer = (nonce: bigint) =>
  signTransaction(
    {
      ...{ type: 2, chainId: 1337n, nonce, gas: 21_000n, to: new Uint8Array(20).fill(9), value: 1n },
      ...{ maxFeePerGas: 2n * 10n ** 9n, maxPriorityFeePerGas: 1n, accessList: [], input: new Uint8Array(0) },
    },
    rich,
  );

test("a pruned node: recent states, geth's error for older ones, which a trace makes anew", async () => {
  const node = new Node({ name: "test", dataDir: "" });
  node.register((context) => new Ethereum(context, { genesis, gcMode: "full" }));
  await using _stop = node;
  await node.start();
  const { chain } = node.service(Ethereum);
  for (let number = 1; number <= 290; number++)
    await chain.produceBlock([transfer(BigInt(number - 1))], { signer, time: chain.head.time + 1 });
  const rpc = node.attach();
  const balanceAt = (number: number) =>
    rpc.request({
      method: "eth_getBalance",
      params: [toHex(new Uint8Array(20).fill(9)), `0x${number.toString(16)}`],
    });
  expect(await balanceAt(290)).toBe("0x122");
  expect(await balanceAt(163)).toBe("0xa3");
  const root = toHex(chain.headerByNumber(162)?.stateRoot ?? new Uint8Array(32));
  const missing = `missing trie node ${root.slice(2)} (path ) state ${root} is not available, not found`;
  await expect(balanceAt(162)).rejects.toMatchObject({ code: -32000, message: missing });
  for (const method of ["eth_getProof", "eth_getStorageAt"] as const)
    await expect(
      rpc.request({ method, params: [richAddress, method === "eth_getProof" ? [] : "0x0", "0xa2"] }),
    ).rejects.toMatchObject({ code: -32000, message: missing });
  // 120 was written: a block after it can be traced, as geth does within 128 blocks
  const trace = (number: number) =>
    rpc.request({ method: "debug_traceTransaction", params: [toHex(transfer(BigInt(number - 1)).hash), {}] });
  expect(await trace(160)).toMatchObject({ gas: 21_000, failed: false });
  // from the genesis on there are as many
  expect(await trace(129)).toMatchObject({ failed: false });
  expect(await trace(2)).toMatchObject({ failed: false });
  await expect(
    chain.regenerate(chain.headerByNumber(250) ?? chain.genesis, { most: 0 }),
  ).resolves.toBeUndefined();
  await expect(
    chain.regenerate(chain.headerByNumber(100) ?? chain.genesis, { most: 10 }),
  ).rejects.toMatchObject({ message: "required historical state unavailable (reexec=10)" });
});

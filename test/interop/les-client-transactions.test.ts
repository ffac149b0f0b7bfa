// Own transactions against geths that mine: sent through the light node, refused with the server's own reason, mined and proven,
// taken out by a reorg and mined again; and the reorg itself followed to the letter.
import { LightEthereum } from "#les";
import type { LesVersion } from "#les/protocol";
import { Node } from "#node";
import { parseGenesis } from "#params";
import { encodeTransaction, signTransaction } from "#core/types";
import { parsePrivateKey } from "#crypto";
import { fromHex, toHex } from "#util";
import { expect, test } from "vitest";
import { minerAddress } from "../kit/geth-mined.ts";
import { cliqueGenesis, type GethVersion, minerKey, requireGeth, startGeth } from "../kit/geth.ts";
import { until } from "../kit/until.ts";

const cases: [GethVersion, LesVersion][] = [
  ["1.9.25", 3],
  ["1.11.6", 4],
];
const key = parsePrivateKey(fromHex(`0x${minerKey}`));

/** A transfer of the miner's, raw and hashed. */
function transfer(nonce: bigint, value = 7n, gasPrice = 2_000_000_000n) {
  const tx = signTransaction(
    {
      type: 0,
      chainId: 1337n,
      nonce,
      gasPrice,
      gas: 21_000n,
      to: new Uint8Array(20).fill(9),
      value,
      input: new Uint8Array(),
    },
    key,
  );
  return { raw: toHex(encodeTransaction(tx)), hash: toHex(tx.hash) };
}

interface Receipt {
  readonly blockHash: string;
  readonly blockNumber: string;
}

for (const [version, les] of cases)
  test(`geth ${version}, les/${les}: a transaction mined, refused, reorged and mined again`, async ({
    skip,
  }) => {
    if ((await requireGeth(version, skip)) === undefined) return;
    const genesis = cliqueGenesis(minerAddress, {
      [minerAddress]: { balance: "0x200000000000000000000000000000" },
    });
    await using geth = await startGeth({ version, role: "miner", genesis });
    await geth.atBlock(2);
    await using node = new Node({ name: "light", p2p: { staticNodes: [geth.enode] } });
    node.register(
      (context) => new LightEthereum(context, { genesis: parseGenesis(genesis), versions: [les] }),
    );
    await node.start();
    const light = node.service(LightEthereum);
    await light.synced({ signal: AbortSignal.timeout(60_000) });
    const client = node.attach();
    const ask = <T>(method: string, params: unknown[]) => client.request({ method, params }) as Promise<T>;
    const mined = (hash: string, unlike?: string) =>
      until(`the receipt of ${hash}\n${geth.log()}`, async () => {
        const receipt = await ask<Receipt | null>("eth_getTransactionReceipt", [hash]);
        return receipt !== null && receipt.blockHash !== unlike ? receipt : undefined;
      });

    const first = transfer(0n);
    expect(await ask("eth_sendRawTransaction", [first.raw])).toBe(first.hash);
    const receipt = await mined(first.hash);
    expect(receipt).toMatchObject(await geth.rpc<object>("eth_getTransactionReceipt", [first.hash]));
    expect(await ask("eth_getTransactionByHash", [first.hash])).toMatchObject({
      blockHash: receipt.blockHash,
      nonce: "0x0",
    });
    await until(
      "nonce 1",
      async () => (await ask("eth_getTransactionCount", [minerAddress, "latest"])) === "0x1",
    );

    await expect(ask("eth_sendRawTransaction", [transfer(0n, 8n).raw])).rejects.toThrow(/nonce too low/);
    await expect(ask("eth_sendRawTransaction", [transfer(1n, 1n << 130n).raw])).rejects.toThrow(
      /insufficient funds/,
    );
    expect(await ask("eth_getTransactionReceipt", [toHex(new Uint8Array(32).fill(3))])).toBeNull();

    // the chain leaves its last blocks and grows another way; the light node follows, and its transaction comes again
    const second = transfer(1n);
    await ask("eth_sendRawTransaction", [second.raw]);
    const before = await mined(second.hash);
    await geth.rpc("miner_stop");
    const back = Number(before.blockNumber) - 1;
    await geth.rpc("debug_setHead", [`0x${back.toString(16)}`]);
    await geth.rpc("miner_start", [1]);
    const reorged: number[] = [];
    using _reorgs = light.headEvents.subscribe(({ removed }) =>
      reorged.push(...removed.map((header) => header.number)),
    );
    const after = await mined(second.hash, before.blockHash);
    expect(after.blockHash).not.toBe(before.blockHash);
    expect(reorged).toContain(Number(before.blockNumber));
    expect(await geth.rpc("eth_getTransactionReceipt", [second.hash])).toMatchObject({
      blockHash: after.blockHash,
    });
    const { hash } = await geth.rpc<{ hash: string }>("eth_getBlockByNumber", [before.blockNumber, false]);
    expect(await ask("eth_getBlockByNumber", [before.blockNumber, false])).toMatchObject({ hash });
    expect(light.status().lies).toBe(0);
  });

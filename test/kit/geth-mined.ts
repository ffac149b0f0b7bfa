// A chain that geth 1.9.25 sealed with everything a light client reads in it: 30,000 accounts and slots filled by
// transactions, logs, creations, reverts, transfers, blocks of one and of several transactions. Made once into the
// cache (about half a minute): clique with period 0 seals as soon as a transaction comes.
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, renameSync } from "node:fs";
import { join } from "node:path";
import {
  type GenesisJson,
  type Geth,
  type ServedChain,
  cacheFolder,
  cliqueGenesis,
  startGeth,
} from "./geth.ts";
import { stateContract } from "./shared-data.ts";
import { until } from "./until.ts";

/** Address of `minerKey`. */
export const minerAddress = "0xe0da1edcea030875cd0f199d96eb70f6ab78faf2";
/** Logs its calldata under one topic, the first word of it. */
export const logContract = "0xc0de000000000000000000000000000000000002";
/** Reverts without data. */
export const revertContract = "0xc0de000000000000000000000000000000000003";

/** Accounts (keccak(i), low 20 bytes, 1 wei) and slots (i → i + 1 in `stateContract`) for i below this. */
export const minedState = 30_000;
const fills = 30;
const length = 330;

const stateCode =
  "0x36602014603e576000356020355b8015603c57816000526000600060006000600160206000206000f1508160010182556001900390" +
  "60010190600d565b005b6000355460005260206000f3";

export function minedGenesis(): GenesisJson {
  return cliqueGenesis(
    minerAddress,
    {
      [minerAddress]: { balance: "0x200000000000000000000000000000" },
      [stateContract]: { balance: "0xc9f2c9cd04674edea40000000", code: stateCode },
      [logContract]: { balance: "0x0", code: "0x366000600037600035366000a100" },
      [revertContract]: { balance: "0x0", code: "0x60006000fd" },
    },
    0,
  );
}

/** The chain, from the cache or made now. Needs geth 1.9.25 the first time. */
export async function minedChain(): Promise<ServedChain> {
  const genesis = minedGenesis();
  const recipe = JSON.stringify([genesis, fills, length, 1]);
  const name = createHash("sha256").update(recipe).digest("hex").slice(0, 12);
  const file = join(cacheFolder(), "chains", `mined-${length}-${name}.rlp`);
  if (!existsSync(file)) {
    mkdirSync(join(cacheFolder(), "chains"), { recursive: true });
    const making = `${file}.making-${process.pid}`;
    await using node = await startGeth({ version: "1.9.25", role: "miner", genesis });
    await mine(node);
    await node.rpc("admin_exportChain", [making]);
    renameSync(making, file);
  }
  return { genesis, file, head: length };
}

async function mine({ rpc }: Geth): Promise<void> {
  const height = async (): Promise<number> => Number(await rpc<string>("eth_blockNumber"));
  const send = (fields: object): Promise<string> =>
    rpc<string>("eth_sendTransaction", [{ from: minerAddress, gas: "0x186a0", gasPrice: "0x1", ...fields }]);
  for (let block = (await height()) + 1; block <= length; block++) {
    const kind = block % 11;
    if (block <= fills) {
      const range = word((block - 1) * (minedState / fills)) + word(minedState / fills);
      await send({ to: stateContract, data: `0x${range}`, gas: "0x3473bc0" });
    } else if (kind === 0) {
      // Several in one block: let them wait, then seal.
      await rpc("miner_stop");
      for (let i = 0; i < 6; i++) await send({ to: logContract, data: `0x${word(i)}${word(block)}` });
      await rpc("miner_start", [1]);
    } else if (kind === 1) await send({ data: "0x6001600c60003960016000f300" });
    else if (kind === 2) await send({ to: revertContract });
    else if (kind < 6) await send({ to: logContract, data: `0x${word(kind)}${word(block)}` });
    else await send({ to: `0x${word(0xbeef_0000 + block).slice(24)}`, value: `0x${block.toString(16)}` });
    await until(`block ${block} to be sealed`, async () => (await height()) >= block);
  }
}

function word(n: number): string {
  return n.toString(16).padStart(64, "0");
}

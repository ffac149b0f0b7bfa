// A long clique chain for header sync: empty blocks sealed here, with times in the past, so that nobody waits for
// them. Written without glim's own codecs, so that it stands whatever they do. Kept in the cache.
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { RLP } from "@ethereumjs/rlp";
import { secp256k1 } from "@noble/curves/secp256k1.js";
import { keccak_256 } from "@noble/hashes/sha3.js";
import { cacheFolder, cliqueGenesis, minerKey, startGeth } from "./kit.mjs";

const bytes = (hex) => Uint8Array.from(Buffer.from(hex.replace(/^0x/, ""), "hex"));
const quantity = (value) => (BigInt(value) === 0n ? new Uint8Array() : bytes(evenHex(value)));
const evenHex = (value) => {
  const hex = BigInt(value).toString(16);
  return hex.length % 2 === 0 ? hex : `0${hex}`;
};

const key = bytes(minerKey);

/** Address of the key that seals the chains of tests and benches. */
export const minerAddress = Buffer.from(
  keccak_256(secp256k1.getPublicKey(key, false).subarray(1)).subarray(12),
).toString("hex");

/** Chain of `length` empty blocks after genesis: { genesis, file, head } as the interop kit takes it. */
export async function longChain(length) {
  const genesis = cliqueGenesis(minerAddress, { [minerAddress]: { balance: "0x200000000000000000000" } });
  const digest = createHash("sha256").update(JSON.stringify(genesis)).digest("hex").slice(0, 12);
  const file = join(cacheFolder(), "chains", `empty-${length}-${digest}.rlp`);
  if (existsSync(file)) return { genesis, file, head: length };

  const node = await startGeth({ version: "1.11.6", role: "full", genesis });
  const zero = await node.rpc("eth_getBlockByNumber", ["0x0", false]);
  await node[Symbol.asyncDispose]();
  const blocks = [];
  let parent = bytes(zero.hash);
  for (let number = 1; number <= length; number++) {
    const header = [
      parent,
      bytes(zero.sha3Uncles),
      new Uint8Array(20),
      bytes(zero.stateRoot),
      bytes(zero.transactionsRoot),
      bytes(zero.receiptsRoot),
      bytes(zero.logsBloom),
      quantity(2),
      quantity(number),
      quantity(zero.gasLimit),
      quantity(0),
      quantity(BigInt(zero.timestamp) + BigInt(number)),
      new Uint8Array(32),
      new Uint8Array(32),
      new Uint8Array(8),
    ];
    const signature = secp256k1.sign(keccak_256(RLP.encode(header)), key, {
      prehash: false,
      format: "recovered",
    });
    const seal = Buffer.concat([signature.subarray(1), signature.subarray(0, 1)]);
    header[12] = Buffer.concat([new Uint8Array(32), seal]);
    parent = keccak_256(RLP.encode(header));
    blocks.push(RLP.encode([header, [], []]));
  }
  mkdirSync(join(cacheFolder(), "chains"), { recursive: true });
  writeFileSync(`${file}.making`, Buffer.concat(blocks));
  renameSync(`${file}.making`, file);
  return { genesis, file, head: length };
}

import { Common, Hardfork } from "@ethereumjs/common";
import type { KZG } from "@ethereumjs/util";
import { keccak256, recover, sha256 } from "#crypto";
import { verifyKzgProof } from "#crypto/kzg";
import { fromHex } from "#util";

/** ethereumjs' forks in its order; all at block 0, because the fork is always set by hand. */
const FORK_ORDER: readonly string[] = [
  Hardfork.Chainstart,
  Hardfork.Homestead,
  Hardfork.Dao,
  Hardfork.TangerineWhistle,
  Hardfork.SpuriousDragon,
  Hardfork.Byzantium,
  Hardfork.Constantinople,
  Hardfork.Petersburg,
  Hardfork.Istanbul,
  Hardfork.MuirGlacier,
  Hardfork.Berlin,
  Hardfork.London,
  Hardfork.ArrowGlacier,
  Hardfork.GrayGlacier,
  Hardfork.Paris,
  Hardfork.Shanghai,
  Hardfork.Cancun,
  Hardfork.Prague,
  Hardfork.Osaka,
  Hardfork.Bpo1,
  Hardfork.Bpo2,
  Hardfork.Bpo3,
  Hardfork.Bpo4,
  Hardfork.Bpo5,
];

/** 64-byte key from the precompile's arguments (v 27 or 28 already checked there); throws where there is none. */
function ecrecover(hash: Uint8Array, v: bigint, r: Uint8Array, s: Uint8Array): Uint8Array {
  const signature = new Uint8Array(65);
  signature.set(r, 32 - r.length);
  signature.set(s, 64 - s.length);
  signature[64] = Number(v - 27n);
  const key = recover(hash, signature);
  if (key === undefined) throw new RangeError("no public key");
  return key;
}

/** ethereumjs' form of KZG; execution only verifies. Its arguments are hex. */
const kzg = {
  verifyProof: (commitment: string, z: string, y: string, proof: string) =>
    verifyKzgProof({ commitment: fromHex(commitment), z: fromHex(z), y: fromHex(y), proof: fromHex(proof) }),
} as unknown as KZG; // the rest of the interface makes blobs and proofs, which the EVM never asks for

/** What runs is the same from Osaka on; only the price of blobs changes, and that is #params'. Upstream knows two such forks. */
const evmFork = (fork: string): string => (/^bpo[345]$/.test(fork) ? "bpo2" : fork);

/** The library's view of a chain at a fork. */
export function commonFor(chainId: bigint, fork: string): Common {
  const common = new Common({
    chain: {
      name: "glim",
      chainId: chainId.toString(),
      genesis: { gasLimit: 5000, difficulty: 1, nonce: "0x0000000000000000", extraData: "0x" },
      hardforks: FORK_ORDER.map((name) => ({ name, block: 0 })),
      bootstrapNodes: [],
      // so that COINBASE is the header's, which is set to the author; rewards and seals are not ethereumjs' business here
      consensus: { type: "pow", algorithm: "ethash", ethash: {} },
    },
    hardfork: evmFork(fork),
    customCrypto: { keccak256: (message) => keccak256(message), ecrecover, sha256, kzg },
  });
  // asked for at every opcode, and a search through a list upstream
  const active = new Map<number, boolean>();
  const isActivated = common.isActivatedEIP.bind(common);
  common.isActivatedEIP = (eip) => {
    let known = active.get(eip);
    if (known === undefined) active.set(eip, (known = isActivated(eip)));
    return known;
  };
  return common;
}

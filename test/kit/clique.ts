// Clique headers by hand: named signers, sealed headers without state, and the genesis they stand on.
import {
  diffInTurn,
  diffNoTurn,
  extraSeal,
  extraVanity,
  keySigner,
  nonceAuthVote,
  sealHash,
} from "#consensus/clique";
import type { Signer } from "#consensus";
import { emptyTxRoot, emptyUnclesHash, type Header, type HeaderFields, makeHeader } from "#core/types";
import { generateKey, keccak256, type PrivateKey } from "#crypto";
import type { ChainConfig } from "#params";
import { compareBytes, concatBytes, utf8Encode } from "#util";

export const zeroAddress = new Uint8Array(20);

/** Signers by name; each gets a key on first use. */
export class SignerPool {
  readonly #signers = new Map<string, Signer>();

  signer(name: string): Signer {
    let signer = this.#signers.get(name);
    if (signer === undefined) this.#signers.set(name, (signer = keySigner(generateKey())));
    return signer;
  }

  address(name: string): Uint8Array {
    return name === "" ? zeroAddress : this.signer(name).address;
  }

  sorted(names: readonly string[]): Uint8Array[] {
    return names.map((name) => this.address(name)).sort(compareBytes);
  }
}

/** A key that is the same in every run. */
export function namedKey(name: string): PrivateKey {
  return keccak256(utf8Encode(name)) as PrivateKey; // surely below the group order, 2^-128 aside
}

/** A chain configuration under clique; petersburg rules unless `forks` say more. */
export function cliqueConfig(
  clique = { period: 1, epoch: 30_000 },
  forks: Partial<ChainConfig> = {},
): ChainConfig {
  return {
    chainId: 1337n,
    homesteadBlock: 0,
    eip150Block: 0,
    eip155Block: 0,
    eip158Block: 0,
    byzantiumBlock: 0,
    constantinopleBlock: 0,
    petersburgBlock: 0,
    clique,
    ...forks,
  };
}

export const blankFields: HeaderFields = {
  parentHash: new Uint8Array(32),
  unclesHash: emptyUnclesHash,
  coinbase: zeroAddress,
  stateRoot: new Uint8Array(32),
  txRoot: emptyTxRoot,
  receiptRoot: emptyTxRoot,
  bloom: new Uint8Array(256),
  difficulty: 1n,
  number: 0,
  gasLimit: 8_000_000n,
  gasUsed: 0n,
  time: 0,
  extra: new Uint8Array(extraVanity + extraSeal),
  mixDigest: new Uint8Array(32),
  nonce: new Uint8Array(8),
};

/** Block 0 with these signers (20 bytes each, ascending). */
export function cliqueGenesisHeader(
  signers: readonly Uint8Array[],
  fields: Partial<HeaderFields> = {},
): Header {
  return makeHeader({
    ...blankFields,
    extra: concatBytes(new Uint8Array(extraVanity), ...signers, new Uint8Array(extraSeal)),
    ...fields,
  });
}

export interface ChildOptions {
  /** Changes made before the seal. */
  readonly fields?: Partial<HeaderFields> | undefined;
  readonly voteOn?: Uint8Array | undefined;
  readonly authorize?: boolean | undefined;
  /** Signers that a checkpoint lists. */
  readonly checkpoint?: readonly Uint8Array[] | undefined;
  readonly inTurn?: boolean | undefined;
}

/** Puts the signer's seal on these fields, right or wrong. */
export function sealFields(fields: HeaderFields, signer: Signer): Header {
  const bare = fields.extra.slice(0, fields.extra.length - extraSeal);
  return makeHeader({ ...fields, extra: concatBytes(bare, signer.sign(sealHash(fields))) });
}

/** A sealed child of `parent`, one second later, out of turn unless told. */
export function childHeader(parent: Header, signer: Signer, options: ChildOptions = {}): Header {
  const extra = concatBytes(
    new Uint8Array(extraVanity),
    ...(options.checkpoint ?? []),
    new Uint8Array(extraSeal),
  );
  return sealFields(
    {
      ...blankFields,
      parentHash: parent.hash,
      number: parent.number + 1,
      time: parent.time + 1,
      gasLimit: parent.gasLimit,
      difficulty: options.inTurn === true ? diffInTurn : diffNoTurn,
      coinbase: options.voteOn ?? zeroAddress,
      nonce: options.authorize === true ? nonceAuthVote : new Uint8Array(8),
      extra,
      ...options.fields,
    },
    signer,
  );
}

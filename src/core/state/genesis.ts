import { keccak256 } from "#crypto";
import { emptyCodeHash, emptyTxRoot, emptyUnclesHash, type Header, makeHeader } from "#core/types";
import type { AccountDiff } from "#core/vm";
import { type Genesis, headerNonce, INITIAL_BASE_FEE, rulesAt } from "#params";
import { fromHex } from "#util";
import { applyDiff, type StateUpdate } from "./state.ts";

const NOWHERE = { get: () => undefined };
/** sha256 of nothing: no requests (EIP-7685). */
const emptyRequestsHash = fromHex("0xe3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");

/** The state of block 0. */
export function genesisState({ alloc }: Pick<Genesis, "alloc">): StateUpdate {
  const accounts = alloc.map(
    ({ address, nonce, balance, code, storage }): AccountDiff => ({
      address,
      account: { nonce, balance, codeHash: code.length === 0 ? emptyCodeHash : keccak256(code) },
      storageCleared: false,
      storage,
      code: code.length === 0 ? undefined : code,
    }),
  );
  return applyDiff(NOWHERE, emptyTxRoot, { accounts });
}

/**
 * Header and state of block 0: geth's hash for geth's genesis file.
 * @see core/genesis.go:229@v1.8.27 ToBlock; the fields after London as in v1.11.6 and newer
 */
export function genesisBlock(genesis: Genesis): { readonly header: Header; readonly state: StateUpdate } {
  const state = genesisState(genesis);
  const { config, number, timestamp: time, difficulty } = genesis;
  const rules = rulesAt(config, { number, time, difficulty: 0n });
  // geth takes time forks at genesis as London and later do, whatever the difficulty (conf.IsShanghai(num, time))
  const has = (start: number | undefined) => rules.isLondon && start !== undefined && start <= time;
  const header = makeHeader({
    parentHash: genesis.parentHash,
    unclesHash: emptyUnclesHash,
    coinbase: genesis.coinbase,
    stateRoot: state.root,
    txRoot: emptyTxRoot,
    receiptRoot: emptyTxRoot,
    bloom: new Uint8Array(256),
    difficulty,
    number,
    gasLimit: genesis.gasLimit,
    gasUsed: genesis.gasUsed,
    time,
    extra: genesis.extraData,
    mixDigest: genesis.mixHash,
    nonce: headerNonce(genesis.nonce),
    ...(rules.isLondon ? { baseFee: genesis.baseFee ?? INITIAL_BASE_FEE } : {}),
    ...(has(config.shanghaiTime) ? { withdrawalsRoot: emptyTxRoot } : {}),
    ...(has(config.cancunTime)
      ? {
          blobGasUsed: genesis.blobGasUsed ?? 0n,
          excessBlobGas: genesis.excessBlobGas ?? 0n,
          parentBeaconRoot: new Uint8Array(32),
        }
      : {}),
    ...(has(config.pragueTime) ? { requestsHash: emptyRequestsHash } : {}),
  });
  return { header, state };
}

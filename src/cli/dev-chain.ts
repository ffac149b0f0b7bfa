import { addressOf, keccak256, type PrivateKey, parsePrivateKey, publicKeyOf } from "#crypto";
import { devGenesis, type Genesis } from "#params";
import { toHex, utf8Encode } from "#util";

export interface DevAccount {
  /** 20 bytes. */
  readonly address: Uint8Array;
  readonly key: PrivateKey;
}

const ACCOUNTS = 5;
const BALANCE = 10_000n * 10n ** 18n;

/** The funded accounts of the dev chain: the same everywhere, so that scripts may hold them. Their keys are public. */
export function devAccounts(): readonly DevAccount[] {
  return Array.from({ length: ACCOUNTS }, (_, i) => {
    const key = parsePrivateKey(keccak256(utf8Encode(`glim dev account ${i}`)));
    return { address: addressOf(publicKeyOf(key)), key };
  });
}

/** Genesis of `glim dev` and of the demo's chain. */
export function devChainGenesis(period: number): Genesis {
  const balances = Object.fromEntries(devAccounts().map(({ address }) => [toHex(address), BALANCE]));
  return devGenesis(balances, { period });
}
